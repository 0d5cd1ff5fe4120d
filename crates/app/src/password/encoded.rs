//! Hashes in the encodings that the world keeps them in (PHC string format and modular crypt format), read with bounds on
//! what comparing may cost: a hash from outside must not buy gigabytes or minutes.

use argon2::{Algorithm, Argon2, Version};
use aws_lc_rs::{
    cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey},
    iv::FixedLength,
};
use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use sha_crypt::{PasswordVerifier, ShaCrypt};
use sha1::Sha1;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::{digest, memory::Memory};

/// Most memory of one comparison.
const MOST_KIB: u64 = 128 * 1024;
/// Most memory that is gone through, all passes of an Argon2 together.
const MOST_KIB_PASSES: u64 = 1024 * 1024;
/// Most blocks that a scrypt mixes.
const MOST_SCRYPT: u64 = 1 << 21;
const MOST_LANES: u32 = 16;
const BCRYPT_COSTS: std::ops::RangeInclusive<u32> = 4..=14;
const MOST_PBKDF2_ROUNDS: u64 = 2_000_000;
const SHA_CRYPT_ROUNDS: std::ops::RangeInclusive<u32> = 1_000..=1_000_000;
const PHPASS_ROUNDS_LOG2: std::ops::RangeInclusive<u8> = 7..=20;
/// Longest entry of the schemes that go through all of it in each round, in bytes: what `crypt(3)` takes (`CRYPT_MAX_PASSPHRASE_SIZE`).
const LONGEST_OF_CRYPT: usize = 512;
const SALT_LENGTHS: std::ops::RangeInclusive<usize> = 1..=64;
const HASH_LENGTHS: std::ops::RangeInclusive<usize> = 16..=64;

/// Why an encoded hash is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashFault {
    /// No format that is known.
    #[error("the format of the hash is not known")]
    Unknown,
    /// A known format, but not a sound hash of it.
    #[error("the hash is damaged")]
    Malformed,
    /// Comparing would take too much memory or time.
    #[error("the hash costs too much to compare")]
    TooCostly,
}

/// A hash that was read.
pub struct Encoded(Scheme);

impl std::fmt::Debug for Encoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Encoded(..)")
    }
}

enum Scheme {
    Argon2 {
        argon2: Box<Argon2<'static>>,
        bytes: Bytes,
    },
    Scrypt {
        params: scrypt::Params,
        bytes: Bytes,
    },
    Firebase {
        params: scrypt::Params,
        bytes: Bytes,
        signer_key: Vec<u8>,
    },
    Pbkdf2 {
        prf: Prf,
        rounds: u32,
        bytes: Bytes,
    },
    Bcrypt(String),
    ShaCrypt(String),
    Md5Crypt {
        magic: &'static str,
        salt: String,
        hash: String,
    },
    Phpass {
        rounds_log2: u8,
        salt: String,
        hash: String,
    },
}

