//! A primary that dies while nodes write, and a standby that takes its place: the nodes find it without a hand, and nothing that
//! was acknowledged is lost.

use store::{Error, Store};
use testkit::postgres_server::Server;
use tokio::task::spawn_blocking;

use crate::{
    given::*,
    ledger::{node_on, under_load, until},
};

const SETTINGS: &str = "-c shared_buffers=32MB";

/// Has the primary acknowledge only what the standby has, too.
fn both_must_have_it(primary: &Server) {
    primary.sql(
        "postgres",
        "ALTER SYSTEM SET synchronous_standby_names = 'standby'; SELECT pg_reload_conf()",
    );
    let follows = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
    while primary.sql("postgres", follows) != b"1\n" {
        std::thread::yield_now();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_go_over_to_a_standby_that_was_promoted_and_lose_nothing() {
    let primary: &'static Server = Box::leak(Box::new(Server::start(SETTINGS)));
    let database = primary.database();
    let standby: &'static Server = Box::leak(Box::new(primary.standby(SETTINGS)));
    both_must_have_it(primary);
    // The standby first: whoever only reads it has not found the primary.
    let hosts = [standby, primary].map(|server| server.directory().display().to_string());
    let url = format!(
        "postgres://merlon@/{}?host={}",
        database.name(),
        hosts.join("&host=")
    );
    let nodes = [node_on(&url).await.unwrap(), node_on(&url).await.unwrap()];
    let (ledger, unavailable) = under_load(&nodes, async |ledger| {
        ledger.goes_on().await;
        spawn_blocking(|| primary.crash()).await.unwrap();
        until("both noticed", || {
            nodes.iter().all(|node| node.obstacle().is_some())
        })
        .await;
        assert!(
            matches!(nodes[0].snapshot().await, Err(Error::Unavailable)),
            "a standby that cannot be written is no place to read what was acknowledged"
        );
        spawn_blocking(|| standby.promote()).await.unwrap();
        until("both are well again", || {
            nodes.iter().all(|node| node.obstacle().is_none())
        })
        .await;
        ledger.goes_on().await;
    })
    .await;
    assert!(unavailable > 0, "nobody was turned away in between");
    ledger.check(&nodes[1]).await;
    decide(&nodes[0], &user(0), create()).await.unwrap();
    assert_eq!(load(&nodes[1], &user(0)).await.0.seq, 1);
    nodes.iter().for_each(Store::close);
    standby.end();
    primary.end();
}
