//! Schemas made ready for checking: bounded before they are compiled, patterns in linear time, nothing fetched, and nothing that
//! takes long on the threads that serve requests.

use std::sync::Arc;

use domain::{
    base::{InstanceId, SchemaId},
    user_schema::{Document, Fault, FaultKind, MAX_LOOKS, Side, Walk},
};
use jsonschema::{Draft, PatternOptions, ValidationError, Validator, error::ValidationErrorKind as Kind};
use parking_lot::Mutex;
use quick_cache::{Weighter, unsync::Cache};
use serde_json::{Map, Value};
use tokio::sync::Semaphore;

use super::pattern::Known;
use crate::error::{Error, Result};

/// Compiled schemas and patterns of theirs that are kept, together. A pattern takes some 10 KiB.
const KEPT: u64 = 4096;
/// Schemas that are likely to be kept.
const LIKELY: usize = 256;
/// Memory that one pattern may take, in bytes.
const PATTERN_BYTES: usize = 256 * 1024;
/// Looks that take less than handing the work to another thread does.
const LIGHT: u64 = 1000;

/// A schema that data can be checked against.
#[derive(Debug)]
pub(super) struct Compiled {
    document: Document,
    validator: Validator,
    patterns: Known,
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
        let patterns = Known::of(&document, build).map_err(|error| fault_of(&error))?;
        Ok(Self {
            document,
            validator,
            patterns,
        })
    }

    fn walk(&self) -> Walk<'_> {
        Walk::new(&self.document, &self.patterns)
    }

    /// Whether [`Self::readable`] is done at once.
    pub(super) fn is_read_at_once(&self, data: &Map<String, Value>) -> bool {
        self.walk().is_legible(data, LIGHT)
    }

    /// Whether [`Self::admit`] is done at once.
    pub(super) fn is_checked_at_once(&self, stored: &Map<String, Value>, new: &Map<String, Value>) -> bool {
        let walk = self.walk();
        walk.is_cheap(stored, LIGHT) && walk.is_cheap(new, LIGHT)
    }

    /// The part of the data that these sides may read; nothing when a later revision makes it too costly to tell.
    pub(super) fn readable(&self, data: &Map<String, Value>, sides: &[Side]) -> Map<String, Value> {
        let walk = self.walk();
        if walk.is_legible(data, MAX_LOOKS) {
            walk.readable(data, sides)
        } else {
            Map::new()
        }
    }

    /// Whether some part of the data is kept from these sides, or from their changes; so it is when it is too costly to tell.
    pub(super) fn withholds(&self, data: &Map<String, Value>, sides: &[Side]) -> bool {
        let walk = self.walk();
        !walk.is_legible(data, MAX_LOOKS) || walk.withholds(data, sides)
    }

    /// Data as they will be stored in the place of `stored`: with what the sides may not see left as it is. Fails when
    /// they do not fit, or change what the sides may not write.
    pub(super) fn admit(
        &self,
        stored: &Map<String, Value>,
        new: &Map<String, Value>,
        sides: &[Side],
    ) -> Result<Map<String, Value>, Misfit> {
        let misfit = |pointer: String, rule: &str| Misfit {
            pointer,
            rule: rule.to_owned(),
        };
        let too_costly = || misfit(String::new(), "size");
        let no_right = |pointer| misfit(pointer, "urn:zitadel:schema:permission");
        let walk = self.walk();
        // What is sent is judged alone first, so that the answer does not depend on what is stored and hidden.
        if !walk.is_legible(stored, MAX_LOOKS) || !walk.is_cheap(new, MAX_LOOKS) {
            return Err(too_costly());
        }
        let data = walk.with_hidden(stored, new, sides).map_err(no_right)?;
        if !walk.is_cheap(&data, MAX_LOOKS) {
            return Err(too_costly());
        }
        if let Some(pointer) = walk.unwritable(stored, &data, sides) {
            return Err(no_right(pointer));
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
        Kind::PropertyNames { error } => {
            let name = error.instance().as_str().unwrap_or_default();
            Some(format!("{name} ({})", misfit_of(error).rule))
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

#[derive(Clone, Debug)]
struct Weight;

impl Weighter<Key, Arc<Compiled>> for Weight {
    fn weight(&self, _: &Key, compiled: &Arc<Compiled>) -> u64 {
        1 + compiled.patterns.count()
    }
}

/// Compiled schemas by instance, id and revision, as far as they are used.
#[derive(Debug)]
pub struct SchemaCache {
    kept: Mutex<Cache<Key, Arc<Compiled>, Weight>>,
    /// Who may look at data for long at the same time.
    aside: Arc<Semaphore>,
}

impl Default for SchemaCache {
    /// A place per core.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, Into::into);
        Self {
            kept: Mutex::new(Cache::with_weighter(LIKELY, KEPT, Weight)),
            aside: Arc::new(Semaphore::new(cores)),
        }
    }
}

impl SchemaCache {
    /// The compiled form of a schema that was found sound when it was stored.
    pub(super) async fn get(&self, key: Key, schema: &Map<String, Value>) -> Result<Arc<Compiled>> {
        if let Some(compiled) = self.kept.lock().get(&key) {
            return Ok(Arc::clone(compiled));
        }
        let compiled = Arc::new(compile(schema.clone()).await?);
        self.kept.lock().insert(key, Arc::clone(&compiled));
        Ok(compiled)
    }

    /// Looks at data beside the async pool, as many at a time as there are cores; a look whose caller gave up counts until it is done.
    pub(super) async fn aside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let closed = || Error::Store(store::Error::Closed);
        let place = Arc::clone(&self.aside).acquire_owned().await;
        let place = place.map_err(|_| closed())?;
        let job = move || {
            let done = work();
            drop(place);
            done
        };
        tokio::task::spawn_blocking(job).await.map_err(|_| closed())
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
    use serde_json::json;

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
        let names = json!({"propertyNames": {"pattern": "^[a-z]+$"}});
        assert_eq!(
            misfit(&names, &json!({"Bad1": "Secret"})),
            (String::new(), "propertyNames: Bad1 (pattern: ^[a-z]+$)".into())
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
    fn the_language_may_be_named_at_any_depth() {
        let inside = json!({"properties": {"a": {"$schema": "urn:zitadel:schema:v1", "type": "string"}}});
        assert_eq!(
            misfit(&inside, &json!({"a": 1})),
            ("/a".into(), "type: string".into())
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
    fn a_bounded_number_of_schemas_and_patterns_is_kept() {
        let key = |n: u32| (InstanceId::from("1"), SchemaId::from_trusted("one"), n);
        let keep = |schema: Value| {
            let (cache, schema) = (SchemaCache::default(), Arc::new(compiled(&schema)));
            for n in 0..5000 {
                cache.kept.lock().insert(key(n), Arc::clone(&schema));
            }
            let kept = cache.kept.lock();
            assert!(kept.weight() <= KEPT);
            kept.len()
        };
        let patterns = |n| {
            let each = (0..n).map(|n| (n.to_string(), json!({ "pattern": n.to_string() })));
            json!({"properties": each.collect::<Map<_, _>>()})
        };
        assert!((4000..=4096).contains(&keep(patterns(0))));
        assert!((3..=4).contains(&keep(patterns(900))));
    }

    #[test]
    fn what_is_too_costly_to_check_does_not_tell_what_is_stored() {
        let hidden = json!({"urn:zitadel:schema:permission": {"owner": "rw"},
            "properties": {"many": {"items": {"type": "number"}}}});
        let schema = compiled(&json!({"properties": {"private": hidden}}));
        let many: Vec<u32> = (0..100_000).collect();
        let sent = map(&json!({"private": {"many": many}}));
        let answer = |stored: &Value| schema.admit(&map(stored), &sent, &[Side::Own]);
        let there = answer(&json!({"private": {"risk": 7}}));
        assert!(there.is_err());
        assert_eq!(there, answer(&json!({})));
    }

    fn too_costly(schema: &Value, data: &Value) {
        assert_eq!(misfit(schema, data), (String::new(), "size".to_owned()));
    }

    #[test]
    fn many_patterns_of_many_names_are_too_costly() {
        let patterns = (0..900).map(|n| (format!("^(x{n}|[a-z]{{0,50}})+$"), json!({})));
        let schema = json!({"patternProperties": patterns.collect::<Map<_, _>>()});
        let names = (0..2000).map(|n| (format!("{}{n}", "a".repeat(200)), json!(1)));
        too_costly(&schema, &Value::Object(names.collect()));
    }

    #[test]
    fn many_patterns_of_a_long_text_are_too_costly() {
        let patterns: Vec<Value> = (150..250)
            .map(|n| json!({"pattern": format!("^(a|b)*a(a|b){{{n}}}$|^.*$")}))
            .collect();
        let text = |length| json!({"a": "ab".repeat(length)});
        let schema = json!({"properties": {"a": {"allOf": patterns}}});
        too_costly(&schema, &text(50_000));
        let few = json!({"properties": {"a": {"allOf": &patterns[..2]}}});
        assert!(
            compiled(&few)
                .admit(&Map::new(), &map(&text(50)), &[Side::Owner])
                .is_ok()
        );
    }

    #[test]
    fn what_is_left_over_is_not_asked_without_end() {
        let levels = (0..100).fold(json!({"l": {"properties": {"a": {}}}}), |mut all, n| {
            let before = if n == 0 { "l".to_owned() } else { format!("l{n}") };
            all[format!("l{}", n + 1)] =
                json!({"allOf": [{"$ref": format!("#/$defs/{before}")}], "unevaluatedProperties": false});
            all
        });
        too_costly(
            &json!({"$ref": "#/$defs/l100", "$defs": levels}),
            &json!({"a": 1}),
        );
    }

    #[test]
    fn schemas_that_lead_too_deep_end_before_the_stack_does() {
        let chain = (0..480).fold(json!({}), |mut all, n| {
            all[format!("d{n}")] = json!({"allOf": [{"$ref": format!("#/$defs/d{}", n + 1)}]});
            all
        });
        let mut schema = json!({"$ref": "#/$defs/d0", "$defs": chain});
        schema["$defs"]["d480"] = json!({"properties": {"p": {"$ref": "#/$defs/d0"}}});
        let nested = |levels| (0..levels).fold(json!({}), |inner, _| json!({"p": inner}));
        too_costly(&schema, &nested(20));
        assert!(
            compiled(&schema)
                .admit(&Map::new(), &map(&json!({})), &[Side::Owner])
                .is_ok()
        );
    }

    #[test]
    fn data_of_an_ordinary_size_are_checked_at_once_or_at_least_taken() {
        let tag = json!({"type": "string", "pattern": "^[a-z0-9-]{1,64}$"});
        let schema = json!({
            "type": "object", "required": ["name"], "unevaluatedProperties": false,
            "properties": {"name": {"type": "string", "maxLength": 200, "pattern": "^\\S.*$"},
                "email": {"pattern": "^[^@ ]+@[^@ ]+\\.[a-z]{2,}$"}, "id": {"pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"},
                "tags": {"type": "array", "uniqueItems": true, "items": tag}},
            "patternProperties": {"^x-[a-z]+$": {"type": "string"}}
        });
        let schema = compiled(&schema);
        let with_tags = |count: usize| {
            let tags: Vec<String> = (0..count).map(|n| format!("tag-{n}")).collect();
            map(
                &json!({"name": "Ada Lovelace", "email": "ada@example.com", "x-note": "hello", "tags": tags,
                "id": "123e4567-e89b-12d3-a456-426614174000"}),
            )
        };
        let none = Map::new();
        assert!(schema.is_checked_at_once(&none, &with_tags(0)));
        assert!(schema.is_read_at_once(&with_tags(500)));
        let many = with_tags(500);
        assert_eq!(schema.admit(&none, &many, &[Side::Owner]), Ok(many));
    }
}
