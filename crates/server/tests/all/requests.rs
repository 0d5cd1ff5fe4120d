//! What every request gets, and the routes for operation.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::HeaderMap;
use axum::routing::get;
use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;

use crate::peer::Peer;

fn routes() -> Router {
    Router::new()
        .route(
            "/id",
            get(|headers: HeaderMap| async move { headers["x-request-id"].to_str().unwrap().to_owned() }),
        )
        .route(
            "/peer",
            get(|ConnectInfo(peer): ConnectInfo<SocketAddr>| async move { peer.ip().to_string() }),
        )
        .route(
            "/origin",
            get(|headers: HeaderMap| async move { headers.contains_key("origin").to_string() }),
        )
        .route(
            "/ui/origin",
            get(|headers: HeaderMap| async move { headers.contains_key("origin").to_string() }),
        )
        .route("/panic", get(panics).post(panics))
}

async fn panics() -> &'static str {
    panic!("with 1234 in its words")
}

fn ask(path: &str, headers: &[(&str, &str)]) -> Request<Full<Bytes>> {
    let request = headers.iter().fold(Request::get(path), |request, (name, value)| {
        request.header(*name, *value)
    });
    request.body(Full::default()).unwrap()
}

#[tokio::test]
async fn every_request_has_an_id_inside_and_outside() {
    let peer = Peer::new(&[], routes());
    let (head, inside) = peer.send(ask("/id", &[("x-request-id", "mine-1")])).await;
    assert_eq!(
        (head.headers()["x-request-id"].to_str().unwrap(), inside.as_str()),
        ("mine-1", "mine-1")
    );
    let (head, inside) = peer.send(ask("/id", &[("x-request-id", "not {sane}")])).await;
    assert_eq!(head.headers()["x-request-id"].to_str().unwrap(), inside);
    assert_eq!(inside.len(), 16);
    assert_ne!(peer.get("/id").await.1, inside);
}

#[tokio::test]
async fn only_a_trusted_proxy_may_name_the_caller() {
    let spoof = [("x-forwarded-for", "1.2.3.4")];
    let stranger = Peer::new(&[], routes());
    assert_eq!(stranger.send(ask("/peer", &spoof)).await.1, "127.0.0.1");
    let proxy = Peer::new(&[("SERVER__TRUSTED_PROXIES", "127.0.0.0/8")], routes());
    assert_eq!(proxy.send(ask("/peer", &spoof)).await.1, "1.2.3.4");
}

#[tokio::test]
async fn an_origin_that_is_not_allowed_stays_outside() {
    let peer = Peer::new(&[("CORS__ORIGINS", "https://app.example.com")], routes());
    assert_eq!(
        peer.send(ask("/origin", &[("origin", "https://app.example.com")]))
            .await
            .1,
        "true"
    );
    assert_eq!(
        peer.send(ask("/origin", &[("origin", "https://evil.example.com")]))
            .await
            .1,
        "false"
    );
    assert_eq!(
        peer.send(ask("/ui/origin", &[("origin", "https://evil.example.com")]))
            .await
            .1,
        "true"
    );
    let open = Peer::new(&[], routes());
    assert_eq!(
        open.send(ask("/origin", &[("origin", "https://anything.example.com")]))
            .await
            .1,
        "true"
    );
}

#[tokio::test]
async fn a_panic_is_an_internal_error_and_nothing_more() {
    let peer = Peer::new(&[], routes());
    let (head, body) = peer.get("/panic").await;
    assert_eq!(head.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(body, r#"{"code":13,"message":"internal error","details":[]}"#);
    let request =
        Request::post(format!("http://{}/panic", peer.address)).header("content-type", "application/grpc");
    let (head, _) = peer.send_h2(request.body(Full::default()).unwrap()).await;
    assert_eq!(
        (head.status(), &head.headers()["grpc-status"]),
        (StatusCode::OK, &"13".parse().unwrap())
    );
    assert_eq!(peer.get("/debug/healthz").await.1, "ok", "the process lives on");
}

#[tokio::test]
async fn answers_carry_safe_headers() {
    let peer = Peer::new(&[("SERVER__EXTERNAL_URL", "https://id.example.com")], routes());
    let (head, _) = peer.get("/id").await;
    for (name, value) in [
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        (
            "content-security-policy",
            "default-src 'none'; frame-ancestors 'none'",
        ),
        ("strict-transport-security", "max-age=31536000"),
    ] {
        assert_eq!(head.headers()[name], value, "{name}");
    }
}

#[tokio::test]
async fn health_says_alive_and_ready_says_why_not() {
    let peer = Peer::new(&[], routes());
    assert_eq!(peer.get("/debug/healthz").await.1, "ok");
    assert_eq!(peer.get("/healthz").await.1, r#"{"status":"SERVING"}"#);
    let (head, body) = peer.get("/debug/ready").await;
    assert_eq!(
        (head.status(), body.as_str()),
        (StatusCode::OK, r#"{"status":"ok"}"#)
    );
    peer.readiness.object("store", "the disk is full");
    let (head, body) = peer.get("/debug/ready").await;
    assert_eq!(head.status(), StatusCode::PRECONDITION_FAILED);
    assert!(body.contains("the disk is full"), "{body}");
    assert_eq!(
        peer.get("/debug/healthz").await.1,
        "ok",
        "not ready is still alive"
    );
}

#[tokio::test]
async fn metrics_count_answers() {
    let peer = Peer::new(&[], routes());
    peer.get("/id").await;
    let (head, body) = peer.get("/debug/metrics").await;
    assert!(
        head.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/plain")
    );
    for name in [
        "merlon_http_requests_total{status=\"2xx\"}",
        "merlon_http_request_seconds_bucket",
        "merlon_http_connections",
        "merlon_build_info",
        "process_resident_memory_bytes",
    ] {
        assert!(body.contains(name), "{name} in {body}");
    }
}

#[tokio::test]
async fn the_front_door_leads_somewhere() {
    let peer = Peer::new(&[], routes());
    let (head, body) = peer.get("/").await;
    assert_eq!(head.status(), StatusCode::OK);
    assert!(
        body.contains("/openapi")
            && head.headers()["content-security-policy"]
                .to_str()
                .unwrap()
                .contains("style-src")
    );
    assert_eq!(peer.get("/ui/landing.css").await.0.status(), StatusCode::OK);
    assert!(peer.get("/robots.txt").await.1.contains("Disallow: /"));
    let open = Peer::new(&[("INBOX__ACCESS", "open")], routes());
    assert_eq!(open.get("/").await.0.headers()["location"], "/ui/inbox");
}
