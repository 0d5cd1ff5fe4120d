//! The inbox page: captured messages with their codes, for whoever runs the instance. Made on the server and whole
//! without JavaScript; a small script adds copying and a list that grows by itself. Nothing is changed from here.

mod access;
mod asset;
mod error;
mod list;
mod origin;
mod page;
mod sign_in;

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

pub use access::InboxAccess;

/// Where the page is.
const HOME: &str = "/ui/inbox";
/// A form of ours is one token.
const MOST_BYTES: usize = 4096;

/// What every handler is handed.
struct Inbox {
    ctx: Arc<Ctx>,
    instances: Instances,
    access: InboxAccess,
    https: bool,
}

/// The routes of the page, all under `/ui/inbox`. `https` tells whether people reach the server by TLS, whoever ends
/// it: then the sign-in cookie is for TLS only.
pub fn routes(ctx: Arc<Ctx>, instances: Instances, access: InboxAccess, https: bool) -> Router {
    let inbox = Arc::new(Inbox {
        ctx,
        instances,
        access,
        https,
    });
    Router::new()
        .route("/ui/inbox", get(page::show))
        .route("/ui/inbox/new", get(list::news))
        .route("/ui/inbox/sign-in", post(sign_in::enter))
        .route("/ui/inbox/sign-out", post(sign_in::leave))
        .route("/ui/inbox/inbox.css", get(asset::style))
        .route("/ui/inbox/inbox.js", get(asset::script))
        .route("/ui/inbox/icon.svg", get(asset::icon))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .layer(middleware::map_response(dress))
        .with_state(inbox)
}

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; \
                      form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Headers of every answer. The referrer policy is `same-origin` and no stricter: with `no-referrer` browsers hide the
/// origin of our own forms from us.
async fn dress(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
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
