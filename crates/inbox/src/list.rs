//! Messages as the page lists them, and the news of a list that is already shown.

use std::{sync::Arc, time::Duration};

use app::inbox::{InboxMessage, InboxQuery, is_over, or_look_again};
use askama::Template;
use axum::{
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use domain::base::Timestamp;
use serde::Deserialize;
use tokio::time::Instant;

use crate::{Inbox, access::Viewer, error::Problem, page::html};

/// Messages on a page.
pub(crate) const PAGE: i64 = 50;
/// How long a question for news waits.
const PATIENCE: Duration = Duration::from_secs(8);

/// A message as it is shown.
pub(crate) struct Shown {
    pub id: i64,
    pub recipient: String,
    pub channel: &'static str,
    pub channel_name: &'static str,
    pub kind: &'static str,
    pub subject: String,
    pub text: String,
    pub code: String,
    /// For machines (RFC 3339).
    pub instant: String,
    /// For people without JavaScript, who get no time zone of their own.
    pub time: String,
}

/// The list alone, for being put above what is shown.
#[derive(Template)]
#[template(path = "list.html")]
struct News {
    messages: Vec<Shown>,
}

#[derive(Deserialize)]
pub(crate) struct After {
    #[serde(default)]
    recipient: String,
    #[serde(default)]
    after: String,
}

/// The next messages after the newest one that is shown: at once if there are any, else as soon as one is captured, or 204. If
/// there are more than fit, whoever asks again after the newest of these gets the rest.
pub(crate) async fn news(
    State(inbox): State<Arc<Inbox>>,
    headers: HeaderMap,
    Query(asked): Query<After>,
) -> Result<Response, Problem> {
    let query = InboxQuery {
        recipient: filter(&asked.recipient),
        after: Some(asked.after.parse().unwrap_or_default()),
        before: None,
        most: PAGE,
    };
    let deadline = Instant::now() + PATIENCE;
    loop {
        let bell = inbox.ctx.inbox_bell.notified();
        tokio::pin!(bell);
        bell.as_mut().enable();
        let last_look = is_over(&inbox.ctx, deadline);
        // Asked anew each time: whoever lost the right meanwhile learns nothing more.
        let Some(viewer) = inbox.viewer(&headers).await? else {
            return Ok(StatusCode::UNAUTHORIZED.into_response());
        };
        let mut messages = shown(&inbox, &viewer, &query).await?;
        messages.reverse();
        if !messages.is_empty() {
            return Ok(html(&News { messages })?.into_response());
        }
        if last_look {
            return Ok(StatusCode::NO_CONTENT.into_response());
        }
        or_look_again(&inbox.ctx, bell, deadline).await;
    }
}

/// What was typed into the filter; nothing when it is empty.
pub(crate) fn filter(recipient: &str) -> Option<String> {
    let recipient = recipient.trim();
    (!recipient.is_empty()).then(|| recipient.to_owned())
}

/// Messages that a viewer asks for.
pub(crate) async fn shown(inbox: &Inbox, viewer: &Viewer, query: &InboxQuery) -> Result<Vec<Shown>, Problem> {
    let messages = viewer.messages(&inbox.ctx, query).await?;
    Ok(messages.into_iter().map(Shown::from).collect())
}

impl From<InboxMessage> for Shown {
    fn from(message: InboxMessage) -> Self {
        let sms = message.channel == "sms";
        Self {
            id: message.id,
            recipient: message.recipient,
            channel: if sms { "sms" } else { "email" },
            channel_name: if sms { "SMS" } else { "E-mail" },
            kind: kind_name(&message.kind),
            subject: message.subject,
            text: message.text,
            code: message.code,
            instant: written(message.created, "%Y-%m-%dT%H:%M:%SZ"),
            time: written(message.created, "%Y-%m-%d %H:%M:%S UTC"),
        }
    }
}

fn kind_name(kind: &str) -> &'static str {
    match kind {
        "verify_phone" => "Verify a phone number",
        "verify_email" => "Verify an e-mail address",
        "passkey_link" => "Register a passkey",
        "reset_password_phone" | "reset_password_email" => "Set a new password",
        _ => "Message",
    }
}

fn written(time: Timestamp, format: &str) -> String {
    jiff::Timestamp::from_microsecond(time.0)
        .map(|time| time.strftime(format).to_string())
        .unwrap_or_default()
}
