//! What a call is made of, whatever carries it: the method table, erased services, their input and their status.

mod budget;
mod field;
mod json;
mod method;
mod service;
mod status;

pub use budget::MAX_VALUES;
pub use field::{FieldError, Fields};
pub use json::Misfit;
pub(crate) use json::Number;
pub use method::{Body, HttpRule, METHODS, MethodInfo, Segment, method};
pub use service::{CallFuture, Dispatch, Input, Params, Request, Response, Service};
pub(crate) use service::{unary, unknown};
pub use status::{Any, BadRequest, Code, FieldViolation, RetryInfo, Status};
