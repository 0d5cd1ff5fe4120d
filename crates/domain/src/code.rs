//! One-time codes as the rules see them: a keyed hash, a lifetime, and tries that are spent before comparison.
//! The readable code never comes here.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::{Span, Timestamp};

/// Hash of a secret, made by the application: of a code HMAC-SHA-256 bound to user, purpose and destination, of a
/// token SHA-256.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(#[serde(with = "hex")] pub [u8; 32]);

impl PartialEq for Digest {
    /// Takes the same time wherever the difference is.
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).fold(0, |all, (a, b)| all | (a ^ b)) == 0
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

/// How a code reaches its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Medium {
    /// By a message to the destination.
    Sent,
    /// In the answer to the caller.
    Returned,
}

/// A code that waits to be entered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedCode {
    /// Keyed hash of the code.
    pub digest: Digest,
    /// Characters of the code; an entry of another length is a typing error and costs no try.
    pub length: u8,
    /// From then on the code is dead, whatever happens; counted from its creation.
    pub expires: Timestamp,
    /// Tries that are left.
    pub tries: u8,
    /// How the code reaches its owner.
    pub medium: Medium,
}

/// Somebody's try at a code.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Keyed hash of what was entered, for the same user, purpose and destination.
    pub digest: Digest,
    /// Characters entered, without spaces and dashes.
    pub length: usize,
    /// Failures of this user, purpose and destination that still count, whatever was resent since.
    pub budget: GuessBudget,
}

/// Failures within a day that no resend and no new registration sets back (NIST SP 800-63B-4 §3.2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GuessBudget {
    /// Start of the day that is being counted.
    pub since: Timestamp,
    /// Failures in it.
    pub failures: u32,
}

impl GuessBudget {
    /// Failures allowed within [`GuessBudget::WINDOW`].
    pub const LIMIT: u32 = 50;
    /// How long failures are counted together.
    pub const WINDOW: Span = Span::hours(24);

    /// When the next try is allowed, if none is now.
    pub fn rests_until(&self, now: Timestamp) -> Option<Timestamp> {
        let end = self.since + Self::WINDOW;
        (self.failures >= Self::LIMIT && now < end).then_some(end)
    }

    /// The budget after one more failure.
    #[must_use]
    pub fn after_failure(self, now: Timestamp) -> Self {
        if now - self.since >= Self::WINDOW {
            Self {
                since: now,
                failures: 1,
            }
        } else {
            Self {
                failures: self.failures.saturating_add(1),
                ..self
            }
        }
    }
}

/// Why a try was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Miss {
    /// Too short or too long to be a code; costs nothing.
    Malformed,
    /// The code's time is over.
    Expired,
    /// All tries of this code are spent; a new code is needed.
    Spent,
    /// Too many failures within a day; rest until then.
    Resting(Timestamp),
    /// Not the code; one try is spent.
    Wrong,
}

impl IssuedCode {
    /// Judges a try. The order is the promise: time, tries and budget are looked at before the code is compared, and
    /// only [`Miss::Wrong`] is a comparison that failed.
    pub fn judge(&self, attempt: &Attempt, now: Timestamp) -> Result<(), Miss> {
        if attempt.length != usize::from(self.length) {
            return Err(Miss::Malformed);
        }
        if now >= self.expires {
            return Err(Miss::Expired);
        }
        if self.tries == 0 {
            return Err(Miss::Spent);
        }
        if let Some(until) = attempt.budget.rests_until(now) {
            return Err(Miss::Resting(until));
        }
        if attempt.digest == self.digest {
            Ok(())
        } else {
            Err(Miss::Wrong)
        }
    }

    /// Ends the code: also where the clock is set back afterwards, or that of another node is behind.
    pub(crate) fn end(&mut self, at: Timestamp) {
        self.expires = self.expires.min(at);
        self.tries = 0;
    }

