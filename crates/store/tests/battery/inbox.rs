//! The built-in inbox: in the order of capture, in pages from either end, and never more than is kept.

use domain::{
    base::{InstanceId, Span, UserId},
    user::Command,
};
use store::{
    Store,
    inbox::{self, Capture, Captured, KEPT, Range},
    outbox,
};
use tokio::task::JoinSet;

use super::backend;
use crate::given::*;

fn message(n: i64, recipient: u8) -> Capture {
    Capture {
        outbox_id: n,
        lease: None,
        recipient: vec![recipient; 32],
        sealed: n.to_string().into_bytes(),
        at: NOW + Span::seconds(n),
    }
}

async fn capture(store: &Store, message: &Capture) {
    store.capture(&instance(), &UserId::from_trusted("1"), message).await.unwrap();
}

async fn found(store: &Store, range: Range<'_>) -> Vec<Captured> {
    let mut snapshot = store.snapshot().await.unwrap();
    inbox::list(&mut snapshot, &instance(), range).await.unwrap()
}

async fn ids(store: &Store, range: Range<'_>) -> Vec<i64> {
    found(store, range).await.iter().map(|m| m.id).collect()
}

#[tokio::test]
async fn messages_are_listed_in_pages_from_either_end_and_by_recipient() {
    let database = backend().await;
    let store = &database.store;
    for n in 1..=9 {
        capture(store, &message(n, u8::try_from(n % 2).unwrap())).await;
    }
    store.capture(&InstanceId::from_trusted("other"), &UserId::from_trusted("1"), &message(10, 1)).await.unwrap();
    let four = Range { most: 4, ..Range::default() };
    assert_eq!(ids(store, four).await, [9, 8, 7, 6]);
    assert_eq!(ids(store, Range { before: 6, ..four }).await, [5, 4, 3, 2]);
    assert_eq!(ids(store, Range { before: 2, ..four }).await, [1]);
    assert_eq!(ids(store, Range { after: Some(0), ..four }).await, [1, 2, 3, 4]);
    assert_eq!(ids(store, Range { after: Some(4), ..four }).await, [5, 6, 7, 8]);
    assert_eq!(ids(store, Range { after: Some(8), ..four }).await, [9]);
    let one = Range { recipient: Some(&[1; 32]), before: 9, ..Range::default() };
    assert_eq!(ids(store, one).await, [7, 5, 3, 1]);
    assert_eq!(ids(store, Range { after: Some(3), ..one }).await, [5, 7]);
    assert!(ids(store, Range { recipient: Some(&[3; 32]), ..one }).await.is_empty());
}

#[tokio::test]
async fn capturing_again_changes_nothing_and_discarding_works_once() {
    let database = backend().await;
    let store = &database.store;
    capture(store, &message(1, 1)).await;
    capture(store, &message(2, 1)).await;
    capture(store, &Capture { sealed: b"other".to_vec(), ..message(1, 2) }).await;
    let found = found(store, Range::default()).await;
    let seen: Vec<_> = found.iter().map(|m| (m.outbox_id, &m.sealed[..])).collect();
    assert_eq!(seen, [(2, &b"2"[..]), (1, &b"1"[..])]);
    assert!(!store.discard(&InstanceId::from_trusted("other"), found[0].id).await.unwrap());
    assert!(store.discard(&instance(), found[0].id).await.unwrap());
    assert!(!store.discard(&instance(), found[0].id).await.unwrap());
    capture(store, &message(3, 1)).await;
    assert!(ids(store, Range::default()).await[0] > found[0].id, "no id is given twice");
}

#[tokio::test]
async fn nothing_is_captured_that_one_holds_no_more() {
    let database = backend().await;
    let store = &database.store;
    let (id, parcel) = (users(store, 1).await.remove(0), parcel_of_user(0));
    let rows = vec![outbox::put(&parcel)];
    store.write("test", &instance(), Vec::new(), rows).await.unwrap();
    assert!(store.lease_parcel(&parcel, "mine", NOW, parcel.expires).await.unwrap());
    let by = async |lease: &str| {
        let captured = Capture { lease: Some(lease.into()), ..message(7, 1) };
        store.capture(&instance(), &id, &captured).await.unwrap()
    };
    assert!(!by("another's").await);
    assert!(ids(store, Range::default()).await.is_empty());
    assert!(by("mine").await && by("mine").await);
    assert_eq!(ids(store, Range::default()).await.len(), 1);
    assert!(!store.lease_parcel(&parcel, "another's", NOW, parcel.expires).await.unwrap(), "it is held as before");

    decide(store, &id, Command::Delete).await.unwrap();
    assert!(!by("mine").await, "the user went meanwhile");
    assert!(ids(store, Range::default()).await.is_empty());
}

