//! How fast users are imported, by what they have, each kind into a database of its own.

use std::{fmt::Write as _, io::Write as _, path::Path};

use anyhow::Context;
use tokio::time::Instant;

use crate::{args::Plan, drive::count, growth, server::Server};

/// A user, and how its line is made from its number.
type Kind = (&'static str, fn(usize) -> String);

/// The server gives the ids; texts come in no order, as another system has them.
const KINDS: [Kind; 3] = [
    ("an id alone", |_| "{}".to_owned()),
    ("a username", |n| format!("{{{}}}", usernames(n))),
    ("an e-mail address, a phone number and a username", |n| {
        let email = format!(
            r#"{{"address":"{}@bench.example","isVerified":true}}"#,
            growth::scattered(n)
        );
        let phone = format!(r#"{{"number":"+4178{n:07}","isVerified":true}}"#);
        format!(
            r#"{{"contact":{{"email":{email},"phone":{phone}}},{}}}"#,
            usernames(n)
        )
    }),
];

fn usernames(n: usize) -> String {
    let name = growth::scattered(n);
    format!(r#""authenticators":{{"usernames":[{{"username":"{name}"}}]}}"#)
}

/// Users that were imported in a second, by what they have.
pub(crate) async fn measure(plan: &Plan, users: usize) -> anyhow::Result<Vec<(&'static str, f64)>> {
    let mut rates = Vec::new();
    for (what, line) in KINDS {
        let dir = tempfile::Builder::new()
            .prefix("bench-")
            .tempdir_in(&plan.dir)
            .context("making a directory")?;
        rates.push((what, rate(plan, dir.path(), users, line).await?));
    }
    Ok(rates)
}

async fn rate(plan: &Plan, dir: &Path, users: usize, line: fn(usize) -> String) -> anyhow::Result<f64> {
    let (list, data) = (dir.join("users.jsonl"), dir.join("main"));
    let mut file = std::io::BufWriter::new(std::fs::File::create(&list)?);
    for n in 0..users {
        writeln!(file, "{}", line(n))?;
    }
    file.flush()?;
    let server = Server::merlon(&plan.merlon, &data).await?;
    let began = Instant::now();
    growth::import(&plan.merlon, &data, &list).await?;
    let rate = count(users) / began.elapsed().as_secs_f64();
    server.stop().await?;
    Ok(rate)
}

/// The table.
pub(crate) fn text(users: usize, rates: &[(&'static str, f64)]) -> String {
    let mut text = format!("\nimported/s, {users} users into an empty database\n");
    for (what, rate) in rates {
        // Writing into memory cannot fail.
        let _ = writeln!(text, "{what:<50} {rate:>8.0}");
    }
    if let Some((what, rate)) = rates.first() {
        let _ = writeln!(text, "P22, users with {what:<35} {rate:>8.0}   ≥ 30000");
    }
    text
}
