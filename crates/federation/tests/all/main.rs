//! The protocols of identity providers, against a small provider that listens and can lie.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod ldap;

use std::{collections::HashMap, sync::Arc, time::Duration};

use app::{
    idp::elsewhere::{Access, Ask, CameBack, Elsewhere, Flow, Identity},
    secret::Secret,
};
use domain::{
    idp::{Endpoint, Issuer, OauthSettings, OidcSettings, Scopes, Setting, Settings},
    idp_intent::Failure,
};
use federation::{Federation, FederationSettings};
use testkit::{
    ManualClock, START,
    provider::{CLIENT, Lie, SUBJECT, TestProvider},
};

const REDIRECT: &str = "http://localhost:8080/idps/callback";

struct Scene {
    federation: Federation,
    provider: TestProvider,
    clock: ManualClock,
}

impl Scene {
    async fn new(allow_private: bool) -> Self {
        let clock = ManualClock::at(START);
        let settings = FederationSettings {
            allow_private,
            timeout: Duration::from_secs(2),
        };
        Self {
            federation: Federation::new(settings, Arc::new(clock.clone())).unwrap(),
            provider: TestProvider::start(&clock).await,
            clock,
        }
    }

    fn oidc(&self, id_token_mapping: bool) -> Settings {
        Settings::Oidc(OidcSettings {
            issuer: Issuer::parse(self.provider.issuer()).unwrap(),
            client_id: Setting::parse(CLIENT.0).unwrap(),
            scopes: Scopes::default(),
            id_token_mapping,
            pkce: false,
        })
    }

    fn oauth(&self) -> Settings {
        let endpoint = |path: &str| Endpoint::parse(&format!("{}{path}", self.provider.issuer())).unwrap();
        Settings::Oauth(OauthSettings {
            client_id: Setting::parse(CLIENT.0).unwrap(),
            authorization_endpoint: endpoint("/authorize?prompt=login"),
            token_endpoint: endpoint("/token"),
            user_endpoint: endpoint("/userinfo"),
            scopes: Scopes::parse(&["email".to_owned()]).unwrap(),
            id_attribute: Setting::parse("sub").unwrap(),
            pkce: false,
        })
    }

    async fn page(&self, settings: &Settings) -> Result<String, Failure> {
        let state = Secret::new("1.0123456789012345678901234567890123456789012".into());
        let ask = Ask {
            state: &state,
            flow: &flow(),
            redirect_uri: REDIRECT,
        };
        self.federation.sign_in_page(settings, &ask).await
    }

    async fn signs_in(&self, settings: &Settings) -> Result<Identity, Failure> {
        let page = self.page(settings).await?;
        let back = brought(&self.provider.sign_in(&page));
        self.identify(settings, &back["code"], Some(&back["iss"]), &flow())
            .await
    }

    async fn identify(
        &self,
        settings: &Settings,
        code: &str,
        issuer: Option<&str>,
        flow: &Flow,
    ) -> Result<Identity, Failure> {
        let (code, secret) = (Secret::new(code.to_owned()), Secret::new(CLIENT.1.to_owned()));
        let came = CameBack {
            code: &code,
            issuer,
            flow,
            redirect_uri: REDIRECT,
        };
        self.federation.identify(settings, &secret, &came).await
    }
}

fn flow() -> Flow {
    Flow {
        nonce: "the nonce".into(),
        verifier: "verifier-9012345678901234567890123456789012".into(),
    }
}

fn brought(back: &impl AsRef<str>) -> HashMap<String, String> {
    let query = back.as_ref().split_once('?').unwrap().1;
    query
        .split('&')
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap();
            (name.to_owned(), value.replace("%3A", ":").replace("%2F", "/"))
        })
        .collect()
}

#[tokio::test]
async fn a_page_asks_for_everything_that_makes_a_flow_safe() {
    let scene = Scene::new(true).await;
    let page = scene.page(&scene.oidc(false)).await.unwrap();
    let asked = brought(&page);
    assert!(
        page.starts_with(&format!("{}/authorize?", scene.provider.issuer())),
        "{page}"
    );
    assert_eq!(asked["nonce"], "the+nonce");
    assert_eq!(asked["scope"], "openid+profile+email");
    assert_eq!(asked["redirect_uri"], REDIRECT);
    assert!(!page.contains(&flow().verifier), "the verifier stays here");
    let page = scene.page(&scene.oauth()).await.unwrap();
    assert!(
        page.contains("/authorize?prompt=login&response_type=code&"),
        "{page}"
    );
    assert!(!page.contains("nonce"), "{page}");
}

#[tokio::test]
async fn a_person_is_who_the_provider_says() {
    let scene = Scene::new(true).await;
    for (settings, name, from) in [
        (scene.oidc(false), "ada", "userinfo"),
        (scene.oidc(true), "Ada", "id token"),
        (scene.oauth(), "ada", "userinfo"),
    ] {
        let identity = scene.signs_in(&settings).await.unwrap();
        assert_eq!((identity.user.id(), identity.user.name()), (SUBJECT, name));
        assert_eq!(identity.information["from"], from);
        let Access::Oauth {
            access_token,
            id_token,
        } = identity.access
        else {
            panic!("tokens");
        };
        assert_eq!(access_token, "access");
        assert_eq!(id_token.is_some(), matches!(settings, Settings::Oidc(_)));
    }
    scene.provider.lie(Some(Lie::NumberAsId));
    assert_eq!(scene.signs_in(&scene.oauth()).await.unwrap().user.id(), "42");
    scene.provider.lie(Some(Lie::ClientUnknownByHeader));
    assert!(
        scene.signs_in(&scene.oauth()).await.is_ok(),
        "some know clients by the form only"
    );
}

