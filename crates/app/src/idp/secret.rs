//! The secret of a provider: sealed so that it opens for that provider only.

use domain::{
    base::{IdpId, InstanceId},
    idp::Provider,
    user::SealedSecret,
};
use subtle::ConstantTimeEq;

use crate::{ctx::Ctx, error::Result, sealed, secret::Secret};

/// The place that a secret is bound to; the length keeps ids with separators apart.
fn place(instance: &InstanceId, id: &IdpId) -> String {
    format!("idp/{}:{instance}/{id}", instance.as_str().len())
}

pub(super) fn seal(ctx: &Ctx, instance: &InstanceId, id: &IdpId, secret: &Secret) -> SealedSecret {
    sealed::seal(ctx, &place(instance, id), secret.reveal().as_bytes())
}

pub(super) fn open(ctx: &Ctx, instance: &InstanceId, id: &IdpId, provider: &Provider) -> Result<Secret> {
    sealed::open_text(ctx, &place(instance, id), &provider.secret, "idp.secret")
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
