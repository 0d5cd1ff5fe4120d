//! Links of users to accounts at identity providers: add one, take those of a provider away, show them.

use domain::{
    access::Permission,
    base::{FactorId, IdpId, InstanceId, UserId},
    idp::{self, Idp},
    user::{Command, ExternalUser, IdpLink, Person, Refusal, User},
    user_schema::Authenticator,
};
use store::{Snapshot, read};

use super::{Changed, changed, command_as};
use crate::{
    access::{self, Caller, Grant, Need, Target},
    ctx::Ctx,
    error::{Error, Result, StoreError},
    housekeeping::Swept,
    schema,
};

const NEED: Need = Need::or_self(Permission::UserCredentialWrite);

/// Links that are given back in one round of tidying.
const SWEEP: i64 = 500;

/// An account elsewhere that a user is to be linked to.
#[derive(Clone, Debug)]
pub struct NewLink {
    /// Where the account is.
    pub idp: IdpId,
    /// The account.
    pub user: ExternalUser,
}

/// A link as it is shown.
#[derive(Clone, Debug)]
pub struct ShownLink {
    /// The link.
    pub link: IdpLink,
    /// The name of its provider.
    pub idp_name: String,
}

/// Links a user to an account elsewhere: with `user.credential.write` through a role, for nobody vouches for an account
/// of their own. An account that is linked already is refused, whoever has it.
pub async fn add(ctx: &Ctx, caller: &Caller, target: &Target, new: &NewLink) -> Result<Changed> {
    let id = &FactorId::from_trusted(&ctx.new_id());
    let done: Result<Changed> = ctx
        .store
        .change(
            "user.idp_link.add",
            &caller.instance,
            &caller.user,
            ctx.now(),
            |work| {
                Box::pin(async move {
                    let (mut user, grant) = access::user_for(work, caller, target, NEED).await?;
                    if grant == Grant::Own {
                        return Err(Error::LinkDeniedToSelf);
                    }
                    schema::may_have(work, user.state.person(), Authenticator::IdentityProvider).await?;
                    // A provider that is removed meanwhile makes this work run again, and then there is none.
                    if work.load::<Idp>(&new.idp).await?.state.provider().is_none() {
                        return Err(idp::Refusal::NotFound.into());
                    }
                    let add = Command::AddIdpLink {
                        id: id.clone(),
                        idp: new.idp.clone(),
                        user: new.user.clone(),
                    };
                    work.decide(&mut user, add)?;
                    changed(&user)
                })
            },
        )
        .await;
    done.map_err(taken)
}

/// The only unique value that adding a link writes is the account.
fn taken(error: Error) -> Error {
    match error {
        Error::Store(StoreError::Taken(_)) => Refusal::IdpLinkExists.into(),
        other => other,
    }
}

/// Takes away all accounts that a user has at a provider: oneself, or with `user.credential.write`.
pub async fn remove(ctx: &Ctx, caller: &Caller, target: &Target, idp: &IdpId) -> Result<Changed> {
    let remove = || Command::RemoveIdpLinks(idp.clone());
    command_as(ctx, "user.idp_link.remove", caller, target, NEED, remove).await
}

/// The links of a user with the names of their providers; those to providers that were removed are none any more.
pub(crate) async fn shown(
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    user: &UserId,
    person: &Person,
) -> Result<Vec<ShownLink>> {
    if person.idp_links.is_empty() {
        return Ok(Vec::new());
    }
    let providers = read::idp_link::providers_of(snapshot, instance, user).await?;
    Ok(named(person, &providers))
}

/// As [`shown`], with the names of all providers that may be needed at hand.
pub(crate) fn named(person: &Person, providers: &[(IdpId, String)]) -> Vec<ShownLink> {
    let show = |link: &IdpLink| {
        let (_, name) = providers.iter().find(|(idp, _)| *idp == link.idp)?;
        Some(ShownLink {
            link: link.clone(),
            idp_name: name.clone(),
        })
    };
    person.idp_links.iter().filter_map(show).collect()
}

/// Gives back links to a provider that was removed, and with them what is personal; nothing once no such provider is left. Run now and
/// then.
pub async fn sweep_removed(ctx: &Ctx) -> Result<Swept> {
    let mut snapshot = ctx.store.snapshot().await?;
    let Some((instance, idp)) = &read::idp_link::removed_provider(&mut snapshot).await? else {
        return Ok(Swept::default());
    };
    let left = read::idp_link::users_of(&mut snapshot, instance, idp, SWEEP).await?;
    drop(snapshot);
    for user in &left {
        ctx.store
            .change("user.idp_link.sweep", instance, user, ctx.now(), |work| {
                Box::pin(async move {
                    let mut stream = work.load::<User>(user).await?;
                    // A user who was deleted meanwhile has nothing left to give back.
                    let _: Result<(), _> = work.decide(&mut stream, Command::RemoveIdpLinks(idp.clone()));
                    Ok::<(), Error>(())
                })
            })
            .await?;
    }
    let forget = vec![read::idp_link::forget_removed(instance, idp)];
    ctx.store.write("idp.sweep", instance, Vec::new(), forget).await?;
    Ok(Swept {
        count: left.len(),
        may_be_more: true,
    })
}
