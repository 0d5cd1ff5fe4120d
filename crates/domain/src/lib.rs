//! The rules of Merlon: aggregates, their commands, events and refusals, and the value types they speak in.
//! Everything here is a pure function of its input: no time of day, no randomness, no SQL, no HTTP, no `await`.

pub mod access;
pub mod base;
pub mod code;
pub mod idp;
pub mod idp_intent;
pub mod instance;
pub mod org;
pub mod send;
pub mod user;
pub mod user_schema;
