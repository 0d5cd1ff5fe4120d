//! Where everything is kept: the log of events, read models, outbox and budgets, behind one narrow waist over the
//! database. It does not know who is asking, why, or any wire format.

mod change;
mod commit;
mod db;
mod error;
mod features;
mod holders;
mod log;
mod moments;
mod query;
pub mod read;
mod recent;

pub mod budget;
pub mod inbox;
pub mod meta;
pub mod outbox;

pub use change::{Head, Step, Stored, Stream, Work};
pub use commit::{Statement, Value, WriteSet};
pub use db::{
    Fresh, MovedTable, Param, PostgresOptions, PostgresTls, Progress, Row, ServerReport, Snapshot, Stage,
    Store, StoreOptions, Transfer, TransferError, Unreadable, inspect,
};
pub use error::{Cause, Error, Result};
pub use log::{LoggedEvent, rebuild_matches};
pub use query::{Filter, Page, TextMatch};
