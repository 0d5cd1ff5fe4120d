//! TLS on the same listener.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::{Method, Request, StatusCode, Version};
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName};
use server::client::Client;
use server::config::{Settings, Sources};
use server::data_dir::RunInfo;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::peer::{Peer, read};

fn certificate(dir: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(vec!["id.example.com".to_owned()]).unwrap();
    std::fs::write(dir.join("chain.pem"), made.cert.pem()).unwrap();
    std::fs::write(dir.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    made.cert.der().clone()
}

fn peer(dir: &Path) -> Peer {
    let (chain, key) = (dir.join("chain.pem"), dir.join("key.pem"));
    let variables = [
        ("TLS__CERTIFICATE_FILE", chain.to_str().unwrap()),
        ("TLS__KEY_FILE", key.to_str().unwrap()),
    ];
    Peer::new(
        &variables,
        Router::new().route("/hello", get(|| async { "hello" })),
    )
}

async fn connect(peer: &Peer, root: CertificateDer<'static>, alpn: &[u8]) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(root).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(peer.address).await.unwrap();
    let name = ServerName::try_from("id.example.com").unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
        .unwrap()
}

#[tokio::test]
async fn both_protocols_are_chosen_by_alpn() {
    let dir = tempfile::tempdir().unwrap();
    let root = certificate(dir.path());
    let peer = peer(dir.path());

    let stream = connect(&peer, root.clone(), b"h2").await;
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    let request = Request::get("https://id.example.com/hello")
        .body(Full::<Bytes>::default())
        .unwrap();
    let (head, body) = read(sender.send_request(request).await.unwrap()).await;
    assert_eq!((head.version(), body.as_str()), (Version::HTTP_2, "hello"));
    assert!(head.headers().contains_key("strict-transport-security"));

    let stream = connect(&peer, root, b"http/1.1").await;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = Request::get("/hello")
        .header("host", "x")
        .body(Full::<Bytes>::default())
        .unwrap();
    assert_eq!(read(sender.send_request(request).await.unwrap()).await.1, "hello");
}

#[tokio::test]
async fn the_commands_accept_the_configured_certificate_and_no_other() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    certificate(dir.path());
    certificate(other.path());
    let peer = peer(dir.path());
    let run = |home: &Path| RunInfo {
        pid: 1,
        address: peer.address,
        url: format!("https://{}", peer.address),
        certificate_file: Some(home.join("chain.pem")),
    };
    let time = Duration::from_secs(5);
    let good = Client::anonymous(&run(dir.path()))
        .send(Method::GET, "/debug/healthz", None, time)
        .await;
    assert_eq!(good.unwrap().status, StatusCode::OK);
    let bad = Client::anonymous(&run(other.path()))
        .send(Method::GET, "/debug/healthz", None, time)
        .await;
    assert!(format!("{:#}", bad.unwrap_err()).contains("another certificate"));
}

#[tokio::test]
async fn a_key_of_another_certificate_is_refused_at_start() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    certificate(dir.path());
    certificate(other.path());
    let path = |home: &tempfile::TempDir, name: &str| home.path().join(name).to_str().unwrap().to_owned();
    let environment = vec![
        ("MERLON_TLS__CERTIFICATE_FILE".to_owned(), path(&dir, "chain.pem")),
        ("MERLON_TLS__KEY_FILE".to_owned(), path(&other, "key.pem")),
    ];
    let settings = Settings::load(Sources {
        environment,
        ..Sources::default()
    })
    .unwrap();
    let error = server::shell::check_certificate(settings.tls.as_ref().unwrap()).unwrap_err();
    assert!(error.to_string().contains("do not work together"), "{error}");
}
