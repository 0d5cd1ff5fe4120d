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
        let (instance, mut unavailable) = (instance(), 0);
        while !self.over.load(SeqCst) {
            let n = self.tried.fetch_add(1, SeqCst);
            let (id, name) = (
                UserId::from_trusted(&format!("w{writer}-u{n}")),
                format!("unit-{n}"),
            );
            let unit: Result<(), Failure> = store
                .change("test.unit", &instance, &id, NOW, |work| {
                    let (id, name) = (id.clone(), name.clone());
                    Box::pin(async move {
                        let mut user = work.load::<domain::user::User>(&id).await?;
                        work.decide(&mut user, create())?;
                        work.write(meta_row(&name));
                        Ok(())
                    })
                })
                .await;
            match unit {
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

/// Runs writers on some nodes while something happens, and checks the ledger; answers how often they were turned away.
pub(crate) async fn under_load(nodes: &[Store], happening: impl Future<Output = ()>) -> (Ledger, usize) {
    let ledger = Ledger::default();
    let writers: Vec<_> = (0..6)
        .map(|n| tokio::spawn(ledger.clone().write(nodes[n % nodes.len()].clone(), n)))
        .collect();
    happening.await;
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
