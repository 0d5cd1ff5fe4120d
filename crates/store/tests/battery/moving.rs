//! Moving everything from the embedded database to a server and back: nothing is lost, an interrupted move is gone on with, what
//! must not be mixed is refused, and what differs is noticed.

use std::{ops::ControlFlow, path::PathBuf, sync::Arc};

use domain::{
    base::{TokenId, UsernameId},
    code::Digest,
    user::{Command, Destination, EmailAddress, NameScope, Proof, Username},
};
use rusqlite::Connection;
use store::{
    Error, MovedTable, PostgresOptions, Stage, Statement, Store, StoreOptions, Transfer, TransferError, Value,
};
use tempfile::TempDir;
use testkit::postgres_server::{self, Database};

use crate::{given::*, ledger::until_asleep, trigram::check_index};

/// Users of a source.
const USERS: usize = 40;
/// Rows of a table that takes several batches.
const MANY: &str = "INSERT INTO idp_removed (instance, id) WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 5000)
    SELECT 'instance', 'provider-' || n FROM n";

struct Embedded {
    directory: TempDir,
}

impl Embedded {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { directory }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("merlon.db")
    }

    fn options(&self) -> StoreOptions {
        StoreOptions::Sqlite { path: self.path() }
    }

    fn sql(&self, sql: &str) {
        Connection::open(self.path()).unwrap().execute_batch(sql).unwrap();
    }
}

fn server(database: &Database) -> StoreOptions {
    StoreOptions::Postgres(PostgresOptions {
        readers: 4,
        lanes: 3,
        patience: std::time::Duration::from_mins(1),
        ..PostgresOptions::new(database.url())
    })
}

