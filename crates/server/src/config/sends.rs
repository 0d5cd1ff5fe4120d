//! Section `sends`: how often something may be sent.

use std::time::Duration;

use super::key::{Form, Key};
use super::reader::Reader;

const INTERVAL: Key = Key::new(
    "sends.interval",
    Form::Time(5, 3_600),
    "30s",
    "Time between two messages to one destination.",
);
const HOURLY: Key = Key::new(
    "sends.destination_hourly",
    Form::Count(1, 60),
    "5",
    "Messages to one destination within an hour.",
);
const DAILY: Key = Key::new(
    "sends.destination_daily",
    Form::Count(1, 200),
    "10",
    "Messages to one destination within a day.",
);
const USER_DAILY: Key = Key::new(
    "sends.user_daily",
    Form::Count(1, 1_000),
    "30",
    "Messages for one user within a day, wherever they go.",
);

pub(super) const KEYS: &[&Key] = &[&INTERVAL, &HOURLY, &DAILY, &USER_DAILY];

/// Limits of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sends {
    /// Between two messages to one destination.
    pub interval: Duration,
    /// To one destination within an hour.
    pub destination_hourly: u32,
    /// To one destination within a day.
    pub destination_daily: u32,
    /// For one user within a day.
    pub user_daily: u32,
}

impl Sends {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        Some(Self {
            interval: reader.time(&INTERVAL)?,
            destination_hourly: reader.count(&HOURLY)?,
            destination_daily: reader.count(&DAILY)?,
            user_daily: reader.count(&USER_DAILY)?,
        })
    }
}
