//! Routes for whoever runs the server: alive, ready, metrics. They need no token and tell nothing about users.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;

use super::Readiness;
use crate::metrics;

/// The routes.
pub(super) fn routes(readiness: Readiness, handle: PrometheusHandle) -> Router {
    Router::new()
        .route("/debug/healthz", get(|| async { "ok" }))
        .route("/healthz", get(|| async { Json(json!({ "status": "SERVING" })) }))
        .route("/robots.txt", get(|| async { "User-agent: *\nDisallow: /\n" }))
        .route("/debug/ready", get(ready).with_state(readiness))
        .route("/debug/metrics", get(render).with_state(handle))
}

async fn ready(State(readiness): State<Readiness>) -> Response {
    let reasons = readiness.reasons();
    if reasons.is_empty() {
        Json(json!({ "status": "ok" })).into_response()
    } else {
        let body = json!({ "status": "not ready", "reasons": reasons });
        (StatusCode::PRECONDITION_FAILED, Json(body)).into_response()
    }
}

async fn render(State(handle): State<PrometheusHandle>) -> impl IntoResponse {
    metrics::observe_process();
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        handle.render(),
    )
}
