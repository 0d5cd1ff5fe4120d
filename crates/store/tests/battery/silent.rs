//! A server that falls silent: whoever waits is told soon, and nothing of what was under way is done late or twice. Time stands still
//! while somebody waits, and passes only when nothing else can happen, so that it can be said how soon.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread::JoinHandle,
    time::Duration,
};

use domain::user::Command;
use store::{Error, PostgresOptions, Store, StoreOptions};
use testkit::postgres_server::{self, Database, Server};
use tokio::time::Instant;

use crate::{
    between::Between,
    given::*,
    ledger::{unit, until, until_asleep},
};

const PATIENCE: Duration = Duration::from_secs(3);
/// The server is asked every second whether it is there, and has as long as there is patience to answer.
const SOON: Duration = Duration::from_millis(4100);

async fn node(url: String, patience: Duration) -> Store {
    let options = PostgresOptions {
        readers: 8,
        lanes: 1,
        patience,
        ..PostgresOptions::new(url)
    };
    Store::open(&StoreOptions::Postgres(options)).await.unwrap()
}

/// Somebody else who keeps rows of a database to himself.
pub(crate) struct Held {
    database: Arc<Database>,
    holder: JoinHandle<()>,
}

impl Held {
    pub(crate) async fn new(database: &Arc<Database>, rows: &str) -> Self {
        let hold = format!(
            "CREATE TABLE let_go (now int); SET statement_timeout = '60s'; BEGIN; {rows} FOR UPDATE;
             DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM let_go) LOOP PERFORM pg_sleep(0.005); END LOOP; END $$; ROLLBACK;"
        );
        let holder = std::thread::spawn({
            let database = Arc::clone(database);
            move || drop(database.sql(&hold))
        });
        until_asleep(database).await;
        Self {
            database: Arc::clone(database),
            holder,
        }
    }

    /// Waits until a commit wants what is held.
    pub(crate) async fn until_wanted(&self) {
        self.until_wanted_by(1).await;
    }

    /// Waits until so many commits want what is held, or what one of them has.
    pub(crate) async fn until_wanted_by(&self, commits: u8) {
        let wants = "SELECT count(*) FROM pg_stat_activity
            WHERE wait_event_type = 'Lock' AND application_name = 'merlon' AND datname = current_database()";
        let count = format!("{commits}\n");
        until("it is wanted", || self.database.sql(wants) == count.as_bytes()).await;
    }

    pub(crate) fn let_go(self) {
        self.database.sql("INSERT INTO let_go VALUES (1)");
        self.holder.join().unwrap();
    }

    /// The server died, and with it whoever held something.
    fn died(self) {
        assert!(self.holder.join().is_err());
    }
}

fn is_away<T>(told: &Result<T, Failure>) -> bool {
    matches!(told, Err(Failure::Store(Error::Unavailable)))
}

/// Lets time pass whenever nothing else happens, until `told` is there; how long that took.
async fn takes<T>(told: impl Future<Output = T>) -> (T, Duration) {
    tokio::time::pause();
    let begin = Instant::now();
    let told = told.await;
    let took = begin.elapsed();
    tokio::time::resume();
    (told, took)
}

async fn until_well(store: &Store) {
    until("the store is well again", || store.obstacle().is_none()).await;
}

/// Waits until a commit is answered again.
async fn until_served(store: &Store) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while let Err(error) = store.keep_meta("served", b"x").await {
        assert!(matches!(error, Error::Unavailable), "{error:?}");
        assert!(Instant::now() < deadline, "it is never served");
        until_well(store).await;
    }
}

/// Waits until a committer may commit nothing more.
async fn until_ended(database: &Database) {
    let ended = "SELECT count(*) FROM committer WHERE batch = -1";
    until("a commit was ended", || database.sql(ended) == b"1\n").await;
}

/// Waits until no commit is under way on the server.
async fn until_idle(database: &Database) {
    let under_way = "SELECT count(*) FROM pg_stat_activity
        WHERE xact_start IS NOT NULL AND application_name = 'merlon' AND datname = current_database()";
    until("nothing is under way", || database.sql(under_way) == b"0\n").await;
}

