//! Committers: each takes whatever gathered while its last commit ran, and commits it at once on a connection of its own.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use metrics::{counter, histogram};
use parking_lot::Mutex;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Instant, sleep, timeout},
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
/// How often its patience a server that answers may take for a batch until it is told to nobody any more.
const COMMIT: u32 = 3;
/// The same for one look at what became of a commit: longer than the server keeps a transaction that nobody goes on with.
const LOOK: u32 = 5;
/// How long it is until the next look.
const AGAIN: Duration = Duration::from_millis(200);

struct Job {
    set: WriteSet,
    answer: oneshot::Sender<Result<Outcome>>,
}

#[derive(Debug)]
pub(super) struct Lanes {
    queues: Mutex<Vec<mpsc::Sender<Job>>>,
    width: Arc<Width>,
}

/// How many committers are at work. What a commit costs beside its sets is shared by them, so one more begins when batches are
/// large, and one less goes on when they are small.
#[derive(Debug)]
struct Width {
    now: AtomicUsize,
    most: usize,
    /// Size of batches of late, in sixteenths.
    size: AtomicUsize,
}

/// Batches of this size are large.
const LARGE: usize = 32;
/// Batches of this size are small.
const SMALL: usize = 8;
/// The size of batches is a mean of about so many.
const LATE: usize = 16;

impl Width {
    fn new(most: usize) -> Self {
        Self {
            now: AtomicUsize::new(1),
            most,
            size: AtomicUsize::new(0),
        }
    }

    fn now(&self) -> usize {
        self.now.load(Relaxed)
    }

    /// Two committers may do this at once; what one of them noted is lost then, and the next batch says it again.
    fn note(&self, batch: usize) {
        let before = self.size.load(Relaxed);
        let size = before - before / LATE + batch;
        let now = self.now();
        let next = if size > LARGE * LATE {
            (now + 1).min(self.most)
        } else if size < SMALL * LATE {
            now.saturating_sub(1).max(1)
        } else {
            now
        };
        // With another number of committers batches have another size, which shows after some.
        let size = if next == now {
            size
        } else {
            usize::midpoint(SMALL, LARGE) * LATE
        };
        self.size.store(size, Relaxed);
        self.now.store(next, Relaxed);
    }
}

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
        let width = Arc::new(Width::new(count));
        let start = |n: usize| {
            let (queue, jobs) = mpsc::channel(QUEUE);
            let lane = (usize::from(node) * count + n) % batch::LANES;
            let desk = Desk {
                source: Arc::clone(source),
                hearers: hearers.clone(),
                health: health.clone(),
                lane: i64::try_from(lane).unwrap_or_default(),
                width: Arc::clone(&width),
                open: None,
                unsure: None,
                opening: JoinSet::new(),
                looks: JoinSet::new(),
            };
            tokio::spawn(desk.work(jobs));
            queue
        };
        let queues = (0..count).map(start).collect();
        Self {
            queues: Mutex::new(queues),
            width,
        }
    }

    /// What concerns one stream goes through one committer, so that its changes do not wait for each other's locks.
    pub(super) async fn commit(&self, set: WriteSet) -> Result<Outcome> {
        let (answer, outcome) = oneshot::channel();
        {
            let lanes = self.queues.lock();
            let about = set.streams.first().map_or(set.name, |stream| &stream.id);
            let lane = lanes.get(spread(about, self.width.now()));
            let lane = lane.ok_or(Error::Closed)?;
            lane.try_send(Job { set, answer }).map_err(|error| match error {
                mpsc::error::TrySendError::Full(_) => Error::Overloaded,
                mpsc::error::TrySendError::Closed(_) => Error::Closed,
            })?;
        }
        outcome.await.map_err(|_| Error::Closed)?
    }

    pub(super) fn close(&self) {
        self.queues.lock().clear();
    }
}

/// A connection that commits, with the name that the server knows it by.
struct Open {
    link: Link,
    id: String,
    batch: i64,
    /// The outcomes of the batch, from when the server may have been told to commit it until it said what became of it.
    sent: Option<Outcomes>,
}

/// A commit whose connection is gone and that the server may have been told of.
struct Unsure {
    committer: String,
    batch: i64,
    outcomes: Outcomes,
}

