//! Overwrites what SQLite leaves of erased values in the unused part of pages. `secure_delete` overwrites a row where it stands, but not
//! the copies of it that stayed behind when a page was laid out anew before. So behind a commit that erased something every page is read
//! once, some mebibytes a second, and the writer clears those that have anything in their unused part.

use std::{ops::Range, sync::Arc};

use domain::base::InstanceId;
use rusqlite::{Connection, OptionalExtension, functions::FunctionFlags};

use super::{checkpoint::Erased, writer::Writer};
use crate::{
    commit::{Statement, Value, WriteSet},
    error::{Error, Result},
    meta,
};

/// Pages that are read at a time, once a second.
const SLICE: i64 = 2048;
/// Pages that are cleared in one commit, which other writers wait for.
const PAGES_OF_A_COMMIT: usize = 64;
/// A file of so many pages (124 GiB) is not swept: a page that holds no tree begins with the number of another page, and a number that is
/// a little greater begins like a page of a tree.
const TOO_MANY: i64 = 31 << 20;

/// Makes the function known that [`clear`] calls.
pub(super) fn prepare(connection: &Connection) -> Result<()> {
    let flags =
        FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_DIRECTONLY;
    connection
        .create_scalar_function("cleared", 2, flags, |call| {
            let (number, mut page): (i64, Vec<u8>) = (call.get(0)?, call.get(1)?);
            if let Some(unused) = unused(number, &page) {
                page[unused].fill(0);
            }
            Ok(page)
        })
        .map_err(Error::while_doing("preparing the database"))
}

/// Zeros the unused part of a page, as it is when this is executed.
fn clear(number: i64) -> Statement {
    let sql = "UPDATE sqlite_dbpage SET data = cleared(pgno, data) WHERE pgno = $1";
    Statement::new(sql, [number.into()])
}

/// Notes with a commit whose last event is at `pos` that it erased something.
pub(super) fn mark(pos: i64) -> Statement {
    let sql = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    let value = Value::Blob(pos.to_be_bytes().into());
    Statement::new(sql, [meta::TO_SWEEP.into(), value])
}

fn unmark(value: Vec<u8>) -> Statement {
    let sql = "DELETE FROM meta WHERE name = $1 AND value = $2";
    Statement::new(sql, [meta::TO_SWEEP.into(), Value::Blob(value)])
}

/// Where a page of a tree holds nothing: between the pointers to its cells and its cells (file format, 1.6).
fn unused(number: i64, page: &[u8]) -> Option<Range<usize>> {
    let header = if number == 1 { 100 } else { 0 };
    let pointers = match page.get(header)? {
        2 | 5 => header + 12,
        10 | 13 => header + 8,
        _ => return None,
    };
    let two = |at: usize| {
        Some(usize::from(u16::from_be_bytes([
            *page.get(at)?,
            *page.get(at + 1)?,
        ])))
    };
    let from = pointers + 2 * two(header + 3)?;
    let cells = two(header + 5)?;
    (from < cells && cells <= page.len()).then_some(from..cells)
}

/// Which of some pages hold something in their unused part.
fn with_remains(connection: &Connection, pages: Range<i64>) -> rusqlite::Result<Vec<i64>> {
    let snapshot = connection.unchecked_transaction()?;
    let mut read = snapshot.prepare_cached("SELECT data FROM sqlite_dbpage WHERE pgno = $1")?;
    let mut found = Vec::new();
    for number in pages {
        let has_remains = |row: &rusqlite::Row<'_>| {
            let page = row.get_ref(0)?.as_blob()?;
            let unused = unused(number, page).unwrap_or_default();
            Ok(page[unused].iter().any(|byte| *byte != 0))
        };
        if read.query_row([number], has_remains).optional()? == Some(true) {
            found.push(number);
        }
    }
    Ok(found)
}

fn page_count(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "page_count", |row| row.get(0))
}

/// One reading of all pages.
struct Pass {
    /// The mark that it began with.
    mark: Vec<u8>,
    next: i64,
    has_cleared: bool,
}

/// Goes through the pages as long as there is a mark.
pub(super) struct Sweeper {
    writer: Arc<Writer>,
    pass: Option<Pass>,
}

impl Sweeper {
    pub(super) fn new(writer: Arc<Writer>) -> Self {
        Self { writer, pass: None }
    }

