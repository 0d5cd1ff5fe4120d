//! The driver: as many tasks as requests in flight, each sending its next request when it has its answer (closed loop),
//! or when the clock says so (open loop).

use std::{future::Future, sync::Arc, time::Duration};

use tokio::{
    sync::{Mutex, mpsc},
    task::JoinSet,
    time::Instant,
};

/// Something that is done again and again.
pub(crate) trait Job: Send + Sync + 'static {
    /// What one task needs for itself, such as a connection.
    type Line: Send + 'static;
    /// What doing it once brings.
    type Yield: Send + 'static;

    /// Does it once; nothing when there is nothing left to do.
    fn once(&self, line: &mut Self::Line)
    -> impl Future<Output = anyhow::Result<Option<Self::Yield>>> + Send;
}

/// What a run brought.
#[derive(Debug)]
pub(crate) struct Outcome<Y> {
    /// What each success brought.
    pub(crate) yields: Vec<Y>,
    /// How long each success took, in microseconds, sorted.
    pub(crate) micros: Vec<f32>,
    /// Requests that failed.
    pub(crate) failures: usize,
    /// The first failure.
    pub(crate) reason: Option<anyhow::Error>,
    /// How long the run took.
    pub(crate) time: Duration,
}

impl<Y> Outcome<Y> {
    fn new() -> Self {
        Self {
            yields: Vec::new(),
            micros: Vec::new(),
            failures: 0,
            reason: None,
            time: Duration::ZERO,
        }
    }

    fn record(&mut self, began: Instant, result: anyhow::Result<Y>) {
        match result {
            Ok(fruit) => {
                self.yields.push(fruit);
                self.micros.push(began.elapsed().as_secs_f32() * 1e6);
            }
            Err(reason) => {
                self.failures += 1;
                self.reason.get_or_insert(reason);
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.yields.extend(other.yields);
        self.micros.extend(other.micros);
        self.failures += other.failures;
        self.reason = self.reason.take().or(other.reason);
    }

    /// Successes in a second.
    pub(crate) fn rate(&self) -> f64 {
        count(self.micros.len()) / self.time.as_secs_f64().max(1e-9)
    }

    /// The time that this share of the successes stayed below, in microseconds.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        quantile(&self.micros, share)
    }
}

/// A number of things, to reckon with.
pub(crate) fn count(things: usize) -> f64 {
    u32::try_from(things).map_or(f64::MAX, f64::from)
}

/// The value that `share` of the sorted values do not exceed; 0 of none.
pub(crate) fn quantile(sorted: &[f32], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index of the list"
    )]
    let place = (count(sorted.len()) * share).ceil() as usize;
    sorted
        .get(place.saturating_sub(1))
        .map_or(0.0, |value| f64::from(*value))
}

/// After so many failures a task gives up: the run is void anyway.
const MOST_FAILURES: usize = 20;

/// Every line does the job again and again for this long, or until nothing is left to do.
pub(crate) async fn closed<J: Job>(job: Arc<J>, lines: Vec<J::Line>, time: Duration) -> Outcome<J::Yield> {
    let began = Instant::now();
    let end = began + time;
    let mut tasks = JoinSet::new();
    for mut line in lines {
        let job = Arc::clone(&job);
        tasks.spawn(async move {
            let mut outcome = Outcome::new();
            while Instant::now() < end && outcome.failures < MOST_FAILURES {
                let began = Instant::now();
                match job.once(&mut line).await {
                    Ok(None) => break,
                    Ok(Some(fruit)) => outcome.record(began, Ok(fruit)),
                    Err(reason) => outcome.record(began, Err(reason)),
                }
            }
            outcome
        });
    }
    gather(tasks, began).await
}

/// The job is begun `rate` times a second whatever the answers do; waiting for a free line counts as time taken.
pub(crate) async fn open<J: Job>(
    job: Arc<J>,
    lines: Vec<J::Line>,
    rate: u32,
    time: Duration,
) -> Outcome<J::Yield> {
    let began = Instant::now();
    let (ticks, due) = mpsc::unbounded_channel();
    let due = Arc::new(Mutex::new(due));
    let mut tasks = JoinSet::new();
    for mut line in lines {
        let (job, due) = (Arc::clone(&job), Arc::clone(&due));
        tasks.spawn(async move {
            let mut outcome = Outcome::new();
            while outcome.failures < MOST_FAILURES {
                let next = due.lock().await.recv().await;
                let Some(began) = next else { break };
                match job.once(&mut line).await {
                    Ok(None) => break,
                    Ok(Some(fruit)) => outcome.record(began, Ok(fruit)),
                    Err(reason) => outcome.record(began, Err(reason)),
                }
            }
            outcome
        });
    }
    // A thread of its own: the timers of the pool are a millisecond coarse.
    let clock = std::thread::spawn(move || tick(&ticks, rate, time));
    let outcome = gather(tasks, began).await;
    drop(clock.join());
    outcome
}

fn tick(ticks: &mpsc::UnboundedSender<Instant>, rate: u32, time: Duration) {
    let (began, gap) = (Instant::now(), Duration::from_secs(1) / rate.max(1));
    let mut due = began;
    while due < began + time {
        let now = Instant::now();
        if now < due {
            std::thread::park_timeout(due - now);
            continue;
        }
        if ticks.send(now).is_err() {
            return;
        }
        due += gap;
    }
}

async fn gather<Y: Send + 'static>(mut tasks: JoinSet<Outcome<Y>>, began: Instant) -> Outcome<Y> {
    let mut all = Outcome::new();
    while let Some(done) = tasks.join_next().await {
        match done {
            Ok(outcome) => all.merge(outcome),
            Err(error) => {
                all.failures += 1;
                all.reason.get_or_insert(error.into());
            }
        }
    }
    all.time = began.elapsed();
    all.micros.sort_unstable_by(f32::total_cmp);
    all
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    struct Countdown(AtomicUsize);

    impl Job for Countdown {
        type Line = ();
        type Yield = usize;

        async fn once(&self, (): &mut ()) -> anyhow::Result<Option<usize>> {
            tokio::task::yield_now().await;
            let step = |left: usize| left.checked_sub(1);
            Ok(self
                .0
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, step)
                .ok())
        }
    }

    #[tokio::test]
    async fn a_closed_loop_ends_when_nothing_is_left() {
        let job = Arc::new(Countdown(AtomicUsize::new(100)));
        let outcome = closed(job, vec![(); 4], Duration::from_secs(30)).await;
        assert_eq!((outcome.yields.len(), outcome.failures), (100, 0));
        assert!(outcome.quantile(0.5) <= outcome.quantile(0.99));
    }

    #[tokio::test]
    async fn an_open_loop_keeps_its_rate() {
        let job = Arc::new(Countdown(AtomicUsize::new(1_000)));
        let outcome = open(job, vec![(); 4], 200, Duration::from_millis(100)).await;
        assert_eq!(outcome.yields.len(), 20);
    }

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let values = [1.0, 2.0, 3.0, 4.0];
        assert!((quantile(&values, 0.5) - 2.0).abs() < 1e-9);
        assert!((quantile(&values, 0.99) - 4.0).abs() < 1e-9);
        assert!(quantile(&[], 0.5).abs() < 1e-9);
    }
}
