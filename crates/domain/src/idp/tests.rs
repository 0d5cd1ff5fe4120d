//! What a provider accepts and refuses, and what its settings may be.

use super::*;
use crate::base::{Forgettable, Span};

fn text(text: &str) -> Setting {
    Setting::parse(text).unwrap()
}

fn name(text: &str) -> ProviderName {
    ProviderName::parse(text).unwrap()
}

fn attribute(name: &str) -> Attribute {
    Attribute::parse(name).unwrap()
}

fn oidc() -> Settings {
    Settings::Oidc(OidcSettings {
        issuer: Issuer::parse("https://id.example.com").unwrap(),
        client_id: text("me"),
        scopes: Scopes::parse(&["openid".to_owned()]).unwrap(),
        id_token_mapping: true,
        pkce: true,
    })
}

fn oauth() -> Settings {
    let endpoint = |path: &str| Endpoint::parse(&format!("https://id.example.com{path}")).unwrap();
    Settings::Oauth(OauthSettings {
        client_id: text("me"),
        authorization_endpoint: endpoint("/authorize?x=1"),
        token_endpoint: endpoint("/token"),
        user_endpoint: endpoint("/me"),
        scopes: Scopes::default(),
        id_attribute: text("sub"),
        pkce: false,
    })
}

fn ldap() -> Settings {
    Settings::Ldap(Box::new(LdapSettings {
        servers: vec![LdapServer::parse("ldaps://ldap.example.com:636").unwrap()],
        start_tls: false,
        base_dn: text("dc=example,dc=com"),
        bind_dn: text("cn=admin"),
        user_base: text("dn"),
        user_object_classes: vec![attribute("inetOrgPerson")],
        user_filters: vec![attribute("uid")],
        timeout: Some(LdapTimeout::parse(Span::seconds(2)).unwrap()),
        attributes: LdapAttributes {
            id: attribute("uid"),
            first_name: None,
            last_name: None,
            display_name: None,
            nick_name: None,
            preferred_username: None,
            email: Some(attribute("mail")),
            email_verified: None,
            phone: None,
            phone_verified: None,
            preferred_language: None,
            avatar_url: None,
            profile: None,
        },
        root_ca: Some("PEM".into()),
    }))
}

fn sealed(text: &str) -> SealedSecret {
    SealedSecret::new(text)
}

fn everything() -> Options {
    Options {
        linking: true,
        auto_update: true,
        auto_linking: Some(AutoLinking::Email),
        ..Options::default()
    }
}

fn added() -> Event {
    Event::IdentityProviderAdded {
        name: name("Elsewhere"),
        options: everything(),
        settings: oidc(),
        secret: Personal::Known(sealed("one")),
    }
}

fn given(events: &[Event]) -> Idp {
    let mut state = Idp::default();
    for event in events {
        state.evolve(event, Timestamp(0));
    }
    state
}

fn change(name_of: &str, settings: Settings, secret: Option<&str>) -> Command {
    Command::Change {
        name: name(name_of),
        options: everything(),
        settings,
        secret: secret.map(sealed),
    }
}

fn when(events: &[Event], command: Command) -> Decision<Event, Refusal> {
    given(events).decide(command, Timestamp(1))
}

#[test]
fn a_provider_is_added_once() {
    let add = || Command::Add {
        name: name("Elsewhere"),
        options: everything(),
        settings: oidc(),
        secret: sealed("one"),
    };
    assert_eq!(when(&[], add()), Decision::accept([added()]));
    assert_eq!(when(&[added()], add()), Decision::refuse(Refusal::AlreadyExists));
    assert_eq!(
        given(&[added()]).provider().unwrap().settings,
        oidc(),
        "it is there"
    );
}

#[test]
fn what_is_equal_changes_nothing_and_no_secret_keeps_the_one_there_is() {
    assert_eq!(
        when(&[added()], change("Elsewhere", oidc(), None)),
        Decision::accept([])
    );
    let renamed = when(&[added()], change("There", oidc(), None));
    assert!(
        matches!(&renamed.events[..], [Event::IdentityProviderChanged { name: n, .. }] if *n == name("There"))
    );
    let state = given(&[added(), renamed.events[0].clone()]);
    assert_eq!(state.provider().unwrap().secret, sealed("one"));
    let renewed = when(&[added()], change("Elsewhere", oidc(), Some("two")));
    assert!(matches!(
        renewed.events[..],
        [Event::IdentityProviderSecretChanged { .. }]
    ));
    let state = given(&[added(), renewed.events[0].clone()]);
    assert_eq!(state.provider().unwrap().secret, sealed("two"));
}

