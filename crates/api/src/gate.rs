//! Who may come in: the instance, the caller and the permission of the method, settled before the request is decoded.

use std::{fmt, sync::Arc};

use app::{Caller, Ctx, Language, access, instance::Instances};
use domain::base::{InstanceId, OrgId};
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{ACCEPT_LANGUAGE, AUTHORIZATION, HOST},
    uri::Authority,
};
use proto::rpc::{MethodInfo, Status};

use crate::{
    call::Call,
    error::{self, Op},
    permission::{self, AUTHENTICATED},
    rpc::{Gate, RequestHead},
};

static ORGANIZATION: HeaderName = HeaderName::from_static("x-zitadel-orgid");

/// The gate of callers who show a token.
pub struct TokenGate {
    ctx: Arc<Ctx>,
    instances: Instances,
}

impl TokenGate {
    /// A gate for these instances.
    pub fn new(ctx: Arc<Ctx>, instances: Instances) -> Self {
        Self { ctx, instances }
    }

    /// What is known of the call before anybody showed a token. Fails when no instance answers for its host.
    fn stranger(&self, head: &RequestHead) -> Result<Call, Status> {
        let language = Language::negotiate(text(head.headers.get(ACCEPT_LANGUAGE)));
        let instance = self.instance(&head.headers);
        Ok(Call {
            instance: instance.ok_or_else(|| error::instance_unknown().status(language))?,
            caller: None,
            fresh: None,
            org: None,
            language,
            request_id: head.request_id.clone(),
            deadline: head.deadline,
            now: self.ctx.now(),
        })
    }

    fn instance(&self, headers: &HeaderMap) -> Option<InstanceId> {
        let authority: Option<Authority> = text(headers.get(HOST)).and_then(|host| host.parse().ok());
        let host = authority.as_ref().map_or("", Authority::host);
        self.instances.by_host(host).cloned()
    }

    /// Who shows the token. A token that cannot be used looks the same whatever the reason.
    async fn caller(&self, call: &mut Call, headers: &HeaderMap) -> Result<Caller, Status> {
        let token = bearer(headers, call.language)?;
        let fresh = *call.fresh.insert(self.ctx.fresh().await);
        let found = access::authenticate(&self.ctx, fresh, &call.instance, token).await;
        let found = found.map_err(|error| call.refuse(Op::Admit, error))?;
        found.ok_or_else(|| error::token_unusable().status(call.language))
    }

    /// The organization that the header names, which has to exist. A header without a value names none.
    async fn organization(&self, call: &Call, headers: &HeaderMap) -> Result<Option<OrgId>, Status> {
        let Some(value) = headers.get(&ORGANIZATION).filter(|value| !value.is_empty()) else {
            return Ok(None);
        };
        let unknown = || error::org_unknown().status(call.language);
        let org = text(Some(value)).and_then(|id| OrgId::parse(id).ok());
        let org = org.ok_or_else(unknown)?;
        let exists = access::org_exists(&self.ctx, &call.instance, &org).await;
        if exists.map_err(|error| call.refuse(Op::Admit, error))? {
            Ok(Some(org))
        } else {
            Err(unknown())
        }
    }
}

impl Gate for TokenGate {
    type Context = Call;

    async fn admit(&self, method: &'static MethodInfo, head: &RequestHead) -> Result<Call, Status> {
        let mut call = self.stranger(head)?;
        let Some(permission) = method.permission else {
            return Ok(call);
        };
        let caller = self.caller(&mut call, &head.headers).await?;
        call.org = self.organization(&call, &head.headers).await?;
        if permission != AUTHENTICATED {
            may_call(&caller, permission).map_err(|answer| answer.status(call.language))?;
        }
        call.caller = Some(caller);
        Ok(call)
    }
}

impl fmt::Debug for TokenGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenGate(..)")
    }
}

/// Whether a role of the caller allows the method anywhere; the use case asks for the exact organization.
fn may_call(caller: &Caller, permission: &str) -> Result<(), error::Answer> {
    if caller.memberships.is_empty() {
        return Err(error::no_membership());
    }
    if permission::held_anywhere(caller, permission) {
        Ok(())
    } else {
        Err(error::method_denied(permission))
    }
}

/// The token behind `Bearer`, one space, in the only header of its name. The scheme is compared with its case, as
/// clients of this API expect.
fn bearer(headers: &HeaderMap, language: Language) -> Result<&str, Status> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or_else(error::no_token)?;
    let token = text(Some(value)).and_then(|value| value.strip_prefix("Bearer "));
    match token {
        Some(token) if !token.is_empty() && values.next().is_none() => Ok(token),
        _ => Err(error::not_a_bearer().status(language)),
    }
}

/// A header of visible ASCII.
fn text(value: Option<&HeaderValue>) -> Option<&str> {
    value.and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests;
