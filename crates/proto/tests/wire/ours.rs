//! Says the same about our descriptors as a fact table says, in the same words.

use prost_reflect::{Cardinality, Kind, ReflectMessage, Value};
use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumDescriptor, FieldDescriptor, MessageDescriptor, MethodDescriptor,
};

use super::Facts;

/// The tables write the paths of these packages without the prefix under which they are served.
const PREFIXES: [(&str, &str); 2] = [("zitadel.auth.v1", "/auth/v1"), ("zitadel.admin.v1", "/admin/v1")];

/// All statements about one package.
pub(crate) fn facts(pool: &DescriptorPool, package: &str) -> Facts {
    let mut facts = Facts {
        package: package.to_owned(),
        ..Facts::default()
    };
    for file in pool.files().filter(|file| file.package_name() == package) {
        facts.files.insert(file.name().to_owned());
        file.messages().for_each(|found| message(&mut facts, &found));
        file.enums().for_each(|found| choice(&mut facts, &found));
        for method in file
            .services()
            .flat_map(|service| service.methods().collect::<Vec<_>>())
        {
            rpc(&mut facts, &method);
        }
        for extension in file.extensions() {
            let target = extension.containing_message().full_name().to_owned();
            let kind = type_name(&extension.kind(), package);
            let line = format!(
                "extend {target} {} {kind} {}",
                extension.number(),
                extension.name()
            );
            facts.state(&line, line.clone());
        }
    }
    facts
}

fn message(facts: &mut Facts, found: &MessageDescriptor) {
    if found.is_map_entry() {
        return;
    }
    let subject = format!("message {}", local(found.full_name(), &facts.package));
    facts.state(&subject, subject.clone());
    for oneof in found.oneofs().filter(|oneof| !oneof.is_synthetic()) {
        let required = extension_flag(&oneof.options(), "validate.required");
        let suffix = if required { " required" } else { "" };
        facts.state(&subject, format!("oneof {}{suffix}", oneof.name()));
    }
    for field in found.fields() {
        let line = field_line(&field, &facts.package);
        facts.state(&subject, line);
    }
    for number in found.reserved_ranges().flatten() {
        facts.state(&subject, format!("reserved {number}"));
    }
    for name in found.reserved_names() {
        facts.state(&subject, format!("reserved {name}"));
    }
    found.child_messages().for_each(|child| message(facts, &child));
    found.child_enums().for_each(|child| choice(facts, &child));
}

fn choice(facts: &mut Facts, found: &EnumDescriptor) {
    let subject = format!("enum {}", local(found.full_name(), &facts.package));
    facts.state(&subject, subject.clone());
    for value in found.values() {
        facts.state(&subject, format!("{} {}", value.number(), value.name()));
    }
    for number in found.reserved_ranges().flatten() {
        facts.state(&subject, format!("reserved {number}"));
    }
    for name in found.reserved_names() {
        facts.state(&subject, format!("reserved {name}"));
    }
}

fn field_line(field: &FieldDescriptor, package: &str) -> String {
    let label = match field.cardinality() {
        Cardinality::Repeated => "repeated ",
        _ if field.field_descriptor_proto().proto3_optional() => "optional ",
        _ => "",
    };
    let mut line = format!(
        "{} {label}{} {}",
        field.number(),
        type_name(&field.kind(), package),
        field.name()
    );
    for rule in rules(field) {
        line.push(' ');
        line.push_str(&rule);
    }
    if let Some(oneof) = field.containing_oneof().filter(|oneof| !oneof.is_synthetic()) {
        line.push_str(" in ");
        line.push_str(oneof.name());
    }
    line
}

fn type_name(kind: &Kind, package: &str) -> String {
    match kind {
        Kind::Message(message) => local(message.full_name(), package).to_owned(),
        Kind::Enum(choice) => local(choice.full_name(), package).to_owned(),
        scalar => format!("{scalar:?}").to_lowercase(),
    }
}

/// The name without the package, where it is the package at hand.
fn local<'a>(name: &'a str, package: &str) -> &'a str {
    let rest = name.strip_prefix(package).and_then(|rest| rest.strip_prefix('.'));
    rest.filter(|rest| !rest.starts_with(char::is_lowercase))
        .unwrap_or(name)
}

