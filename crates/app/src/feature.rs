//! Features of an instance: switched, reset, read, and asked for by whatever they switch.

use domain::{
    access::Permission,
    base::InstanceId,
    instance::{Command, Instance},
};
use store::Stored;

pub use domain::instance::{Feature, Features};
pub use store::{Fresh, Head};

use crate::{
    access::Caller,
    ctx::Ctx,
    error::{Error, Result},
};

/// What is set of the features of an instance, and where its history stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeaturesView {
    /// Where the history of the instance stands.
    pub head: Head,
    /// What is set.
    pub features: Features,
}

/// Whether a feature is on, or was when `fresh` was asked for. Costs no query unless the instance was changed since the last one.
pub async fn is_on(ctx: &Ctx, fresh: Fresh, instance: &InstanceId, feature: Feature) -> Result<bool> {
    Ok(ctx.store.features(fresh, instance).await?.is_on(feature))
}

/// Sets what `wanted` holds and leaves the rest. What was acknowledged holds for every call that begins afterwards. Needs
/// `iam.feature.write` in the instance; fails with a refusal when `wanted` holds nothing.
pub async fn set(ctx: &Ctx, caller: &Caller, wanted: Features) -> Result<Head> {
    may(caller, Permission::IamFeatureWrite)?;
    command(ctx, "instance.set_features", caller, Command::SetFeatures(wanted)).await
}

/// Brings every feature back to what is built in. Needs `iam.feature.delete` in the instance.
pub async fn reset(ctx: &Ctx, caller: &Caller) -> Result<Head> {
    may(caller, Permission::IamFeatureDelete)?;
    command(ctx, "instance.reset_features", caller, Command::ResetFeatures).await
}

/// What is set of the caller's instance; every caller may know.
pub async fn get(ctx: &Ctx, caller: &Caller) -> Result<FeaturesView> {
    let id = &caller.instance;
    let mut snapshot = ctx.store.glance()?;
    let (head, instance) = Instance::load(&mut snapshot, id, id).await?;
    Ok(FeaturesView {
        head,
        features: instance.features,
    })
}

fn may(caller: &Caller, permission: Permission) -> Result<()> {
    if caller.holds_instance_wide(permission) {
        Ok(())
    } else {
        Err(Error::Denied(permission))
    }
}

async fn command(ctx: &Ctx, name: &'static str, caller: &Caller, command: Command) -> Result<Head> {
    let (id, command) = (&caller.instance, &command);
    ctx.store
        .change(name, id, &caller.user, ctx.now(), |work| {
            Box::pin(async move {
                let mut instance = work.load::<Instance>(id).await?;
                work.decide(&mut instance, command.clone())?;
                Ok(instance.head)
            })
        })
        .await
}
