//! The public API: one contract in four wire forms. Handlers parse, call a use case, and map the answer; SQL and cookies
//! are unknown here.

pub mod admin;
pub mod auth;
pub mod call;
pub mod error;
pub mod feature;
pub mod gate;
pub mod inbox;
pub mod openapi;
pub mod permission;
pub mod rpc;
pub mod services;
pub mod user;
