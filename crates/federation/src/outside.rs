//! One call to a provider: to an allowed address, within a time, with an answer that is JSON and not too long.

use app::secret::Secret;
use domain::idp_intent::Failure;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url, header::ACCEPT};
use serde::de::DeserializeOwned;

use crate::FederationSettings;

/// Answers of providers are a few KiB; a longer one is none.
const MOST_BYTES: usize = 1024 * 1024;

pub(crate) struct Outside {
    client: Client,
    allow_private: bool,
}

impl Outside {
    pub(crate) fn new(settings: FederationSettings) -> Result<Self, reqwest::Error> {
        Ok(Self {
            client: outbound::client(settings.allow_private, settings.timeout)?,
            allow_private: settings.allow_private,
        })
    }

    /// Reads the address of an endpoint. Secrets and codes travel there: without TLS only where private addresses are
    /// allowed.
    pub(crate) fn url(&self, text: &str) -> Result<Url, Failure> {
        let url = Url::parse(text).map_err(|_| Failure::Untrusted)?;
        let sealed = url.scheme() == "https" || self.allow_private;
        let anonymous = url.username().is_empty() && url.password().is_none();
        if sealed && anonymous && outbound::may_call(&url, self.allow_private) {
            Ok(url)
        } else {
            Err(refused(&url, "is not allowed"))
        }
    }

    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        url: Url,
        bearer: Option<&Secret>,
    ) -> Result<T, Failure> {
        let request = self.client.get(url.clone());
        let request = match bearer {
            Some(token) => request.bearer_auth(token.reveal()),
            None => request,
        };
        match answer(request, &url).await? {
            (status, body) if status.is_success() => read(&body, &url),
            (status, _) if bearer.is_some() && status.is_client_error() => {
                _ = refused(&url, "refused the access token");
                Err(Failure::Refused)
            }
            _ => Err(refused(&url, "failed")),
        }
    }

    /// Posts a form; `basic` is who asks, in a header. The answer comes with its status, for refusals say why.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        url: Url,
        form: &[(&str, &str)],
        basic: Option<(&str, &str)>,
    ) -> Result<(StatusCode, T), Failure> {
        let request = self.client.post(url.clone()).form(form);
        let request = match basic {
            Some((name, password)) => request.basic_auth(name, Some(password)),
            None => request,
        };
        let (status, body) = answer(request, &url).await?;
        if status.is_success() || status.is_client_error() {
            Ok((status, read(&body, &url)?))
        } else {
            Err(refused(&url, "failed"))
        }
    }
}

async fn answer(request: RequestBuilder, url: &Url) -> Result<(StatusCode, Vec<u8>), Failure> {
    let response = request.header(ACCEPT, "application/json").send().await;
    let response = response.map_err(|error| {
        let why = if outbound::was_refused(&error) {
            "leads into a private network"
        } else {
            "is not reached"
        };
        refused(url, why)
    })?;
    let status = response.status();
    let body = body(response)
        .await
        .ok_or_else(|| refused(url, "answers too much"))?;
    Ok((status, body))
}

async fn body(mut response: Response) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.ok()? {
        body.extend_from_slice(&chunk);
        if body.len() > MOST_BYTES {
            return None;
        }
    }
    Some(body)
}

fn read<T: DeserializeOwned>(body: &[u8], url: &Url) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|_| refused(url, "answers nothing that is understood"))
}

/// Operators find the host and the reason in the log, nothing of what was sent or answered.
fn refused(url: &Url, why: &'static str) -> Failure {
    useless(url.host_str().unwrap_or_default(), why)
}

/// The same for whatever names a provider and nobody else.
pub(crate) fn useless(host: &str, why: &'static str) -> Failure {
    tracing::warn!(host, why, "an identity provider was of no use");
    Failure::Unreachable
}
