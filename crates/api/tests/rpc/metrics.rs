//! Calls are counted by method, wire form and code.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};
use prost::Message;
use proto::zitadel::resources::user::v3alpha::GetUserRequest;

use super::server::{TOKEN, USERS, grpc, http1, rest, start};

/// Keeps counters by their text.
#[derive(Default)]
struct Kept(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Kept {
    fn read(&self) -> BTreeMap<String, u64> {
        let kept = self.0.lock().expect("no panic");
        kept.iter()
            .map(|(name, count)| (name.clone(), count.load(Ordering::SeqCst)))
            .collect()
    }
}

impl Recorder for Kept {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels: Vec<_> = key
            .labels()
            .map(|label| label.value().rsplit('/').next().unwrap_or_default())
            .collect();
        let count = Arc::new(AtomicU64::new(0));
        let name = format!("{} {}", key.name(), labels.join(" "));
        self.0.lock().expect("no panic").insert(name, Arc::clone(&count));
        Counter::from_arc(count)
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[tokio::test]
async fn calls_are_counted_also_when_they_are_refused_or_given_up() {
    let kept = Kept::default();
    // Client and server share the one thread of this test, so the local recorder sees both.
    let _guard = metrics::set_default_local_recorder(&kept);
    let server = start().await;
    let path = format!("{USERS}/GetUser");
    let ada = GetUserRequest {
        id: "ada".to_owned(),
        ..GetUserRequest::default()
    };
    for _ in 0..3 {
        grpc(server, &path, &ada).await;
    }
    rest(server, "GET", "/resources/v3alpha/users/missing", "").await;
    http1(server, "GET", "/resources/v3alpha/users/ada", &[], "").await;
    let late = [
        ("authorization", TOKEN),
        ("connect-timeout-ms", "30"),
        ("content-type", "application/proto"),
    ];
    let slow = GetUserRequest {
        id: "slow".to_owned(),
        ..GetUserRequest::default()
    };
    http1(server, "POST", &path, &late, slow.encode_to_vec()).await;
    let wanted = [
        ("merlon_rpc_requests_total GetUser connect deadline_exceeded", 1),
        ("merlon_rpc_requests_total GetUser grpc ok", 3),
        ("merlon_rpc_requests_total GetUser rest not_found", 1),
        ("merlon_rpc_requests_total GetUser rest unauthenticated", 1),
    ];
    assert_eq!(
        kept.read(),
        wanted.map(|(name, count)| (name.to_owned(), count)).into()
    );
}
