//! Keeps the write-ahead log short without the writer waiting for it: a thread copies pages from 64 MiB on, and the
//! writer starts the log over between two commits once it has grown far beyond.

use std::{
    path::{Path, PathBuf},
    sync::mpsc::{RecvTimeoutError, Sender, channel},
    thread::JoinHandle,
    time::Duration,
};

use rusqlite::Connection;

use crate::error::{Error, Result};

/// From this size on pages are copied into the database file.
const COPY_FROM: u64 = 64 << 20;
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

/// Called by the writer between two commits.
pub(super) fn restart_when_large(connection: &Connection, wal: &Path) {
    if size(wal) < RESTART_FROM {
        return;
    }
    if let Err(error) = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)") {
        tracing::warn!(%error, "the write-ahead log could not be started over");
    }
}

/// Copies pages once enough frames of the log are not in the database file yet.
fn copy_when_long(connection: &Connection) -> rusqlite::Result<()> {
    let waiting = |row: &rusqlite::Row<'_>| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?);
    let frames: i64 = connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], waiting)?;
    if u64::try_from(frames).unwrap_or(0) * 4096 >= COPY_FROM {
        connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))?;
    }
    Ok(())
}

#[derive(Debug)]
pub(super) struct Checkpointer {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    pub(super) fn start(connection: Connection) -> Result<Self> {
        let (stop, stopped) = channel::<()>();
        let run = move || {
            while stopped.recv_timeout(Duration::from_millis(200)) == Err(RecvTimeoutError::Timeout) {
                if let Err(error) = copy_when_long(&connection) {
                    tracing::warn!(%error, "a checkpoint failed and will be repeated");
                }
            }
        };
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
