//! What only a database server can show: several nodes on one database, and a server that goes away in the middle of things.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering::SeqCst},
};

use crate::{
    between::Between,
    given::*,
    ledger::{node_on, under_load, unit, until, until_asleep},
    silent::Held,
};
use domain::{
    base::{Timestamp, TokenId, UserId},
    code::Digest,
    user::Command,
};
use store::{
    Error, PostgresOptions, Store, StoreOptions,
    inbox::{self, Capture, Range},
    outbox,
};
use testkit::{
    database::{Database, postgres},
    postgres_server::{self, Server},
};
use tokio::task::JoinSet;

async fn another_node(database: &Database) -> Store {
    Store::open(&database.options()).await.unwrap()
}

#[tokio::test]
async fn what_one_node_acknowledged_every_other_reads() {
    let database = postgres().await;
    let (here, there) = (&database.store, &another_node(&database).await);
    let id = user(0);
    decide(here, &id, create()).await.unwrap();
    for n in 0..50 {
        let (writer, reader) = if n % 2 == 0 { (here, there) } else { (there, here) };
        let data = data(&n.to_string());
        let head = decide(writer, &id, Command::SetData(data)).await.unwrap();
        assert_eq!(load(reader, &id).await.0, head);
    }
    assert_log_is_whole(there).await;
}

fn capture_of(outbox_id: i64, lease: Option<&str>) -> Capture {
    Capture {
        outbox_id,
        lease: lease.map(str::to_owned),
        recipient: vec![1; 32],
        sealed: Vec::new(),
        at: NOW,
    }
}

async fn capture(node: &Store, outbox_id: i64) {
    let message = capture_of(outbox_id, None);
    node.capture(&instance(), &user(0), &message).await.unwrap();
}

/// Otherwise both would get one id, and one of them would be lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_capture_waits_for_one_that_another_node_has_under_way() {
    let database = Arc::new(postgres_server::database());
    let nodes = [
        node_on(&database.url()).await.unwrap(),
        node_on(&database.url()).await.unwrap(),
    ];
    for (node, n) in nodes.iter().zip(1..) {
        capture(node, n).await;
    }
    let held = Held::new(&database, "SELECT FROM inbox_order").await;
    let begin = |node: &Store, n| {
        let node = node.clone();
        tokio::spawn(async move { capture(&node, n).await })
    };
    let first = begin(&nodes[0], 4);
    held.until_wanted_by(1).await;
    let second = begin(&nodes[1], 3);
    held.until_wanted_by(2).await;
    held.let_go();
    first.await.unwrap();
    second.await.unwrap();
    let mut snapshot = nodes[0].snapshot().await.unwrap();
    let all = Range {
        after: Some(0),
        ..Range::default()
    };
    let found = inbox::list(&mut snapshot, &instance(), all).await.unwrap();
    let order: Vec<_> = found.iter().map(|message| message.outbox_id).collect();
    assert_eq!(order, [1, 2, 4, 3]);
}

