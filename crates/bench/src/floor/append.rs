//! The store alone: the same unit of work that adding a factor commits, without anything around it.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use domain::{
    base::{FactorId, InstanceId, OrgId, Timestamp, UserId},
    code::{Digest, IssuedCode, Medium},
    user::{Channel, Command, Destination, Kind, Proof, User},
};
use serde_json::Map;
use store::{Store, StoreOptions};

use crate::{
    drive::{self, Job},
    people,
};

/// 2026-01-01T00:00:00Z; what time it is does not matter here.
const NOW: i64 = 1_767_225_600_000_000;
pub(crate) const FIRST_ID: usize = 289_201_938_475_610_114;
const FACTORS: usize = 10;

/// A store with users in it.
#[derive(Debug)]
pub(crate) struct Append {
    store: Store,
    instance: InstanceId,
    editor: UserId,
    users: usize,
    next: Arc<AtomicUsize>,
    created: AtomicUsize,
}

impl Append {
    /// Makes a store with so many users in `dir`.
    pub(crate) async fn new(dir: &Path, users: usize) -> anyhow::Result<Arc<Self>> {
        let path = dir.join("append.db");
        Self::on(Store::open(&StoreOptions::Sqlite { path }).await?, users).await
    }

    /// Puts so many users into an empty store.
    pub(crate) async fn on(store: Store, users: usize) -> anyhow::Result<Arc<Self>> {
        let append = Arc::new(Self {
            store,
            instance: InstanceId::from_trusted("289201938475610001"),
            editor: UserId::from_trusted("289201938475610002"),
            users,
            next: Arc::default(),
            created: AtomicUsize::new(0),
        });
        let job = Arc::new(Populate(Arc::clone(&append)));
        let outcome = drive::closed(job, vec![(); 256.min(users)], Duration::from_mins(5)).await;
        match outcome.reason {
            Some(reason) => Err(reason.context("filling the store")),
            None => Ok(append),
        }
    }

    /// The same users, asked for by another way to where they are kept.
    pub(crate) fn by(&self, store: Store) -> Arc<Self> {
        Arc::new(Self {
            store,
            instance: self.instance.clone(),
            editor: self.editor.clone(),
            users: self.users,
            next: Arc::clone(&self.next),
            created: AtomicUsize::new(self.users),
        })
    }

    /// Closes the store.
    pub(crate) async fn close(&self) -> anyhow::Result<()> {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || store.close())
            .await
            .context("closing the store")
    }

    async fn create(&self, user: usize) -> anyhow::Result<()> {
        let id = &UserId::from_trusted(&(FIRST_ID + user).to_string());
        self.store
            .change(
                "bench.create",
                &self.instance,
                &self.editor,
                Timestamp(NOW),
                |work| {
                    Box::pin(async move {
                        let mut stream = work.load::<User>(id).await?;
                        let create = Command::Create {
                            org: OrgId::from_trusted("289201938475610003"),
                            kind: Kind::Human,
                            schema: None,
                            data: Map::from_iter([("givenName".to_owned(), "Erika".into())]),
                        };
                        work.decide(&mut stream, create).map_err(anyhow::Error::from)
                    })
                },
            )
            .await
    }

    async fn add(&self, slot: usize) -> anyhow::Result<()> {
        let user = people::jump(slot, self.users);
        let id = &UserId::from_trusted(&(FIRST_ID + user).to_string());
        let factor = &FactorId::from_trusted(&(FIRST_ID * 2 + slot).to_string());
        let now = Timestamp(NOW + i64::try_from(slot)?);
        let number = &Destination::from_trusted(Channel::Sms, &format!("+4179{slot:07}"));
        self.store
            .change("bench.add", &self.instance, &self.editor, now, |work| {
                Box::pin(async move {
                    let mut stream = work.load::<User>(id).await?;
                    let add = Command::AddOtp {
                        id: factor.clone(),
                        destination: number.clone(),
                        proof: Proof::Code(code(now)),
                    };
                    work.decide(&mut stream, add).map_err(anyhow::Error::from)
                })
            })
            .await
    }
}

fn code(now: Timestamp) -> IssuedCode {
    IssuedCode {
        digest: Digest([7; 32]),
        length: 6,
        expires: Timestamp(now.0 + 600_000_000),
        tries: 5,
        medium: Medium::Returned,
    }
}

impl Job for Append {
    type Line = ();
    type Yield = ();

    async fn once(&self, (): &mut ()) -> anyhow::Result<Option<()>> {
        let slot = self.next.fetch_add(1, Ordering::Relaxed);
        if slot >= self.users * FACTORS {
            return Ok(None);
        }
        self.add(slot).await.map(Some)
    }
}

struct Populate(Arc<Append>);

impl Job for Populate {
    type Line = ();
    type Yield = ();

    async fn once(&self, (): &mut ()) -> anyhow::Result<Option<()>> {
        let user = self.0.created.fetch_add(1, Ordering::Relaxed);
        if user >= self.0.users {
            return Ok(None);
        }
        self.0.create(user).await.map(Some)
    }
}
