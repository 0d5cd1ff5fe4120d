//! How a call fails: code, message, details and hints, before any wire form has shaped them.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use prost::{Message, Name};

/// The codes of gRPC (`google.rpc.Code`), without OK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Code {
    /// The caller went away.
    Canceled = 1,
    /// Nobody knows.
    Unknown = 2,
    /// The request is wrong, whatever the state.
    InvalidArgument = 3,
    /// Not done in time.
    DeadlineExceeded = 4,
    /// No such thing, or none that the caller may know of.
    NotFound = 5,
    /// It exists already.
    AlreadyExists = 6,
    /// The caller may not do this.
    PermissionDenied = 7,
    /// A limit was reached.
    ResourceExhausted = 8,
    /// The state does not allow it.
    FailedPrecondition = 9,
    /// Lost against a concurrent change.
    Aborted = 10,
    /// Beyond the valid range.
    OutOfRange = 11,
    /// Not offered here.
    Unimplemented = 12,
    /// Our fault.
    Internal = 13,
    /// Try again.
    Unavailable = 14,
    /// Our data are damaged.
    DataLoss = 15,
    /// Who are you?
    Unauthenticated = 16,
}

impl Code {
    /// All codes, by number.
    pub const ALL: [Self; 16] = [
        Self::Canceled,
        Self::Unknown,
        Self::InvalidArgument,
        Self::DeadlineExceeded,
        Self::NotFound,
        Self::AlreadyExists,
        Self::PermissionDenied,
        Self::ResourceExhausted,
        Self::FailedPrecondition,
        Self::Aborted,
        Self::OutOfRange,
        Self::Unimplemented,
        Self::Internal,
        Self::Unavailable,
        Self::DataLoss,
        Self::Unauthenticated,
    ];

    /// The number on the gRPC wire.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The name in Connect and in metrics, for example `invalid_argument`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Canceled => "canceled",
            Self::Unknown => "unknown",
            Self::InvalidArgument => "invalid_argument",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::PermissionDenied => "permission_denied",
            Self::ResourceExhausted => "resource_exhausted",
            Self::FailedPrecondition => "failed_precondition",
            Self::Aborted => "aborted",
            Self::OutOfRange => "out_of_range",
            Self::Unimplemented => "unimplemented",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
            Self::DataLoss => "data_loss",
            Self::Unauthenticated => "unauthenticated",
        }
    }

    /// The HTTP status of the HTTP/JSON form.
    pub const fn http_status(self) -> u16 {
        match self {
            Self::InvalidArgument | Self::FailedPrecondition | Self::OutOfRange => 400,
            Self::Unauthenticated => 401,
            Self::PermissionDenied => 403,
            Self::NotFound => 404,
            Self::AlreadyExists | Self::Aborted => 409,
            Self::ResourceExhausted => 429,
            Self::Canceled => 499,
            Self::Unknown | Self::Internal | Self::DataLoss => 500,
            Self::Unimplemented => 501,
            Self::Unavailable => 503,
            Self::DeadlineExceeded => 504,
        }
    }
}

/// A failed call.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// The class of the failure.
    pub code: Code,
    /// The text for the caller, in the caller's language.
    pub message: String,
    /// Typed details, in order.
    pub details: Vec<Any>,
    /// When trying again may help. Sent as `Retry-After`; add a [`RetryInfo`] detail with [`Status::retry_after`].
    pub retry_after: Option<Duration>,
    /// Headers of the answer beside the status.
    pub metadata: Vec<(HeaderName, HeaderValue)>,
}

impl Status {
    /// A status without details.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            details: Vec::new(),
            retry_after: None,
            metadata: Vec::new(),
        }
    }

    /// Unimplemented, as every method without a handler answers.
    pub fn not_implemented(method: &str) -> Self {
        Self::new(Code::Unimplemented, format!("method {method} not implemented"))
    }

    /// `InvalidArgument` with this text.
    pub fn invalid_argument(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    /// Adds a typed detail.
    #[must_use]
    pub fn with_detail<M: Message + Name>(mut self, detail: &M) -> Self {
        self.details.push(Any::pack(detail));
        self
    }

    /// Says when to try again: a `RetryInfo` detail and the `Retry-After` header.
    #[must_use]
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self.with_detail(&RetryInfo {
            retry_delay: Some(delay.into()),
        })
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with_metadata(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.metadata.push((name, value));
        self
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.message)
    }
}

impl std::error::Error for Status {}

/// `google.protobuf.Any`: a message with the address of its type.
#[derive(Clone, PartialEq, Eq, Hash, Message)]
pub struct Any {
    /// `type.googleapis.com/package.Message`.
    #[prost(string, tag = "1")]
    pub type_url: String,
    /// The encoded message.
    #[prost(bytes = "bytes", tag = "2")]
    pub value: Bytes,
}

impl Any {
    /// Packs a message.
    pub fn pack<M: Message + Name>(message: &M) -> Self {
        Self {
            type_url: format!("type.googleapis.com/{}", M::full_name()),
            value: message.encode_to_vec().into(),
        }
    }

    /// The full name of the packed message.
    pub fn type_name(&self) -> &str {
        self.type_url.rsplit('/').next().unwrap_or_default()
    }

    /// The proto3 JSON text of the packed message with its `@type`, when it is one of the detail types of this API;
    /// of all others the type alone.
    pub fn to_json(&self) -> serde_json::Value {
        let mut json = serde_json::Map::new();
        json.insert("@type".to_owned(), self.type_url.clone().into());
        if let Some(serde_json::Value::Object(members)) = self.members() {
            json.extend(members);
        }
        json.into()
    }

    fn members(&self) -> Option<serde_json::Value> {
        fn read<M: Message + Default + serde::Serialize>(value: &Bytes) -> Option<serde_json::Value> {
            serde_json::to_value(M::decode(value.clone()).ok()?).ok()
        }
        match self.type_name() {
            "zitadel.v1.ErrorDetail" => read::<crate::zitadel::v1::ErrorDetail>(&self.value),
            "zitadel.v1.CredentialsCheckError" => {
                read::<crate::zitadel::v1::CredentialsCheckError>(&self.value)
            }
            "google.rpc.BadRequest" => read::<BadRequest>(&self.value),
            "google.rpc.RetryInfo" => read::<RetryInfo>(&self.value),
            _ => None,
        }
    }
}

/// `google.rpc.RetryInfo`: when to try again.
#[derive(Clone, PartialEq, Eq, Hash, Message, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RetryInfo {
    /// How long to wait.
    #[prost(message, optional, tag = "1")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_delay: Option<crate::wkt::Duration>,
}

impl Name for RetryInfo {
    const NAME: &'static str = "RetryInfo";
    const PACKAGE: &'static str = "google.rpc";
}

/// `google.rpc.BadRequest`: which fields are wrong.
#[derive(Clone, PartialEq, Eq, Hash, Message, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BadRequest {
    /// The wrong fields.
    #[prost(message, repeated, tag = "1")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub field_violations: Vec<FieldViolation>,
}

impl Name for BadRequest {
    const NAME: &'static str = "BadRequest";
    const PACKAGE: &'static str = "google.rpc";
}

/// One wrong field of a `google.rpc.BadRequest`.
#[derive(Clone, PartialEq, Eq, Hash, Message, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldViolation {
    /// The path of the field.
    #[prost(string, tag = "1")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub field: String,
    /// What is wrong with it.
    #[prost(string, tag = "2")]
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
}
