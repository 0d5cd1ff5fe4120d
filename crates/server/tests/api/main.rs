//! The API from outside, whole: every RPC in every wire form, for every kind of caller, with every kind of harm.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod case;
mod contract;
mod scene;
mod wire;
mod world;

mod bulk;
mod deadline;
mod errors;
mod feature;
mod forgotten;
mod harm;
mod infrastructure;
mod intent;
mod moving;
mod password;
mod principals;
mod provider;
mod race;
mod schema;
mod search;
mod success;
