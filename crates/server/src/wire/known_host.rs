//! A page that is open to everybody who reaches it must be reached by a name of ours: else a foreign page whose name was
//! bent to this address could read it (DNS rebinding).

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    http::{StatusCode, header::HOST, uri::Authority},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};

const ADVICE: &str = "This name is not one of this server's. Use http://localhost, or set server.external_url or \
                      server.public_hosts.\n";

/// Answers 421 to requests whose host is none of `hosts` (without port).
pub(super) fn only(hosts: Vec<String>, router: Router) -> Router {
    let hosts: Arc<[String]> = hosts.into();
    router.layer(from_fn(move |request: Request, next: Next| {
        let hosts = Arc::clone(&hosts);
        async move {
            if is_known(&hosts, &request) {
                next.run(request).await
            } else {
                misdirected()
            }
        }
    }))
}

fn is_known(hosts: &[String], request: &Request) -> bool {
    let header = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let authority = header
        .and_then(|host| host.parse::<Authority>().ok())
        .or_else(|| request.uri().authority().cloned());
    authority.is_some_and(|authority| {
        hosts
            .iter()
            .any(|host| host.eq_ignore_ascii_case(authority.host()))
    })
}

fn misdirected() -> Response {
    (StatusCode::MISDIRECTED_REQUEST, ADVICE).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knows(host: &str) -> bool {
        let request = Request::builder()
            .header(HOST, host)
            .body(axum::body::Body::empty())
            .unwrap();
        is_known(&["localhost".into(), "[::1]".into()], &request)
    }

    #[test]
    fn only_names_of_ours_are_known() {
        assert!(knows("localhost") && knows("LOCALHOST:8080") && knows("[::1]:8080"));
        assert!(!knows("evil.example") && !knows("localhost.evil.example") && !knows(""));
    }
}
