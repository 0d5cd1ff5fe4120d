//! The narrow waist: snapshots to read from and write sets to commit, the same for every database.

mod postgres;
mod sqlite;
mod transfer;

pub use postgres::{PostgresOptions, ServerReport, Tls as PostgresTls, Unreadable};
pub use sqlite::inspect;
pub use transfer::{MovedTable, Progress, Stage, Transfer, TransferError};

use std::{path::PathBuf, sync::Arc};

use domain::{
    base::{Aggregate, InstanceId, Timestamp, UserId},
    instance::Instance,
    user::User,
};
use tokio::{
    sync::{Notify, Semaphore},
    task::spawn_blocking,
};

use crate::{
    commit::{Outcome, Statement, Value, WriteSet},
    error::{Error, Result},
    features::KnownFeatures,
    holders::Holders,
    log::fold_missing_states,
    outbox,
    read::user,
    recent::{Found, Recent},
};

/// Where and how to keep things.
#[derive(Clone, Debug)]
pub enum StoreOptions {
    /// In a file of an embedded SQLite; created when it is not there.
    Sqlite {
        /// The file; others with its name in front lie beside it.
        path: PathBuf,
    },
    /// In a database of a PostgreSQL server, which several nodes may share.
    Postgres(PostgresOptions),
}

/// Whether what this node remembered at one moment may be believed; if not, the database is asked. Made by [`Store::fresh`].
#[derive(Clone, Copy, Debug)]
pub struct Fresh(pub(crate) bool);

/// Where the databases do not say the same thing with the same words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
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
    /// Forget what was read of whoever changed.
    pub(crate) recent: Arc<Recent>,
    /// Forget what instances are set to.
    pub(crate) features: Arc<KnownFeatures>,
    /// Rung when a message was put into the outbox.
    pub(crate) parcels: Arc<Notify>,
}

impl Hearers {
    /// Tells of write sets that were committed, or may have been, before anybody is answered.
    fn tell(&self, sets: &[&WriteSet]) {
        let streams = sets
            .iter()
            .flat_map(|set| set.streams.iter().map(move |s| (set, s)));
        for (set, stream) in streams {
            if stream.standing {
                self.holders.forget(&stream.id);
            }
            if stream.kind == User::KIND && stream.forget {
                self.recent.forget(&set.instance, &stream.id);
            } else if stream.kind == User::KIND && !stream.events.is_empty() {
                self.recent.disbelieve(&stream.id);
            }
            if stream.kind == Instance::KIND && !stream.events.is_empty() {
                self.features.forget();
            }
        }
        if sets.iter().flat_map(|set| &set.rows).any(outbox::is_put) {
            self.parcels.notify_one();
        }
    }
}

#[derive(Debug)]
enum Database {
    Sqlite(sqlite::Sqlite),
    Postgres(postgres::Postgres),
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
pub struct Row<'a>(Cells<'a>);

#[derive(Debug)]
enum Cells<'a> {
    Sqlite(sqlite::SqliteRow<'a>),
    Postgres(postgres::PostgresRow<'a>),
}

impl Row<'_> {
    /// A whole number.
    pub fn int(&self, column: usize) -> Result<i64> {
        self.opt_int(column)?
            .ok_or_else(|| Error::corrupt("a number column", "it is NULL"))
    }

    /// A whole number or NULL.
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>> {
        match &self.0 {
            Cells::Sqlite(row) => row.opt_int(column),
            Cells::Postgres(row) => row.opt_int(column),
        }
    }

    /// 0 or 1.
    pub fn flag(&self, column: usize) -> Result<bool> {
        self.int(column).map(|n| n != 0)
    }

    /// Text.
    pub fn text(&self, column: usize) -> Result<&str> {
        self.opt_text(column)?
            .ok_or_else(|| Error::corrupt("a text column", "it is NULL"))
    }

    /// Text or NULL.
    pub fn opt_text(&self, column: usize) -> Result<Option<&str>> {
        match &self.0 {
            Cells::Sqlite(row) => row.opt_text(column),
            Cells::Postgres(row) => row.opt_text(column),
        }
    }

    /// Bytes.
    pub fn blob(&self, column: usize) -> Result<&[u8]> {
        self.opt_blob(column)?
            .ok_or_else(|| Error::corrupt("a blob column", "it is NULL"))
    }

    /// Bytes or NULL.
    pub fn opt_blob(&self, column: usize) -> Result<Option<&[u8]>> {
        match &self.0 {
            Cells::Sqlite(row) => row.opt_blob(column),
            Cells::Postgres(row) => row.opt_blob(column),
        }
    }
}

