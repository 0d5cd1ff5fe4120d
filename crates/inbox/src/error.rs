//! What goes wrong besides not being signed in, as short pages.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

/// Why there is no page.
#[derive(Debug)]
pub(crate) enum Problem {
    /// No instance answers to this host.
    NoInstance,
    /// A form that was not sent by our own page.
    Foreign,
    /// The store or we ourselves failed.
    Failed,
}

impl From<app::Error> for Problem {
    fn from(error: app::Error) -> Self {
        tracing::error!(%error, "the inbox cannot be read");
        Self::Failed
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        match self {
            Self::NoInstance => (StatusCode::NOT_FOUND, "No instance answers to this host name.\n"),
            Self::Foreign => (
                StatusCode::FORBIDDEN,
                "This form did not come from the inbox page. Open the page again and repeat.\n",
            ),
            Self::Failed => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The inbox cannot be read just now. Try again in a moment.\n",
            ),
        }
        .into_response()
    }
}