/// The capture holds the message in the outbox, so the deletion comes behind it, and finds what was captured.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deletion_takes_along_what_another_node_is_about_to_capture() {
    let database = Arc::new(postgres_server::database());
    let nodes = [
        node_on(&database.url()).await.unwrap(),
        node_on(&database.url()).await.unwrap(),
    ];
    let (id, parcel) = (users(&nodes[0], 1).await.remove(0), parcel_of_user(0));
    let rows = vec![outbox::put(&parcel)];
    nodes[0]
        .write("test", &instance(), Vec::new(), rows)
        .await
        .unwrap();
    assert!(
        nodes[0]
            .lease_parcel(&parcel, "mine", NOW, parcel.expires)
            .await
            .unwrap()
    );
    nodes[0]
        .capture(&instance(), &user(1), &capture_of(8, None))
        .await
        .unwrap();

    let held = Held::new(&database, "SELECT FROM inbox_order").await;
    let [capturing, deleting] = nodes.clone();
    let capture = tokio::spawn(async move {
        let message = capture_of(7, Some("mine"));
        capturing.capture(&instance(), &user(0), &message).await
    });
    held.until_wanted_by(1).await;
    let delete = tokio::spawn(async move { decide(&deleting, &id, Command::Delete).await });
    held.until_wanted_by(2).await;
    held.let_go();
    assert!(capture.await.unwrap().unwrap());
    delete.await.unwrap().unwrap();
    let mut snapshot = nodes[0].snapshot().await.unwrap();
    let found = inbox::list(&mut snapshot, &instance(), Range::default())
        .await
        .unwrap();
    let left: Vec<_> = found.iter().map(|message| message.outbox_id).collect();
    assert_eq!(left, [8], "of whoever is still there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn captures_of_several_nodes_follow_one_order() {
    const EACH: i64 = 100;
    let database = postgres().await;
    let nodes = [another_node(&database).await, another_node(&database).await];
    let mut captures = JoinSet::new();
    for n in 1..=2 * EACH {
        let node = nodes[usize::from(n % 2 == 0)].clone();
        captures.spawn(async move { capture(&node, 1 + 2 * EACH - n).await });
    }
    let (mut seen, mut after) = (Vec::new(), 0);
    loop {
        let all_there = captures.is_empty();
        let mut snapshot = database.store.snapshot().await.unwrap();
        let new = Range {
            after: Some(after),
            ..Range::default()
        };
        let next = inbox::list(&mut snapshot, &instance(), new).await.unwrap();
        after = next.last().map_or(after, |last| last.id);
        seen.extend(next.iter().map(|message| message.outbox_id));
        if all_there && next.is_empty() {
            break;
        }
        while captures.try_join_next().is_some() {}
    }
    seen.sort_unstable();
    assert_eq!(seen, (1..=2 * EACH).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_token_that_one_node_removed_opens_nothing_on_another() {
    let database = postgres().await;
    let (here, there) = (&database.store, &another_node(&database).await);
    let id = user(0);
    decide(here, &id, create()).await.unwrap();
    for n in 0..30 {
        let token = TokenId::from_trusted(&format!("token-{n}"));
        let add = Command::AddToken {
            id: token.clone(),
            digest: Digest([1; 32]),
            expires: Timestamp(NOW.0 + 1_000_000),
            existing: 0,
        };
        decide(here, &id, add).await.unwrap();
        for node in [there, here, there] {
            assert!(
                node.token_holder(node.fresh().await, &instance(), &token)
                    .await
                    .unwrap()
                    .is_some()
            );
        }
        let remove = Command::RemoveToken {
            id: token.clone(),
            exists: true,
        };
        decide(here, &id, remove).await.unwrap();
        assert!(
            there
                .token_holder(there.fresh().await, &instance(), &token)
                .await
                .unwrap()
                .is_none()
        );
    }
}

/// Many who want the same few streams, on three nodes: every acknowledged command is one event, in a row without holes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_write_to_the_same_streams_tear_none() {
    let database = postgres().await;
    let ids = users(&database.store, 4).await;
    let done = Arc::new(AtomicI64::new(0));
    let mut tasks = Vec::new();
    for node in 0..3 {
        let store = another_node(&database).await;
        for writer in 0..4 {
            let (store, ids, done) = (store.clone(), ids.clone(), Arc::clone(&done));
            tasks.push(tokio::spawn(async move {
                for n in 0..15 {
                    let data = data(&format!("{node} {writer} {n}"));
                    let id = &ids[(writer + n) % ids.len()];
                    decide(&store, id, Command::SetData(data)).await.unwrap();
                    done.fetch_add(1, SeqCst);
                }
            }));
        }
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_log_is_whole(&database.store).await;
    let events = number(&database.store, "SELECT count(*) FROM event").await;
    assert_eq!(events, 4 + done.load(SeqCst));
}

#[tokio::test]
async fn of_nodes_that_start_at_once_on_an_empty_database_one_lays_it_out() {
    let database = postgres_server::database();
    let url = database.url();
    let nodes = futures(&url, 5).await;
    for node in nodes {
        let node = node.unwrap();
        assert_eq!(number(&node, "SELECT count(*) FROM lane").await, 64);
        node.close();
    }
}

async fn futures(url: &str, count: usize) -> Vec<Result<Store, Error>> {
    let starts: Vec<_> = (0..count)
        .map(|_| {
            let url = url.to_owned();
            tokio::spawn(async move { node_on(&url).await })
        })
        .collect();
    let mut nodes = Vec::new();
    for start in starts {
        nodes.push(start.await.unwrap());
    }
    nodes
}

#[tokio::test]
async fn nodes_have_numbers_of_their_own() {
    let database = postgres().await;
    let mut numbers = vec![database.store.node_number()];
    for _ in 0..3 {
        numbers.push(another_node(&database).await.node_number());
    }
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 4);
}

#[tokio::test]
async fn a_newer_database_is_refused_untouched_unless_it_bears_older_nodes() {
    let database = postgres_server::database();
    node_on(&database.url()).await.unwrap().close();
    database.sql("UPDATE merlon_schema SET version = 1000, bearable_to = 1000");
    let refused = node_on(&database.url()).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Unusable(text) if text.contains("1000")),
        "{refused}"
    );
    database.sql("UPDATE merlon_schema SET bearable_to = 1");
    node_on(&database.url()).await.unwrap().close();
    let version = database.sql("SELECT version FROM merlon_schema");
    assert_eq!(version, b"1000\n", "it was left as it was");
}

