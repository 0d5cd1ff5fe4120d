//! Validators from the `validate.rules` options: one `Validate` implementation per message that a request can hold.
//!
//! A rule that this generator does not know is an error of the build, so that no limit is silently dropped.

use std::collections::BTreeMap;
use std::fmt::Write;

use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, OneofDescriptor, Value,
};

use crate::names::{self, camel, go_camel, go_message, snake};
use crate::{Result, is_ours, methods};

/// The source of all `Validate` implementations.
pub(crate) fn validators(pool: &DescriptorPool) -> Result<String> {
    let mut reach = BTreeMap::new();
    for method in methods::sorted(pool) {
        visit(&method.input(), &mut reach);
    }
    let mut text = String::new();
    for message in reach.values() {
        implementation(&mut text, pool, message)?;
    }
    Ok(text)
}

fn visit(message: &MessageDescriptor, reach: &mut BTreeMap<String, MessageDescriptor>) {
    if !is_ours(message.package_name()) || reach.contains_key(message.full_name()) || message.is_map_entry() {
        return;
    }
    reach.insert(message.full_name().to_owned(), message.clone());
    for field in message.fields() {
        if let Kind::Message(child) = field.kind() {
            visit(&child, reach);
        }
    }
}

fn implementation(text: &mut String, pool: &DescriptorPool, message: &MessageDescriptor) -> Result<()> {
    let mut body = String::new();
    for field in message
        .fields()
        .filter(|field| field.containing_oneof().is_none())
    {
        plain(&mut body, pool, &field)?;
    }
    for oneof in message.oneofs().filter(|oneof| !oneof.is_synthetic()) {
        choice(&mut body, pool, &oneof)?;
    }
    for field in message.fields() {
        if field.containing_oneof().is_some_and(|oneof| oneof.is_synthetic()) {
            plain(&mut body, pool, &field)?;
        }
    }
    writeln!(
        text,
        "impl Validate for {} {{\nfn validate(&self) -> Result<(), Invalid> {{\nconst M: &str = {:?};\nlet _ = M;\n{body}Ok(())\n}}\n}}",
        names::message(message),
        go_message(message)
    )?;
    Ok(())
}

/// A field outside of real oneofs: checked by itself, or only when set if it has presence.
fn plain(text: &mut String, pool: &DescriptorPool, field: &FieldDescriptor) -> Result<()> {
    let rules = field_rules(pool, field);
    let (rust, go) = (snake(field.name()), format!("{:?}", go_camel(field.name())));
    if field.is_list() {
        return list(text, field, rules.as_ref(), &rust, &go);
    }
    if field.is_map() {
        return if rules.is_some() {
            Err(format!("{}: rules of maps", field.full_name()).into())
        } else {
            Ok(())
        };
    }
    let required = required(rules.as_ref())?;
    if required {
        writeln!(
            text,
            "if self.{rust}.is_none() {{ return Err(Invalid::required(M, {go})); }}"
        )?;
    }
    if field.supports_presence() {
        let checks = value(field, rules.as_ref(), &go, "value")?;
        if !checks.is_empty() {
            writeln!(text, "if let Some(value) = &self.{rust} {{ {checks} }}")?;
        }
    } else {
        let checks = value(field, rules.as_ref(), &go, "value")?;
        if !checks.is_empty() {
            writeln!(text, "{{ let value = &self.{rust}; {checks} }}")?;
        }
    }
    Ok(())
}

fn choice(text: &mut String, pool: &DescriptorPool, oneof: &OneofDescriptor) -> Result<()> {
    let (rust, path) = (snake(oneof.name()), names::oneof(oneof));
    let mut arms = String::new();
    for field in oneof.fields() {
        let rules = field_rules(pool, &field);
        required(rules.as_ref())?;
        let checks = value(
            &field,
            rules.as_ref(),
            &format!("{:?}", go_camel(field.name())),
            "value",
        )?;
        if !checks.is_empty() {
            writeln!(
                arms,
                "Some({path}::{}(value)) => {{ {checks} }}",
                camel(field.name())
            )?;
        }
    }
    if oneof_required(pool, oneof) {
        writeln!(
            text,
            "if self.{rust}.is_none() {{ return Err(Invalid::required(M, {:?})); }}",
            go_camel(oneof.name())
        )?;
    }
    if !arms.is_empty() {
        writeln!(text, "match &self.{rust} {{\n{arms}_ => {{}}\n}}")?;
    }
    Ok(())
}

