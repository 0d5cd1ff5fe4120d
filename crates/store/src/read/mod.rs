//! Read models, one file each: what its events write and what can be asked of it.

pub mod idp;
pub mod idp_intent;
pub mod idp_link;
pub mod instance;
pub mod org;
pub mod token;
pub mod token_search;
pub mod user;
pub(crate) mod user_beside;
pub mod user_schema;
pub mod user_search;
mod user_state;
pub(crate) mod user_text;
mod username;
mod webauthn;
