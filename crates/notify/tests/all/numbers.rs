//! Every message ends up in a counter, by channel, provider and outcome.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use domain::base::Span;
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

use crate::{
    hook::{self, Hook},
    webhook,
    world::{World, a_moment, until},
};

#[derive(Default)]
struct Counts(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

impl Counts {
    fn of(&self, outcome: &str) -> u64 {
        let name = format!("merlon_messages_total sms webhook {outcome}");
        let counts = self.0.lock().unwrap();
        counts.get(&name).map_or(0, |count| count.load(Ordering::SeqCst))
    }
}

impl Recorder for Counts {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let labels: Vec<&str> = key.labels().map(metrics::Label::value).collect();
        let name = format!("{} {}", key.name(), labels.join(" "));
        Counter::from_arc(self.0.lock().unwrap().entry(name).or_default().clone())
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}

#[tokio::test]
async fn every_outcome_is_counted() {
    let counts = Counts::default();
    let _guard = metrics::set_default_local_recorder(&counts);
    let (world, hook) = (World::new().await, Hook::start().await);
    hook.will([200, 422, 500, 500].map(hook::Mood::Status));
    let worker = world.worker(webhook::senders(&webhook::settings(&hook)));
    world.ask("+41791234561").await;
    world.emptied().await;
    world.ask("+41791234562").await;
    world.emptied().await;
    world.ask("+41791234563").await;
    until(async || counts.of("retried") == 1).await;
    a_moment().await;
    world.advance(Span::seconds(3));
    until(async || counts.of("retried") == 2).await;
    a_moment().await;
    world.advance(Span::hours(1));
    until(async || counts.of("expired") == 1).await;
    assert_eq!(
        ["sent", "failed", "retried", "expired"].map(|o| counts.of(o)),
        [1, 1, 2, 1]
    );
    worker.stop().await;
}
