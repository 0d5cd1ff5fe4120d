//! A real server process: started, asked for its metrics, stopped, and sometimes killed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::{Instant, timeout},
};

use crate::{api::Place, people};

/// A program that says `ready http://ADDR:PORT` when it serves.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    /// Kept so that the program never writes into a closed pipe.
    _words: Lines<BufReader<ChildStdout>>,
    /// Its process.
    pub(crate) pid: u32,
    /// Where it listens.
    pub(crate) place: Place,
    /// From its start to the first answer.
    pub(crate) started_in: Duration,
}

/// What nodes have in common.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    url: String,
    key: PathBuf,
    /// Nothing for the node that lays the foundation.
    token: Option<Arc<str>>,
}

impl Shared {
    /// A database, and a master key in a file of `dir`.
    pub(crate) fn new(url: &str, dir: &Path) -> anyhow::Result<Self> {
        let key = dir.join("master.key");
        fs::write(
            &key,
            "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        )?;
        Ok(Self {
            url: url.to_owned(),
            key,
            token: None,
        })
    }

    /// For a node that starts after the first.
    pub(crate) fn after(&self, first: &Server) -> Self {
        Self {
            token: Some(Arc::clone(&first.place.token)),
            ..self.clone()
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(30);

impl Server {
    /// Starts Merlon on a data directory and waits for its first answer.
    pub(crate) async fn merlon(program: &Path, data: &Path) -> anyhow::Result<Self> {
        Self::merlon_on(program, data, None).await
    }

    /// The same on a database that nodes share.
    pub(crate) async fn merlon_on(
        program: &Path,
        data: &Path,
        shared: Option<&Shared>,
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command
            .arg("start")
            .arg("--data")
            .arg(data)
            .args(["--listen", "127.0.0.1:0"]);
        if let Some(shared) = shared {
            command.env("MERLON_DATABASE__URL", &shared.url);
            command.env("MERLON_MASTER_KEY__FILE", &shared.key);
        }
        let complaints = fs::File::create(complaints(data)).context("keeping the server's log")?;
        command.stderr(complaints);
        let mut server = match Self::start(command).await {
            Ok(server) => server,
            Err(error) => {
                let log = fs::read_to_string(self::complaints(data)).unwrap_or_default();
                return Err(error.context(format!("starting {}\n{log}", program.display())));
            }
        };
        server.place.token = match shared.and_then(|shared| shared.token.clone()) {
            Some(token) => token,
            None => fs::read_to_string(data.join("automation.pat"))
                .context("reading the token")?
                .trim()
                .into(),
        };
        Ok(server)
    }

    /// Starts the echo server of this program.
    pub(crate) async fn echo(program: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command.args(["echo", "127.0.0.1:0"]);
        Self::start(command).await.context("starting the echo server")
    }

    async fn start(mut command: Command) -> anyhow::Result<Self> {
        let began = Instant::now();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let words = child.stdout.take().context("no standard output")?;
        let mut words = BufReader::new(words).lines();
        let url = timeout(PATIENCE, ready(&mut words))
            .await
            .context("it did not get ready")??;
        let address = url
            .strip_prefix("http://")
            .context("not an http address")?
            .parse()?;
        let place = Place {
            address,
            token: "".into(),
        };
        people::knock(&place).await?;
        let pid = child.id().context("it ended at once")?;
        Ok(Self {
            child,
            _words: words,
            pid,
            place,
            started_in: began.elapsed(),
        })
    }

    /// Asks it to stop and waits until it did.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.pid)?).context("no process")?;
        kill_process(pid, Signal::TERM).context("asking the server to stop")?;
        let status = timeout(PATIENCE, self.child.wait())
            .await
            .context("the server does not stop")??;
        anyhow::ensure!(status.success(), "the server stopped with {status}");
        Ok(())
    }

    /// Ends it as a power cut would.
    pub(crate) async fn kill(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("killing the server")
    }

    /// The value of a metric without labels.
    pub(crate) async fn metric(&self, name: &str) -> anyhow::Result<f64> {
        let mut http = self.place.http().await?;
        http.prepare("GET", format_args!("/debug/metrics"), format_args!(""));
        let page = String::from_utf8_lossy(http.send().await?);
        let line = page
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(|value| value.parse().ok())
            .with_context(|| format!("no metric {name}"))
    }
}

fn complaints(data: &Path) -> PathBuf {
    data.with_extension("log")
}

async fn ready(words: &mut Lines<BufReader<ChildStdout>>) -> anyhow::Result<String> {
    while let Some(line) = words.next_line().await? {
        if let Some(url) = line.strip_prefix("ready ") {
            return Ok(url.to_owned());
        }
    }
    bail!("it ended before it was ready")
}

/// Bytes of the write-ahead log in a data directory.
pub(crate) fn log_bytes(data: &Path) -> u64 {
    data.join("merlon.db-wal").metadata().map_or(0, |m| m.len())
}
