//! Strangers and callers at the gate, over HTTP/JSON, and what they hear.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};

use app::{Target, instance::Instances, user};
use bytes::Bytes;
use domain::{
    access::{Role, Scope},
    base::Span,
    user::Command,
};
use http::{HeaderMap, Method, Request, StatusCode, header::WWW_AUTHENTICATE};
use http_body_util::{BodyExt, Full};
use proto::{
    rpc::{Code, Status},
    zitadel::{
        auth::v1::{
            AuthService, GetMyUserRequest, GetMyUserResponse, HealthzRequest, HealthzResponse, auth_service,
        },
        user::{schema, v3alpha as generation_2024},
    },
};
use serde_json::Value;
use testkit::TestCtx;
use tower::Service;

use super::{Op, TokenGate};
use crate::{
    call::Call,
    rpc::{self, RpcService, Services},
};

const ME: (Method, &str) = (Method::GET, "/auth/v1/users/me");
const HEALTH: (Method, &str) = (Method::GET, "/auth/v1/healthz");
const CREATE: (Method, &str) = (Method::POST, "/v3alpha/users");

/// Keeps the calls that come in.
#[derive(Clone, Default)]
struct Echo(Arc<Mutex<Vec<Call>>>);

impl Echo {
    fn keep(&self, call: Call) {
        self.0.lock().unwrap().push(call);
    }
}

impl AuthService<Call> for Echo {
    async fn healthz(&self, call: Call, _: HealthzRequest) -> Result<HealthzResponse, Status> {
        let nobody = call.caller().expect_err("nobody is asked who they are");
        assert_eq!(nobody.message, "auth header missing");
        self.keep(call);
        Ok(HealthzResponse {})
    }

    async fn get_my_user(&self, call: Call, _: GetMyUserRequest) -> Result<GetMyUserResponse, Status> {
        self.keep(call);
        Ok(GetMyUserResponse::default())
    }
}

impl generation_2024::UserService<Call> for Echo {}
impl schema::v3alpha::UserSchemaService<Call> for Echo {}

struct House {
    test: TestCtx,
    echo: Echo,
    service: RpcService<TokenGate>,
}

struct Heard {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Heard {
    fn id(&self) -> &str {
        self.body["details"][0]["id"].as_str().unwrap_or("no details")
    }

    fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}

impl House {
    async fn build() -> Self {
        let test = TestCtx::new().await;
        let instances = Instances::one(test.foundation.instance.clone());
        let gate = TokenGate::new(Arc::clone(&test.ctx), instances);
        let echo = Echo::default();
        let services = Services::new()
            .add(auth_service(echo.clone()))
            .add(generation_2024::user_service(echo.clone()))
            .add(schema::v3alpha::user_schema_service(echo.clone()));
        let service = rpc::service(gate, services).expect("the services can be wired");
        Self { test, echo, service }
    }

    /// A user with these roles, and its token.
    async fn user(&self, roles: &[(Scope, Role)]) -> (app::Caller, String) {
        let caller = self.test.caller_with(roles).await;
        let me = Target::of(caller.user.clone());
        let expires = self.test.now() + Span::hours(1);
        let added = user::token::add(&self.test, &caller, &me, Some(expires))
            .await
            .unwrap();
        (caller, added.token.reveal().to_owned())
    }

    async fn ask(&self, (verb, path): (Method, &str), headers: &[(&str, &[u8])]) -> Heard {
        let mut request = Request::builder()
            .method(verb)
            .uri(path)
            .header("host", "id.example.com:8080");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from_static(b"{}"))).unwrap();
        let answer: Result<_, Infallible> = self.service.clone().call(request).await;
        let (parts, body) = answer.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Heard {
            status: parts.status,
            headers: parts.headers,
            body: serde_json::from_slice(&body).unwrap(),
        }
    }

    async fn ask_with(&self, what: (Method, &str), token: &str) -> Heard {
        self.ask(what, &[("authorization", format!("Bearer {token}").as_bytes())])
            .await
    }

    /// The last call that came in.
    fn call(&self) -> Call {
        self.echo
            .0
            .lock()
            .unwrap()
            .last()
            .expect("a call came in")
            .clone()
    }
}

fn somewhere(house: &House, role: Role) -> (Scope, Role) {
    (Scope::Org(house.test.foundation.org.clone()), role)
}

