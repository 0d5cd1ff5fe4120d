//! The binary, as somebody at a terminal uses it.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::{ffi::OsStrExt, fs::PermissionsExt};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use testkit::{
    database::is_postgres_chosen,
    postgres_server::{self, Database},
};
use tokio::time::Instant;

/// A started server; killed when dropped.
pub(crate) struct Started {
    pub(crate) child: Child,
    /// What it said, the line that says it serves last.
    pub(crate) lines: Vec<String>,
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Started {
    /// Starts a server on the embedded database of a directory and reads up to the line that says it serves.
    pub(crate) fn embedded(dir: &Path) -> Self {
        Self::with(dir, &[])
    }

    /// The same with a configuration.
    pub(crate) fn with(dir: &Path, environment: &[(&str, String)]) -> Self {
        let mut command = merlon(dir);
        command.stderr(Stdio::null());
        Self::run(command, dir, environment)
    }

    /// The same by the command that `way` makes of it.
    pub(crate) fn through(
        dir: &Path,
        environment: &[(&str, String)],
        way: impl FnOnce(&Command) -> Command,
    ) -> Self {
        let mut command = way(&merlon(dir));
        command.current_dir(dir).env_clear().stderr(Stdio::null());
        Self::run(command, dir, environment)
    }

    pub(crate) fn run(mut command: Command, dir: &Path, environment: &[(&str, String)]) -> Self {
        command
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .args(["start", "--listen", "127.0.0.1:0", "--data"])
            .arg(dir.join("data"));
        Self::read(command)
    }

    /// Starts the server that a command is for, and reads up to the line that says it serves.
    fn read(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let ready = line.starts_with("ready ");
            lines.push(line);
            if ready {
                break;
            }
        }
        Self { child, lines }
    }

    pub(crate) fn address(&self) -> &str {
        self.lines
            .last()
            .unwrap()
            .strip_prefix("ready http://")
            .expect("the last line says that it serves")
    }
}

/// A directory for a server and its commands, on a database of the kind that this run of the tests is for.
pub(crate) struct Home {
    dir: TempDir,
    database: Option<Database>,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            database: is_postgres_chosen().then(postgres_server::database),
        }
    }

    /// On the embedded database, whatever the run is for: what is looked at lies in its files.
    pub(crate) fn on_sqlite() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            database: None,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The binary in a clean environment, but for the database.
    pub(crate) fn merlon(&self) -> Command {
        let mut command = merlon(self.path());
        command.envs(
            self.database
                .as_ref()
                .map(|database| ("MERLON_DATABASE__URL", database.url())),
        );
        command
    }

    pub(crate) fn start(&self) -> Started {
        let mut command = self.merlon();
        command.stderr(Stdio::null());
        Started::run(command, self.path(), &[])
    }
}

/// The binary in a clean environment.
pub(crate) fn merlon(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_merlon"));
    command.current_dir(dir).env_clear();
    command
}

pub(crate) fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Tells a server to stop and waits until it did.
pub(crate) fn stop(server: &mut Started) {
    signal(&server.child, Signal::TERM);
    assert!(server.child.wait().unwrap().success());
}

fn get(address: &str, path: &str) -> String {
    ask(address, &format!("GET {path}"))
}

/// Sends a request without a body, such as `GET /path`; answers all that comes back.
pub(crate) fn ask(address: &str, request: &str) -> String {
    let head = "host: x\r\ncontent-length: 0\r\nconnection: close";
    say(address, &format!("{request} HTTP/1.1\r\n{head}\r\n\r\n"))
}

