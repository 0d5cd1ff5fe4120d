//! How often something may be sent to one destination or for one user.

use crate::base::{Span, Timestamp};

/// Times of the sends that still count, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendHistory(pub Vec<Timestamp>);

/// Limits on sends; every one is finite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendLimits {
    /// Least time between two sends to one destination.
    pub gap: Span,
    /// Sends an hour to one destination.
    pub per_hour: u32,
    /// Sends a day to one destination.
    pub per_day: u32,
    /// Sends a day for one user, over all destinations.
    pub user_per_day: u32,
}

impl Default for SendLimits {
    fn default() -> Self {
        Self {
            gap: Span::seconds(30),
            per_hour: 5,
            per_day: 10,
            user_per_day: 30,
        }
    }
}

impl SendHistory {
    /// What is left of the history at `now`: the last 24 hours.
    #[must_use]
    pub fn recent(mut self, now: Timestamp) -> Self {
        self.0.retain(|at| now - *at < Span::hours(24));
        self
    }

    /// The history with a send at `now`.
    #[must_use]
    pub fn with(mut self, now: Timestamp) -> Self {
        self.0.push(now);
        self
    }

    /// When the next send is allowed within `limit` sends per `window`; `None` means now.
    fn wait(&self, limit: u32, window: Span, now: Timestamp) -> Option<Timestamp> {
        let limit = limit.max(1) as usize;
        let inside: Vec<_> = self.0.iter().filter(|at| now - **at < window).collect();
        let first_to_leave = inside.len().checked_sub(limit)?;
        inside.get(first_to_leave).map(|at| **at + window)
    }
}

impl SendLimits {
    /// Judges a send to a destination with this history; the error is when it will be allowed.
    pub fn destination(&self, history: &SendHistory, now: Timestamp) -> Result<(), Timestamp> {
        let waits = [
            history.wait(1, self.gap, now),
            history.wait(self.per_hour, Span::hours(1), now),
            history.wait(self.per_day, Span::hours(24), now),
        ];
        waits.into_iter().flatten().max().map_or(Ok(()), Err)
    }

    /// Judges a send for a user with this history over all destinations.
    pub fn user(&self, history: &SendHistory, now: Timestamp) -> Result<(), Timestamp> {
        history
            .wait(self.user_per_day, Span::hours(24), now)
            .map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_700_000_000_000_000);

    fn at(seconds: i64) -> Timestamp {
        START + Span::seconds(seconds)
    }

    #[test]
    fn two_sends_to_one_destination_are_thirty_seconds_apart() {
        let history = SendHistory::default().with(at(0));
        let limits = SendLimits::default();
        assert_eq!(limits.destination(&history, at(29)), Err(at(30)));
        assert_eq!(limits.destination(&history, at(30)), Ok(()));
    }

    #[test]
    fn five_an_hour_and_ten_a_day() {
        let limits = SendLimits::default();
        let hour = (0..5).fold(SendHistory::default(), |h, i| h.with(at(i * 60)));
        assert_eq!(limits.destination(&hour, at(600)), Err(at(3600)));
        assert_eq!(limits.destination(&hour, at(3600)), Ok(()));
        let day = (0..10).fold(SendHistory::default(), |h, i| h.with(at(i * 1800)));
        assert_eq!(limits.destination(&day, at(20_000)), Err(at(86_400)));
    }

    #[test]
    fn thirty_a_day_for_a_user() {
        let limits = SendLimits::default();
        let history = (0..30).fold(SendHistory::default(), |h, i| h.with(at(i)));
        assert_eq!(limits.user(&history, at(100)), Err(at(86_400)));
        assert_eq!(limits.user(&history.recent(at(86_400)), at(86_400)), Ok(()));
    }
}