fn list(
    text: &mut String,
    field: &FieldDescriptor,
    rules: Option<&DynamicMessage>,
    rust: &str,
    go: &str,
) -> Result<()> {
    let mut items = None;
    if let Some((kind, rules)) = kind_rules(rules)? {
        if kind != "repeated" {
            return Err(format!("{}: {kind} rules on a list", field.full_name()).into());
        }
        known(&rules, &["min_items", "max_items", "unique", "items"])?;
        let (min, max) = (unsigned(&rules, "min_items"), unsigned(&rules, "max_items"));
        let unique = boolean(&rules, "unique");
        writeln!(
            text,
            "check::items(self.{rust}.len(), {min:?}, {max:?}).map_err(|reason| Invalid::new(M, {go}, reason))?;"
        )?;
        if unique {
            writeln!(
                text,
                "check::unique(&self.{rust}).map_err(|reason| Invalid::new(M, {go}, reason))?;"
            )?;
        }
        items = message(&rules, "items");
    }
    let go = go.trim_matches('"');
    let checks = value(
        field,
        items.as_ref(),
        &format!("format!(\"{go}[{{index}}]\")"),
        "value",
    )?;
    if !checks.is_empty() {
        writeln!(
            text,
            "for (index, value) in self.{rust}.iter().enumerate() {{ {checks} }}"
        )?;
    }
    Ok(())
}

/// The checks of one value behind the reference `place`.
fn value(field: &FieldDescriptor, rules: Option<&DynamicMessage>, go: &str, place: &str) -> Result<String> {
    if let Kind::Message(child) = field.kind()
        && is_ours(child.package_name())
    {
        if let Some((kind, _)) = kind_rules(rules)? {
            return Err(format!("{}: {kind} rules on a message", field.full_name()).into());
        }
        return Ok(format!(
            "{place}.validate().map_err(|cause| Invalid::nested(M, {go}, &cause))?;"
        ));
    }
    let kinds = kind_rules(rules)?;
    if let Some(check) = always_checked(field) {
        if let Some((_, rules)) = kinds {
            known(&rules, &["required"])?;
        }
        return Ok(format!(
            "check::{check}({place}).map_err(|reason| Invalid::new(M, {go}, reason))?;"
        ));
    }
    let Some((kind, rules)) = kinds else {
        return Ok(String::new());
    };
    let check = match kind.as_str() {
        "string" => text_rules(&rules, place)?,
        "bytes" => {
            known(&rules, &["min_len", "max_len"])?;
            format!(
                "check::bytes({place}.len(), {:?}, {:?})",
                unsigned(&rules, "min_len"),
                unsigned(&rules, "max_len")
            )
        }
        "uint32" | "uint64" => {
            known(&rules, &["gt", "gte", "lte"])?;
            let (gt, gte, lte) = (
                unsigned(&rules, "gt"),
                unsigned(&rules, "gte"),
                unsigned(&rules, "lte"),
            );
            format!("check::number(u64::from(*{place}), {gt:?}, {gte:?}, {lte:?})")
        }
        "bool" => {
            known(&rules, &["const"])?;
            format!("check::constant(*{place}, {})", boolean(&rules, "const"))
        }
        "enum" => enum_rules(field, &rules, place)?,
        "duration" => {
            known(&rules, &["required", "gte", "lte"])?;
            format!(
                "check::span({place}, {:?}, {:?})",
                span(&rules, "gte"),
                span(&rules, "lte")
            )
        }
        other => return Err(format!("{}: unknown rules {other}", field.full_name()).into()),
    };
    Ok(format!(
        "{check}.map_err(|reason| Invalid::new(M, {go}, reason))?;"
    ))
}

/// The check of what messages can hold and JSON cannot, with or without rules.
fn always_checked(field: &FieldDescriptor) -> Option<&'static str> {
    let Kind::Message(child) = field.kind() else {
        return None;
    };
    match child.full_name() {
        "google.protobuf.Timestamp" => Some("time"),
        "google.protobuf.Struct" => Some("object"),
        _ => None,
    }
}

