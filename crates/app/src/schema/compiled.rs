//! Schemas made ready for checking: bounded before they are compiled, patterns in linear time, nothing fetched.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use domain::{
    base::{InstanceId, SchemaId},
    user_schema::{Document, Fault, FaultKind, Side},
};
use jsonschema::{Draft, PatternOptions, ValidationError, Validator, error::ValidationErrorKind as Kind};
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use crate::error::{Error, Result};

/// Compiled schemas that are kept.
const KEPT: usize = 256;
/// Memory that one pattern may take, in bytes.
const PATTERN_BYTES: usize = 256 * 1024;

/// A schema that data can be checked against.
#[derive(Debug)]
pub(super) struct Compiled {
    document: Document,
    validator: Validator,
    /// A validator for each pattern of `patternProperties`, so that rights follow properties exactly as rules do.
    patterns: HashMap<String, Validator>,
}

/// Why data do not fit their schema. Holds no value of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// JSON pointer to the part that does not fit; empty is the whole.
    pub pointer: String,
    /// The rule that it breaks, in the words of JSON Schema.
    pub rule: String,
}

impl Compiled {
    /// Compiles a schema; takes milliseconds and belongs on a thread that may block.
    pub(super) fn new(schema: &Map<String, Value>) -> Result<Self, Fault> {
        let document = Document::parse(schema)?;
        let mut plain = schema.clone();
        plain.remove("$schema");
        let validator = build(&Value::Object(plain)).map_err(|error| fault_of(&error))?;
        let mut patterns = HashMap::new();
        for pattern in document.patterns() {
            let validator = build(&json!({ "pattern": pattern })).map_err(|error| fault_of(&error))?;
            patterns.insert(pattern.to_owned(), validator);
        }
        Ok(Self {
            document,
            validator,
            patterns,
        })
    }

    /// A pattern that is not known matches, so that a right is never wider than meant.
    fn matches(&self, pattern: &str, name: &str) -> bool {
        let pattern = self.patterns.get(pattern);
        pattern.is_none_or(|validator| validator.is_valid(&Value::from(name)))
    }

    /// The part of the data that these sides may read.
    pub(super) fn readable(&self, data: &Map<String, Value>, sides: &[Side]) -> Map<String, Value> {
        self.document
            .readable(data, sides, &|pattern, name| self.matches(pattern, name))
    }

    /// Data as they will be stored in the place of `stored`: with what the sides may not see left as it is. Fails when
    /// they do not fit, or change what the sides may not write.
    pub(super) fn admit(
        &self,
        stored: &Map<String, Value>,
        new: &Map<String, Value>,
        sides: &[Side],
    ) -> Result<Map<String, Value>, Misfit> {
        let matches = |pattern: &str, name: &str| self.matches(pattern, name);
        let misfit = |pointer: String, rule: &str| Misfit {
            pointer,
            rule: rule.to_owned(),
        };
        if !self.document.is_cheap(stored, &matches) || !self.document.is_cheap(new, &matches) {
            return Err(misfit(String::new(), "size"));
        }
        let data = self.document.with_hidden(stored, new, sides, &matches);
        if let Some(pointer) = self.document.unwritable(stored, &data, sides, &matches) {
            return Err(misfit(pointer, "urn:zitadel:schema:permission"));
        }
        let value = Value::Object(data);
        if let Err(error) = self.validator.validate(&value) {
            return Err(misfit_of(&error));
        }
        match value {
            Value::Object(data) => Ok(data),
            _ => Ok(Map::new()),
        }
    }
}

fn build(schema: &Value) -> Result<Validator, ValidationError<'static>> {
    let patterns = PatternOptions::regex()
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(PATTERN_BYTES);
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(patterns)
        .offline()
        .build(schema)
}

