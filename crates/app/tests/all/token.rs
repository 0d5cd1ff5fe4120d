//! Personal access tokens: only the exact text opens, and only while its user may sign in.

use app::{
    Caller, Error,
    access::authenticate,
    secret::read_token,
    user::{
        self, Transition,
        token::{self, Filter, Leaf, Page, SortBy},
    },
};
use domain::{
    access::{Role, Scope},
    base::Span,
    user::Refusal,
};
use testkit::TestCtx;

use crate::given::*;

async fn opens(ctx: &TestCtx, token: &str) -> bool {
    authenticate(ctx, ctx.fresh().await, &ctx.foundation.instance, token)
        .await
        .unwrap()
        .is_some()
}

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Every text that is near this token without being it.
fn mutations(token: &str) -> Vec<String> {
    let bytes = token.as_bytes();
    let mut all: Vec<String> = (0..token.len()).map(|n| token[..n].to_owned()).collect();
    all.extend((1..=token.len()).map(|n| token[n..].to_owned()));
    for at in 0..bytes.len() {
        for other in ALPHABET.iter().filter(|b| **b != bytes[at]) {
            let mut changed = bytes.to_vec();
            changed[at] = *other;
            all.push(String::from_utf8(changed).unwrap());
        }
        for bit in 0..7 {
            let mut changed = bytes.to_vec();
            changed[at] ^= 1 << bit;
            all.push(String::from_utf8(changed).unwrap());
        }
    }
    for extra in ["=", "==", "A", "AA", "AAAA", " ", "\n", "\0", "é", token] {
        all.push(format!("{token}{extra}"));
        all.push(format!("{extra}{token}"));
    }
    all.push(token.to_lowercase());
    all.push(token.to_uppercase());
    all.push(token.replace('-', "+").replace('_', "/") + "=");
    all.push(token.replace('A', "%41"));
    all.retain(|t| t != token);
    all
}

#[tokio::test]
async fn nothing_but_the_exact_text_opens() {
    let ctx = TestCtx::new().await;
    let token = ctx.foundation.automation_token.clone().unwrap();
    assert!(opens(&ctx, token.reveal()).await);
    let mutations = mutations(token.reveal());
    assert!(mutations.len() > 3000);
    for text in mutations {
        assert!(!opens(&ctx, &text).await, "{text:?}");
    }
    let other = authenticate(&ctx, ctx.fresh().await, &"other".into(), token.reveal())
        .await
        .unwrap();
    assert!(other.is_none(), "a token of another instance");
    assert!(read_token(token.reveal()).is_some());
}

#[tokio::test]
async fn a_token_is_refused_at_once_when_its_user_may_not_sign_in() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    let added = token::add(&ctx, &owner, &target, None).await.unwrap();
    let works = async || opens(&ctx, added.token.reveal()).await;
    assert!(works().await);
    for (away, back) in [
        (Transition::Lock, Transition::Unlock),
        (Transition::Deactivate, Transition::Activate),
    ] {
        user::transition(&ctx, &owner, &target, away).await.unwrap();
        assert!(!works().await, "{away:?}");
        user::transition(&ctx, &owner, &target, back).await.unwrap();
        assert!(works().await);
    }
    let second = token::add(&ctx, &owner, &target, None).await.unwrap();
    token::remove(&ctx, &owner, &target, &second.id).await.unwrap();
    assert!(!opens(&ctx, second.token.reveal()).await);
    assert!(works().await);
    user::delete(&ctx, &owner, &target).await.unwrap();
    assert!(!works().await);
    let again = user::NewUser {
        id: Some(target.user.clone()),
        ..nobody_yet()
    };
    user::create(&ctx, &owner, &again).await.unwrap();
    assert!(!works().await, "a later user of the same id inherits nothing");
}

#[tokio::test]
async fn a_token_ends_at_its_expiry() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    let expires = ctx.now() + Span::hours(1);
    let added = token::add(&ctx, &owner, &target, Some(expires)).await.unwrap();
    ctx.clock.set(expires - Span(1));
    assert!(opens(&ctx, added.token.reveal()).await);
    ctx.clock.set(expires);
    assert!(!opens(&ctx, added.token.reveal()).await);
    let answer = token::add(&ctx, &owner, &target, Some(expires)).await;
    assert!(matches!(answer, Err(Error::Refused(Refusal::ExpiryPast))));
}

#[tokio::test]
async fn a_token_is_removed_by_its_own_user_alone() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let (one, two) = (somebody(&ctx, &owner).await, somebody(&ctx, &owner).await);
    let added = token::add(&ctx, &owner, &one, None).await.unwrap();
    let answer = token::remove(&ctx, &owner, &two, &added.id).await;
    assert!(matches!(answer, Err(Error::Refused(Refusal::TokenNotFound))));
    assert!(opens(&ctx, added.token.reveal()).await);
}

#[tokio::test]
async fn the_hundred_and_first_token_is_refused() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    for _ in 0..100 {
        token::add(&ctx, &owner, &target, None).await.unwrap();
    }
    let answer = token::add(&ctx, &owner, &target, None).await;
    assert!(matches!(answer, Err(Error::Refused(Refusal::TooManyTokens))));
}

async fn owners_listed(ctx: &TestCtx, caller: &Caller, user: Option<&Caller>) -> Vec<domain::base::UserId> {
    let of_user = user.map(|u| Filter::Leaf(Leaf::User(u.user.to_string())));
    let filter = Filter::All(of_user.into_iter().collect());
    let page = Page {
        offset: 0,
        limit: 1000,
        descending: false,
    };
    let found = token::search(ctx, caller, &filter, SortBy::User, page)
        .await
        .unwrap();
    let mut owners: Vec<_> = found.tokens.into_iter().map(|t| t.user).collect();
    owners.dedup();
    owners
}

#[tokio::test]
async fn a_list_shows_what_its_caller_may_see_and_nothing_that_was_not_asked_for() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let elsewhere = ctx.organization("elsewhere.example.com").await;
    let (one, two) = (ctx.plain_user().await, ctx.plain_user().await);
    let foreign = ctx
        .member_of(&elsewhere, &[(Scope::Org(elsewhere.clone()), Role::OrgOwner)])
        .await;

    assert_eq!(owners_listed(&ctx, &owner, None).await.len(), 4);
    assert_eq!(
        owners_listed(&ctx, &owner, Some(&two)).await,
        std::slice::from_ref(&two.user)
    );
    assert_eq!(
        owners_listed(&ctx, &one, None).await,
        std::slice::from_ref(&one.user)
    );
    assert_eq!(
        owners_listed(&ctx, &one, Some(&one)).await,
        std::slice::from_ref(&one.user)
    );
    assert_eq!(
        owners_listed(&ctx, &foreign, None).await,
        std::slice::from_ref(&foreign.user)
    );
    assert_eq!(owners_listed(&ctx, &foreign, Some(&one)).await, []);
    assert_eq!(owners_listed(&ctx, &one, Some(&two)).await, []);
}
