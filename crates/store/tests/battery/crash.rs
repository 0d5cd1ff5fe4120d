//! A process that is killed at any point loses nothing that it acknowledged and leaves nothing half done. The pages of a
//! killed process survive in the cache of the system: a loss of power is another test.

use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::{Command as Process, Stdio},
    time::Duration,
};

use domain::{
    base::UserId,
    user::{Command, User},
};
use store::{Store, StoreOptions, outbox};
use testkit::SeededEntropy;

use crate::given::*;

/// Where the child writes; only then is it one.
const DIRECTORY: &str = "MERLON_TEST_CRASH_DIRECTORY";
/// Where the child writes whose files cannot grow; only then is it one.
const LIMITED: &str = "MERLON_TEST_LIMITED_DIRECTORY";
/// Names the child's users apart from those of earlier rounds.
const ROUND: &str = "MERLON_TEST_CRASH_ROUND";
/// How often to kill; 20 when it is not set.
const ROUNDS: &str = "MERLON_TEST_CRASH_ROUNDS";
/// Rounds that one database lives through.
const ROUNDS_PER_DATABASE: usize = 5;
const WRITERS: usize = 8;

fn id(side: &str, unit: &str) -> UserId {
    UserId::from_trusted(&format!("{side}-{unit}"))
}

/// One unit of work over two streams, a message and a row.
pub(crate) async fn unit(store: &Store, name: &str) -> Result<(), Failure> {
    let (instance, editor) = (&instance(), &user(0));
    store
        .change("test.crash", instance, editor, NOW, |work| {
            Box::pin(async move {
                for side in ["left", "right"] {
                    let mut stream = work.load::<User>(&id(side, name)).await?;
                    work.decide(&mut stream, create())?;
                    work.decide(&mut stream, Command::SetData(data(name)))?;
                }
                work.write(meta_row(name));
                work.write(outbox::put(&outbox::Parcel {
                    id: name.into(),
                    instance: work.instance().clone(),
                    user: id("left", name),
                    subject: vec![1; 32],
                    sealed: vec![2; 300],
                    created: NOW,
                    expires: NOW,
                    attempts: 0,
                }));
                Ok(())
            })
        })
        .await
}

