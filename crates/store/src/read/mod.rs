//! Read models, one file each: what its events write and what can be asked of it.

pub mod idp;
pub mod idp_intent;
pub mod idp_link;
pub mod instance;
pub mod org;
mod password;
pub mod token;
mod totp;
pub mod user;
pub mod user_schema;
pub mod user_search;
pub(crate) mod user_text;
mod username;
mod webauthn;
