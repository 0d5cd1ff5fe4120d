//! JSON of requests: read once, and where it does not fit once more to say in which field. Only failures pay for that.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Unexpected, Visitor};
use serde_json::Deserializer;
use serde_path_to_error::Track;

/// JSON that does not fit: in which field, as the caller spelt it, and why at which place of the body.
#[derive(Debug)]
pub struct Misfit {
    path: String,
    error: serde_json::Error,
}

impl Misfit {
    /// The same, where the body is a field of the request.
    pub(super) fn within(mut self, field: &str) -> Self {
        let separator = if self.path.is_empty() || self.path.starts_with('[') {
            ""
        } else {
            "."
        };
        self.path.insert_str(0, separator);
        self.path.insert_str(0, field);
        self
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, error } = self;
        let error = without_value(&error.to_string());
        match path.as_str() {
            "" => write!(f, "malformed JSON: {error}"),
            path => write!(f, "malformed JSON in {path}: {error}"),
        }
    }
}

impl std::error::Error for Misfit {}

/// What is wrong, without the value that is: it can be a code or an address.
fn without_value(error: &str) -> String {
    let told = ["invalid type", "invalid value", "unknown variant"]
        .into_iter()
        .find_map(|what| {
            let (value, expected) = error.strip_prefix(what)?.rsplit_once(", expected ")?;
            let kind = value.split(['`', '"']).next()?.trim_end();
            let expected = expected.strip_prefix("expected ").unwrap_or(expected);
            Some(format!("{what}{kind}, expected {expected}"))
        });
    told.unwrap_or_else(|| error.to_owned())
}

/// A whole number in any way that proto3 JSON allows: `5`, `5.0`, `5e0`, and each of these as a string.
#[derive(Debug)]
pub(crate) struct Number<T>(pub T);

impl<'de, T: TryFrom<i128>> Deserialize<'de> for Number<T> {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Whole(PhantomData))
    }
}

struct Whole<T>(PhantomData<T>);

impl<T: TryFrom<i128>> Whole<T> {
    fn fits<E: de::Error>(self, number: Option<i128>) -> Result<Number<T>, E> {
        let fitting = number.and_then(|number| T::try_from(number).ok());
        let misfit = || E::invalid_value(Unexpected::Other("number"), &self);
        fitting.map(Number).ok_or_else(misfit)
    }
}

