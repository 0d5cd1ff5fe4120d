//! Pages for the people whose users live here. The first is the one that a registration link opens: it registers a passkey.

mod asset;
mod passkey;
mod problem;
mod texts;

use std::sync::Arc;

use app::{Ctx, instance::Instances};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderName, HeaderValue, header},
    middleware,
    response::Response,
    routing::{get, post},
};

/// What an authenticator says about itself, certificates included, with room to spare.
const MOST_BYTES: usize = 64 * 1024;

/// What every handler is handed.
struct Login {
    ctx: Arc<Ctx>,
    instances: Instances,
}

/// The routes of the pages. That of passkeys is where `app` sends registration links to.
pub fn routes(ctx: Arc<Ctx>, instances: Instances) -> Router {
    let login = Arc::new(Login { ctx, instances });
    Router::new()
        .route(app::user::webauthn::PAGE, get(passkey::show))
        .route("/ui/webauthn/start", post(passkey::start))
        .route("/ui/webauthn/finish", post(passkey::finish))
        .route("/ui/webauthn/passkey.css", get(asset::style))
        .route("/ui/webauthn/passkey.js", get(asset::script))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .layer(middleware::map_response(dress))
        .with_state(login)
}

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                      form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

/// Headers of every answer.
async fn dress(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            HeaderName::from_static("permissions-policy"),
            "publickey-credentials-create=(self)",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}
