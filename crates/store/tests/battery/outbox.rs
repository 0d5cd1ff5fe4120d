//! The outbox: one message per subject, one sender at a time, and a lost lease cannot touch what came after.

use std::task::{Context, Waker};

use domain::base::{Span, Timestamp};
use store::{
    Store,
    outbox::{self, Parcel},
};

use super::backend;
use crate::given::*;

fn parcel(id: &str, subject: u8, created: Timestamp) -> Parcel {
    Parcel {
        id: id.into(),
        instance: instance(),
        user: user(1),
        subject: vec![subject; 32],
        sealed: id.as_bytes().to_vec(),
        created,
        expires: created + Span::minutes(10),
        attempts: 0,
    }
}

async fn put(store: &Store, parcel: &Parcel) {
    let rows = vec![outbox::put(parcel)];
    assert!(store.write("test", &parcel.instance, Vec::new(), rows).await.unwrap());
}

async fn due(store: &Store, now: Timestamp) -> Vec<Parcel> {
    let mut snapshot = store.snapshot().await.unwrap();
    outbox::due(&mut snapshot, now, 10).await.unwrap()
}

async fn due_ids(store: &Store, now: Timestamp) -> Vec<String> {
    due(store, now).await.into_iter().map(|p| p.id).collect()
}

#[tokio::test]
async fn messages_come_out_as_they_were_put_in_oldest_first() {
    let database = backend().await;
    let store = &database.store;
    put(store, &parcel("2", 2, NOW + Span::seconds(1))).await;
    put(store, &parcel("1", 1, NOW)).await;
    assert_eq!(due_ids(store, NOW).await, ["1"]);
    let both = due(store, NOW + Span::seconds(1)).await;
    assert_eq!(both.len(), 2);
    let first = &both[0];
    assert_eq!((first.id.as_str(), &first.sealed[..], first.created), ("1", &b"1"[..], NOW));
    assert_eq!((first.expires, first.attempts), (NOW + Span::minutes(10), 0));
    let mut snapshot = store.snapshot().await.unwrap();
    assert_eq!(outbox::next_due(&mut snapshot, None).await.unwrap(), Some(NOW));
    let behind = outbox::next_due(&mut snapshot, Some(NOW)).await.unwrap();
    assert_eq!(behind, Some(NOW + Span::seconds(1)));
    assert_eq!(outbox::waiting(&mut snapshot).await.unwrap(), 2);
}

#[tokio::test]
async fn a_new_message_for_the_same_subject_takes_the_place_of_the_old_one() {
    let database = backend().await;
    let store = &database.store;
    let old = parcel("1", 1, NOW);
    put(store, &old).await;
    assert!(store.lease_parcel(&old, "mine", NOW, NOW + Span::minutes(1)).await.unwrap());
    put(store, &parcel("2", 1, NOW)).await;
    assert_eq!(due_ids(store, NOW).await, ["2"], "the new one waits for nobody");
    assert!(!store.finish_parcel(&old, "mine").await.unwrap());
    assert!(!store.postpone_parcel(&old, "mine", NOW + Span::hours(1)).await.unwrap());
    assert_eq!(due_ids(store, NOW).await, ["2"]);
}

#[tokio::test]
async fn one_sender_at_a_time() {
    let database = backend().await;
    let store = &database.store;
    let message = parcel("1", 1, NOW);
    put(store, &message).await;
    let until = NOW + Span::minutes(1);
    assert!(store.lease_parcel(&message, "first", NOW, until).await.unwrap());
    assert!(!store.lease_parcel(&message, "second", NOW, until).await.unwrap());
    assert_eq!(due_ids(store, NOW).await, Vec::<String>::new());

    let seen = due(store, until).await;
    assert_eq!(seen[0].attempts, 1, "a try counts when it starts");
    assert!(store.lease_parcel(&seen[0], "second", until, until + Span::minutes(1)).await.unwrap());
    assert!(!store.finish_parcel(&message, "first").await.unwrap(), "the lease is lost");
    assert!(!store.postpone_parcel(&message, "first", NOW).await.unwrap());
    assert!(!store.finish_parcel(&message, "").await.unwrap());
    assert!(store.finish_parcel(&message, "second").await.unwrap());
    assert!(!store.finish_parcel(&message, "second").await.unwrap());
    assert_eq!(number(store, "SELECT count(*) FROM outbox").await, 0);
}

