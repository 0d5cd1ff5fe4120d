//! Puts the document together: an operation for each method with an HTTP rule, and the schemas they refer to.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor};

use super::contract::{Contract, Endpoint};
use super::example;
use super::node::Node;
use super::schema::Schemas;

const ABOUT: &str = "Users, their contact data and the factors they sign in with. Every operation is also a \
    gRPC, gRPC-Web and Connect method on the same port.\n\nJSON names are camelCase; snake_case is accepted in \
    requests. 64-bit numbers are strings, times are RFC 3339 in UTC, fields with their default value are left out \
    of answers, and unknown fields of requests are ignored. Whatever is neither in the path nor in the body can be \
    sent as a query parameter, nested names joined by dots.";

const REFUSED: &str = "The call was refused or failed; `code` is the gRPC code. 400: invalid argument or failed \
    precondition, 403: permission denied, 404: not found or not to be seen, 409: already exists, 429: a limit is \
    reached, with `Retry-After` in seconds, 501: not available, 503: try again later.";

const UNAUTHENTICATED: &str = "The token is missing, malformed, expired or revoked.";

/// Types that only errors carry, so that no operation leads to them.
const ERROR_DETAILS: [&str; 4] = [
    "zitadel.v1.ErrorDetail",
    "zitadel.v1.CredentialsCheckError",
    "google.rpc.BadRequest",
    "google.rpc.RetryInfo",
];

/// The whole document.
pub(super) fn build(contract: &Contract) -> Node {
    let mut schemas = Schemas::new(contract);
    let (mut paths, mut tags): (Vec<(String, Node)>, Vec<Node>) = (Vec::new(), Vec::new());
    for service in contract.services() {
        for method in service.methods() {
            let Some(endpoint) = contract.endpoint(&method) else {
                continue;
            };
            let operation = Operation {
                contract,
                method: &method,
                endpoint: &endpoint,
            };
            add(
                &mut paths,
                &operation.path(),
                &endpoint.verb,
                operation.describe(&mut schemas),
            );
        }
        let tag = Node::map([("name", service.full_name().into())]);
        tags.push(tag.with_text("description", contract.of_service(&service)));
    }
    Node::map([
        ("openapi", "3.1.0".into()),
        ("info", info()),
        ("servers", vec![Node::map([("url", "/".into())])].into()),
        (
            "security",
            vec![Node::map([("bearer", Vec::new().into())])].into(),
        ),
        ("tags", tags.into()),
        ("paths", Node::Map(paths)),
        ("components", components(contract, schemas)),
    ])
}

fn info() -> Node {
    let license = Node::map([("name", "Apache 2.0".into()), ("identifier", "Apache-2.0".into())]);
    Node::map([
        ("title", "Merlon".into()),
        ("description", ABOUT.into()),
        ("license", license),
        ("version", env!("CARGO_PKG_VERSION").into()),
    ])
}

fn components(contract: &Contract, mut schemas: Schemas<'_>) -> Node {
    for name in ERROR_DETAILS {
        contract.message(name).map(|message| schemas.message(&message));
    }
    let status = contract
        .message("google.rpc.Status")
        .map(|status| schemas.message(&status));
    let error = content(status.unwrap_or(Node::Map(Vec::new())));
    let response = |text: &str| Node::map([("description", text.into()), ("content", error.clone())]);
    let challenge = Node::map([
        ("description", "What the server expects instead.".into()),
        ("schema", Node::map([("type", "string".into())])),
    ]);
    let unauthenticated =
        response(UNAUTHENTICATED).with("headers", Node::map([("WWW-Authenticate", challenge)]));
    let bearer = Node::map([
        ("type", "http".into()),
        ("scheme", "bearer".into()),
        ("description", "A personal access token.".into()),
    ]);
    Node::map([
        ("securitySchemes", Node::map([("bearer", bearer)])),
        (
            "responses",
            Node::map([
                ("Refused", response(REFUSED)),
                ("Unauthenticated", unauthenticated),
            ]),
        ),
        ("schemas", schemas.finish()),
    ])
}

