//! Section `telemetry`: export of traces to a collector.

use url::Url;

use super::key::{Form, Key};
use super::reader::Reader;

const OTLP_ENDPOINT: Key = Key::unset(
    "telemetry.otlp_endpoint",
    Form::Text("http URL"),
    "Collector that takes traces by OTLP over gRPC, such as `http://127.0.0.1:4317`. Not set: nothing is exported.",
);
const SAMPLE_RATIO: Key = Key::new(
    "telemetry.sample_ratio",
    Form::Fraction,
    "1",
    "Share of the requests that is traced.",
);
const SERVICE_NAME: Key = Key::new(
    "telemetry.service_name",
    Form::Text("text"),
    "merlon",
    "Name under which this server appears.",
);

pub(super) const KEYS: &[&Key] = &[&OTLP_ENDPOINT, &SAMPLE_RATIO, &SERVICE_NAME];

/// Trace export.
#[derive(Clone, Debug, PartialEq)]
pub struct Telemetry {
    /// Collector.
    pub otlp_endpoint: Option<Url>,
    /// Share of requests, 0 to 1.
    pub sample_ratio: f64,
    /// Name of this server.
    pub service_name: String,
}

impl Telemetry {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        Some(Self {
            otlp_endpoint: reader.maybe(&OTLP_ENDPOINT, parse_endpoint)?,
            sample_ratio: reader.value(&SAMPLE_RATIO, parse_fraction)?,
            service_name: reader.value(&SERVICE_NAME, |text| Ok(text.to_owned()))?,
        })
    }
}

fn parse_endpoint(text: &str) -> Result<Url, String> {
    if cfg!(not(feature = "otel")) {
        return Err("this build cannot export traces; build it with the feature `otel`".to_owned());
    }
    let url = Url::parse(text)
        .ok()
        .filter(|url| url.scheme() == "http" && url.has_host());
    url.ok_or_else(|| "write a URL such as http://127.0.0.1:4317".to_owned())
}

fn parse_fraction(text: &str) -> Result<f64, String> {
    let fraction = text
        .parse()
        .ok()
        .filter(|fraction| (0.0..=1.0).contains(fraction));
    fraction.ok_or_else(|| "write a number from 0 to 1".to_owned())
}
