//! The one HTTP service: tells the wire forms apart and finishes every answer.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, EXPIRES, ORIGIN, PRAGMA, RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use proto::rpc::{Code, Service, Status};
use tokio::time::{Instant, timeout_at};

use super::connect::Connect;
use super::core::Core;
use super::head::{Origin, REQUEST_ID, RequestIds, Wire, name_host, peer};
use super::route::{Found, Routes};
use super::text::{self, Base64};
use super::{Body, DEFAULT_DEADLINE, Gate, MAX_BODY_BYTES, WiringError, cors, rest};

const GRPC: &[u8] = b"application/grpc";
const GRPC_WEB: &[u8] = b"application/grpc-web";
const GRPC_WEB_TEXT: &[u8] = b"application/grpc-web-text";

/// The HTTP service of all methods in all wire forms; cheap to clone, and usable as the fallback of a router.
pub struct RpcService<G: Gate> {
    shared: Arc<Shared<G>>,
}

struct Shared<G: Gate> {
    core: Arc<Core<G>>,
    connect: Connect<G>,
    routes: Routes,
    ids: RequestIds,
}

impl<G: Gate> RpcService<G> {
    pub(super) fn new(gate: G, services: &[Service<G::Context>]) -> Result<Self, WiringError> {
        let mut names: Vec<_> = services.iter().map(Service::name).collect();
        names.sort_unstable();
        if let Some(name) = names
            .iter()
            .zip(names.iter().skip(1))
            .find_map(|(name, next)| (name == next).then_some(name))
        {
            return Err(WiringError(format!("{name} is registered twice")));
        }
        let core = Arc::new(Core::new(gate, services));
        let connect = Connect::new(Arc::clone(&core));
        let routes = routes(&core)?;
        let service = Self {
            shared: Arc::new(Shared {
                core,
                connect,
                routes,
                ids: RequestIds::default(),
            }),
        };
        service.check()?;
        Ok(service)
    }

    /// Tells gRPC health checks that this server is about to stop, so that balancers send no more.
    pub fn shut_down(&self) {
        self.shared.connect.shut_down();
    }

    /// Every method must be found by its path and by its route.
    fn check(&self) -> Result<(), WiringError> {
        for (place, method) in self.shared.core.methods().iter().enumerate() {
            let info = method.info;
            if !self.shared.connect.serves(info.path) {
                return Err(WiringError(format!("{} has no handler", info.path)));
            }
            let Some(rule) = &info.http else {
                return Err(WiringError(format!("{} has no HTTP rule", info.path)));
            };
            match self.shared.routes.find(rule.verb, rule.template) {
                Found::Method(found, _) if found == place => {}
                _ => {
                    return Err(WiringError(format!(
                        "{} is shadowed at {} {}",
                        info.path, rule.verb, rule.template
                    )));
                }
            }
        }
        Ok(())
    }
}

fn routes<G: Gate>(core: &Core<G>) -> Result<Routes, WiringError> {
    let mut routes = Routes::default();
    for (place, method) in core.methods().iter().enumerate() {
        if let Some(rule) = &method.info.http {
            routes.add(rule, place).map_err(WiringError)?;
        }
    }
    Ok(routes)
}

impl<G: Gate> Clone for RpcService<G> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<G: Gate> fmt::Debug for RpcService<G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RpcService")
            .field("methods", &self.shared.core.methods().len())
            .finish_non_exhaustive()
    }
}

impl<G, B> tower::Service<Request<B>> for RpcService<G>
where
    G: Gate,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move { Ok(shared.answer(request).await) })
    }
}

impl<G: Gate> Shared<G> {
    async fn answer<B>(&self, mut request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let caller = request.headers().get(ORIGIN).cloned();
        let request_id = self.ids.of(request.headers());
        let id = HeaderValue::from_str(request_id.as_str());
        let mut response = if cors::is_preflight(&request) {
            note_route("-");
            preflight()
        } else {
            name_host(&mut request);
            let (wire, text) = self.wire(&request);
            let origin = Origin {
                peer: peer(request.extensions()),
                request_id,
                wire,
            };
            self.by_wire(request, origin, text).await
        };
        if let Some(caller) = caller {
            cors::expose(response.headers_mut(), caller);
        }
        if let Ok(id) = id {
            response.headers_mut().insert(&REQUEST_ID, id);
        }
        response
    }