fn fault_of(error: &ValidationError<'_>) -> Fault {
    let regex = |kind: &Kind| matches!(kind, Kind::Format { format } if format == "regex");
    let kind = match error.kind() {
        kind if regex(kind) || kind.keyword() == "pattern" => FaultKind::Pattern,
        Kind::Referencing(_) => FaultKind::Reference,
        _ => FaultKind::Malformed,
    };
    Fault {
        pointer: error.instance_path().to_string(),
        kind,
    }
}

/// Names the place and the rule; texts that come from the schema are shown, values of the data are not.
fn misfit_of(error: &ValidationError<'_>) -> Misfit {
    let kind = error.kind();
    let parameter = match kind {
        Kind::Required { property } => Some(property.to_string()),
        Kind::Type { kind } => Some(match kind {
            jsonschema::error::TypeKind::Single(one) => one.to_string(),
            jsonschema::error::TypeKind::Multiple(many) => {
                let names: Vec<String> = many.iter().map(|one| one.to_string()).collect();
                names.join(", ")
            }
        }),
        Kind::MaxLength { limit }
        | Kind::MinLength { limit }
        | Kind::MaxItems { limit }
        | Kind::MinItems { limit }
        | Kind::MaxProperties { limit }
        | Kind::MinProperties { limit } => Some(limit.to_string()),
        Kind::Maximum { limit }
        | Kind::Minimum { limit }
        | Kind::ExclusiveMaximum { limit }
        | Kind::ExclusiveMinimum { limit } => Some(limit.to_string()),
        Kind::MultipleOf { multiple_of } => Some(multiple_of.to_string()),
        Kind::Pattern { pattern } => Some(pattern.clone()),
        Kind::Format { format } => Some(format.clone()),
        Kind::Enum { options } => Some(options.to_string()),
        Kind::Constant { expected_value } => Some(expected_value.to_string()),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            Some(unexpected.join(", "))
        }
        _ => None,
    };
    let keyword = match kind {
        Kind::FalseSchema => "false",
        _ => kind.keyword(),
    };
    let rule = match parameter {
        Some(parameter) => format!("{keyword}: {}", shortened(&parameter)),
        None => keyword.to_owned(),
    };
    Misfit {
        pointer: error.instance_path().to_string(),
        rule,
    }
}

fn shortened(text: &str) -> String {
    const MOST: usize = 200;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    text.chars().take(MOST).chain(['…']).collect()
}

type Key = (InstanceId, SchemaId, u32);

/// Compiled schemas by instance, id and revision; the oldest go first.
#[derive(Debug, Default)]
pub struct SchemaCache {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    by_key: HashMap<Key, Arc<Compiled>>,
    order: VecDeque<Key>,
}

impl SchemaCache {
    /// The compiled form of a schema that was found sound when it was stored.
    pub(super) async fn get(&self, key: Key, schema: &Map<String, Value>) -> Result<Arc<Compiled>> {
        if let Some(compiled) = self.kept.lock().by_key.get(&key) {
            return Ok(Arc::clone(compiled));
        }
        let compiled = Arc::new(compile(schema.clone()).await?);
        self.keep(key, &compiled);
        Ok(compiled)
    }

    fn keep(&self, key: Key, compiled: &Arc<Compiled>) {
        let mut kept = self.kept.lock();
        if kept.by_key.insert(key.clone(), Arc::clone(compiled)).is_none() {
            kept.order.push_back(key);
        }
        while kept.order.len() > KEPT {
            if let Some(oldest) = kept.order.pop_front() {
                kept.by_key.remove(&oldest);
            }
        }
    }
}

