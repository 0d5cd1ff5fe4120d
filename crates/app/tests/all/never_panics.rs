//! Whatever arrives, it is read or refused: no input makes a reader panic, and what is read is in its one form.
//! `PROPTEST_CASES` asks for more inputs than the usual 256.

use app::{
    policy::Policy,
    secret::read_token,
    url_template::{LinkValues, UrlTemplate},
};
use domain::user::{EmailAddress, PhoneNumber, Username};
use proptest::prelude::*;

fn policy() -> Policy {
    Policy {
        public_host: "id.example.com".into(),
        trusted_hosts: vec!["app3.example.com".into()],
        ..Policy::default()
    }
}

fn host_of(link: &str) -> Option<String> {
    Some(url::Url::parse(link).ok()?.host_str()?.to_owned())
}

proptest! {
    #[test]
    fn a_phone_number(text in r"\PC{0,40}|[+0-9 ()/x;.-]{0,40}|\+[1-9][0-9]{0,20}") {
        for region in [None, Some("CH"), Some("IT"), Some("nowhere")] {
            if let Ok(number) = PhoneNumber::parse(&text, region) {
                let e164 = number.as_str();
                prop_assert!(e164.starts_with('+') && e164[1..].bytes().all(|b| b.is_ascii_digit()));
                prop_assert!((3..=16).contains(&e164.len()), "{e164}");
                prop_assert_eq!(PhoneNumber::parse(e164, None), Ok(number));
            }
        }
    }

    #[test]
    fn an_address(text in r".{0,60}|[a-zA-Z.+@é -]{0,40}|\PC{1,20}@\PC{1,20}\.[a-z]{1,5}") {
        if let Ok(address) = EmailAddress::parse(&text) {
            let sent_to = address.as_str();
            prop_assert!(!sent_to.chars().any(|c| c.is_control() || c.is_whitespace() || "<>,;:\"\\()[]".contains(c)));
            prop_assert_eq!(&EmailAddress::parse(sent_to), &Ok(address.clone()));
            let canonical = address.canonical();
            prop_assert_eq!(EmailAddress::from_trusted(&canonical).canonical(), canonical);
        }
    }

    #[test]
    fn a_username(text in r".{0,60}|\PC{0,40}|[a-zA-Z0-9._@ -]{0,30}|[а-яα-ωa-z]{0,12}") {
        if let Ok(name) = Username::parse(&text) {
            let shown = name.as_str();
            prop_assert!(!shown.is_empty() && !shown.chars().any(|c| c.is_control() || c.is_whitespace()));
            prop_assert_eq!(&Username::parse(shown), &Ok(name.clone()));
            let again = Username::parse(name.canonical()).unwrap();
            prop_assert_eq!(again.canonical(), name.canonical());
        }
    }

    #[test]
    fn a_password_hash(text in r"\PC{0,80}|\$(argon2id|2b|5|6|1|P|scrypt|firescrypt|pbkdf2-sha256)\$[a-z0-9=,$./+]{0,80}") {
        _ = app::password::Encoded::parse(&text);
    }

    #[test]
    fn an_app_code(text in r"\PC{0,12}|[0-9 -]{0,12}") {
        if let Some(code) = app::totp::read(&text) {
            prop_assert!(code.len() == 6 && code.bytes().all(|b| b.is_ascii_digit()));
        }
    }

    #[test]
    fn a_url_template(
        text in r"\PC{0,60}|https?://(id|app3|evil)?(\{\{ ?\.?(Code|UserID|OrgID|FactorID)?\}\})?\.?example\.com[/@:\\]?.{0,40}",
        user in r"\PC{1,30}", code in r"\PC{1,12}",
    ) {
        if let Ok(template) = UrlTemplate::parse(&text, true, &policy()) {
            let values = LinkValues { user_id: &user, org_id: &user, code: &code, factor_id: Some(&code), code_id: Some(&code) };
            let link = template.render(&values).unwrap();
            prop_assert!(!link.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\'), "{link:?}");
            let host = host_of(&link);
            prop_assert!(matches!(host.as_deref(), Some("id.example.com" | "app3.example.com")), "{link:?}");
        }
    }

    #[test]
    fn a_token(text in r".{0,80}|[A-Za-z0-9_-]{50,60}") {
        if read_token(&text).is_some() {
            prop_assert_eq!(text.len(), 55);
        }
    }
}

#[test]
fn a_placeholder_cannot_stand_in_the_host() {
    for bad in [
        "https://app{{.FactorID}}.example.com/",
        "https://{{.Code}}/",
        "https://id.example.com:{{.UserID}}/",
        "https://{{.UserID}}@id.example.com/",
        "http{{.Code}}://id.example.com/",
    ] {
        assert!(UrlTemplate::parse(bad, true, &policy()).is_err(), "{bad}");
    }
}

#[test]
fn a_template_holds_nothing_that_readers_of_links_take_differently() {
    for bad in [
        "https://id.example.com/\r\nBcc: eve@example.com",
        "https://id.example.com/\tx",
        "https://id.example.com/ call +1 900 123",
        " https://id.example.com/",
        "https://id.example.com\\@evil.example/",
        "https:\\\\id.example.com/",
        "https:id.example.com/",
        "https:///id.example.com/",
        "https://id.example.com/\u{202e}",
        "https://id.example.com/<b>",
        "https://id.example.com/\"x",
    ] {
        assert!(UrlTemplate::parse(bad, false, &policy()).is_err(), "{bad:?}");
    }
    assert!(UrlTemplate::parse("HTTPS://ID.example.com/verify#{{.Code}}", false, &policy()).is_ok());
}
