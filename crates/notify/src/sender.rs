//! Where a message goes: one provider for each channel, out of a closed list.

use std::time::Duration;

use app::{
    Ctx,
    delivery::Due,
    inbox::{self, InboxMessage},
    message::Message,
};
use domain::user::Channel;

use crate::{render::Rendered, smtp::Smtp, webhook::Webhook};

/// No try takes longer, whatever is configured: all of it has to end within the lease of a message.
pub const LONGEST_TRY: Duration = Duration::from_secs(30);

/// The provider of each channel; without one, messages of that channel wait until they expire.
#[derive(Debug, Default)]
pub struct Senders {
    /// For SMS.
    pub sms: Option<Sender>,
    /// For e-mail.
    pub email: Option<Sender>,
}

/// A way to deliver.
#[derive(Debug)]
pub enum Sender {
    /// The built-in inbox: captured instead of sent.
    Inbox,
    /// A mail server.
    Smtp(Smtp),
    /// A service of the operator's.
    Webhook(Webhook),
}

/// Why a message was not delivered. Names what, never who.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Trying again may help, not before the time that the provider asked for.
    Later {
        /// What went wrong.
        reason: &'static str,
        /// The provider's own wish.
        after: Option<Duration>,
    },
    /// Trying again cannot help.
    Never {
        /// What went wrong.
        reason: &'static str,
    },
}

impl Failure {
    /// A failure that may pass.
    pub(crate) const fn later(reason: &'static str) -> Self {
        Self::Later { reason, after: None }
    }

    /// A failure that stays.
    pub(crate) const fn never(reason: &'static str) -> Self {
        Self::Never { reason }
    }
}

impl Senders {
    /// Everything into the built-in inbox.
    pub fn inbox() -> Self {
        Self {
            sms: Some(Sender::Inbox),
            email: Some(Sender::Inbox),
        }
    }

    /// How long the slowest of them may take for one try.
    pub fn longest_try(&self) -> Duration {
        let senders = [&self.sms, &self.email];
        let tries = senders.into_iter().flatten().map(Sender::timeout);
        tries.max().unwrap_or_default()
    }

    pub(crate) fn of(&self, channel: Channel) -> Option<&Sender> {
        match channel {
            Channel::Sms => self.sms.as_ref(),
            Channel::Email => self.email.as_ref(),
        }
    }
}

impl Sender {
    /// Stable name for logs and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Smtp(_) => "smtp",
            Self::Webhook(_) => "webhook",
        }
    }

    /// How long one try may take.
    pub(crate) fn timeout(&self) -> Duration {
        match self {
            Self::Inbox => Duration::from_secs(10),
            Self::Smtp(smtp) => smtp.timeout().min(LONGEST_TRY),
            Self::Webhook(webhook) => webhook.timeout().min(LONGEST_TRY),
        }
    }

    /// Delivers once. Dropping the future gives up: no connection that stopped half-way is used again.
    pub(crate) async fn send(
        &self,
        ctx: &Ctx,
        due: &Due,
        message: &Message,
        rendered: &Rendered,
    ) -> Result<(), Failure> {
        match self {
            Self::Inbox => capture(ctx, due, message, rendered).await,
            Self::Smtp(smtp) => smtp.send(due.id(), message, rendered).await,
            Self::Webhook(webhook) => webhook.send(ctx.now(), due.id(), message, rendered).await,
        }
    }
}

async fn capture(ctx: &Ctx, due: &Due, message: &Message, rendered: &Rendered) -> Result<(), Failure> {
    let captured = InboxMessage {
        id: 0,
        recipient: message.destination.as_str().to_owned(),
        channel: channel_name(message.destination.channel()).to_owned(),
        kind: message.kind.name().to_owned(),
        subject: rendered.subject.clone(),
        text: rendered.text.clone(),
        code: message.code.clone(),
        created: ctx.now(),
    };
    let is_captured = inbox::capture(
        ctx,
        due.instance(),
        (&message.user, &message.destination),
        (due.id(), Some(due.lease())),
        &captured,
    );
    match is_captured.await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::never("the message is somebody else's, or gone")),
        Err(_) => Err(Failure::later("the inbox took nothing")),
    }
}

/// Stable name for logs, metrics and the inbox.
pub(crate) const fn channel_name(channel: Channel) -> &'static str {
    match channel {
        Channel::Sms => "sms",
        Channel::Email => "email",
    }
}
