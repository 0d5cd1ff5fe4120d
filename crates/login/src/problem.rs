//! What the script of a page hears when something was not done: one word, for which the page has a sentence.

use app::{Error, error::StoreError};
use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::user::Refusal;
use serde_json::json;

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The link does not work, for whatever reason: strangers learn nothing more.
    Link,
    /// Somebody has the passkey already.
    Taken,
    /// The user has as many as are allowed.
    Full,
    /// The user may have none.
    Barred,
    /// The time between start and finish is over, or there was no start.
    Late,
    /// What the browser answered does not hold.
    Answer,
    /// The server has too much to do, or failed.
    Failed,
}

impl Problem {
    const fn word(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Taken => "taken",
            Self::Full => "full",
            Self::Barred => "barred",
            Self::Late => "late",
            Self::Answer => "answer",
            Self::Failed => "failed",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::Link | Self::Late => StatusCode::NOT_FOUND,
            Self::Taken | Self::Full | Self::Barred => StatusCode::CONFLICT,
            Self::Answer => StatusCode::BAD_REQUEST,
            Self::Failed => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// Why a link started nothing. Only whoever holds the link hears more than that it does not work.
    pub(crate) fn of_start(error: &Error) -> Self {
        match error {
            Error::Refused(Refusal::TooManyFactors) => Self::Full,
            Error::NotPossible(_) => Self::Barred,
            Error::Refused(_) | Error::NotFound => Self::Link,
            other => Self::failed(other),
        }
    }

    /// Why a registration was not completed.
    pub(crate) fn of_finish(error: &Error) -> Self {
        match error {
            Error::Refused(Refusal::WebauthnTaken) => Self::Taken,
            Error::NotPossible(_) => Self::Barred,
            Error::Refused(_) | Error::NotFound => Self::Late,
            Error::Invalid { .. } => Self::Answer,
            other => Self::failed(other),
        }
    }

    fn failed(error: &Error) -> Self {
        let passes = matches!(
            error,
            Error::Store(
                StoreError::Overloaded
                    | StoreError::Contention
                    | StoreError::Unavailable
                    | StoreError::DiskFull
                    | StoreError::DiskFailed
                    | StoreError::Closed
            )
        );
        if !passes {
            tracing::error!(%error, "a passkey cannot be registered");
        }
        Self::Failed
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status(), Json(json!({"problem": self.word()}))).into_response()
    }
}

#[cfg(test)]
mod tests {
    use domain::user_schema::Authenticator;

    use super::*;

    #[test]
    fn who_may_have_no_passkey_is_not_told_to_remove_one() {
        let error = || Error::NotPossible(Authenticator::Webauthn);
        assert_eq!(Problem::of_start(&error()), Problem::Barred);
        assert_eq!(Problem::of_finish(&error()), Problem::Barred);
    }
}
