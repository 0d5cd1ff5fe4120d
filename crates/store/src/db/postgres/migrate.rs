//! Brings a database to the shape that this version needs. Of several nodes that start at once one does it; the others wait
//! for it at a row.

use tokio_postgres::error::SqlState;

use super::{
    link::{Link, Ready, Source, failed},
    reader::PostgresRow,
    statement::bound,
};
use crate::{
    db::Param,
    error::{Error, Result},
    meta,
};

/// What leads from one version to the next.
struct Step {
    sql: &'static str,
    /// The oldest version of the program's schema that can go on working beside it.
    bearable_to: i64,
}

const STEPS: &[Step] = &[
    Step {
        sql: include_str!("../../../migrations/postgres/0001_start.sql"),
        bearable_to: 1,
    },
    Step {
        sql: include_str!("../../../migrations/postgres/0002_user_state.sql"),
        bearable_to: 2,
    },
    Step {
        sql: include_str!("../../../migrations/postgres/0003_inbox_order.sql"),
        bearable_to: 3,
    },
];

const VERSION: &str = "SELECT version, bearable_to FROM merlon_schema WHERE id = 1";
const LAY: &str = "CREATE TABLE IF NOT EXISTS merlon_schema (id BIGINT NOT NULL PRIMARY KEY, version BIGINT NOT NULL, bearable_to BIGINT NOT NULL);
    INSERT INTO merlon_schema (id, version, bearable_to) VALUES (1, 0, 0) ON CONFLICT (id) DO NOTHING";

/// The version that the steps lead to.
pub(super) fn newest() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// What a running node asks: the oldest version of the schema that can work beside the one that is there, and the time in microseconds.
pub(super) const PULSE: &str =
    "SELECT bearable_to, CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)
    FROM merlon_schema WHERE id = 1";

/// The version of a database; nothing where nothing was laid.
pub(super) async fn made_by(link: &Link) -> Result<Option<i64>> {
    Ok(version(link, VERSION).await?.map(|(version, _)| version))
}

/// Applies the steps that are missing, all or none. A database that a newer program made and this one cannot bear is refused
/// untouched, and so is one that is being filled from another.
pub(super) async fn migrate(source: &Source) -> Result<()> {
    let link = source.connect().await?;
    fit(&link).await?;
    if is_unfinished(&link).await? {
        return Err(Error::Unusable(meta::NOT_ALL_THERE.into()));
    }
    lay_out(&link).await
}

/// The oldest server that has everything.
const OLDEST: i64 = 130_000;
const SERVER: &str =
    "SELECT current_setting('server_encoding'), CAST(current_setting('server_version_num') AS BIGINT)";

/// Refuses a server that is too old, and a database whose encoding lacks characters that people have in their names.
async fn fit(link: &Link) -> Result<()> {
    let rows = link.rows(&Ready::Text(SERVER), &[]).await?;
    let Some(row) = rows.first().map(PostgresRow::new) else {
        return Err(Error::Unavailable);
    };
    let encoding = row.opt_text(0)?.unwrap_or_default();
    if !encoding.eq_ignore_ascii_case("UTF8") {
        return Err(Error::Unusable(format!(
            "the database has the encoding {encoding}; make one with UTF8 (CREATE DATABASE .. ENCODING 'UTF8' TEMPLATE template0)"
        )));
    }
    match row.opt_int(1)? {
        Some(version) if version < OLDEST => Err(Error::Unusable(format!(
            "the database server is version {}; 13 or newer is needed",
            version / 10_000
        ))),
        _ => Ok(()),
    }
}

/// Whether it is being filled from another database.
pub(super) async fn is_unfinished(link: &Link) -> Result<bool> {
    if made_by(link).await?.is_none_or(|version| version == 0) {
        return Ok(false);
    }
    let params = [Param::from(meta::UNFINISHED_MOVE)];
    let sql = "SELECT name FROM meta WHERE name = $1";
    let marks = link.rows(&Ready::Text(sql), &bound(&params)).await?;
    Ok(!marks.is_empty())
}

