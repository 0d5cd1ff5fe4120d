//! The goals: what was measured, what must be, what is striven for.

pub(crate) mod beside;
pub(crate) mod footprint;
pub(crate) mod history;
pub(crate) mod pace;

use serde::Serialize;

use crate::{
    api::Wire,
    drive::quantile,
    ledger::{Cell, Figure, Ledger},
    process::Memory,
};

use beside::Beside;
use footprint::Footprint;
use history::History;
use pace::Pace;

/// What is measured once, after the rounds.
#[derive(Debug, Default)]
pub(crate) struct Once {
    pub(crate) pace: Option<Pace>,
    pub(crate) beside: Option<Beside>,
    pub(crate) history: Option<History>,
    pub(crate) footprint: Option<Footprint>,
    /// Of the server that answered everything.
    pub(crate) memory: Option<Memory>,
}

/// On which side of its bound a value belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Side {
    AtLeast,
    AtMost,
}

/// A goal with what came of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Goal {
    pub(crate) name: &'static str,
    pub(crate) what: String,
    pub(crate) unit: &'static str,
    pub(crate) side: Side,
    pub(crate) value: f64,
    pub(crate) must: f64,
    pub(crate) strive: Option<f64>,
}

impl Goal {
    /// Whether it is what it must be.
    pub(crate) fn passes(&self) -> bool {
        self.keeps(self.must)
    }

    /// Whether it is what is striven for.
    pub(crate) fn excels(&self) -> bool {
        self.keeps(self.strive.unwrap_or(self.must))
    }

    fn keeps(&self, bound: f64) -> bool {
        match self.side {
            Side::AtLeast => self.value >= bound,
            Side::AtMost => self.value <= bound,
        }
    }
}

/// Collects goals whose value was measured.
#[derive(Default)]
struct Judge(Vec<Goal>);

impl Judge {
    fn at_least(
        &mut self,
        name: &'static str,
        what: impl Into<String>,
        value: Option<f64>,
        bounds: (f64, f64),
    ) {
        self.push(name, what.into(), "", Side::AtLeast, value, bounds);
    }

