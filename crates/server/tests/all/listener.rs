//! Protocols and limits of the listener.

use axum::Router;
use axum::routing::{get, post};
use bytes::Bytes;
use http::{Request, StatusCode, Version};
use http_body_util::Full;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::peer::{LONG, Peer};

fn echo() -> Router {
    Router::new()
        .route("/echo", post(|body: String| async { body }))
        .route("/hello", get(|| async { "hello" }))
}

#[tokio::test]
async fn one_port_speaks_http1_and_http2() {
    let peer = Peer::new(&[], echo());
    let (head, body) = peer.get("/hello").await;
    assert_eq!(
        (head.version(), head.status(), body.as_str()),
        (Version::HTTP_11, StatusCode::OK, "hello")
    );
    let request = Request::post(format!("http://{}/echo", peer.address)).body(Full::from(Bytes::from("two")));
    let (head, body) = peer.send_h2(request.unwrap()).await;
    assert_eq!((head.version(), body.as_str()), (Version::HTTP_2, "two"));
}

#[tokio::test]
async fn a_request_names_one_host() {
    let peer = Peer::new(&[], echo());
    let answer = async |head: &str| {
        let request = format!("GET {head}\r\nconnection: close\r\n\r\n");
        let answer = peer.raw(request.as_bytes()).await;
        answer.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    for bad in [
        "/hello HTTP/1.1",
        "/hello HTTP/1.1\r\nhost: a.example\r\nhost: b.example",
        "/hello HTTP/1.1\r\nhost: a.example\r\nhost: a.example",
        "/hello HTTP/1.0\r\nhost: a.example\r\nhost: b.example",
        "/hello HTTP/1.1\r\nhost: a.example, b.example",
        "http://a.example/hello HTTP/1.1",
    ] {
        assert_eq!(answer(bad).await, "400", "{bad}");
    }
    for good in [
        "/hello HTTP/1.1\r\nhost: a.example:8080",
        "/hello HTTP/1.1\r\nhost: [::1]:8080",
        "/hello HTTP/1.1\r\nhost:",
        "/hello HTTP/1.0",
        "http://a.example/hello HTTP/1.1\r\nhost: a.example",
    ] {
        assert_eq!(answer(good).await, "200", "{good}");
    }
}

#[tokio::test]
async fn a_huge_head_is_refused() {
    let peer = Peer::new(&[], echo());
    let head = format!(
        "GET /hello HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n",
        "a".repeat(40_000)
    );
    assert!(peer.raw(head.as_bytes()).await.starts_with("HTTP/1.1 431"));
    let many = format!("GET /hello HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(200));
    assert!(peer.raw(many.as_bytes()).await.starts_with("HTTP/1.1 431"));
    let fits = format!(
        "GET /hello HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx: {}\r\n\r\n",
        "a".repeat(20_000)
    );
    assert!(peer.raw(fits.as_bytes()).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_huge_head_is_refused_over_http2() {
    let peer = Peer::new(&[], echo());
    let stream = TcpStream::connect(peer.address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http2::handshake(
        hyper_util::rt::TokioExecutor::new(),
        hyper_util::rt::TokioIo::new(stream),
    )
    .await
    .unwrap();
    tokio::spawn(connection);
    let mut request = Request::get(format!("http://{}/hello", peer.address));
    for number in 0..40 {
        request = request.header(format!("x-{number}"), "a".repeat(1_000));
    }
    let outcome = sender
        .send_request(request.body(Full::<Bytes>::default()).unwrap())
        .await;
    let refused = outcome.map_or(true, |answer| {
        answer.status() == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    });
    assert!(refused);
}

#[tokio::test]
async fn a_silent_connection_is_closed_whatever_it_began_to_say() {
    let peer = Peer::new(&[("SERVER__HEADER_TIMEOUT", "1s")], echo());
    for beginning in ["", "P", "PRI * HTTP/2.0\r\n", "GET /hello HTTP/1.1\r\nhost"] {
        let start = Instant::now();
        peer.raw(beginning.as_bytes()).await;
        assert!(start.elapsed().as_secs() < 5, "{beginning:?}");
    }
}

#[tokio::test]
async fn an_idle_connection_is_closed_and_a_slow_answer_is_not() {
    let slow = Router::new().route(
        "/slow",
        get(|| async {
            tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
            "done"
        }),
    );
    let peer = Peer::new(&[("SERVER__HEADER_TIMEOUT", "1s")], slow);
    let mut stream = TcpStream::connect(peer.address).await.unwrap();
    stream
        .write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    let mut text = String::new();
    timeout(LONG, stream.read_to_string(&mut text))
        .await
        .expect("closed when idle")
        .unwrap();
    assert!(
        text.starts_with("HTTP/1.1 200") && text.ends_with("done"),
        "{text}"
    );
}

#[tokio::test]
async fn beyond_the_limit_connections_wait_their_turn() {
    let peer = Peer::new(
        &[
            ("SERVER__MAX_CONNECTIONS", "16"),
            ("SERVER__HEADER_TIMEOUT", "2s"),
        ],
        echo(),
    );
    let mut idle = Vec::new();
    for _ in 0..16 {
        idle.push(TcpStream::connect(peer.address).await.unwrap());
    }
    let waiting = timeout(std::time::Duration::from_millis(300), peer.get("/hello")).await;
    assert!(waiting.is_err(), "the seventeenth connection is not served yet");
    drop(idle);
    assert_eq!(timeout(LONG, peer.get("/hello")).await.unwrap().1, "hello");
}

#[tokio::test]
async fn a_taken_address_is_refused_with_a_way_out() {
    let peer = Peer::new(&[], echo());
    let mut settings = crate::peer::settings(&[]);
    settings.server.listen = peer.address;
    let error = server::shell::bind(&settings).unwrap_err().to_string();
    assert!(
        error.contains("taken by another program") && error.contains("--listen"),
        "{error}"
    );
}
