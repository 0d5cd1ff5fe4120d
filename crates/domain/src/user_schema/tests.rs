//! What a schema accepts and refuses, and what its permission keyword allows.

use std::cell::Cell;

use serde_json::{Map, Value, json};

use super::*;
use crate::base::Forgettable;

fn map(value: &Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

fn name(text: &str) -> TypeName {
    TypeName::parse(text).expect("a name")
}

fn created() -> Event {
    Event::UserSchemaCreated {
        type_name: name("Person"),
        schema: map(&json!({"type": "object"})),
        authenticators: vec![Authenticator::Password, Authenticator::OtpSms],
    }
}

fn given(events: &[Event]) -> UserSchema {
    let mut state = UserSchema::default();
    for event in events {
        state.evolve(event, Timestamp(0));
    }
    state
}

fn when(events: &[Event], command: Command) -> Decision<Event, Refusal> {
    given(events).decide(command, Timestamp(1))
}

#[expect(clippy::needless_pass_by_value, reason = "callers write the value in place")]
fn patch_of(type_name: Option<&str>, schema: Option<Value>, authenticators: &[Authenticator]) -> Command {
    Command::Patch {
        type_name: type_name.map(name),
        schema: schema.as_ref().map(map),
        authenticators: authenticators.to_vec(),
    }
}

#[test]
fn a_schema_begins_active_in_revision_one() {
    let state = given(&[created()]);
    let content = state.content().expect("a schema");
    assert_eq!((content.active, content.revision), (true, 1));
    assert!(content.allows(Authenticator::OtpSms) && !content.allows(Authenticator::Totp));
}

#[test]
fn only_a_new_json_schema_raises_the_revision() {
    let renamed = when(&[created()], patch_of(Some("Human"), None, &[]));
    assert_eq!(
        renamed.events,
        [Event::UserSchemaRenamed {
            type_name: name("Human")
        }]
    );
    let revised = when(
        &[created()],
        patch_of(None, Some(json!({"type": "object", "x": 1})), &[]),
    );
    assert!(matches!(
        revised.events[..],
        [Event::UserSchemaRevised { revision: 2, .. }]
    ));
    assert_eq!(
        given(&[created(), revised.events[0].clone()])
            .content()
            .expect("a schema")
            .revision,
        2
    );
}

#[test]
fn what_is_equal_changes_nothing_and_an_empty_list_is_none() {
    let same = patch_of(
        Some("Person"),
        Some(json!({"type": "object"})),
        &[Authenticator::OtpSms, Authenticator::Password],
    );
    assert_eq!(when(&[created()], same), Decision::accept([]));
    assert_eq!(
        when(&[created()], patch_of(None, None, &[])),
        Decision::accept([])
    );
}

#[test]
fn states_are_left_once() {
    let inactive = [created(), Event::UserSchemaDeactivated];
    assert_eq!(
        when(&inactive, Command::Deactivate),
        Decision::refuse(Refusal::NotActive)
    );
    assert_eq!(
        when(&[created()], Command::Reactivate),
        Decision::refuse(Refusal::NotInactive)
    );
    assert_eq!(
        when(&inactive, patch_of(Some("x"), None, &[])),
        Decision::refuse(Refusal::NotActive)
    );
    assert_eq!(
        when(&inactive, Command::Reactivate),
        Decision::accept([Event::UserSchemaReactivated])
    );
    assert_eq!(
        when(&[], Command::Deactivate),
        Decision::refuse(Refusal::NotFound)
    );
}

#[test]
fn a_schema_in_use_stays() {
    assert_eq!(
        when(&[created()], Command::Delete { in_use: true }),
        Decision::refuse(Refusal::InUse)
    );
    let deleted = when(&[created()], Command::Delete { in_use: false });
    assert_eq!(deleted, Decision::accept([Event::UserSchemaDeleted]));
    assert_eq!(given(&[created(), Event::UserSchemaDeleted]), UserSchema::Absent);
}

#[test]
fn every_event_has_the_json_it_always_had() {
    use Authenticator as A;
    let all = [
        created(),
        Event::UserSchemaRenamed {
            type_name: name("Human"),
        },
        Event::UserSchemaRevised {
            schema: map(&json!({"type": "object"})),
            revision: 2,
        },
        Event::PossibleAuthenticatorsChanged {
            authenticators: vec![
                A::Username,
                A::Webauthn,
                A::Totp,
                A::OtpEmail,
                A::AuthenticationKey,
                A::IdentityProvider,
            ],
        },
        Event::UserSchemaDeactivated,
        Event::UserSchemaReactivated,
        Event::UserSchemaDeleted,
    ];
    let golden: Vec<&str> = include_str!("golden.jsonl").lines().collect();
    let written: Vec<String> = all
        .iter()
        .map(|e| serde_json::to_string(e).expect("JSON"))
        .collect();
    assert_eq!(
        written, golden,
        "a released event never changes; add a variant instead"
    );
    for (event, line) in all.iter().zip(golden) {
        assert_eq!(&serde_json::from_str::<Event>(line).expect("an event"), event);
        assert!(line.contains(&format!("\"type\":\"{}\"", event.name())));
    }
}

fn fault(schema: &Value) -> (String, FaultKind) {
    let fault = Document::parse(&map(schema)).expect_err("a fault");
    (fault.pointer, fault.kind)
}

#[test]
fn the_permission_keyword_takes_owner_and_self_with_r_and_w() {
    let with = |value: Value| json!({"properties": {"a": {"urn:zitadel:schema:permission": value}}});
    let at = "/properties/a/urn:zitadel:schema:permission".to_owned();
    assert_eq!(
        fault(&with(json!("rw"))),
        (at.clone(), FaultKind::PermissionNotObject)
    );
    assert_eq!(
        fault(&with(json!({"all": "r"}))),
        (at.clone(), FaultKind::PermissionKey)
    );
    assert_eq!(
        fault(&with(json!({"self": "x"}))),
        (at.clone(), FaultKind::PermissionLetter)
    );
    assert_eq!(
        fault(&with(json!({"self": true}))),
        (at, FaultKind::PermissionNotText)
    );
    assert!(Document::parse(&map(&with(json!({"owner": "rw", "self": "r"})))).is_ok());
}

#[test]
fn hostile_schemas_are_refused() {
    let remote = json!({"properties": {"a": {"$ref": "https://example.com/s.json"}}});
    assert_eq!(fault(&remote).1, FaultKind::Reference);
    assert_eq!(
        fault(&json!({"$ref": "file:///etc/passwd"})).1,
        FaultKind::Reference
    );
    assert_eq!(fault(&json!({"$ref": "#/$defs/none"})).1, FaultKind::Reference);
    assert_eq!(fault(&json!({"$ref": "#"})).1, FaultKind::Endless);
    let circle = json!({"$ref": "#/$defs/a", "$defs": {"a": {"not": {"$ref": "#/$defs/b"}}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}});
    assert_eq!(fault(&circle).1, FaultKind::Endless);
    assert_eq!(
        fault(&json!({"$id": "https://example.com"})).1,
        FaultKind::Unsupported
    );
    assert_eq!(
        fault(&json!({"$schema": "http://json-schema.org/draft-07/schema#"})).1,
        FaultKind::Dialect
    );
    for foreign in [
        json!("http://127.0.0.1:9/meta"),
        json!("http://json-schema.org/draft-04/schema#"),
        json!(4),
    ] {
        let inside = json!({"properties": {"a": {"anyOf": [{"$schema": foreign}]}}});
        let at = "/properties/a/anyOf/0/$schema".to_owned();
        assert_eq!(fault(&inside), (at, FaultKind::Dialect));
    }
    let ours = json!({"$schema": "urn:zitadel:schema:v1", "items": {"$schema": "https://json-schema.org/draft/2020-12/schema"}});
    assert!(Document::parse(&map(&ours)).is_ok());
    let deep = (0..MAX_DEPTH).fold(json!({}), |inner, _| json!({"items": inner}));
    assert_eq!(fault(&deep).1, FaultKind::TooDeep);
    let many: Vec<Value> = (0..MAX_SUBSCHEMAS).map(|_| json!({})).collect();
    assert_eq!(fault(&json!({"anyOf": many})).1, FaultKind::TooMany);
    assert_eq!(
        fault(&json!({"title": "x".repeat(MAX_BYTES)})).1,
        FaultKind::TooLong
    );
    assert_eq!(fault(&json!({"properties": {"a": 7}})).1, FaultKind::Malformed);
}

/// Patterns that fit by a rule of the test, each of this weight, and how many steps they were made to take.
struct Tried<F> {
    weight: u64,
    fits: F,
    steps: Cell<u64>,
}

impl<F: Fn(&str, &str) -> bool> Patterns for Tried<F> {
    fn weight(&self, _pattern: &str) -> u64 {
        self.weight
    }

    fn matches(&self, pattern: &str, text: &str) -> bool {
        let steps = self.weight * u64::try_from(text.len()).expect("a length");
        self.steps.set(self.steps.get() + steps);
        (self.fits)(pattern, text)
    }
}

fn tried<F: Fn(&str, &str) -> bool>(weight: u64, fits: F) -> Tried<F> {
    let steps = Cell::default();
    Tried { weight, fits, steps }
}

fn parsed(schema: &Value) -> Document {
    Document::parse(&map(schema)).expect("a schema")
}

fn is_cheap(document: &Document, data: &Value) -> bool {
    Walk::new(document, &tried(1, |_, _| false)).is_cheap(&map(data), MAX_LOOKS)
}

#[test]
fn a_schema_that_multiplies_itself_is_cheap_until_the_data_nest() {
    let tree =
        parsed(&json!({"properties": {"p": {"allOf": [{"$ref": "#"}, {"$ref": "#"}, {"$ref": "#"}]}}}));
    let nested = |levels| (0..levels).fold(json!({}), |inner, _| json!({"p": inner}));
    assert!(is_cheap(&tree, &nested(5)));
    assert!(!is_cheap(&tree, &nested(40)));
    let laughs = (0..30).fold(json!({"$defs": {"l0": {}}}), |mut all, n| {
        let before = json!({"$ref": format!("#/$defs/l{n}")});
        all["$defs"][format!("l{}", n + 1)] = json!({"allOf": [before.clone(), before]});
        all["$ref"] = format!("#/$defs/l{}", n + 1).into();
        all
    });
    assert!(!is_cheap(&parsed(&laughs), &json!({})));
}

#[test]
fn patterns_of_names_take_no_more_steps_than_were_paid_for() {
    let patterns = (0..900).map(|n| {
        (
            format!("p{n}"),
            json!({"urn:zitadel:schema:permission": {"owner": "r"}}),
        )
    });
    let document = parsed(&json!({"patternProperties": patterns.collect::<Map<_, _>>()}));
    let names = (0..2000).map(|n| (format!("{}{n}", "a".repeat(200)), json!(1)));
    let data: Map<String, Value> = names.collect();
    let patterns = tried(100, |_, _| true);
    let walk = Walk::new(&document, &patterns);
    assert!(!walk.is_cheap(&data, MAX_LOOKS));
    assert!(!walk.is_legible(&data, MAX_LOOKS));
    assert!(
        patterns.steps.get() <= 2 * 16 * MAX_LOOKS,
        "{}",
        patterns.steps.get()
    );
}

#[test]
fn a_name_is_tried_once_however_often_it_is_looked_at() {
    let document = parsed(
        &json!({"patternProperties": {"p": {}, "q": {}}, "properties": {"a": {"urn:zitadel:schema:permission": {"owner": "rw"}}}}),
    );
    let patterns = tried(3, |_, _| false);
    let walk = Walk::new(&document, &patterns);
    let data = map(&json!({"name": 1}));
    assert!(walk.is_cheap(&data, MAX_LOOKS) && walk.is_legible(&data, MAX_LOOKS));
    assert_eq!(walk.with_hidden(&data, &data, &[Side::Own]), Ok(data.clone()));
    assert_eq!(walk.unwritable(&data, &Map::new(), &[Side::Own]), None);
    assert_eq!(walk.readable(&data, &[Side::Own]), data);
    assert_eq!(patterns.steps.get(), 2 * 3 * 4);
}

#[test]
fn patterns_of_texts_cost_by_weight_and_length_and_are_not_run_for_it() {
    let patterns: Vec<Value> = (0..100).map(|n| json!({"pattern": n.to_string()})).collect();
    let document = parsed(&json!({"properties": {"a": {"allOf": patterns}}}));
    let patterns = tried(300, |_, _| true);
    let walk = Walk::new(&document, &patterns);
    let cheap = |length: usize| walk.is_cheap(&map(&json!({"a": "a".repeat(length)})), MAX_LOOKS);
    assert!(cheap(30));
    assert!(!cheap(100) && !cheap(100_000));
    let names = parsed(&json!({"propertyNames": {"pattern": "p"}}));
    let walk = Walk::new(&names, &patterns);
    assert!(walk.is_cheap(&map(&json!({"a": 1})), MAX_LOOKS));
    assert!(!walk.is_cheap(&map(&json!({"a".repeat(10_000): 1})), MAX_LOOKS));
    assert_eq!(patterns.steps.get(), 0);
}

#[test]
fn long_lists_of_values_and_whole_values_cost_what_they_are_long() {
    let looks = |rule: Value| {
        let many: Vec<Value> = (0..500).map(|_| rule.clone()).collect();
        parsed(&json!({"properties": {"a": {"allOf": many}}}))
    };
    let unique = looks(json!({"uniqueItems": true}));
    assert!(is_cheap(&unique, &json!({"a": [1, 2, 3]})));
    assert!(!is_cheap(&unique, &json!({"a": vec![0; 10_000]})));
    let options: Vec<String> = (0..5000).map(|n| n.to_string()).collect();
    let one_of_many =
        parsed(&json!({"items": {"enum": options}, "properties": {"l": {"items": {"$ref": "#/items"}}}}));
    assert!(is_cheap(&one_of_many, &json!({"l": ["1", "2"]})));
    assert!(!is_cheap(&one_of_many, &json!({"l": vec!["1"; 1000]})));
    let empty = looks(json!({}));
    assert!(
        !is_cheap(&empty, &json!({"a": vec![0; 10_000]})),
        "each item is asked for by each"
    );
}

#[test]
fn what_asks_for_the_rest_has_the_others_look_again() {
    let chain = |levels: usize, more: Value| {
        let levels = (0..levels).fold(json!({"properties": {"a": {}}}), |inner, _| {
            let mut outer = more.clone();
            outer["allOf"] = json!([inner]);
            outer
        });
        parsed(&levels)
    };
    assert!(is_cheap(&chain(14, json!({})), &json!({"a": 1})));
    assert!(is_cheap(
        &chain(3, json!({"unevaluatedProperties": false})),
        &json!({"a": 1})
    ));
    assert!(!is_cheap(
        &chain(14, json!({"unevaluatedProperties": false})),
        &json!({"a": 1})
    ));
    assert!(!is_cheap(
        &chain(14, json!({"unevaluatedItems": false})),
        &json!({"a": 1})
    ));
}

#[test]
fn schemas_lead_to_each_other_only_so_deep() {
    let chain = (0..300).fold(
        json!({"d300": {"properties": {"p": {"$ref": "#/$defs/d0"}}}}),
        |mut all, n| {
            all[format!("d{n}")] = json!({"$ref": format!("#/$defs/d{}", n + 1)});
            all
        },
    );
    let document = parsed(&json!({"$ref": "#/$defs/d0", "$defs": chain}));
    let nested = |levels| (0..levels).fold(json!({}), |inner, _| json!({"p": inner}));
    assert!(is_cheap(&document, &nested(1)));
    assert!(!is_cheap(&document, &nested(5)));
}

fn person() -> Document {
    let schema = json!({
        "properties": {
            "name": {"type": "string"},
            "salary": {"urn:zitadel:schema:permission": {"owner": "rw"}},
            "level": {"urn:zitadel:schema:permission": {"owner": "rw", "self": "r"}},
            "diary": {"urn:zitadel:schema:permission": {"self": "rw"}},
            "home": {"$ref": "#/$defs/home"},
            "notes": {"items": {"properties": {"secret": {"urn:zitadel:schema:permission": {"owner": "rw"}}}}}
        },
        "$defs": {"home": {"properties": {"a/b": {"urn:zitadel:schema:permission": {"owner": "rw", "self": "r"}}}}}
    });
    Document::parse(&map(&schema)).expect("a schema")
}

fn readable(document: &Document, data: &Value, sides: &[Side]) -> Value {
    let patterns = tried(1, |pattern, name: &str| pattern == "^p" && name.starts_with('p'));
    Value::Object(Walk::new(document, &patterns).readable(&map(data), sides))
}

fn merged(document: &Document, stored: &Value, new: &Value, side: Side) -> Result<Value, String> {
    let patterns = tried(1, |_, _| false);
    let walk = Walk::new(document, &patterns);
    let all = walk.with_hidden(&map(stored), &map(new), &[side])?;
    Ok(Value::Object(all))
}

fn denied(stored: &Value, new: &Value, side: Side) -> Option<String> {
    let (document, patterns) = (person(), tried(1, |_, _| false));
    Walk::new(&document, &patterns).unwritable(&map(stored), &map(new), &[side])
}

#[test]
fn everybody_reads_what_is_theirs_to_read() {
    let data = json!({"name": "Ada", "salary": 1, "level": 2, "diary": "x", "notes": [{"secret": 1, "n": 2}], "free": 3});
    assert_eq!(
        readable(&person(), &data, &[Side::Own]),
        json!({"name": "Ada", "level": 2, "diary": "x", "notes": [{"n": 2}], "free": 3})
    );
    let owner = readable(&person(), &data, &[Side::Owner]);
    assert!(owner.get("diary").is_none() && owner.get("salary").is_some());
    assert_eq!(readable(&person(), &data, &[Side::Owner, Side::Own]), data);
    assert!(readable(&person(), &data, &[]).get("salary").is_none());
}

#[test]
fn what_is_kept_from_a_side_or_from_its_changes_is_withheld() {
    let (document, patterns) = (person(), tried(1, |_, _| false));
    let walk = Walk::new(&document, &patterns);
    let withheld = |data: &Value, side| walk.withholds(&map(data), &[side]);
    for (data, owner, own) in [
        (json!({}), false, false),
        (json!({"name": "Ada", "free": {"a": [1]}}), false, false),
        (json!({"level": 2}), false, true),
        (json!({"salary": 1}), false, true),
        (json!({"diary": {}}), true, false),
        (json!({"notes": [{"n": 1}]}), false, false),
        (json!({"notes": [{"n": 1}, {"secret": 1}]}), false, true),
    ] {
        assert_eq!(withheld(&data, Side::Owner), owner, "{data}");
        assert_eq!(withheld(&data, Side::Own), own, "{data}");
    }
    let whole = parsed(&json!({"urn:zitadel:schema:permission": {"owner": "rw", "self": "w"}}));
    let walk = Walk::new(&whole, &patterns);
    assert!(walk.withholds(&map(&json!({"a": 1})), &[Side::Own]));
    assert!(!walk.withholds(&Map::new(), &[Side::Own]));
}

#[test]
fn only_changes_need_the_right_to_write() {
    let stored = json!({"name": "Ada", "level": 2, "home": {"a/b": 1, "c": 2}});
    let denied = |new: &Value, side| denied(&stored, new, side);
    assert_eq!(
        denied(
            &json!({"name": "Eve", "level": 2, "home": {"a/b": 1, "c": 3}}),
            Side::Own
        ),
        None
    );
    assert_eq!(
        denied(
            &json!({"name": "Ada", "level": 3, "home": {"a/b": 1, "c": 2}}),
            Side::Own
        ),
        Some("/level".into())
    );
    assert_eq!(
        denied(&json!({"name": "Ada", "home": {"a/b": 1, "c": 2}}), Side::Own),
        Some("/level".into())
    );
    assert_eq!(
        denied(&json!({"name": "Ada", "level": 2, "home": {"c": 2}}), Side::Own),
        Some("/home/a~1b".into())
    );
    assert_eq!(
        denied(&json!({"level": 2, "home": 7}), Side::Own),
        Some("/home/a~1b".into())
    );
    assert_eq!(denied(&json!({"diary": "x"}), Side::Owner), Some("/diary".into()));
    assert_eq!(denied(&json!({"salary": 9}), Side::Owner), None);
}

#[test]
fn what_is_not_seen_is_not_removed_by_leaving_it_out() {
    let stored = json!({"name": "Ada", "salary": 1, "level": 2});
    let sent = json!({"name": "Eve", "level": 2});
    let all = json!({"name": "Eve", "salary": 1, "level": 2});
    assert_eq!(merged(&person(), &stored, &sent, Side::Own), Ok(all.clone()));
    assert_eq!(denied(&stored, &all, Side::Own), None);
    assert_eq!(merged(&person(), &stored, &sent, Side::Owner), Ok(sent));
}

#[test]
fn a_list_that_hides_something_stays_where_it_is() {
    let stored = json!({"name": "Ada", "notes": [{"secret": 1, "n": 1}, {"secret": 2, "n": 2}]});
    let own = |new: &Value| merged(&person(), &stored, new, Side::Own);
    let mut shown = readable(&person(), &stored, &[Side::Own]);
    shown["name"] = "Eve".into();
    let renamed = json!({"name": "Eve", "notes": stored["notes"]});
    assert_eq!(own(&shown), Ok(renamed.clone()), "sent back as it was shown");
    assert_eq!(own(&json!({"name": "Eve"})), Ok(renamed), "left out");
    let changed = json!({"name": "Ada", "notes": [{"n": 7}, {"n": 2}]});
    let all = json!({"name": "Ada", "notes": [{"secret": 1, "n": 7}, {"secret": 2, "n": 2}]});
    assert_eq!(own(&changed), Ok(all.clone()), "changed in its place");
    assert_eq!(denied(&stored, &all, Side::Own), None);
    for other in [
        json!([{"n": 1}]),
        json!([{"n": 1}, {"n": 2}, {"n": 3}]),
        json!("none"),
        json!({}),
    ] {
        let new = json!({"name": "Ada", "notes": other});
        assert_eq!(own(&new), Err("/notes".to_owned()), "{new}");
    }
    let seen = json!({"name": "Ada", "notes": [{"secret": 2}]});
    assert_eq!(
        merged(&person(), &stored, &seen, Side::Owner),
        Ok(seen),
        "whoever sees all may do all"
    );
}

#[test]
fn items_and_lists_of_lists_that_are_hidden_stay_as_well() {
    let hidden = json!({"urn:zitadel:schema:permission": {"owner": "rw"}});
    let schema = parsed(&json!({"properties": {
        "pair": {"prefixItems": [hidden]},
        "deep": {"properties": {"rows": {"items": {"items": {"properties": {"h": hidden}}}}}}}}));
    let stored = json!({"pair": [1, 2, 3], "deep": {"rows": [[{"h": 1, "v": 1}], []], "free": 1}});
    let own = |new: &Value| merged(&schema, &stored, new, Side::Own);
    let shown = readable(&schema, &stored, &[Side::Own]);
    assert_eq!(
        shown,
        json!({"pair": [2, 3], "deep": {"rows": [[{"v": 1}], []], "free": 1}})
    );
    assert_eq!(own(&shown), Ok(stored.clone()));
    let kept = json!({"pair": [1, 2, 3], "deep": {"rows": stored["deep"]["rows"]}});
    assert_eq!(
        own(&json!({})),
        Ok(kept),
        "what is seen outside of the lists goes"
    );
    let swapped = json!({"pair": [3, 2], "deep": {"rows": [[{"v": 2}], [4]], "free": 1}});
    let error = own(&swapped).map(|_| ());
    assert_eq!(error, Ok(()), "the list that grew hides nothing");
    let longer = json!({"pair": [2, 3], "deep": {"rows": [[{"v": 1}, {}], []]}});
    assert_eq!(own(&longer), Err("/deep/rows/0".to_owned()));
}

#[test]
fn what_may_be_written_but_not_read_is_replaced_and_never_lost() {
    let blind = json!({"urn:zitadel:schema:permission": {"owner": "rw", "self": "w"}});
    let schema =
        parsed(&json!({"properties": {"codes": blind, "list": {"items": {"properties": {"pin": blind}}}}}));
    let stored = json!({"codes": [1, 2], "list": [{"pin": 1}, {"pin": 2}]});
    let own = |new: &Value| merged(&schema, &stored, new, Side::Own);
    let replaced = json!({"codes": [3], "list": [{"pin": 1}, {"pin": 2}]});
    assert_eq!(own(&json!({"codes": [3]})), Ok(replaced));
    assert_eq!(own(&json!({"list": [{}]})), Err("/list".to_owned()));
}

#[test]
fn what_may_be_neither_read_nor_written_is_not_found_by_guessing() {
    let hidden = json!({"urn:zitadel:schema:permission": {"owner": "rw"}});
    let schema = parsed(
        &json!({"properties": {"score": hidden, "list": hidden, "whole": hidden, "in": {"properties": {"h": hidden}}}}),
    );
    let stored = json!({"score": 7, "list": [1], "whole": {"h": 1}, "in": {"h": true, "open": 1}});
    let own = |new: &Value| merged(&schema, &stored, new, Side::Own);
    let kept = json!({"score": 7, "list": [1], "whole": {"h": 1}, "in": {"h": true, "open": 2}});
    assert_eq!(own(&json!({"in": {"open": 2}})), Ok(kept));
    for (guess, at) in [
        (json!({"score": 7}), "/score"),
        (json!({"score": 8}), "/score"),
        (json!({"list": [1]}), "/list"),
        (json!({"whole": {"h": 1}}), "/whole"),
        (json!({"whole": {"h": 2}}), "/whole"),
        (json!({"whole": {}}), "/whole"),
        (json!({"in": {"h": true}}), "/in/h"),
        (json!({"in": {"h": false}}), "/in/h"),
    ] {
        assert_eq!(own(&guess), Err(at.to_owned()), "{guess}");
    }
    assert_eq!(merged(&schema, &stored, &stored, Side::Owner), Ok(stored.clone()));
}

#[test]
fn data_that_are_hidden_as_a_whole_are_not_found_by_guessing() {
    let schema = parsed(&json!({"urn:zitadel:schema:permission": {"owner": "rw"}}));
    let stored = json!({"h": 1});
    let own = |new: &Value| merged(&schema, &stored, new, Side::Own);
    for guess in [json!({"h": 1}), json!({"h": 2}), json!({"other": 1})] {
        assert_eq!(own(&guess), Err(String::new()), "{guess}");
    }
    assert_eq!(
        own(&json!({})),
        Ok(stored.clone()),
        "what is shown can be sent back"
    );
    assert_eq!(merged(&schema, &stored, &stored, Side::Owner), Ok(stored.clone()));
}

#[test]
fn an_object_that_may_be_written_but_not_read_keeps_what_may_not_be_written_in_it() {
    let blind = json!({"urn:zitadel:schema:permission": {"owner": "rw", "self": "w"},
        "properties": {"h": {"urn:zitadel:schema:permission": {"owner": "rw"}}}});
    let schema = parsed(&json!({"properties": {"in": blind}}));
    let stored = json!({"in": {"h": 1, "n": 1}});
    let own = |new: &Value| merged(&schema, &stored, new, Side::Own);
    assert_eq!(own(&json!({"in": {"n": 2}})), Ok(json!({"in": {"h": 1, "n": 2}})));
    assert_eq!(own(&json!({"in": {"h": 1}})), Err("/in/h".to_owned()));
}

#[test]
fn rights_behind_conditions_and_patterns_always_hold_but_not_behind_not() {
    let keyword = json!({"urn:zitadel:schema:permission": {"owner": "rw"}});
    let schema = json!({
        "if": {"required": ["x"]}, "then": {"properties": {"a": keyword}},
        "not": {"properties": {"b": keyword, "z": false}},
        "patternProperties": {"^p": keyword},
        "additionalProperties": {"urn:zitadel:schema:permission": {"self": "r"}}
    });
    let document = parsed(&schema);
    let data = json!({"a": 1, "b": 2, "p1": 3});
    assert_eq!(readable(&document, &data, &[Side::Own]), json!({"b": 2}));
    assert_eq!(document.patterns().collect::<Vec<_>>(), ["^p"]);
}
