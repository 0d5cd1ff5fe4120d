//! `zitadel.user.v2.UserService`: the part about personal access tokens, for any user.

use std::cmp::Ordering;

use app::{
    Error, Target,
    error::Invalid,
    user::token::{self, TokenEntry},
};
use domain::base::{Timestamp, TokenId, UserId};
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
use crate::{call::Call, error::Op};

const DEFAULT_LIMIT: u32 = 100;
const MAX_LIMIT: u32 = 1000;

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
            let page = req.pagination.unwrap_or_default();
            let limit = applied_limit(page.limit)?;
            let one_user = req.filters.iter().find_map(of_user);
            let mut tokens = token::list(&self.ctx, caller, one_user.as_ref()).await?;
            tokens.retain(|t| req.filters.iter().all(|f| matches(f, t)));
            let column = req
                .sorting_column
                .and_then(|c| Column::try_from(c).ok())
                .unwrap_or_default();
            tokens.sort_by(|a, b| {
                if page.asc {
                    order(column, a, b)
                } else {
                    order(column, b, a)
                }
            });
            let total = tokens.len();
            let offset = usize::try_from(page.offset).unwrap_or(usize::MAX);
            let result = tokens
                .iter()
                .skip(offset)
                .take(limit as usize)
                .map(entry)
                .collect();
            Ok(wire::ListPersonalAccessTokensResponse {
                pagination: Some(PaginationResponse {
                    total_result: total as u64,
                    applied_limit: limit.into(),
                }),
                result,
            })
        })
        .await
    }
}

fn applied_limit(asked: u32) -> app::Result<u32> {
    match asked {
        0 => Ok(DEFAULT_LIMIT),
        1..=MAX_LIMIT => Ok(asked),
        _ => Err(Error::invalid("pagination.limit", Invalid::Limit)),
    }
}

fn of_user(filter: &wire::PersonalAccessTokensSearchFilter) -> Option<UserId> {
    match &filter.filter {
        Some(Filter::UserIdFilter(f)) => UserId::parse(&f.id).ok(),
        _ => None,
    }
}

fn matches(filter: &wire::PersonalAccessTokensSearchFilter, token: &TokenEntry) -> bool {
    match &filter.filter {
        None => true,
        Some(Filter::TokenIdFilter(f)) => f.id == token.id.as_str(),
        Some(Filter::UserIdFilter(f)) => f.id == token.user.as_str(),
        Some(Filter::OrganizationIdFilter(f)) => f.id == token.org.as_str(),
        Some(Filter::CreatedDateFilter(f)) => in_time(f, token.created),
        Some(Filter::ExpirationDateFilter(f)) => in_time(f, token.expires),
    }
}

fn in_time(filter: &TimestampFilter, at: Timestamp) -> bool {
    let Some(bound) = filter.timestamp.as_ref().map(instant) else {
        return true;
    };
    match TimestampFilterMethod::try_from(filter.method).unwrap_or_default() {
        TimestampFilterMethod::Equals => at == bound,
        TimestampFilterMethod::After => at > bound,
        TimestampFilterMethod::AfterOrEquals => at >= bound,
        TimestampFilterMethod::Before => at < bound,
        TimestampFilterMethod::BeforeOrEquals => at <= bound,
    }
}

fn order(column: Column, a: &TokenEntry, b: &TokenEntry) -> Ordering {
    let by = match column {
        Column::Unspecified | Column::CreatedDate => a.created.cmp(&b.created),
        Column::Id => Ordering::Equal,
        Column::UserId => a.user.cmp(&b.user),
        Column::OrganizationId => a.org.cmp(&b.org),
        Column::ExpirationDate => a.expires.cmp(&b.expires),
    };
    by.then_with(|| a.id.cmp(&b.id))
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
