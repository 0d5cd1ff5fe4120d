//! Section `master_key`: the 32 bytes that seal secrets at rest. Where nothing is given, a key is made in the data
//! directory; that is the data directory's business.

use std::fmt;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::key::{Form, Key};
use super::reader::Reader;

const VALUE: Key = Key::unset(
    "master_key.value",
    Form::Secret,
    "The key itself: 32 bytes as 44 characters of base64 or as 64 hexadecimal digits, or exactly 32 characters.",
);
const FILE: Key = Key::unset(
    "master_key.file",
    Form::Text("path of a file"),
    "A file that holds the key, written as for `master_key.value`. Only its owner should be able to read it.",
);

pub(super) const KEYS: &[&Key] = &[&VALUE, &FILE];

/// Where the master key comes from.
#[derive(Clone)]
pub enum MasterKey {
    /// Given in the configuration.
    Given(Zeroizing<[u8; 32]>),
    /// In a file of the operator's.
    File(PathBuf),
    /// In the data directory, made at first start.
    Generated,
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given(_) => f.write_str("Given(..)"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Generated => f.write_str("Generated"),
        }
    }
}

impl MasterKey {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        match (reader.secret(&VALUE)?, reader.path(&FILE)?) {
            (Some(_), Some(_)) => reader.refuse(
                &FILE,
                "master_key.value is set too; keep one of the two".to_owned(),
            ),
            (None, Some(path)) => Some(Self::File(path)),
            (None, None) => Some(Self::Generated),
            (Some(text), None) => match Self::parse(text.reveal()) {
                Some(key) => Some(Self::Given(key)),
                None => reader.refuse(&VALUE, Self::FORM.to_owned()),
            },
        }
    }

    /// What a key looks like.
    pub(crate) const FORM: &'static str = "a master key is 32 bytes: 44 characters of base64, 64 hexadecimal digits, or exactly 32 characters. \
         Make one with: openssl rand -base64 32";

    /// Reads a key in one of its three forms; a line break at the end is not part of it.
    pub(crate) fn parse(text: &str) -> Option<Zeroizing<[u8; 32]>> {
        let text = text.trim_end_matches(['\r', '\n']);
        let bytes = Zeroizing::new(match text.len() {
            32 => text.as_bytes().to_vec(),
            44 => STANDARD.decode(text).ok()?,
            64 => from_hex(text)?,
            _ => return None,
        });
        Some(Zeroizing::new(bytes.as_slice().try_into().ok()?))
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect();
    digits.map(|digits| {
        digits
            .chunks_exact(2)
            .map(|pair| pair[0] << 4 | pair[1])
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_three_forms_and_nothing_else() {
        let bytes: Vec<u8> = (0..32).collect();
        let hex = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f".to_owned();
        for text in [hex.clone(), STANDARD.encode(&bytes), format!("{hex}\n")] {
            assert_eq!(MasterKey::parse(&text).unwrap().as_slice(), bytes, "{text}");
        }
        assert_eq!(
            MasterKey::parse("abcdefghijklmnopqrstuvwxyz012345").unwrap()[0],
            b'a'
        );
        for wrong in ["", "short", &hex[1..], &"z".repeat(64), &"=".repeat(44)] {
            assert!(MasterKey::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_key_does_not_show_itself() {
        let key = MasterKey::Given(Zeroizing::new([7; 32]));
        assert_eq!(format!("{key:?}"), "Given(..)");
    }
}
