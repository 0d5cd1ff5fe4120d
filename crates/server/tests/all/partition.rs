//! Several servers in networks of their own, as on machines of their own: one is cut off from the database and comes back, one
//! dies, and a ledger tells that nothing that was acknowledged is lost, half done or done twice.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use testkit::postgres_server::{Database, Server};

use crate::{
    cluster::{Told, creates, environment, exchange, org, until_ready},
    commands::{Started, until},
    network::{ADDRESSES, CENTRE, Network, Station, Switch},
};

/// A server that is reached through the switch, and by the tests as ever.
fn database_at(switch: &Switch) -> Database {
    let settings = format!("-c fsync=off -c shared_buffers=32MB -c listen_addresses={CENTRE}");
    let server = Server::start_through(&settings, |keeper| switch.network().command(keeper));
    let server: &'static Server = Box::leak(Box::new(server));
    let rules = format!("local all all trust\nhost all merlon {ADDRESSES} trust\n");
    server.keep("pg_hba.conf", &rules);
    // Whoever sees the new setting is let in by the new rules.
    server.sql("postgres", "ALTER SYSTEM SET work_mem = '5MB'");
    server.sql("postgres", "SELECT pg_reload_conf()");
    while server.sql("postgres", "SHOW work_mem") != b"5MB\n" {
        thread::yield_now();
    }
    server.database()
}

/// A server at a station, which reaches the database through its cable only.
struct Node {
    name: &'static str,
    station: Station,
    started: Started,
    over: AtomicBool,
    refused: AtomicUsize,
    acknowledged: Mutex<Vec<String>>,
}

impl Node {
    fn start(home: &Path, name: &'static str, station: Station, database: &Database) -> Self {
        let directory = home.join(name);
        fs::create_dir_all(&directory).unwrap();
        let mut settings = environment(database).to_vec();
        settings[0].1 = format!("postgres://merlon@{CENTRE}/{}", database.name());
        settings.push(("MERLON_DATABASE__TIMEOUT", "1s".to_owned()));
        let started = Started::through(&directory, &settings, |program| station.network.command(program));
        Self {
            name,
            station,
            started,
            over: AtomicBool::new(false),
            refused: AtomicUsize::new(0),
            acknowledged: Mutex::default(),
        }
    }

    fn network(&self) -> &Network {
        &self.station.network
    }

    /// Creates users, one after the other, until told to end or the server is gone.
    fn write(&self, token: &str, org: &str) {
        for n in 0.. {
            if self.over.load(SeqCst) {
                return;
            }
            let user = format!("ledger-{}-{n}", self.name);
            match creates(&self.started, token, org, &user) {
                Told::Done => self.acknowledged.lock().unwrap().push(user),
                Told::Later => _ = self.refused.fetch_add(1, SeqCst),
                Told::Nothing => return,
            }
            thread::park_timeout(Duration::from_millis(10));
        }
    }

    /// Waits until some more were acknowledged.
    fn goes_on(&self) {
        let count = || self.acknowledged.lock().unwrap().len();
        let before = count();
        until("more is acknowledged", || count() >= before + 10);
    }

    fn is_ready(&self, status: u16) {
        self.network().inside(|| until_ready(&self.started, status));
    }

    fn told(&self, token: &str, what: &str) -> (u16, String) {
        let (status, head, _) = self
            .network()
            .inside(|| exchange(&self.started, token, what, &Value::Null));
        (status, head)
    }

    fn dies(&self) {
        kill_process(Pid::from_child(&self.started.child), Signal::KILL).unwrap();
    }
}

/// Ends the writers, also when the test fails.
struct Over<'a>([&'a Node; 3]);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        for node in self.0 {
            node.over.store(true, SeqCst);
        }
    }
}

/// One node first, which lays the foundation, then the others at once.
fn nodes(home: &Path, switch: &Switch, database: &Database) -> [Node; 3] {
    let one = Node::start(home, "one", switch.station(2), database);
    let [two, far] = [("two", switch.station(3)), ("far", switch.station(4))];
    thread::scope(|scope| {
        let start = |(name, station)| scope.spawn(move || Node::start(home, name, station, database));
        let (two, far) = (start(two), start(far));
        [one, two.join().unwrap(), far.join().unwrap()]
    })
}

#[test]
fn a_server_that_is_cut_off_turns_away_and_comes_back_while_the_others_go_on() {
    let Some(switch) = Switch::new() else {
        return;
    };
    let (home, database) = (tempfile::tempdir().unwrap(), database_at(&switch));
    let [one, two, far] = &nodes(home.path(), &switch, &database);
    let token = fs::read_to_string(home.path().join("one/data/automation.pat")).unwrap();
    let (token, org) = (token.trim(), org(&one.started));
    thread::scope(|scope| {
        let over = Over([one, two, far]);
        for node in over.0 {
            scope.spawn(move || node.network().inside(|| node.write(token, org)));
        }
        over.0.iter().for_each(|node| node.goes_on());

        switch.cut(&far.station);
        far.is_ready(412);
        one.goes_on();
        two.goes_on();
        for n in 0..10 {
            let create = format!("turned-away-{n}");
            let told = far
                .network()
                .inside(|| creates(&far.started, token, org, &create));
            assert_eq!(told, Told::Later);
        }
        let (status, head) = far.told(token, "GET /resources/v3alpha/users/ledger-one-0");
        assert_eq!(status, 503, "what cannot be looked up is not known");
        assert!(head.contains("retry-after: "), "{head}");
        one.is_ready(200);

        switch.mend(&far.station);
        far.is_ready(200);
        far.goes_on();
        two.dies();
        one.goes_on();
        far.goes_on();
    });
    assert_ne!(far.refused.load(SeqCst), 0, "somebody met the cut");
    check(&database, &[one, two, far]);
    for node in [one, far] {
        for last in [one, two, far].map(|writer| writer.acknowledged.lock().unwrap().pop().unwrap()) {
            let (status, _) = node.told(token, &format!("GET /resources/v3alpha/users/{last}"));
            assert_eq!(status, 200, "{last} on {}", node.name);
        }
    }
    database.server().end();
}

/// None lost, none half done, none twice; and what was turned away was not done.
fn check(database: &Database, nodes: &[&Node]) {
    let found = database.sql(
        "SELECT s.id, s.seq, (SELECT count(*) FROM event e WHERE e.instance = s.instance AND e.kind = s.kind AND e.stream = s.id),
            (SELECT count(*) FROM users u WHERE u.instance = s.instance AND u.id = s.id)
         FROM stream s WHERE s.id LIKE 'ledger-%' OR s.id LIKE 'turned-away-%'
         UNION ALL
         SELECT u.id, 0, 0, 1 FROM users u WHERE u.id LIKE 'ledger-%'
            AND NOT EXISTS (SELECT FROM stream s WHERE s.instance = u.instance AND s.id = u.id)",
    );
    let found = String::from_utf8(found).unwrap();
    let found: BTreeMap<&str, &str> = found.lines().map(|row| row.split_once('|').unwrap()).collect();
    for (user, counts) in &found {
        assert_eq!(*counts, "1|1|1", "{user} is half done or done twice");
        assert!(!user.starts_with("turned-away-"), "{user} was turned away");
    }
    for node in nodes {
        for user in node.acknowledged.lock().unwrap().iter() {
            assert!(
                found.contains_key(user.as_str()),
                "{user} was acknowledged and is lost"
            );
        }
    }
}
