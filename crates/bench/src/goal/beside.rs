//! Reads at a fixed rate beside what takes the whole machine: writers, and passwords next to what the cores can hash at all.

use std::{fmt, sync::Arc, time::Duration};

use anyhow::Context;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::{task::JoinSet, time::Instant};

use crate::{
    api::Wire,
    drive::{self, Job, count, quantile},
    people::{Add, Get, Passwords},
    run::Bench,
};

/// Reads a second, and the connections for them.
const RATE: u32 = 200;
const READERS: usize = 16;
/// Adds in flight beside them.
pub(crate) const WRITERS: usize = 64;
/// Passwords in flight for each core; the pool lets 64 wait.
const PASSWORDS: usize = 4;

/// What the reads took, and what was done beside them.
#[derive(Debug)]
pub(crate) struct Beside {
    /// Reads a second that were asked for.
    pub(crate) rate: u32,
    /// Of reads that nothing else is done beside.
    pub(crate) alone: Quantiles,
    /// Of reads beside writers.
    pub(crate) writers: Quantiles,
    /// Adds a second that those made.
    pub(crate) adds: f64,
    /// Of reads beside passwords.
    pub(crate) passwords: Quantiles,
    /// Passwords a second.
    pub(crate) hashed: f64,
    /// As many as a program hashes on all cores that does nothing else.
    pub(crate) hashable: f64,
}

/// Milliseconds that half of the reads took at most, and all but one in a hundred.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quantiles {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl fmt::Display for Quantiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2} / {:.2}", self.p50, self.p99)
    }
}

/// Measures reads alone, beside writers, and beside passwords between two probes of the cores.
pub(crate) async fn measure(bench: &mut Bench) -> anyhow::Result<Beside> {
    bench.make_room().await?;
    let time = if bench.plan.smoke {
        bench.plan.time
    } else {
        bench.plan.time * 5
    };
    let cores = std::thread::available_parallelism().map_or(2, Into::into);
    let alone = quantiles(&reads(bench, time).await?);
    let add = Arc::new(Add(Arc::clone(&bench.people)));
    let (writers, adds) = beside(bench, "adds", add, WRITERS, time).await?;
    let before = hashable(cores, bench.plan.time).await?;
    let set = Arc::new(Passwords::new(Arc::clone(&bench.people)));
    let (passwords, hashed) = beside(bench, "passwords", set, PASSWORDS * cores, time).await?;
    let after = hashable(cores, bench.plan.time).await?;
    Ok(Beside {
        rate: RATE,
        alone,
        writers,
        adds,
        passwords,
        hashed,
        hashable: f64::midpoint(before, after),
    })
}

/// Reads while a job is done on `width` connections; how often that was done in a second.
async fn beside<J>(
    bench: &Bench,
    what: &'static str,
    job: Arc<J>,
    width: usize,
    time: Duration,
) -> anyhow::Result<(Quantiles, f64)>
where
    J: Job<Line = crate::api::Line>,
{
    let lines = bench.server.place.lines(Wire::Json, width).await?;
    let (reads, done) = tokio::join!(reads(bench, time), drive::closed(job, lines, time));
    let rate = done.rate();
    if let Some(reason) = done.reason {
        return Err(reason.context(what));
    }
    anyhow::ensure!(rate > 0.0, "{what}: nothing was answered");
    Ok((quantiles(&reads?), rate))
}

async fn reads(bench: &Bench, time: Duration) -> anyhow::Result<Vec<f32>> {
    let lines = bench.server.place.lines(Wire::Json, READERS).await?;
    let get = Arc::new(Get(Arc::clone(&bench.people)));
    let outcome = drive::open(get, lines, RATE, time).await;
    match outcome.reason {
        Some(reason) => Err(reason.context("reads at a fixed rate")),
        None => Ok(outcome.micros),
    }
}

fn quantiles(micros: &[f32]) -> Quantiles {
    Quantiles {
        p50: quantile(micros, 0.5) / 1e3,
        p99: quantile(micros, 0.99) / 1e3,
    }
}

/// Hashes a second, with the parameters of the server, on as many threads at once as there are cores.
async fn hashable(cores: usize, time: Duration) -> anyhow::Result<f64> {
    let began = Instant::now();
    let mut threads = JoinSet::new();
    for _ in 0..cores {
        threads.spawn_blocking(move || hashes(time));
    }
    let mut all = 0;
    while let Some(done) = threads.join_next().await {
        all += done??;
    }
    Ok(count(all) / began.elapsed().as_secs_f64())
}

fn hashes(time: Duration) -> anyhow::Result<usize> {
    // The parameters that OWASP gives for Argon2id, as the server takes them.
    let params = Params::new(19_456, 2, 1, Some(32))
        .ok()
        .context("parameters of Argon2id")?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut memory = vec![Block::new(); argon2.params().block_count()];
    let (began, mut done, mut out) = (Instant::now(), 0, [0; 32]);
    let (password, salt) = (b"lighthouse keeper", b"a salt of no use");
    while began.elapsed() < time {
        let hashed = argon2.hash_password_into_with_memory(password, salt, &mut out, &mut memory);
        hashed.ok().context("hashing with Argon2id")?;
        done += 1;
    }
    Ok(done)
}
