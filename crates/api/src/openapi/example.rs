//! Example values for requests, guessed from the names and types of fields. They show what is usual, not all
//! there is.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use super::node::Node;

/// How deep examples go; filters contain filters.
const DEPTH: usize = 4;

/// An example of a message without the named fields.
pub(super) fn message(message: &MessageDescriptor, without: &[String]) -> Node {
    object(message, without, 0)
}

/// An example of one field.
pub(super) fn field(field: &FieldDescriptor) -> Node {
    value(field, 0)
}

fn object(message: &MessageDescriptor, without: &[String], depth: usize) -> Node {
    match message.full_name() {
        "google.protobuf.Timestamp" => return "2030-01-01T00:00:00Z".into(),
        "google.protobuf.Duration" => return "30s".into(),
        "google.protobuf.Struct" => return Node::map([("name", "Ada".into())]),
        "google.protobuf.Any" => {
            return Node::map([("@type", "type.googleapis.com/zitadel.v1.ErrorDetail".into())]);
        }
        _ => {}
    }
    let shown = message
        .fields()
        .filter(|field| is_usual(field) && is_chosen(field));
    let shown = shown.filter(|field| !without.iter().any(|name| name == field.name()));
    Node::Map(
        shown
            .map(|field| (field.json_name().to_owned(), value(&field, depth + 1)))
            .collect(),
    )
}

/// What most requests hold: not values with a good default, nor names that a first example should not need.
fn is_usual(field: &FieldDescriptor) -> bool {
    let plain = !matches!(field.kind(), Kind::Message(_));
    let optional = field.field_descriptor_proto().proto3_optional();
    let special = [
        "schema_id",
        "authenticators",
        "change_required",
        "is_organization_specific",
        "after_id",
    ];
    !(special.contains(&field.name()) || plain && optional)
}

/// Of alternatives one is shown: a simple filter where there are filters, else the first.
fn is_chosen(field: &FieldDescriptor) -> bool {
    let Some(oneof) = field.containing_oneof().filter(|oneof| !oneof.is_synthetic()) else {
        return true;
    };
    let simple = |name: &str| {
        ["email_", "type_", "user_id_filter"]
            .iter()
            .any(|start| name.starts_with(start))
    };
    let chosen = oneof
        .fields()
        .find(|member| simple(member.name()))
        .or_else(|| oneof.fields().next());
    chosen.is_some_and(|chosen| chosen.number() == field.number())
}

fn value(field: &FieldDescriptor, depth: usize) -> Node {
    let one = match field.kind() {
        Kind::Message(_) if depth > DEPTH => Node::Map(Vec::new()),
        Kind::Message(message) => object(&message, &[], depth),
        Kind::Enum(choice) => {
            let named = choice.get_value(1).unwrap_or_else(|| choice.default_value());
            named.name().into()
        }
        Kind::Bool => true.into(),
        Kind::String => text(field).into(),
        Kind::Bytes => "AAEC".into(),
        Kind::Uint64 | Kind::Int64 => number(field.name()).to_string().into(),
        _ => number(field.name()).into(),
    };
    if field.is_list() { vec![one].into() } else { one }
}

fn number(name: &str) -> u64 {
    if name == "offset" { 0 } else { 20 }
}

fn text(field: &FieldDescriptor) -> &'static str {
    match field.name() {
        "number" | "phone" => "+41791234567",
        "address" | "email" | "recipient" => "ada@example.com",
        "code" | "verification_code" => "123456",
        "url_template" => "https://app.example.com/verify?user={{.UserID}}&code={{.Code}}",
        "success_url" => "https://app.example.com/signed-in",
        "failure_url" => "https://app.example.com/failed",
        "domain" | "org_domain" => "example.com",
        "username" | "user_name" => "ada",
        "password" | "current_password" => "correct horse battery staple",
        "web_auth_n_name" => "Blue key",
        "type" => "employee",
        "idp_intent_token" => "c2VjcmV0",
        "key" => "department",
        name if name == "id" || name == "page_token" || name.ends_with("_id") => "286749137524285441",
        _ => "text",
    }
}
