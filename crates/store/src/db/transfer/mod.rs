//! Moves everything from one database to the other kind, for an operator who grows or goes back: offline, in batches, to be gone on
//! with after an interruption, and proved in the end by a hash over each table of both. The source is never changed.
//!
//! Positions of events stay what they are. On SQLite they are one sequence, which is lane 0 to a server; on a server each lane has
//! its own, whose upper bits SQLite takes for large numbers: it goes on behind the largest, in that lane.

pub(in crate::db) mod catalogue;
mod digest;

use std::ops::ControlFlow;

use tokio::sync::mpsc;

use self::{
    catalogue::{Line, Table},
    digest::TableDigest,
};
use super::{StoreOptions, postgres::PostgresSide, sqlite::SqliteSide};
use crate::{
    commit::Value,
    error::{Error, Result},
    meta,
};

/// Rows of one batch, which is one transaction; fewer if they are large.
const ROWS: usize = 2_000;
/// Bytes of one batch.
const BYTES: usize = 1 << 20;
/// Batches that are read ahead.
const AHEAD: usize = 2;

/// Why a database was not moved. Never holds a value of a row, nor a password.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// It cannot begin like this; the text says why and what to do.
    #[error("{0}")]
    Refused(String),
    /// One of the databases failed.
    #[error("while {doing}")]
    Failed {
        /// What was being done, with which table.
        doing: String,
        /// Why it failed.
        #[source]
        source: Error,
    },
    /// The two do not hold the same rows.
    #[error(
        "table {table} is not the same in both databases ({source_rows} rows in the source, {target_rows} in the target); the target \
         stays unfinished. Was the source changed meanwhile? Empty the target and begin anew"
    )]
    Differs {
        /// The table.
        table: String,
        /// Rows that the source has of it.
        source_rows: u64,
        /// Rows that the target has of it.
        target_rows: u64,
    },
}

type Outcome<T> = Result<T, TransferError>;

/// How far a move is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Rows are being copied.
    Copying,
    /// The target gets its indexes and numbers in order.
    Settling,
    /// Rows of both are read and compared.
    Verifying,
}

/// Something was done.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// What is being done.
    pub stage: Stage,
    /// With which table.
    pub table: &'a str,
    /// Rows that were copied or read since the last time.
    pub rows: u64,
}

/// A table that both databases hold alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedTable {
    /// Its name.
    pub table: String,
    /// How many rows it has.
    pub rows: u64,
    /// SHA-256 over them, in hexadecimal digits.
    pub sha256: String,
}

/// A move that may begin.
#[derive(Debug)]
pub struct Transfer {
    source: Side,
    target: Side,
    tables: Vec<Table>,
    rows: u64,
    there_already: Option<u64>,
}

/// A batch of rows in the order of the key, as many as fit.
pub(in crate::db) type Batches = mpsc::Receiver<Result<Vec<Line>>>;

/// Gathers rows to batches.
pub(in crate::db) struct Batcher {
    sender: mpsc::Sender<Result<Vec<Line>>>,
    batch: Vec<Line>,
    bytes: usize,
}

impl Batcher {
    pub(in crate::db) fn new() -> (Self, Batches) {
        let (sender, ready) = mpsc::channel(AHEAD);
        let gathered = Self {
            sender,
            batch: Vec::new(),
            bytes: 0,
        };
        (gathered, ready)
    }

    /// Adds a row; a batch if that filled it.
    pub(in crate::db) fn add(&mut self, line: Line) -> Option<Vec<Line>> {
        let size = |value: &Value| match value {
            Value::Null | Value::Int(_) => 8,
            Value::Text(text) => text.len(),
            Value::Blob(bytes) => bytes.len(),
        };
        self.bytes += line.iter().map(size).sum::<usize>();
        self.batch.push(line);
        (self.batch.len() >= ROWS || self.bytes >= BYTES).then(|| self.take())
    }

    fn take(&mut self) -> Vec<Line> {
        self.bytes = 0;
        std::mem::take(&mut self.batch)
    }