struct Desk {
    source: Arc<Source>,
    hearers: Hearers,
    health: Health,
    lane: i64,
    width: Arc<Width>,
    open: Option<Open>,
    unsure: Option<Unsure>,
    /// The next connection, if somebody asked for it and did not wait so long.
    opening: JoinSet<Result<Open>>,
    /// The look for a commit that nobody waits for any more, if there is one.
    looks: JoinSet<()>,
}

impl Desk {
    async fn work(mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut waiting = Vec::new();
        while jobs.recv_many(&mut waiting, BATCH).await > 0 {
            histogram!("merlon_store_batch_size").record(u32::try_from(waiting.len()).unwrap_or(u32::MAX));
            self.width.note(waiting.len());
            if !self.commit_all(mem::take(&mut waiting)).await {
                turn_away(&mut jobs);
            }
        }
    }

    /// Commits a batch, if need be in parts: what cannot be written together is halved, so that a few sets that cannot be
    /// written cost a few exchanges with the server, however many are good; what has to be written behind the others comes next. False
    /// if the server did not answer in time.
    async fn commit_all(&mut self, batch: Vec<Job>) -> bool {
        let mut parts = vec![batch];
        while let Some(mut part) = parts.pop() {
            let sets: Vec<&WriteSet> = part.iter().map(|job| &job.set).collect();
            let settled = self.settle_in_time(&sets).await;
            // Also after a failure: nobody may know whether it was committed.
            self.hearers.tell(&sets);
            match self.health.after(settled) {
                Ok(Settled::Known(outcomes)) => {
                    let behind = answer(part, outcomes);
                    parts.extend((!behind.is_empty()).then_some(behind));
                }
                Ok(Settled::Apart) => {
                    let behind = part.split_off(part.len() / 2);
                    parts.extend([behind, part]);
                }
                Err(error) => {
                    let answers = !matches!(error, Error::Unavailable);
                    let (size, unsure) = (part.len(), !answers && self.look_beside());
                    tracing::warn!(%error, size, unsure, "a batch was not committed, or nobody knows yet");
                    refuse(part, &error);
                    if !answers {
                        refuse(parts.into_iter().flatten().collect(), &error);
                        return false;
                    }
                }
            }
        }
        true
    }

    /// Settles a batch, unless the server is found not to answer anybody, or takes too long for this.
    async fn settle_in_time(&mut self, sets: &[&WriteSet]) -> Result<Settled> {
        let (health, patience) = (self.health.clone(), self.source.patience * COMMIT);
        tokio::select! {
            biased;
            () = health.is_lost() => Err(Error::Unavailable),
            settled = timeout(patience, self.settle(sets)) => settled.unwrap_or(Err(Error::Unavailable)),
        }
    }

    /// Commits a batch, again if need be, until it is known what became of each of its sets, or that they cannot be written together. It may
    /// be given up at any time; [`Self::look_beside`] then sees to what it leaves.
    async fn settle(&mut self, sets: &[&WriteSet]) -> Result<Settled> {
        for _ in 0..TRIES {
            match self.attempt(sets).await? {
                Ok(outcomes) => return Ok(Settled::Known(outcomes)),
                Err(Trouble::Misfit(_) | Trouble::Failed(_)) if sets.len() > 1 => return Ok(Settled::Apart),
                Err(Trouble::Misfit(outcome)) => return Ok(Settled::Known(vec![Some(outcome)])),
                Err(Trouble::Again) => {
                    counter!("merlon_store_retries_total").increment(1);
                    sleep(Duration::from_millis(2)).await;
                }
                Err(Trouble::Failed(error)) => return Err(error),
                Err(Trouble::Lost) => {
                    self.hang_up();
                    if let Some(outcomes) = self.found().await {
                        return Ok(Settled::Known(outcomes));
                    }
                }
            }
        }
        Err(Error::Contention)
    }

