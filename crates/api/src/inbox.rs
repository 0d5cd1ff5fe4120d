//! `merlon.inbox.v1.InboxService`: what the built-in inbox captured, for tests and for people.

use std::{sync::Arc, time::Duration};

use app::{
    Ctx,
    inbox::{self, InboxMessage, InboxQuery},
};
use proto::{
    merlon::inbox::v1::{self as wire, InboxService},
    rpc::Status,
};
use tokio::time::Instant;

use crate::{
    call::Call,
    error::Op,
    user::{answer, timestamp},
};

const DEFAULT_PAGE: u32 = 100;
const MAX_PAGE: u32 = 1000;
const DEFAULT_WAIT: Duration = Duration::from_secs(30);
const MAX_WAIT: Duration = Duration::from_mins(1);

/// Serves the inbox.
#[derive(Clone, Debug)]
pub struct Inbox {
    ctx: Arc<Ctx>,
}

impl Inbox {
    /// A service over these use cases.
    pub fn new(ctx: Arc<Ctx>) -> Self {
        Self { ctx }
    }
}

impl InboxService<Call> for Inbox {
    async fn list_messages(
        &self,
        call: Call,
        req: wire::ListMessagesRequest,
    ) -> Result<wire::ListMessagesResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::Inbox, async {
            let page = if req.page_size == 0 {
                DEFAULT_PAGE
            } else {
                req.page_size.min(MAX_PAGE)
            };
            let query = InboxQuery {
                before: req.page_token,
                most: page.into(),
                ..to(req.recipient)
            };
            let messages = inbox::list(&self.ctx, caller, &query).await?;
            let full = messages.len() >= page as usize;
            let next = messages
                .last()
                .filter(|_| full)
                .map(|m| m.id.clone())
                .unwrap_or_default();
            Ok(wire::ListMessagesResponse {
                messages: messages.into_iter().map(message).collect(),
                next_page_token: next,
            })
        })
        .await
    }

    async fn wait_for_message(
        &self,
        call: Call,
        req: wire::WaitForMessageRequest,
    ) -> Result<wire::WaitForMessageResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::Inbox, async {
            let asked = req
                .timeout
                .and_then(|t| Duration::try_from(t).ok())
                .unwrap_or(DEFAULT_WAIT);
            let deadline = Instant::now() + asked.min(MAX_WAIT);
            let query = InboxQuery {
                after: req.after_id,
                most: i64::from(MAX_PAGE),
                ..to(req.recipient)
            };
            let found = inbox::wait(&self.ctx, caller, &query, deadline).await?;
            Ok(wire::WaitForMessageResponse {
                message: found.map(message),
            })
        })
        .await
    }

    async fn delete_message(
        &self,
        call: Call,
        req: wire::DeleteMessageRequest,
    ) -> Result<wire::DeleteMessageResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::Inbox, inbox::delete(&self.ctx, caller, &req.id)).await?;
        Ok(wire::DeleteMessageResponse {})
    }
}

fn to(recipient: String) -> InboxQuery {
    InboxQuery {
        recipient: (!recipient.is_empty()).then_some(recipient),
        ..InboxQuery::default()
    }
}

fn message(message: InboxMessage) -> wire::Message {
    let channel = match message.channel.as_str() {
        "sms" => wire::Channel::Sms,
        "email" => wire::Channel::Email,
        _ => wire::Channel::Unspecified,
    };
    wire::Message {
        id: message.id,
        recipient: message.recipient,
        channel: channel.into(),
        kind: message.kind,
        subject: message.subject,
        text: message.text,
        code: message.code,
        created_at: timestamp(message.created),
    }
}
