//! Signing in with a personal access token, and out again.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use crate::{HOME, Inbox, error::Problem, origin, page::html};

#[derive(Deserialize)]
pub(crate) struct Entered {
    #[serde(default)]
    token: String,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    wrong: bool,
}

/// The form. 401 as RFC 9110 §15.5.2 wants it; programs use the API instead.
pub(crate) fn form(wrong: bool) -> Result<Response, Problem> {
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer realm=\"inbox\"")];
    let page = html(&SignInPage { wrong })?;
    Ok((StatusCode::UNAUTHORIZED, challenge, page).into_response())
}

/// Checks the token, and keeps it sealed in a cookie. What is wrong with it is not told.
pub(crate) async fn enter(
    State(inbox): State<Arc<Inbox>>,
    headers: HeaderMap,
    Form(entered): Form<Entered>,
) -> Result<Response, Problem> {
    origin::must_be_ours(&headers)?;
    let (instance, token) = (inbox.instance(&headers)?, entered.token.trim());
    if inbox.admin(instance, token).await?.is_none() {
        return form(true);
    }
    let cookie = inbox.sign_in_cookie(instance, token).ok_or(Problem::Failed)?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(HOME)).into_response())
}

/// Forgets the token.
pub(crate) async fn leave(State(inbox): State<Arc<Inbox>>, headers: HeaderMap) -> Result<Response, Problem> {
    origin::must_be_ours(&headers)?;
    let cookie = inbox.sign_out_cookie().ok_or(Problem::Failed)?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(HOME)).into_response())
}
