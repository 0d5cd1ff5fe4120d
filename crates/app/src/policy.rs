//! What an operator can set about codes, sends and hosts. Every value has a default; none can mean "never" or "unlimited".

use domain::{base::Span, send::SendLimits};

use crate::{password::PasswordRules, webauthn::WebOrigins};

/// Alphabet of six-digit codes.
pub const DIGITS: &str = "0123456789";
/// Upper-case letters and digits that nobody takes for one another.
pub const CLEAR_LETTERS: &str = "ABCDEFGHJKMNPQRSTUVWXYZ23456789";

/// How codes of one purpose look and live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodePolicy {
    /// Characters to draw from.
    pub alphabet: &'static str,
    /// How many characters.
    pub length: u8,
    /// How long it lives, counted from its creation.
    pub lifetime: Span,
    /// Tries per code.
    pub tries: u8,
}

/// Everything an operator can set that rules look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Contact phone and OTP SMS registration.
    pub phone_code: CodePolicy,
    /// Contact e-mail and OTP e-mail registration.
    pub email_code: CodePolicy,
    /// The link that registers a passkey.
    pub link_code: CodePolicy,
    /// Password reset; a code that is sent by SMS lives no longer than others that travel so.
    pub reset_code: CodePolicy,
    /// What new passwords have to be.
    pub password: PasswordRules,
    /// How often something is sent.
    pub sends: SendLimits,
    /// Region (ISO 3166) that completes numbers without `+`; none refuses them.
    pub phone_region: Option<String>,
    /// Host that messages and links speak of, without port.
    pub public_host: String,
    /// Where people reach the server: scheme, host and port, without a slash at the end.
    pub public_origin: String,
    /// Hosts that links may lead to, besides the public one.
    pub trusted_hosts: Vec<String>,
    /// Pages that may register and use passkeys.
    pub web_origins: WebOrigins,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            phone_code: CodePolicy {
                alphabet: DIGITS,
                length: 6,
                lifetime: Span::minutes(10),
                tries: 5,
            },
            email_code: CodePolicy {
                alphabet: CLEAR_LETTERS,
                length: 6,
                lifetime: Span::hours(1),
                tries: 5,
            },
            link_code: CodePolicy {
                alphabet: CLEAR_LETTERS,
                length: 12,
                lifetime: Span::hours(1),
                tries: 3,
            },
            reset_code: CodePolicy {
                alphabet: CLEAR_LETTERS,
                length: 8,
                lifetime: Span::hours(1),
                tries: 5,
            },
            password: PasswordRules::default(),
            sends: SendLimits::default(),
            phone_region: None,
            public_host: "localhost".into(),
            public_origin: "http://localhost:8080".into(),
            trusted_hosts: Vec::new(),
            web_origins: WebOrigins {
                exact: Vec::new(),
                localhost: true,
            },
        }
    }
}
