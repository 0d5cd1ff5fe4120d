//! The built-in inbox: what would have been sent, readable by whoever runs the instance.

use std::{fmt, time::Duration};

use domain::{
    access::Permission,
    base::{InstanceId, Timestamp, UserId},
    user::{Destination, EmailAddress, PhoneNumber},
};
use serde::{Deserialize, Serialize};
use store::inbox::{self, Capture, Captured, Range};
use tokio::time::Instant;

use crate::{
    access::Caller,
    ctx::Ctx,
    error::{Error, Result, StoreError},
    sealed,
};

/// How long somebody who waits goes without looking again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// A message as the inbox shows it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InboxMessage {
    /// Its id; messages that are captured later have greater ones.
    #[serde(skip)]
    pub id: i64,
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
    pub before: Option<i64>,
    /// Only those newer than this id, oldest first, for whoever follows; otherwise newest first.
    pub after: Option<i64>,
    /// At most so many, 1 to 1000.
    pub most: i64,
}

impl fmt::Debug for InboxQuery {
    /// Holds a number or address: nothing is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InboxQuery(..)")
    }
}

/// Captures a message about `user` for `recipient` instead of sending it. It gets its id and its time within the commit; its id in the
/// outbox makes repeating harmless, and the lease that it is held by there says that it is still to be captured: false if not. It goes
/// with the user.
pub async fn capture(
    ctx: &Ctx,
    instance: &InstanceId,
    (user, recipient): (&UserId, &Destination),
    (outbox_id, lease): (&str, Option<&str>),
    message: &InboxMessage,
) -> Result<bool> {
    let number: i64 = outbox_id.parse().map_err(|_| StoreError::Corrupt {
        place: "outbox.id",
        reason: "it is no number".into(),
    })?;
    let plain = sealed::json(message, "inbox_message.sealed")?;
    let captured = Capture {
        outbox_id: number,
        lease: lease.map(str::to_owned),
        recipient: ctx.keys.destination(instance, &recipient.canonical()).0.to_vec(),
        sealed: ctx.keys.seal(&*ctx.entropy, &place(number), &plain),
        at: message.created,
    };
    let is_captured = ctx.store.capture(instance, user, &captured).await?;
    if is_captured {
        ctx.inbox_bell.notify_waiters();
    }
    Ok(is_captured)
}

fn place(outbox_id: i64) -> String {
    format!("inbox/{outbox_id}")
}

/// Messages in the order that is asked for. Needs `iam.read` in the whole instance.
pub async fn list(ctx: &Ctx, caller: &Caller, query: &InboxQuery) -> Result<Vec<InboxMessage>> {
    may_look(caller)?;
    list_unchecked(ctx, &caller.instance, query).await
}

/// Messages in the order that is asked for, for a page that is open to everybody by configuration.
pub async fn list_unchecked(
    ctx: &Ctx,
    instance: &InstanceId,
    query: &InboxQuery,
) -> Result<Vec<InboxMessage>> {
    let rows = rows(ctx, instance, query).await?;
    Ok(rows.iter().filter_map(|row| open(ctx, row)).collect())
}

async fn rows(ctx: &Ctx, instance: &InstanceId, query: &InboxQuery) -> Result<Vec<Captured>> {
    let recipient = query
        .recipient
        .as_deref()
        .map(|r| ctx.keys.destination(instance, &canonical(ctx, r)).0);
    let range = Range {
        recipient: recipient.as_ref().map(|r| &r[..]),
        before: query.before.unwrap_or(i64::MAX),
        after: query.after,
        most: query.most.clamp(1, inbox::KEPT),
    };
    let mut snapshot = ctx.store.snapshot().await?;
    Ok(inbox::list(&mut snapshot, instance, range).await?)
}

/// A number or address in the one form that messages are found by; anything else finds nothing.
fn canonical(ctx: &Ctx, recipient: &str) -> String {
    let phone = |text: &str| {
        PhoneNumber::parse(text, ctx.policy.phone_region.as_deref())
            .map(Destination::Phone)
            .ok()
    };
    // A plus sign that stands in a query as it is means a blank.
    let in_query = || phone(&format!("+{}", recipient.strip_prefix(' ')?));
    let email = || EmailAddress::parse(recipient).map(Destination::Email).ok();
    phone(recipient)
        .or_else(in_query)
        .or_else(email)
        .map_or_else(|| recipient.to_owned(), |d| d.canonical())
}

fn open(ctx: &Ctx, row: &Captured) -> Option<InboxMessage> {
    let plain = ctx.keys.open(&place(row.outbox_id), &row.sealed)?;
    let message: InboxMessage = serde_json::from_slice(&plain).ok()?;
    Some(InboxMessage {
        id: row.id,
        created: row.created,
        ..message
    })
}

/// The next message to a recipient after `query.after`, or without that the newest: at once if it is there, else as
/// soon as it is captured, or nothing at `deadline` or when the server stops.
pub async fn wait(
    ctx: &Ctx,
    caller: &Caller,
    query: &InboxQuery,
    deadline: Instant,
) -> Result<Option<InboxMessage>> {
    may_look(caller)?;
    let next = InboxQuery {
        most: inbox::KEPT,
        ..query.clone()
    };
    loop {
        let bell = ctx.inbox_bell.notified();
        tokio::pin!(bell);
        bell.as_mut().enable();
        let last_look = is_over(ctx, deadline);
        let found = rows(ctx, &caller.instance, &next).await?;
        if let Some(message) = found.iter().find_map(|row| open(ctx, row)) {
            return Ok(Some(message));
        }
        if last_look {
            return Ok(None);
        }
        or_look_again(ctx, bell, deadline).await;
    }
}

/// Whether nobody waits any longer: it is time, or the server stops.
pub fn is_over(ctx: &Ctx, deadline: Instant) -> bool {
    Instant::now() >= deadline || ctx.stopping.is_cancelled()
}

/// Waits for the bell of the inbox, until [`is_over`] at most, and never long: what another node captures rings none here.
pub async fn or_look_again(ctx: &Ctx, bell: impl Future<Output = ()>, deadline: Instant) {
    let soon = Instant::now() + LOOK_AGAIN;
    let rung = ctx.stopping.run_until_cancelled(bell);
    drop(tokio::time::timeout_at(deadline.min(soon), rung).await);
}

/// Removes a message. Needs `iam.write` in the whole instance.
pub async fn delete(ctx: &Ctx, caller: &Caller, id: i64) -> Result<()> {
    may_look(caller)?;
    if ctx.store.discard(&caller.instance, id).await? {
        Ok(())
    } else {
        Err(Error::NotFound)
    }
}

/// Whoever reads the codes of all can become any of them, so only those look who may do everything.
fn may_look(caller: &Caller) -> Result<()> {
    if caller.memberships.is_empty() {
        return Err(Error::NoMembership);
    }
    if caller.holds_instance_wide(Permission::IamWrite) {
        Ok(())
    } else {
        Err(Error::Denied(Permission::IamWrite))
    }
}
