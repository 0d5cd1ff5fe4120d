//! The writer's queue: what was accepted is finished, and what cannot be taken is said at once.

use store::Error;

use super::backend;
use crate::given::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn closing_finishes_what_was_accepted() {
    let mut database = backend().await;
    let tasks: Vec<_> = (0..500)
        .map(|n| {
            let store = database.store.clone();
            tokio::spawn(async move { store.keep_meta(&format!("{n}"), b"x").await })
        })
        .collect();
    tokio::task::yield_now().await;
    let closing = database.store.clone();
    tokio::task::spawn_blocking(move || closing.close()).await.unwrap();
    let mut accepted = Vec::new();
    for (n, task) in tasks.into_iter().enumerate() {
        match task.await.unwrap() {
            Ok(true) => accepted.push(n),
            Err(Error::Closed) => {}
            other => panic!("{other:?}"),
        }
    }
    let late = database.store.keep_meta("late", b"x").await;
    assert!(matches!(late, Err(Error::Closed)), "{late:?}");
    database.store.close();
    database.reopen().await;
    let count = i64::try_from(accepted.len()).unwrap();
    assert_eq!(number(&database.store, "SELECT count(*) FROM meta").await, count);
}

#[tokio::test]
async fn a_fact_is_kept_once() {
    let database = backend().await;
    assert!(database.store.keep_meta("name", b"first").await.unwrap());
    assert!(!database.store.keep_meta("name", b"second").await.unwrap());
    let mut snapshot = database.store.snapshot().await.unwrap();
    assert_eq!(store::meta::read(&mut snapshot, "name").await.unwrap(), Some(b"first".to_vec()));
    assert_eq!(store::meta::read(&mut snapshot, "other").await.unwrap(), None);
}
