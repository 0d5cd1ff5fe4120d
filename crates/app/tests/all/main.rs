//! Use cases from outside: through the real store, with a clock that stands still and randomness that repeats.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod access;
mod at_rest;
mod bootstrap;
mod code;
mod contact;
mod delivery;
mod directory;
mod feature;
mod given;
mod housekeeping;
mod idp_link;
mod inbox;
mod limits;
mod never_panics;
mod otp;
mod password;
mod race;
mod schema;
mod search;
mod stronger;
mod token;
mod totp;
mod username;
mod webauthn;
