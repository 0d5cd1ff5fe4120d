//! The page over a fresh instance, requests to it, and messages in it.

use app::{
    inbox::{InboxMessage, InboxQuery, capture, list_unchecked},
    instance::Instances,
};
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use domain::{
    base::{Span, UserId},
    user::Destination,
};
use http_body_util::BodyExt;
use inbox::InboxAccess;
use scraper::{Html, Selector};
use testkit::{TestCtx, TestOptions};
use tower::ServiceExt;

pub(crate) const HOST: &str = "127.0.0.1:8080";

pub(crate) struct World {
    pub(crate) test: TestCtx,
    pub(crate) router: Router,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn texts(&self, selector: &str) -> Vec<String> {
        let page = Html::parse_document(&self.body);
        let selector = Selector::parse(selector).unwrap();
        let found = page.select(&selector);
        found
            .map(|e| e.text().collect::<String>().trim().to_owned())
            .collect()
    }

    pub(crate) fn attributes(&self, selector: &str, name: &str) -> Vec<String> {
        let page = Html::parse_document(&self.body);
        let selector = Selector::parse(selector).unwrap();
        let found = page.select(&selector);
        found.filter_map(|e| e.attr(name).map(str::to_owned)).collect()
    }

    pub(crate) fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).unwrap().to_str().unwrap()
    }

    /// The cookie of the answer as the next request sends it.
    pub(crate) fn cookie(&self) -> String {
        let set = self.header(header::SET_COOKIE);
        set.split(';').next().unwrap().to_owned()
    }
}

impl World {
    pub(crate) async fn new(access: InboxAccess, https: bool) -> Self {
        Self::on(TestCtx::new().await, access, https)
    }

    /// Open, for a test whose clock stands still, on the embedded database whatever the run is for: such a clock leaps ahead
    /// while a server is asked, and then that server seems to be gone.
    pub(crate) async fn timeless_on_sqlite() -> Self {
        let test = TestCtx::on(testkit::database::sqlite().await, TestOptions::default()).await;
        Self::on(test, InboxAccess::Open, false)
    }

    fn on(test: TestCtx, access: InboxAccess, https: bool) -> Self {
        let instances = Instances::one(test.foundation.instance.clone());
        let router = inbox::routes(test.ctx.clone(), instances, access, https);
        Self { test, router }
    }

    pub(crate) async fn open() -> Self {
        Self::new(InboxAccess::Open, false).await
    }

    pub(crate) async fn closed() -> Self {
        Self::new(InboxAccess::Admin, false).await
    }

    /// Captures a message a second after the one before.
    pub(crate) async fn capture(&self, to: &str, code: &str) -> i64 {
        self.test.advance(Span::seconds(1));
        let (channel, subject) = if to.contains('@') {
            ("email", "Your code")
        } else {
            ("sms", "")
        };
        let destination = if channel == "sms" {
            Destination::from_trusted(domain::user::Channel::Sms, to)
        } else {
            Destination::from_trusted(domain::user::Channel::Email, to)
        };
        let message = InboxMessage {
            id: 0,
            recipient: to.to_owned(),
            channel: channel.to_owned(),
            kind: if channel == "sms" {
                "verify_phone"
            } else {
                "verify_email"
            }
            .to_owned(),
            subject: subject.to_owned(),
            text: format!("{code} is your code\n\n@localhost #{code}"),
            code: code.to_owned(),
            created: self.test.now(),
        };
        let instance = &self.test.foundation.instance;
        let about = UserId::from_trusted("1");
        let (ctx, outbox_id) = (&self.test.ctx, self.test.new_id());
        capture(
            ctx,
            instance,
            (&about, &destination),
            (&outbox_id, None),
            &message,
        )
        .await
        .unwrap();
        let newest = list_unchecked(ctx, instance, &InboxQuery::default()).await;
        newest.unwrap()[0].id
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path), "").await
    }

    pub(crate) async fn get_with(&self, path: &str, cookie: &str) -> Answer {
        self.send(Request::get(path).header(header::COOKIE, cookie), "")
            .await
    }

    /// Posts a form as our own page would.
    pub(crate) async fn post(&self, path: &str, form: &str) -> Answer {
        let request = Request::post(path).header("sec-fetch-site", "same-origin");
        self.send(request, form).await
    }

    pub(crate) async fn sign_in(&self, token: &str) -> Answer {
        self.post("/ui/inbox/sign-in", &format!("token={token}")).await
    }

    pub(crate) fn owner_token(&self) -> String {
        let token = self.test.foundation.automation_token.as_ref().unwrap();
        token.reveal().to_owned()
    }

    pub(crate) async fn send(&self, request: axum::http::request::Builder, body: &str) -> Answer {
        let request = request
            .header(header::HOST, HOST)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body.to_owned()))
            .unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    }
}
