//! Transactions that the server ends because others are in the way: deadlocks, serialization failures, locks that are not to be
//! had. The commit is tried again, and its caller hears nothing but the truth.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use domain::{
    base::{Timestamp, UserId},
    code::GuessBudget,
    send::SendHistory,
    user::{Command, User},
};
use store::{Store, budget};
use testkit::postgres_server::{self, Database};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::{
    given::*,
    ledger::{node_on, under_load, until},
    silent::Held,
};

async fn two_nodes(database: &Database) -> [Store; 2] {
    [
        node_on(&database.url()).await.unwrap(),
        node_on(&database.url()).await.unwrap(),
    ]
}

/// What the batches of one committer lock last is held until one waits for it, and what they lock before is wanted then. The batch
/// finds out first, for whoever holds is more patient; it looks once only, so the other committers have to let go soon.
const AGAINST_THE_ORDER: &str = "BEGIN; SET LOCAL deadlock_timeout = '60s';
    SELECT id FROM committer ORDER BY id LIMIT 1 FOR UPDATE;
    DO $$ BEGIN
        WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()) LOOP
            PERFORM pg_sleep(0.005), pg_stat_clear_snapshot();
        END LOOP;
    END $$;
    SELECT count(*) FROM (SELECT id FROM lane ORDER BY id FOR UPDATE) AS all_of_them; COMMIT;";

