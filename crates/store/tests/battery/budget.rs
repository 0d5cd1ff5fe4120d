//! Budgets: kept per tenant, user and subject, and not lost between two who count at once.

use std::sync::atomic::{AtomicU32, Ordering};

use domain::{
    base::{InstanceId, Timestamp, UserId},
    code::GuessBudget,
    send::SendHistory,
};
use store::{Store, budget};

use super::backend;
use crate::given::*;

#[tokio::test]
async fn failed_guesses_are_kept_by_tenant_user_and_subject() {
    let database = backend().await;
    let store = &database.store;
    let kept = GuessBudget { since: NOW, failures: 7 };
    let row = budget::keep_guesses(&instance(), &user(1), &[1; 32], kept);
    store.write("test", &instance(), Vec::new(), vec![row]).await.unwrap();
    let mut snapshot = store.snapshot().await.unwrap();
    let mut read = async |instance: &InstanceId, user: &UserId, subject: &[u8]| {
        budget::guesses(&mut snapshot, instance, user, subject).await.unwrap()
    };
    assert_eq!(read(&instance(), &user(1), &[1; 32]).await, kept);
    assert_eq!(read(&instance(), &user(1), &[2; 32]).await, GuessBudget::default());
    assert_eq!(read(&instance(), &user(2), &[1; 32]).await, GuessBudget::default());
    assert_eq!(read(&InstanceId::from_trusted("other"), &user(1), &[1; 32]).await, GuessBudget::default());
}

#[tokio::test]
async fn of_two_who_guess_from_the_same_reading_one_must_read_again() {
    let database = backend().await;
    let store = &database.store;
    let read = async || {
        let mut snapshot = store.snapshot().await.unwrap();
        budget::guesses(&mut snapshot, &instance(), &user(1), &[1; 32]).await.unwrap()
    };
    for failures in 1..=3 {
        let seen = read().await;
        let spend = || vec![budget::spend_guess(&instance(), &user(1), &[1; 32], seen, NOW)];
        assert!(store.write("test", &instance(), spend(), Vec::new()).await.unwrap());
        assert!(!store.write("test", &instance(), spend(), Vec::new()).await.unwrap());
        assert_eq!(read().await, GuessBudget { since: NOW, failures });
    }
    for failures in [2, 1, 0, 0] {
        let back = vec![budget::give_back(&instance(), &user(1), &[1; 32])];
        store.write("test", &instance(), Vec::new(), back).await.unwrap();
        assert_eq!(read().await.failures, failures);
    }
}

async fn sends(store: &Store) -> budget::Sends {
    let mut snapshot = store.snapshot().await.unwrap();
    budget::sends(&mut snapshot, &instance(), &[1; 32]).await.unwrap()
}

#[tokio::test]
async fn of_two_who_count_from_the_same_reading_one_must_count_again() {
    let database = backend().await;
    let store = &database.store;
    for round in 1..=3 {
        let read = sends(store).await;
        let next = read.history.clone().with(NOW);
        let guard = || vec![budget::keep_sends(&instance(), &[1; 32], &read, &next)];
        assert!(store.write("test", &instance(), guard(), Vec::new()).await.unwrap());
        assert!(!store.write("test", &instance(), guard(), Vec::new()).await.unwrap());
        assert_eq!(sends(store).await.history, SendHistory(vec![NOW; round]));
    }
}

#[tokio::test]
async fn sends_of_one_unit_of_work_are_counted_together() {
    let database = backend().await;
    let store = &database.store;
    let (instance, editor) = (&instance(), &user(1));
    let runs = &AtomicU32::new(0);
    let answer: Result<(), Failure> = store
        .change("test", instance, editor, NOW, |work| {
            Box::pin(async move {
                for _ in 0..2 {
                    work.count_send(&[1; 32], |sent| Ok::<_, Failure>(sent.with(NOW))).await?;
                }
                if runs.fetch_add(1, Ordering::SeqCst) == 0 {
                    let read = sends(store).await;
                    let meanwhile = budget::keep_sends(instance, &[1; 32], &read, &read.history.clone().with(NOW));
                    assert!(store.write("test", instance, vec![meanwhile], Vec::new()).await?);
                }
                Ok(())
            })
        })
        .await;
    answer.unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 2, "somebody else counted meanwhile");
    assert_eq!(sends(store).await.history, SendHistory(vec![NOW; 3]));
}

#[tokio::test]
async fn a_sweep_removes_what_nothing_counts_any_more() {
    let database = backend().await;
    let store = &database.store;
    let later = Timestamp(NOW.0 + 1);
    for (n, at) in [(1, NOW), (2, later)] {
        let kept = GuessBudget { since: at, failures: 1 };
        let rows = vec![budget::keep_guesses(&instance(), &user(n), &[1; 32], kept)];
        let subject = [u8::try_from(n).unwrap(); 32];
        let none = budget::Sends::default();
        let guard = budget::keep_sends(&instance(), &subject, &none, &SendHistory(vec![at]));
        assert!(store.write("test", &instance(), vec![guard], rows).await.unwrap());
    }
    store.sweep_budgets(later).await.unwrap();
    for table in ["SELECT count(*) FROM guess_budget", "SELECT count(*) FROM send_budget"] {
        assert_eq!(number(store, table).await, 1);
    }
    assert_eq!(number(store, "SELECT count(*) FROM guess_budget WHERE user_id = 'user-2'").await, 1);
    assert_eq!(sends(store).await.history, SendHistory::default());
}
