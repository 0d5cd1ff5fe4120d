//! Unary gRPC calls over one HTTP/2 connection, whose streams are shared out among the driver's tasks.

use std::{future::poll_fn, net::SocketAddr};

use anyhow::{Context, bail};
use bytes::{BufMut, Bytes, BytesMut};
use h2::{RecvStream, client::SendRequest};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};
use prost::Message;
use tokio::net::TcpStream;

/// The right to open streams on a connection; cloned for each task.
#[derive(Clone, Debug)]
pub(crate) struct Grpc {
    streams: SendRequest<Bytes>,
    headers: HeaderMap,
    address: SocketAddr,
}

/// The path of a method, made once.
#[derive(Clone, Debug)]
pub(crate) struct Path(Uri);

impl Grpc {
    /// Connects without TLS and with prior knowledge; with a token, every call carries it.
    pub(crate) async fn connect(address: SocketAddr, token: Option<&str>) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("connecting")?;
        stream.set_nodelay(true)?;
        let (streams, connection) = h2::client::handshake(stream).await.context("greeting")?;
        // It ends when the last right to open streams is dropped; errors show in the calls.
        tokio::spawn(async move { drop(connection.await) });
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/grpc"));
        headers.insert("te", HeaderValue::from_static("trailers"));
        if let Some(token) = token {
            headers.insert("authorization", HeaderValue::try_from(format!("Bearer {token}"))?);
        }
        Ok(Self {
            streams,
            headers,
            address,
        })
    }

    /// Prepares the path `/package.Service/Method`.
    pub(crate) fn path(&self, path: &str) -> anyhow::Result<Path> {
        Ok(Path(Uri::try_from(format!("http://{}{path}", self.address))?))
    }

    /// Calls a method. Fails for every status but OK, naming it.
    pub(crate) async fn call<A: Message + Default>(
        &mut self,
        path: &Path,
        question: &impl Message,
    ) -> anyhow::Result<A> {
        poll_fn(|cx| self.streams.poll_ready(cx))
            .await
            .context("waiting for a stream")?;
        let (response, mut body) = self
            .streams
            .send_request(self.request(path), false)
            .context("opening a stream")?;
        body.send_data(frame(question), true).context("sending")?;
        let (head, body) = response.await.context("waiting for the answer")?.into_parts();
        judge(&head.headers)?;
        A::decode(collect(body).await?).context("reading the answer")
    }

    fn request(&self, path: &Path) -> Request<()> {
        let mut request = Request::new(());
        *request.method_mut() = Method::POST;
        *request.uri_mut() = path.0.clone();
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = self.headers.clone();
        request
    }
}

const PREFIX: usize = 5;

/// A message with its prefix: not compressed, then its length.
pub(crate) fn frame(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut frame = BytesMut::with_capacity(PREFIX + length);
    frame.put_u8(0);
    frame.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    // The capacity was reserved, so that encoding cannot fail.
    let _ = message.encode(&mut frame);
    frame.freeze()
}

/// The message in a frame.
pub(crate) fn unframe(mut frame: Bytes) -> anyhow::Result<Bytes> {
    if frame.len() < PREFIX {
        bail!("an answer without a message");
    }
    Ok(frame.split_off(PREFIX))
}

async fn collect(mut body: RecvStream) -> anyhow::Result<Bytes> {
    let mut all = Bytes::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk.context("receiving")?;
        body.flow_control()
            .release_capacity(chunk.len())
            .context("making room")?;
        all = if all.is_empty() {
            chunk
        } else {
            [all, chunk].concat().into()
        };
    }
    if let Some(trailers) = body.trailers().await.context("receiving trailers")? {
        judge(&trailers)?;
    }
    unframe(all)
}

fn judge(headers: &HeaderMap) -> anyhow::Result<()> {
    match headers.get("grpc-status").map(HeaderValue::as_bytes) {
        None | Some(b"0") => Ok(()),
        Some(code) => {
            let message = headers
                .get("grpc-message")
                .map(HeaderValue::as_bytes)
                .unwrap_or_default();
            bail!(
                "gRPC status {}: {}",
                String::from_utf8_lossy(code),
                String::from_utf8_lossy(message)
            )
        }
    }
}