/// Sends a whole request that closes its connection; the answer.
pub(crate) fn say(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_key_is_told_of_although_the_start_that_made_it_fails() {
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = home
        .merlon()
        .args(["start", "--data", "data", "--listen", &address])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(home.path().join("data/master.key").exists());
    assert!(
        text(&output).contains("a master key was made in"),
        "{}",
        text(&output)
    );
}

#[test]
fn start_serves_keeps_its_things_private_and_stops_cleanly() {
    let home = Home::new();
    let mut server = home.start();
    assert!(get(server.address(), "/debug/ready").starts_with("HTTP/1.1 200"));
    let data = home.path().join("data");
    assert_eq!(data.join("merlon.db").exists(), home.database.is_none());
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    for entry in fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o077,
            0,
            "{}",
            path.display()
        );
    }
    let token = fs::read_to_string(data.join("automation.pat")).unwrap();
    assert!(token.len() > 20 && token.ends_with('\n') && token.lines().count() == 1);
    let printed = server.lines.join("\n");
    let key = fs::read_to_string(data.join("master.key")).unwrap();
    assert!(
        printed.contains("a master key was made") && !printed.contains(key.trim()),
        "{printed}"
    );

    stop(&mut server);
    assert!(!data.join("server.json").exists());
    let again = home.start();
    assert!(
        !again.lines.join("\n").contains("master key was made"),
        "the key stays"
    );
}

