//! What is known of a request before its body is read.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::ConnectInfo;
use http::header::HOST;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Request, Uri};
use tokio::time::Instant;

use super::{DEFAULT_DEADLINE, LONGEST_DEADLINE};

/// The header that carries the request id in and out.
pub(super) static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The form in which a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wire {
    /// gRPC over HTTP/2.
    Grpc,
    /// gRPC-Web, binary or text.
    GrpcWeb,
    /// Connect, proto or JSON.
    Connect,
    /// HTTP/JSON by the `google.api.http` rules.
    Rest,
}

impl Wire {
    pub(super) const COUNT: usize = 4;

    /// The name in metrics and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::GrpcWeb => "grpc_web",
            Self::Connect => "connect",
            Self::Rest => "rest",
        }
    }
}

/// The name of one request in logs and answers: the caller's own if it sent a sane one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The id as text: letters, digits, `-`, `_` and `.` only.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of_caller(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(&REQUEST_ID)?.to_str().ok()?;
        let sane = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        ((1..=64).contains(&text.len()) && text.bytes().all(sane)).then(|| Self(text.into()))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Makes request ids. They must be unlikely to repeat, not hard to guess: a counter hashed with a key of the process.
#[derive(Debug, Default)]
pub(super) struct RequestIds {
    key: RandomState,
    next: AtomicU64,
}

impl RequestIds {
    pub(super) fn of(&self, headers: &HeaderMap) -> RequestId {
        RequestId::of_caller(headers).unwrap_or_else(|| {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            RequestId(format!("{:016x}", self.key.hash_one(number)).into())
        })
    }
}

/// What is known of a request before its body is read.
#[non_exhaustive]
pub struct RequestHead {
    /// The header fields. `host` is always the authority that the caller addressed, also over HTTP/2.
    pub headers: HeaderMap,
    /// The address of the other end of the connection.
    pub peer: Option<SocketAddr>,
    /// When the answer stops being of use.
    pub deadline: Option<Instant>,
    /// The name of this request.
    pub request_id: RequestId,
    /// The path as it was asked for, percent-encoded, without the query.
    pub path: String,
    /// The wire form.
    pub wire: Wire,
}

// Header fields hold tokens, paths may hold addresses.
impl fmt::Debug for RequestHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead")
            .field("request_id", &self.request_id)
            .field("wire", &self.wire)
            .finish_non_exhaustive()
    }
}

/// The part of the head that travels beside the header fields until the call is dispatched.
#[derive(Debug, Clone)]
pub(super) struct Origin {
    pub(super) peer: Option<SocketAddr>,
    pub(super) request_id: RequestId,
    pub(super) wire: Wire,
}

impl Origin {
    pub(super) fn head(self, headers: HeaderMap, path: String, deadline: Option<Instant>) -> RequestHead {
        RequestHead {
            headers,
            peer: self.peer,
            deadline,
            request_id: self.request_id,
            path,
            wire: self.wire,
        }
    }
}

/// The peer address that the listener left in the extensions.
pub(super) fn peer(extensions: &Extensions) -> Option<SocketAddr> {
    let listener = extensions.get::<SocketAddr>().copied();
    listener.or_else(|| extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0))
}

/// HTTP/2 names the host in the URI only; handlers look in one place.
pub(super) fn name_host<B>(request: &mut Request<B>) {
    if request.headers().contains_key(HOST) {
        return;
    }
    let value = authority(request.uri()).and_then(|host| HeaderValue::from_str(host).ok());
    if let Some(value) = value {
        request.headers_mut().insert(HOST, value);
    }
}

fn authority(uri: &Uri) -> Option<&str> {
    uri.authority().map(http::uri::Authority::as_str)
}

/// The deadline of an HTTP/JSON request: callers may use the header of either gRPC or Connect.
pub(super) fn deadline(headers: &HeaderMap) -> Instant {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let asked = text("grpc-timeout")
        .and_then(grpc_timeout)
        .or_else(|| text("connect-timeout-ms").and_then(connect_timeout));
    Instant::now() + asked.unwrap_or(DEFAULT_DEADLINE).min(LONGEST_DEADLINE)
}

/// At most eight digits and a unit, as the gRPC protocol writes a timeout.
fn grpc_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let amount: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

fn connect_timeout(text: &str) -> Option<Duration> {
    let sane = text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit());
    if sane {
        text.parse().ok().map(Duration::from_millis)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::{HeaderMap, HeaderValue};

    use super::{RequestIds, connect_timeout, grpc_timeout};

    #[test]
    fn timeouts_read_as_their_protocols_write_them() {
        assert_eq!(grpc_timeout("100m"), Some(Duration::from_millis(100)));
        assert_eq!(grpc_timeout("2S"), Some(Duration::from_secs(2)));
        for wrong in ["", "m", "1", "123456789m", "1x", "-1S", "1é"] {
            assert_eq!(grpc_timeout(wrong), None, "{wrong}");
        }
        assert_eq!(connect_timeout("250"), Some(Duration::from_millis(250)));
        assert_eq!(connect_timeout("12345678901"), None);
    }

    #[test]
    fn a_sane_request_id_is_kept_and_any_other_replaced() {
        let ids = RequestIds::default();
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", HeaderValue::from_static("abc-1"));
        assert_eq!(ids.of(&headers).as_str(), "abc-1");
        headers.insert("x-request-id", HeaderValue::from_static("a b\"c"));
        let (first, second) = (ids.of(&headers), ids.of(&headers));
        assert_eq!(first.as_str().len(), 16);
        assert_ne!(first, second);
    }
}
