//! `merlon migrate`: everything from the embedded database to a server, or back, while nobody serves either.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::bail;
use indicatif::{HumanCount, ProgressBar};
use store::{MovedTable, PostgresOptions, Progress, Stage, StoreOptions, Transfer, TransferError};
use tokio::time::Instant;

use super::progress::bar;
use super::sources;
use crate::cli::{Migrate, Place};
use crate::config::{MasterKey, Secret, Settings, Sources};
use crate::data_dir::{DataDir, MASTER_KEY_FILE, STORE_FILE, TOKEN_FILE};
use crate::output;

/// Moves, shows how far it is, and says what has to be taken along.
pub(super) async fn run(args: Migrate) -> anyhow::Result<ExitCode> {
    // The database is for its owner alone.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let settings = settings(&args)?;
    let from = Side::read("--from", &args.from, &settings)?;
    let to = Side::read("--to", &args.to, &settings)?;
    let home = match (&from, &to) {
        (Side::Embedded(file), Side::Server(_)) => file.lock_existing()?,
        (Side::Server(_), Side::Embedded(file)) => file.lock()?,
        _ => bail!("one of --from and --to is sqlite:PATH, the other a PostgreSQL database"),
    };
    output::line(&format!("from  {from}\nto    {to}"));
    let transfer = Transfer::prepare(&from.options(), &to.options()).await?;
    if let Some(rows) = transfer.there_already() {
        output::line(&format!(
            "going on with an unfinished move: {} of {} rows are there",
            HumanCount(rows),
            HumanCount(transfer.rows())
        ));
    }
    let began = Instant::now();
    let Some(moved) = watched(transfer).await.map_err(explained)? else {
        output::complain(&format!("stopped; {AGAIN}"));
        return Ok(ExitCode::from(130));
    };
    report(&moved, began.elapsed().as_secs_f64());
    output::text(&what_else(&settings.master_key, (&from, &to), &home));
    Ok(ExitCode::SUCCESS)
}

/// What went wrong, with what to do where that does not say it.
fn explained(error: TransferError) -> anyhow::Error {
    let context = match error {
        TransferError::Failed { .. } => AGAIN,
        TransferError::Refused(_) | TransferError::Differs { .. } => "the move is not finished",
    };
    anyhow::Error::new(error).context(context)
}

const AGAIN: &str = "the move is not finished; run the same command again to go on";

/// The configuration, with the URL of the command line in the place of its own.
fn settings(args: &Migrate) -> anyhow::Result<Settings> {
    let urls = [("--from", &args.from), ("--to", &args.to)];
    let mut urls = urls.into_iter().filter(|(_, text)| is_url(text));
    let database = urls.next().map(|(flag, url)| (flag, Secret::new(url.clone())));
    let place = Place {
        config: args.config.clone(),
        data: None,
    };
    Ok(Settings::load(Sources {
        database,
        ..sources(&place)
    })?)
}

fn is_url(text: &str) -> bool {
    text.starts_with("postgres://") || text.starts_with("postgresql://")
}

/// One of the two databases.
enum Side {
    Embedded(File),
    Server(PostgresOptions),
}

/// The file of an embedded database, and the directory that it lies in.
struct File {
    directory: PathBuf,
    path: PathBuf,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Embedded(file) => write!(f, "{}", file.path.display()),
            Self::Server(options) => write!(f, "PostgreSQL, {}", options.place()),
        }
    }
}

impl Side {
    fn read(flag: &str, text: &str, settings: &Settings) -> anyhow::Result<Self> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            return Ok(Self::Embedded(File::named(flag, Path::new(path))?));
        }
        if !is_url(text) && text != "postgres" {
            bail!(
                "{flag} is sqlite:DIRECTORY, sqlite:FILE, a postgres:// URL, or postgres for the database of the configuration"
            );
        }
        match &settings.database {
            Some(database) => Ok(Self::Server(database.options.clone())),
            None => bail!(
                "{flag} is the database of the configuration, which has none; set database.url, or give a URL"
            ),
        }
    }

    fn options(&self) -> StoreOptions {
        match self {
            Self::Embedded(file) => StoreOptions::Sqlite {
                path: file.path.clone(),
            },
            Self::Server(options) => StoreOptions::Postgres(options.clone()),
        }
    }
}

impl File {
    /// A directory means the file that a server has there; so does a path where nothing is, unless it is named like a file.
    fn named(flag: &str, path: &Path) -> anyhow::Result<Self> {
        if path.as_os_str().is_empty() {
            bail!("{flag} needs a path after sqlite:, such as sqlite:merlon-data");
        }
        let is_file = path.is_file() || (!path.exists() && path.extension().is_some_and(|end| end == "db"));
        let path = if is_file {
            path.to_owned()
        } else {
            path.join(STORE_FILE)
        };
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        Ok(Self { directory, path })
    }

    /// Keeps servers away until it is dropped.
    fn lock(&self) -> anyhow::Result<DataDir> {
        Ok(DataDir::open(&self.directory)?)
    }

