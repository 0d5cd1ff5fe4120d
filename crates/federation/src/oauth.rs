//! The authorization code flow (RFC 6749 section 4.1) with PKCE (RFC 7636), and what OpenID Connect adds to it.

use app::{
    idp::elsewhere::{Access, Ask, CameBack, Identity},
    secret::Secret,
};
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    idp::{OauthSettings, OidcSettings},
    idp_intent::Failure,
    user::ExternalUser,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use url::form_urlencoded::byte_serialize;

use crate::{
    Federation,
    discovery::Discovery,
    id_token::{self, Expected, Keys},
    outside::Outside,
};

/// What an `OpenID` provider is asked for when nothing is configured.
const USUAL_SCOPES: &str = "openid profile email";

/// Claims that show who it is, the best first.
const NAMES: [&str; 4] = ["preferred_username", "login", "email", "name"];

pub(crate) fn oidc_page(
    outside: &Outside,
    oidc: &OidcSettings,
    found: &Discovery,
    ask: &Ask<'_>,
) -> Result<String, Failure> {
    let scopes = oidc.scopes.as_slice();
    let scope = match scopes {
        [] => USUAL_SCOPES.to_owned(),
        _ if scopes.iter().any(|scope| scope == "openid") => scopes.join(" "),
        _ => format!("openid {}", scopes.join(" ")),
    };
    let nonce = ("nonce", ask.flow.nonce.as_str());
    page(
        outside,
        &found.authorization_endpoint,
        oidc.client_id.as_str(),
        ask,
        &[("scope", &scope), nonce],
    )
}

pub(crate) fn oauth_page(outside: &Outside, oauth: &OauthSettings, ask: &Ask<'_>) -> Result<String, Failure> {
    let scope = oauth.scopes.as_slice().join(" ");
    let more: &[(&str, &str)] = if scope.is_empty() {
        &[]
    } else {
        &[("scope", &scope)]
    };
    page(
        outside,
        oauth.authorization_endpoint.as_str(),
        oauth.client_id.as_str(),
        ask,
        more,
    )
}

fn page(
    outside: &Outside,
    endpoint: &str,
    client_id: &str,
    ask: &Ask<'_>,
    more: &[(&str, &str)],
) -> Result<String, Failure> {
    let challenge = digest(&SHA256, ask.flow.verifier.as_bytes());
    let mut url = outside.url(endpoint)?;
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", client_id)
        .append_pair("redirect_uri", ask.redirect_uri)
        .append_pair("state", ask.state.reveal())
        .append_pair("code_challenge", &URL_SAFE_NO_PAD.encode(challenge))
        .append_pair("code_challenge_method", "S256")
        .extend_pairs(more);
    Ok(url.into())
}

pub(crate) async fn oidc_person(
    federation: &Federation,
    oidc: &OidcSettings,
    found: &Discovery,
    secret: &Secret,
    came: &CameBack<'_>,
) -> Result<Identity, Failure> {
    // A response that another provider made is not for this one (RFC 9207).
    let issuer = oidc.issuer.as_str();
    let unsaid = found.authorization_response_iss_parameter_supported && came.issuer.is_none();
    if unsaid || came.issuer.is_some_and(|said| said != issuer) {
        return Err(Failure::Untrusted);
    }
    let outside = &federation.outside;
    let methods = &found.token_endpoint_auth_methods_supported;
    let in_form = !methods.is_empty() && !methods.iter().any(|method| method == "client_secret_basic");
    let client = Client {
        id: oidc.client_id.as_str(),
        secret,
        in_form,
    };
    let tokens = exchange(outside, &found.token_endpoint, &client, came).await?;
    let id_token = tokens.id_token.as_deref().ok_or(Failure::Untrusted)?;
    let keys: Keys = outside.get(outside.url(&found.jwks_uri)?, None).await?;
    let expected = Expected {
        issuer,
        client_id: client.id,
        nonce: &came.flow.nonce,
        access_token: tokens.access_token.reveal(),
        now: federation.clock.now(),
    };
    let claims = id_token::verify(id_token, &keys, &expected)?;
    let information = match &found.userinfo_endpoint {
        Some(endpoint) if !oidc.id_token_mapping => userinfo(outside, endpoint, &tokens, &claims).await?,
        _ => claims,
    };
    identity(information, "sub", tokens)
}

