//! The outbox as senders see it: messages opened for sending, and what became of each.

use domain::{
    base::{InstanceId, Timestamp},
    user::User,
};
use store::{Stored, outbox};

use crate::{ctx::Ctx, error::Result, message::Message, secret::Subject};

/// A message that is due.
#[derive(Debug)]
pub struct Due {
    parcel: outbox::Parcel,
    lease: String,
}

impl Due {
    /// Id of the message; the same in every try, so that a receiver can recognize a repetition.
    pub fn id(&self) -> &str {
        &self.parcel.id
    }

    /// What one holds it by.
    pub fn lease(&self) -> &str {
        &self.lease
    }

    /// The tenant.
    pub fn instance(&self) -> &InstanceId {
        &self.parcel.instance
    }

    /// Tries before this one.
    pub fn attempts(&self) -> i64 {
        self.parcel.attempts
    }

    /// When it was put into the outbox.
    pub fn created(&self) -> Timestamp {
        self.parcel.created
    }

    /// From then on it must not be sent.
    pub fn expires(&self) -> Timestamp {
        self.parcel.expires
    }
}

/// What was taken of what is due.
#[derive(Debug)]
pub struct Taken<P> {
    /// The messages, each with the place that was found for it.
    pub messages: Vec<(Due, P)>,
    /// Whether there was one that no place was found for.
    pub left: bool,
}

/// How far is looked for messages that there is a place for.
const LOOKED_AT: i64 = 10_000;

/// Takes up to `most` due messages that `place` finds a place for, until `until`: nobody else sends them meanwhile. If the store fails
/// after some were taken, those are handed out all the same, for nobody else would send them before `until`; whoever takes next hears of it.
///
/// Nothing is written for the others: however many wait and however often is looked, they lie where they are, for others, too. If none of
/// the first is taken, it is looked far behind them.
pub async fn take<P: Send>(
    ctx: &Ctx,
    most: i64,
    until: Timestamp,
    place: impl Fn(&Due) -> Option<P> + Send,
) -> Result<Taken<P>> {
    let now = ctx.now();
    let mut taken = Taken {
        messages: Vec::new(),
        left: false,
    };
    for looked_at in [most, LOOKED_AT.max(most)] {
        let parcels = {
            let mut snapshot = ctx.store.snapshot().await?;
            outbox::due(&mut snapshot, now, looked_at).await?
        };
        let is_all = count(parcels.len()) < looked_at;
        for parcel in parcels {
            let mut due = Due {
                parcel,
                lease: String::new(),
            };
            let Some(place) = place(&due) else {
                taken.left = true;
                // Ten thousand that are opened in vain take a while.
                tokio::task::yield_now().await;
                continue;
            };
            due.lease = ctx.new_id();
            match ctx.store.lease_parcel(&due.parcel, &due.lease, now, until).await {
                Ok(true) => taken.messages.push((due, place)),
                Ok(false) => {}
                Err(error) if taken.messages.is_empty() => return Err(error.into()),
                Err(_) => return Ok(taken),
            }
            if count(taken.messages.len()) >= most {
                return Ok(taken);
            }
        }
        if is_all || !taken.messages.is_empty() {
            break;
        }
    }
    Ok(taken)
}

fn count(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// Opens a message; nothing when it was sealed with another master key or for another row.
pub fn open(ctx: &Ctx, due: &Due) -> Option<Message> {
    let plain = ctx
        .keys
        .open(&format!("outbox/{}", due.parcel.id), &due.parcel.sealed)?;
    serde_json::from_slice(&plain).ok()
}

/// Whether the code of a message can still be entered: it was not used, withdrawn or replaced while the message waited.
pub async fn is_wanted(ctx: &Ctx, due: &Due, message: &Message) -> Result<bool> {
    let Ok(subject) = <[u8; 32]>::try_from(&*due.parcel.subject) else {
        return Ok(false);
    };
    let (digest, _) = ctx.keys.code_digest(&Subject(subject), &message.code);
    let mut snapshot = ctx.store.glance()?;
    let (_, user) = User::load(&mut snapshot, &due.parcel.instance, &due.parcel.user).await?;
    Ok(user
        .person()
        .is_some_and(|person| person.awaits(&digest, ctx.now())))
}

/// The message was sent, expired, or cannot be sent at all: it goes, and its readable code with it.
pub async fn finish(ctx: &Ctx, due: &Due) -> Result<bool> {
    Ok(ctx.store.finish_parcel(&due.parcel, &due.lease).await?)
}

/// The try failed: again at `next`.
pub async fn postpone(ctx: &Ctx, due: &Due, next: Timestamp) -> Result<bool> {
    Ok(ctx.store.postpone_parcel(&due.parcel, &due.lease, next).await?)
}

/// It was not tried after all: again at `next`, as if it had not been taken.
pub async fn give_back(ctx: &Ctx, due: &Due, next: Timestamp) -> Result<bool> {
    Ok(ctx.store.return_parcel(&due.parcel, &due.lease, next).await?)
}

/// When the next message is due of those that were not at `looked`, if any waits.
pub async fn next_due(ctx: &Ctx, looked: Option<Timestamp>) -> Result<Option<Timestamp>> {
    let mut snapshot = ctx.store.snapshot().await?;
    Ok(outbox::next_due(&mut snapshot, looked).await?)
}

/// How many messages wait.
pub async fn waiting(ctx: &Ctx) -> Result<i64> {
    let mut snapshot = ctx.store.snapshot().await?;
    Ok(outbox::waiting(&mut snapshot).await?)
}
