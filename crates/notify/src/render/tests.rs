//! The texts, as a recipient reads them, and what hostile values can do to them: nothing.

use app::{
    Language,
    message::{Message, MessageKind},
};
use domain::{
    base::{OrgId, Span, Timestamp, UserId},
    user::{Channel, Destination},
};
use proptest::prelude::*;

use super::{
    Texts, gsm, render,
    template::{Escape, Values, fill, next_name},
    texts,
};

const NOW: Timestamp = Timestamp(1_767_225_600_000_000);

fn message(kind: MessageKind, language: Language) -> Message {
    let to = match kind.channel() {
        Channel::Sms => "+41791234567",
        Channel::Email => "ada@example.com",
    };
    Message {
        kind,
        cause: "otp_code_issued".to_owned(),
        destination: Destination::from_trusted(kind.channel(), to),
        code: "482913".to_owned(),
        expires: NOW + Span::minutes(10),
        created: NOW,
        language,
        host: "login.example.com".to_owned(),
        link: None,
        user: UserId::from_trusted("1"),
        org: OrgId::from_trusted("2"),
    }
}

fn every() -> impl Iterator<Item = (MessageKind, Language)> {
    let of = |kind: &'static MessageKind| Language::ALL.iter().map(|language| (*kind, *language));
    MessageKind::ALL.iter().flat_map(of)
}

#[test]
fn the_english_sms_is_one_segment_and_ends_with_the_bound_code() {
    let text = render(&message(MessageKind::VerifyPhone, Language::En), NOW).text;
    assert_eq!(
        text,
        "482913 is your code for login.example.com. It is valid for 10 minutes. Do not share it with anyone.\n\n\
         @login.example.com #482913"
    );
}

#[test]
fn the_german_sms_has_its_umlauts_in_one_segment() {
    let text = render(&message(MessageKind::VerifyPhone, Language::De), NOW).text;
    assert_eq!(
        text,
        "482913 ist Ihr Code für login.example.com. Er gilt 10 Minuten. Geben Sie ihn niemandem weiter.\n\n\
         @login.example.com #482913"
    );
}

#[test]
fn a_long_host_shortens_the_sms_and_keeps_its_last_line() {
    let mut long = message(MessageKind::VerifyPhone, Language::En);
    long.host = format!("{}.example.com", "a".repeat(60));
    let text = render(&long, NOW).text;
    assert!(gsm::fits_one_segment(&text));
    assert!(text.starts_with("482913 is your code."));
    assert_eq!(
        text.lines().last(),
        Some(format!("@{} #482913", long.host).as_str())
    );
}

#[test]
fn a_host_that_fills_a_segment_leaves_the_code_alone() {
    let mut long = message(MessageKind::VerifyPhone, Language::De);
    long.host = "a".repeat(250);
    assert_eq!(render(&long, NOW).text, "482913");
}

#[test]
fn the_mail_has_subject_text_and_html() {
    let mail = render(&message(MessageKind::VerifyEmail, Language::En), NOW);
    assert_eq!(mail.subject, "482913 is your code for login.example.com");
    assert!(mail.text.contains("\n    482913\n"));
    assert!(mail.text.contains("valid for 10 minutes"));
    assert_eq!(mail.text.lines().last(), Some("@login.example.com #482913"));
    assert!(mail.html.contains(">482913</span>"));
    assert!(mail.html.contains("color-scheme: light dark"));
}

#[test]
fn a_link_is_a_button_and_without_one_there_is_no_empty_place() {
    let mut with = message(MessageKind::VerifyEmail, Language::De);
    let without = render(&with, NOW);
    assert!(!without.html.contains("<a ") && !without.text.contains("Link"));
    assert!(!without.text.contains("\n\n\n"));
    with.link = Some("https://login.example.com/?code=482913&user=1".to_owned());
    let with = render(&with, NOW);
    assert!(
        with.html
            .contains("href=\"https://login.example.com/?code=482913&amp;user=1\"")
    );
    assert!(
        with.text
            .contains("Oder öffnen Sie diesen Link: https://login.example.com/?code=482913&user=1\n")
    );
}

#[test]
fn a_link_that_is_no_web_link_is_left_out() {
    let mut hostile = message(MessageKind::VerifyEmail, Language::En);
    hostile.link = Some("javascript:alert(1)".to_owned());
    assert!(!render(&hostile, NOW).html.contains("javascript"));
}