    /// Whether the code of this digest could still be entered now.
    pub fn awaits(&self, digest: &Digest, now: Timestamp) -> bool {
        self.digest == *digest && self.tries > 0 && now < self.expires
    }
}

mod hex {
    //! 32 bytes as 64 hexadecimal digits.
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8; 32], serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(64);
        text.extend(bytes.iter().flat_map(|b| [b >> 4, b & 15]).map(digit));
        serializer.serialize_str(&text)
    }

    fn digit(nibble: u8) -> char {
        char::from_digit(u32::from(nibble), 16).unwrap_or('0')
    }

    fn value(digit: u8) -> Option<u8> {
        let value = char::from(digit).to_digit(16)?;
        u8::try_from(value).ok()
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 32], D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || D::Error::custom("64 hexadecimal digits");
        let digits: &[u8; 64] = text.as_bytes().try_into().map_err(|_| wrong())?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let (high, low) = value(pair[0]).zip(value(pair[1])).ok_or_else(wrong)?;
            *byte = high << 4 | low;
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code() -> IssuedCode {
        IssuedCode {
            digest: Digest([7; 32]),
            length: 6,
            expires: Timestamp(1_000),
            tries: 5,
            medium: Medium::Sent,
        }
    }

    fn attempt(byte: u8) -> Attempt {
        Attempt {
            digest: Digest([byte; 32]),
            length: 6,
            budget: GuessBudget::default(),
        }
    }

    #[test]
    fn a_digest_is_read_from_its_64_digits_only() {
        let digest = Digest(std::array::from_fn(|place| u8::try_from(place * 8).unwrap()));
        let text = serde_json::to_string(&digest).unwrap();
        assert_eq!(text.len(), 66);
        assert!(serde_json::from_str::<Digest>(&text).unwrap() == digest);
        let inside = &text[1..65];
        for wrong in [
            &inside[..62],
            &format!("{inside}00"),
            &inside.replace('f', "g"),
            &inside.replace("f0", "é"),
        ] {
            assert!(
                serde_json::from_str::<Digest>(&format!("\"{wrong}\"")).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn the_right_code_in_time_is_accepted() {
        assert_eq!(code().judge(&attempt(7), Timestamp(999)), Ok(()));
    }

    #[test]
    fn at_its_expiry_the_right_code_is_dead() {
        assert_eq!(code().judge(&attempt(7), Timestamp(1_000)), Err(Miss::Expired));
    }

    #[test]
    fn a_spent_code_does_not_tell_whether_it_was_right() {
        let spent = IssuedCode { tries: 0, ..code() };
        assert_eq!(spent.judge(&attempt(7), Timestamp(1)), Err(Miss::Spent));
        assert_eq!(spent.judge(&attempt(8), Timestamp(1)), Err(Miss::Spent));
    }

    #[test]
    fn a_full_budget_rests_the_factor_for_a_day_even_for_the_right_code() {
        let mut budget = GuessBudget::default();
        for _ in 0..GuessBudget::LIMIT {
            budget = budget.after_failure(Timestamp(5));
        }
        let full = Attempt { budget, ..attempt(7) };
        assert!(matches!(code().judge(&full, Timestamp(6)), Err(Miss::Resting(_))));
        let next_day = budget.since + GuessBudget::WINDOW;
        assert_eq!(budget.rests_until(next_day), None);
        assert_eq!(budget.after_failure(next_day).failures, 1);
    }

    #[test]
    fn an_entry_of_another_length_costs_nothing() {
        let short = Attempt {
            length: 5,
            ..attempt(7)
        };
        assert_eq!(code().judge(&short, Timestamp(1)), Err(Miss::Malformed));
    }

    #[test]
    fn a_digest_survives_json_and_hides_in_debug() {
        let json = serde_json::to_string(&code()).unwrap();
        assert_eq!(serde_json::from_str::<IssuedCode>(&json).unwrap(), code());
        assert!(!format!("{:?}", code()).contains('7'));
    }
}
