//! One measurement from beginning to end: prepare users, round after round every cell once, then what is measured once.

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use tempfile::TempDir;

use crate::{
    api::{Pending, Wire},
    args::{Plan, Subject},
    drive::{self, Job},
    floor::{append::Append, echo, sync},
    goal::{self, Once},
    ledger::{Cell, Figure, Ledger},
    people::{Add, Get, People, Verify},
    process,
    server::Server,
};

/// What is at work while measuring.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) plan: Plan,
    /// Everything is kept in here and goes with it.
    pub(crate) dir: TempDir,
    pub(crate) server: Server,
    pub(crate) people: Arc<People>,
    pub(crate) ledger: Ledger,
    pub(crate) bar: ProgressBar,
    echo: Server,
    append: Arc<Append>,
}

/// Room for so many adds a second must be left before a cell of adds begins.
const FASTEST_ADD: usize = 60_000;
/// Rate of the adds at a fixed pace.
const PACE: u32 = 1_000;
const PACE_WIDTH: usize = 64;

/// Measures what the plan says.
pub(crate) async fn run(plan: Plan) -> anyhow::Result<(Ledger, Once)> {
    let mut bench = Bench::open(plan).await?;
    for round in 1..=bench.plan.rounds {
        bench.round(round).await?;
    }
    let once = bench.once().await?;
    bench.bar.finish_and_clear();
    bench.server.stop().await?;
    Ok((bench.ledger, once))
}

impl Bench {
    async fn open(plan: Plan) -> anyhow::Result<Self> {
        let bar = ProgressBar::new(steps(&plan));
        let style = "{elapsed_precise} {bar:30} {pos}/{len} {msg}";
        bar.set_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.enable_steady_tick(Duration::from_millis(500));
        bar.set_message("preparing users");
        let dir = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(&plan.dir)
            .context("making a directory")?;
        let echo = Server::echo(&plan.program).await?;
        let server = Server::merlon(&plan.merlon, &dir.path().join("main")).await?;
        let people = Arc::new(People::create(&server.place, plan.users).await?);
        let append = Append::new(dir.path(), plan.users).await?;
        Ok(Self {
            plan,
            dir,
            server,
            people,
            ledger: Ledger::default(),
            bar,
            echo,
            append,
        })
    }

