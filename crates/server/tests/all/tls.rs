//! TLS on the same listener.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
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
use server::data_dir::{self, RunInfo};
use tokio::net::TcpStream;
use tokio::time::{advance, pause, resume, sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::peer::{LONG, Peer, read, settings};

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
    try_connect(peer.address, root, alpn).await.unwrap()
}

async fn try_connect(
    address: SocketAddr,
    root: CertificateDer<'static>,
    alpn: &[u8],
) -> io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(root).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("id.example.com").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
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

/// As certbot and Kubernetes renew it: the configured path is a link that is led elsewhere.
#[tokio::test]
async fn the_commands_accept_a_certificate_that_was_renewed_behind_a_link() {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    let roots = ["old", "new"].map(|name| {
        std::fs::create_dir(at(name)).unwrap();
        certificate(&at(name))
    });
    symlink("old", at("live")).unwrap();
    let (data, chain, key) = (at("data"), at("live/chain.pem"), at("live/key.pem"));
    let settings = settings(&[
        ("DATA__DIR", data.to_str().unwrap()),
        ("TLS__CERTIFICATE_FILE", chain.to_str().unwrap()),
        ("TLS__KEY_FILE", key.to_str().unwrap()),
    ]);
    let server = server::start(settings).await.unwrap();
    let asked = async || {
        let client = Client::anonymous(&data_dir::running(&data).unwrap());
        client.send(Method::GET, "/debug/healthz", None, LONG).await
    };
    assert_eq!(asked().await.unwrap().status, StatusCode::OK);

    symlink("new", at("next")).unwrap();
    std::fs::rename(at("next"), at("live")).unwrap();
    pause();
    advance(Duration::from_secs(61)).await;
    resume();
    let [_, new] = roots;
    let renewed = async {
        while try_connect(server.address, new.clone(), b"http/1.1")
            .await
            .is_err()
        {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LONG, renewed)
        .await
        .expect("the new certificate is shown");
    assert_eq!(asked().await.unwrap().status, StatusCode::OK);
    server.shutdown().await;
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