    async fn attempt(&mut self, sets: &[&WriteSet]) -> Result<Result<Outcomes, Trouble>> {
        let lane = self.lane;
        let open = self.open().await?;
        open.batch += 1;
        let mark = Mark {
            committer: &open.id,
            batch: open.batch,
            lane,
        };
        let done = batch::commit(&open.link, &mark, sets, &mut open.sent).await;
        if !matches!(done, Err(Trouble::Lost)) {
            open.sent = None;
        }
        Ok(done)
    }

    /// The connection, a new one if need be. While something hangs on the server that the last one left, there is none, and no
    /// further one is asked for: what hangs does not become more.
    async fn open(&mut self) -> Result<&mut Open> {
        if self.open.as_ref().is_some_and(|open| open.link.is_closed()) {
            self.open = None;
        }
        if self.open.is_none() {
            while self.looks.join_next().await.is_some() {}
            // What failed was for somebody who did not wait for it.
            let mut opened = self.opening.try_join_next().and_then(|opened| opened.ok()?.ok());
            if opened.is_none() {
                opened = Some(self.opened().await?);
            }
            self.open = opened;
        }
        self.open.as_mut().ok_or(Error::Unavailable)
    }

    async fn opened(&mut self) -> Result<Open> {
        if self.opening.is_empty() {
            let (source, health) = (Arc::clone(&self.source), self.health.clone());
            self.opening.spawn(async move {
                tokio::select! {
                    () = health.is_lost() => Err(Error::Unavailable),
                    opened = async { introduce(let_in(&source).await?).await } => opened,
                }
            });
        }
        let opened = self.opening.join_next().await;
        opened.and_then(Result::ok).ok_or(Error::Unavailable)?
    }

    /// Gives up the connection, and keeps in mind what may be under way on it.
    fn hang_up(&mut self) {
        let Some(Open { id, batch, sent, .. }) = self.open.take() else {
            return;
        };
        if let Some(outcomes) = sent {
            counter!("merlon_store_ambiguous_commits_total").increment(1);
            self.unsure = Some(Unsure {
                committer: id,
                batch,
                outcomes,
            });
        }
    }

    /// The outcomes of the commit that nobody is sure of, if there is one and it is there.
    async fn found(&mut self) -> Option<Outcomes> {
        let Unsure { committer, batch, .. } = self.unsure.as_ref()?;
        let there = loop {
            if let Some(there) = look(&self.source, committer, *batch).await {
                break there;
            }
            sleep(AGAIN).await;
        };
        let unsure = self.unsure.take();
        unsure.filter(|_| there).map(|unsure| unsure.outcomes)
    }

    /// Gives up the connection. What may be under way on it is looked for as soon as the server answers again: after that it is
    /// there, or never will be, so that nothing is done late. Whether there is anything of the kind.
    fn look_beside(&mut self) -> bool {
        self.hang_up();
        let Some(Unsure { committer, batch, .. }) = self.unsure.take() else {
            return false;
        };
        let (source, health) = (Arc::clone(&self.source), self.health.clone());
        self.looks.spawn(async move {
            loop {
                sleep(AGAIN).await;
                if !health.is_well() {
                    continue;
                }
                let looked = tokio::select! {
                    () = health.is_lost() => None,
                    looked = look(&source, &committer, batch) => looked,
                };
                if let Some(there) = looked {
                    tracing::info!(there, "it is known what became of a batch");
                    return;
                }
            }
        });
        true
    }
}

/// What became of a batch.
enum Settled {
    /// This, of each of its sets.
    Known(Outcomes),
    /// Nothing: it has a set that cannot be written with the others.
    Apart,
}

/// Answers those of a batch that are settled; the others.
fn answer(jobs: Vec<Job>, outcomes: Outcomes) -> Vec<Job> {
    let (mut settled, mut behind) = (0, Vec::new());
    for (job, outcome) in jobs.into_iter().zip(outcomes) {
        let Some(outcome) = outcome else {
            behind.push(job);
            continue;
        };
        drop(job.answer.send(Ok(outcome)));
        settled += 1;
    }
    counter!("merlon_store_commits_total").increment(1);
    counter!("merlon_store_write_sets_total").increment(settled);
    behind
}

fn refuse(jobs: Vec<Job>, error: &Error) {
    for job in jobs {
        drop(job.answer.send(Err(error.alike())));
    }
}

