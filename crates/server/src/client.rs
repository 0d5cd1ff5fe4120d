//! A small HTTP client for the commands that talk to the running server. It finds address and token in the data directory and
//! accepts, under TLS, exactly the certificate that the server was configured with.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HOST, RETRY_AFTER};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;
use zeroize::Zeroizing;

use crate::data_dir::{RunInfo, TOKEN_FILE, running};
use crate::shell::certificates;

/// An answer larger than this is none of ours.
const MAX_ANSWER: usize = 16 * 1024 * 1024;
/// Time for an ordinary call.
pub const CALL_TIME: Duration = Duration::from_secs(10);

/// The server that runs on a data directory.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    certificate: Option<PathBuf>,
    token: Option<Token>,
}

struct Token(Zeroizing<String>);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// The server's clock, as in the `Date` header.
    pub date: Option<String>,
    /// How long to wait before the next request, where the server says so.
    pub retry_after: Option<Duration>,
    /// The body; null if it is no JSON.
    pub body: Value,
}

impl Client {
    /// Talks to the server on this data directory as its automation user.
    pub fn of_running(dir: &Path) -> anyhow::Result<Self> {
        let Some(run) = running(dir) else {
            bail!(
                "no server runs on {}; start one with: merlon start --data {}",
                dir.display(),
                dir.display()
            );
        };
        let path = dir.join(TOKEN_FILE);
        let token =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self {
            token: Some(Token(Zeroizing::new(token.trim().to_owned()))),
            ..Self::anonymous(&run)
        })
    }

    /// Talks to a server without a token.
    pub fn anonymous(run: &RunInfo) -> Self {
        Self {
            address: reachable(run.address),
            certificate: run.certificate_file.clone(),
            token: None,
        }
    }

    /// GET; answers the JSON body of a success.
    pub async fn get(&self, path: &str, time: Duration) -> anyhow::Result<Value> {
        self.call(Method::GET, path, None, time).await
    }

    /// POST of a JSON body; answers the JSON body of a success.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(Method::POST, path, Some(body), CALL_TIME).await
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        time: Duration,
    ) -> anyhow::Result<Value> {
        let answer = self.send(method, path, body, time).await?;
        if answer.status.is_success() {
            return Ok(answer.body);
        }
        let message = answer.body["message"].as_str().unwrap_or("no reason given");
        bail!("the server refused: {message} (HTTP {})", answer.status.as_u16())
    }

    /// Sends one request on a connection of its own.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        time: Duration,
    ) -> anyhow::Result<Answer> {
        let bytes = Bytes::from(body.map(ToString::to_string).unwrap_or_default());
        let exchange = async { self.line().await?.send(self.request(method, path, bytes)?).await };
        timeout(time, exchange)
            .await
            .map_err(|_| anyhow!("{} gave no answer in time", self.address))?
    }

    /// A request as the automation user, with a JSON body.
    pub fn request(&self, method: Method, path: &str, body: Bytes) -> anyhow::Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.address.to_string());
        if let Some(Token(token)) = &self.token {
            request = request.header(AUTHORIZATION, format!("Bearer {}", token.as_str()));
        }
        Ok(request
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))?)
    }

    /// Opens a connection, for one request after another.
    pub async fn line(&self) -> anyhow::Result<Line> {
        let stream = TcpStream::connect(self.address).await;
        let stream = stream.with_context(|| format!("cannot reach the server at {}", self.address))?;
        stream.set_nodelay(true)?;
        match &self.certificate {
            None => Line::over(TokioIo::new(stream)).await,
            Some(path) => {
                let name = ServerName::IpAddress(self.address.ip().into());
                let stream = connector(path)?.connect(name, stream).await?;
                Line::over(TokioIo::new(stream)).await
            }
        }
    }
}

/// A connection to the server; closed when dropped.
#[derive(Debug)]
pub struct Line {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: AbortOnDropHandle<hyper::Result<()>>,
}

impl Line {
    async fn over(io: impl Read + Write + Unpin + Send + 'static) -> anyhow::Result<Self> {
        let (sender, connection) = http1::handshake(io).await?;
        let driver = AbortOnDropHandle::new(tokio::spawn(connection));
        Ok(Self { sender, driver })
    }

    /// Sends a request and waits for the answer.
    pub async fn send(&mut self, request: Request<Full<Bytes>>) -> anyhow::Result<Answer> {
        anyhow::ensure!(!self.driver.is_finished(), "the server closed the connection");
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let date = header(DATE).map(ToOwned::to_owned);
        let retry_after = header(RETRY_AFTER).and_then(|seconds| seconds.parse().ok());
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
        let body = body
            .map_err(|error| anyhow!("the answer broke off: {error}"))?
            .to_bytes();
        Ok(Answer {
            status,
            date,
            retry_after: retry_after.map(Duration::from_secs),
            body: serde_json::from_slice(&body).unwrap_or_default(),
        })
    }
}

/// "Every address" is no place to connect to; the machine itself is among them.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn connector(certificate: &Path) -> anyhow::Result<TlsConnector> {
    let own = certificates(certificate)?
        .into_iter()
        .next()
        .context("no certificate")?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(Pinned {
        own,
        provider: provider.clone(),
    });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Accepts one certificate and no other. The name does not matter: we know the very certificate, and the handshake
/// proves that the peer holds its key.
#[derive(Debug)]
struct Pinned {
    own: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _chain: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if *certificate == self.own {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(rustls::Error::General(
                "the server shows another certificate than tls.certificate_file".to_owned(),
            ))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
