//! PostgreSQL: several nodes on one database. Writers that commit in groups, one connection each; readers from a pool.

mod batch;
mod freshness;
mod glance;
mod lane;
mod link;
mod migrate;
mod reader;
mod report;
mod statement;
mod transfer;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use domain::base::Timestamp;
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
    time::Instant,
};

pub(super) use self::glance::PostgresGlance;
pub use self::link::{Tls, Unreadable};
pub(super) use self::reader::{PostgresRow, PostgresSnapshot, turned};
pub use self::report::ServerReport;
pub(super) use self::transfer::PostgresSide;

use self::link::Source;
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
    /// Connections that read, at most and at least two. As many as [`Self::lanes`] write beside them, and one looks after the server.
    pub readers: usize,
    /// Commits that this node has under way at most, from 1 to 64.
    pub lanes: usize,
    /// How long the server may take to let us in, or to answer when it is asked whether it is there; one that does answer may
    /// take thrice that for a commit.
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

/// How often the server is asked whether it is there.
const PULSE: Duration = Duration::from_secs(1);
/// Pulses after which the outbox is looked into unasked: a node that put something there may be gone.
const LOOK_AROUND: u64 = 3;

/// Whether the server answered when it was last asked for anything.
#[derive(Clone, Debug, Default)]
struct Health(Arc<Condition>);

#[derive(Debug, Default)]
struct Condition {
    is_ill: AtomicBool,
    /// Rung when somebody doubts it: one connection may be gone, or the server.
    doubt: Notify,
    /// Rung whenever the server was asked and did not answer.
    silence: Notify,
    /// Whether it has answered nobody for as long as there is patience.
    is_lost: watch::Sender<bool>,
    /// Its time when it was last asked, and when that was.
    time: Mutex<Option<(Timestamp, Instant)>>,
}

impl Health {
    fn is_well(&self) -> bool {
        !self.0.is_ill.load(Relaxed)
    }

    /// Notes what became of a request, and answers it.
    fn after<T>(&self, answer: Result<T>) -> Result<T> {
        if matches!(answer, Err(Error::Unavailable)) {
            self.0.is_ill.store(true, Relaxed);
            self.0.doubt.notify_one();
        }
        answer
    }

    /// Waits for an answer, but no longer than it takes to notice that the server does not answer anybody.
    async fn awaits<T>(&self, answer: impl Future<Output = Result<T>>) -> Result<T> {
        let silence = self.0.silence.notified();
        // Whoever comes after the bell does not wait for the next.
        if *self.0.is_lost.borrow() {
            return Err(Error::Unavailable);
        }
        tokio::select! {
            biased;
            answer = answer => answer,
            () = silence => Err(Error::Unavailable),
        }
    }

    /// Waits until the server has answered nobody for as long as there is patience: what may be resolved by waiting is waited for
    /// until then.
    async fn is_lost(&self) {
        let mut is_lost = self.0.is_lost.subscribe();
        // It does not end before this does.
        drop(is_lost.wait_for(|is_lost| *is_lost).await);
    }

    fn is_back(&self, at: Timestamp) {
        *self.0.time.lock() = Some((at, Instant::now()));
        self.0.is_lost.send_replace(false);
        self.0.is_ill.store(false, Relaxed);
    }

    /// The server was asked and did not answer; whether that has been so for as long as there is patience.
    fn is_silent(&self, for_long: bool) {
        self.0.is_ill.store(true, Relaxed);
        self.0.is_lost.send_replace(for_long);
        self.0.silence.notify_waiters();
    }
}