#[tokio::test]
async fn a_health_check_needs_no_token_and_minds_no_bad_one() {
    let house = House::build().await;
    assert_eq!(house.ask(HEALTH, &[]).await.status, StatusCode::OK);
    assert_eq!(house.ask_with(HEALTH, "garbage").await.status, StatusCode::OK);
    assert_eq!(house.call().instance, house.test.foundation.instance);
}

#[tokio::test]
async fn without_a_token_there_are_no_details() {
    let house = House::build().await;
    let heard = house.ask(ME, &[("accept-language", b"de")]).await;
    assert_eq!(heard.status, StatusCode::UNAUTHORIZED);
    assert_eq!(heard.message(), "auth header missing");
    assert_eq!(heard.id(), "no details");
    assert_eq!(heard.body["code"], 16);
}

#[tokio::test]
async fn only_the_exact_form_of_a_bearer_is_understood() {
    let house = House::build().await;
    let (_, token) = house.user(&[]).await;
    for wrong in [
        "",
        "Bearer",
        "Bearer ",
        "bearer TOKEN",
        "BEARER TOKEN",
        "Basic TOKEN",
        "TOKEN",
        "Bearer\tTOKEN",
    ] {
        let value = wrong.replace("TOKEN", &token);
        let heard = house.ask(ME, &[("authorization", value.as_bytes())]).await;
        assert_eq!(
            (heard.status, heard.id()),
            (StatusCode::UNAUTHORIZED, "AUTH-toLo1"),
            "{wrong:?}"
        );
    }
    let right = format!("Bearer {token}");
    let twice = [
        ("authorization", right.as_bytes()),
        ("authorization", right.as_bytes()),
    ];
    assert_eq!(house.ask(ME, &twice).await.id(), "AUTH-toLo1");
    assert_eq!(
        house.ask(ME, &[("authorization", b"Bearer \xc3\xbc")]).await.id(),
        "AUTH-toLo1"
    );
    assert_eq!(house.ask(ME, &twice[..1]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn every_unusable_token_looks_the_same() {
    let house = House::build().await;
    let (locked, of_locked) = house.user(&[]).await;
    house.test.command(&locked.user, Command::Lock).await;
    let (deleted, of_deleted) = house.user(&[]).await;
    house.test.command(&deleted.user, Command::Delete).await;
    let (_, expired) = house.user(&[]).await;
    let (_, other) = house.user(&[]).await;
    let mut damaged = other.clone();
    damaged.pop();
    house.test.advance(Span::hours(2));

    let expected = house.ask_with(ME, "garbage").await;
    assert_eq!(
        (expected.status, expected.id()),
        (StatusCode::UNAUTHORIZED, "AUTH-7fs1e")
    );
    for token in [
        of_locked,
        of_deleted,
        expired,
        damaged,
        "a b".to_owned(),
        " ".repeat(3) + &other,
    ] {
        let heard = house.ask_with(ME, &token).await;
        assert_eq!(
            (heard.status, &heard.body),
            (expected.status, &expected.body),
            "{token}"
        );
    }
}

#[tokio::test]
async fn the_handler_learns_who_asks_and_in_which_language() {
    let house = House::build().await;
    let (caller, token) = house.user(&[]).await;
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_bytes()),
        ("accept-language", b"fr, de-CH;q=0.8"),
        ("x-request-id", b"mine-1"),
        ("x-zitadel-orgid", b""),
    ];
    assert_eq!(house.ask(ME, &headers).await.status, StatusCode::OK);
    let call = house.call();
    assert_eq!(call.caller().unwrap().user, caller.user);
    assert_eq!(call.language, app::Language::De);
    assert_eq!(call.request_id.as_str(), "mine-1");
    assert_eq!(call.now, house.test.now());
    assert_eq!(call.org, None);
    assert!(call.deadline.is_some());
}

#[tokio::test]
async fn an_organization_in_the_header_has_to_exist() {
    let house = House::build().await;
    let (_, token) = house.user(&[]).await;
    let bearer = format!("Bearer {token}");
    let with = |org: Vec<u8>| {
        let (house, bearer) = (&house, bearer.as_bytes());
        async move {
            house
                .ask(ME, &[("authorization", bearer), ("x-zitadel-orgid", &org)])
                .await
        }
    };
    for unknown in [b"4711".to_vec(), b"\xff".to_vec(), vec![b'x'; 201]] {
        let heard = with(unknown).await;
        assert_eq!((heard.status, heard.id()), (StatusCode::FORBIDDEN, "AUTH-Bs7Ds"));
    }
    let org = &house.test.foundation.org;
    assert_eq!(with(org.as_str().into()).await.status, StatusCode::OK);
    assert_eq!(house.call().org.as_ref(), Some(org));
    let stranger = house.ask(ME, &[("x-zitadel-orgid", b"4711")]).await;
    assert_eq!(
        stranger.message(),
        "auth header missing",
        "a stranger cannot ask for organizations"
    );
}

#[tokio::test]
async fn a_method_with_a_permission_asks_for_a_role_that_has_it_somewhere() {
    let house = House::build().await;
    let (_, nobody) = house.user(&[]).await;
    let (_, viewer) = house.user(&[somewhere(&house, Role::OrgOwnerViewer)]).await;
    let (_, manager) = house.user(&[somewhere(&house, Role::OrgUserManager)]).await;

    let heard = house.ask_with(CREATE, &nobody).await;
    assert_eq!((heard.status, heard.id()), (StatusCode::NOT_FOUND, "AUTHZ-cdgFk"));
    let heard = house.ask_with(CREATE, &viewer).await;
    assert_eq!((heard.status, heard.id()), (StatusCode::FORBIDDEN, "AUTH-5mWD2"));
    assert!(heard.message().contains("user.write"), "{}", heard.message());
    // What the gate lets in meets the rules of the fields next: the organization is missing.
    let heard = house.ask_with(CREATE, &manager).await;
    assert_eq!(heard.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn schemas_are_for_those_who_read_and_write_the_instance() {
    let house = House::build().await;
    let read = (Method::GET, "/v3alpha/user_schemas/1");
    let (_, org_owner) = house.user(&[somewhere(&house, Role::OrgOwner)]).await;
    let (_, viewer) = house.user(&[(Scope::Instance, Role::IamOwnerViewer)]).await;
    let delete = (Method::DELETE, "/v3alpha/user_schemas/1");
    assert_eq!(house.ask_with(read.clone(), &org_owner).await.id(), "AUTH-5mWD2");
    assert_eq!(
        house.ask_with(read, &viewer).await.status,
        StatusCode::NOT_IMPLEMENTED
    );
    assert_eq!(house.ask_with(delete.clone(), &viewer).await.id(), "AUTH-5mWD2");
    let (_, owner) = house.user(&[(Scope::Instance, Role::IamOwner)]).await;
    assert_eq!(
        house.ask_with(delete, &owner).await.status,
        StatusCode::NOT_IMPLEMENTED
    );
}

#[tokio::test]
async fn texts_come_in_the_callers_language_and_headers_stay_ascii() {
    let house = House::build().await;
    let headers: [(&str, &[u8]); 2] = [("authorization", b"Bearer garbage"), ("accept-language", b"de")];
    let heard = house.ask(ME, &headers).await;
    assert!(
        heard
            .message()
            .starts_with("Das Token lässt sich nicht verwenden."),
        "{}",
        heard.message()
    );
    assert!(heard.message().ends_with("(AUTH-7fs1e)"), "{}", heard.message());
    let challenge = heard
        .headers
        .get(WWW_AUTHENTICATE)
        .expect("RFC 9110 §15.5.2 asks for a challenge");
    assert!(challenge.as_bytes().is_ascii());
    assert!(challenge.as_bytes().starts_with(b"Bearer"));
}

#[tokio::test]
async fn a_bad_token_wins_over_a_bad_body() {
    let house = House::build().await;
    let request = Request::post("/v3alpha/users").header("authorization", "Bearer garbage");
    let request = request.body(Full::new(Bytes::from_static(b"{\"broken"))).unwrap();
    let answer = house.service.clone().call(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_refusal_speaks_the_language_of_the_call_and_a_bug_refers_to_it() {
    let house = House::build().await;
    let (_, token) = house.user(&[]).await;
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_bytes()),
        ("accept-language", b"de"),
        ("x-request-id", b"mine-2"),
    ];
    assert_eq!(house.ask(ME, &headers).await.status, StatusCode::OK);
    let call = house.call();
    let refused = call.refuse(Op::SetContactPhone, app::Error::NotFound);
    assert_eq!(refused.code, Code::NotFound);
    assert!(
        refused.message.starts_with("Diesen Benutzer gibt es hier nicht."),
        "{}",
        refused.message
    );
    let bug = call.refuse(
        Op::SetContactPhone,
        store::Error::Taken("a secret of the house").into(),
    );
    assert_eq!(bug.code, Code::Internal);
    assert!(
        bug.message.ends_with("unter mine-2. (MERLON-u6Rb9HpS)"),
        "{}",
        bug.message
    );
}
