//! `merlon inbox`: the captured messages of the running server, in the terminal.

use std::process::ExitCode;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use super::settings;
use crate::cli::Inbox;
use crate::client::{CALL_TIME, Client};
use crate::output;

/// Pause between two looks. One list call costs less than a millisecond.
const PAUSE: Duration = Duration::from_millis(500);
/// Messages that are shown at first.
const SHOWN: usize = 100;
/// Messages of one look by whoever follows, who looks on at once as long as there are more.
const LOOK: usize = 500;

/// A captured message, as the API shows it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Message {
    id: String,
    recipient: String,
    channel: String,
    kind: String,
    subject: String,
    text: String,
    code: String,
    created_at: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Page {
    messages: Vec<Message>,
    next_page_token: String,
}

/// Shows the newest messages there are, oldest first, and with `--follow` all that come.
pub(super) async fn run(args: Inbox) -> anyhow::Result<ExitCode> {
    let settings = settings(&args.place)?;
    let client = Client::of_running(&settings.data.dir)?;
    let recipient = args.recipient.as_deref();
    let newest = look(&client, &path(recipient, SHOWN, None)).await?;
    for message in newest.messages.iter().rev() {
        output::line(&render(message));
    }
    if let Some(note) = note(&newest, recipient) {
        output::complain(&note);
    }
    if !args.follow {
        return Ok(ExitCode::SUCCESS);
    }
    let first = newest.messages.into_iter().next();
    let mut seen = first.map_or_else(|| "0".to_owned(), |message| message.id);
    loop {
        let page = look(&client, &path(recipient, LOOK, Some(&seen))).await?;
        for message in &page.messages {
            output::line(&render(message));
        }
        if let Some(last) = page.messages.into_iter().next_back() {
            seen = last.id;
        }
        if page.next_page_token.is_empty() {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// What is to be said about the first look.
fn note(newest: &Page, recipient: Option<&str>) -> Option<String> {
    if newest.messages.is_empty() {
        return Some(recipient.map_or_else(
            || {
                "the inbox is empty; messages appear here when a code is sent and no provider is configured"
                    .to_owned()
            },
            |recipient| format!("no message to {} is in the inbox", plain(recipient)),
        ));
    }
    let more = !newest.next_page_token.is_empty();
    more.then(|| {
        format!("these are the newest {SHOWN}; the older ones are at /ui/inbox, those to one person with --recipient")
    })
}

/// The newest messages, or those after the one that was seen last, oldest first.
fn path(recipient: Option<&str>, most: usize, seen: Option<&str>) -> String {
    let mut path = format!("/merlon/v1/inbox/messages?pageSize={most}");
    for (name, value) in [("&recipient=", recipient), ("&afterId=", seen)] {
        if let Some(value) = value {
            path.push_str(name);
            path.extend(utf8_percent_encode(value, NON_ALPHANUMERIC));
        }
    }
    path
}

async fn look(client: &Client, path: &str) -> anyhow::Result<Page> {
    Ok(serde_json::from_value(client.get(path, CALL_TIME).await?)?)
}

/// One head line, then the text, indented. What a message says cannot command the terminal.
fn render(message: &Message) -> String {
    let channel = message
        .channel
        .strip_prefix("CHANNEL_")
        .unwrap_or(&message.channel)
        .to_lowercase();
    let code = if message.code.is_empty() {
        String::new()
    } else {
        format!("  code {}", message.code)
    };
    let mut text = plain(&format!(
        "{}  {channel}  {}  {}{code}",
        message.created_at, message.recipient, message.kind
    ));
    for line in [message.subject.as_str()]
        .into_iter()
        .chain(message.text.lines())
        .filter(|line| !line.is_empty())
    {
        text.push_str("\n    ");
        text.push_str(&plain(line));
    }
    text
}

fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_a_head_line_and_its_text() {
        let message = Message {
            recipient: "+41791234567".into(),
            channel: "CHANNEL_SMS".into(),
            kind: "verify_phone".into(),
            text: "Your code\nis here\u{1b}[2J".into(),
            code: "123456".into(),
            created_at: "2026-01-02T03:04:05Z".into(),
            ..Message::default()
        };
        let text = render(&message);
        assert_eq!(
            text,
            "2026-01-02T03:04:05Z  sms  +41791234567  verify_phone  code 123456\n    Your code\n    is here\u{fffd}[2J"
        );
    }

    #[test]
    fn an_inbox_without_a_message_to_somebody_may_hold_others() {
        let all = note(&Page::default(), None).unwrap();
        assert!(all.starts_with("the inbox is empty"), "{all}");
        let one = note(&Page::default(), Some("ada@example.com")).unwrap();
        assert_eq!(one, "no message to ada@example.com is in the inbox");
    }

    #[test]
    fn a_plus_in_a_number_stays_a_plus() {
        assert!(path(Some("+41791234567"), 1, None).ends_with("recipient=%2B41791234567"));
    }
}
