//! api
pub mod openapi;
pub mod rpc;