#[test]
fn a_first_start_keeps_the_token_of_another_database_and_says_where() {
    let home = Home::on_sqlite();
    let data = home.path().join("data");
    let text_of = |name: &str| fs::read_to_string(data.join(name)).unwrap();
    stop(&mut home.start());
    let first = text_of("automation.pat");
    fs::rename(data.join("merlon.db"), home.path().join("away.db")).unwrap();

    let mut server = home.start();
    let (second, printed) = (text_of("automation.pat"), server.lines.join("\n"));
    assert_ne!(second, first);
    assert_eq!(text_of("automation.pat.old"), first);
    assert!(
        printed.contains("automation.pat.old") && !printed.contains(first.trim()),
        "{printed}"
    );
    let mode = fs::metadata(data.join("automation.pat.old"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    stop(&mut server);
    let again = home.start();
    assert!(
        !again.lines.join("\n").contains("automation.pat.old"),
        "it is told once"
    );
    drop(again);
    fs::rename(data.join("merlon.db"), home.path().join("away-too.db")).unwrap();
    let _ = fs::remove_file(data.join("merlon.db-wal"));
    drop(home.start());
    assert_eq!(text_of("automation.pat.old"), first);
    assert_eq!(text_of("automation.pat.old2"), second);
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let home = Home::new();
    let server = home.start();
    let second = home
        .merlon()
        .args(["start", "--data", "data", "--listen", "127.0.0.1:0"])
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    let text = text(&second);
    let pid = server.child.id();
    assert!(
        text.contains(&format!("process {pid}")) && text.contains(server.address()),
        "{text}"
    );
}

fn begin_to_search(stream: &mut TcpStream, token: &str) {
    write!(
        stream,
        "POST /resources/v3alpha/users/_search HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 2\r\n\r\n[]",
        token.trim()
    )
    .unwrap();
}

fn found_something(stream: &mut TcpStream) {
    let mut answer = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    answer.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 200"), "{line}");
    while line != "\r\n" {
        line.clear();
        answer.read_line(&mut line).unwrap();
        if let Some(rest) = line.to_lowercase().strip_prefix("content-length:") {
            length = rest.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    answer.read_exact(&mut body).unwrap();
    assert!(String::from_utf8_lossy(&body).contains("totalResult"));
}

#[test]
fn where_few_files_may_be_open_fewer_connections_are_served_and_that_is_told() {
    let home = Home::new();
    let merlon = home.merlon();
    let limited = |what: &str| {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "ulimit -S -n 128 && ulimit -H -n 256 && exec \"$0\" \"$@\""])
            .arg(merlon.get_program())
            .arg(what)
            .current_dir(home.path())
            .env_clear()
            .envs(merlon.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command
    };
    let mut start = limited("start");
    start
        .args(["--listen", "127.0.0.1:0", "--data", "data"])
        .stderr(Stdio::null());
    let server = Started::read(start);
    let printed = server.lines.join("\n");
    assert!(
        printed.contains("server.max_connections") && printed.contains("256"),
        "{printed}"
    );
    let doctor = text(&limited("doctor").args(["--data", "data"]).output().unwrap());
    let line = doctor
        .lines()
        .find(|line| line.contains("server.max_connections"));
    assert!(line.is_some_and(|line| line.starts_with("warn")), "{doctor}");

    let mut kept: Vec<_> = (0..8)
        .map(|_| TcpStream::connect(server.address()).unwrap())
        .collect();
    let token = fs::read_to_string(home.path().join("data/automation.pat")).unwrap();
    let mut ask = || {
        for stream in &mut kept {
            begin_to_search(stream, &token);
        }
        for stream in &mut kept {
            found_something(stream);
        }
    };
    ask();
    let idle: Vec<_> = (0..300)
        .map(|_| TcpStream::connect(server.address()).unwrap())
        .collect();
    ask();
    drop(idle);
}

#[test]
fn another_master_key_is_refused_before_anything_is_written() {
    let home = Home::new();
    drop(home.start());
    let other = home
        .merlon()
        .args(["start", "--data", "data", "--listen", "127.0.0.1:0"])
        .env("MERLON_MASTER_KEY__VALUE", "abcdefghijklmnopqrstuvwxyz012345")
        .output()
        .unwrap();
    let text = text(&other);
    assert_eq!(other.status.code(), Some(1), "{text}");
    assert!(
        text.contains("another master key") && !text.contains("abcdefgh"),
        "{text}"
    );
}

#[test]
fn doctor_notices_another_master_key() {
    let home = Home::on_sqlite();
    drop(home.start());
    let doctor = |key: &str| {
        let mut command = home.merlon();
        command.args(["doctor", "--data", "data"]);
        command.env("MERLON_MASTER_KEY__VALUE", key);
        let output = command.output().unwrap();
        (output.status.success(), text(&output))
    };
    let (well, told) = doctor("abcdefghijklmnopqrstuvwxyz012345");
    assert!(!well && told.contains("another master key"), "{told}");
    let right = fs::read_to_string(home.path().join("data/master.key")).unwrap();
    let (_, told) = doctor(right.trim());
    assert!(
        told.contains("master key is given") && !told.contains("another"),
        "{told}"
    );
}

#[test]
fn doctor_is_content_with_a_running_server() {
    let home = Home::new();
    let server = home.start();
    let doctor = home.merlon().args(["doctor", "--data", "data"]).output().unwrap();
    let text = text(&doctor);
    assert!(
        doctor.status.success() && text.contains(server.address()),
        "{text}"
    );
    assert!(!text.contains("fail"), "{text}");
}

#[test]
fn doctor_names_what_is_broken_and_what_to_do() {
    let home = Home::on_sqlite();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let data = home.path().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(
        data.join("merlon.db"),
        "not a database, and more than a few bytes of it",
    )
    .unwrap();
    let doctor = home
        .merlon()
        .args(["doctor", "--data", "data"])
        .env("MERLON_SERVER__LISTEN", taken.local_addr().unwrap().to_string())
        .env("MERLON_SMTP__HOST", "127.0.0.1")
        .env("MERLON_SMTP__PORT", dead.to_string())
        .env("MERLON_SMTP__SENDER", "a@example.com")
        .env("MERLON_SMTP__SECURITY", "none")
        .output()
        .unwrap();
    let text = text(&doctor);
    assert_eq!(doctor.status.code(), Some(1), "{text}");
    for part in [
        "cannot be listened on",
        "chmod 700",
        "is gone, and the data is sealed",
        "database",
        "SMTP server",
    ] {
        assert!(
            text.lines()
                .any(|line| !line.starts_with("ok") && line.contains(part)),
            "{part} in {text}"
        );
    }
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("ok")).collect();
    assert!(
        lines.iter().all(|line| line.contains(" - ")),
        "each says what to do: {text}"
    );
}

#[test]
fn doctor_and_start_refuse_a_configuration_with_mistakes() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("merlon.yaml"), "server:\n  lisen: 127.0.0.1:1\n").unwrap();
    for command in ["doctor", "start"] {
        let output = merlon(home.path())
            .args([command, "--config", "merlon.yaml"])
            .output()
            .unwrap();
        let text = text(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(
            text.contains("merlon.yaml:2") && text.contains("did you mean server.listen?"),
            "{text}"
        );
    }
    assert!(!home.path().join("merlon-data").exists(), "nothing was made");
}

#[test]
fn doctor_and_start_refuse_a_provider_that_cannot_be_used() {
    let home = Home::on_sqlite();
    fs::write(home.path().join("empty.pem"), "no certificate\n").unwrap();
    let mail = |rest: &[(&'static str, &'static str)]| {
        let always = [
            ("MERLON_SMTP__HOST", "192.0.2.1"),
            ("MERLON_SMTP__SENDER", "a@example.com"),
        ];
        [&always, rest].concat()
    };
    for (section, variables) in [
        ("smtp", mail(&[("MERLON_SMTP__SECURITY", "none")])),
        ("smtp", mail(&[("MERLON_SMTP__CA_FILE", "nowhere.pem")])),
        ("smtp", mail(&[("MERLON_SMTP__CA_FILE", "empty.pem")])),
        (
            "sms_webhook",
            vec![
                ("MERLON_SMS_WEBHOOK__URL", "http://127.0.0.1:1"),
                ("MERLON_SMS_WEBHOOK__SIGNING_KEY", "0123456789abcdef"),
            ],
        ),
    ] {
        for command in ["doctor", "start"] {
            let mut merlon = home.merlon();
            merlon.args([command, "--data", "data"]);
            merlon
                .envs(variables.clone())
                .env("MERLON_SERVER__LISTEN", "127.0.0.1:0");
            let output = merlon.output().unwrap();
            let said = text(&output);
            assert_eq!(output.status.code(), Some(1), "{said}");
            let refused =
                |line: &str| !line.starts_with("ok") && line.contains(&format!("{section} cannot be used"));
            assert!(said.lines().any(refused), "{variables:?}: {said}");
        }
        assert!(
            !home.path().join("data").exists(),
            "{variables:?}: nothing was made"
        );
    }
}

#[test]
fn a_variable_of_ours_that_is_no_utf_8_is_refused() {
    let home = Home::on_sqlite();
    let url = OsStr::from_bytes(b"postgres://merlon:gr\xfcn@/merlon");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    for command in ["start", "doctor"] {
        let mut merlon = home.merlon();
        merlon.arg(command).env("MERLON_DATABASE__URL", url);
        merlon.env("MERLON_SERVER__LISTEN", taken.local_addr().unwrap().to_string());
        let output = merlon.env("OTHER", url).env("MERLON_PORT", url).output().unwrap();
        let said = text(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(
            said.contains("MERLON_DATABASE__URL") && said.contains("UTF-8") && !said.contains("merlon:gr"),
            "{said}"
        );
        assert!(!said.contains("OTHER") && !said.contains("MERLON_PORT"), "{said}");
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "nothing was made");
}

#[test]
fn commands_without_a_server_say_how_to_start_one() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [&["inbox"][..], &["token", "--user", "1"]] {
        let output = merlon(home.path()).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output).contains("merlon start --data"), "{}", text(&output));
    }
}

