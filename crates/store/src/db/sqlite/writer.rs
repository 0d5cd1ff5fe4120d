//! The one writer. It takes whatever has gathered while the last commit ran, applies each write set so that one failing
//! does not touch the others, syncs once, and answers everybody.

use std::{
    path::PathBuf,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use metrics::{counter, histogram};
use parking_lot::Mutex;
use rusqlite::{Connection, ToSql, types::ToSqlOutput};
use tokio::sync::{
    mpsc::{self, error::TryRecvError},
    oneshot,
};

use super::{
    checkpoint::{self, Erased},
    condition::Condition,
    reader::value_ref,
    sweep,
};
use crate::{
    commit::{NewEvent, Outcome, Statement, StreamWrite, Value, WriteSet},
    db::Hearers,
    error::{Error, Result},
    read::user_text,
};

/// Write sets that may wait; one more is told to come back later.
const QUEUE: usize = 8192;
/// Write sets of one commit.
const BATCH: usize = 1024;
/// How often a full disk is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

type Answer = oneshot::Sender<Result<Outcome>>;

struct Job {
    set: WriteSet,
    answer: Answer,
}

#[derive(Debug)]
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    condition: Arc<Condition>,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.set.name)
    }
}

impl Writer {
    pub(super) fn start(
        connection: Connection,
        wal: PathBuf,
        hearers: Hearers,
        erased: Erased,
    ) -> Result<Self> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let directory = wal.parent().map_or_else(PathBuf::new, ToOwned::to_owned);
        let condition = Arc::new(Condition::of(directory));
        let mut desk = Desk::new(connection, wal, hearers, erased, Arc::clone(&condition))?;
        let thread = thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || desk.work(jobs))
            .map_err(|e| Error::Unusable(format!("no thread for the writer: {e}")))?;
        Ok(Self {
            queue: Mutex::new(Some(queue)),
            thread: Mutex::new(Some(thread)),
            condition,
        })
    }

    /// Why nothing is written.
    pub(super) fn obstacle(&self) -> Option<Error> {
        self.condition.obstacle()
    }

    pub(super) async fn commit(&self, set: WriteSet) -> Result<Outcome> {
        self.hand_in(set)?.await.map_err(|_| Error::Closed)?
    }

    /// The same for a thread that may wait.
    pub(super) fn commit_and_wait(&self, set: WriteSet) -> Result<Outcome> {
        self.hand_in(set)?.blocking_recv().map_err(|_| Error::Closed)?
    }

    fn hand_in(&self, set: WriteSet) -> Result<oneshot::Receiver<Result<Outcome>>> {
        if let Some(obstacle) = self.obstacle() {
            return Err(obstacle);
        }
        let (answer, outcome) = oneshot::channel();
        let queue = self.queue.lock();
        let queue = queue.as_ref().ok_or(Error::Closed)?;
        queue.try_send(Job { set, answer }).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => Error::Overloaded,
            mpsc::error::TrySendError::Closed(_) => Error::Closed,
        })?;
        Ok(outcome)
    }

    /// Finishes what was accepted and ends the thread.
    pub(super) fn close(&self) {
        drop(self.queue.lock().take());
        if let Some(thread) = self.thread.lock().take() {
            thread.thread().unpark();
            drop(thread.join());
        }
    }
}

/// The writer's own side: its connection and the position of the last event.
struct Desk {
    connection: Connection,
    restarter: checkpoint::Restarter,
    hearers: Hearers,
    erased: Erased,
    last_pos: i64,
    /// Where sets of this transaction changed texts that searches look into, by the place in the index.
    texts: Vec<(i64, Statement)>,
    condition: Arc<Condition>,
}

/// Where the history of a stream begins and ends in the log, and the number of its row; 0 where there is none yet.
#[derive(Clone, Copy, Default)]
struct Ends {
    first: i64,
    last: i64,
    row: i64,
}

