//! Delivery against real small servers: a mail server and a webhook that can refuse, fail, hang and drop.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod hook;
mod inbox;
mod logs;
mod numbers;
mod sink;
mod smtp;
mod webhook;
mod worker;
mod world;
