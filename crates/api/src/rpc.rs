//! The RPC house: every method of the contract in four wire forms on one path space, behind one gate.
//!
//! A request is recognised by its form, measured and size-limited, then admitted by the [`Gate`], then decoded and
//! validated, then answered by the service. That order is part of the contract: a bad token wins over a bad body.

mod body;
mod connect;
mod core;
mod cors;
mod head;
mod meter;
mod rest;
mod route;
mod service;
mod text;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use proto::rpc::{MethodInfo, Service, Status};

pub use body::Body;
pub use head::{RequestHead, RequestId, Wire};
pub use service::RpcService;

/// The largest request body, on the wire and unpacked. Beyond it gRPC, gRPC-Web and Connect answer
/// `ResourceExhausted` (Connect: HTTP 429), HTTP/JSON answers 413 with code 8.
pub const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// The largest request head the listener should accept, all header lines together.
pub const MAX_HEADER_BYTES: usize = 32 * 1024;

/// The deepest nesting of objects and arrays in a JSON body.
pub const MAX_JSON_DEPTH: usize = 64;

/// The same for requests that nest by themselves: a filter in a list in a filter is three levels, and who nests too many
/// filters shall hear the rule for filters and not that of JSON.
pub const MAX_NESTED_JSON_DEPTH: usize = 120;

/// How long a request may take, reading its body included, when the caller sets no deadline.
pub const DEFAULT_DEADLINE: Duration = Duration::from_mins(2);

/// The longest deadline a caller can ask for.
pub const LONGEST_DEADLINE: Duration = Duration::from_mins(10);

/// Who may come in: authentication and the permission of the method, before the request is decoded.
pub trait Gate: Send + Sync + 'static {
    /// What handlers learn about the call: caller, instance, clock, ...
    type Context: Send + 'static;

    /// Admits a call or refuses it; a refusal is answered as it stands, whatever the body holds.
    fn admit(
        &self,
        method: &'static MethodInfo,
        head: &RequestHead,
    ) -> impl Future<Output = Result<Self::Context, Status>> + Send;
}

/// The services to serve.
#[derive(Debug)]
pub struct Services<C> {
    list: Vec<Service<C>>,
}

impl<C: Send + 'static> Services<C> {
    /// No services yet.
    pub fn new() -> Self {
        Self { list: Vec::new() }
    }

    /// Adds a service, as the generated constructor beside its trait makes it.
    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "services add up to no sum")]
    pub fn add(mut self, service: Service<C>) -> Self {
        self.list.push(service);
        self
    }
}

impl<C: Send + 'static> Default for Services<C> {
    fn default() -> Self {
        Self::new()
    }
}

/// Builds the one HTTP service that speaks all four wire forms, with reflection and health beside them.
///
/// Fails when a method of a registered service could not be reached in every form, which is a mistake of wiring and
/// not of any request.
pub fn service<G: Gate>(gate: G, services: Services<G::Context>) -> Result<RpcService<G>, WiringError> {
    let Services { list } = services;
    RpcService::new(gate, &list)
}

/// The services cannot be served as they were put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WiringError(String);

impl fmt::Display for WiringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WiringError {}
