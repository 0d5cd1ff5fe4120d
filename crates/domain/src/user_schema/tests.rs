//! What a schema accepts and refuses, and what its permission keyword allows.

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

const NEVER: Matches<'static> = &|_, _| false;

#[test]
fn a_schema_that_multiplies_itself_is_cheap_until_the_data_nest() {
    let tree = json!({"properties": {"p": {"allOf": [{"$ref": "#"}, {"$ref": "#"}, {"$ref": "#"}]}}});
    let document = Document::parse(&map(&tree)).expect("a schema");
    let nested = |levels| (0..levels).fold(json!({}), |inner, _| json!({"p": inner}));
    assert!(document.is_cheap(&map(&nested(5)), NEVER));
    assert!(!document.is_cheap(&map(&nested(40)), NEVER));
    let laughs = (0..30).fold(json!({"$defs": {"l0": {}}}), |mut all, n| {
        let before = json!({"$ref": format!("#/$defs/l{n}")});
        all["$defs"][format!("l{}", n + 1)] = json!({"allOf": [before.clone(), before]});
        all["$ref"] = format!("#/$defs/l{}", n + 1).into();
        all
    });
    assert!(
        !Document::parse(&map(&laughs))
            .expect("a schema")
            .is_cheap(&Map::new(), NEVER)
    );
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

#[test]
fn everybody_reads_what_is_theirs_to_read() {
    let data = map(
        &json!({"name": "Ada", "salary": 1, "level": 2, "diary": "x", "notes": [{"secret": 1, "n": 2}], "free": 3}),
    );
    let own = person().readable(&data, &[Side::Own], NEVER);
    assert_eq!(
        Value::Object(own),
        json!({"name": "Ada", "level": 2, "diary": "x", "notes": [{"n": 2}], "free": 3})
    );
    let owner = person().readable(&data, &[Side::Owner], NEVER);
    assert!(!owner.contains_key("diary") && owner.contains_key("salary"));
    assert_eq!(person().readable(&data, &[Side::Owner, Side::Own], NEVER), data);
    assert!(person().readable(&data, &[], NEVER).get("salary").is_none());
}

#[test]
fn only_changes_need_the_right_to_write() {
    let stored = map(&json!({"name": "Ada", "level": 2, "home": {"a/b": 1, "c": 2}}));
    let denied = |new: &Value, side| person().unwritable(&stored, &map(new), &[side], NEVER);
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
    let stored = map(&json!({"name": "Ada", "salary": 1, "level": 2}));
    let sent = map(&json!({"name": "Eve", "level": 2}));
    let merged = person().with_hidden(&stored, &sent, &[Side::Own], NEVER);
    assert_eq!(
        Value::Object(merged.clone()),
        json!({"name": "Eve", "salary": 1, "level": 2})
    );
    assert_eq!(person().unwritable(&stored, &merged, &[Side::Own], NEVER), None);
    assert_eq!(person().with_hidden(&stored, &sent, &[Side::Owner], NEVER), sent);
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
    let document = Document::parse(&map(&schema)).expect("a schema");
    let matches: Matches<'_> = &|pattern, name| pattern == "^p" && name.starts_with('p');
    let data = map(&json!({"a": 1, "b": 2, "p1": 3}));
    let own = document.readable(&data, &[Side::Own], matches);
    assert_eq!(Value::Object(own), json!({"b": 2}));
    assert_eq!(document.patterns().collect::<Vec<_>>(), ["^p"]);
}