    /// Where batches are handed on; whoever hands one on waits while nobody takes it.
    pub(in crate::db) fn sender(&self) -> mpsc::Sender<Result<Vec<Line>>> {
        self.sender.clone()
    }

    /// What is still to be handed on once all is read, or reading failed.
    pub(in crate::db) fn rest(mut self, read: Result<()>) -> Option<Result<Vec<Line>>> {
        match read {
            Ok(()) if self.batch.is_empty() => None,
            Ok(()) => Some(Ok(self.take())),
            Err(error) => Some(Err(error)),
        }
    }
}

/// A database that is moved from or to.
#[derive(Debug)]
enum Side {
    Sqlite(SqliteSide),
    Postgres(Box<PostgresSide>),
}

impl Side {
    async fn open(options: &StoreOptions) -> Result<Self> {
        Ok(match options {
            StoreOptions::Sqlite { path } => Self::Sqlite(SqliteSide::new(path)),
            StoreOptions::Postgres(options) => Self::Postgres(Box::new(PostgresSide::open(options).await?)),
        })
    }

    /// Version of its schema; nothing where Merlon laid none.
    async fn version(&self) -> Result<Option<i64>> {
        match self {
            Self::Sqlite(side) => side.version().await,
            Self::Postgres(side) => side.version().await,
        }
    }

    /// The version that this program makes.
    fn newest(&self) -> i64 {
        match self {
            Self::Sqlite(_) => SqliteSide::newest(),
            Self::Postgres(_) => PostgresSide::newest(),
        }
    }

    /// Whether a server seems to run on it. The embedded database has a lock for that, which is the caller's business.
    async fn is_served(&self) -> Result<bool> {
        match self {
            Self::Sqlite(_) => Ok(false),
            Self::Postgres(side) => side.is_served().await,
        }
    }

    /// Lays out the tables where there are none.
    async fn lay_out(&mut self) -> Result<()> {
        match self {
            Self::Sqlite(side) => side.lay_out().await,
            Self::Postgres(side) => side.lay_out().await,
        }
    }

    async fn catalogue(&self) -> Result<Vec<Table>> {
        match self {
            Self::Sqlite(side) => side.catalogue().await,
            Self::Postgres(side) => side.catalogue().await,
        }
    }

    /// A short answer.
    async fn ask(&self, sql: String, params: Vec<Value>) -> Result<Vec<Line>> {
        match self {
            Self::Sqlite(side) => side.ask(sql, params).await,
            Self::Postgres(side) => side.ask(&sql, &params).await,
        }
    }

    /// All rows of a table in the order of its key, those after a key if there is one.
    async fn read(&self, table: &Table, after: Option<Line>) -> Result<Batches> {
        let sql = table.select(after.is_some());
        let params = after.unwrap_or_default();
        match self {
            Self::Sqlite(side) => Ok(side.read(sql, params)),
            Self::Postgres(side) => side.read(sql, params).await,
        }
    }

    /// Writes a batch in one transaction, as long as the mark is there.
    async fn write(&mut self, table: &Table, batch: Vec<Line>) -> Result<()> {
        match self {
            Self::Sqlite(side) => side.write(table, batch).await,
            Self::Postgres(side) => side.write(table, &batch).await,
        }
    }

    /// Runs one statement.
    async fn tell(&mut self, sql: &'static str, params: Vec<Value>) -> Result<()> {
        match self {
            Self::Sqlite(side) => side.tell(sql, params).await,
            Self::Postgres(side) => side.tell(sql, &params).await,
        }
    }

    /// Whatever only this kind of database needs once all rows are there.
    async fn settle(&mut self, tables: &[Table]) -> Result<()> {
        match self {
            Self::Sqlite(side) => side.settle().await,
            Self::Postgres(side) => side.settle(tables).await,
        }
    }

