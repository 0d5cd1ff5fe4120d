//! `merlon import`: users from a file of JSON lines, created by the running server.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use api::error::{PASSING, USER_EXISTS};
use api::rpc::MAX_BODY_BYTES;
use bytes::Bytes;
use http::{Method, StatusCode};
use indicatif::{HumanCount, ProgressBar};
use parking_lot::Mutex;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{progress::bar, settings};
use crate::cli::Import;
use crate::client::{Answer, CALL_TIME, Client};
use crate::output;

/// Lines that wait for each connection.
const WAITING: usize = 4;
/// Refusals that are told one by one.
const TOLD: u64 = 20;
/// Lines without an answer that are told by their numbers.
const NAMED: usize = 5;
/// Lines that are sent again at the same time: enough to keep a server busy that had too much to do.
const AGAIN: usize = 32;
/// The pause before that, where the server names none.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest pause that is taken from the server.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A server that takes no line for so long is not asked again.
const PATIENCE: Duration = Duration::from_mins(2);
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
    let order = Arc::new(Order::new(path(&org), args.skip_existing));
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

fn open(file: &Path) -> anyhow::Result<(Box<dyn Read + Send>, Option<u64>)> {
    if file == Path::new("-") {
        return Ok((Box::new(io::stdin()), None));
    }
    let open = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let size = open.metadata().ok().map(|known| known.len());
    Ok((Box::new(open), size))
}

/// Where refused lines are kept.
struct Rejected {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Rejected {
    /// The file holds what is personal.
    fn create(path: PathBuf) -> anyhow::Result<Self> {
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        let file =
            made.with_context(|| format!("cannot make {}; it must not be there yet", path.display()))?;
        Ok(Self {
            path,
            file: BufWriter::new(file),
        })
    }

    fn keep(&mut self, text: &[u8]) -> anyhow::Result<()> {
        let written = self
            .file
            .write_all(text)
            .and_then(|()| self.file.write_all(b"\n"));
        written.context("writing the refused lines")
    }
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

/// How a reading ended that nothing broke off.
enum Reached {
    End,
    Stop,
}

/// A line as it was found.
enum Found {
    Text(Vec<u8>),
    TooLong,
    End,
}

/// Reads the lines and hands them out in turn.
struct Reader {
    turns: Vec<mpsc::Sender<Line>>,
    first: u64,
    /// The number of the first line that was not handed out.
    next: Arc<AtomicU64>,
    stop: CancellationToken,
}

impl Reader {
    fn new(turns: Vec<mpsc::Sender<Line>>, first: u64, stop: CancellationToken) -> Self {
        Self {
            turns,
            first,
            next: Arc::new(AtomicU64::new(first)),
            stop,
        }
    }

    /// Goes on until there are no more lines or nobody wants them.
    fn run(self, input: impl Read) -> anyhow::Result<Reached> {
        let mut input = BufReader::with_capacity(1 << 18, input);
        let mut turns = self.turns.iter().cycle();
        for number in 1.. {
            if self.stop.is_cancelled() {
                return Ok(Reached::Stop);
            }
            let found = if number < self.first {
                skip_line(&mut input)
            } else {
                read_line(&mut input)
            };
            let text = match found.with_context(|| format!("cannot read line {number}"))? {
                Found::End => break,
                Found::TooLong => None,
                Found::Text(text) => Some(Bytes::from(text)),
            };
            if text.as_ref().is_some_and(Bytes::is_empty) {
                continue;
            }
            // A connection that broke takes no lines any more, and then all stop.
            let line = Line { number, text };
            if turns.next().is_none_or(|turn| turn.blocking_send(line).is_err()) {
                return Ok(Reached::Stop);
            }
            self.next.store(number + 1, Ordering::Relaxed);
        }
        Ok(Reached::End)
    }
}

/// Reads on a thread that nothing waits for, as it may wait for input for ever.
fn begin_reading(
    reader: Reader,
    input: impl Read + Send + 'static,
) -> io::Result<oneshot::Receiver<anyhow::Result<Reached>>> {
    let (ended, reading) = oneshot::channel();
    let thread = std::thread::Builder::new().name("import".to_owned());
    thread.spawn(move || ended.send(reader.run(input)))?;
    Ok(reading)
}

/// Passes over a line, however long it is.
fn skip_line(input: &mut impl BufRead) -> io::Result<Found> {
    let length = input.skip_until(b'\n')?;
    Ok(if length == 0 {
        Found::End
    } else {
        Found::Text(Vec::new())
    })
}

/// The next line without the blanks at its end. What is longer than a request is passed over and not kept.
fn read_line(input: &mut impl BufRead) -> io::Result<Found> {
    let mut text = Vec::new();
    let limit = u64::try_from(MAX_BODY_BYTES + 1).map_err(io::Error::other)?;
    let length = input.take(limit).read_until(b'\n', &mut text)?;
    if length == 0 {
        return Ok(Found::End);
    }
    if length > MAX_BODY_BYTES && text.last() != Some(&b'\n') {
        input.skip_until(b'\n')?;
        return Ok(Found::TooLong);
    }
    text.truncate(text.trim_ascii_end().len());
    Ok(Found::Text(text))
}

/// What is asked of the server for every line, and what its connections share.
struct Order {
    path: String,
    skip_existing: bool,
    /// For lines that are sent again.
    again: Semaphore,
    /// When the server last took or refused a line for good.
    progress: Mutex<Instant>,
}

impl Order {
    fn new(path: String, skip_existing: bool) -> Self {
        Self {
            path,
            skip_existing,
            again: Semaphore::new(AGAIN),
            progress: Mutex::new(Instant::now()),
        }
    }