#[derive(Debug)]
pub(super) struct Postgres {
    readers: reader::Readers,
    shared: Arc<glance::Shared>,
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
        let (health, mut link) = (Health::default(), None);
        health.is_back(ask(&source, &mut link).await?);
        let (shared, readers) = shares(options.readers);
        let shared = Arc::new(glance::Shared::new(&source, shared));
        let readers = reader::Readers::new(&source, readers)?;
        let node = next_node(&source).await?;
        let lanes = lane::Lanes::start((options.lanes, node), &source, &hearers, &health);
        let freshness = freshness::Freshness::start(&source, &hearers);
        let mut pulse = JoinSet::new();
        pulse.spawn(watch(source, link, hearers, health.clone()));
        Ok(Self {
            readers,
            shared,
            lanes,
            node,
            freshness,
            health,
            _pulse: pulse,
        })
    }

    pub(super) async fn snapshot(&self) -> Result<PostgresSnapshot> {
        PostgresSnapshot::new(&self.readers, &self.health).await
    }

    pub(super) fn glance(&self) -> Result<PostgresGlance> {
        PostgresGlance::new(&self.shared, &self.readers, &self.health)
    }

    pub(super) async fn commit(&self, set: WriteSet) -> Result<Outcome> {
        if !self.health.is_well() {
            return Err(Error::Unavailable);
        }
        self.lanes.commit(set).await
    }

    pub(super) async fn knows_all_changes(&self) -> bool {
        self.health.is_well() && self.freshness.is_known().await
    }

    /// Why no writes are taken: the server does not answer.
    pub(super) fn obstacle(&self) -> Option<Error> {
        (!self.health.is_well()).then_some(Error::Unavailable)
    }

    /// The server's time, which all its nodes share; a moment behind at most.
    pub(super) fn time(&self) -> Option<Timestamp> {
        let (at, seen) = (*self.health.0.time.lock())?;
        let since = i64::try_from(seen.elapsed().as_micros()).unwrap_or_default();
        Some(Timestamp(at.0.saturating_add(since)))
    }

    pub(super) fn node_number(&self) -> u8 {
        self.node
    }

    /// Nothing is taken any more; what was accepted is still written by its lane.
    pub(super) fn close(&self) {
        self.lanes.close();
        self.readers.close();
        self.shared.close();
    }
}

/// Of the connections that read: how many single questions share, and how many views and searches have to themselves.
fn shares(readers: usize) -> (usize, usize) {
    let shared = (readers / 4).max(1);
    (shared, readers.saturating_sub(shared).max(1))
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

/// Asks the server whether it is there, for as long as the store is open, and at once when somebody doubts it: requests are
/// turned away while it is not, and served again once it is.
async fn watch(source: Arc<Source>, mut link: Option<link::Link>, hearers: Hearers, health: Health) {
    let mut silent = None;
    for beat in 1_u64.. {
        drop(tokio::time::timeout(PULSE, health.0.doubt.notified()).await);
        let asked = Instant::now();
        match ask(&source, &mut link).await {
            Ok(time) => {
                health.is_back(time);
                if silent.take().is_some() {
                    tracing::info!("the database answers again");
                }
            }
            Err(error) => {
                if silent.is_none() {
                    tracing::warn!(%error, "the database cannot be used");
                }
                let since = *silent.get_or_insert(asked);
                health.is_silent(since.elapsed() >= source.patience);
            }
        }
        if beat.is_multiple_of(LOOK_AROUND) {
            hearers.parcels.notify_one();
        }
        metrics::gauge!("merlon_store_reachable").set(f64::from(u8::from(health.is_well())));
    }
}

/// A question that only a server that takes writes answers, on a connection that is kept: whether this program can still work on what is
/// there, for a newer one may have changed it meanwhile. Answers the server's time.
async fn ask(source: &Source, link: &mut Option<link::Link>) -> Result<Timestamp> {
    if link.as_ref().is_none_or(link::Link::is_closed) {
        *link = None;
        *link = Some(source.connect().await?);
    }
    let Some(open) = link.as_ref() else {
        return Err(Error::Unavailable);
    };
    let asked = open.rows(&link::Ready::Text(migrate::PULSE), &[]);
    let Ok(Ok(rows)) = tokio::time::timeout(source.patience, asked).await else {
        *link = None;
        return Err(Error::Unavailable);
    };
    let row = rows.first().map(PostgresRow::new).ok_or(Error::Unavailable)?;
    match (row.opt_int(0)?, row.opt_int(1)?) {
        (Some(version), Some(time)) if version <= migrate::newest() => Ok(Timestamp(time)),
        _ => Err(Error::Unusable(
            "a newer program has changed the database: this one serves nothing until it is replaced".into(),
        )),
    }
}
