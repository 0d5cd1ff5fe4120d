//! Services without their types: how bytes of any wire form become a typed call and its answer bytes again.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use prost::Message;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Body, Fields, METHODS, MethodInfo, Status, budget, json::Misfit};
use crate::validate::Validate;

/// What every request message can do.
pub trait Request: Message + Default + DeserializeOwned + Validate + Fields + 'static {}
impl<T: Message + Default + DeserializeOwned + Validate + Fields + 'static> Request for T {}

/// What every response message can do.
pub trait Response: Message + Serialize + 'static {}
impl<T: Message + Serialize + 'static> Response for T {}

/// The encoded answer of a call.
pub type CallFuture = Pin<Box<dyn Future<Output = Result<Bytes, Status>> + Send>>;

/// The undecoded input of a call; the answer is encoded alike.
pub enum Input<'a> {
    /// A protobuf message.
    Proto(Bytes),
    /// A JSON message; empty means no field is set.
    Json(&'a [u8]),
    /// The HTTP/JSON form: a body as the rule of the method says, and parameters.
    Rest(&'a [u8], &'a Params<'a>),
}

/// The parameters of the HTTP/JSON form, percent-decoded.
#[derive(Default)]
pub struct Params<'a> {
    /// Path variables by field path. They win over the body.
    pub path: Vec<(&'static [&'static str], Cow<'a, str>)>,
    /// Query parameters in order, names dotted for fields of fields. Ignored when the body is the whole request.
    pub query: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

// Bodies and parameters hold codes and addresses: only their kind is ever printed.
impl fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Proto(_) => "Proto(..)",
            Self::Json(_) => "Json(..)",
            Self::Rest(..) => "Rest(..)",
        })
    }
}

impl fmt::Debug for Params<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Params").finish_non_exhaustive()
    }
}

/// A service as the dispatch table holds it: decodes, validates, calls, encodes.
pub trait Dispatch<C>: Send + Sync {
    /// Decodes and validates the input, and gives the call, which has not begun before it is awaited. Fails with
    /// `InvalidArgument` for input that is malformed or outside of the limits of the contract. `info` must be an entry of
    /// this service; it fails with Unimplemented otherwise.
    fn call(&self, info: &'static MethodInfo, cx: C, input: Input<'_>) -> Result<CallFuture, Status>;
}

/// A service ready to be served, made by the generated constructor beside its trait.
pub struct Service<C> {
    name: &'static str,
    dispatch: Arc<dyn Dispatch<C>>,
}

impl<C> Service<C> {
    pub(crate) fn new(name: &'static str, dispatch: Arc<dyn Dispatch<C>>) -> Self {
        Self { name, dispatch }
    }

    /// `package.Service`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The methods of this service, sorted by path.
    pub fn methods(&self) -> impl Iterator<Item = &'static MethodInfo> {
        let name = self.name;
        METHODS.iter().filter(move |info| info.service == name)
    }

    /// The service with something before its calls: `wrap` gets the erased service and gives what is asked in its place.
    #[must_use]
    pub fn behind(self, wrap: impl FnOnce(Arc<dyn Dispatch<C>>) -> Arc<dyn Dispatch<C>>) -> Self {
        Self {
            name: self.name,
            dispatch: wrap(self.dispatch),
        }
    }

    /// The erased service.
    pub fn dispatch(&self) -> &Arc<dyn Dispatch<C>> {
        &self.dispatch
    }
}

impl<C> Clone for Service<C> {
    fn clone(&self) -> Self {
        Self {
            name: self.name,
            dispatch: Arc::clone(&self.dispatch),
        }
    }
}

impl<C> fmt::Debug for Service<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Service").field(&self.name).finish()
    }
}

/// Decodes and validates the input, calls, encodes the answer in the form of the input.
pub(crate) fn unary<Req, Res, F, Fut>(
    info: &'static MethodInfo,
    input: Input<'_>,
    call: F,
) -> Result<CallFuture, Status>
where
    Req: Request,
    Res: Response,
    F: FnOnce(Req) -> Fut + Send + 'static,
    Fut: Future<Output = Result<Res, Status>> + Send + 'static,
{
    let proto = matches!(input, Input::Proto(_));
    let request = decode::<Req>(info, input)?;
    request
        .validate()
        .map_err(|invalid| Status::invalid_argument(invalid.to_string()))?;
    let encode = move |answer: Res| {
        if proto {
            Ok(answer.encode_to_vec().into())
        } else {
            to_json(&answer)
        }
    };
    // No `async` block, which would hold the call twice.
    Ok(Box::pin(call(request).map(move |answer| answer.and_then(encode))))
}

/// The answer to a method that is not of this service.
pub(crate) fn unknown(info: &'static MethodInfo) -> Result<CallFuture, Status> {
    Err(Status::not_implemented(info.name))
}

/// Most answers fit into this.
const ANSWER_BYTES: usize = 1024;

fn to_json<T: Serialize>(answer: &T) -> Result<Bytes, Status> {
    let mut json = Vec::with_capacity(ANSWER_BYTES);
    let written = serde_json::to_writer(&mut json, answer);
    written.map(|()| json.into()).map_err(|error| {
        Status::new(
            super::Code::Internal,
            format!("the answer has no JSON form: {error}"),
        )
    })
}

fn decode<Req: Request>(info: &MethodInfo, input: Input<'_>) -> Result<Req, Status> {
    match input {
        Input::Proto(bytes) if budget::is_exceeded(info.input, &bytes) => Err(Status::invalid_argument(
            format!("the request holds more than {} values", budget::MAX_VALUES),
        )),
        Input::Proto(bytes) => Req::decode(bytes).map_err(|error| {
            Status::invalid_argument(format!("the request is no valid {}: {error}", info.input))
        }),
        Input::Json(body) => json(body),
        Input::Rest(body, params) => rest(info, body, params),
    }
}

fn rest<Req: Request>(info: &MethodInfo, body: &[u8], params: &Params<'_>) -> Result<Req, Status> {
    let selector = info.http.as_ref().map_or(&Body::All, |rule| &rule.body);
    let mut request = match selector {
        Body::All => json(body)?,
        Body::None => Req::default(),
        Body::Field(name) => {
            let mut request = Req::default();
            request
                .set_body(name, body)
                .map_err(|misfit| malformed(&misfit.within(name)))?;
            request
        }
    };
    if *selector != Body::All {
        for (name, value) in &params.query {
            set_parameter(&mut request, name, value)?;
        }
    }
    for (path, value) in &params.path {
        request
            .set_field(path, value)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
    }
    Ok(request)
}

/// Deeper names than any field of the contract are unknown by definition.
const DEEPEST_NAME: usize = 16;

fn set_parameter<Req: Request>(request: &mut Req, name: &str, value: &str) -> Result<(), Status> {
    let mut path = [""; DEEPEST_NAME];
    let mut length = 0;
    for part in name.split('.') {
        let Some(slot) = path.get_mut(length) else {
            return Ok(());
        };
        *slot = part;
        length += 1;
    }
    let path = path.get(..length).unwrap_or_default();
    let wrong = |error| Status::invalid_argument(format!("query parameter {name}: {error}"));
    request.set_field(path, value).map_err(wrong)
}

fn json<Req: Request>(body: &[u8]) -> Result<Req, Status> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Req::default());
    }
    super::json::read(body).map_err(|misfit| malformed(&misfit))
}

fn malformed(misfit: &Misfit) -> Status {
    Status::invalid_argument(misfit.to_string())
}
