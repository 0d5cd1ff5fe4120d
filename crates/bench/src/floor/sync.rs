//! The disk: append 4 KiB, sync, again.

use std::{fs::File, io::Write, path::Path, time::Duration};

use anyhow::Context;
use tokio::time::Instant;

use crate::drive::{count, quantile};

/// What the disk did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    /// Syncs a second.
    pub(crate) rate: f64,
    /// Microseconds, sorted.
    pub(crate) micros: Vec<f32>,
}

impl Disk {
    /// The time that this share of the syncs stayed below, in microseconds.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        quantile(&self.micros, share)
    }

    /// Two probes as one.
    pub(crate) fn and(mut self, other: &Self) -> Self {
        self.rate = f64::midpoint(self.rate, other.rate);
        self.micros.extend(&other.micros);
        self.micros.sort_unstable_by(f32::total_cmp);
        self
    }
}

/// Syncs for so long in a file of its own in `dir`.
pub(crate) async fn probe(dir: &Path, time: Duration) -> anyhow::Result<Disk> {
    let file = tempfile::tempfile_in(dir).context("making a file to sync")?;
    tokio::task::spawn_blocking(move || append(file, time)).await?
}

fn append(mut file: File, time: Duration) -> anyhow::Result<Disk> {
    let block = [0x5a; 4096];
    let mut micros = Vec::new();
    let began = Instant::now();
    while began.elapsed() < time {
        let start = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        micros.push(start.elapsed().as_secs_f32() * 1e6);
    }
    let rate = count(micros.len()) / began.elapsed().as_secs_f64();
    micros.sort_unstable_by(f32::total_cmp);
    Ok(Disk { rate, micros })
}
