//! A server's database as the source or the target of a move from or to the embedded one.

use std::{collections::BTreeSet, fmt, pin::pin, sync::Arc, time::Duration};

use futures_util::TryStreamExt;
use tokio_postgres::{Row, types::Type};

use super::{
    PostgresOptions,
    batch::LANES,
    link::{Bound, Link, Ready, Source, failed},
    migrate,
    reader::PostgresRow,
    statement::{Column, bound_values},
};
use crate::{
    commit::Value,
    db::transfer::{
        Batcher, Batches,
        catalogue::{self, Entry, Kind, Line, Table},
    },
    error::{Error, Result},
    meta,
};

/// How often it is looked whether nodes that were stopped are gone, and how long between.
const LOOKS: u32 = 30;
const PAUSE: Duration = Duration::from_millis(100);

/// A database of a server: one connection that asks and writes, and one for each table that is read.
pub(in crate::db) struct PostgresSide {
    source: Arc<Source>,
    link: Link,
}

impl fmt::Debug for PostgresSide {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgresSide(..)")
    }
}

const CATALOGUE: &str = "SELECT CAST(c.table_name AS TEXT), CAST(c.column_name AS TEXT), CAST(c.data_type AS TEXT),
        CAST(coalesce(k.ordinal_position, 0) AS BIGINT)
    FROM information_schema.tables t
    JOIN information_schema.columns c ON c.table_schema = t.table_schema AND c.table_name = t.table_name
    LEFT JOIN information_schema.table_constraints p
        ON p.table_schema = t.table_schema AND p.table_name = t.table_name AND p.constraint_type = 'PRIMARY KEY'
    LEFT JOIN information_schema.key_column_usage k ON k.constraint_schema = p.constraint_schema
        AND k.constraint_name = p.constraint_name AND k.table_name = c.table_name AND k.column_name = c.column_name
    WHERE t.table_schema = current_schema() AND t.table_type = 'BASE TABLE' AND NOT c.table_name = ANY ($1)";

/// Tables that only a server with its nodes needs.
const OF_NODES: [&str; 5] = ["committer", "lane", "merlon_schema", "node", "standing"];

/// Others that are connected under the name that nodes have.
const SERVED: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
    AND application_name = current_setting('application_name') AND pid <> pg_backend_pid()";

/// Each lane goes on behind the last event that is there of it.
const LANES_ON: &str = "UPDATE lane SET pos = greatest(lane.pos, coalesce((SELECT max(e.pos) FROM event e
    WHERE e.pos > lane.id * 281474976710656 AND e.pos < (lane.id + 1) * 281474976710656), 0))";

impl PostgresSide {
    pub(in crate::db) async fn open(options: &PostgresOptions) -> Result<Self> {
        let source = Arc::new(Source::new(options)?);
        let link = source.connect().await?;
        Ok(Self { source, link })
    }

    pub(in crate::db) fn newest() -> i64 {
        migrate::newest()
    }

    pub(in crate::db) async fn version(&self) -> Result<Option<i64>> {
        migrate::made_by(&self.link).await
    }

