//! The embedded database as the source or the target of a move to another kind.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, params_from_iter, types::ValueRef};
use tokio::task::spawn_blocking;

use super::{connect, connect_reader, migrate};
use crate::{
    commit::Value,
    db::transfer::{
        Batcher, Batches,
        catalogue::{self, Entry, Kind, Line, Table, placeholders},
    },
    error::{Error, Result},
    read::user_text,
};

/// The page cache of the connection that fills a database, in MiB: its indexes are filled in no order.
const CACHE: i64 = 256;

/// A database file that is read, and written once it was laid out.
#[derive(Debug)]
pub(in crate::db) struct SqliteSide {
    path: PathBuf,
    /// Only in a target.
    writer: Option<Connection>,
}

/// Only tables of ours that hold rows: an index of texts and what the library keeps for itself come with the database.
const CATALOGUE: &str =
    "SELECT t.name, c.name, c.type, 0 FROM pragma_table_list AS t JOIN pragma_table_info(t.name) AS c
    WHERE t.schema = 'main' AND t.type = 'table' AND t.name NOT LIKE 'sqlite!_%' ESCAPE '!'";

impl SqliteSide {
    pub(in crate::db) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            writer: None,
        }
    }

    pub(in crate::db) fn newest() -> i64 {
        migrate::newest()
    }

    pub(in crate::db) async fn version(&self) -> Result<Option<i64>> {
        if !self.path.exists() {
            return Ok(None);
        }
        let sql = "SELECT user_version FROM pragma_user_version".to_owned();
        match self.ask(sql, Vec::new()).await?.into_iter().flatten().next() {
            Some(Value::Int(version)) => Ok(Some(version)),
            _ => Err(Error::corrupt("user_version", "it is no number")),
        }
    }

    pub(in crate::db) async fn lay_out(&mut self) -> Result<()> {
        let path = self.path.clone();
        let lay = move || {
            let connection = connect(&path, CACHE)?;
            migrate::lay_out(&connection)?;
            // Nobody else copies the log into the file here.
            connection
                .pragma_update(None, "wal_autocheckpoint", 4_000)
                .map_err(Error::while_doing("preparing the database"))?;
            Ok(connection)
        };
        self.writer = Some(in_a_thread(lay).await?);
        Ok(())
    }

    pub(in crate::db) async fn catalogue(&self) -> Result<Vec<Table>> {
        let found = self.ask(CATALOGUE.to_owned(), Vec::new()).await?;
        let kind = |ty: &str| match ty {
            "INTEGER" => Some(Kind::Int),
            "TEXT" => Some(Kind::Text),
            "BLOB" => Some(Kind::Blob),
            _ => None,
        };
        catalogue::tables(
            found
                .iter()
                .map(|line| Entry::read(line, kind))
                .collect::<Result<_>>()?,
        )
    }

    pub(in crate::db) async fn ask(&self, sql: String, params: Vec<Value>) -> Result<Vec<Line>> {
        let path = self.path.clone();
        in_a_thread(move || {
            let mut all = Vec::new();
            each_row(&connect_reader(&path)?, &sql, &params, |line| {
                all.push(line);
                true
            })?;
            Ok(all)
        })
        .await
    }

    pub(in crate::db) fn read(&self, sql: String, params: Vec<Value>) -> Batches {
        let path = self.path.clone();
        let (mut gathered, batches) = Batcher::new();
        spawn_blocking(move || {
            let sender = gathered.sender();
            let read = connect_reader(&path).and_then(|connection| {
                each_row(&connection, &sql, &params, |line| match gathered.add(line) {
                    Some(batch) => sender.blocking_send(Ok(batch)).is_ok(),
                    None => true,
                })
            });
            if let Some(rest) = gathered.rest(read) {
                // Whoever does not wait for it any more does not need to hear of it.
                drop(sender.blocking_send(rest));
            }
        });
        batches
    }

    pub(in crate::db) async fn write(&mut self, table: &Table, batch: Vec<Line>) -> Result<()> {
        let (name, names) = (&table.name, table.names());
        let values = placeholders(1, table.columns.len());
        let sql = format!("INSERT INTO \"{name}\" ({names}) VALUES ({values})");
        self.with_writer(move |connection| {
            connection.execute_batch("BEGIN IMMEDIATE")?;
            {
                let mut insert = connection.prepare_cached(&sql)?;
                for line in &batch {
                    insert.execute(params_from_iter(line))?;
                }
            }
            connection.execute_batch("COMMIT")
        })
        .await
    }

    pub(in crate::db) async fn tell(&mut self, sql: &'static str, params: Vec<Value>) -> Result<()> {
        self.with_writer(move |connection| connection.execute(sql, params_from_iter(&params)).map(drop))
            .await
    }

    /// Fills the index over parts of texts, and brings everything from the log into the file.
    pub(in crate::db) async fn settle(&mut self) -> Result<()> {
        self.with_writer(|connection| {
            connection.execute_batch(&format!(
                "BEGIN IMMEDIATE; {}; COMMIT; PRAGMA wal_checkpoint(TRUNCATE)",
                user_text::FILL_ANEW
            ))
        })
        .await
    }

    /// A connection that failed is not used again: what it had begun ends with it.
    async fn with_writer(
        &mut self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static,
    ) -> Result<()> {
        let connection = self.writer.take().ok_or(Error::Closed)?;
        let work = move || {
            work(&connection).map_err(Error::while_doing("writing rows"))?;
            Ok(connection)
        };
        self.writer = Some(in_a_thread(work).await?);
        Ok(())
    }
}

async fn in_a_thread<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    spawn_blocking(work).await.map_err(|_| Error::Closed)?
}

/// Hands out rows as long as they are wanted.
fn each_row(
    connection: &Connection,
    sql: &str,
    params: &[Value],
    mut each: impl FnMut(Line) -> bool,
) -> Result<()> {
    let doing = || Error::while_doing("reading rows");
    let mut statement = connection.prepare(sql).map_err(doing())?;
    let columns = statement.column_count();
    let mut rows = statement.query(params_from_iter(params)).map_err(doing())?;
    while let Some(row) = rows.next().map_err(doing())? {
        let cells = (0..columns).map(|column| value(row.get_ref(column).map_err(doing())?));
        if !each(cells.collect::<Result<_>>()?) {
            break;
        }
    }
    Ok(())
}

fn value(cell: ValueRef<'_>) -> Result<Value> {
    match cell {
        ValueRef::Null => Ok(Value::Null),
        ValueRef::Integer(n) => Ok(Value::Int(n)),
        ValueRef::Blob(bytes) => Ok(Value::Blob(bytes.to_vec())),
        ValueRef::Text(bytes) => std::str::from_utf8(bytes)
            .map(Value::from)
            .map_err(|e| Error::corrupt("a text column", e)),
        ValueRef::Real(_) => Err(Error::corrupt("a column", "it is no whole number")),
    }
}
