//! `merlon start`: serve until told to stop.

use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::sources;
use crate::cli::Start;
use crate::config::{Settings, Sources};
use crate::data_dir::TOKEN_FILE;
use crate::shell::Drain;
use crate::wire::{self, Running};
use crate::{descriptors, logging, output};

/// Starts, prints where everything is, serves, and stops at Ctrl-C or SIGTERM; a second signal ends it at once, and so does one that comes
/// before it serves.
pub(super) async fn run(args: Start) -> anyhow::Result<ExitCode> {
    // Whatever is written from here on, the database included, is for its owner alone.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    descriptors::raise();
    let settings = Settings::load(Sources {
        listen: args.listen,
        dev: args.dev,
        new_automation: args.new_automation_user,
        ..sources(&args.place)
    })?;
    let _logs = logging::start(&settings)?;
    let mut signals = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let running = tokio::select! {
        running = wire::start(settings) => running?,
        () = told_to_stop(&mut signals) => {
            tracing::info!("told to stop while starting");
            return Ok(ExitCode::from(130));
        }
    };
    announce(&running);
    told_to_stop(&mut signals).await;
    tracing::info!("stopping; accepted requests are being finished");
    tokio::select! {
        drain = running.shutdown() => {
            if drain == Drain::CutOff {
                tracing::warn!("the drain time is over; unfinished requests were cut off");
            }
            Ok(ExitCode::SUCCESS)
        }
        () = told_to_stop(&mut signals) => Ok(ExitCode::from(130)),
    }
}

async fn told_to_stop((interrupt, terminate): &mut (Signal, Signal)) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

fn announce(running: &Running) {
    let (data, url) = (running.data.display(), &running.url);
    output::line(&format!("Merlon {}", env!("CARGO_PKG_VERSION")));
    output::line(&format!("  data    {data}"));
    if running.data.join(TOKEN_FILE).exists() {
        output::line(&format!("  token   {data}/{TOKEN_FILE}"));
    }
    output::line(&format!("  org     {}", running.ground.foundation.org));
    output::line(&format!("  inbox   {url}/ui/inbox"));
    output::line(&format!("  api     {url}/openapi"));
    for warning in &running.warnings {
        output::line(&format!("warning: {warning}"));
    }
    output::line(&format!("ready {url}"));
}