/// The limits of a field, in alphabetical order.
fn rules(field: &FieldDescriptor) -> Vec<String> {
    let options = field.options();
    let mut out = Vec::new();
    if let Some(Value::Message(rules)) = extension(&options, "validate.rules") {
        for (_, limits) in rules.fields() {
            out.extend(limits.as_message().map(written).unwrap_or_default());
        }
    }
    if let Some(Value::List(values)) = extension(&options, "google.api.field_behavior") {
        out.extend(
            values
                .iter()
                .filter(|value| value.as_enum_number() == Some(2))
                .map(|_| "REQUIRED".to_owned()),
        );
    }
    if field
        .field_descriptor_proto()
        .options
        .as_ref()
        .is_some_and(prost_reflect::prost_types::FieldOptions::deprecated)
    {
        out.push("deprecated".to_owned());
    }
    out.sort();
    out
}

/// Each limit of a rule message as the tables write it.
fn written(rules: &DynamicMessage) -> Vec<String> {
    let mut limits = Vec::new();
    for (field, value) in rules.fields() {
        let text = match value {
            Value::String(text) => format!("'{text}'"),
            Value::List(list) => list.iter().map(ToString::to_string).collect::<Vec<_>>().join(","),
            Value::Message(message) if field.name() == "items" => {
                let inner: Vec<String> = message
                    .fields()
                    .map(|(kind, rules)| {
                        let rules = rules.as_message().map(written).unwrap_or_default();
                        format!("{}={{{}}}", kind.name(), rules.join(" "))
                    })
                    .collect();
                format!("{{{}}}", inner.join(" "))
            }
            other => other.to_string(),
        };
        limits.push(format!("{}={text}", field.name()));
    }
    limits
}

fn rpc(facts: &mut Facts, method: &MethodDescriptor) {
    let package = facts.package.clone();
    let subject = format!("rpc {}.{}", method.parent_service().name(), method.name());
    let (input, output) = (method.input(), method.output());
    let (input, output) = (
        local(input.full_name(), &package),
        local(output.full_name(), &package),
    );
    facts.state(&subject, format!("{} {input} -> {output}", method.name()));
    if let Some(line) = http(method) {
        facts.state(&subject, line);
    }
    let options = method.options();
    let newer = extension(&options, "zitadel.protoc_gen_zitadel.v2.options");
    let newer = newer.as_ref().and_then(Value::as_message);
    let first = extension(&options, "zitadel.v1.auth_option");
    let auth = newer.and_then(|newer| part(newer, "auth_option")).or(first);
    for (field, value) in auth
        .as_ref()
        .and_then(Value::as_message)
        .iter()
        .flat_map(|auth| auth.fields())
    {
        facts.state(
            &subject,
            format!("{}={}", field.name(), value.as_str().unwrap_or_default()),
        );
    }
    if let Some(Value::Message(response)) = newer.and_then(|newer| part(newer, "http_response")) {
        let code = response
            .get_field_by_name("success_code")
            .and_then(|code| code.as_i32())
            .unwrap_or_default();
        facts.state(&subject, format!("success={code}"));
    }
    if method
        .method_descriptor_proto()
        .options
        .as_ref()
        .is_some_and(prost_reflect::prost_types::MethodOptions::deprecated)
    {
        facts.state(&subject, "deprecated");
    }
}

fn http(method: &MethodDescriptor) -> Option<String> {
    let rule = extension(&method.options(), "google.api.http")?;
    let rule = rule.as_message()?;
    let (mut target, mut body) = (String::new(), String::new());
    for (field, value) in rule.fields() {
        let text = value.as_str()?;
        match field.name() {
            "body" => body = format!(" body={text}"),
            verb => target = format!("{} {}", verb.to_uppercase(), without_prefix(method, text)),
        }
    }
    Some(target + &body)
}

fn without_prefix<'a>(method: &MethodDescriptor, path: &'a str) -> &'a str {
    let file = method.parent_file();
    match PREFIXES
        .iter()
        .find(|(package, _)| *package == file.package_name())
    {
        Some((_, prefix)) => path.strip_prefix(prefix).unwrap_or("(no prefix)"),
        None => path,
    }
}

fn extension(options: &DynamicMessage, name: &str) -> Option<Value> {
    let pool = options.descriptor().parent_pool().clone();
    let extension = pool
        .all_extensions()
        .find(|extension| extension.full_name() == name)?;
    options
        .has_extension(&extension)
        .then(|| options.get_extension(&extension).into_owned())
}

fn extension_flag(options: &DynamicMessage, name: &str) -> bool {
    extension(options, name)
        .and_then(|value| value.as_bool())
        .unwrap_or_default()
}

fn part(message: &DynamicMessage, name: &str) -> Option<Value> {
    message
        .has_field_by_name(name)
        .then(|| message.get_field_by_name(name).map(std::borrow::Cow::into_owned))
        .flatten()
}