/// A server that hangs is noticed, whoever reads is told, whoever comes then does not wait at all, and all are served again once it
/// goes on.
#[tokio::test]
async fn a_server_that_hangs_is_not_waited_for() {
    let server: &'static Server = Box::leak(Box::new(Server::start("-c fsync=off -c shared_buffers=32MB")));
    let database = server.database();
    let store = node(database.url(), PATIENCE).await;
    decide(&store, &user(0), create()).await.unwrap();
    let (mut view, mut other) = (store.snapshot().await.unwrap(), store.snapshot().await.unwrap());
    let mut glance = store.glance().unwrap();
    let read = "SELECT count(*) FROM stream";
    for view in [&mut view, &mut other, &mut glance] {
        assert_eq!(view.first(read, &[], |row| row.int(0)).await.unwrap(), Some(1));
    }
    server.signal("STOP");
    let (given_up, took) = takes(async {
        tokio::join!(
            view.first(read, &[], |row| row.int(0)),
            glance.first(read, &[], |row| row.int(0))
        )
    })
    .await;
    assert!(
        matches!(given_up, (Err(Error::Unavailable), Err(Error::Unavailable))),
        "{given_up:?}"
    );
    assert!(took < SOON, "it waited for {took:?}");
    assert!(store.obstacle().is_some());
    let ((), took) = takes(async {
        let late = other.first(read, &[], |row| row.int(0)).await;
        assert!(matches!(late, Err(Error::Unavailable)), "{late:?}");
        for _ in 0..100 {
            assert!(matches!(store.snapshot().await, Err(Error::Unavailable)));
            assert!(is_away(&decide(&store, &user(0), Command::Deactivate).await));
        }
    })
    .await;
    assert_eq!(took, Duration::ZERO, "they waited");
    server.signal("CONT");
    until_well(&store).await;
    decide(&store, &user(0), Command::Deactivate).await.unwrap();
    store.close();
    drop(database);
    server.end();
}

#[tokio::test]
async fn commits_that_a_silent_server_keeps_waiting_are_given_up_and_those_behind_them_too() {
    let database = Arc::new(postgres_server::database());
    let between = Between::start(database.server().directory());
    let store = node(between.url(&database), PATIENCE).await;
    let ids = users(&store, 6).await;
    let held = Held::new(&database, "SELECT FROM stream WHERE id = 'user-0'").await;
    let decided = Arc::new(AtomicUsize::new(0));
    let mut waiting = Vec::new();
    for id in &ids {
        let (store, id, counter) = (store.clone(), id.clone(), Arc::clone(&decided));
        waiting.push(tokio::spawn(
            async move { deactivate(&store, &id, &counter).await },
        ));
        if waiting.len() == 1 {
            held.until_wanted().await;
        }
    }
    until("all are decided", || decided.load(SeqCst) == ids.len()).await;
    between.silence(true);
    let (told, took) = takes(async {
        let mut told = Vec::new();
        for one in waiting {
            told.push(one.await.unwrap());
        }
        told
    })
    .await;
    assert!(told.iter().all(is_away), "{told:?}");
    assert!(took < SOON, "they waited for {took:?}");
    between.silence(false);
    held.let_go();
    until_well(&store).await;
    for id in &ids {
        let now = decide(&store, id, Command::Deactivate).await.unwrap();
        assert_eq!(now.seq, 2, "what nobody waited for was done");
    }
    assert_log_is_whole(&store).await;
}

async fn deactivate(store: &Store, id: &domain::base::UserId, decided: &AtomicUsize) -> Result<(), Failure> {
    let instance = instance();
    let unit = store.change("test.decide", &instance, id, NOW, |work| {
        Box::pin(async move {
            let mut user = work.load::<domain::user::User>(id).await?;
            work.decide(&mut user, Command::Deactivate)?;
            decided.fetch_add(1, SeqCst);
            Ok(())
        })
    });
    unit.await
}

/// It would be done once what is held is free.
#[tokio::test]
async fn a_commit_that_nobody_waits_for_any_more_is_not_done_late() {
    let database = Arc::new(postgres_server::database());
    let between = Between::start(database.server().directory());
    let store = node(between.url(&database), PATIENCE).await;
    let (held, waiting) = held_up(&database, &store).await;
    between.silence(true);
    let (told, took) = takes(waiting).await;
    assert!(is_away(&told.unwrap()));
    assert!(took < SOON, "it waited for {took:?}");
    between.silence(false);
    until_ended(&database).await;
    held.let_go();
    until_idle(&database).await;
    until_well(&store).await;
    assert_nothing_of_it(&store).await;
}

/// A commit of which everything has reached the server, and that waits there for what somebody holds.
async fn held_up(
    database: &Arc<Database>,
    store: &Store,
) -> (Held, tokio::task::JoinHandle<Result<(), Failure>>) {
    store.keep_meta("first", b"x").await.unwrap();
    let held = Held::new(database, "SELECT FROM lane").await;
    let store = store.clone();
    let waiting = tokio::spawn(async move { unit(&store, &user(0), "unit").await });
    held.until_wanted().await;
    (held, waiting)
}

async fn assert_nothing_of_it(store: &Store) {
    assert_eq!(load(store, &user(0)).await.0.seq, 0);
    assert!(!has_meta(store, "unit").await);
    unit(store, &user(0), "unit").await.unwrap();
    assert_log_is_whole(store).await;
}

