//! Section `smtp`: the mail server that takes our e-mail.

use std::path::PathBuf;
use std::time::Duration;

use super::key::{Form, Key};
use super::reader::Reader;
use super::secret::Secret;

pub(super) const HOST: Key = Key::unset(
    "smtp.host",
    Form::Text("host name or address"),
    "The mail server. Setting it switches this way of delivery on and needs `smtp.sender`.",
);
const SECURITY: Key = Key::new(
    "smtp.security",
    Form::Choice(&["starttls", "tls", "none"]),
    "starttls",
    "`starttls` begins in cleartext and insists on encryption, `tls` encrypts from the first byte, `none` is for a \
     mail server on this machine.",
);
const PORT: Key = Key::unset(
    "smtp.port",
    Form::Count(1, 65_535),
    "Port of the mail server. Default: 587 for `starttls`, 465 for `tls`, 25 for `none`.",
);
const USER: Key = Key::unset(
    "smtp.user",
    Form::Text("text"),
    "User name, where the mail server asks for one.",
);
const PASSWORD: Key = Key::unset("smtp.password", Form::Secret, "Password of `smtp.user`.");
const PASSWORD_FILE: Key = Key::unset(
    "smtp.password_file",
    Form::Text("path of a file"),
    "A file that holds the password instead.",
);
const SENDER: Key = Key::unset(
    "smtp.sender",
    Form::Text("e-mail address"),
    "The address messages come from.",
);
const SENDER_NAME: Key = Key::new(
    "smtp.sender_name",
    Form::Text("text"),
    "Merlon",
    "The name shown beside the address.",
);
const REPLY_TO: Key = Key::unset(
    "smtp.reply_to",
    Form::Text("e-mail address"),
    "The address answers go to.",
);
const CA_FILE: Key = Key::unset(
    "smtp.ca_file",
    Form::Text("path of a file"),
    "PEM of a certificate authority to trust for this mail server besides the public ones.",
);
const CLEARTEXT: Key = Key::new(
    "smtp.allow_cleartext",
    Form::Choice(&["no", "yes"]),
    "no",
    "`yes` when `security: none` to another machine is meant, such as to a mail catcher in a private network.",
);
const TIMEOUT: Key = Key::new(
    "smtp.timeout",
    Form::Time(1, 30),
    "10s",
    "Time for one conversation with the mail server.",
);

pub(super) const KEYS: &[&Key] = &[
    &HOST,
    &PORT,
    &SECURITY,
    &USER,
    &PASSWORD,
    &PASSWORD_FILE,
    &SENDER,
    &SENDER_NAME,
    &REPLY_TO,
    &CA_FILE,
    &CLEARTEXT,
    &TIMEOUT,
];

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// Upgraded before anything is said; refused if that is not offered.
    StartTls,
    /// Encrypted from the first byte.
    Tls,
    /// Cleartext.
    Plain,
}

/// A mail server.
#[derive(Clone, Debug)]
pub struct Smtp {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Protection.
    pub security: Security,
    /// User and password.
    pub login: Option<(String, Secret)>,
    /// Sender address.
    pub sender: String,
    /// Sender name.
    pub sender_name: String,
    /// Reply address.
    pub reply_to: Option<String>,
    /// PEM file of a certificate authority to trust.
    pub ca_file: Option<PathBuf>,
    /// Cleartext to another machine is meant.
    pub allow_cleartext: bool,
    /// Time for one conversation.
    pub timeout: Duration,
}

impl Smtp {
    #[expect(
        clippy::option_option,
        reason = "a problem and an absent section are different answers"
    )]
    pub(super) fn read(reader: &mut Reader) -> Option<Option<Self>> {
        let Some(host) = reader.text(&HOST)? else {
            return unused(reader);
        };
        let security = reader.choice(&SECURITY, &[Security::StartTls, Security::Tls, Security::Plain])?;
        let Some(sender) = reader.maybe(&SENDER, parse_address)? else {
            return reader.refuse(&SENDER, "is needed with smtp.host; set it".to_owned());
        };
        Some(Some(Self {
            host,
            port: reader.maybe(&PORT, parse_port)?.unwrap_or(default_port(security)),
            security,
            login: login(reader)?,
            sender,
            sender_name: reader.value(&SENDER_NAME, parse_name)?,
            reply_to: reader.maybe(&REPLY_TO, parse_address)?,
            ca_file: reader.path(&CA_FILE)?,
            allow_cleartext: reader.choice(&CLEARTEXT, &[false, true])?,
            timeout: reader.time(&TIMEOUT)?,
        }))
    }
}

/// Without a host nothing else in the section has a meaning, and a forgotten host should be noticed at start.
#[expect(
    clippy::option_option,
    reason = "a problem and an absent section are different answers"
)]
fn unused(reader: &mut Reader) -> Option<Option<Smtp>> {
    match KEYS.iter().find(|key| reader.is_written(key)) {
        Some(key) => reader.refuse(
            key,
            "has no effect without smtp.host; set that or remove this".to_owned(),
        ),
        None => Some(None),
    }
}

#[expect(
    clippy::option_option,
    reason = "a problem and an absent login are different answers"
)]
fn login(reader: &mut Reader) -> Option<Option<(String, Secret)>> {
    match (
        reader.text(&USER)?,
        reader.secret_or_file(&PASSWORD, &PASSWORD_FILE)?,
    ) {
        (Some(user), Some(password)) => Some(Some((user, password))),
        (None, None) => Some(None),
        (Some(_), None) => reader.refuse(&PASSWORD, "is needed with smtp.user; set it".to_owned()),
        (None, Some(_)) => reader.refuse(&USER, "is needed with smtp.password; set it".to_owned()),
    }
}

fn default_port(security: Security) -> u16 {
    match security {
        Security::StartTls => 587,
        Security::Tls => 465,
        Security::Plain => 25,
    }
}

fn parse_port(text: &str) -> Result<u16, String> {
    text.parse()
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| "a port is a number from 1 to 65535".to_owned())
}

fn parse_address(text: &str) -> Result<String, String> {
    let clean = !text
        .chars()
        .any(|c| c.is_control() || c.is_whitespace() || "<>,;".contains(c));
    let parts = text
        .rsplit_once('@')
        .filter(|(local, domain)| !local.is_empty() && !domain.is_empty());
    if clean && parts.is_some() {
        Ok(text.to_owned())
    } else {
        Err("write a bare address such as no-reply@example.com".to_owned())
    }
}

fn parse_name(text: &str) -> Result<String, String> {
    if text.chars().any(char::is_control) {
        Err("it must be one line".to_owned())
    } else {
        Ok(text.to_owned())
    }
}
