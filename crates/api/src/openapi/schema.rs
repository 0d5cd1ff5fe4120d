//! Messages and enums as JSON schemas, by the proto3 JSON mapping: camelCase names, 64-bit numbers as strings,
//! enums by name, times as RFC 3339.

use std::collections::HashSet;

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, OneofDescriptor};

use super::contract::{Contract, Limits};
use super::node::Node;

/// The schemas of the document. What is referred to is collected, and described at the end.
pub(super) struct Schemas<'a> {
    contract: &'a Contract,
    done: Vec<(String, Node)>,
    seen: HashSet<String>,
    messages: Vec<MessageDescriptor>,
    enums: Vec<EnumDescriptor>,
}

impl<'a> Schemas<'a> {
    pub(super) fn new(contract: &'a Contract) -> Self {
        Self {
            contract,
            done: Vec::new(),
            seen: HashSet::new(),
            messages: Vec::new(),
            enums: Vec::new(),
        }
    }

    /// A reference to a message, or what stands for it in JSON.
    pub(super) fn message(&mut self, message: &MessageDescriptor) -> Node {
        if let Some(known) = well_known(message.full_name()) {
            return known;
        }
        if self.seen.insert(message.full_name().to_owned()) {
            self.messages.push(message.clone());
        }
        reference(message.full_name())
    }

    /// The body of a request without the fields that are in the path.
    pub(super) fn body(&mut self, message: &MessageDescriptor, in_path: &[String]) -> Node {
        if self.seen.insert(message.full_name().to_owned()) {
            let schema = self.object(message, in_path);
            self.done.push((message.full_name().to_owned(), schema));
        }
        reference(message.full_name())
    }

    /// A field with its limits and its comment.
    pub(super) fn field(&mut self, field: &FieldDescriptor) -> Node {
        let limits = self.contract.limits(field);
        let schema = if field.is_list() {
            let items = self.value(&field.kind(), &limits.items());
            let mut schema = Node::map([("type", "array".into()), ("items", items)]);
            for (limit, key) in [("min_items", "minItems"), ("max_items", "maxItems")] {
                if let Some(number) = limits.number("repeated", limit) {
                    schema = schema.with(key, number);
                }
            }
            if limits.flag("repeated", "unique") {
                schema.with("uniqueItems", true)
            } else {
                schema
            }
        } else {
            self.value(&field.kind(), &limits)
        };
        schema.with_text("description", self.contract.of_field(field))
    }

    fn value(&mut self, kind: &Kind, limits: &Limits) -> Node {
        match kind {
            Kind::String => text(limits),
            Kind::Bytes => typed("string").with("contentEncoding", "base64"),
            Kind::Bool if limits.flag("bool", "const") => typed("boolean").with("const", true),
            Kind::Bool => typed("boolean"),
            Kind::Uint32 | Kind::Fixed32 => {
                let most = limits.number("uint32", "lte").unwrap_or(u64::from(u32::MAX));
                let schema = typed("integer").with("minimum", limits.number("uint32", "gte").unwrap_or(0));
                schema.with("maximum", most)
            }
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => typed("integer").with("format", "int32"),
            Kind::Uint64 | Kind::Fixed64 => typed("string")
                .with("pattern", "^[0-9]+$")
                .with("format", "uint64"),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => typed("string")
                .with("pattern", "^-?[0-9]+$")
                .with("format", "int64"),
            Kind::Float | Kind::Double => typed("number"),
            Kind::Enum(choice) => self.choice(choice, limits),
            Kind::Message(message) => self.message(message),
        }
    }

    fn choice(&mut self, choice: &EnumDescriptor, limits: &Limits) -> Node {
        let refused = limits.refused();
        if !refused.is_empty() {
            let allowed = choice.values().filter(|value| !refused.contains(&value.number()));
            return typed("string").with(
                "enum",
                allowed.map(|value| value.name().into()).collect::<Vec<Node>>(),
            );
        }
        if self.seen.insert(choice.full_name().to_owned()) {
            self.enums.push(choice.clone());
        }
        reference(choice.full_name())
    }

