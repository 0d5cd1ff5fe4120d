//! Adds at a fixed rate, as real callers come: how long they wait, next to how long the disk takes in the same minute.

use std::{sync::Arc, time::Duration};

use crate::{
    api::Wire,
    drive,
    floor::sync::{self, Disk},
    people::Add,
    run::Bench,
};

/// What the adds and the disk took.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Adds a second that were asked for.
    pub(crate) rate: u32,
    /// Microseconds of the adds, sorted.
    pub(crate) micros: Vec<f32>,
    /// The disk, before and after.
    pub(crate) disk: Disk,
}

/// Measures between two probes of the disk.
pub(crate) async fn measure(bench: &mut Bench, rate: u32, width: usize) -> anyhow::Result<Pace> {
    bench.make_room().await?;
    let (time, probe) = if bench.plan.smoke {
        (Duration::from_millis(200), Duration::from_millis(100))
    } else {
        (bench.plan.time * 5, bench.plan.time)
    };
    let before = sync::probe(bench.dir.path(), probe).await?;
    let lines = bench.server.place.lines(Wire::Json, width).await?;
    let outcome = drive::open(Arc::new(Add(Arc::clone(&bench.people))), lines, rate, time).await;
    if let Some(reason) = outcome.reason {
        return Err(reason.context("adds at a fixed rate"));
    }
    let after = sync::probe(bench.dir.path(), probe).await?;
    Ok(Pace {
        rate,
        micros: outcome.micros,
        disk: before.and(&after),
    })
}
