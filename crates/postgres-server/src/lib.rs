//! A PostgreSQL server for tests and benchmarks: in a directory of its own, without a port, gone with the program that started it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a part of the test kit fails by panicking"
)]

use parking_lot::Mutex;
use std::{
    convert::identity,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

/// Starts a server, says where its socket lies, and stops it when nobody holds the other end of its input any more. The
/// language of the server is one that sorts otherwise than bytes do. With the directory of another it is a standby of that.
const KEEPER: &str = r#"
dir=$(mktemp -d "$3/merlon-postgres.XXXXXX") || exit 1
trap '"$1/pg_ctl" -D "$dir/data" -m immediate stop >/dev/null 2>&1; rm -rf "$dir"' EXIT
trap : INT TERM
if [ -n "$4" ]; then
    "$1/pg_basebackup" -d "host=$4 user=merlon application_name=standby" -D "$dir/data" -R -X stream -c fast --no-sync
else
    "$1/initdb" -D "$dir/data" -U merlon --auth=trust --no-sync --no-instructions -E UTF8 \
        --locale=C.UTF-8 --locale-provider=icu --icu-locale=en-US
fi >"$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 1; }
printf "%s" "-k $dir -c listen_addresses='' -c max_connections=400 $2" >"$dir/options"
"$1/pg_ctl" -D "$dir/data" -w -l "$dir/log" start -o "$(cat "$dir/options")" \
    >/dev/null 2>&1 || { cat "$dir/log" >&2; exit 1; }
echo "$dir"
read -r _
"#;

/// Settings of the server that all ordinary tests share: nothing there has to outlive a crash.
const QUICK: &str = "-c fsync=off -c full_page_writes=off -c shared_buffers=128MB -c max_wal_size=128MB";

/// A server that runs until this is dropped, or the program ends.
#[derive(Debug)]
pub struct Server {
    keeper: Mutex<Child>,
    /// Where its socket lies, its data below.
    directory: PathBuf,
}

impl Server {
    /// Starts a server with further settings, each as `-c name=value`, that keeps what it acknowledges on a disk.
    pub fn start(settings: &str) -> Self {
        Self::start_in("/tmp", settings, None, identity)
    }

    /// The same by the command that `way` makes of the one that starts it and keeps it: in a network of its own, for example.
    pub fn start_through(settings: &str, way: impl FnOnce(&Command) -> Command) -> Self {
        Self::start_in("/tmp", settings, None, |keeper| way(&keeper))
    }

    /// Starts a standby that follows this server under the name `standby`, with further settings.
    #[must_use]
    pub fn standby(&self, settings: &str) -> Self {
        Self::start_in("/tmp", settings, Some(&self.directory), identity)
    }

    fn start_in(
        place: &str,
        settings: &str,
        primary: Option<&Path>,
        way: impl FnOnce(Command) -> Command,
    ) -> Self {
        let mut keeper = as_nobody_special();
        keeper
            .args(["-c", KEEPER, "keeper"])
            .arg(binaries())
            .arg(settings)
            .arg(place)
            .arg(primary.unwrap_or(Path::new("")));
        let (keeper, directory) = kept(way(keeper));
        Self {
            keeper: Mutex::new(keeper),
            directory,
        }
    }

    /// The directory of its socket.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Has it die at once, as by a crash.
    pub fn crash(&self) {
        self.control(&["-m", "immediate", "stop"]);
    }

    /// Starts it again after that, as it was started first.
    pub fn start_again(&self) {
        self.control(&["-w", "-l", "/dev/null", "start"]);
    }

    /// Makes a standby the primary.
    pub fn promote(&self) {
        self.control(&["-w", "promote"]);
    }

    /// Writes a file among its data that only it can read; what was there is replaced.
    pub fn keep(&self, name: &str, content: &str) {
        let script = r#"umask 077; cat >"$1/data/$2.new" && mv "$1/data/$2.new" "$1/data/$2""#;
        let mut writer = as_nobody_special();
        writer.args(["-c", script, "keep"]).arg(&self.directory).arg(name);
        let mut writer = writer.stdin(Stdio::piped()).spawn().expect("a shell");
        let mut input = writer.stdin.take().expect("it is a pipe");
        input.write_all(content.as_bytes()).unwrap();
        drop(input);
        assert!(writer.wait().unwrap().success(), "{name} was not written");
    }

    fn control(&self, what: &[&str]) {
        let script = r#"bin=$1; dir=$2; shift 2
            exec "$bin/pg_ctl" -D "$dir/data" -o "$(cat "$dir/options")" "$@" >/dev/null"#;
        let mut pg_ctl = as_nobody_special();
        pg_ctl
            .args(["-c", script, "control"])
            .arg(binaries())
            .arg(&self.directory)
            .args(what);
        assert!(pg_ctl.status().unwrap().success(), "pg_ctl {what:?} failed");
    }

    /// Sends a signal to each of its processes.
    pub fn signal(&self, name: &str) {
        let script = r#"main=$(head -1 "$2/data/postmaster.pid"); kill -"$1" "$main" $(pgrep -P "$main")"#;
        let mut kill = Command::new("sh");
        kill.args(["-c", script, "signal", name]).arg(&self.directory);
        assert!(kill.status().unwrap().success(), "kill -{name} failed");
    }

    /// Ends it before the program does.
    pub fn end(&self) {
        drop(self.keeper.lock().stdin.take());
    }

    /// Runs SQL on one of its databases, and answers what it prints: rows without frame.
    pub fn sql(&self, database: &str, sql: &str) -> Vec<u8> {
        let mut psql = self.psql(database);
        let mut psql = psql
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("psql");
        psql.stdin.take().unwrap().write_all(sql.as_bytes()).unwrap();
        let done = psql.wait_with_output().unwrap();
        assert!(done.status.success(), "psql failed; what it said stands above");
        done.stdout
    }

    fn psql(&self, database: &str) -> Command {
        let mut psql = self.client("psql", database);
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]);
        psql
    }

    fn client(&self, program: &str, database: &str) -> Command {
        let mut client = Command::new(binaries().join(program));
        client
            .args(["-U", "merlon", "-d", database, "-h"])
            .arg(&self.directory);
        client
    }

    /// An empty database of it.
    pub fn database(&'static self) -> Database {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("test_{}", COUNT.fetch_add(1, Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"));
        Database { server: self, name }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let keeper = self.keeper.get_mut();
        drop(keeper.stdin.take());
        drop(keeper.wait());
    }
}

