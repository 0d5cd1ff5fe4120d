//! A client for each wire form over a real socket, and what all of them must agree on.

use std::{fmt::Debug, net::SocketAddr, sync::Arc};

use base64::{Engine, engine::general_purpose::STANDARD, engine::general_purpose::STANDARD_NO_PAD};
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use prost::Message;
use proto::rpc::{Code, MethodInfo};
use serde_json::Value;
use tokio::net::TcpStream;

use super::contract;

/// A way to carry a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    Grpc,
    GrpcWeb,
    GrpcWebText,
    ConnectProto,
    ConnectJson,
    Rest,
}

impl Form {
    pub(crate) const ALL: [Self; 6] = [
        Self::Grpc,
        Self::GrpcWeb,
        Self::GrpcWebText,
        Self::ConnectProto,
        Self::ConnectJson,
        Self::Rest,
    ];
}

/// What a call came to, in the words of no wire form.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) outcome: Result<Value, Failure>,
    /// `retry-after`, in the head or the trailers.
    pub(crate) retry_after: Option<String>,
}

/// An error.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    pub(crate) code: u8,
    pub(crate) message: String,
    /// Each with its `@type`.
    pub(crate) details: Vec<Value>,
}

impl Failure {
    /// The id of the condition, which the first detail holds.
    pub(crate) fn id(&self) -> &str {
        self.details
            .first()
            .and_then(|detail| detail["id"].as_str())
            .unwrap_or_default()
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn ok(&self) -> &Value {
        self.outcome
            .as_ref()
            .unwrap_or_else(|failure| panic!("{failure:?}"))
    }

    #[track_caller]
    pub(crate) fn failure(&self) -> &Failure {
        self.outcome.as_ref().expect_err("a refusal")
    }

    /// 0 is success.
    pub(crate) fn code(&self) -> u8 {
        self.outcome.as_ref().err().map_or(0, |failure| failure.code)
    }
}

/// A call before it has a form.
#[derive(Clone, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) method: &'static MethodInfo,
    pub(crate) request: &'a Value,
    pub(crate) token: Option<&'a str>,
    pub(crate) headers: &'a [(&'a str, &'a str)],
}

