//! Counts and times calls, by method, wire form and code.

use std::sync::OnceLock;

use metrics::{Counter, Histogram, counter, histogram};
use proto::rpc::{Code, MethodInfo};
use tokio::time::Instant;

use super::head::Wire;

/// One counter for success and one for each code.
const OUTCOMES: usize = Code::ALL.len() + 1;
const WIRES: [Wire; Wire::COUNT] = [Wire::Grpc, Wire::GrpcWeb, Wire::Connect, Wire::Rest];

/// The handles of one method, fetched from the recorder when first used so that unused ones do not show.
pub(super) struct Meter {
    method: &'static str,
    wires: [Handles; Wire::COUNT],
}

#[derive(Default)]
struct Handles {
    seconds: OnceLock<Histogram>,
    requests: [OnceLock<Counter>; OUTCOMES],
}

impl Meter {
    pub(super) fn new(info: &MethodInfo) -> Self {
        Self {
            method: info.path,
            wires: Default::default(),
        }
    }

    /// Starts the clock of one call.
    pub(super) fn start(&self, wire: Wire) -> Measured<'_> {
        Measured {
            meter: self,
            wire,
            start: Instant::now(),
            code: Some(Code::Canceled),
        }
    }

    fn record(&self, wire: Wire, start: Instant, code: Option<Code>) {
        let place = WIRES.iter().position(|known| *known == wire).unwrap_or_default();
        let Some(handles) = self.wires.get(place) else {
            return;
        };
        let number = code.map_or(0, |code| usize::from(code.number()));
        let seconds = handles
            .seconds
            .get_or_init(|| histogram!("merlon_rpc_seconds", "method" => self.method, "wire" => wire.name()));
        seconds.record(start.elapsed().as_secs_f64());
        if let Some(requests) = handles.requests.get(number) {
            let code = code.map_or("ok", Code::name);
            let requests = requests.get_or_init(|| {
                counter!("merlon_rpc_requests_total", "method" => self.method, "wire" => wire.name(), "code" => code)
            });
            requests.increment(1);
        }
    }
}

/// A running call. One that is dropped before its end counts as canceled.
pub(super) struct Measured<'a> {
    meter: &'a Meter,
    wire: Wire,
    start: Instant,
    code: Option<Code>,
}

impl Measured<'_> {
    /// Ends the call; `None` is success.
    pub(super) fn finish(mut self, code: Option<Code>) {
        self.code = code;
    }
}

impl Drop for Measured<'_> {
    fn drop(&mut self) {
        self.meter.record(self.wire, self.start, self.code);
    }
}
