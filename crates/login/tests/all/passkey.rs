//! The page of registration links: the same for everybody, and open to nobody without a link that works.

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use domain::base::Span;
use scraper::{Html, Selector};
use serde_json::{Value, json};
use testkit::security_key::KeyAnswer;

use crate::world::{Answer, World, carried};

const PAGE: &str = "http://localhost:8080";

fn key(started: &Answer) -> KeyAnswer {
    KeyAnswer::to(started.json()["options"].as_object().unwrap(), PAGE)
}

fn finish(user: &app::Caller, started: &Answer, credential: &Value) -> Value {
    json!({"user": user.user.as_str(), "factor": started.json()["factor"], "name": "my phone", "credential": credential})
}

#[tokio::test]
async fn the_page_speaks_the_language_of_the_browser_and_runs_its_own_script_only() {
    let world = World::new().await;
    for (language, title) in [
        ("en", "Register a passkey"),
        ("de-CH,de;q=0.9", "Passkey registrieren"),
    ] {
        let page = world.get("/ui/webauthn", language).await;
        assert_eq!(page.status, StatusCode::OK);
        let html = Html::parse_document(&page.body);
        let heading = html.select(&Selector::parse("h1").unwrap()).next().unwrap();
        assert_eq!(heading.text().collect::<String>(), title);
        assert!(!page.body.contains("onclick") && !page.body.contains("style="));
        let said = html.select(&Selector::parse("#said").unwrap()).next().unwrap();
        for word in [
            "wait", "done", "canceled", "link", "taken", "full", "barred", "late", "answer", "failed",
            "unable",
        ] {
            assert!(!said.attr(&format!("data-{word}")).unwrap().is_empty(), "{word}");
        }
        let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'") && !policy.contains("unsafe"),
            "{policy}"
        );
        assert_eq!(page.headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(page.headers[header::REFERRER_POLICY], "no-referrer");
    }
    for asset in ["/ui/webauthn/passkey.js", "/ui/webauthn/passkey.css"] {
        assert_eq!(world.get(asset, "en").await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn whoever_holds_the_link_registers_one_passkey() {
    let world = World::new().await;
    let (user, link) = world.linked().await;
    let started = world.start(&user, &link).await;
    assert_eq!(started.status, StatusCode::OK);
    assert_eq!(started.json()["options"]["publicKey"]["rp"]["id"], "localhost");
    let done = world
        .post(
            "/ui/webauthn/finish",
            &finish(&user, &started, &key(&started).json()),
        )
        .await;
    assert_eq!((done.status, done.body.as_str()), (StatusCode::NO_CONTENT, ""));
    let target = app::Target::of(user.user.clone());
    let person = app::user::get(&world.test, &user, &target).await.unwrap().person;
    let named = person.webauthns[0].credential().unwrap();
    assert_eq!(named.name.as_str(), "my phone");
    assert_eq!(world.start(&user, &link).await.problem(), "link");
}

#[tokio::test]
async fn a_link_that_does_not_work_tells_a_stranger_nothing() {
    let world = World::new().await;
    let (user, link) = world.linked().await;
    let (other, spent) = world.linked().await;
    world.start(&other, &spent).await;
    let with = |field: &str, value: &str| {
        let mut carried = carried(&user, &link);
        carried[field] = value.into();
        carried
    };
    let broken = [
        carried(&other, &spent),
        with("user", "nobody"),
        with("user", ""),
        with("user", other.user.as_str()),
        with("id", "nothing"),
        with("id", ""),
        with("code", ""),
        with("code", "AAAA"),
        with("code", "AAAAAAAAAAAA"),
        with("code", "AAAAAAAAAAAB"),
        with("code", "AAAAAAAAAAAC"),
        carried(&user, &link),
        json!({}),
        json!([]),
    ];
    let mut first = None;
    for body in broken {
        let answer = world.post("/ui/webauthn/start", &body).await;
        assert_eq!(
            (answer.status, answer.problem().as_str()),
            (StatusCode::NOT_FOUND, "link")
        );
        let first = first.get_or_insert_with(|| format!("{answer:?}"));
        assert_eq!(*first, format!("{answer:?}"), "{body}");
    }
    let (late, link) = world.linked().await;
    world.test.advance(Span::hours(1));
    assert_eq!(world.start(&late, &link).await.problem(), "link");
}

#[tokio::test]
async fn only_who_was_given_the_challenge_completes_and_only_in_time() {
    let world = World::new().await;
    let (user, link) = world.linked().await;
    let started = world.start(&user, &link).await;
    let (other, second) = world.linked().await;
    let elsewhere = world.start(&other, &second).await;
    let path = "/ui/webauthn/finish";
    let foreign = finish(&user, &started, &key(&elsewhere).json());
    assert_eq!(world.post(path, &foreign).await.problem(), "answer");
    let mut crossed = finish(&user, &elsewhere, &key(&elsewhere).json());
    assert_eq!(world.post(path, &crossed).await.problem(), "late");
    crossed["user"] = "nobody".into();
    assert_eq!(world.post(path, &crossed).await.problem(), "late");
    for junk in [json!({}), json!({"user": 1}), json!("text")] {
        assert_eq!(world.post(path, &junk).await.problem(), "answer");
    }
    let right = finish(&user, &started, &key(&started).json());
    world.post(path, &right).await;
    let mut same = key(&elsewhere);
    same.id = key(&started).id;
    let same = finish(&other, &elsewhere, &same.json());
    assert_eq!(world.post(path, &same).await.problem(), "taken");
    world.test.advance(Span::minutes(5));
    let late = finish(&other, &elsewhere, &key(&elsewhere).json());
    assert_eq!(world.post(path, &late).await.problem(), "late");
}

#[tokio::test]
async fn a_full_list_is_said_and_the_link_kept() {
    let world = World::new().await;
    let (user, link) = world.linked().await;
    for _ in 0..10 {
        let owner = world.test.owner().await;
        let target = app::Target::of(user.user.clone());
        let new = app::user::webauthn::NewRegistration {
            domain: "localhost".into(),
            attachment: None,
            link: None,
        };
        let started = app::user::webauthn::start(&world.test, &owner, &target, &new)
            .await
            .unwrap();
        let answer = KeyAnswer::to(&started.options, PAGE).json();
        let name = domain::user::FactorName::parse("key").unwrap();
        let answer = (answer.as_object().unwrap(), &name);
        app::user::webauthn::verify(&world.test, &owner, &target, &started.factor, answer)
            .await
            .unwrap();
    }
    for (field, value) in [("id", "nothing"), ("code", "AAAAAAAAAAAA")] {
        let mut stranger = carried(&user, &link);
        stranger[field] = value.into();
        let answer = world.post("/ui/webauthn/start", &stranger).await;
        assert_eq!(answer.problem(), "link", "{field}");
    }
    assert_eq!(world.start(&user, &link).await.problem(), "full");
}

#[tokio::test]
async fn a_registration_that_no_link_began_is_not_completed_here() {
    let world = World::new().await;
    let user = world.test.plain_user().await;
    let target = app::Target::of(user.user.clone());
    let new = app::user::webauthn::NewRegistration {
        domain: "localhost".into(),
        attachment: None,
        link: None,
    };
    let started = app::user::webauthn::start(&world.test, &user, &target, &new)
        .await
        .unwrap();
    let body = json!({"user": user.user.as_str(), "factor": started.factor.as_str(), "name": "thief",
        "credential": KeyAnswer::to(&started.options, PAGE).json()});
    let answer = world.post("/ui/webauthn/finish", &body).await;
    assert_eq!(answer.problem(), "late");
    let person = app::user::get(&world.test, &user, &target).await.unwrap().person;
    assert_eq!(person.webauthns[0].credential(), None);
}

#[tokio::test]
async fn bodies_have_an_end_and_a_kind() {
    let world = World::new().await;
    let (user, link) = world.linked().await;
    let text = Request::post("/ui/webauthn/start").header(header::CONTENT_TYPE, "text/plain");
    let text = text.body(Body::from(carried(&user, &link).to_string())).unwrap();
    assert_eq!(
        world.send(text).await.problem(),
        "link",
        "other pages can send no JSON"
    );
    let mut large = carried(&user, &link);
    large["padding"] = "x".repeat(70_000).into();
    assert_eq!(world.post("/ui/webauthn/start", &large).await.problem(), "link");
    assert_eq!(world.start(&user, &link).await.status, StatusCode::OK);
}
