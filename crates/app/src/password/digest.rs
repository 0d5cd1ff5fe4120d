//! Two old ways to hash passwords with MD5 that no kept library offers: md5-crypt and phpass. For comparing only.

use md5::{Digest, Md5};

/// The alphabet of crypt, six bits a character, least significant first.
const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The six bits that a character of crypt's alphabet stands for.
pub(super) fn bits_of(character: u8) -> Option<u8> {
    let place = ALPHABET.iter().position(|known| *known == character)?;
    u8::try_from(place).ok()
}

fn append(out: &mut String, mut bits: u32, characters: usize) {
    for _ in 0..characters {
        out.push(char::from(ALPHABET[(bits & 63) as usize]));
        bits >>= 6;
    }
}

fn md5(parts: &[&[u8]]) -> [u8; 16] {
    let mut hasher = Md5::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// md5-crypt as `crypt(3)` has it; `magic` is `$1$` or `$apr1$`. Answers the 22 characters behind the salt.
pub(super) fn md5_crypt(password: &[u8], magic: &str, salt: &[u8]) -> String {
    let mut hash = md5_crypt_start(password, magic, salt);
    for round in 0_u32..1000 {
        let odd = round % 2 == 1;
        hash = md5(&[
            if odd { password } else { &hash },
            if round % 3 == 0 { b"" } else { salt },
            if round % 7 == 0 { b"" } else { password },
            if odd { &hash } else { password },
        ]);
    }
    let mut out = String::with_capacity(22);
    for [high, middle, low] in [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]] {
        let [high, middle, low] = [hash[high], hash[middle], hash[low]].map(u32::from);
        append(&mut out, high << 16 | middle << 8 | low, 4);
    }
    append(&mut out, u32::from(hash[11]), 2);
    out
}

fn md5_crypt_start(password: &[u8], magic: &str, salt: &[u8]) -> [u8; 16] {
    let inner = md5(&[password, salt, password]);
    let mut hasher = Md5::new();
    for part in [password, magic.as_bytes(), salt] {
        hasher.update(part);
    }
    for chunk in password.chunks(16) {
        hasher.update(&inner[..chunk.len()]);
    }
    let mut left = password.len();
    while left > 0 {
        hasher.update(if left & 1 == 1 { &[0] } else { &password[..1] });
        left >>= 1;
    }
    hasher.finalize().into()
}

/// phpass with its portable hashes: 2^`rounds_log2` times MD5. Answers the 22 characters behind the salt.
pub(super) fn phpass(password: &[u8], rounds_log2: u8, salt: &[u8]) -> String {
    let mut hash = md5(&[salt, password]);
    for _ in 0..1_u64 << rounds_log2 {
        hash = md5(&[&hash, password]);
    }
    let mut out = String::with_capacity(22);
    for group in hash.chunks(3) {
        let bits = group
            .iter()
            .rev()
            .fold(0, |bits, byte| bits << 8 | u32::from(*byte));
        append(&mut out, bits, group.len() + 1);
    }
    out
}