    /// Nodes that were stopped just now take a moment to be gone.
    pub(in crate::db) async fn is_served(&self) -> Result<bool> {
        for _ in 0..LOOKS {
            let others = self.ask(SERVED, &[]).await?;
            if others.into_iter().flatten().next() == Some(Value::Int(0)) {
                return Ok(false);
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(true)
    }

    pub(in crate::db) async fn lay_out(&self) -> Result<()> {
        migrate::lay_out(&self.link).await
    }

    /// All tables of the schema but those of nodes. Those with columns of types that we do not use are somebody else's.
    pub(in crate::db) async fn catalogue(&self) -> Result<Vec<Table>> {
        let of_nodes = OF_NODES.to_vec();
        let rows = self
            .link
            .rows(&Ready::Text(CATALOGUE), &[(&of_nodes, Type::TEXT_ARRAY)])
            .await?;
        let kind = |ty: &str| match ty {
            "bigint" => Some(Kind::Int),
            "text" => Some(Kind::Text),
            "bytea" => Some(Kind::Blob),
            _ => None,
        };
        let entries = rows.iter().map(|row| Entry::read(&line(row)?, kind));
        let entries: Vec<Entry> = entries.collect::<Result<_>>()?;
        let strange: BTreeSet<String> = (entries.iter())
            .filter(|entry| entry.kind.is_none())
            .map(|entry| entry.table.clone())
            .collect();
        let ours = entries
            .into_iter()
            .filter(|entry| !strange.contains(&entry.table));
        catalogue::tables(ours.collect())
    }

    pub(in crate::db) async fn ask(&self, sql: &str, params: &[Value]) -> Result<Vec<Line>> {
        let rows = self.link.rows(&Ready::Text(sql), &bound_values(params)).await?;
        rows.iter().map(line).collect()
    }

    pub(in crate::db) async fn read(&self, sql: String, params: Vec<Value>) -> Result<Batches> {
        let link = self.source.connect().await?;
        let (mut gathered, batches) = Batcher::new();
        tokio::spawn(async move {
            let sender = gathered.sender();
            let read = stream(&link, &sql, &params, &mut gathered).await;
            if let Some(rest) = gathered.rest(read) {
                // Whoever does not wait for it any more does not need to hear of it.
                drop(sender.send(rest).await);
            }
        });
        Ok(batches)
    }

    /// One statement, which is its own transaction. It holds the mark while it writes, so that whoever comes after a move that was
    /// killed waits for what that still had under way.
    pub(in crate::db) async fn write(&self, table: &Table, batch: &[Line]) -> Result<()> {
        let columns =
            (table.columns.iter().enumerate()).map(|(n, column)| cells(table, batch, n, column.kind));
        let columns: Vec<Column<'_>> = columns.collect::<Result<_>>()?;
        let mark = meta::UNFINISHED_MOVE;
        let mut params: Vec<Bound<'_>> = vec![(&mark, Type::TEXT)];
        params.extend(columns.iter().filter_map(Column::bound));
        let sql = insert(table, &columns);
        let written = self.link.tell(&Ready::Text(&sql), &params).await;
        match written.map_err(failed("writing rows"))? {
            written if written == batch.len() as u64 => Ok(()),
            _ => Err(Error::Unusable(
                "the target has lost its mark: another move has finished it, or somebody has emptied it"
                    .into(),
            )),
        }
    }

    pub(in crate::db) async fn tell(&self, sql: &str, params: &[Value]) -> Result<()> {
        let told = self.link.tell(&Ready::Text(sql), &bound_values(params)).await;
        told.map(drop).map_err(failed("writing a row"))
    }

    /// Positions go on behind what is there; the planner learns what is there.
    pub(in crate::db) async fn settle(&self, tables: &[Table]) -> Result<()> {
        self.tell(LANES_ON, &[]).await?;
        let outside = "SELECT max(pos) FROM event";
        let last = self.ask(outside, &[]).await?.into_iter().flatten().next();
        if let Some(Value::Int(last)) = last
            && usize::try_from(last >> 48).is_ok_and(|lane| lane >= LANES)
        {
            return Err(Error::corrupt("event.pos", "it is of no lane"));
        }
        for table in tables {
            let analyze = format!("ANALYZE \"{}\"", table.name);
            self.link
                .command(&analyze)
                .await
                .map_err(failed("counting for the planner"))?;
        }
        Ok(())
    }
}

/// The statement that writes a batch: nothing if the mark is gone.
fn insert(table: &Table, columns: &[Column<'_>]) -> String {
    let arrays: Vec<String> = (columns.iter().zip(2..))
        .map(|(column, n)| format!("${n}::{}", column.sql_type()))
        .collect();
    let (name, names, arrays) = (&table.name, table.names(), arrays.join(", "));
    format!(
        "WITH mark AS (SELECT 1 AS one FROM meta WHERE name = $1 FOR UPDATE)
         INSERT INTO \"{name}\" ({names})
         SELECT {names} FROM (SELECT v.* FROM mark CROSS JOIN unnest({arrays}) AS v ({names})) AS all_of_them"
    )
}

/// One column of a batch. The server keeps no text with a NUL.
fn cells<'a>(table: &Table, batch: &'a [Line], n: usize, kind: Kind) -> Result<Column<'a>> {
    let cells = batch.iter().map(|line| line.get(n).unwrap_or(&Value::Null));
    let other = || Error::corrupt("a column", "it is of another type than its table says");
    Ok(match kind {
        Kind::Int => Column::Ints(
            cells
                .map(|cell| match cell {
                    Value::Null => Ok(None),
                    Value::Int(n) => Ok(Some(*n)),
                    _ => Err(other()),
                })
                .collect::<Result<_>>()?,
        ),
        Kind::Text => Column::Texts(
            cells
                .map(|cell| match cell {
                    Value::Null => Ok(None),
                    Value::Text(text) if text.contains('\0') => Err(Error::Unusable(format!(
                        "a text in table {} holds a NUL character, which PostgreSQL cannot keep; change it before moving",
                        table.name
                    ))),
                    Value::Text(text) => Ok(Some(&**text)),
                    _ => Err(other()),
                })
                .collect::<Result<_>>()?,
        ),
        Kind::Blob => Column::Blobs(
            cells
                .map(|cell| match cell {
                    Value::Null => Ok(None),
                    Value::Blob(bytes) => Ok(Some(&**bytes)),
                    _ => Err(other()),
                })
                .collect::<Result<_>>()?,
        ),
    })
}

/// Rows as they come; the server waits while nobody takes them.
async fn stream(link: &Link, sql: &str, params: &[Value], gathered: &mut Batcher) -> Result<()> {
    let doing = || failed("reading rows");
    let sender = gathered.sender();
    let mut rows = pin!(link.stream(sql, bound_values(params)).await.map_err(doing())?);
    while let Some(row) = rows.try_next().await.map_err(doing())? {
        if let Some(batch) = gathered.add(line(&row)?)
            && sender.send(Ok(batch)).await.is_err()
        {
            break;
        }
    }
    Ok(())
}

fn line(row: &Row) -> Result<Line> {
    let cells = PostgresRow::new(row);
    let value = |(n, column): (usize, &tokio_postgres::Column)| {
        Ok(match *column.type_() {
            Type::TEXT | Type::VARCHAR | Type::NAME => cells.opt_text(n)?.map_or(Value::Null, Value::from),
            Type::BYTEA => cells.opt_blob(n)?.map_or(Value::Null, Value::from),
            _ => cells.opt_int(n)?.map_or(Value::Null, Value::from),
        })
    };
    row.columns().iter().enumerate().map(value).collect()
}
