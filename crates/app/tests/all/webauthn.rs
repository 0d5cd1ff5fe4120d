//! Passkeys and security keys: registered with an authenticator of another project, refused in every part that does not hold.

use app::{
    Caller, Ctx, Error, Language, Result, Target,
    error::Invalid,
    policy::Policy,
    url_template::UrlTemplate,
    user::{
        Transition,
        code::Verification,
        contact, transition,
        webauthn::{self, EnteredLink, LinkCreated, LinkMedium, NewRegistration, WebauthnStarted},
    },
    webauthn::{AnswerFault, Attachment, WebOrigins},
};
use domain::{
    base::{CodeId, FactorId, Span},
    code::Miss,
    user::{Channel, FactorName, Refusal, WebauthnFactor},
};
use serde_json::{Value, json};
use testkit::{
    TestCtx, TestOptions, create_passkey, read_sent,
    security_key::{ATTESTED, BACKED_UP, BACKUP_ELIGIBLE, KeyAnswer, PRESENT, VERIFIED, p384_key, rsa_key},
};
use url::Url;

use crate::given::*;

const PAGE: &str = "https://id.example.com";

/// A server of two pages.
async fn server() -> TestCtx {
    let exact = [PAGE, "https://app.example.com:8443"];
    TestCtx::with(TestOptions {
        policy: Policy {
            public_origin: PAGE.into(),
            public_host: "id.example.com".into(),
            web_origins: WebOrigins {
                exact: exact.map(|o| Url::parse(o).unwrap()).to_vec(),
                localhost: false,
            },
            ..Policy::default()
        },
        ..TestOptions::default()
    })
    .await
}

fn on(domain: &str) -> NewRegistration {
    NewRegistration {
        domain: domain.into(),
        attachment: None,
        link: None,
    }
}

fn by_link(id: &CodeId, code: &str) -> NewRegistration {
    NewRegistration {
        link: Some(EnteredLink {
            id: id.clone(),
            code: app::secret::Secret::new(code.to_owned()),
        }),
        ..on("id.example.com")
    }
}

async fn start(ctx: &Ctx, by: &Caller, target: &Target) -> WebauthnStarted {
    webauthn::start(ctx, by, target, &on("id.example.com"))
        .await
        .unwrap()
}

async fn finish(ctx: &Ctx, by: &Caller, target: &Target, factor: &FactorId, answer: &Value) -> Result<()> {
    let name = FactorName::parse("my key").unwrap();
    let answer = answer.as_object().unwrap();
    webauthn::verify(ctx, by, target, factor, (answer, &name))
        .await
        .map(drop)
}

async fn factors(ctx: &Ctx, by: &Caller, target: &Target) -> Vec<WebauthnFactor> {
    read(ctx, by, target).await.1.webauthns
}

fn refusal<T: std::fmt::Debug>(answer: Result<T>) -> Refusal {
    match answer {
        Err(Error::Refused(refusal)) => refusal,
        other => panic!("{other:?}"),
    }
}

