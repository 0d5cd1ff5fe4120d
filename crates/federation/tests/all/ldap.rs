//! Directories: who is found, who binds, and everything that must not let anybody in.

use std::{sync::Arc, time::Duration};

use app::{
    idp::elsewhere::{Access, Credentials, Elsewhere, Identity, Unbound},
    secret::Secret,
};
use domain::{
    base::Span,
    idp::{Attribute, LdapAttributes, LdapServer, LdapSettings, LdapTimeout, Setting},
    idp_intent::Failure,
};
use federation::{Federation, FederationSettings};
use testkit::{
    ManualClock, START,
    directory::{BASE, Fault, PERSON, SERVICE, TestDirectory},
};

const PASSWORD: &str = PERSON[3];

struct Scene {
    federation: Federation,
    directory: TestDirectory,
}

impl Scene {
    async fn new(allow_private: bool) -> Self {
        let settings = FederationSettings {
            allow_private,
            timeout: Duration::from_secs(5),
        };
        let clock = Arc::new(ManualClock::at(START));
        Self {
            federation: Federation::new(settings, clock).unwrap(),
            directory: TestDirectory::start().await,
        }
    }

    fn settings(&self) -> LdapSettings {
        let attribute = |name: &str| Attribute::parse(name).unwrap();
        LdapSettings {
            servers: vec![LdapServer::parse(&self.directory.url()).unwrap()],
            start_tls: false,
            base_dn: Setting::parse(BASE).unwrap(),
            bind_dn: Setting::parse(SERVICE.0).unwrap(),
            user_base: Setting::parse("DN").unwrap(),
            user_object_classes: vec![attribute("person")],
            user_filters: vec![attribute("uid"), attribute("mail")],
            timeout: None,
            attributes: LdapAttributes {
                id: attribute("EMPLOYEENUMBER"),
                first_name: Some(attribute("givenname")),
                last_name: None,
                display_name: None,
                nick_name: None,
                preferred_username: Some(attribute("uid")),
                email: Some(attribute("mail")),
                email_verified: None,
                phone: None,
                phone_verified: None,
                preferred_language: None,
                avatar_url: Some(attribute("jpegPhoto")),
                profile: None,
            },
            root_ca: None,
        }
    }

    async fn asks(&self, settings: &LdapSettings, name: &str, password: &str) -> Result<Identity, Unbound> {
        let (secret, password) = (Secret::new(SERVICE.1.into()), Secret::new(password.into()));
        let credentials = Credentials {
            username: name,
            password: &password,
        };
        self.federation.bind(settings, &secret, &credentials).await
    }
}

fn unbound(failure: Failure, guessed: bool) -> Result<Identity, Unbound> {
    Err(Unbound { failure, guessed })
}

#[tokio::test]
async fn a_person_is_found_by_each_name_and_is_who_the_entry_says() {
    let scene = Scene::new(true).await;
    for name in ["ada", "ADA", " ada ", PERSON[1]] {
        let identity = scene.asks(&scene.settings(), name, PASSWORD).await.unwrap();
        assert_eq!((identity.user.id(), identity.user.name()), (PERSON[2], "ada"));
        let information = serde_json::json!({"id": "1815", "first_name": "Ada", "preferred_username": "ada",
            "email": "ada@example.com", "avatar_url": "/9gA"});
        assert_eq!(serde_json::Value::from(identity.information), information);
        let Access::Ldap { attributes } = identity.access else {
            panic!("attributes");
        };
        let shown = serde_json::json!({"EMPLOYEENUMBER": ["1815"], "givenname": ["Ada"], "uid": ["ada"],
            "mail": ["ada@example.com"], "jpegPhoto": ["/9gA"]});
        assert_eq!(serde_json::Value::from(attributes), shown);
    }
    let by_mail = LdapSettings {
        user_base: Setting::parse("mail").unwrap(),
        ..scene.settings()
    };
    assert!(scene.asks(&by_mail, "ada", PASSWORD).await.is_ok());
    assert_eq!(scene.directory.guesses().last().unwrap().0, PERSON[1]);
}

#[tokio::test]
async fn a_name_arrives_as_a_value_whatever_is_in_it() {
    let scene = Scene::new(true).await;
    let hostile = [
        "*",
        "a*",
        "ada)(uid=*",
        "*)(objectClass=*",
        "ada)(|(uid=*",
        "\\2a",
        "\\",
        "ada\0",
        "&|!()=~<>",
        "ä\u{202e}😀",
        "uid=ada,dc=example,dc=com",
        "\n\r\t#,+\"",
    ];
    for name in hostile {
        let answer = scene.asks(&scene.settings(), name, PASSWORD).await;
        assert_eq!(answer, unbound(Failure::Denied, true), "{name:?}");
    }
    let heard: Vec<_> = hostile.iter().map(|name| name.as_bytes().to_vec()).collect();
    assert_eq!(scene.directory.names(), heard);
    for (name, _) in scene.directory.guesses() {
        assert_eq!(name, format!("cn=nobody,{BASE}"));
    }
}

#[tokio::test]
async fn an_unknown_name_and_a_wrong_password_are_the_same_to_everybody() {
    let scene = Scene::new(true).await;
    let mut steps = Vec::new();
    for name in ["ada", "eve"] {
        let before = scene.directory.asked();
        let answer = scene.asks(&scene.settings(), name, "wrong").await;
        assert_eq!(answer, unbound(Failure::Denied, true));
        steps.push(scene.directory.asked() - before);
    }
    assert_eq!(steps, [3, 3]);
}