    /// What an answer says of its line; nothing while it speaks only of the server at the moment.
    fn judge(&self, answer: &Answer, text: &Bytes) -> Option<Fate> {
        let id = answer.body["details"][0]["id"].as_str().unwrap_or_default();
        if PASSING.contains(&id) {
            return None;
        }
        *self.progress.lock() = Instant::now();
        Some(match answer.status {
            status if status.is_success() => Fate::Created,
            StatusCode::CONFLICT if id == USER_EXISTS && self.skip_existing => Fate::Existed,
            StatusCode::SERVICE_UNAVAILABLE => Fate::Unknown(reason(answer)),
            _ => Fate::Refused(Some(text.clone()), reason(answer)),
        })
    }

    /// Whether a line is worth asking for again that was first sent at that time.
    fn has_patience(&self, began: Instant) -> bool {
        self.progress.lock().max(began).elapsed() < PATIENCE
    }

    /// Waits as long as the server asks for, and then for a turn: if all came again together, most would be refused again.
    async fn turn(&self, answer: &Answer) -> Option<SemaphorePermit<'_>> {
        sleep(answer.retry_after.unwrap_or(PAUSE).min(LONGEST_PAUSE)).await;
        self.again.acquire().await.ok()
    }
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
        while let Some(line) = self.next(&mut lines).await {
            let fate = if self.stop.is_cancelled() && connection.is_none() {
                Fate::Untried(None)
            } else {
                self.take(&mut connection, line.text).await
            };
            if matches!(fate, Fate::Unknown(_) | Fate::Untried(Some(_))) {
                self.stop.cancel();
                connection = None;
            }
            if done.send((line.number, fate)).await.is_err() {
                return;
            }
        }
    }

    /// The next line; after a stop, what was handed out before.
    async fn next(&self, lines: &mut mpsc::Receiver<Line>) -> Option<Line> {
        tokio::select! {
            line = lines.recv() => return line,
            () = self.stop.cancelled() => lines.close(),
        }
        lines.recv().await
    }

    async fn take(&self, connection: &mut Option<crate::client::Line>, text: Option<Bytes>) -> Fate {
        match text {
            Some(text) => self.create(connection, text).await,
            None => Fate::Refused(
                None,
                format!("longer than {MAX_BODY_BYTES} bytes, the most that the API takes"),
            ),
        }
    }

    /// Asks until the answer is about the line. Nothing was changed by the answers before.
    async fn create(&self, connection: &mut Option<crate::client::Line>, text: Bytes) -> Fate {
        let (began, mut turn) = (Instant::now(), None);
        loop {
            let answer = match self.send(connection, text.clone()).await {
                Ok(answer) => answer,
                Err(error) => return Fate::Unknown(format!("{error:#}")),
            };
            drop(turn);
            if let Some(fate) = self.order.judge(&answer, &text) {
                return fate;
            }
            if !self.order.has_patience(began) {
                return Fate::Untried(Some(reason(&answer)));
            }
            turn = tokio::select! {
                () = self.stop.cancelled() => return Fate::Untried(None),
                turn = self.order.turn(&answer) => turn,
            };
        }
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
    rejected: Option<Rejected>,
    created: u64,
    existed: u64,
    refused: u64,
    /// Lines without an answer, and why the first of them had none.
    unknown: BTreeSet<u64>,
    fault: Option<String>,
    /// The first line that was read and not tried, and why nothing was tried any more.
    untried: Option<u64>,
    halt: Option<String>,
}

impl Tally {
    fn new(bar: ProgressBar, rejected: Option<Rejected>) -> Self {
        Self {
            bar,
            rejected,
            created: 0,
            existed: 0,
            refused: 0,
            unknown: BTreeSet::new(),
            fault: None,
            untried: None,
            halt: None,
        }
    }

