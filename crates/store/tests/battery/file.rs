//! What the files of SQLite show: grouped commits, a bounded write-ahead log, erased bytes, careful migrations.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use domain::{
    base::FactorId,
    user::{Command, Destination, EmailAddress, Proof, User},
};
use rusqlite::Connection;
use store::{Error, Statement, Store, StoreOptions, Stored, Value};
use testkit::database::{Database, sqlite};
use tokio::task::JoinHandle;

use crate::{given::*, ledger::until};

const MIB: u64 = 1 << 20;

fn wal_of(database: &Path) -> std::path::PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

fn wal_size(database: &Path) -> u64 {
    wal_of(database).metadata().map_or(0, |m| m.len())
}

/// Commits in the write-ahead log: the frames that carry the size of the database after them.
fn commits(database: &Path) -> usize {
    let bytes = std::fs::read(wal_of(database)).unwrap();
    let frames = bytes.get(32..).unwrap_or_default().chunks_exact(24 + 4096);
    frames.filter(|frame| frame[4..8] != [0; 4]).count()
}

/// Hands so many writes to the writer, all before the first can be answered.
async fn hand_in(store: &Store, count: usize) -> Vec<JoinHandle<Result<bool, Error>>> {
    let handed_in = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..count)
        .map(|n| {
            let (store, handed_in) = (store.clone(), Arc::clone(&handed_in));
            tokio::spawn(async move {
                handed_in.fetch_add(1, Ordering::SeqCst);
                store.keep_meta(&format!("{n}"), b"x").await
            })
        })
        .collect();
    while handed_in.load(Ordering::SeqCst) < count {
        tokio::task::yield_now().await;
    }
    tasks
}

/// Stops the writer at its next transaction for as long as this is held.
fn stop_writer(database: &Path) -> Connection {
    let connection = Connection::open(database).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    connection
}

#[tokio::test]
async fn what_gathers_while_a_commit_runs_is_committed_together() {
    let database = sqlite().await;
    let before = commits(&database.path());
    let stopped = stop_writer(&database.path());
    let tasks = hand_in(&database.store, 1000).await;
    drop(stopped);
    for task in tasks {
        assert!(task.await.unwrap().unwrap());
    }
    let made = commits(&database.path()) - before;
    assert!((1..=2).contains(&made), "{made} commits for 1000 writes");
}

