//! What a message says: texts by kind and language, with `{{.Name}}` replaced by a value and nothing else understood.
//! A text that would not fit one SMS is replaced by a shorter one, so that nobody pays twice.

mod gsm;
mod template;

use app::{
    Language,
    message::{Message, MessageKind},
};
use domain::base::{Span, Timestamp};

use self::template::{Escape, Values, fill};

/// A message as it is sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Subject; empty for SMS. One line.
    pub subject: String,
    /// The text; its last line is `@host #code` (origin-bound one-time codes), which devices fill in by themselves.
    pub text: String,
    /// The same for a mail program that shows HTML; empty for SMS.
    pub html: String,
}

impl std::fmt::Debug for Rendered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rendered(..)")
    }
}

/// The texts of a kind in a language.
enum Texts {
    /// From the longest to the shortest; the first that fits one segment is taken.
    Sms(&'static [&'static str]),
    Mail {
        subject: &'static str,
        text: &'static str,
        html: &'static str,
    },
}

/// The code alone: fits whatever the host is called.
const CODE_ALONE: &str = "{{.Code}}";

fn texts(kind: MessageKind, language: Language) -> Texts {
    macro_rules! sms {
        ($place:literal) => {
            Texts::Sms(&[
                include_str!(concat!("../templates/", $place, "/text.txt")),
                include_str!(concat!("../templates/", $place, "/brief.txt")),
                CODE_ALONE,
            ])
        };
    }
    macro_rules! mail {
        ($place:literal) => {
            Texts::Mail {
                subject: include_str!(concat!("../templates/", $place, "/subject.txt")),
                text: include_str!(concat!("../templates/", $place, "/text.txt")),
                html: include_str!(concat!("../templates/", $place, "/html.html")),
            }
        };
    }
    match (kind, language) {
        (MessageKind::VerifyPhone, Language::En) => sms!("verify_phone/en"),
        (MessageKind::VerifyPhone, Language::De) => sms!("verify_phone/de"),
        (MessageKind::VerifyEmail, Language::En) => mail!("verify_email/en"),
        (MessageKind::VerifyEmail, Language::De) => mail!("verify_email/de"),
        (MessageKind::PasskeyLink, Language::En) => mail!("passkey_link/en"),
        (MessageKind::PasskeyLink, Language::De) => mail!("passkey_link/de"),
        (MessageKind::ResetPasswordPhone, Language::En) => sms!("reset_password_phone/en"),
        (MessageKind::ResetPasswordPhone, Language::De) => sms!("reset_password_phone/de"),
        (MessageKind::ResetPasswordEmail, Language::En) => mail!("reset_password_email/en"),
        (MessageKind::ResetPasswordEmail, Language::De) => mail!("reset_password_email/de"),
    }
}

/// Renders a message for sending at `now`: the time it names is what is left then.
pub fn render(message: &Message, now: Timestamp) -> Rendered {
    let values = values(message, now);
    match texts(message.kind, message.language) {
        Texts::Sms(texts) => Rendered {
            subject: String::new(),
            text: first_that_fits(texts, &values),
            html: String::new(),
        },
        Texts::Mail { subject, text, html } => Rendered {
            subject: fill(subject, &values, Escape::Line).trim().to_owned(),
            // The line of an absent link leaves the empty line around it twice.
            text: fill(text, &values, Escape::Text).trim().replace("\n\n\n", "\n\n"),
            html: fill(html, &values, Escape::Html),
        },
    }
}

/// The time that is left, in words of the message's language.
pub fn expiry(message: &Message, now: Timestamp) -> String {
    in_words(message.expires - now, message.language)
}

fn values(message: &Message, now: Timestamp) -> Values {
    Values {
        code: message.code.clone(),
        host: message.host.clone(),
        expiry: expiry(message, now),
        link: message.link.clone().filter(|link| is_web_link(link)),
    }
}

/// Links were checked where they were made; what a mail program might run is not passed on in any case.
fn is_web_link(link: &str) -> bool {
    link.starts_with("https://") || link.starts_with("http://")
}

fn first_that_fits(texts: &[&str], values: &Values) -> String {
    let mut filled = texts
        .iter()
        .map(|text| fill(text, values, Escape::Text).trim().to_owned());
    let fitting = filled.clone().find(|text| gsm::fits_one_segment(text));
    fitting.or_else(|| filled.next_back()).unwrap_or_default()
}

/// Minutes are rounded up, longer times down: what is promised is there to the minute.
fn in_words(left: Span, language: Language) -> String {
    const MINUTES_OF_HOUR: i64 = 60;
    const MINUTES_OF_DAY: i64 = 24 * MINUTES_OF_HOUR;
    let minutes = (left.as_seconds_up() + 59).div_euclid(60).max(1);
    let (count, [one, many]) = match (minutes, language) {
        (MINUTES_OF_DAY.., Language::En) => (minutes / MINUTES_OF_DAY, ["day", "days"]),
        (MINUTES_OF_DAY.., Language::De) => (minutes / MINUTES_OF_DAY, ["Tag", "Tage"]),
        (m, Language::En) if m % MINUTES_OF_HOUR == 0 || m > 120 => (m / MINUTES_OF_HOUR, ["hour", "hours"]),
        (m, Language::De) if m % MINUTES_OF_HOUR == 0 || m > 120 => {
            (m / MINUTES_OF_HOUR, ["Stunde", "Stunden"])
        }
        (m, Language::En) => (m, ["minute", "minutes"]),
        (m, Language::De) => (m, ["Minute", "Minuten"]),
    };
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests;
