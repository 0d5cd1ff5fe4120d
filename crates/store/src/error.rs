//! What can go wrong in the store, apart from refusals, which are answers.

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
        source: rusqlite::Error,
    },
}

impl Error {
    /// Names what was being done when the driver failed.
    pub(crate) fn while_doing(doing: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Database { doing, source }
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
