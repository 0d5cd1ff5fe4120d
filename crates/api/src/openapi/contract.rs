//! What the descriptors say beyond names and types: comments, HTTP rules, permissions, success codes, limits.

use std::collections::HashMap;

use prost_reflect::{
    DescriptorPool, DynamicMessage, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, FileDescriptor,
    MessageDescriptor, MethodDescriptor, OneofDescriptor, ServiceDescriptor, Value,
};

/// `google.api.field_behavior`: the client has to send the field.
const REQUIRED: i32 = 2;

/// The contract, read from its descriptors.
pub(super) struct Contract {
    pool: DescriptorPool,
    comments: HashMap<String, HashMap<Vec<i32>, String>>,
    http: ExtensionDescriptor,
    options: ExtensionDescriptor,
    auth_option: ExtensionDescriptor,
    rules: ExtensionDescriptor,
    behavior: ExtensionDescriptor,
    one_required: ExtensionDescriptor,
}

/// How a method is reached over HTTP.
pub(super) struct Endpoint {
    /// The verb in lower case.
    pub(super) verb: String,
    /// The path with `{field}` for its variables.
    pub(super) path: String,
    /// The field that is the body, `*` for all that is not in the path, empty for none.
    pub(super) body: String,
}

impl Contract {
    /// Reads an encoded file descriptor set; `None` when it is none, or lacks the options that the contract is
    /// written with.
    pub(super) fn read(encoded: &[u8]) -> Option<Self> {
        let pool = DescriptorPool::decode(encoded).ok()?;
        let comments = pool
            .files()
            .map(|file| (file.name().to_owned(), comments(&file)))
            .collect();
        Some(Self {
            comments,
            http: pool.get_extension_by_name("google.api.http")?,
            options: pool.get_extension_by_name("zitadel.protoc_gen_zitadel.v2.options")?,
            auth_option: pool.get_extension_by_name("zitadel.v1.auth_option")?,
            rules: pool.get_extension_by_name("validate.rules")?,
            behavior: pool.get_extension_by_name("google.api.field_behavior")?,
            one_required: pool.get_extension_by_name("validate.required")?,
            pool,
        })
    }

    /// All services by name, own extensions last.
    pub(super) fn services(&self) -> Vec<ServiceDescriptor> {
        let mut services: Vec<_> = self.pool.services().collect();
        services.sort_by_key(|service| {
            let name = service.full_name().to_owned();
            (name.starts_with("merlon"), name)
        });
        services
    }

    pub(super) fn message(&self, name: &str) -> Option<MessageDescriptor> {
        self.pool.get_message_by_name(name)
    }

    pub(super) fn of_service(&self, service: &ServiceDescriptor) -> &str {
        self.comment(&service.parent_file(), service.path())
    }

    pub(super) fn of_method(&self, method: &MethodDescriptor) -> &str {
        self.comment(&method.parent_file(), method.path())
    }

    pub(super) fn of_message(&self, message: &MessageDescriptor) -> &str {
        self.comment(&message.parent_file(), message.path())
    }

    pub(super) fn of_field(&self, field: &FieldDescriptor) -> &str {
        self.comment(&field.parent_message().parent_file(), field.path())
    }

    pub(super) fn of_oneof(&self, oneof: &OneofDescriptor) -> &str {
        self.comment(&oneof.parent_message().parent_file(), oneof.path())
    }

    pub(super) fn of_enum(&self, choice: &EnumDescriptor) -> &str {
        self.comment(&choice.parent_file(), choice.path())
    }

    pub(super) fn of_value(
        &self,
        choice: &EnumDescriptor,
        value: &prost_reflect::EnumValueDescriptor,
    ) -> &str {
        self.comment(&choice.parent_file(), value.path())
    }

    fn comment(&self, file: &FileDescriptor, path: &[i32]) -> &str {
        self.comments
            .get(file.name())
            .and_then(|places| places.get(path))
            .map_or("", String::as_str)
    }

    /// The HTTP rule of a method.
    pub(super) fn endpoint(&self, method: &MethodDescriptor) -> Option<Endpoint> {
        let options = method.options();
        if !options.has_extension(&self.http) {
            return None;
        }
        let rule = options.get_extension(&self.http);
        let mut endpoint = Endpoint {
            verb: String::new(),
            path: String::new(),
            body: String::new(),
        };
        for (field, value) in rule.as_message()?.fields() {
            let text = value.as_str().unwrap_or_default();
            if field.name() == "body" {
                text.clone_into(&mut endpoint.body);
            } else if field.containing_oneof().is_some() {
                field.name().clone_into(&mut endpoint.verb);
                text.clone_into(&mut endpoint.path);
            }
        }
        (!endpoint.path.is_empty()).then_some(endpoint)
    }

