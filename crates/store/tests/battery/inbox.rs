//! The built-in inbox: newest first, in pages, and never more than is kept.

use domain::base::{InstanceId, Span, UserId};
use store::{
    Store,
    inbox::{self, Captured, KEPT},
};

use super::backend;
use crate::given::*;

fn message(n: i64, recipient: u8) -> Captured {
    Captured {
        id: format!("{n:0>20}"),
        recipient: vec![recipient; 32],
        sealed: n.to_string().into_bytes(),
        created: NOW + Span::seconds(n),
    }
}

async fn ids(store: &Store, recipient: Option<u8>, (before, after): (i64, i64), most: i64) -> Vec<i64> {
    let mut snapshot = store.snapshot().await.unwrap();
    let text = |n: i64| if n == 0 { String::new() } else { format!("{n:0>20}") };
    let recipient = recipient.map(|r| [r; 32]);
    let (instance, range) = (instance(), (text(before), text(after)));
    let found = inbox::list(
        &mut snapshot,
        &instance,
        recipient.as_ref().map(|r| &r[..]),
        (&range.0, &range.1),
        most,
    );
    found.await.unwrap().iter().map(|m| m.id.parse().unwrap()).collect()
}

#[tokio::test]
async fn messages_are_listed_newest_first_in_pages_and_by_recipient() {
    let database = backend().await;
    let store = &database.store;
    for n in 1..=9 {
        store.capture(&instance(), &UserId::from_trusted("1"), &message(n, u8::try_from(n % 2).unwrap())).await.unwrap();
    }
    store.capture(&InstanceId::from_trusted("other"), &UserId::from_trusted("1"), &message(10, 1)).await.unwrap();
    assert_eq!(ids(store, None, (0, 0), 4).await, [9, 8, 7, 6]);
    assert_eq!(ids(store, None, (6, 0), 4).await, [5, 4, 3, 2]);
    assert_eq!(ids(store, None, (2, 0), 4).await, [1]);
    assert_eq!(ids(store, None, (0, 7), 4).await, [9, 8]);
    assert_eq!(ids(store, Some(1), (9, 3), 10).await, [7, 5]);
    assert_eq!(ids(store, Some(3), (0, 0), 10).await, Vec::<i64>::new());
}

#[tokio::test]
async fn capturing_again_changes_nothing_and_discarding_works_once() {
    let database = backend().await;
    let store = &database.store;
    store.capture(&instance(), &UserId::from_trusted("1"), &message(1, 1)).await.unwrap();
    let other = Captured { sealed: b"other".to_vec(), ..message(1, 2) };
    store.capture(&instance(), &UserId::from_trusted("1"), &other).await.unwrap();
    let mut snapshot = store.snapshot().await.unwrap();
    let found = inbox::list(&mut snapshot, &instance(), None, ("", ""), 10).await.unwrap();
    assert_eq!((found.len(), &found[0].sealed[..]), (1, &b"1"[..]));
    assert!(!store.discard(&InstanceId::from_trusted("other"), &found[0].id).await.unwrap());
    assert!(store.discard(&instance(), &found[0].id).await.unwrap());
    assert!(!store.discard(&instance(), &found[0].id).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_oldest_make_room() {
    let database = backend().await;
    let store = &database.store;
    store.capture(&InstanceId::from_trusted("other"), &UserId::from_trusted("1"), &message(1, 1)).await.unwrap();
    let tasks: Vec<_> = (1..=KEPT + 5)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { store.capture(&instance(), &UserId::from_trusted("1"), &message(n, 1)).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let kept = ids(store, None, (0, 0), KEPT * 2).await;
    assert_eq!(kept.len(), usize::try_from(KEPT).unwrap());
    assert_eq!((kept[0], kept[kept.len() - 1]), (KEPT + 5, 6));
    let sql = "SELECT count(*) FROM inbox_message WHERE instance = 'other'";
    assert_eq!(number(store, sql).await, 1, "one tenant's mail makes no room for another's");
}