fn fault<T: std::fmt::Debug>(answer: Result<T>) -> (AnswerFault, &'static str) {
    match answer {
        Err(Error::Invalid {
            field,
            reason: Invalid::Answer(fault),
        }) => (fault, field.rsplit('.').next().unwrap()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_passkey_of_another_project_is_registered_and_removed() {
    let ctx = server().await;
    let me = ctx.plain_user().await;
    let target = Target::of(me.user.clone());
    for verified in [true, false] {
        let started = start(&ctx, &me, &target).await;
        let answer = create_passkey(&started.options, PAGE, verified).await.unwrap();
        finish(&ctx, &me, &target, &started.factor, &answer)
            .await
            .unwrap();
        let all = factors(&ctx, &me, &target).await;
        let factor = all.iter().find(|f| f.id == started.factor).unwrap();
        let named = factor.credential().unwrap();
        assert_eq!(named.name.as_str(), "my key");
        assert_eq!(named.credential.user_verified, verified);
        assert_eq!(Value::from(&*named.credential.id), answer["id"]);
        let again = finish(&ctx, &me, &target, &started.factor, &answer).await;
        assert_eq!(refusal(again), Refusal::WebauthnVerified);
        webauthn::remove(&ctx, &me, &target, &started.factor)
            .await
            .unwrap();
        let gone = webauthn::remove(&ctx, &me, &target, &started.factor).await;
        assert_eq!(refusal(gone), Refusal::WebauthnNotFound);
    }
    assert!(factors(&ctx, &me, &target).await.is_empty());
    assert_eq!(
        store::rebuild_matches(&ctx.store).await.unwrap(),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn the_options_are_what_the_caller_and_the_specification_ask_for() {
    let ctx = server().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    let attached = NewRegistration {
        attachment: Some(Attachment::CrossPlatform),
        ..on("Example.COM")
    };
    let started = webauthn::start(&ctx, &owner, &target, &attached).await.unwrap();
    let mut options = started.options["publicKey"].clone();
    let text = |part: &Value| part.as_str().unwrap().to_owned();
    let (challenge, handle) = (text(&options["challenge"]), text(&options["user"]["id"]));
    assert_eq!((challenge.len(), handle.len()), (43, 43));
    options["challenge"] = Value::Null;
    options["user"]["id"] = Value::Null;
    let label = target.user.as_str();
    let alg = |number: i32| json!({"type": "public-key", "alg": number});
    assert_eq!(
        options,
        json!({
            "rp": {"id": "example.com", "name": "id.example.com"},
            "user": {"id": null, "name": label, "displayName": label},
            "challenge": null,
            "pubKeyCredParams": [alg(-7), alg(-35), alg(-257)],
            "timeout": 300_000,
            "excludeCredentials": [],
            "authenticatorSelection": {"authenticatorAttachment": "cross-platform", "residentKey": "preferred",
                "requireResidentKey": false, "userVerification": "preferred"},
            "attestation": "none",
        })
    );
    let other = start(&ctx, &owner, &target).await.options["publicKey"].clone();
    assert_ne!(text(&other["challenge"]), challenge, "a challenge is used once");
    assert_eq!(text(&other["user"]["id"]), handle, "the user stays the same");
}

#[tokio::test]
async fn keys_that_are_there_are_excluded_on_their_domain_and_never_registered_twice() {
    let ctx = server().await;
    let owner = ctx.owner().await;
    let (one, two) = (somebody(&ctx, &owner).await, somebody(&ctx, &owner).await);
    let started = start(&ctx, &owner, &one).await;
    let key = KeyAnswer::to(&started.options, PAGE);
    finish(&ctx, &owner, &one, &started.factor, &key.json())
        .await
        .unwrap();
    let next = start(&ctx, &owner, &one).await;
    let excluded = &next.options["publicKey"]["excludeCredentials"];
    assert_eq!(excluded.as_array().unwrap().len(), 1);
    assert_eq!(excluded[0]["transports"], json!(["usb"]));
    let elsewhere = webauthn::start(&ctx, &owner, &one, &on("app.example.com"))
        .await
        .unwrap();
    assert_eq!(elsewhere.options["publicKey"]["excludeCredentials"], json!([]));
    for target in [&one, &two] {
        let started = start(&ctx, &owner, target).await;
        let same = KeyAnswer {
            id: key.id.clone(),
            ..KeyAnswer::to(&started.options, PAGE)
        };
        let answer = finish(&ctx, &owner, target, &started.factor, &same.json()).await;
        assert_eq!(refusal(answer), Refusal::WebauthnTaken);
    }
    webauthn::remove(&ctx, &owner, &one, &started.factor)
        .await
        .unwrap();
    let started = start(&ctx, &owner, &two).await;
    let freed = KeyAnswer {
        id: key.id.clone(),
        ..KeyAnswer::to(&started.options, PAGE)
    };
    finish(&ctx, &owner, &two, &started.factor, &freed.json())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_domain_is_the_instances_and_never_the_clients() {
    let ctx = server().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    for domain in ["id.example.com", "app.example.com", "EXAMPLE.com"] {
        webauthn::start(&ctx, &owner, &target, &on(domain)).await.unwrap();
    }
    for foreign in [
        "example.org",
        "evil.id.example.com",
        "com",
        "localhost",
        "mple.com",
        "example.com:443",
    ] {
        let answer = webauthn::start(&ctx, &owner, &target, &on(foreign)).await;
        let Err(Error::Invalid { field, reason }) = answer else {
            panic!("{foreign}")
        };
        assert_eq!((field, reason), ("domain", Invalid::Domain), "{foreign}");
    }
}

#[tokio::test]
async fn only_listed_pages_may_answer() {
    let ctx = server().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    for page in [PAGE, "https://app.example.com:8443"] {
        let started = webauthn::start(&ctx, &owner, &target, &on("example.com"))
            .await
            .unwrap();
        let answer = create_passkey(&started.options, page, true).await.unwrap();
        finish(&ctx, &owner, &target, &started.factor, &answer)
            .await
            .unwrap();
    }
    let started = webauthn::start(&ctx, &owner, &target, &on("example.com"))
        .await
        .unwrap();
    for page in [
        "https://evil.example",
        "https://evil.example.com",
        "https://badexample.com",
        "https://id.example.com.evil.example",
        "https://id.example.com:444",
        "https://app.example.com",
        "http://id.example.com",
        "https://id.example.com.",
        "https://user:word@id.example.com",
        "https://id.example.com/",
        "https://ID.example.com",
        "https://xn--id-xample-x4a.com",
        "android:apk-key-hash:abc",
        "null",
        "",
    ] {
        let foreign = KeyAnswer::to(&started.options, page);
        let answer = finish(&ctx, &owner, &target, &started.factor, &foreign.json()).await;
        assert_eq!(fault(answer), (AnswerFault::Origin, "clientDataJSON"), "{page}");
    }
    let honest = KeyAnswer::to(&started.options, PAGE);
    finish(&ctx, &owner, &target, &started.factor, &honest.json())
        .await
        .unwrap();
}

/// What a hostile key does, what is said about it, and where.
type Mutation = (fn(&mut KeyAnswer), AnswerFault, &'static str);

const MUTATIONS: &[Mutation] = &[
    (
        |a| a.credential_type = "password".into(),
        AnswerFault::Kind,
        "type",
    ),
    (
        |a| a.client_data_type = "webauthn.get".into(),
        AnswerFault::Kind,
        "clientDataJSON",
    ),
    (
        |a| a.challenge = "AAAA".into(),
        AnswerFault::Challenge,
        "clientDataJSON",
    ),
    (
        |a| a.challenge.truncate(40),
        AnswerFault::Challenge,
        "clientDataJSON",
    ),
    (|a| a.cross_origin = true, AnswerFault::Origin, "clientDataJSON"),
    (
        |a| a.rp_id = "example.com".into(),
        AnswerFault::Domain,
        "attestationObject",
    ),
    (
        |a| a.rp_id = "evil.example".into(),
        AnswerFault::Domain,
        "attestationObject",
    ),
    (
        |a| a.rp_id = String::new(),
        AnswerFault::Domain,
        "attestationObject",
    ),
    (|a| a.flags = ATTESTED, AnswerFault::Presence, "attestationObject"),
    (
        |a| a.flags = ATTESTED | VERIFIED,
        AnswerFault::Presence,
        "attestationObject",
    ),
    (|a| a.flags = PRESENT, AnswerFault::Malformed, "attestationObject"),
    (
        |a| a.flags |= BACKED_UP,
        AnswerFault::Malformed,
        "attestationObject",
    ),
    (
        |a| a.id = vec![7; 1024],
        AnswerFault::Malformed,
        "attestationObject",
    ),
    (|a| a.named_id = Some(vec![9; 32]), AnswerFault::Malformed, "id"),
    (|a| a.alg = -8, AnswerFault::Algorithm, "attestationObject"),
    (
        |a| a.off_curve = true,
        AnswerFault::Malformed,
        "attestationObject",
    ),
    (|a| a.spoilt = true, AnswerFault::Attestation, "attestationObject"),
    (
        |a| a.format = "android-safetynet".into(),
        AnswerFault::Attestation,
        "attestationObject",
    ),
    (
        |a| a.format = "fido-u2f".into(),
        AnswerFault::Attestation,
        "attestationObject",
    ),
    (
        |a| a.format = "tpm".into(),
        AnswerFault::Attestation,
        "attestationObject",
    ),
    (
        |a| a.format = "unheard-of".into(),
        AnswerFault::Attestation,
        "attestationObject",
    ),
];

#[tokio::test]
async fn each_part_that_does_not_hold_is_named_and_the_honest_answer_still_fits() {
    let ctx = server().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    let started = start(&ctx, &owner, &target).await;
    for (number, (mutate, expected, place)) in MUTATIONS.iter().enumerate() {
        let mut key = KeyAnswer::to(&started.options, PAGE);
        mutate(&mut key);
        let answer = finish(&ctx, &owner, &target, &started.factor, &key.json()).await;
        assert!(answer.is_err(), "mutation {number} was taken");
        assert_eq!(fault(answer), (*expected, *place), "mutation {number}");
    }
    let honest = KeyAnswer {
        format: "none".into(),
        ..KeyAnswer::to(&started.options, PAGE)
    };
    finish(&ctx, &owner, &target, &started.factor, &honest.json())
        .await
        .unwrap();
}

#[tokio::test]
async fn what_is_no_answer_is_refused_naming_the_part() {
    let ctx = server().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    let started = start(&ctx, &owner, &target).await;
    let honest = KeyAnswer::to(&started.options, PAGE).json();
    let parts = [
        ("/id", "id"),
        ("/rawId", "rawId"),
        ("/type", "type"),
        ("/response", "response"),
        ("/response/clientDataJSON", "clientDataJSON"),
        ("/response/attestationObject", "attestationObject"),
    ];
    for (pointer, place) in parts {
        for junk in [
            json!(null),
            json!(7),
            json!({"a": 1}),
            json!("%%%"),
            json!(""),
            json!("AAAA"),
        ] {
            let mut answer = honest.clone();
            *answer.pointer_mut(pointer).unwrap() = junk.clone();
            let answer = finish(&ctx, &owner, &target, &started.factor, &answer).await;
            let (why, at) = fault(answer);
            assert!(
                matches!(why, AnswerFault::Malformed | AnswerFault::Kind),
                "{pointer} {junk}"
            );
            assert!(
                at == place || pointer == "/id" || pointer == "/response",
                "{pointer} {junk}: {at}"
            );
        }
    }
    for junk in [
        json!({}),
        json!({"response": {}}),
        json!({"id": "AAAA", "type": "public-key"}),
    ] {
        let answer = finish(&ctx, &owner, &target, &started.factor, &junk).await;
        assert_eq!(fault(answer).0, AnswerFault::Malformed);
    }
    finish(&ctx, &owner, &target, &started.factor, &honest)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_truncated_or_flipped_attestation_never_ends_in_a_fault_of_ours() {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let ctx = server().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    let started = start(&ctx, &owner, &target).await;
    let honest = KeyAnswer::to(&started.options, PAGE).json();
    let text = honest["response"]["attestationObject"].as_str().unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(text).unwrap();
    let with = |bytes: &[u8]| {
        let mut answer = honest.clone();
        answer["response"]["attestationObject"] = URL_SAFE_NO_PAD.encode(bytes).into();
        answer
    };
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x41;
        for broken in [with(&bytes[..at]), with(&flipped)] {
            let answer = finish(&ctx, &owner, &target, &started.factor, &broken).await;
            assert!(
                matches!(answer, Err(Error::Invalid { .. })),
                "byte {at}: {answer:?}"
            );
        }
    }
    finish(&ctx, &owner, &target, &started.factor, &honest)
        .await
        .unwrap();
}

#[tokio::test]
async fn keys_of_every_offered_kind_are_kept_in_a_format_of_our_own() {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
    let ctx = server().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    let (p384, [x, y]) = p384_key();
    let modulus = [0xff; 256];
    let kinds = [
        (
            p384,
            json!({"kty": "ec2", "alg": -35, "crv": 2, "x": BASE64URL.encode(x), "y": BASE64URL.encode(y)}),
        ),
        (
            rsa_key(&modulus),
            json!({"kty": "rsa", "alg": -257, "n": BASE64URL.encode(modulus), "e": "AQAB"}),
        ),
    ];
    for (key, kept) in kinds {
        let started = start(&ctx, &owner, &target).await;
        let answer = KeyAnswer {
            key: Some(key),
            format: "none".into(),
            flags: PRESENT | ATTESTED | BACKUP_ELIGIBLE | BACKED_UP,
            ..KeyAnswer::to(&started.options, PAGE)
        };
        finish(&ctx, &owner, &target, &started.factor, &answer.json())
            .await
            .unwrap();
        let all = factors(&ctx, &owner, &target).await;
        let named = all.iter().find(|f| f.id == started.factor).unwrap().credential();
        let credential = serde_json::to_value(&named.unwrap().credential).unwrap();
        assert_eq!(credential["key"], kept);
        assert_eq!(
            (&credential["backup_eligible"], &credential["backed_up"]),
            (&json!(true), &json!(true))
        );
        assert_eq!(
            (&credential["sign_count"], &credential["transports"]),
            (&json!(1), &json!(["usb"]))
        );
    }
    let started = start(&ctx, &owner, &target).await;
    let small = KeyAnswer {
        key: Some(rsa_key(&[0xff; 128])),
        format: "none".into(),
        ..KeyAnswer::to(&started.options, PAGE)
    };
    let answer = finish(&ctx, &owner, &target, &started.factor, &small.json()).await;
    assert_eq!(fault(answer), (AnswerFault::Malformed, "attestationObject"));
}

#[tokio::test]
async fn bytes_that_nest_or_lie_about_their_length_are_refused() {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
    let ctx = server().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    let started = start(&ctx, &owner, &target).await;
    let honest = KeyAnswer::to(&started.options, PAGE).json();
    let lengths = [0x5b, 0x7b, 0x9b, 0xbb].map(|kind| [&[kind][..], &[0xff; 8]].concat());
    let nested = [0x81, 0x9f, 0xa1, 0xbf, 0xc1].map(|kind| vec![kind; 500_000]);
    let nested_key = KeyAnswer {
        key: Some(vec![0x81; 60_000]),
        ..KeyAnswer::to(&started.options, PAGE)
    };
    for bytes in lengths.into_iter().chain(nested) {
        let mut answer = honest.clone();
        answer["response"]["attestationObject"] = BASE64URL.encode(bytes).into();
        let answer = finish(&ctx, &owner, &target, &started.factor, &answer).await;
        assert_eq!(fault(answer), (AnswerFault::Malformed, "attestationObject"));
    }
    let answer = finish(&ctx, &owner, &target, &started.factor, &nested_key.json()).await;
    assert_eq!(fault(answer).1, "attestationObject");
    for text in ["[".repeat(500_000), "{\"origin\":".repeat(100_000)] {
        let mut answer = honest.clone();
        answer["response"]["clientDataJSON"] = BASE64URL.encode(text).into();
        let answer = finish(&ctx, &owner, &target, &started.factor, &answer).await;
        assert_eq!(fault(answer), (AnswerFault::Malformed, "clientDataJSON"));
    }
    finish(&ctx, &owner, &target, &started.factor, &honest)
        .await
        .unwrap();
}

#[tokio::test]
async fn nothing_follows_the_key_but_the_extensions_that_are_announced() {
    const EXTENSIONS: u8 = 1 << 7;
    let ctx = server().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    let answer = |options, flags: u8, more: &[u8]| KeyAnswer {
        key: Some([&p384_key().0, more].concat()),
        format: "none".into(),
        flags: PRESENT | ATTESTED | flags,
        ..KeyAnswer::to(options, PAGE)
    };
    let started = start(&ctx, &owner, &target).await;
    for (flags, more) in [(0, &[7; 63][..]), (0, &[0xa0]), (EXTENSIONS, &[0xa0, 0])] {
        let answer = answer(&started.options, flags, more).json();
        let answer = finish(&ctx, &owner, &target, &started.factor, &answer).await;
        assert_eq!(
            fault(answer),
            (AnswerFault::Malformed, "attestationObject"),
            "{more:?}"
        );
    }
    let announced = answer(&started.options, EXTENSIONS, &[0xa0]).json();
    finish(&ctx, &owner, &target, &started.factor, &announced)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_restart_between_question_and_answer_is_not_noticed() {
    let mut ctx = server().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    let (started, made) = (
        start(&ctx, &owner, &target).await,
        link(&ctx, &owner, &target).await,
    );
    let policy = ctx.policy.clone();
    ctx.database.reopen().await;
    let options = TestOptions {
        policy,
        ..TestOptions::default()
    };
    let again = testkit::context(ctx.database.store.clone(), &ctx.clock, options);
    let answer = KeyAnswer::to(&started.options, PAGE).json();
    finish(&again, &owner, &target, &started.factor, &answer)
        .await
        .unwrap();
    let entered = by_link(&made.id, made.code.as_ref().unwrap().reveal());
    webauthn::start(&again, &owner, &target, &entered).await.unwrap();
}

#[tokio::test]
async fn no_code_of_a_link_is_on_the_disk_and_nothing_of_a_key_after_its_user() {
    let ctx = server().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    let made = link(&ctx, &owner, &target).await;
    let started = start(&ctx, &owner, &target).await;
    let answer = KeyAnswer::to(&started.options, PAGE).json();
    let name = FactorName::parse("zeppelin of Ada").unwrap();
    webauthn::verify(
        &ctx,
        &owner,
        &target,
        &started.factor,
        (answer.as_object().unwrap(), &name),
    )
    .await
    .unwrap();
    let (code, id) = (
        made.code.as_ref().unwrap().reveal(),
        answer["id"].as_str().unwrap(),
    );
    let holds = |text: &str| {
        let bytes = ctx.database.raw_bytes();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    };
    assert!(!holds(code), "a code can be read");
    assert!(
        holds(name.as_str()) && holds(id),
        "they are there while the user is"
    );
    app::user::delete(&ctx, &owner, &target).await.unwrap();
    ctx.store.close();
    for text in [
        name.as_str(),
        id,
        KeyAnswer::to(&started.options, PAGE).challenge.as_str(),
    ] {
        assert!(!holds(text), "{text} can still be read");
    }
}

#[tokio::test]
async fn a_challenge_is_of_one_user_one_registration_and_five_minutes() {
    let ctx = server().await;
    let owner = ctx.owner().await;
    let (ada, bob) = (somebody(&ctx, &owner).await, somebody(&ctx, &owner).await);
    let (first, second) = (start(&ctx, &owner, &ada).await, start(&ctx, &owner, &ada).await);
    let of_bob = start(&ctx, &owner, &bob).await;
    let answer = KeyAnswer::to(&first.options, PAGE).json();
    for (target, factor) in [(&ada, &second.factor), (&bob, &of_bob.factor)] {
        let answer = finish(&ctx, &owner, target, factor, &answer).await;
        assert_eq!(fault(answer).0, AnswerFault::Challenge);
    }
    let foreign = finish(&ctx, &owner, &bob, &first.factor, &answer).await;
    assert_eq!(refusal(foreign), Refusal::WebauthnNotFound);
    ctx.advance(Span::minutes(5));
    let late = finish(&ctx, &owner, &ada, &first.factor, &answer).await;
    assert_eq!(refusal(late), Refusal::Code(Miss::Expired));
    assert_eq!(app::user::otp::sweep_stale(&ctx).await.unwrap().count, 2);
    assert!(factors(&ctx, &owner, &ada).await.is_empty());
}

#[tokio::test]
async fn sixteen_answers_at_once_register_one_key() {
    let ctx = server().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    let started = start(&ctx, &owner, &target).await;
    let answer = KeyAnswer::to(&started.options, PAGE).json();
    let tries = (0..16).map(|_| {
        let (ctx, owner, target) = (ctx.ctx.clone(), owner.clone(), target.clone());
        let (factor, answer) = (started.factor.clone(), answer.clone());
        tokio::spawn(async move { finish(&ctx, &owner, &target, &factor, &answer).await })
    });
    let mut won = 0;
    for attempt in tries.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            Ok(()) => won += 1,
            other => assert_eq!(refusal(other), Refusal::WebauthnVerified),
        }
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn one_credential_for_two_users_at_once_is_had_by_one() {
    let ctx = server().await;
    let owner = ctx.owner().await;
    let mut tries = Vec::new();
    for _ in 0..8 {
        let target = somebody(&ctx, &owner).await;
        let started = start(&ctx, &owner, &target).await;
        let same = KeyAnswer {
            id: vec![5; 32],
            ..KeyAnswer::to(&started.options, PAGE)
        };
        let (ctx, owner) = (ctx.ctx.clone(), owner.clone());
        tries.push(tokio::spawn(async move {
            finish(&ctx, &owner, &target, &started.factor, &same.json()).await
        }));
    }
    let mut won = 0;
    for attempt in tries {
        match attempt.await.unwrap() {
            Ok(()) => won += 1,
            other => assert_eq!(refusal(other), Refusal::WebauthnTaken),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(
        store::rebuild_matches(&ctx.store).await.unwrap(),
        Vec::<String>::new()
    );
}

async fn link(ctx: &Ctx, by: &Caller, target: &Target) -> LinkCreated {
    webauthn::create_link(ctx, by, target, &LinkMedium::Return, Language::En)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_link_starts_one_registration() {
    let ctx = server().await;
    let owner = ctx.owner().await;
    let me = ctx.plain_user().await;
    let target = Target::of(me.user.clone());
    let made = link(&ctx, &owner, &target).await;
    let code = made.code.as_ref().unwrap();
    assert_eq!(code.reveal().len(), 12);
    let as_typed = format!("{}-{}", &code.reveal()[..6], &code.reveal()[6..]).to_lowercase();
    let started = webauthn::start(&ctx, &me, &target, &by_link(&made.id, &as_typed))
        .await
        .unwrap();
    let answer = create_passkey(&started.options, PAGE, true).await.unwrap();
    finish(&ctx, &me, &target, &started.factor, &answer)
        .await
        .unwrap();
    let again = webauthn::start(&ctx, &me, &target, &by_link(&made.id, code.reveal())).await;
    assert_eq!(refusal(again), Refusal::LinkUnknown);
    assert_eq!(
        store::rebuild_matches(&ctx.store).await.unwrap(),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn sixteen_uses_of_a_link_at_once_start_one_registration() {
    let ctx = server().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    let made = link(&ctx, &owner, &target).await;
    let new = by_link(&made.id, made.code.as_ref().unwrap().reveal());
    let tries: Vec<_> = (0..16)
        .map(|_| {
            let (ctx, owner, target, new) = (ctx.ctx.clone(), owner.clone(), target.clone(), new.clone());
            tokio::spawn(async move { webauthn::start(&ctx, &owner, &target, &new).await })
        })
        .collect();
    let mut won = 0;
    for attempt in tries {
        match attempt.await.unwrap() {
            Ok(_) => won += 1,
            other => assert_eq!(refusal(other), Refusal::LinkUnknown),
        }
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn wrong_codes_end_a_link_and_the_day_and_time_ends_it_too() {
    let ctx = server().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    let mut wrong_ones = 0;
    while wrong_ones < 50 {
        let made = link(&ctx, &owner, &target).await;
        let code = made.code.as_ref().unwrap();
        for _ in 0..3.min(50 - wrong_ones) {
            let entered = by_link(&made.id, &wrong(code));
            assert_eq!(
                miss(webauthn::start(&ctx, &owner, &target, &entered).await),
                Miss::Wrong
            );
            wrong_ones += 1;
        }
        if wrong_ones < 50 {
            let right = by_link(&made.id, code.reveal());
            assert_eq!(
                miss(webauthn::start(&ctx, &owner, &target, &right).await),
                Miss::Spent
            );
        }
    }
    let made = link(&ctx, &owner, &target).await;
    let right = by_link(&made.id, made.code.as_ref().unwrap().reveal());
    let resting = miss(webauthn::start(&ctx, &owner, &target, &right).await);
    assert!(
        matches!(resting, Miss::Resting(_)),
        "a new link gives no fresh guesses"
    );
    let other = somebody(&ctx, &owner).await;
    let made = link(&ctx, &owner, &other).await;
    ctx.advance(Span::hours(1));
    let late = by_link(&made.id, made.code.as_ref().unwrap().reveal());
    assert_eq!(
        miss(webauthn::start(&ctx, &owner, &other, &late).await),
        Miss::Expired
    );
    let short = by_link(&made.id, "ABC");
    assert_eq!(
        miss(webauthn::start(&ctx, &owner, &other, &short).await),
        Miss::Malformed
    );
}

#[tokio::test]
async fn a_link_of_somebody_else_opens_nothing() {
    let ctx = server().await;
    let owner = ctx.owner().await;
    let (ada, bob) = (somebody(&ctx, &owner).await, somebody(&ctx, &owner).await);
    let (of_ada, of_bob) = (link(&ctx, &owner, &ada).await, link(&ctx, &owner, &bob).await);
    let code = of_ada.code.as_ref().unwrap().reveal();
    let answer = webauthn::start(&ctx, &owner, &bob, &by_link(&of_ada.id, code)).await;
    assert_eq!(refusal(answer), Refusal::LinkUnknown);
    let answer = webauthn::start(&ctx, &owner, &bob, &by_link(&of_bob.id, code)).await;
    assert_eq!(miss(answer), Miss::Wrong);
}

#[tokio::test]
async fn a_link_is_sent_to_the_verified_address_only_and_never_answered_to_oneself() {
    let ctx = server().await;
    let owner = ctx.owner().await;
    let me = ctx.plain_user().await;
    let target = Target::of(me.user.clone());
    let send = |template: Option<&str>| {
        let parse = |t| UrlTemplate::parse_registration(t, &ctx.policy).unwrap();
        LinkMedium::Send(template.map(parse))
    };
    let refused = webauthn::create_link(&ctx, &me, &target, &LinkMedium::Return, Language::En).await;
    assert!(matches!(refused, Err(Error::DeniedToSelf)));
    let nowhere = Refusal::ContactUnverified(Channel::Email);
    let answer = webauthn::create_link(&ctx, &me, &target, &send(None), Language::En).await;
    assert_eq!(refusal(answer), nowhere);
    set_returning(&ctx, &owner, &target, ADDRESS).await;
    let answer = webauthn::create_link(&ctx, &me, &target, &send(None), Language::En).await;
    assert_eq!(refusal(answer), nowhere, "an unverified address is anybody's");
    contact::set(&ctx, &owner, &target, &to(&ctx, ADDRESS, Verification::Vouched))
        .await
        .unwrap();
    let template = "https://id.example.com/?u={{.UserID}}&i={{.CodeID}}&c={{.Code}}&o={{.OrgID}}";
    let made = webauthn::create_link(&ctx, &me, &target, &send(Some(template)), Language::De)
        .await
        .unwrap();
    assert!(made.code.is_none());
    let mails = read_sent(&ctx).await;
    assert_eq!(mails.len(), 1);
    let (message, org) = (&mails[0], &me.org);
    assert_eq!(
        (message.kind.name(), message.cause.as_str()),
        ("passkey_link", "webauthn_link_issued")
    );
    let expected = format!(
        "https://id.example.com/?u={}&i={}&c={}&o={org}",
        me.user, made.id, message.code
    );
    assert_eq!(message.link.as_deref(), Some(expected.as_str()));
    webauthn::start(&ctx, &me, &target, &by_link(&made.id, &message.code))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_link_without_a_template_leads_to_our_own_page() {
    let ctx = server().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    contact::set(&ctx, &owner, &target, &to(&ctx, ADDRESS, Verification::Vouched))
        .await
        .unwrap();
    let send = LinkMedium::Send(None);
    let made = webauthn::create_link(&ctx, &owner, &target, &send, Language::En)
        .await
        .unwrap();
    let message = read_sent(&ctx).await.remove(0);
    let (user, id, code) = (&target.user, &made.id, &message.code);
    let page = format!("{PAGE}/ui/webauthn#user={user}&id={id}&code={code}");
    assert_eq!(message.link.as_deref(), Some(page.as_str()));
}

#[tokio::test]
async fn whoever_holds_the_link_needs_nothing_else() {
    let ctx = server().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    let made = link(&ctx, &owner, &target).await;
    let instance = &owner.instance;
    let entered = |code: &str| EnteredLink {
        id: made.id.clone(),
        code: app::secret::Secret::new(code.to_owned()),
    };
    let code = made.code.as_ref().unwrap();
    let nobody = domain::base::UserId::from_trusted("nobody");
    let answer = webauthn::start_by_link(&ctx, instance, &nobody, &entered(code.reveal())).await;
    assert_eq!(refusal(answer), Refusal::NotFound);
    let answer = webauthn::start_by_link(&ctx, instance, &target.user, &entered(&wrong(code))).await;
    assert_eq!(miss(answer), Miss::Wrong);
    let started = webauthn::start_by_link(&ctx, instance, &target.user, &entered(code.reveal()))
        .await
        .unwrap();
    let answer = create_passkey(&started.options, PAGE, true).await.unwrap();
    let (answer, name) = (answer.as_object().unwrap(), FactorName::parse("my key").unwrap());
    let finish = |factor| webauthn::finish_by_link(&ctx, instance, &target.user, factor, (answer, &name));
    let missing = FactorId::from_trusted("missing");
    assert_eq!(refusal(finish(&missing).await), Refusal::WebauthnNotFound);
    finish(&started.factor).await.unwrap();
    assert_eq!(refusal(finish(&started.factor).await), Refusal::WebauthnVerified);
    assert!(factors(&ctx, &owner, &target).await[0].credential().is_some());
}

#[tokio::test]
async fn what_no_link_began_takes_a_caller_to_complete() {
    let ctx = server().await;
    let (me, owner) = (ctx.plain_user().await, ctx.owner().await);
    let target = Target::of(me.user.clone());
    let name = FactorName::parse("my key").unwrap();
    for by in [&me, &owner] {
        let started = start(&ctx, by, &target).await;
        let answer = create_passkey(&started.options, PAGE, true).await.unwrap();
        let by_link = (answer.as_object().unwrap(), &name);
        let done = webauthn::finish_by_link(&ctx, &me.instance, &target.user, &started.factor, by_link).await;
        assert_eq!(refusal(done), Refusal::WebauthnNotFound);
        finish(&ctx, by, &target, &started.factor, &answer).await.unwrap();
    }
    assert_eq!(
        store::rebuild_matches(&ctx.store).await.unwrap(),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn a_lock_ends_what_waits() {
    let ctx = server().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    let (started, made) = (
        start(&ctx, &owner, &target).await,
        link(&ctx, &owner, &target).await,
    );
    transition(&ctx, &owner, &target, Transition::Lock).await.unwrap();
    let answer = KeyAnswer::to(&started.options, PAGE).json();
    let ended = Refusal::Code(Miss::Expired);
    assert_eq!(
        refusal(finish(&ctx, &owner, &target, &started.factor, &answer).await),
        ended
    );
    let entered = by_link(&made.id, made.code.as_ref().unwrap().reveal());
    assert_eq!(
        refusal(webauthn::start(&ctx, &owner, &target, &entered).await),
        ended
    );
    assert_eq!(
        store::rebuild_matches(&ctx.store).await.unwrap(),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn others_need_the_right_and_strangers_see_nobody() {
    let ctx = server().await;
    let owner = ctx.owner().await;
    let (target, stranger) = (somebody(&ctx, &owner).await, ctx.plain_user().await);
    let started = start(&ctx, &owner, &target).await;
    let made = link(&ctx, &owner, &target).await;
    let with_code = by_link(&made.id, made.code.as_ref().unwrap().reveal());
    let answer = KeyAnswer::to(&started.options, PAGE).json();
    let not_found = |denied: Result<()>| assert!(matches!(denied, Err(Error::NotFound)), "{denied:?}");
    for new in [on("id.example.com"), with_code] {
        not_found(webauthn::start(&ctx, &stranger, &target, &new).await.map(drop));
    }
    not_found(finish(&ctx, &stranger, &target, &started.factor, &answer).await);
    not_found(
        webauthn::remove(&ctx, &stranger, &target, &started.factor)
            .await
            .map(drop),
    );
    let send = LinkMedium::Send(None);
    let denied = webauthn::create_link(&ctx, &stranger, &target, &send, Language::En).await;
    not_found(denied.map(drop));
}

#[tokio::test]
async fn a_developers_machine_registers_on_localhost_whatever_the_port() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    for page in [
        "http://localhost:8080",
        "http://localhost:3000",
        "https://localhost",
    ] {
        let started = webauthn::start(&ctx, &owner, &target, &on("localhost"))
            .await
            .unwrap();
        let answer = KeyAnswer::to(&started.options, page).json();
        finish(&ctx, &owner, &target, &started.factor, &answer)
            .await
            .unwrap();
    }
    let started = webauthn::start(&ctx, &owner, &target, &on("localhost"))
        .await
        .unwrap();
    for page in [
        "http://127.0.0.1:8080",
        "http://localhost.evil.example",
        "http://evil.localhost",
    ] {
        let answer = KeyAnswer::to(&started.options, page).json();
        let answer = finish(&ctx, &owner, &target, &started.factor, &answer).await;
        assert_eq!(fault(answer).0, AnswerFault::Origin, "{page}");
    }
    let browser = create_passkey(&started.options, "http://localhost:8080", true)
        .await
        .unwrap();
    finish(&ctx, &owner, &target, &started.factor, &browser)
        .await
        .unwrap();
}

#[test]
fn nothing_of_a_key_is_in_a_debug_text() {
    let name = FactorName::parse("key of Ada").unwrap();
    let challenge = domain::user::Challenge::new("nonce");
    assert!(!format!("{name:?} {challenge:?}").contains("Ada"));
    assert!(!format!("{challenge:?}").contains("nonce"));
}
