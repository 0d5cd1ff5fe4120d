//! A look at a database from outside, for the operator's check. Reads only; a running server is not disturbed.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension};

use super::{OLDEST_SOUND, migrate};
use crate::{
    error::{Error, Result},
    meta,
};

/// Version of the database library, and whether it is sound under load.
pub fn library() -> (&'static str, bool) {
    (rusqlite::version(), rusqlite::version_number() >= OLDEST_SOUND)
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// Checks a database file; answers what is damaged, or nothing. Fails when it cannot be read as a database.
pub fn damage(path: &Path) -> Result<Option<String>> {
    let doing = || Error::while_doing("checking the database");
    let connection = open(path).map_err(doing())?;
    let report: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(doing())?;
    Ok((report != "ok").then_some(report))
}

/// Whether a database file is the target of a move that was not finished.
pub fn is_unfinished(path: &Path) -> Result<bool> {
    let connection = open(path).map_err(Error::while_doing("looking at the database"))?;
    migrate::is_unfinished(&connection)
}

/// A fact about the database, as `meta` reads it; nothing where there is no such table yet.
pub fn fact(path: &Path, name: &str) -> Result<Option<Vec<u8>>> {
    let doing = || Error::while_doing("reading a fact about the database");
    let connection = open(path).map_err(doing())?;
    if !connection.table_exists(None, meta::TABLE).map_err(doing())? {
        return Ok(None);
    }
    connection
        .query_row("SELECT value FROM meta WHERE name = $1", [name], |row| row.get(0))
        .optional()
        .map_err(doing())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_database_passes_and_a_damaged_one_fails() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.db");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (1)")
            .unwrap();
        drop(connection);
        assert_eq!(damage(&path).unwrap(), None);
        std::fs::write(
            &path,
            "this is no database at all, and long enough to be read as one",
        )
        .unwrap();
        assert!(damage(&path).is_err());
    }
}
