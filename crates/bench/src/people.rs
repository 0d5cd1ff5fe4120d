//! The users of a measurement: some are read, the others get factors. Which one is next jumps over all of them, so that
//! neither memory nor disk find what they need where they looked last.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use anyhow::Context;

use crate::{
    api::{self, Line, Pending, Place, Wire},
    drive::{self, Job, Outcome},
};

/// Factors that a user gets at most.
const FACTORS: usize = 10;
/// One user of so many is read and gets a single factor.
const READ_ONE_OF: usize = 5;
/// Numbers of the range +41 79, which are free for everybody to add as long as no code is sent.
const NUMBERS: usize = 10_000_000;
/// A prime, so coprime with any smaller number of users, and far from a multiple of the round ones.
const JUMP: usize = 2_654_435_761;
/// Time that preparing may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_mins(5);
const PREPARE_WIDTH: usize = 64;

/// Users by what is done to them.
#[derive(Debug)]
pub(crate) struct People {
    readers: Vec<Arc<str>>,
    next_read: AtomicUsize,
    targets: Vec<Arc<str>>,
    next_slot: AtomicUsize,
}

impl People {
    /// Creates users through the API.
    pub(crate) async fn create(place: &Place, users: usize) -> anyhow::Result<Self> {
        let mut targets = create(place, users).await?;
        let readers: Vec<_> = targets.drain(..users.div_ceil(READ_ONE_OF)).collect();
        let job = Arc::new(Equip {
            users: readers.clone(),
            next: AtomicUsize::new(0),
        });
        let lines = place.lines(Wire::Json, PREPARE_WIDTH.min(readers.len())).await?;
        complete(drive::closed(job, lines, PATIENCE).await, readers.len())?;
        Ok(Self {
            readers,
            next_read: AtomicUsize::new(0),
            targets,
            next_slot: AtomicUsize::new(0),
        })
    }

    /// How many factors can still be added.
    pub(crate) fn room(&self) -> usize {
        (self.targets.len() * FACTORS).saturating_sub(self.next_slot.load(Ordering::Relaxed))
    }

    /// Takes new users in the place of those that have all their factors.
    pub(crate) async fn renew(&mut self, place: &Place) -> anyhow::Result<()> {
        self.targets = create(place, self.targets.len()).await?;
        self.next_slot = AtomicUsize::new(0);
        Ok(())
    }

    /// The next user to read.
    pub(crate) fn reader(&self) -> &Arc<str> {
        let n = self.next_read.fetch_add(1, Ordering::Relaxed);
        &self.readers[jump(n, self.readers.len())]
    }

    /// The next user to get a factor, and its number; nothing when all have enough.
    fn slot(&self) -> Option<(&Arc<str>, u64)> {
        let n = self.next_slot.fetch_add(1, Ordering::Relaxed);
        let fits = n < self.targets.len() * FACTORS;
        let number = u64::try_from(n % NUMBERS).unwrap_or(0);
        fits.then(|| (&self.targets[jump(n, self.targets.len())], number))
    }
}

/// The `n`th of `many` in an order that jumps over all of them.
pub(crate) const fn jump(n: usize, many: usize) -> usize {
    n.wrapping_mul(JUMP) % many
}

/// Creates so many users.
pub(crate) async fn create(place: &Place, users: usize) -> anyhow::Result<Vec<Arc<str>>> {
    let org = api::own_org(&mut place.http().await?).await?;
    let job = Arc::new(Create {
        org,
        most: users,
        next: AtomicUsize::new(0),
    });
    let lines = place.lines(Wire::Json, PREPARE_WIDTH.min(users)).await?;
    complete(drive::closed(job, lines, PATIENCE).await, users)
}

/// What preparing brought; half of it is nothing to measure with.
fn complete<Y>(outcome: Outcome<Y>, wanted: usize) -> anyhow::Result<Vec<Y>> {
    if let Some(reason) = outcome.reason {
        return Err(reason.context("preparing users"));
    }
    anyhow::ensure!(outcome.yields.len() == wanted, "preparing users took too long");
    Ok(outcome.yields)
}

struct Create {
    org: String,
    most: usize,
    next: AtomicUsize,
}

impl Job for Create {
    type Line = Line;
    type Yield = Arc<str>;

    async fn once(&self, line: &mut Line) -> anyhow::Result<Option<Arc<str>>> {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let Line::Json(http) = line else {
            anyhow::bail!("users are created over JSON");
        };
        if n >= self.most {
            return Ok(None);
        }
        api::create_user(http, &self.org, n).await.map(Some)
    }
}

struct Equip {
    users: Vec<Arc<str>>,
    next: AtomicUsize,
}

impl Job for Equip {
    type Line = Line;
    type Yield = ();

    async fn once(&self, line: &mut Line) -> anyhow::Result<Option<()>> {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        match self.users.get(n) {
            Some(user) => line
                .add(user, u64::try_from(n % NUMBERS)?)
                .await
                .map(|_| Some(())),
            None => Ok(None),
        }
    }
}

/// Adds factors.
#[derive(Debug)]
pub(crate) struct Add(pub(crate) Arc<People>);

impl Job for Add {
    type Line = Line;
    type Yield = Pending;

    async fn once(&self, line: &mut Line) -> anyhow::Result<Option<Pending>> {
        match self.0.slot() {
            Some((user, number)) => line.add(user, number).await.map(Some),
            None => Ok(None),
        }
    }
}

/// Enters the codes of what was added, each once.
#[derive(Debug)]
pub(crate) struct Verify {
    pending: Vec<Pending>,
    next: AtomicUsize,
}

impl Verify {
    /// The codes to enter.
    pub(crate) fn new(pending: Vec<Pending>) -> Self {
        Self {
            pending,
            next: AtomicUsize::new(0),
        }
    }
}

impl Job for Verify {
    type Line = Line;
    type Yield = ();

    async fn once(&self, line: &mut Line) -> anyhow::Result<Option<()>> {
        match self.pending.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            Some(pending) => line.verify(pending).await.map(Some),
            None => Ok(None),
        }
    }
}

/// Reads users.
#[derive(Debug)]
pub(crate) struct Get(pub(crate) Arc<People>);

impl Job for Get {
    type Line = Line;
    type Yield = ();

    async fn once(&self, line: &mut Line) -> anyhow::Result<Option<()>> {
        line.get(self.0.reader()).await.map(Some)
    }
}

/// Gives users passwords, one after the other: as the password of a sign-in is hashed to be compared, so is a new one.
#[derive(Debug)]
pub(crate) struct Passwords {
    people: Arc<People>,
    next: AtomicUsize,
}

impl Passwords {
    /// For users who get factors otherwise.
    pub(crate) fn new(people: Arc<People>) -> Self {
        Self {
            people,
            next: AtomicUsize::new(0),
        }
    }
}

impl Job for Passwords {
    type Line = Line;
    type Yield = ();

    async fn once(&self, line: &mut Line) -> anyhow::Result<Option<()>> {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let user = &self.people.targets[jump(n, self.people.targets.len())];
        line.set_password(user, n).await.map(Some)
    }
}

/// Adds nothing and reads nothing: opens a window on an idle server.
pub(crate) async fn knock(place: &Place) -> anyhow::Result<crate::http1::Http1> {
    let mut http = place.http().await?;
    http.prepare("GET", format_args!("/debug/healthz"), format_args!(""));
    http.send().await.context("asking for health")?;
    Ok(http)
}
