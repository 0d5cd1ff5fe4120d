//! What can go wrong in the store, apart from refusals, which are answers.

use std::sync::Arc;

/// A result of the store.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why the store could not do it. Never holds a value of a row.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// More is waiting to be written than is sensible; trying later helps.
    #[error("the store has more to write than it can take")]
    Overloaded,
    /// Others were faster again and again; trying later helps.
    #[error("too many changes of the same thing at once")]
    Contention,
    /// The database cannot be reached; nothing was written, or nobody can tell yet. Trying later helps.
    #[error("the database does not answer")]
    Unavailable,
    /// The disk is full. Nothing was written; trying later helps once somebody made room.
    #[error("the disk is full: writes are taken again once there is room")]
    DiskFull,
    /// The disk failed. Nobody knows what was written, and nothing more is until a restart.
    #[error("the disk failed: restart once it is sound")]
    DiskFailed,
    /// The store is closing down.
    #[error("the store is closed")]
    Closed,
    /// A row that makes no sense.
    #[error("the row in {place} makes no sense: {reason}")]
    Corrupt {
        /// Table and column.
        place: &'static str,
        /// What is wrong, without the value.
        reason: String,
    },
    /// A unique value is taken; the name of the index or table.
    #[error("{0} is taken")]
    Taken(&'static str),
    /// The store cannot be used as it is; the text says what to do.
    #[error("{0}")]
    Unusable(String),
    /// The database said no.
    #[error("the database failed while {doing}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// The driver's word.
        #[source]
        source: Arc<Cause>,
    },
}

/// What a database said, in the words of its driver or of its code for errors.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The embedded database.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The server. Its own text may quote a value, so only its code and the names of its own things are kept.
    #[error("SQLSTATE {code}{}", about.as_deref().map(|name| format!(" about {name}")).unwrap_or_default())]
    Postgres {
        /// Five characters (PostgreSQL, appendix A), or a word where the driver failed.
        code: String,
        /// The constraint, column or table.
        about: Option<String>,
    },
}

impl From<tokio_postgres::Error> for Cause {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(said) = error.as_db_error() else {
            return Self::Postgres {
                code: if error.is_closed() { "closed" } else { "driver" }.to_owned(),
                about: None,
            };
        };
        let about = said.constraint().or(said.column()).or(said.table());
        Self::Postgres {
            code: said.code().code().to_owned(),
            about: about.map(str::to_owned),
        }
    }
}

impl Error {
    /// The same for everybody whom it concerns.
    pub(crate) fn alike(&self) -> Self {
        match self {
            Self::Overloaded => Self::Overloaded,
            Self::Contention => Self::Contention,
            Self::Unavailable => Self::Unavailable,
            Self::DiskFull => Self::DiskFull,
            Self::DiskFailed => Self::DiskFailed,
            Self::Closed => Self::Closed,
            Self::Corrupt { place, reason } => Self::corrupt(place, reason),
            Self::Taken(what) => Self::Taken(what),
            Self::Unusable(text) => Self::Unusable(text.clone()),
            Self::Database { doing, source } => Self::Database {
                doing,
                source: Arc::clone(source),
            },
        }
    }

    /// Names what was being done when the driver failed.
    pub(crate) fn while_doing<E: Into<Cause>>(doing: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Database {
            doing,
            source: Arc::new(source.into()),
        }
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "texts and errors come as they are at hand"
    )]
    pub(crate) fn corrupt(place: &'static str, reason: impl ToString) -> Self {
        Self::Corrupt {
            place,
            reason: reason.to_string(),
        }
    }
}
