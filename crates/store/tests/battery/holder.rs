//! Who stands behind a token: remembered, and never longer than it is true.

use std::sync::atomic::{AtomicBool, Ordering};

use domain::{
    access::{Role, Scope},
    base::{Timestamp, TokenId, UserId},
    code::Digest,
    user::{Command, UserState},
};
use store::{Store, read::token::TokenHolder};

use super::backend;
use crate::given::*;

fn token() -> TokenId {
    TokenId::from_trusted("token")
}

async fn with_token(store: &Store) -> UserId {
    let id = users(store, 1).await.remove(0);
    let add = Command::AddToken {
        id: token(),
        digest: Digest([1; 32]),
        expires: Timestamp(NOW.0 + 1_000_000),
        existing: 0,
    };
    decide(store, &id, add).await.unwrap();
    id
}

async fn holder(store: &Store) -> Option<TokenHolder> {
    store.token_holder(store.fresh().await, &instance(), &token()).await.unwrap()
}

#[tokio::test]
async fn every_change_of_what_a_token_is_worth_shows_at_once() {
    let database = backend().await;
    let store = &database.store;
    assert!(holder(store).await.is_none(), "what is not there is not remembered");
    let id = with_token(store).await;
    assert_eq!(holder(store).await.unwrap().state, UserState::Active);
    let grant = |roles: &[Role]| Command::SetRoles {
        scope: Scope::Instance,
        roles: roles.to_vec(),
    };
    let steps = [
        (Command::Lock, UserState::Locked, 0),
        (Command::Unlock, UserState::Active, 0),
        (Command::Deactivate, UserState::Inactive, 0),
        (Command::Activate, UserState::Active, 0),
        (grant(&[Role::OrgOwner]), UserState::Active, 1),
        (grant(&[]), UserState::Active, 0),
    ];
    for (command, state, roles) in steps {
        decide(store, &id, command).await.unwrap();
        let found = holder(store).await.unwrap();
        assert_eq!((found.state, found.memberships.len()), (state, roles));
    }
    let remove = Command::RemoveToken {
        id: token(),
        exists: true,
    };
    decide(store, &id, remove).await.unwrap();
    assert!(holder(store).await.is_none());
}

#[tokio::test]
async fn a_deleted_user_stands_behind_nothing() {
    let database = backend().await;
    let store = &database.store;
    let id = with_token(store).await;
    assert!(holder(store).await.is_some());
    decide(store, &id, Command::Delete).await.unwrap();
    assert!(holder(store).await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_look_up_beside_a_change_outlives_it() {
    let database = backend().await;
    let store = database.store.clone();
    let id = with_token(&store).await;
    let over = std::sync::Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (store, over) = (store.clone(), over.clone());
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    holder(&store).await.unwrap();
                }
            })
        })
        .collect();
    for _ in 0..200 {
        for (command, state) in [
            (Command::Lock, UserState::Locked),
            (Command::Unlock, UserState::Active),
        ] {
            decide(&store, &id, command).await.unwrap();
            assert_eq!(holder(&store).await.unwrap().state, state);
        }
    }
    over.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.await.unwrap();
    }
}
