//! The first start: an instance, an organization, an administrator, and an automation user with a token. Asking again
//! changes nothing.

use domain::{
    access::{Role, Scope},
    base::{InstanceId, OrgId, TokenId, UserId},
    code::Digest,
    instance::{self, Instance},
    org::{self, Org},
    user::{Command, Destination, EmailAddress, Kind, Proof, User},
};
use serde_json::Map;
use store::{Stream, Work, read};

use crate::{
    ctx::Ctx,
    error::{Error, Result},
    secret::{Secret, new_token},
    user::token::NO_EXPIRY,
};

/// The fact about a store by which it recognizes its master key: [`Keys::check_value`].
pub const KEY_CHECK: &str = "master key check";
/// Of several servers that start on an empty database, one lays the foundation.
const FOUNDED: &str = "founded";

/// What stands after a start.
#[derive(Clone, Debug)]
pub struct Foundation {
    /// The instance.
    pub instance: InstanceId,
    /// Its default organization.
    pub org: OrgId,
    /// The token of the automation user; only the first start has it.
    pub automation_token: Option<Secret>,
    /// The users that the first start made.
    pub users: Option<FirstUsers>,
}

/// The users of a first start, both `IAM_OWNER`.
#[derive(Clone, Debug)]
pub struct FirstUsers {
    /// The administrator, a person.
    pub admin: UserId,
    /// The automation user, a program.
    pub automation: UserId,
}

/// Whether the store was made with these keys.
pub async fn check_master_key(ctx: &Ctx) -> Result<bool> {
    let ours = ctx.keys.check_value();
    // Of several servers that start on an empty database, one keeps the value that all then look at.
    if key_check(ctx).await?.is_none() && ctx.store.keep_meta(KEY_CHECK, &ours).await? {
        return Ok(true);
    }
    Ok(key_check(ctx).await?.is_some_and(|known| known == ours))
}

async fn key_check(ctx: &Ctx) -> Result<Option<Vec<u8>>> {
    let mut snapshot = ctx.store.snapshot().await?;
    Ok(store::meta::read(&mut snapshot, KEY_CHECK).await?)
}

/// An automation user who is not there yet.
#[derive(Clone, Debug)]
pub struct Automation {
    id: UserId,
    token_id: TokenId,
    token: Secret,
    digest: Digest,
}

impl Automation {
    /// Draws its ids and its token.
    pub fn plan(ctx: &Ctx) -> Self {
        let id = UserId::from_trusted(&ctx.new_id());
        let (token_id, token, digest) = new_token(&*ctx.entropy, ctx.ids.next(ctx.now()));
        Self {
            id,
            token_id,
            token,
            digest,
        }
    }

    /// The token that it will have. Keep it before the user is made: a crash in between then leaves a token that
    /// opens nothing, and never a user whose token nobody has.
    pub fn token(&self) -> &Secret {
        &self.token
    }

    async fn make(&self, work: &mut Work<'_>, org: &OrgId) -> Result<()> {
        let mut user = person(work, org, &self.id, Kind::Machine, None).await?;
        let add = Command::AddToken {
            id: self.token_id.clone(),
            digest: self.digest,
            expires: NO_EXPIRY,
            existing: 0,
        };
        work.decide(&mut user, add)?;
        Ok(())
    }
}

/// A first start that is not laid yet.
#[derive(Clone, Debug)]
pub struct Plan {
    foundation: Foundation,
    admin: UserId,
    automation: Automation,
}

impl Plan {
    /// The token that the automation user will have; to be kept before [`lay`].
    pub fn automation_token(&self) -> &Secret {
        self.automation.token()
    }
}

/// Makes a further automation user, `IAM_OWNER` as the first one, for whoever runs the server and lost the token of that. Asks nobody for
/// a right: whoever calls this has the store and its key.
pub async fn add_automation(ctx: &Ctx, foundation: &Foundation, automation: &Automation) -> Result<()> {
    let (instance, org) = (&foundation.instance, &foundation.org);
    ctx.store
        .change(
            "instance.automation",
            instance,
            &automation.id,
            ctx.now(),
            |work| Box::pin(automation.make(work, org)),
        )
        .await
}

