//! The narrow waist: snapshots to read from and write sets to commit, the same for every database.

mod migrate;
mod sqlite;

pub use sqlite::inspect;

use std::{path::PathBuf, sync::Arc};

use domain::base::InstanceId;
use tokio::sync::{Notify, Semaphore};

use crate::{
    commit::{Outcome, Statement, Value, WriteSet},
    error::{Error, Result},
    features::KnownFeatures,
    holders::Holders,
};

/// Where and how to keep things.
#[derive(Clone, Debug)]
pub struct StoreOptions {
    /// The database file; created when it is not there.
    pub path: PathBuf,
}

/// A database that is open. Cheap to clone; the last clone closes it.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    database: Database,
    pub(crate) hearers: Hearers,
    /// After losing a race once, the losers of one stream queue here, so that each loses at most once more.
    turnstiles: Vec<Semaphore>,
}

/// Who hears of a commit before it is answered.
#[derive(Clone, Debug)]
pub(crate) struct Hearers {
    /// Forget whose standing changed.
    pub(crate) holders: Arc<Holders>,
    /// Forget what instances are set to.
    pub(crate) features: Arc<KnownFeatures>,
    /// Rung when a message was put into the outbox.
    pub(crate) parcels: Arc<Notify>,
}

#[derive(Debug)]
enum Database {
    Sqlite(sqlite::Sqlite),
}

/// A value of a query, borrowed.
#[derive(Clone, Copy)]
pub enum Param<'a> {
    /// A whole number.
    Int(i64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
    /// No value.
    Null,
}

impl<'a> From<&'a Value> for Param<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Int(n) => Self::Int(*n),
            Value::Text(text) => Self::Text(text),
            Value::Blob(bytes) => Self::Blob(bytes),
        }
    }
}

impl std::fmt::Debug for Param<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Param(..)")
    }
}

impl<'a> From<&'a str> for Param<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl From<i64> for Param<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl<'a> From<&'a [u8]> for Param<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Blob(value)
    }
}

/// A row of an answer, borrowed from the driver; columns are counted from 0.
#[derive(Debug)]
pub struct Row<'a>(sqlite::SqliteRow<'a>);

impl Row<'_> {
    /// A whole number.
    pub fn int(&self, column: usize) -> Result<i64> {
        self.0.int(column)
    }

    /// A whole number or NULL.
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>> {
        self.0.opt_int(column)
    }

    /// 0 or 1.
    pub fn flag(&self, column: usize) -> Result<bool> {
        self.int(column).map(|n| n != 0)
    }

    /// Text.
    pub fn text(&self, column: usize) -> Result<&str> {
        self.0
            .opt_text(column)?
            .ok_or_else(|| Error::corrupt("a text column", "it is NULL"))
    }

    /// Text or NULL.
    pub fn opt_text(&self, column: usize) -> Result<Option<&str>> {
        self.0.opt_text(column)
    }

    /// Bytes.
    pub fn blob(&self, column: usize) -> Result<&[u8]> {
        self.0.blob(column)
    }
}

/// One consistent view of everything that was committed before it was taken.
#[derive(Debug)]
pub struct Snapshot(sqlite::SqliteSnapshot);

impl Snapshot {
    /// All rows of a query, each turned into something by `each`.
    #[allow(
        clippy::unused_async,
        reason = "the embedded database answers at once, a database server does not"
    )]
    pub async fn all<T>(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        each: impl FnMut(&Row<'_>) -> Result<T> + Send,
    ) -> Result<Vec<T>> {
        self.0.all(sql, params, each)
    }

    /// As [`Self::all`], for a query that was put together from the parts of [`crate::query`]. It may take long: it runs
    /// beside the requests, and giving up on the future ends it.
    pub(crate) async fn all_built<T>(
        &mut self,
        sql: &str,
        params: &[Value],
        each: impl FnMut(&Row<'_>) -> Result<T> + Send,
    ) -> Result<Vec<T>> {
        self.0.all_built(sql, params, each).await
    }

    /// The first row of a query, if there is one.
    pub async fn first<T>(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        each: impl FnMut(&Row<'_>) -> Result<T> + Send,
    ) -> Result<Option<T>> {
        Ok(self.all(sql, params, each).await?.into_iter().next())
    }
}

impl Store {
    /// Opens a database, creating or migrating it as needed. Blocks: call it before serving.
    pub fn open(options: &StoreOptions) -> Result<Self> {
        let hearers = Hearers {
            holders: Arc::new(Holders::new()),
            features: Arc::new(KnownFeatures::new()),
            parcels: Arc::new(Notify::new()),
        };
        let database = Database::Sqlite(sqlite::Sqlite::open(&options.path, hearers.clone())?);
        let turnstiles = (0..256).map(|_| Semaphore::new(1)).collect();
        Ok(Self {
            inner: Arc::new(Inner {
                database,
                hearers,
                turnstiles,
            }),
        })
    }

    /// Takes a view to read from.
    #[allow(
        clippy::unused_async,
        reason = "the embedded database answers at once, a database server does not"
    )]
    pub async fn snapshot(&self) -> Result<Snapshot> {
        match &self.inner.database {
            Database::Sqlite(sqlite) => sqlite.snapshot().map(Snapshot),
        }
    }

    /// Takes a view for a single query: cheaper than [`Self::snapshot`], and two queries in it may see two states.
    #[allow(
        clippy::unused_async,
        reason = "the embedded database answers at once, a database server does not"
    )]
    pub async fn glance(&self) -> Result<Snapshot> {
        match &self.inner.database {
            Database::Sqlite(sqlite) => sqlite.glance().map(Snapshot),
        }
    }

    /// Rung after every commit that put a message into the outbox, even when nobody waits for its answer any more.
    pub fn parcels(&self) -> &Notify {
        &self.inner.hearers.parcels
    }

    pub(crate) async fn commit(&self, set: WriteSet) -> Result<Outcome> {
        match &self.inner.database {
            Database::Sqlite(sqlite) => sqlite.commit(set).await,
        }
    }

    /// Writes rows that are no part of any history. Answers whether every guard held; if not, nothing was written.
    pub async fn write(
        &self,
        name: &'static str,
        instance: &InstanceId,
        guards: Vec<Statement>,
        rows: Vec<Statement>,
    ) -> Result<bool> {
        let set = WriteSet {
            name,
            instance: instance.clone(),
            streams: Vec::new(),
            guards,
            rows,
        };
        match self.commit(set).await? {
            Outcome::Done => Ok(true),
            Outcome::Conflict => Ok(false),
            Outcome::Taken(what) => Err(Error::Taken(what)),
        }
    }

    pub(crate) fn turnstile(&self, stream: &str) -> &Semaphore {
        &self.inner.turnstiles[spread(stream, self.inner.turnstiles.len())]
    }

    /// Waits until everything that was accepted is written, and closes the database cleanly. Blocks.
    pub fn close(&self) {
        match &self.inner.database {
            Database::Sqlite(sqlite) => sqlite.close(),
        }
    }

    /// Whether writes are taken. False once the disk failed; a restart is needed then.
    pub fn takes_writes(&self) -> bool {
        match &self.inner.database {
            Database::Sqlite(sqlite) => sqlite.takes_writes(),
        }
    }
}

/// One of `places` for an id, the same each time.
pub(crate) fn spread(id: &str, places: usize) -> usize {
    let hash = |h: usize, b: u8| h.wrapping_mul(31).wrapping_add(b.into());
    id.bytes().fold(0, hash) % places
}
