//! `merlon import`: users from a file of JSON lines, created by the running server.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use api::error::{OVERLOADED, USER_EXISTS};
use bytes::Bytes;
use http::{Method, StatusCode};
use indicatif::{HumanCount, ProgressBar};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{progress::bar, settings};
use crate::cli::Import;
use crate::client::{Answer, CALL_TIME, Client};
use crate::output;

/// Lines that wait for each connection.
const WAITING: usize = 16;
/// A line longer than this is no user.
const LONGEST: u64 = 1024 * 1024;
/// Refusals that are told one by one.
const TOLD: u64 = 20;
/// A server that has too much to do is asked again so often.
const TRIES: u32 = 100;
/// The pause before that.
const PAUSE: Duration = Duration::from_millis(100);

/// A line of the file.
struct Line {
    number: u64,
    text: Bytes,
}

/// What became of a line.
enum Fate {
    Created,
    Existed,
    Refused(Bytes, String),
    /// The server gave no answer; nobody knows whether the user was created.
    Unknown(String),
    /// The server gave no answer to a line before.
    Untried,
}

/// Imports, shows how far it is, and says what became of it.
pub(super) async fn run(args: Import) -> anyhow::Result<ExitCode> {
    let settings = settings(&args.place)?;
    let client = Arc::new(Client::of_running(&settings.data.dir)?);
    let org = match args.org {
        Some(org) => org,
        None => own_org(&client).await?,
    };
    let (input, size) = open(&args.file)?;
    let rejected = args.rejected.as_deref().map(create_private).transpose()?;
    let stop = CancellationToken::new();
    let interrupted = tokio::spawn(stop_at_interrupt(stop.clone()));

    let order = Arc::new(Order {
        path: path(&org),
        skip_existing: args.skip_existing,
    });
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
    let first = args.from;
    let reading = tokio::task::spawn_blocking(move || read(counted, first, &turns, &stop));
    let (began, tally) = (Instant::now(), Tally::new(bar, rejected));
    let tally = tokio::task::spawn_blocking(move || tally.take(fates)).await??;
    let next = reading.await?;
    interrupted.abort();
    tally.report(began.elapsed(), next)
}

async fn stop_at_interrupt(stop: CancellationToken) {
    if tokio::signal::ctrl_c().await.is_ok() {
        stop.cancel();
    }
}

fn open(file: &Path) -> anyhow::Result<(Box<dyn Read + Send>, Option<u64>)> {
    if file == Path::new("-") {
        return Ok((Box::new(io::stdin()), None));
    }
    let open = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let size = open.metadata().ok().map(|known| known.len());
    Ok((Box::new(open), size))
}

/// The file holds what is personal.
fn create_private(file: &Path) -> anyhow::Result<BufWriter<File>> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file);
    made.map(BufWriter::new)
        .with_context(|| format!("cannot make {}; it must not be there yet", file.display()))
}

async fn own_org(client: &Client) -> anyhow::Result<String> {
    let me = client.get("/auth/v1/users/me", CALL_TIME).await?;
    let org = me["user"]["details"]["resourceOwner"].as_str();
    Ok(org.context("the automation user has no organization")?.to_owned())
}

fn path(org: &str) -> String {
    let org = utf8_percent_encode(org, NON_ALPHANUMERIC);
    format!("/resources/v3alpha/users?organization.orgId={org}")
}

