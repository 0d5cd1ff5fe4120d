//! The clock on the wall and the dice of the operating system: what a server is handed where no test hands it others.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
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

#[expect(clippy::disallowed_methods, reason = "this is the place that hands it out")]
impl Default for Senses {
    /// Those of this machine.
    fn default() -> Self {
        Self {
            clock: Arc::new(WallClock::default()),
            entropy: Arc::new(SystemDice(SystemRandom::new())),
        }
    }
}

/// The wall clock, for whoever is handed a time.
#[expect(clippy::disallowed_methods, reason = "this is the place that hands it out")]
pub fn wall_clock() -> SystemTime {
    SystemTime::now()
}

/// Microseconds since 1970.
fn wall_micros() -> i64 {
    let since = wall_clock()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// The wall clock, set right by one that several servers share.
#[derive(Default)]
struct WallClock {
    /// Microseconds that it is behind that one.
    behind: AtomicI64,
}

/// Microseconds of difference that are not worth a correction: an answer takes as long to arrive.
const ALIKE: u64 = 100_000;
/// Microseconds of difference that the operator is told of.
const TOLD: u64 = 5_000_000;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        self.at(wall_micros())
    }

    fn follow(&self, time: Timestamp) {
        self.follow_at(wall_micros(), time);
    }
}

impl WallClock {
    fn at(&self, wall: i64) -> Timestamp {
        Timestamp(wall.saturating_add(self.behind.load(Relaxed)))
    }

    fn follow_at(&self, wall: i64, time: Timestamp) {
        let more = time.0.saturating_sub(self.at(wall).0);
        if more.unsigned_abs() <= ALIKE {
            return;
        }
        let behind = self.behind.fetch_add(more, Relaxed).saturating_add(more);
        if more.unsigned_abs() >= TOLD {
            tracing::warn!(
                seconds = behind / 1_000_000,
                "the clock of this machine is behind the database's (or ahead, if negative), which is used"
            );
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_goes_on_from_the_time_that_it_is_told() {
        let (clock, wall, hour) = (WallClock::default(), 1_767_225_600_000_000, 3_600_000_000);
        for ahead in [hour, -2 * hour, 0] {
            clock.follow_at(wall, Timestamp(wall + ahead));
            assert_eq!(clock.at(wall + 7), Timestamp(wall + 7 + ahead));
        }
        clock.follow_at(wall, Timestamp(wall + 50_000));
        assert_eq!(
            clock.at(wall),
            Timestamp(wall),
            "what an answer takes is no difference"
        );
    }
}
