//! The server as a library: configuration, wiring and commands, so that tests can start it in process.

pub mod cli;
pub mod client;
pub mod command;
pub mod config;
pub mod data_dir;
mod descriptors;
pub mod logging;
pub mod metrics;
pub mod output;
pub mod shell;
pub mod wire;

pub use wire::{Running, start};
