//! What every aggregate is made of: ids, time, decisions, and values that can be forgotten.

mod decision;
mod id;
mod personal;
mod time;

pub use decision::{Aggregate, Decision};
pub use id::{
    CodeId, FactorId, IdError, IdpId, InstanceId, IntentId, OrgId, SchemaId, TokenId, UserId, UsernameId,
};
pub use personal::{Forgettable, Personal};
pub use time::{Span, Timestamp};