    /// The same, where something has to be already.
    fn lock_existing(&self) -> anyhow::Result<DataDir> {
        if !self.path.exists() {
            bail!(
                "{} is not there; give the data directory of a server after sqlite:",
                self.path.display()
            );
        }
        self.lock()
    }
}

/// Runs a move under a bar. Ctrl-C has it stop after the batch that it is at.
async fn watched(transfer: Transfer) -> Result<Option<Vec<MovedTable>>, TransferError> {
    let stop = Arc::new(AtomicBool::new(false));
    let interrupted = tokio::spawn(stop_at_interrupt(Arc::clone(&stop)));
    // Every row is copied once and read twice.
    let bar = bar(Some(transfer.rows() * 3));
    bar.inc(transfer.there_already().unwrap_or_default());
    let moved = transfer.run(|done| show(&bar, done, &stop)).await;
    bar.finish_and_clear();
    interrupted.abort();
    moved
}

async fn stop_at_interrupt(stop: Arc<AtomicBool>) {
    if tokio::signal::ctrl_c().await.is_ok() {
        stop.store(true, Ordering::Relaxed);
    }
}

fn show(bar: &ProgressBar, done: Progress<'_>, stop: &AtomicBool) -> ControlFlow<()> {
    bar.inc(done.rows);
    bar.set_message(match done.stage {
        Stage::Copying => format!("copying {}", done.table),
        Stage::Settling => "putting indexes in order".to_owned(),
        Stage::Verifying => format!("verifying {}", done.table),
    });
    if stop.load(Ordering::Relaxed) {
        ControlFlow::Break(())
    } else {
        ControlFlow::Continue(())
    }
}

/// One line for each table, and the sum.
fn report(moved: &[MovedTable], seconds: f64) {
    let longest = moved
        .iter()
        .map(|table| table.table.len())
        .max()
        .unwrap_or_default();
    output::line(&format!(
        "{:longest$} {:>12}  SHA-256 of the rows of both",
        "table", "rows"
    ));
    for table in moved {
        let (name, rows, hash) = (&table.table, HumanCount(table.rows).to_string(), &table.sha256);
        output::line(&format!("{name:longest$} {rows:>12}  {hash}"));
    }
    let rows = moved.iter().map(|table| table.rows).sum();
    let (rows, tables) = (HumanCount(rows), moved.len());
    output::line(&format!(
        "{rows} rows of {tables} tables moved and verified in {seconds:.1} s"
    ));
}

/// What does not lie in the database, and what to do next.
fn what_else(master_key: &MasterKey, sides: (&Side, &Side), home: &DataDir) -> String {
    let (key, token) = (home.join(MASTER_KEY_FILE), home.join(TOKEN_FILE));
    let mut lines = vec!["Not in the database, and needed as before:".to_owned()];
    match (master_key, sides.1) {
        (MasterKey::Given(_) | MasterKey::File(_), _) => {
            lines.push("  master key  the one of the configuration, for every server".to_owned());
        }
        (MasterKey::Generated, Side::Server(_)) => lines.push(format!(
            "  master key  {}; every server needs it, as master.key in its data directory or as master_key.file",
            key.display()
        )),
        (MasterKey::Generated, Side::Embedded(_)) => lines.push(format!(
            "  master key  the one that the servers had, as {} or as master_key.file{}",
            key.display(),
            state_of(&key)
        )),
    }
    lines.push(match sides.1 {
        Side::Server(_) => format!(
            "  token       {}; the commands inbox, token and import need it in the data directory of the server they speak to",
            token.display()
        ),
        Side::Embedded(_) => format!(
            "  token       automation.pat of the server that laid the foundation, as {}{}",
            token.display(),
            state_of(&token)
        ),
    });
    lines.push(match sides {
        (Side::Embedded(file), _) => format!(
            "Start every server with database.url from now on, and put {0} away, with {0}-wal if that is there: a server started without \
             database.url would serve the old state.",
            file.path.display()
        ),
        (_, to) => format!(
            "Start the server without database.url from now on; it serves {to}. The old database stays as it was: no server may use it."
        ),
    });
    lines.push(String::new());
    lines.join("\n")
}

fn state_of(path: &Path) -> &'static str {
    if fs::exists(path).unwrap_or_default() {
        " (there is one: make sure that it is that one)"
    } else {
        " (it is not there yet)"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_to_begin_anew_is_not_told_to_go_on() {
        let differs = explained(TransferError::Differs {
            table: "event".to_owned(),
            source_rows: 2,
            target_rows: 1,
        });
        let text = format!("{differs:#}");
        assert!(text.contains("begin anew") && !text.contains("go on"), "{text}");
        let failed = explained(TransferError::Failed {
            doing: "copying event".to_owned(),
            source: store::Error::Unavailable,
        });
        let text = format!("{failed:#}");
        assert!(
            text.contains("same command again to go on: while copying"),
            "{text}"
        );
    }
}
