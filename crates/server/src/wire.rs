//! The one place where everything is put together: data directory, key, routes and workers. Only here time is read
//! and dice are rolled.

mod ground;
mod known_host;
mod product;
mod senders;
mod senses;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use app::Ctx;
use notify::Senders;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use zeroize::Zeroizing;

pub use self::ground::Ground;
use self::senders::senders;
pub(crate) use self::senders::{email, sms};
pub use self::senses::{Senses, wall_clock};
use crate::config::{Access, MasterKey, Settings};
use crate::data_dir::{DataDir, MASTER_KEY_FILE, RunInfo, STORE_FILE};
use crate::descriptors::Shortage;
use crate::metrics;
use crate::shell::{Drain, Parts, Readiness, Serving, bind, serve};

/// Time for workers to note what became of what they were at, once it came to its end.
const NOTING_TIME: Duration = Duration::from_secs(5);

/// A server at work. Dropping it stops it without waiting; [`Running::shutdown`] waits.
#[derive(Debug)]
pub struct Running {
    /// The bound address, with the real port.
    pub address: SocketAddr,
    /// Scheme and address, as printed by `ready`.
    pub url: String,
    /// The data directory, absolute.
    pub data: PathBuf,
    /// What the operator should know, in sentences that say what to do.
    pub warnings: Vec<String>,
    /// What the product stands on; tests look into it.
    pub ground: Ground,
    stop: CancellationToken,
    serving: Serving,
    workers: Workers,
    home: DataDir,
    _stop_when_dropped: [DropGuard; 2],
}

/// What runs beside the requests. It is stopped after the last request is answered.
#[derive(Debug, Default)]
pub struct Workers {
    /// Spawn workers here.
    pub tasks: TaskTracker,
    /// Cancelled when they shall stop.
    pub stop: CancellationToken,
    /// The longest that one of them may be at something.
    pub longest: Duration,
}

impl Workers {
    /// Tells all of them to stop, and waits until they did, or took too long.
    async fn finish(self) {
        self.stop.cancel();
        self.tasks.close();
        if timeout(self.longest + NOTING_TIME, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                "a worker did not stop in time; what it was sending is tried again at the next start"
            );
        }
    }
}

/// Starts a server as it runs in earnest.
pub async fn start(settings: Settings) -> anyhow::Result<Running> {
    start_with(settings, Senses::default()).await
}

/// Starts a server with the given time and randomness: takes the data directory, makes what is missing, listens, and tells other
/// processes where it is.
pub async fn start_with(settings: Settings, senses: Senses) -> anyhow::Result<Running> {
    // What cannot be used is refused before anything is made.
    let senders = senders(&settings)?;
    let (home, master_key, warnings) = {
        let (settings, senses) = (settings.clone(), senses.clone());
        tokio::task::spawn_blocking(move || open_home(&settings, &senses)).await??
    };
    start_in((home, &master_key), (settings, senses), senders, Untold(warnings)).await
}

/// Warnings that are told once, such as that a key was made: they are told although nothing is started in the end.
struct Untold(Vec<String>);

impl Drop for Untold {
    fn drop(&mut self) {
        for warning in &self.0 {
            tracing::warn!("{warning}");
        }
    }
}

async fn start_in(
    (home, master_key): (DataDir, &[u8; 32]),
    (mut settings, senses): (Settings, Senses),
    senders: Senders,
    mut untold: Untold,
) -> anyhow::Result<Running> {
    let shortage = Shortage::allowed_for(&mut settings);
    let (readiness, stop) = (Readiness::default(), CancellationToken::new());
    let workers = Workers {
        longest: senders.longest_try(),
        ..Workers::default()
    };
    let stop_when_dropped = [stop.clone().drop_guard(), workers.stop.clone().drop_guard()];
    let metrics = metrics::install();
    let upkeep = metrics::upkeep(metrics.clone());
    workers
        .tasks
        .spawn(workers.stop.clone().run_until_cancelled_owned(upkeep));

    let bound = bind(&settings)?;
    let port = bound.address().port();
    let ground = ground::lay(
        &settings,
        &senses,
        (&home, port),
        &stop,
        master_key,
        &mut untold.0,
    )
    .await?;
    workers.tasks.spawn(
        workers
            .stop
            .clone()
            .run_until_cancelled_owned(share_time(ground.ctx.clone())),
    );
    let product = product::product(&settings, &ground, senders, &readiness, (&workers, &stop))?;
    let parts = Parts {
        readiness,
        metrics,
        stop: stop.clone(),
        request_seed: random_number(&senses),
    };
    let serving = serve(&settings, bound, product, parts);

    let (address, url) = (serving.address, local_url(&settings, serving.address));
    // As it is configured, links included: they may lead to another certificate later.
    let certificate_file = settings
        .tls
        .as_ref()
        .map(|tls| std::path::absolute(&tls.certificate_file))
        .transpose()?;
    home.announce(&RunInfo {
        pid: std::process::id(),
        address,
        url: url.clone(),
        certificate_file,
    })?;
    let mut warnings = std::mem::take(&mut untold.0);
    warnings.extend(warn(&settings));
    warnings.extend(shortage.map(|shortage| format!("{shortage}; {}", Shortage::ADVICE)));
    Ok(Running {
        address,
        url,
        data: home.path().to_owned(),
        warnings,
        ground,
        stop,
        serving,
        workers,
        home,
        _stop_when_dropped: stop_when_dropped,
    })
}

