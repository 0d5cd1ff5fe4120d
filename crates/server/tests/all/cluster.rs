//! Several servers on one PostgreSQL, as an operator runs them: separate processes that share a database and a master key.

use std::{fs, io::Read as _, io::Write as _, net::TcpStream, path::Path, process::Command, thread};

use serde_json::{Value, json};
use testkit::postgres_server::{self, Database};

use crate::commands::{Started, merlon, text};

const KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn node(home: &Path, name: &str, database: &Database) -> Started {
    let dir = home.join(name);
    fs::create_dir_all(&dir).unwrap();
    Started::with(&dir, &environment(database))
}

fn environment(database: &Database) -> [(&'static str, String); 2] {
    [
        ("MERLON_DATABASE__URL", database.url()),
        ("MERLON_MASTER_KEY__VALUE", KEY.to_owned()),
    ]
}

/// One call; the status and the body.
pub(crate) fn call(node: &Started, token: &str, what: &str, body: &Value) -> (u16, Value) {
    let mut stream = TcpStream::connect(node.address()).unwrap();
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
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap_or(Value::Null))
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
    let org = |node: &Started| {
        node.lines
            .iter()
            .find_map(|line| line.strip_prefix("  org     "))
            .unwrap()
            .to_owned()
    };
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
    assert!(after.contains("ok    database schema 1"), "{after}");
    assert!(after.contains("fsync"), "this server does not sync: {after}");
    let nowhere = doctor("postgres://merlon@/nothing?host=/nowhere".into());
    assert!(nowhere.contains("fail  the database server"), "{nowhere}");
}
