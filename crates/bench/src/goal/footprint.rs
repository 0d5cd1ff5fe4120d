//! What the server needs before anybody asks it anything: memory, time to start, bytes on disk.

use std::{path::Path, process::Stdio, sync::Arc, time::Duration};

use anyhow::Context;
use tokio::{process::Command, time::sleep};

use crate::{
    api::Wire,
    drive::{self, count},
    ledger::Spread,
    people::{self, Add},
    process::{self, Memory},
    run::Bench,
    server::{self, Server},
};

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Footprint {
    /// Shortly after a start.
    pub(crate) idle: Memory,
    /// After connections came and went.
    pub(crate) after_connections: Memory,
    /// How many those were.
    pub(crate) connections: usize,
    /// Milliseconds of a start on an empty directory.
    pub(crate) first_start: f64,
    /// Milliseconds of a start on the data of this measurement.
    pub(crate) next_start: f64,
    /// Milliseconds of a start after a kill.
    pub(crate) start_after_kill: f64,
    /// MiB of the write-ahead log at the kill.
    pub(crate) log: f64,
    /// MB of the binary without symbols.
    pub(crate) binary: f64,
    /// Whether symbols could be taken out.
    pub(crate) stripped: bool,
}

/// Measures with servers of its own; the one of the bench is stopped and killed on the way.
pub(crate) async fn measure(bench: &mut Bench) -> anyhow::Result<Footprint> {
    let mut found = Footprint::default();
    let (starts, kills) = if bench.plan.smoke { (1, 1) } else { (5, 3) };
    found.first_start = first_starts(bench, starts).await?;
    rest(bench, &mut found).await?;
    found.next_start = next_starts(bench, starts).await?;
    (found.start_after_kill, found.log) = starts_after_kill(bench, kills).await?;
    (found.binary, found.stripped) = binary(&bench.plan.merlon, bench.dir.path()).await?;
    Ok(found)
}

async fn first_starts(bench: &Bench, times: usize) -> anyhow::Result<f64> {
    let mut took = Vec::new();
    for n in 0..times {
        let data = bench.dir.path().join(format!("first-{n}"));
        let server = Server::merlon(&bench.plan.merlon, &data).await?;
        took.push(millis(server.started_in));
        server.stop().await?;
    }
    median(&took)
}

async fn rest(bench: &Bench, found: &mut Footprint) -> anyhow::Result<()> {
    found.connections = if bench.plan.smoke { 20 } else { 2_000 };
    let pause = Duration::from_secs(if bench.plan.smoke { 0 } else { 2 });
    let server = Server::merlon(&bench.plan.merlon, &bench.dir.path().join("rest")).await?;
    sleep(pause).await;
    found.idle = process::memory(server.pid)?;
    let mut open = Vec::new();
    for _ in 0..found.connections {
        open.push(people::knock(&server.place).await?);
    }
    drop(open);
    sleep(pause).await;
    found.after_connections = process::memory(server.pid)?;
    server.stop().await
}

async fn next_starts(bench: &mut Bench, times: usize) -> anyhow::Result<f64> {
    let mut took = Vec::new();
    for _ in 0..times {
        let next = restart(bench, false).await?;
        took.push(millis(next));
    }
    median(&took)
}

/// Ends the bench's server and starts it again.
async fn restart(bench: &mut Bench, by_kill: bool) -> anyhow::Result<Duration> {
    let (program, data) = (bench.plan.merlon.clone(), bench.data());
    // A server cannot be moved out of the bench without another in its place.
    let spare = Server::echo(&bench.plan.program).await?;
    let old = std::mem::replace(&mut bench.server, spare);
    if by_kill {
        old.kill().await?;
    } else {
        old.stop().await?;
    }
    bench.server = Server::merlon(&program, &data).await?;
    Ok(bench.server.started_in)
}

/// Milliseconds of the starts, and MiB of log that the smallest kill left.
async fn starts_after_kill(bench: &mut Bench, times: usize) -> anyhow::Result<(f64, f64)> {
    let (mut took, mut logs) = (Vec::new(), Vec::new());
    for _ in 0..times {
        restart(bench, false).await?;
        let bytes = fill_log(bench).await?;
        took.push(millis(restart(bench, true).await?));
        logs.push(count(usize::try_from(bytes >> 10)?) / 1024.0);
    }
    Ok((median(&took)?, median(&logs)?))
}

const LOG: u64 = 64 << 20;

/// Adds until the log has the size from which on it is copied.
async fn fill_log(bench: &mut Bench) -> anyhow::Result<u64> {
    bench.make_room().await?;
    let (wanted, step) = if bench.plan.smoke {
        (64 << 10, Duration::from_millis(50))
    } else {
        (LOG, Duration::from_millis(100))
    };
    let data = bench.data();
    for _ in 0..600 {
        if server::log_bytes(&data) >= wanted {
            break;
        }
        let lines = bench.server.place.lines(Wire::Json, 64).await?;
        let outcome = drive::closed(Arc::new(Add(Arc::clone(&bench.people))), lines, step).await;
        if let Some(reason) = outcome.reason {
            return Err(reason.context("filling the log"));
        }
    }
    Ok(server::log_bytes(&data))
}

/// Size of the binary in MB (10^6 bytes), and whether its symbols could be taken out first.
async fn binary(program: &Path, dir: &Path) -> anyhow::Result<(f64, bool)> {
    let bare = dir.join("merlon-stripped");
    let strip = Command::new("strip")
        .arg("-o")
        .arg(&bare)
        .arg(program)
        .stderr(Stdio::null())
        .status()
        .await;
    let stripped = strip.is_ok_and(|status| status.success());
    let file = if stripped { bare.as_path() } else { program };
    let bytes = file.metadata().context("looking at the binary")?.len();
    Ok((count(usize::try_from(bytes / 1000)?) / 1000.0, stripped))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn median(values: &[f64]) -> anyhow::Result<f64> {
    let spread = Spread::of(values.iter().copied()).context("nothing was measured")?;
    Ok(spread.median)
}
