//! Mail by SMTP (RFC 5321): encrypted unless the server is this machine, one message per transaction, connections kept
//! for the next message. What the server answers decides between trying again and giving up.

use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, UNIX_EPOCH},
};

use app::{message::Message, secret::Secret};
use domain::user::Destination;
use lettre::{
    Address,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, Certificate, TlsParameters},
        commands::{Data, Mail, Rcpt},
        extension::{ClientId, Extension, MailBodyParameter, MailParameter},
    },
};
use tokio::time::Instant;

use crate::{Failure, SettingsError, render::Rendered};

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// Begins in cleartext and insists on the upgrade (RFC 3207).
    StartTls,
    /// Encrypted from the first byte (RFC 8314).
    Tls,
    /// Cleartext: only to this machine, or when `allow_cleartext` is set.
    Plain,
}

/// A mail server.
#[derive(Clone, Debug)]
pub struct SmtpSettings {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Protection.
    pub security: SmtpSecurity,
    /// Cleartext to another machine is meant, such as to a mail catcher on a private network.
    pub allow_cleartext: bool,
    /// PEM of a certificate authority to trust besides the public ones.
    pub authority: Option<Vec<u8>>,
    /// User and password.
    pub login: Option<(String, Secret)>,
    /// Sender address.
    pub sender: String,
    /// Sender name.
    pub sender_name: String,
    /// Reply address.
    pub reply_to: Option<String>,
    /// Time for one message.
    pub timeout: Duration,
}

/// A mail server that can be sent to.
pub struct Smtp {
    host: String,
    port: u16,
    security: SmtpSecurity,
    tls: Option<TlsParameters>,
    login: Option<Credentials>,
    sender: Mailbox,
    reply_to: Option<Mailbox>,
    hello: ClientId,
    timeout: Duration,
    idle: Mutex<Vec<Idle>>,
}

/// A connection between two messages.
struct Idle {
    connection: AsyncSmtpConnection,
    since: Instant,
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Smtp({}:{})", self.host, self.port)
    }
}

/// Connections that are kept, and for how long: mail servers close them after a minute or more.
const IDLE_MOST: usize = 4;
const IDLE_TIME: Duration = Duration::from_secs(20);

