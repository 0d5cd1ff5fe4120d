//! Style and script, as they are in `assets/`.

use axum::{http::header, response::IntoResponse};

type Asset = ([(header::HeaderName, &'static str); 2], &'static str);

pub(crate) async fn style() -> impl IntoResponse {
    asset("text/css; charset=utf-8", include_str!("../assets/passkey.css"))
}

pub(crate) async fn script() -> impl IntoResponse {
    asset(
        "text/javascript; charset=utf-8",
        include_str!("../assets/passkey.js"),
    )
}

/// They change with the program only; a short time of its own serves a reload after an upgrade.
fn asset(kind: &'static str, text: &'static str) -> Asset {
    (
        [
            (header::CONTENT_TYPE, kind),
            (header::CACHE_CONTROL, "max-age=300"),
        ],
        text,
    )
}
