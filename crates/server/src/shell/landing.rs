//! The page at `/`: where to go from here. With an open inbox it is the inbox.

use axum::Router;
use axum::http::header;
use axum::response::{Html, Redirect};
use axum::routing::get;

use crate::config::{Access, Capture, Settings};

const PAGE: &str = include_str!("landing.html");

/// The route of the page.
pub(super) fn routes(settings: &Settings) -> Router {
    let open = settings.inbox.access == Access::Open && settings.inbox.capture == Capture::Auto;
    let page = if open {
        get(|| async { Redirect::to("/ui/inbox") })
    } else {
        get(landing)
    };
    Router::new()
        .route("/", page)
        .route("/ui/landing.css", get(style))
}

async fn landing() -> ([(header::HeaderName, &'static str); 1], Html<&'static str>) {
    let policy =
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(PAGE))
}

async fn style() -> ([(header::HeaderName, &'static str); 2], &'static str) {
    let headers = [
        (header::CONTENT_TYPE, "text/css; charset=utf-8"),
        (header::CACHE_CONTROL, "max-age=3600"),
    ];
    (headers, include_str!("landing.css"))
}
