//! The method table: what the edges must know of each RPC before a request is decoded.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;

use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MessageDescriptor, MethodDescriptor, Value};

use crate::{Result, is_ours};

/// The v1 services write their paths without the prefix under which they are served.
const PREFIXES: [(&str, &str); 4] = [
    ("zitadel.auth.v1", "/auth/v1"),
    ("zitadel.admin.v1", "/admin/v1"),
    ("zitadel.management.v1", "/management/v1"),
    ("zitadel.system.v1", "/system/v1"),
];

/// The HTTP rule of a method, with the prefix of its service.
pub(crate) struct Http {
    pub(crate) verb: String,
    pub(crate) template: String,
    pub(crate) body: String,
}

/// All methods of the services we serve, sorted by path.
pub(crate) fn sorted(pool: &DescriptorPool) -> Vec<MethodDescriptor> {
    let mut methods: Vec<_> = pool
        .services()
        .filter(|service| is_ours(service.package_name()))
        .flat_map(|service| service.methods().collect::<Vec<_>>())
        .collect();
    methods.sort_by_key(path);
    methods
}

fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

/// The source of `METHODS`.
pub(crate) fn table(pool: &DescriptorPool) -> Result<String> {
    let mut text = String::from(
        "/// Every method of every service, sorted by path.\npub static METHODS: &[MethodInfo] = &[\n",
    );
    let mut routes = HashMap::new();
    let mut indexes: HashMap<String, usize> = HashMap::new();
    for method in sorted(pool) {
        if method.is_client_streaming() || method.is_server_streaming() {
            return Err(format!("{}: streaming methods are not supported", path(&method)).into());
        }
        let index = indexes
            .entry(method.parent_service().full_name().to_owned())
            .or_default();
        entry(&mut text, pool, &method, *index)?;
        *index += 1;
        if let Some(rule) = http_rule(pool, &method)? {
            let shape: Vec<String> = split(&rule.template).map(|part| shape(part).to_owned()).collect();
            if let Some(other) = routes.insert((rule.verb, shape), path(&method)) {
                return Err(format!("{} and {other} have the same HTTP rule", path(&method)).into());
            }
        }
    }
    text.push_str("];\n");
    Ok(text)
}

fn entry(text: &mut String, pool: &DescriptorPool, method: &MethodDescriptor, index: usize) -> Result<()> {
    let service = method.parent_service();
    let access = access(pool, method);
    writeln!(
        text,
        "MethodInfo {{ path: {:?}, service: {:?}, name: {:?}, index: {index}, input: {:?}, nests: {}, output: {:?}, http: {}, success: {}, permission: {:?}, org_field: {:?} }},",
        path(method),
        service.full_name(),
        method.name(),
        method.input().full_name(),
        nests(&method.input()),
        method.output().full_name(),
        http(http_rule(pool, method)?, method)?,
        access.success,
        access.permission,
        access.org_field,
    )?;
    Ok(())
}

/// Whether the request can hold a message that holds its like, as filters do.
fn nests(input: &MessageDescriptor) -> bool {
    let holds = |message: &MessageDescriptor| {
        let mut held = BTreeMap::new();
        for child in children(message) {
            reach(&child, &mut held);
        }
        held
    };
    holds(input)
        .iter()
        .any(|(name, message)| holds(message).contains_key(name))
}

/// All messages of ours that a message consists of, itself included.
fn reach(message: &MessageDescriptor, reached: &mut BTreeMap<String, MessageDescriptor>) {
    let known = reached.insert(message.full_name().to_owned(), message.clone());
    if known.is_none() {
        for child in children(message) {
            reach(&child, reached);
        }
    }
}

fn children(message: &MessageDescriptor) -> impl Iterator<Item = MessageDescriptor> {
    let kinds = message.fields().map(|field| field.kind()).collect::<Vec<_>>();
    kinds.into_iter().filter_map(|kind| match kind {
        Kind::Message(child) if is_ours(child.package_name()) => Some(child),
        _ => None,
    })
}

fn http(rule: Option<Http>, method: &MethodDescriptor) -> Result<String> {
    let Some(rule) = rule else {
        return Ok("None".to_owned());
    };
    let mut segments = String::new();
    for part in split(&rule.template) {
        segments.push_str(&segment(part, method)?);
        segments.push_str(", ");
    }
    let body = match rule.body.as_str() {
        "" => "Body::None".to_owned(),
        "*" => "Body::All".to_owned(),
        field if method.input().get_field_by_name(field).is_some() => format!("Body::Field({field:?})"),
        field => return Err(format!("{}: no field {field} for the body", path(method)).into()),
    };
    Ok(format!(
        "Some(HttpRule {{ verb: {:?}, template: {:?}, segments: &[{segments}], body: {body} }})",
        rule.verb, rule.template
    ))
}

