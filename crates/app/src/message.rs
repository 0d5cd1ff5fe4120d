//! A message on its way to a person: what to say, where, until when. Sealed wherever it is kept.

use std::fmt;

use domain::{
    base::{OrgId, Timestamp, UserId},
    user::{Channel, Destination},
};
use serde::{Deserialize, Serialize};

use crate::language::Language;

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// The code that proves a phone number.
    VerifyPhone,
    /// The code that proves an e-mail address.
    VerifyEmail,
    /// The link that registers a passkey.
    PasskeyLink,
    /// The code that sets a new password, by SMS.
    ResetPasswordPhone,
    /// The code that sets a new password, by e-mail.
    ResetPasswordEmail,
}

impl MessageKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::VerifyPhone,
        Self::VerifyEmail,
        Self::PasskeyLink,
        Self::ResetPasswordPhone,
        Self::ResetPasswordEmail,
    ];

    /// The code that proves a destination.
    pub const fn verify(channel: Channel) -> Self {
        match channel {
            Channel::Sms => Self::VerifyPhone,
            Channel::Email => Self::VerifyEmail,
        }
    }

    /// The code that sets a new password.
    pub const fn reset_password(channel: Channel) -> Self {
        match channel {
            Channel::Sms => Self::ResetPasswordPhone,
            Channel::Email => Self::ResetPasswordEmail,
        }
    }

    /// Stable name, such as `verify_phone`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::VerifyPhone => "verify_phone",
            Self::VerifyEmail => "verify_email",
            Self::PasskeyLink => "passkey_link",
            Self::ResetPasswordPhone => "reset_password_phone",
            Self::ResetPasswordEmail => "reset_password_email",
        }
    }

    /// The channel that it travels on.
    pub const fn channel(self) -> Channel {
        match self {
            Self::VerifyPhone | Self::ResetPasswordPhone => Channel::Sms,
            Self::VerifyEmail | Self::PasskeyLink | Self::ResetPasswordEmail => Channel::Email,
        }
    }
}

/// A message with everything that its text needs.
#[derive(Clone, Serialize, Deserialize)]
pub struct Message {
    /// What it is about.
    pub kind: MessageKind,
    /// The fact that caused it, such as `contact_code_issued`; part of what a webhook is told.
    pub cause: String,
    /// Where it goes.
    pub destination: Destination,
    /// The readable code.
    pub code: String,
    /// From then on the code is dead, and the message is not sent any more.
    pub expires: Timestamp,
    /// When it was made.
    pub created: Timestamp,
    /// The language of its text.
    pub language: Language,
    /// Host that the code is bound to, without port.
    pub host: String,
    /// The link of the caller's url template, if there was one.
    pub link: Option<String>,
    /// Whom it is about.
    pub user: UserId,
    /// The owner of that user.
    pub org: OrgId,
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({})", self.kind.name())
    }
}