/// Writes units until it is killed; a line in the ledger says that one was acknowledged.
async fn write_until_killed(directory: &Path, round: &str) {
    let store = Store::open(&StoreOptions::Sqlite {
        path: directory.join("merlon.db"),
    })
    .await
    .unwrap();
    let ledger = directory.join("ledger");
    let writers = (0..WRITERS).map(|writer| {
        let (store, round) = (store.clone(), round.to_owned());
        let mut ledger = OpenOptions::new().append(true).open(&ledger).unwrap();
        tokio::spawn(async move {
            for n in 0.. {
                let name = format!("{round}-{writer}-{n}");
                unit(&store, &name).await.unwrap();
                ledger.write_all(format!("{name}\n").as_bytes()).unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}

/// Not a test of its own: what [`killed_at_any_point_nothing_acknowledged_is_lost_and_nothing_is_half_done`] starts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    if let Ok(directory) = std::env::var(DIRECTORY) {
        write_until_killed(&PathBuf::from(directory), &std::env::var(ROUND).unwrap()).await;
    }
}

/// Not a test of its own: what [`after_a_failed_write_nothing_is_acknowledged_any_more`] starts under a limit on the size of
/// files, so that a write fails in the middle.
#[tokio::test]
async fn limited_child() {
    let Ok(directory) = std::env::var(LIMITED) else {
        return;
    };
    let directory = PathBuf::from(directory);
    let store = Store::open(&StoreOptions::Sqlite {
        path: directory.join("merlon.db"),
    })
    .await
    .unwrap();
    let mut ledger = File::create(directory.join("ledger")).unwrap();
    for n in 0.. {
        let name = format!("limited-{n}");
        match unit(&store, &name).await {
            Ok(()) => ledger.write_all(format!("{name}\n").as_bytes()).unwrap(),
            Err(Failure::Store(_)) => break,
            other => panic!("{other:?}"),
        }
    }
    assert!(store.obstacle().is_some());
    let late = unit(&store, "late").await;
    assert!(
        matches!(late, Err(Failure::Store(store::Error::DiskFailed))),
        "{late:?}"
    );
    assert_eq!(
        store::rebuild_matches(&store).await.unwrap(),
        Vec::<String>::new(),
        "reads go on"
    );
}

#[tokio::test]
async fn after_a_failed_write_nothing_is_acknowledged_any_more() {
    let directory = tempfile::tempdir().unwrap();
    let script = "trap '' XFSZ; ulimit -f 4096; exec \"$0\" --exact crash::limited_child";
    let child = Process::new("/bin/sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .env(LIMITED, directory.path())
        .output()
        .unwrap();
    assert!(
        child.status.success(),
        "{}",
        String::from_utf8_lossy(&child.stdout)
    );
    let acknowledged = check(directory.path()).await;
    assert!(acknowledged > 10, "{acknowledged}");
}

/// Runs a child until it has acknowledged something and then a while longer; answers whether it was still alive.
async fn run_and_kill(directory: &Path, round: usize, longer: Duration) {
    let ledger = directory.join("ledger");
    let before = ledger.metadata().unwrap().len();
    let mut child = Process::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child"])
        .env(DIRECTORY, directory)
        .env(ROUND, round.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while ledger.metadata().unwrap().len() == before {
        assert!(child.try_wait().unwrap().is_none(), "the child ended by itself");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    tokio::time::sleep(longer).await;
    child.kill().unwrap();
    child.wait().unwrap();
}

async fn counts(store: &Store, sql: &'static str) -> HashMap<String, i64> {
    let mut snapshot = store.snapshot().await.unwrap();
    let rows = snapshot
        .all(sql, &[], |row| Ok((row.text(0)?.to_owned(), row.int(1)?)))
        .await;
    rows.unwrap().into_iter().collect()
}

/// Every acknowledged unit is there, and every unit that is there is whole. Answers how many were acknowledged.
pub(crate) async fn check(directory: &Path) -> usize {
    let store = Store::open(&StoreOptions::Sqlite {
        path: directory.join("merlon.db"),
    })
    .await
    .unwrap();
    let streams = counts(&store, "SELECT id, seq FROM stream").await;
    let rows = counts(&store, "SELECT name, 2 FROM meta").await;
    let messages = counts(&store, "SELECT id, 1 FROM outbox").await;
    let ledger = std::fs::read_to_string(directory.join("ledger")).unwrap();
    let acknowledged: Vec<&str> = ledger.split_terminator('\n').collect();
    for name in &acknowledged {
        assert!(rows.contains_key(*name), "{name} was acknowledged and is lost");
    }
    for name in rows.keys() {
        for side in ["left", "right"] {
            assert_eq!(
                streams.get(id(side, name).as_str()),
                Some(&2),
                "{side} half of {name}"
            );
        }
        assert!(messages.contains_key(name), "message of {name}");
    }
    assert_eq!((streams.len(), messages.len()), (rows.len() * 2, rows.len()));
    assert_log_is_whole(&store).await;
    store.close();
    acknowledged.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_point_nothing_acknowledged_is_lost_and_nothing_is_half_done() {
    let rounds = std::env::var(ROUNDS).map_or(20, |n| n.parse().unwrap());
    let dice = SeededEntropy::new(u64::from(std::process::id()));
    let mut acknowledged = 0;
    let mut directory = tempfile::tempdir().unwrap();
    for round in 0..rounds {
        if round % ROUNDS_PER_DATABASE == 0 {
            directory = tempfile::tempdir().unwrap();
            File::create(directory.path().join("ledger")).unwrap();
        }
        let longer = Duration::from_micros(dice.next() % 60_000);
        run_and_kill(directory.path(), round, longer).await;
        let seen = check(directory.path()).await;
        if (round + 1) % ROUNDS_PER_DATABASE == 0 || round + 1 == rounds {
            acknowledged += seen;
        }
    }
    println!("{rounds} kills, {acknowledged} acknowledged units, 0 lost, 0 half done");
}
