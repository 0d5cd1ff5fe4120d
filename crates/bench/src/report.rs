//! What people read: tables. What programs read: JSON.

use std::{fmt::Write, path::Path};

use anyhow::Context;
use serde_json::json;

use crate::{
    api::Wire,
    drive::quantile,
    goal::{Goal, Once, Side},
    ledger::{Cell, Figure, Ledger, Spread},
};

/// Everything as text.
pub(crate) fn text(ledger: &Ledger, once: &Once, goals: Option<&[Goal]>) -> String {
    let mut text = String::new();
    // Writing to a text cannot fail.
    let _ = disk(&mut text, ledger);
    let _ = cells(&mut text, ledger);
    let _ = singles(&mut text, once);
    if let Some(goals) = goals {
        let _ = judged(&mut text, goals);
    }
    text
}

fn spread(figures: &[Figure], of: impl Fn(&Figure) -> f64) -> Spread {
    let none = Spread {
        least: 0.0,
        median: 0.0,
        most: 0.0,
    };
    Spread::of(figures.iter().map(of)).unwrap_or(none)
}

fn disk(text: &mut String, ledger: &Ledger) -> std::fmt::Result {
    let Some(rate) = Spread::of(ledger.disk.iter().map(|d| d.rate)) else {
        return Ok(());
    };
    let middle = |share| Spread::of(ledger.disk.iter().map(|d| d.quantile(share))).map_or(0.0, |s| s.median);
    writeln!(
        text,
        "disk: 4 KiB append + sync {:.0}/s ({:.0} to {:.0}), p50 {:.2} ms, p99 {:.2} ms\n",
        rate.median,
        rate.least,
        rate.most,
        middle(0.5) / 1e3,
        middle(0.99) / 1e3
    )
}

fn cells(text: &mut String, ledger: &Ledger) -> std::fmt::Result {
    writeln!(
        text,
        "{:<7} {:<4} {:>5} | {:>8} {:>8} {:>8} | {:>8} {:>8} | {:>6} {:>6} | {:>6} | {:>6}",
        "what",
        "wire",
        "width",
        "least/s",
        "median/s",
        "most/s",
        "p50 ms",
        "p99 ms",
        "CPU µs",
        "writer",
        "a sync",
        "MiB"
    )?;
    let mut cells: Vec<_> = ledger.cells().iter().collect();
    // By what and wire form, narrow before wide: a stable sort keeps the order of first appearance in the rest.
    cells.sort_by_key(|(cell, _)| (place(ledger, *cell), cell.wire == Some(Wire::Grpc), cell.width));
    for (cell, figures) in cells {
        row(text, *cell, figures)?;
    }
    writeln!(text)
}

fn place(ledger: &Ledger, cell: Cell) -> usize {
    ledger
        .cells()
        .iter()
        .position(|(other, _)| other.what == cell.what)
        .unwrap_or(0)
}

fn row(text: &mut String, cell: Cell, figures: &[Figure]) -> std::fmt::Result {
    let rate = spread(figures, |f| f.rate);
    let middle = |of: fn(&Figure) -> f64| spread(figures, of).median;
    let some = |value: f64| {
        if value > 0.05 {
            format!("{value:.1}")
        } else {
            "-".to_owned()
        }
    };
    writeln!(
        text,
        "{:<7} {:<4} {:>5} | {:>8.0} {:>8.0} {:>8.0} | {:>8.2} {:>8.2} | {:>6.1} {:>6} | {:>6} | {:>6.0}",
        cell.what,
        cell.wire.map_or("-", Wire::name),
        cell.width,
        rate.least,
        rate.median,
        rate.most,
        middle(|f| f.p50) / 1e3,
        middle(|f| f.p99) / 1e3,
        middle(|f| f.cpu),
        some(middle(|f| f.writer)),
        some(middle(|f| f.per_sync)),
        spread(figures, |f| f.peak).most,
    )
}

