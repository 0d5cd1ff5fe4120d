//! The contract as a client without generated code reads it: any request in each wire form, made from the descriptors.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use proto::rpc::{Body, MethodInfo, Segment};
use serde_json::{Map, Value, json};

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(&*proto::descriptor_set().expect("unpacked")).expect("descriptors")
});

/// The method of `Service/Method`, where the service may be shortened from the left.
pub(crate) fn method(name: &str) -> &'static MethodInfo {
    let mut found = proto::rpc::METHODS.iter().filter(|m| m.path.ends_with(name));
    let method = found.next().unwrap_or_else(|| panic!("no method {name}"));
    assert!(found.next().is_none(), "{name} is ambiguous");
    method
}

/// A message from its JSON.
pub(crate) fn message(name: &str, json: &Value) -> DynamicMessage {
    let descriptor = POOL
        .get_message_by_name(name)
        .unwrap_or_else(|| panic!("no message {name}"));
    DynamicMessage::deserialize(descriptor, json).unwrap_or_else(|error| panic!("{name}: {error}: {json}"))
}

/// The JSON of an encoded message, by an implementation that is not the server's.
pub(crate) fn json_of(name: &str, bytes: &[u8]) -> Value {
    let descriptor = POOL
        .get_message_by_name(name)
        .unwrap_or_else(|| panic!("no message {name}"));
    let message = DynamicMessage::decode(descriptor, bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    let options = SerializeOptions::new();
    message
        .serialize_with_options(serde_json::value::Serializer, &options)
        .expect("JSON")
}

/// A detail of an error, with its type beside its fields.
pub(crate) fn detail(type_name: &str, bytes: &[u8]) -> Value {
    let mut fields = match type_name {
        "google.rpc.RetryInfo" => retry_info(bytes),
        _ => json_of(type_name, bytes),
    };
    fields["@type"] = format!("type.googleapis.com/{type_name}").into();
    fields
}

/// `google.rpc.RetryInfo`, which is part of no service and hence not of the descriptors.
fn retry_info(bytes: &[u8]) -> Value {
    #[derive(Clone, PartialEq, prost::Message)]
    struct RetryInfo {
        #[prost(message, optional, tag = "1")]
        retry_delay: Option<prost_types::Duration>,
    }
    let delay = RetryInfo::decode(bytes)
        .expect("RetryInfo")
        .retry_delay
        .unwrap_or_default();
    assert_eq!(delay.nanos, 0, "the server speaks of whole seconds");
    json!({ "retryDelay": format!("{}s", delay.seconds) })
}

/// An HTTP/JSON request.
pub(crate) struct Rest {
    pub(crate) verb: &'static str,
    pub(crate) target: String,
    pub(crate) body: Option<String>,
}

/// The request as its `google.api.http` rule has it: variables into the path, the selected part into the body, the
/// rest into the query.
pub(crate) fn rest(method: &MethodInfo, request: &Value) -> Rest {
    let rule = method.http.as_ref().expect("every method has a rule");
    let sent = message(method.input, request);
    let mut fields = json_of(method.input, &sent.encode_to_vec())
        .as_object()
        .cloned()
        .unwrap_or_default();
    let name = |field: &str| -> String {
        let descriptor = POOL.get_message_by_name(method.input).expect("input");
        descriptor
            .get_field_by_name(field)
            .expect(field)
            .json_name()
            .to_owned()
    };
    let mut target = String::new();
    for segment in rule.segments {
        target.push('/');
        match segment {
            Segment::Literal(text) => target.push_str(text),
            Segment::Variable(path) | Segment::Rest(path) => {
                let value = fields.remove(&name(path[0])).unwrap_or_default();
                target.push_str(&escaped(value.as_str().unwrap_or_default()));
            }
        }
    }
    let body = match rule.body {
        Body::None => None,
        Body::All => Some(Value::Object(std::mem::take(&mut fields)).to_string()),
        Body::Field(field) => fields.remove(&name(field)).map(|value| value.to_string()),
    };
    let query = query(&fields);
    if !query.is_empty() {
        target = format!("{target}?{query}");
    }
    Rest {
        verb: rule.verb,
        target,
        body,
    }
}

fn query(fields: &Map<String, Value>) -> String {
    let mut pairs = Vec::new();
    for (name, value) in fields {
        flatten(name, value, &mut pairs);
    }
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={}", escaped(value)))
        .collect();
    pairs.join("&")
}

fn flatten(name: &str, value: &Value, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                flatten(&format!("{name}.{field}"), value, pairs);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| flatten(name, value, pairs)),
        Value::String(text) => pairs.push((name.to_owned(), text.clone())),
        scalar => pairs.push((name.to_owned(), scalar.to_string())),
    }
}

fn escaped(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}
