//! The providers that the operator configured, in the words of the delivery; the built-in inbox where there is none.

use anyhow::Context;
use app::secret::Secret;
use notify::{Sender, Senders, Smtp, SmtpSecurity, SmtpSettings, Webhook, WebhookSettings};

use crate::config::{self, Capture, Settings};

/// One provider for each channel, or none where the operator wants none.
pub(super) fn senders(settings: &Settings) -> anyhow::Result<Senders> {
    Ok(Senders {
        sms: sms(settings)?,
        email: email(settings)?,
    })
}

/// The provider of SMS.
pub(crate) fn sms(settings: &Settings) -> anyhow::Result<Option<Sender>> {
    match &settings.sms_webhook {
        Some(hook) => Ok(Some(webhook("sms", hook).context("sms_webhook cannot be used")?)),
        None => Ok(inbox(settings)),
    }
}

/// The provider of e-mail. The configuration has one at most.
pub(crate) fn email(settings: &Settings) -> anyhow::Result<Option<Sender>> {
    match (&settings.smtp, &settings.email_webhook) {
        (Some(server), _) => Ok(Some(smtp(server).context("smtp cannot be used")?)),
        (None, Some(hook)) => Ok(Some(
            webhook("email", hook).context("email_webhook cannot be used")?,
        )),
        (None, None) => Ok(inbox(settings)),
    }
}

fn inbox(settings: &Settings) -> Option<Sender> {
    (settings.inbox.capture == Capture::Auto).then_some(Sender::Inbox)
}

fn smtp(server: &config::Smtp) -> anyhow::Result<Sender> {
    let authority = match &server.ca_file {
        Some(path) => Some(std::fs::read(path).with_context(|| format!("reading {}", path.display()))?),
        None => None,
    };
    let settings = SmtpSettings {
        host: server.host.clone(),
        port: server.port,
        security: match server.security {
            config::Security::StartTls => SmtpSecurity::StartTls,
            config::Security::Tls => SmtpSecurity::Tls,
            config::Security::Plain => SmtpSecurity::Plain,
        },
        allow_cleartext: server.allow_cleartext,
        authority,
        login: server
            .login
            .as_ref()
            .map(|(user, password)| (user.clone(), secret(password))),
        sender: server.sender.clone(),
        sender_name: server.sender_name.clone(),
        reply_to: server.reply_to.clone(),
        timeout: server.timeout,
    };
    Ok(Sender::Smtp(Smtp::new(settings)?))
}

fn webhook(id: &str, hook: &config::Webhook) -> anyhow::Result<Sender> {
    let settings = WebhookSettings {
        id: id.to_owned(),
        description: format!("{id} webhook"),
        url: hook.url.clone(),
        signing_key: secret(&hook.signing_key),
        second_signing_key: hook.second_signing_key.as_ref().map(secret),
        allow_private: hook.allow_private,
        timeout: hook.timeout,
    };
    Ok(Sender::Webhook(Webhook::new(settings)?))
}

fn secret(text: &config::Secret) -> Secret {
    Secret::new(text.reveal().to_owned())
}
