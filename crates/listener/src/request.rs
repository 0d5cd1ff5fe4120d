//! What every request gets, whatever it asks for: an id, the caller's address, a span, a clock, safe headers, and an answer even
//! when a handler panics.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, MatchedPath};
use axum::middleware;
use futures_util::FutureExt;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, EXPECT, HOST, ORIGIN, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use ipnet::IpNet;
use metrics::{Counter, Histogram};
use tokio::time::Instant;
use tower::Service;
use tracing::Instrument;

use crate::body::Timely;
use crate::{Options, Origins, forwarded};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Time for a request body to arrive.
const BODY_TIME: Duration = Duration::from_mins(1);

/// The routes and what is put around them.
pub(super) struct Shell {
    routes: Router,
    trusted: Vec<IpNet>,
    origins: Origins,
    https: bool,
    ids: Ids,
    seconds: Histogram,
    /// By the first digit of the status.
    answers: [Counter; 5],
    panics: Counter,
}

impl Shell {
    pub(super) fn new(options: &Options, routes: Router) -> Self {
        let class = |class: &'static str| metrics::counter!("merlon_http_requests_total", "status" => class);
        Self {
            routes: named(routes),
            trusted: options.trusted_proxies.clone(),
            origins: options.origins.clone(),
            https: options.https,
            ids: Ids {
                seed: options.request_seed,
                count: AtomicU64::new(0),
            },
            seconds: metrics::histogram!("merlon_http_request_seconds"),
            answers: [
                class("1xx"),
                class("2xx"),
                class("3xx"),
                class("4xx"),
                class("5xx"),
            ],
            panics: metrics::counter!("merlon_http_panics_total"),
        }
    }

    /// Answers one request of a connection.
    pub(super) async fn answer(&self, mut request: Request<Incoming>, peer: SocketAddr) -> Response<Body> {
        let start = Instant::now();
        let caller = forwarded::settle(request.headers_mut(), peer, &self.trusted);
        self.forget_foreign_origin(&mut request);
        lower_media_type(request.headers_mut());
        let id = self.ids.of(request.headers());
        request.headers_mut().insert(REQUEST_ID, id.clone());
        request.extensions_mut().insert(ConnectInfo(caller));
        let span = tracing::debug_span!(
            "http",
            id = id.to_str().unwrap_or_default(),
            method = request.method().as_str(),
            route = tracing::field::Empty,
        );
        let mut response = self.route(request).instrument(span.clone()).await;
        span.in_scope(|| self.observe(response.status(), start.elapsed(), &id));
        response.headers_mut().insert(REQUEST_ID, id);
        dress(response.headers_mut(), self.https);
        response
    }

    /// A page of an origin that is not allowed gets answers it cannot read: without `Origin` no route shares anything.
    /// Pages of our own keep the header, since they tell by it who sent a form.
    fn forget_foreign_origin(&self, request: &mut Request<Incoming>) {
        let foreign = request
            .headers()
            .get(ORIGIN)
            .is_some_and(|origin| !self.origins.allows(origin.as_bytes()));
        if foreign && !request.uri().path().starts_with("/ui/") {
            request.headers_mut().remove(ORIGIN);
        }
    }

    async fn route(&self, request: Request<Incoming>) -> Response<Body> {
        if !names_one_host(request.version(), request.headers()) {
            return hostless();
        }
        let kind = request
            .headers()
            .get(CONTENT_TYPE)
            .filter(|kind| kind.as_bytes().starts_with(GRPC))
            .cloned();
        let limit = kind.is_none().then_some(BODY_TIME);
        // Who waits for permission to send has not sent anything yet, and HTTP/2 can end one stream alone.
        let read_away = request.version() < Version::HTTP_2 && !request.headers().contains_key(EXPECT);
        let request = request.map(|body| Timely::new(body, limit).read_away(read_away));
        let outcome = AssertUnwindSafe(async { self.routes.clone().call(request).await })
            .catch_unwind()
            .await;
        match outcome {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(_) => {
                self.panics.increment(1);
                tracing::error!("a handler panicked; the caller got an internal error");
                internal(kind)
            }
        }
    }

    fn observe(&self, status: StatusCode, time: Duration, id: &HeaderValue) {
        self.seconds.record(time.as_secs_f64());
        if let Some(counter) = self
            .answers
            .get(usize::from(status.as_u16() / 100).saturating_sub(1))
        {
            counter.increment(1);
        }
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        if status.is_server_error() {
            let id = id.to_str().unwrap_or_default();
            tracing::warn!(
                status = status.as_u16(),
                micros,
                id,
                "answered with a server error"
            );
        } else {
            tracing::debug!(status = status.as_u16(), micros, "answered");
        }
    }
}

/// The span of a request is told the pattern of its route, never its path, which may hold a number or an address. A
/// fallback knows best what it answers by, and says so itself.
fn named(routes: Router) -> Router {
    if !routes.has_routes() {
        return routes;
    }
    routes.route_layer(middleware::map_request(async |request: Request<Body>| {
        if let Some(route) = request.extensions().get::<MatchedPath>() {
            tracing::Span::current().record("route", route.as_str());
        }
        request
    }))
}

