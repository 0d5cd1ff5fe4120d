//! SQLite: one writer that commits in groups, readers that never wait for it, and a checkpointer beside them.

mod checkpoint;
mod condition;
pub mod inspect;
mod migrate;
mod reader;
mod sweep;
mod transfer;
mod writer;

use std::{path::Path, sync::Arc};

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags, config::DbConfig};

pub(super) use reader::{SqliteRow, SqliteSnapshot};
pub(super) use transfer::SqliteSide;

use crate::{
    commit::{Outcome, WriteSet},
    db::Hearers,
    error::{Error, Result},
};

/// Older libraries can corrupt a database when a checkpoint meets a write (the WAL-reset bug).
const OLDEST_SOUND: i32 = 3_051_003;

/// Page cache of the writer. A larger one finds more in it, but is gone through from one end to the other at each commit in which a page was
/// split, as long as the file is smaller than a gibibyte.
const WRITER_CACHE_MIB: i64 = 32;

#[derive(Debug)]
pub(super) struct Sqlite {
    readers: reader::Readers,
    writer: Arc<writer::Writer>,
    checkpointer: Mutex<Option<checkpoint::Checkpointer>>,
}

impl Sqlite {
    pub(super) fn open(path: &Path, hearers: Hearers) -> Result<Self> {
        if rusqlite::version_number() < OLDEST_SOUND {
            return Err(Error::Unusable(format!(
                "SQLite {} can corrupt a database under load; 3.51.3 or newer is needed",
                rusqlite::version()
            )));
        }
        let connection = connect(path, WRITER_CACHE_MIB)?;
        migrate::migrate(&connection)?;
        let wal = checkpoint::wal_path(path);
        let erased = checkpoint::Erased::new();
        let writer = Arc::new(writer::Writer::start(connection, wal, hearers, erased.clone())?);
        let sweeper = sweep::Sweeper::new(Arc::clone(&writer));
        let checkpointer = checkpoint::Checkpointer::start(connect(path, 1)?, erased, sweeper)?;
        let readers = reader::Readers::new(path);
        Ok(Self {
            readers,
            writer,
            checkpointer: Mutex::new(Some(checkpointer)),
        })
    }

    pub(super) async fn snapshot(&self) -> Result<SqliteSnapshot> {
        self.readers.snapshot().await
    }

    pub(super) fn glance(&self) -> SqliteSnapshot {
        self.readers.glance()
    }

    pub(super) async fn commit(&self, set: WriteSet) -> Result<Outcome> {
        self.writer.commit(set).await
    }

    /// Why no writes are taken: the disk is full, or failed.
    pub(super) fn obstacle(&self) -> Option<Error> {
        self.writer.obstacle()
    }

    pub(super) fn close(&self) {
        drop(self.checkpointer.lock().take());
        self.writer.close();
    }
}

/// A connection for writing, with `cache_mib` MiB of page cache. What it deletes is overwritten with zeros, so that
/// the personal values of a deleted user are gone from the file and not merely out of sight.
fn connect(path: &Path, cache_mib: i64) -> Result<Connection> {
    let doing = Error::while_doing;
    let connection = Connection::open(path).map_err(doing("opening the database"))?;
    connection
        .busy_timeout(checkpoint::BUSY)
        .map_err(doing("preparing the database"))?;
    connection
        .execute_batch(&format!(
            "PRAGMA page_size = 4096;
             PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA wal_autocheckpoint = 0;
             PRAGMA journal_size_limit = 67108864;
             PRAGMA temp_store = MEMORY;
             PRAGMA secure_delete = ON;
             PRAGMA cache_size = -{};",
            cache_mib * 1024
        ))
        .map_err(doing("preparing the database"))?;
    keep_plans(&connection)?;
    Ok(connection)
}

/// A connection for reading only. The file is not mapped: a mapping would be made anew after each commit, with a fault for each
/// page that is touched, which costs more than to read these pages.
fn connect_reader(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)
        .map_err(Error::while_doing("opening the database to read"))?;
    connection
        .execute_batch(
            "PRAGMA query_only = ON;
             PRAGMA busy_timeout = 10000;
             PRAGMA cache_size = -4096;
             PRAGMA mmap_size = 0;",
        )
        .map_err(Error::while_doing("preparing the database to read"))?;
    keep_plans(&connection)?;
    Ok(connection)
}

/// Statements are prepared once. Without the planner's stability guarantee the library may prepare a statement again
/// whenever a value is bound, to see whether another plan would suit that value: more work than the query itself.
fn keep_plans(connection: &Connection) -> Result<()> {
    connection.set_prepared_statement_cache_capacity(128);
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map(drop)
        .map_err(Error::while_doing("preparing the connection"))
}