    /// The form of a request, and whether it is in text mode. gRPC shows by its content type, Connect by the path of a
    /// method; all else is HTTP/JSON, whatever its content type says.
    fn wire<B>(&self, request: &Request<B>) -> (Wire, bool) {
        let content_type = request
            .headers()
            .get(CONTENT_TYPE)
            .map(HeaderValue::as_bytes)
            .unwrap_or_default();
        if content_type.starts_with(GRPC_WEB) {
            return (Wire::GrpcWeb, content_type.starts_with(GRPC_WEB_TEXT));
        }
        if content_type.starts_with(GRPC) {
            return (Wire::Grpc, false);
        }
        let connect = self.connect.serves(request.uri().path());
        (if connect { Wire::Connect } else { Wire::Rest }, false)
    }

    async fn by_wire<B>(&self, mut request: Request<B>, origin: Origin, text: bool) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        if origin.wire == Wire::Rest {
            return private(rest::answer(&self.core, &self.routes, request, origin).await);
        }
        let path = request.uri().path();
        note_route(if self.connect.serves(path) { path } else { "-" });
        request.extensions_mut().insert(origin.clone());
        if text {
            return private(self.in_text(request).await);
        }
        let mut response = self.connect.answer(request).await.map(Body::from);
        if origin.wire == Wire::Grpc {
            status_in_trailers(response.headers_mut());
            response
        } else {
            private(response)
        }
    }

    /// gRPC-Web in text mode: the binary form between two translations.
    async fn in_text<B>(&self, request: Request<B>) -> Response<Body>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let (mut parts, body) = request.into_parts();
        // Four letters for three bytes, and some room for line ends.
        let limit = MAX_BODY_BYTES / 2 * 3;
        let read = timeout_at(
            Instant::now() + DEFAULT_DEADLINE,
            Limited::new(body, limit).collect(),
        )
        .await;
        let body = read
            .ok()
            .and_then(Result::ok)
            .and_then(|body| text::decode(&body.to_bytes()));
        parts.headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/grpc-web+proto"),
        );
        parts.headers.remove(CONTENT_LENGTH);
        // A body that cannot be read is passed on as a frame cut short, which the binary form knows how to refuse.
        let body = body.unwrap_or_else(|| Bytes::from_static(&[0, 0]));
        let response = self
            .connect
            .answer(Request::from_parts(parts, Full::new(body)))
            .await;
        let mut response = response.map(|body| Body::from(Base64(body)));
        response.headers_mut().remove(CONTENT_LENGTH);
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/grpc-web-text+proto"),
        );
        response
    }
}

/// Tells the span of a request which route it takes, if there is one: that of a method, or `-`. Never the path that was
/// asked for, which may hold a number or an address.
pub(super) fn note_route(route: &str) {
    if tracing::enabled!(tracing::Level::DEBUG) {
        tracing::Span::current().record("route", route);
    }
}

/// The library repeats status and message of a failed call in the head, but not its details. A client that takes such
/// a head for the whole answer would lose them; the trailers say everything.
fn status_in_trailers(headers: &mut HeaderMap) {
    headers.remove("grpc-status");
    headers.remove("grpc-message");
}

fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::new()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    cors::preflight(response.headers_mut());
    response
}

const PRIVATE: [(HeaderName, HeaderValue); 4] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (PRAGMA, HeaderValue::from_static("no-cache")),
    (EXPIRES, HeaderValue::from_static("0")),
    (
        HeaderName::from_static("x-robots-tag"),
        HeaderValue::from_static("none"),
    ),
];

/// Answers hold personal data and codes: nobody between us and the caller may keep them.
fn private(mut response: Response<Body>) -> Response<Body> {
    let headers = response.headers_mut();
    for (name, value) in PRIVATE {
        headers.insert(name, value);
    }
    response
}

/// The headers that go with a failed call in every form.
pub(super) fn hints(status: &Status) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if status.code == Code::Unauthenticated {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(delay) = status.retry_after {
        headers.insert(RETRY_AFTER, HeaderValue::from(whole_seconds(delay)));
    }
    for (name, value) in &status.metadata {
        headers.insert(name, value.clone());
    }
    headers
}

/// `Retry-After` counts seconds; a part of one counts whole, so that the next try is not too early.
fn whole_seconds(delay: Duration) -> u64 {
    delay.as_secs() + u64::from(delay.subsec_nanos() > 0)
}
