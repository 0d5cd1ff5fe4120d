//! Usernames: give a user a further name, take one away, and the login names that follow from them.

use domain::{
    access::Permission,
    base::{InstanceId, UsernameId},
    user::{Channel, Command, NameScope, Person, Refusal, User, Username, UsernameError},
    user_schema::Authenticator,
};
use store::{Snapshot, Stream, Work, read};

use super::{Changed, changed, command_as};
use crate::{
    access::{self, Caller, Need, Target},
    ctx::Ctx,
    error::{Error, Result, StoreError},
    schema,
};

const NEED: Need = Need::or_self(Permission::UserWrite);

/// A name that a caller brings.
#[derive(Clone, Debug)]
pub struct NewUsername {
    /// The name.
    pub name: Username,
    /// Where it is to be unique.
    pub scope: NameScope,
}

impl NewUsername {
    /// Reads a name.
    pub fn parse(text: &str, is_organization_specific: bool) -> Result<Self> {
        Ok(Self {
            name: Username::parse(text).map_err(|e| Error::invalid("username.username", e))?,
            scope: if is_organization_specific {
                NameScope::Org
            } else {
                NameScope::Instance
            },
        })
    }
}

/// A name that was given.
#[derive(Clone, Debug)]
pub struct UsernameAdded {
    /// Where the user's history stands.
    pub changed: Changed,
    /// The name's id.
    pub id: UsernameId,
}

/// Gives a user a further name: oneself, or with `user.write`. A name that is taken is refused, whoever has it.
pub async fn add(ctx: &Ctx, caller: &Caller, target: &Target, new: &NewUsername) -> Result<UsernameAdded> {
    let id = &UsernameId::from_trusted(&ctx.new_id());
    let done: Result<UsernameAdded> = ctx
        .store
        .change(
            "user.username.add",
            &caller.instance,
            &caller.user,
            ctx.now(),
            |work| {
                Box::pin(async move {
                    let (mut user, _) = access::user_for(work, caller, target, NEED).await?;
                    schema::may_have(work, user.state.person(), Authenticator::Username).await?;
                    reads_as_nobody_elses(work, new).await?;
                    work.decide(&mut user, add_as(id, new))?;
                    Ok(UsernameAdded {
                        changed: changed(&user)?,
                        id: id.clone(),
                    })
                })
            },
        )
        .await;
    done.map_err(taken)
}

/// Names of an organization are signed in with as `name@domain`; a name of the instance that ends so could be another user's.
pub(super) async fn reads_as_nobody_elses(work: &mut Work<'_>, new: &NewUsername) -> Result<()> {
    let (NameScope::Instance, Some((_, domain))) = (new.scope, new.name.canonical().rsplit_once('@')) else {
        return Ok(());
    };
    let instance = work.instance().clone();
    match read::org::by_domain(work.snapshot(), &instance, domain).await? {
        Some(_) => Err(Error::invalid("username.username", UsernameError::OfOrganization)),
        None => Ok(()),
    }
}

fn add_as(id: &UsernameId, new: &NewUsername) -> Command {
    Command::AddUsername {
        id: id.clone(),
        name: new.name.clone(),
        scope: new.scope,
    }
}

/// The command that gives a new user a name.
pub(super) fn command(ctx: &Ctx, new: &NewUsername) -> Command {
    add_as(&UsernameId::from_trusted(&ctx.new_id()), new)
}

/// Usernames are the only unique values of a user: when one is taken, it is a name.
pub(super) fn taken(error: Error) -> Error {
    match error {
        Error::Store(StoreError::Taken(_)) => Refusal::UsernameTaken.into(),
        other => other,
    }
}

/// Takes a name away: oneself, or with `user.write`.
pub async fn remove(ctx: &Ctx, caller: &Caller, target: &Target, id: &UsernameId) -> Result<Changed> {
    let remove = || Command::RemoveUsername(id.clone());
    command_as(ctx, "user.username.remove", caller, target, NEED, remove).await
}

/// What apps and authenticators list a user under: the preferred login name, else the e-mail, else the id.
pub(super) async fn label(work: &mut Work<'_>, user: &Stream<User>) -> Result<String> {
    let person = user.state.person().ok_or(Error::NotFound)?;
    let instance = work.instance().clone();
    let names = login_names_in(work.snapshot(), &instance, person).await?;
    let email = |person: &Person| {
        person
            .contact(Channel::Email)
            .map(|c| c.destination.as_str().to_owned())
    };
    let name = names.into_iter().next().or_else(|| email(person));
    Ok(name.unwrap_or_else(|| user.id.to_string()))
}

/// What a user can sign in as, oldest first: instance-wide names as they are, names of the organization followed by `@` and its
/// domain.
pub async fn login_names(ctx: &Ctx, caller: &Caller, person: &Person) -> Result<Vec<String>> {
    login_names_in(&mut ctx.store.glance()?, &caller.instance, person).await
}

/// As [`login_names`], in a view that is open already.
pub(super) async fn login_names_in(
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    person: &Person,
) -> Result<Vec<String>> {
    let of_org = |scope| scope == NameScope::Org;
    let domain = if person.usernames.iter().any(|n| of_org(n.scope)) {
        read::org::domain_of(snapshot, instance, &person.org).await?
    } else {
        None
    };
    let full = |name: &domain::user::OwnName| match (&domain, name.scope) {
        (Some(domain), NameScope::Org) => format!("{}@{domain}", name.name.as_str()),
        _ => name.name.as_str().to_owned(),
    };
    Ok(person.usernames.iter().map(full).collect())
}