struct Bytes {
    salt: Vec<u8>,
    hash: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Prf {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

type Parsed = Result<Scheme, HashFault>;

impl Encoded {
    /// Reads a hash of argon2, bcrypt, scrypt, Firebase's scrypt, pbkdf2, sha2-crypt, md5-crypt or phpass.
    pub fn parse(text: &str) -> Result<Self, HashFault> {
        let rest = text.strip_prefix('$').ok_or(HashFault::Unknown)?;
        let (id, rest) = rest.split_once('$').ok_or(HashFault::Unknown)?;
        let fields: Vec<&str> = rest.split('$').collect();
        let scheme = match id {
            "argon2id" => argon2(Algorithm::Argon2id, &fields),
            "argon2i" => argon2(Algorithm::Argon2i, &fields),
            "argon2d" => argon2(Algorithm::Argon2d, &fields),
            "scrypt" => scrypt(&fields),
            "firescrypt" => firebase(&fields),
            "pbkdf2" | "pbkdf2-sha1" => pbkdf2(Prf::Sha1, &fields),
            "pbkdf2-sha224" => pbkdf2(Prf::Sha224, &fields),
            "pbkdf2-sha256" => pbkdf2(Prf::Sha256, &fields),
            "pbkdf2-sha384" => pbkdf2(Prf::Sha384, &fields),
            "pbkdf2-sha512" => pbkdf2(Prf::Sha512, &fields),
            "2a" | "2b" | "2y" => bcrypt(text, &fields),
            "5" => sha_crypt(text, &fields, 43),
            "6" => sha_crypt(text, &fields, 86),
            "1" => md5_crypt("$1$", &fields),
            "apr1" => md5_crypt("$apr1$", &fields),
            "P" | "H" => phpass(&fields),
            _ => Err(HashFault::Unknown),
        };
        scheme.map(Self)
    }

    /// Whether its cost grows with the entry as well as with its rounds.
    fn is_of_crypt(&self) -> bool {
        match self.0 {
            Scheme::ShaCrypt(_) | Scheme::Md5Crypt { .. } | Scheme::Phpass { .. } => true,
            Scheme::Argon2 { .. }
            | Scheme::Scrypt { .. }
            | Scheme::Firebase { .. }
            | Scheme::Pbkdf2 { .. }
            | Scheme::Bcrypt(_) => false,
        }
    }

    /// Whether this is the password; takes its time.
    pub(super) fn matches(&self, password: &[u8], memory: &mut Memory) -> bool {
        if password.len() > LONGEST_OF_CRYPT && self.is_of_crypt() {
            return false;
        }
        match &self.0 {
            Scheme::Argon2 { argon2, bytes } => {
                bytes.are(|salt, out| memory.derive(argon2, password, salt, out))
            }
            Scheme::Scrypt { params, bytes } => {
                bytes.are(|salt, out| scrypt::scrypt(password, salt, params, out).is_ok())
            }
            Scheme::Firebase {
                params,
                bytes,
                signer_key,
            } => bytes.are(|salt, out| {
                out.copy_from_slice(signer_key);
                encrypted_by_password(password, salt, params, out).is_some()
            }),
            Scheme::Pbkdf2 { prf, rounds, bytes } => bytes.are(|salt, out| {
                match prf {
                    Prf::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(password, salt, *rounds, out),
                    Prf::Sha224 => pbkdf2::pbkdf2_hmac::<Sha224>(password, salt, *rounds, out),
                    Prf::Sha256 => pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, *rounds, out),
                    Prf::Sha384 => pbkdf2::pbkdf2_hmac::<Sha384>(password, salt, *rounds, out),
                    Prf::Sha512 => pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, *rounds, out),
                }
                true
            }),
            Scheme::Bcrypt(encoded) => bcrypt::verify(password, encoded).unwrap_or(false),
            Scheme::ShaCrypt(encoded) => ShaCrypt::SHA512
                .verify_password(password, encoded.as_str())
                .is_ok(),
            Scheme::Md5Crypt { magic, salt, hash } => {
                same(&digest::md5_crypt(password, magic, salt.as_bytes()), hash)
            }
            Scheme::Phpass {
                rounds_log2,
                salt,
                hash,
            } => same(&digest::phpass(password, *rounds_log2, salt.as_bytes()), hash),
        }
    }
}

impl Bytes {
    fn parse(salt: &str, hash: &str) -> Result<Self, HashFault> {
        let bytes = Self {
            salt: decode(salt)?,
            hash: decode(hash)?,
        };
        let sound = SALT_LENGTHS.contains(&bytes.salt.len()) && HASH_LENGTHS.contains(&bytes.hash.len());
        if sound {
            Ok(bytes)
        } else {
            Err(HashFault::Malformed)
        }
    }

    /// Whether a derivation from the salt gives the hash; compared in the same time wherever they differ.
    fn are(&self, derive: impl FnOnce(&[u8], &mut [u8]) -> bool) -> bool {
        let mut out = vec![0; self.hash.len()];
        derive(&self.salt, &mut out) && bool::from(out.ct_eq(&self.hash))
    }
}

fn same(a: &str, b: &str) -> bool {
    a.as_bytes().ct_eq(b.as_bytes()).into()
}

/// Base64 with or without padding; some write `.` or `-` for `+`, and `_` for `/`.
fn decode(text: &str) -> Result<Vec<u8>, HashFault> {
    const EITHER: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true),
    );
    EITHER
        .decode(text.replace(['.', '-'], "+").replace('_', "/"))
        .map_err(|_| HashFault::Malformed)
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, HashFault> {
    let plain = !text.is_empty() && text.len() <= 10 && text.bytes().all(|b| b.is_ascii_digit());
    let parsed = plain.then(|| text.parse().ok()).flatten();
    parsed.ok_or(HashFault::Malformed)
}

