//! A small server around some routes, and callers that speak to it.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use server::config::{Settings, Sources};
use server::metrics;
use server::shell::{Parts, Readiness, Serving, bind, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// No answer of a test takes longer.
pub(crate) const LONG: Duration = Duration::from_secs(10);

/// A listener with dummy routes.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) readiness: Readiness,
    pub(crate) stop: CancellationToken,
    pub(crate) serving: Serving,
}

/// Settings from variables, as `MERLON_...` without the prefix.
pub(crate) fn settings(variables: &[(&str, &str)]) -> Settings {
    let environment = variables
        .iter()
        .map(|(name, text)| (format!("MERLON_{name}"), (*text).to_owned()))
        .collect();
    let listen = Some("127.0.0.1:0".to_owned());
    Settings::load(Sources {
        environment,
        listen,
        ..Sources::default()
    })
    .unwrap()
}

impl Peer {
    pub(crate) fn new(variables: &[(&str, &str)], routes: Router) -> Self {
        let (readiness, stop) = (Readiness::default(), CancellationToken::new());
        let parts = Parts {
            readiness: readiness.clone(),
            metrics: metrics::install(),
            stop: stop.clone(),
            request_seed: 1,
        };
        let settings = settings(variables);
        let serving = serve(&settings, bind(&settings).unwrap(), routes, parts);
        Self {
            address: serving.address,
            readiness,
            stop,
            serving,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> (Response<()>, String) {
        self.send(Request::get(path).body(Full::default()).unwrap()).await
    }

    /// Sends over HTTP/1.1.
    pub(crate) async fn send(&self, mut request: Request<Full<Bytes>>) -> (Response<()>, String) {
        request
            .headers_mut()
            .entry("host")
            .or_insert("localhost".parse().unwrap());
        let stream = TokioIo::new(TcpStream::connect(self.address).await.unwrap());
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        read(sender.send_request(request).await.unwrap()).await
    }

    /// Sends over HTTP/2 with prior knowledge.
    pub(crate) async fn send_h2(&self, request: Request<Full<Bytes>>) -> (Response<()>, String) {
        let stream = TokioIo::new(TcpStream::connect(self.address).await.unwrap());
        let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), stream)
            .await
            .unwrap();
        tokio::spawn(connection);
        read(sender.send_request(request).await.unwrap()).await
    }

    /// Sends raw bytes and reads until the server closes.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let read = timeout(LONG, stream.read_to_end(&mut answer))
            .await
            .expect("the server must close");
        read.ok();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

pub(crate) async fn read(response: Response<Incoming>) -> (Response<()>, String) {
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (
        Response::from_parts(head, ()),
        String::from_utf8(body.to_vec()).unwrap(),
    )
}
