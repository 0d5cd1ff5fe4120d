//! The clock on the wall and the dice of the operating system: what a server is handed where no test hands it others.

use std::sync::Arc;
use std::time::SystemTime;

use app::{Clock, Entropy};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use domain::base::Timestamp;

/// Time and randomness of one server.
#[derive(Clone)]
pub struct Senses {
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Randomness fit for secrets.
    pub entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for Senses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Senses(..)")
    }
}

impl Default for Senses {
    /// Those of this machine.
    fn default() -> Self {
        Self {
            clock: Arc::new(WallClock),
            entropy: Arc::new(SystemDice(SystemRandom::new())),
        }
    }
}

/// The wall clock, for whoever is handed a time.
#[expect(clippy::disallowed_methods, reason = "this is the place that hands it out")]
pub fn wall_clock() -> SystemTime {
    SystemTime::now()
}

struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let since = wall_clock()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    }
}

struct SystemDice(SystemRandom);

impl Entropy for SystemDice {
    /// Without randomness no code and no token is a secret, so the process ends rather than going on.
    fn fill(&self, bytes: &mut [u8]) {
        if self.0.fill(bytes).is_err() {
            tracing::error!("the operating system gave no random bytes");
            std::process::abort();
        }
    }
}
