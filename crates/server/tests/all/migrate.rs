//! `merlon migrate`, as an operator uses it: a server grows from its embedded database to PostgreSQL, and goes back.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};
use store::{PostgresOptions, Store, StoreOptions};
use testkit::postgres_server::{self, Database};

use crate::{
    cluster::{call, done, org},
    commands::{Started, merlon, text},
};

fn migrate(dir: &Path, from: &str, to: &str) -> Command {
    let mut command = merlon(dir);
    command.args(["migrate", "--from", from, "--to", to]);
    command
}

fn run(dir: &Path, from: &str, to: &str) -> Output {
    migrate(dir, from, to).output().unwrap()
}

fn succeeds(output: &Output) -> String {
    let said = text(output);
    assert!(output.status.success(), "{said}");
    said
}

fn refused(output: &Output) -> String {
    let said = text(output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    said
}

fn on(dir: &Path, database: &Database) -> Started {
    Started::with(dir, &[("MERLON_DATABASE__URL", database.url())])
}

fn token(dir: &Path) -> String {
    fs::read_to_string(dir.join("data/automation.pat"))
        .unwrap()
        .trim()
        .to_owned()
}

/// Makes a user whose phone number waits for the code that is answered.
fn add(server: &Started, token: &str, user: &str) -> String {
    let org = org(server);
    let create = format!("POST /resources/v3alpha/users?organization.orgId={org}");
    done(call(server, token, &create, &json!({"userId": user})));
    let phone = json!({"number": "+41791234567", "returnCode": {}});
    let set = format!("PUT /resources/v3alpha/users/{user}/phone");
    let set = done(call(server, token, &set, &phone));
    set["verificationCode"].as_str().unwrap().to_owned()
}

fn verify(server: &Started, token: &str, user: &str, code: &str) {
    let verify = format!("POST /resources/v3alpha/users/{user}/phone/_verify");
    done(call(server, token, &verify, &json!(code)));
    let get = format!("GET /resources/v3alpha/users/{user}");
    let user = done(call(server, token, &get, &Value::Null));
    assert_eq!(user["user"]["contact"]["phone"]["isVerified"], true, "{user}");
}

#[test]
fn a_server_grows_to_a_database_server_and_goes_back_with_everything() {
    let (home, database) = (tempfile::tempdir().unwrap(), postgres_server::database());
    let dir = home.path();
    let server = Started::embedded(dir);
    let token = token(dir);
    let code = add(&server, &token, "gigi");
    let running = refused(&run(dir, "sqlite:data", &database.url()));
    assert!(
        running.contains("is using") && running.contains(server.address()),
        "{running}"
    );
    drop(server);

    let url = database.url().replace("merlon@", "merlon:hidden@");
    let said = succeeds(&run(dir, "sqlite:data", &url));
    assert!(!said.contains("hidden"), "{said}");
    for part in [
        "event ",
        "rows of",
        "master.key; every server needs it",
        "automation.pat",
        "merlon.db-wal if that is there",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    for end in ["", "-wal"] {
        // The server was killed: what it wrote last is in its log.
        fs::rename(
            dir.join(format!("data/merlon.db{end}")),
            dir.join(format!("old.db{end}")),
        )
        .unwrap();
    }
    let server = on(dir, &database);
    verify(&server, &token, "gigi", &code);
    let later = add(&server, &token, "later");
    drop(server);

    let back = merlon(dir)
        .args(["migrate", "--from", "postgres", "--to", "sqlite:data"])
        .env("MERLON_DATABASE__URL", database.url())
        .output()
        .unwrap();
    let said = succeeds(&back);
    assert!(
        said.contains("make sure that it is that one") && said.contains("without database.url"),
        "{said}"
    );
    let server = Started::embedded(dir);
    verify(&server, &token, "later", &later);
    let code = add(&server, &token, "last");
    verify(&server, &token, "last", &code);
    drop(server);

    let third = postgres_server::database();
    succeeds(&run(dir, "sqlite:data/merlon.db", &third.url()));
    let full = refused(&run(dir, "sqlite:old.db", &third.url()));
    assert!(full.contains("holds data already"), "{full}");
}

const HANG: &str = "CREATE FUNCTION hang() RETURNS trigger AS 'BEGIN PERFORM pg_sleep(3600); RETURN NEW; END' LANGUAGE plpgsql;
    CREATE TRIGGER hang BEFORE INSERT ON users FOR EACH STATEMENT EXECUTE FUNCTION hang()";
const HANGS: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
const LET_GO: &str = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
        WHERE wait_event = 'PgSleep' AND datname = current_database();
    DROP TRIGGER hang ON users";

#[tokio::test]
async fn a_move_that_was_killed_is_not_served_and_goes_on_where_it_stopped() {
    let (home, database) = (tempfile::tempdir().unwrap(), postgres_server::database());
    let dir = home.path();
    drop(Started::embedded(dir));
    let options = PostgresOptions::new(database.url());
    Store::open(&StoreOptions::Postgres(options))
        .await
        .unwrap()
        .close();
    database.sql(HANG);
    let mut child = migrate(dir, "sqlite:data", &database.url())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    while database.sql(HANGS) != b"1\n" {
        assert!(child.try_wait().unwrap().is_none(), "it ended before");
        tokio::task::yield_now().await;
    }
    child.kill().unwrap();
    child.wait().unwrap();

    let start = merlon(dir)
        .args(["start", "--data", "data", "--listen", "127.0.0.1:0"])
        .env("MERLON_DATABASE__URL", database.url())
        .output()
        .unwrap();
    let unfinished = refused(&start);
    assert!(
        unfinished.contains("target of a move that was not finished"),
        "{unfinished}"
    );
    let doctor = merlon(dir)
        .args(["doctor", "--data", "data"])
        .env("MERLON_DATABASE__URL", database.url())
        .env("MERLON_SERVER__LISTEN", "127.0.0.1:0")
        .output()
        .unwrap();
    let unfinished = refused(&doctor);
    assert!(
        unfinished.contains("fail  the database is the target of a move"),
        "{unfinished}"
    );
    database.sql(LET_GO);
    let said = succeeds(&run(dir, "sqlite:data", &database.url()));
    assert!(said.contains("going on with an unfinished move"), "{said}");
    let server = on(dir, &database);
    let token = token(dir);
    let code = add(&server, &token, "gigi");
    verify(&server, &token, "gigi", &code);
}

#[test]
fn places_that_make_no_sense_are_explained() {
    let home = tempfile::tempdir().unwrap();
    for (from, to, why) in [
        ("sqlite:nowhere", "postgres://m@localhost/m", "is not there"),
        ("sqlite:", "postgres://m@localhost/m", "needs a path"),
        (
            "mysql://m@localhost/m",
            "sqlite:data",
            "--from is sqlite:DIRECTORY",
        ),
        ("postgres", "sqlite:data", "set database.url"),
        ("sqlite:one", "sqlite:two", "one of --from and --to"),
        ("postgres://m:hidden@localhost:x/m", "sqlite:data", "no such form"),
    ] {
        let said = refused(&run(home.path(), from, to));
        assert!(said.contains(why) && !said.contains("hidden"), "{said}");
    }
    assert!(
        fs::read_dir(home.path()).unwrap().next().is_none(),
        "nothing was made"
    );
}
