//! Delivery by a service of the operator's: one signed HTTP call for each message. The body has the fields that
//! receivers of ZITADEL's HTTP providers know, so that those work unmodified; docs/webhook.md tells them to receivers.
//!
//! `contextInfo`: `eventType`, `provider.{id, description}`, `recipientPhoneNumber` or `recipientEmailAddress`.
//! `templateData`: `title` and `subject` (e-mail), `text`, `url` (when the message has a link).
//! `args`: `code`, `domain`, `expiry` (nanoseconds that are left), `userID`, `orgID`, `preferredLanguage`, and
//! `lastPhone` or `lastEmail`.
//!
//! `ZITADEL-Signature: t=<unix seconds>,v1=<hex HMAC-SHA-256 of "t.body">`, with one more `v1` while keys rotate;
//! `Idempotency-Key` is the same in every try of a message. 2xx is success. 400 and 422 refuse the message for good;
//! anything else is tried again, not before `Retry-After`. Redirects are not followed.

use std::time::Duration;

use app::{
    message::{Message, MessageKind},
    secret::Secret,
};
use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use domain::{base::Timestamp, user::Destination};
use reqwest::{
    Client, Response, StatusCode, Url,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use serde::Serialize;

use crate::{Failure, SettingsError, render::Rendered};

/// A service that delivers messages.
#[derive(Clone, Debug)]
pub struct WebhookSettings {
    /// What receivers see as the provider's id.
    pub id: String,
    /// What receivers see as its description.
    pub description: String,
    /// Where to post.
    pub url: Url,
    /// Key of the signature.
    pub signing_key: Secret,
    /// The key that comes or goes while keys rotate: signatures of both are sent.
    pub second_signing_key: Option<Secret>,
    /// The service may be on this machine or in a private network.
    pub allow_private: bool,
    /// Time for one call.
    pub timeout: Duration,
}

/// A service that can be called.
pub struct Webhook {
    id: String,
    description: String,
    url: Url,
    keys: Vec<hmac::Key>,
    timeout: Duration,
    client: Client,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Webhook({})", self.id)
    }
}

/// A body of ours is a few KiB; a greater one is a bug that need not travel.
const MOST_BYTES: usize = 64 * 1024;

impl Webhook {
    /// Checks the settings; calls nothing.
    pub fn new(settings: WebhookSettings) -> Result<Self, SettingsError> {
        let keys: Vec<hmac::Key> = [Some(&settings.signing_key), settings.second_signing_key.as_ref()]
            .into_iter()
            .flatten()
            .map(|key| key.reveal().as_bytes())
            .filter(|key| !key.is_empty())
            .map(|key| hmac::Key::new(hmac::HMAC_SHA256, key))
            .collect();
        if keys.is_empty() {
            return Err(SettingsError::SigningKey);
        }
        if !outbound::may_call(&settings.url, settings.allow_private) {
            return Err(SettingsError::Url);
        }
        let client = outbound::client(settings.allow_private, settings.timeout)?;
        Ok(Self {
            id: settings.id,
            description: settings.description,
            url: settings.url,
            keys,
            timeout: settings.timeout,
            client,
        })
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Posts one message. The answer's body is not read.
    pub(crate) async fn send(
        &self,
        now: Timestamp,
        id: &str,
        message: &Message,
        rendered: &Rendered,
    ) -> Result<(), Failure> {
        let body = serde_json::to_vec(&self.body(now, message, rendered))
            .map_err(|_| Failure::never("the message could not be written"))?;
        if body.len() > MOST_BYTES {
            return Err(Failure::never("the message is too long"));
        }
        let response = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("ZITADEL-Signature", self.signature(now, &body))
            .header("Idempotency-Key", id)
            .body(body)
            .send()
            .await
            .map_err(|error| unreached(&error))?;
        judge(&response)
    }

    fn signature(&self, now: Timestamp, body: &[u8]) -> String {
        let seconds = now.0.div_euclid(1_000_000);
        let signed = self.keys.iter().map(|key| {
            let mut context = hmac::Context::with_key(key);
            context.update(format!("{seconds}.").as_bytes());
            context.update(body);
            format!(",v1={}", HEXLOWER.encode(context.sign().as_ref()))
        });
        std::iter::once(format!("t={seconds}")).chain(signed).collect()
    }

    fn body<'a>(&'a self, now: Timestamp, message: &'a Message, rendered: &'a Rendered) -> Body<'a> {
        let (phone, email) = match &message.destination {
            Destination::Phone(number) => (Some(number.as_str()), None),
            Destination::Email(address) => (None, Some(address.as_str())),
        };
        let subject = Some(rendered.subject.as_str()).filter(|subject| !subject.is_empty());
        Body {
            context_info: ContextInfo {
                event_type: event_type(message),
                provider: Provider {
                    id: &self.id,
                    description: &self.description,
                },
                recipient_phone_number: phone,
                recipient_email_address: email,
            },
            template_data: TemplateData {
                title: subject,
                subject,
                text: &rendered.text,
                url: message.link.as_deref(),
            },
            args: Args {
                code: &message.code,
                domain: &message.host,
                expiry: (message.expires - now).0.max(0).saturating_mul(1000),
                user: message.user.as_str(),
                org: message.org.as_str(),
                preferred_language: message.language.tag(),
                last_phone: phone,
                last_email: email,
            },
        }
    }
}

/// The name that receivers know, where the same thing happened there; our own name of the fact otherwise.
fn event_type(message: &Message) -> &str {
    match (message.cause.as_str(), message.kind) {
        ("contact_code_issued", MessageKind::VerifyPhone) => "user.human.phone.code.added",
        ("contact_code_issued", MessageKind::VerifyEmail) => "user.human.email.code.added",
        ("password_reset_issued", _) => "user.human.password.code.added",
        (other, _) => other,
    }
}

fn judge(response: &Response) -> Result<(), Failure> {
    match response.status() {
        status if status.is_success() => Ok(()),
        StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => {
            Err(Failure::never("the webhook refuses the message"))
        }
        status if status.is_redirection() => Err(Failure::later("the webhook redirects")),
        _ => Err(Failure::Later {
            reason: "the webhook fails",
            after: retry_after(response),
        }),
    }
}

/// `Retry-After` in seconds (RFC 9110 §10.2.3); a date is not looked at.
fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

fn unreached(error: &reqwest::Error) -> Failure {
    Failure::later(if error.is_timeout() {
        "the webhook does not answer in time"
    } else if outbound::was_refused(error) {
        "the webhook leads into a private network"
    } else {
        "the webhook is not reached"
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    context_info: ContextInfo<'a>,
    template_data: TemplateData<'a>,
    args: Args<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ContextInfo<'a> {
    event_type: &'a str,
    provider: Provider<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_phone_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_email_address: Option<&'a str>,
}

#[derive(Serialize)]
struct Provider<'a> {
    id: &'a str,
    description: &'a str,
}

#[derive(Serialize)]
struct TemplateData<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Args<'a> {
    code: &'a str,
    domain: &'a str,
    expiry: i64,
    #[serde(rename = "userID")]
    user: &'a str,
    #[serde(rename = "orgID")]
    org: &'a str,
    preferred_language: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_phone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_email: Option<&'a str>,
}
