//! What is beside the RPCs: reflection, health, the reference, and what browsers ask first.

use std::{collections::BTreeSet, fmt::Write};

use proto::rpc::{HttpRule, Segment};
use serde_json::Value;

use super::{
    case::NEW,
    wire::{frame, frames},
    world::World,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reflection_lists_every_service_and_health_says_serving() {
    let world = World::new().await;
    let headers = [("content-type", "application/grpc"), ("te", "trailers")];
    let services: BTreeSet<_> = proto::rpc::METHODS.iter().map(|method| method.service).collect();
    for version in ["v1", "v1alpha"] {
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        // list_services = 7: ""
        let reply = world
            .client
            .http2("POST", &path, &headers, frame(b"\x3a\x00"))
            .await;
        assert_eq!(reply.header("grpc-status"), Some("0"));
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        for service in services.iter().chain(&["grpc.health.v1.Health"]) {
            assert!(text.contains(service), "{version} does not list {service}");
        }
        for service in &services {
            // file_containing_symbol = 4
            let mut ask = vec![0x22, u8::try_from(service.len()).expect("short")];
            ask.extend(service.as_bytes());
            let reply = world.client.http2("POST", &path, &headers, frame(&ask)).await;
            assert!(
                String::from_utf8_lossy(&reply.body).contains(".proto"),
                "{version}: {service}"
            );
        }
    }
    let reply = world
        .client
        .http2("POST", "/grpc.health.v1.Health/Check", &headers, frame(b""))
        .await;
    let serving = vec![(0, &b"\x08\x01"[..])];
    assert_eq!(
        (reply.header("grpc-status"), frames(&reply.body)),
        (Some("0"), serving)
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reference_is_served_and_has_every_path() {
    let world = World::new().await;
    let reply = world.client.http1("GET", "/openapi/v3.json", &[], "").await;
    assert_eq!(reply.status, 200);
    let document = reply.json();
    assert!(
        document["openapi"]
            .as_str()
            .is_some_and(|version| version.starts_with("3."))
    );
    for method in proto::rpc::METHODS {
        let rule = method.http.as_ref().expect("a rule");
        let operation = &document["paths"][path_of(rule)][rule.verb.to_lowercase()];
        assert_ne!(*operation, Value::Null, "{} {}", rule.verb, rule.template);
    }
    let page = world.client.http1("GET", "/openapi", &[], "").await;
    assert_eq!(page.status, 200);
    assert!(
        page.header("content-type")
            .is_some_and(|kind| kind.starts_with("text/html"))
    );
    for (path, wanted) in [("/debug/healthz", "ok"), ("/debug/ready", "")] {
        let reply = world.client.http1("GET", path, &[], "").await;
        assert_eq!(reply.status, 200, "{path}");
        assert!(String::from_utf8_lossy(&reply.body).contains(wanted), "{path}");
    }
    world.end().await;
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        camel.extend(word.chars().next().map(|letter| letter.to_ascii_uppercase()));
        camel.push_str(word.get(1..).unwrap_or_default());
    }
    camel
}

/// The path with the JSON names of its variables.
fn path_of(rule: &HttpRule) -> String {
    let mut path = String::new();
    for segment in rule.segments {
        match segment {
            Segment::Literal(text) => write!(path, "/{text}"),
            Segment::Variable(field) | Segment::Rest(field) => write!(path, "/{{{}}}", camel(field[0])),
        }
        .expect("a text");
    }
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn browsers_are_answered_once() {
    let world = World::new().await;
    let origin = ("origin", "https://app.example.com");
    let ask = [
        origin,
        ("access-control-request-method", "POST"),
        (
            "access-control-request-headers",
            "authorization,content-type,x-grpc-web,connect-protocol-version,x-zitadel-orgid",
        ),
    ];
    for path in [
        format!("/zitadel.{NEW}/GetUser"),
        "/resources/v3alpha/users/1".to_owned(),
        "/auth/v1/users/me".to_owned(),
    ] {
        let reply = world.client.http1("OPTIONS", &path, &ask, "").await;
        assert!(matches!(reply.status, 200 | 204), "{path}: {reply:?}");
        let allowed = reply
            .header("access-control-allow-headers")
            .unwrap_or_default()
            .to_lowercase();
        for name in [
            "authorization",
            "x-grpc-web",
            "connect-protocol-version",
            "x-zitadel-orgid",
            "accept-language",
        ] {
            assert!(allowed.contains(name), "{path}: {allowed}");
        }
        once(&reply.headers, &path);
        let reply = world.client.http1("GET", &path, &[origin], "").await;
        assert_eq!(
            reply.header("access-control-allow-origin"),
            Some(origin.1),
            "{path}"
        );
        let exposed = reply
            .header("access-control-expose-headers")
            .unwrap_or_default()
            .to_lowercase();
        assert!(exposed.contains("grpc-status-details-bin"), "{path}: {exposed}");
        once(&reply.headers, &path);
    }
    world.end().await;
}

/// No header of the answer is there twice, and none is empty.
fn once(headers: &http::HeaderMap, path: &str) {
    for name in headers.keys() {
        let count = headers.get_all(name).iter().count();
        assert!(
            count == 1 || name == "vary",
            "{path}: {name} is there {count} times"
        );
    }
    assert!(
        headers
            .keys()
            .any(|name| name.as_str().starts_with("access-control-")),
        "{path}"
    );
}