    fn take(mut self, mut fates: mpsc::Receiver<(u64, Fate)>) -> anyhow::Result<Self> {
        let mut shown = Instant::now();
        while let Some((number, fate)) = fates.blocking_recv() {
            self.count(number, fate)?;
            if shown.elapsed() > Duration::from_millis(100) {
                shown = Instant::now();
                self.bar
                    .set_message(format!("{} users", HumanCount(self.created)));
            }
        }
        if let Some(rejected) = &mut self.rejected {
            rejected.file.flush().context("writing the refused lines")?;
        }
        self.bar.finish_and_clear();
        Ok(self)
    }

    fn count(&mut self, number: u64, fate: Fate) -> anyhow::Result<()> {
        match fate {
            Fate::Created => self.created += 1,
            Fate::Existed => self.existed += 1,
            Fate::Refused(text, reason) => self.refuse(number, text.as_deref(), &reason)?,
            Fate::Unknown(reason) => {
                self.unknown.insert(number);
                self.fault.get_or_insert(reason);
            }
            Fate::Untried(reason) => {
                self.untried = Some(self.untried.map_or(number, |first| first.min(number)));
                self.halt = self.halt.take().or(reason);
            }
        }
        Ok(())
    }

    /// A line that could not be kept is told however many were before.
    fn refuse(&mut self, number: u64, text: Option<&[u8]>, reason: &str) -> anyhow::Result<()> {
        self.refused += 1;
        let lost = match (&self.rejected, text) {
            (Some(rejected), None) => format!("; it is not in {}", rejected.path.display()),
            _ => String::new(),
        };
        if self.refused <= TOLD || !lost.is_empty() {
            self.bar
                .suspend(|| output::complain(&format!("line {number}: {reason}{lost}")));
        }
        if self.refused == TOLD + 1 {
            self.bar.suspend(|| output::complain("more lines were refused"));
        }
        match (&mut self.rejected, text) {
            (Some(rejected), Some(text)) => rejected.keep(text),
            _ => Ok(()),
        }
    }

    /// Says what became of it. `next` is the first line that was not handed out, unless all were.
    fn report(self, took: Duration, next: Option<u64>) -> ExitCode {
        let each_second = u128::from(self.created) * 1_000_000 / took.as_micros().max(1);
        output::line(&format!(
            "{} users created in {:.1} s ({each_second}/s), {} were there already, {} lines refused",
            self.created,
            took.as_secs_f64(),
            self.existed,
            self.refused,
        ));
        let notes = [self.unanswered(), self.halted(), self.advice(next)];
        let failed = self.refused > 0 || notes.iter().any(Option::is_some);
        for note in notes.into_iter().flatten() {
            output::complain(&note);
        }
        if failed {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }

    /// How many lines had no answer, and which are the first of them.
    fn unanswered(&self) -> Option<String> {
        let fault = self.fault.as_deref()?;
        let count = self.unknown.len();
        let mut named: Vec<String> = self.unknown.iter().take(NAMED).map(u64::to_string).collect();
        if count > NAMED {
            named.push("...".to_owned());
        }
        let named = named.join(", ");
        Some(format!(
            "no answer came for {count} of the lines ({named}), look whether their users are there ({fault})"
        ))
    }

    fn halted(&self) -> Option<String> {
        let halt = self.halt.as_deref()?;
        let minutes = PATIENCE.as_secs() / 60;
        Some(format!("the server took no line for {minutes} minutes ({halt})"))
    }

    /// Where to go on, unless everything is done: with the first line of which nobody knows that it is.
    fn advice(&self, next: Option<u64>) -> Option<String> {
        let left = self
            .untried
            .into_iter()
            .chain(self.unknown.first().copied())
            .min();
        let first = left.into_iter().chain(next).min()?;
        let scattered = if left.is_some() {
            "; some lines after it are done, so give every user a userId and add --skip-existing"
        } else {
            ""
        };
        Some(format!("stopped early; go on with --from {first}{scattered}"))
    }
}

#[cfg(test)]
mod tests;