impl Desk {
    fn new(
        connection: Connection,
        wal: PathBuf,
        hearers: Hearers,
        erased: Erased,
        condition: Arc<Condition>,
    ) -> Result<Self> {
        sweep::prepare(&connection)?;
        let last_pos = connection
            .query_row("SELECT coalesce(max(pos), 0) FROM event", [], |row| row.get(0))
            .map_err(Error::while_doing("finding the end of the log"))?;
        Ok(Self {
            connection,
            restarter: checkpoint::Restarter::new(wal),
            hearers,
            erased,
            last_pos,
            texts: Vec::new(),
            condition,
        })
    }

    fn work(&mut self, mut jobs: mpsc::Receiver<Job>) {
        let mut batch = Vec::with_capacity(BATCH);
        while jobs.blocking_recv_many(&mut batch, BATCH) > 0 {
            self.commit_batch(&mut batch);
            self.restarter.restart_when_large(&self.connection);
            if matches!(self.condition.obstacle(), Some(Error::DiskFull)) {
                self.wait_for_room(&mut jobs);
            }
        }
        if let Err(error) = self.connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
            tracing::warn!(%error, "the last checkpoint did not finish; the next start will");
        }
    }

    /// Refuses what had come before it was known that the disk is full, until there is room or nothing can come any more.
    fn wait_for_room(&self, jobs: &mut mpsc::Receiver<Job>) {
        loop {
            match jobs.try_recv() {
                Ok(job) => drop(job.answer.send(Err(Error::DiskFull))),
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) if self.condition.finds_room() => return,
                Err(TryRecvError::Empty) => thread::park_timeout(LOOK_EVERY),
            }
        }
    }

    /// One commit for all; if that fails, one for each, so that only the culprit hears of it. A disk that is full or failed is no
    /// set's fault.
    fn commit_batch(&mut self, batch: &mut Vec<Job>) {
        histogram!("merlon_store_batch_size").record(u32::try_from(batch.len()).unwrap_or(u32::MAX));
        let sets: Vec<&WriteSet> = batch.iter().map(|job| &job.set).collect();
        match self.transaction(&sets) {
            Ok(outcomes) => {
                for (job, outcome) in batch.drain(..).zip(outcomes) {
                    drop(job.answer.send(Ok(outcome)));
                }
            }
            Err(error) => {
                if let Some(obstacle) = self.condition.obstacle() {
                    for job in batch.drain(..) {
                        drop(job.answer.send(Err(obstacle.alike())));
                    }
                    return;
                }
                tracing::warn!(%error, size = batch.len(), "a batch failed and is repeated one by one");
                self.one_by_one(batch);
            }
        }
    }

    fn one_by_one(&mut self, batch: &mut Vec<Job>) {
        for job in batch.drain(..) {
            let outcome = self.transaction(&[&job.set]).map(|o| o.first().copied());
            drop(job.answer.send(outcome.and_then(|o| o.ok_or(Error::Closed))));
        }
    }

    fn transaction(&mut self, sets: &[&WriteSet]) -> Result<Vec<Outcome>> {
        if let Some(obstacle) = self.condition.obstacle() {
            return Err(obstacle);
        }
        let before = self.last_pos;
        let outcomes = self.apply_all(sets);
        let finished = outcomes.and_then(|outcomes| self.run("COMMIT").map(|()| outcomes));
        // Also after a failure: a commit that failed may be on the disk all the same.
        self.hearers.tell(sets);
        if erases(sets) {
            self.erased.note();
        }
        match finished {
            Ok(outcomes) => {
                counter!("merlon_store_commits_total").increment(1);
                counter!("merlon_store_write_sets_total").increment(sets.len() as u64);
                Ok(outcomes)
            }
            Err(error) => {
                let error = self.condition.judge(error);
                self.last_pos = before;
                if !self.connection.is_autocommit() {
                    self.run("ROLLBACK")?;
                }
                Err(error)
            }
        }
    }

    fn apply_all(&mut self, sets: &[&WriteSet]) -> Result<Vec<Outcome>> {
        self.run("BEGIN IMMEDIATE")?;
        self.texts.clear();
        let outcomes = sets.iter().map(|set| self.apply(set)).collect::<Result<_>>()?;
        self.index_texts()?;
        if erases(sets) {
            self.execute(&sweep::mark(self.last_pos))
                .map_err(Error::while_doing("noting what was erased"))?;
        }
        Ok(outcomes)
    }

    /// Behind all savepoints and in the order of the index: it gathers what comes so, and writes it once, with the commit.
    fn index_texts(&mut self) -> Result<()> {
        let mut texts = std::mem::take(&mut self.texts);
        texts.sort_by_key(|(place, _)| *place);
        for (_, statement) in texts {
            self.execute(&statement)
                .map_err(Error::while_doing("indexing a text"))?;
        }
        Ok(())
    }

    /// First every check that reads, then what writes. A savepoint is needed only where a write can still say no behind another.
    fn apply(&mut self, set: &WriteSet) -> Result<Outcome> {
        let mut ends = Vec::with_capacity(set.streams.len());
        for stream in &set.streams {
            let (seq, ends_of) = self.head(set, stream)?;
            if seq != stream.seen {
                return Ok(Outcome::Conflict);
            }
            ends.push(ends_of);
        }
        if set.guards.len() <= 1 {
            return self.guarded(set, &ends);
        }
        let before = self.last_pos;
        self.run("SAVEPOINT one")?;
        let outcome = self.guarded(set, &ends)?;
        if outcome == Outcome::Done {
            self.run("RELEASE one")?;
        } else {
            self.last_pos = before;
            self.run("ROLLBACK TO one")?;
            self.run("RELEASE one")?;
        }
        Ok(outcome)
    }

    fn guarded(&mut self, set: &WriteSet, ends: &[Ends]) -> Result<Outcome> {
        for guard in &set.guards {
            match self.execute(guard) {
                Ok(1) => {}
                Ok(_) => return Ok(Outcome::Conflict),
                Err(rusqlite::Error::SqliteFailure(code, _))
                    if code.code == rusqlite::ErrorCode::ConstraintViolation =>
                {
                    return Ok(Outcome::Taken("a unique value"));
                }
                Err(error) => return Err(Error::while_doing("writing a guarded row")(error)),
            }
        }
        self.write(set, ends)?;
        Ok(Outcome::Done)
    }

    /// Number of the stream's last event, and where its history begins and ends.
    fn head(&self, set: &WriteSet, stream: &StreamWrite) -> Result<(i64, Ends)> {
        let doing = || Error::while_doing("reading a stream's head");
        let sql = "SELECT seq, first_pos, last_pos, rowid FROM stream WHERE instance = $1 AND kind = $2 AND id = $3";
        let mut statement = self.connection.prepare_cached(sql).map_err(doing())?;
        let mut rows = statement
            .query((set.instance.as_str(), stream.kind, &*stream.id))
            .map_err(doing())?;
        match rows.next().map_err(doing())? {
            Some(row) => {
                let number = |column| row.get::<_, i64>(column).map_err(doing());
                let ends = Ends {
                    first: number(1)?,
                    last: number(2)?,
                    row: number(3)?,
                };
                Ok((number(0)?, ends))
            }
            None => Ok((0, Ends::default())),
        }
    }

    fn write(&mut self, set: &WriteSet, ends: &[Ends]) -> Result<()> {
        for (stream, ends) in set.streams.iter().zip(ends) {
            if !stream.events.is_empty() {
                self.append(set, stream, *ends)?;
            }
        }
        for row in &set.rows {
            self.execute(row).map_err(Error::while_doing("writing a row"))?;
        }
        Ok(())
    }

    fn append(&mut self, set: &WriteSet, stream: &StreamWrite, mut ends: Ends) -> Result<()> {
        if ends.first == 0 {
            ends.first = self.last_pos + 1;
        }
        let mut prev = ends.last;
        let mut seq = stream.seen;
        for event in &stream.events {
            seq += 1;
            self.insert_event(set, stream, event, seq, prev)?;
            prev = self.last_pos;
        }
        self.move_head(set, stream, seq, ends)?;
        let texts = stream.texts.iter();
        self.texts
            .extend(texts.flat_map(|change| user_text::statements(ends.first, change)));
        if stream.forget { self.forget(prev) } else { Ok(()) }
    }

    fn insert_event(
        &mut self,
        set: &WriteSet,
        stream: &StreamWrite,
        event: &NewEvent,
        seq: i64,
        prev: i64,
    ) -> Result<()> {
        let doing = || Error::while_doing("appending an event");
        let pos = self.last_pos + 1;
        let sql = "INSERT INTO event (pos, instance, kind, stream, seq, prev, name, at, editor, body)
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
        let mut statement = self.connection.prepare_cached(sql).map_err(doing())?;
        statement
            .execute(rusqlite::params![
                pos,
                set.instance.as_str(),
                stream.kind,
                &*stream.id,
                seq,
                prev,
                event.name,
                stream.at.0,
                &*stream.editor,
                event.body
            ])
            .map_err(doing())?;
        if let Some(personal) = &event.personal {
            let sql = "INSERT INTO personal (pos, body) VALUES ($1, $2)";
            let mut statement = self.connection.prepare_cached(sql).map_err(doing())?;
            statement.execute((pos, personal)).map_err(doing())?;
        }
        self.last_pos = pos;
        Ok(())
    }

    fn move_head(&self, set: &WriteSet, stream: &StreamWrite, seq: i64, ends: Ends) -> Result<()> {
        let (at, due) = (stream.at.0, stream.due.map(|due| due.0));
        let moved = if ends.row == 0 {
            let sql = "INSERT INTO stream (instance, kind, id, seq, last_pos, created_at, changed_at, first_pos, due_at, state)
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
            let (instance, id) = (set.instance.as_str(), &*stream.id);
            let params = rusqlite::params![
                instance,
                stream.kind,
                id,
                seq,
                self.last_pos,
                at,
                at,
                ends.first,
                due,
                stream.state
            ];
            (self.connection.prepare_cached(sql)).and_then(|mut s| s.execute(params))
        } else {
            let sql = "UPDATE stream SET seq = $1, last_pos = $2, changed_at = $3, due_at = $4, state = $5 WHERE rowid = $6";
            let params = rusqlite::params![seq, self.last_pos, at, due, stream.state, ends.row];
            (self.connection.prepare_cached(sql)).and_then(|mut s| s.execute(params))
        };
        moved
            .map(drop)
            .map_err(Error::while_doing("moving a stream's head"))
    }

    /// Erases the personal values of a stream along its chain of events.
    fn forget(&self, from: i64) -> Result<()> {
        let doing = || Error::while_doing("erasing personal values");
        let mut erase = self
            .connection
            .prepare_cached("DELETE FROM personal WHERE pos = $1")
            .map_err(doing())?;
        let mut step = self
            .connection
            .prepare_cached("SELECT prev FROM event WHERE pos = $1")
            .map_err(doing())?;
        let mut pos = from;
        while pos != 0 {
            erase.execute([pos]).map_err(doing())?;
            pos = step.query_row([pos], |row| row.get(0)).map_err(doing())?;
        }
        Ok(())
    }

    fn execute(&self, statement: &Statement) -> rusqlite::Result<usize> {
        let mut prepared = self.connection.prepare_cached(statement.sql)?;
        assert_in_order(&prepared, statement.params.len());
        for (index, value) in statement.params.iter().enumerate() {
            prepared.raw_bind_parameter(index + 1, value)?;
        }
        prepared.raw_execute()
    }

    fn run(&self, sql: &'static str) -> Result<()> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut s| s.execute([]))
            .map(drop)
            .map_err(Error::while_doing("delimiting a transaction"))
    }
}

fn erases(sets: &[&WriteSet]) -> bool {
    sets.iter()
        .flat_map(|set| &set.streams)
        .any(|stream| stream.forget)
}

/// `$1`, `$2`, .. are names to SQLite, numbered by first appearance: they must appear in order to mean what they say.
pub(super) fn assert_in_order(statement: &rusqlite::Statement<'_>, params: usize) {
    debug_assert_eq!(
        statement.parameter_count(),
        params,
        "as many values as placeholders"
    );
    debug_assert!(
        (1..=params).all(|n| statement.parameter_name(n) == Some(format!("${n}").as_str())),
        "placeholders must appear in the order of their numbers"
    );
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(value_ref(self)))
    }
}
