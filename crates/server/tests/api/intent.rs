//! Signing in at an identity provider, over the wire: from the page to the outcome, and everything that goes wrong.

use domain::base::Span;
use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::{
    directory::{BASE, Fault, PERSON, SERVICE, TestDirectory},
    provider::{CLIENT, Lie, SUBJECT, TestProvider},
};
use url::Url;

use super::{
    case::{ADMIN, NEW, OLD, ldap_provider, merged},
    contract,
    wire::{Answer, Call, Form, Reply},
    world::World,
};

/// What is tried here and not by the table of cases, which knows no provider that answers.
pub(crate) const TRIED: [&str; 4] = [
    "/zitadel.resources.user.v3alpha.ZITADELUsers/StartIdentityProviderIntent",
    "/zitadel.resources.user.v3alpha.ZITADELUsers/GetIdentityProviderIntent",
    "/zitadel.user.v3alpha.UserService/StartIdentityProviderIntent",
    "/zitadel.user.v3alpha.UserService/RetrieveIdentityProviderIntent",
];

const SUCCESS: &str = "http://localhost:3000/done?keep=1#part";
const FAILURE: &str = "http://localhost:3000/failed";

/// A server, a provider that it knows, and the id under which it knows it.
struct Scene {
    world: World,
    provider: TestProvider,
    idp: String,
}

impl Scene {
    async fn new() -> Self {
        let world = World::with(&[("IDP__ALLOW_PRIVATE", "yes"), ("IDP__TIMEOUT", "2s")]).await;
        let provider = TestProvider::start(&world.clock).await;
        let request = json!({"name": "Elsewhere", "issuer": provider.issuer(), "clientId": CLIENT.0, "clientSecret": CLIENT.1});
        let added = world
            .owner_calls(&format!("{ADMIN}/AddGenericOIDCProvider"), request)
            .await;
        let idp = added.ok()["id"].as_str().expect("an id").to_owned();
        Self { world, provider, idp }
    }

    fn asked(&self) -> Value {
        json!({"idpId": self.idp, "urls": {"successUrl": SUCCESS, "failureUrl": FAILURE}})
    }

    /// Begins a sign-in as somebody without a role, and answers the page.
    async fn page(&self) -> String {
        let started = self
            .world
            .owner_calls(&format!("{NEW}/StartIdentityProviderIntent"), self.asked())
            .await;
        started.ok()["authUrl"].as_str().expect("a page").to_owned()
    }

    /// A person signs in and comes back; answers what the server says to them.
    async fn comes_back(&self) -> Reply {
        let back = self.provider.sign_in(&self.page().await);
        self.opens(&back).await
    }

    async fn opens(&self, back: &Url) -> Reply {
        let target = format!("{}?{}", back.path(), back.query().unwrap_or_default());
        self.world.client.http1("GET", &target, &[], "").await
    }

    /// A person signs in; answers what the application is told.
    async fn succeeds(&self) -> Sent {
        sent_to(&self.comes_back().await, SUCCESS)
    }

    async fn asks(&self, form: Form, old: bool, request: &Value) -> Answer {
        let method = if old {
            format!("{OLD}/RetrieveIdentityProviderIntent")
        } else {
            format!("{NEW}/GetIdentityProviderIntent")
        };
        let call = Call {
            method: contract::method(&method),
            request,
            token: Some(&*self.world.owner),
            headers: &[],
        };
        self.world.client.call(form, &call).await
    }
}

/// What the application gets with a person.
struct Sent {
    pairs: std::collections::BTreeMap<String, String>,
}

impl Sent {
    fn get(&self, name: &str) -> &str {
        self.pairs.get(name).map(String::as_str).unwrap_or_default()
    }

    fn shown(&self) -> Value {
        json!({"idpIntentId": self.get("id"), "idpIntentToken": self.get("token")})
    }
}

