//! Whether the writer takes anything: not while the disk is full, and never again once a write or a sync failed.

use std::{
    io::{self, Write},
    path::PathBuf,
    sync::atomic::{AtomicU8, Ordering},
};

use rusqlite::{ErrorCode, ffi};

use crate::error::{Cause, Error};

const SOUND: u8 = 0;
const FULL: u8 = 1;
const FAILED: u8 = 2;

/// Bytes that must be free before writes are taken again: a few large commits.
const ROOM: usize = 8 << 20;

/// The condition of the disk, as its writer found it.
#[derive(Debug)]
pub(super) struct Condition {
    directory: PathBuf,
    state: AtomicU8,
}

impl Condition {
    /// Sound until something is found; `directory` is where the database lies.
    pub(super) fn of(directory: PathBuf) -> Self {
        Self {
            directory,
            state: AtomicU8::new(SOUND),
        }
    }

    /// Why no writes are taken.
    pub(super) fn obstacle(&self) -> Option<Error> {
        match self.state.load(Ordering::Relaxed) {
            SOUND => None,
            FULL => Some(Error::DiskFull),
            _ => Some(Error::DiskFailed),
        }
    }

    /// What is to be told of a transaction that failed; the condition changes if it was the disk.
    pub(super) fn judge(&self, error: Error) -> Error {
        self.judge_with(error, || self.try_room())
    }

    fn judge_with(&self, error: Error, try_room: impl FnOnce() -> io::Result<()>) -> Error {
        let Some(code) = code(&error) else {
            return error;
        };
        match code.code {
            ErrorCode::DiskFull => self.note_full(),
            // SQLite takes a quota that is used up for a failure.
            ErrorCode::SystemIoFailure
                if code.extended_code == ffi::SQLITE_IOERR_WRITE
                    && try_room().is_err_and(|e| wants_room(&e)) =>
            {
                self.note_full()
            }
            // Nobody knows what of it is on the disk, and a second sync may say that all is well.
            ErrorCode::SystemIoFailure => {
                tracing::error!(%error, "the disk failed: nothing is written until a restart");
                self.state.store(FAILED, Ordering::Relaxed);
                Error::DiskFailed
            }
            _ => error,
        }
    }

    /// What did not fit is not part of any transaction: the mark of its end would have come last.
    fn note_full(&self) -> Error {
        if self.state.swap(FULL, Ordering::Relaxed) == SOUND {
            tracing::error!("the disk is full: nothing is written until there is room again");
        }
        Error::DiskFull
    }

    /// Whether there is room again on a disk that was full; if so, writes are taken from now on.
    pub(super) fn finds_room(&self) -> bool {
        let room = self.try_room();
        if room.is_ok() {
            tracing::info!("the disk has room again");
            self.state.store(SOUND, Ordering::Relaxed);
        }
        room.is_ok()
    }

    /// Quotas and reserves make what a file system says of itself useless: only writing shows it.
    fn try_room(&self) -> io::Result<()> {
        let mut file = tempfile::tempfile_in(&self.directory)?;
        file.write_all(&vec![1; ROOM])?;
        file.sync_data()
    }
}

fn wants_room(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

fn code(error: &Error) -> Option<&ffi::Error> {
    let Error::Database { source, .. } = error else {
        return None;
    };
    match &**source {
        Cause::Sqlite(source) => source.sqlite_error(),
        Cause::Postgres { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: i32) -> Error {
        Error::while_doing("a test")(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
    }

    #[test]
    fn a_full_disk_passes_and_a_failed_one_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let condition = Condition::of(directory.path().to_owned());
        let other = condition.judge(failure(ffi::SQLITE_CONSTRAINT));
        assert!(matches!(other, Error::Database { .. }) && condition.obstacle().is_none());
        assert!(matches!(
            condition.judge(failure(ffi::SQLITE_FULL)),
            Error::DiskFull
        ));
        assert!(matches!(condition.obstacle(), Some(Error::DiskFull)));
        assert!(condition.finds_room() && condition.obstacle().is_none());
        let failed = condition.judge(failure(ffi::SQLITE_IOERR_FSYNC));
        assert!(matches!(failed, Error::DiskFailed));
        assert!(matches!(condition.obstacle(), Some(Error::DiskFailed)));
    }

    #[test]
    fn a_quota_that_is_used_up_passes_as_a_full_disk_does() {
        use io::ErrorKind::{Other, QuotaExceeded, StorageFull};
        let is_full = |code, kind: io::ErrorKind| {
            let condition = Condition::of(PathBuf::new());
            let told = condition.judge_with(failure(code), || Err(kind.into()));
            matches!(told, Error::DiskFull)
        };
        assert!(is_full(ffi::SQLITE_IOERR_WRITE, QuotaExceeded));
        assert!(is_full(ffi::SQLITE_IOERR_WRITE, StorageFull));
        assert!(!is_full(ffi::SQLITE_IOERR_WRITE, Other));
        let synced = ffi::SQLITE_IOERR_FSYNC;
        assert!(!is_full(synced, QuotaExceeded), "the commit may be on the disk");
        let condition = Condition::of(PathBuf::new());
        let told = condition.judge_with(failure(ffi::SQLITE_IOERR_WRITE), || Ok(()));
        assert!(
            matches!(told, Error::DiskFailed),
            "there is room, so it was the disk"
        );
    }

    #[test]
    fn room_is_found_by_writing() {
        let condition = Condition::of(PathBuf::from("/nowhere/at/all"));
        condition.judge(failure(ffi::SQLITE_FULL));
        assert!(!condition.finds_room() && condition.obstacle().is_some());
    }
}