/// Connections tell what they counted when they end, at the latest.
async fn until_counted(database: &Database) {
    let counted = "SELECT deadlocks > 0 FROM pg_stat_database WHERE datname = current_database()";
    until("a deadlock was counted", || database.sql(counted) == b"t\n").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_is_the_victim_of_a_deadlock_is_written_again() {
    let database = Arc::new(postgres_server::database());
    database.sql(&format!(
        "ALTER DATABASE {} SET deadlock_timeout = '200ms'",
        database.name()
    ));
    let nodes = two_nodes(&database).await;
    let (ledger, unavailable) = under_load(&nodes, async |ledger| {
        for _ in 0..5 {
            ledger.goes_on().await;
            let database = Arc::clone(&database);
            spawn_blocking(move || drop(database.sql(AGAINST_THE_ORDER)))
                .await
                .unwrap();
        }
    })
    .await;
    assert_eq!(unavailable, 0, "it is nobody's fault");
    ledger.check(&nodes[1]).await;
    nodes.iter().for_each(Store::close);
    until_counted(&database).await;
}

/// Every tenth statement or commit that writes events fails so, in turn for each reason. What `nextval` counts is not rolled back.
fn in_the_way(at_commit: bool) -> String {
    let trigger = if at_commit {
        "CREATE CONSTRAINT TRIGGER now_and_then AFTER INSERT ON event DEFERRABLE INITIALLY DEFERRED FOR EACH ROW"
    } else {
        "CREATE TRIGGER now_and_then BEFORE INSERT ON event FOR EACH STATEMENT"
    };
    format!(
        "CREATE SEQUENCE times;
         CREATE FUNCTION now_and_then() RETURNS trigger LANGUAGE plpgsql AS $$
            DECLARE n bigint := nextval('times');
            BEGIN
                IF n % 10 = 0 THEN
                    RAISE EXCEPTION 'in the way' USING ERRCODE = (ARRAY['40001', '40P01', '55P03'])[1 + n / 10 % 3];
                END IF;
                RETURN NEW;
            END $$;
         {trigger} EXECUTE FUNCTION now_and_then();"
    )
}

/// Whatever isolation the operator made the usual one.
async fn written_all_the_same(at_commit: bool) {
    let database = postgres_server::database();
    database.sql(&format!(
        "ALTER DATABASE {} SET default_transaction_isolation = 'serializable'",
        database.name()
    ));
    let nodes = two_nodes(&database).await;
    database.sql(&in_the_way(at_commit));
    let times = || {
        let last = database.sql("SELECT last_value FROM times");
        String::from_utf8(last).unwrap().trim().parse::<u64>().unwrap()
    };
    let (ledger, unavailable) =
        under_load(&nodes, async |_| until("it failed often", || times() > 300).await).await;
    assert_eq!(unavailable, 0, "it is nobody's fault");
    ledger.check(&nodes[0]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_that_others_are_in_the_way_of_are_tried_again() {
    written_all_the_same(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commits_that_others_are_in_the_way_of_are_tried_again() {
    written_all_the_same(true).await;
}

/// The head of a stream and a row beside it, each held by one who wants the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_meets_a_deadlock_is_done_once() {
    let database = Arc::new(postgres_server::database());
    database.sql(&format!(
        "ALTER DATABASE {} SET deadlock_timeout = '200ms'",
        database.name()
    ));
    let store = node_on(&database.url()).await.unwrap();
    decide(&store, &user(0), create()).await.unwrap();
    store.keep_meta("contended", b"0").await.unwrap();
    let other = "SET deadlock_timeout = '60s'; BEGIN; SELECT 1 FROM meta WHERE name = 'contended' FOR UPDATE;
        SET LOCAL application_name = 'holds';
        DO $$ BEGIN
            WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()) LOOP
                PERFORM pg_sleep(0.005), pg_stat_clear_snapshot();
            END LOOP;
        END $$;
        SELECT 1 FROM stream FOR UPDATE; COMMIT;";
    let holder = spawn_blocking({
        let database = Arc::clone(&database);
        move || drop(database.sql(other))
    });
    let holds = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holds' AND datname = current_database()";
    until("somebody holds the row", || database.sql(holds) == b"1\n").await;
    let (id, instance) = (user(0), instance());
    let unit: Result<(), Failure> = store
        .change("test.unit", &instance, &id, NOW, |work| {
            let id = id.clone();
            Box::pin(async move {
                let mut user = work.load::<domain::user::User>(&id).await?;
                work.decide(&mut user, domain::user::Command::Deactivate)?;
                let row = "UPDATE meta SET value = $1 WHERE name = 'contended'";
                work.write(store::Statement::new(row, [store::Value::from(&b"1"[..])]));
                Ok(())
            })
        })
        .await;
    unit.unwrap();
    holder.await.unwrap();
    assert_eq!(names(&store, &id).await, ["user_created", "user_deactivated"]);
    assert_eq!(
        database.sql("SELECT convert_from(value, 'UTF8') FROM meta WHERE name = 'contended'"),
        b"1\n"
    );
    assert_log_is_whole(&store).await;
    store.close();
    until_counted(&database).await;
}

/// They wait for one commit that is held up, so that they are written together after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_whose_guards_miss_are_found_among_many() {
    let database = Arc::new(postgres_server::database());
    let store = node_on(&database.url()).await.unwrap();
    let ids = users(&store, 80).await;
    store.keep_meta("there", b"x").await.unwrap();
    let held = Held::new(&database, "SELECT FROM lane").await;
    let first = spawned(&store, &ids[..2], "first", "there");
    held.until_wanted().await;
    let is_out = |n: usize| n % 13 == 5;
    let many: Vec<_> = (1..40)
        .map(|n| {
            let missing = if is_out(n) { "not there" } else { "there" };
            spawned(&store, &ids[2 * n..2 * n + 2], &n.to_string(), missing)
        })
        .collect();
    for id in &ids {
        load(&store, id).await;
    }
    held.let_go();
    first.await.unwrap().unwrap();
    for (told, n) in many.into_iter().zip(1..) {
        let told = told.await.unwrap();
        let is_refused = matches!(told, Err(Failure::Store(store::Error::Contention)));
        assert_eq!(
            (is_refused, told.is_ok()),
            (is_out(n), !is_out(n)),
            "{n}: {told:?}"
        );
        assert_eq!(has_meta(&store, &n.to_string()).await, !is_out(n), "{n}");
    }
    assert_log_is_whole(&store).await;
}

fn spawned(
    store: &Store,
    ids: &[UserId],
    row: &str,
    missing: &'static str,
) -> JoinHandle<Result<(), Failure>> {
    let (store, ids, row) = (store.clone(), [ids[0].clone(), ids[1].clone()], row.to_owned());
    tokio::spawn(async move { guarded(&store, [&ids[0], &ids[1]], &row, missing).await })
}

/// Locks a user unless there is a row that says otherwise: one that comes meanwhile makes the guard miss.
async fn lock_unless(store: &Store, id: &UserId, row: &str, runs: &AtomicUsize) -> Result<(), Failure> {
    let instance = instance();
    let unit = store.change("test.lock", &instance, id, NOW, |work| {
        Box::pin(async move {
            let mut user = work.load::<User>(id).await?;
            let is_there = store::meta::read(work.snapshot(), row).await?.is_some();
            runs.fetch_add(1, SeqCst);
            if is_there {
                return Err(Failure::Wanted);
            }
            let unless = "UPDATE meta SET value = value WHERE name = 'there'
                AND NOT EXISTS (SELECT 1 FROM meta m WHERE m.name = $1)";
            work.guard(store::Statement::new(unless, [row.into()]));
            work.decide(&mut user, Command::Lock)?;
            Ok(())
        })
    });
    unit.await
}

/// Creates a user and writes a row, on the strength of another user who is only seen.
async fn rest_on(store: &Store, seen: &UserId, row: &str, runs: &AtomicUsize) -> Result<(), Failure> {
    let (instance, id) = (instance(), &user(1_000));
    let unit = store.change("test.rest", &instance, id, NOW, |work| {
        Box::pin(async move {
            work.load::<User>(seen).await?;
            let mut user = work.load::<User>(id).await?;
            work.decide(&mut user, create())?;
            work.write(meta_row(row));
            runs.fetch_add(1, SeqCst);
            Ok(())
        })
    });
    unit.await
}

/// One writes a row on the strength of a user, and one locks that user unless `unless` is there; both wait for a commit that is held
/// up, so that they are written together after it. What the second was told, and how often it ran.
async fn rest_and_lock(row: &'static str, unless: &'static str) -> (Result<(), Failure>, usize) {
    let database = Arc::new(postgres_server::database());
    let store = node_on(&database.url()).await.unwrap();
    let ids = users(&store, 3).await;
    store.keep_meta("there", b"x").await.unwrap();
    let held = Held::new(&database, "SELECT FROM lane").await;
    let first = spawned(&store, &ids[1..], "first", "there");
    held.until_wanted().await;
    let runs = [0; 2].map(|_| Arc::new(AtomicUsize::new(0)));
    let waits = async |runs: &AtomicUsize| {
        until("it is decided", || runs.load(SeqCst) == 1).await;
        for id in &ids {
            load(&store, id).await;
        }
    };
    let (node, id, ran) = (store.clone(), ids[0].clone(), Arc::clone(&runs[0]));
    let resting = tokio::spawn(async move { rest_on(&node, &id, row, &ran).await });
    waits(&runs[0]).await;
    let (node, id, ran) = (store.clone(), ids[0].clone(), Arc::clone(&runs[1]));
    let locking = tokio::spawn(async move { lock_unless(&node, &id, unless, &ran).await });
    waits(&runs[1]).await;
    held.let_go();
    first.await.unwrap().unwrap();
    resting.await.unwrap().unwrap();
    let told = locking.await.unwrap();
    let locked = load(&store, &ids[0]).await.0.seq == 2;
    assert_eq!(locked, told.is_ok());
    assert_log_is_whole(&store).await;
    (told, runs[1].load(SeqCst))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guard_finds_the_rows_of_those_who_rest_on_what_it_moves() {
    let (told, runs) = rest_and_lock("follower", "follower").await;
    assert!(matches!(told, Err(Failure::Wanted)), "{told:?}");
    assert!(runs > 1, "it was judged again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_moves_what_another_rests_on_is_written_behind_it_and_loses_nothing() {
    let (told, runs) = rest_and_lock("follower", "somebody else").await;
    told.unwrap();
    assert_eq!(runs, 1);
}

/// A budget that is found stale while somebody uses it.
async fn used_while_it_is_swept(table: &str, column: &str) {
    let database = Arc::new(postgres_server::database());
    let store = node_on(&database.url()).await.unwrap();
    let stale = GuessBudget {
        since: NOW,
        failures: 1,
    };
    let sends = SendHistory(vec![NOW]);
    let subject = [1; 32];
    let rows = vec![budget::keep_guesses(&instance(), &user(0), &subject, stale)];
    let guard = budget::keep_sends(&instance(), &subject, &budget::Sends::default(), &sends);
    assert!(store.write("test", &instance(), vec![guard], rows).await.unwrap());
    let using = format!(
        "BEGIN; UPDATE {table} SET {column} = {column} + 1000; SET LOCAL application_name = 'holds';
         DO $$ BEGIN
            WHILE NOT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()) LOOP
                PERFORM pg_sleep(0.005), pg_stat_clear_snapshot();
            END LOOP;
         END $$; COMMIT;"
    );
    let user = spawn_blocking({
        let database = Arc::clone(&database);
        move || drop(database.sql(&using))
    });
    let holds = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holds' AND datname = current_database()";
    until("somebody uses the budget", || database.sql(holds) == b"1\n").await;
    store.sweep_budgets(Timestamp(NOW.0 + 1)).await.unwrap();
    user.await.unwrap();
    let left = |table: &str| database.sql(&format!("SELECT count(*) FROM {table}"));
    assert_eq!(left(table), b"1\n", "it is not stale any more");
    let both = [left("guess_budget"), left("send_budget")];
    assert_eq!(both.iter().filter(|rows| *rows == b"1\n").count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_that_are_counted_while_budgets_are_swept_count() {
    used_while_it_is_swept("guess_budget", "since").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_that_are_counted_while_budgets_are_swept_count() {
    used_while_it_is_swept("send_budget", "last_at").await;
}