/// A view to read from: [one of all](Store::snapshot) or [one for each query](Store::glance).
#[derive(Debug)]
pub struct Snapshot {
    view: View,
    /// Whether all queries see one state.
    whole: bool,
    /// How many there were.
    asked: usize,
    /// What need not be asked for again.
    recent: Option<Arc<Recent>>,
    /// Whether what is found is remembered.
    remembers: bool,
}

/// Futures of a server's side are boxed: the embedded database answers at once and should not carry room for them.
#[derive(Debug)]
enum View {
    Sqlite(sqlite::SqliteSnapshot),
    Postgres(postgres::PostgresSnapshot),
    Glance(postgres::PostgresGlance),
}

impl Snapshot {
    /// All rows of a query, each turned into something by `each`.
    pub async fn all<T>(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        each: impl FnMut(&Row<'_>) -> Result<T> + Send,
    ) -> Result<Vec<T>> {
        self.asked += 1;
        match &mut self.view {
            View::Sqlite(view) => view.all(sql, params, each),
            View::Postgres(view) => postgres::turned(&Box::pin(view.all(sql, params)).await?, each),
            View::Glance(view) => postgres::turned(&Box::pin(view.all(sql, params)).await?, each),
        }
    }

    /// As [`Self::all`], for a query that was put together from the parts of [`crate::query`]. It may take long: it runs
    /// beside the requests, and giving up on the future ends it.
    pub(crate) async fn all_built<T>(
        &mut self,
        sql: &str,
        params: &[Value],
        each: impl FnMut(&Row<'_>) -> Result<T> + Send,
    ) -> Result<Vec<T>> {
        self.asked += 1;
        match &mut self.view {
            View::Sqlite(view) => view.all_built(sql, params, each).await,
            View::Postgres(view) => postgres::turned(&Box::pin(view.all_built(sql, params)).await?, each),
            View::Glance(view) => postgres::turned(&Box::pin(view.all_built(sql, params)).await?, each),
        }
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

    /// The same for one who is about to change what is found, so that it is not worth remembering.
    pub(crate) fn before_a_change(mut self) -> Self {
        self.remembers = false;
        self
    }

    /// The row of a user, remembered or read.
    pub(crate) async fn user(&mut self, instance: &InstanceId, id: &UserId) -> Result<Option<Found>> {
        let recent = self.recent.clone();
        let known = recent.as_ref().and_then(|recent| recent.recall(instance, id));
        if known.is_some() {
            self.asked += 1;
            return Ok(known);
        }
        let moment = recent.as_ref().map(|recent| recent.now());
        let sql = "SELECT seq, created_at, changed_at, state FROM stream
                   WHERE instance = $1 AND kind = 'user' AND id = $2";
        let key = [Param::from(instance.as_str()), id.as_str().into()];
        let found = self.first(sql, &key, user::found).await?;
        if self.remembers
            && let (Some(recent), Some(moment), Some(found)) = (recent, moment, &found)
        {
            recent.keep(instance, id, moment, found);
        }
        Ok(found)
    }

    /// Whether what was read from it may never have been so at one time.
    pub(crate) fn may_be_torn(&self) -> bool {
        !self.whole && self.asked > 1
    }

    pub(crate) fn dialect(&self) -> Dialect {
        match &self.view {
            View::Sqlite(_) => Dialect::Sqlite,
            View::Postgres(_) | View::Glance(_) => Dialect::Postgres,
        }
    }
}

impl Store {
    /// Opens a database, creating or migrating it as needed.
    pub async fn open(options: &StoreOptions) -> Result<Self> {
        let hearers = Hearers {
            holders: Arc::new(Holders::new()),
            recent: Arc::new(Recent::new()),
            features: Arc::new(KnownFeatures::new()),
            parcels: Arc::new(Notify::new()),
        };
        let database = match options {
            StoreOptions::Sqlite { path } => {
                let (path, hearers) = (path.clone(), hearers.clone());
                let open = move || sqlite::Sqlite::open(&path, hearers);
                Database::Sqlite(spawn_blocking(open).await.map_err(|_| Error::Closed)??)
            }
            StoreOptions::Postgres(options) => {
                Database::Postgres(Box::pin(postgres::Postgres::open(options, hearers.clone())).await?)
            }
        };
        let turnstiles = (0..256).map(|_| Semaphore::new(1)).collect();
        let store = Self {
            inner: Arc::new(Inner {
                database,
                hearers,
                turnstiles,
            }),
        };
        fold_missing_states(&store).await?;
        Ok(store)
    }

    /// Takes a consistent view of everything that was committed before its first query.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        let view = match &self.inner.database {
            Database::Sqlite(sqlite) => View::Sqlite(sqlite.snapshot().await?),
            Database::Postgres(postgres) => View::Postgres(Box::pin(postgres.snapshot()).await?),
        };
        Ok(Snapshot {
            view,
            whole: true,
            asked: 0,
            recent: None,
            remembers: false,
        })
    }

    /// Takes a view for a single query: cheaper than [`Self::snapshot`]. Each query in it sees what was committed before it was
    /// asked, so two of them may see two states.
    pub fn glance(&self) -> Result<Snapshot> {
        let (view, recent) = match &self.inner.database {
            Database::Sqlite(sqlite) => (
                View::Sqlite(sqlite.glance()),
                Some(Arc::clone(&self.inner.hearers.recent)),
            ),
            Database::Postgres(postgres) => (View::Glance(postgres.glance()?), None),
        };
        Ok(Snapshot {
            view,
            whole: false,
            asked: 0,
            recent,
            remembers: true,
        })
    }

    /// Asks whether what this node remembers may be believed, once for all that one request asks for. By the time of the answer
    /// everything is forgotten that any node changed, and acknowledged, before the call.
    pub async fn fresh(&self) -> Fresh {
        Fresh(match &self.inner.database {
            Database::Sqlite(_) => true,
            Database::Postgres(postgres) => Box::pin(postgres.knows_all_changes()).await,
        })
    }

    /// A number that no other node has that was started on this database lately: they are given in turn.
    pub fn node_number(&self) -> u8 {
        match &self.inner.database {
            Database::Sqlite(_) => 0,
            Database::Postgres(postgres) => postgres.node_number(),
        }
    }

    /// Rung after every commit that put a message into the outbox, even when nobody waits for its answer any more.
    pub fn parcels(&self) -> &Notify {
        &self.inner.hearers.parcels
    }

    pub(crate) async fn commit(&self, set: WriteSet) -> Result<Outcome> {
        match &self.inner.database {
            Database::Sqlite(sqlite) => sqlite.commit(set).await,
            Database::Postgres(postgres) => Box::pin(postgres.commit(set)).await,
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

    /// Takes nothing more. The embedded database is closed cleanly, and this blocks until everything that was accepted is
    /// written; on a server what was accepted is written beside.
    pub fn close(&self) {
        match &self.inner.database {
            Database::Sqlite(sqlite) => sqlite.close(),
            Database::Postgres(postgres) => postgres.close(),
        }
    }

    /// The time of the database server, which all nodes share; nothing where the database is embedded.
    pub fn time(&self) -> Option<Timestamp> {
        match &self.inner.database {
            Database::Sqlite(_) => None,
            Database::Postgres(postgres) => postgres.time(),
        }
    }

    /// Why no writes are taken now: [`Error::DiskFull`], [`Error::DiskFailed`] (until a restart), or [`Error::Unavailable`] while a
    /// server does not answer.
    pub fn obstacle(&self) -> Option<Error> {
        match &self.inner.database {
            Database::Sqlite(sqlite) => sqlite.obstacle(),
            Database::Postgres(postgres) => postgres.obstacle(),
        }
    }
}

/// One of `places` for an id, the same each time.
pub(crate) fn spread(id: &str, places: usize) -> usize {
    let hash = |h: usize, b: u8| h.wrapping_mul(31).wrapping_add(b.into());
    id.bytes().fold(0, hash) % places
}
