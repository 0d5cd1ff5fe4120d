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

/// Takes up to `most` due messages until `until`: nobody else sends them meanwhile. If the store fails after some were taken, those are
/// handed out all the same, for nobody else would send them before `until`; whoever takes next hears of it.
pub async fn take(ctx: &Ctx, most: i64, until: Timestamp) -> Result<Vec<Due>> {
    let now = ctx.now();
    let parcels = {
        let mut snapshot = ctx.store.snapshot().await?;
        outbox::due(&mut snapshot, now, most).await?
    };
    let mut taken = Vec::with_capacity(parcels.len());
    for parcel in parcels {
        let lease = ctx.new_id();
        match ctx.store.lease_parcel(&parcel, &lease, now, until).await {
            Ok(true) => taken.push(Due { parcel, lease }),
            Ok(false) => {}
            Err(error) if taken.is_empty() => return Err(error.into()),
            Err(_) => break,
        }
    }
    Ok(taken)
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

/// When the next message is due, if any waits.
pub async fn next_due(ctx: &Ctx) -> Result<Option<Timestamp>> {
    let mut snapshot = ctx.store.snapshot().await?;
    Ok(outbox::next_due(&mut snapshot).await?)
}

/// How many messages wait.
pub async fn waiting(ctx: &Ctx) -> Result<i64> {
    let mut snapshot = ctx.store.snapshot().await?;
    Ok(outbox::waiting(&mut snapshot).await?)
}
