//! Single fields from text: path variables, query parameters and body selectors of the HTTP/JSON form.

use std::fmt;

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::json::{self, Misfit};

/// A message whose fields can be set one by one from text.
pub trait Fields {
    /// Sets the field at `path` (names in snake or camel case); a list grows by one. Unknown names are ignored, as
    /// unknown JSON fields are. Fails when the text does not fit the field.
    fn set_field(&mut self, path: &[&str], value: &str) -> Result<(), FieldError>;

    /// Fills the field that is the body of an HTTP rule; an empty body leaves it unset.
    fn set_body(&mut self, field: &str, body: &[u8]) -> Result<(), Misfit> {
        let _ = (field, body);
        Ok(())
    }
}

/// A text that does not fit its field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    field: String,
    reason: &'static str,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            return f.write_str(self.reason);
        }
        write!(f, "{}: {}", self.field, self.reason)
    }
}

impl std::error::Error for FieldError {}

type Parsed<T> = Result<T, &'static str>;

/// Parses a field that has no fields of its own.
fn leaf<T>(
    name: &str,
    rest: &[&str],
    value: &str,
    parse: impl FnOnce(&str) -> Parsed<T>,
) -> Result<T, FieldError> {
    let reason = if rest.is_empty() {
        match parse(value) {
            Ok(value) => return Ok(value),
            Err(reason) => reason,
        }
    } else {
        "the field has no fields of its own"
    };
    Err(FieldError {
        field: name.to_owned(),
        reason,
    })
}

/// A whole message in a parameter can only be the empty one: `returnCode=` or `returnCode={}`.
fn whole(value: &str) -> Result<(), FieldError> {
    if value.is_empty() || value == "{}" {
        return Ok(());
    }
    Err(FieldError {
        field: String::new(),
        reason: "a message cannot be a parameter, name its fields",
    })
}

#[expect(clippy::unnecessary_wraps, reason = "all parsers have one shape")]
fn string(value: &str) -> Parsed<String> {
    Ok(value.to_owned())
}

fn boolean(value: &str) -> Parsed<bool> {
    match value {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err("expected true or false"),
    }
}

fn number<T: std::str::FromStr>(value: &str) -> Parsed<T> {
    value
        .parse()
        .map_err(|_| "expected a number in the range of the field")
}

#[allow(
    dead_code,
    reason = "generated code uses it once a parameter is of type bytes"
)]
fn bytes(value: &str) -> Parsed<Bytes> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if value.contains(['-', '_']) {
        &base64::alphabet::URL_SAFE
    } else {
        &base64::alphabet::STANDARD
    };
    let decoded = GeneralPurpose::new(alphabet, LENIENT).decode(value);
    decoded.map(Bytes::from).map_err(|_| "expected base64")
}

/// An enum value by name or number, answered as the number that messages hold.
fn enumeration<T: DeserializeOwned + Into<i32>>(value: &str) -> Parsed<i32> {
    if let Ok(number) = value.parse() {
        return Ok(number);
    }
    let name = de::value::StrDeserializer::<de::value::Error>::new(value);
    T::deserialize(name)
        .map(Into::into)
        .map_err(|_| "expected the name or number of an enum value")
}

/// A timestamp or duration.
fn well_known<T: DeserializeOwned>(value: &str) -> Parsed<T> {
    let text = de::value::StrDeserializer::<de::value::Error>::new(value);
    T::deserialize(text).map_err(|_| "expected the JSON text of a timestamp or duration")
}

fn is_blank(body: &[u8]) -> bool {
    body.iter().all(u8::is_ascii_whitespace)
}

/// A body that is one message; empty or `null` means none.
fn message<T: DeserializeOwned>(body: &[u8]) -> Result<Option<T>, Misfit> {
    if is_blank(body) {
        Ok(None)
    } else {
        json::read(body)
    }
}

/// A body that is a list.
fn items<T: DeserializeOwned>(body: &[u8]) -> Result<Vec<T>, Misfit> {
    message(body).map(Option::unwrap_or_default)
}

/// A body that is one string. Callers also wrap it in an object, under the name of the field in either case or the
/// name that a code has elsewhere; that is accepted, because nothing else could be meant.
fn text(body: &[u8], name: &'static str, json_name: &'static str) -> Result<String, Misfit> {
    if is_blank(body) {
        return Ok(String::new());
    }
    json::read_as(body, BareText { name, json_name })
}

#[derive(Clone, Copy)]
struct BareText {
    name: &'static str,
    json_name: &'static str,
}

impl BareText {
    /// The field's own name in either case, or one of the names that a code goes by in other methods.
    fn is_meant(&self, key: &str) -> bool {
        [
            self.name,
            self.json_name,
            "code",
            "verificationCode",
            "verification_code",
        ]
        .contains(&key)
    }
}

impl<'de> DeserializeSeed<'de> for BareText {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for BareText {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a string or an object with {}", self.json_name)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_unit<E: de::Error>(self) -> Result<String, E> {
        Ok(String::new())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<String, A::Error> {
        let mut found: Option<String> = None;
        while let Some(key) = map.next_key::<String>()? {
            if !self.is_meant(&key) {
                map.next_value::<IgnoredAny>()?;
            } else if found.is_some() {
                return Err(de::Error::duplicate_field(self.json_name));
            } else {
                found = Some(map.next_value::<Option<String>>()?.unwrap_or_default());
            }
        }
        Ok(found.unwrap_or_default())
    }
}

#[allow(clippy::all, clippy::pedantic, reason = "generated code")]
mod generated {
    use super::{FieldError, Misfit};

    #[allow(unused_imports, reason = "generated code uses what its fields need")]
    mod field {
        pub(super) use super::super::{
            boolean, bytes, enumeration, items, leaf, message, number, string, text, well_known, whole,
        };
    }

    include!(concat!(env!("OUT_DIR"), "/fields.rs"));
}

#[cfg(test)]
mod tests {
    use super::{boolean, bytes, items, number, text};

    #[test]
    fn a_bare_string_may_come_wrapped() {
        for body in [
            "\"X1\"",
            r#"{"code":"X1"}"#,
            r#"{"verificationCode":"X1"}"#,
            r#" {"other":[{}],"verification_code":"X1"} "#,
        ] {
            assert_eq!(
                text(body.as_bytes(), "verification_code", "verificationCode")
                    .ok()
                    .as_deref(),
                Some("X1"),
                "{body}"
            );
        }
        let elsewhere = br#"{"verificationCode":"X1"}"#;
        assert_eq!(text(elsewhere, "code", "code").ok().as_deref(), Some("X1"));
        for body in ["", "  ", "null", "{}", "\"\"", r#"{"code":null}"#] {
            assert_eq!(
                text(body.as_bytes(), "code", "code").ok().as_deref(),
                Some(""),
                "{body}"
            );
        }
        for body in [
            "1",
            "[]",
            "\"a\" x",
            r#"{"code":1}"#,
            r#"{"code":"a","code":"b"}"#,
            "\"open",
        ] {
            assert!(text(body.as_bytes(), "code", "code").is_err(), "{body}");
        }
    }

    #[test]
    fn parameters_parse_by_kind() {
        assert_eq!(boolean("true"), Ok(true));
        assert!(boolean("yes").is_err());
        assert_eq!(number::<u64>("18446744073709551615"), Ok(u64::MAX));
        assert!(number::<u32>("-1").is_err());
        assert_eq!(bytes("-_8=").as_deref(), Ok(&[0xfb, 0xff][..]));
        assert_eq!(items::<u8>(b"").ok(), Some(Vec::new()));
    }
}
