//! A small identity provider that listens on this machine, speaks OpenID Connect and OAuth 2, and can lie.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use app::Clock;
use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair},
};
use axum::{
    Form, Json, Router,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use parking_lot::Mutex;
use serde_json::{Value, json};
use url::Url;

use crate::ManualClock;

/// The id and the secret under which it knows its client.
pub const CLIENT: (&str, &str) = ("me", "s:cret/é");

/// Who signs in there.
pub const SUBJECT: &str = "248289761001";

/// What it does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after what is wrong")]
pub enum Lie {
    Nonce,
    Audience,
    AudienceOfSeveral,
    AuthorizedParty,
    Issuer,
    Expired,
    NoExpiry,
    IssuedLater,
    NoTime,
    NoSubject,
    LongSubject,
    OtherKey,
    NoSignature,
    SharedSecret,
    AccessTokenHash,
    NoIdToken,
    DiscoveryIssuer,
    UserinfoOfAnother,
    UserinfoOfNobody,
    CodeRefused,
    ClientUnknownByHeader,
    Redirects,
    AnswersTooMuch,
    AnswersNoJson,
    Fails,
    Hangs,
    NumberAsId,
    NoId,
    NotBearer,
}

struct Grant {
    nonce: Option<String>,
    challenge: String,
    redirect_uri: String,
}

struct Inner {
    issuer: String,
    clock: ManualClock,
    key: EcdsaKeyPair,
    other: EcdsaKeyPair,
    lie: Mutex<Option<Lie>>,
    grants: Mutex<HashMap<String, Grant>>,
    asked: AtomicUsize,
}

/// A provider at work until it is dropped.
pub struct TestProvider {
    inner: Arc<Inner>,
    task: tokio::task::JoinHandle<()>,
}

impl std::fmt::Debug for TestProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TestProvider(..)")
    }
}

impl Drop for TestProvider {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl TestProvider {
    /// Starts one whose tokens are of the time of this clock.
    pub async fn start(clock: &ManualClock) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        let key = || EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let inner = Arc::new(Inner {
            issuer: format!("http://{address}"),
            clock: clock.clone(),
            key: key(),
            other: key(),
            lie: Mutex::new(None),
            grants: Mutex::new(HashMap::new()),
            asked: AtomicUsize::new(0),
        });
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .with_state(Arc::clone(&inner));
        let task = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { inner, task }
    }

    /// Its issuer, which is also where it listens.
    pub fn issuer(&self) -> &str {
        &self.inner.issuer
    }

    /// From now on it lies, or no longer.
    pub fn lie(&self, lie: Option<Lie>) {
        *self.inner.lie.lock() = lie;
    }

    /// How often it was asked for anything.
    pub fn asked(&self) -> usize {
        self.inner.asked.load(Ordering::SeqCst)
    }

    /// A person goes to the page, signs in, and is sent back to the address that this answers. The page has to ask for all
    /// that makes a flow safe.
    pub fn sign_in(&self, page: &str) -> Url {
        let page = Url::parse(page).unwrap();
        let asked: HashMap<String, String> = page.query_pairs().into_owned().collect();
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["client_id"], CLIENT.0);
        assert_eq!(asked["code_challenge_method"], "S256");
        assert!(asked["state"].len() > 43 && asked["code_challenge"].len() == 43);
        let code = format!("code-{}", self.inner.grants.lock().len());
        let grant = Grant {
            nonce: asked.get("nonce").cloned(),
            challenge: asked["code_challenge"].clone(),
            redirect_uri: asked["redirect_uri"].clone(),
        };
        self.inner.grants.lock().insert(code.clone(), grant);
        let mut back = Url::parse(&asked["redirect_uri"]).unwrap();
        back.query_pairs_mut()
            .append_pair("code", &code)
            .append_pair("state", &asked["state"])
            .append_pair("iss", &self.inner.issuer);
        back
    }
}

impl Inner {
    fn lies(&self, lie: Lie) -> bool {
        *self.lie.lock() == Some(lie)
    }
}

type Me = State<Arc<Inner>>;

async fn discovery(State(me): Me) -> Response {
    me.asked.fetch_add(1, Ordering::SeqCst);
    let issuer = if me.lies(Lie::DiscoveryIssuer) {
        "https://another.example"
    } else {
        &me.issuer
    };
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{}/authorize", me.issuer),
        "token_endpoint": format!("{}/token", me.issuer),
        "jwks_uri": format!("{}/keys", me.issuer),
        "userinfo_endpoint": format!("{}/userinfo", me.issuer),
        "authorization_response_iss_parameter_supported": true,
    }))
    .into_response()
}

fn encoding_key(pair: &EcdsaKeyPair) -> EncodingKey {
    EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref())
}

async fn keys(State(me): Me) -> Response {
    me.asked.fetch_add(1, Ordering::SeqCst);
    let jwk = Jwk::from_encoding_key(&encoding_key(&me.key), Algorithm::ES256).unwrap();
    let mut jwk = serde_json::to_value(jwk).unwrap();
    jwk["kid"] = "one".into();
    let unknown = json!({"kty": "from the future", "kid": "two"});
    Json(json!({ "keys": [unknown, jwk] })).into_response()
}

