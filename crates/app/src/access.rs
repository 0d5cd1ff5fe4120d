//! Who is asking, and what they may do. A caller who may not even read a thing cannot tell it from nothing.

use std::sync::Arc;

use domain::{
    access::{Permission, Scope},
    base::{InstanceId, OrgId, UserId},
    user::{Membership, Person, User, UserState},
};
use store::{Fresh, Snapshot, Stream, Work, read};

use crate::{
    ctx::Ctx,
    error::{Error, Result},
    secret,
};

/// Somebody who proved who they are.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The tenant that the request is for.
    pub instance: InstanceId,
    /// Who.
    pub user: UserId,
    /// The owner of that user.
    pub org: OrgId,
    /// Their roles.
    pub memberships: Arc<[Membership]>,
}

/// An organization as a request names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrgRef {
    /// By id.
    Id(OrgId),
    /// By domain.
    Domain(String),
}

/// A user as a request names it.
#[derive(Clone, Debug)]
pub struct Target {
    /// Which user.
    pub user: UserId,
    /// The organization that the request names beside it; naming another than the user's finds nothing.
    pub org: Option<OrgRef>,
}

impl Target {
    /// A user by id alone.
    pub fn of(user: UserId) -> Self {
        Self { user, org: None }
    }
}

/// How a caller came to be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Through a role.
    Role,
    /// Because it is themselves.
    Own,
}

impl Caller {
    /// Whether a role allows this in an organization.
    pub fn holds(&self, permission: Permission, org: &OrgId) -> bool {
        let here = |scope: &Scope| match scope {
            Scope::Instance => true,
            Scope::Org(o) => o == org,
        };
        self.memberships
            .iter()
            .any(|m| here(&m.scope) && m.roles.iter().any(|r| r.allows(permission)))
    }

    /// Whether a role allows this in the whole instance.
    pub fn holds_instance_wide(&self, permission: Permission) -> bool {
        self.memberships
            .iter()
            .any(|m| m.scope == Scope::Instance && m.roles.iter().any(|r| r.allows(permission)))
    }

    /// Whether the caller may do whatever a user may, wherever the user may. What users may do only with themselves gives
    /// nobody power over others and does not count.
    fn may_all_that(&self, person: &Person) -> bool {
        person.memberships.iter().all(|membership| {
            let permissions = membership.roles.iter().flat_map(|role| role.permissions());
            permissions
                .filter(|permission| **permission != Permission::UserSelfDelete)
                .all(|permission| match &membership.scope {
                    Scope::Instance => self.holds_instance_wide(*permission),
                    Scope::Org(org) => self.holds(*permission, org),
                })
        })
    }

    /// Judges a permission on a user. Nothing tells a missing user from one that the caller may not read.
    fn judge(&self, need: Need, id: &UserId, person: Option<&Person>) -> Result<Grant> {
        let Some(person) = person else {
            return Err(Error::NotFound);
        };
        let own = self.user == *id;
        if self.holds(need.permission, &person.org) {
            let reached = own || need.reach == Reach::Anybody || self.may_all_that(person);
            return if reached {
                Ok(Grant::Role)
            } else {
                Err(Error::DeniedOverStronger)
            };
        }
        if own && need.own {
            return Ok(Grant::Own);
        }
        if own || self.holds(Permission::UserRead, &person.org) {
            return Err(Error::Denied(need.permission));
        }
        Err(Error::NotFound)
    }
}

/// What a use case asks of its caller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    /// The permission through a role.
    pub permission: Permission,
    /// Whether the user itself needs none.
    pub own: bool,
    /// Whom it is about.
    reach: Reach,
}

/// Whom a permission through a role reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Everybody in the scope of the role.
    Anybody,
    /// Only those who may not do more than the caller: whoever makes a credential of somebody can act as them.
    NobodyStronger,
}

impl Need {
    /// A permission, or being the user itself. The one for credentials reaches nobody who may do more than the caller.
    pub(crate) const fn or_self(permission: Permission) -> Self {
        let reach = match permission {
            Permission::UserCredentialWrite => Reach::NobodyStronger,
            _ => Reach::Anybody,
        };
        Self {
            permission,
            own: true,
            reach,
        }
    }