    /// Does a slice of what is to be done. What fails is done by the next call.
    pub(super) fn look(&mut self, connection: &Connection, erased: &Erased) -> Result<()> {
        if self.pass.is_none() {
            self.pass = first(connection)?;
        }
        let Some(pass) = &mut self.pass else {
            return Ok(());
        };
        let doing = || Error::while_doing("reading the pages");
        let count = page_count(connection).map_err(doing())?;
        if count >= TOO_MANY {
            return Err(Error::Unusable(format!("{count} pages are too many to sweep")));
        }
        let end = count.min(pass.next + SLICE - 1) + 1;
        let found = with_remains(connection, pass.next..end).map_err(doing())?;
        for pages in found.chunks(PAGES_OF_A_COMMIT) {
            commit(&self.writer, pages.iter().copied().map(clear).collect())?;
            pass.has_cleared = true;
        }
        pass.next = end;
        if end > count {
            // The log still has these pages as they were.
            if pass.has_cleared {
                erased.note();
            }
            commit(&self.writer, vec![unmark(pass.mark.clone())])?;
            self.pass = None;
        }
        Ok(())
    }
}

fn first(connection: &Connection) -> Result<Option<Pass>> {
    let doing = || Error::while_doing("looking for what was erased");
    let mut read = connection
        .prepare_cached("SELECT value FROM meta WHERE name = $1")
        .map_err(doing())?;
    let mark = read.query_row([meta::TO_SWEEP], |row| row.get(0)).optional();
    let begin = |mark| Pass {
        mark,
        next: 1,
        has_cleared: false,
    };
    Ok(mark.map_err(doing())?.map(begin))
}

fn commit(writer: &Writer, rows: Vec<Statement>) -> Result<()> {
    let set = WriteSet {
        name: "store.sweep",
        instance: InstanceId::from_trusted("-"),
        streams: Vec::new(),
        guards: Vec::new(),
        rows,
    };
    writer.commit_and_wait(set).map(drop)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use testkit::SeededEntropy;

    use super::*;

    const MARKER: &str = "somebody@example.com";

    /// Rows with the marker that come, grow and change among others until they are deleted.
    fn live_and_die(connection: &Connection, dice: &SeededEntropy) {
        let tables = "CREATE TABLE state (id TEXT PRIMARY KEY, body TEXT) WITHOUT ROWID;
                      CREATE TABLE log (pos INTEGER PRIMARY KEY, body TEXT);
                      CREATE TABLE unique_text (id TEXT, body TEXT);
                      CREATE INDEX by_body ON unique_text (body, id);";
        connection.execute_batch(tables).unwrap();
        let life = connection.unchecked_transaction().unwrap();
        for _ in 0..600 {
            let id = format!("{:03}", dice.below(200));
            let who = if dice.below(3) == 0 {
                MARKER
            } else {
                "somebody else"
            };
            let body = format!("{who} {id} {}", "x".repeat(dice.below(300)));
            for sql in [
                "INSERT OR REPLACE INTO state VALUES ($1, $2)",
                "INSERT INTO log (body) VALUES ($2 || $1)",
                "INSERT INTO unique_text VALUES ($1, $2)",
            ] {
                connection.execute(sql, [&id, &body]).unwrap();
            }
            if dice.below(4) == 0 {
                let sql = "UPDATE unique_text SET body = body || $2 WHERE id = $1";
                connection.execute(sql, [&id, &body]).unwrap();
            }
        }
        life.commit().unwrap();
        for table in ["state", "log", "unique_text"] {
            let sql = format!("DELETE FROM {table} WHERE instr(body, $1)");
            connection.execute(&sql, [MARKER]).unwrap();
        }
    }

    fn is_in(file: &Path, connection: &Connection) -> bool {
        let cut = "PRAGMA wal_checkpoint(TRUNCATE)";
        connection.query_row(cut, [], |_| Ok(())).unwrap();
        let bytes = std::fs::read(file).unwrap();
        bytes
            .windows(MARKER.len())
            .any(|window| window == MARKER.as_bytes())
    }

    #[test]
    fn what_the_library_leaves_in_pages_is_cleared() {
        let mut left_behind = 0;
        for seed in 0..24 {
            let directory = tempfile::tempdir().unwrap();
            let file = directory.path().join("swept.db");
            let connection = super::super::connect(&file, 1).unwrap();
            prepare(&connection).unwrap();
            live_and_die(&connection, &SeededEntropy::new(seed));
            left_behind += i32::from(is_in(&file, &connection));

            let all = 1..page_count(&connection).unwrap() + 1;
            for number in with_remains(&connection, all.clone()).unwrap() {
                let clear = clear(number);
                connection
                    .execute(clear.sql, rusqlite::params_from_iter(&clear.params))
                    .unwrap();
            }
            assert!(!is_in(&file, &connection), "seed {seed}");
            assert!(with_remains(&connection, all).unwrap().is_empty());
            let sound: String = connection
                .pragma_query_value(None, "integrity_check", |row| row.get(0))
                .unwrap();
            assert_eq!(sound, "ok");
        }
        assert!(left_behind > 0, "nothing shows that this is needed");
    }
}
