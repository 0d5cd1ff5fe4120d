//! Users: create, read, change, lock, remove.

pub mod code;
pub mod contact;
pub mod otp;
pub mod token;
pub mod totp;
pub mod username;

use domain::{
    access::Permission,
    base::{OrgId, SchemaId, UserId},
    user::{Command, Kind, Person, User},
};
use serde_json::{Map, Value};
use store::{Head, Work};

use crate::{
    access::{self, Caller, Need, OrgRef, Target},
    ctx::Ctx,
    error::{Error, Result},
    secret::Secret,
};
use code::NewDestination;
use username::NewUsername;

/// A user as it is read.
#[derive(Clone, Debug)]
pub struct UserView {
    /// Its id.
    pub id: UserId,
    /// Where its history stands.
    pub head: Head,
    /// Its state.
    pub person: Person,
}

/// What a write answers: where the user's history stands now, and who owns the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The user.
    pub id: UserId,
    /// Where its history stands.
    pub head: Head,
    /// The owner.
    pub org: OrgId,
}

/// What is needed to create a user.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The owner; the caller's own organization when none is named.
    pub org: Option<OrgRef>,
    /// An id of the caller's choice; a new one when none is given.
    pub id: Option<UserId>,
    /// The schema of `data`; none is the built-in one (any JSON object).
    pub schema: Option<SchemaId>,
    /// Data under the schema.
    pub data: Map<String, Value>,
    /// Contact e-mail.
    pub email: Option<NewDestination>,
    /// Contact phone.
    pub phone: Option<NewDestination>,
    /// Usernames.
    pub usernames: Vec<NewUsername>,
}

/// What is to be changed about a user; absent parts stay.
#[derive(Clone, Debug, Default)]
pub struct UserPatch {
    /// Another schema.
    pub schema: Option<SchemaId>,
    /// New data, replacing the old as a whole.
    pub data: Option<Map<String, Value>>,
    /// New contact e-mail.
    pub email: Option<NewDestination>,
    /// New contact phone.
    pub phone: Option<NewDestination>,
}

/// A user that was created or changed, with the codes that were asked for.
#[derive(Clone, Debug)]
pub struct Written {
    /// Where the history stands.
    pub changed: Changed,
    /// Code for the contact e-mail, when it was to be returned.
    pub email_code: Option<Secret>,
    /// Code for the contact phone, when it was to be returned.
    pub phone_code: Option<Secret>,
}

/// The states that a caller can bring a user into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transition {
    /// End sign-in.
    Deactivate,
    /// Allow it again.
    Activate,
    /// End sign-in until unlocked.
    Lock,
    /// End the lock.
    Unlock,
}

/// Creates a user with its names and contact data in one commit, or not at all. Needs `user.write` in the owner's organization.
pub async fn create(ctx: &Ctx, caller: &Caller, new: &NewUser) -> Result<Written> {
    let id = new
        .id
        .clone()
        .unwrap_or_else(|| UserId::from_trusted(&ctx.new_id()));
    let done: Result<Written> = ctx
        .store
        .change("user.create", &caller.instance, &caller.user, ctx.now(), |work| {
            Box::pin(create_in(ctx, caller, new, id.clone(), work))
        })
        .await;
    ring(ctx, done.map_err(username::taken))
}

async fn create_in(
    ctx: &Ctx,
    caller: &Caller,
    new: &NewUser,
    id: UserId,
    work: &mut Work<'_>,
) -> Result<Written> {
    let org = owner_of_new(caller, new.org.as_ref(), work).await?;
    if new.schema.is_some() {
        return Err(Error::SchemaUnknown);
    }
    let mut user = work.load::<User>(&id).await?;
    let create = Command::Create {
        org: org.clone(),
        kind: Kind::Human,
        schema: None,
        data: new.data.clone(),
    };
    work.decide(&mut user, create)?;
    for name in &new.usernames {
        work.decide(&mut user, username::command(ctx, name))?;
    }
    let email_code = contact::set_in(ctx, caller, work, &mut user, new.email.as_ref()).await?;
    let phone_code = contact::set_in(ctx, caller, work, &mut user, new.phone.as_ref()).await?;
    Ok(Written {
        changed: Changed {
            id,
            head: user.head,
            org,
        },
        email_code,
        phone_code,
    })
}