#[test]
fn what_a_provider_speaks_stays() {
    for other in [oauth(), ldap()] {
        assert_eq!(
            when(&[added()], change("Elsewhere", other, None)),
            Decision::refuse(Refusal::NotFound)
        );
    }
}

#[test]
fn what_was_removed_is_none() {
    let removed = [added(), Event::IdentityProviderRemoved];
    assert_eq!(
        when(&[added()], Command::Remove),
        Decision::accept([Event::IdentityProviderRemoved])
    );
    assert_eq!(given(&removed), Idp::Absent);
    for command in [Command::Remove, change("Elsewhere", oidc(), None)] {
        assert_eq!(when(&removed, command), Decision::refuse(Refusal::NotFound));
    }
}

#[test]
fn settings_are_what_can_be_spoken_with() {
    for good in [
        "https://id.example.com",
        "http://localhost:8080/x?y=1",
        "https://[::1]/",
    ] {
        assert!(Endpoint::parse(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "id.example.com",
        "//id.example.com",
        "https:id.example.com",
        "https:///id.example.com",
        "https://a@id.example.com",
        "https://id.example.com\\@evil.example",
        "https://id.example.com/#x",
        "https://id.example.com/a b",
        "https://id.example.com/\n",
        "ftp://id.example.com",
        "javascript:alert(1)",
        "https://",
    ] {
        assert_eq!(Endpoint::parse(bad), Err(SettingError::Url), "{bad:?}");
        assert_eq!(Issuer::parse(bad), Err(SettingError::Issuer), "{bad:?}");
    }
    assert_eq!(
        Issuer::parse("https://id.example.com/?x=1"),
        Err(SettingError::Issuer)
    );
    for good in [
        "ldap://ldap.example.com",
        "ldaps://10.0.0.1:636/",
        "ldap://[::1]:389",
    ] {
        assert!(LdapServer::parse(good).is_ok(), "{good}");
    }
    for bad in [
        "ldap.example.com",
        "https://ldap.example.com",
        "ldap://ldap.example.com/dc=x",
        "ldap://a:b@ldap.example.com",
        "ldapi://%2fvar",
    ] {
        assert_eq!(LdapServer::parse(bad), Err(SettingError::LdapServer), "{bad}");
    }
    for bad in ["", "uid)(x=*", "uid=*", "a b", "ü", "*", "-a"] {
        assert_eq!(Attribute::parse(bad), Err(SettingError::Attribute), "{bad}");
    }
    assert!(Attribute::parse("1.2.840.113556.1.4.221").is_ok());
    for bad in ["", "a b", "a\"b", "a\\b", "ä", "a\u{7f}"] {
        assert_eq!(
            Scopes::parse(&[bad.to_owned()]),
            Err(SettingError::Scope),
            "{bad}"
        );
    }
    for bad in ["", "  ", "a\u{0}b"] {
        assert_eq!(ProviderName::parse(bad), Err(SettingError::Blank), "{bad:?}");
    }
    for (span, sound) in [
        (Span(0), false),
        (Span(1_000), true),
        (Span::minutes(1), true),
        (Span(60_000_001), false),
        (Span(-1), false),
    ] {
        assert_eq!(LdapTimeout::parse(span).is_ok(), sound, "{span:?}");
    }
}

#[test]
fn events_are_written_as_they_always_were() {
    let changed = |options, settings| Event::IdentityProviderChanged {
        name: name("Elsewhere"),
        options,
        settings,
    };
    let by_name = Options {
        auto_linking: Some(AutoLinking::Username),
        ..Options::default()
    };
    let all = [
        added(),
        changed(Options::default(), oauth()),
        changed(by_name, ldap()),
        Event::IdentityProviderSecretChanged {
            secret: Personal::Known(sealed("sealed")),
        },
        Event::IdentityProviderRemoved,
    ];
    let lines: Vec<&str> = include_str!("golden.jsonl").lines().collect();
    let written: Vec<String> = all.iter().map(|e| serde_json::to_string(e).unwrap()).collect();
    assert_eq!(
        written, lines,
        "a released event never changes; add a variant instead"
    );
    for (event, line) in all.iter().zip(lines) {
        let mut read: Event = serde_json::from_str(line).unwrap();
        assert!(line.contains(&format!("\"type\":\"{}\"", event.name())));
        if let Some(personal) = event.personal() {
            read.restore(&personal);
        }
        assert_eq!(&read, event);
    }
}
