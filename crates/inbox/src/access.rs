//! Who may look. Signed in is who brings a cookie that holds, sealed by us, a token which is still good now: a token
//! that is removed, or a user who is locked, is out with the next request.

use app::{
    Caller, Ctx, access,
    inbox::{self, InboxMessage, InboxQuery},
};
use axum::http::{HeaderMap, HeaderValue, header};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    access::Permission,
    base::{InstanceId, Span, Timestamp},
};
use serde::{Deserialize, Serialize};

use crate::{HOME, Inbox, error::Problem};

/// Who may look into the inbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InboxAccess {
    /// Everybody who reaches the server.
    Open,
    /// Who signs in with a token of a user that holds `iam.write` in the whole instance.
    Admin,
}

/// Somebody who may look.
pub(crate) enum Viewer {
    /// Nobody asked who, the inbox is open.
    Anyone(InstanceId),
    /// Signed in.
    Admin(Caller),
}

impl Viewer {
    /// Messages in the order that is asked for.
    pub(crate) async fn messages(&self, ctx: &Ctx, query: &InboxQuery) -> app::Result<Vec<InboxMessage>> {
        match self {
            Self::Anyone(instance) => inbox::list_unchecked(ctx, instance, query).await,
            Self::Admin(caller) => inbox::list(ctx, caller, query).await,
        }
    }
}

const COOKIE: &str = "merlon_inbox";
/// The prefix keeps other hosts and cleartext from setting it (RFC 6265bis §4.1.3).
const SECURE_COOKIE: &str = "__Secure-merlon_inbox";
/// How long a sign-in lasts.
const LIFETIME: Span = Span::hours(12);

/// What the cookie holds, sealed.
#[derive(Serialize, Deserialize)]
struct SignIn {
    token: String,
    expires: Timestamp,
}

impl Inbox {
    /// The instance that a request is for.
    pub(crate) fn instance(&self, headers: &HeaderMap) -> Result<&InstanceId, Problem> {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let name = host.map_or("", without_port);
        self.instances.by_host(name).ok_or(Problem::NoInstance)
    }

    /// Who is looking; nobody when they have to sign in first.
    pub(crate) async fn viewer(&self, headers: &HeaderMap) -> Result<Option<Viewer>, Problem> {
        let instance = self.instance(headers)?;
        if self.access == InboxAccess::Open {
            return Ok(Some(Viewer::Anyone(instance.clone())));
        }
        let Some(token) = self.token(instance, headers) else {
            return Ok(None);
        };
        Ok(self.admin(instance, &token).await?.map(Viewer::Admin))
    }

    /// The user behind a token, if they may look.
    pub(crate) async fn admin(&self, instance: &InstanceId, token: &str) -> Result<Option<Caller>, Problem> {
        let caller = access::authenticate(&self.ctx, self.ctx.fresh().await, instance, token).await?;
        Ok(caller.filter(|caller| caller.holds_instance_wide(Permission::IamWrite)))
    }

    fn token(&self, instance: &InstanceId, headers: &HeaderMap) -> Option<String> {
        let sealed = URL_SAFE_NO_PAD.decode(self.cookie(headers)?).ok()?;
        let plain = self.ctx.keys.open(&place(instance), &sealed)?;
        let sign_in: SignIn = serde_json::from_slice(&plain).ok()?;
        (self.ctx.now() < sign_in.expires).then_some(sign_in.token)
    }

    fn cookie<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        let pairs = headers.get_all(header::COOKIE).into_iter();
        let mut pairs = pairs
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'));
        pairs.find_map(|pair| pair.trim().strip_prefix(self.cookie_name())?.strip_prefix('='))
    }

    const fn cookie_name(&self) -> &'static str {
        if self.https { SECURE_COOKIE } else { COOKIE }
    }

    /// The cookie that signs in with this token.
    pub(crate) fn sign_in_cookie(&self, instance: &InstanceId, token: &str) -> Option<HeaderValue> {
        let sign_in = SignIn {
            token: token.to_owned(),
            expires: self.ctx.now() + LIFETIME,
        };
        let plain = serde_json::to_vec(&sign_in).ok()?;
        let sealed = self.ctx.keys.seal(&*self.ctx.entropy, &place(instance), &plain);
        self.set_cookie(&URL_SAFE_NO_PAD.encode(sealed), LIFETIME)
    }

    /// The cookie that signs out.
    pub(crate) fn sign_out_cookie(&self) -> Option<HeaderValue> {
        self.set_cookie("", Span::default())
    }

    fn set_cookie(&self, value: &str, lifetime: Span) -> Option<HeaderValue> {
        let (name, seconds) = (self.cookie_name(), lifetime.as_seconds_up());
        let secure = if self.https { "; Secure" } else { "" };
        let text =
            format!("{name}={value}; Path={HOME}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
        let mut header = HeaderValue::from_str(&text).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

fn place(instance: &InstanceId) -> String {
    format!("inbox-sign-in/{}", instance.as_str())
}

/// A host as in `Host`, without its port; IPv6 addresses keep their brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::without_port;

    #[test]
    fn a_port_is_cut_off() {
        assert_eq!(without_port("example.com:8080"), "example.com");
        assert_eq!(without_port("[::1]:8080"), "[::1]");
        assert_eq!(without_port("[::1]"), "[::1]");
        assert_eq!(without_port("example.com"), "example.com");
    }
}
