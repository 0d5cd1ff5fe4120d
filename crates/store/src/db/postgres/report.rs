//! A look at a database server from outside, for the operator's check. Reads only.

use tokio_postgres::error::SqlState;

use super::{
    PostgresOptions,
    link::{Link, Ready, Source, failed},
    migrate,
    reader::PostgresRow,
};
use crate::error::Result;

/// What an operator should know of a database server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerReport {
    /// Its version, in its own words.
    pub version: String,
    /// Version of the schema of Merlon's tables; nothing before the first start.
    pub schema: Option<i64>,
    /// Whether it is the target of a move that was not finished.
    pub unfinished: bool,
    /// Whether what it acknowledges survives its crash: `fsync` and `synchronous_commit` are not off.
    pub keeps: bool,
    /// Whether an index can answer searches inside names, addresses and numbers (`pg_trgm`), or could at the first start.
    pub finds_parts: bool,
}

impl ServerReport {
    /// Looks at a server. Fails when it does not answer ([`crate::Error::Unavailable`]) or refuses us
    /// ([`crate::Error::Unusable`]).
    pub async fn of(options: &PostgresOptions) -> Result<Self> {
        let link = Source::new(options)?.connect().await?;
        let version = text(&link, "SHOW server_version").await?.unwrap_or_default();
        let mut keeps = true;
        for setting in ["SHOW fsync", "SHOW synchronous_commit"] {
            keeps &= text(&link, setting).await?.as_deref() != Some("off");
        }
        let schema = text(
            &link,
            "SELECT CAST(version AS TEXT) FROM merlon_schema WHERE id = 1",
        )
        .await?;
        let parts = text(
            &link,
            "SELECT name FROM pg_available_extensions WHERE name = 'pg_trgm'",
        )
        .await?;
        Ok(Self {
            version,
            schema: schema.and_then(|version| version.parse().ok()),
            unfinished: migrate::is_unfinished(&link).await?,
            keeps,
            finds_parts: parts.is_some(),
        })
    }
}

/// One text, if the server knows what is asked.
async fn text(link: &Link, sql: &str) -> Result<Option<String>> {
    match link.ask(&Ready::Text(sql), &[]).await {
        Ok(rows) => {
            let text = rows
                .first()
                .map(|row| PostgresRow::new(row).opt_text(0))
                .transpose()?;
            Ok(text.flatten().map(str::to_owned))
        }
        Err(error)
            if matches!(
                error.code(),
                Some(
                    &SqlState::UNDEFINED_TABLE
                        | &SqlState::UNDEFINED_OBJECT
                        | &SqlState::INVALID_PARAMETER_VALUE
                )
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(failed("looking at the database server")(error)),
    }
}
