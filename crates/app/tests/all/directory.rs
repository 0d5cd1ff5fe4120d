//! Signing in at a directory: what a guess costs, who is told, and what is kept. The directory is one of the test's own.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use app::{
    Caller, Error, Result,
    idp::{
        self, NewProvider,
        elsewhere::{Access, Answer, Ask, CameBack, Credentials, Elsewhere, Identity, Unbound},
        intent::{self, IntentSucceeded},
    },
    secret::Secret,
    user::idp_link::{self, NewLink},
};
use domain::{
    base::{IdpId, Span},
    code::GuessBudget,
    idp::{
        Attribute, Endpoint, LdapAttributes, LdapServer, LdapSettings, OauthSettings, Options, ProviderName,
        Scopes, Setting, Settings,
    },
    idp_intent::{Failure, Refusal},
    user::ExternalUser,
};
use testkit::{TestCtx, TestOptions};
use tokio::task::JoinSet;

use crate::given::*;

const BIND_PASSWORD: &str = "bind-password-77c0";
const PASSWORD: &str = "correct-horse-41aa";
const SUBJECT: &str = "subject-of-the-directory";

/// Knows one password, whatever the name.
#[derive(Default)]
struct Directory {
    asked: AtomicUsize,
    fault: Mutex<Option<Unbound>>,
}

impl Directory {
    fn answer(&self, secret: &Secret, credentials: &Credentials<'_>) -> Result<Identity, Unbound> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        assert_eq!(secret.reveal(), BIND_PASSWORD);
        if let Some(fault) = *self.fault.lock().unwrap() {
            return Err(fault);
        }
        if credentials.password.reveal() != PASSWORD {
            return Err(Unbound {
                failure: Failure::Denied,
                guessed: true,
            });
        }
        Ok(Identity {
            user: ExternalUser::parse(SUBJECT, "ada").unwrap(),
            information: serde_json::Map::new(),
            access: Access::Ldap {
                attributes: serde_json::Map::new(),
            },
        })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Elsewhere for Directory {
    fn sign_in_page<'a>(&'a self, _: &'a Settings, _: &'a Ask<'a>) -> Answer<'a, String> {
        Box::pin(async { Err(Failure::Unreachable) })
    }

    fn bind<'a>(
        &'a self,
        _: &'a LdapSettings,
        secret: &'a Secret,
        credentials: &'a Credentials<'a>,
    ) -> Answer<'a, Identity, Unbound> {
        Box::pin(async { self.answer(secret, credentials) })
    }

    fn identify<'a>(&'a self, _: &'a Settings, _: &'a Secret, _: &'a CameBack<'a>) -> Answer<'a, Identity> {
        Box::pin(async { Err(Failure::Unreachable) })
    }
}

struct Scene {
    ctx: TestCtx,
    owner: Caller,
    directory: Arc<Directory>,
    idp: IdpId,
}

impl Scene {
    async fn new() -> Self {
        let directory = Arc::<Directory>::default();
        let ctx = TestCtx::with(TestOptions {
            elsewhere: directory.clone(),
            ..TestOptions::default()
        })
        .await;
        let owner = ctx.owner().await;
        let idp = provider(&ctx, &owner, ldap()).await;
        Self {
            ctx,
            owner,
            directory,
            idp,
        }
    }

    async fn enters(&self, name: &str, password: &str) -> Result<IntentSucceeded> {
        let password = &Secret::new(password.to_owned());
        let credentials = Credentials {
            username: name,
            password,
        };
        intent::sign_in(&self.ctx, &self.owner, &self.idp, &credentials).await
    }
}

async fn provider(ctx: &TestCtx, by: &Caller, settings: Settings) -> IdpId {
    let new = NewProvider {
        name: ProviderName::parse("Directory").unwrap(),
        options: Options::default(),
        settings,
    };
    let secret = Secret::new(BIND_PASSWORD.into());
    idp::add(ctx, by, &new, &secret).await.unwrap().id
}

fn ldap() -> Settings {
    let attribute = |name: &str| Attribute::parse(name).unwrap();
    let setting = |text: &str| Setting::parse(text).unwrap();
    let attributes = LdapAttributes {
        id: attribute("uid"),
        first_name: None,
        last_name: None,
        display_name: None,
        nick_name: None,
        preferred_username: None,
        email: None,
        email_verified: None,
        phone: None,
        phone_verified: None,
        preferred_language: None,
        avatar_url: None,
        profile: None,
    };
    Settings::Ldap(Box::new(LdapSettings {
        servers: vec![LdapServer::parse("ldaps://directory.example.com").unwrap()],
        start_tls: false,
        base_dn: setting("dc=example,dc=com"),
        bind_dn: setting("cn=service"),
        user_base: setting("dn"),
        user_object_classes: vec![attribute("person")],
        user_filters: vec![attribute("uid")],
        timeout: None,
        attributes,
        root_ca: None,
    }))
}

fn oauth() -> Settings {
    let endpoint = || Endpoint::parse("https://id.example.com/x").unwrap();
    Settings::Oauth(OauthSettings {
        client_id: Setting::parse("me").unwrap(),
        authorization_endpoint: endpoint(),
        token_endpoint: endpoint(),
        user_endpoint: endpoint(),
        scopes: Scopes::default(),
        id_attribute: Setting::parse("sub").unwrap(),
        pkce: true,
    })
}

fn rests<T>(answer: &Result<T>) -> bool {
    matches!(answer, Err(Error::IdpResting(_)))
}

