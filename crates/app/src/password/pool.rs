//! Where passwords are hashed and compared: on a bounded number of threads, with a bounded queue that nobody waits in for
//! longer than a deadline. Whoever finds no place hears so at once, and everything else goes on meanwhile, first.

use std::{fmt, sync::Arc, thread, time::Duration};

use domain::base::{Span, Timestamp};
use parking_lot::Mutex;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::timeout,
};

use super::memory::Memory;
use crate::error::Error;

/// The measures of the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolOptions {
    /// Passwords at work at the same time; each takes a core, and up to 128 MiB for a hash made elsewhere.
    pub threads: usize,
    /// Passwords that may wait for a thread.
    pub queue: usize,
    /// How long one waits at most.
    pub wait: Duration,
}

impl Default for PoolOptions {
    /// A thread per core, and a queue that they work off well within its deadline.
    fn default() -> Self {
        Self {
            threads: std::thread::available_parallelism().map_or(2, Into::into),
            queue: 64,
            wait: Duration::from_secs(2),
        }
    }
}

/// The pool.
pub struct PasswordPool {
    threads: Arc<Semaphore>,
    places: Arc<Places>,
    wait: Duration,
}

/// Who is at work or waits, and the memory that they leave to each other.
struct Places {
    free: Arc<Semaphore>,
    all: usize,
    memory: Mutex<Vec<Memory>>,
}

/// A place of somebody who is at work or waits. However it is left, the last one gives the memory back.
struct Place {
    permit: Option<OwnedSemaphorePermit>,
    places: Arc<Places>,
}

impl Place {
    fn take(places: &Arc<Places>) -> Option<Self> {
        let permit = Arc::clone(&places.free).try_acquire_owned().ok()?;
        Some(Self {
            permit: Some(permit),
            places: Arc::clone(places),
        })
    }

    /// Work with the memory of somebody who is done, which is left to the next.
    fn with_memory<T>(&self, work: impl FnOnce(&mut Memory) -> T) -> T {
        let mut memory = self.places.memory.lock().pop().unwrap_or_default();
        let made = work(&mut memory);
        self.places.memory.lock().extend(memory.if_usual());
        made
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(self.permit.take());
        if self.places.free.available_permits() == self.places.all {
            self.places.memory.lock().clear();
        }
    }
}

impl fmt::Debug for PasswordPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordPool")
            .field("threads", &self.threads.available_permits())
            .field("places", &self.places.free.available_permits())
            .finish_non_exhaustive()
    }
}

/// Why the pool did not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Undone {
    /// No place, or no thread in time; try again after this long.
    Busy(Span),
    /// The work itself broke.
    Broken,
}

impl Undone {
    pub(crate) fn at(self, now: Timestamp) -> Error {
        match self {
            Self::Busy(wait) => Error::PasswordsBusy(now + wait),
            Self::Broken => Error::Hashing,
        }
    }
}

impl PasswordPool {
    /// A pool of these measures; at least one thread.
    pub fn new(options: PoolOptions) -> Self {
        let threads = options.threads.max(1);
        let all = threads.saturating_add(options.queue).min(Semaphore::MAX_PERMITS);
        Self {
            threads: Arc::new(Semaphore::new(threads)),
            places: Arc::new(Places {
                free: Arc::new(Semaphore::new(all)),
                all,
                memory: Mutex::default(),
            }),
            wait: options.wait,
        }
    }

    /// Runs heavy work, with memory to hash in. Place and thread go with the work: a caller who gives up frees neither before it is
    /// done.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> T + Send + 'static,
    ) -> Result<T, Undone> {
        let place = Place::take(&self.places).ok_or_else(|| self.busy())?;
        let waited = timeout(self.wait, Arc::clone(&self.threads).acquire_owned()).await;
        let Ok(Ok(thread)) = waited else {
            return Err(self.busy());
        };
        let (done, answer) = oneshot::channel();
        let job = move || {
            stand_back();
            let made = place.with_memory(work);
            drop((thread, place));
            // Whoever gave up does not miss it.
            let _gone = done.send(made);
        };
        // A thread for each: it costs nothing beside the work, and nobody can have its priority back.
        let started = thread::Builder::new().name("password".into()).spawn(job);
        started.map_err(|_| self.busy())?;
        answer.await.map_err(|_| Undone::Broken)
    }

    fn busy(&self) -> Undone {
        Undone::Busy(Span(i64::try_from(self.wait.as_micros()).unwrap_or(i64::MAX)))
    }
}

/// How much later than others a thread that hashes gets a core (`nice`).
#[cfg(target_os = "linux")]
const BEHIND: i32 = 10;

