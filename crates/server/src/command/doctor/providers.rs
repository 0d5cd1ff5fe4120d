//! The doctor's look at the services that deliver messages: configured, and reachable. Nothing is sent.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::finding::Finding;
use crate::config::{Capture, Settings, Webhook};
use crate::wire;

/// Time to connect.
const PATIENCE: Duration = Duration::from_secs(3);

/// One line for each channel: whether its provider can be used and reached, or what happens without one.
pub(super) async fn all(settings: &Settings) -> Vec<Finding> {
    vec![sms(settings).await, email(settings).await]
}

async fn sms(settings: &Settings) -> Finding {
    match (wire::sms(settings), &settings.sms_webhook) {
        (Err(error), _) => useless(&error),
        (Ok(_), Some(hook)) => webhook("SMS", hook).await,
        (Ok(_), None) => alone("SMS", settings.inbox.capture),
    }
}

async fn email(settings: &Settings) -> Finding {
    match (wire::email(settings), &settings.smtp, &settings.email_webhook) {
        (Err(error), ..) => useless(&error),
        (Ok(_), Some(smtp), _) => {
            let advice = "check smtp.host, smtp.port and the firewall";
            reach("SMTP server", &smtp.host, smtp.port, advice).await
        }
        (Ok(_), None, Some(hook)) => webhook("e-mail", hook).await,
        (Ok(_), None, None) => alone("e-mail", settings.inbox.capture),
    }
}

/// A start would refuse it.
fn useless(error: &anyhow::Error) -> Finding {
    Finding::fail(
        format!("{error:#}"),
        "mend that section of the configuration; the server does not start with it",
    )
}

/// What happens to a channel without a provider.
fn alone(channel: &str, capture: Capture) -> Finding {
    match capture {
        Capture::Auto => Finding::warn(
            format!("{channel} goes to the built-in inbox only"),
            "configure a provider before real users come",
        ),
        Capture::Off => Finding::warn(
            format!("{channel} is refused: no provider, and inbox.capture is off"),
            "configure a provider, or set inbox.capture to auto",
        ),
    }
}

async fn webhook(channel: &str, hook: &Webhook) -> Finding {
    let host = hook.url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = hook.url.port_or_known_default().unwrap_or(443);
    reach(
        &format!("{channel} webhook"),
        host,
        port,
        "check the URL, DNS and the firewall",
    )
    .await
}

async fn reach(what: &str, host: &str, port: u16, advice: &str) -> Finding {
    match timeout(PATIENCE, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => Finding::ok(format!("{what} {host}:{port} accepts connections")),
        Ok(Err(error)) => Finding::fail(
            format!("{what} {host}:{port} cannot be reached ({error})"),
            advice,
        ),
        Err(_) => Finding::fail(format!("{what} {host}:{port} gave no answer within 3 s"), advice),
    }
}
