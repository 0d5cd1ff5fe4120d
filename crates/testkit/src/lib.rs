//! What tests stand on: a clock that only moves when told, randomness with a seed, a fresh database, and people with
//! roles. Everything below is the real thing; nothing here pretends to be a store.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test kit fails by panicking"
)]

mod clock;
pub mod database;
pub mod directory;
mod entropy;
mod passkey;
mod people;
pub mod provider;
pub mod security_key;

pub use clock::ManualClock;
pub use entropy::SeededEntropy;
pub use passkey::create_passkey;
pub use people::{START, TestCtx, TestOptions, context, read_sent};
pub use postgres_server;