/// Starts a program that says a directory once it is up, and ends with its input.
fn kept(mut program: Command) -> (Child, PathBuf) {
    let program = program.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut program = program.spawn().expect("a shell");
    let mut directory = String::new();
    let said = program.stdout.as_mut().expect("it is a pipe");
    BufReader::new(said).read_line(&mut directory).unwrap();
    assert!(
        !directory.is_empty(),
        "it did not start; what it said stands above"
    );
    (program, directory.trim_end().into())
}

/// Starts a pooler in front of a server and says where its socket lies, as the keeper of a server does.
const POOLER: &str = r#"
dir=$(mktemp -d /tmp/merlon-pooler.XXXXXX) || exit 1
cat >"$dir/ini" <<END
[databases]
* = host=$2 user=merlon
[pgbouncer]
listen_addr =
listen_port = 5432
unix_socket_dir = $dir
auth_type = any
pool_mode = transaction
default_pool_size = 6
max_client_conn = 200
logfile = $dir/log
pidfile = $dir/pid
END
"$1" -q "$dir/ini" >/dev/null 2>&1 &
pooler=$!
trap 'kill "$pooler" 2>/dev/null; wait "$pooler"; rm -rf "$dir"' EXIT
trap : INT TERM
until [ -S "$dir/.s.PGSQL.5432" ]; do
    kill -0 "$pooler" 2>/dev/null || { cat "$dir/log" >&2; exit 1; }
    sleep 0.02
done
echo "$dir"
read -r _
"#;

/// A PgBouncer that gives a connection to a server for one transaction only; gone when this is dropped.
#[derive(Debug)]
pub struct Pooler {
    keeper: Child,
    directory: PathBuf,
}

