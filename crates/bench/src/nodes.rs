//! PostgreSQL: one node and two, next to the embedded store and next to what the database server can commit at all. The server
//! is started for it, with the settings of Debian but for room in memory, and keeps what it acknowledges.

use std::{fmt::Write as _, path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use postgres_server::Database;
use store::{PostgresOptions, Store, StoreOptions};
use tokio::process::Command;

use crate::{
    api::Wire,
    args::Plan,
    away,
    drive::{self, Job},
    floor::append::{Append, FIRST_ID},
    ledger::{Figure, Spread},
    people::{Add, Get, People},
    process,
    server::{Server, Shared},
};

/// Requests in flight.
const WIDTH: usize = 64;
const AWAY: Duration = Duration::from_millis(1);
const SETTINGS: &str = "-c shared_buffers=512MB -c max_wal_size=4GB";

/// What was found, each round one figure.
#[derive(Debug, Default)]
pub(crate) struct Found(Vec<(&'static str, Vec<Figure>)>);

impl Found {
    fn enter(&mut self, what: &'static str, figure: Figure) {
        match self.0.iter_mut().find(|(known, _)| *known == what) {
            Some((_, figures)) => figures.push(figure),
            None => self.0.push((what, vec![figure])),
        }
    }

    fn rate(&self, what: &str) -> f64 {
        let figures = self.0.iter().find(|(known, _)| *known == what);
        let rates = figures.and_then(|(_, figures)| Spread::of(figures.iter().map(|figure| figure.rate)));
        rates.map_or(0.0, |rates| rates.median)
    }
}

/// Measures round after round everything once.
pub(crate) async fn measure(plan: &Plan) -> anyhow::Result<Found> {
    let dir = tempfile::Builder::new().prefix("bench-").tempdir_in(&plan.dir)?;
    let server = postgres_server::Server::start(SETTINGS);
    let server: &'static postgres_server::Server = Box::leak(Box::new(server));
    let (floor, shared) = (server.database(), server.database());
    let append = StoreOptions::Postgres(PostgresOptions::new(floor.url()));
    let append = Append::on(Store::open(&append).await?, plan.users).await?;
    let far = append.by(far(server, &floor).await?);
    let with = Shared::new(&shared.url(), dir.path())?;
    let first = Server::merlon_on(&plan.merlon, &dir.path().join("first"), Some(&with)).await?;
    let second = with.after(&first);
    let second = Server::merlon_on(&plan.merlon, &dir.path().join("second"), Some(&second)).await?;
    let alone = Server::merlon(&plan.merlon, &dir.path().join("alone")).await?;
    let mut people = People::create(&first.place, plan.users).await?;
    let mut others = People::create(&alone.place, plan.users).await?;
    let mut found = Found::default();
    for _ in 0..plan.rounds {
        found.enter("pgbench, equal rows", pgbench(plan, &floor, dir.path()).await?);
        let own = [std::process::id()];
        let near = figure(&own, Arc::clone(&append), vec![(); WIDTH], plan.time).await?;
        found.enter("append, PostgreSQL", near);
        for (what, wide) in [
            ("append, 1 ms away", WIDTH),
            ("append, 1 ms away, × 8", 8 * WIDTH),
        ] {
            let lines = vec![(); wide];
            found.enter(what, figure(&own, Arc::clone(&far), lines, plan.time).await?);
        }
        let shared = Arc::new(people);
        found.enter("add, one node", add(&[&first], &shared, plan.time).await?);
        found.enter("get, one node", get(&first, &shared, plan.time).await?);
        found.enter(
            "add, two nodes",
            add(&[&first, &second], &shared, plan.time).await?,
        );
        people = renewed(shared, &first).await?;
        let shared = Arc::new(others);
        found.enter("add, SQLite", add(&[&alone], &shared, plan.time).await?);
        others = renewed(shared, &alone).await?;
    }
    for node in [first, second, alone] {
        node.stop().await?;
    }
    server.end();
    Ok(found)
}

/// The store as a node in another building has it: every byte takes [`AWAY`] in each direction, and up to a millisecond more, the
/// resolution of the timer.
async fn far(server: &postgres_server::Server, database: &Database) -> anyhow::Result<Store> {
    let socket = server.directory().join(".s.PGSQL.5432");
    let address = away::relay(&socket, AWAY).await?;
    let url = format!("postgres://merlon@{address}/{}?sslmode=disable", database.name());
    let store = Store::open(&StoreOptions::Postgres(PostgresOptions::new(url))).await;
    store.context("opening the store from afar")
}

async fn renewed(people: Arc<People>, server: &Server) -> anyhow::Result<People> {
    let mut people = Arc::into_inner(people).context("the users are still in use")?;
    people.renew(&server.place).await?;
    Ok(people)
}

async fn add(nodes: &[&Server], people: &Arc<People>, time: Duration) -> anyhow::Result<Figure> {
    let mut lines = Vec::new();
    for node in nodes {
        lines.extend(node.place.lines(Wire::Json, WIDTH / nodes.len()).await?);
    }
    let pids: Vec<u32> = nodes.iter().map(|node| node.pid).collect();
    figure(&pids, Arc::new(Add(Arc::clone(people))), lines, time).await
}

async fn get(node: &Server, people: &Arc<People>, time: Duration) -> anyhow::Result<Figure> {
    let lines = node.place.lines(Wire::Json, WIDTH).await?;
    figure(&[node.pid], Arc::new(Get(Arc::clone(people))), lines, time).await
}

async fn figure<J: Job>(
    pids: &[u32],
    job: Arc<J>,
    lines: Vec<J::Line>,
    time: Duration,
) -> anyhow::Result<Figure> {
    let all = || {
        pids.iter()
            .map(|pid| process::usage(*pid))
            .collect::<anyhow::Result<Vec<_>>>()
    };
    let before = all()?;
    let outcome = drive::closed(job, lines, time).await;
    let used = all()?
        .into_iter()
        .zip(before)
        .map(|(after, before)| after.since(before));
    let usage = used.reduce(process::Usage::and).unwrap_or_default();
    if let Some(reason) = outcome.reason {
        return Err(reason);
    }
    anyhow::ensure!(
        !outcome.micros.is_empty(),
        "there was nothing left to do: take more --users, or fewer --seconds or --rounds"
    );
    Ok(Figure::of(&outcome, usage, 0.0))
}

/// The rows of an add, into the tables that the store made, of an instance of its own, in one statement: two events, and a row
/// that moves on with the state of a user who has a factor.
async fn pgbench(plan: &Plan, floor: &Database, dir: &Path) -> anyhow::Result<Figure> {
    let script = dir.join("add.sql");
    let text = format!(
        "\\set user {FIRST_ID} + random(0, {last})
         \\set n :n + 2
         \\set pos :base + :client_id * 100000000 + :n
         \\set next :pos + 1
         WITH moved AS (UPDATE stream SET seq = seq + 2, last_pos = CAST(:pos AS BIGINT), changed_at = 1,
                 due_at = CAST(:pos AS BIGINT), state = CAST(repeat('s', 150) AS BYTEA)
             WHERE instance = 'pgbench' AND kind = 'user' AND id = CAST(CAST(:user AS BIGINT) AS TEXT))
         INSERT INTO event (pos, instance, kind, stream, seq, prev, name, at, editor, body) VALUES
             (CAST(:pos AS BIGINT), 'pgbench', 'user', CAST(CAST(:user AS BIGINT) AS TEXT), 2, 1, 'otp_added', 1,
                 '289201938475610002', repeat('b', 110)),
             (CAST(:next AS BIGINT), 'pgbench', 'user', CAST(CAST(:user AS BIGINT) AS TEXT), 3, 2, 'otp_code_issued', 1,
                 '289201938475610002', repeat('b', 190));",
        last = plan.users - 1,
    );
    std::fs::write(&script, text)?;
    let heads = "INSERT INTO stream (instance, kind, id, seq, last_pos, created_at, changed_at, first_pos, due_at, state)
        SELECT 'pgbench', kind, id, seq, last_pos, created_at, changed_at, first_pos, due_at, state FROM stream WHERE instance <> 'pgbench' ON CONFLICT DO NOTHING";
    floor.sql(heads);
    let base = floor.sql("SELECT greatest(max(pos), 4000000000000000000) + 1000000000 FROM event");
    let base = String::from_utf8(base)?;
    let seconds = plan.time.as_secs().max(1).to_string();
    let mut command = Command::new(postgres_server::binaries().join("pgbench"));
    command.args([
        "-n", "-M", "prepared", "-c", "64", "-j", "2", "-T", &seconds, "-D", "n=0", "-U", "merlon",
    ]);
    command
        .args(["-D", &format!("base={}", base.trim()), "-f"])
        .arg(&script);
    command
        .arg("-h")
        .arg(floor.server().directory())
        .arg(floor.name());
    let said = command.output().await.context("running pgbench")?;
    let words = String::from_utf8(said.stdout)?;
    anyhow::ensure!(
        said.status.success(),
        "pgbench: {}",
        String::from_utf8_lossy(&said.stderr)
    );
    let rate = words
        .lines()
        .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
    Ok(Figure {
        rate: rate.context("pgbench did not say how many it committed")?,
        ..Figure::default()
    })
}

/// The table, and the goals that it is for.
pub(crate) fn text(found: &Found) -> String {
    let mut text = format!(
        "{WIDTH} in flight\n{:<22} {:>28}  CPU µs  p50 / p99 ms\n",
        "", "requests/s (least to most)"
    );
    for (what, figures) in &found.0 {
        let median = |of: fn(&Figure) -> f64| Spread::of(figures.iter().map(of)).map_or(0.0, |s| s.median);
        let Some(rates) = Spread::of(figures.iter().map(|figure| figure.rate)) else {
            continue;
        };
        let range = format!("{:.0} ({:.0} to {:.0})", rates.median, rates.least, rates.most);
        let (cpu, p50, p99) = (
            median(|f| f.cpu),
            median(|f| f.p50) / 1e3,
            median(|f| f.p99) / 1e3,
        );
        // Writing into memory cannot fail.
        let _ = writeln!(text, "{what:<22} {range:>28}  {cpu:>6.0}  {p50:.1} / {p99:.1}");
    }
    let ratio = |above: &str, below: &str| found.rate(above) / found.rate(below).max(1e-9);
    for (goal, value, must) in [
        (
            "P11 add ÷ pgbench",
            ratio("add, one node", "pgbench, equal rows"),
            "≥ 0.8",
        ),
        (
            "P12 two nodes ÷ one",
            ratio("add, two nodes", "add, one node"),
            "≥ 1.6 with spare cores",
        ),
    ] {
        let _ = writeln!(text, "{goal:<22} {value:>9.2}   {must}");
    }
    text
}