impl Running {
    /// Cancel it to make the server stop accepting; [`Self::shutdown`] does so itself.
    pub fn stop_token(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Stops accepting, finishes what was accepted, stops the workers, closes the store, and gives the data directory free.
    pub async fn shutdown(self) -> Drain {
        self.stop.cancel();
        let drain = self.serving.finished().await;
        self.workers.finish().await;
        let store = self.ground.ctx.store.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || store.close()).await {
            tracing::error!(%error, "the store did not close cleanly");
        }
        drop(self.home);
        drain
    }
}

fn open_home(
    settings: &Settings,
    senses: &Senses,
) -> anyhow::Result<(DataDir, Zeroizing<[u8; 32]>, Vec<String>)> {
    let home = DataDir::open(&settings.data.dir)?;
    let has_data = home.join(STORE_FILE).exists();
    let (key, made) = home.master_key(&settings.master_key, has_data, &*senses.entropy)?;
    let mut warnings = home.warnings();
    if let MasterKey::File(path) = &settings.master_key {
        warnings.extend(crate::data_dir::loose(path));
    }
    if made {
        warnings.push(format!(
            "a master key was made in {}; keep a copy of it apart from the data, without it a backup cannot be read",
            home.join(MASTER_KEY_FILE).display()
        ));
    }
    Ok((home, key, warnings))
}

/// What is allowed and still worth a word.
fn warn(settings: &Settings) -> Vec<String> {
    let mut warnings = Vec::new();
    let listen = settings.server.listen;
    if !listen.ip().is_loopback() && !settings.is_https() {
        warnings.push(format!(
            "{listen} is reachable from outside without TLS, so tokens and codes can be read on the way; set tls.certificate_file and \
             tls.key_file, or server.external_url when a proxy in front speaks TLS"
        ));
    }
    if settings.inbox.access == Access::Open && !listen.ip().is_loopback() {
        warnings.push(format!(
            "the inbox is open and {listen} is reachable from outside: everybody there can read every code; use this for trying out only"
        ));
    }
    warnings
}

/// Where the server is reached on its own network.
fn local_url(settings: &Settings, address: SocketAddr) -> String {
    let scheme = if settings.tls.is_some() { "https" } else { "http" };
    format!("{scheme}://{address}")
}

/// Nodes that share a database server go by its clock, whatever their own say.
async fn share_time(ctx: Arc<Ctx>) {
    let mut beat = interval(Duration::from_secs(1));
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while let Some(time) = ctx.store.time() {
        ctx.clock.follow(time);
        beat.tick().await;
    }
}

fn random_number(senses: &Senses) -> u64 {
    let mut bytes = [0; 8];
    senses.entropy.fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, sleep};

    use super::*;
    use crate::config::Sources;

    #[tokio::test(start_paused = true)]
    async fn a_stop_waits_for_a_send_that_takes_as_long_as_it_may() {
        for (variables, most) in [
            (&[][..], 10),
            (
                &[
                    ("SMTP__HOST", "localhost"),
                    ("SMTP__SENDER", "a@b.c"),
                    ("SMTP__TIMEOUT", "30s"),
                ],
                30,
            ),
            (
                &[
                    ("SMS_WEBHOOK__URL", "https://sms.example.com"),
                    ("SMS_WEBHOOK__SIGNING_KEY", "0123456789abcdef"),
                    ("SMS_WEBHOOK__TIMEOUT", "29s"),
                ],
                29,
            ),
        ] {
            let environment = variables
                .iter()
                .map(|(name, text)| (format!("MERLON_{name}"), (*text).to_owned()));
            let settings = Settings::load(Sources {
                environment: environment.collect(),
                ..Sources::default()
            });
            let longest = senders(&settings.unwrap()).unwrap().longest_try();
            assert_eq!(longest, Duration::from_secs(most));
            let workers = Workers {
                longest,
                ..Workers::default()
            };
            let send = workers.tasks.spawn(sleep(longest));
            let began = Instant::now();
            workers.finish().await;
            assert!(send.is_finished());
            assert!(
                began.elapsed() < longest + Duration::from_secs(1),
                "and no longer"
            );
        }
    }
}
