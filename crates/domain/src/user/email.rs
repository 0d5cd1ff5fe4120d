//! An e-mail address, parsed once at the border.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

/// An address with its local part as written and its domain in ASCII lower case. Compared without regard to case.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EmailAddress(Arc<str>);

/// Why a text is not an e-mail address. Never holds the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailAddressError {
    /// Nothing was given.
    #[error("the address is empty")]
    Empty,
    /// Not of the form `local@domain`, or with characters that have no place in it.
    #[error("the address is not of the form name@domain")]
    Invalid,
}

impl EmailAddress {
    /// Reads an address: trimmed, at most 200 characters, the domain converted to ASCII (IDNA, UTS 46) and lower case.
    /// Control characters, spaces, quotes and anything else that could end a header are refused.
    pub fn parse(text: &str) -> Result<Self, EmailAddressError> {
        let text = text.trim_matches(' ');
        if text.is_empty() {
            return Err(EmailAddressError::Empty);
        }
        let (local, domain) = text.rsplit_once('@').ok_or(EmailAddressError::Invalid)?;
        if !is_local_part(local) || text.chars().count() > 200 {
            return Err(EmailAddressError::Invalid);
        }
        let domain = idna::domain_to_ascii_strict(domain).map_err(|_| EmailAddressError::Invalid)?;
        if !is_domain(&domain) {
            return Err(EmailAddressError::Invalid);
        }
        Ok(Self(format!("{local}@{domain}").into()))
    }

    /// Takes over an address that was parsed before, such as a column of our own.
    pub fn from_trusted(text: &str) -> Self {
        Self(text.into())
    }

    /// The address as it is sent to.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The one form that look-ups and limits use.
    pub fn canonical(&self) -> String {
        self.0.to_lowercase()
    }
}

/// RFC 5322 `dot-atom`, with the letters of RFC 6531; no quoted strings.
fn is_local_part(local: &str) -> bool {
    let atom = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    local.len() <= 64
        && local
            .split('.')
            .all(|part| !part.is_empty() && part.chars().all(atom))
}

fn is_domain(domain: &str) -> bool {
    let label = |l: &str| {
        (1..=63).contains(&l.len())
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    domain.len() <= 253 && domain.split('.').all(label)
}

impl PartialEq for EmailAddress {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || self.canonical() == other.canonical()
    }
}

impl Eq for EmailAddress {}

impl Hash for EmailAddress {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.canonical().hash(state);
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<String, EmailAddressError> {
        EmailAddress::parse(text).map(|a| a.as_str().to_owned())
    }

    #[test]
    fn the_domain_is_ascii_and_lower_case_and_the_name_is_kept() {
        assert_eq!(parse(" Ada.L@Exämple.COM ").unwrap(), "Ada.L@xn--exmple-cua.com");
    }

    #[test]
    fn addresses_compare_without_case() {
        assert_eq!(
            EmailAddress::parse("ADA@example.com"),
            EmailAddress::parse("ada@EXAMPLE.com")
        );
    }

    #[test]
    fn nothing_that_could_end_a_header_passes() {
        for bad in [
            "",
            "a",
            "@b",
            "a@",
            "a@b c",
            "a\r\nBcc: x@y",
            "a@b\r\n",
            "\"a b\"@c",
            "a..b@c",
            "a@b_c",
            "a@-b",
            "a,b@c",
            "<a@b>",
            "a\0@b",
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
