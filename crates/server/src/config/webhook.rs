//! Sections `sms_webhook` and `email_webhook`: a service of the operator's that takes messages by HTTP.

use std::time::Duration;

use url::{Host, Url};

use super::key::{Form, Key};
use super::reader::Reader;
use super::secret::Secret;
use super::smtp;

/// The keys of one of the two sections.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) keys: &'static [&'static Key],
    url: &'static Key,
    signing_key: &'static Key,
    signing_key_file: &'static Key,
    second_key: &'static Key,
    private: &'static Key,
    timeout: &'static Key,
}

const URL_MEANING: &str = "Where messages are posted as JSON. Setting it switches this way of delivery on. `http` is \
     accepted for addresses of this machine and private networks only.";
const KEY_MEANING: &str =
    "Key of the `ZITADEL-Signature` header (HMAC-SHA-256), by which your service knows that a call is ours.";
const FILE_MEANING: &str = "A file that holds the signing key instead.";
const SECOND_MEANING: &str = "A second signing key while keys are changed: calls carry signatures of both, so that your service can \
     move to the new one at its leisure.";
const PRIVATE_MEANING: &str = "`yes` when your service is on this machine or in a private network; otherwise addresses there are never \
     called, whatever a name resolves to.";
const TIMEOUT_MEANING: &str =
    "Time for one call; no answer until then counts as a failure and is tried again.";

pub(super) const SMS: Names = {
    const URL: Key = Key::unset("sms_webhook.url", Form::Text("http or https URL"), URL_MEANING);
    const SIGNING_KEY: Key = Key::unset("sms_webhook.signing_key", Form::Secret, KEY_MEANING);
    const FILE: Key = Key::unset(
        "sms_webhook.signing_key_file",
        Form::Text("path of a file"),
        FILE_MEANING,
    );
    const SECOND: Key = Key::unset("sms_webhook.second_signing_key", Form::Secret, SECOND_MEANING);
    const PRIVATE: Key = Key::new(
        "sms_webhook.allow_private",
        Form::Choice(&["no", "yes"]),
        "no",
        PRIVATE_MEANING,
    );
    const TIMEOUT: Key = Key::new("sms_webhook.timeout", Form::Time(1, 30), "5s", TIMEOUT_MEANING);
    Names {
        keys: &[&URL, &SIGNING_KEY, &FILE, &SECOND, &PRIVATE, &TIMEOUT],
        url: &URL,
        signing_key: &SIGNING_KEY,
        signing_key_file: &FILE,
        second_key: &SECOND,
        private: &PRIVATE,
        timeout: &TIMEOUT,
    }
};

pub(super) const EMAIL: Names = {
    const URL: Key = Key::unset("email_webhook.url", Form::Text("http or https URL"), URL_MEANING);
    const SIGNING_KEY: Key = Key::unset("email_webhook.signing_key", Form::Secret, KEY_MEANING);
    const FILE: Key = Key::unset(
        "email_webhook.signing_key_file",
        Form::Text("path of a file"),
        FILE_MEANING,
    );
    const SECOND: Key = Key::unset("email_webhook.second_signing_key", Form::Secret, SECOND_MEANING);
    const PRIVATE: Key = Key::new(
        "email_webhook.allow_private",
        Form::Choice(&["no", "yes"]),
        "no",
        PRIVATE_MEANING,
    );
    const TIMEOUT: Key = Key::new("email_webhook.timeout", Form::Time(1, 30), "5s", TIMEOUT_MEANING);
    Names {
        keys: &[&URL, &SIGNING_KEY, &FILE, &SECOND, &PRIVATE, &TIMEOUT],
        url: &URL,
        signing_key: &SIGNING_KEY,
        signing_key_file: &FILE,
        second_key: &SECOND,
        private: &PRIVATE,
        timeout: &TIMEOUT,
    }
};

/// A service that delivers messages.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Where to post.
    pub url: Url,
    /// Key for the signature.
    pub signing_key: Secret,
    /// The key that comes or goes while keys are changed.
    pub second_signing_key: Option<Secret>,
    /// The service may be on this machine or in a private network.
    pub allow_private: bool,
    /// Time for one call.
    pub timeout: Duration,
}

impl Webhook {
    #[expect(
        clippy::option_option,
        reason = "a problem and an absent section are different answers"
    )]
    pub(super) fn read(reader: &mut Reader, names: &Names) -> Option<Option<Self>> {
        let url = reader.maybe(names.url, parse_url)?;
        let signing_key = reader.secret_or_file(names.signing_key, names.signing_key_file)?;
        let second_signing_key = reader.secret(names.second_key)?;
        let allow_private = reader.choice(names.private, &[false, true])?;
        let timeout = reader.time(names.timeout)?;
        match (url, signing_key) {
            (None, None) => unused(reader, names),
            (None, Some(_)) => reader.refuse(names.url, "is needed with a signing key; set it".to_owned()),
            (Some(_), None) => reader.refuse(names.signing_key, "is needed with a URL; set it".to_owned()),
            (Some(url), Some(key)) if key.reveal().len() >= MIN_KEY => Some(Some(Self {
                url,
                signing_key: key,
                second_signing_key,
                allow_private,
                timeout,
            })),
            (Some(_), Some(_)) => reader.refuse(
                names.signing_key,
                format!("is too short; use at least {MIN_KEY} random characters"),
            ),
        }
    }
}

/// Without a URL nothing else in the section has a meaning, and a forgotten URL should be noticed at start.
#[expect(
    clippy::option_option,
    reason = "a problem and an absent section are different answers"
)]
fn unused(reader: &mut Reader, names: &Names) -> Option<Option<Webhook>> {
    match names.keys.iter().find(|key| reader.is_written(key)) {
        Some(key) => reader.refuse(
            key,
            format!(
                "has no effect without {}; set that or remove this",
                names.url.path
            ),
        ),
        None => Some(None),
    }
}

/// The webhook for e-mail, which goes one way only.
#[expect(
    clippy::option_option,
    reason = "a problem and an absent section are different answers"
)]
pub(super) fn read_email(reader: &mut Reader) -> Option<Option<Webhook>> {
    let hook = Webhook::read(reader, &EMAIL)?;
    if hook.is_some() && reader.is_written(&smtp::HOST) {
        return reader.refuse(
            EMAIL.url,
            format!(
                "has no effect beside {}, by which e-mail goes; remove one of the two",
                smtp::HOST.path
            ),
        );
    }
    Some(hook)
}

/// A signing key shorter than this can be guessed from one signed call.
const MIN_KEY: usize = 16;

/// Codes travel in the call: only encrypted, or where nobody is between.
fn parse_url(text: &str) -> Result<Url, String> {
    let url =
        Url::parse(text).map_err(|_| "write a whole URL such as https://sms.example.com/send".to_owned())?;
    let near = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || !name.contains('.'),
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_private(),
        Some(Host::Ipv6(address)) => address.is_loopback() || address.is_unique_local(),
        None => false,
    };
    match url.scheme() {
        "https" if url.has_host() => Ok(url),
        "http" if near => Ok(url),
        "http" => Err("codes would travel in cleartext; use https".to_owned()),
        _ => Err("use an https URL".to_owned()),
    }
}
