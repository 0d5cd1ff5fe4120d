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
#[serde(default)]
struct Page {
    messages: Vec<Message>,
}

/// Shows the messages there are, oldest first, and with `--follow` those that come.
pub(super) async fn run(args: Inbox) -> anyhow::Result<ExitCode> {
    let settings = settings(&args.place)?;
    let client = Client::of_running(&settings.data.dir)?;
    let path = path(args.recipient.as_deref());
    let mut seen = show_new(&client, &path, None).await?;
    if seen.is_none() && !args.follow {
        output::complain(
            "the inbox is empty; messages appear here when a code is sent and no provider is configured",
        );
    }
    if !args.follow {
        return Ok(ExitCode::SUCCESS);
    }
    loop {
        tokio::time::sleep(PAUSE).await;
        seen = show_new(&client, &path, seen).await?;
    }
}

fn path(recipient: Option<&str>) -> String {
    let base = "/merlon/v1/inbox/messages?pageSize=100";
    recipient.map_or_else(
        || base.to_owned(),
        |recipient| {
            format!(
                "{base}&recipient={}",
                utf8_percent_encode(recipient, NON_ALPHANUMERIC)
            )
        },
    )
}

/// Shows what is newer than the message seen last; answers the newest one.
async fn show_new(client: &Client, path: &str, seen: Option<String>) -> anyhow::Result<Option<String>> {
    let page: Page = serde_json::from_value(client.get(path, CALL_TIME).await?)?;
    let new: Vec<&Message> = page
        .messages
        .iter()
        .take_while(|message| seen.as_ref().is_none_or(|seen| is_after(&message.id, seen)))
        .collect();
    for message in new.iter().rev() {
        output::line(&render(message));
    }
    Ok(new.first().map(|message| message.id.clone()).or(seen))
}

/// Ids are numbers that grow with time, written without leading zeros.
fn is_after(id: &str, seen: &str) -> bool {
    (id.len(), id) > (seen.len(), seen)
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
    fn a_plus_in_a_number_stays_a_plus() {
        assert!(path(Some("+41791234567")).ends_with("recipient=%2B41791234567"));
    }
}