#[tokio::test]
async fn more_than_can_wait_is_refused_at_once_and_the_rest_is_written() {
    let database = sqlite().await;
    let stopped = stop_writer(&database.path());
    let tasks = hand_in(&database.store, 8192 + 1024 + 100).await;
    drop(stopped);
    let (mut written, mut refused) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            Ok(true) => written += 1,
            Err(Error::Overloaded) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(refused >= 100, "{refused}");
    assert_eq!(
        number(&database.store, "SELECT count(*) FROM meta").await,
        written
    );
    assert!(database.store.keep_meta("later", b"x").await.unwrap());
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

const PERSONAL: [&str; 6] = [
    "Adaverylonguniquename",
    "Adasformeruniquename",
    "41791230001",
    "41791230002",
    "adaunique@example.com",
    "aparagraphaboutada",
];

async fn live(store: &Store, id: &domain::base::UserId) {
    let long = PERSONAL[5].repeat(2000);
    for text in [PERSONAL[1], &long, PERSONAL[0]] {
        decide(store, id, Command::SetData(data(text))).await.unwrap();
    }
    decide(store, id, set_phone("+41791230001", 1)).await.unwrap();
    decide(store, id, set_phone("+41791230002", 1)).await.unwrap();
    let add = Command::AddOtp {
        id: FactorId::from_trusted("factor"),
        destination: Destination::Email(EmailAddress::from_trusted(PERSONAL[4])),
        proof: Proof::Code(code(1)),
    };
    decide(store, id, add).await.unwrap();
}

#[tokio::test]
async fn no_byte_of_a_deleted_user_is_left_in_the_files() {
    let mut database = sqlite().await;
    users(&database.store, 50).await;
    live(&database.store, &user(7)).await;
    database.reopen().await;
    let bytes = database.raw_bytes();
    for text in PERSONAL.iter().filter(|t| **t != PERSONAL[1]) {
        assert!(holds(&bytes, text), "{text} is not even there");
    }
    decide(&database.store, &user(7), Command::Delete).await.unwrap();
    database.store.close();
    let bytes = database.raw_bytes();
    for text in PERSONAL {
        assert!(!holds(&bytes, text), "{text} can still be read");
    }
}

#[tokio::test]
async fn a_running_store_erases_a_deleted_user_from_its_log_too() {
    let database = sqlite().await;
    let store = &database.store;
    users(store, 50).await;
    // What a process before may have left is gone.
    let path = database.path();
    until("the first log was cut off", || wal_size(&path) == 0).await;
    live(store, &user(7)).await;
    decide(store, &user(7), Command::Delete).await.unwrap();
    decide(store, &user(8), set_phone("+41791230009", 1))
        .await
        .unwrap();
    let is_left = || {
        let bytes = database.raw_bytes();
        PERSONAL.iter().any(|text| holds(&bytes, text))
    };
    until("nothing is left", || !is_left()).await;
}

/// Rows that are deleted, but were on pages that the library laid out anew before.
const LEAVE_COPIES: &str = "
    PRAGMA secure_delete = ON;
    CREATE TABLE beside (n INTEGER PRIMARY KEY, body TEXT);
    WITH RECURSIVE count (n) AS (VALUES (1000) UNION ALL SELECT n - 1 FROM count WHERE n > 1)
        INSERT INTO beside SELECT n, iif(n % 3, 'nobody', 'adaunique@example.com') || hex(zeroblob(n * 37 % 200)) FROM count;
    DELETE FROM beside WHERE n % 3 = 0;";

/// A database in which only unused parts of pages hold an address.
async fn with_copies() -> Database {
    let mut database = sqlite().await;
    users(&database.store, 1).await;
    database.run(LEAVE_COPIES).await;
    database.reopen().await;
    assert!(holds(&database.raw_bytes(), "adaunique@example.com"));
    database
}

async fn until_swept(database: &Database) {
    let is_left = || holds(&database.raw_bytes(), "adaunique@example.com");
    until("the address is gone", || !is_left()).await;
    let rows = "SELECT count(*) FROM beside WHERE length(body) = 6 + 2 * (n * 37 % 200)";
    assert_eq!(
        number(&database.store, rows).await,
        667,
        "other rows are as they were"
    );
    until("the sweep has ended", || marks(&database.path()) == 0).await;
}

fn marks(path: &Path) -> i64 {
    let sql = "SELECT count(*) FROM meta WHERE name = 'erased and not swept'";
    let connection = Connection::open(path).unwrap();
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_deletion_takes_the_copies_with_it_that_pages_were_left_with() {
    let database = with_copies().await;
    decide(&database.store, &user(0), Command::Delete).await.unwrap();
    until_swept(&database).await;
}

#[tokio::test]
async fn a_sweep_that_a_process_could_not_finish_is_made_by_the_next() {
    let mut database = with_copies().await;
    database
        .run("INSERT INTO meta VALUES ('erased and not swept', x'00')")
        .await;
    database.reopen().await;
    until_swept(&database).await;
}

async fn write_bulk(store: &Store, name: &str, mebibytes: usize) {
    let bulk = vec![7u8; 1 << 20];
    for n in 0..mebibytes {
        let sql = "INSERT INTO meta (name, value) VALUES ($1, $2)";
        let row = Statement::new(sql, [format!("{name}-{n}").into(), Value::from(&bulk[..])]);
        store
            .write("test.bulk", &instance(), Vec::new(), vec![row])
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_write_ahead_log_stays_bounded_and_a_stuck_reader_does_not_stop_the_writer() {
    let database = sqlite().await;
    let (store, path) = (&database.store, database.path());
    let mut stuck = store.snapshot().await.unwrap();
    let count = "SELECT count(*) FROM meta";
    assert_eq!(stuck.first(count, &[], |row| row.int(0)).await.unwrap(), Some(0));
    write_bulk(store, "stuck", 260).await;
    assert!(
        wal_size(&path) > 256 * MIB,
        "a reader keeps the log from starting over"
    );
    let next = tokio::time::timeout(Duration::from_secs(3), write_bulk(store, "next", 2)).await;
    assert!(next.is_ok(), "writes wait for a reader");
    assert_eq!(stuck.first(count, &[], |row| row.int(0)).await.unwrap(), Some(0));

    drop(stuck);
    let shrunk = async {
        for n in 0.. {
            write_bulk(store, &format!("free-{n}"), 1).await;
            if wal_size(&path) <= 64 * MIB {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let shrunk = tokio::time::timeout(Duration::from_secs(20), shrunk).await;
    assert!(
        shrunk.is_ok(),
        "the log is still {} MiB long",
        wal_size(&path) / MIB
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_copied_beside_the_writes_long_before_the_hard_bound() {
    let database = sqlite().await;
    write_bulk(&database.store, "bulk", 70).await;
    let copied = async {
        while database.path().metadata().unwrap().len() < 48 * MIB {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), copied)
        .await
        .expect("the checkpointer copies");
}

fn schema(path: &Path) -> Vec<(String, String)> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection
        .prepare("SELECT name, coalesce(sql, '') FROM sqlite_schema ORDER BY type, name")
        .unwrap();
    let rows = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    rows.map(Result::unwrap).collect()
}

async fn open(path: &Path) -> Result<Store, Error> {
    let path = path.to_owned();
    Store::open(&StoreOptions::Sqlite { path }).await
}

#[tokio::test]
async fn opening_again_migrates_nothing_and_an_older_shape_becomes_the_full_one() {
    let mut database = sqlite().await;
    users(&database.store, 3).await;
    database.reopen().await;
    assert_log_is_whole(&database.store).await;
    assert_eq!(number(&database.store, "SELECT count(*) FROM users").await, 3);
    database.store.close();

    let directory = tempfile::tempdir().unwrap();
    let old = directory.path().join("old.db");
    let connection = Connection::open(&old).unwrap();
    connection
        .execute_batch(include_str!("../../migrations/sqlite/0001_log.sql"))
        .unwrap();
    connection.pragma_update(None, "user_version", 1).unwrap();
    drop(connection);
    open(&old).await.unwrap().close();
    assert_eq!(schema(&old), schema(&database.path()));
}

#[tokio::test]
async fn a_newer_database_and_a_foreign_file_are_refused_untouched() {
    let database = sqlite().await;
    users(&database.store, 3).await;
    database.store.close();
    let connection = Connection::open(database.path()).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    drop(connection);
    let before = std::fs::read(database.path()).unwrap();
    let refused = open(&database.path()).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Unusable(text) if text.contains("newer program")),
        "{refused}"
    );
    assert_eq!(std::fs::read(database.path()).unwrap(), before);

    let foreign = database.path().with_file_name("letter.txt");
    let text = "Dear Ada, ".repeat(1000);
    std::fs::write(&foreign, &text).unwrap();
    assert!(matches!(open(&foreign).await, Err(Error::Database { .. })));
    assert_eq!(std::fs::read_to_string(&foreign).unwrap(), text);
}

#[tokio::test(start_paused = true)]
async fn views_have_a_bound_and_whoever_finds_no_place_is_told() {
    let database = sqlite().await;
    let store = &database.store;
    users(store, 1).await;
    let mut views = Vec::new();
    let refusal = loop {
        assert!(views.len() < 1_000, "so many connections");
        let began = tokio::time::Instant::now();
        match store.snapshot().await {
            Ok(view) => views.push(view),
            Err(error) => break (error, began.elapsed()),
        }
    };
    assert!(matches!(refusal.0, Error::Overloaded), "{:?}", refusal.0);
    assert_eq!(refusal.1.as_secs(), 2);

    let mut glance = store.glance().unwrap();
    User::load(&mut glance, &instance(), &user(0)).await.unwrap();
    decide(store, &user(0), set_phone("+41791234567", 1))
        .await
        .unwrap();

    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.snapshot().await.map(drop) }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    drop(views.pop());
    waiting.await.unwrap().unwrap();
    store.snapshot().await.unwrap();
}