fn content(schema: Node) -> Node {
    Node::map([("application/json", Node::map([("schema", schema)]))])
}

fn add(paths: &mut Vec<(String, Node)>, path: &str, verb: &str, operation: Node) {
    if let Some((_, Node::Map(verbs))) = paths.iter_mut().find(|(known, _)| known == path) {
        verbs.push((verb.to_owned(), operation));
    } else {
        paths.push((path.to_owned(), Node::map([(verb, operation)])));
    }
}

/// One method on its way into the document.
struct Operation<'a> {
    contract: &'a Contract,
    method: &'a MethodDescriptor,
    endpoint: &'a Endpoint,
}

impl Operation<'_> {
    /// The path with JSON names for its variables.
    fn path(&self) -> String {
        let segments = self
            .endpoint
            .path
            .split('/')
            .map(|segment| match variable(segment) {
                Some(name) => self
                    .field(name)
                    .map_or(segment.to_owned(), |field| format!("{{{}}}", field.json_name())),
                None => segment.to_owned(),
            });
        segments.collect::<Vec<_>>().join("/")
    }

    /// Proto names of the fields that are in the path.
    fn in_path(&self) -> Vec<String> {
        self.endpoint
            .path
            .split('/')
            .filter_map(variable)
            .map(str::to_owned)
            .collect()
    }

    fn field(&self, name: &str) -> Option<FieldDescriptor> {
        self.method.input().get_field_by_name(name)
    }

    fn describe(&self, schemas: &mut Schemas<'_>) -> Node {
        let comment = self.contract.of_method(self.method);
        let permission = self.contract.permission(self.method);
        let mut operation = Node::map([
            ("operationId", self.method.full_name().into()),
            (
                "tags",
                vec![self.method.parent_service().full_name().into()].into(),
            ),
            ("summary", first_sentence(comment).into()),
            ("description", self.description(comment, &permission).into()),
        ]);
        if permission.is_empty() {
            operation = operation.with("security", Vec::new());
        }
        let parameters = self.parameters(schemas);
        if !parameters.is_empty() {
            operation = operation.with("parameters", parameters);
        }
        if let Some(body) = self.body(schemas) {
            operation = operation.with("requestBody", body);
        }
        operation.with("responses", self.responses(schemas, &permission))
    }

    fn description(&self, comment: &str, permission: &str) -> String {
        let access = match permission {
            "" => "Needs no token.".to_owned(),
            "authenticated" => String::new(),
            named => format!("Permission: `{named}`."),
        };
        let (service, name) = (self.method.parent_service(), self.method.name());
        let remote = format!("gRPC and Connect: `/{}/{name}`.", service.full_name());
        [comment, &access, &remote]
            .iter()
            .filter(|text| !text.is_empty())
            .copied()
            .collect::<Vec<_>>()
            .join("\n\n")
    }

    fn responses(&self, schemas: &mut Schemas<'_>, permission: &str) -> Node {
        let output = self.method.output();
        let text = self.contract.of_message(&output).to_owned();
        let success = Node::map([
            ("description", text.into()),
            ("content", content(schemas.message(&output))),
        ]);
        let refer = |name: &str| Node::map([("$ref", format!("#/components/responses/{name}").into())]);
        let mut responses = vec![(self.contract.success(self.method).to_string(), success)];
        if !permission.is_empty() {
            responses.push(("401".to_owned(), refer("Unauthenticated")));
        }
        responses.push(("default".to_owned(), refer("Refused")));
        Node::Map(responses)
    }

    fn parameters(&self, schemas: &mut Schemas<'_>) -> Vec<Node> {
        let in_path = self.in_path();
        let mut out: Vec<Node> = in_path
            .iter()
            .filter_map(|name| self.field(name))
            .map(|field| {
                let plain = parameter("path", field.json_name().to_owned(), schemas.field(&field), true);
                plain.with("example", example::field(&field))
            })
            .collect();
        if self.endpoint.body != "*" {
            let rest = self.method.input();
            let rest = rest.fields().filter(|field| field.name() != self.endpoint.body);
            for field in rest.filter(|field| !in_path.iter().any(|name| name == field.name())) {
                query(&mut out, schemas, &field, "", self.contract.is_required(&field));
            }
        }
        out
    }

    fn body(&self, schemas: &mut Schemas<'_>) -> Option<Node> {
        let (schema, sample, required) = match self.endpoint.body.as_str() {
            "" => return None,
            "*" => {
                let (input, in_path) = (self.method.input(), self.in_path());
                let mut rest = input
                    .fields()
                    .filter(|field| !in_path.iter().any(|name| name == field.name()));
                let required = rest.any(|field| self.contract.is_required(&field));
                (
                    schemas.body(&input, &in_path),
                    example::message(&input, &in_path),
                    required,
                )
            }
            name => {
                let field = self.field(name)?;
                (schemas.field(&field), example::field(&field), !field.is_list())
            }
        };
        let media = Node::map([("schema", schema), ("example", sample)]);
        let content = Node::map([("application/json", media)]);
        Some(Node::map([("content", content), ("required", required.into())]))
    }
}