/// Tells everybody who waits for a turn that the server does not answer.
fn turn_away(jobs: &mut mpsc::Receiver<Job>) {
    while let Ok(job) = jobs.try_recv() {
        drop(job.answer.send(Err(Error::Unavailable)));
    }
}

/// Whether a commit is there whose connection is gone. If not, it never will be. Nothing if the server does not say.
async fn look(source: &Source, committer: &str, batch: i64) -> Option<bool> {
    match timeout(source.patience * LOOK, ask_for(source, committer, batch)).await {
        Ok(Ok(there)) => return Some(there),
        Ok(Err(error)) => tracing::debug!(%error, "what became of a commit is not known yet"),
        Err(_) => tracing::debug!("what became of a commit is not said"),
    }
    None
}

/// A commit that is still under way is not waited for without end, nor is a standby: should the server crash, whatever the mark is
/// to end has ended, too.
const LOOK_AT: &str = "BEGIN; SET LOCAL lock_timeout = '5s'; SET LOCAL synchronous_commit = off";

/// A commit that is there was perhaps not waited for by anybody until it was durable wherever it has to be: not on a standby, if the
/// connection broke before. Whatever is committed behind it is durable no sooner, so that is waited for.
const AS_ANY_COMMIT: &str = "SET LOCAL synchronous_commit TO DEFAULT";

async fn ask_for(source: &Source, committer: &str, batch: i64) -> Result<bool> {
    let doing = || failed("looking for a commit");
    let link = source.connect().await?;
    link.command(LOOK_AT).await.map_err(doing())?;
    let params = [Param::from(committer)];
    // Both wait for the end of the transaction, should it still be under way. There may be no row yet: then it is ended by this one.
    let end_unless_there = "INSERT INTO committer (id, batch) VALUES ($1, -1) ON CONFLICT (id) DO NOTHING";
    link.tell(&Ready::Text(end_unless_there), &bound(&params))
        .await
        .map_err(doing())?;
    let sql = "SELECT batch FROM committer WHERE id = $1 FOR UPDATE";
    let rows = link.rows(&Ready::Text(sql), &bound(&params)).await?;
    let last = rows
        .first()
        .map(|row| PostgresRow::new(row).opt_int(0))
        .transpose()?;
    if last.flatten() == Some(batch) {
        link.command(AS_ANY_COMMIT).await.map_err(doing())?;
        let behind = "UPDATE committer SET at = now() WHERE id = $1";
        link.tell(&Ready::Text(behind), &bound(&params))
            .await
            .map_err(doing())?;
        link.command("COMMIT").await.map_err(doing())?;
        return Ok(true);
    }
    let end = "UPDATE committer SET batch = -1 WHERE id = $1";
    link.tell(&Ready::Text(end), &bound(&params))
        .await
        .map_err(doing())?;
    link.command("COMMIT").await.map_err(doing())?;
    Ok(false)
}

/// A connection as soon as the server has one left for us; it may not, for as long as there is patience.
async fn let_in(source: &Source) -> Result<Link> {
    let begun = Instant::now();
    loop {
        match source.connect().await {
            Err(Error::Overloaded) if begun.elapsed() < source.patience => sleep(AGAIN).await,
            connected => return connected,
        }
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
    link.set(batch::PATIENCE).await;
    Ok(Open {
        link,
        id,
        batch: 0,
        sent: None,
    })
}

#[cfg(test)]
mod tests {
    use super::Width;

    fn after(width: &Width, batches: usize, size: usize) -> usize {
        (0..batches).for_each(|_| width.note(size));
        width.now()
    }

    #[test]
    fn large_batches_make_more_committers_work_and_small_ones_fewer() {
        let width = Width::new(4);
        assert_eq!(after(&width, 1_000, 20), 1, "neither large nor small");
        assert_eq!(after(&width, 1_000, 100), 4, "no more than there are");
        assert_eq!(after(&width, 1_000, 20), 4, "neither large nor small");
        assert_eq!(after(&width, 1_000, 2), 1, "one goes on");
        assert!(after(&width, 12, 500) > 2, "a rush is noticed soon");
        assert_eq!(after(&width, 1_000, 1), 1);
    }
}