#[tokio::test]
async fn whoever_brings_no_password_is_not_even_looked_for() {
    let scene = Scene::new(true).await;
    let answer = scene.asks(&scene.settings(), "ada", "").await;
    assert_eq!(answer, unbound(Failure::Denied, false));
    assert_eq!(scene.directory.asked(), 0);
}

#[tokio::test]
async fn what_is_ambiguous_lets_nobody_in() {
    let scene = Scene::new(true).await;
    for (fault, failure, guessed) in [
        (Fault::FindsTwo, Failure::Denied, true),
        (Fault::FindsOneOfMany, Failure::Denied, true),
        (Fault::EmptyDn, Failure::Denied, true),
        (Fault::NoId, Failure::Nameless, false),
        (Fault::TwoIds, Failure::Nameless, false),
    ] {
        scene.directory.fault(Some(fault));
        let answer = scene.asks(&scene.settings(), "ada", PASSWORD).await;
        assert_eq!(answer, unbound(failure, guessed), "{fault:?}");
    }
    scene.directory.fault(Some(Fault::FindsAdaByEveryName));
    for name in ["a-d-a", "ad a", "eve"] {
        let answer = scene.asks(&scene.settings(), name, PASSWORD).await;
        assert_eq!(answer, unbound(Failure::Denied, true), "{name}");
    }
    scene.directory.fault(Some(Fault::TwoMails));
    let by_mail = LdapSettings {
        user_base: Setting::parse("mail").unwrap(),
        ..scene.settings()
    };
    let answer = scene.asks(&by_mail, "ada", PASSWORD).await;
    assert_eq!(answer, unbound(Failure::Denied, true));
    for (name, _) in scene.directory.guesses() {
        assert!(!name.is_empty());
    }
}

#[tokio::test]
async fn a_guess_is_one_from_the_moment_the_password_is_sent() {
    let scene = Scene::new(true).await;
    let settings = LdapSettings {
        timeout: Some(LdapTimeout::parse(Span::seconds(1)).unwrap()),
        servers: vec![LdapServer::parse(&scene.directory.url()).unwrap(); 2],
        ..scene.settings()
    };
    for (fault, failure, guessed) in [
        (Fault::Hangs, Failure::Unreachable, false),
        (Fault::IsBusy, Failure::Unreachable, false),
        (Fault::KnowsNobodyWhoAsks, Failure::Refused, false),
        (Fault::RefusesTheSearch, Failure::Refused, false),
        (Fault::HangsAtThePassword, Failure::Unreachable, true),
        (Fault::EndsAtThePassword, Failure::Unreachable, true),
        (Fault::IsBusyAtThePassword, Failure::Unreachable, true),
    ] {
        scene.directory.fault(Some(fault));
        let before = scene.directory.guesses().len();
        let answer = scene.asks(&settings, "ada", PASSWORD).await;
        assert_eq!(answer, unbound(failure, guessed), "{fault:?}");
        let guesses = scene.directory.guesses().len() - before;
        assert_eq!(
            guesses,
            usize::from(guessed),
            "{fault:?}: one server sees the password"
        );
    }
}

#[tokio::test]
async fn the_next_server_is_asked_when_one_is_of_no_use() {
    let scene = Scene::new(true).await;
    let settings = LdapSettings {
        servers: [
            "ldap://127.0.0.1:1",
            "ldaps://127.0.0.1:1",
            &scene.directory.url(),
        ]
        .map(|server| LdapServer::parse(server).unwrap())
        .to_vec(),
        ..scene.settings()
    };
    assert!(scene.asks(&settings, "ada", PASSWORD).await.is_ok());
}

#[tokio::test]
async fn nothing_inside_and_nothing_without_tls_is_asked_unless_allowed() {
    let scene = Scene::new(false).await;
    let port = scene.directory.url().rsplit_once(':').unwrap().1.to_owned();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        for (scheme, start_tls) in [("ldap", false), ("ldap", true), ("ldaps", false)] {
            let server = LdapServer::parse(&format!("{scheme}://{host}:{port}")).unwrap();
            let settings = LdapSettings {
                servers: vec![server],
                start_tls,
                ..scene.settings()
            };
            let answer = scene.asks(&settings, "ada", PASSWORD).await;
            assert_eq!(answer, unbound(Failure::Unreachable, false));
        }
    }
    assert_eq!(scene.directory.asked(), 0);
}

#[tokio::test]
async fn without_tls_no_password_is_sent_where_tls_is_wanted() {
    let scene = Scene::new(true).await;
    let settings = LdapSettings {
        start_tls: true,
        ..scene.settings()
    };
    for fault in [Fault::RefusesTls, Fault::ClaimsTls, Fault::ClaimsTlsAndGoesOn] {
        scene.directory.fault(Some(fault));
        let before = scene.directory.asked();
        let answer = scene.asks(&settings, "ada", PASSWORD).await;
        assert_eq!(answer, unbound(Failure::Unreachable, false), "{fault:?}");
        assert_eq!(scene.directory.asked() - before, 1, "{fault:?}");
    }
    assert!(scene.directory.guesses().is_empty());
}
