//! The pages over a fresh instance, and requests to them.

use app::{
    Caller, Language, Target,
    instance::Instances,
    user::webauthn::{LinkCreated, LinkMedium, create_link},
};
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use testkit::TestCtx;
use tower::ServiceExt;

pub(crate) struct World {
    pub(crate) test: TestCtx,
    router: Router,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The word for what was not done.
    pub(crate) fn problem(&self) -> String {
        assert!(!self.status.is_success(), "{self:?}");
        self.json()["problem"].as_str().unwrap().to_owned()
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let test = TestCtx::new().await;
        let instances = Instances::one(test.foundation.instance.clone());
        let router = login::routes(test.ctx.clone(), instances);
        Self { test, router }
    }

    pub(crate) async fn get(&self, path: &str, language: &str) -> Answer {
        let request = Request::get(path).header(header::ACCEPT_LANGUAGE, language);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap())
            .await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = answer.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    /// A user with a link to register a passkey.
    pub(crate) async fn linked(&self) -> (Caller, LinkCreated) {
        let owner = self.test.owner().await;
        let user = self.test.plain_user().await;
        let target = Target::of(user.user.clone());
        let link = create_link(&self.test, &owner, &target, &LinkMedium::Return, Language::En).await;
        (user, link.unwrap())
    }

    /// Opens a link as its holder.
    pub(crate) async fn start(&self, user: &Caller, link: &LinkCreated) -> Answer {
        self.post("/ui/webauthn/start", &carried(user, link)).await
    }
}

/// What the link carries.
pub(crate) fn carried(user: &Caller, link: &LinkCreated) -> Value {
    let code = link.code.as_ref().unwrap().reveal();
    json!({"user": user.user.as_str(), "id": link.id.as_str(), "code": code})
}