/// The value of a parameter such as `m=65536` in a list of them.
fn parameter<T: std::str::FromStr>(list: &str, name: &str) -> Result<T, HashFault> {
    let value = list
        .split(',')
        .find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    number(value.ok_or(HashFault::Malformed)?)
}

fn within(affordable: bool) -> Result<(), HashFault> {
    if affordable {
        Ok(())
    } else {
        Err(HashFault::TooCostly)
    }
}

/// `$argon2id$v=19$m=65536,t=3,p=4$salt$hash`; without `v` it is version 16.
fn argon2(algorithm: Algorithm, fields: &[&str]) -> Parsed {
    let (version, list, salt, hash) = match fields {
        ["v=19", list, salt, hash] => (Version::V0x13, list, salt, hash),
        ["v=16", list, salt, hash] | [list, salt, hash] => (Version::V0x10, list, salt, hash),
        _ => return Err(HashFault::Malformed),
    };
    let (memory, passes, lanes): (u32, u32, u32) = (
        parameter(list, "m")?,
        parameter(list, "t")?,
        parameter(list, "p")?,
    );
    let all = u64::from(memory).saturating_mul(u64::from(passes));
    within(u64::from(memory) <= MOST_KIB && all <= MOST_KIB_PASSES && lanes <= MOST_LANES)?;
    let bytes = Bytes::parse(salt, hash)?;
    let params = argon2::Params::new(memory, passes, lanes, Some(bytes.hash.len()));
    let params = params.map_err(|_| HashFault::Malformed)?;
    if bytes.salt.len() < argon2::MIN_SALT_LEN {
        return Err(HashFault::Malformed);
    }
    let argon2 = Box::new(Argon2::new(algorithm, version, params));
    Ok(Scheme::Argon2 { argon2, bytes })
}

/// `$scrypt$ln=16,r=8,p=1$salt$hash`
fn scrypt(fields: &[&str]) -> Parsed {
    let [list, salt, hash] = fields else {
        return Err(HashFault::Malformed);
    };
    let params = scrypt_params(list)?;
    let bytes = Bytes::parse(salt, hash)?;
    Ok(Scheme::Scrypt { params, bytes })
}

fn scrypt_params(list: &str) -> Result<scrypt::Params, HashFault> {
    let (log_n, block, lanes): (u8, u32, u32) = (
        parameter(list, "ln")?,
        parameter(list, "r")?,
        parameter(list, "p")?,
    );
    within(log_n <= 20)?;
    let blocks = u64::from(block) << log_n;
    within(blocks.saturating_mul(128) <= MOST_KIB * 1024)?;
    within(blocks.saturating_mul(u64::from(lanes)) <= MOST_SCRYPT && lanes <= MOST_LANES)?;
    scrypt::Params::new(log_n, block, lanes).map_err(|_| HashFault::Malformed)
}

/// `$firescrypt$ln=14,r=8,p=1$salt$hash$separator$signerkey`: what Firebase exports for each user, and the separator and
/// key of its project behind it.
fn firebase(fields: &[&str]) -> Parsed {
    let [list, salt, hash, separator, signer_key] = fields else {
        return Err(HashFault::Malformed);
    };
    let params = scrypt_params(list)?;
    let mut bytes = Bytes::parse(salt, hash)?;
    bytes.salt.extend(decode(separator)?);
    let signer_key = decode(signer_key)?;
    if bytes.salt.len() > *SALT_LENGTHS.end() || signer_key.len() != bytes.hash.len() {
        return Err(HashFault::Malformed);
    }
    Ok(Scheme::Firebase {
        params,
        bytes,
        signer_key,
    })
}

/// Firebase keeps the key of its project, encrypted with AES-256-CTR under what scrypt makes of the password.
fn encrypted_by_password(
    password: &[u8],
    salt: &[u8],
    params: &scrypt::Params,
    in_out: &mut [u8],
) -> Option<()> {
    let mut key = [0; 32];
    scrypt::scrypt(password, salt, params, &mut key).ok()?;
    let cipher = UnboundCipherKey::new(&AES_256, &key).ok()?;
    key.zeroize();
    let start = EncryptionContext::Iv128(FixedLength::from([0; 16]));
    let cipher = EncryptingKey::ctr(cipher).ok()?;
    cipher.less_safe_encrypt(in_out, start).ok()?;
    Some(())
}