    /// Describes everything that was referred to, in alphabetical order.
    pub(super) fn finish(mut self) -> Node {
        loop {
            if let Some(message) = self.messages.pop() {
                let schema = self.object(&message, &[]);
                self.done.push((message.full_name().to_owned(), schema));
            } else if let Some(choice) = self.enums.pop() {
                let schema = self.names(&choice);
                self.done.push((choice.full_name().to_owned(), schema));
            } else {
                break;
            }
        }
        self.done.sort_by(|left, right| left.0.cmp(&right.0));
        Node::Map(self.done)
    }

    fn object(&mut self, message: &MessageDescriptor, without: &[String]) -> Node {
        let fields: Vec<_> = message
            .fields()
            .filter(|field| !without.iter().any(|name| name == field.name()))
            .collect();
        let properties = fields
            .iter()
            .map(|field| (field.json_name().to_owned(), self.field(field)))
            .collect();
        let required: Vec<Node> = fields
            .iter()
            .filter(|field| self.contract.is_required(field))
            .map(|field| field.json_name().into())
            .collect();
        let schema = typed("object").with_text("description", &self.describe(message));
        let schema = schema.with("properties", Node::Map(properties));
        if required.is_empty() {
            schema
        } else {
            schema.with("required", required)
        }
    }

    fn describe(&self, message: &MessageDescriptor) -> String {
        let mut text = self.contract.of_message(message).to_owned();
        for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
            text.push_str("\n\n");
            text.push_str(&self.alternatives(&oneof));
        }
        text
    }

    fn alternatives(&self, oneof: &OneofDescriptor) -> String {
        let names: Vec<String> = oneof
            .fields()
            .map(|field| format!("`{}`", field.json_name()))
            .collect();
        let amount = if self.contract.must_choose(oneof) {
            "Exactly"
        } else {
            "At most"
        };
        format!(
            "{amount} one of {}. {}",
            names.join(", "),
            self.contract.of_oneof(oneof)
        )
    }

    fn names(&self, choice: &EnumDescriptor) -> Node {
        let mut text = self.contract.of_enum(choice).to_owned() + "\n";
        for value in choice.values() {
            let line = format!(
                "\n- `{}`: {}",
                value.name(),
                self.contract.of_value(choice, &value)
            );
            text.push_str(&line);
        }
        let names: Vec<Node> = choice.values().map(|value| value.name().into()).collect();
        typed("string").with("description", text).with("enum", names)
    }
}

fn text(limits: &Limits) -> Node {
    let mut schema = typed("string");
    let empty_passes = limits.flag("string", "ignore_empty");
    if let Some(least) = limits
        .number("string", "min_len")
        .filter(|least| *least > 0 && !empty_passes)
    {
        schema = schema.with("minLength", least);
    }
    if let Some(most) = limits.number("string", "max_len") {
        schema = schema.with("maxLength", most);
    }
    if let Some(prefix) = limits.text("string", "prefix") {
        let escaped: Vec<String> = prefix.chars().map(literal).collect();
        let escaped = escaped.concat();
        schema = schema.with("pattern", format!("^{escaped}"));
    }
    if limits.flag("string", "email") {
        schema = schema.with("format", "email");
    }
    if limits.flag("string", "uri_ref") {
        schema = schema.with("format", "uri-reference");
    }
    schema
}

/// A letter as a regular expression that matches just it.
fn literal(letter: char) -> String {
    match letter {
        letter if letter.is_alphanumeric() => letter.to_string(),
        '^' | ']' | '\\' | '-' => format!("\\{letter}"),
        other => format!("[{other}]"),
    }
}

/// What stands for the well-known types in JSON.
fn well_known(name: &str) -> Option<Node> {
    Some(match name {
        "google.protobuf.Timestamp" => typed("string").with("format", "date-time"),
        "google.protobuf.Duration" => typed("string").with("pattern", "^-?[0-9]+(\\.[0-9]{1,9})?s$"),
        "google.protobuf.Struct" => typed("object").with("additionalProperties", true),
        "google.protobuf.Any" => {
            let properties = Node::map([(
                "@type",
                typed("string").with("description", "Type of the detail."),
            )]);
            let schema = typed("object").with("properties", properties);
            schema
                .with("required", vec!["@type".into()])
                .with("additionalProperties", true)
        }
        _ => return None,
    })
}

fn typed(name: &str) -> Node {
    Node::map([("type", name.into())])
}

fn reference(name: &str) -> Node {
    Node::map([("$ref", format!("#/components/schemas/{name}").into())])
}
