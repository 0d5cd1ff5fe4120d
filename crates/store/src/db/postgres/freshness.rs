//! Whether what this node remembers is still so: every change of a user's standing and of an instance's features, by whichever
//! node, moves a number, and before something remembered is believed the numbers are looked at.
//!
//! One look serves everybody who waits when it begins, so its cost does not grow with the requests, and whoever asks hears of
//! every change that was acknowledged before.

use std::sync::Arc;

use domain::{base::Aggregate, instance::Instance};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{
    link::{Link, Source, failed},
    reader::PostgresRow,
};
use crate::{
    commit::WriteSet,
    db::{Hearers, spread},
    error::{Error, Result},
    holders::GROUPS,
};

/// Where changes of the features of any instance are counted, behind the groups of users.
const FEATURES: usize = GROUPS;
/// Whoever asks while so many wait is told to read instead.
const QUEUE: usize = 8192;

/// Moves the numbers of some groups, in one order.
pub(super) const MOVE: &str = "UPDATE standing SET version = version + 1 WHERE id IN (
        SELECT id FROM standing WHERE id = ANY($1) ORDER BY id FOR UPDATE)";

/// The numbers that these write sets move, each once.
pub(super) fn moved(sets: &[&WriteSet]) -> Vec<i64> {
    let mut moved: Vec<i64> = (sets.iter().flat_map(|set| &set.streams))
        .filter_map(|stream| {
            let instance = stream.kind == Instance::KIND && !stream.events.is_empty();
            let group = stream.standing.then(|| spread(&stream.id, GROUPS));
            i64::try_from(group.or(instance.then_some(FEATURES))?).ok()
        })
        .collect();
    moved.sort_unstable();
    moved.dedup();
    moved
}

/// Answers whether what is remembered is fresh.
#[derive(Clone, Debug)]
pub(super) struct Freshness(mpsc::Sender<oneshot::Sender<bool>>);

impl Freshness {
    pub(super) fn start(source: &Arc<Source>, hearers: &Hearers) -> Self {
        let (asks, asked) = mpsc::channel(QUEUE);
        let watcher = Watcher {
            source: Arc::clone(source),
            hearers: hearers.clone(),
            link: None,
            versions: Vec::new(),
        };
        tokio::spawn(watcher.work(asked));
        Self(asks)
    }

    /// Returns once everything is forgotten that a change made stale whose commit was acknowledged before the call. False
    /// if that cannot be told: nothing remembered is to be believed then.
    pub(super) async fn is_known(&self) -> bool {
        let (answer, known) = oneshot::channel();
        self.0.try_send(answer).is_ok() && known.await.unwrap_or(false)
    }
}

struct Watcher {
    source: Arc<Source>,
    hearers: Hearers,
    link: Option<Link>,
    /// As they were last seen on this connection, by place; empty if nothing was.
    versions: Vec<i64>,
}

impl Watcher {
    async fn work(mut self, mut asked: mpsc::Receiver<oneshot::Sender<bool>>) {
        let mut waiting = Vec::new();
        while asked.recv_many(&mut waiting, QUEUE).await > 0 {
            let patience = self.source.patience;
            let known = matches!(timeout(patience, self.look()).await, Ok(Ok(())));
            if !known {
                self.link = None;
            }
            for answer in waiting.drain(..) {
                // Whoever does not wait any more is not missed.
                let _gone = answer.send(known);
            }
        }
    }

    /// Numbers only grow, so nothing changed while their sum is the same.
    async fn look(&mut self) -> Result<()> {
        if self.link.as_ref().is_none_or(Link::is_closed) {
            self.link = Some(self.source.connect().await?);
            // It may be another server's, which counts otherwise.
            self.versions.clear();
        }
        let sum = self
            .numbers("SELECT CAST(sum(version) AS BIGINT) FROM standing")
            .await?;
        if sum.first() == Some(&self.versions.iter().sum()) && !self.versions.is_empty() {
            return Ok(());
        }
        let versions = self.numbers("SELECT version FROM standing ORDER BY id").await?;
        for (place, version) in versions.iter().enumerate() {
            if self.versions.get(place) != Some(version) {
                self.forget(place);
            }
        }
        self.versions = versions;
        Ok(())
    }

    async fn numbers(&self, sql: &'static str) -> Result<Vec<i64>> {
        let link = self.link.as_ref().ok_or(Error::Unavailable)?;
        let statement = link.ready(sql).await?;
        let rows = link.ask(&statement, &[]).await;
        let number = |row| PostgresRow::new(row).opt_int(0).map(Option::unwrap_or_default);
        rows.map_err(failed("looking for changes"))?
            .iter()
            .map(number)
            .collect()
    }

    fn forget(&self, place: usize) {
        if place == FEATURES {
            self.hearers.features.forget();
        } else {
            self.hearers.holders.forget_group(place);
        }
    }
}
