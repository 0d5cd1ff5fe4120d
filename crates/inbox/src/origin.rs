//! Whether a form was sent by our own page. The cookie is `SameSite=Strict` already; this also keeps others from
//! signing somebody in or out.

use axum::http::{HeaderMap, header};

use crate::error::Problem;

/// Refuses what another site sent. Browsers say so in `Sec-Fetch-Site`, which no page can forge; older ones, and all of
/// them on plain HTTP, in `Origin`.
pub(crate) fn must_be_ours(headers: &HeaderMap) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let ours = match (text("sec-fetch-site"), text(header::ORIGIN.as_str())) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => {
            let host = origin.split_once("://").map(|(_, host)| host);
            host.is_some() && host == text(header::HOST.as_str())
        }
        (None, None) => false,
    };
    if ours { Ok(()) } else { Err(Problem::Foreign) }
}
