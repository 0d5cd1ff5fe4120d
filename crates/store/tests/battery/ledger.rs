//! Writers that keep a ledger of what was acknowledged to them while something happens to the database, and the check that all
//! of it is there, whole and once.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use domain::base::UserId;
use store::{Error, PostgresOptions, Store, StoreOptions};
use testkit::postgres_server::Database;
use tokio::time::{Instant, sleep};

use crate::given::*;

/// A node on a database, with few connections.
pub(crate) async fn node_on(url: &str) -> Result<Store, Error> {
    let options = PostgresOptions {
        readers: 4,
        lanes: 2,
        ..PostgresOptions::new(url)
    };
    Store::open(&StoreOptions::Postgres(options)).await
}

/// Who wrote what and was told so: each unit is an event of a user and a row of its own name.
#[derive(Clone, Default)]
pub(crate) struct Ledger {
    acknowledged: Arc<parking_lot::Mutex<BTreeMap<String, UserId>>>,
    tried: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
}

impl Ledger {
    /// Writes units until it is over; answers how often the database did not answer.
    async fn write(self, store: Store, writer: usize) -> usize {
        let mut unavailable = 0;
        while !self.over.load(SeqCst) {
            let n = self.tried.fetch_add(1, SeqCst);
            let (id, name) = (
                UserId::from_trusted(&format!("w{writer}-u{n}")),
                format!("unit-{n}"),
            );
            match unit(&store, &id, &name).await {
                Ok(()) => _ = self.acknowledged.lock().insert(name, id),
                Err(failure) => {
                    let away = matches!(failure, Failure::Store(Error::Unavailable | Error::Overloaded));
                    assert!(away, "{failure:?}");
                    unavailable += 1;
                    sleep(Duration::from_millis(20)).await;
                }
            }
        }
        unavailable
    }

    /// Waits until some more were acknowledged: whoever is looked at is in the middle of things.
    pub(crate) async fn goes_on(&self) {
        let before = self.count();
        until("more is acknowledged", || self.count() >= before + 20).await;
    }

    pub(crate) fn count(&self) -> usize {
        self.acknowledged.lock().len()
    }

    /// None lost, none half done, none twice.
    pub(crate) async fn check(&self, store: &Store) {
        assert_log_is_whole(store).await;
        let acknowledged = self.acknowledged.lock().clone();
        for (name, id) in &acknowledged {
            assert!(has_meta(store, name).await, "{name} was acknowledged and is lost");
            assert_eq!(
                load(store, id).await.0.seq,
                1,
                "{name} was acknowledged and is half done"
            );
        }
        let events = number(store, "SELECT count(*) FROM event").await;
        let rows = number(store, "SELECT count(*) FROM meta WHERE name LIKE 'unit-%'").await;
        assert_eq!(events, rows, "something is half done");
    }
}

/// Creates a user and writes a row of a name, or neither.
pub(crate) async fn unit(store: &Store, id: &UserId, name: &str) -> Result<(), Failure> {
    let instance = instance();
    let unit = store.change("test.unit", &instance, id, NOW, |work| {
        let (id, name) = (id.clone(), name.to_owned());
        Box::pin(async move {
            let mut user = work.load::<domain::user::User>(&id).await?;
            work.decide(&mut user, create())?;
            work.write(meta_row(&name));
            Ok(())
        })
    });
    unit.await
}

/// Runs writers on some nodes while something happens; answers what they were told, and how often they were turned away.
pub(crate) async fn under_load(nodes: &[Store], happening: impl AsyncFnOnce(&Ledger)) -> (Ledger, usize) {
    let ledger = Ledger::default();
    let writers: Vec<_> = (0..6)
        .map(|n| tokio::spawn(ledger.clone().write(nodes[n % nodes.len()].clone(), n)))
        .collect();
    happening(&ledger).await;
    ledger.over.store(true, SeqCst);
    let mut unavailable = 0;
    for writer in writers {
        unavailable += writer.await.unwrap();
    }
    assert!(ledger.count() > 0, "nothing was acknowledged");
    (ledger, unavailable)
}

pub(crate) async fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !so() {
        assert!(Instant::now() < deadline, "it never came: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until somebody sleeps in a database, as by `pg_sleep`.
pub(crate) async fn until_asleep(database: &Database) {
    let asleep =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
    until("somebody sleeps", || database.sql(asleep) == b"1\n").await;
}
