//! The names that the generators give to things: Rust paths as prost makes them, Go names as validation messages
//! show them, JSON names as the mapping reads them.

use heck::{ToSnakeCase, ToUpperCamelCase};
use prost_reflect::{EnumDescriptor, FieldDescriptor, MessageDescriptor, OneofDescriptor};

const KEYWORDS: [&str; 40] = [
    "as", "break", "const", "continue", "else", "enum", "false", "fn", "for", "if", "impl", "in", "let",
    "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "static", "struct", "trait", "true",
    "type", "unsafe", "use", "where", "while", "dyn", "abstract", "box", "do", "final", "macro", "override",
    "async", "await", "try",
];

fn escape(name: String) -> String {
    if KEYWORDS.contains(&name.as_str()) {
        format!("r#{name}")
    } else {
        name
    }
}

/// `web_auth_n_id`, as prost names a field, method or module.
pub(crate) fn snake(name: &str) -> String {
    escape(name.to_snake_case())
}

/// `SetPhone`, as prost names a type or variant.
pub(crate) fn camel(name: &str) -> String {
    escape(name.to_upper_camel_case())
}

/// The module that holds the package and, for nested types, the parent messages.
fn module(package: &str, parent: Option<MessageDescriptor>) -> String {
    let mut path = String::from("crate::generated");
    for part in package.split('.').filter(|part| !part.is_empty()) {
        path.push_str("::");
        path.push_str(&snake(part));
    }
    let mut parents = Vec::new();
    let mut next = parent;
    while let Some(message) = next {
        parents.push(snake(message.name()));
        next = message.parent_message();
    }
    for part in parents.iter().rev() {
        path.push_str("::");
        path.push_str(part);
    }
    path
}

/// The absolute Rust path of a message.
pub(crate) fn message(message: &MessageDescriptor) -> String {
    if message.package_name() == "google.protobuf" {
        return format!("crate::wkt::{}", camel(message.name()));
    }
    format!(
        "{}::{}",
        module(message.package_name(), message.parent_message()),
        camel(message.name())
    )
}

/// The absolute Rust path of an enumeration.
pub(crate) fn enumeration(item: &EnumDescriptor) -> String {
    if item.package_name() == "google.protobuf" {
        return format!("crate::wkt::{}", camel(item.name()));
    }
    format!(
        "{}::{}",
        module(item.package_name(), item.parent_message()),
        camel(item.name())
    )
}

/// The absolute Rust path of the enum that prost makes of a oneof.
pub(crate) fn oneof(item: &OneofDescriptor) -> String {
    let parent = item.parent_message();
    let name = camel(item.name());
    let clash = parent.child_messages().any(|child| camel(child.name()) == name)
        || parent.child_enums().any(|child| camel(child.name()) == name);
    let suffix = if clash { "OneOf" } else { "" };
    format!(
        "{}::{name}{suffix}",
        module(parent.package_name(), Some(parent.clone()))
    )
}

/// The real (not synthetic) oneof of a field.
pub(crate) fn real_oneof(field: &FieldDescriptor) -> Option<OneofDescriptor> {
    field.containing_oneof().filter(|oneof| !oneof.is_synthetic())
}

/// The message name in a validation text: nested names are joined by `_`.
pub(crate) fn go_message(item: &MessageDescriptor) -> String {
    match item.parent_message() {
        Some(parent) => format!("{}_{}", go_message(&parent), go_camel(item.name())),
        None => go_camel(item.name()),
    }
}

/// The field name in a validation text: an underscore before a small letter goes, and the letter grows.
pub(crate) fn go_camel(name: &str) -> String {
    let bytes: Vec<char> = name.chars().collect();
    let mut out = String::with_capacity(name.len());
    for (index, &letter) in bytes.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| bytes.get(before));
        let next_is_small = bytes.get(index + 1).is_some_and(char::is_ascii_lowercase);
        if letter == '_' && index > 0 && next_is_small {
            continue;
        }
        let starts_word = before.is_none_or(|before| *before == '_' || before.is_ascii_digit());
        if starts_word && letter.is_ascii_lowercase() {
            out.push(letter.to_ascii_uppercase());
        } else {
            out.push(letter);
        }
    }
    out
}