#[tokio::test]
async fn what_is_captured_later_has_the_greater_id_and_no_earlier_time() {
    let database = backend().await;
    let store = &database.store;
    for outbox_id in [70, 80, 30, 90, 10] {
        capture(store, &message(outbox_id, 1)).await;
    }
    let found = found(store, Range { after: Some(0), ..Range::default() }).await;
    let order: Vec<_> = found.iter().map(|m| m.outbox_id).collect();
    assert_eq!(order, [70, 80, 30, 90, 10]);
    assert!(found.is_sorted_by(|a, b| a.id < b.id && a.created <= b.created), "{found:?}");
    let newest = found[4].id;
    store.discard(&instance(), newest).await.unwrap();
    capture(store, &message(20, 1)).await;
    let after = Range { after: Some(newest), ..Range::default() };
    assert_eq!(ids(store, after).await.len(), 1, "whoever saw the one that is gone sees the next");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_follows_misses_nothing_and_sees_nothing_twice() {
    const MANY: i64 = 300;
    let database = backend().await;
    let store = &database.store;
    let mut captures = JoinSet::new();
    for n in 1..=MANY {
        let store = store.clone();
        captures.spawn(async move {
            capture(&store, &message(MANY - n + 1, 1)).await;
            capture(&store, &message(MANY - n + 1, 1)).await;
        });
    }
    let (mut seen, mut page) = (Vec::new(), Range { after: Some(0), most: 7, ..Range::default() });
    loop {
        let all_there = captures.is_empty();
        let next = found(store, page).await;
        page.after = next.last().map(|last| last.id).or(page.after);
        seen.extend(next.iter().map(|m| m.outbox_id));
        if all_there && next.is_empty() {
            break;
        }
        while captures.try_join_next().is_some() {}
    }
    seen.sort_unstable();
    assert_eq!(seen, (1..=MANY).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_oldest_make_room() {
    let database = backend().await;
    let store = &database.store;
    store.capture(&InstanceId::from_trusted("other"), &UserId::from_trusted("1"), &message(1, 1)).await.unwrap();
    let mut captures = JoinSet::new();
    for n in 1..=KEPT + 5 {
        let store = store.clone();
        captures.spawn(async move { capture(&store, &message(n, 1)).await });
    }
    captures.join_all().await;
    let kept = ids(store, Range { most: KEPT * 2, ..Range::default() }).await;
    assert_eq!(kept.len(), usize::try_from(KEPT).unwrap());
    capture(store, &message(KEPT + 6, 1)).await;
    let now_kept = ids(store, Range { most: KEPT * 2, ..Range::default() }).await;
    assert_eq!(&now_kept[1..], &kept[..kept.len() - 1]);
    let sql = "SELECT count(*) FROM inbox_message WHERE instance = 'other'";
    assert_eq!(number(store, sql).await, 1, "one tenant's mail makes no room for another's");
}

#[tokio::test]
async fn messages_of_an_older_shape_are_kept_and_later_ones_follow_them() {
    let mut database = backend().await;
    capture(&database.store, &message(7, 1)).await;
    capture(&database.store, &message(8, 1)).await;
    database.store.close();
    forget_inbox_order(&database).await;
    database.reopen().await;
    let store = &database.store;
    capture(store, &message(7, 1)).await;
    capture(store, &message(5, 1)).await;
    let found = found(store, Range { after: Some(0), ..Range::default() }).await;
    let seen: Vec<_> = found.iter().map(|m| (m.id, m.outbox_id, &m.sealed[..])).collect();
    assert_eq!(seen, [(7, 7, &b"7"[..]), (8, 8, &b"8"[..]), (9, 5, &b"5"[..])]);
}
