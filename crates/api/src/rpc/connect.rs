//! The one file that knows `connectrpc`: gRPC, gRPC-Web and Connect framing around [`Core`], with server reflection
//! and gRPC health beside it.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use connectrpc::dispatcher::{MethodDescriptor, RequestStream, StreamingResult, UnaryResult};
use connectrpc::{
    Chain, CodecFormat, ConnectError, ConnectRpcBody, ConnectRpcService, DeadlinePolicy, Dispatcher,
    EncodedBody, ErrorCode, ErrorDetail, Limits, Payload as Encoded, RequestContext, Response as Answer,
    Router,
};
use connectrpc_health::{
    Checker, HealthExt, HealthService, StaticChecker, Status as Serving, StatusStream, apply_request_limits,
    request_limits,
};
use connectrpc_reflection::Reflector;
use futures_util::{StreamExt, stream};
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use proto::rpc::{Code, Status};
use tokio::time::Instant;
use tower::Service;

use super::core::{Core, Payload};
use super::head::Origin;
use super::{DEFAULT_DEADLINE, Gate, LONGEST_DEADLINE, MAX_BODY_BYTES};

/// The three framed wire forms.
pub(super) struct Connect<G: Gate> {
    inner: ConnectRpcService<Chain<Table<G>, Chain<Router, Reflection>>>,
    health: Arc<StaticChecker>,
}

impl<G: Gate> Connect<G> {
    pub(super) fn new(core: Arc<Core<G>>) -> Self {
        let mut services: Vec<&'static str> =
            core.methods().iter().map(|method| method.info.service).collect();
        services.dedup();
        let health = Arc::new(StaticChecker::with_services(services.iter().copied()));
        let checker = Arc::new(HealthService::new(Health(Arc::clone(&health))));
        let router = apply_request_limits(checker.register(Router::new()), request_limits());
        let limits = Limits::default()
            .with_max_request_body_size(MAX_BODY_BYTES)
            .with_max_message_size(MAX_BODY_BYTES);
        let deadlines = DeadlinePolicy::new()
            .with_default_timeout(DEFAULT_DEADLINE)
            .with_max(LONGEST_DEADLINE);
        let beside = Chain(router, Reflection::of(services));
        let inner = ConnectRpcService::new(Chain(Table { core }, beside))
            .with_limits(limits)
            .with_deadline_policy(deadlines);
        Self { inner, health }
    }

    /// Whether the path is that of a method, reflection and health included.
    pub(super) fn serves(&self, path: &str) -> bool {
        path.strip_prefix('/')
            .is_some_and(|path| self.inner.dispatcher().lookup(path).is_some())
    }

    /// Answers a request of one of the three forms.
    pub(super) async fn answer<B>(&self, request: Request<B>) -> Response<Framed>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let Ok(response) = self.inner.clone().call(request).await;
        response.map(Framed)
    }

    /// Tells health checks that this server is about to stop; whoever watches hears it and nothing after.
    pub(super) fn shut_down(&self) {
        self.health.shutdown();
    }
}

/// What health checks are told.
struct Health(Arc<StaticChecker>);

impl Checker for Health {
    async fn check(&self, service: &str) -> Result<Serving, ConnectError> {
        self.0.check(service).await
    }

    /// Ends behind the news that nothing is served, which is final here: a stream that stayed open would hold the stop up.
    async fn watch(&self, service: &str) -> Result<StatusStream, ConnectError> {
        let all = self.0.watch(service).await?;
        let told = stream::unfold(Some(all), async |rest| {
            let mut rest = rest?;
            let status = rest.next().await?;
            Some((status, (status != Serving::NotServing).then_some(rest)))
        });
        Ok(StatusStream::new(told))
    }
}

/// Server reflection, put together by the first who asks: most servers are never asked, and the decoded descriptors take
/// megabytes.
struct Reflection {
    services: Vec<&'static str>,
    router: OnceLock<Router>,
}

impl Reflection {
    fn of(services: Vec<&'static str>) -> Self {
        Self {
            services,
            router: OnceLock::new(),
        }
    }

    fn router(&self, path: &str) -> Option<&Router> {
        let make = || match self.reflector() {
            Ok(reflector) => connectrpc_reflection::install(Router::new(), reflector),
            Err(error) => {
                tracing::error!(%error, "the descriptors cannot be reflected");
                Router::new()
            }
        };
        path.starts_with("grpc.reflection.")
            .then(|| self.router.get_or_init(make))
    }

    fn reflector(&self) -> Result<Reflector, Box<dyn Error>> {
        let mut reflector = Reflector::from_descriptor_set_bytes(&proto::descriptor_set()?)?;
        reflector.add_descriptor_set_bytes(proto::INFRASTRUCTURE_DESCRIPTOR_SET)?;
        Ok(reflector.with_services(self.services.iter().copied().chain(["grpc.health.v1.Health"])))
    }
}

impl Dispatcher for Reflection {
    fn lookup(&self, path: &str) -> Option<MethodDescriptor> {
        self.router(path)?.lookup(path)
    }

    fn call_unary(
        &self,
        path: &str,
        cx: RequestContext,
        request: Encoded,
        format: CodecFormat,
    ) -> UnaryResult {
        match self.router(path) {
            Some(router) => router.call_unary(path, cx, request, format),
            None => Box::pin(async { Err(unknown()) }),
        }
    }

