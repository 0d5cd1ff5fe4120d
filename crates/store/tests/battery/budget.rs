//! Budgets: kept per tenant, user and subject, and not lost between two who count at once.

use domain::{
    base::{InstanceId, UserId},
    code::GuessBudget,
    send::SendHistory,
};
use store::{Store, budget};

use super::backend;
use crate::given::*;

#[tokio::test]
async fn failed_guesses_are_kept_by_tenant_user_and_subject() {
    let database = backend::database();
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

async fn sends(store: &Store) -> budget::Sends {
    let mut snapshot = store.snapshot().await.unwrap();
    budget::sends(&mut snapshot, &instance(), &[1; 32]).await.unwrap()
}

#[tokio::test]
async fn of_two_who_count_from_the_same_reading_one_must_count_again() {
    let database = backend::database();
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
