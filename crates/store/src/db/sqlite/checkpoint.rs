//! Keeps the write-ahead log short without the writer waiting for it: a thread copies pages from 64 MiB on, or once
//! nobody has written for a while, and the writer starts the log over between two commits once it has grown far beyond. What was
//! erased from the database does not stay in the log either: within seconds the thread cuts off what is in it, and has the sweeper look
//! for what is left elsewhere.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use rusqlite::Connection;

use super::sweep::Sweeper;
use crate::error::{Error, Result};

/// From this size on pages are copied into the database file.
const COPY_FROM: u64 = 64 << 20;
/// Bytes of a page.
const PAGE: u64 = 4096;
/// From this size on the writer waits for a copy, so that the log cannot grow without bound.
const RESTART_FROM: u64 = 256 << 20;

pub(super) fn wal_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

fn size(wal: &Path) -> u64 {
    wal.metadata().map_or(0, |m| m.len())
}

/// How long the writer waits for readers that are still in the log's last pages.
const PATIENCE: Duration = Duration::from_millis(100);
/// How long a connection waits for others otherwise.
pub(super) const BUSY: Duration = Duration::from_secs(10);

/// Starts the log over between two commits once it is large. A reader that stays in a snapshot prevents that: then it is
/// tried again only after the log has grown by as much as a copy takes, so that no reader stops the writer.
#[derive(Debug)]
pub(super) struct Restarter {
    wal: PathBuf,
    from: u64,
}

impl Restarter {
    pub(super) fn new(wal: PathBuf) -> Self {
        Self {
            wal,
            from: RESTART_FROM,
        }
    }

    /// Called by the writer between two commits.
    pub(super) fn restart_when_large(&mut self, connection: &Connection) {
        let size = size(&self.wal);
        if size < self.from {
            return;
        }
        match restart(connection) {
            Ok(Restart::Done) => self.from = RESTART_FROM,
            Ok(Restart::Copying) => self.from = size + COPY_FROM,
            Ok(Restart::Read) => {
                tracing::warn!(
                    mebibytes = size >> 20,
                    "a long read keeps the write-ahead log from starting over"
                );
                self.from = size + COPY_FROM;
            }
            Err(error) => {
                tracing::warn!(%error, "the write-ahead log could not be started over");
                self.from = size + COPY_FROM;
            }
        }
    }
}

/// What became of starting the log over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Restart {
    /// The log is empty.
    Done,
    /// Its pages are being copied.
    Copying,
    /// Somebody still reads in it.
    Read,
}

fn restart(connection: &Connection) -> rusqlite::Result<Restart> {
    connection.busy_timeout(PATIENCE)?;
    let restarted = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
        Ok((row.get(0)?, row.get(1)?))
    });
    connection.busy_timeout(BUSY)?;
    // Whoever may not begin does not know how long the log is.
    Ok(match restarted? {
        (0, _) => Restart::Done,
        (_, -1) => Restart::Copying,
        _ => Restart::Read,
    })
}

/// How often the log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// After so many looks at an unchanged log nobody is writing.
const QUIET_LOOKS: u32 = 3;

/// Decides when pages are copied: once many wait, or once nobody writes, since reading from the database file is quicker
/// than from the log.
#[derive(Debug, Default)]
struct Copier {
    frames: i64,
    looks: u32,
}

impl Copier {
    /// Answers whether pages were copied.
    fn look(&mut self, connection: &Connection) -> rusqlite::Result<bool> {
        let counts = |row: &rusqlite::Row<'_>| Ok((row.get(1)?, row.get(2)?));
        let (frames, copied): (i64, i64) = connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], counts)?;
        let is_due = self.is_due(frames, frames - copied);
        if is_due {
            connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
        }
        Ok(is_due)
    }

    /// Whether to copy, by the frames in the log and those of them that are not copied.
    fn is_due(&mut self, frames: i64, waiting: i64) -> bool {
        self.looks = if frames == self.frames { self.looks + 1 } else { 0 };
        self.frames = frames;
        let waiting = u64::try_from(waiting).unwrap_or(0);
        let quiet = self.looks % QUIET_LOOKS == QUIET_LOOKS - 1;
        waiting * PAGE >= COPY_FROM || (waiting > 0 && quiet)
    }
}

/// Whether something was erased that the log still has. A process that was killed may leave such a log behind, so it is so at first.
#[derive(Clone, Debug)]
pub(super) struct Erased(Arc<AtomicBool>);

/// So many looks are between two times that the log is cut off.
const LOOKS_BETWEEN_CUTS: u32 = 5;

impl Erased {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicBool::new(true)))
    }

    /// Notes that a commit erased something.
    pub(super) fn note(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Copies the log, most of it beside the writer, and cuts it off. While a reader stays in it, that is tried again later.
    fn cut_off(&self, connection: &Connection) -> rusqlite::Result<bool> {
        if !self.0.swap(false, Ordering::Acquire) {
            return Ok(false);
        }
        let copied = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        let cut = copied.and_then(|()| restart(connection));
        if !matches!(cut, Ok(Restart::Done)) {
            self.note();
        }
        cut.map(|cut| cut == Restart::Done)
    }
}

