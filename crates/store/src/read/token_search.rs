//! Searching personal access tokens: which match, in which order, how many in all. Those of a user, and one by its id, are found by an
//! index; the rest is compared row by row.

use domain::base::{InstanceId, OrgId, Timestamp, TokenId, UserId};

use super::user_search::{Visible, visible_only};
use crate::{
    db::{Row, Snapshot},
    error::Result,
    query::{Filter, Page, Query},
};

/// A token as lists show it; the token itself is known to nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenEntry {
    /// Its id.
    pub id: TokenId,
    /// Whose it is.
    pub user: UserId,
    /// The owner of that user.
    pub org: OrgId,
    /// When it was added.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

/// How a point in time is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeMatch {
    /// The same, to the microsecond.
    Equals,
    /// Later.
    After,
    /// Later or the same.
    AfterOrEquals,
    /// Earlier.
    Before,
    /// Earlier or the same.
    BeforeOrEquals,
}

/// What tokens can be searched by.
#[derive(Clone, Debug)]
pub enum Leaf {
    /// By id, which is the same or not.
    Id(String),
    /// By the id of the user.
    User(String),
    /// By the id of the user's organization.
    Org(String),
    /// By the time when it was added.
    Created(TimeMatch, Timestamp),
    /// By the time when it ends.
    Expires(TimeMatch, Timestamp),
}

/// What tokens are sorted by; equal ones by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortBy {
    /// The time when it was added.
    Created,
    /// The id.
    Id,
    /// The user.
    User,
    /// The user's organization.
    Org,
    /// The time when it ends.
    Expires,
}

/// Tokens that match, of users that can be seen, and how many do in all.
pub async fn search(
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    visible: &Visible,
    filter: &Filter<Leaf>,
    (sort, page): (SortBy, Page),
) -> Result<(Vec<TokenEntry>, i64)> {
    let mut count = Query::new(snapshot.dialect(), "SELECT count(*) ");
    condition(&mut count, instance, visible, filter);
    let total = count.number(snapshot).await?;
    let mut query = Query::new(
        snapshot.dialect(),
        "SELECT t.id, t.user_id, u.org, t.created_at, t.expires_at ",
    );
    condition(&mut query, instance, visible, filter);
    query.push(" ORDER BY ").in_order(column(sort), "t.id", page);
    Ok((query.all(snapshot, entry).await?, total))
}

fn condition(query: &mut Query, instance: &InstanceId, visible: &Visible, filter: &Filter<Leaf>) {
    query.push(
        "FROM token t JOIN users u ON u.instance = t.instance AND u.id = t.user_id WHERE t.instance = ",
    );
    query.bind(instance.shared()).push(" AND ");
    visible_only(query, visible);
    query.filter(filter, &|query, leaf| match leaf {
        Leaf::Id(id) => _ = query.push("t.id = ").bind(id.as_str()),
        Leaf::User(id) => _ = query.push("t.user_id = ").bind(id.as_str()),
        Leaf::Org(id) => _ = query.push("u.org = ").bind(id.as_str()),
        Leaf::Created(how, at) => _ = query.push("t.created_at").push(than(*how)).bind(*at),
        Leaf::Expires(how, at) => _ = query.push("t.expires_at").push(than(*how)).bind(*at),
    });
}

const fn than(how: TimeMatch) -> &'static str {
    match how {
        TimeMatch::Equals => " = ",
        TimeMatch::After => " > ",
        TimeMatch::AfterOrEquals => " >= ",
        TimeMatch::Before => " < ",
        TimeMatch::BeforeOrEquals => " <= ",
    }
}

const fn column(sort: SortBy) -> &'static str {
    match sort {
        SortBy::Created => "t.created_at",
        SortBy::Id => "t.id",
        SortBy::User => "t.user_id",
        SortBy::Org => "u.org",
        SortBy::Expires => "t.expires_at",
    }
}

fn entry(row: &Row<'_>) -> Result<TokenEntry> {
    Ok(TokenEntry {
        id: TokenId::from_trusted(row.text(0)?),
        user: UserId::from_trusted(row.text(1)?),
        org: OrgId::from_trusted(row.text(2)?),
        created: Timestamp(row.int(3)?),
        expires: Timestamp(row.int(4)?),
    })
}