#[tokio::test]
async fn what_does_not_hold_is_not_believed() {
    let scene = Scene::new(true).await;
    for lie in [
        Lie::Nonce,
        Lie::Audience,
        Lie::AudienceOfSeveral,
        Lie::AuthorizedParty,
        Lie::Issuer,
        Lie::Expired,
        Lie::NoExpiry,
        Lie::IssuedLater,
        Lie::NoTime,
        Lie::NoSubject,
        Lie::LongSubject,
        Lie::OtherKey,
        Lie::NoSignature,
        Lie::SharedSecret,
        Lie::AccessTokenHash,
        Lie::NoIdToken,
        Lie::UserinfoOfAnother,
        Lie::UserinfoOfNobody,
    ] {
        scene.provider.lie(Some(lie));
        let answer = scene.signs_in(&scene.oidc(false)).await;
        assert_eq!(answer.err(), Some(Failure::Untrusted), "{lie:?}");
    }
    scene.provider.lie(None);
    assert!(
        scene.signs_in(&scene.oidc(false)).await.is_ok(),
        "the truth is believed"
    );
    let other = Scene::new(true).await;
    other.provider.lie(Some(Lie::DiscoveryIssuer));
    assert_eq!(
        other.page(&other.oidc(false)).await.err(),
        Some(Failure::Untrusted)
    );
}

#[tokio::test]
async fn answers_that_are_none_are_no_answers() {
    let scene = Scene::new(true).await;
    for (lie, failure) in [
        (Lie::CodeRefused, Failure::Refused),
        (Lie::NotBearer, Failure::Refused),
        (Lie::NoId, Failure::Nameless),
        (Lie::Redirects, Failure::Unreachable),
        (Lie::AnswersTooMuch, Failure::Unreachable),
        (Lie::AnswersNoJson, Failure::Unreachable),
        (Lie::Fails, Failure::Unreachable),
        (Lie::Hangs, Failure::Unreachable),
    ] {
        scene.provider.lie(Some(lie));
        let answer = scene.signs_in(&scene.oauth()).await;
        assert_eq!(answer.err(), Some(failure), "{lie:?}");
    }
}

#[tokio::test]
async fn a_code_is_bound_to_its_flow_and_a_response_to_its_provider() {
    let scene = Scene::new(true).await;
    let oidc = scene.oidc(false);
    let sign_in = async || brought(&scene.provider.sign_in(&scene.page(&oidc).await.unwrap()));
    let (issuer, came) = (scene.provider.issuer(), sign_in().await);
    let another = Flow {
        verifier: "another-verifier-that-is-long-enough-for-it".into(),
        ..flow()
    };
    let stolen = scene.identify(&oidc, &came["code"], Some(issuer), &another).await;
    assert_eq!(stolen.err(), Some(Failure::Refused), "the code of another flow");
    for said in [None, Some("https://another.example")] {
        let asked = scene.provider.asked();
        let came = sign_in().await;
        let mixed = scene.identify(&oidc, &came["code"], said, &flow()).await;
        assert_eq!(mixed.err(), Some(Failure::Untrusted), "{said:?}");
        assert_eq!(scene.provider.asked(), asked, "the code is shown to nobody");
    }
    let came = sign_in().await;
    let wanted = scene.identify(&oidc, &came["code"], Some(issuer), &flow()).await;
    assert!(wanted.is_ok());
    let again = scene.identify(&oidc, &came["code"], Some(issuer), &flow()).await;
    assert_eq!(again.err(), Some(Failure::Refused), "a code is used once");
}

#[tokio::test]
async fn what_a_provider_says_of_itself_is_believed_for_minutes() {
    let scene = Scene::new(true).await;
    for _ in 0..3 {
        scene.page(&scene.oidc(false)).await.unwrap();
    }
    assert_eq!(scene.provider.asked(), 1);
    scene.clock.advance(domain::base::Span::minutes(5));
    scene.page(&scene.oidc(false)).await.unwrap();
    assert_eq!(scene.provider.asked(), 2);
}

#[tokio::test]
async fn private_addresses_and_plain_http_are_never_asked_unless_allowed() {
    let scene = Scene::new(false).await;
    let answer = scene.page(&scene.oidc(false)).await;
    assert_eq!(answer.err(), Some(Failure::Unreachable));
    let answer = scene.identify(&scene.oauth(), "code", None, &flow()).await;
    assert_eq!(answer.err(), Some(Failure::Unreachable));
    let port = scene.provider.issuer().rsplit(':').next().unwrap().to_owned();
    for host in [
        "localhost",
        "127.0.0.1",
        "[::1]",
        "10.0.0.1",
        "169.254.169.254",
        "0.0.0.0",
    ] {
        let settings = OidcSettings {
            issuer: Issuer::parse(&format!("https://{host}:{port}")).unwrap(),
            client_id: Setting::parse("me").unwrap(),
            scopes: Scopes::default(),
            id_token_mapping: false,
            pkce: true,
        };
        let answer = scene.page(&Settings::Oidc(settings)).await;
        assert_eq!(answer.err(), Some(Failure::Unreachable), "{host}");
    }
    assert_eq!(scene.provider.asked(), 0, "nobody was asked");
}