    /// The permission a caller needs: empty for none at all, `authenticated` for any valid token.
    pub(super) fn permission(&self, method: &MethodDescriptor) -> String {
        let options = method.options();
        let newer = options.get_extension(&self.options);
        let first = options.get_extension(&self.auth_option);
        let newer = newer.as_message().and_then(|newer| part(newer, "auth_option"));
        let auth = newer.unwrap_or_else(|| first.into_owned());
        let permission = auth.as_message().and_then(|auth| part(auth, "permission"));
        permission
            .and_then(|value| value.as_str().map(str::to_owned))
            .unwrap_or_default()
    }

    /// The HTTP status of success.
    pub(super) fn success(&self, method: &MethodDescriptor) -> i32 {
        let options = method.options();
        let options = options.get_extension(&self.options);
        let response = options
            .as_message()
            .and_then(|options| part(options, "http_response"));
        let code = response
            .as_ref()
            .and_then(Value::as_message)
            .and_then(|response| part(response, "success_code"));
        code.and_then(|code| code.as_i32()).unwrap_or(200)
    }

    /// The limits of a field by kind: `string`, `repeated` and so on.
    pub(super) fn limits(&self, field: &FieldDescriptor) -> Limits {
        let options = field.options();
        let rules = options
            .has_extension(&self.rules)
            .then(|| options.get_extension(&self.rules).into_owned());
        Limits(rules.and_then(|rules| rules.as_message().cloned()))
    }

    /// Whether the field has to be sent.
    pub(super) fn is_required(&self, field: &FieldDescriptor) -> bool {
        let options = field.options();
        let behavior = options.get_extension(&self.behavior);
        let declared = behavior
            .as_list()
            .is_some_and(|list| list.iter().any(|kind| kind.as_enum_number() == Some(REQUIRED)));
        let limits = self.limits(field);
        let checked = ["message", "timestamp", "duration"]
            .iter()
            .any(|kind| limits.flag(kind, "required"));
        (declared || checked) && field.containing_oneof().is_none()
    }

    /// Whether one member of the oneof has to be sent.
    pub(super) fn must_choose(&self, oneof: &OneofDescriptor) -> bool {
        oneof
            .options()
            .get_extension(&self.one_required)
            .as_bool()
            .unwrap_or_default()
    }
}

/// The limits of one field.
pub(super) struct Limits(Option<DynamicMessage>);

impl Limits {
    fn value(&self, kind: &str, limit: &str) -> Option<Value> {
        let rules = part(self.0.as_ref()?, kind)?;
        part(rules.as_message()?, limit)
    }

    pub(super) fn number(&self, kind: &str, limit: &str) -> Option<u64> {
        let value = self.value(kind, limit)?;
        value.as_u64().or_else(|| value.as_u32().map(u64::from))
    }

    pub(super) fn flag(&self, kind: &str, limit: &str) -> bool {
        self.value(kind, limit)
            .and_then(|value| value.as_bool())
            .unwrap_or_default()
    }

    pub(super) fn text(&self, kind: &str, limit: &str) -> Option<String> {
        self.value(kind, limit)?.as_str().map(str::to_owned)
    }

    /// Numbers of an enum that are refused.
    pub(super) fn refused(&self) -> Vec<i32> {
        let value = self.value("enum", "not_in");
        value
            .iter()
            .filter_map(Value::as_list)
            .flatten()
            .filter_map(Value::as_i32)
            .collect()
    }

    /// The limits of each element of a repeated field.
    pub(super) fn items(&self) -> Self {
        Self(
            self.value("repeated", "items")
                .and_then(|rules| rules.as_message().cloned()),
        )
    }
}

fn part(message: &DynamicMessage, name: &str) -> Option<Value> {
    if !message.has_field_by_name(name) {
        return None;
    }
    message.get_field_by_name(name).map(std::borrow::Cow::into_owned)
}

/// The comments of a file by place; lines of a paragraph are joined.
fn comments(file: &FileDescriptor) -> HashMap<Vec<i32>, String> {
    let places = file
        .file_descriptor_proto()
        .source_code_info
        .iter()
        .flat_map(|info| &info.location);
    places
        .filter(|place| place.leading_comments.is_some())
        .map(|place| (place.path.clone(), paragraphs(place.leading_comments())))
        .collect()
}

fn paragraphs(comment: &str) -> String {
    let mut text = String::new();
    for line in comment.lines().map(str::trim) {
        match line {
            "" => text.push_str("\n\n"),
            _ if text.is_empty() || text.ends_with('\n') => text.push_str(line),
            _ => {
                text.push(' ');
                text.push_str(line);
            }
        }
    }
    text.trim().to_owned()
}
