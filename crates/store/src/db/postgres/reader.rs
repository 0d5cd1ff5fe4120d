//! Views to read from: a connection of the pool for as long as the view lasts.

use std::{sync::Arc, time::Duration};

use deadpool::managed::{Object, Pool, PoolError, Timeouts};
use tokio::time::{Instant, sleep};
use tokio_postgres::{Row as ServerRow, types::Type};

use super::{
    Health,
    link::{FOR_ANY_SIZE, FOR_THIS_SIZE, Links, Ready, Sending, Source, failed, in_one_go},
    statement::{bound, bound_values},
};
use crate::{
    commit::Value,
    db::{Cells, Param, Row},
    error::{Error, Result},
};

/// How long somebody waits for a connection that others have.
const WAIT: Duration = Duration::from_secs(2);
/// How long it is until it is looked for one again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// All queries of a view see one state: that of its first.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// The connections that read.
#[derive(Clone, Debug)]
pub(super) struct Readers(Pool<Links>);

impl Readers {
    pub(super) fn new(source: &Arc<Source>, most: usize) -> Result<Self> {
        let pool = Pool::builder(Links(Arc::clone(source)))
            .max_size(most.max(1))
            .timeouts(Timeouts {
                wait: Some(WAIT),
                create: None,
                recycle: None,
            })
            .runtime(deadpool::Runtime::Tokio1)
            .build();
        let pool = pool.map_err(|e| Error::Unusable(format!("no pool of connections: {e}")))?;
        Ok(Self(pool))
    }

    /// One that is free, or a new one. Where the server has none left for us, one that others give back has to do.
    async fn take(&self) -> Result<Object<Links>> {
        let begun = Instant::now();
        loop {
            match self.0.get().await {
                Err(PoolError::Backend(Error::Overloaded)) if begun.elapsed() < WAIT => {
                    sleep(LOOK_AGAIN).await;
                }
                taken => {
                    return taken.map_err(|error| match error {
                        PoolError::Timeout(_) => Error::Overloaded,
                        PoolError::Closed => Error::Closed,
                        PoolError::Backend(error) => error,
                        PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => Error::Unavailable,
                    });
                }
            }
        }
    }

    pub(super) fn close(&self) {
        self.0.close();
    }
}

#[derive(Debug)]
pub(in crate::db) struct PostgresSnapshot {
    /// Nothing once it was dropped.
    link: Option<Object<Links>>,
    pool: Readers,
    health: Health,
    begun: bool,
    /// Whether something is under way on the connection that may reach somebody else, or never end.
    spoiled: bool,
}

impl PostgresSnapshot {
    pub(super) async fn new(pool: &Readers, health: &Health) -> Result<Self> {
        if !health.is_well() {
            return Err(Error::Unavailable);
        }
        Ok(Self {
            link: Some(health.after(pool.take().await)?),
            pool: pool.clone(),
            health: health.clone(),
            begun: false,
            spoiled: false,
        })
    }

    /// The rows of a query. What they become is the caller's, so that all queries share this code.
    pub(in crate::db) async fn all(
        &mut self,
        sql: &'static str,
        params: &[Param<'_>],
    ) -> Result<Vec<ServerRow>> {
        let (first, health) = (!self.begun, self.health.clone());
        let mut rows = health.awaits(self.rows(sql, params)).await;
        if first && health.is_well() && matches!(rows, Err(Error::Unavailable)) {
            // The connection may have died while it lay in the pool. Nothing was read by it yet: another will do.
            self.take_another().await?;
            rows = health.awaits(self.rows(sql, params)).await;
        }
        self.spoiled = matches!(rows, Err(Error::Unavailable));
        health.after(rows)
    }

    async fn take_another(&mut self) -> Result<()> {
        if let Some(dead) = self.link.take() {
            drop(Object::take(dead));
        }
        self.begun = false;
        self.link = Some(self.pool.take().await?);
        Ok(())
    }

    async fn rows(&mut self, sql: &'static str, params: &[Param<'_>]) -> Result<Vec<ServerRow>> {
        let statement = self.link.as_ref().ok_or(Error::Closed)?.ready(sql).await?;
        let params: Vec<Param<'_>> = params.iter().map(askable).collect();
        self.send(&statement, &bound(&params)).await
    }

