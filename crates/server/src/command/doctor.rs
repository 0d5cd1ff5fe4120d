//! `merlon doctor`: looks at everything a server needs and says, line by line, what is well and what to do.
//! It changes nothing.

mod database;
mod finding;
mod place;
mod providers;
mod server;

use std::process::ExitCode;

use self::finding::{Finding, Level};
use super::settings;
use crate::cli::Place;
use crate::config::Settings;
use crate::data_dir::running;
use crate::{output, wire};

/// Runs all checks; the exit code is 1 when one failed.
pub(super) async fn run(place: Place) -> anyhow::Result<ExitCode> {
    let findings = match settings(&place) {
        Ok(settings) => examine(settings).await?,
        Err(error) => error
            .0
            .iter()
            .map(|problem| Finding::fail("configuration", &problem.to_string()))
            .collect(),
    };
    for finding in &findings {
        output::line(&finding.to_string());
    }
    let failed = findings.iter().any(|finding| finding.level == Level::Fail);
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

async fn examine(settings: Settings) -> anyhow::Result<Vec<Finding>> {
    let run = running(&settings.data.dir);
    let mut findings = vec![Finding::ok("configuration")];
    findings.push(server::clock(wire::wall_clock()));
    match &run {
        Some(run) => findings.extend(server::serving(run, wire::wall_clock()).await),
        None => findings.push(server::port(settings.server.listen)),
    }
    findings.extend(server::certificate(&settings));
    findings.push(server::files(&settings));
    let providers = providers::all(&settings).await;
    let elsewhere = match &settings.database {
        Some(database) => database::all(&database.options).await,
        None => Vec::new(),
    };
    let kept = tokio::task::spawn_blocking(move || place::all(&settings)).await?;
    findings.extend(kept);
    findings.extend(elsewhere);
    findings.extend(providers);
    Ok(findings)
}
