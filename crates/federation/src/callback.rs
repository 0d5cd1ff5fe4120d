//! `GET /idps/callback`: where people come back to from a provider. They are sent on at once; who brings nothing that is
//! known is told so on a page, for nobody can say where they came from.

use std::sync::Arc;

use app::{
    Ctx, Language,
    idp::intent::{self, Brought, CALLBACK},
    instance::Instances,
};
use axum::{
    Router,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;

#[derive(Clone)]
struct Door {
    ctx: Arc<Ctx>,
    instances: Instances,
}

/// The route that providers send people back to.
pub fn routes(ctx: Arc<Ctx>, instances: Instances) -> Router {
    Router::new()
        .route(CALLBACK, get(come_back).head(only_looked))
        .with_state(Door { ctx, instances })
}

#[derive(Deserialize)]
struct Parameters {
    #[serde(default)]
    state: String,
    code: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

/// A look at where a link leads must not use up what it carries.
async fn only_looked() -> impl IntoResponse {
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET")])
}

async fn come_back(
    State(door): State<Door>,
    headers: HeaderMap,
    brought: Result<Query<Parameters>, QueryRejection>,
) -> Response {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let instance = door.instances.by_host(host.unwrap_or_default()).cloned();
    let to = match (instance, brought) {
        (Some(instance), Ok(Query(parameters))) => {
            let brought = Brought {
                state: parameters.state,
                code: parameters.code,
                error: parameters.error,
                issuer: parameters.iss,
            };
            intent::come_back(&door.ctx, &instance, &brought).await
        }
        _ => Ok(None),
    };
    let language = Language::negotiate(
        headers
            .get(header::ACCEPT_LANGUAGE)
            .and_then(|languages| languages.to_str().ok()),
    );
    let response = match to {
        Ok(Some(to)) => on_to(to.reveal()),
        Ok(None) => page(StatusCode::BAD_REQUEST, unknown(language)),
        Err(error) => {
            let chain = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
            let error = chain.fold(error.to_string(), |all, cause| format!("{all}: {cause}"));
            tracing::error!(
                error,
                "somebody who came back from a provider could not be sent on"
            );
            page(StatusCode::SERVICE_UNAVAILABLE, broken(language))
        }
    };
    dress(response)
}

fn on_to(url: &str) -> Response {
    match HeaderValue::from_str(url) {
        Ok(url) => (StatusCode::SEE_OTHER, [(header::LOCATION, url)]).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

const fn unknown(language: Language) -> &'static str {
    match language {
        Language::En => {
            "This sign-in is over or was used already. Go back to where you came from and begin again."
        }
        Language::De => {
            "Diese Anmeldung ist vorbei oder schon benutzt. Gehen Sie dorthin zurück, woher Sie kamen, und beginnen Sie neu."
        }
    }
}

const fn broken(language: Language) -> &'static str {
    match language {
        Language::En => {
            "Something failed by our fault. Go back to where you came from and begin again in a moment."
        }
        Language::De => {
            "Durch unseren Fehler ging etwas schief. Gehen Sie zurück und beginnen Sie gleich nochmals."
        }
    }
}

/// Nothing of the request stands on the page.
fn page(status: StatusCode, text: &'static str) -> Response {
    let html = format!("<!doctype html><meta charset=utf-8><title>Merlon</title><p>{text}</p>\n");
    (status, Html(html)).into_response()
}

/// The address holds secrets: it is kept by nobody and told to nobody.
fn dress(mut response: Response) -> Response {
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            HeaderName::from_static("content-security-policy"),
            "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
        ),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
