//! What a collector is told of requests, and what no log and no trace is.

use std::fs::File;
use std::process::Stdio;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::routing::post;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;

use crate::commands::{Home, Started, ask, say, stop};
use crate::peer::Peer;

/// Where OTLP is taken over gRPC.
const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// A collector, and everything that it was sent. Texts are readable in protobuf.
fn collector() -> (Peer, Arc<Mutex<Vec<u8>>>) {
    let sent = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&sent);
    let take = async move |body: Bytes| {
        kept.lock().extend_from_slice(&body);
        let trailers = async {
            Some(Ok(HeaderMap::from_iter([(
                "grpc-status".parse().unwrap(),
                HeaderValue::from(0),
            )])))
        };
        // An empty message.
        let body = Full::new(Bytes::from_static(&[0; 5])).with_trailers(trailers);
        let mut response = Response::new(Body::new(body));
        let grpc = HeaderValue::from_static("application/grpc");
        response.headers_mut().insert("content-type", grpc);
        response
    };
    (Peer::new(&[], Router::new().route(EXPORT, post(take))), sent)
}

/// Starts a server that logs as `level` says, sends it requests, and stops it; what it logged, and what the collector heard.
async fn observed(level: Option<&str>) -> [String; 2] {
    let (collector, sent) = collector();
    let home = Home::new();
    let log = home.path().join("log");
    let mut environment = vec![(
        "MERLON_TELEMETRY__OTLP_ENDPOINT",
        format!("http://{}", collector.address),
    )];
    environment.extend(level.map(|level| ("MERLON_LOG", level.to_owned())));
    let lines = File::create(&log).unwrap();
    let work = tokio::task::spawn_blocking(move || {
        let mut command = home.merlon();
        command.stderr(Stdio::from(lines));
        let mut server = Started::run(command, home.path(), &environment);
        for request in [
            "GET /debug/healthz",
            "GET /nowhere/%2B41791230001",
            "POST /resources/v3alpha/users/x/otp_sms/%2B41791230001/_verify",
            "GET /resources/v3alpha/users/ada@example.com",
        ] {
            ask(server.address(), request);
        }
        let token = std::fs::read_to_string(home.path().join("data/automation.pat")).unwrap();
        let person = r#"{"userId": "ada", "contact": {"phone": {"number": "+41791230001", "returnCode": {}}, "email": {"address": "ada@example.com", "returnCode": {}}}}"#;
        let token = token.trim();
        let create = format!(
            "POST /resources/v3alpha/users?organization.orgDomain=merlon.localhost HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{person}",
            person.len()
        );
        let answer = say(server.address(), &create);
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        stop(&mut server);
        std::fs::read_to_string(&log).unwrap()
    });
    let log = work.await.unwrap();
    let heard = String::from_utf8_lossy(&sent.lock()).into_owned();
    [log, heard]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_is_traced_at_the_level_that_is_logged_by_default() {
    let [log, heard] = observed(None).await;
    for part in ["http", "rpc", "/resources/v3alpha/users/{id}", "/debug/healthz"] {
        assert!(heard.contains(part), "{part} is missing in {heard}");
    }
    assert!(
        !log.contains("/debug/healthz"),
        "single requests show at debug: {log}"
    );
    holds_nobody(&heard);
    holds_nobody(&log);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_log_and_no_trace_holds_a_number_or_an_address() {
    let [log, heard] = observed(Some("trace")).await;
    for told in [&log, &heard] {
        assert!(told.contains("/resources/v3alpha/users/{id}"), "{told}");
        holds_nobody(told);
    }
    assert!(
        log.contains("route=\"-\"") || log.contains("\"route\":\"-\""),
        "{log}"
    );
}

fn holds_nobody(told: &str) {
    for somebody in ["791230001", "ada@example.com", "ada%40example"] {
        assert!(!told.contains(somebody), "{somebody} is in {told}");
    }
}