/// Compiles beside the async pool.
pub(super) async fn compile(schema: Map<String, Value>) -> Result<Compiled> {
    let compiled = tokio::task::spawn_blocking(move || Compiled::new(&schema)).await;
    match compiled {
        Ok(compiled) => compiled.map_err(Error::SchemaFault),
        Err(_) => Err(Error::Store(store::Error::Closed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    fn compiled(schema: &Value) -> Compiled {
        Compiled::new(&map(schema)).expect("a schema")
    }

    fn misfit(schema: &Value, data: &Value) -> (String, String) {
        let misfit = compiled(schema).admit(&Map::new(), &map(data), &[Side::Owner]);
        let misfit = misfit.expect_err("a misfit");
        (misfit.pointer, misfit.rule)
    }

    #[test]
    fn a_misfit_names_the_property_and_the_rule_but_no_value() {
        let schema = json!({
            "$schema": "urn:zitadel:schema:v1",
            "type": "object", "required": ["name"], "additionalProperties": false,
            "properties": {"name": {"type": "string", "maxLength": 3}, "home": {"properties": {"zip": {"pattern": "^[0-9]{4}$"}}}}
        });
        assert_eq!(
            misfit(&schema, &json!({})),
            (String::new(), "required: \"name\"".into())
        );
        assert_eq!(
            misfit(&schema, &json!({"name": "Secret"})),
            ("/name".into(), "maxLength: 3".into())
        );
        assert_eq!(
            misfit(&schema, &json!({"name": 7})),
            ("/name".into(), "type: string".into())
        );
        let zip = json!({"name": "Ada", "home": {"zip": "x"}});
        assert_eq!(
            misfit(&schema, &zip),
            ("/home/zip".into(), "pattern: ^[0-9]{4}$".into())
        );
        let more = json!({"name": "Ada", "more": 1});
        assert_eq!(
            misfit(&schema, &more),
            (String::new(), "additionalProperties: more".into())
        );
    }

    #[test]
    fn patterns_that_need_backtracking_or_much_memory_are_refused() {
        for pattern in ["(a)\\1", "(?=a)b", "(((a{1,100}){1,100}){1,100}){1,100}", "("] {
            for schema in [
                json!({"properties": {"a": {"pattern": pattern}}}),
                json!({"patternProperties": {pattern: {}}}),
            ] {
                let fault = Compiled::new(&map(&schema)).expect_err(pattern);
                assert_eq!(fault.kind, FaultKind::Pattern, "{schema}: {fault}");
            }
        }
    }

    #[test]
    fn what_is_no_schema_is_refused_with_its_place() {
        let fault =
            Compiled::new(&map(&json!({"properties": {"a": {"type": "strin"}}}))).expect_err("a fault");
        assert_eq!(
            (&*fault.pointer, fault.kind),
            ("/properties/a/type", FaultKind::Malformed)
        );
    }

    #[test]
    fn an_evil_pattern_takes_linear_time() {
        let schema = compiled(&json!({"properties": {"a": {"pattern": "^(a+)+$"}}}));
        let data = map(&json!({"a": format!("{}!", "a".repeat(50_000))}));
        assert!(schema.admit(&Map::new(), &data, &[Side::Owner]).is_err());
    }

    #[test]
    fn rights_follow_patterns() {
        let schema = compiled(
            &json!({"patternProperties": {"^x_": {"urn:zitadel:schema:permission": {"owner": "rw"}}}}),
        );
        let data = map(&json!({"x_a": 1, "y": 2}));
        assert_eq!(
            Value::Object(schema.readable(&data, &[Side::Own])),
            json!({"y": 2})
        );
        let denied = schema
            .admit(&Map::new(), &data, &[Side::Own])
            .expect_err("a misfit");
        assert_eq!(
            (&*denied.pointer, &*denied.rule),
            ("/x_a", "urn:zitadel:schema:permission")
        );
    }

    #[test]
    fn no_more_than_a_bounded_number_is_kept() {
        let cache = SchemaCache::default();
        let one = Arc::new(compiled(&json!({})));
        for n in 0..2 * KEPT {
            let id = SchemaId::from_trusted(&n.to_string());
            cache.keep((InstanceId::from("1"), id, 1), &one);
        }
        let kept = cache.kept.lock();
        assert_eq!((kept.by_key.len(), kept.order.len()), (KEPT, KEPT));
    }
}
