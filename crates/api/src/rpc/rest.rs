//! HTTP/JSON by the `google.api.http` rules, answered in this process without a second hop.

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use proto::rpc::{self, Any, Code, Params, Status};
use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};
use tokio::time::{Instant, timeout_at};

use super::core::{Core, Method, Payload};
use super::head::{self, Origin};
use super::route::{Found, Routes, decode, decode_query};
use super::service::{hints, note_route};
use super::{Body, Gate, MAX_BODY_BYTES};

/// Headers that an answer gets on its way out, here and at the listener; room for them is made once.
const HEADERS: usize = 12;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Answers a request that is of no other form.
pub(super) async fn answer<G, B>(
    core: &Core<G>,
    routes: &Routes,
    request: Request<B>,
    origin: Origin,
) -> Response<Body>
where
    G: Gate,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    let (parts, body) = request.into_parts();
    let found = routes.find(parts.method.as_str(), parts.uri.path());
    note_route(template(core, &found));
    match found {
        Found::Nothing => refuse(StatusCode::NOT_FOUND, &Status::new(Code::NotFound, "Not Found")),
        Found::OtherVerbs(verbs) => other_verb(&verbs),
        Found::Method(place, path) => {
            let Some(method) = core.methods().get(place) else {
                return refuse(StatusCode::NOT_FOUND, &Status::new(Code::NotFound, "Not Found"));
            };
            let deadline = head::deadline(&parts.headers);
            let body = match read(&parts.headers, body, deadline).await {
                Ok(body) => body,
                Err((status, reason)) => return close(refuse(status, &reason)),
            };
            let params = params(method, path, parts.uri.query());
            let head = origin.head(parts.headers, parts.uri.path().to_owned(), Some(deadline));
            match core.run(method, head, Payload::Rest(body, params)).await {
                Ok(json) => success(method, json),
                Err(status) => failure(&status),
            }
        }
    }
}

/// The route of the method that was found.
fn template<G: Gate>(core: &Core<G>, found: &Found<'_>) -> &'static str {
    let method = match found {
        Found::Method(place, _) => core.methods().get(*place),
        Found::Nothing | Found::OtherVerbs(_) => None,
    };
    let rule = method.and_then(|method| method.info.http.as_ref());
    rule.map_or("-", |rule| rule.template)
}

/// A failed call as `google.rpc.Status` in JSON.
pub(super) fn failure(status: &Status) -> Response<Body> {
    let http = StatusCode::from_u16(status.code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    refuse(http, status)
}

fn success<C>(method: &Method<C>, json: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(json));
    *response.status_mut() = StatusCode::from_u16(method.info.success).unwrap_or(StatusCode::OK);
    response.headers_mut().reserve(HEADERS);
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

fn refuse(http: StatusCode, status: &Status) -> Response<Body> {
    let json = Failure {
        code: status.code.number(),
        message: &status.message,
        details: &status.details,
    };
    let mut response = Response::new(Body::from(Bytes::from(
        serde_json::to_vec(&json).unwrap_or_default(),
    )));
    *response.status_mut() = http;
    *response.headers_mut() = hints(status);
    response.headers_mut().insert(CONTENT_TYPE, JSON);
    response
}

fn other_verb(verbs: &[&str]) -> Response<Body> {
    let status = Status::new(Code::Unimplemented, "Method Not Allowed");
    let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, &status);
    if let Ok(verbs) = HeaderValue::from_str(&verbs.join(", ")) {
        response.headers_mut().insert(ALLOW, verbs);
    }
    response
}

/// What is left of the request is not worth reading.
fn close(mut response: Response<Body>) -> Response<Body> {
    response
        .headers_mut()
        .insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

#[derive(Serialize)]
struct Failure<'a> {
    code: u8,
    message: &'a str,
    #[serde(skip_serializing_if = "<[Any]>::is_empty", serialize_with = "details")]
    details: &'a [Any],
}

fn details<S: Serializer>(details: &&[Any], serializer: S) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(Some(details.len()))?;
    for detail in *details {
        list.serialize_element(&detail.to_json())?;
    }
    list.end()
}

type Unreadable = (StatusCode, Status);

async fn read<B>(headers: &HeaderMap, body: B, deadline: Instant) -> Result<Bytes, Unreadable>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let encoding = headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes);
    if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity")) {
        let reason = Status::invalid_argument("a compressed body is not accepted in this form");
        return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, reason));
    }
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > MAX_BODY_BYTES as u64) {
        return Err(too_large());
    }
    match timeout_at(deadline, Limited::new(body, MAX_BODY_BYTES).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err((
            StatusCode::BAD_REQUEST,
            Status::invalid_argument("the body ended early"),
        )),
        Err(_) => {
            let reason = Status::new(Code::DeadlineExceeded, "the body did not arrive in time");
            Err((StatusCode::GATEWAY_TIMEOUT, reason))
        }
    }
}

fn too_large() -> Unreadable {
    let reason = format!("the body is larger than {MAX_BODY_BYTES} bytes");
    (
        StatusCode::PAYLOAD_TOO_LARGE,
        Status::new(Code::ResourceExhausted, reason),
    )
}

fn params<'a, C>(
    method: &Method<C>,
    path: Vec<(&'static [&'static str], &'a str)>,
    query: Option<&'a str>,
) -> Result<Params<'a>, Status> {
    let garbled = || Status::invalid_argument("the path or query holds escapes that are no UTF-8");
    let mut params = Params::default();
    for (field, value) in path {
        params.path.push((field, decode(value).ok_or_else(garbled)?));
    }
    // With the whole request in the body the query has nothing left to set.
    let whole = method
        .info
        .http
        .as_ref()
        .is_some_and(|rule| rule.body == rpc::Body::All);
    let pairs = query.filter(|_| !whole).unwrap_or_default().split('&');
    for pair in pairs.filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        params.query.push((
            decode_query(name).ok_or_else(garbled)?,
            decode_query(value).ok_or_else(garbled)?,
        ));
    }
    Ok(params)
}
