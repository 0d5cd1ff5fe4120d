//! Time-based one-time codes (TOTP, RFC 6238) with the parameters that every authenticator app knows: SHA-1, six digits,
//! thirty seconds.

use aws_lc_rs::hmac;
use domain::base::Timestamp;
use subtle::ConstantTimeEq;

/// Bytes of a secret: as many as the hash has (RFC 4226 section 4, R6).
pub const SECRET_LENGTH: usize = 20;
/// Seconds of a time step.
pub const PERIOD: u64 = 30;
/// Digits of a code.
pub const DIGITS: usize = 6;
/// Steps that a clock may be off, either way.
const DRIFT: u64 = 1;

/// The time step of a point in time.
pub fn step_at(now: Timestamp) -> u64 {
    u64::try_from(now.0 / 1_000_000).unwrap_or(0) / PERIOD
}

/// The code of a time step (RFC 4226 section 5.3).
pub fn code_at(secret: &[u8], step: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let hash = tag.as_ref();
    let offset = usize::from(hash[hash.len() - 1] & 0xf);
    let word = hash[offset..offset + 4]
        .iter()
        .fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
    format!("{:0DIGITS$}", (word & 0x7fff_ffff) % 1_000_000)
}

/// What was entered without blanks and dashes, when it could be a code.
pub fn read(entered: &str) -> Option<String> {
    let counts = |c: &char| !c.is_whitespace() && *c != '-';
    let code: String = entered.chars().filter(counts).collect();
    (code.len() == DIGITS && code.bytes().all(|b| b.is_ascii_digit())).then_some(code)
}

/// The steps around now whose code this is, oldest first. Takes the same time whichever it is.
pub fn matching_steps(secret: &[u8], code: &str, now: Timestamp) -> Vec<u64> {
    let current = step_at(now);
    let near = current.saturating_sub(DRIFT)..=current.saturating_add(DRIFT);
    near.filter(|step| code_at(secret, *step).as_bytes().ct_eq(code.as_bytes()).into())
        .collect()
}

#[cfg(test)]
mod tests {
    use domain::base::Span;
    use proptest::prelude::*;

    use super::*;

    const SECRET: &[u8; SECRET_LENGTH] = b"12345678901234567890";

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1_000_000)
    }

    /// RFC 6238 appendix B, SHA-1; the last six of the eight digits.
    #[test]
    fn the_codes_are_those_of_the_rfc() {
        for (seconds, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code_at(SECRET, step_at(at(seconds))), code);
        }
    }

    #[test]
    fn a_code_holds_in_its_step_and_one_to_either_side_and_no_longer() {
        let start = 1_700_000_010;
        let code = code_at(SECRET, step_at(at(start)));
        for off in -120..=120 {
            let held = !matching_steps(SECRET, &code, at(start) + Span::seconds(off)).is_empty();
            assert_eq!(held, (-30..60).contains(&off), "{off}");
        }
    }

    #[test]
    fn blanks_and_dashes_do_not_matter_and_nothing_else_passes() {
        for good in ["123456", "123 456", " 123-456 "] {
            assert_eq!(read(good).as_deref(), Some("123456"));
        }
        for bad in ["", "12345", "1234567", "12345a", "１２３４５６", "+12345"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn another_implementation_gives_the_same(secret: [u8; SECRET_LENGTH], seconds in 0_u64..4_000_000_000) {
            let theirs = totp_rs::TOTP::new(totp_rs::Algorithm::SHA1, DIGITS, 1, PERIOD, secret.to_vec()).unwrap();
            prop_assert_eq!(code_at(&secret, seconds / PERIOD), theirs.generate(seconds));
        }
    }
}
