//! The user services: two generations of v3alpha and the tokens of v2, as views over the same use cases.

mod bulk;
mod generation_2024;
mod generation_resources;
mod schema;
mod search;
mod shapes;
mod token;

use std::{future::Future, sync::Arc};

use app::{
    Caller, Ctx, Error, OrgRef, Target,
    error::Invalid,
    idp::intent::IntentChanged,
    schema::TextMatch,
    secret::Secret,
    user::{self, Changed, UserPatch, Written, code::NewDestination},
};
use domain::{
    base::{FactorId, IdpId, InstanceId, IntentId, OrgId, SchemaId, Timestamp, UserId, UsernameId},
    user::FactorName,
};
use futures_util::TryFutureExt;
use proto::{
    rpc::Status,
    wkt,
    zitadel::{
        object::{self, v3alpha::OwnerType},
        resources,
    },
};
use serde_json::{Map, Value};

use crate::{call::Call, error::Op};

/// Serves the user services of every generation.
#[derive(Clone, Debug)]
pub struct Users {
    ctx: Arc<Ctx>,
}

impl Users {
    /// A service over these use cases.
    pub fn new(ctx: Arc<Ctx>) -> Self {
        Self { ctx }
    }
}

/// Runs a use case and words its refusal for this caller. No `async fn`, which would hold `work` twice.
pub(crate) fn answer<T>(
    call: &Call,
    op: Op,
    work: impl Future<Output = app::Result<T>> + Send,
) -> impl Future<Output = Result<T, Status>> + Send {
    work.map_err(move |error| call.refuse(op, error))
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "every message field of the wire is optional"
)]
pub(crate) fn timestamp(at: Timestamp) -> Option<wkt::Timestamp> {
    Some(wkt::Timestamp::from_micros(at.0))
}

/// How a text is compared; the numbers are the same in every API, the older ones have more.
pub(crate) fn text_match(number: i32) -> app::Result<TextMatch> {
    Ok(match number {
        0 => TextMatch::Equals,
        1 => TextMatch::EqualsIgnoreCase,
        2 => TextMatch::StartsWith,
        3 => TextMatch::StartsWithIgnoreCase,
        4 => TextMatch::Contains,
        5 => TextMatch::ContainsIgnoreCase,
        6 => TextMatch::EndsWith,
        7 => TextMatch::EndsWithIgnoreCase,
        _ => return Err(Error::invalid("method", Invalid::Filter)),
    })
}

fn user_id(text: &str) -> app::Result<UserId> {
    UserId::parse(text).map_err(|_| Error::invalid("user_id", Invalid::Id))
}

/// As [`user_id`], where the wire calls it `id`.
fn id(text: &str) -> app::Result<UserId> {
    UserId::parse(text).map_err(|_| Error::invalid("id", Invalid::Id))
}

fn factor_id(field: &'static str, text: &str) -> app::Result<FactorId> {
    FactorId::parse(text).map_err(|_| Error::invalid(field, Invalid::Id))
}

fn idp_id(text: &str) -> app::Result<IdpId> {
    IdpId::parse(text).map_err(|_| Error::invalid("idp_id", Invalid::Id))
}

fn intent_id(text: &str) -> app::Result<IntentId> {
    IntentId::parse(text).map_err(|_| Error::invalid("idp_intent_id", Invalid::Id))
}

fn username_id(text: &str) -> app::Result<UsernameId> {
    UsernameId::parse(text).map_err(|_| Error::invalid("username_id", Invalid::Id))
}

fn schema_id(text: &str) -> app::Result<Option<SchemaId>> {
    if text.is_empty() {
        return Ok(None);
    }
    SchemaId::parse(text)
        .map(Some)
        .map_err(|_| Error::invalid("schema_id", Invalid::Id))
}

fn org_id(text: &str) -> app::Result<OrgRef> {
    OrgId::parse(text)
        .map(OrgRef::Id)
        .map_err(|_| Error::invalid("organization.org_id", Invalid::Id))
}

/// The user that a resources request names: the instance must be the one that was reached, the organization the user's.
fn target(
    users: &Users,
    call: &Call,
    user: &str,
    organization: Option<object::v3alpha::Organization>,
    instance: Option<&object::v3alpha::Instance>,
) -> app::Result<Target> {
    in_instance(users, call, instance)?;
    let org = organization.map(org_v3).transpose()?;
    Ok(Target { user: id(user)?, org })
}

