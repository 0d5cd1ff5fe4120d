//! The page itself: newest messages first, one recipient or all, older ones page by page.

use std::sync::Arc;

use app::inbox::InboxQuery;
use askama::Template;
use axum::{
    extract::{Query, State},
    http::{HeaderMap, header},
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;

use crate::{
    Inbox, InboxAccess,
    error::Problem,
    list::{PAGE, Shown, filter, shown},
    sign_in,
};

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    recipient: String,
    #[serde(default)]
    before: String,
    #[serde(default)]
    refresh: String,
}

#[derive(Template)]
#[template(path = "inbox.html")]
struct InboxPage {
    messages: Vec<Shown>,
    recipient: String,
    /// The page begins with the newest message.
    newest: bool,
    /// The id that the next page ends before, if there may be one.
    older: Option<i64>,
    /// Reloads by itself, for browsers without JavaScript.
    refresh: bool,
    /// Somebody is signed in, and can sign out.
    signed_in: bool,
    /// Address of this server, for the commands that send a first code.
    server: String,
}

impl InboxPage {
    /// The id of the newest message that is shown; less than any where none is.
    fn newest_id(&self) -> i64 {
        self.messages.first().map_or(0, |message| message.id)
    }

    fn filtered(&self) -> bool {
        !self.recipient.is_empty()
    }
}

/// The page, or the sign-in form.
pub(crate) async fn show(
    State(inbox): State<Arc<Inbox>>,
    headers: HeaderMap,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let Some(viewer) = inbox.viewer(&headers).await? else {
        return sign_in::form(false);
    };
    let recipient = filter(&asked.recipient);
    let query = InboxQuery {
        recipient: recipient.clone(),
        before: asked.before.parse().ok(),
        after: None,
        most: PAGE,
    };
    let messages = shown(&inbox, &viewer, &query).await?;
    let full = i64::try_from(messages.len()).is_ok_and(|count| count == PAGE);
    let page = InboxPage {
        recipient: recipient.unwrap_or_default(),
        newest: asked.before.is_empty(),
        older: messages.last().filter(|_| full).map(|last| last.id),
        refresh: !asked.refresh.is_empty(),
        signed_in: inbox.access == InboxAccess::Admin,
        server: server(&headers, inbox.https),
        messages,
    };
    Ok(html(&page)?.into_response())
}

/// The address that this request came to, if it is one that can be pasted into a shell.
fn server(headers: &HeaderMap, https: bool) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let plain = |host: &&str| {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b".-:[]".contains(&b);
        !host.is_empty() && host.bytes().all(allowed)
    };
    let scheme = if https { "https" } else { "http" };
    format!("{scheme}://{}", host.filter(plain).unwrap_or("127.0.0.1:8080"))
}

/// A template as an answer.
pub(crate) fn html(template: &impl Template) -> Result<Html<String>, Problem> {
    template.render().map(Html).map_err(|error| {
        tracing::error!(%error, "a page cannot be made");
        Problem::Failed
    })
}
