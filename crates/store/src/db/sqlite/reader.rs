//! Read-only connections that are handed out and taken back; a read never waits for the writer.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use rusqlite::{
    Connection, InterruptHandle, Statement as RusqliteStatement, ToSql,
    types::{ToSqlOutput, ValueRef},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
    time::timeout,
};

use crate::{
    commit::Value,
    db::{Cells, Param, Row, sqlite::connect_reader},
    error::{Error, Result},
};

/// Idle connections that are kept.
const KEPT: usize = 16;
/// Views of several queries at once. Each has a connection, with its cache, for as long as it lasts.
const VIEWS: usize = 64;
/// How long somebody waits for a view when others have them all.
const WAIT: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Readers {
    home: Arc<Home>,
    views: Arc<Semaphore>,
}

/// Where connections come from and go back to.
#[derive(Debug)]
struct Home {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

/// A connection that was handed out, and its place among the views if it is for one.
#[derive(Debug)]
struct Held {
    connection: Connection,
    _place: Option<OwnedSemaphorePermit>,
}

impl Home {
    fn take(&self, place: Option<OwnedSemaphorePermit>) -> Result<Held> {
        let idle = self.idle.lock().pop();
        let connection = idle.map_or_else(|| connect_reader(&self.path), Ok)?;
        Ok(Held {
            connection,
            _place: place,
        })
    }

    fn put_back(&self, connection: Connection) {
        let mut idle = self.idle.lock();
        if idle.len() < KEPT {
            idle.push(connection);
        }
    }
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        let (path, idle) = (path.to_owned(), Mutex::default());
        Self {
            home: Arc::new(Home { path, idle }),
            views: Arc::new(Semaphore::new(VIEWS)),
        }
    }

    /// A view that stays the same over several queries.
    pub(super) async fn snapshot(&self) -> Result<SqliteSnapshot> {
        let place = timeout(WAIT, Arc::clone(&self.views).acquire_owned()).await;
        let place = place.map_err(|_| Error::Overloaded)?.map_err(|_| Error::Closed)?;
        let held = self.home.take(Some(place))?;
        run(&held.connection, "BEGIN")?;
        Ok(SqliteSnapshot {
            held: Some(held),
            delimited: true,
            home: Arc::clone(&self.home),
        })
    }

    /// A view for one query; it takes a connection when that is asked, and waits for nobody.
    pub(super) fn glance(&self) -> SqliteSnapshot {
        SqliteSnapshot {
            held: None,
            delimited: false,
            home: Arc::clone(&self.home),
        }
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
    held: Option<Held>,
    delimited: bool,
    home: Arc<Home>,
}

impl SqliteSnapshot {
    /// Its connection. One of several queries that lost it, and its view with it, gets no other.
    fn take(&mut self) -> Result<Held> {
        match self.held.take() {
            Some(held) => Ok(held),
            None if self.delimited => Err(Error::Closed),
            None => self.home.take(None),
        }
    }

    pub(in crate::db) fn all<T>(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
        each: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let taken = self.take()?;
        let held = self.held.insert(taken);
        let mut statement = held
            .connection
            .prepare_cached(sql)
            .map_err(Error::while_doing("reading"))?;
        read_all(&mut statement, params, each)
    }

    /// As [`Self::all`], for a search: its text is rarely used twice, so it takes no place among those that are kept
    /// prepared, and it may take long, so it runs beside the requests. Giving up on the future ends it.
    pub(in crate::db) async fn all_built<T>(
        &mut self,
        sql: &str,
        params: &[Value],
        mut each: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let held = self.take()?;
        let given_up = GivenUp(Some(held.connection.get_interrupt_handle()));
        let (sql, params) = (sql.to_owned(), params.to_vec());
        let search = move || {
            let rows = kept_rows(&held.connection, &sql, &params);
            (held, rows)
        };
        let (held, rows) = spawn_blocking(search).await.map_err(|_| Error::Closed)?;
        given_up.not();
        self.held = Some(held);
        let rows = rows?;
        rows.iter()
            .map(|row| each(&Row(Cells::Sqlite(SqliteRow::Kept(row)))))
            .collect()
    }
}

/// Ends a search that nobody waits for any more.
struct GivenUp(Option<InterruptHandle>);

impl GivenUp {
    fn not(mut self) {
        self.0 = None;
    }
}

impl Drop for GivenUp {
    fn drop(&mut self) {
        if let Some(search) = &self.0 {
            search.interrupt();
        }
    }
}

fn kept_rows(connection: &Connection, sql: &str, params: &[Value]) -> Result<Vec<Vec<Value>>> {
    let mut statement = connection
        .prepare(sql)
        .map_err(Error::while_doing("preparing a search"))?;
    let columns = statement.column_count();
    let params: Vec<Param<'_>> = params.iter().map(Param::from).collect();
    read_all(&mut statement, &params, |row| {
        let Cells::Sqlite(row) = &row.0 else {
            return Err(Error::corrupt("a row", "it is of another database"));
        };
        (0..columns).map(|column| row.value(column).map(kept)).collect()
    })
}

/// Merlon's columns are of no other types.
fn kept(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null | ValueRef::Real(_) => Value::Null,
        ValueRef::Integer(n) => Value::Int(n),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
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
        all.push(each(&Row(Cells::Sqlite(SqliteRow::Live(row))))?);
    }
    Ok(all)
}

impl Drop for SqliteSnapshot {
    fn drop(&mut self) {
        let Some(held) = self.held.take() else {
            return;
        };
        if self.delimited && run(&held.connection, "COMMIT").is_err() {
            return;
        }
        self.home.put_back(held.connection);
    }
}

pub(super) fn value_ref(value: &Value) -> ValueRef<'_> {
    match value {
        Value::Null => ValueRef::Null,
        Value::Int(n) => ValueRef::Integer(*n),
        Value::Text(text) => ValueRef::Text(text.as_bytes()),
        Value::Blob(bytes) => ValueRef::Blob(bytes),
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

/// A row while it is read, or one that was kept.
pub(in crate::db) enum SqliteRow<'a> {
    Live(&'a rusqlite::Row<'a>),
    Kept(&'a [Value]),
}

impl std::fmt::Debug for SqliteRow<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SqliteRow(..)")
    }
}

impl SqliteRow<'_> {
    fn value(&self, column: usize) -> Result<ValueRef<'_>> {
        match self {
            Self::Live(row) => row
                .get_ref(column)
                .map_err(Error::while_doing("reading a column")),
            Self::Kept(row) => row
                .get(column)
                .map(value_ref)
                .ok_or_else(|| Error::corrupt("a row", "it has no such column")),
        }
    }

    pub(in crate::db) fn opt_int(&self, column: usize) -> Result<Option<i64>> {
        match self.value(column)? {
            ValueRef::Null => Ok(None),
            ValueRef::Integer(n) => Ok(Some(n)),
            _ => Err(Error::corrupt("a number column", "it is no number")),
        }
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

    pub(in crate::db) fn opt_blob(&self, column: usize) -> Result<Option<&[u8]>> {
        self.value(column)?
            .as_blob_or_null()
            .map_err(|e| Error::corrupt("a blob column", e))
    }
}