/// Users with all kinds of texts and histories, some of them gone.
async fn fill(options: &StoreOptions, from: usize) {
    let store = Store::open(options).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for n in from..from + USERS {
        let store = store.clone();
        tasks.spawn(async move { live(&store, n).await });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let row = "INSERT INTO outbox (id, instance, user_id, subject, sealed, created_at, expires_at, next_at, attempts, lease)
               VALUES ($1, $2, $3, $4, $5, 1, 2, 3, 0, '')";
    let values = [
        format!("parcel-{from}").into(),
        "instance".into(),
        format!("{from}").into(),
        Value::from(&[0, 255, 7][..]),
        Value::from(&[][..]),
    ];
    let parcel = Statement::new(row, values);
    store
        .write("test", &instance(), Vec::new(), vec![parcel])
        .await
        .unwrap();
    store
        .keep_meta(&format!("fact {from}"), &[0; 3000])
        .await
        .unwrap();
    assert_log_is_whole(&store).await;
    store.close();
}

async fn live(store: &Store, n: usize) {
    let id = user(n);
    let mut commands = vec![
        create(),
        set_phone(&format!("+4179{n:07}"), 1),
        Command::SetData(data("naïve 🦀 \"quoted\"")),
    ];
    if n.is_multiple_of(2) {
        let email = EmailAddress::from_trusted(&format!("user{n}@one.example"));
        commands.push(Command::SetContact {
            destination: Destination::Email(email),
            proof: Proof::Vouched,
        });
    }
    if n.is_multiple_of(3) {
        commands.push(Command::AddUsername {
            id: UsernameId::from_trusted("name"),
            name: Username::from_trusted(&format!("Änne-{n}")),
            scope: NameScope::Instance,
        });
    }
    commands.push(Command::AddToken {
        id: TokenId::from_trusted(&format!("token-{n}")),
        digest: Digest([7; 32]),
        expires: domain::base::Timestamp(NOW.0 + 1_000_000),
        existing: 0,
    });
    if n % 20 == 19 {
        commands.push(Command::Delete);
    }
    for command in commands {
        decide(store, &id, command).await.unwrap();
    }
}

async fn moves(from: &StoreOptions, to: &StoreOptions) -> Vec<MovedTable> {
    let transfer = Transfer::prepare(from, to).await.unwrap();
    assert_eq!(transfer.there_already(), None);
    let rows = transfer.rows();
    let mut copied = 0;
    let moved = transfer.run(|done| {
        copied += if done.stage == Stage::Copying {
            done.rows
        } else {
            0
        };
        ControlFlow::Continue(())
    });
    let moved = moved.await.unwrap().unwrap();
    assert_eq!(moved.iter().map(|table| table.rows).sum::<u64>(), rows);
    assert_eq!(copied, rows);
    moved
}

/// Moves until something is so.
async fn moves_until(from: &StoreOptions, to: &StoreOptions, mut so: impl FnMut(Stage, u64) -> bool + Send) {
    let transfer = Transfer::prepare(from, to).await.unwrap();
    let stop = |done: store::Progress<'_>| {
        if so(done.stage, done.rows) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    assert_eq!(transfer.run(stop).await.unwrap(), None);
}

async fn refusal(from: &StoreOptions, to: &StoreOptions) -> String {
    let refused = Transfer::prepare(from, to).await.unwrap_err();
    assert!(matches!(refused, TransferError::Refused(_)), "{refused:?}");
    refused.to_string()
}

/// It stands as a whole, and goes on.
async fn lives_on(options: &StoreOptions, known: usize, new: usize) {
    let store = Store::open(options).await.unwrap();
    assert_log_is_whole(&store).await;
    let before = number(&store, "SELECT count(*) FROM event").await;
    let (head, _) = load(&store, &user(known)).await;
    assert!(head.seq > 3, "{head:?}");
    decide(&store, &user(known), verify_phone(1)).await.unwrap();
    store.close();
    drop(store);
    fill(options, new).await;
    let store = Store::open(options).await.unwrap();
    assert!(number(&store, "SELECT count(*) FROM event").await > before + 4 * i64::try_from(USERS).unwrap());
    store.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_goes_to_a_server_and_back_and_to_a_server_again() {
    let (first, second) = (Embedded::new(), Embedded::new());
    let (one, two) = (postgres_server::database(), postgres_server::database());
    fill(&first.options(), 0).await;
    first.sql(MANY);
    let before = std::fs::read(first.path()).unwrap();
    let moved = moves(&first.options(), &server(&one)).await;
    assert!(
        before == std::fs::read(first.path()).unwrap(),
        "the source is as it was"
    );
    let rows = |name: &str| moved.iter().find(|table| table.table == name).unwrap().rows;
    assert_eq!((rows("outbox"), rows("meta")), (1, 1), "no mark is counted");
    assert_eq!(rows("idp_removed"), 5_000);
    lives_on(&server(&one), 1, 1_000).await;

    moves(&server(&one), &second.options()).await;
    assert!(check_index(&second.path()) > 500);
    lives_on(&second.options(), 2, 2_000).await;
    assert!(check_index(&second.path()) > 1_000);

    moves(&second.options(), &server(&two)).await;
    lives_on(&server(&two), 1_002, 3_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interrupted_move_is_not_served_and_is_gone_on_with() {
    let (embedded, back) = (Embedded::new(), Embedded::new());
    let database = postgres_server::database();
    fill(&embedded.options(), 0).await;
    embedded.sql(MANY);
    for (from, to) in [
        (embedded.options(), server(&database)),
        (server(&database), back.options()),
    ] {
        for most in [1, 2_500] {
            let mut copied = 0;
            moves_until(&from, &to, |_, rows| {
                copied += rows;
                copied >= most
            })
            .await;
            let refused = Store::open(&to).await.unwrap_err();
            assert!(
                matches!(&refused, Error::Unusable(text) if text.contains("merlon migrate")),
                "{refused}"
            );
        }
        if let StoreOptions::Sqlite { path } = &to {
            assert!(store::inspect::is_unfinished(path).unwrap());
        }
        moves_until(&from, &to, |stage, _| stage == Stage::Verifying).await;
        let transfer = Transfer::prepare(&from, &to).await.unwrap();
        assert_eq!(transfer.there_already(), Some(transfer.rows()));
        let mut stages = Vec::new();
        let moved = transfer.run(|done| {
            stages.push(done.stage);
            ControlFlow::Continue(())
        });
        assert!(moved.await.unwrap().is_some());
        assert!(!stages.contains(&Stage::Copying), "all was there");
        assert!(
            refusal(&from, &to).await.contains("holds data already"),
            "it is finished"
        );
    }
    assert!(!store::inspect::is_unfinished(&back.path()).unwrap());
    lives_on(&back.options(), 1, 1_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_differs_in_the_end_is_named_and_the_target_stays_unfinished() {
    let (embedded, database) = (Embedded::new(), postgres_server::database());
    fill(&embedded.options(), 0).await;
    let (from, to) = (embedded.options(), server(&database));
    moves_until(&from, &to, |stage, _| stage == Stage::Verifying).await;
    database.sql("UPDATE event SET body = body || ' ' WHERE pos = (SELECT min(pos) FROM event)");
    let transfer = Transfer::prepare(&from, &to).await.unwrap();
    let differs = transfer.run(|_| ControlFlow::Continue(())).await.unwrap_err();
    assert!(
        matches!(&differs, TransferError::Differs { table, .. } if table == "event"),
        "{differs}"
    );
    assert!(matches!(Store::open(&to).await, Err(Error::Unusable(_))));

    database.sql("UPDATE event SET body = rtrim(body); DELETE FROM personal WHERE pos = (SELECT min(pos) FROM personal)");
    let transfer = Transfer::prepare(&from, &to).await.unwrap();
    let differs = transfer.run(|_| ControlFlow::Continue(())).await.unwrap_err();
    let TransferError::Differs {
        table,
        source_rows,
        target_rows,
    } = differs
    else {
        panic!("{differs}")
    };
    assert_eq!((&*table, target_rows), ("personal", source_rows - 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_must_not_be_mixed_is_refused() {
    let (embedded, empty, other) = (Embedded::new(), Embedded::new(), Embedded::new());
    let database = postgres_server::database();
    let (from, to) = (embedded.options(), server(&database));
    assert!(
        refusal(&from, &to).await.contains("holds no Merlon"),
        "there is no file"
    );
    Store::open(&empty.options()).await.unwrap().close();
    assert!(refusal(&empty.options(), &to).await.contains("holds nothing"));
    fill(&from, 0).await;
    fill(&other.options(), 1_000).await;
    assert!(refusal(&from, &other.options()).await.contains("of one kind"));

    moves_until(&from, &to, |_, _| true).await;
    assert!(refusal(&other.options(), &to).await.contains("another source"));
    assert!(
        refusal(&to, &empty.options())
            .await
            .contains("finish that one first")
    );
    let store = Store::open(&from).await.unwrap();
    decide(&store, &user(5_000), create()).await.unwrap();
    store.close();
    drop(store);
    assert!(refusal(&from, &to).await.contains("has changed since"));

    let second = postgres_server::database();
    moves(&from, &server(&second)).await;
    assert!(
        refusal(&other.options(), &server(&second))
            .await
            .contains("holds data already")
    );
    let node = Store::open(&server(&second)).await.unwrap();
    let busy = node.snapshot().await.unwrap();
    assert!(
        refusal(&server(&second), &empty.options())
            .await
            .contains("stop all nodes")
    );
    drop(busy);
    node.close();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn databases_of_other_versions_are_refused() {
    let (embedded, database) = (Embedded::new(), postgres_server::database());
    let (from, to) = (embedded.options(), server(&database));
    fill(&from, 0).await;
    embedded.sql("PRAGMA user_version = 3");
    assert!(
        refusal(&from, &to)
            .await
            .contains("start it once with this program")
    );
    embedded.sql("PRAGMA user_version = 1000");
    assert!(refusal(&from, &to).await.contains("use the newer program"));
    assert_eq!(
        database.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"),
        b"0\n",
        "nothing was laid"
    );

    let (other, newer) = (Embedded::new(), postgres_server::database());
    fill(&other.options(), 0).await;
    Store::open(&server(&newer)).await.unwrap().close();
    newer.sql("UPDATE merlon_schema SET version = 1000");
    assert!(
        refusal(&other.options(), &server(&newer))
            .await
            .contains("another version")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_that_a_server_cannot_keep_is_named_by_its_table() {
    let (embedded, database) = (Embedded::new(), postgres_server::database());
    fill(&embedded.options(), 0).await;
    embedded.sql("UPDATE org SET name = 'a' || char(0); INSERT INTO org (instance, id, name, domain) VALUES ('i', 'o', 'a' || char(0), 'd')");
    let transfer = Transfer::prepare(&embedded.options(), &server(&database))
        .await
        .unwrap();
    let refused = transfer.run(|_| ControlFlow::Continue(())).await.unwrap_err();
    assert!(refused.to_string().contains("table org holds a NUL"), "{refused}");
}

/// What is left of a move that was killed while the server still worked for it, is waited for by the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_straggler_of_a_killed_move_is_waited_for() {
    let (embedded, database) = (Embedded::new(), postgres_server::database());
    fill(&embedded.options(), 0).await;
    let (from, to) = (embedded.options(), server(&database));
    moves_until(&from, &to, |_, _| true).await;
    // It holds the mark as a batch does, and writes a row that the source has not.
    let straggler =
        "BEGIN; SELECT value FROM meta WHERE name = 'unfinished move' FOR UPDATE; SELECT pg_sleep(0.5);
        INSERT INTO org (instance, id, name, domain) VALUES ('z', 'z', 'z', 'z'); COMMIT;";
    let database = Arc::new(database);
    let there = || database.sql("SELECT count(*) FROM org");
    let before = there();
    let holder = tokio::task::spawn_blocking({
        let database = Arc::clone(&database);
        move || drop(database.sql(straggler))
    });
    until_asleep(&database).await;
    let transfer = Transfer::prepare(&from, &to).await.unwrap();
    assert_ne!(
        there(),
        before,
        "the straggler is through before anything is looked at"
    );
    let differs = transfer.run(|_| ControlFlow::Continue(())).await.unwrap_err();
    assert!(
        matches!(&differs, TransferError::Differs { table, .. } if table == "org"),
        "{differs}"
    );
    holder.await.unwrap();
}