fn in_instance(users: &Users, call: &Call, named: Option<&object::v3alpha::Instance>) -> app::Result<()> {
    use object::v3alpha::instance::Property;
    let reached = match named.and_then(|i| i.property.as_ref()) {
        None => true,
        Some(Property::Id(id)) => id == call.instance.as_str(),
        Some(Property::Domain(domain)) => domain.eq_ignore_ascii_case(&users.ctx.policy.public_host),
    };
    if reached { Ok(()) } else { Err(Error::NotFound) }
}

fn org_v3(organization: object::v3alpha::Organization) -> app::Result<OrgRef> {
    use object::v3alpha::organization::Property;
    match organization.property {
        Some(Property::OrgId(id)) => org_id(&id),
        Some(Property::OrgDomain(domain)) => Ok(OrgRef::Domain(domain)),
        None => Err(Error::invalid("organization", Invalid::Missing)),
    }
}

fn org_v2(organization: object::v2beta::Organization) -> app::Result<OrgRef> {
    use object::v2beta::organization::Org;
    match organization.org {
        Some(Org::OrgId(id)) => org_id(&id),
        Some(Org::OrgDomain(domain)) => Ok(OrgRef::Domain(domain)),
        None => Err(Error::invalid("organization", Invalid::Missing)),
    }
}

/// Details of generation 2024-06, whose message had no creation date.
#[expect(
    clippy::unnecessary_wraps,
    reason = "every message field of the wire is optional"
)]
fn details_2024(changed: &Changed) -> Option<object::v2beta::Details> {
    Some(object::v2beta::Details {
        sequence: changed.head.seq.unsigned_abs(),
        change_date: timestamp(changed.head.changed),
        resource_owner: changed.org.to_string(),
        creation_date: None,
    })
}

/// Details of generation resources.
#[expect(
    clippy::unnecessary_wraps,
    reason = "every message field of the wire is optional"
)]
fn details(changed: &Changed) -> Option<resources::object::v3alpha::Details> {
    Some(resources::object::v3alpha::Details {
        id: changed.id.to_string(),
        created: timestamp(changed.head.created),
        changed: timestamp(changed.head.changed),
        owner: Some(object::v3alpha::Owner {
            r#type: OwnerType::Org.into(),
            id: changed.org.to_string(),
        }),
    })
}

/// Details of an intent, generation 2024-06: it belongs to the instance.
#[expect(
    clippy::unnecessary_wraps,
    reason = "every message field of the wire is optional"
)]
fn intent_details_2024(instance: &InstanceId, changed: &IntentChanged) -> Option<object::v2beta::Details> {
    Some(object::v2beta::Details {
        sequence: changed.head.seq.unsigned_abs(),
        change_date: timestamp(changed.head.changed),
        resource_owner: instance.to_string(),
        creation_date: None,
    })
}

/// Details of an intent, generation resources.
#[expect(
    clippy::unnecessary_wraps,
    reason = "every message field of the wire is optional"
)]
fn intent_details(
    instance: &InstanceId,
    changed: &IntentChanged,
) -> Option<resources::object::v3alpha::Details> {
    Some(resources::object::v3alpha::Details {
        id: changed.id.to_string(),
        created: timestamp(changed.head.created),
        changed: timestamp(changed.head.changed),
        owner: Some(object::v3alpha::Owner {
            r#type: OwnerType::Instance.into(),
            id: instance.to_string(),
        }),
    })
}

fn changed_of(view: &user::UserView) -> Changed {
    Changed {
        id: view.id.clone(),
        head: view.head,
        org: view.person.org.clone(),
    }
}

/// A code on its way into the one answer that holds it.
fn revealed(code: Option<&Secret>) -> Option<String> {
    code.map(|c| c.reveal().to_owned())
}

fn data(given: Option<wkt::Struct>) -> Option<Map<String, Value>> {
    given.map(Into::into)
}

/// What both generations take of a browser's answer to a registration, and the name that the user gives the key.
fn browser_answer(answer: Option<wkt::Struct>, name: &str) -> app::Result<(Map<String, Value>, FactorName)> {
    let answer = answer.ok_or(Error::invalid("public_key_credential", Invalid::Missing))?;
    let name = FactorName::parse(name).map_err(|e| Error::invalid("web_auth_n_name", e))?;
    Ok((answer.into(), name))
}

/// What both generations ask of a change to a user.
async fn patch(
    users: &Users,
    caller: &Caller,
    target: &Target,
    schema: Option<&str>,
    data: Option<Map<String, Value>>,
    (email, phone): (Option<NewDestination>, Option<NewDestination>),
) -> app::Result<Written> {
    let schema = schema.map(schema_id).transpose()?.flatten();
    user::patch(
        &users.ctx,
        caller,
        target,
        &UserPatch {
            schema,
            data,
            email,
            phone,
        },
    )
    .await
}
