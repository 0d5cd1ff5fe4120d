//! `zitadel.user.v2.UserService`: the part about personal access tokens, for any user.

use app::{
    Error, Target,
    error::Invalid,
    user::token::{self, Leaf, SortBy, TimeMatch, TokenEntry},
};
use domain::base::{Timestamp, TokenId};
use proto::{
    rpc::Status,
    wkt,
    zitadel::{
        filter::v2::{PaginationResponse, TimestampFilter, TimestampFilterMethod},
        user::v2::{
            self as wire, PersonalAccessTokenFieldName as Column, UserService,
            personal_access_tokens_search_filter::Filter,
        },
    },
};

use super::{Users, answer, timestamp, user_id};
use crate::{
    call::Call,
    error::Op,
    page::{MAX_FILTERS, page},
};

impl UserService<Call> for Users {
    async fn add_personal_access_token(
        &self,
        call: Call,
        req: wire::AddPersonalAccessTokenRequest,
    ) -> Result<wire::AddPersonalAccessTokenResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::AddToken, async {
            let target = Target::of(user_id(&req.user_id)?);
            let expires = req.expiration_date.map(|t| instant(&t));
            let added = token::add(&self.ctx, caller, &target, expires).await?;
            Ok(wire::AddPersonalAccessTokenResponse {
                creation_date: timestamp(added.changed.head.changed),
                token_id: added.id.to_string(),
                token: added.token.reveal().to_owned(),
            })
        })
        .await
    }

    async fn remove_personal_access_token(
        &self,
        call: Call,
        req: wire::RemovePersonalAccessTokenRequest,
    ) -> Result<wire::RemovePersonalAccessTokenResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::RemoveToken, async {
            let target = Target::of(user_id(&req.user_id)?);
            let id = TokenId::parse(&req.token_id).map_err(|_| Error::invalid("token_id", Invalid::Id))?;
            let changed = token::remove(&self.ctx, caller, &target, &id).await?;
            Ok(wire::RemovePersonalAccessTokenResponse {
                deletion_date: timestamp(changed.head.changed),
            })
        })
        .await
    }

    async fn list_personal_access_tokens(
        &self,
        call: Call,
        req: wire::ListPersonalAccessTokensRequest,
    ) -> Result<wire::ListPersonalAccessTokensResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::ListTokens, async {
            let asked = req.pagination.unwrap_or_default();
            let page = page("pagination.limit", asked.offset, asked.limit, !asked.asc)?;
            let column = req
                .sorting_column
                .and_then(|c| Column::try_from(c).ok())
                .unwrap_or_default();
            let found = token::search(&self.ctx, caller, &filter(req.filters)?, sort(column), page).await?;
            Ok(wire::ListPersonalAccessTokensResponse {
                pagination: Some(PaginationResponse {
                    total_result: found.total.unsigned_abs(),
                    applied_limit: page.limit.unsigned_abs(),
                }),
                result: found.tokens.iter().map(entry).collect(),
            })
        })
        .await
    }
}

/// All that are asked for, at most 500.
fn filter(asked: Vec<wire::PersonalAccessTokensSearchFilter>) -> app::Result<token::Filter<Leaf>> {
    if asked.len() > MAX_FILTERS {
        return Err(Error::invalid("filters", Invalid::TooManyFilters));
    }
    let leaves = asked
        .into_iter()
        .map(|one| leaf(one.filter).map(token::Filter::Leaf));
    Ok(token::Filter::All(leaves.collect::<app::Result<_>>()?))
}

/// A filter that lacks what it compares with is refused: without it more would be found than was asked for.
fn leaf(asked: Option<Filter>) -> app::Result<Leaf> {
    let filter = asked.ok_or(Error::invalid("filters", Invalid::Missing))?;
    let missing = Error::invalid("filters.timestamp", Invalid::Missing);
    let at = |by: &TimestampFilter| by.timestamp.as_ref().map(instant).ok_or(missing);
    Ok(match filter {
        Filter::TokenIdFilter(by) => Leaf::Id(by.id),
        Filter::UserIdFilter(by) => Leaf::User(by.id),
        Filter::OrganizationIdFilter(by) => Leaf::Org(by.id),
        Filter::CreatedDateFilter(by) => Leaf::Created(time_match(&by), at(&by)?),
        Filter::ExpirationDateFilter(by) => Leaf::Expires(time_match(&by), at(&by)?),
    })
}

fn time_match(filter: &TimestampFilter) -> TimeMatch {
    match TimestampFilterMethod::try_from(filter.method).unwrap_or_default() {
        TimestampFilterMethod::Equals => TimeMatch::Equals,
        TimestampFilterMethod::After => TimeMatch::After,
        TimestampFilterMethod::AfterOrEquals => TimeMatch::AfterOrEquals,
        TimestampFilterMethod::Before => TimeMatch::Before,
        TimestampFilterMethod::BeforeOrEquals => TimeMatch::BeforeOrEquals,
    }
}

fn sort(column: Column) -> SortBy {
    match column {
        Column::Unspecified | Column::CreatedDate => SortBy::Created,
        Column::Id => SortBy::Id,
        Column::UserId => SortBy::User,
        Column::OrganizationId => SortBy::Org,
        Column::ExpirationDate => SortBy::Expires,
    }
}

fn entry(token: &TokenEntry) -> wire::PersonalAccessToken {
    wire::PersonalAccessToken {
        creation_date: timestamp(token.created),
        change_date: timestamp(token.created),
        id: token.id.to_string(),
        user_id: token.user.to_string(),
        organization_id: token.org.to_string(),
        expiration_date: timestamp(token.expires),
    }
}

fn instant(at: &wkt::Timestamp) -> Timestamp {
    Timestamp(
        at.seconds
            .saturating_mul(1_000_000)
            .saturating_add(i64::from(at.nanos) / 1000),
    )
}
