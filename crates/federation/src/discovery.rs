//! What an `OpenID` provider says of itself (OpenID Connect Discovery 1.0), remembered for a few minutes.

use std::sync::Arc;

use domain::{
    base::{Span, Timestamp},
    idp::Issuer,
    idp_intent::Failure,
};
use quick_cache::sync::Cache;
use serde::Deserialize;

use crate::Federation;

/// How long a document is believed.
const BELIEVED: Span = Span::minutes(5);
/// Documents that are remembered.
const MOST: usize = 256;

/// The part of a discovery document that matters here.
#[derive(Debug, Deserialize)]
pub(crate) struct Discovery {
    pub(crate) issuer: String,
    pub(crate) authorization_endpoint: String,
    pub(crate) token_endpoint: String,
    pub(crate) jwks_uri: String,
    pub(crate) userinfo_endpoint: Option<String>,
    #[serde(default)]
    pub(crate) token_endpoint_auth_methods_supported: Vec<String>,
    #[serde(default)]
    pub(crate) authorization_response_iss_parameter_supported: bool,
}

pub(crate) struct Discoveries(Cache<String, (Timestamp, Arc<Discovery>)>);

impl Default for Discoveries {
    fn default() -> Self {
        Self(Cache::new(MOST))
    }
}

impl Discoveries {
    /// The document of an issuer, which has to speak of that issuer and no other (section 4.3).
    pub(crate) async fn of(
        &self,
        federation: &Federation,
        issuer: &Issuer,
    ) -> Result<Arc<Discovery>, Failure> {
        let now = federation.clock.now();
        if let Some((at, found)) = self.0.get(issuer.as_str())
            && now - at < BELIEVED
        {
            return Ok(found);
        }
        let base = issuer.as_str().trim_end_matches('/');
        let url = federation
            .outside
            .url(&format!("{base}/.well-known/openid-configuration"))?;
        let found: Discovery = federation.outside.get(url, None).await?;
        if found.issuer != issuer.as_str() {
            return Err(Failure::Untrusted);
        }
        let found = Arc::new(found);
        self.0
            .insert(issuer.as_str().to_owned(), (now, Arc::clone(&found)));
        Ok(found)
    }
}