/// `$pbkdf2-sha256$i=600000,l=32$salt$hash`, or the rounds alone as passlib writes them.
fn pbkdf2(prf: Prf, fields: &[&str]) -> Parsed {
    let [list, salt, hash] = fields else {
        return Err(HashFault::Malformed);
    };
    let rounds: u32 = number(list).or_else(|_| parameter(list, "i"))?;
    let bytes = Bytes::parse(salt, hash)?;
    let block: usize = match prf {
        Prf::Sha1 => 20,
        Prf::Sha224 => 28,
        Prf::Sha256 => 32,
        Prf::Sha384 => 48,
        Prf::Sha512 => 64,
    };
    let all = u64::from(rounds) * bytes.hash.len().div_ceil(block) as u64;
    within(all <= MOST_PBKDF2_ROUNDS)?;
    if rounds == 0 {
        return Err(HashFault::Malformed);
    }
    Ok(Scheme::Pbkdf2 { prf, rounds, bytes })
}

/// `$2b$12$` and 53 characters.
fn bcrypt(text: &str, fields: &[&str]) -> Parsed {
    let [cost, rest] = fields else {
        return Err(HashFault::Malformed);
    };
    let sound = cost.len() == 2 && rest.len() == 53 && rest.bytes().all(|b| digest::bits_of(b).is_some());
    let cost: u32 = number(cost)?;
    if !sound || cost < *BCRYPT_COSTS.start() {
        return Err(HashFault::Malformed);
    }
    within(cost <= *BCRYPT_COSTS.end())?;
    Ok(Scheme::Bcrypt(text.to_owned()))
}

/// `$6$rounds=5000$salt$hash`, the rounds optional.
fn sha_crypt(text: &str, fields: &[&str], length: usize) -> Parsed {
    let (rounds, salt, hash) = match fields {
        [rounds, salt, hash] => (
            number(rounds.strip_prefix("rounds=").ok_or(HashFault::Malformed)?)?,
            salt,
            hash,
        ),
        [salt, hash] => (5_000, salt, hash),
        _ => return Err(HashFault::Malformed),
    };
    within(rounds <= *SHA_CRYPT_ROUNDS.end())?;
    let sound = is_crypt(salt, 1..=16) && is_crypt(hash, length..=length);
    if sound && rounds >= *SHA_CRYPT_ROUNDS.start() {
        Ok(Scheme::ShaCrypt(text.to_owned()))
    } else {
        Err(HashFault::Malformed)
    }
}

fn is_crypt(text: &str, lengths: std::ops::RangeInclusive<usize>) -> bool {
    lengths.contains(&text.len()) && text.bytes().all(|b| digest::bits_of(b).is_some())
}

/// `$1$salt$hash`
fn md5_crypt(magic: &'static str, fields: &[&str]) -> Parsed {
    match fields {
        [salt, hash] if is_crypt(salt, 1..=8) && is_crypt(hash, 22..=22) => Ok(Scheme::Md5Crypt {
            magic,
            salt: (*salt).to_owned(),
            hash: (*hash).to_owned(),
        }),
        _ => Err(HashFault::Malformed),
    }
}

/// `$P$` with a character for the rounds, eight of salt, and 22 of hash.
fn phpass(fields: &[&str]) -> Parsed {
    let [text] = fields else {
        return Err(HashFault::Malformed);
    };
    if !is_crypt(text, 31..=31) {
        return Err(HashFault::Malformed);
    }
    let rounds_log2 = text.bytes().next().and_then(digest::bits_of);
    let rounds_log2 = rounds_log2.ok_or(HashFault::Malformed)?;
    if rounds_log2 < *PHPASS_ROUNDS_LOG2.start() {
        return Err(HashFault::Malformed);
    }
    within(rounds_log2 <= *PHPASS_ROUNDS_LOG2.end())?;
    Ok(Scheme::Phpass {
        rounds_log2,
        salt: text[1..9].to_owned(),
        hash: text[9..].to_owned(),
    })
}

#[cfg(test)]
mod tests;
