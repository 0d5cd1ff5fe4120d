//! Export of traces by OTLP over gRPC.

use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};

use super::Filtered;
use crate::config::Telemetry;

/// Time for one batch; a collector that is gone must not hold memory for long.
const EXPORT_TIME: Duration = Duration::from_secs(5);

/// The exporter, if a collector is configured. It sends in batches on a thread of its own.
pub(super) fn provider(telemetry: &Telemetry) -> anyhow::Result<Option<SdkTracerProvider>> {
    let Some(endpoint) = &telemetry.otlp_endpoint else {
        return Ok(None);
    };
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint.as_str())
        .with_timeout(EXPORT_TIME)
        .build()?;
    let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(telemetry.sample_ratio)));
    let resource = Resource::builder()
        .with_service_name(telemetry.service_name.clone())
        .build();
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_sampler(sampler)
        .with_resource(resource)
        .build();
    Ok(Some(provider))
}

/// The layer that turns the spans of requests into traces, whatever is logged. Spans of libraries stay out; the exporter makes some itself.
pub(super) fn layer(provider: &SdkTracerProvider) -> Filtered {
    let requests =
        Targets::new().with_targets([("api", LevelFilter::DEBUG), ("listener", LevelFilter::DEBUG)]);
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("merlon"))
        .with_filter(requests)
        .boxed()
}