fn text_rules(rules: &DynamicMessage, place: &str) -> Result<String> {
    known(
        rules,
        &[
            "const",
            "min_len",
            "max_len",
            "max_bytes",
            "prefix",
            "len",
            "email",
            "uri_ref",
            "ignore_empty",
        ],
    )?;
    let text = |name: &str| {
        rules
            .has_field_by_name(name)
            .then(|| rules.get_field_by_name(name))
            .flatten()
            .and_then(|value| value.as_str().map(str::to_owned))
    };
    Ok(format!(
        "check::Text {{ constant: {:?}, len: {:?}, min: {:?}, max: {:?}, max_bytes: {:?}, prefix: {:?}, email: {}, uri_ref: {}, ignore_empty: {} }}.check({place})",
        text("const"),
        unsigned(rules, "len"),
        unsigned(rules, "min_len"),
        unsigned(rules, "max_len"),
        unsigned(rules, "max_bytes"),
        text("prefix"),
        boolean(rules, "email"),
        boolean(rules, "uri_ref"),
        boolean(rules, "ignore_empty"),
    ))
}

fn enum_rules(field: &FieldDescriptor, rules: &DynamicMessage, place: &str) -> Result<String> {
    known(rules, &["defined_only", "not_in"])?;
    let Kind::Enum(item) = field.kind() else {
        return Err(format!("{}: enum rules on another type", field.full_name()).into());
    };
    let not_in: Vec<i32> = match rules.get_field_by_name("not_in").as_deref() {
        Some(Value::List(values)) => values.iter().filter_map(Value::as_i32).collect(),
        _ => Vec::new(),
    };
    let defined = if boolean(rules, "defined_only") {
        format!("{}::is_valid(*{place})", names::enumeration(&item))
    } else {
        "true".to_owned()
    };
    Ok(format!("check::choice(*{place}, {defined}, &{not_in:?})"))
}

fn field_rules(pool: &DescriptorPool, field: &FieldDescriptor) -> Option<DynamicMessage> {
    let extension = pool.get_extension_by_name("validate.rules")?;
    let options = field.options();
    options
        .has_extension(&extension)
        .then(|| options.get_extension(&extension).as_message().cloned())
        .flatten()
}

fn oneof_required(pool: &DescriptorPool, oneof: &OneofDescriptor) -> bool {
    let Some(extension) = pool.get_extension_by_name("validate.required") else {
        return false;
    };
    let options = oneof.options();
    options.has_extension(&extension) && options.get_extension(&extension).as_bool() == Some(true)
}

/// Whether the field must be set: `message`, `duration` and `timestamp` rules can say so.
fn required(rules: Option<&DynamicMessage>) -> Result<bool> {
    let Some(rules) = rules else { return Ok(false) };
    if let Some(rules) = message(rules, "message") {
        known(&rules, &["required"])?;
        if boolean(&rules, "required") {
            return Ok(true);
        }
    }
    Ok(["duration", "timestamp"]
        .iter()
        .filter_map(|kind| message(rules, kind))
        .any(|rules| boolean(&rules, "required")))
}

/// The type-specific rules of a field, if it has any.
fn kind_rules(rules: Option<&DynamicMessage>) -> Result<Option<(String, DynamicMessage)>> {
    let Some(rules) = rules else { return Ok(None) };
    for (field, value) in rules.fields() {
        if field.name() != "message" {
            let inner = value.as_message().ok_or("rules are messages")?;
            return Ok(Some((field.name().to_owned(), inner.clone())));
        }
    }
    Ok(None)
}

fn known(rules: &DynamicMessage, names: &[&str]) -> Result<()> {
    match rules.fields().find(|(field, _)| !names.contains(&field.name())) {
        Some((field, _)) => Err(format!("unknown rule {}", field.full_name()).into()),
        None => Ok(()),
    }
}

fn message(from: &DynamicMessage, name: &str) -> Option<DynamicMessage> {
    from.has_field_by_name(name)
        .then(|| from.get_field_by_name(name)?.as_message().cloned())
        .flatten()
}

fn boolean(from: &DynamicMessage, name: &str) -> bool {
    from.get_field_by_name(name).and_then(|value| value.as_bool()) == Some(true)
}

fn unsigned(from: &DynamicMessage, name: &str) -> Option<u64> {
    if !from.has_field_by_name(name) {
        return None;
    }
    let value = from.get_field_by_name(name)?;
    value.as_u64().or_else(|| value.as_u32().map(u64::from))
}

/// Whole seconds of a duration limit.
fn span(from: &DynamicMessage, name: &str) -> Option<i64> {
    let limit = message(from, name)?;
    limit.get_field_by_name("seconds")?.as_i64()
}
