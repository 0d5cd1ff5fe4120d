//! PostgreSQL: several nodes on one database. Writers that commit in groups, one connection each; readers from a pool.

mod batch;
mod freshness;
mod lane;
mod link;
mod migrate;
mod reader;
mod report;
mod statement;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use deadpool::managed::{Pool, PoolError, Timeouts};
use tokio::task::JoinSet;

pub use self::link::{Tls, Unreadable};
pub(super) use self::reader::{PostgresRow, PostgresSnapshot};
pub use self::report::ServerReport;

use self::link::{Links, Source};
use crate::{
    commit::{Outcome, WriteSet},
    db::Hearers,
    error::{Error, Result},
};

/// How to reach a database of a PostgreSQL server, and how much of it one node takes.
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgres://user:password@host:port/database`; several hosts, sockets (`?host=/path`), `sslmode` as libpq writes them.
    pub url: String,
    /// What a TLS connection is made with.
    pub tls: Tls,
    /// Connections that read, at most. As many as [`Self::lanes`] write beside them, and one looks after the server.
    pub readers: usize,
    /// Commits that this node has under way at most, from 1 to 64.
    pub lanes: usize,
    /// How long the server may take to let us in, or to answer when it is asked whether it is there; a commit may take
    /// thrice that.
    pub patience: Duration,
    /// A pooler that gives a server connection for one transaction only stands between: nothing is prepared.
    pub pooled: bool,
}

impl fmt::Debug for PostgresOptions {
    /// The URL may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgresOptions(..)")
    }
}

impl PostgresOptions {
    /// The usual number of connections, without a pooler, servers trusted by the platform's certificates.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            tls: Tls::default(),
            readers: 16,
            lanes: 4,
            patience: Duration::from_secs(3),
            pooled: false,
        }
    }
}

/// How long somebody waits for a connection that others have.
const WAIT: Duration = Duration::from_secs(2);
/// How often the server is asked whether it is there.
const PULSE: Duration = Duration::from_secs(1);
/// Pulses after which the outbox is looked into unasked: a node that put something there may be gone.
const LOOK_AROUND: u64 = 3;

/// Whether the server answered when it was last asked for anything.
#[derive(Clone, Debug)]
struct Health(Arc<AtomicBool>);

impl Health {
    fn is_well(&self) -> bool {
        self.0.load(Relaxed)
    }

    /// Notes what became of a request, and answers it.
    fn after<T>(&self, answer: Result<T>) -> Result<T> {
        if matches!(answer, Err(Error::Unavailable)) {
            self.0.store(false, Relaxed);
        }
        answer
    }

    fn is_back(&self) {
        self.0.store(true, Relaxed);
    }
}

#[derive(Debug)]
pub(super) struct Postgres {
    readers: Pool<Links>,
    lanes: lane::Lanes,
    node: u8,
    freshness: freshness::Freshness,
    health: Health,
    /// Ends with this.
    _pulse: JoinSet<()>,
}

impl Postgres {
    pub(super) async fn open(options: &PostgresOptions, hearers: Hearers) -> Result<Self> {
        let source = Arc::new(Source::new(options)?);
        migrate::migrate(&source).await?;
        let health = Health(Arc::new(AtomicBool::new(true)));
        let readers = Pool::builder(Links(Arc::clone(&source)))
            .max_size(options.readers.max(1))
            .timeouts(Timeouts {
                wait: Some(WAIT),
                create: None,
                recycle: None,
            })
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(|e| Error::Unusable(format!("no pool of connections: {e}")))?;
        let node = next_node(&source).await?;
        let lanes = lane::Lanes::start((options.lanes, node), &source, &hearers, &health);
        let freshness = freshness::Freshness::start(&source, &hearers);
        let mut pulse = JoinSet::new();
        pulse.spawn(watch(source, hearers, health.clone()));
        Ok(Self {
            readers,
            lanes,
            node,
            freshness,
            health,
            _pulse: pulse,
        })
    }

    pub(super) async fn snapshot(&self) -> Result<PostgresSnapshot> {
        Ok(PostgresSnapshot::new(self.link().await?, &self.health, true))
    }

    pub(super) async fn glance(&self) -> Result<PostgresSnapshot> {
        Ok(PostgresSnapshot::new(self.link().await?, &self.health, false))
    }

    async fn link(&self) -> Result<deadpool::managed::Object<Links>> {
        if !self.health.is_well() {
            return Err(Error::Unavailable);
        }
        let link = self.readers.get().await.map_err(|error| match error {
            PoolError::Timeout(_) => Error::Overloaded,
            PoolError::Closed => Error::Closed,
            PoolError::Backend(error) => error,
            PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => Error::Unavailable,
        });
        self.health.after(link)
    }

    pub(super) async fn commit(&self, set: WriteSet) -> Result<Outcome> {
        if !self.health.is_well() {
            return Err(Error::Unavailable);
        }
        self.health.after(self.lanes.commit(set).await)
    }

    pub(super) async fn knows_all_changes(&self) -> bool {
        self.health.is_well() && self.freshness.is_known().await
    }

    pub(super) fn takes_writes(&self) -> bool {
        self.health.is_well()
    }

    pub(super) fn node_number(&self) -> u8 {
        self.node
    }

    /// Nothing is taken any more; what was accepted is still written by its lane.
    pub(super) fn close(&self) {
        self.lanes.close();
        self.readers.close();
    }
}

/// Numbers are given in turn.
async fn next_node(source: &Source) -> Result<u8> {
    let sql = "UPDATE node SET last = (last + 1) % 256 WHERE id = 1 RETURNING last";
    let link = source.connect().await?;
    let rows = link.rows(&link::Ready::Text(sql), &[]).await?;
    let number = rows
        .first()
        .map(|row| PostgresRow::new(row).opt_int(0))
        .transpose()?;
    u8::try_from(number.flatten().unwrap_or_default()).map_err(|e| Error::corrupt("node.last", e))
}

/// Asks the server whether it is there, for as long as the store is open: requests are turned away at once while it is
/// not, and served again once it is.
async fn watch(source: Arc<Source>, hearers: Hearers, health: Health) {
    let mut link = None;
    for beat in 1_u64.. {
        tokio::time::sleep(PULSE).await;
        let answer = ask(&source, &mut link).await;
        if answer.is_ok() && !health.is_well() {
            tracing::info!("the database answers again");
            health.is_back();
        } else if answer.is_err() && health.is_well() {
            tracing::warn!("the database does not answer");
            drop(health.after(answer));
        }
        if beat.is_multiple_of(LOOK_AROUND) {
            hearers.parcels.notify_one();
        }
        metrics::gauge!("merlon_store_reachable").set(f64::from(u8::from(health.is_well())));
    }
}

/// A question that only a server that takes writes answers, on a connection that is kept.
async fn ask(source: &Source, link: &mut Option<link::Link>) -> Result<()> {
    if link.as_ref().is_none_or(link::Link::is_closed) {
        *link = None;
        *link = Some(source.connect().await?);
    }
    let Some(open) = link.as_ref() else {
        return Err(Error::Unavailable);
    };
    let answer = tokio::time::timeout(source.patience, open.command("SELECT 1")).await;
    if matches!(answer, Ok(Ok(()))) {
        return Ok(());
    }
    *link = None;
    Err(Error::Unavailable)
}
