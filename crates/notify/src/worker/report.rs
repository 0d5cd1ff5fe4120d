//! What became of messages, as counters and log lines. Both name channel, provider and id, never a recipient or a code.

use std::time::Duration;

use app::delivery::Due;
use metrics::{counter, gauge, histogram};

/// What a number is about.
#[derive(Clone, Copy)]
pub(super) struct Label {
    pub channel: &'static str,
    pub provider: &'static str,
}

impl Label {
    /// For a message that cannot be opened.
    pub(super) const fn unknown() -> Self {
        Self {
            channel: "unknown",
            provider: "none",
        }
    }
}

/// What became of a try.
#[derive(Clone, Copy)]
pub(super) enum Outcome {
    /// Delivered.
    Sent,
    /// Too late: never sent.
    Expired,
    /// Not sent, for its code was used, withdrawn or replaced before.
    Withdrawn,
    /// Given up, for trying again cannot help.
    Failed(&'static str),
    /// Later again.
    Retried(&'static str),
    /// Replaced by a newer message, or taken by somebody else after the lease ran out.
    Overtaken,
}

impl Outcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
            Self::Failed(_) => "failed",
            Self::Retried(_) => "retried",
            Self::Overtaken => "overtaken",
        }
    }
}

/// Counts and logs an outcome.
pub(super) fn outcome(label: Label, due: &Due, outcome: Outcome) {
    let Label { channel, provider } = label;
    counter!("merlon_messages_total", "channel" => channel, "provider" => provider, "outcome" => outcome.name())
        .increment(1);
    let (delivery, tries) = (due.id(), due.attempts() + 1);
    match outcome {
        Outcome::Sent => tracing::debug!(delivery, channel, provider, tries, "a message was sent"),
        Outcome::Expired => tracing::warn!(delivery, channel, provider, tries, "a message expired unsent"),
        Outcome::Withdrawn => tracing::info!(
            delivery,
            channel,
            provider,
            tries,
            "a message was not sent, for its code is dead"
        ),
        Outcome::Failed(reason) => {
            tracing::warn!(
                delivery,
                channel,
                provider,
                tries,
                reason,
                "a message was given up"
            );
        }
        Outcome::Retried(reason) => {
            tracing::info!(
                delivery,
                channel,
                provider,
                tries,
                reason,
                "a message is tried again later"
            );
        }
        Outcome::Overtaken => {
            tracing::info!(
                delivery,
                channel,
                provider,
                tries,
                "a message was replaced while it was sent"
            );
        }
    }
}

/// Time of one try.
pub(super) fn took(label: Label, time: Duration) {
    histogram!("merlon_message_send_seconds", "channel" => label.channel, "provider" => label.provider)
        .record(time.as_secs_f64());
}

/// Time from commit to delivery.
pub(super) fn delay(label: Label, time: Duration) {
    histogram!("merlon_message_delay_seconds", "channel" => label.channel, "provider" => label.provider)
        .record(time.as_secs_f64());
}

/// Messages in the outbox.
pub(super) fn waiting(count: i64) {
    gauge!("merlon_messages_waiting").set(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
}