/// What came over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) trailers: HeaderMap,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let value = self.headers.get(name).or_else(|| self.trailers.get(name));
        value.map(|value| value.to_str().expect("text"))
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A client that keeps its connections.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    idle: Arc<Mutex<Vec<http1::SendRequest<Full<Bytes>>>>>,
    multiplexed: Arc<Mutex<Option<http2::SendRequest<Full<Bytes>>>>>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            idle: Arc::default(),
            multiplexed: Arc::default(),
        }
    }

    /// Sends the call in a form and reads the answer.
    pub(crate) async fn call(&self, form: Form, call: &Call<'_>) -> Answer {
        read(form, call.method, &self.reply(form, call).await)
    }

    /// Sends the call in a form.
    pub(crate) async fn reply(&self, form: Form, call: &Call<'_>) -> Reply {
        let path = call.method.path;
        let encoded = || contract::message(call.method.input, call.request).encode_to_vec();
        let bearer = call.token.map(|token| format!("Bearer {token}"));
        let mut headers = call.headers.to_vec();
        headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
        match form {
            Form::Grpc => {
                headers.extend([("content-type", "application/grpc"), ("te", "trailers")]);
                self.http2("POST", path, &headers, frame(&encoded())).await
            }
            Form::GrpcWeb => {
                headers.extend([
                    ("content-type", "application/grpc-web+proto"),
                    ("x-grpc-web", "1"),
                ]);
                with_trailers(self.http1("POST", path, &headers, frame(&encoded())).await)
            }
            Form::GrpcWebText => {
                headers.extend([("content-type", "application/grpc-web-text"), ("x-grpc-web", "1")]);
                let body = STANDARD.encode(frame(&encoded()));
                let mut reply = self.http1("POST", path, &headers, body).await;
                reply.body = texts(&reply.body);
                with_trailers(reply)
            }
            Form::ConnectProto => {
                headers.extend([
                    ("content-type", "application/proto"),
                    ("connect-protocol-version", "1"),
                ]);
                self.http1("POST", path, &headers, encoded()).await
            }
            Form::ConnectJson => {
                headers.extend([
                    ("content-type", "application/json"),
                    ("connect-protocol-version", "1"),
                ]);
                self.http1("POST", path, &headers, call.request.to_string()).await
            }
            Form::Rest => {
                let rest = contract::rest(call.method, call.request);
                headers.extend(
                    rest.body
                        .is_some()
                        .then_some(("content-type", "application/json")),
                );
                self.http1(rest.verb, &rest.target, &headers, rest.body.unwrap_or_default())
                    .await
            }
        }
    }

    /// Sends one request over HTTP/1.1.
    pub(crate) async fn http1(
        &self,
        verb: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        let idle = self.idle.lock().pop().filter(|sender| !sender.is_closed());
        let mut sender = match idle {
            Some(sender) => sender,
            None => self.connect().await,
        };
        sender.ready().await.expect("an open connection");
        let mut request = request(verb, target, headers, body.into());
        let host = HeaderValue::from_str(&self.address.to_string()).expect("a host");
        request.headers_mut().entry("host").or_insert(host);
        let reply = collect(sender.send_request(request).await.expect("an answer")).await;
        if reply.headers.get("connection").is_none() {
            self.idle.lock().push(sender);
        }
        reply
    }

    async fn connect(&self) -> http1::SendRequest<Full<Bytes>> {
        let stream = TcpStream::connect(self.address).await.expect("connected");
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("a handshake");
        tokio::spawn(connection);
        sender
    }

    /// Sends one request over HTTP/2 with prior knowledge, all of them over one connection.
    pub(crate) async fn http2(
        &self,
        verb: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        collect(self.begin(verb, target, headers, body.into()).await.await).await
    }

    /// Sends a request over the same connection as [`Self::http2`], behind those that were sent before; its answer can be waited for.
    pub(crate) async fn begin(
        &self,
        verb: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> impl Future<Output = Response<Incoming>> + use<> {
        let open = self
            .multiplexed
            .lock()
            .clone()
            .filter(|sender| !sender.is_closed());
        let mut sender = match open {
            Some(sender) => sender,
            None => self.multiplex().await,
        };
        sender.ready().await.expect("an open connection");
        let target = format!("http://{}{target}", self.address);
        let sent = sender.send_request(request(verb, &target, headers, body));
        async { sent.await.expect("an answer") }
    }

    async fn multiplex(&self) -> http2::SendRequest<Full<Bytes>> {
        let stream = TcpStream::connect(self.address).await.expect("connected");
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
        let (sender, connection) = handshake.expect("a handshake");
        tokio::spawn(connection);
        *self.multiplexed.lock() = Some(sender.clone());
        sender
    }
}

fn request(verb: &str, target: &str, headers: &[(&str, &str)], body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::from_bytes(verb.as_bytes()).expect("a verb");
    *request.uri_mut() = target.parse().unwrap_or_else(|error| panic!("{error}: {target}"));
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        request
            .headers_mut()
            .append(name, HeaderValue::from_str(value).expect("a value"));
    }
    request
}

async fn collect<B>(response: http::Response<B>) -> Reply
where
    B: hyper::body::Body<Data = Bytes>,
    B::Error: Debug,
{
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("a whole body");
    let trailers = body.trailers().cloned().unwrap_or_default();
    Reply {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: body.to_bytes(),
        trailers,
    }
}

/// A message in the five-byte frame of gRPC.
pub(crate) fn frame(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(message.len() + 5);
    framed.put_u8(0);
    framed.put_u32(message.len().try_into().expect("a short message"));
    framed.put_slice(message);
    framed.freeze()
}

/// Splits a framed body into flags and payloads.
pub(crate) fn frames(mut body: &[u8]) -> Vec<(u8, &[u8])> {
    let mut frames = Vec::new();
    while let Some((head, rest)) = body.split_at_checked(5) {
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let (payload, rest) = rest.split_at_checked(length).expect("a whole frame");
        frames.push((head[0], payload));
        body = rest;
    }
    assert!(body.is_empty(), "part of a frame is left");
    frames
}

/// gRPC-Web has its trailers in the body; they become those of the reply.
fn with_trailers(mut reply: Reply) -> Reply {
    let body = reply.body.clone();
    for (_, lines) in frames(&body).into_iter().filter(|(flag, _)| flag & 0x80 != 0) {
        for line in std::str::from_utf8(lines).expect("text").lines() {
            let (name, value) = line.split_once(':').expect("a header line");
            let name = HeaderName::from_bytes(name.trim().as_bytes()).expect("a name");
            reply
                .trailers
                .append(name, HeaderValue::from_str(value.trim()).expect("a value"));
        }
    }
    reply
}

