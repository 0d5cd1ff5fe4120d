//! The doctor's look at the services that deliver messages: configured, and reachable. Nothing is sent.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::finding::Finding;
use crate::config::{Capture, Settings, Webhook};

/// Time to connect.
const PATIENCE: Duration = Duration::from_secs(3);

/// One line for each provider, and one for each channel that has none.
pub(super) async fn all(settings: &Settings) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(smtp) = &settings.smtp {
        findings.push(
            reach(
                "SMTP server",
                &smtp.host,
                smtp.port,
                "check smtp.host, smtp.port and the firewall",
            )
            .await,
        );
    }
    for (name, hook) in [
        ("SMS", &settings.sms_webhook),
        ("e-mail", &settings.email_webhook),
    ] {
        if let Some(hook) = hook {
            findings.push(webhook(name, hook).await);
        }
    }
    let unserved = [
        ("SMS", settings.sms_webhook.is_none()),
        (
            "e-mail",
            settings.smtp.is_none() && settings.email_webhook.is_none(),
        ),
    ];
    findings.extend(
        unserved
            .iter()
            .filter(|(_, unserved)| *unserved)
            .map(|(name, _)| alone(name, settings.inbox.capture)),
    );
    findings
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