/// Whether it is plain whom a request is for: HTTP/1.1 says so in one `Host` (RFC 9112, 3.2), which is empty or a host with a
/// port. Older callers know none, and HTTP/2 has a field of its own.
fn names_one_host(version: Version, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(HOST).iter();
    let Some(host) = hosts.next() else {
        return version != Version::HTTP_11;
    };
    let is_sound = host
        .as_bytes()
        .iter()
        .all(|byte| byte.is_ascii_graphic() && !b"@,/?#\\".contains(byte));
    is_sound && hosts.next().is_none()
}

/// The answer where that is not plain.
fn hostless() -> Response<Body> {
    let words = r#"{"code":3,"message":"the request must have one header line Host","details":[]}"#;
    let mut response = Response::new(Body::from(words));
    *response.status_mut() = StatusCode::BAD_REQUEST;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

const GRPC: &[u8] = b"application/grpc";

/// The answer after a panic, in the caller's wire form as far as it is known here.
fn internal(grpc: Option<HeaderValue>) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    let headers = response.headers_mut();
    if let Some(kind) = grpc {
        headers.insert(CONTENT_TYPE, kind);
        headers.insert("grpc-status", HeaderValue::from_static("13"));
        headers.insert("grpc-message", HeaderValue::from_static("internal error"));
    } else {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *response.body_mut() = Body::from(r#"{"code":13,"message":"internal error","details":[]}"#);
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    }
    response
}

/// What browsers are told unless a route says otherwise.
const SAFE: [(HeaderName, HeaderValue); 6] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        HeaderName::from_static("x-robots-tag"),
        HeaderValue::from_static("none"),
    ),
];

/// Media types mean the same in any case (RFC 9110, 8.3.1); everybody behind here may look for lower case. Parameters stay as they are.
fn lower_media_type(headers: &mut HeaderMap) {
    let Some(kind) = headers.get_mut(CONTENT_TYPE) else {
        return;
    };
    let end = kind.as_bytes().iter().position(|byte| *byte == b';');
    let end = end.unwrap_or(kind.len());
    if !kind.as_bytes()[..end].iter().any(u8::is_ascii_uppercase) {
        return;
    }
    let mut lower = kind.as_bytes().to_vec();
    lower[..end].make_ascii_lowercase();
    if let Ok(lower) = HeaderValue::from_bytes(&lower) {
        *kind = lower;
    }
}

/// Headers for browsers, where the route set none of its own. gRPC answers never become pages and go without.
fn dress(headers: &mut HeaderMap, https: bool) {
    if headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(GRPC))
    {
        return;
    }
    for (name, value) in SAFE {
        headers.entry(name).or_insert(value);
    }
    if https {
        let year = HeaderValue::from_static("max-age=31536000");
        headers.entry(STRICT_TRANSPORT_SECURITY).or_insert(year);
    }
}

/// Ids of requests: the caller's where it is harmless, else our own. They are unique, not secret.
struct Ids {
    seed: u64,
    count: AtomicU64,
}

impl Ids {
    fn of(&self, headers: &HeaderMap) -> HeaderValue {
        match headers.get(REQUEST_ID) {
            Some(id) if is_sane(id.as_bytes()) => id.clone(),
            _ => self.next(),
        }
    }

    fn next(&self) -> HeaderValue {
        let number = self.seed.wrapping_add(self.count.fetch_add(1, Ordering::Relaxed));
        HeaderValue::try_from(format!("{:016x}", scatter(number)))
            .unwrap_or_else(|_| HeaderValue::from_static("-"))
    }
}

fn is_sane(id: &[u8]) -> bool {
    (1..=64).contains(&id.len())
        && id
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte))
}

/// Spreads neighbours apart and never makes two numbers equal (odd multiplications and shifted xors can be undone).
fn scatter(number: u64) -> u64 {
    let number = (number ^ (number >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 29)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    number ^ (number >> 32)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_callers_id_is_kept_when_it_cannot_harm_a_log() {
        for good in ["a", "0aF-_.9", &"x".repeat(64)] {
            assert!(is_sane(good.as_bytes()), "{good}");
        }
        for bad in ["", " ", "a b", "a\"b", "ä", &"x".repeat(65)] {
            assert!(!is_sane(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn a_media_type_is_read_in_any_case() {
        for (sent, read) in [
            ("Application/JSON", "application/json"),
            ("application/gRPC+proto", "application/grpc+proto"),
            (
                "Multipart/Form-Data; boundary=AbC",
                "multipart/form-data; boundary=AbC",
            ),
            (
                "application/json; charset=UTF-8",
                "application/json; charset=UTF-8",
            ),
        ] {
            let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(sent))]);
            lower_media_type(&mut headers);
            assert_eq!(headers[CONTENT_TYPE], read);
        }
    }

    #[test]
    fn our_ids_do_not_repeat() {
        let ids = Ids {
            seed: 7,
            count: AtomicU64::new(0),
        };
        let seen: HashSet<_> = (0..10_000).map(|_| ids.next()).collect();
        assert_eq!(seen.len(), 10_000);
    }

    #[test]
    fn a_route_may_say_more_than_the_default() {
        let mut headers = HeaderMap::new();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=60"));
        dress(&mut headers, true);
        assert_eq!(headers[CACHE_CONTROL], "max-age=60");
        assert!(headers.contains_key(STRICT_TRANSPORT_SECURITY));
        let mut grpc =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/grpc+proto"))]);
        dress(&mut grpc, true);
        assert_eq!(grpc.len(), 1);
    }
}
