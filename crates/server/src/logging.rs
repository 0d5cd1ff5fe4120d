//! Logs: text for people on a terminal, JSON for programs elsewhere, always to standard error; traces to a collector
//! where one is configured.

use std::io::IsTerminal;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

use crate::config::{Settings, Style};

#[cfg(feature = "otel")]
mod otel;

/// What has to be flushed when the process ends.
#[derive(Debug, Default)]
pub struct Guard {
    #[cfg(feature = "otel")]
    traces: Option<opentelemetry_sdk::trace::SdkTracerProvider>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        #[cfg(feature = "otel")]
        if let Some(traces) = self.traces.take() {
            let _ = traces.shutdown();
        }
    }
}

/// A layer with a filter of its own.
type Filtered = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts logging for the whole process. Must be called once, within a Tokio runtime; tests that start servers in
/// process do not call it.
pub fn start(settings: &Settings) -> anyhow::Result<Guard> {
    let mut layers = vec![lines(settings)?];
    let guard = export(&mut layers, settings)?;
    Registry::default().with(layers).try_init()?;
    report_panics();
    Ok(guard)
}

/// The lines, and which of them are wanted. What is exported is decided apart: a span that no layer wants is not made.
fn lines(settings: &Settings) -> anyhow::Result<Filtered> {
    let filter = filter(&settings.log.filter)?;
    let json = match settings.log.style {
        Style::Auto => !std::io::stderr().is_terminal(),
        Style::Text => false,
        Style::Json => true,
    };
    Ok(if json {
        fmt::layer()
            .json()
            .flatten_event(true)
            .with_writer(std::io::stderr)
            .with_filter(filter)
            .boxed()
    } else {
        fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .with_filter(filter)
            .boxed()
    })
}

/// Libraries that speak protocols show whole heads, tokens among them, when they are asked for details. They are asked only by
/// name, never by a plain `debug` or `trace`. What the WebAuthn library calls an error is an answer of a browser that does not hold,
/// which its sender hears; it would fill the log with challenges and keys. The one for phone numbers shows them.
const TALKATIVE: &str = "h2=warn,hpack=warn,hyper=warn,hyper_util=warn,crypto_glue=off,lettre=warn,reqwest=warn,rlibphonenumber=off,rustls=warn,tokio_postgres=warn,tonic=warn,tower=warn,webauthn_rs_core=off";

fn filter(written: &str) -> anyhow::Result<EnvFilter> {
    Ok(EnvFilter::try_new(format!("{TALKATIVE},{written}"))?)
}

#[cfg(feature = "otel")]
fn export(layers: &mut Vec<Filtered>, settings: &Settings) -> anyhow::Result<Guard> {
    let traces = otel::provider(&settings.telemetry)?;
    layers.extend(traces.as_ref().map(otel::layer));
    Ok(Guard { traces })
}

#[cfg(not(feature = "otel"))]
fn export(_layers: &mut Vec<Filtered>, _settings: &Settings) -> anyhow::Result<Guard> {
    Ok(Guard::default())
}

/// A panic is a bug: it is logged where it happened. Its message may quote data and stays out.
fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic; please report it with this line");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_level_does_not_make_protocol_libraries_talk() {
        let plain = filter("trace").unwrap().to_string();
        assert!(plain.contains("h2=warn") && plain.contains("trace"), "{plain}");
        assert!(plain.contains("webauthn_rs_core=off"), "{plain}");
        assert!(plain.contains("rlibphonenumber=off"), "{plain}");
        let named = filter("info,h2=trace").unwrap().to_string();
        assert!(
            named.contains("h2=trace") && !named.contains("h2=warn"),
            "{named}"
        );
    }
}
