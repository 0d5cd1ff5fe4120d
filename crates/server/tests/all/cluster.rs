//! Several servers on one PostgreSQL, as an operator runs them: separate processes that share a database and a master key.

use std::{
    fs, io, io::Read as _, io::Write as _, net::TcpStream, path::Path, process::Command, thread,
    time::Duration,
};

use serde_json::{Value, json};
use testkit::postgres_server::{self, Database};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    time::Instant,
};

use crate::commands::{Started, merlon, text};

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn node(home: &Path, name: &str, database: &Database) -> Started {
    let dir = home.join(name);
    fs::create_dir_all(&dir).unwrap();
    Started::with(&dir, &environment(database))
}

/// What every server on a database is started with, its URL first.
pub(crate) fn environment(database: &Database) -> [(&'static str, String); 2] {
    [
        ("MERLON_DATABASE__URL", database.url()),
        ("MERLON_MASTER_KEY__VALUE", KEY.to_owned()),
    ]
}

/// One call; the status and the body.
pub(crate) fn call(node: &Started, token: &str, what: &str, body: &Value) -> (u16, Value) {
    let (status, _, body) = exchange(node, token, what, body);
    (status, body)
}

/// One call; the status, the head and the body.
pub(crate) fn exchange(node: &Started, token: &str, what: &str, body: &Value) -> (u16, String, Value) {
    try_exchange(node, token, what, body).unwrap()
}

fn try_exchange(node: &Started, token: &str, what: &str, body: &Value) -> io::Result<(u16, String, Value)> {
    let mut stream = TcpStream::connect(node.address())?;
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let length = body.len();
    write!(
        stream,
        "{what} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(cut)?;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = serde_json::from_str(body).unwrap_or(Value::Null);
    Ok((status, head.to_lowercase(), body))
}

/// The organization that a node speaks of when it starts.
pub(crate) fn org(node: &Started) -> &str {
    let mut lines = node.lines.iter();
    lines.find_map(|line| line.strip_prefix("  org     ")).unwrap()
}

pub(crate) fn done((status, body): (u16, Value)) -> Value {
    assert_eq!(status / 100, 2, "{body}");
    body
}

#[test]
fn two_servers_that_start_at_once_are_one_merlon_and_one_of_them_may_die() {
    let (home, database) = (tempfile::tempdir().unwrap(), postgres_server::database());
    let (one, two) = thread::scope(|scope| {
        let start = |name: &'static str| scope.spawn(|| node(home.path(), name, &database));
        let (one, two) = (start("one"), start("two"));
        (one.join().unwrap(), two.join().unwrap())
    });
    assert_eq!(org(&one), org(&two), "one laid the foundation");
    let tokens: Vec<String> = ["one", "two"]
        .iter()
        .filter_map(|name| fs::read_to_string(home.path().join(name).join("data/automation.pat")).ok())
        .collect();
    assert_eq!(tokens.len(), 1, "whoever laid it has the token");
    let token = tokens[0].trim();

    let create = format!("POST /resources/v3alpha/users?organization.orgId={}", org(&one));
    done(call(&one, token, &create, &json!({"userId": "gigi"})));
    let add = "POST /resources/v3alpha/users/gigi/otp_sms";
    let added = done(call(
        &two,
        token,
        add,
        &json!({"number": "+41791234567", "sendCode": {}}),
    ));
    let wait = "GET /merlon/v1/inbox/messages/_wait?recipient=%2B41791234567";
    let message = done(call(&one, token, wait, &Value::Null));
    let code = message["message"]["code"]
        .as_str()
        .or(message["code"].as_str())
        .unwrap()
        .to_owned();
    let factor = added["otpSmsId"].as_str().unwrap();
    let verify = format!("POST /resources/v3alpha/users/gigi/otp_sms/{factor}/_verify");
    done(call(&one, token, &verify, &json!(code)));
    let (status, again) = call(&two, token, &verify, &json!(code));
    assert_eq!(
        (status, again["details"][0]["id"].as_str()),
        (400, Some("MERLON-y4Px7QcN")),
        "once, wherever"
    );

    let mut one = one;
    one.child.kill().unwrap();
    let get = "GET /resources/v3alpha/users/gigi";
    let user = done(call(&two, token, get, &Value::Null));
    assert_eq!(
        user["user"]["authenticators"]["otpSms"][0]["isVerified"], true,
        "{user}"
    );
    drop(one);
    let one = node(home.path(), "one", &database);
    assert_eq!(done(call(&one, token, get, &Value::Null)), user);

    let delete = "DELETE /resources/v3alpha/users/gigi";
    done(call(&two, token, delete, &Value::Null));
    assert_eq!(call(&one, token, get, &Value::Null).0, 404);
}

#[test]
fn a_server_with_another_master_key_is_refused() {
    let (home, database) = (tempfile::tempdir().unwrap(), postgres_server::database());
    drop(node(home.path(), "one", &database));
    let other = merlon(home.path())
        .args(["start", "--listen", "127.0.0.1:0"])
        .env("MERLON_DATABASE__URL", database.url())
        .output()
        .unwrap();
    assert!(!other.status.success());
    assert!(text(&other).contains("another master key"), "{}", text(&other));
}

#[test]
fn doctor_looks_at_the_database_server() {
    let (home, database) = (tempfile::tempdir().unwrap(), postgres_server::database());
    let doctor = |url: String| {
        let mut command: Command = merlon(home.path());
        command.args(["doctor"]).env("MERLON_DATABASE__URL", url);
        text(
            &command
                .env("MERLON_SERVER__LISTEN", "127.0.0.1:0")
                .output()
                .unwrap(),
        )
    };
    let before = doctor(database.url());
    assert!(
        before.contains("ok    PostgreSQL") && before.contains("first start"),
        "{before}"
    );
    drop(node(home.path(), "one", &database));
    let after = doctor(database.url());
    assert!(after.contains("ok    database schema "), "{after}");
    assert!(after.contains("fsync"), "this server does not sync: {after}");
    let nowhere = doctor("postgres://merlon@/nothing?host=/nowhere".into());
    assert!(nowhere.contains("fail  the database server"), "{nowhere}");
}

/// Stands between a node and its database, and can keep everything to itself, as a network does that is broken.
struct Between {
    directory: tempfile::TempDir,
    passes: watch::Sender<bool>,
}

const SOCKET: &str = ".s.PGSQL.5432";

impl Between {
    fn new(database: &Database) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(directory.path().join(SOCKET)).unwrap();
        let (passes, may_pass) = watch::channel(true);
        let server = database.server().directory().join(SOCKET);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, may_pass) = (server.clone(), may_pass.clone());
                tokio::spawn(async move {
                    let server = UnixStream::connect(server).await.unwrap();
                    let ((from_client, to_client), (from_server, to_server)) =
                        (client.into_split(), server.into_split());
                    tokio::select! {
                        () = pass(from_client, to_server, may_pass.clone()) => {}
                        () = pass(from_server, to_client, may_pass) => {}
                    }
                });
            }
        });
        Self { directory, passes }
    }

    fn url(&self, database: &Database) -> String {
        format!(
            "postgres://merlon@/{}?host={}",
            database.name(),
            self.directory.path().display()
        )
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut may_pass: watch::Receiver<bool>) {
    let mut bytes = [0; 4096];
    while let Ok(read @ 1..) = from.read(&mut bytes).await {
        let passes = may_pass.wait_for(|passes| *passes).await.is_ok();
        if !passes || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

/// Asks whether a node is ready until the answer is as wanted.
pub(crate) fn until_ready(node: &Started, status: u16) {
    let deadline = Instant::now() + Duration::from_mins(1);
    loop {
        let (found, body) = call(node, "", "GET /debug/ready", &Value::Null);
        if found == status {
            return;
        }
        assert!(Instant::now() < deadline, "it is {found} still: {body}");
        thread::yield_now();
    }
}

/// What somebody who wanted something was told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Told {
    /// It is done.
    Done,
    /// Trying later helps.
    Later,
    /// The server went away.
    Nothing,
}

/// Creates a user.
pub(crate) fn creates(node: &Started, token: &str, org: &str, user: &str) -> Told {
    let create = format!("POST /resources/v3alpha/users?organization.orgId={org}");
    let Ok((status, head, body)) = try_exchange(node, token, &create, &json!({"userId": user})) else {
        return Told::Nothing;
    };
    if status / 100 == 2 {
        return Told::Done;
    }
    assert_eq!(status, 503, "{body}");
    assert!(head.contains("retry-after: "), "{head}");
    Told::Later
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_three_servers_one_may_die_and_one_may_lose_the_database_for_a_while() {
    let (home, database) = (tempfile::tempdir().unwrap(), postgres_server::database());
    let between = Between::new(&database);
    let one = node(home.path(), "one", &database);
    let two = node(home.path(), "two", &database);
    let mut cut = environment(&database).to_vec();
    cut[0].1 = between.url(&database);
    cut.push(("MERLON_DATABASE__TIMEOUT", "1s".to_owned()));
    let far = home.path().join("far");
    fs::create_dir_all(&far).unwrap();
    let far = Started::with(&far, &cut);
    let token = fs::read_to_string(home.path().join("one/data/automation.pat")).unwrap();
    let (token, org) = (token.trim(), org(&one).to_owned());

    let mut acknowledged = Vec::new();
    let mut create = |node: &Started, user: String| {
        let told = creates(node, token, &org, &user);
        if told == Told::Done {
            acknowledged.push(user);
        }
        told
    };
    for n in 0..5 {
        for (node, name) in [(&one, "one"), (&two, "two"), (&far, "far")] {
            assert_eq!(create(node, format!("{name}-{n}")), Told::Done);
        }
    }
    between.passes.send(false).unwrap();
    drop(two);
    assert_eq!(create(&far, "far-in-the-dark".to_owned()), Told::Later);
    until_ready(&far, 412);
    for n in 0..20 {
        assert_eq!(create(&far, format!("far-turned-away-{n}")), Told::Later);
        let (status, head, _) = exchange(&far, token, "GET /resources/v3alpha/users/one-0", &Value::Null);
        assert_eq!(status, 503, "what cannot be looked up is not known");
        assert!(head.contains("retry-after: "), "{head}");
    }
    until_ready(&one, 200);
    for n in 5..10 {
        assert_eq!(create(&one, format!("one-{n}")), Told::Done);
    }
    between.passes.send(true).unwrap();
    until_ready(&far, 200);
    for n in 5..10 {
        assert_eq!(create(&far, format!("far-{n}")), Told::Done);
    }
    for user in &acknowledged {
        for node in [&one, &far] {
            let get = format!("GET /resources/v3alpha/users/{user}");
            done(call(node, token, &get, &Value::Null));
        }
    }
    let turned_away = "SELECT count(*) FROM users WHERE id LIKE 'far-turned-away-%'";
    assert_eq!(
        database.sql(turned_away),
        b"0\n",
        "what was turned away was not done"
    );
}
