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
    lane::{Lanes, Place},
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
/// The pause after looking in vain for messages that there is a place for, at least.
const CROWDED_PAUSE: Duration = Duration::from_millis(100);
/// The same, as a multiple of how long the look took: most of the time nobody looks, however many wait.
const CROWDED_REST: u32 = 9;
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

/// What a round came to.
enum Round {
    /// There may be more to take.
    More,
    /// Nothing more is due, or nothing more can be held.
    Done,
    /// All that is due waits for places in its lane.
    Crowded(Crowd),
}

/// A look for messages that there is a place for, when there was none.
#[derive(Clone, Copy)]
struct Crowd {
    at: Timestamp,
    took: Duration,
}

/// A message that is opened, and its place if it needs one.
struct Opened {
    message: Option<Message>,
    place: Option<Place>,
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
            Ok(Round::More) => {}
            Ok(Round::Done) => worker.nap(&mut sends, None).await,
            Ok(Round::Crowded(crowd)) => worker.nap(&mut sends, Some(crowd)).await,
            Err(error) => {
                tracing::error!(%error, "the outbox cannot be read");
                let _ = timeout(STORE_PAUSE, worker.stop.cancelled()).await;
            }
        }
    }
    while sends.join_next().await.is_some() {}
}

impl Worker {
    /// Takes one batch of what there is a place for, and begins to send it.
    async fn round(self: &Arc<Self>, sends: &mut JoinSet<()>) -> app::Result<Round> {
        while sends.try_join_next().is_some() {}
        if sends.len() >= lane::MOST_HELD {
            return Ok(Round::Done);
        }
        let (at, began) = (self.ctx.now(), tokio::time::Instant::now());
        let until = at + LEASE;
        let taken = delivery::take(&self.ctx, BATCH, until, |due| self.opened(due)).await?;
        let took = began.elapsed();
        let round = match (taken.messages.is_empty(), taken.left) {
            (false, _) => Round::More,
            (true, true) => Round::Crowded(Crowd { at, took }),
            (true, false) => Round::Done,
        };
        for (due, opened) in taken.messages {
            let worker = self.clone();
            sends.spawn(async move { worker.deliver(due, opened, until).await });
        }
        Ok(round)
    }

    /// A message with its place; nothing if its lane is full. What is not sent anyway needs none.
    fn opened(&self, due: &Due) -> Option<Opened> {
        let message = delivery::open(&self.ctx, due);
        let place = match &message {
            Some(message) if self.is_sent(due, message) => {
                Some(self.lanes.of(message.destination.channel()).place()?)
            }
            _ => None,
        };
        Some(Opened { message, place })
    }

    fn is_sent(&self, due: &Due, message: &Message) -> bool {
        !self.is_dead(due, message) && self.senders.of(message.destination.channel()).is_some()
    }

    /// Waits until there may be something to do; in a crowd, until a place is free or something else comes.
    async fn nap(&self, sends: &mut JoinSet<()>, crowd: Option<Crowd>) {
        let full = sends.len() >= lane::MOST_HELD;
        if let Some(Crowd { took, .. }) = crowd {
            let pause = (took * CROWDED_REST).max(CROWDED_PAUSE);
            let _ = timeout(pause, self.stop.cancelled()).await;
        }
        let wait = if full { NAP } else { self.until_next(crowd).await };
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.ctx.store.parcels().notified(), if !full => {}
            () = self.given_back.notified(), if !full => {}
            Some(_) = sends.join_next(), if full || crowd.is_some() => {}
            () = tokio::time::sleep(wait) => {}
        }
    }

    async fn until_next(&self, crowd: Option<Crowd>) -> Duration {
        if let Ok(waiting) = delivery::waiting(&self.ctx).await {
            report::waiting(waiting);
        }
        match delivery::next_due(&self.ctx, crowd.map(|crowd| crowd.at)).await {
            Ok(Some(next)) => span(next - self.ctx.now()).min(NAP),
            Ok(None) => NAP,
            Err(_) => STORE_PAUSE,
        }
    }

    /// Sees one message through, and makes sure that it is noted what became of it. Its place is free again then.
    async fn deliver(&self, due: Due, Opened { message, place }: Opened, until: Timestamp) {
        let Some(message) = message else {
            let label = report::Label::unknown();
            return self
                .end(&due, label, Outcome::Failed("it cannot be opened"))
                .await;
        };
        let channel = message.destination.channel();
        let sender = self.senders.of(channel);
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
        match self.lanes.of(channel).turn(&self.stop).await {
            Some(_sending) => self.attempt(&due, &message, sender, (label, until)).await,
            None => self.give_back(&due).await,
        }
        drop(place);
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
            return self.give_back(due).await;
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
        tracing::error!(delivery = due.id(), "a finished message could not be removed");
        report::outcome(label, due, outcome);
    }

    async fn put_back(&self, due: &Due, pause: Span) {
        let next = (self.ctx.now() + pause).min(due.expires());
        self.is_back(due, delivery::postpone(&self.ctx, due, next).await);
    }

    /// It was not tried: free at once for whoever has a place for it.
    async fn give_back(&self, due: &Due) {
        self.is_back(due, delivery::give_back(&self.ctx, due, self.ctx.now()).await);
    }

    fn is_back(&self, due: &Due, done: app::Result<bool>) {
        if let Err(error) = done {
            // The lease runs out by itself.
            tracing::warn!(delivery = due.id(), %error, "a message could not be given back");
        }
        self.given_back.notify_one();
    }
}

fn span(span: Span) -> Duration {
    Duration::from_micros(u64::try_from(span.0).unwrap_or(0))
}
