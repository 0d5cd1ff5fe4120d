//! Deadlines end a call as a whole: what it was about happened entirely or not at all.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use server::shell::Drain;
use tokio::time::Instant;

use super::{
    case::NEW,
    contract,
    scene::Scene,
    wire::{Call, Form, frame},
    world::World,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tiny_deadline_leaves_nothing_half_done() {
    let world = World::new().await;
    let mut codes = Vec::new();
    for (name, value) in [
        ("grpc-timeout", "1n"),
        ("grpc-timeout", "100u"),
        ("grpc-timeout", "500u"),
        ("grpc-timeout", "1m"),
        ("grpc-timeout", "2m"),
        ("grpc-timeout", "5S"),
        ("connect-timeout-ms", "1"),
        ("connect-timeout-ms", "5000"),
    ] {
        for form in Form::ALL.into_iter().filter(|form| carries(*form, name)) {
            let scene = Scene::new(&world, &[]).await;
            let user = scene.get("user");
            let request =
                scene.filled(&json!({"id": "$user", "phone": {"number": "$phone", "returnCode": {}}}));
            let headers = [(name, value)];
            let method = contract::method(&format!("{NEW}/SetContactPhone"));
            let call = Call {
                method,
                request: &request,
                token: Some(&*world.owner),
                headers: &headers,
            };
            let answer = world.client.call(form, &call).await;
            assert!(
                matches!(answer.code(), 0 | 4),
                "{name}: {value} over {form:?}: {answer:?}"
            );
            // A call that was given up may still be committed right now: both counts come from one snapshot.
            let facts = world.facts(&user).await;
            let count = |name| facts.iter().filter(|fact| **fact == name).count();
            let (changed, issued) = (count("contact_changed"), count("contact_code_issued"));
            assert_eq!(
                changed, issued,
                "{name}: {value} over {form:?}: half of it happened"
            );
            assert!(
                answer.code() == 4 || changed == 1,
                "{name}: {value} over {form:?}: a success without effect"
            );
            codes.push(answer.code());
        }
    }
    assert!(codes.contains(&0) && codes.contains(&4), "{codes:?}");
    world.end().await;
}

/// Connect has a header of its own; the others share that of gRPC.
fn carries(form: Form, header: &str) -> bool {
    matches!(form, Form::ConnectJson | Form::ConnectProto) == (header == "connect-timeout-ms")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_waits_ends_at_its_deadline_or_without_a_message() {
    let world = World::new().await;
    let method = contract::method("InboxService/WaitForMessage");
    for form in Form::ALL {
        let request = json!({"recipient": "nobody@example.com", "timeout": "30s"});
        let header = if carries(form, "grpc-timeout") {
            ("grpc-timeout", "50m")
        } else {
            ("connect-timeout-ms", "50")
        };
        let call = Call {
            method,
            request: &request,
            token: Some(&*world.owner),
            headers: &[header],
        };
        let start = Instant::now();
        assert_eq!(world.client.call(form, &call).await.code(), 4, "{form:?}");
        assert!(start.elapsed() < Duration::from_secs(10), "{form:?}");
        let request = json!({"recipient": "nobody@example.com", "timeout": "0.05s"});
        let call = Call {
            method,
            request: &request,
            token: Some(&*world.owner),
            headers: &[],
        };
        assert_eq!(
            world.client.call(form, &call).await.ok()["message"],
            Value::Null,
            "{form:?}"
        );
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_answers_whoever_waits_or_watches() {
    let world = World::new().await;
    let token = format!("Bearer {}", world.owner);
    let path = "/merlon/v1/inbox/messages/_wait?recipient=nobody%40example.com&timeout=60s";
    let headers = [("authorization", token.as_str())];
    let waiting = world.client.begin("GET", path, &headers, Bytes::new()).await;
    let headers = [("content-type", "application/grpc"), ("te", "trailers")];
    let path = "/grpc.health.v1.Health/Watch";
    let watching = world.client.begin("POST", path, &headers, frame(b"")).await;
    // Whoever came before on the same connection is accepted as well by then.
    let mut watched = watching.await.into_body();
    let mut heard = Vec::new();
    while heard.len() < frame(b"\x08\x01").len() {
        let next = watched.frame().await.expect("news").expect("whole news");
        heard.extend_from_slice(&next.into_data().expect("a message"));
    }
    let answered = async { waiting.await.into_body().collect().await };
    let (drain, answer, rest) = tokio::join!(world.stop(), answered, watched.collect());
    assert_eq!(
        drain,
        Drain::Complete,
        "neither holds the stop up until the drain time is over"
    );
    assert_eq!(answer.expect("an answer").to_bytes(), "{}");
    heard.extend_from_slice(&rest.expect("an end").to_bytes());
    assert_eq!(heard, [frame(b"\x08\x01"), frame(b"\x08\x02")].concat());
}
