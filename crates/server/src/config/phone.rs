//! Section `phone`: how phone numbers are read.

use super::key::{Form, Key};
use super::reader::Reader;

const DEFAULT_REGION: Key = Key::unset(
    "phone.default_region",
    Form::Text("two letters, such as CH"),
    "Country of numbers that are written without `+`. Without it such numbers are refused.",
);

pub(super) const KEYS: &[&Key] = &[&DEFAULT_REGION];

/// How numbers are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    /// ISO 3166-1 alpha-2 country, upper case.
    pub default_region: Option<String>,
}

impl Phone {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let default_region = reader.maybe(&DEFAULT_REGION, |text| {
            let good = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
            if good {
                Ok(text.to_ascii_uppercase())
            } else {
                Err("write two letters, such as CH".to_owned())
            }
        })?;
        Some(Self { default_region })
    }
}
