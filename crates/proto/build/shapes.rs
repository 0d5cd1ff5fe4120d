//! What a protobuf scanner must know to count the values of a request without building them: which fields are messages.

use std::collections::BTreeMap;
use std::fmt::Write;

use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};

use crate::{Result, methods};

/// The source of `SHAPES` and the tables it points to.
pub(crate) fn tables(pool: &DescriptorPool) -> Result<String> {
    let mut reach = BTreeMap::new();
    for method in methods::sorted(pool) {
        visit(&method.input(), &mut reach);
    }
    let mut text = String::new();
    for message in reach.values() {
        let mut parts = String::new();
        for field in message.fields() {
            if let Some(part) = part(&field) {
                write!(parts, "({}, {part}), ", field.number())?;
            }
        }
        writeln!(text, "static {}: Shape = Shape(&[{parts}]);", name(message))?;
    }
    text.push_str("/// The shape of every message that a request can hold, sorted by full name.\n");
    text.push_str("static SHAPES: &[(&str, &Shape)] = &[\n");
    for (full_name, message) in &reach {
        writeln!(text, "({full_name:?}, &{}),", name(message))?;
    }
    text.push_str("];\n");
    Ok(text)
}

fn visit(message: &MessageDescriptor, reach: &mut BTreeMap<String, MessageDescriptor>) {
    if reach
        .insert(message.full_name().to_owned(), message.clone())
        .is_some()
    {
        return;
    }
    for field in message.fields() {
        if let Kind::Message(child) = field.kind() {
            visit(&child, reach);
        }
    }
}

fn part(field: &FieldDescriptor) -> Option<String> {
    match field.kind() {
        Kind::Message(child) => Some(format!("Part::Message(&{})", name(&child))),
        Kind::String | Kind::Bytes => None,
        _ if field.is_list() => Some("Part::Packed".to_owned()),
        _ => None,
    }
}

fn name(message: &MessageDescriptor) -> String {
    message.full_name().replace('.', "_").to_uppercase()
}
