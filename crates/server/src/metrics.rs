//! Metrics of the process. The recorder is global because the `metrics` facade is; everything else is handed on.

use std::sync::OnceLock;
use std::time::Duration;

use metrics::gauge;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// From half a millisecond to ten seconds.
const SECONDS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// How often histograms are condensed.
const UPKEEP: Duration = Duration::from_secs(5);

/// The recorder's handle; the first call installs the recorder, later ones (several servers in one test process)
/// share it.
pub fn install() -> PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let seconds = Matcher::Suffix("_seconds".to_owned());
            let builder = PrometheusBuilder::new().set_buckets_for_metric(seconds, &SECONDS);
            let recorder = builder
                .unwrap_or_else(|_| PrometheusBuilder::new())
                .build_recorder();
            let handle = recorder.handle();
            // Somebody else's recorder stays; ours then renders an empty page instead of failing the start.
            let _ = metrics::set_global_recorder(recorder);
            describe();
            handle
        })
        .clone()
}

/// Condenses histograms from time to time, for as long as the future is polled.
pub async fn upkeep(handle: PrometheusHandle) {
    let mut interval = tokio::time::interval(UPKEEP);
    loop {
        interval.tick().await;
        handle.run_upkeep();
    }
}

fn describe() {
    metrics::describe_counter!(
        "merlon_http_requests_total",
        "HTTP requests answered, by class of status"
    );
    metrics::describe_histogram!(
        "merlon_http_request_seconds",
        "Time from request head to response head"
    );
    metrics::describe_gauge!("merlon_http_connections", "Open connections");
    metrics::describe_counter!(
        "merlon_messages_total",
        "Messages by channel, provider and outcome"
    );
    metrics::describe_histogram!(
        "merlon_message_send_seconds",
        metrics::Unit::Seconds,
        "Time that a provider took for one message"
    );
    metrics::describe_histogram!(
        "merlon_message_delay_seconds",
        metrics::Unit::Seconds,
        "Time from the commit of a message to its delivery"
    );
    metrics::describe_gauge!("merlon_messages_waiting", "Messages in the outbox");
    metrics::describe_counter!("merlon_store_commits_total", "Commits, each one sync of the disk");
    metrics::describe_counter!("merlon_store_write_sets_total", "Units of work in those commits");
    metrics::describe_counter!(
        "merlon_store_conflicts_total",
        "Units of work that ran again after a lost race"
    );
    metrics::describe_histogram!("merlon_store_batch_size", "Units of work of one commit");
    metrics::describe_counter!("merlon_http_panics_total", "Requests that ended in a bug of ours");
    metrics::describe_gauge!("process_resident_memory_bytes", "Resident memory");
    metrics::describe_gauge!("process_open_fds", "Open file descriptors");
    gauge!("merlon_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

/// Reads what the kernel knows about this process, where it can be read.
pub fn observe_process() {
    let pages = std::fs::read_to_string("/proc/self/statm");
    let resident = pages
        .ok()
        .and_then(|text| text.split_whitespace().nth(1)?.parse::<u32>().ok());
    if let Some(resident) = resident {
        gauge!("process_resident_memory_bytes").set(f64::from(resident) * page_size());
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        gauge!("process_open_fds").set(f64::from(u32::try_from(open.count()).unwrap_or(u32::MAX)));
    }
}

fn page_size() -> f64 {
    f64::from(u32::try_from(rustix::param::page_size()).unwrap_or(4_096))
}
