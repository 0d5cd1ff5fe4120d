//! Brings a database to the shape that this version needs; each step is one transaction.

use rusqlite::Connection;

use crate::{
    error::{Error, Result},
    meta,
};

const STEPS: &[&str] = &[
    include_str!("../../../migrations/sqlite/0001_log.sql"),
    include_str!("../../../migrations/sqlite/0002_read_models.sql"),
    include_str!("../../../migrations/sqlite/0003_operation.sql"),
    include_str!("../../../migrations/sqlite/0004_usernames.sql"),
    include_str!("../../../migrations/sqlite/0005_totp.sql"),
    include_str!("../../../migrations/sqlite/0006_user_schemas.sql"),
    include_str!("../../../migrations/sqlite/0007_parts.sql"),
    include_str!("../../../migrations/sqlite/0008_identity_providers.sql"),
    include_str!("../../../migrations/sqlite/0009_idp_links.sql"),
    include_str!("../../../migrations/sqlite/0010_user_search.sql"),
    include_str!("../../../migrations/sqlite/0011_webauthn.sql"),
    include_str!("../../../migrations/sqlite/0012_idp_intents.sql"),
    include_str!("../../../migrations/sqlite/0013_password.sql"),
    include_str!("../../../migrations/sqlite/0014_user_trigrams.sql"),
    include_str!("../../../migrations/sqlite/0015_features.sql"),
    include_str!("../../../migrations/sqlite/0016_user_state.sql"),
    include_str!("../../../migrations/sqlite/0017_inbox_order.sql"),
    include_str!("../../../migrations/sqlite/0018_username_order.sql"),
];

/// The version that the steps lead to.
pub(super) fn newest() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// Applies the steps that are missing. A database of a newer version is refused untouched, and so is one that is being filled
/// from another.
pub(super) fn migrate(connection: &Connection) -> Result<()> {
    if is_unfinished(connection)? {
        return Err(Error::Unusable(meta::NOT_ALL_THERE.into()));
    }
    lay_out(connection)
}

/// Whether it is being filled from another database.
pub(super) fn is_unfinished(connection: &Connection) -> Result<bool> {
    let doing = || Error::while_doing("looking for an unfinished move");
    let is_laid = connection.table_exists(None, meta::TABLE).map_err(doing())?;
    if !is_laid {
        return Ok(false);
    }
    let sql = "SELECT count(*) FROM meta WHERE name = $1";
    let marks: i64 = connection
        .query_row(sql, [meta::UNFINISHED_MOVE], |row| row.get(0))
        .map_err(doing())?;
    Ok(marks > 0)
}

/// Applies the steps that are missing.
pub(super) fn lay_out(connection: &Connection) -> Result<()> {
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(Error::while_doing("reading the schema version"))?;
    let done = usize::try_from(version).unwrap_or(usize::MAX);
    if done > STEPS.len() {
        return Err(Error::Unusable(format!(
            "the database has schema version {version}, this program knows up to {}; use the newer program",
            STEPS.len()
        )));
    }
    for (number, step) in STEPS.iter().enumerate().skip(done) {
        let sql = format!(
            "BEGIN IMMEDIATE; {step} PRAGMA user_version = {}; COMMIT;",
            number + 1
        );
        connection
            .execute_batch(&sql)
            .map_err(Error::while_doing("migrating the database"))?;
    }
    Ok(())
}