#[test]
fn the_time_that_is_left_is_in_words() {
    let words = |seconds, language| super::in_words(Span::seconds(seconds), language);
    for (seconds, english, german) in [
        (1, "1 minute", "1 Minute"),
        (60, "1 minute", "1 Minute"),
        (290, "5 minutes", "5 Minuten"),
        (600, "10 minutes", "10 Minuten"),
        (3599, "1 hour", "1 Stunde"),
        (3600, "1 hour", "1 Stunde"),
        (5400, "90 minutes", "90 Minuten"),
        (7300, "2 hours", "2 Stunden"),
        (86_400, "1 day", "1 Tag"),
        (700_000, "8 days", "8 Tage"),
        (-5, "1 minute", "1 Minute"),
    ] {
        assert_eq!(words(seconds, Language::En), english);
        assert_eq!(words(seconds, Language::De), german);
    }
}

#[test]
fn texts_name_known_values_only_and_are_whole() {
    for (kind, language) in every() {
        let all = match texts(kind, language) {
            Texts::Sms(texts) => texts.to_vec(),
            Texts::Mail { subject, text, html } => vec![subject, text, html],
        };
        for text in all {
            let mut rest = text;
            while let Some((_, name, after)) = next_name(rest) {
                assert!(
                    ["Code", "Host", "Expiry", "Link"].contains(&name),
                    "{} {language:?}: {name}",
                    kind.name()
                );
                rest = after;
            }
            assert!(!rest.contains("{{") && !rest.contains("}}"), "{}", kind.name());
        }
    }
}

#[test]
fn html_has_no_script_and_nothing_from_elsewhere() {
    for (kind, language) in every() {
        let html = render(&message(kind, language), NOW).html;
        for bad in ["<script", "<img", "<link", "url(", "@import", "src=", "{{"] {
            assert!(!html.contains(bad), "{} {language:?}: {bad}", kind.name());
        }
    }
}

/// Every tag of a text, without the values of its attributes.
fn tags(html: &str) -> Vec<&str> {
    let after_open = html.split('<').skip(1);
    after_open
        .map(|tag| tag.split(['>', ' ', '"']).next().unwrap_or_default())
        .collect()
}

fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[<>&\"'\r\n{}.\\$#@=;: a-z]{0,80}",
        Just("x\r\nBcc: eve@example.com".to_owned()),
        Just("</span><script>alert(1)</script>".to_owned()),
        Just("{{.Code}}{{.Link}}".to_owned()),
        Just("\u{202e}moc.live\u{2028}@evil #1".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn hostile_values_change_no_structure(host in hostile(), code in hostile(), link in hostile()) {
        for (kind, language) in every() {
            let plain = {
                let mut plain = message(kind, language);
                plain.link = Some("https://x/".to_owned());
                render(&plain, NOW)
            };
            let mut attacked = message(kind, language);
            attacked.host.clone_from(&host);
            attacked.code.clone_from(&code);
            attacked.link = Some(format!("https://{link}"));
            let attacked = render(&attacked, NOW);
            prop_assert!(!attacked.subject.contains(['\r', '\n']));
            prop_assert_eq!(tags(&attacked.html), tags(&plain.html));
            if kind.channel() == Channel::Email {
                prop_assert_eq!(attacked.text.lines().count(), plain.text.lines().count());
            }
        }
    }

    #[test]
    fn an_sms_is_one_segment_whatever_the_host_is(host in hostile(), code in "[A-Z0-9]{4,16}") {
        for language in Language::ALL {
            let mut sms = message(MessageKind::VerifyPhone, *language);
            sms.host.clone_from(&host);
            sms.code.clone_from(&code);
            let text = render(&sms, NOW).text;
            prop_assert!(gsm::fits_one_segment(&text));
            prop_assert!(text.contains(&code));
        }
    }

    #[test]
    fn a_real_host_keeps_the_bound_last_line(host in "[a-z0-9]{1,20}(\\.[a-z0-9]{1,20}){1,5}", code in "[A-Z0-9]{6,12}") {
        for language in Language::ALL {
            let mut sms = message(MessageKind::VerifyPhone, *language);
            sms.host.clone_from(&host);
            sms.code.clone_from(&code);
            let text = render(&sms, NOW).text;
            let bound = format!("@{host} #{code}");
            prop_assert_eq!(text.lines().last(), Some(bound.as_str()));
        }
    }

    #[test]
    fn values_are_not_looked_into(value in hostile()) {
        let values = Values { code: value.clone(), host: String::new(), expiry: String::new(), link: None };
        let escaped = fill("{{.Code}}", &values, Escape::Html);
        prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
        prop_assert_eq!(fill("a {{.Link}}\nb", &values, Escape::Text), "b");
    }
}
