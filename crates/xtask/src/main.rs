//! What is more than one cargo command: `cargo xtask test`, `cargo xtask tidy`, `cargo xtask docs`, `cargo xtask release`.

mod release;
mod tidy;

use std::{
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Instant,
};

use anyhow::{Context, Result, bail};

const HELP: &str = "\
cargo xtask test       everything a change must pass: format, lints, tests, published clients, pages, a browser, benchmark smoke
cargo xtask tidy       the rules of the house that no compiler knows
cargo xtask docs       writes the generated pages under docs/ anew
cargo xtask release    builds the server by what the benchmark makes it do
";

fn main() -> ExitCode {
    let task = env::args().nth(1).unwrap_or_default();
    let done = match task.as_str() {
        "test" => test(),
        "tidy" => tidy::check(&root()),
        "docs" => docs(),
        "release" => release::build(&target()),
        _ => say(HELP),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr(), "xtask: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .map(Path::to_owned)
        .unwrap_or_default()
}

fn say(text: &str) -> Result<()> {
    io::stdout()
        .write_all(text.as_bytes())
        .context("writing to the terminal")
}

/// Every step prints how long it took; the first that fails ends the run.
fn test() -> Result<()> {
    step("tidy", || tidy::check(&root()))?;
    step("format", || run(cargo().args(["fmt", "--all", "--check"])))?;
    step("lints", || {
        run(cargo()
            .args(["clippy", "--workspace", "--all-targets", "--locked"])
            .args(["--", "-D", "warnings"]))
    })?;
    step("a database server", database_server)?;
    step("tests", || run(cargo().args(["test", "--workspace", "--locked"])))?;
    step("tests on PostgreSQL", tests_on_postgres)?;
    step("programs", programs)?;
    step("generated pages", || unchanged("docs"))?;
    step("published clients", || {
        run(Command::new("bash").arg("clients/run.sh"))
    })?;
    step("published clients on PostgreSQL", || {
        let database = postgres_server::database();
        let mut clients = Command::new("bash");
        clients
            .arg("clients/run.sh")
            .env("MERLON_DATABASE__URL", database.url());
        run(&mut clients)
    })?;
    step("quick start", || {
        run(Command::new("bash").args(["clients/quickstart.sh", "README.md"]))
    })?;
    step("page of the user API", || {
        run(Command::new("bash").args(["clients/page.sh", "docs/v3alpha-user-api.md", "walkthrough"]))
    })?;
    step("browser", || run(Command::new("bash").arg("clients/browser.sh")))?;
    step("benchmark smoke", || {
        run(Command::new(built("bench")).arg("--smoke"))?;
        run(Command::new(built("bench")).args(["--smoke", "growth"]))?;
        run(Command::new(built("bench")).args(["--smoke", "nodes"]))
    })
}

fn step(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    say(&format!("== {name}\n"))?;
    #[expect(
        clippy::disallowed_methods,
        reason = "a stopwatch for people; no rule looks at it"
    )]
    let start = Instant::now();
    work().with_context(|| format!("step '{name}' failed"))?;
    say(&format!("== {name}: {:.1} s\n", start.elapsed().as_secs_f64()))
}

/// Whatever stands on a store is tested once more on a server; the store's own tests have done both already.
fn tests_on_postgres() -> Result<()> {
    run(cargo().env("MERLON_TEST_DATABASE", "postgres").args([
        "test",
        "--workspace",
        "--exclude",
        "store",
        "--locked",
    ]))
}

/// Installs the server that tests start for themselves, the pooler before it, and what lays networks around it, where they are missing.
fn database_server() -> Result<()> {
    let missing: Vec<&str> = [
        ("postgresql", postgres_server::installed().is_some()),
        ("pgbouncer", postgres_server::pooler().is_some()),
        ("iproute2", Command::new("ip").arg("-Version").output().is_ok()),
    ]
    .into_iter()
    .filter_map(|(package, is_there)| (!is_there).then_some(package))
    .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let as_root = output(Command::new("id").arg("-u"))? == b"0\n";
    if !as_root || !Path::new("/usr/bin/apt-get").exists() {
        bail!(
            "tests need the PostgreSQL server, PgBouncer and `ip`: sudo apt-get install {} (Debian, Ubuntu)",
            missing.join(" ")
        );
    }
    let apt = |args: &[&str]| {
        // At this runlevel nothing that is installed begins to listen.
        run(Command::new("apt-get")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .env("RUNLEVEL", "1")
            .args(args))
    };
    apt(&["update", "-qq"])?;
    let install = ["install", "-y", "-qq", "--no-install-recommends"];
    apt(&[&install[..], &missing].concat())
}

/// The pages that programs write: each with its program and what that is told.
const PAGES: [(&str, &str, &[&str]); 2] = [
    ("docs/configuration.md", "merlon", &["config-reference"]),
    ("docs/rpcs.md", "examples/rpcs", &[]),
];

fn docs() -> Result<()> {
    programs()?;
    for (page, program, args) in PAGES {
        let text = output(Command::new(built(program)).args(args))?;
        fs::write(root().join(page), text).with_context(|| format!("writing {page}"))?;
    }
    Ok(())
}

/// Builds every program at once: for one alone cargo chooses other features, and compiles most of the house again.
fn programs() -> Result<()> {
    run(cargo().args(["build", "--workspace", "--bins", "--examples", "--locked"]))
}

/// Where cargo puts a program.
fn built(program: &str) -> PathBuf {
    target().join("debug").join(program)
}

fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Generated pages are checked in; writing them anew must change nothing.
fn unchanged(folder: &str) -> Result<()> {
    docs()?;
    let changed = output(Command::new("git").args(["status", "--porcelain", "--", folder]))?;
    if changed.is_empty() {
        return Ok(());
    }
    bail!(
        "generated pages are stale; run `cargo xtask docs` and commit:\n{}",
        String::from_utf8_lossy(&changed)
    )
}

fn cargo() -> Command {
    Command::new(env::var("CARGO").unwrap_or_else(|_| "cargo".into()))
}

fn run(command: &mut Command) -> Result<()> {
    let status = command
        .current_dir(root())
        .status()
        .with_context(|| format!("starting {command:?}"))?;
    if status.success() {
        Ok(())
    } else {
        bail!("{command:?} ended with {status}")
    }
}

fn output(command: &mut Command) -> Result<Vec<u8>> {
    let output = command
        .current_dir(root())
        .output()
        .with_context(|| format!("starting {command:?}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    bail!(
        "{command:?} ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    )
}