/// Applies the steps that are missing.
pub(super) async fn lay_out(link: &Link) -> Result<()> {
    let newest = newest();
    if version(link, VERSION)
        .await?
        .is_some_and(|(version, _)| version >= newest)
    {
        return bearable(link, newest).await;
    }
    lay(link).await?;
    let doing = || failed("migrating the database");
    link.command("BEGIN").await.map_err(doing())?;
    let locked = version(
        link,
        "SELECT version, bearable_to FROM merlon_schema WHERE id = 1 FOR UPDATE",
    )
    .await?;
    let done = locked.map_or(0, |(version, _)| usize::try_from(version).unwrap_or(usize::MAX));
    for step in STEPS.iter().skip(done) {
        link.command(step.sql).await.map_err(doing())?;
    }
    if let Some(last) = STEPS.last().filter(|_| done < STEPS.len()) {
        let note = format!(
            "UPDATE merlon_schema SET version = {newest}, bearable_to = {} WHERE id = 1",
            last.bearable_to
        );
        link.command(&note).await.map_err(doing())?;
    }
    if done < STEPS.len() {
        index_parts(link).await?;
    }
    link.command("COMMIT").await.map_err(doing())?;
    bearable(link, newest).await
}

async fn bearable(link: &Link, newest: i64) -> Result<()> {
    match version(link, VERSION).await? {
        Some((version, bearable_to)) if bearable_to > newest => Err(Error::Unusable(format!(
            "the database has schema version {version}, this program knows up to {newest}; use the newer program"
        ))),
        _ => Ok(()),
    }
}

/// Version and who can bear it; nothing where nothing was laid.
async fn version(link: &Link, sql: &str) -> Result<Option<(i64, i64)>> {
    let statement = match link.ask(&Ready::Text(sql), &[]).await {
        Ok(rows) => rows,
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => return Ok(None),
        Err(error) => return Err(failed("reading the schema version")(error)),
    };
    let Some(row) = statement.first().map(PostgresRow::new) else {
        return Ok(None);
    };
    let number = |column| row.opt_int(column).map(Option::unwrap_or_default);
    Ok(Some((number(0)?, number(1)?)))
}

/// Two that make the same table at once can get into each other's way: the second time it is there.
async fn lay(link: &Link) -> Result<()> {
    if link.command(LAY).await.is_ok() {
        return Ok(());
    }
    link.command(LAY)
        .await
        .map_err(failed("making room for the schema version"))
}

/// Indexes parts of texts where the server can and lets us; without them such searches compare row by row.
async fn index_parts(link: &Link) -> Result<()> {
    let doing = || failed("indexing parts of texts");
    link.command("SAVEPOINT parts").await.map_err(doing())?;
    if let Err(error) = make_parts(link).await {
        tracing::warn!(%error, "searches inside names, addresses and numbers will be slow: the extension pg_trgm cannot be used");
        link.command("ROLLBACK TO SAVEPOINT parts")
            .await
            .map_err(doing())?;
    }
    link.command("RELEASE SAVEPOINT parts").await.map_err(doing())
}

/// The extension may be there already, in another schema than ours.
const PARTS_ARE_IN: &str = "SELECT CAST(quote_ident(n.nspname) AS TEXT) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
    WHERE e.extname = 'pg_trgm'";

async fn make_parts(link: &Link) -> Result<()> {
    let doing = || failed("indexing parts of texts");
    link.command("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        .await
        .map_err(doing())?;
    let rows = link.rows(&Ready::Text(PARTS_ARE_IN), &[]).await?;
    let schema = rows
        .first()
        .map(|row| PostgresRow::new(row).opt_text(0))
        .transpose()?
        .flatten();
    let schema = schema.ok_or(Error::Unavailable)?;
    let indexes = format!(
        "CREATE INDEX IF NOT EXISTS users_email_parts ON users USING gin (email_key {schema}.gin_trgm_ops);
         CREATE INDEX IF NOT EXISTS users_phone_parts ON users USING gin (phone {schema}.gin_trgm_ops);
         CREATE INDEX IF NOT EXISTS username_parts ON username USING gin (canonical {schema}.gin_trgm_ops);"
    );
    link.command(&indexes).await.map_err(doing())
}
