//! The command line.

use std::{collections::BTreeSet, net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Context, bail};
use clap::{Parser, Subcommand, ValueEnum};

/// Measures a Merlon server over loopback, next to what this machine can do at all.
#[derive(Debug, Parser)]
#[command(name = "bench", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) part: Option<Part>,
    /// The server's binary [default: `merlon` beside this program]
    #[arg(long, value_name = "PATH", env = "MERLON_BIN")]
    merlon: Option<PathBuf>,
    /// Only try whether everything runs: tiny counts, no judgement
    #[arg(long)]
    pub(crate) smoke: bool,
    /// Parts to measure [default: all]
    #[arg(long, value_delimiter = ',', value_name = "PART")]
    only: Vec<Subject>,
    /// Seconds of each measurement
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Rounds, each of which measures everything once
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=20))]
    rounds: u64,
    /// Requests in flight; each number is measured
    #[arg(long, value_delimiter = ',', value_name = "N", default_values_t = [1, 16, 64, 256])]
    connections: Vec<usize>,
    /// Users that are there before measuring begins
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    users: usize,
    /// Where data are kept while measuring; it should be on the disk that is meant [default: beside this program]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Writes everything that was measured as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

/// What this program is beside the benchmark.
#[derive(Debug, Subcommand)]
pub(crate) enum Part {
    /// The echo server that the benchmark measures the floor with
    #[command(hide = true)]
    Echo {
        /// Where it listens.
        listen: SocketAddr,
    },
    /// One node and two on PostgreSQL, which is started for it, next to SQLite and to pgbench
    Nodes,
    /// How everything changes as users become more
    Growth {
        /// Numbers of users, smallest first
        #[arg(long, value_delimiter = ',', value_name = "N", default_values_t = [1_000, 10_000, 100_000, 1_000_000])]
        sizes: Vec<usize>,
    },
}

/// A part of the measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Subject {
    /// Append and sync of 4 KiB.
    Sync,
    /// A server that only echoes.
    Echo,
    /// The store without a server.
    Append,
    /// Add a factor whose code is answered.
    Add,
    /// Enter that code.
    Verify,
    /// Read a user.
    Get,
    /// Adds at a fixed rate.
    Pace,
    /// Reads beside writers, and beside passwords.
    Beside,
    /// A user with a long history.
    History,
    /// Memory at rest, start, size.
    Footprint,
}

impl Subject {
    const ALL: [Self; 10] = [
        Self::Sync,
        Self::Echo,
        Self::Append,
        Self::Add,
        Self::Verify,
        Self::Get,
        Self::Pace,
        Self::Beside,
        Self::History,
        Self::Footprint,
    ];
}

/// What the command line means.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) merlon: PathBuf,
    pub(crate) program: PathBuf,
    pub(crate) dir: PathBuf,
    pub(crate) subjects: BTreeSet<Subject>,
    pub(crate) time: Duration,
    pub(crate) rounds: usize,
    pub(crate) widths: Vec<usize>,
    pub(crate) users: usize,
    pub(crate) smoke: bool,
}

/// Most requests in flight that are worth measuring on loopback.
const MOST_WIDE: usize = 4096;

impl Plan {
    /// Fails when there is no server to measure or a number makes no sense.
    pub(crate) fn of(args: &Args) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("finding this program")?;
        let home = program.parent().context("this program lies nowhere")?.to_owned();
        let merlon = args.merlon.clone().unwrap_or_else(|| home.join("merlon"));
        if !merlon.is_file() {
            bail!(
                "there is no server at {}; build it (cargo build --release -p server) or name it with --merlon",
                merlon.display()
            );
        }
        if args.connections.iter().any(|n| !(1..=MOST_WIDE).contains(n)) {
            bail!("--connections takes numbers from 1 to {MOST_WIDE}");
        }
        if let Some(Part::Growth { sizes }) = &args.part
            && !(sizes.is_sorted_by(|a, b| a < b) && sizes.first().is_some_and(|first| *first > 0))
        {
            bail!("--sizes takes numbers above 0, smallest first");
        }
        let subjects = if args.only.is_empty() {
            Subject::ALL.to_vec()
        } else {
            args.only.clone()
        };
        let mut plan = Self {
            merlon,
            program,
            dir: args.dir.clone().unwrap_or(home),
            subjects: subjects.into_iter().collect(),
            time: Duration::from_secs(args.seconds),
            rounds: usize::try_from(args.rounds)?,
            widths: args.connections.clone(),
            users: args.users.clamp(20, 2_000_000),
            smoke: args.smoke,
        };
        if args.smoke {
            (plan.time, plan.rounds) = (Duration::from_millis(150), 1);
            (plan.widths, plan.users) = (vec![1, 8], 200);
        }
        Ok(plan)
    }

    pub(crate) fn has(&self, subject: Subject) -> bool {
        self.subjects.contains(&subject)
    }
}