/// Base64 texts in a row, each with its own padding.
fn texts(body: &[u8]) -> Bytes {
    let mut decoded = Vec::new();
    for four in body.chunks(4) {
        decoded.extend(STANDARD.decode(four).expect("base64"));
    }
    decoded.into()
}

fn read(form: Form, method: &MethodInfo, reply: &Reply) -> Answer {
    let outcome = match form {
        Form::Grpc | Form::GrpcWeb | Form::GrpcWebText => grpc(method, reply),
        Form::ConnectProto | Form::ConnectJson => connect(form, method, reply),
        Form::Rest => rest(method, reply),
    };
    Answer {
        outcome,
        retry_after: reply.header("retry-after").map(str::to_owned),
    }
}

fn grpc(method: &MethodInfo, reply: &Reply) -> Result<Value, Failure> {
    assert_eq!(reply.status, 200, "{reply:?}");
    let code: u8 = reply
        .header("grpc-status")
        .unwrap_or_else(|| panic!("{reply:?}"))
        .parse()
        .expect("a number");
    if code == 0 {
        let frames = frames(&reply.body);
        let mut messages = frames.iter().filter(|(flag, _)| *flag == 0);
        let message = messages.next().expect("a message").1;
        assert!(messages.next().is_none(), "one message");
        return Ok(contract::json_of(method.output, message));
    }
    let message = reply.header("grpc-message").unwrap_or_default();
    let message = percent_encoding::percent_decode_str(message)
        .decode_utf8()
        .expect("UTF-8")
        .into_owned();
    let details = reply
        .header("grpc-status-details-bin")
        .map(status_details)
        .unwrap_or_default();
    Err(Failure {
        code,
        message,
        details,
    })
}

fn status_details(header: &str) -> Vec<Value> {
    #[derive(Clone, PartialEq, prost::Message)]
    struct Status {
        #[prost(int32, tag = "1")]
        code: i32,
        #[prost(string, tag = "2")]
        message: String,
        #[prost(message, repeated, tag = "3")]
        details: Vec<prost_types::Any>,
    }
    let bytes = STANDARD_NO_PAD
        .decode(header.trim_end_matches('='))
        .expect("base64");
    let status = Status::decode(&*bytes).expect("google.rpc.Status");
    let name = |any: &prost_types::Any| any.type_url.rsplit('/').next().unwrap_or_default().to_owned();
    status
        .details
        .iter()
        .map(|any| contract::detail(&name(any), &any.value))
        .collect()
}

fn connect(form: Form, method: &MethodInfo, reply: &Reply) -> Result<Value, Failure> {
    if reply.status == 200 {
        return Ok(match form {
            Form::ConnectProto => contract::json_of(method.output, &reply.body),
            _ => reply.json(),
        });
    }
    let json = reply.json();
    let code = Code::ALL
        .into_iter()
        .find(|code| json["code"] == code.name())
        .expect("a code");
    assert_eq!(reply.status, code.http_status(), "{json}");
    let details = json["details"].as_array().cloned().unwrap_or_default();
    let details = details.iter().map(|detail| {
        let bytes = STANDARD_NO_PAD
            .decode(detail["value"].as_str().expect("a value"))
            .expect("base64");
        contract::detail(detail["type"].as_str().expect("a type"), &bytes)
    });
    let message = json["message"].as_str().unwrap_or_default().to_owned();
    Err(Failure {
        code: code.number(),
        message,
        details: details.collect(),
    })
}

fn rest(method: &MethodInfo, reply: &Reply) -> Result<Value, Failure> {
    let json = reply.json();
    if (200..300).contains(&reply.status) {
        assert_eq!(reply.status, method.success);
        return Ok(json);
    }
    let number = json["code"].as_u64().unwrap_or_else(|| panic!("{reply:?}"));
    let code = Code::ALL
        .into_iter()
        .find(|code| u64::from(code.number()) == number)
        .expect("a code");
    assert_eq!(reply.status, code.http_status(), "{json}");
    assert_eq!(
        reply.header("www-authenticate").is_some(),
        reply.status == 401,
        "{reply:?}"
    );
    Err(Failure {
        code: code.number(),
        message: json["message"].as_str().unwrap_or_default().to_owned(),
        details: json["details"].as_array().cloned().unwrap_or_default(),
    })
}