/// Lets whoever serves requests go first. Linux knows priorities of threads; elsewhere, and if it does not allow it, all are equal.
fn stand_back() {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{getpriority_process, setpriority_process};
        let this = Some(rustix::thread::gettid());
        let _unchanged = getpriority_process(this).and_then(|now| setpriority_process(this, now + BEHIND));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn pool(queue: usize, wait: Duration) -> Arc<PasswordPool> {
        Arc::new(PasswordPool::new(PoolOptions {
            threads: 1,
            queue,
            wait,
        }))
    }

    /// Occupies the only thread until the answer's sender is dropped.
    async fn occupy(
        pool: &Arc<PasswordPool>,
    ) -> (mpsc::Sender<()>, tokio::task::JoinHandle<Result<(), Undone>>) {
        let (free, until_free) = mpsc::channel::<()>();
        let (at_work, until_at_work) = tokio::sync::oneshot::channel();
        let pool = Arc::clone(pool);
        let job = tokio::spawn(async move {
            pool.run(move |_| {
                _ = at_work.send(());
                _ = until_free.recv();
            })
            .await
        });
        until_at_work.await.unwrap();
        (free, job)
    }

    #[tokio::test]
    async fn a_full_pool_says_so_at_once() {
        let pool = pool(0, Duration::from_hours(1));
        let (free, job) = occupy(&pool).await;
        assert_eq!(pool.run(|_| ()).await, Err(Undone::Busy(Span::hours(1))));
        drop(free);
        assert_eq!(job.await.unwrap(), Ok(()));
        assert_eq!(pool.run(|_| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn who_waits_past_the_deadline_is_let_go_and_frees_the_place() {
        let pool = pool(1, Duration::from_millis(20));
        let (free, job) = occupy(&pool).await;
        for _ in 0..3 {
            assert_eq!(pool.run(|_| ()).await, Err(Undone::Busy(Span(20_000))));
        }
        drop(free);
        assert_eq!(job.await.unwrap(), Ok(()));
        assert_eq!(pool.run(|_| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn a_caller_who_gives_up_frees_nothing_before_the_work_is_done() {
        let pool = pool(0, Duration::from_hours(1));
        let (free, job) = occupy(&pool).await;
        job.abort();
        assert!(job.await.unwrap_err().is_cancelled());
        assert!(matches!(pool.run(|_| ()).await, Err(Undone::Busy(_))));
        drop(free);
    }

    #[tokio::test]
    async fn work_that_breaks_frees_its_thread() {
        let pool = pool(0, Duration::from_secs(1));
        assert_eq!(pool.run(|_| assert!(pool_is_broken())).await, Err(Undone::Broken));
        assert_eq!(pool.run(|_| 7).await, Ok(7));
    }

    fn hash(memory: &mut Memory) {
        let params = argon2::Params::new(argon2::Params::MIN_M_COST, 1, 1, None).unwrap();
        let argon2 = argon2::Argon2::from(params);
        assert!(memory.derive(&argon2, b"correct horse", b"and its salt", &mut [0; 32]));
    }

    #[tokio::test]
    async fn who_gives_up_as_the_last_gives_the_memory_back() {
        let pool = pool(1, Duration::from_hours(1));
        let place = Place::take(&pool.places).unwrap();
        pool.run(hash).await.unwrap();
        assert_eq!(pool.places.memory.lock().len(), 1, "left to whoever waits");
        drop(place);
        assert!(pool.places.memory.lock().is_empty());
    }

    #[tokio::test]
    async fn memory_goes_from_one_to_the_next_and_back_with_the_last() {
        let pool = pool(1, Duration::from_hours(1));
        let (free, first) = {
            let (free, until_free) = mpsc::channel::<()>();
            let pool = Arc::clone(&pool);
            let work = move |memory: &mut Memory| {
                assert!(memory.is_empty());
                hash(memory);
                _ = until_free.recv();
            };
            (free, tokio::spawn(async move { pool.run(work).await }))
        };
        let second = {
            let pool = Arc::clone(&pool);
            tokio::spawn(async move { pool.run(|memory| memory.is_empty()).await })
        };
        while pool.places.free.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        drop(free);
        first.await.unwrap().unwrap();
        assert_eq!(second.await.unwrap(), Ok(false));
        assert_eq!(pool.run(|memory| memory.is_empty()).await, Ok(true));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn requests_go_before_the_work_and_keep_their_priority() {
        let priority = || rustix::process::getpriority_process(Some(rustix::thread::gettid())).unwrap();
        let before = priority();
        let at_work = pool(0, Duration::from_secs(1)).run(move |_| priority()).await;
        assert_eq!(at_work, Ok((before + BEHIND).min(19)));
        assert_eq!(priority(), before);
    }

    fn pool_is_broken() -> bool {
        false
    }
}
