//! The first start: an instance, an organization, an administrator, and an automation user with a token. Asking again
//! changes nothing.

use domain::{
    access::{Role, Scope},
    base::{InstanceId, OrgId, UserId},
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

const KEY_CHECK: &str = "master key check";

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
    let known = {
        let mut snapshot = ctx.store.snapshot().await?;
        store::meta::read(&mut snapshot, KEY_CHECK).await?
    };
    match known {
        Some(value) => Ok(value == ctx.keys.check_value()),
        None => Ok(ctx.store.keep_meta(KEY_CHECK, &ctx.keys.check_value()).await?),
    }
}

/// Finds the instance, or makes the first one in one commit.
pub async fn found(ctx: &Ctx) -> Result<Foundation> {
    let existing = {
        let mut snapshot = ctx.store.snapshot().await?;
        read::instance::all(&mut snapshot).await?
    };
    if let Some(first) = existing.into_iter().next() {
        return Ok(Foundation {
            instance: first.id,
            org: first.default_org,
            automation_token: None,
            users: None,
        });
    }
    let instance = InstanceId::from_trusted(&ctx.new_id());
    let org = OrgId::from_trusted(&ctx.new_id());
    let users = FirstUsers {
        admin: UserId::from_trusted(&ctx.new_id()),
        automation: UserId::from_trusted(&ctx.new_id()),
    };
    let token = lay(ctx, &instance, &org, &users).await?;
    Ok(Foundation {
        instance,
        org,
        automation_token: Some(token),
        users: Some(users),
    })
}

async fn lay(ctx: &Ctx, instance: &InstanceId, org: &OrgId, users: &FirstUsers) -> Result<Secret> {
    let (token_id, token, digest) = new_token(&*ctx.entropy, ctx.ids.next(ctx.now()));
    let id = &token_id;
    ctx.store
        .change("instance.found", instance, &users.automation, ctx.now(), |work| {
            Box::pin(async move {
                lay_ground(ctx, work, instance, org).await?;
                let host = &ctx.policy.public_host;
                let address = EmailAddress::parse(&format!("admin@{host}"));
                person(work, org, &users.admin, Kind::Human, address.ok()).await?;
                let mut automation = person(work, org, &users.automation, Kind::Machine, None).await?;
                let add = Command::AddToken {
                    id: id.clone(),
                    digest,
                    expires: NO_EXPIRY,
                    existing: 0,
                };
                work.decide(&mut automation, add).map_err(Error::from)
            })
        })
        .await?;
    Ok(token)
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
