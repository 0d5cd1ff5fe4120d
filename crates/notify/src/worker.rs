//! The worker: leases due messages, hands each to the provider of its channel, and says what became of it. A channel
//! whose provider hangs holds up nobody but itself; nothing is sent after its expiry; every message ends up counted.

mod backoff;
mod lane;
mod report;

use std::{sync::Arc, time::Duration};

use app::{
    Ctx,
    delivery::{self, Due},
    message::Message,
};
use domain::base::{Span, Timestamp};
use tokio::{sync::Notify, task::JoinSet, time::timeout};
use tokio_util::sync::CancellationToken;

use self::{
    lane::{Lanes, Turn},
    report::Outcome,
};
use crate::{Failure, Sender, Senders, render::render, sender::channel_name};

/// Messages that are taken at once.
const BATCH: i64 = 32;
/// How long a message is ours. Longer than waiting in a lane and every send timeout together.
const LEASE: Span = Span::seconds(60);
/// A send begins only when so much of the lease is left that it ends, and is noted, within it.
const MARGIN: Span = Span::seconds(10);
/// The longest sleep: other nodes may have put something into the outbox.
const NAP: Duration = Duration::from_secs(30);
/// The pause after the store failed.
const STORE_PAUSE: Duration = Duration::from_secs(1);
/// How often the store is asked in any case to remove a message.
const CHANCES: u32 = 3;

struct Worker {
    ctx: Arc<Ctx>,
    senders: Senders,
    lanes: Lanes,
    /// Rung when a message was given back: it may be due before the nap ends.
    given_back: Notify,
    stop: CancellationToken,
}

/// Delivers until `stop` is cancelled; then finishes what is being sent and gives back what only waits. Several
/// workers, here or on other nodes, share the outbox.
pub async fn run(ctx: Arc<Ctx>, senders: Senders, stop: CancellationToken) {
    let worker = Arc::new(Worker {
        ctx,
        senders,
        lanes: Lanes::default(),
        given_back: Notify::new(),
        stop,
    });
    let mut sends = JoinSet::new();
    while !worker.stop.is_cancelled() {
        match worker.round(&mut sends).await {
            Ok(true) => {}
            Ok(false) => worker.nap(&mut sends).await,
            Err(error) => {
                tracing::error!(%error, "the outbox cannot be read");
                let _ = timeout(STORE_PAUSE, worker.stop.cancelled()).await;
            }
        }
    }
    while sends.join_next().await.is_some() {}
}

impl Worker {
    /// Takes one batch and begins to send it. False when nothing was there, or nothing more can be held.
    async fn round(self: &Arc<Self>, sends: &mut JoinSet<()>) -> app::Result<bool> {
        while sends.try_join_next().is_some() {}
        if sends.len() >= lane::MOST_HELD {
            return Ok(false);
        }
        let until = self.ctx.now() + LEASE;
        let taken = delivery::take(&self.ctx, BATCH, until).await?;
        let some = !taken.is_empty();
        for due in taken {
            let worker = self.clone();
            sends.spawn(async move { worker.deliver(due, until).await });
        }
        Ok(some)
    }

