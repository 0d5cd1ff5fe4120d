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

/// What a new database begins with: the shape that all steps lead to.
const SCHEMA: &str = include_str!("../../../migrations/postgres/schema.sql");

/// What leads from one version to the next. Statements are told apart by a semicolon at the end of a line.
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
    Step {
        sql: include_str!("../../../migrations/postgres/0004_username_order.sql"),
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
    if is_unfinished(&link).await? {
        return Err(Error::Unusable(meta::NOT_ALL_THERE.into()));
    }
    lay_out(&link).await
}

/// What an engine that speaks PostgreSQL's protocol makes of a schema.
#[derive(Clone, Copy)]
enum Engine {
    Postgres,
    /// Made of PostgreSQL, but what makes a table does so at once, whatever becomes of the transaction around it.
    Yugabyte,
    /// The same, and it has no columns with the collation "C": without any its texts compare so.
    Cockroach,
}

impl Engine {
    /// Which one says this of its version.
    fn of(version: &str) -> Self {
        if version.contains("CockroachDB") {
            Self::Cockroach
        } else if version.contains("-YB-") {
            Self::Yugabyte
        } else {
            Self::Postgres
        }
    }

    /// A part of the schema as it is to be run. Where a start cannot have been stopped half way, a table that is there already is
    /// somebody else's.
    fn fitted(self, sql: &str) -> String {
        match self {
            Self::Postgres => sql.replace(" IF NOT EXISTS", ""),
            Self::Yugabyte => sql.to_owned(),
            Self::Cockroach => sql.replace(" COLLATE \"C\"", ""),
        }
    }
}

/// The oldest server that has everything.
const OLDEST: i64 = 130_000;
const SERVER: &str = "SELECT current_setting('server_encoding'), CAST(current_setting('server_version_num') AS BIGINT), version()";

/// Which engine it is. Refuses a server that is too old, and a database whose encoding lacks characters that people have in their names.
async fn engine(link: &Link) -> Result<Engine> {
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
        _ => Ok(Engine::of(row.opt_text(2)?.unwrap_or_default())),
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

/// Lays out a new database, or applies the steps that are missing.
pub(super) async fn lay_out(link: &Link) -> Result<()> {
    let engine = engine(link).await?;
    let newest = newest();
    if version(link, VERSION)
        .await?
        .is_none_or(|(version, _)| version < newest)
    {
        lay(link).await?;
        match engine {
            Engine::Postgres => at_once(link).await?,
            Engine::Yugabyte | Engine::Cockroach => one_by_one(link, engine).await?,
        }
    }
    bearable(link, newest).await
}

/// What is missing in a database of this version.
fn missing(version: i64) -> Vec<&'static str> {
    match usize::try_from(version) {
        Ok(0) => vec![SCHEMA],
        done => (STEPS.iter().skip(done.unwrap_or(usize::MAX)))
            .map(|step| step.sql)
            .collect(),
    }
}

/// Notes what was reached.
async fn note(link: &Link) -> Result<()> {
    let note = format!(
        "UPDATE merlon_schema SET version = {}, bearable_to = {} WHERE id = 1",
        newest(),
        STEPS.last().map_or(0, |last| last.bearable_to)
    );
    link.command(&note)
        .await
        .map_err(failed("noting the schema version"))
}

/// All or nothing, while others who want the same wait at the row.
async fn at_once(link: &Link) -> Result<()> {
    let doing = || failed("migrating the database");
    link.command("BEGIN").await.map_err(doing())?;
    let locked = version(
        link,
        "SELECT version, bearable_to FROM merlon_schema WHERE id = 1 FOR UPDATE",
    )
    .await?;
    let missing = missing(locked.map_or(0, |(version, _)| version));
    for sql in &missing {
        link.command(&Engine::Postgres.fitted(sql))
            .await
            .map_err(doing())?;
    }
    if !missing.is_empty() {
        note(link).await?;
        index_parts(link).await?;
    }
    link.command("COMMIT").await.map_err(doing())
}

/// For engines that make tables at once. Whoever was stopped on the way begins anew; whoever met another who does the same, too, and the
/// second time it is there.
async fn one_by_one(link: &Link, engine: Engine) -> Result<()> {
    if each(link, engine).await.is_ok() {
        return Ok(());
    }
    each(link, engine).await
}

async fn each(link: &Link, engine: Engine) -> Result<()> {
    let made = version(link, VERSION).await?.map_or(0, |(version, _)| version);
    for sql in missing(made) {
        for statement in engine.fitted(sql).split_inclusive(";\n") {
            link.command(statement)
                .await
                .map_err(failed("migrating the database"))?;
        }
    }
    if let Err(error) = make_parts(link).await {
        warn_of_slow_searches(&error);
    }
    note(link).await
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
        warn_of_slow_searches(&error);
        link.command("ROLLBACK TO SAVEPOINT parts")
            .await
            .map_err(doing())?;
    }
    link.command("RELEASE SAVEPOINT parts").await.map_err(doing())
}

fn warn_of_slow_searches(error: &Error) {
    tracing::warn!(%error, "searches inside names, addresses and numbers will be slow: the extension pg_trgm cannot be used");
}

/// The extension may be there already, in another schema than ours. An engine that has what it brings of its own lists none.
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
    let parts = schema.map_or_else(
        || "gin_trgm_ops".to_owned(),
        |schema| format!("{schema}.gin_trgm_ops"),
    );
    let indexes = format!(
        "CREATE INDEX IF NOT EXISTS users_email_parts ON users USING gin (email_key {parts});
         CREATE INDEX IF NOT EXISTS users_phone_parts ON users USING gin (phone {parts});
         CREATE INDEX IF NOT EXISTS username_parts ON username USING gin (canonical {parts});"
    );
    link.command(&indexes).await.map_err(doing())
}

#[cfg(test)]
mod tests {
    use testkit::postgres_server::Database;

    use super::*;
    use crate::db::PostgresOptions;

    async fn link(database: &Database) -> Link {
        let source = Source::new(&PostgresOptions::new(database.url())).unwrap();
        source.connect().await.unwrap()
    }

    /// Whoever adds a step writes what it leads to into the schema of new databases as well.
    #[tokio::test]
    async fn steps_lead_to_what_a_new_database_begins_with() {
        let [new, old] = [(), ()].map(|()| testkit::postgres_server::database());
        lay_out(&link(&new).await).await.unwrap();
        let at_first = link(&old).await;
        lay(&at_first).await.unwrap();
        at_first.command(STEPS[0].sql).await.unwrap();
        old.sql("UPDATE merlon_schema SET version = 1, bearable_to = 1");
        lay_out(&at_first).await.unwrap();
        assert_eq!(old.dump(), new.dump());
        assert!(new.dump().contains("CREATE UNIQUE INDEX username_unique"));
    }

    #[test]
    fn no_text_of_a_new_database_depends_on_its_locale() {
        let columns = SCHEMA.lines().filter(|line| line.contains(" TEXT")).count();
        assert_eq!(SCHEMA.matches(" TEXT COLLATE \"C\"").count(), columns);
        assert!(!Engine::Cockroach.fitted(SCHEMA).contains("COLLATE"));
    }
}
