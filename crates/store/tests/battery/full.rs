//! A disk that is full takes nothing and loses nothing: reads go on, writes are refused at once and leave nothing behind, and once there is
//! room they are taken again without a hand.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command as Process, Output},
};

use store::{Error, Store, StoreOptions, rebuild_matches};
use tokio::task::JoinSet;

use crate::{
    crash::{check, unit},
    given::*,
    ledger::until,
};

/// Where the child writes, a disk of its own; only then is it one.
const DIRECTORY: &str = "MERLON_TEST_FULL_DIRECTORY";
/// What takes most of that disk at first, in bytes.
const BALLAST: usize = 12 << 20;
const WRITERS: usize = 8;

/// Writes units until one is refused; those that were acknowledged.
async fn until_refused(store: Store, writer: usize) -> Vec<String> {
    let mut acknowledged = Vec::new();
    loop {
        let name = format!("{writer}-{}", acknowledged.len());
        let told = unit(&store, &name).await;
        if told.is_err() {
            assert!(is_full(&told), "{told:?}");
            return acknowledged;
        }
        acknowledged.push(name);
    }
}

fn is_full(told: &Result<(), Failure>) -> bool {
    matches!(told, Err(Failure::Store(Error::DiskFull)))
}

async fn fill(store: &Store) -> Vec<String> {
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        writers.spawn(until_refused(store.clone(), writer));
    }
    writers.join_all().await.concat()
}

async fn units(store: &Store) -> Vec<String> {
    let mut snapshot = store.snapshot().await.unwrap();
    let sql = "SELECT name FROM meta ORDER BY name";
    snapshot
        .all(sql, &[], |row| Ok(row.text(0)?.to_owned()))
        .await
        .unwrap()
}

/// Not a test of its own: what [`a_full_disk_loses_nothing_and_is_left_without_a_hand`] starts on a disk that is soon full.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Ok(directory) = std::env::var(DIRECTORY).map(PathBuf::from) else {
        return;
    };
    let path = directory.join("merlon.db");
    let store = Store::open(&StoreOptions::Sqlite { path }).await.unwrap();
    fs::write(directory.join("ballast"), vec![1; BALLAST]).unwrap();
    let mut acknowledged = fill(&store).await;
    assert!(matches!(store.obstacle(), Some(Error::DiskFull)));
    let refused = unit(&store, "late").await;
    assert!(
        matches!(refused, Err(Failure::Store(Error::DiskFull))),
        "{refused:?}"
    );
    acknowledged.sort_unstable();
    assert_eq!(units(&store).await, acknowledged, "reads go on");

    fs::remove_file(directory.join("ballast")).unwrap();
    until("writes are taken again", || store.obstacle().is_none()).await;
    unit(&store, "after").await.unwrap();
    acknowledged.push("after".into());
    assert_eq!(rebuild_matches(&store).await.unwrap(), Vec::<String>::new());
    store.close();
    fs::write(directory.join("ledger"), acknowledged.join("\n") + "\n").unwrap();
    assert_eq!(check(&directory).await, acknowledged.len());
    println!("{} units on the full disk", acknowledged.len());
}

/// Runs the child on a file system of 24 MiB that only it sees.
fn on_a_small_disk(directory: &Path) -> Output {
    let script = format!(
        "mount -t tmpfs -o size=24m small '{}' && exec \"$0\" --nocapture --exact full::child",
        directory.display()
    );
    Process::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", &script])
        .arg(std::env::current_exe().unwrap())
        .env(DIRECTORY, directory)
        .output()
        .unwrap()
}

#[test]
fn a_full_disk_loses_nothing_and_is_left_without_a_hand() {
    let directory = tempfile::tempdir().unwrap();
    let ran = on_a_small_disk(directory.path());
    let [said, complained] = [&ran.stdout, &ran.stderr].map(|text| String::from_utf8_lossy(text));
    if complained.starts_with("unshare:") || complained.starts_with("mount:") {
        let mut aloud = std::io::stderr();
        writeln!(
            aloud,
            "LEFT OUT: no file system of its own may be made here ({complained})"
        )
        .unwrap();
        return;
    }
    assert!(ran.status.success(), "{said}{complained}");
    assert!(said.contains("units on the full disk"), "{said}");
}
