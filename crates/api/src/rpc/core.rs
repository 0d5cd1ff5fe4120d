//! One call, whatever carried it: measure, admit, decode, validate, answer, and survive.

use std::any::Any;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use proto::rpc::{Code, Dispatch, Input, MAX_VALUES, MethodInfo, Params, Service, Status};
use tokio::time::timeout_at;
use tracing::Instrument;

use super::head::RequestHead;
use super::meter::Meter;
use super::{Gate, MAX_JSON_DEPTH, MAX_NESTED_JSON_DEPTH};

/// All registered methods.
pub(super) struct Core<G: Gate> {
    gate: G,
    methods: Vec<Method<G::Context>>,
    by_path: HashMap<&'static str, usize>,
}

/// One registered method.
pub(super) struct Method<C> {
    pub(super) info: &'static MethodInfo,
    dispatch: Arc<dyn Dispatch<C>>,
    meter: Meter,
}

/// The body of a call in the encoding of its wire form.
pub(super) enum Payload<'a> {
    Proto(Bytes),
    Json(Bytes),
    /// Parameters that could not be read are refused after the gate, like any other bad input.
    Rest(Bytes, Result<Params<'a>, Status>),
}

impl<G: Gate> Core<G> {
    pub(super) fn new(gate: G, services: &[Service<G::Context>]) -> Self {
        let methods: Vec<_> = services
            .iter()
            .flat_map(|service| {
                service
                    .methods()
                    .map(|info| (info, Arc::clone(service.dispatch())))
            })
            .map(|(info, dispatch)| Method {
                info,
                dispatch,
                meter: Meter::new(info),
            })
            .collect();
        let by_path = methods
            .iter()
            .enumerate()
            .map(|(index, method)| (method.info.path.trim_start_matches('/'), index))
            .collect();
        Self {
            gate,
            methods,
            by_path,
        }
    }

    pub(super) fn methods(&self) -> &[Method<G::Context>] {
        &self.methods
    }

    /// Finds a method by `package.Service/Method`.
    pub(super) fn find(&self, path: &str) -> Option<&Method<G::Context>> {
        self.by_path.get(path).and_then(|index| self.methods.get(*index))
    }

    /// Runs the call to its end. Dropping the future gives the call up.
    pub(super) async fn run(
        &self,
        method: &Method<G::Context>,
        head: RequestHead,
        payload: Payload<'_>,
    ) -> Result<Bytes, Status> {
        let wire = head.wire.name();
        let span =
            tracing::debug_span!("rpc", method = method.info.path, wire, request_id = %head.request_id);
        let measured = method.meter.start(head.wire);
        let work = AssertUnwindSafe(self.work(method, &head, payload))
            .catch_unwind()
            .instrument(span.clone());
        let outcome = match head.deadline {
            Some(deadline) => timeout_at(deadline, work)
                .await
                .unwrap_or_else(|_| Ok(Err(too_late()))),
            None => work.await,
        };
        let answer = outcome
            .unwrap_or_else(|panic| Err(span.in_scope(|| panicked(method.info, &head, panic.as_ref()))));
        measured.finish(answer.as_ref().err().map(|status| status.code));
        answer
    }

    async fn work(
        &self,
        method: &Method<G::Context>,
        head: &RequestHead,
        payload: Payload<'_>,
    ) -> Result<Bytes, Status> {
        let cx = self.gate.admit(method.info, head).await?;
        let call = match payload {
            Payload::Proto(bytes) => method.dispatch.call(method.info, cx, Input::Proto(bytes))?,
            Payload::Json(body) => {
                limit_json(method.info, &body)?;
                method.dispatch.call(method.info, cx, Input::Json(&body))?
            }
            Payload::Rest(body, params) => {
                limit_json(method.info, &body)?;
                method
                    .dispatch
                    .call(method.info, cx, Input::Rest(&body, &params?))?
            }
        };
        call.await
    }
}

fn too_late() -> Status {
    Status::new(
        Code::DeadlineExceeded,
        "the request took longer than its deadline allows",
    )
}

/// Logs a panic once, with the reference that the caller sees.
fn panicked(info: &MethodInfo, head: &RequestHead, panic: &(dyn Any + Send)) -> Status {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let reference = &head.request_id;
    tracing::error!(method = info.path, %reference, panic = text.unwrap_or("of another type"), "a handler panicked");
    Status::new(
        Code::Internal,
        format!("an internal error occurred (reference {reference})"),
    )
}

/// Refuses bodies that nest deeper than [`MAX_JSON_DEPTH`], or [`MAX_NESTED_JSON_DEPTH`] where that is meant, or hold more
/// than [`MAX_VALUES`] values, before any parser recurses into them or allocates for them.
fn limit_json(info: &MethodInfo, body: &[u8]) -> Result<(), Status> {
    let deepest = if info.nests {
        MAX_NESTED_JSON_DEPTH
    } else {
        MAX_JSON_DEPTH
    };
    // Each level opens and closes with a byte of its own.
    if body.len() <= 2 * MAX_JSON_DEPTH {
        return Ok(());
    }
    let (mut depth, mut values, mut in_string, mut escaped) = (0_usize, 0_usize, false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => (depth, values) = (depth + 1, values + 1),
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
        if depth > deepest {
            return Err(Status::invalid_argument(format!(
                "malformed JSON: nested deeper than {deepest} levels"
            )));
        }
        if values > MAX_VALUES {
            return Err(Status::invalid_argument(format!(
                "the request holds more than {MAX_VALUES} values"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proto::rpc::MethodInfo;

    use super::{MAX_JSON_DEPTH, MAX_NESTED_JSON_DEPTH, limit_json};

    fn nested(levels: usize) -> String {
        format!("{}{}", "[".repeat(levels), "]".repeat(levels))
    }

    fn named(name: &str) -> &'static MethodInfo {
        let path = format!("/zitadel.resources.user.v3alpha.ZITADELUsers/{name}");
        proto::rpc::method(&path).unwrap()
    }

    #[test]
    fn depth_is_limited_and_brackets_in_strings_do_not_count() {
        let create = named("CreateUser");
        assert!(limit_json(create, nested(MAX_JSON_DEPTH).as_bytes()).is_ok());
        assert!(limit_json(create, nested(MAX_JSON_DEPTH + 1).as_bytes()).is_err());
        assert!(limit_json(create, "{".repeat(100_000).as_bytes()).is_err());
        let text = format!(r#"{{"a":"{}\"{}"}}"#, "[".repeat(200), "{".repeat(200));
        assert!(limit_json(create, text.as_bytes()).is_ok());
    }

    #[test]
    fn what_holds_its_like_may_nest_deeper() {
        let search = named("SearchUsers");
        assert!(limit_json(search, nested(MAX_NESTED_JSON_DEPTH).as_bytes()).is_ok());
        assert!(limit_json(search, nested(MAX_NESTED_JSON_DEPTH + 1).as_bytes()).is_err());
        let deep = |info: &&MethodInfo| info.nests;
        let mut names: Vec<_> = proto::rpc::METHODS
            .iter()
            .filter(deep)
            .map(|info| info.name)
            .collect();
        names.sort_unstable();
        assert_eq!(
            names,
            ["ListUserSchemas", "ListUsers", "SearchUserSchemas", "SearchUsers"]
        );
    }
}
