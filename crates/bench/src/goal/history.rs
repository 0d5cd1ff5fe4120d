//! A user with a long history next to users with a short one: the same command, the same read, in turns.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use crate::{
    api::{self, Line},
    drive::quantile,
    http1::Http1,
    people,
    run::Bench,
};

/// What the two kinds of users took.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Events of the long history.
    pub(crate) events: usize,
    /// Microseconds of a command: long, short.
    pub(crate) command: (f64, f64),
    /// Microseconds of a read: long, short.
    pub(crate) read: (f64, f64),
}

/// A disk that is held back makes no more of them in time.
const PATIENCE: Duration = Duration::from_mins(1);

/// Makes a long history by locking and unlocking, then compares.
pub(crate) async fn measure(bench: &Bench) -> anyhow::Result<History> {
    let (events, commands, reads) = if bench.plan.smoke {
        (20, 5, 20)
    } else {
        (10_000, 400, 4_000)
    };
    let place = &bench.server.place;
    let short = people::create(place, commands).await?;
    let long = people::create(place, 1).await?.swap_remove(0);
    let mut http = place.http().await?;
    let events = lengthen(&mut http, &long, events).await?;
    let command = compare_commands(&mut http, &long, &short).await?;
    let mut line = Line::Json(Box::new(http));
    let read = compare_reads(&mut line, &long, &short, reads).await?;
    Ok(History {
        events,
        command,
        read,
    })
}

/// Ends with an even number of changes, so that the user is not locked.
async fn lengthen(http: &mut Http1, user: &str, events: usize) -> anyhow::Result<usize> {
    let began = Instant::now();
    let mut made = 2;
    while made < events && began.elapsed() < PATIENCE {
        api::lock(http, user, true).await?;
        api::lock(http, user, false).await?;
        made += 2;
    }
    Ok(made)
}

/// Of the short ones each gets one command; the order within a pair changes, since the second finds the disk warm.
async fn compare_commands(http: &mut Http1, long: &str, short: &[Arc<str>]) -> anyhow::Result<(f64, f64)> {
    let (mut of_long, mut of_short) = (Vec::new(), Vec::new());
    for (n, other) in short.iter().enumerate() {
        let lock = n % 2 == 0;
        if lock {
            of_long.push(timed(api::lock(http, long, true)).await?);
            of_short.push(timed(api::lock(http, other, true)).await?);
        } else {
            of_short.push(timed(api::lock(http, other, true)).await?);
            of_long.push(timed(api::lock(http, long, false)).await?);
        }
    }
    Ok((median(of_long), median(of_short)))
}

async fn compare_reads(
    line: &mut Line,
    long: &Arc<str>,
    short: &[Arc<str>],
    reads: usize,
) -> anyhow::Result<(f64, f64)> {
    let (mut of_long, mut of_short) = (Vec::new(), Vec::new());
    for other in short.iter().cycle().take(reads) {
        of_long.push(timed(line.get(long)).await?);
        of_short.push(timed(line.get(other)).await?);
    }
    Ok((median(of_long), median(of_short)))
}

async fn timed(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<f32> {
    let began = Instant::now();
    work.await?;
    Ok(began.elapsed().as_secs_f32() * 1e6)
}

fn median(mut micros: Vec<f32>) -> f64 {
    micros.sort_unstable_by(f32::total_cmp);
    quantile(&micros, 0.5)
}
