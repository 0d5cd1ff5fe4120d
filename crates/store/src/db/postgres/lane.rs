//! Committers: each takes whatever gathered while its last commit ran, and commits it at once on a connection of its own.

use std::{sync::Arc, time::Duration};

use metrics::{counter, histogram};
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{
    Health,
    batch::{self, Mark, Outcomes, Trouble},
    link::{Link, Ready, Source, failed},
    reader::PostgresRow,
    statement::bound,
};
use crate::{
    commit::{Outcome, WriteSet},
    db::{Hearers, Param, spread},
    error::{Error, Result},
};

/// Write sets that may wait for one committer; one more is told to come back later.
const QUEUE: usize = 8192;
/// Write sets of one commit.
const BATCH: usize = 1024;
/// How often a batch is tried while others get in its way.
const TRIES: u32 = 8;
/// How often its patience a server may take for a commit until the connection is given up.
const COMMIT: u32 = 3;
/// The same for learning what became of a commit whose connection broke.
const RESOLVE: u32 = 5;

struct Job {
    set: WriteSet,
    answer: oneshot::Sender<Result<Outcome>>,
}

#[derive(Debug)]
pub(super) struct Lanes(Mutex<Vec<mpsc::Sender<Job>>>);

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.set.name)
    }
}

impl Lanes {
    /// Starts `count` committers; node `node` has lanes of its own as long as there are enough.
    pub(super) fn start(
        (count, node): (usize, u8),
        source: &Arc<Source>,
        hearers: &Hearers,
        health: &Health,
    ) -> Self {
        let count = count.clamp(1, batch::LANES);
        let start = |n: usize| {
            let (queue, jobs) = mpsc::channel(QUEUE);
            let lane = (usize::from(node) * count + n) % batch::LANES;
            let desk = Desk {
                source: Arc::clone(source),
                hearers: hearers.clone(),
                health: health.clone(),
                lane: i64::try_from(lane).unwrap_or_default(),
                open: None,
            };
            tokio::spawn(desk.work(jobs));
            queue
        };
        Self(Mutex::new((0..count).map(start).collect()))
    }

    /// What concerns one stream goes through one committer, so that its changes do not wait for each other's locks.
    pub(super) async fn commit(&self, set: WriteSet) -> Result<Outcome> {
        let (answer, outcome) = oneshot::channel();
        {
            let lanes = self.0.lock();
            let about = set.streams.first().map_or(set.name, |stream| &stream.id);
            let lane = if lanes.is_empty() {
                None
            } else {
                lanes.get(spread(about, lanes.len()))
            };
            let lane = lane.ok_or(Error::Closed)?;
            lane.try_send(Job { set, answer }).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => Error::Overloaded,
                mpsc::error::TrySendError::Closed(_) => Error::Closed,
            })?;
        }
        outcome.await.map_err(|_| Error::Closed)?
    }

    pub(super) fn close(&self) {
        self.0.lock().clear();
    }
}

/// A connection that commits, with the name that the server knows it by.
struct Open {
    link: Link,
    id: String,
    batch: i64,
}

struct Desk {
    source: Arc<Source>,
    hearers: Hearers,
    health: Health,
    lane: i64,
    open: Option<Open>,
}

impl Desk {
    async fn work(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut waiting = Vec::with_capacity(BATCH);
        while jobs.recv_many(&mut waiting, BATCH).await > 0 {
            self.commit(&mut waiting).await;
        }
    }

    async fn commit(&mut self, jobs: &mut Vec<Job>) {
        histogram!("merlon_store_batch_size").record(u32::try_from(jobs.len()).unwrap_or(u32::MAX));
        let sets: Vec<&WriteSet> = jobs.iter().map(|job| &job.set).collect();
        let settled = self.settle(&sets).await;
        // Also after a failure: nobody may know whether it was committed.
        self.hearers.tell(&sets);
        match self.health.after(settled) {
            Ok(outcomes) => {
                counter!("merlon_store_commits_total").increment(1);
                counter!("merlon_store_write_sets_total").increment(sets.len() as u64);
                for (job, outcome) in jobs.drain(..).zip(outcomes) {
                    drop(job.answer.send(outcome));
                }
            }
            Err(error) => {
                tracing::warn!(%error, size = jobs.len(), "a batch was not committed");
                for job in jobs.drain(..) {
                    drop(job.answer.send(Err(error.alike())));
                }
            }
        }
    }