async fn userinfo(State(me): Me, headers: HeaderMap) -> Response {
    me.asked.fetch_add(1, Ordering::SeqCst);
    if headers
        .get(header::AUTHORIZATION)
        .map(axum::http::HeaderValue::as_bytes)
        != Some(b"Bearer access")
    {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let mut said =
        json!({"sub": SUBJECT, "preferred_username": "ada", "email": "ada@example.com", "from": "userinfo"});
    match *me.lie.lock() {
        Some(Lie::UserinfoOfAnother) => said["sub"] = "another".into(),
        Some(Lie::UserinfoOfNobody) => said["sub"] = Value::Null,
        Some(Lie::NumberAsId) => said["sub"] = 42.into(),
        Some(Lie::NoId) => said["sub"] = json!({}),
        _ => {}
    }
    Json(said).into_response()
}

/// Whoever follows a redirect gets the truth, so that following is seen.
async fn token(
    State(me): Me,
    RawQuery(followed): RawQuery,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    me.asked.fetch_add(1, Ordering::SeqCst);
    let lie = me.lie.lock().filter(|_| followed.is_none());
    match lie {
        Some(Lie::Redirects) => {
            let to = format!("{}/token?followed", me.issuer);
            return (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response();
        }
        Some(Lie::AnswersTooMuch) => return vec![b' '; 2 * 1024 * 1024].into_response(),
        Some(Lie::AnswersNoJson) => return "access_token=access".into_response(),
        Some(Lie::Fails) => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Some(Lie::Hangs) => tokio::time::sleep(Duration::from_mins(1)).await,
        _ => {}
    }
    if !knows_client(&headers, &form, lie) {
        let error = Json(json!({"error": "invalid_client"}));
        return (StatusCode::UNAUTHORIZED, error).into_response();
    }
    let grant = me.grants.lock().remove(&form["code"]);
    match grant.filter(|grant| fits(grant, &form)) {
        Some(grant) if lie != Some(Lie::CodeRefused) => Json(tokens(&me, &grant, lie)).into_response(),
        _ => {
            let error = Json(json!({"error": "invalid_grant"}));
            (StatusCode::BAD_REQUEST, error).into_response()
        }
    }
}

fn knows_client(headers: &HeaderMap, form: &HashMap<String, String>, lie: Option<Lie>) -> bool {
    let (id, secret) = CLIENT;
    let escaped = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect::<String>();
    let basic = format!("Basic {}", STANDARD.encode(format!("{id}:{escaped}")));
    let by_header = headers
        .get(header::AUTHORIZATION)
        .is_some_and(|v| v.as_bytes() == basic.as_bytes());
    let by_form = form.get("client_id").is_some_and(|given| given == id)
        && form.get("client_secret").is_some_and(|given| given == secret);
    by_form || (by_header && lie != Some(Lie::ClientUnknownByHeader))
}

fn fits(grant: &Grant, form: &HashMap<String, String>) -> bool {
    let shown = digest(&SHA256, form["code_verifier"].as_bytes());
    form["grant_type"] == "authorization_code"
        && form["redirect_uri"] == grant.redirect_uri
        && URL_SAFE_NO_PAD.encode(shown) == grant.challenge
}

fn tokens(me: &Inner, grant: &Grant, lie: Option<Lie>) -> Value {
    let kind = if lie == Some(Lie::NotBearer) {
        "mac"
    } else {
        "Bearer"
    };
    let mut answer = json!({"access_token": "access", "token_type": kind, "expires_in": 60});
    if let (Some(nonce), true) = (&grant.nonce, lie != Some(Lie::NoIdToken)) {
        answer["id_token"] = id_token(me, nonce, lie).into();
    }
    answer
}

fn id_token(me: &Inner, nonce: &str, lie: Option<Lie>) -> String {
    let now = me.clock.now().0 / 1_000_000;
    let half = &digest(&SHA256, b"access").as_ref()[..16].to_vec();
    let mut claims = json!({"iss": me.issuer, "sub": SUBJECT, "aud": CLIENT.0, "nonce": nonce, "iat": now,
        "exp": now + 300, "at_hash": URL_SAFE_NO_PAD.encode(half), "name": "Ada", "from": "id token"});
    distort(&mut claims, now, lie);
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some("one".into());
    match lie {
        Some(Lie::SharedSecret) => {
            let header = Header::new(Algorithm::HS256);
            encode(&header, &claims, &EncodingKey::from_secret(CLIENT.1.as_bytes())).unwrap()
        }
        Some(Lie::NoSignature) => {
            let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
            format!("{}.{}.", part(&json!({"alg": "none"})), part(&claims))
        }
        Some(Lie::OtherKey) => encode(&header, &claims, &encoding_key(&me.other)).unwrap(),
        _ => encode(&header, &claims, &encoding_key(&me.key)).unwrap(),
    }
}

fn distort(claims: &mut Value, now: i64, lie: Option<Lie>) {
    let fields = claims.as_object_mut().unwrap();
    match lie {
        Some(Lie::Nonce) => _ = fields.insert("nonce".into(), "another".into()),
        Some(Lie::Audience) => _ = fields.insert("aud".into(), json!(["another"])),
        Some(Lie::AudienceOfSeveral) => _ = fields.insert("aud".into(), json!([CLIENT.0, "another"])),
        Some(Lie::AuthorizedParty) => _ = fields.insert("azp".into(), "another".into()),
        Some(Lie::Issuer) => _ = fields.insert("iss".into(), "https://another.example".into()),
        Some(Lie::Expired) => _ = fields.insert("exp".into(), (now - 61).into()),
        Some(Lie::NoExpiry) => _ = fields.remove("exp"),
        Some(Lie::IssuedLater) => _ = fields.insert("iat".into(), (now + 3600).into()),
        Some(Lie::NoTime) => _ = fields.remove("iat"),
        Some(Lie::NoSubject) => _ = fields.remove("sub"),
        Some(Lie::LongSubject) => _ = fields.insert("sub".into(), "x".repeat(256).into()),
        Some(Lie::AccessTokenHash) => _ = fields.insert("at_hash".into(), "AAAA".into()),
        _ => {}
    }
}