    fn call_server_streaming(
        &self,
        path: &str,
        cx: RequestContext,
        request: Bytes,
        format: CodecFormat,
    ) -> StreamingResult {
        match self.router(path) {
            Some(router) => router.call_server_streaming(path, cx, request, format),
            None => Box::pin(async { Err(unknown()) }),
        }
    }

    fn call_client_streaming(
        &self,
        path: &str,
        cx: RequestContext,
        requests: RequestStream,
        format: CodecFormat,
    ) -> UnaryResult {
        match self.router(path) {
            Some(router) => router.call_client_streaming(path, cx, requests, format),
            None => Box::pin(async { Err(unknown()) }),
        }
    }

    fn call_bidi_streaming(
        &self,
        path: &str,
        cx: RequestContext,
        requests: RequestStream,
        format: CodecFormat,
    ) -> StreamingResult {
        match self.router(path) {
            Some(router) => router.call_bidi_streaming(path, cx, requests, format),
            None => Box::pin(async { Err(unknown()) }),
        }
    }
}

fn unknown() -> ConnectError {
    ConnectError::unimplemented("no such method")
}

/// The body of a framed answer.
pub(super) struct Framed(ConnectRpcBody);

impl fmt::Debug for Framed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framed").finish_non_exhaustive()
    }
}

impl Body for Framed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.get_mut().0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

struct Table<G: Gate> {
    core: Arc<Core<G>>,
}

impl<G: Gate> Dispatcher for Table<G> {
    fn lookup(&self, path: &str) -> Option<MethodDescriptor> {
        self.core.find(path).map(|_| MethodDescriptor::unary(false))
    }

    fn call_unary(
        &self,
        path: &str,
        cx: RequestContext,
        request: Encoded,
        format: CodecFormat,
    ) -> UnaryResult {
        let core = Arc::clone(&self.core);
        let path = path.to_owned();
        Box::pin(async move { call(&core, &path, cx, &request, format).await })
    }

    fn call_server_streaming(&self, _: &str, _: RequestContext, _: Bytes, _: CodecFormat) -> StreamingResult {
        Box::pin(async { Err(no_streams()) })
    }

    fn call_client_streaming(
        &self,
        _: &str,
        _: RequestContext,
        _: RequestStream,
        _: CodecFormat,
    ) -> UnaryResult {
        Box::pin(async { Err(no_streams()) })
    }

    fn call_bidi_streaming(
        &self,
        _: &str,
        _: RequestContext,
        _: RequestStream,
        _: CodecFormat,
    ) -> StreamingResult {
        Box::pin(async { Err(no_streams()) })
    }
}

async fn call<G: Gate>(
    core: &Core<G>,
    path: &str,
    mut cx: RequestContext,
    request: &Encoded,
    format: CodecFormat,
) -> Result<Answer<EncodedBody>, ConnectError> {
    let Some(method) = core.find(path) else {
        return Err(ConnectError::unimplemented(format!("method {path} not found")));
    };
    let Some(origin) = cx.extensions_mut().remove::<Origin>() else {
        return Err(ConnectError::internal("the request came in by no door"));
    };
    let bytes = request.encoded()?;
    let payload = match format {
        CodecFormat::Proto => Payload::Proto(bytes),
        CodecFormat::Json => Payload::Json(bytes),
        _ => return Err(ConnectError::unimplemented("unknown codec")),
    };
    let deadline = cx.deadline().map(Instant::from_std);
    let head = origin.head(
        std::mem::take(cx.headers_mut()),
        method.info.path.to_owned(),
        deadline,
    );
    let answer = core.run(method, head, payload).await.map_err(error)?;
    Ok(Answer::new(EncodedBody::from(answer)))
}

fn no_streams() -> ConnectError {
    ConnectError::unimplemented("no method of this server streams")
}

/// A status as the three forms carry it.
fn error(status: Status) -> ConnectError {
    let headers = super::service::hints(&status);
    let mut error = ConnectError::new(code(status.code), status.message).with_headers(headers);
    for detail in &status.details {
        error = error.with_detail(ErrorDetail {
            type_url: detail.type_name().to_owned(),
            value: Some(STANDARD_NO_PAD.encode(&detail.value)),
            debug: None,
        });
    }
    error
}

fn code(code: Code) -> ErrorCode {
    match code {
        Code::Canceled => ErrorCode::Canceled,
        Code::Unknown => ErrorCode::Unknown,
        Code::InvalidArgument => ErrorCode::InvalidArgument,
        Code::DeadlineExceeded => ErrorCode::DeadlineExceeded,
        Code::NotFound => ErrorCode::NotFound,
        Code::AlreadyExists => ErrorCode::AlreadyExists,
        Code::PermissionDenied => ErrorCode::PermissionDenied,
        Code::ResourceExhausted => ErrorCode::ResourceExhausted,
        Code::FailedPrecondition => ErrorCode::FailedPrecondition,
        Code::Aborted => ErrorCode::Aborted,
        Code::OutOfRange => ErrorCode::OutOfRange,
        Code::Unimplemented => ErrorCode::Unimplemented,
        Code::Internal => ErrorCode::Internal,
        Code::Unavailable => ErrorCode::Unavailable,
        Code::DataLoss => ErrorCode::DataLoss,
        Code::Unauthenticated => ErrorCode::Unauthenticated,
    }
}
