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
mod page;
pub mod permission;
pub mod rpc;
pub mod services;
pub mod user;

use std::sync::Arc;

use app::{Ctx, instance::Instances};
use axum::Router;

use crate::{
    gate::TokenGate,
    rpc::{RpcService, WiringError},
};

/// The whole API: the description of it, and every method in all wire forms as the fallback. It takes tokens of these instances.
///
/// The service beside it is for telling health checks of the end.
pub fn routes(ctx: &Arc<Ctx>, instances: Instances) -> Result<(Router, RpcService<TokenGate>), WiringError> {
    let gate = TokenGate::new(Arc::clone(ctx), instances);
    let rpc = rpc::service(gate, services::all(ctx))?;
    let routes = openapi::routes().fallback_service(rpc.clone());
    Ok((routes, rpc))
}