    /// The same for what moves where somebody's codes go, or who reads them.
    pub(crate) const fn over_nobody_stronger(mut self) -> Self {
        self.reach = Reach::NobodyStronger;
        self
    }

    /// The same for what ends in the hands of the user alone, or needs what only the user was given.
    pub(crate) const fn over_anybody(mut self) -> Self {
        self.reach = Reach::Anybody;
        self
    }

    /// A permission, even for oneself.
    pub(crate) const fn role(permission: Permission) -> Self {
        Self {
            permission,
            own: false,
            reach: Reach::Anybody,
        }
    }
}

/// Loads the user that a request names, if its caller may do this with it: no right, no handle.
pub(crate) async fn user_for(
    work: &mut Work<'_>,
    caller: &Caller,
    target: &Target,
    need: Need,
) -> Result<(Stream<User>, Grant)> {
    let elsewhere = match &target.org {
        Some(org) => Some(resolve_org(work.snapshot(), caller, org).await?),
        None => None,
    };
    let user = work.load::<User>(&target.user).await?;
    let person = visible(user.state.person(), elsewhere.as_ref());
    let grant = caller.judge(need, &target.user, person)?;
    Ok((user, grant))
}

/// Reads the user that a request names, if its caller may do this with it.
pub(crate) async fn read_user(
    snapshot: &mut Snapshot,
    caller: &Caller,
    target: &Target,
    need: Need,
) -> Result<(store::Head, Person, Grant)> {
    let elsewhere = match &target.org {
        Some(org) => Some(resolve_org(snapshot, caller, org).await?),
        None => None,
    };
    let (head, user) = <User as store::Stored>::load(snapshot, &caller.instance, &target.user).await?;
    let person = visible(user.person(), elsewhere.as_ref());
    let grant = caller.judge(need, &target.user, person)?;
    match user {
        User::Present(person) => Ok((head, *person, grant)),
        User::Absent => Err(Error::NotFound),
    }
}

fn visible<'a>(person: Option<&'a Person>, org: Option<&Option<OrgId>>) -> Option<&'a Person> {
    person.filter(|p| org.is_none_or(|named| named.as_ref() == Some(&p.org)))
}

/// The organization that a request names; nothing when there is none such.
pub(crate) async fn resolve_org(
    snapshot: &mut Snapshot,
    caller: &Caller,
    org: &OrgRef,
) -> Result<Option<OrgId>> {
    Ok(match org {
        OrgRef::Id(id) if *id == caller.org => Some(id.clone()),
        OrgRef::Id(id) => read::org::exists(snapshot, &caller.instance, id)
            .await?
            .then(|| id.clone()),
        OrgRef::Domain(domain) => {
            read::org::by_domain(snapshot, &caller.instance, &domain.to_ascii_lowercase()).await?
        }
    })
}

/// Finds who stands behind a bearer token. Nothing for one that is malformed, unknown, expired, or of a user who is
/// not active: all of them look the same. What the answer rests on was so when `fresh` was asked for, or later.
pub async fn authenticate(
    ctx: &Ctx,
    fresh: Fresh,
    instance: &InstanceId,
    token: &str,
) -> Result<Option<Caller>> {
    let Some((id, digest)) = secret::read_token(token) else {
        return Ok(None);
    };
    let Some(holder) = ctx.store.token_holder(fresh, instance, &id).await? else {
        return Ok(None);
    };
    let sound = secret::same_digest(&holder.digest, &digest)
        && ctx.now() < holder.expires
        && holder.state == UserState::Active;
    Ok(sound.then(|| Caller {
        instance: instance.clone(),
        user: holder.user,
        org: holder.org,
        memberships: holder.memberships,
    }))
}

/// Whether the organization that a caller names as context exists.
pub async fn org_exists(ctx: &Ctx, instance: &InstanceId, org: &OrgId) -> Result<bool> {
    let mut snapshot = ctx.store.glance()?;
    Ok(read::org::exists(&mut snapshot, instance, org).await?)
}