#[tokio::test]
async fn a_commit_that_the_server_did_and_could_not_say_is_there_once() {
    let database = Arc::new(postgres_server::database());
    let between = Between::start(database.server().directory());
    let store = node(between.url(&database), PATIENCE).await;
    let (held, waiting) = held_up(&database, &store).await;
    between.silence(true);
    held.let_go();
    let done = "SELECT count(*) FROM meta WHERE name = 'unit'";
    until("it is done", || database.sql(done) == b"1\n").await;
    let (told, took) = takes(waiting).await;
    assert!(is_away(&told.unwrap()), "nobody can know");
    assert!(took < SOON, "it waited for {took:?}");
    between.silence(false);
    until_well(&store).await;
    assert_eq!(load(&store, &user(0)).await.0.seq, 1);
    let again = unit(&store, &user(0), "unit").await;
    assert!(matches!(again, Err(Failure::Refused(_))), "{again:?}");
    decide(&store, &user(0), Command::Deactivate).await.unwrap();
    assert_log_is_whole(&store).await;
}

/// As with rows that somebody keeps, or a standby that has to have everything and is gone.
#[tokio::test]
async fn a_commit_that_hangs_on_a_server_that_answers_is_given_up_a_little_later() {
    let database = Arc::new(postgres_server::database());
    let store = node(database.url(), Duration::from_millis(300)).await;
    let (held, waiting) = held_up(&database, &store).await;
    assert!(is_away(&waiting.await.unwrap()));
    until_ended(&database).await;
    held.let_go();
    until_idle(&database).await;
    until_well(&store).await;
    assert_nothing_of_it(&store).await;
}

/// A synchronous standby is gone: whatever is committed waits for it, and questions are answered. However often somebody tries, a
/// lane has one commit under way, and one connection.
#[tokio::test]
async fn commits_that_wait_for_a_standby_that_is_gone_do_not_pile_up() {
    let server: &'static Server = Box::leak(Box::new(Server::start("-c shared_buffers=32MB")));
    let database = server.database();
    let store = node(database.url(), Duration::from_millis(300)).await;
    let number = |sql: &str| String::from_utf8(server.sql("postgres", sql)).unwrap();
    let wait_for = |standby: &str| {
        number(&format!(
            "ALTER SYSTEM SET synchronous_standby_names = '{standby}'"
        ));
        number("SELECT pg_reload_conf()");
    };
    let stuck = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    for (round, times) in [3, 4].into_iter().enumerate() {
        wait_for("nobody");
        for n in 0..times {
            until_well(&store).await;
            let told = unit(&store, &user(10 * round + n), &format!("unit-{round}-{n}")).await;
            assert!(is_away(&told), "{told:?}");
            assert_eq!(number(stuck), "1\n", "in round {round}");
        }
        wait_for("");
        until("nothing waits for the standby", || number(stuck) == "0\n").await;
        until_served(&store).await;
    }
    assert!(
        has_meta(&store, "unit-1-0").await,
        "the first of the second round was committed"
    );
    assert_eq!(load(&store, &user(10)).await.0.seq, 1);
    let others = "SELECT count(*) FROM meta WHERE name LIKE 'unit-%'";
    assert_eq!(database.sql(others), b"1\n", "and no other was begun");
    assert_log_is_whole(&store).await;
    store.close();
    drop(database);
    server.end();
}

/// The connection is lost on which a commit waits for the standby: the next one sees it on the primary, where a standby that takes over
/// would not have it from.
#[tokio::test]
async fn a_commit_that_only_the_primary_has_is_not_acknowledged() {
    let server: &'static Server = Box::leak(Box::new(Server::start("-c shared_buffers=32MB")));
    let database = server.database();
    let store = node(database.url(), Duration::from_secs(1)).await;
    store.keep_meta("first", b"x").await.unwrap();
    let wait_for = |standby: &str| {
        let names = format!("ALTER SYSTEM SET synchronous_standby_names = '{standby}'");
        server.sql("postgres", &names);
        server.sql("postgres", "SELECT pg_reload_conf()");
    };
    wait_for("nobody");
    let node = store.clone();
    let waiting = tokio::spawn(async move { unit(&node, &user(0), "unit").await });
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    until("its connection is lost", || server.sql("postgres", end) == b"1\n").await;
    let told = waiting.await.unwrap();
    assert!(is_away(&told), "{told:?}");
    let there = "SELECT count(*) FROM meta WHERE name = 'unit'";
    assert_eq!(database.sql(there), b"1\n", "the primary has it");
    wait_for("");
    until_served(&store).await;
    assert_eq!(load(&store, &user(0)).await.0.seq, 1);
    assert_log_is_whole(&store).await;
    store.close();
    drop(database);
    server.end();
}

/// Connections are refused at once: what became of the commit is asked for as long as there is patience, and no longer.
#[tokio::test]
async fn a_commit_under_way_when_the_server_dies_is_not_waited_for() {
    let server: &'static Server = Box::leak(Box::new(Server::start("-c shared_buffers=32MB")));
    let database = Arc::new(server.database());
    let store = node(database.url(), PATIENCE).await;
    let (held, waiting) = held_up(&database, &store).await;
    server.crash();
    held.died();
    let (told, took) = takes(waiting).await;
    assert!(is_away(&told.unwrap()));
    assert!(took < SOON, "it waited for {took:?}");
    server.start_again();
    until_well(&store).await;
    assert_nothing_of_it(&store).await;
    store.close();
    drop(database);
    server.end();
}
