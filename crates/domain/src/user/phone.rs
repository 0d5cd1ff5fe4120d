//! A phone number, parsed once at the border and E.164 from then on.

use std::{fmt, str::FromStr, sync::Arc};

use rlibphonenumber::{
    NumberLengthType, PHONE_NUMBER_UTIL, PhoneNumber as Parsed, PhoneNumberFormat, PhoneNumberType, Region,
};
use serde::{Deserialize, Serialize};

/// A number that can exist and can be sent to, stored as E.164 (`+41791234567`).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PhoneNumber(Arc<str>);

/// Why a text is not a phone number we send to. Never holds the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhoneNumberError {
    /// Nothing was given.
    #[error("the number is empty")]
    Empty,
    /// No `+` and no default region to complete it with.
    #[error("the number must start with + and the country code")]
    NoCountryCode,
    /// Not readable as a number, or of a length that no number of its country has.
    #[error("the number cannot exist")]
    Impossible,
    /// A premium-rate, short-code or similar number that costs whoever sends to it.
    #[error("numbers of this kind are not sent to")]
    Refused,
}

impl PhoneNumber {
    /// Reads a number by the rules of libphonenumber. Without `default_region` (ISO 3166, such as `CH`) it must start
    /// with `+`. An extension is dropped.
    pub fn parse(text: &str, default_region: Option<&str>) -> Result<Self, PhoneNumberError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(PhoneNumberError::Empty);
        }
        let region = default_region.and_then(known);
        if region.is_none() && !text.starts_with('+') {
            return Err(PhoneNumberError::NoCountryCode);
        }
        let number = Parsed::parse(text, region).map_err(|_| PhoneNumberError::Impossible)?;
        if !matches!(number.is_possible_with_reason(), Ok(NumberLengthType::IsPossible)) {
            return Err(PhoneNumberError::Impossible);
        }
        match number.get_type() {
            PhoneNumberType::PremiumRate | PhoneNumberType::SharedCost | PhoneNumberType::UAN => {
                Err(PhoneNumberError::Refused)
            }
            _ => Self::settled(&number.format_as(PhoneNumberFormat::E164)),
        }
    }

    /// Whether numbers can be read as those of this region (ISO 3166, such as `CH`).
    pub fn knows_region(region: &str) -> bool {
        known(region).is_some()
    }

    /// Takes an E.164 text that reads as itself: at most 15 digits (ITU-T E.164 §6), and the same number again when it
    /// is read anew. Anything else could be one number here and another at the provider.
    fn settled(text: &str) -> Result<Self, PhoneNumberError> {
        let again = Parsed::parse(text, None).map_err(|_| PhoneNumberError::Impossible)?;
        if text.len() > 16 || again.format_as(PhoneNumberFormat::E164) != text {
            return Err(PhoneNumberError::Impossible);
        }
        Ok(Self(text.into()))
    }

    /// Takes over a number that was parsed before, such as a column of our own.
    pub fn from_trusted(text: &str) -> Self {
        Self(text.into())
    }

    /// The number as E.164.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A region that has numbers. The library has a name for every two letters.
fn known(region: &str) -> Option<Region> {
    let region = Region::from_str(region).ok()?;
    PHONE_NUMBER_UTIL
        .get_country_code_for_region(region)
        .map(|_| region)
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, PhoneNumberError> {
        PhoneNumber::parse(text, None).map(|n| n.as_str().to_owned())
    }

    #[test]
    fn spaces_and_dashes_do_not_matter() {
        assert_eq!(parse(" +41 79 123-45-67 ").unwrap(), "+41791234567");
    }

    #[test]
    fn an_italian_number_keeps_its_zero() {
        assert_eq!(parse("+39 06 6982 1234").unwrap(), "+390669821234");
    }

    #[test]
    fn without_a_region_a_plus_is_needed() {
        assert_eq!(parse("079 123 45 67"), Err(PhoneNumberError::NoCountryCode));
        assert_eq!(
            PhoneNumber::parse("079 123 45 67", Some("CH")).unwrap().as_str(),
            "+41791234567"
        );
    }

    #[test]
    fn a_region_without_numbers_is_none() {
        for good in ["CH", "GB", "US", "XK"] {
            assert!(PhoneNumber::knows_region(good), "{good}");
        }
        for bad in ["UK", "EN", "XX", "ZZ", "", "CHE", "1"] {
            assert!(!PhoneNumber::knows_region(bad), "{bad}");
        }
        assert_eq!(
            PhoneNumber::parse("079 123 45 67", Some("XX")),
            Err(PhoneNumberError::NoCountryCode)
        );
    }

    #[test]
    fn what_cannot_exist_or_costs_is_refused() {
        assert_eq!(parse(""), Err(PhoneNumberError::Empty));
        assert_eq!(parse("+4179"), Err(PhoneNumberError::Impossible));
        assert_eq!(parse("+999123456789"), Err(PhoneNumberError::Impossible));
        assert_eq!(parse("+41 900 123 456"), Err(PhoneNumberError::Refused));
        assert_eq!(parse("+hello"), Err(PhoneNumberError::Impossible));
        assert_eq!(parse("+811000000000000000"), Err(PhoneNumberError::Impossible));
        assert_eq!(parse("+600000000000"), Err(PhoneNumberError::Impossible));
    }

    #[test]
    fn debug_hides_the_number() {
        assert!(!format!("{:?}", PhoneNumber::from_trusted("+41791234567")).contains('7'));
    }
}
