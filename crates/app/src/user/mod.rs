//! Users: create, read, change, lock, remove.

pub mod code;
pub mod contact;
pub mod idp_link;
pub mod otp;
pub mod password;
pub mod search;
pub mod token;
pub mod totp;
pub mod username;
pub mod webauthn;

use domain::{
    access::Permission,
    base::{OrgId, SchemaId, UserId},
    user::{Command, Kind, NewPassword, PasswordProof, Person, SchemaRef, User},
    user_schema::{Authenticator, Side},
};
use serde_json::{Map, Value};
use store::{Head, Snapshot, Stream, Work};

use crate::{
    access::{self, Caller, Grant, Need, OrgRef, Target},
    ctx::Ctx,
    error::{Error, Result},
    schema::{self, Followed},
    secret::Secret,
};
use code::NewDestination;
use idp_link::ShownLink;
use password::InitialPassword;
use username::NewUsername;

/// A user as it is read.
#[derive(Clone, Debug)]
pub struct UserView {
    /// Its id.
    pub id: UserId,
    /// Where its history stands.
    pub head: Head,
    /// Its state, with the data that the caller may read.
    pub person: Person,
    /// The schema that it follows; none is the built-in one.
    pub schema: Option<Followed>,
    /// Accounts elsewhere, oldest first.
    pub idp_links: Vec<ShownLink>,
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
    /// The password.
    pub password: Option<InitialPassword>,
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

/// The organization in which a caller may create users, for whoever is about to create many. Needs `user.write` there.
pub async fn may_create(ctx: &Ctx, caller: &Caller, org: Option<&OrgRef>) -> Result<OrgId> {
    owner_of_new(caller, org, &mut ctx.store.glance()?).await
}

/// Creates a user with its names, password and contact data in one commit, or not at all. Needs `user.write` in the
/// owner's organization.
pub async fn create(ctx: &Ctx, caller: &Caller, new: &NewUser) -> Result<Written> {
    let id = new
        .id
        .clone()
        .unwrap_or_else(|| UserId::from_trusted(&ctx.new_id()));
    let password = match &new.password {
        Some(password) => {
            // Nobody without the right keeps a core busy with hashing.
            may_create(ctx, caller, new.org.as_ref()).await?;
            Some(password::prepare_first(ctx, caller, &id, new, password).await?)
        }
        None => None,
    };
    let password = password.as_ref();
    let done: Result<Written> = ctx
        .store
        .change("user.create", &caller.instance, &caller.user, ctx.now(), |work| {
            Box::pin(create_in(ctx, caller, new, (id.clone(), password), work))
        })
        .await;
    done.map_err(username::taken)
}

async fn create_in(
    ctx: &Ctx,
    caller: &Caller,
    new: &NewUser,
    (id, password): (UserId, Option<&NewPassword>),
    work: &mut Work<'_>,
) -> Result<Written> {
    let org = owner_of_new(caller, new.org.as_ref(), work.snapshot()).await?;
    let (schema, data) = data_of_new(ctx, caller, new, work).await?;
    let mut user = work.load::<User>(&id).await?;
    let create = Command::Create {
        org: org.clone(),
        kind: Kind::Human,
        schema,
        data,
    };
    work.decide(&mut user, create)?;
    for name in &new.usernames {
        username::reads_as_nobody_elses(work, name).await?;
        work.decide(&mut user, username::command(ctx, name))?;
    }
    if let Some(password) = password {
        let set = Command::SetPassword {
            new: password.clone(),
            proof: PasswordProof::Role,
        };
        work.decide(&mut user, set)?;
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

/// The data of a new user, and the schema that takes them; the built-in one takes any.
async fn data_of_new(
    ctx: &Ctx,
    caller: &Caller,
    new: &NewUser,
    work: &mut Work<'_>,
) -> Result<(Option<SchemaRef>, Map<String, Value>)> {
    let Some(id) = &new.schema else {
        return Ok((None, new.data.clone()));
    };
    let schema = schema::newest(work, id).await?;
    let Some(content) = schema.state.content().filter(|content| content.active) else {
        return Err(Error::SchemaInactive);
    };
    let brought = [
        (Authenticator::Username, !new.usernames.is_empty()),
        (Authenticator::Password, new.password.is_some()),
    ];
    let refused = brought
        .into_iter()
        .find(|(what, there)| *there && !content.allows(*what));
    if let Some((what, _)) = refused {
        return Err(Error::NotPossible(what));
    }
    let both = (&Map::new(), &new.data);
    let (follows, data) = schema::admit(ctx, &caller.instance, &schema, both, &[Side::Owner]).await?;
    Ok((Some(follows), data))
}

/// The owner of a new user. A caller without any membership hears nothing about organizations.
async fn owner_of_new(caller: &Caller, named: Option<&OrgRef>, snapshot: &mut Snapshot) -> Result<OrgId> {
    if caller.memberships.is_empty() {
        return Err(Error::NoMembership);
    }
    let org = match named {
        None => Some(caller.org.clone()),
        Some(org) => access::resolve_org(snapshot, caller, org).await?,
    };
    match org {
        Some(org) if caller.holds(Permission::UserWrite, &org) => Ok(org),
        None if caller.holds_instance_wide(Permission::UserWrite) => Err(Error::OrgUnknown),
        _ => Err(Error::Denied(Permission::UserWrite)),
    }
}

/// Reads a user: oneself, or with `user.read`. Data that the schema keeps from the caller are left out.
pub async fn get(ctx: &Ctx, caller: &Caller, target: &Target) -> Result<UserView> {
    let mut glance = ctx.store.glance()?;
    let need = Need::or_self(Permission::UserRead);
    let (head, person, _) = access::read_user(&mut glance, caller, target, need).await?;
    if person.schema.is_none() && person.idp_links.is_empty() {
        return Ok(UserView {
            id: target.user.clone(),
            head,
            person,
            schema: None,
            idp_links: Vec::new(),
        });
    }
    // What it speaks of lies elsewhere: all is read again by one view.
    let mut snapshot = ctx.store.snapshot().await?;
    let (head, mut person, grant) = access::read_user(&mut snapshot, caller, target, need).await?;
    let sides = sides(grant, caller, &target.user);
    let schema = schema::look(ctx, &mut snapshot, &caller.instance, &mut person, &sides).await?;
    let idp_links = idp_link::shown(&mut snapshot, &caller.instance, &target.user, &person).await?;
    Ok(UserView {
        id: target.user.clone(),
        head,
        person,
        schema,
        idp_links,
    })
}

/// Changes a user's data and contact in one commit: oneself, or with `user.write`; the contact only of somebody who may not
/// do more than the caller.
pub async fn patch(ctx: &Ctx, caller: &Caller, target: &Target, patch: &UserPatch) -> Result<Written> {
    ctx.store
        .change("user.patch", &caller.instance, &caller.user, ctx.now(), |work| {
            Box::pin(async move {
                let need = match (&patch.email, &patch.phone) {
                    (None, None) => Need::or_self(Permission::UserWrite),
                    _ => contact::MOVE,
                };
                let (mut user, grant) = access::user_for(work, caller, target, need).await?;
                let brought = patch.email.iter().chain(&patch.phone);
                code::may_vouch(grant, brought.map(|new| &new.verification))?;
                if patch.schema.is_some() || patch.data.is_some() {
                    patch_data(ctx, caller, patch, grant, &mut user, work).await?;
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
        .await
}

/// Data without a schema are taken as they are; a schema has the last word on others. Users do not choose their own
/// schema, for that would be choosing their own rights; nor do others one by which they get at what the old one keeps from them.
async fn patch_data(
    ctx: &Ctx,
    caller: &Caller,
    patch: &UserPatch,
    grant: Grant,
    user: &mut Stream<User>,
    work: &mut Work<'_>,
) -> Result<()> {
    let person = user.state.person().ok_or(Error::NotFound)?;
    let current = person.schema.as_ref().map(|follows| &follows.id);
    let other = patch.schema.as_ref().filter(|id| Some(*id) != current);
    if other.is_some() && grant == Grant::Own {
        return Err(Error::Denied(Permission::UserWrite));
    }
    let sides = sides(grant, caller, &user.id);
    if other.is_some() {
        may_leave(ctx, caller, person, &sides, work).await?;
    }
    let Some(id) = other.or(current).cloned() else {
        if let Some(data) = &patch.data {
            work.decide(user, Command::SetData(data.clone()))?;
        }
        return Ok(());
    };
    let newest = schema::newest(work, &id).await?;
    if other.is_some() && !newest.state.content().is_some_and(|content| content.active) {
        return Err(Error::SchemaInactive);
    }
    if other.is_some() {
        schema::may_bring(&newest, person)?;
    }
    let new = patch.data.as_ref().unwrap_or(&person.data);
    let both = (&person.data, new);
    let (follows, data) = schema::admit(ctx, &caller.instance, &newest, both, &sides).await?;
    work.decide(user, Command::SetData(data))?;
    work.decide(user, Command::Follow(follows))?;
    Ok(())
}

/// What a schema keeps from its caller would be theirs under another one. Whoever may change the schema itself may have it so.
async fn may_leave(
    ctx: &Ctx,
    caller: &Caller,
    person: &Person,
    sides: &[Side],
    work: &mut Work<'_>,
) -> Result<()> {
    let permission = Permission::UserSchemaWrite;
    if caller.holds_instance_wide(permission) || !schema::withholds(ctx, work, person, sides).await? {
        return Ok(());
    }
    Err(Error::Denied(permission))
}

/// A role looks from the owner's side; whoever looks at themselves has their own side as well.
fn sides(grant: Grant, caller: &Caller, user: &UserId) -> Vec<Side> {
    let owner = (grant == Grant::Role).then_some(Side::Owner);
    let own = (caller.user == *user).then_some(Side::Own);
    owner.into_iter().chain(own).collect()
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
