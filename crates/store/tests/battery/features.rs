//! The features of an instance: remembered, and never longer than they are true.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use domain::{
    base::OrgId,
    instance::{Command, Features, Instance},
};
use store::{Statement, Store};

use super::backend;
use crate::given::*;

const fn set(on: bool) -> Command {
    Command::SetFeatures(Features {
        user_schema: Some(on),
    })
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn decide(store: &Store, command: Command) {
    let (id, editor, command) = (&instance(), &user(1), &command);
    store
        .change("instance", id, editor, NOW, |work| {
            Box::pin(async move {
                let mut stream = work.load::<Instance>(id).await?;
                work.decide(&mut stream, command.clone())?;
                Ok::<_, Failure>(())
            })
        })
        .await
        .unwrap();
}

async fn create_instance(store: &Store) {
    let create = Command::Create {
        name: "Merlon".into(),
        default_org: OrgId::from_trusted("org"),
    };
    decide(store, create).await;
}

async fn user_schema(store: &Store) -> Option<bool> {
    store.features(store.fresh().await, &instance()).await.unwrap().user_schema
}

#[tokio::test]
async fn every_change_shows_at_once_and_the_log_says_the_same() {
    let mut database = backend().await;
    let store = &database.store;
    assert_eq!(user_schema(store).await, None, "there is no instance yet");
    create_instance(store).await;
    for (command, wanted) in [
        (set(false), Some(false)),
        (set(false), Some(false)),
        (set(true), Some(true)),
        (Command::ResetFeatures, None),
        (set(false), Some(false)),
    ] {
        decide(store, command).await;
        assert_eq!(user_schema(store).await, wanted);
        let differing = store::rebuild_matches(store).await.unwrap();
        assert!(differing.is_empty(), "{differing:?}");
    }
    database.reopen().await;
    assert_eq!(user_schema(&database.store).await, Some(false));
}

/// A request costs no query: a row that nobody announced is not seen.
#[tokio::test]
async fn what_was_looked_up_is_remembered_until_the_next_change() {
    let database = backend().await;
    let store = &database.store;
    create_instance(store).await;
    assert_eq!(user_schema(store).await, None);
    let row = Statement::new("UPDATE instance SET user_schema = $1", [false.into()]);
    assert!(store.write("test", &instance(), vec![], vec![row]).await.unwrap());
    assert_eq!(user_schema(store).await, None, "it was looked up again");
    decide(store, set(true)).await;
    assert_eq!(user_schema(store).await, Some(true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_look_up_beside_a_change_outlives_it() {
    let database = backend().await;
    let store = database.store.clone();
    create_instance(&store).await;
    let over = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (store, over) = (store.clone(), Arc::clone(&over));
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    user_schema(&store).await;
                }
            })
        })
        .collect();
    for _ in 0..200 {
        for on in [false, true] {
            decide(&store, set(on)).await;
            assert_eq!(user_schema(&store).await, Some(on));
        }
    }
    over.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
}
