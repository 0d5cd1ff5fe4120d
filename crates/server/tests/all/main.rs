//! The shell from outside: sockets, TLS, limits, shutdown, the commands and the pages they print.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod cluster;
mod commands;
mod docs;
mod listener;
mod migrate;
#[cfg(target_os = "linux")]
mod network;
#[cfg(target_os = "linux")]
mod partition;
mod peer;
mod requests;
mod shutdown;
mod tls;
#[cfg(feature = "otel")]
mod traces;
