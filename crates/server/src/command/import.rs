//! `merlon import`: users from a file of JSON lines, created by the running server.

mod asking;
mod parcel;
mod reading;
mod tally;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use self::{
    asking::{Order, TOGETHER, Worker},
    reading::{Reached, Reader, begin_reading, open},
    tally::{Rejected, Tally},
};
use super::{progress::bar, settings};
use crate::cli::Import;
use crate::client::{CALL_TIME, Client};
use crate::output;

/// Lines that wait for each connection: the next request's, while this one's are on their way.
const WAITING: usize = 2 * TOGETHER;
/// Time for the reading to notice a stop. Whoever waits for input does not.
const NOTICE: Duration = Duration::from_millis(200);
/// The exit code of a program that was interrupted.
const INTERRUPTED: u8 = 130;

/// A line of the file.
struct Line {
    number: u64,
    /// Missing where it is longer than any request.
    text: Option<Bytes>,
}

/// What became of a line.
#[derive(Clone)]
enum Fate {
    Created,
    Existed,
    /// With the line, where it was kept.
    Refused(Option<Bytes>, String),
    /// Nobody knows whether the user was created.
    Unknown(String),
    /// Everything stopped before the server took the line; it may say why.
    Untried(Option<String>),
}

/// Imports, shows how far it is, and says what became of it. The first interrupt lets it finish what was begun, the
/// second one does not.
pub(super) async fn run(args: Import) -> anyhow::Result<ExitCode> {
    let stop = CancellationToken::new();
    let interrupts = signal(SignalKind::interrupt())?;
    tokio::select! {
        outcome = import(args, &stop) => outcome,
        () = interrupted_twice(interrupts, &stop) => Ok(ExitCode::from(INTERRUPTED)),
    }
}

async fn interrupted_twice(mut interrupts: Signal, stop: &CancellationToken) {
    interrupts.recv().await;
    stop.cancel();
    interrupts.recv().await;
}

async fn import(args: Import, stop: &CancellationToken) -> anyhow::Result<ExitCode> {
    let settings = settings(&args.place)?;
    let client = Arc::new(Client::of_running(&settings.data.dir)?);
    let org = match args.org {
        Some(org) => org,
        None => own_org(&client).await?,
    };
    let (input, size) = open(&args.file)?;
    let rejected = args.rejected.map(Rejected::create).transpose()?;
    let order = Arc::new(Order::new(org, args.skip_existing));
    let (done, fates) = mpsc::channel(usize::from(args.connections) * WAITING);
    let mut turns = Vec::new();
    for _ in 0..args.connections {
        let (turn, lines) = mpsc::channel(WAITING);
        turns.push(turn);
        let work = Worker {
            client: client.clone(),
            order: order.clone(),
            stop: stop.clone(),
        };
        tokio::spawn(work.run(lines, done.clone()));
    }
    drop(done);

    let bar = bar(size);
    let counted = bar.wrap_read(input);
    let reader = Reader::new(turns, args.from, stop.clone());
    let place = reader.next.clone();
    let reading = begin_reading(reader, counted)?;
    let (began, tally) = (Instant::now(), Tally::new(bar, rejected));
    let tally = tokio::task::spawn_blocking(move || tally.take(fates)).await??;
    let took = began.elapsed();
    let reached = timeout(NOTICE, reading).await;
    let next = place.load(Ordering::Relaxed);
    Ok(match reached {
        Ok(Ok(Ok(Reached::End))) => tally.report(took, None),
        Ok(Ok(Err(error))) => {
            output::complain(&format!("{error:#}"));
            tally.report(took, Some(next))
        }
        _ => tally.report(took, Some(next)),
    })
}

async fn own_org(client: &Client) -> anyhow::Result<String> {
    let me = client.get("/auth/v1/users/me", CALL_TIME).await?;
    let org = me["user"]["details"]["resourceOwner"].as_str();
    Ok(org.context("the automation user has no organization")?.to_owned())
}