    /// The mark, once nobody writes under it any more: a server may still work for a move that was killed.
    async fn mark(&self) -> Result<Option<Vec<u8>>> {
        let waiting = match self {
            Self::Sqlite(_) => "",
            Self::Postgres(_) => " FOR UPDATE",
        };
        let sql = format!("SELECT value FROM meta WHERE name = $1{waiting}");
        let found = self.ask(sql, vec![meta::UNFINISHED_MOVE.into()]).await?;
        match found.into_iter().flatten().next() {
            Some(Value::Blob(mark)) => Ok(Some(mark)),
            Some(_) => Err(Error::corrupt("meta.value", "it is no blob")),
            None => Ok(None),
        }
    }

    async fn count(&self, table: &Table) -> Result<u64> {
        let found = self.ask(table.count(), Vec::new()).await?;
        match found.into_iter().flatten().next() {
            Some(Value::Int(n)) => u64::try_from(n).map_err(|e| Error::corrupt("a count", e)),
            _ => Err(Error::corrupt("a count", "it is no number")),
        }
    }

    async fn last(&self, table: &Table) -> Result<Option<Line>> {
        Ok(self
            .ask(table.select_last(), Vec::new())
            .await?
            .into_iter()
            .next())
    }
}

fn failed(doing: impl Into<String>) -> impl FnOnce(Error) -> TransferError {
    let doing = doing.into();
    move |source| match source {
        Error::Unusable(text) => TransferError::Refused(text),
        source => TransferError::Failed { doing, source },
    }
}

fn refused<T>(text: &str) -> Outcome<T> {
    Err(TransferError::Refused(text.to_owned()))
}

const BEGIN_ANEW: &str = "To begin anew, empty the target: make a new database, or remove the file";

impl Transfer {
    /// Looks at both databases, and lays out and marks the target if it is empty. A target that holds anything is refused, unless
    /// it is an unfinished move from this source as it is now. Nobody may use either until the end: the caller holds the lock of
    /// the embedded one.
    pub async fn prepare(from: &StoreOptions, to: &StoreOptions) -> Outcome<Self> {
        use StoreOptions::{Postgres, Sqlite};
        if matches!(
            (from, to),
            (Sqlite { .. }, Sqlite { .. }) | (Postgres(_), Postgres(_))
        ) {
            return refused(
                "both databases are of one kind; copy the data directory of a stopped server, or use pg_dump and pg_restore",
            );
        }
        let source = Side::open(from).await.map_err(failed("opening the source"))?;
        check_source(&source).await?;
        let mut target = Side::open(to).await.map_err(failed("opening the target"))?;
        check_target_version(&target).await?;
        target.lay_out().await.map_err(failed("laying out the target"))?;
        let tables = common(&source, &target).await?;
        let (rows, fingerprint) = fingerprint(&source, &tables)
            .await
            .map_err(failed("counting the rows of the source"))?;
        if rows == 0 {
            return refused("the source holds nothing that could be moved");
        }
        let there_already = begin(&mut target, &tables, &fingerprint).await?;
        Ok(Self {
            source,
            target,
            tables,
            rows,
            there_already,
        })
    }

    /// Rows of the source.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Rows that an interrupted move copied; nothing if this one begins.
    pub fn there_already(&self) -> Option<u64> {
        self.there_already
    }