fn split(template: &str) -> impl Iterator<Item = &str> {
    template
        .trim_start_matches('/')
        .split('/')
        .filter(|part| !part.is_empty())
}

/// What decides whether two segments match the same text.
fn shape(part: &str) -> &str {
    match part.strip_prefix('{') {
        Some(inner) if inner.ends_with("=**}") => "{**}",
        Some(_) => "{}",
        None => part,
    }
}

fn segment(part: &str, method: &MethodDescriptor) -> Result<String> {
    let Some(inner) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
        if part.contains(['{', '}', '*', ':']) {
            return Err(format!("{}: unsupported path segment {part}", path(method)).into());
        }
        return Ok(format!("Segment::Literal({part:?})"));
    };
    let (field, kind) = match inner.split_once('=') {
        None | Some((_, "*")) => (inner.split('=').next().unwrap_or(inner), "Variable"),
        Some((field, "**")) => (field, "Rest"),
        Some(_) => return Err(format!("{}: unsupported path segment {part}", path(method)).into()),
    };
    let names: Vec<&str> = field.split('.').collect();
    if names
        .first()
        .is_none_or(|name| method.input().get_field_by_name(name).is_none())
    {
        return Err(format!("{}: no field {field} for the path", path(method)).into());
    }
    Ok(format!("Segment::{kind}(&{names:?})"))
}

/// Reads `google.api.http`.
pub(crate) fn http_rule(pool: &DescriptorPool, method: &MethodDescriptor) -> Result<Option<Http>> {
    let Some(rule) = extension(pool, method, "google.api.http") else {
        return Ok(None);
    };
    let prefix = PREFIXES
        .iter()
        .find(|(package, _)| *package == method.parent_service().package_name());
    let body = string(&rule, "body").unwrap_or_default();
    for verb in ["get", "put", "post", "delete", "patch"] {
        let Some(template) = string(&rule, verb) else {
            continue;
        };
        let template = match prefix {
            Some((_, prefix)) if !template.starts_with(prefix) => format!("{prefix}{template}"),
            _ => template,
        };
        return Ok(Some(Http {
            verb: verb.to_uppercase(),
            template,
            body,
        }));
    }
    Err(format!("{}: unsupported HTTP rule", path(method)).into())
}

struct Access {
    permission: Option<String>,
    org_field: Option<String>,
    success: i32,
}

/// Reads the auth options: `zitadel.v1.auth_option` of the v1 services, `options` of all later ones.
fn access(pool: &DescriptorPool, method: &MethodDescriptor) -> Access {
    let mut access = Access {
        permission: None,
        org_field: None,
        success: 200,
    };
    if let Some(auth) = extension(pool, method, "zitadel.v1.auth_option") {
        access.permission = string(&auth, "permission");
        access.org_field = string(&auth, "check_field_name");
    }
    if let Some(options) = extension(pool, method, "zitadel.protoc_gen_zitadel.v2.options") {
        if let Some(auth) = nested(&options, "auth_option") {
            access.permission = string(&auth, "permission");
            access.org_field = string(&auth, "org_field");
        }
        let code = nested(&options, "http_response").and_then(|response| {
            response
                .get_field_by_name("success_code")
                .and_then(|value| value.as_i32())
        });
        access.success = code.filter(|code| *code != 0).unwrap_or(200);
    }
    access
}

fn extension(pool: &DescriptorPool, method: &MethodDescriptor, name: &str) -> Option<DynamicMessage> {
    let extension = pool.get_extension_by_name(name)?;
    let options = method.options();
    if !options.has_extension(&extension) {
        return None;
    }
    match options.get_extension(&extension).into_owned() {
        Value::Message(message) => Some(message),
        _ => None,
    }
}

fn nested(message: &DynamicMessage, name: &str) -> Option<DynamicMessage> {
    if !message.has_field_by_name(name) {
        return None;
    }
    message.get_field_by_name(name)?.as_message().cloned()
}

fn string(message: &DynamicMessage, name: &str) -> Option<String> {
    let text = message.get_field_by_name(name)?.as_str()?.to_owned();
    (!text.is_empty()).then_some(text)
}
