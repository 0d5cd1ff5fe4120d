//! Personal access tokens: add, remove, search. The token itself is shown once.

use domain::{
    access::Permission,
    base::{Timestamp, TokenId},
    user::Command,
};
use store::read::{token, token_search};
pub use store::{
    Filter, Page,
    read::token_search::{Leaf, SortBy, TimeMatch, TokenEntry},
};

use super::{Changed, changed, search::visible};
use crate::{
    access::{self, Caller, Need, Target},
    ctx::Ctx,
    error::Result,
    secret::{Secret, new_token},
};

/// A token without an expiry of its own ends then: 9999-12-31T23:59:59Z.
pub const NO_EXPIRY: Timestamp = Timestamp(253_402_300_799_000_000);

const NEED: Need = Need::or_self(Permission::UserCredentialWrite);

/// A token that was added.
#[derive(Clone, Debug)]
pub struct TokenAdded {
    /// Where the user's history stands.
    pub changed: Changed,
    /// Its id.
    pub id: TokenId,
    /// The token; nobody can show it again.
    pub token: Secret,
}

/// Adds a token for a user: oneself, or with `user.credential.write`, for whoever has it is that user.
pub async fn add(
    ctx: &Ctx,
    caller: &Caller,
    target: &Target,
    expires: Option<Timestamp>,
) -> Result<TokenAdded> {
    let (id, token, digest) = new_token(&*ctx.entropy, ctx.ids.next(ctx.now()));
    let expires = expires.unwrap_or(NO_EXPIRY);
    let added = &id;
    let changed = ctx
        .store
        .change(
            "user.token.add",
            &caller.instance,
            &caller.user,
            ctx.now(),
            |work| {
                Box::pin(async move {
                    let (mut user, _) = access::user_for(work, caller, target, NEED).await?;
                    let existing = token::count(work.snapshot(), &caller.instance, &target.user).await?;
                    work.decide(
                        &mut user,
                        Command::AddToken {
                            id: added.clone(),
                            digest,
                            expires,
                            existing,
                        },
                    )?;
                    changed(&user)
                })
            },
        )
        .await?;
    Ok(TokenAdded { changed, id, token })
}

/// Removes a token: oneself, or with `user.credential.write`. From then on it is refused everywhere.
pub async fn remove(ctx: &Ctx, caller: &Caller, target: &Target, id: &TokenId) -> Result<Changed> {
    ctx.store
        .change(
            "user.token.remove",
            &caller.instance,
            &caller.user,
            ctx.now(),
            |work| {
                Box::pin(async move {
                    let (mut user, _) = access::user_for(work, caller, target, NEED).await?;
                    let exists = token::exists(work.snapshot(), &caller.instance, &target.user, id).await?;
                    work.decide(
                        &mut user,
                        Command::RemoveToken {
                            id: id.clone(),
                            exists,
                        },
                    )?;
                    changed(&user)
                })
            },
        )
        .await
}

/// A part of the tokens that were found.
#[derive(Clone, Debug)]
pub struct TokenPage {
    /// The tokens.
    pub tokens: Vec<TokenEntry>,
    /// How many were found in all.
    pub total: i64,
}

/// Searches the tokens of the users that the caller may read, oneself included.
pub async fn search(
    ctx: &Ctx,
    caller: &Caller,
    filter: &Filter<Leaf>,
    sort: SortBy,
    page: Page,
) -> Result<TokenPage> {
    let mut snapshot = ctx.store.snapshot().await?;
    let (tokens, total) = token_search::search(
        &mut snapshot,
        &caller.instance,
        &visible(caller),
        filter,
        (sort, page),
    )
    .await?;
    Ok(TokenPage { tokens, total })
}