    /// Commits a batch, again and more carefully if need be, until it is known what became of each of its sets.
    async fn settle(&mut self, sets: &[&WriteSet]) -> Result<Outcomes> {
        let mut careful = false;
        for _ in 0..TRIES {
            let mut sent = None;
            match self.attempt(sets, careful, &mut sent).await? {
                Ok(outcomes) => return Ok(outcomes),
                Err(Trouble::Careful | Trouble::Failed(_)) if !careful => careful = true,
                Err(Trouble::Careful | Trouble::Again) => {
                    counter!("merlon_store_retries_total").increment(1);
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
                Err(Trouble::Failed(error)) => return Err(error),
                Err(Trouble::Lost) => {
                    let lost = self.open.take();
                    if let (Some(outcomes), Some(lost)) = (sent, lost)
                        && self.was_committed(&lost.id, lost.batch).await?
                    {
                        return Ok(outcomes);
                    }
                }
            }
        }
        Err(Error::Contention)
    }

    /// One attempt. `sent` holds the outcomes once the server may have been told to commit them.
    async fn attempt(
        &mut self,
        sets: &[&WriteSet],
        careful: bool,
        sent: &mut Option<Outcomes>,
    ) -> Result<Result<Outcomes, Trouble>> {
        let (lane, patience) = (self.lane, self.source.patience * COMMIT);
        let open = self.open().await?;
        open.batch += 1;
        let mark = Mark {
            committer: &open.id,
            batch: open.batch,
            lane,
        };
        let commit = batch::commit(&open.link, &mark, sets, careful, sent);
        Ok(timeout(patience, commit).await.unwrap_or(Err(Trouble::Lost)))
    }

    async fn open(&mut self) -> Result<&mut Open> {
        if self.open.as_ref().is_some_and(|open| open.link.is_closed()) {
            self.open = None;
        }
        if self.open.is_none() {
            self.open = Some(introduce(self.source.connect().await?).await?);
        }
        self.open.as_mut().ok_or(Error::Unavailable)
    }

    /// What became of a commit whose connection broke: whether it is there. If not, it never will be.
    async fn was_committed(&self, committer: &str, batch: i64) -> Result<bool> {
        counter!("merlon_store_ambiguous_commits_total").increment(1);
        let asking = async {
            loop {
                match self.ask_for(committer, batch).await {
                    Ok(known) => return known,
                    Err(error) => tracing::debug!(%error, "what became of a commit is not known yet"),
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        timeout(self.source.patience * RESOLVE, asking)
            .await
            .map_err(|_| Error::Unavailable)
    }

    async fn ask_for(&self, committer: &str, batch: i64) -> Result<bool> {
        let doing = || failed("looking for a commit");
        let link = self.source.connect().await?;
        link.command("BEGIN").await.map_err(doing())?;
        // Waits for the end of the transaction, should it still be under way.
        let sql = "SELECT batch FROM committer WHERE id = $1 FOR UPDATE";
        let params = [Param::from(committer)];
        let rows = link.rows(&Ready::Text(sql), &bound(&params)).await?;
        let last = rows
            .first()
            .map(|row| PostgresRow::new(row).opt_int(0))
            .transpose()?;
        if last.flatten() == Some(batch) {
            return Ok(true);
        }
        let end = "UPDATE committer SET batch = -1 WHERE id = $1";
        link.tell(&Ready::Text(end), &bound(&params))
            .await
            .map_err(doing())?;
        link.command("COMMIT").await.map_err(doing())?;
        Ok(false)
    }
}

/// Gives a new connection a name of its own, and forgets those that are long gone.
async fn introduce(link: Link) -> Result<Open> {
    let old = "DELETE FROM committer WHERE at < now() - INTERVAL '1 day'";
    link.command(old)
        .await
        .map_err(failed("forgetting old committers"))?;
    let sql = "INSERT INTO committer (id, batch) VALUES (CAST(gen_random_uuid() AS TEXT), 0) RETURNING id";
    let rows = link.rows(&Ready::Text(sql), &[]).await?;
    let id = rows
        .first()
        .map(|row| PostgresRow::new(row).opt_text(0))
        .transpose()?;
    let id = id.flatten().ok_or(Error::Unavailable)?.to_owned();
    Ok(Open { link, id, batch: 0 })
}