fn failed<T>(answer: &Result<T>) -> Option<Failure> {
    match answer {
        Err(Error::IdpFailed(failure)) => Some(*failure),
        _ => None,
    }
}

#[tokio::test]
async fn the_right_password_makes_an_intent_that_is_told_once() {
    let scene = Scene::new().await;
    let (ctx, owner) = (&scene.ctx, &scene.owner);
    let ada = somebody(ctx, owner).await;
    for holder in [None, Some(&ada.user)] {
        let done = scene.enters("ada", PASSWORD).await.unwrap();
        assert_eq!(done.user.as_ref(), holder);
        let told = intent::tell(ctx, owner, &done.changed.id, &done.token)
            .await
            .unwrap();
        assert_eq!((told.identity.user.id(), told.user.as_ref()), (SUBJECT, holder));
        let again = intent::tell(ctx, owner, &done.changed.id, &done.token).await;
        assert!(
            matches!(again, Err(Error::IntentRefused(Refusal::NotSucceeded))),
            "{again:?}"
        );
        if holder.is_none() {
            let link = NewLink {
                idp: scene.idp.clone(),
                user: told.identity.user,
            };
            idp_link::add(ctx, owner, &ada, &link).await.unwrap();
        }
    }
    let raw = ctx.database.raw_bytes();
    let holds = |text: &str| raw.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(
        holds("ldaps://directory.example.com"),
        "what is looked for can be found"
    );
    for hidden in [BIND_PASSWORD, PASSWORD] {
        assert!(!holds(hidden), "{hidden} can be read");
    }
}

#[tokio::test]
async fn after_fifty_wrong_passwords_a_name_rests_for_a_day_however_it_is_written() {
    let scene = Scene::new().await;
    let spellings = ["ada", "ADA", " Ada ", "ａｄａ"];
    let limit = usize::try_from(GuessBudget::LIMIT).unwrap();
    for n in 0..limit {
        let answer = scene.enters(spellings[n % spellings.len()], "wrong").await;
        assert_eq!(failed(&answer), Some(Failure::Denied));
    }
    for name in spellings {
        assert!(rests(&scene.enters(name, PASSWORD).await), "{name}");
    }
    assert_eq!(
        scene.directory.asked(),
        limit,
        "a name that rests is not asked for"
    );
    assert!(scene.enters("eve", PASSWORD).await.is_ok(), "another name");
    let other = provider(&scene.ctx, &scene.owner, ldap()).await;
    let first = scene.idp.clone();
    let elsewhere = Scene { idp: other, ..scene };
    assert!(
        elsewhere.enters("ada", PASSWORD).await.is_ok(),
        "another directory"
    );
    let scene = Scene {
        idp: first,
        ..elsewhere
    };
    scene.ctx.advance(Span::hours(24));
    assert!(scene.enters("ada", PASSWORD).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_are_spent_before_the_directory_is_asked_whoever_races() {
    let scene = Arc::new(Scene::new().await);
    let limit = usize::try_from(GuessBudget::LIMIT).unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..limit + 16 {
        let scene = Arc::clone(&scene);
        tasks.spawn(async move { scene.enters("ada", "wrong").await });
    }
    let answers = tasks.join_all().await;
    let denied = answers
        .iter()
        .filter(|answer| failed(answer) == Some(Failure::Denied));
    assert_eq!(denied.count(), limit);
    assert_eq!(answers.iter().filter(|answer| rests(answer)).count(), 16);
    assert_eq!(scene.directory.asked(), limit);
}

#[tokio::test]
async fn only_what_may_have_been_wrong_costs_a_guess() {
    let scene = Scene::new().await;
    let limit = GuessBudget::LIMIT;
    for (failure, guessed) in [
        (Failure::Unreachable, false),
        (Failure::Refused, false),
        (Failure::Nameless, false),
    ] {
        *scene.directory.fault.lock().unwrap() = Some(Unbound { failure, guessed });
        for _ in 0..limit {
            assert_eq!(failed(&scene.enters("ada", PASSWORD).await), Some(failure));
        }
    }
    *scene.directory.fault.lock().unwrap() = None;
    for _ in 0..=limit {
        scene.enters("ada", PASSWORD).await.unwrap();
    }
    *scene.directory.fault.lock().unwrap() = Some(Unbound {
        failure: Failure::Unreachable,
        guessed: true,
    });
    for _ in 0..limit {
        assert_eq!(
            failed(&scene.enters("ada", "wrong").await),
            Some(Failure::Unreachable)
        );
    }
    assert!(
        rests(&scene.enters("ada", "wrong").await),
        "an answer that stays out is no free guess"
    );
}

#[tokio::test]
async fn nobody_is_asked_without_a_password_or_at_a_provider_that_is_no_directory() {
    let scene = Scene::new().await;
    assert_eq!(failed(&scene.enters("ada", "").await), Some(Failure::Denied));
    let page = provider(&scene.ctx, &scene.owner, oauth()).await;
    let gone = provider(&scene.ctx, &scene.owner, ldap()).await;
    idp::remove(&scene.ctx, &scene.owner, &gone).await.unwrap();
    let at_page = Scene { idp: page, ..scene };
    assert!(matches!(
        at_page.enters("ada", PASSWORD).await,
        Err(Error::Invalid { .. })
    ));
    let at_none = Scene { idp: gone, ..at_page };
    let answer = at_none.enters("ada", PASSWORD).await;
    assert!(matches!(
        answer,
        Err(Error::IdpRefused(domain::idp::Refusal::NotFound))
    ));
    assert_eq!(at_none.directory.asked(), 0);
}