    /// The data directory of the server.
    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("main")
    }

    async fn round(&mut self, round: usize) -> anyhow::Result<()> {
        self.probe().await?;
        self.floors().await?;
        for wire in Wire::ALL {
            for width in self.plan.widths.clone() {
                self.bar
                    .set_message(format!("round {round}, {} × {width}", wire.name()));
                self.calls(wire, width).await?;
            }
        }
        self.probe().await
    }

    async fn probe(&mut self) -> anyhow::Result<()> {
        if self.plan.has(Subject::Sync) {
            let disk = sync::probe(self.dir.path(), self.plan.time / 2).await?;
            self.ledger.disk.push(disk);
        }
        Ok(())
    }

    async fn floors(&mut self) -> anyhow::Result<()> {
        for width in self.plan.widths.clone() {
            if self.plan.has(Subject::Echo) {
                for wire in Wire::ALL {
                    let lines = echo::lines(&self.echo.place, wire, width).await?;
                    let cell = Cell::new("echo", wire, width);
                    self.measure(cell, self.echo.pid, Arc::new(echo::Echo::default()), lines)
                        .await?;
                }
            }
            if self.plan.has(Subject::Append) {
                let cell = Cell {
                    what: "append",
                    wire: None,
                    width,
                };
                let append = Arc::clone(&self.append);
                self.measure(cell, std::process::id(), append, vec![(); width])
                    .await?;
            }
        }
        Ok(())
    }

    async fn calls(&mut self, wire: Wire, width: usize) -> anyhow::Result<()> {
        let pid = self.server.pid;
        if self.plan.has(Subject::Add) || self.plan.has(Subject::Verify) {
            let pending = self.add(Cell::new("add", wire, width)).await?;
            if self.plan.has(Subject::Verify) {
                let lines = self.server.place.lines(wire, width).await?;
                let verify = Arc::new(Verify::new(pending));
                self.measure(Cell::new("verify", wire, width), pid, verify, lines)
                    .await?;
            }
        }
        if self.plan.has(Subject::Get) {
            let lines = self.server.place.lines(wire, width).await?;
            let get = Arc::new(Get(Arc::clone(&self.people)));
            self.measure(Cell::new("get", wire, width), pid, get, lines)
                .await?;
        }
        Ok(())
    }

    async fn add(&mut self, cell: Cell) -> anyhow::Result<Vec<Pending>> {
        self.make_room().await?;
        let wire = cell.wire.unwrap_or(Wire::Json);
        let lines = self.server.place.lines(wire, cell.width).await?;
        let before = self.commits().await?;
        let add = Arc::new(Add(Arc::clone(&self.people)));
        let (mut figure, pending) = self.figure(cell, self.server.pid, add, lines).await?;
        let after = self.commits().await?;
        figure.per_sync = (after.0 - before.0) / (after.1 - before.1).max(1.0);
        self.ledger.enter(cell, figure);
        Ok(pending)
    }

    /// Commands made durable, and syncs that made them so.
    async fn commits(&self) -> anyhow::Result<(f64, f64)> {
        let sets = self.server.metric("merlon_store_write_sets_total").await?;
        Ok((sets, self.server.metric("merlon_store_commits_total").await?))
    }

    /// Sees to it that a cell of adds does not run out of users.
    pub(crate) async fn make_room(&mut self) -> anyhow::Result<()> {
        let seconds = usize::try_from(self.plan.time.as_secs())?;
        if self.people.room() < FASTEST_ADD * seconds {
            let people = Arc::get_mut(&mut self.people).context("the users are still in use")?;
            people.renew(&self.server.place).await?;
        }
        Ok(())
    }

    async fn measure<J: Job>(
        &mut self,
        cell: Cell,
        pid: u32,
        job: Arc<J>,
        lines: Vec<J::Line>,
    ) -> anyhow::Result<()> {
        let (figure, _) = self.figure(cell, pid, job, lines).await?;
        self.ledger.enter(cell, figure);
        Ok(())
    }

    async fn figure<J: Job>(
        &self,
        cell: Cell,
        pid: u32,
        job: Arc<J>,
        lines: Vec<J::Line>,
    ) -> anyhow::Result<(Figure, Vec<J::Yield>)> {
        let before = process::usage(pid)?;
        let outcome = drive::closed(job, lines, self.plan.time).await;
        let usage = process::usage(pid)?.since(before);
        let name = || {
            format!(
                "{} {} × {}",
                cell.what,
                cell.wire.map_or("", Wire::name),
                cell.width
            )
        };
        if let Some(reason) = outcome.reason {
            return Err(reason.context(format!("{}: {} requests failed", name(), outcome.failures)));
        }
        anyhow::ensure!(!outcome.micros.is_empty(), "{}: nothing was answered", name());
        let figure = Figure::of(&outcome, usage, process::memory(pid)?.peak);
        self.bar.inc(1);
        Ok((figure, outcome.yields))
    }

    async fn once(&mut self) -> anyhow::Result<Once> {
        let mut once = Once::default();
        if self.plan.has(Subject::Pace) {
            self.bar.set_message(format!("{PACE} adds a second"));
            once.pace = Some(goal::pace::measure(self, PACE, PACE_WIDTH).await?);
        }
        if self.plan.has(Subject::Beside) {
            self.bar.set_message("reads beside writers and passwords");
            once.beside = Some(goal::beside::measure(self).await?);
        }
        if self.plan.has(Subject::History) {
            self.bar.set_message("a user with a long history");
            once.history = Some(goal::history::measure(self).await?);
        }
        once.memory = Some(process::memory(self.server.pid)?);
        self.append.close().await?;
        if self.plan.has(Subject::Footprint) {
            self.bar.set_message("memory at rest, starts, size");
            once.footprint = Some(goal::footprint::measure(self).await?);
        }
        Ok(once)
    }
}

/// Cells of all rounds.
fn steps(plan: &Plan) -> u64 {
    let of = |subject, cells: u64| if plan.has(subject) { cells } else { 0 };
    let adds = if plan.has(Subject::Verify) {
        2
    } else {
        of(Subject::Add, 2)
    };
    let cells =
        of(Subject::Echo, 2) + of(Subject::Append, 1) + adds + of(Subject::Verify, 2) + of(Subject::Get, 2);
    u64::try_from(plan.rounds * plan.widths.len()).unwrap_or(1) * cells
}
