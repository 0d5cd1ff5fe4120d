//! Use cases: who may -> load -> decide -> commit -> answer. Time, randomness, store and senders are handed in through
//! [`Ctx`]; no status code, protobuf or HTML is known here.

pub mod access;
pub mod bootstrap;
pub mod ctx;
pub mod delivery;
pub mod error;
pub mod feature;
pub mod housekeeping;
pub mod id;
pub mod idp;
pub mod inbox;
pub mod instance;
pub mod language;
pub mod message;
pub mod password;
pub mod policy;
pub mod schema;
mod sealed;
pub mod secret;
pub mod totp;
pub mod url_template;
pub mod user;
pub mod webauthn;

pub use access::{Caller, OrgRef, Target};
pub use ctx::{Clock, Ctx, Entropy};
pub use error::{Error, Result};
pub use language::Language;