    /// Copies what is missing, compares all, and takes the mark off the target. Nothing if `progress` wanted it to stop: what was
    /// copied stays, and another move goes on from there.
    pub async fn run(
        mut self,
        mut progress: impl FnMut(Progress<'_>) -> ControlFlow<()> + Send,
    ) -> Outcome<Option<Vec<MovedTable>>> {
        for table in self.tables.clone() {
            let copied = self.copy(&table, &mut progress).await?;
            if copied.is_break() {
                return Ok(None);
            }
        }
        let settling = Progress {
            stage: Stage::Settling,
            table: "",
            rows: 0,
        };
        if progress(settling).is_break() {
            return Ok(None);
        }
        (self.target.settle(&self.tables).await).map_err(failed("putting the target in order"))?;
        let mut moved = Vec::with_capacity(self.tables.len());
        for table in &self.tables {
            match self.compare(table, &mut progress).await? {
                ControlFlow::Continue(same) => moved.push(same),
                ControlFlow::Break(()) => return Ok(None),
            }
        }
        let unmark = "DELETE FROM meta WHERE name = $1";
        (self.target.tell(unmark, vec![meta::UNFINISHED_MOVE.into()]).await)
            .map_err(failed("taking the mark off the target"))?;
        Ok(Some(moved))
    }

    async fn copy(
        &mut self,
        table: &Table,
        progress: &mut (impl FnMut(Progress<'_>) -> ControlFlow<()> + Send),
    ) -> Outcome<ControlFlow<()>> {
        let doing = || failed(format!("copying table {}", table.name));
        let last = match self.there_already {
            Some(_) => self.target.last(table).await.map_err(doing())?,
            None => None,
        };
        let after = last.map(|line| table.key_of(&line));
        let mut batches = self.source.read(table, after).await.map_err(doing())?;
        while let Some(batch) = batches.recv().await {
            let batch = batch.map_err(doing())?;
            let done = Progress {
                stage: Stage::Copying,
                table: &table.name,
                rows: batch.len() as u64,
            };
            self.target.write(table, batch).await.map_err(doing())?;
            if progress(done).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Reads a table of both, side by side.
    async fn compare(
        &self,
        table: &Table,
        progress: &mut (impl FnMut(Progress<'_>) -> ControlFlow<()> + Send),
    ) -> Outcome<ControlFlow<(), MovedTable>> {
        let doing = || failed(format!("verifying table {}", table.name));
        let mut ours = self.source.read(table, None).await.map_err(doing())?;
        let mut theirs = self.target.read(table, None).await.map_err(doing())?;
        let (mut source, mut target) = (TableDigest::new(table), TableDigest::new(table));
        loop {
            let (batch, digest) = tokio::select! {
                Some(batch) = ours.recv() => (batch, &mut source),
                Some(batch) = theirs.recv() => (batch, &mut target),
                else => break,
            };
            let batch = batch.map_err(doing())?;
            for line in &batch {
                digest.add(line);
            }
            let done = Progress {
                stage: Stage::Verifying,
                table: &table.name,
                rows: batch.len() as u64,
            };
            if progress(done).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        let ((rows, sha256), (target_rows, found)) = (source.finish(), target.finish());
        if (rows, &sha256) != (target_rows, &found) {
            return Err(TransferError::Differs {
                table: table.name.clone(),
                source_rows: rows,
                target_rows,
            });
        }
        Ok(ControlFlow::Continue(MovedTable {
            table: table.name.clone(),
            rows,
            sha256,
        }))
    }
}

async fn check_source(source: &Side) -> Outcome<()> {
    let doing = || failed("looking at the source");
    let newest = source.newest();
    match source.version().await.map_err(doing())? {
        None | Some(0) => return refused("the source holds no Merlon"),
        Some(version) if version < newest => {
            return refused(&format!(
                "the source has schema version {version}, this program has {newest}; start it once with this program, stop it, and \
                 move then"
            ));
        }
        Some(version) if version > newest => {
            return refused(&format!(
                "the source has schema version {version}, this program knows up to {newest}; use the newer program"
            ));
        }
        Some(_) => {}
    }
    if source.mark().await.map_err(doing())?.is_some() {
        return refused(
            "the source is itself the target of a move that was not finished; finish that one first",
        );
    }
    if source.is_served().await.map_err(doing())? {
        return refused(
            "somebody is connected to the source under the name of a server; stop all nodes first",
        );
    }
    Ok(())
}

async fn check_target_version(target: &Side) -> Outcome<()> {
    let newest = target.newest();
    match target.version().await.map_err(failed("looking at the target"))? {
        Some(version) if version != 0 && version != newest => refused(&format!(
            "the target was laid out by another version of this program (schema {version}, this one has {newest}). {BEGIN_ANEW}"
        )),
        _ => Ok(()),
    }
}

/// The tables that hold data, which are those of the embedded database: a server has further ones for its nodes, and may have some
/// that are not ours. The key of each is the server's: the embedded database may keep rows by a number of its own.
async fn common(source: &Side, target: &Side) -> Outcome<Vec<Table>> {
    let ours = (source.catalogue().await).map_err(failed("reading the catalogue of the source"))?;
    let theirs = (target.catalogue().await).map_err(failed("reading the catalogue of the target"))?;
    let (embedded, server) = match source {
        Side::Sqlite(_) => (ours, theirs),
        Side::Postgres(_) => (theirs, ours),
    };
    let twin = |table: &Table| {
        let mut twins = server.iter().filter(|other| other.name == table.name);
        twins
            .find(|other| other.columns == table.columns && !other.key.is_empty())
            .cloned()
    };
    let tables = embedded.iter().map(|table| {
        let differs = || {
            TransferError::Refused(format!(
                "table {} is not laid out alike in both databases",
                table.name
            ))
        };
        twin(table).ok_or_else(differs)
    });
    tables.collect()
}

/// How many rows there are, and what tells this source, as it is now, from all others: the number of rows of each table with its
/// first and its last.
async fn fingerprint(source: &Side, tables: &[Table]) -> Result<(u64, String)> {
    let mut rows = 0;
    let mut all = String::new();
    for table in tables {
        let count = source.count(table).await?;
        let mut digest = TableDigest::new(table);
        digest.note(count);
        for line in source.ask(table.select_first(), Vec::new()).await? {
            digest.add(&line);
        }
        if let Some(line) = source.last(table).await? {
            digest.add(&line);
        }
        rows += count;
        all.push_str(&digest.finish().1);
    }
    Ok((rows, format!("{} {all}", source.newest())))
}

/// Marks an empty target, or finds the mark of a move from this source; answers how many rows are there then.
async fn begin(target: &mut Side, tables: &[Table], fingerprint: &str) -> Outcome<Option<u64>> {
    let doing = || failed("looking at the target");
    let mark = target.mark().await.map_err(doing())?;
    let mut rows = 0;
    for table in tables {
        rows += target.count(table).await.map_err(doing())?;
    }
    match mark {
        Some(mark) if mark == fingerprint.as_bytes() => return Ok(Some(rows)),
        Some(_) => {
            return refused(&format!(
                "the target is the unfinished move of another source, or the source has changed since. {BEGIN_ANEW}"
            ));
        }
        None if rows > 0 => {
            return refused(
                "the target holds data already; nothing is mixed into it. Give an empty database",
            );
        }
        None => {}
    }
    let put = "INSERT INTO meta (name, value) VALUES ($1, $2)";
    let mark = vec![meta::UNFINISHED_MOVE.into(), Value::from(fingerprint.as_bytes())];
    target
        .tell(put, mark)
        .await
        .map_err(failed("marking the target"))?;
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::{catalogue::Column, *};
    use crate::db::PostgresOptions;

    async fn catalogue(options: StoreOptions) -> Vec<Table> {
        let mut side = Side::open(&options).await.unwrap();
        side.lay_out().await.unwrap();
        side.catalogue().await.unwrap()
    }

    /// Whoever adds a table or a column to one database alone hears of it here: it would not be moved.
    #[tokio::test]
    async fn both_databases_have_the_same_tables_and_columns() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("merlon.db");
        let embedded = catalogue(StoreOptions::Sqlite { path }).await;
        let database = testkit::postgres_server::database();
        let server = catalogue(StoreOptions::Postgres(PostgresOptions::new(database.url()))).await;
        let shapes = |tables: &[Table]| -> Vec<(String, Vec<Column>)> {
            let shape = |table: &Table| (table.name.clone(), table.columns.clone());
            tables.iter().map(shape).collect()
        };
        assert_eq!(shapes(&embedded), shapes(&server));
        assert!(embedded.len() > 10, "they hold something");
        let without_key: Vec<_> = server.iter().filter(|table| table.key.is_empty()).collect();
        assert_eq!(without_key, Vec::<&Table>::new());
    }
}