#[test]
fn help_teaches_by_example() {
    let home = tempfile::tempdir().unwrap();
    let help = text(&merlon(home.path()).arg("--help").output().unwrap());
    assert!(
        help.contains("merlon start --dev") && help.contains("merlon inbox --follow"),
        "{help}"
    );
    for command in ["start", "inbox", "token", "import", "migrate", "doctor"] {
        let help = text(&merlon(home.path()).args([command, "--help"]).output().unwrap());
        assert!(
            help.contains("Examples:") && help.contains(&format!("merlon {command}")),
            "{help}"
        );
    }
}

#[test]
fn whoever_lost_the_token_of_the_automation_user_gets_another_one() {
    let home = Home::new();
    let file = home.path().join("data/automation.pat");
    let start = |flags: &[&str]| {
        let mut command = home.merlon();
        command
            .args(["start", "--listen", "127.0.0.1:0", "--data", "data"])
            .args(flags);
        Started::read(command)
    };
    stop(&mut start(&[]));
    let first = fs::read_to_string(&file).unwrap();
    fs::remove_file(&file).unwrap();
    let mut without = start(&[]);
    if home.database.is_none() {
        let printed = without.lines.join("\n");
        assert!(printed.contains("--new-automation-user"), "{printed}");
    }
    stop(&mut without);

    let mut renewed = start(&["--new-automation-user"]);
    let second = fs::read_to_string(&file).unwrap();
    assert_ne!(first, second);
    assert!(!renewed.lines.join("\n").contains(second.trim()));
    let before = totals(home.path());
    let imported = import(home.path(), &[r#"{"userId": "imported"}"#.to_owned()], &[]);
    assert!(imported.status.success(), "{}", text(&imported));
    assert_eq!(totals(home.path()), before + 1);
    stop(&mut renewed);

    let _kept = start(&["--new-automation-user"]);
    let old = fs::read_to_string(home.path().join("data/automation.pat.old")).unwrap();
    assert_eq!(old, second);
    fs::write(&file, &first).unwrap();
    assert_eq!(totals(home.path()), before + 2, "the first token is valid still");
}

/// Runs an import over a file of these lines.
fn import(home: &Path, lines: &[String], arguments: &[&str]) -> Output {
    fs::write(home.join("users.jsonl"), lines.join("\n")).unwrap();
    let mut command = merlon(home);
    command.args(["import", "--data", "data"]).args(arguments);
    command.arg("users.jsonl").output().unwrap()
}

fn totals(home: &Path) -> u64 {
    let token = fs::read_to_string(home.join("data/automation.pat")).unwrap();
    let run: serde_json::Value =
        serde_json::from_slice(&fs::read(home.join("data/server.json")).unwrap()).unwrap();
    let mut stream = TcpStream::connect(run["address"].as_str().unwrap()).unwrap();
    write!(
        stream,
        "POST /resources/v3alpha/users/_search HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]",
        token.trim()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let body: serde_json::Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    body["details"]["totalResult"].as_str().unwrap().parse().unwrap()
}

#[test]
fn users_are_imported_refused_lines_are_kept_and_told() {
    let home = Home::new();
    let dir = home.path();
    let nobody = import(dir, &[], &[]);
    assert!(!nobody.status.success() && text(&nobody).contains("no server runs on"));
    let _server = home.start();
    let before = totals(dir);
    let line = |n: u64| {
        format!(
            r#"{{"userId": "imported-{n}", "contact": {{"email": {{"address": "u{n}@example.com", "isVerified": true}}}}}}"#
        )
    };
    let mut lines: Vec<String> = (1..=300).map(line).collect();
    lines[9] =
        r#"{"userId": "x", "contact": {"email": {"address": "secret at example", "isVerified": true}}}"#
            .to_owned();
    lines[19] = "not JSON, but secret".to_owned();
    lines[29] = String::new();
    lines[39] = r#"{"userId": ""}"#.to_owned();
    let done = import(dir, &lines, &["--rejected", "again.jsonl", "--connections", "7"]);
    let said = text(&done);
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(
        said.contains("296 users created in ") && said.contains("3 lines refused"),
        "{said}"
    );
    assert!(
        ["line 10: ", "line 20: ", "line 40: "]
            .iter()
            .all(|line| said.contains(line))
            && !said.contains("secret"),
        "{said}"
    );
    assert_eq!(totals(dir), before + 296);
    let kept = fs::read_to_string(dir.join("again.jsonl")).unwrap();
    let mut kept: Vec<&str> = kept.lines().collect();
    kept.sort_unstable();
    assert_eq!(kept, [19, 39, 9].map(|line: usize| lines[line].as_str()));
    let mode = fs::metadata(dir.join("again.jsonl"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    let taken = import(dir, &lines, &["--rejected", "again.jsonl"]);
    assert!(
        text(&taken).contains("it must not be there yet"),
        "{}",
        text(&taken)
    );
    let again = import(dir, &lines, &[]);
    assert!(
        text(&again).contains("0 users created") && text(&again).contains("299 lines refused"),
        "{}",
        text(&again)
    );
    assert!(
        text(&again).contains("more lines were refused"),
        "{}",
        text(&again)
    );
    lines.extend((301..=310).map(line));
    let rest = import(dir, &lines, &["--from", "290", "--skip-existing"]);
    let said = text(&rest);
    assert!(
        rest.status.success() && said.contains("10 users created") && said.contains("11 were there already"),
        "{said}"
    );
    assert_eq!(totals(dir), before + 306);
}

#[test]
fn passwords_are_imported_as_fast_as_they_are_hashed() {
    let home = Home::new();
    let dir = home.path();
    let _server = home.start();
    let line = |n: u64| {
        format!(
            r#"{{"userId": "imported-{n}", "authenticators": {{"password": {{"password": "ninety red balloons {n}"}}}}}}"#
        )
    };
    let lines: Vec<String> = (1..=250).map(line).collect();
    let done = import(dir, &lines, &[]);
    let said = text(&done);
    assert!(
        done.status.success() && said.contains("250 users created") && said.contains("0 lines refused"),
        "{said}"
    );
}

#[test]
fn a_line_longer_than_a_request_is_refused_alone() {
    let home = Home::new();
    let dir = home.path();
    let _server = home.start();
    let user = |n: u64, bytes: usize| {
        let fill = " ".repeat(bytes);
        format!(r#"{{"userId": "imported-{n}",{fill} "data": {{}}}}"#)
    };
    let lines = [user(1, 0), user(2, 3 << 20), user(3, 5 << 20), user(4, 0)];
    let done = import(dir, &lines, &["--rejected", "again.jsonl"]);
    let said = text(&done);
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(
        said.contains("3 users created") && said.contains("1 lines refused"),
        "{said}"
    );
    assert!(
        said.contains("line 3: ") && said.contains("4194304 bytes") && said.contains("is not in again.jsonl"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(dir.join("again.jsonl")).unwrap(), "");
    let rest = import(dir, &lines, &["--from", "4", "--skip-existing"]);
    let said = text(&rest);
    assert!(
        rest.status.success() && said.contains("1 were there already"),
        "{said}"
    );
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Waits for something.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !so() {
        assert!(Instant::now() < deadline, "it never came: {what}");
        thread::park_timeout(Duration::from_millis(10));
    }
}

/// What a child said, once it ended; it has a while for that.
fn said_in_the_end(mut child: Child) -> Output {
    until("the end of the command", || child.try_wait().unwrap().is_some());
    child.wait_with_output().unwrap()
}

/// An import of what is written to it.
fn importing(home: &Home, arguments: &[&str]) -> (Child, ChildStdin) {
    let mut child = home
        .merlon()
        .args(["import", "--data", "data"])
        .args(arguments)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let input = child.stdin.take().unwrap();
    (child, input)
}

#[test]
fn an_interrupt_ends_an_import_whose_input_is_quiet() {
    let home = Home::new();
    let dir = home.path();
    let _server = home.start();
    let before = totals(dir);
    let (child, mut input) = importing(&home, &[]);
    for n in 1..=5 {
        writeln!(input, r#"{{"userId": "imported-{n}"}}"#).unwrap();
    }
    input.flush().unwrap();
    let arrived = (0..20_000).any(|_| totals(dir) == before + 5);
    assert!(arrived, "the lines are imported while more are awaited");
    signal(&child, Signal::INT);
    let output = said_in_the_end(child);
    drop(input);
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("5 users created") && said.contains("go on with --from 6"),
        "{said}"
    );
}

#[test]
fn a_second_interrupt_ends_an_import_whose_server_hangs() {
    let home = Home::new();
    let _server = home.start();
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = home.path().join("data/server.json");
    let mut run: serde_json::Value = serde_json::from_slice(&fs::read(&place).unwrap()).unwrap();
    run["address"] = hanging.local_addr().unwrap().to_string().into();
    fs::write(&place, run.to_string()).unwrap();

    let (mut child, mut input) = importing(&home, &["--org", "1"]);
    writeln!(input, r#"{{"userId": "imported-1"}}"#).unwrap();
    let (mut asked, _) = hanging.accept().unwrap();
    asked.read_exact(&mut [0; 4]).unwrap();
    signal(&child, Signal::INT);
    thread::park_timeout(Duration::from_millis(300));
    assert!(
        child.try_wait().unwrap().is_none(),
        "what was begun is waited for"
    );
    // Two that come at once are one.
    until("the end of the import", || {
        signal(&child, Signal::INT);
        child.try_wait().unwrap().is_some()
    });
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn an_interrupt_ends_a_start_that_waits() {
    for told in [Signal::TERM, Signal::INT] {
        let (home, hanging) = (Home::on_sqlite(), TcpListener::bind("127.0.0.1:0").unwrap());
        let url = format!("postgres://merlon@{}/merlon", hanging.local_addr().unwrap());
        let child = home
            .merlon()
            .args(["start", "--data", "data", "--listen", "127.0.0.1:0"])
            .env("MERLON_DATABASE__URL", url)
            .env("MERLON_DATABASE__TIMEOUT", "60s")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut asked, _) = hanging.accept().unwrap();
        asked.read_exact(&mut [0; 4]).unwrap();
        signal(&child, told);
        let output = said_in_the_end(child);
        assert_eq!(output.status.code(), Some(130), "{}", text(&output));
        assert!(
            text(&output).contains("a master key was made"),
            "{}",
            text(&output)
        );
        let again = home.merlon().args(["doctor", "--data", "data"]).output().unwrap();
        assert!(
            !text(&again).contains("holds the data directory"),
            "{}",
            text(&again)
        );
    }
}

#[test]
fn an_import_whose_server_ends_says_where_to_go_on() {
    let home = Home::new();
    let dir = home.path();
    let server = home.start();
    let (child, mut input) = importing(&home, &["--connections", "3"]);
    for n in 1..=50 {
        writeln!(input, r#"{{"userId": "imported-{n}"}}"#).unwrap();
    }
    input.flush().unwrap();
    let arrived = (0..20_000).any(|_| totals(dir) >= 20);
    assert!(arrived, "the first lines are imported while more are awaited");
    drop(server);
    // A server that is gone ends the reading sooner or later.
    for n in 51..=100_000 {
        if writeln!(input, r#"{{"userId": "imported-{n}"}}"#).is_err() {
            break;
        }
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    let said = text(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("no answer came for ") && said.contains("add --skip-existing"),
        "{said}"
    );
    let number = |before: &str| {
        let (_, after) = said.split_once(before).expect(before);
        let digits = after.split(|c: char| !c.is_ascii_digit()).next().unwrap();
        digits.parse::<u64>().expect(after)
    };
    assert!(
        number("go on with --from ") <= number(" of the lines ("),
        "no line without an answer is left out: {said}"
    );
}
