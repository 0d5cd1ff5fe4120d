//! Searching users: what a caller may find, and texts brought into the form that they are compared in.

use std::collections::{BTreeSet, HashMap};

use domain::{
    access::{Permission, Scope},
    base::{IdpId, InstanceId, OrgId, SchemaId, Timestamp},
    user::{EmailAddress, PhoneNumber, Username},
    user_schema::Content,
};
pub use store::{
    Filter, Page, TextMatch,
    read::user_search::{Leaf, SortBy},
};
use store::{
    Snapshot,
    read::{idp_link::provider_names, user_schema, user_search as rows},
};

use super::{UserView, idp_link, sides};
use crate::{
    access::{Caller, Grant},
    ctx::Ctx,
    error::Result,
    schema,
};

/// A part of the users that were found.
#[derive(Clone, Debug)]
pub struct UserPage {
    /// The users, with the data that the caller may read of each.
    pub users: Vec<UserView>,
    /// How many were found in all.
    pub total: i64,
    /// When it was looked.
    pub at: Timestamp,
}

/// Users by one of their usernames, compared in the form that uniqueness uses; with `only_org` by those of an
/// organization alone.
pub fn by_username(how: TextMatch, text: &str, only_org: bool) -> Leaf {
    Leaf::Username {
        how,
        text: Username::from_trusted(text.trim()).canonical().to_owned(),
        only_org,
    }
}

/// Users by their contact e-mail address, compared without regard to case.
pub fn by_email(how: TextMatch, text: &str) -> Leaf {
    let whole = (how.minding_case() == TextMatch::Equals)
        .then(|| EmailAddress::parse(text).ok())
        .flatten();
    let text = whole.map_or_else(|| text.trim().to_lowercase(), |address| address.canonical());
    Leaf::Email(how, text)
}

/// Users by their contact phone number as E.164. A whole number may be written as people do; of a part, blanks, dashes,
/// dots, slashes and brackets do not count.
pub fn by_phone(ctx: &Ctx, how: TextMatch, text: &str) -> Leaf {
    let whole = (how.minding_case() == TextMatch::Equals)
        .then(|| PhoneNumber::parse(text, ctx.policy.phone_region.as_deref()).ok())
        .flatten();
    let digits = || text.chars().filter(|c| !" -./()\u{a0}".contains(*c)).collect();
    Leaf::Phone(
        how,
        whole.map_or_else(digits, |number| number.as_str().to_owned()),
    )
}

/// Searches the users that the caller may read: all with `user.read` in the instance, those of organizations with it
/// there, and oneself. Of each, data that its schema keeps from the caller are left out.
pub async fn search(
    ctx: &Ctx,
    caller: &Caller,
    filter: &Filter<Leaf>,
    sort: SortBy,
    page: Page,
) -> Result<UserPage> {
    let mut snapshot = ctx.store.snapshot().await?;
    let instance = &caller.instance;
    let (found, total) =
        rows::search(&mut snapshot, instance, &visible(caller), filter, (sort, page)).await?;
    let beside = Beside::of(&mut snapshot, instance, &found).await?;
    drop(snapshot);
    let mut users = Vec::with_capacity(found.len());
    for one in found {
        users.push(beside.view(ctx, caller, one).await?);
    }
    Ok(UserPage {
        users,
        total,
        at: ctx.now(),
    })
}

/// What the users of a page speak of, read once for all of them.
struct Beside {
    schemas: HashMap<SchemaId, Content>,
    providers: Vec<(IdpId, String)>,
}

impl Beside {
    async fn of(snapshot: &mut Snapshot, instance: &InstanceId, found: &[rows::Found]) -> Result<Self> {
        let people = || found.iter().map(|one| &one.person);
        let schemas: BTreeSet<SchemaId> = people()
            .filter_map(|person| person.schema.as_ref().map(|follows| follows.id.clone()))
            .collect();
        let providers: BTreeSet<IdpId> = people()
            .flat_map(|person| person.idp_links.iter().map(|link| link.idp.clone()))
            .collect();
        let schemas: Vec<SchemaId> = schemas.into_iter().collect();
        let providers: Vec<IdpId> = providers.into_iter().collect();
        Ok(Self {
            schemas: user_schema::by_ids(snapshot, instance, &schemas).await?,
            providers: provider_names(snapshot, instance, &providers).await?,
        })
    }

    async fn view(&self, ctx: &Ctx, caller: &Caller, found: rows::Found) -> Result<UserView> {
        let rows::Found { id, head, mut person } = found;
        let grant = if caller.holds(Permission::UserRead, &person.org) {
            Grant::Role
        } else {
            Grant::Own
        };
        let follows = person.schema.as_ref();
        let content = follows.and_then(|follows| self.schemas.get(&follows.id));
        let sides = sides(grant, caller, &id);
        let schema = schema::look_by(ctx, &caller.instance, content, &mut person, &sides).await?;
        Ok(UserView {
            idp_links: idp_link::named(&person, &self.providers),
            id,
            head,
            person,
            schema,
        })
    }
}

/// Whose users a caller may read.
pub(super) fn visible(caller: &Caller) -> rows::Visible {
    if caller.holds_instance_wide(Permission::UserRead) {
        return rows::Visible::All;
    }
    let mut orgs: Vec<OrgId> = caller
        .memberships
        .iter()
        .filter(|held| held.roles.iter().any(|role| role.allows(Permission::UserRead)))
        .filter_map(|held| match &held.scope {
            Scope::Org(org) => Some(org.clone()),
            Scope::Instance => None,
        })
        .collect();
    orgs.sort();
    orgs.dedup();
    rows::Visible::Of(orgs, caller.user.clone())
}