    /// As [`Self::all`], for a search: its text is rarely used twice, so it is not kept prepared, and it may take long, so
    /// the server is told when the future is given up.
    pub(in crate::db) async fn all_built(&mut self, sql: &str, params: &[Value]) -> Result<Vec<ServerRow>> {
        let given_up = self.link.as_ref().ok_or(Error::Closed)?.unless_given_up();
        let params: Vec<Value> = params.iter().map(askable_value).collect();
        let health = self.health.clone();
        self.spoiled = true;
        let rows = health
            .awaits(self.send(&Ready::Text(sql), &bound_values(&params)))
            .await;
        self.spoiled = matches!(rows, Err(Error::Unavailable));
        given_up.not();
        health.after(rows)
    }

    /// The first query travels with the beginning of the view; one that is not prepared is planned for what the tables hold now.
    async fn send(
        &mut self,
        statement: &Ready<'_>,
        params: &[super::link::Bound<'_>],
    ) -> Result<Vec<ServerRow>> {
        let link = self.link.as_ref().ok_or(Error::Closed)?;
        let (begins, anew) = (!self.begun, matches!(statement, Ready::Text(_)));
        if !begins && !anew {
            return link.rows(statement, params).await;
        }
        self.begun |= begins;
        let command = |sql| async move { link.command(sql).await.map(|()| Vec::new()) };
        let plan = |how| async move {
            link.set(how).await;
            Ok(Vec::new())
        };
        let mut all: Vec<Sending<'_, Vec<ServerRow>>> = Vec::with_capacity(4);
        if begins {
            all.push(Box::pin(command(BEGIN)));
        }
        if anew {
            all.push(Box::pin(plan(FOR_THIS_SIZE)));
        }
        let query = all.len();
        all.push(Box::pin(link.ask(statement, params)));
        if anew {
            all.push(Box::pin(plan(FOR_ANY_SIZE)));
        }
        let mut rows = Vec::new();
        for (place, answer) in in_one_go(all).await.into_iter().enumerate() {
            let answer = answer.map_err(failed("reading"))?;
            if place == query {
                rows = answer;
            }
        }
        Ok(rows)
    }
}

impl Drop for PostgresSnapshot {
    fn drop(&mut self) {
        let Some(link) = self.link.take() else {
            return;
        };
        if self.spoiled {
            // What ends a search may reach the server late, what it does not answer it may answer later: nobody else is to use
            // this connection.
            drop(Object::take(link));
        } else if self.begun {
            link.command_aside("COMMIT");
        }
    }
}

/// The server keeps no text with a NUL and refuses to compare one: this is asked for in its place, and nothing is like it,
/// for U+10FFFF is a noncharacter.
const NOWHERE: &str = "\u{10ffff}";

pub(super) fn askable<'a>(param: &Param<'a>) -> Param<'a> {
    match param {
        Param::Text(text) if text.contains('\0') => Param::Text(NOWHERE),
        other => *other,
    }
}

fn askable_value(value: &Value) -> Value {
    match value {
        Value::Text(text) if text.contains('\0') => NOWHERE.into(),
        other => other.clone(),
    }
}

/// What becomes of rows.
pub(in crate::db) fn turned<T>(
    rows: &[ServerRow],
    mut each: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let row = |row| each(&Row(Cells::Postgres(PostgresRow(row))));
    rows.iter().map(row).collect()
}

/// A row of an answer.
pub(in crate::db) struct PostgresRow<'a>(&'a ServerRow);

impl std::fmt::Debug for PostgresRow<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PostgresRow(..)")
    }
}

impl<'a> PostgresRow<'a> {
    pub(super) fn new(row: &'a ServerRow) -> Self {
        Self(row)
    }

    pub(in crate::db) fn opt_int(&self, column: usize) -> Result<Option<i64>> {
        let kind = self.0.columns().get(column).map(tokio_postgres::Column::type_);
        let number = match kind {
            Some(&Type::INT2) => self.0.try_get::<_, Option<i16>>(column).map(|n| n.map(i64::from)),
            Some(&Type::INT4) => self.0.try_get::<_, Option<i32>>(column).map(|n| n.map(i64::from)),
            _ => self.0.try_get(column),
        };
        number.map_err(|_| Error::corrupt("a number column", "it is no number"))
    }

    pub(in crate::db) fn opt_text(&self, column: usize) -> Result<Option<&'a str>> {
        let text = self.0.try_get(column);
        text.map_err(|_| Error::corrupt("a text column", "it is no text"))
    }

    pub(in crate::db) fn opt_blob(&self, column: usize) -> Result<Option<&'a [u8]>> {
        let bytes = self.0.try_get(column);
        bytes.map_err(|_| Error::corrupt("a blob column", "it is no blob"))
    }
}