/// The foundation that an earlier start laid.
pub async fn existing(ctx: &Ctx) -> Result<Option<Foundation>> {
    let mut snapshot = ctx.store.snapshot().await?;
    let first = read::instance::all(&mut snapshot).await?.into_iter().next();
    Ok(first.map(|i| Foundation {
        instance: i.id,
        org: i.default_org,
        automation_token: None,
        users: None,
    }))
}

/// Draws what a first start needs: ids and a token.
pub fn plan(ctx: &Ctx) -> Plan {
    let (admin, automation) = (UserId::from_trusted(&ctx.new_id()), Automation::plan(ctx));
    let users = FirstUsers {
        admin: admin.clone(),
        automation: automation.id.clone(),
    };
    let foundation = Foundation {
        instance: InstanceId::from_trusted(&ctx.new_id()),
        org: OrgId::from_trusted(&ctx.new_id()),
        automation_token: Some(automation.token.clone()),
        users: Some(users),
    };
    Plan {
        foundation,
        admin,
        automation,
    }
}

/// Lays the foundation in one commit. Nothing if another server was faster.
pub async fn lay(ctx: &Ctx, plan: &Plan) -> Result<Option<Foundation>> {
    let (instance, org) = (&plan.foundation.instance, &plan.foundation.org);
    let laid: Result<bool> = ctx
        .store
        .change(
            "instance.found",
            instance,
            &plan.automation.id,
            ctx.now(),
            |work| {
                Box::pin(async move {
                    if !read::instance::all(work.snapshot()).await?.is_empty() {
                        return Ok(false);
                    }
                    work.guard(store::meta::only_once(FOUNDED));
                    lay_ground(ctx, work, instance, org).await?;
                    let address = EmailAddress::parse(&format!("admin@{}", ctx.policy.public_host));
                    person(work, org, &plan.admin, Kind::Human, address.ok()).await?;
                    plan.automation.make(work, org).await?;
                    Ok(true)
                })
            },
        )
        .await;
    laid.map(|laid| laid.then(|| plan.foundation.clone()))
}

/// Finds the instance, or makes the first one.
pub async fn found(ctx: &Ctx) -> Result<Foundation> {
    if let Some(foundation) = existing(ctx).await? {
        return Ok(foundation);
    }
    if let Some(foundation) = lay(ctx, &plan(ctx)).await? {
        return Ok(foundation);
    }
    existing(ctx).await?.ok_or(Error::NotFound)
}

async fn lay_ground(ctx: &Ctx, work: &mut Work<'_>, instance: &InstanceId, org: &OrgId) -> Result<()> {
    let mut stream = work.load::<Instance>(instance).await?;
    let create = instance::Command::Create {
        name: "Merlon".into(),
        default_org: org.clone(),
    };
    work.decide(&mut stream, create)
        .map_err(|_| store::Error::Contention)?;
    let mut stream = work.load::<Org>(org).await?;
    let domain = format!("merlon.{}", ctx.policy.public_host);
    let create = org::Command::Create {
        name: "Merlon".into(),
        domain,
    };
    work.decide(&mut stream, create)
        .map_err(|_| store::Error::Contention)?;
    Ok(())
}

async fn person(
    work: &mut Work<'_>,
    org: &OrgId,
    id: &UserId,
    kind: Kind,
    email: Option<EmailAddress>,
) -> Result<Stream<User>> {
    let mut user = work.load::<User>(id).await?;
    work.decide(
        &mut user,
        Command::Create {
            org: org.clone(),
            kind,
            schema: None,
            data: Map::new(),
        },
    )?;
    work.decide(
        &mut user,
        Command::SetRoles {
            scope: Scope::Instance,
            roles: vec![Role::IamOwner],
        },
    )?;
    if let Some(address) = email {
        let set = Command::SetContact {
            destination: Destination::Email(address),
            proof: Proof::Vouched,
        };
        work.decide(&mut user, set)?;
    }
    Ok(user)
}