/// The query parameters of a field: one for a plain value, one for each plain value inside a message.
fn query(
    out: &mut Vec<Node>,
    schemas: &mut Schemas<'_>,
    field: &FieldDescriptor,
    before: &str,
    required: bool,
) {
    let name = format!("{before}{}", field.json_name());
    match field.kind() {
        Kind::Message(message) if is_plain(&message) => {
            out.push(query_parameter(name, field, schemas, before, required));
        }
        Kind::Message(message) => {
            let inner = !field.is_list() && !message.full_name().starts_with("google.protobuf.");
            for part in message.fields().filter(|_| inner) {
                query(
                    out,
                    schemas,
                    &part,
                    &format!("{name}."),
                    required && is_first(&part),
                );
            }
        }
        _ => out.push(query_parameter(name, field, schemas, before, required)),
    }
}

fn query_parameter(
    name: String,
    field: &FieldDescriptor,
    schemas: &mut Schemas<'_>,
    before: &str,
    required: bool,
) -> Node {
    let plain = parameter("query", name, schemas.field(field), required && before.is_empty());
    if required {
        plain.with("example", example::field(field))
    } else {
        plain
    }
}

fn parameter(place: &str, name: String, schema: Node, required: bool) -> Node {
    let description = schema.text("description").to_owned();
    let Node::Map(entries) = schema else { return schema };
    let schema = Node::Map(
        entries
            .into_iter()
            .filter(|(key, _)| key != "description")
            .collect(),
    );
    let parameter =
        Node::map([("name", name.into()), ("in", place.into())]).with_text("description", &description);
    let parameter = if required {
        parameter.with("required", true)
    } else {
        parameter
    };
    parameter.with("schema", schema)
}

/// Whether a message is a plain text in JSON, and so can be a query parameter.
fn is_plain(message: &MessageDescriptor) -> bool {
    matches!(
        message.full_name(),
        "google.protobuf.Timestamp" | "google.protobuf.Duration"
    )
}

/// Whether a field is the one of its alternatives that examples show.
fn is_first(field: &FieldDescriptor) -> bool {
    field
        .containing_oneof()
        .and_then(|oneof| oneof.fields().next())
        .is_some_and(|first| first.number() == field.number())
}

fn variable(segment: &str) -> Option<&str> {
    segment
        .strip_prefix('{')
        .and_then(|segment| segment.strip_suffix('}'))
}

fn first_sentence(text: &str) -> &str {
    let end = [". ", ".\n"].iter().filter_map(|stop| text.find(stop)).min();
    end.map_or(text, |end| &text[..=end]).trim_end_matches('.')
}
