//! The built-in inbox: what would have been sent, readable by whoever runs the instance.

use std::{fmt, time::Duration};

use domain::{
    access::Permission,
    base::{InstanceId, Timestamp, UserId},
    user::{Destination, EmailAddress, PhoneNumber},
};
use serde::{Deserialize, Serialize};
use store::inbox::{self, Captured};
use tokio::time::Instant;

use crate::{
    access::Caller,
    ctx::Ctx,
    error::{Error, Result},
    sealed,
};

/// How long somebody who waits goes without looking again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A message as the inbox shows it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxMessage {
    /// Its id; later messages have greater ones.
    #[serde(skip)]
    pub id: String,
    /// Number or address.
    pub recipient: String,
    /// `sms` or `email`.
    pub channel: String,
    /// What it is about, such as `verify_phone`.
    pub kind: String,
    /// Subject; empty for SMS.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The code in it.
    pub code: String,
    /// When it was captured.
    #[serde(skip)]
    pub created: Timestamp,
}

impl fmt::Debug for InboxMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InboxMessage({})", self.id)
    }
}

/// Which messages are asked for.
#[derive(Clone, Default)]
pub struct InboxQuery {
    /// Only those to this number or address.
    pub recipient: Option<String>,
    /// Only those older than this id.
    pub before: String,
    /// Only those newer than this id.
    pub after: String,
    /// At most so many, 1 to 1000.
    pub most: i64,
}

impl fmt::Debug for InboxQuery {
    /// Holds a number or address: nothing is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InboxQuery(..)")
    }
}

/// Captures a message about `user` for `recipient` instead of sending it; `message.id` makes repeating harmless, and
/// the message goes with the user.
pub async fn capture(
    ctx: &Ctx,
    instance: &InstanceId,
    user: &UserId,
    recipient: &Destination,
    message: &InboxMessage,
) -> Result<()> {
    let plain = sealed::json(message, "inbox_message.sealed")?;
    let captured = Captured {
        id: format!("{:0>20}", message.id),
        recipient: ctx.keys.destination(instance, &recipient.canonical()).0.to_vec(),
        sealed: ctx.keys.seal(&*ctx.entropy, &place(&message.id), &plain),
        created: message.created,
    };
    ctx.store.capture(instance, user, &captured).await?;
    ctx.inbox_bell.notify_waiters();
    Ok(())
}

fn place(id: &str) -> String {
    format!("inbox/{}", id.trim_start_matches('0'))
}

/// Messages, newest first. Needs `iam.read` in the whole instance.
pub async fn list(ctx: &Ctx, caller: &Caller, query: &InboxQuery) -> Result<Vec<InboxMessage>> {
    may_read(caller)?;
    list_unchecked(ctx, &caller.instance, query).await
}

/// Messages, newest first, for a page that is open to everybody by configuration.
pub async fn list_unchecked(
    ctx: &Ctx,
    instance: &InstanceId,
    query: &InboxQuery,
) -> Result<Vec<InboxMessage>> {
    let recipient = query
        .recipient
        .as_deref()
        .map(|r| ctx.keys.destination(instance, &canonical(ctx, r)).0);
    let most = query.most.clamp(1, inbox::KEPT);
    let (before, after) = (padded(&query.before), padded(&query.after));
    let mut snapshot = ctx.store.snapshot().await?;
    let range = (before.as_str(), after.as_str());
    let rows = inbox::list(
        &mut snapshot,
        instance,
        recipient.as_ref().map(|r| &r[..]),
        range,
        most,
    )
    .await?;
    Ok(rows.iter().filter_map(|row| open(ctx, row)).collect())
}

fn padded(id: &str) -> String {
    if id.is_empty() {
        String::new()
    } else {
        format!("{id:0>20}")
    }
}

/// A number or address in the one form that messages are found by; anything else finds nothing.
fn canonical(ctx: &Ctx, recipient: &str) -> String {
    let phone = PhoneNumber::parse(recipient, ctx.policy.phone_region.as_deref())
        .map(Destination::Phone)
        .ok();
    let email = || EmailAddress::parse(recipient).map(Destination::Email).ok();
    phone
        .or_else(email)
        .map_or_else(|| recipient.to_owned(), |d| d.canonical())
}

fn open(ctx: &Ctx, row: &Captured) -> Option<InboxMessage> {
    let id = row.id.trim_start_matches('0');
    let plain = ctx.keys.open(&place(id), &row.sealed)?;
    let message: InboxMessage = serde_json::from_slice(&plain).ok()?;
    Some(InboxMessage {
        id: id.to_owned(),
        created: row.created,
        ..message
    })
}

/// The next message to a recipient after `query.after`, or without that the newest: at once if it is there, else as
/// soon as it is captured, or nothing at `deadline`.
pub async fn wait(
    ctx: &Ctx,
    caller: &Caller,
    query: &InboxQuery,
    deadline: Instant,
) -> Result<Option<InboxMessage>> {
    may_read(caller)?;
    let all_new = InboxQuery {
        most: inbox::KEPT,
        ..query.clone()
    };
    loop {
        let bell = ctx.inbox_bell.notified();
        tokio::pin!(bell);
        bell.as_mut().enable();
        let last_look = Instant::now() >= deadline;
        let mut newest_first = list_unchecked(ctx, &caller.instance, &all_new).await?.into_iter();
        let next = if query.after.is_empty() {
            newest_first.next()
        } else {
            newest_first.last()
        };
        if next.is_some() {
            return Ok(next);
        }
        if last_look {
            return Ok(None);
        }
        or_look_again(bell, deadline).await;
    }
}

/// Waits for the bell of the inbox, until `deadline` at most, and never long: what another node captures rings none here.
pub async fn or_look_again(bell: impl Future<Output = ()>, deadline: Instant) {
    let soon = Instant::now() + LOOK_AGAIN;
    drop(tokio::time::timeout_at(deadline.min(soon), bell).await);
}

/// Removes a message. Needs `iam.write` in the whole instance.
pub async fn delete(ctx: &Ctx, caller: &Caller, id: &str) -> Result<()> {
    may_read(caller)?;
    if !caller.holds_instance_wide(Permission::IamWrite) {
        return Err(Error::Denied(Permission::IamWrite));
    }
    if ctx.store.discard(&caller.instance, &padded(id)).await? {
        Ok(())
    } else {
        Err(Error::NotFound)
    }
}

fn may_read(caller: &Caller) -> Result<()> {
    if caller.memberships.is_empty() {
        return Err(Error::NoMembership);
    }
    if caller.holds_instance_wide(Permission::IamRead) {
        Ok(())
    } else {
        Err(Error::Denied(Permission::IamRead))
    }
}
