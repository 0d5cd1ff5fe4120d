//! Delivery: takes messages from the outbox, renders them in the recipient's language, and hands them to a provider. No
//! rule about who may be sent what lives here; that was decided before the message was put into the outbox.

pub mod render;
mod sender;
pub mod smtp;
pub mod webhook;
pub mod worker;

pub use render::Rendered;
pub use sender::{Failure, LONGEST_TRY, Sender, Senders};
pub use smtp::{Smtp, SmtpSecurity, SmtpSettings};
pub use webhook::{Webhook, WebhookSettings};
pub use worker::run;

/// Why a provider cannot be used as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The sender or reply address is no address.
    #[error("{0} is not an e-mail address")]
    Address(&'static str),
    /// Cleartext to a mail server that is not on this machine.
    #[error(
        "mail without encryption is sent to this machine only; set `allow_cleartext` if another is meant"
    )]
    Cleartext,
    /// No certificate of an authority where there should be one.
    #[error("the file of the certificate authority holds no certificate; give one in PEM")]
    Authority,
    /// A name or certificate that TLS cannot use.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    /// A URL that is not http(s), or that leads into a private network without being allowed to.
    #[error("the URL leads to this machine or into a private network; set `allow_private` if that is meant")]
    Url,
    /// No signing key.
    #[error("the webhook needs a signing key")]
    SigningKey,
    /// The HTTP client could not be made.
    #[error("the HTTP client cannot be set up: {0}")]
    Http(#[from] reqwest::Error),
}
