//! The secret of a provider: sealed so that it opens for that provider only.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    base::{IdpId, InstanceId},
    idp::Provider,
    user::SealedSecret,
};
use subtle::ConstantTimeEq;

use crate::{
    ctx::Ctx,
    error::{Error, Result, StoreError},
    secret::Secret,
};

/// The place that a secret is bound to; the length keeps ids with separators apart.
fn place(instance: &InstanceId, id: &IdpId) -> String {
    format!("idp/{}:{instance}/{id}", instance.as_str().len())
}

pub(super) fn seal(ctx: &Ctx, instance: &InstanceId, id: &IdpId, secret: &Secret) -> SealedSecret {
    let plain = secret.reveal().as_bytes();
    let sealed = ctx.keys.seal(&*ctx.entropy, &place(instance, id), plain);
    SealedSecret::new(&URL_SAFE_NO_PAD.encode(sealed))
}

/// A secret that does not open stands in a row that is not its own, or was sealed with another master key.
pub(super) fn open(ctx: &Ctx, instance: &InstanceId, id: &IdpId, provider: &Provider) -> Result<Secret> {
    let sealed = URL_SAFE_NO_PAD.decode(provider.secret.as_str()).ok();
    let opened = sealed.and_then(|sealed| ctx.keys.open(&place(instance, id), &sealed));
    let text = opened.and_then(|bytes| String::from_utf8(bytes).ok());
    text.map(Secret::new).ok_or_else(|| {
        Error::Store(StoreError::Corrupt {
            place: "idp.secret",
            reason: "it does not open for this provider".into(),
        })
    })
}

/// The sealed form of another secret; nothing for the one that the provider has.
pub(super) fn renew(
    ctx: &Ctx,
    instance: &InstanceId,
    id: &IdpId,
    provider: &Provider,
    secret: &Secret,
) -> Result<Option<SealedSecret>> {
    let current = open(ctx, instance, id, provider)?;
    let same = current.reveal().as_bytes().ct_eq(secret.reveal().as_bytes());
    Ok((!bool::from(same)).then(|| seal(ctx, instance, id, secret)))
}