    fn at_most(
        &mut self,
        name: &'static str,
        (what, unit): (impl Into<String>, &'static str),
        value: Option<f64>,
        bounds: (f64, f64),
    ) {
        self.push(name, what.into(), unit, Side::AtMost, value, bounds);
    }

    fn push(
        &mut self,
        name: &'static str,
        what: String,
        unit: &'static str,
        side: Side,
        value: Option<f64>,
        (must, strive): (f64, f64),
    ) {
        let strive = ((must - strive).abs() > f64::EPSILON).then_some(strive);
        if let Some(value) = value {
            self.0.push(Goal {
                name,
                what,
                unit,
                side,
                value,
                must,
                strive,
            });
        }
    }
}

const WIDTH: usize = 64;

const fn at(what: &'static str, wire: Wire) -> Cell {
    Cell::new(what, wire, WIDTH)
}

const APPEND: Cell = Cell {
    what: "append",
    wire: None,
    width: WIDTH,
};

/// All goals that something was measured for.
pub(crate) fn judge(ledger: &Ledger, once: &Once) -> Vec<Goal> {
    let mut judge = Judge::default();
    ratios(&mut judge, ledger);
    processor(&mut judge, ledger);
    if let Some(pace) = &once.pace {
        self::pace(&mut judge, pace);
    }
    if let Some(beside) = &once.beside {
        self::beside(&mut judge, beside);
    }
    group_commit(&mut judge, ledger);
    if let Some(history) = &once.history {
        self::history(&mut judge, history);
    }
    if let Some(footprint) = &once.footprint {
        self::footprint(&mut judge, footprint);
    }
    tripwires(&mut judge, ledger);
    judge.0
}

fn ratios(judge: &mut Judge, ledger: &Ledger) {
    use Wire::{Grpc, Json};
    let ratio = |above, below| ledger.ratio(above, below);
    judge.at_least(
        "P1",
        "add ÷ append, 64",
        ratio(at("add", Json), APPEND),
        (0.5, 0.65),
    );
    judge.at_least(
        "P2",
        "add ÷ echo, 64",
        ratio(at("add", Json), at("echo", Json)),
        (0.12, 0.2),
    );
    judge.at_least(
        "P3",
        "verify ÷ add, 64",
        ratio(at("verify", Json), at("add", Json)),
        (0.65, 0.8),
    );
    judge.at_least(
        "P4",
        "get ÷ echo, 64",
        ratio(at("get", Json), at("echo", Json)),
        (0.5, 0.65),
    );
    judge.at_least(
        "P5",
        "gRPC add ÷ JSON add, 64",
        ratio(at("add", Grpc), at("add", Json)),
        (0.9, 1.0),
    );
    judge.at_least(
        "P5",
        "gRPC get ÷ gRPC echo, 64",
        ratio(at("get", Grpc), at("echo", Grpc)),
        (0.5, 0.65),
    );
}

fn processor(judge: &mut Judge, ledger: &Ledger) {
    for (what, bounds) in [
        ("get", (25.0, 15.0)),
        ("add", (90.0, 60.0)),
        ("verify", (110.0, 75.0)),
    ] {
        let cpu = ledger.median(at(what, Wire::Json), |figure| figure.cpu);
        judge.at_most("P6", (format!("CPU of one {what}, 64"), "µs"), cpu, bounds);
    }
}

fn pace(judge: &mut Judge, pace: &Pace) {
    let add = |share| Some(quantile(&pace.micros, share) / 1e3);
    let disk = |share| pace.disk.quantile(share) / 1e3;
    let what = |share: &str| format!("{share} of adds at {}/s", pace.rate);
    let p99 = (3.0 * disk(0.99) + 5.0, 2.0 * disk(0.99) + 2.0);
    judge.at_most("P7", (what("p99"), "ms"), add(0.99), p99);
    let p50 = 2.0 * disk(0.5) + 0.5;
    judge.at_most("P8", (what("p50"), "ms"), add(0.5), (p50, p50));
}

fn beside(judge: &mut Judge, found: &Beside) {
    let what = format!("p99 of reads beside {} writers", beside::WRITERS);
    judge.at_most("P9", (what, "ms"), Some(found.writers.p99), (10.0, 10.0));
    let share = found.hashed / found.hashable.max(1e-9);
    judge.at_least("P13", "passwords ÷ what the cores hash", Some(share), (0.9, 0.9));
    let slower = found.passwords.p99 / found.alone.p99.max(1e-9);
    judge.at_most(
        "P13",
        ("p99 of reads beside them ÷ alone", ""),
        Some(slower),
        (2.0, 2.0),
    );
}

fn group_commit(judge: &mut Judge, ledger: &Ledger) {
    let per_sync = |width| {
        ledger.median(Cell::new("add", Wire::Json, width), |figure: &Figure| {
            figure.per_sync
        })
    };
    judge.at_least("P10", "commits a sync, 64", per_sync(64), (16.0, 25.0));
    judge.at_least("P10", "commits a sync, 256", per_sync(256), (64.0, 120.0));
}

fn history(judge: &mut Judge, history: &History) {
    let ratio = |(long, short): (f64, f64)| Some(long / short.max(1e-9));
    let what = |kind: &str| format!("{kind}, {} events ÷ 1", history.events);
    judge.at_most("P15", (what("command"), ""), ratio(history.command), (1.1, 1.1));
    judge.at_most("P15", (what("get"), ""), ratio(history.read), (1.1, 1.1));
}

fn footprint(judge: &mut Judge, found: &Footprint) {
    judge.at_most(
        "P17",
        ("resident at rest", "MiB"),
        Some(found.idle.resident),
        (24.0, 24.0),
    );
    let after = format!("after {} connections", found.connections);
    judge.at_most(
        "P17",
        (after, "MiB"),
        Some(found.after_connections.resident),
        (32.0, 32.0),
    );
    judge.at_most(
        "P20",
        ("start, existing store", "ms"),
        Some(found.next_start),
        (60.0, 60.0),
    );
    judge.at_most(
        "P20",
        ("first start", "ms"),
        Some(found.first_start),
        (150.0, 150.0),
    );
    let killed = format!("start after a kill, {:.0} MiB of log", found.log);
    judge.at_most(
        "P20",
        (killed, "ms"),
        Some(found.start_after_kill),
        (150.0, 150.0),
    );
    let what = if found.stripped {
        "binary, stripped"
    } else {
        "binary, with symbols"
    };
    judge.at_most("P21", (what, "MB"), Some(found.binary), (30.0, 30.0));
}

fn tripwires(judge: &mut Judge, ledger: &Ledger) {
    for (what, least) in [("add", 8_000.0), ("verify", 6_000.0), ("get", 45_000.0)] {
        let rate = ledger.median(at(what, Wire::Json), |figure| figure.rate);
        judge.at_least(
            "wire",
            format!("{what} requests a second, 64"),
            rate,
            (least, least),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_that_nothing_was_measured_for_is_not_judged() {
        assert!(judge(&Ledger::default(), &Once::default()).is_empty());
    }

    #[test]
    fn a_bound_itself_is_kept() {
        let mut judge = Judge::default();
        judge.at_least("P1", "a", Some(0.5), (0.5, 0.65));
        judge.at_most("P6", ("b", "µs"), Some(90.1), (90.0, 60.0));
        let passes: Vec<_> = judge.0.iter().map(|g| (g.passes(), g.excels())).collect();
        assert_eq!(passes, [(true, false), (false, false)]);
    }
}