/// What the userinfo endpoint says, which has to be about the same person (section 5.3.2).
async fn userinfo(
    outside: &Outside,
    endpoint: &str,
    tokens: &Tokens,
    claims: &Map<String, Value>,
) -> Result<Map<String, Value>, Failure> {
    let url = outside.url(endpoint)?;
    let said: Map<String, Value> = outside.get(url, Some(&tokens.access_token)).await?;
    if said.get("sub").is_some() && said.get("sub") == claims.get("sub") {
        Ok(said)
    } else {
        Err(Failure::Untrusted)
    }
}

pub(crate) async fn oauth_person(
    outside: &Outside,
    oauth: &OauthSettings,
    secret: &Secret,
    came: &CameBack<'_>,
) -> Result<Identity, Failure> {
    let client = Client {
        id: oauth.client_id.as_str(),
        secret,
        in_form: false,
    };
    let tokens = exchange(outside, oauth.token_endpoint.as_str(), &client, came).await?;
    let url = outside.url(oauth.user_endpoint.as_str())?;
    let said: Map<String, Value> = outside.get(url, Some(&tokens.access_token)).await?;
    identity(said, oauth.id_attribute.as_str(), tokens)
}

/// An id is a text or a whole number; the name is the best that was said.
fn identity(information: Map<String, Value>, attribute: &str, tokens: Tokens) -> Result<Identity, Failure> {
    let id = match information.get(attribute) {
        Some(Value::String(id)) => id.clone(),
        Some(Value::Number(id)) if id.is_i64() || id.is_u64() => id.to_string(),
        _ => return Err(Failure::Nameless),
    };
    let names = NAMES.iter().filter_map(|name| information.get(*name)?.as_str());
    let user = names
        .chain([&*id])
        .find_map(|name| ExternalUser::parse(&id, name).ok())
        .ok_or(Failure::Nameless)?;
    Ok(Identity {
        user,
        information,
        access: Access::Oauth {
            access_token: tokens.access_token.reveal().to_owned(),
            id_token: tokens.id_token,
        },
    })
}

struct Client<'a> {
    id: &'a str,
    secret: &'a Secret,
    /// The secret stands in the form and not in a header.
    in_form: bool,
}

struct Tokens {
    access_token: Secret,
    id_token: Option<String>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Option<String>,
    token_type: Option<String>,
    id_token: Option<String>,
    error: Option<String>,
}

/// Exchanges the code. Servers that do not know this client by the header are asked once more with the form, as some know
/// no other way.
async fn exchange(
    outside: &Outside,
    endpoint: &str,
    client: &Client<'_>,
    came: &CameBack<'_>,
) -> Result<Tokens, Failure> {
    let url = outside.url(endpoint)?;
    let mut answer = None;
    if !client.in_form {
        answer = Some(ask_for_tokens(outside, &url, client, came, false).await?);
    }
    let unknown = answer
        .as_ref()
        .is_none_or(|answer: &TokenAnswer| answer.error.as_deref() == Some("invalid_client"));
    let answer = match answer {
        Some(answer) if !unknown => answer,
        _ => ask_for_tokens(outside, &url, client, came, true).await?,
    };
    let bearer = answer
        .token_type
        .as_deref()
        .is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
    match answer.access_token {
        Some(token) if bearer && answer.error.is_none() => Ok(Tokens {
            access_token: Secret::new(token),
            id_token: answer.id_token,
        }),
        _ => Err(Failure::Refused),
    }
}

async fn ask_for_tokens(
    outside: &Outside,
    url: &reqwest::Url,
    client: &Client<'_>,
    came: &CameBack<'_>,
    in_form: bool,
) -> Result<TokenAnswer, Failure> {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", came.code.reveal()),
        ("redirect_uri", came.redirect_uri),
        ("code_verifier", came.flow.verifier.as_str()),
    ];
    // In the header both are written as in a form first (RFC 6749 section 2.3.1).
    let escaped = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let (name, password) = (escaped(client.id), escaped(client.secret.reveal()));
    let basic = if in_form {
        form.extend([
            ("client_id", client.id),
            ("client_secret", client.secret.reveal()),
        ]);
        None
    } else {
        Some((name.as_str(), password.as_str()))
    };
    let (_, answer) = outside.post(url.clone(), &form, basic).await?;
    Ok(answer)
}