#[tokio::test]
async fn whoever_finds_no_connection_free_is_told_so_soon() {
    let database = postgres().await;
    let options = PostgresOptions {
        readers: 1,
        lanes: 1,
        ..match database.options() {
            StoreOptions::Postgres(options) => options,
            StoreOptions::Sqlite { .. } => unreachable!(),
        }
    };
    let store = Store::open(&StoreOptions::Postgres(options)).await.unwrap();
    let held = store.snapshot().await.unwrap();
    assert!(matches!(store.snapshot().await, Err(Error::Overloaded)));
    decide(&store, &user(0), create()).await.unwrap();
    drop(held);
    store.snapshot().await.unwrap();
}

/// What somebody else locks delays a commit and does not break it.
#[tokio::test]
async fn a_head_that_somebody_holds_is_waited_for() {
    let database = postgres_server::database();
    let store = node_on(&database.url()).await.unwrap();
    let id = user(0);
    decide(&store, &id, create()).await.unwrap();
    let hold = "BEGIN; SELECT seq FROM stream FOR UPDATE; SELECT pg_sleep(0.5); ROLLBACK;";
    let database = Arc::new(database);
    let holder = tokio::task::spawn_blocking({
        let database = Arc::clone(&database);
        move || drop(database.sql(hold))
    });
    until_asleep(&database).await;
    let head = decide(&store, &id, Command::Deactivate).await.unwrap();
    assert_eq!(head.seq, 2);
    holder.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_are_killed_under_load_lose_nothing() {
    let database = Arc::new(postgres_server::database());
    let nodes = [
        node_on(&database.url()).await.unwrap(),
        node_on(&database.url()).await.unwrap(),
    ];
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let (ledger, _) = under_load(&nodes, async |ledger| {
        for _ in 0..15 {
            let database = Arc::clone(&database);
            tokio::task::spawn_blocking(move || drop(database.sql(kill)))
                .await
                .unwrap();
            ledger.goes_on().await;
        }
    })
    .await;
    until("the store is well again", || {
        nodes.iter().all(|node| node.obstacle().is_none())
    })
    .await;
    ledger.check(&nodes[0]).await;
}

/// A server that keeps what it acknowledges, and dies the hard way, twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_crashes_under_load_loses_nothing_and_is_found_again() {
    let server: &'static Server = Box::leak(Box::new(Server::start("-c shared_buffers=32MB")));
    let database = server.database();
    let nodes = [
        node_on(&database.url()).await.unwrap(),
        node_on(&database.url()).await.unwrap(),
    ];
    let (ledger, unavailable) = under_load(&nodes, async |ledger| {
        for _ in 0..2 {
            ledger.goes_on().await;
            tokio::task::spawn_blocking(|| server.crash()).await.unwrap();
            until("somebody noticed", || {
                nodes.iter().all(|node| node.obstacle().is_some())
            })
            .await;
            assert!(matches!(nodes[0].snapshot().await, Err(Error::Unavailable)));
            tokio::task::spawn_blocking(|| server.start_again())
                .await
                .unwrap();
            until("the store is well again", || {
                nodes.iter().all(|node| node.obstacle().is_none())
            })
            .await;
        }
        ledger.goes_on().await;
    })
    .await;
    assert!(
        unavailable > 0,
        "nobody was turned away while the server was down"
    );
    ledger.check(&nodes[1]).await;
    drop(database);
    server.end();
}

