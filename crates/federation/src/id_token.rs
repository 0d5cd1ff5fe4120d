//! Whether an ID token holds (OpenID Connect Core 1.0, sections 3.1.3.6 to 3.1.3.8): pure, with the time handed in.

use aws_lc_rs::digest::{Algorithm as Hash, SHA256, SHA384, SHA512, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    base::{Span, Timestamp},
    idp_intent::Failure,
};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header, jwk::Jwk};
use serde::Deserialize;
use serde_json::{Map, Value};

/// How far clocks may be apart.
const LEEWAY: Span = Span::seconds(60);
/// The longest `sub` (section 2).
const LONGEST_SUBJECT: usize = 255;

/// Signatures that only the provider can make; what a shared secret signs, this server could have signed itself.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// The keys of a provider (RFC 7517); those of kinds that are not known are left out.
#[derive(Debug, Deserialize)]
pub(crate) struct Keys {
    keys: Vec<Value>,
}

/// What a token has to say.
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) access_token: &'a str,
    pub(crate) now: Timestamp,
}

/// The claims of a token that holds.
pub(crate) fn verify(
    token: &str,
    keys: &Keys,
    expected: &Expected<'_>,
) -> Result<Map<String, Value>, Failure> {
    let header = decode_header(token).map_err(|_| Failure::Untrusted)?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(Failure::Untrusted);
    }
    let claims = signed(token, &header, keys).ok_or(Failure::Untrusted)?;
    let sound = is_from(&claims, expected)
        && is_of_now(&claims, expected.now)
        && text(&claims, "nonce") == Some(expected.nonce)
        && text(&claims, "sub").is_some_and(|sub| !sub.is_empty() && sub.len() <= LONGEST_SUBJECT)
        && goes_with(&claims, header.alg, expected.access_token);
    if sound {
        Ok(claims)
    } else {
        Err(Failure::Untrusted)
    }
}

/// The claims, if one of the keys that the header may mean signed them.
fn signed(token: &str, header: &Header, keys: &Keys) -> Option<Map<String, Value>> {
    let mut validation = Validation::new(header.alg);
    // Time, issuer and audience are looked at here, with the time that was handed in.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let known = keys.keys.iter().filter_map(|key| {
        let jwk: Jwk = serde_json::from_value(key.clone()).ok()?;
        Some((jwk, key))
    });
    known
        .filter(|(jwk, key)| is_meant(jwk, key, header))
        .filter_map(|(jwk, _)| DecodingKey::from_jwk(&jwk).ok())
        .find_map(|key| decode::<Map<String, Value>>(token, &key, &validation).ok())
        .map(|data| data.claims)
}

/// A key of the name that the header gives, and not one for something else.
fn is_meant(jwk: &Jwk, key: &Value, header: &Header) -> bool {
    let named = header.kid.is_none() || jwk.common.key_id == header.kid;
    let for_signing = key["use"].as_str().is_none_or(|purpose| purpose == "sig");
    let algorithm = serde_json::to_value(header.alg).unwrap_or_default();
    let same_algorithm = key["alg"].is_null() || key["alg"] == algorithm;
    named && for_signing && same_algorithm
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str)
}

/// Issuer and audience; with several audiences this server has to be the one that asked.
fn is_from(claims: &Map<String, Value>, expected: &Expected<'_>) -> bool {
    let me = expected.client_id;
    let (for_me, several) = match claims.get("aud") {
        Some(Value::String(one)) => (one == me, false),
        Some(Value::Array(many)) => (many.iter().any(|one| one.as_str() == Some(me)), many.len() > 1),
        _ => (false, false),
    };
    let asked = match claims.get("azp") {
        Some(azp) => azp.as_str() == Some(me),
        None => !several,
    };
    text(claims, "iss") == Some(expected.issuer) && for_me && asked
}

/// Issued before now, not over, and not to begin later.
fn is_of_now(claims: &Map<String, Value>, now: Timestamp) -> bool {
    let moment = |name: &str| {
        let seconds = claims
            .get(name)?
            .as_f64()
            .filter(|s| s.is_finite() && *s >= 0.0)?;
        #[expect(clippy::cast_possible_truncation, reason = "it saturates, far from now")]
        let whole = seconds as i64;
        Some(Timestamp(whole.saturating_mul(1_000_000)))
    };
    let over = moment("exp").is_none_or(|exp| now >= exp + LEEWAY);
    let early = |at: Option<Timestamp>| at.is_some_and(|at| at > now + LEEWAY);
    let issued = moment("iat");
    !over && issued.is_some() && !early(issued) && !early(moment("nbf"))
}

/// `at_hash`, where it is there: the left half of the hash of the access token.
fn goes_with(claims: &Map<String, Value>, algorithm: Algorithm, access_token: &str) -> bool {
    let Some(said) = claims.get("at_hash") else {
        return true;
    };
    let hash: &Hash = match algorithm {
        Algorithm::RS256 | Algorithm::PS256 | Algorithm::ES256 => &SHA256,
        Algorithm::RS384 | Algorithm::PS384 | Algorithm::ES384 => &SHA384,
        _ => &SHA512,
    };
    let whole = digest(hash, access_token.as_bytes());
    let half = &whole.as_ref()[..whole.as_ref().len() / 2];
    said.as_str() == Some(&*URL_SAFE_NO_PAD.encode(half))
}
