//! The RPC house over real sockets: each wire form, each way to fail, and input that means harm.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::pedantic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, and its helpers may be blunt"
)]

mod rpc {
    mod complete;
    mod hostile;
    mod metrics;
    mod rest;
    mod server;
    mod wires;
}
