//! The values that settings of an identity provider are made of: each is checked once, where it comes in, so that what is
//! stored can be spoken with.

use serde::{Deserialize, Serialize};
use url::Url;

use crate::base::Span;

/// Why a text is not the setting that it should be. Never holds the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// Nothing, blanks, or control characters.
    #[error("it is empty or has control characters")]
    Blank,
    /// Not an absolute http or https URL.
    #[error("it is no http or https URL")]
    Url,
    /// Not the URL of an issuer.
    #[error("it is no issuer")]
    Issuer,
    /// Not the URL of a directory.
    #[error("it is no ldap or ldaps URL")]
    LdapServer,
    /// Not a scope.
    #[error("it is no scope")]
    Scope,
    /// Not the name of an attribute.
    #[error("it is no name of an attribute")]
    Attribute,
    /// Less than a millisecond or more than a minute.
    #[error("it is no time to wait for an answer")]
    Timeout,
    /// No certificate, or not in PEM.
    #[error("it is no certificate")]
    Certificate,
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident $check:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Reads a text, or says why it is none.
            pub fn parse(text: &str) -> Result<Self, SettingError> {
                $check(text).map(|()| Self(text.to_owned()))
            }

            /// The text as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    )+};
}

texts! {
    /// The name of a provider: anything that can be seen.
    ProviderName seen,
    /// A setting that only the provider understands: anything that can be seen.
    Setting seen,
    /// An absolute http or https URL without user info and fragment (RFC 6749 section 3.1).
    Endpoint endpoint,
    /// An absolute http or https URL without user info, query and fragment (OpenID Connect Discovery 1.0 section 3).
    Issuer issuer,
    /// `ldap://host[:port]` or `ldaps://host[:port]` and nothing more.
    LdapServer ldap_server,
    /// The name of an attribute or an object class of a directory: letters, digits, dashes and dots, so that it can stand in
    /// a filter (RFC 4512 section 1.4).
    Attribute attribute,
}

fn seen(text: &str) -> Result<(), SettingError> {
    if text.trim().is_empty() || text.chars().any(char::is_control) {
        Err(SettingError::Blank)
    } else {
        Ok(())
    }
}

/// A URL in characters of RFC 3986 alone: readers of URLs disagree about all others.
fn plain_url(text: &str) -> Option<Url> {
    let known = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&b);
    let rest = text.split_once("://").map_or("", |(_, rest)| rest);
    let direct = rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
    let url = (direct && text.bytes().all(known))
        .then(|| Url::parse(text).ok())
        .flatten()?;
    let anonymous = url.username().is_empty() && url.password().is_none();
    (anonymous && url.has_host()).then_some(url)
}

fn endpoint(text: &str) -> Result<(), SettingError> {
    plain_url(text)
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.fragment().is_none())
        .map(|_| ())
        .ok_or(SettingError::Url)
}

fn issuer(text: &str) -> Result<(), SettingError> {
    let sound = endpoint(text).is_ok() && !text.contains('?');
    if sound { Ok(()) } else { Err(SettingError::Issuer) }
}

fn ldap_server(text: &str) -> Result<(), SettingError> {
    let bare =
        |url: &Url| matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    plain_url(text)
        .filter(|url| matches!(url.scheme(), "ldap" | "ldaps") && bare(url))
        .map(|_| ())
        .ok_or(SettingError::LdapServer)
}

fn attribute(text: &str) -> Result<(), SettingError> {
    let known = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
    if text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.bytes().all(known) {
        Ok(())
    } else {
        Err(SettingError::Attribute)
    }
}

/// What is asked of a provider (RFC 6749 section 3.3), in the order in which it was given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(Vec<String>);

impl Scopes {
    /// Reads scopes: visible ASCII characters without quotes and backslashes each.
    pub fn parse(scopes: &[String]) -> Result<Self, SettingError> {
        let known = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        let sound = |scope: &String| !scope.is_empty() && scope.bytes().all(known);
        if scopes.iter().all(sound) {
            Ok(Self(scopes.to_vec()))
        } else {
            Err(SettingError::Scope)
        }
    }

    /// Each of them.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

/// How long an answer of a directory may take: up to a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LdapTimeout(Span);

impl LdapTimeout {
    /// Reads a time to wait.
    pub fn parse(span: Span) -> Result<Self, SettingError> {
        if span >= Span(1_000) && span <= Span::minutes(1) {
            Ok(Self(span))
        } else {
            Err(SettingError::Timeout)
        }
    }

    /// How long.
    pub const fn span(self) -> Span {
        self.0
    }
}