fn singles(text: &mut String, once: &Once) -> std::fmt::Result {
    if let Some(pace) = &once.pace {
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|share| quantile(&pace.micros, share) / 1e3);
        writeln!(
            text,
            "adds at {}/s: p50 {p50:.2} ms, p99 {p99:.2} ms, p99.9 {p999:.2} ms",
            pace.rate
        )?;
        let [p50, p99] = [0.5, 0.99].map(|share| pace.disk.quantile(share) / 1e3);
        writeln!(
            text,
            "  disk beside it: {:.0}/s, p50 {p50:.2} ms, p99 {p99:.2} ms",
            pace.disk.rate
        )?;
    }
    if let Some(found) = &once.beside {
        writeln!(
            text,
            "reads at {}/s, p50 / p99 ms: alone {}",
            found.rate, found.alone
        )?;
        writeln!(text, "  beside {:.0} adds/s {}", found.adds, found.writers)?;
        writeln!(
            text,
            "  beside {:.0} passwords/s {}; the cores hash {:.0}/s that do nothing else",
            found.hashed, found.passwords, found.hashable
        )?;
    }
    if let Some(history) = &once.history {
        let ((long_c, short_c), (long_r, short_r)) = (history.command, history.read);
        writeln!(
            text,
            "history of {} events: command {long_c:.0} µs (1 event {short_c:.0}), get {long_r:.0} µs (1 event {short_r:.0})",
            history.events
        )?;
    }
    if let Some(found) = &once.footprint {
        writeln!(
            text,
            "memory at rest: resident {:.0} MiB, of it anonymous {:.0} MiB; after {} connections {:.0} MiB, of it anonymous {:.0} MiB",
            found.idle.resident,
            found.idle.anonymous,
            found.connections,
            found.after_connections.resident,
            found.after_connections.anonymous
        )?;
    }
    if let Some(memory) = once.memory {
        writeln!(
            text,
            "memory of the loaded server: peak {:.0} MiB, resident {:.0} MiB, of it anonymous {:.0} MiB",
            memory.peak, memory.resident, memory.anonymous
        )?;
    }
    writeln!(text)
}

fn judged(text: &mut String, goals: &[Goal]) -> std::fmt::Result {
    writeln!(
        text,
        "{:<5} {:<34} {:>10} {:>12} {:>10}",
        "goal", "what", "value", "must", "strive"
    )?;
    for goal in goals {
        let sign = if goal.side == Side::AtLeast { "≥" } else { "≤" };
        let strive = goal.strive.map_or("-".to_owned(), figure);
        let verdict = match (goal.passes(), goal.excels()) {
            (false, _) => "MISS",
            (true, false) => "pass",
            (true, true) => "pass, strive reached",
        };
        let (value, must) = (format!("{} {}", figure(goal.value), goal.unit), figure(goal.must));
        writeln!(
            text,
            "{:<5} {:<34} {value:>10} {:>12} {strive:>10}  {verdict}",
            goal.name,
            goal.what,
            format!("{sign} {must}")
        )?;
    }
    Ok(())
}

fn figure(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Writes everything as JSON.
pub(crate) fn write_json(file: &Path, ledger: &Ledger, goals: &[Goal]) -> anyhow::Result<()> {
    let cells: Vec<_> = ledger
        .cells()
        .iter()
        .map(|(cell, figures)| {
            json!({"what": cell.what, "wire": cell.wire.map(Wire::name), "width": cell.width, "rounds": figures})
        })
        .collect();
    let disk: Vec<_> = ledger
        .disk
        .iter()
        .map(|d| json!({"rate": d.rate, "p50": d.quantile(0.5), "p99": d.quantile(0.99)}))
        .collect();
    let all = json!({"disk": disk, "cells": cells, "goals": goals});
    std::fs::write(file, format!("{all:#}\n")).with_context(|| format!("writing {}", file.display()))
}