impl<T: TryFrom<i128>> Visitor<'_> for Whole<T> {
    type Value = Number<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number in the range of the field")
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Number<T>, E> {
        self.fits(Some(number.into()))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Number<T>, E> {
        self.fits(Some(number.into()))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Number<T>, E> {
        self.fits(whole(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Number<T>, E> {
        let number = text.parse().ok();
        self.fits(number.or_else(|| whole(text.parse().ok()?)))
    }
}

/// The number without its fraction of zero. Greater ones than this may have lost digits on the way.
fn whole(number: f64) -> Option<i128> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let is_whole = number.fract() == 0.0 && number.abs() < EXACT;
    is_whole.then(|| format!("{number:.0}").parse().ok())?
}

/// Reads a body that is one value.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Misfit> {
    serde_json::from_slice(body).map_err(|error| located(body, PhantomData::<T>, error))
}

/// Reads a body that is one value, as the seed says.
pub(super) fn read_as<'de, S: DeserializeSeed<'de> + Copy>(
    body: &'de [u8],
    seed: S,
) -> Result<S::Value, Misfit> {
    let mut json = Deserializer::from_slice(body);
    let value = seed.deserialize(&mut json);
    let whole = value.and_then(|value| json.end().map(|()| value));
    whole.map_err(|error| located(body, seed, error))
}

fn located<'de>(body: &'de [u8], seed: impl DeserializeSeed<'de>, error: serde_json::Error) -> Misfit {
    let (mut json, mut track) = (Deserializer::from_slice(body), Track::new());
    let again = seed.deserialize(serde_path_to_error::Deserializer::new(&mut json, &mut track));
    let path = again.err().map(|_| track.path().to_string()).unwrap_or_default();
    // A part that was cut off before its name was read shows as a question mark.
    let path = path.trim_end_matches(['?', '.']).to_owned();
    Misfit { path, error }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{Number, read, without_value};

    #[test]
    fn a_number_is_whole_however_it_is_written() {
        let number = |text: &str| read::<Number<u32>>(text.as_bytes()).ok().map(|n| n.0);
        for five in ["5", "5.0", "0.5e1", "50E-1", "\"5\"", "\"5.0\"", "\"5e0\""] {
            assert_eq!(number(five), Some(5), "{five}");
        }
        for none in [
            "5.5",
            "-1",
            "4294967296",
            "1e10",
            "\"\"",
            "\"five\"",
            "\"NaN\"",
            "\"inf\"",
            "true",
            "[5]",
        ] {
            assert_eq!(number(none), None, "{none}");
        }
        let large = |text: &str| read::<Number<i64>>(text.as_bytes()).ok().map(|n| n.0);
        assert_eq!(large("\"-9223372036854775808\""), Some(i64::MIN));
        assert_eq!(large("-0.0"), Some(0));
        assert_eq!(large("9007199254740993.0"), None, "digits were lost");
        let text = read::<Number<u32>>(b"-1").err().map(|e| e.to_string()).unwrap();
        assert!(text.contains("expected a whole number in the range"), "{text}");
    }

    #[test]
    fn no_value_is_repeated() {
        #[derive(Debug, serde::Deserialize)]
        enum Letter {
            A,
        }
        let told = [
            read::<String>(b"417912345").err().map(|e| e.to_string()),
            read::<Vec<u8>>(br#""417912345, expected \" x""#)
                .err()
                .map(|e| e.to_string()),
            read::<u8>(b"4179.12345").err().map(|e| e.to_string()),
            read::<u8>(b"417912345").err().map(|e| e.to_string()),
            read::<Letter>(br#""417912345""#).err().map(|e| e.to_string()),
            read::<Number<i32>>(br#""417912345000000""#)
                .err()
                .map(|e| e.to_string()),
        ];
        let why = [
            "malformed JSON: invalid type: integer, expected a string at line 1 column 9",
            "malformed JSON: invalid type: string, expected a sequence at line 1 column 26",
            "malformed JSON: invalid type: floating point, expected u8 at line 1 column 10",
            "malformed JSON: invalid value: integer, expected u8 at line 1 column 9",
            "malformed JSON: unknown variant, expected `A` at line 1 column 11",
            "malformed JSON: invalid value: number, expected a whole number in the range of the field at line 1 column 17",
        ];
        assert_eq!(told.map(Option::unwrap), why);
    }

    #[test]
    fn what_is_expected_is_said_once() {
        let told = without_value(
            "invalid value: integer `99`, expected expected one of: [\"A\"] at line 1 column 5",
        );
        assert_eq!(
            told,
            "invalid value: integer, expected one of: [\"A\"] at line 1 column 5"
        );
    }

    #[test]
    fn a_path_goes_on_from_the_field_that_the_body_is() {
        let within = |body: &[u8]| {
            let misfit = read::<Vec<HashMap<String, u8>>>(body).unwrap_err();
            let text = misfit.within("keys").to_string();
            text.split_once(": ").unwrap().0.to_owned()
        };
        assert_eq!(within(br#"[{"a":1},{"b":"x"}]"#), "malformed JSON in keys[1].b");
        assert_eq!(within(b"[] x"), "malformed JSON in keys");
        let misfit = read::<HashMap<String, u8>>(br#"{"a":300}"#).unwrap_err();
        let text = misfit.within("key").to_string();
        assert!(text.starts_with("malformed JSON in key.a: "), "{text}");
    }
}
