//! How everything changes as users become more: import up to a size, start anew, measure, and on to the next size.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use tokio::{process::Command, time::Instant};

use crate::{
    api::{self, Line, Pending, Wire},
    args::Plan,
    drive::{self, Job, count},
    ledger::Figure,
    people,
    process::{self, Memory},
    server::Server,
};

/// Requests in flight.
const WIDTH: usize = 64;
/// Requests in flight of searches, which may look at every user.
const SEARCHES: usize = 2;
/// Factors that users get on average while adding is measured.
const FACTORS: usize = 2;
/// Users that are created while that is measured, at most: a tenth of those who are there, or this many.
const FEW: usize = 1000;

/// What was found at one size.
#[derive(Debug, Default)]
pub(crate) struct Step {
    users: usize,
    /// Users that were imported in a second to come to this size.
    seeded: f64,
    /// Bytes on the disk for each user, after a clean stop.
    disk: f64,
    /// Milliseconds of a start on these data.
    start: f64,
    get: Figure,
    add: Figure,
    create: Figure,
    /// Searches by name, and what a median one takes.
    searches: Vec<(&'static str, Figure)>,
    memory: Memory,
}

/// Grows a server through these sizes.
pub(crate) async fn measure(plan: &Plan, sizes: &[usize]) -> anyhow::Result<Vec<Step>> {
    let dir = tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(&plan.dir)
        .context("making a directory")?;
    let data = dir.path().join("main");
    let (mut steps, mut before, mut created) = (Vec::new(), 0, 0);
    for &users in sizes {
        let server = Server::merlon(&plan.merlon, &data).await?;
        let list = write_users(dir.path(), before..users)?;
        let began = Instant::now();
        import(&plan.merlon, &data, &list).await?;
        let seeded = count(users - before) / began.elapsed().as_secs_f64();
        fs::remove_file(list)?;
        server.stop().await?;
        let disk = bytes(&data)? / count(users + created);
        let mut step = Step {
            users,
            seeded,
            disk,
            ..Step::default()
        };
        measure_at(plan, &data, &mut step).await?;
        (before, created) = (users, created + step.create.requests);
        steps.push(step);
    }
    Ok(steps)
}

async fn measure_at(plan: &Plan, data: &Path, step: &mut Step) -> anyhow::Result<()> {
    let server = Server::merlon(&plan.merlon, data).await?;
    step.start = server.started_in.as_secs_f64() * 1e3;
    let org = api::own_org(&mut server.place.http().await?).await?;
    let people = |kind| Arc::new(Crowd::new(step.users, &org, kind));
    step.get = figure(&server, people(Kind::Get), WIDTH, plan.time).await?;
    step.add = figure(&server, people(Kind::Add), WIDTH, plan.time).await?;
    for (name, search) in SEARCH {
        let found = figure(&server, people(Kind::Search(search)), SEARCHES, plan.time).await?;
        step.searches.push((name, found));
    }
    step.create = figure(&server, people(Kind::Create), WIDTH, plan.time).await?;
    step.memory = process::memory(server.pid)?;
    server.stop().await
}

async fn figure(server: &Server, crowd: Arc<Crowd>, width: usize, time: Duration) -> anyhow::Result<Figure> {
    let lines = server.place.lines(Wire::Json, width).await?;
    let before = process::usage(server.pid)?;
    let outcome = drive::closed(crowd, lines, time).await;
    let usage = process::usage(server.pid)?.since(before);
    if let Some(reason) = outcome.reason {
        return Err(reason);
    }
    Ok(Figure::of(&outcome, usage, process::memory(server.pid)?.peak))
}

/// A file with a user a line: an address, a number, a name and some data.
fn write_users(dir: &Path, users: std::ops::Range<usize>) -> anyhow::Result<PathBuf> {
    let path = dir.join("users.jsonl");
    let mut file = BufWriter::new(File::create(&path)?);
    for n in users {
        writeln!(file, r#"{{"userId":"{}",{}}}"#, scattered(n), person("", n))?;
    }
    file.flush()?;
    Ok(path)
}

/// What is told of a user, whose name and address begin with `kind`.
fn person(kind: &str, n: usize) -> String {
    let data = format!(r#"{{"givenName":"Erika","familyName":"Number {n}"}}"#);
    let email = format!(r#"{{"address":"{kind}user-{n}@bench.example","isVerified":true}}"#);
    let phone = format!(r#"{{"number":"+4178{n:07}","isVerified":true}}"#);
    let names = format!(r#"[{{"username":"{kind}name-{n}"}}]"#);
    format!(
        r#""data":{data},"contact":{{"email":{email},"phone":{phone}}},"authenticators":{{"usernames":{names}}}"#
    )
}

/// Texts that do not come in the order of their numbers.
pub(crate) fn scattered(n: usize) -> String {
    format!("{:08x}-{n}", n.wrapping_mul(0x9e37_79b1) & 0xffff_ffff)
}

pub(crate) async fn import(program: &Path, data: &Path, list: &Path) -> anyhow::Result<()> {
    let mut command = Command::new(program);
    command.arg("import").arg("--data").arg(data).arg(list);
    let done = command.stdin(Stdio::null()).output().await.context("importing")?;
    let words = String::from_utf8_lossy(&done.stderr).into_owned();
    anyhow::ensure!(done.status.success(), "importing failed: {words}");
    Ok(())
}

fn bytes(data: &Path) -> anyhow::Result<f64> {
    let mut kib = 0;
    for file in fs::read_dir(data)? {
        kib += file?.metadata()?.len() / 1024;
    }
    Ok(count(usize::try_from(kib)?) * 1024.0)
}

/// A search, and what it looks for given the number of a user.
type Filter = fn(usize) -> String;

const SEARCH: [(&str, Filter); 7] = [
    ("e-mail equals", |n| {
        format!(r#"[{{"emailFilter":{{"address":"USER-{n}@bench.example"}}}}]"#)
    }),
    ("username equals", |n| {
        format!(r#"[{{"usernameFilter":{{"username":"name-{n}"}}}}]"#)
    }),
    ("phone equals", |n| {
        format!(r#"[{{"phoneFilter":{{"number":"+4178{n:07}"}}}}]"#)
    }),
    ("username starts with", |n| {
        let method = "TEXT_FILTER_METHOD_STARTS_WITH";
        format!(r#"[{{"usernameFilter":{{"username":"name-{n}","method":"{method}"}}}}]"#)
    }),
    ("e-mail contains", |n| {
        let method = "TEXT_FILTER_METHOD_CONTAINS";
        format!(r#"[{{"emailFilter":{{"address":"er-{n}@be","method":"{method}"}}}}]"#)
    }),
    ("username contains", |n| {
        let method = "TEXT_FILTER_METHOD_CONTAINS";
        format!(r#"[{{"usernameFilter":{{"username":"me-{n}","method":"{method}"}}}}]"#)
    }),
    ("phone contains", |n| {
        let method = "TEXT_FILTER_METHOD_CONTAINS";
        let digits = format!("{n:07}");
        format!(
            r#"[{{"phoneFilter":{{"number":"{}","method":"{method}"}}}}]"#,
            &digits[1..]
        )
    }),
];

#[derive(Clone, Copy)]
enum Kind {
    Get,
    Add,
    Create,
    Search(Filter),
}

/// Users, and what is done to them in an order that jumps over all of them.
struct Crowd {
    users: usize,
    /// The organization that new users belong to.
    org: String,
    kind: Kind,
    next: AtomicUsize,
}

impl Crowd {
    fn new(users: usize, org: &str, kind: Kind) -> Self {
        Self {
            users,
            org: org.to_owned(),
            kind,
            next: AtomicUsize::new(0),
        }
    }
}

impl Job for Crowd {
    type Line = Line;
    type Yield = Option<Pending>;

    async fn once(&self, line: &mut Line) -> anyhow::Result<Option<Self::Yield>> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let n = people::jump(turn, self.users);
        let user: Arc<str> = scattered(n).into();
        match self.kind {
            Kind::Get => line.get(&user).await.map(|()| Some(None)),
            Kind::Add if turn >= self.users * FACTORS => Ok(None),
            Kind::Add => {
                let number = u64::try_from(turn)?;
                Ok(Some(Some(line.add(&user, number).await?)))
            }
            Kind::Create if turn >= FEW.max(self.users / 10) => Ok(None),
            Kind::Create => {
                let kind = format!("new-{}-", self.users);
                api::create(line, &self.org, &format!("{{{}}}", person(&kind, turn))).await?;
                Ok(Some(None))
            }
            Kind::Search(filter) => {
                let found = line.search(&filter(n)).await?;
                anyhow::ensure!(found > 0, "a search found nobody");
                Ok(Some(None))
            }
        }
    }
}

/// The table.
pub(crate) fn text(steps: &[Step]) -> String {
    let mut text = String::from(
        "    users | seeded/s  B/user start ms |   get/s  CPU µs |   add/s  CPU µs writer | create/s  CPU µs writer | anon MiB resident\n",
    );
    for step in steps {
        let (get, add, create) = (&step.get, &step.add, &step.create);
        // Writing into memory cannot fail.
        let _ = writeln!(
            text,
            "{:>9} | {:>8.0} {:>7.0} {:>8.0} | {:>7.0} {:>7.1} | {:>7.0} {:>7.1} {:>6.1} | {:>8.0} {:>7.1} {:>6.1} | {:>8.0} {:>8.0}",
            step.users,
            step.seeded,
            step.disk,
            step.start,
            get.rate,
            get.cpu,
            add.rate,
            add.cpu,
            add.writer,
            create.rate,
            create.cpu,
            create.writer,
            step.memory.anonymous,
            step.memory.resident
        );
    }
    text.push_str("\nsearches: milliseconds of a median one, processor time in µs\n    users");
    for (name, _) in SEARCH {
        let _ = write!(text, " | {name:>20}");
    }
    for step in steps {
        let _ = write!(text, "\n{:>9}", step.users);
        for (_, found) in &step.searches {
            let _ = write!(text, " | {:>10.2} {:>9.0}", found.p50 / 1e3, found.cpu);
        }
    }
    text.push('\n');
    text.push_str(&judged(steps));
    text
}

/// Goals that compare the largest size with the smallest.
fn judged(steps: &[Step]) -> String {
    let (Some(first), Some(last)) = (steps.first(), steps.last()) else {
        return String::new();
    };
    let goals = [
        ("P14 get, more µs", last.get.cpu - first.get.cpu, "≤ 5"),
        ("P14 add, more µs", last.add.cpu - first.add.cpu, "≤ 20"),
        (
            "P14 get, rate",
            last.get.rate / first.get.rate.max(1e-9),
            "≥ 0.75",
        ),
        (
            "P14 add, rate",
            last.add.rate / first.add.rate.max(1e-9),
            "≥ 0.65",
        ),
        ("P18 anonymous MiB", last.memory.anonymous, "≤ 128"),
    ];
    let mut text = format!("\nfrom {} to {} users\n", first.users, last.users);
    for (what, value, must) in goals {
        let _ = writeln!(text, "{what:<20} {value:>9.2}   {must}");
    }
    text
}