#[tokio::test]
async fn a_message_that_is_given_back_comes_again_at_its_time() {
    let database = backend().await;
    let store = &database.store;
    let message = parcel("1", 1, NOW);
    put(store, &message).await;
    assert!(store.lease_parcel(&message, "mine", NOW, NOW + Span::minutes(1)).await.unwrap());
    let next = NOW + Span::seconds(20);
    assert!(store.postpone_parcel(&message, "mine", next).await.unwrap());
    assert!(!store.finish_parcel(&message, "mine").await.unwrap());
    assert_eq!(due_ids(store, next - Span(1)).await, Vec::<String>::new());
    let again = due(store, next).await;
    assert_eq!((again[0].id.as_str(), again[0].attempts), ("1", 1));
}

#[tokio::test]
async fn a_message_that_was_taken_and_not_tried_counts_no_try() {
    let database = backend().await;
    let store = &database.store;
    let message = parcel("1", 1, NOW);
    put(store, &message).await;
    assert!(store.lease_parcel(&message, "mine", NOW, NOW + Span::minutes(1)).await.unwrap());
    assert!(!store.return_parcel(&message, "another's", NOW).await.unwrap());
    assert!(store.return_parcel(&message, "mine", NOW).await.unwrap());
    assert!(!store.return_parcel(&message, "mine", NOW).await.unwrap(), "once");
    assert_eq!(due(store, NOW).await[0].attempts, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_senders_one_gets_the_message() {
    let database = backend().await;
    for round in 0..20 {
        let message = parcel(&format!("{round}"), round, NOW);
        put(&database.store, &message).await;
        let tasks: Vec<_> = (0..16)
            .map(|n| {
                let (store, message) = (database.store.clone(), message.clone());
                tokio::spawn(async move {
                    store.lease_parcel(&message, &format!("{n}"), NOW, NOW + Span::minutes(1)).await.unwrap()
                })
            })
            .collect();
        let mut taken = 0;
        for task in tasks {
            taken += u32::from(task.await.unwrap());
        }
        assert_eq!(taken, 1);
    }
}

#[tokio::test]
async fn a_deleted_user_is_sent_nothing() {
    let database = backend().await;
    let store = &database.store;
    decide(store, &user(1), create()).await.unwrap();
    put(store, &parcel("1", 1, NOW)).await;
    decide(store, &user(1), domain::user::Command::Delete).await.unwrap();
    assert_eq!(due_ids(store, NOW).await, Vec::<String>::new());
}

#[tokio::test]
async fn the_bell_rings_once_a_message_is_there_and_for_nothing_else() {
    let database = backend().await;
    let store = &database.store;
    let rang = async || tokio::time::timeout(std::time::Duration::ZERO, store.parcels().notified()).await.is_ok();
    users(store, 1).await;
    assert!(!rang().await, "nobody is to hear of users");
    put(store, &parcel("1", 1, NOW)).await;
    assert!(rang().await);
    assert!(!rang().await, "it rings once");
    let given_up = parcel("2", 2, NOW);
    let rows = vec![outbox::put(&given_up)];
    let mut write = Box::pin(store.write("test", &given_up.instance, Vec::new(), rows));
    let mut here = Context::from_waker(Waker::noop());
    assert!(write.as_mut().poll(&mut here).is_pending(), "it was handed in");
    drop(write);
    store.parcels().notified().await;
    assert_eq!(due_ids(store, NOW).await, ["1", "2"]);
}
