//! What the patterns of a schema can cost, and whether names fit them. The engine takes linear time, but how many steps for
//! each byte the pattern says: repetitions are written out, and each state may be alive.

use std::collections::HashMap;

use domain::user_schema::{Document, Patterns};
use jsonschema::{ValidationError, Validator};
use regex_syntax::hir::{Class, Hir, HirKind};
use serde_json::{Value, json};

/// What a pattern weighs of which nothing is known.
const MOST: u64 = 1 << 20;
/// Ranges of a class of characters that one step looks through.
const RANGES: usize = 8;

/// The patterns of a schema, compiled as far as names are tried.
#[derive(Debug)]
pub(super) struct Known {
    weights: HashMap<String, u64>,
    /// A validator for each pattern of `patternProperties`, so that rights follow properties exactly as rules do.
    names: HashMap<String, Validator>,
}

impl Known {
    /// Weighs all patterns of a document and compiles those of names.
    pub(super) fn of(
        document: &Document,
        build: impl Fn(&Value) -> Result<Validator, ValidationError<'static>>,
    ) -> Result<Self, ValidationError<'static>> {
        let weights = document
            .patterns()
            .map(|pattern| (pattern.to_owned(), weight(pattern)));
        let weights = weights.collect();
        let mut names = HashMap::new();
        for pattern in document.patterns_of_names() {
            if !names.contains_key(pattern) {
                names.insert(pattern.to_owned(), build(&json!({ "pattern": pattern }))?);
            }
        }
        Ok(Self { weights, names })
    }

    /// How many patterns these are.
    pub(super) fn count(&self) -> u64 {
        self.weights.len() as u64
    }
}

impl Patterns for Known {
    fn weight(&self, pattern: &str) -> u64 {
        self.weights.get(pattern).copied().unwrap_or(MOST)
    }

    /// A pattern that is not known matches, so that a right is never wider than meant.
    fn matches(&self, pattern: &str, text: &str) -> bool {
        let pattern = self.names.get(pattern);
        pattern.is_none_or(|validator| validator.is_valid(&Value::from(text)))
    }
}

/// Steps for each byte of a text, at most. The pattern is read as the validator reads it.
fn weight(pattern: &str) -> u64 {
    let translated = jsonschema_regex::to_rust_regex(pattern).ok();
    let read = translated.and_then(|pattern| regex_syntax::parse(&pattern).ok());
    read.map_or(MOST, |read| states(&read).min(MOST))
}

fn states(hir: &Hir) -> u64 {
    let count = |ranges: usize| u64::try_from(1 + ranges / RANGES).unwrap_or(MOST);
    let all = |parts: &[Hir]| parts.iter().map(states).fold(1, u64::saturating_add);
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => u64::try_from(literal.0.len()).unwrap_or(MOST),
        HirKind::Class(Class::Unicode(class)) => count(class.ranges().len()),
        HirKind::Class(Class::Bytes(class)) => count(class.ranges().len()),
        HirKind::Repetition(repetition) => {
            let copies = repetition.max.unwrap_or_else(|| repetition.min.saturating_add(1));
            states(&repetition.sub)
                .saturating_add(1)
                .saturating_mul(u64::from(copies.max(1)))
        }
        HirKind::Capture(capture) => states(&capture.sub).saturating_add(1),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            all(parts).saturating_add(u64::try_from(parts.len()).unwrap_or(MOST))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_weigh_what_they_are_written_out() {
        let [once, often, nested] = ["^[a-z]+$", "^[a-z]{1,50}$", "^([a-z]{1,50}x){20}$"].map(weight);
        assert!(once < 12, "{once}");
        assert!((100..120).contains(&often), "{often}");
        assert!(nested > 20 * often - 100, "{nested}");
        assert!(weight("^(a|b)*a(a|b){150}$|^.*$") >= 300);
    }

    #[test]
    fn what_is_not_understood_weighs_most() {
        assert_eq!(weight("("), MOST);
        assert_eq!(weight("(a{1,1000}){1,1000}{1,1000}"), MOST);
        assert!(weight("^\\/\\d+\\/\\S*$") < 20, "written as browsers do");
    }
}
