//! Section `phone`: how phone numbers are read.

use domain::user::PhoneNumber;

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
        let default_region = reader.maybe(&DEFAULT_REGION, region)?;
        Some(Self { default_region })
    }
}

/// What people write for a country, and what ISO 3166 calls it.
const MEANT: [(&str, &str); 3] = [("UK", "GB"), ("EN", "GB"), ("JA", "JP")];

fn region(text: &str) -> Result<String, String> {
    let region = text.to_ascii_uppercase();
    if PhoneNumber::knows_region(&region) {
        return Ok(region);
    }
    let meant = MEANT.iter().find(|(written, _)| *written == region);
    Err(meant.map_or_else(
        || "write the two letters that ISO 3166 has for a country, such as CH".to_owned(),
        |(_, meant)| format!("no country has these letters; did you mean {meant}?"),
    ))
}