    /// Waits until there may be something to do.
    async fn nap(&self, sends: &mut JoinSet<()>) {
        let full = sends.len() >= lane::MOST_HELD;
        let wait = if full { NAP } else { self.until_next().await };
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.ctx.store.parcels().notified(), if !full => {}
            () = self.given_back.notified(), if !full => {}
            Some(_) = sends.join_next(), if full => {}
            () = tokio::time::sleep(wait) => {}
        }
    }

    async fn until_next(&self) -> Duration {
        if let Ok(waiting) = delivery::waiting(&self.ctx).await {
            report::waiting(waiting);
        }
        match delivery::next_due(&self.ctx).await {
            Ok(Some(next)) => span(next - self.ctx.now()).min(NAP),
            Ok(None) => NAP,
            Err(_) => STORE_PAUSE,
        }
    }

    /// Sees one message through, and makes sure that it is noted what became of it.
    async fn deliver(&self, due: Due, until: Timestamp) {
        let Some(message) = delivery::open(&self.ctx, &due) else {
            let label = report::Label::unknown();
            return self
                .end(&due, label, Outcome::Failed("it cannot be opened"))
                .await;
        };
        let channel = message.destination.channel();
        let (lane, sender) = (self.lanes.of(channel), self.senders.of(channel));
        let label = report::Label {
            channel: channel_name(channel),
            provider: sender.map_or("none", Sender::name),
        };
        if self.is_dead(&due, &message) {
            return self.end(&due, label, Outcome::Expired).await;
        }
        let Some(sender) = sender else {
            return self.fail(&due, label, Failure::later("no provider")).await;
        };
        match lane.turn(&self.stop).await {
            Turn::Mine(_place) => self.attempt(&due, &message, sender, (label, until)).await,
            Turn::Full => self.put_back(&due, backoff::later(&*self.ctx.entropy)).await,
            Turn::Stopped => self.put_back(&due, Span::default()).await,
        }
    }

    /// One try, now that it is this message's turn; it may have died or lost its lease while it waited.
    async fn attempt(
        &self,
        due: &Due,
        message: &Message,
        sender: &Sender,
        (label, until): (report::Label, Timestamp),
    ) {
        let now = self.ctx.now();
        if self.is_dead(due, message) {
            return self.end(due, label, Outcome::Expired).await;
        }
        let rest = span(until - MARGIN - now);
        if rest < sender.timeout() {
            return self.put_back(due, Span::default()).await;
        }
        match delivery::is_wanted(&self.ctx, due, message).await {
            Ok(true) => {}
            Ok(false) => return self.end(due, label, Outcome::Withdrawn).await,
            Err(_) => return self.fail(due, label, Failure::later("the store failed")).await,
        }
        let rendered = render(message, now);
        let patience = sender.timeout().min(span(message.expires - now));
        let began = tokio::time::Instant::now();
        let sending = timeout(patience, sender.send(&self.ctx, due, message, &rendered));
        let sent = sending.await.unwrap_or(Err(Failure::later("it took too long")));
        report::took(label, began.elapsed());
        match sent {
            Ok(()) => {
                report::delay(label, span(self.ctx.now() - due.created()));
                self.end(due, label, Outcome::Sent).await;
            }
            Err(failure) => self.fail(due, label, failure).await,
        }
    }

    fn is_dead(&self, due: &Due, message: &Message) -> bool {
        let now = self.ctx.now();
        due.expires() <= now || message.expires <= now
    }

    /// Later again, not after the expiry: there it is taken once more, to be counted as expired.
    async fn fail(&self, due: &Due, label: report::Label, failure: Failure) {
        match failure {
            Failure::Never { reason } => self.end(due, label, Outcome::Failed(reason)).await,
            Failure::Later { reason, after } => {
                report::outcome(label, due, Outcome::Retried(reason));
                let pause = backoff::pause(&*self.ctx.entropy, due.attempts(), after);
                self.put_back(due, pause).await;
            }
        }
    }

    /// Removes the message and its readable code with it. A message that was sent but cannot be removed would be sent
    /// again once its lease is over, so the store is asked until it does it: for as long as anybody would send the message, but
    /// not when all is to stop.
    async fn end(&self, due: &Due, label: report::Label, outcome: Outcome) {
        for tries in 1.. {
            match delivery::finish(&self.ctx, due).await {
                Ok(true) => return report::outcome(label, due, outcome),
                Ok(false) => return report::outcome(label, due, Outcome::Overtaken),
                Err(_) if tries < CHANCES => tokio::time::sleep(STORE_PAUSE / 10).await,
                Err(_) if self.stop.is_cancelled() || self.ctx.now() >= due.expires() => break,
                Err(_) => _ = timeout(STORE_PAUSE, self.stop.cancelled()).await,
            }
        }
        tracing::error!(message = due.id(), "a finished message could not be removed");
        report::outcome(label, due, outcome);
    }

    async fn put_back(&self, due: &Due, pause: Span) {
        let next = (self.ctx.now() + pause).min(due.expires());
        if let Err(error) = delivery::postpone(&self.ctx, due, next).await {
            // The lease runs out by itself.
            tracing::warn!(message = due.id(), %error, "a message could not be given back");
        }
        self.given_back.notify_one();
    }
}

fn span(span: Span) -> Duration {
    Duration::from_micros(u64::try_from(span.0).unwrap_or(0))
}
