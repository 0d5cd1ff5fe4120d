//! A lane for each channel: so many sends at once, so many waiting, and the rest goes back into the outbox. A full
//! lane never stops the other one.

use domain::user::Channel;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

/// Sends at once in a lane.
const AT_ONCE: usize = 8;
/// Messages that are sent or wait in a lane.
const HELD: usize = 64;
/// Messages that the worker holds at most; both lanes full, and one batch that is being given back.
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
    held: Semaphore,
    sending: Semaphore,
}

impl Default for Lane {
    fn default() -> Self {
        Self {
            held: Semaphore::new(HELD),
            sending: Semaphore::new(AT_ONCE),
        }
    }
}

/// What waiting for a turn came to.
pub(super) enum Turn<'a> {
    /// Now; the place is free again when it is dropped.
    Mine(Place<'a>),
    /// Too many wait already.
    Full,
    /// The worker stops.
    Stopped,
}

/// A place in a lane.
pub(super) struct Place<'a> {
    _held: SemaphorePermit<'a>,
    _sending: SemaphorePermit<'a>,
}

impl Lane {
    /// Waits for a turn.
    pub(super) async fn turn(&self, stop: &CancellationToken) -> Turn<'_> {
        let Ok(held) = self.held.try_acquire() else {
            return Turn::Full;
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => Turn::Stopped,
            sending = self.sending.acquire() => match sending {
                Ok(sending) => Turn::Mine(Place { _held: held, _sending: sending }),
                Err(_) => Turn::Stopped,
            },
        }
    }
}
