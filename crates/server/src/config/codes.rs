//! Section `codes`: length, lifetime and tries of one-time codes, each within bounds that keep it a one-time code.

use std::time::Duration;

use super::key::{Form, Key};
use super::reader::Reader;

/// Six characters at least: a million possibilities against a handful of tries.
const LENGTH: Form = Form::Count(6, 12);
/// NIST SP 800-63B-4 §3.1.3.2: ten minutes at most for what travels by telephone.
const PHONE_LIFETIME: Form = Form::Time(60, 600);
/// A day at most for what travels by e-mail.
const EMAIL_LIFETIME: Form = Form::Time(60, 86_400);
/// Whoever has the code of a link can sign in afterwards: it is longer than others.
const LINK_LENGTH: Form = Form::Count(10, 24);
const TRIES: Form = Form::Count(1, 10);

const PHONE: [Key; 3] = [
    Key::new(
        "codes.phone.length",
        LENGTH,
        "6",
        "Digits of a code that proves a phone number (contact and OTP SMS).",
    ),
    Key::new(
        "codes.phone.lifetime",
        PHONE_LIFETIME,
        "10m",
        "How long it can be used, counted from its creation.",
    ),
    Key::new(
        "codes.phone.tries",
        TRIES,
        "5",
        "Wrong entries after which it is dead.",
    ),
];
const EMAIL: [Key; 3] = [
    Key::new(
        "codes.email.length",
        LENGTH,
        "6",
        "Characters of a code that proves an e-mail address (contact and OTP e-mail).",
    ),
    Key::new(
        "codes.email.lifetime",
        EMAIL_LIFETIME,
        "1h",
        "How long it can be used, counted from its creation.",
    ),
    Key::new(
        "codes.email.tries",
        TRIES,
        "5",
        "Wrong entries after which it is dead.",
    ),
];

const PASSKEY_LINK: [Key; 3] = [
    Key::new(
        "codes.passkey_link.length",
        LINK_LENGTH,
        "12",
        "Characters of the code of a link that registers a passkey.",
    ),
    Key::new(
        "codes.passkey_link.lifetime",
        EMAIL_LIFETIME,
        "1h",
        "How long it can be used, counted from its creation.",
    ),
    Key::new(
        "codes.passkey_link.tries",
        TRIES,
        "3",
        "Wrong entries after which it is dead.",
    ),
];
const PASSWORD: [Key; 3] = [
    Key::new(
        "codes.password.length",
        Form::Count(8, 12),
        "8",
        "Characters of a code that resets a password.",
    ),
    Key::new(
        "codes.password.lifetime",
        EMAIL_LIFETIME,
        "1h",
        "How long it can be used, counted from its creation; one that is sent by SMS no longer than `codes.phone.lifetime`.",
    ),
    Key::new(
        "codes.password.tries",
        TRIES,
        "5",
        "Wrong entries after which it is dead.",
    ),
];

pub(super) const KEYS: &[&Key] = &[
    &PHONE[0],
    &PHONE[1],
    &PHONE[2],
    &EMAIL[0],
    &EMAIL[1],
    &EMAIL[2],
    &PASSKEY_LINK[0],
    &PASSKEY_LINK[1],
    &PASSKEY_LINK[2],
    &PASSWORD[0],
    &PASSWORD[1],
    &PASSWORD[2],
];

/// The measures of one kind of code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeRule {
    /// Characters.
    pub length: u8,
    /// Time from creation to expiry.
    pub lifetime: Duration,
    /// Tries per code.
    pub tries: u8,
}

/// The measures of all codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Codes {
    /// Codes that prove a phone number.
    pub phone: CodeRule,
    /// Codes that prove an e-mail address.
    pub email: CodeRule,
    /// Codes of links that register a passkey.
    pub passkey_link: CodeRule,
    /// Codes that reset a password.
    pub password: CodeRule,
}

impl Codes {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let (phone, email) = (CodeRule::read(reader, &PHONE), CodeRule::read(reader, &EMAIL));
        let passkey_link = CodeRule::read(reader, &PASSKEY_LINK);
        let password = CodeRule::read(reader, &PASSWORD);
        Some(Self {
            phone: phone?,
            email: email?,
            passkey_link: passkey_link?,
            password: password?,
        })
    }
}

impl CodeRule {
    fn read(reader: &mut Reader, [length, lifetime, tries]: &[Key; 3]) -> Option<Self> {
        Some(Self {
            length: reader.count(length).and_then(|count| u8::try_from(count).ok())?,
            lifetime: reader.time(lifetime)?,
            tries: reader.count(tries).and_then(|count| u8::try_from(count).ok())?,
        })
    }
}