impl Smtp {
    /// Checks the settings; connects to nothing.
    pub fn new(settings: SmtpSettings) -> Result<Self, SettingsError> {
        let near = is_this_machine(&settings.host);
        if settings.security == SmtpSecurity::Plain && !near && !settings.allow_cleartext {
            return Err(SettingsError::Cleartext);
        }
        let name = Some(settings.sender_name.clone()).filter(|name| !name.is_empty());
        let reply_to = match &settings.reply_to {
            Some(text) => Some(mailbox("the reply address", None, text)?),
            None => None,
        };
        Ok(Self {
            tls: tls(&settings)?,
            login: settings
                .login
                .map(|(user, password)| Credentials::new(user, password.reveal().to_owned())),
            sender: mailbox("the sender address", name, &settings.sender)?,
            reply_to,
            host: settings.host,
            port: settings.port,
            security: settings.security,
            hello: ClientId::default(),
            timeout: settings.timeout,
            idle: Mutex::default(),
        })
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Sends one mail. The same `id` gives the same `Message-ID` in every try, so that a mailbox can drop a repetition.
    pub(crate) async fn send(&self, id: &str, message: &Message, rendered: &Rendered) -> Result<(), Failure> {
        let (recipient, mail) = self.compose(id, message, rendered)?;
        let mut connection = self.connection().await?;
        self.transfer(&mut connection, recipient, &mail).await?;
        self.keep(connection);
        Ok(())
    }

    fn compose(
        &self,
        id: &str,
        message: &Message,
        rendered: &Rendered,
    ) -> Result<(Address, Vec<u8>), Failure> {
        let Destination::Email(address) = &message.destination else {
            return Err(Failure::never("the recipient is no e-mail address"));
        };
        let recipient: Address = address
            .as_str()
            .parse()
            .map_err(|_| Failure::never("the recipient cannot be written in a mail"))?;
        let created = Duration::from_micros(u64::try_from(message.created.0).unwrap_or(0));
        let mut builder = lettre::Message::builder()
            .from(self.sender.clone())
            .to(Mailbox::new(None, recipient.clone()))
            .subject(rendered.subject.clone())
            .date(UNIX_EPOCH + created)
            .message_id(Some(format!("<{id}@{}>", self.sender.email.domain())))
            .raw_header(fixed("Auto-Submitted", "auto-generated"))
            .raw_header(fixed("Content-Language", message.language.tag()));
        if let Some(reply_to) = &self.reply_to {
            builder = builder.reply_to(reply_to.clone());
        }
        let body = MultiPart::alternative_plain_html(rendered.text.clone(), rendered.html.clone());
        let mail = builder
            .multipart(body)
            .map_err(|_| Failure::never("the mail could not be written"))?;
        Ok((recipient, mail.formatted()))
    }

    /// A kept connection that still answers, or a new one.
    async fn connection(&self) -> Result<AsyncSmtpConnection, Failure> {
        while let Some(mut kept) = self.take_idle() {
            if kept.since.elapsed() < IDLE_TIME && kept.connection.test_connected().await {
                return Ok(kept.connection);
            }
        }
        self.connect().await
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Failure> {
        let at_once = match self.security {
            SmtpSecurity::Tls => self.tls.clone(),
            SmtpSecurity::StartTls | SmtpSecurity::Plain => None,
        };
        let server = (self.host.as_str(), self.port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(server, Some(self.timeout), &self.hello, at_once, None)
                .await
                .map_err(|_| Failure::later("the mail server is not reached"))?;
        if self.security == SmtpSecurity::StartTls {
            let tls = self.tls.clone().ok_or(Failure::later("TLS is not set up"))?;
            connection
                .starttls(tls, &self.hello)
                .await
                .map_err(|_| Failure::later("the mail server offers no valid STARTTLS"))?;
        }
        if let Some(login) = &self.login {
            connection
                .auth(&[Mechanism::Plain, Mechanism::Login], login)
                .await
                .map_err(|_| Failure::later("the mail server refuses the login"))?;
        }
        Ok(connection)
    }

    async fn transfer(
        &self,
        connection: &mut AsyncSmtpConnection,
        recipient: Address,
        mail: &[u8],
    ) -> Result<(), Failure> {
        let options = mail_options(connection, &recipient, mail)?;
        let sender = Mail::new(Some(self.sender.email.clone()), options);
        connection
            .command(sender)
            .await
            .map_err(|_| Failure::later("the mail server refuses the sender"))?;
        connection
            .command(Rcpt::new(recipient, Vec::new()))
            .await
            .map_err(|error| recipient_failure(&error))?;
        connection
            .command(Data)
            .await
            .map_err(|error| content_failure(&error))?;
        connection
            .message(mail)
            .await
            .map_err(|error| content_failure(&error))?;
        Ok(())
    }

    fn take_idle(&self) -> Option<Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MOST {
            let since = Instant::now();
            idle.push(Idle { connection, since });
        }
    }
}

/// What the transaction needs for letters outside ASCII (RFC 6152, RFC 6531).
fn mail_options(
    connection: &AsyncSmtpConnection,
    recipient: &Address,
    mail: &[u8],
) -> Result<Vec<MailParameter>, Failure> {
    let server = connection.server_info();
    let mut options = Vec::new();
    if !AsRef::<str>::as_ref(recipient).is_ascii() {
        if !server.supports_feature(Extension::SmtpUtfEight) {
            return Err(Failure::never("the mail server takes ASCII addresses only"));
        }
        options.push(MailParameter::SmtpUtfEight);
    }
    if !mail.is_ascii() && server.supports_feature(Extension::EightBitMime) {
        options.push(MailParameter::Body(MailBodyParameter::EightBitMime));
    }
    Ok(options)
}

/// A mailbox that does not exist never will; policy (RFC 3463 class 7, "relaying denied") is the operator's to mend.
fn recipient_failure(error: &Error) -> Failure {
    let code = error.status().map(u16::from);
    let policy = error.to_string().contains("5.7.");
    match code {
        Some(550 | 551 | 553) if !policy => Failure::never("the mail server refuses the recipient"),
        _ => Failure::later("the mail server does not take the recipient now"),
    }
}

fn content_failure(error: &Error) -> Failure {
    if error.is_permanent() {
        Failure::never("the mail server refuses the mail")
    } else {
        Failure::later("the mail server does not take the mail now")
    }
}

fn fixed(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

fn mailbox(what: &'static str, name: Option<String>, address: &str) -> Result<Mailbox, SettingsError> {
    let address = address.parse().map_err(|_| SettingsError::Address(what))?;
    Ok(Mailbox::new(name, address))
}

/// How a certificate begins in PEM.
const CERTIFICATE: &[u8] = b"-----BEGIN CERTIFICATE-----";

fn tls(settings: &SmtpSettings) -> Result<Option<TlsParameters>, SettingsError> {
    if settings.security == SmtpSecurity::Plain {
        return Ok(None);
    }
    let wrong = |error: Error| SettingsError::Tls(error.to_string());
    let mut builder = TlsParameters::builder(settings.host.clone());
    if let Some(pem) = &settings.authority {
        // Without one the library would trust nobody besides, and not say so.
        if !pem.windows(CERTIFICATE.len()).any(|part| part == CERTIFICATE) {
            return Err(SettingsError::Authority);
        }
        builder = builder.add_root_certificate(Certificate::from_pem(pem).map_err(wrong)?);
    }
    builder.build_rustls().map(Some).map_err(wrong)
}

fn is_this_machine(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
