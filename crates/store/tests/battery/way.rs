//! The way to a server: TLS with certificates of both sides, and a pooler that gives a connection for one transaction only.

use std::{fs, path::PathBuf, sync::Arc, time::Duration};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use store::{Error, PostgresOptions, PostgresTls, Store, StoreOptions};
use tempfile::TempDir;
use testkit::postgres_server::{self, Database, Pooler, Server};
use tokio::task::spawn_blocking;

use crate::{
    given::*,
    ledger::{under_load, until},
};

/// An authority, as a file for whoever believes it.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    fn new(directory: &TempDir, name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let file = directory.path().join(format!("{name}.pem"));
        fs::write(&file, issuer.pem()).unwrap();
        Self { issuer, file }
    }

    /// A certificate for a name and its key, as PEM.
    fn certifies(&self, common: &str, names: &[String]) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, common);
        (
            params.signed_by(&key, &self.issuer).unwrap().pem(),
            key.serialize_pem(),
        )
    }
}

/// A server that lets in whoever has a certificate for `merlon`, at two addresses of this machine that no other process has;
/// its own certificate is for the first.
fn guarded(authority: &Authority) -> (&'static Server, [String; 2]) {
    let process = std::process::id();
    let address = |last| format!("127.{}.{}.{last}", 64 + (process >> 8) % 64, process % 256);
    let addresses = [address(2), address(3)];
    let settings = format!(
        "-c fsync=off -c shared_buffers=32MB -c listen_addresses={}",
        addresses.join(",")
    );
    let server: &'static Server = Box::leak(Box::new(Server::start(&settings)));
    let (certificate, key) = authority.certifies("database", &addresses[..1]);
    server.keep("server.crt", &certificate);
    server.keep("server.key", &key);
    server.keep("clients.pem", &authority.issuer.pem());
    server.keep(
        "pg_hba.conf",
        "local all all trust\nhostssl all merlon 127.0.0.0/8 cert\n",
    );
    server.sql("postgres", "ALTER SYSTEM SET ssl_ca_file = 'clients.pem'");
    server.sql("postgres", "ALTER SYSTEM SET ssl = on");
    server.sql("postgres", "SELECT pg_reload_conf()");
    while server.sql("postgres", "SHOW ssl") != b"on\n" {
        std::thread::yield_now();
    }
    (server, addresses)
}

async fn open(url: String, tls: PostgresTls) -> Result<Store, Error> {
    let options = PostgresOptions {
        readers: 2,
        lanes: 2,
        patience: Duration::from_secs(20),
        tls,
        ..PostgresOptions::new(url)
    };
    Store::open(&StoreOptions::Postgres(options)).await
}

fn why(refused: Result<Store, Error>) -> String {
    let refused = refused.unwrap_err();
    assert!(matches!(refused, Error::Unusable(_)), "{refused:?}");
    refused.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_of_both_sides_are_checked() {
    let directory = tempfile::tempdir().unwrap();
    let (known, unknown) = (
        Authority::new(&directory, "known"),
        Authority::new(&directory, "unknown"),
    );
    let (server, addresses) = guarded(&known);
    let database = server.database();
    let url = |n: usize, mode: &str| {
        format!(
            "postgres://merlon@{}/{}?sslmode={mode}",
            addresses[n],
            database.name()
        )
    };
    let client = |authority: &Authority, name: &str| {
        let (certificate, key) = authority.certifies(name, &[]);
        let at = |end: &str| directory.path().join(format!("{name}.{end}"));
        fs::write(at("crt"), certificate).unwrap();
        fs::write(at("key"), key).unwrap();
        Some((at("crt"), at("key")))
    };
    let with = |authority: &Authority, client| PostgresTls {
        ca: Some(authority.file.clone()),
        client,
    };
    let ours = client(&known, "merlon");

    for mode in ["require", "prefer"] {
        let store = open(url(0, mode), with(&known, ours.clone())).await.unwrap();
        let _ = decide(&store, &user(0), create()).await;
        assert_eq!(load(&store, &user(0)).await.0.seq, 1);
        let spoken = "SELECT count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a ON a.pid = s.pid
            WHERE a.application_name = 'merlon' AND s.ssl AND s.client_dn = '/CN=merlon'";
        assert_ne!(database.sql(spoken), b"0\n");
        store.close();
    }
    let stranger = why(open(url(0, "require"), with(&unknown, ours.clone())).await);
    assert!(stranger.contains("database.ca_file"), "{stranger}");
    let other_name = why(open(url(1, "require"), with(&known, ours.clone())).await);
    assert!(other_name.contains("database.ca_file"), "{other_name}");
    let bare = why(open(url(0, "require"), with(&known, None)).await);
    assert!(bare.contains("refuses us"), "{bare}");
    let impostor = why(open(url(0, "require"), with(&known, client(&known, "somebody"))).await);
    assert!(impostor.contains("refuses us"), "{impostor}");
    let open_way = why(open(url(0, "disable"), with(&known, ours)).await);
    assert!(open_way.contains("refuses us"), "{open_way}");
    drop(database);
    server.end();
}

async fn pooled(pooler: &Pooler, database: &Database) -> Store {
    let options = PostgresOptions {
        readers: 4,
        lanes: 2,
        pooled: true,
        ..PostgresOptions::new(pooler.url(database))
    };
    Store::open(&StoreOptions::Postgres(options)).await.unwrap()
}

/// Fewer connections to the server than nodes have to the pooler, so that they change between transactions; and some are killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_behind_a_pooler_of_transactions_lose_nothing() {
    let database = Arc::new(postgres_server::database());
    let pooler = Pooler::start(database.server());
    let nodes = [
        pooled(&pooler, &database).await,
        pooled(&pooler, &database).await,
        pooled(&pooler, &database).await,
    ];
    let (ledger, _) = under_load(&nodes, async |ledger| {
        let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()";
        for _ in 0..4 {
            ledger.goes_on().await;
            let database = Arc::clone(&database);
            spawn_blocking(move || drop(database.sql(kill))).await.unwrap();
        }
        ledger.goes_on().await;
    })
    .await;
    until("the stores are well again", || {
        nodes.iter().all(|node| node.obstacle().is_none())
    })
    .await;
    ledger.check(&nodes[1]).await;
    for (n, node) in nodes.iter().enumerate() {
        decide(node, &user(n), create()).await.unwrap();
        for other in &nodes {
            assert_eq!(history(other, &user(n)).await.len(), 1);
        }
    }
    nodes.iter().for_each(Store::close);
}