/// Looks at the log until it is told to stop. A copy that fails is told once, as on a full disk it fails for as long as that lasts.
fn keep_short(connection: &Connection, erased: &Erased, sweeper: &mut Sweeper, stopped: &Receiver<()>) {
    let (mut copier, mut failing) = (Copier::default(), false);
    let doing = || Error::while_doing("copying the write-ahead log");
    for look in 1_u32.. {
        if stopped.recv_timeout(LOOK_EVERY) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        let looked = if look.is_multiple_of(LOOKS_BETWEEN_CUTS) {
            let swept = sweeper.look(connection, erased);
            swept.and(erased.cut_off(connection).map_err(doing()))
        } else {
            copier.look(connection).map_err(doing())
        };
        match looked {
            Ok(is_done) => failing &= !is_done,
            Err(error) => {
                if !failing {
                    tracing::warn!(%error, "keeping the file in order failed and is repeated until it goes well");
                }
                failing = true;
            }
        }
    }
}

#[derive(Debug)]
pub(super) struct Checkpointer {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(super) fn start(connection: Connection, erased: Erased, mut sweeper: Sweeper) -> Result<Self> {
        let (stop, stopped) = channel::<()>();
        let run = move || keep_short(&connection, &erased, &mut sweeper, &stopped);
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".into())
            .spawn(run)
            .map_err(|e| Error::Unusable(format!("no thread for checkpoints: {e}")))?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Barrier, thread};

    use super::*;

    fn frames(connection: &Connection, mode: &'static str) -> (i64, i64, i64) {
        let sql = format!("PRAGMA wal_checkpoint({mode})");
        let each = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        connection.query_row(&sql, [], each).unwrap()
    }

    #[test]
    fn pages_are_copied_when_many_wait_or_nobody_writes() {
        let mut copier = Copier::default();
        assert!(copier.is_due(20_000, 16_384), "64 MiB wait");
        assert!(!copier.is_due(20_001, 10), "somebody just wrote");
        let looks: Vec<bool> = (0..10).map(|_| copier.is_due(20_001, 10)).collect();
        assert_eq!(
            looks.iter().position(|due| *due),
            Some(1),
            "half a second after the last write"
        );
        assert!(!(0..10).any(|_| copier.is_due(20_001, 0)), "nothing waits");
    }

    #[test]
    fn a_copy_under_way_is_no_long_read() {
        static COPIES: Barrier = Barrier::new(2);
        static ENDS: Barrier = Barrier::new(2);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("copy.db");
        let [writer, reader, mut copier] = [(); 3].map(|()| super::super::connect(&path, 1).unwrap());
        writer.execute_batch("CREATE TABLE one (n INTEGER)").unwrap();
        reader.execute_batch("BEGIN; SELECT * FROM one").unwrap();
        writer.execute_batch("INSERT INTO one VALUES (1)").unwrap();
        assert_eq!(restart(&writer).unwrap(), Restart::Read);

        let copy = thread::spawn(move || {
            let wait = |_| {
                COPIES.wait();
                ENDS.wait();
                false
            };
            copier.busy_handler(Some(wait)).unwrap();
            frames(&copier, "RESTART")
        });
        COPIES.wait();
        assert_eq!(restart(&writer).unwrap(), Restart::Copying);
        ENDS.wait();
        copy.join().unwrap();
        reader.execute_batch("COMMIT").unwrap();
        assert_eq!(restart(&writer).unwrap(), Restart::Done);
    }

    #[test]
    fn a_noop_checkpoint_tells_what_waits_and_copies_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("noop.db");
        let writer = super::super::connect(&path, 1).unwrap();
        let checkpointer = super::super::connect(&path, 1).unwrap();
        writer.execute_batch("CREATE TABLE bulk (body BLOB)").unwrap();
        for _ in 0..100 {
            writer
                .execute_batch("INSERT INTO bulk VALUES (zeroblob(8192))")
                .unwrap();
        }
        let before = path.metadata().unwrap().len();
        let (busy, log, copied) = frames(&checkpointer, "NOOP");
        assert!(busy == 0 && log >= 200 && copied == 0, "{busy} {log} {copied}");
        assert_eq!(frames(&checkpointer, "NOOP"), (0, log, 0), "nothing was copied");
        assert_eq!(path.metadata().unwrap().len(), before);

        assert_eq!(frames(&checkpointer, "PASSIVE"), (0, log, log));
        assert!(path.metadata().unwrap().len() > before);
        assert_eq!(frames(&checkpointer, "NOOP"), (0, log, log), "nothing waits");
        writer
            .execute_batch("INSERT INTO bulk VALUES (zeroblob(8192))")
            .unwrap();
        let (_, log, copied) = frames(&checkpointer, "NOOP");
        assert!(log < 20 && copied == 0, "the log started over: {log} {copied}");
    }
}
