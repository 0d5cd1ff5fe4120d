//! Deadlines end a call as a whole: what it was about happened entirely or not at all.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    case::NEW,
    contract,
    scene::Scene,
    wire::{Call, Form},
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
