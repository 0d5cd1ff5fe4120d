//! The commands, one file each.

mod doctor;
mod import;
mod inbox;
mod migrate;
mod progress;
mod start;
mod token;

use std::process::ExitCode;

use crate::cli::{Cli, Command, Place};
use crate::config::{ConfigError, Settings, Sources, reference};
use crate::output;

/// Runs a command to its end. Must be called within a Tokio runtime.
pub async fn run(cli: Cli) -> ExitCode {
    let outcome = match cli.command {
        Command::Start(args) => start::run(args).await,
        Command::Inbox(args) => inbox::run(args).await,
        Command::Token(args) => token::run(args).await,
        Command::Import(args) => import::run(args).await,
        Command::Migrate(args) => migrate::run(args).await,
        Command::Doctor(place) => doctor::run(place).await,
        Command::ConfigReference => {
            output::text(&reference());
            Ok(ExitCode::SUCCESS)
        }
    };
    outcome.unwrap_or_else(|error| {
        output::complain(&format!("merlon: {error:#}"));
        ExitCode::FAILURE
    })
}

/// The sources of a command without further flags.
fn sources(place: &Place) -> Sources {
    let mut sources = Sources {
        file: place.config.clone(),
        data: place.data.clone(),
        ..Sources::default()
    };
    for (name, value) in std::env::vars_os() {
        match (name.into_string(), value.into_string()) {
            (Ok(name), Ok(value)) => sources.environment.push((name, value)),
            (Ok(name), Err(_)) => sources.garbled.push(name),
            (Err(name), _) => sources.garbled.push(name.to_string_lossy().into_owned()),
        }
    }
    sources
}

fn settings(place: &Place) -> Result<Settings, ConfigError> {
    Settings::load(sources(place))
}
