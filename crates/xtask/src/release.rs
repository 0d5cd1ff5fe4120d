//! Builds the server by what the benchmark makes it do: the compiler is told what runs often, and spends speed there and bytes nowhere else.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

/// What the instrumented server is made to do: each wire form at each width, passwords, starts; import and searches; a shared database.
const TRAINING: [&str; 2] = ["", "growth --sizes 3000"];
const TRAINING_ON_POSTGRES: &str = "nodes";
/// Short, as every code path that matters is taken thousands of times a second.
const MEASURE: [&str; 6] = ["--users", "5000", "--seconds", "1", "--rounds", "1"];

/// Builds an instrumented server, drives it, and builds the server by what was seen; prints where it is.
pub(crate) fn build(target: &Path) -> Result<()> {
    let place = target.join("by-profile");
    let raw = place.join("raw");
    let merge = profdata()?;
    if raw.exists() {
        fs::remove_dir_all(&raw).context("removing what was seen last time")?;
    }
    let instrumented = server(
        &place.join("instrumented"),
        &format!("-Cprofile-generate={}", raw.display()),
    )?;
    drive(&instrumented)?;
    let seen = place.join("merlon.profdata");
    crate::run(
        Command::new(merge)
            .args(["merge", "--output"])
            .args([&seen, &raw]),
    )?;
    let built = server(
        &place.join("optimized"),
        &format!("-Cprofile-use={}", seen.display()),
    )?;
    crate::say(&format!("built {}\n", built.display()))
}

/// Compiles the server with a flag for everything that becomes part of it, and nothing that runs at build time.
fn server(folder: &Path, flag: &str) -> Result<PathBuf> {
    let host = host()?;
    crate::run(
        crate::cargo()
            .args([
                "build",
                "--release",
                "--locked",
                "--package",
                "server",
                "--target",
                &host,
            ])
            .env("CARGO_TARGET_DIR", folder)
            .env("CARGO_ENCODED_RUSTFLAGS", flag),
    )?;
    Ok(folder.join(host).join("release/merlon"))
}

fn drive(server: &Path) -> Result<()> {
    crate::run(crate::cargo().args(["build", "--locked", "--package", "bench"]))?;
    let on_postgres = postgres_server::installed().map(|_| TRAINING_ON_POSTGRES);
    if on_postgres.is_none() {
        crate::say("no PostgreSQL is installed: what is special to it is built for size\n")?;
    }
    for work in TRAINING.into_iter().chain(on_postgres) {
        let mut bench = Command::new(crate::built("bench"));
        bench.arg("--merlon").arg(server).args(MEASURE);
        crate::run(bench.args(work.split_whitespace()))?;
    }
    Ok(())
}

/// The compiler's own tool that makes a profile of what was seen.
fn profdata() -> Result<PathBuf> {
    let libraries = crate::output(Command::new("rustc").args(["--print", "target-libdir"]))?;
    let libraries = PathBuf::from(String::from_utf8_lossy(&libraries).trim());
    let tool = libraries
        .with_file_name("bin")
        .join(format!("llvm-profdata{}", env::consts::EXE_SUFFIX));
    if !tool.exists() {
        bail!("llvm-profdata is missing: rustup component add llvm-tools");
    }
    Ok(tool)
}

fn host() -> Result<String> {
    let about = crate::output(Command::new("rustc").arg("-vV"))?;
    let about = String::from_utf8_lossy(&about);
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .context("rustc does not say what it builds for")
}