/// Where a person is sent on to, which is below this address and nowhere else.
#[track_caller]
fn sent_to(reply: &Reply, address: &str) -> Sent {
    assert_eq!(reply.status, 303, "{:?}", reply.body);
    let location = Url::parse(reply.header("location").expect("a location")).expect("a URL");
    let wanted = Url::parse(address).expect("a URL");
    assert_eq!(
        (location.origin(), location.path(), location.fragment()),
        (wanted.origin(), wanted.path(), wanted.fragment())
    );
    for (name, value) in [("cache-control", "no-store"), ("referrer-policy", "no-referrer")] {
        assert_eq!(reply.header(name), Some(value));
    }
    let pairs = location.query_pairs().into_owned().collect();
    Sent { pairs }
}

#[track_caller]
fn fails(answer: &Answer, code: u8, id: &str) {
    assert_eq!((answer.code(), answer.failure().id()), (code, id), "{answer:?}");
}

const UNKNOWN: &str = "MERLON-n9Gs4KvD";
const TOLD: &str = "IDP-nme4gszsvx";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_signs_in_elsewhere_and_the_outcome_is_told_once_in_every_form() {
    let scene = Scene::new().await;
    let mut first: Option<Value> = None;
    for (old, form) in [false, true]
        .into_iter()
        .flat_map(|old| Form::ALL.map(|form| (old, form)))
    {
        let service = if old { OLD } else { NEW };
        let request = scene.asked();
        let call = Call {
            method: contract::method(&format!("{service}/StartIdentityProviderIntent")),
            request: &request,
            token: Some(&*scene.world.owner),
            headers: &[],
        };
        let started = scene.world.client.call(form, &call).await;
        let page = started.ok()["authUrl"].as_str().expect("a page").to_owned();
        assert!(
            page.starts_with(&format!("{}/authorize?", scene.provider.issuer())),
            "{page}"
        );
        let sent = sent_to(&scene.opens(&scene.provider.sign_in(&page)).await, SUCCESS);
        assert_eq!(
            (sent.get("keep"), sent.get("user"), sent.get("token").len()),
            ("1", "", 43)
        );
        let told = scene.asks(form, old, &sent.shown()).await;
        let mut json = told.ok().clone();
        if !old {
            assert_eq!(started.ok()["details"]["id"], sent.get("id"));
            assert_eq!(json["details"]["id"], sent.get("id"));
            assert_eq!(json["details"]["owner"]["type"], "OWNER_TYPE_INSTANCE");
        }
        json["details"] = Value::Null;
        json["idpInformation"]["oauth"]["idToken"].take();
        assert_eq!(first.get_or_insert_with(|| json.clone()), &json, "{form:?}");
        fails(&scene.asks(form, old, &sent.shown()).await, 9, TOLD);
        fails(&scene.asks(form, !old, &sent.shown()).await, 9, TOLD);
    }
    let information = first.expect("an outcome")["idpInformation"].clone();
    assert_eq!(
        (
            &information["idpId"],
            &information["userId"],
            &information["userName"]
        ),
        (&json!(scene.idp), &json!(SUBJECT), &json!("ada"))
    );
    assert_eq!(information["rawInformation"]["email"], "ada@example.com");
    assert_eq!(information["oauth"]["accessToken"], "access");
    scene.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_user_who_has_the_account_is_named() {
    let scene = Scene::new().await;
    let ada = scene.world.someone(&scene.world.org, &[]).await;
    let link =
        json!({"id": ada.id, "authenticator": {"idpId": scene.idp, "userId": SUBJECT, "userName": "ada"}});
    scene
        .world
        .owner_calls(&format!("{NEW}/AddIDPAuthenticator"), link)
        .await
        .ok();
    let sent = scene.succeeds().await;
    assert_eq!(sent.get("user"), ada.id);
    let told = scene.asks(Form::Rest, false, &sent.shown()).await;
    assert_eq!(told.ok()["id"], ada.id);
    // Anybody who is signed in may ask, for who asks shows the token.
    let sent = scene.succeeds().await;
    let told = scene
        .world
        .calls(
            &ada.token,
            &format!("{OLD}/RetrieveIdentityProviderIntent"),
            sent.shown(),
        )
        .await;
    assert_eq!(told.ok()["userId"], ada.id);
    scene.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_state_is_used_once_and_in_time() {
    let scene = Scene::new().await;
    let back = scene.provider.sign_in(&scene.page().await);
    let replies = join_all((0..16).map(|_| scene.opens(&back))).await;
    let mut codes: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
    codes.sort_unstable();
    assert_eq!((codes[0], &codes[1..]), (303, &[400; 15][..]));
    let late = scene.provider.sign_in(&scene.page().await);
    scene.world.advance(Span::hours(1));
    assert_eq!(scene.opens(&late).await.status, 400);
    let asked = scene.provider.asked();
    let sound = scene.provider.sign_in(&scene.page().await);
    let state = |text: &str| {
        let mut url = sound.clone();
        url.query_pairs_mut()
            .clear()
            .append_pair("code", "code-0")
            .append_pair("state", text);
        url
    };
    let all: std::collections::HashMap<_, _> = sound.query_pairs().into_owned().collect();
    let (id, secret) = all["state"].split_once('.').expect("two parts");
    for wrong in [
        String::new(),
        "x".into(),
        ".".into(),
        format!("{id}."),
        format!("{id}.{secret}x"),
        format!("0.{secret}"),
        format!("{id}\u{0}.{secret}"),
    ] {
        let reply = scene.opens(&state(&wrong)).await;
        assert_eq!(reply.status, 400, "{wrong:?}");
        let page = String::from_utf8_lossy(&reply.body).into_owned();
        assert!(page.contains("begin again") && !page.contains(secret), "{page}");
    }
    let twice = format!("/idps/callback?state={0}&state={0}", all["state"]);
    assert_eq!(scene.world.client.http1("GET", &twice, &[], "").await.status, 400);
    // Reading what the provider says of itself is all that happened since.
    assert!(scene.provider.asked() <= asked + 1);
    let target = format!("{}?{}", sound.path(), sound.query().unwrap_or_default());
    let looked = scene.world.client.http1("HEAD", &target, &[], "").await;
    assert_eq!((looked.status, looked.header("allow")), (405, Some("GET")));
    sent_to(&scene.opens(&sound).await, SUCCESS);
    scene.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_has_one_winner_and_ends_after_ten_minutes() {
    let scene = Scene::new().await;
    let shown = scene.succeeds().await.shown();
    let answers = join_all((0..32).map(|place| {
        let form = Form::ALL[place % Form::ALL.len()];
        scene.asks(form, place % 2 == 0, &shown)
    }))
    .await;
    assert_eq!(answers.iter().filter(|answer| answer.outcome.is_ok()).count(), 1);
    for answer in answers.iter().filter(|answer| answer.outcome.is_err()) {
        fails(answer, 9, TOLD);
    }
    let sent = scene.succeeds().await;
    let other = scene.succeeds().await;
    for wrong in [
        json!({"idpIntentId": sent.get("id"), "idpIntentToken": other.get("token")}),
        json!({"idpIntentId": "0", "idpIntentToken": sent.get("token")}),
        json!({"idpIntentId": sent.get("id"), "idpIntentToken": "x"}),
    ] {
        for (old, form) in [(false, Form::Grpc), (true, Form::Rest)] {
            fails(&scene.asks(form, old, &wrong).await, 7, UNKNOWN);
        }
    }
    scene.world.advance(Span::minutes(10));
    fails(
        &scene.asks(Form::Rest, false, &sent.shown()).await,
        9,
        "IDP-SAf42",
    );
    scene.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_wrong_is_told_to_the_application_in_words_of_our_own() {
    let scene = Scene::new().await;
    for (lie, error) in [
        (Lie::Nonce, "server_error"),
        (Lie::OtherKey, "server_error"),
        (Lie::CodeRefused, "server_error"),
        (Lie::Fails, "temporarily_unavailable"),
    ] {
        let back = scene.provider.sign_in(&scene.page().await);
        scene.provider.lie(Some(lie));
        let sent = sent_to(&scene.opens(&back).await, FAILURE);
        assert_eq!((sent.get("error"), sent.get("token")), (error, ""), "{lie:?}");
        assert!(!sent.get("id").is_empty() && !sent.get("error_description").is_empty());
        scene.provider.lie(None);
        let shown = json!({"idpIntentId": sent.get("id"), "idpIntentToken": "x"});
        fails(&scene.asks(Form::Rest, false, &shown).await, 7, UNKNOWN);
    }
    for (said, error) in [("access_denied", "access_denied"), ("<script>", "server_error")] {
        let mut back = scene.provider.sign_in(&scene.page().await);
        let state = back
            .query_pairs()
            .find(|(name, _)| name == "state")
            .expect("a state")
            .1
            .into_owned();
        back.query_pairs_mut()
            .clear()
            .append_pair("state", &state)
            .append_pair("error", said)
            .append_pair("error_description", "<script>alert(1)</script>");
        let reply = scene.opens(&back).await;
        assert_eq!(sent_to(&reply, FAILURE).get("error"), error);
        assert!(!reply.header("location").unwrap_or_default().contains("alert"));
    }
    let back = scene.provider.sign_in(&scene.page().await);
    let remove = json!({"id": scene.idp});
    scene
        .world
        .owner_calls(&format!("{ADMIN}/DeleteProvider"), remove)
        .await
        .ok();
    assert_eq!(
        sent_to(&scene.opens(&back).await, FAILURE).get("error"),
        "server_error"
    );
    scene.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_of_a_provider_that_is_gone_is_not_told() {
    let scene = Scene::new().await;
    let sent = scene.succeeds().await;
    scene
        .world
        .owner_calls(&format!("{ADMIN}/DeleteProvider"), json!({"id": scene.idp}))
        .await
        .ok();
    fails(
        &scene.asks(Form::Rest, false, &sent.shown()).await,
        5,
        "MERLON-k6Lw9GqH",
    );
    scene.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_begin_says_why_in_both_languages() {
    let scene = Scene::new().await;
    let with = |urls: Value| json!({"idpId": scene.idp, "urls": urls});
    let url = |success: &str, failure: &str| with(json!({"successUrl": success, "failureUrl": failure}));
    let nowhere = merged(
        ldap_provider(),
        json!({"servers": ["ldap://127.0.0.1:1"], "startTls": false}),
    );
    let ldap = scene
        .world
        .owner_calls(&format!("{ADMIN}/AddLDAPProvider"), nowhere)
        .await;
    let ldap = ldap.ok()["id"].clone();
    let mut cases = vec![
        (
            json!({"idpId": "0", "urls": {"successUrl": SUCCESS, "failureUrl": FAILURE}}),
            5,
            "MERLON-k6Lw9GqH",
        ),
        (
            json!({"idpId": "a\u{1}", "urls": {"successUrl": SUCCESS, "failureUrl": FAILURE}}),
            3,
            "MERLON-e1Vm8XtG",
        ),
        (
            json!({"idpId": ldap, "urls": {"successUrl": SUCCESS, "failureUrl": FAILURE}}),
            3,
            "MERLON-t6Nc3LxQ",
        ),
        (json!({"idpId": scene.idp}), 3, "MERLON-w1Hz8DkQ"),
        (
            json!({"idpId": ldap, "ldap": {"username": "ada", "password": "x"}}),
            14,
            "MERLON-p3Xr8WnC",
        ),
        (
            json!({"idpId": scene.idp, "ldap": {"username": "ada", "password": "x"}}),
            3,
            "MERLON-t6Nc3LxQ",
        ),
    ];
    for bad in [
        "https://evil.example/",
        "http://localhost@evil.example/",
        "http://localhost.evil.example/",
        "//localhost/",
        "/done",
        "javascript:alert(1)",
    ] {
        cases.push((url(bad, FAILURE), 3, "MERLON-s5Jv9HdK"));
        cases.push((url(SUCCESS, bad), 3, "MERLON-s5Jv9HdK"));
    }
    for (request, code, id) in cases {
        refused_in_every_form(&scene.world, &request, code, id).await;
    }
    scene.provider.lie(Some(Lie::DiscoveryIssuer));
    refused_in_every_form(&scene.world, &scene.asked(), 9, "MERLON-r4Yt6MbF").await;
    scene.world.end().await;
    let strict = World::new().await;
    let provider = TestProvider::start(&strict.clock).await;
    let request =
        json!({"name": "Inside", "issuer": provider.issuer(), "clientId": "me", "clientSecret": "x"});
    let added = strict
        .owner_calls(&format!("{ADMIN}/AddGenericOIDCProvider"), request)
        .await;
    let request = json!({"idpId": added.ok()["id"], "urls": {"successUrl": SUCCESS, "failureUrl": FAILURE}});
    refused_in_every_form(&strict, &request, 14, "MERLON-p3Xr8WnC").await;
    assert_eq!(provider.asked(), 0, "nobody inside was asked");
    strict.end().await;
}

/// A server and a directory that it knows.
struct AtDirectory {
    world: World,
    directory: TestDirectory,
    idp: String,
}

impl AtDirectory {
    async fn new() -> Self {
        let world = World::with(&[("IDP__ALLOW_PRIVATE", "yes")]).await;
        let directory = TestDirectory::start().await;
        let request = merged(
            ldap_provider(),
            json!({"servers": [directory.url()], "startTls": false, "baseDn": BASE, "bindDn": SERVICE.0, "bindPassword": SERVICE.1,
                "userObjectClasses": ["person"], "attributes": {"idAttribute": "employeeNumber", "preferredUsernameAttribute": "uid"}}),
        );
        let added = world
            .owner_calls(&format!("{ADMIN}/AddLDAPProvider"), request)
            .await;
        let idp = added.ok()["id"].as_str().expect("an id").to_owned();
        Self {
            world,
            directory,
            idp,
        }
    }

    fn enters(&self, username: &str, password: &str) -> Value {
        json!({"idpId": self.idp, "ldap": {"username": username, "password": password}})
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_signs_in_at_a_directory_in_every_form_and_gets_linked() {
    let scene = AtDirectory::new().await;
    let world = &scene.world;
    let ada = world.someone(&world.org, &[]).await;
    let mut holder = Value::Null;
    for (old, form) in [false, true]
        .into_iter()
        .flat_map(|old| Form::ALL.map(|form| (old, form)))
    {
        let (service, asks) = if old { (OLD, "Retrieve") } else { (NEW, "Get") };
        let call = async |method: String, request: &Value| {
            let call = Call {
                method: contract::method(&method),
                request,
                token: Some(&*world.owner),
                headers: &[],
            };
            world.client.call(form, &call).await
        };
        let request = scene.enters(PERSON[1], PERSON[3]);
        let started = call(format!("{service}/StartIdentityProviderIntent"), &request).await;
        let intent = &started.ok()["idpIntent"];
        assert_eq!(intent["userId"], holder, "{form:?}");
        if !old {
            assert_eq!(started.ok()["details"]["id"], intent["idpIntentId"]);
        }
        let shown = json!({"idpIntentId": intent["idpIntentId"], "idpIntentToken": intent["idpIntentToken"]});
        let ask = format!("{service}/{asks}IdentityProviderIntent");
        let told = call(ask.clone(), &shown).await;
        let information = &told.ok()["idpInformation"];
        let wanted = json!({"idpId": scene.idp, "userId": PERSON[2], "userName": "ada",
            "rawInformation": {"id": PERSON[2], "preferred_username": "ada"},
            "ldap": {"attributes": {"employeeNumber": [PERSON[2]], "uid": ["ada"]}}});
        assert_eq!(*information, wanted, "{form:?}");
        fails(&call(ask, &shown).await, 9, TOLD);
        if holder.is_null() {
            let link = json!({"id": ada.id, "authenticator": {"idpId": information["idpId"],
                "userId": information["userId"], "userName": information["userName"]}});
            let linked = world
                .owner_calls(&format!("{NEW}/AddIDPAuthenticator"), link)
                .await;
            linked.ok();
            holder = json!(ada.id);
        }
    }
    let raw = world.raw();
    for hidden in [PERSON[3], SERVICE.1] {
        assert!(!raw.contains(hidden), "{hidden} can be read");
    }
    scene.world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_directory_refuses_says_why_in_both_languages() {
    let scene = AtDirectory::new().await;
    let right = scene.enters(PERSON[0], PERSON[3]);
    let unknown = scene.enters("eve", PERSON[3]);
    let filter = scene.enters("*)(uid=*", PERSON[3]);
    let asked = scene.directory.asked();
    let service = format!("{NEW}/StartIdentityProviderIntent");
    for request in [scene.enters("", PERSON[3]), scene.enters(PERSON[0], "")] {
        let answer = scene.world.owner_calls(&service, request).await;
        assert_eq!(answer.code(), 3);
        assert!(answer.failure().message.contains("LDAPCredentials"), "{answer:?}");
    }
    assert_eq!(scene.directory.asked(), asked);
    for (fault, request, code, id) in [
        (None, &scene.enters(PERSON[0], "wrong"), 3, "MERLON-x9Fk2TqJ"),
        (None, &unknown, 3, "MERLON-x9Fk2TqJ"),
        (None, &filter, 3, "MERLON-x9Fk2TqJ"),
        (
            None,
            &scene.enters(PERSON[0], "50% off : a\tb"),
            3,
            "MERLON-x9Fk2TqJ",
        ),
        (Some(Fault::IsBusy), &right, 14, "MERLON-p3Xr8WnC"),
        (Some(Fault::KnowsNobodyWhoAsks), &right, 9, "MERLON-y3Hc7PvS"),
        (Some(Fault::NoId), &right, 9, "MERLON-z8Mr4CwB"),
    ] {
        scene.directory.fault(fault);
        refused_in_every_form(&scene.world, request, code, id).await;
    }
    scene.directory.fault(None);
    let strangers = scene.directory.guesses().len();
    // Some of fifty were spent above.
    let wrong = scene.enters(PERSON[0], "wrong");
    let mut spent = false;
    for _ in 0..50 {
        spent |= scene.world.owner_calls(&service, wrong.clone()).await.code() == 8;
    }
    assert!(spent && scene.directory.guesses().len() > strangers);
    refused_in_every_form(&scene.world, &right, 8, "MERLON-w8Gb5JtD").await;
    scene.world.end().await;
}

async fn refused_in_every_form(world: &World, request: &Value, code: u8, id: &str) {
    let before = world.events().await;
    for (service, form) in [NEW, OLD]
        .into_iter()
        .flat_map(|service| Form::ALL.map(|form| (service, form)))
    {
        let call = |headers| Call {
            method: contract::method(&format!("{service}/StartIdentityProviderIntent")),
            request,
            token: Some(&*world.owner),
            headers,
        };
        let english = world.client.call(form, &call(&[])).await;
        fails(&english, code, id);
        let german = world.client.call(form, &call(&[("accept-language", "de")])).await;
        fails(&german, code, id);
        assert_ne!(english.failure().message, german.failure().message);
    }
    assert_eq!(world.events().await, before, "something changed: {request}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_sign_in_can_be_read_in_the_files_and_after_a_day_nothing_is_left() {
    let scene = Scene::new().await;
    let sent = scene.succeeds().await;
    let page = scene.page().await;
    let asked: std::collections::HashMap<_, _> = Url::parse(&page)
        .expect("a page")
        .query_pairs()
        .into_owned()
        .collect();
    let raw = scene.world.raw();
    for secret in [
        sent.get("token"),
        SUBJECT,
        "ada@example.com",
        &asked["state"],
        &asked["nonce"],
    ] {
        assert!(
            !secret.is_empty() && !raw.contains(secret),
            "{secret} can be read"
        );
    }
    assert!(
        raw.contains("idp_intent_succeeded"),
        "what is looked for can be found"
    );
    let rows = "SELECT '' || count(*) FROM idp_intent";
    assert_eq!(scene.world.text(rows).await, "2");
    scene.world.advance(Span::hours(24));
    app::housekeeping::tidy(scene.world.ctx()).await;
    assert_eq!(scene.world.text(rows).await, "0");
    let left =
        "SELECT '' || count(*) FROM event e JOIN personal p ON p.pos = e.pos WHERE e.kind = 'idp_intent'";
    assert_eq!(scene.world.text(left).await, "0");
    fails(&scene.asks(Form::Rest, false, &sent.shown()).await, 7, UNKNOWN);
    scene.world.end().await;
}
