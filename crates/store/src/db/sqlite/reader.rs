//! Read-only connections that are handed out and taken back; a read never waits for the writer.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use rusqlite::{
    Connection, Statement as RusqliteStatement, ToSql,
    types::{ToSqlOutput, ValueRef},
};

use crate::{
    db::{Param, Row, sqlite::connect_reader},
    error::{Error, Result},
};

/// Idle connections that are kept.
const KEPT: usize = 16;

#[derive(Debug)]
pub(super) struct Readers {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Connection>>>,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            idle: Arc::default(),
        }
    }

    /// A view that stays the same over several queries.
    pub(super) fn snapshot(&self) -> Result<SqliteSnapshot> {
        let mut view = self.glance()?;
        if let Some(connection) = &view.connection {
            run(connection, "BEGIN")?;
        }
        view.delimited = true;
        Ok(view)
    }

    /// A view for one query.
    pub(super) fn glance(&self) -> Result<SqliteSnapshot> {
        let idle = self.idle.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connect_reader(&self.path)?,
        };
        Ok(SqliteSnapshot {
            connection: Some(connection),
            delimited: false,
            home: Arc::clone(&self.idle),
        })
    }
}

fn run(connection: &Connection, sql: &'static str) -> Result<()> {
    connection
        .prepare_cached(sql)
        .and_then(|mut s| s.execute([]))
        .map(drop)
        .map_err(Error::while_doing("delimiting a read"))
}

#[derive(Debug)]
pub(in crate::db) struct SqliteSnapshot {
    connection: Option<Connection>,
    delimited: bool,
    home: Arc<Mutex<Vec<Connection>>>,
}

impl SqliteSnapshot {
    pub(in crate::db) fn all<T>(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        each: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let doing = || Error::while_doing("reading");
        let connection = self.connection.as_ref().ok_or(Error::Closed)?;
        let mut statement = connection.prepare_cached(sql).map_err(doing())?;
        read_all(&mut statement, params, each)
    }

    /// As [`Self::all`], for a text that is rarely used twice: it takes no place among those that are kept prepared.
    pub(in crate::db) fn all_built<T>(
        &mut self,
        sql: &str,
        params: &[Param<'_>],
        each: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let connection = self.connection.as_ref().ok_or(Error::Closed)?;
        let mut statement = connection
            .prepare(sql)
            .map_err(Error::while_doing("preparing a search"))?;
        read_all(&mut statement, params, each)
    }
}

fn read_all<T>(
    statement: &mut RusqliteStatement<'_>,
    params: &[Param<'_>],
    mut each: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let doing = || Error::while_doing("reading");
    super::writer::assert_in_order(statement, params.len());
    for (index, param) in params.iter().enumerate() {
        statement.raw_bind_parameter(index + 1, param).map_err(doing())?;
    }
    let mut rows = statement.raw_query();
    let mut all = Vec::new();
    while let Some(row) = rows.next().map_err(doing())? {
        all.push(each(&Row(SqliteRow(row)))?);
    }
    Ok(all)
}

impl Drop for SqliteSnapshot {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        if self.delimited && run(&connection, "COMMIT").is_err() {
            return;
        }
        let mut idle = self.home.lock();
        if idle.len() < KEPT {
            idle.push(connection);
        }
    }
}

impl ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Param::Int(n) => ValueRef::Integer(*n),
            Param::Text(text) => ValueRef::Text(text.as_bytes()),
            Param::Blob(bytes) => ValueRef::Blob(bytes),
            Param::Null => ValueRef::Null,
        }))
    }
}

pub(in crate::db) struct SqliteRow<'a>(&'a rusqlite::Row<'a>);

impl std::fmt::Debug for SqliteRow<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SqliteRow(..)")
    }
}

impl SqliteRow<'_> {
    fn value(&self, column: usize) -> Result<ValueRef<'_>> {
        self.0
            .get_ref(column)
            .map_err(Error::while_doing("reading a column"))
    }

    pub(in crate::db) fn opt_int(&self, column: usize) -> Result<Option<i64>> {
        match self.value(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(n) => Ok(Some(n)),
            _ => Err(Error::corrupt("a number column", "it is no number")),
        }
    }

    pub(in crate::db) fn int(&self, column: usize) -> Result<i64> {
        self.opt_int(column)?
            .ok_or_else(|| Error::corrupt("a number column", "it is NULL"))
    }

    pub(in crate::db) fn opt_text(&self, column: usize) -> Result<Option<&str>> {
        match self.value(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Text(bytes) => std::str::from_utf8(bytes)
                .map(Some)
                .map_err(|e| Error::corrupt("a text column", e)),
            _ => Err(Error::corrupt("a text column", "it is no text")),
        }
    }

    pub(in crate::db) fn blob(&self, column: usize) -> Result<&[u8]> {
        self.value(column)?
            .as_blob()
            .map_err(|e| Error::corrupt("a blob column", e))
    }
}
