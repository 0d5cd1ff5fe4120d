//! The binary `merlon`: reads the command line, makes the runtime, runs the command.

use std::process::ExitCode;

use clap::Parser;
use server::{cli, command, output};
use tokio::runtime::Builder;

/// Quicker than the system's with many threads, and what a burst took goes back to the system soon after (the build sets
/// how soon).
#[cfg(not(target_env = "msvc"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(command::run(cli));
            // Whoever is told to stop does not wait for what a thread is still at.
            runtime.shutdown_background();
            code
        }
        Err(error) => {
            output::complain(&format!("merlon: no threads to run on: {error}"));
            ExitCode::FAILURE
        }
    }
}