impl Pooler {
    /// Starts one in front of a server.
    pub fn start(server: &Server) -> Self {
        let program = pooler().expect("tests with a pooler need it: `apt-get install pgbouncer`, or `cargo xtask test`, which does that");
        let mut keeper = as_nobody_special();
        keeper
            .args(["-c", POOLER, "pooler"])
            .arg(program)
            .arg(&server.directory);
        let (keeper, directory) = kept(keeper);
        Self { keeper, directory }
    }

    /// How a store reaches a database through it.
    pub fn url(&self, database: &Database) -> String {
        format!(
            "postgres://merlon@/{}?host={}",
            database.name,
            self.directory.display()
        )
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        drop(self.keeper.wait());
    }
}

/// PostgreSQL does not run as root: there its own user steps in.
fn as_nobody_special() -> Command {
    if std::fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0) {
        let mut other = Command::new("setpriv");
        other.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "sh"]);
        return other;
    }
    Command::new("sh")
}

/// Where the newest PostgreSQL of this machine keeps its programs, if it has a server.
pub fn installed() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let programs = versions
        .map(|version| version.path())
        .filter(|path| path.join("bin/initdb").exists());
    programs.max_by_key(number).map(|path| path.join("bin"))
}

/// The same, for whoever cannot do without.
pub fn binaries() -> PathBuf {
    installed().expect("tests on PostgreSQL need its server: `apt-get install postgresql`, or `cargo xtask test`, which does that")
}

/// The PgBouncer of this machine.
pub fn pooler() -> Option<&'static Path> {
    let places = [
        "/usr/sbin/pgbouncer",
        "/usr/bin/pgbouncer",
        "/usr/local/bin/pgbouncer",
    ];
    places.into_iter().map(Path::new).find(|program| program.exists())
}

/// A database that is gone when this is dropped.
#[derive(Debug)]
pub struct Database {
    server: &'static Server,
    name: String,
}

/// An empty database of the server that the tests of this program share.
pub fn database() -> Database {
    static SHARED: OnceLock<Server> = OnceLock::new();
    SHARED
        .get_or_init(|| Server::start_in(memory(), QUICK, None, identity))
        .database()
}

/// A file system in memory, if there is one with room.
fn memory() -> &'static str {
    let free = Command::new("df")
        .args(["-k", "--output=avail", "/dev/shm"])
        .output();
    let free = free.ok().and_then(|said| String::from_utf8(said.stdout).ok());
    let free: Option<u64> = free.and_then(|said| said.lines().last()?.trim().parse().ok());
    if free.is_some_and(|kibibytes| kibibytes > 2_000_000) {
        "/dev/shm"
    } else {
        "/tmp"
    }
}

impl Database {
    /// Its server.
    pub fn server(&self) -> &'static Server {
        self.server
    }

    /// Its name there.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How a store reaches it.
    pub fn url(&self) -> String {
        let directory = self.server.directory.display();
        format!("postgres://merlon@/{}?host={directory}", self.name)
    }

    /// Runs SQL on it, and answers what it prints.
    pub fn sql(&self, sql: &str) -> Vec<u8> {
        self.server.sql(&self.name, sql)
    }

    /// The SQL that makes one like it, tables and what they hold.
    pub fn dump(&self) -> String {
        let dumped = self
            .server
            .client("pg_dump", &self.name)
            .output()
            .expect("pg_dump");
        assert!(
            dumped.status.success(),
            "{}",
            String::from_utf8_lossy(&dumped.stderr)
        );
        let text = String::from_utf8(dumped.stdout).unwrap();
        // Between these, which hold a random word, psql runs nothing but SQL.
        let is_ours = |line: &&str| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict");
        text.split_inclusive('\n').filter(is_ours).collect()
    }

    /// What all its tables hold, as they hold it.
    pub fn raw_bytes(&self) -> Vec<u8> {
        self.sql(
            "SELECT format('COPY %I TO STDOUT (FORMAT binary)', tablename) FROM pg_tables WHERE schemaname = 'public' \\gexec",
        )
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let drop_it = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let mut psql = self.server.psql("postgres");
        // Nobody waits for it: the whole server goes with the program.
        drop(psql.args(["-c", &drop_it]).stderr(Stdio::null()).spawn());
    }
}
