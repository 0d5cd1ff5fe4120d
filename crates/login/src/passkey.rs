//! The page that a registration link opens. What the link carries stands behind `#` and so never reaches a log: the script of
//! the page reads it there, and asks here for the registration to be started and completed.

use std::sync::Arc;

use app::{
    Language,
    secret::Secret,
    user::webauthn::{self, EnteredLink},
};
use askama::Template;
use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use domain::{
    base::{CodeId, FactorId, InstanceId, UserId},
    user::FactorName,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    Login,
    problem::Problem,
    texts::{Texts, texts},
};

#[derive(Template)]
#[template(path = "passkey.html")]
struct Page {
    t: &'static Texts,
    /// What the site calls itself.
    site: String,
}

impl Login {
    /// The instance that a request is for.
    fn instance(&self, headers: &HeaderMap) -> Option<&InstanceId> {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        self.instances.by_host(host.unwrap_or_default())
    }
}

/// The page, in the language of the browser; it is the same for everybody.
pub(crate) async fn show(State(login): State<Arc<Login>>, headers: HeaderMap) -> Response {
    let language = headers.get(header::ACCEPT_LANGUAGE);
    let language = Language::negotiate(language.and_then(|value| value.to_str().ok()));
    let page = Page {
        t: texts(language),
        site: login.ctx.policy.public_host.clone(),
    };
    match page.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page cannot be made");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// What a link carries.
#[derive(Deserialize)]
pub(crate) struct Start {
    user: String,
    id: String,
    code: String,
}

/// Uses a link up and answers the options for the browser.
pub(crate) async fn start(
    State(login): State<Arc<Login>>,
    headers: HeaderMap,
    asked: Result<Json<Start>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(asked) = asked.map_err(|_| Problem::Link)?;
    let instance = login.instance(&headers).ok_or(Problem::Link)?;
    let user = UserId::parse(&asked.user).map_err(|_| Problem::Link)?;
    let link = EnteredLink {
        id: CodeId::parse(&asked.id).map_err(|_| Problem::Link)?,
        code: Secret::new(asked.code),
    };
    let started = webauthn::start_by_link(&login.ctx, instance, &user, &link)
        .await
        .map_err(|error| Problem::of_start(&error))?;
    let answer = json!({"factor": started.factor.as_str(), "options": started.options});
    Ok(Json(answer).into_response())
}

/// A registration with what the browser answered.
#[derive(Deserialize)]
pub(crate) struct Finish {
    user: String,
    factor: String,
    name: String,
    credential: Map<String, Value>,
}

/// Completes a registration that a link started. Whoever answers its challenge is who was given it.
pub(crate) async fn finish(
    State(login): State<Arc<Login>>,
    headers: HeaderMap,
    asked: Result<Json<Finish>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(asked) = asked.map_err(|_| Problem::Answer)?;
    let instance = login.instance(&headers).ok_or(Problem::Late)?;
    let user = UserId::parse(&asked.user).map_err(|_| Problem::Late)?;
    let factor = FactorId::parse(&asked.factor).map_err(|_| Problem::Late)?;
    let name = FactorName::parse(&asked.name).map_err(|_| Problem::Answer)?;
    webauthn::finish_by_link(&login.ctx, instance, &user, &factor, (&asked.credential, &name))
        .await
        .map_err(|error| Problem::of_finish(&error))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
