//! Field setters of the HTTP/JSON form: path variables and query parameters go straight into the typed request,
//! and a body selector fills its one field.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor};

use crate::names::{self, camel, snake};
use crate::{Result, is_ours, methods};

/// The source of all `Fields` implementations.
pub(crate) fn setters(pool: &DescriptorPool) -> Result<String> {
    let mut bodies: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut reach: BTreeMap<String, MessageDescriptor> = BTreeMap::new();
    for method in methods::sorted(pool) {
        let input = method.input();
        let rule = methods::http_rule(pool, &method)?;
        visit(&input, &mut reach);
        if let Some(rule) = rule.filter(|rule| !rule.body.is_empty() && rule.body != "*") {
            bodies
                .entry(input.full_name().to_owned())
                .or_default()
                .insert(rule.body);
        }
    }
    let mut text = String::new();
    for (name, message) in &reach {
        implementation(&mut text, message, bodies.get(name))?;
    }
    Ok(text)
}

/// Collects the messages that a query parameter can reach: those below singular fields.
fn visit(message: &MessageDescriptor, reach: &mut BTreeMap<String, MessageDescriptor>) {
    if !is_ours(message.package_name()) || reach.contains_key(message.full_name()) {
        return;
    }
    reach.insert(message.full_name().to_owned(), message.clone());
    for field in message
        .fields()
        .filter(|field| !field.is_list() && !field.is_map())
    {
        if let Kind::Message(child) = field.kind() {
            visit(&child, reach);
        }
    }
}

fn implementation(
    text: &mut String,
    message: &MessageDescriptor,
    bodies: Option<&BTreeSet<String>>,
) -> Result<()> {
    writeln!(text, "impl crate::rpc::Fields for {} {{", names::message(message))?;
    writeln!(
        text,
        "fn set_field(&mut self, path: &[&str], value: &str) -> Result<(), FieldError> {{"
    )?;
    writeln!(
        text,
        "let Some((name, rest)) = path.split_first() else {{ return field::whole(value); }};\nmatch *name {{"
    )?;
    for field in message.fields() {
        if let Some(setter) = setter(&field) {
            writeln!(text, "{} => {setter},", spellings(&field))?;
        }
    }
    writeln!(text, "_ => {{ let _ = (rest, value); Ok(()) }} }} }}")?;
    if let Some(bodies) = bodies {
        writeln!(
            text,
            "fn set_body(&mut self, field: &str, body: &[u8]) -> Result<(), Misfit> {{\nmatch field {{"
        )?;
        for name in bodies {
            let field = message
                .get_field_by_name(name)
                .ok_or_else(|| format!("no field {name}"))?;
            writeln!(text, "{name:?} => {{ {} }}", body(&field)?)?;
        }
        writeln!(text, "_ => {{}} }}\nOk(()) }}")?;
    }
    writeln!(text, "}}")?;
    Ok(())
}

fn spellings(field: &FieldDescriptor) -> String {
    if field.name() == field.json_name() {
        format!("{:?}", field.name())
    } else {
        format!("{:?} | {:?}", field.name(), field.json_name())
    }
}

fn parser(kind: &Kind) -> Option<String> {
    Some(match kind {
        Kind::String => "field::string".to_owned(),
        Kind::Bool => "field::boolean".to_owned(),
        Kind::Bytes => "field::bytes".to_owned(),
        Kind::Enum(item) => format!("field::enumeration::<{}>", names::enumeration(item)),
        Kind::Message(message) => match message.full_name() {
            "google.protobuf.Timestamp" | "google.protobuf.Duration" => "field::well_known".to_owned(),
            _ => return None,
        },
        _ => "field::number".to_owned(),
    })
}

fn setter(field: &FieldDescriptor) -> Option<String> {
    let rust = snake(field.name());
    let kind = field.kind();
    if field.is_map() {
        return None;
    }
    let parse = parser(&kind);
    if field.is_list() {
        return parse.map(|parse| {
            format!("field::leaf(name, rest, value, {parse}).map(|value| self.{rust}.push(value))")
        });
    }
    if let Some(oneof) = names::real_oneof(field) {
        let (slot, path, variant) = (snake(oneof.name()), names::oneof(&oneof), camel(field.name()));
        return match (parse, &kind) {
            (Some(parse), _) => Some(format!(
                "field::leaf(name, rest, value, {parse}).map(|value| self.{slot} = Some({path}::{variant}(value)))"
            )),
            (None, Kind::Message(message)) if is_ours(message.package_name()) => Some(format!(
                "{{ if !matches!(self.{slot}, Some({path}::{variant}(_))) {{ self.{slot} = Some({path}::{variant}(Default::default())); }}\n\
                 match &mut self.{slot} {{ Some({path}::{variant}(inner)) => inner.set_field(rest, value), _ => Ok(()) }} }}"
            )),
            _ => None,
        };
    }
    match (parse, &kind) {
        (Some(parse), Kind::Message(_)) => Some(format!(
            "field::leaf(name, rest, value, {parse}).map(|value| self.{rust} = Some(value))"
        )),
        (Some(parse), _) if field.supports_presence() => Some(format!(
            "field::leaf(name, rest, value, {parse}).map(|value| self.{rust} = Some(value))"
        )),
        (Some(parse), _) => Some(format!(
            "field::leaf(name, rest, value, {parse}).map(|value| self.{rust} = value)"
        )),
        (None, Kind::Message(message)) if is_ours(message.package_name()) => Some(format!(
            "self.{rust}.get_or_insert_default().set_field(rest, value)"
        )),
        _ => None,
    }
}

fn body(field: &FieldDescriptor) -> Result<String> {
    let rust = snake(field.name());
    if names::real_oneof(field).is_some() || field.is_map() {
        return Err(format!("{}: unsupported body selector", field.full_name()).into());
    }
    let kind = field.kind();
    Ok(match kind {
        Kind::Message(_) if field.is_list() => format!("self.{rust} = field::items(body)?;"),
        Kind::Message(_) => format!("self.{rust} = field::message(body)?;"),
        Kind::String if !field.is_list() && !field.supports_presence() => {
            format!(
                "self.{rust} = field::text(body, {:?}, {:?})?;",
                field.name(),
                field.json_name()
            )
        }
        _ => return Err(format!("{}: unsupported body selector", field.full_name()).into()),
    })
}
