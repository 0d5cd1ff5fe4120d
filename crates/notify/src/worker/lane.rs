//! A lane for each channel: so many sends at once, so many waiting, and the rest stays in the outbox. A full lane never stops the
//! other one.

use std::sync::Arc;

use domain::user::Channel;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

/// Sends at once in a lane.
const AT_ONCE: usize = 8;
/// Messages that are sent or wait in a lane.
const HELD: usize = 64;
/// Messages that the worker holds at most; both lanes full, and one batch of what needs no place.
pub(super) const MOST_HELD: usize = 2 * HELD + 32;

/// One lane for each channel.
#[derive(Default)]
pub(super) struct Lanes {
    sms: Lane,
    email: Lane,
}

impl Lanes {
    pub(super) fn of(&self, channel: Channel) -> &Lane {
        match channel {
            Channel::Sms => &self.sms,
            Channel::Email => &self.email,
        }
    }
}

/// The way to one provider.
pub(super) struct Lane {
    held: Arc<Semaphore>,
    sending: Semaphore,
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            held: Arc::new(Semaphore::new(HELD)),
            sending: Semaphore::new(AT_ONCE),
        }
    }
}

/// A place in a lane; free again when it is dropped.
pub(super) struct Place(#[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit);

impl Lane {
    /// A place, unless the lane is full.
    pub(super) fn place(&self) -> Option<Place> {
        Arc::clone(&self.held).try_acquire_owned().ok().map(Place)
    }

    /// Waits for the turn of somebody who has a place; nothing if the worker stops before.
    pub(super) async fn turn(&self, stop: &CancellationToken) -> Option<SemaphorePermit<'_>> {
        tokio::select! {
            biased;
            () = stop.cancelled() => None,
            sending = self.sending.acquire() => sending.ok(),
        }
    }
}
