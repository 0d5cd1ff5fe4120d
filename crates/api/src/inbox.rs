//! `merlon.inbox.v1.InboxService`: what the built-in inbox captured, for tests and for people.

use std::{sync::Arc, time::Duration};

use app::{
    Ctx, Error,
    error::Invalid,
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
            let (token, follows) = (id("page_token", &req.page_token)?, id("after_id", &req.after_id)?);
            let query = InboxQuery {
                before: token.filter(|_| follows.is_none()),
                after: follows.and(token).or(follows),
                // One more tells whether there is another page.
                most: i64::from(page) + 1,
                ..to(req.recipient)
            };
            let mut messages = inbox::list(&self.ctx, caller, &query).await?;
            let more = messages.len() > page as usize;
            messages.truncate(page as usize);
            let last = messages.last().filter(|_| more);
            let next = last.map(|message| message.id.to_string()).unwrap_or_default();
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
                after: id("after_id", &req.after_id)?,
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
        answer(&call, Op::Inbox, async {
            // What is no id of ours names no message.
            inbox::delete(&self.ctx, caller, req.id.parse().unwrap_or_default()).await
        })
        .await?;
        Ok(wire::DeleteMessageResponse {})
    }
}

fn to(recipient: String) -> InboxQuery {
    InboxQuery {
        recipient: (!recipient.is_empty()).then_some(recipient),
        ..InboxQuery::default()
    }
}

/// An id that a caller holds, if there is one.
fn id(field: &'static str, text: &str) -> app::Result<Option<i64>> {
    if text.is_empty() {
        return Ok(None);
    }
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let id = text.parse().ok().filter(|_| digits);
    id.map(Some).ok_or(Error::invalid(field, Invalid::Cursor))
}

fn message(message: InboxMessage) -> wire::Message {
    let channel = match message.channel.as_str() {
        "sms" => wire::Channel::Sms,
        "email" => wire::Channel::Email,
        _ => wire::Channel::Unspecified,
    };
    wire::Message {
        id: message.id.to_string(),
        recipient: message.recipient,
        channel: channel.into(),
        kind: message.kind,
        subject: message.subject,
        text: message.text,
        code: message.code,
        created_at: timestamp(message.created),
    }
}