/// As [`unit`], with a guard.
async fn guarded_unit(store: &Store, id: &UserId, name: &str) -> Result<(), Failure> {
    let instance = instance();
    let unit = store.change("test.guarded", &instance, id, NOW, |work| {
        Box::pin(async move {
            let mut user = work.load::<domain::user::User>(id).await?;
            work.decide(&mut user, create())?;
            work.guard(meta_row(name));
            Ok(())
        })
    });
    unit.await
}

/// Wherever in a commit its connection breaks, the command is done once, and its caller is told the truth; also when the committer
/// rested for so long that it was forgotten.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_anywhere_in_a_commit_neither_loses_nor_doubles_it() {
    let database = postgres_server::database();
    let between = Between::start(database.server().directory());
    let store = node_on(&between.url(&database)).await.unwrap();
    let mut units = 0;
    let sides = [&between.from_server, &between.to_server];
    for (side, is_forgotten) in sides.into_iter().flat_map(|side| [(side, false), (side, true)]) {
        for bytes in (0..1500).step_by(43) {
            let (id, name) = (user(units), format!("unit-{units}"));
            if is_forgotten {
                database.sql("DELETE FROM committer");
            }
            side.store(bytes, SeqCst);
            let unit = if units % 2 == 0 {
                unit(&store, &id, &name).await
            } else {
                guarded_unit(&store, &id, &name).await
            };
            side.store(-1, SeqCst);
            until("the store is well again", || store.obstacle().is_none()).await;
            let there = load(&store, &id).await.0.seq == 1;
            match unit {
                Ok(()) => assert!(there, "{bytes}: it was acknowledged"),
                Err(Failure::Store(Error::Unavailable)) => assert!(!there, "{bytes}: it was denied"),
                Err(other) => panic!("{bytes}: {other:?}"),
            }
            assert_eq!(has_meta(&store, &name).await, there, "{bytes}: it is half done");
            units += 1;
        }
    }
    assert_log_is_whole(&store).await;
}

/// How often rows of a table were read by going through all of it, once everybody who asked has left.
async fn read_in_passing(database: &postgres_server::Database) -> i64 {
    let asked = |sql: &str| String::from_utf8(database.sql(sql)).unwrap().trim().to_owned();
    let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    until("everybody leaves", || asked(others) == "0").await;
    let read = asked(
        "SELECT sum(seq_tup_read) FROM pg_stat_user_tables WHERE relname IN ('stream', 'event', 'users')",
    );
    read.parse().unwrap()
}

#[tokio::test]
async fn what_was_planned_for_empty_tables_does_not_go_through_them_once_they_have_grown() {
    let database = postgres_server::database();
    let store = node_on(&database.url()).await.unwrap();
    let ids = users(&store, 300).await;
    for id in &ids {
        decide(&store, id, set_phone("+41791234567", 1)).await.unwrap();
        load(&store, id).await;
    }
    store.close();
    drop(store);
    let read = read_in_passing(&database).await;
    assert!(read < 3000, "{read} rows were read in passing");
}
