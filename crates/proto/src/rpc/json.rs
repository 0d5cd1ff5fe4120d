//! JSON of requests: read once, and where it does not fit once more to say in which field. Only failures pay for that.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, DeserializeSeed};
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
        match path.as_str() {
            "" => write!(f, "malformed JSON: {error}"),
            path => write!(f, "malformed JSON in {path}: {error}"),
        }
    }
}

impl std::error::Error for Misfit {}

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

    use super::read;

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
