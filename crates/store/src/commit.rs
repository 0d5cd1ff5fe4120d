//! What a unit of work leaves behind: plain data, applied as a whole or not at all.

use std::sync::Arc;

use domain::base::{InstanceId, Timestamp};

/// A value of a row, owned.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// No value.
    Null,
    /// A whole number; booleans are 0 and 1.
    Int(i64),
    /// Text.
    Text(Arc<str>),
    /// Bytes.
    Blob(Vec<u8>),
}

impl std::fmt::Debug for Value {
    /// Values may be personal: only their kind is shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Null => "Null",
            Self::Int(_) => "Int(..)",
            Self::Text(_) => "Text(..)",
            Self::Blob(_) => "Blob(..)",
        })
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(value.into())
    }
}

impl From<Timestamp> for Value {
    fn from(value: Timestamp) -> Self {
        Self::Int(value.0)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.into())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value.into())
    }
}

impl From<Arc<str>> for Value {
    fn from(value: Arc<str>) -> Self {
        Self::Text(value)
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Self {
        Self::Blob(value.to_vec())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Values of ours always have a JSON form; should one not, the text says so and the next read reports it as corrupt.
pub(crate) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| format!("unwritable: {error}"))
}

/// One SQL statement of the waist: `$1`, `$2`, .. in the order of their first appearance, and plain values.
#[derive(Clone, Debug)]
pub struct Statement {
    /// The text, the same for every database.
    pub sql: &'static str,
    /// Its values.
    pub params: Vec<Value>,
}

impl Statement {
    /// A statement with its values.
    pub fn new(sql: &'static str, params: impl Into<Vec<Value>>) -> Self {
        Self {
            sql,
            params: params.into(),
        }
    }
}

/// Everything that one unit of work wants written.
#[derive(Debug)]
pub struct WriteSet {
    /// Name of the use case, for metrics and logs.
    pub name: &'static str,
    /// The tenant.
    pub instance: InstanceId,
    /// Streams that must stand where they were seen, and what is appended to them.
    pub streams: Vec<StreamWrite>,
    /// Statements that must touch exactly one row, else somebody was faster.
    pub guards: Vec<Statement>,
    /// Rows that follow from the events, and rows beside them.
    pub rows: Vec<Statement>,
}

/// A stream as it was seen, and its new events.
#[derive(Debug)]
pub struct StreamWrite {
    /// Kind of the stream.
    pub kind: &'static str,
    /// Id of the stream.
    pub id: Arc<str>,
    /// Its sequence when it was read; 0 when there was none.
    pub seen: i64,
    /// What is appended; may be empty when the stream was only read.
    pub events: Vec<NewEvent>,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub editor: Arc<str>,
    /// Whether all personal values of the stream are erased.
    pub forget: bool,
    /// Whether tokens of this user, for it is one, are worth something else from now on.
    pub standing: bool,
    /// The state after these events, where the stream's row holds it.
    pub state: Option<Vec<u8>>,
    /// When something of it ends by itself.
    pub due: Option<Timestamp>,
    /// What changes of the texts that searches look into.
    pub texts: Vec<TextChange>,
}

/// Which texts of a user searches look into by their parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextField {
    /// All its usernames, a line each.
    Usernames,
    /// Its contact e-mail address.
    Email,
    /// Its contact phone number.
    Phone,
}

/// A text that searches look into, before and after; equal ones are no change.
#[derive(Clone, PartialEq)]
pub struct TextChange {
    /// Which one.
    pub field: TextField,
    /// As it was; nothing if there was none.
    pub before: Option<String>,
    /// As it is; nothing if there is none any more.
    pub after: Option<String>,
}

impl std::fmt::Debug for TextChange {
    /// The texts are personal.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TextChange({:?})", self.field)
    }
}

/// An event on its way to the log.
pub struct NewEvent {
    /// Its name.
    pub name: &'static str,
    /// Its JSON, without personal values.
    pub body: String,
    /// Its personal values as JSON.
    pub personal: Option<String>,
}

impl std::fmt::Debug for NewEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NewEvent({})", self.name)
    }
}

/// What became of a write set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is durable.
    Done,
    /// Somebody was faster; nothing of it was written.
    Conflict,
    /// A unique value is taken; nothing of it was written.
    Taken(&'static str),
}