/// Hands the lines out in turn until there are no more or nobody wants them. Answers the number of the line that would
/// be next, or why the file could not be read to its end.
fn read(
    input: impl Read,
    first: u64,
    turns: &[mpsc::Sender<Line>],
    stop: &CancellationToken,
) -> anyhow::Result<Option<u64>> {
    let mut input = BufReader::with_capacity(1 << 18, input);
    let mut turns = turns.iter().cycle();
    for number in 1.. {
        if stop.is_cancelled() {
            return Ok(Some(number));
        }
        let mut text = Vec::new();
        let length = (&mut input)
            .take(LONGEST)
            .read_until(b'\n', &mut text)
            .with_context(|| format!("cannot read line {number}"))?;
        if length == 0 {
            return Ok(None);
        }
        if u64::try_from(length)? == LONGEST && text.last() != Some(&b'\n') {
            bail!("line {number} is longer than {LONGEST} bytes; every user has a line of its own");
        }
        if number < first || text.trim_ascii().is_empty() {
            continue;
        }
        let line = Line {
            number,
            text: Bytes::from(text),
        };
        // A connection that broke takes no lines any more, and then all stop.
        if turns.next().is_none_or(|turn| turn.blocking_send(line).is_err()) {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

/// What is asked of the server for every line.
struct Order {
    path: String,
    skip_existing: bool,
}

/// One connection.
struct Worker {
    client: Arc<Client>,
    order: Arc<Order>,
    stop: CancellationToken,
}

impl Worker {
    /// Takes lines until there are no more, or a fault stops everything.
    async fn run(self, mut lines: mpsc::Receiver<Line>, done: mpsc::Sender<(u64, Fate)>) {
        let mut connection = None;
        while let Some(line) = lines.recv().await {
            let number = line.number;
            let fate = if self.stop.is_cancelled() && connection.is_none() {
                Fate::Untried
            } else {
                self.create(&mut connection, line.text).await
            };
            if matches!(fate, Fate::Unknown(_)) {
                self.stop.cancel();
                connection = None;
            }
            if done.send((number, fate)).await.is_err() {
                return;
            }
        }
    }

    async fn create(&self, connection: &mut Option<crate::client::Line>, text: Bytes) -> Fate {
        for _ in 0..TRIES {
            let answer = match self.send(connection, text.clone()).await {
                Ok(answer) => answer,
                Err(error) => return Fate::Unknown(format!("{error:#}")),
            };
            let id = answer.body["details"][0]["id"].as_str().unwrap_or_default();
            match answer.status {
                status if status.is_success() => return Fate::Created,
                StatusCode::CONFLICT if id == USER_EXISTS && self.order.skip_existing => {
                    return Fate::Existed;
                }
                StatusCode::TOO_MANY_REQUESTS if id == OVERLOADED => tokio::time::sleep(PAUSE).await,
                _ => return Fate::Refused(text, reason(&answer)),
            }
        }
        Fate::Refused(text, "the server had too much to do".to_owned())
    }

    async fn send(
        &self,
        connection: &mut Option<crate::client::Line>,
        text: Bytes,
    ) -> anyhow::Result<Answer> {
        let request = self.client.request(Method::POST, &self.order.path, text)?;
        let line = match connection {
            Some(line) => line,
            None => connection.insert(self.client.line().await?),
        };
        line.send(request).await
    }
}

/// The server's words hold nothing personal.
fn reason(answer: &Answer) -> String {
    let message = answer.body["message"].as_str().unwrap_or("no reason given");
    format!("{message} (HTTP {})", answer.status.as_u16())
}

/// Counts what became of the lines.
struct Tally {
    bar: ProgressBar,
    rejected: Option<BufWriter<File>>,
    created: u64,
    existed: u64,
    refused: u64,
    /// Lines without an answer, and why the first of them had none.
    unknown: BTreeSet<u64>,
    fault: Option<String>,
    /// The first line that was read and not tried.
    untried: Option<u64>,
}

impl Tally {
    fn new(bar: ProgressBar, rejected: Option<BufWriter<File>>) -> Self {
        Self {
            bar,
            rejected,
            created: 0,
            existed: 0,
            refused: 0,
            unknown: BTreeSet::new(),
            fault: None,
            untried: None,
        }
    }

    fn take(mut self, mut fates: mpsc::Receiver<(u64, Fate)>) -> anyhow::Result<Self> {
        let mut shown = Instant::now();
        while let Some((number, fate)) = fates.blocking_recv() {
            match fate {
                Fate::Created => self.created += 1,
                Fate::Existed => self.existed += 1,
                Fate::Refused(text, reason) => self.refuse(number, &text, &reason)?,
                Fate::Unknown(reason) => {
                    self.unknown.insert(number);
                    self.fault.get_or_insert(reason);
                }
                Fate::Untried => self.untried = Some(self.untried.map_or(number, |first| first.min(number))),
            }
            if shown.elapsed() > Duration::from_millis(100) {
                shown = Instant::now();
                self.bar
                    .set_message(format!("{} users", HumanCount(self.created)));
            }
        }
        if let Some(file) = &mut self.rejected {
            file.flush().context("writing the refused lines")?;
        }
        self.bar.finish_and_clear();
        Ok(self)
    }

    fn refuse(&mut self, number: u64, text: &[u8], reason: &str) -> anyhow::Result<()> {
        self.refused += 1;
        if self.refused <= TOLD {
            self.bar
                .suspend(|| output::complain(&format!("line {number}: {reason}")));
        }
        if self.refused == TOLD + 1 {
            self.bar.suspend(|| output::complain("more lines were refused"));
        }
        let Some(file) = &mut self.rejected else {
            return Ok(());
        };
        file.write_all(text.trim_ascii_end())
            .and_then(|()| file.write_all(b"\n"))
            .context("writing the refused lines")
    }

    fn report(self, took: Duration, next: anyhow::Result<Option<u64>>) -> anyhow::Result<ExitCode> {
        let each_second = u128::from(self.created) * 1_000_000 / took.as_micros().max(1);
        output::line(&format!(
            "{} users created in {:.1} s ({each_second}/s), {} were there already, {} lines refused",
            self.created,
            took.as_secs_f64(),
            self.existed,
            self.refused,
        ));
        if let Some(fault) = &self.fault {
            let lines: Vec<String> = self.unknown.iter().map(u64::to_string).collect();
            output::complain(&format!(
                "no answer came for these lines, look whether their users are there: {} ({fault})",
                lines.join(", ")
            ));
        }
        match next?.into_iter().chain(self.untried).min() {
            Some(next) if self.untried.is_some() => {
                output::complain(&format!(
                    "stopped early; go on with --from {next}; some lines after it are done, so give every user a userId and add --skip-existing"
                ));
                Ok(ExitCode::FAILURE)
            }
            Some(next) => {
                output::complain(&format!("stopped early; go on with --from {next}"));
                Ok(ExitCode::FAILURE)
            }
            None if self.refused > 0 || self.fault.is_some() => Ok(ExitCode::FAILURE),
            None => Ok(ExitCode::SUCCESS),
        }
    }
}