/// The owner of a new user. A caller without any membership hears nothing about organizations.
async fn owner_of_new(caller: &Caller, named: Option<&OrgRef>, work: &mut Work<'_>) -> Result<OrgId> {
    if caller.memberships.is_empty() {
        return Err(Error::NoMembership);
    }
    let org = match named {
        None => Some(caller.org.clone()),
        Some(org) => access::resolve_org(work.snapshot(), caller, org).await?,
    };
    match org {
        Some(org) if caller.holds(Permission::UserWrite, &org) => Ok(org),
        None if caller.holds_instance_wide(Permission::UserWrite) => Err(Error::OrgUnknown),
        _ => Err(Error::Denied(Permission::UserWrite)),
    }
}

/// Reads a user: oneself, or with `user.read`.
pub async fn get(ctx: &Ctx, caller: &Caller, target: &Target) -> Result<UserView> {
    let mut snapshot = ctx.store.snapshot().await?;
    let (head, person) = access::read_user(&mut snapshot, caller, target).await?;
    Ok(UserView {
        id: target.user.clone(),
        head,
        person,
    })
}

/// Changes a user's data and contact in one commit: oneself, or with `user.write`.
pub async fn patch(ctx: &Ctx, caller: &Caller, target: &Target, patch: &UserPatch) -> Result<Written> {
    let done: Result<Written> = ctx
        .store
        .change("user.patch", &caller.instance, &caller.user, ctx.now(), |work| {
            Box::pin(async move {
                let need = Need::or_self(Permission::UserWrite);
                let (mut user, grant) = access::user_for(work, caller, target, need).await?;
                let brought = patch.email.iter().chain(&patch.phone);
                code::may_vouch(grant, brought.map(|new| &new.verification))?;
                if patch.schema.is_some() {
                    return Err(Error::SchemaUnknown);
                }
                if let Some(data) = &patch.data {
                    work.decide(&mut user, Command::SetData(data.clone()))?;
                }
                let email_code = contact::set_in(ctx, caller, work, &mut user, patch.email.as_ref()).await?;
                let phone_code = contact::set_in(ctx, caller, work, &mut user, patch.phone.as_ref()).await?;
                Ok(Written {
                    changed: changed(&user)?,
                    email_code,
                    phone_code,
                })
            })
        })
        .await;
    ring(ctx, done)
}

/// Brings a user into another state. Needs `user.write`; nobody does this to themselves without it.
pub async fn transition(ctx: &Ctx, caller: &Caller, target: &Target, to: Transition) -> Result<Changed> {
    let command = || match to {
        Transition::Deactivate => Command::Deactivate,
        Transition::Activate => Command::Activate,
        Transition::Lock => Command::Lock,
        Transition::Unlock => Command::Unlock,
    };
    command_as(
        ctx,
        "user.transition",
        caller,
        target,
        Need::role(Permission::UserWrite),
        command,
    )
    .await
}

/// Removes a user with everything that is personal: with `user.delete`, or oneself.
pub async fn delete(ctx: &Ctx, caller: &Caller, target: &Target) -> Result<Changed> {
    ctx.store
        .change("user.delete", &caller.instance, &caller.user, ctx.now(), |work| {
            Box::pin(async move {
                let need = Need::or_self(Permission::UserDelete);
                let (mut user, _) = access::user_for(work, caller, target, need).await?;
                let org = changed(&user)?.org;
                work.decide(&mut user, Command::Delete)?;
                Ok(Changed {
                    id: user.id.clone(),
                    head: user.head,
                    org,
                })
            })
        })
        .await
}

/// The use case of a single command that needs nothing looked up.
pub(crate) async fn command_as(
    ctx: &Ctx,
    name: &'static str,
    caller: &Caller,
    target: &Target,
    need: Need,
    command: impl Fn() -> Command + Send + Sync,
) -> Result<Changed> {
    let command = &command;
    ctx.store
        .change(name, &caller.instance, &caller.user, ctx.now(), |work| {
            Box::pin(async move {
                let (mut user, _) = access::user_for(work, caller, target, need).await?;
                work.decide(&mut user, command())?;
                changed(&user)
            })
        })
        .await
}

pub(crate) fn changed(user: &store::Stream<User>) -> Result<Changed> {
    let org = user
        .state
        .person()
        .map(|p| p.org.clone())
        .ok_or(Error::NotFound)?;
    Ok(Changed {
        id: user.id.clone(),
        head: user.head,
        org,
    })
}

/// Wakes the senders once something may have been put into the outbox.
pub(crate) fn ring<T>(ctx: &Ctx, done: Result<T>) -> Result<T> {
    if done.is_ok() {
        ctx.outbox_bell.notify_one();
    }
    done
}
