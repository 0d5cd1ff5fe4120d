//! Searching users: who is found by whom, and in which form texts are compared.

use app::{
    Caller, Target,
    user::{
        self,
        code::Verification,
        search::{self, Filter, Leaf, Page, SortBy, TextMatch},
        username::NewUsername,
    },
};
use domain::{
    access::{Role, Scope},
    base::{Span, UserId},
};
use testkit::TestCtx;

use crate::given::*;

const PAGE: Page = Page {
    offset: 0,
    limit: 100,
    descending: false,
};

async fn find(ctx: &TestCtx, by: &Caller, leaf: Leaf) -> Vec<UserId> {
    let found = search::search(ctx, by, &Filter::Leaf(leaf), SortBy::Created, PAGE).await;
    found.unwrap().users.into_iter().map(|one| one.id).collect()
}

async fn everybody(ctx: &TestCtx, by: &Caller) -> Vec<UserId> {
    let all = Filter::All(Vec::new());
    let found = search::search(ctx, by, &all, SortBy::Created, PAGE)
        .await
        .unwrap();
    assert_eq!(found.total, i64::try_from(found.users.len()).unwrap());
    found.users.into_iter().map(|one| one.id).collect()
}

#[tokio::test]
async fn callers_find_whom_they_may_read() {
    let ctx = TestCtx::new().await;
    let there = ctx.organization("elsewhere.example.com").await;
    let here = ctx.foundation.org.clone();
    let mut callers = Vec::new();
    for (org, roles) in [
        (&here, vec![]),
        (&here, vec![(Scope::Org(here.clone()), Role::OrgOwnerViewer)]),
        (&there, vec![(Scope::Org(here.clone()), Role::OrgUserManager)]),
        (&there, vec![(Scope::Instance, Role::IamOwnerViewer)]),
        (&there, vec![]),
    ] {
        ctx.advance(Span(1));
        callers.push(ctx.member_of(org, &roles).await);
    }
    let ids: Vec<UserId> = callers.iter().map(|caller| caller.user.clone()).collect();
    let in_org = |found: &[UserId], of: &[usize]| {
        assert!(of.iter().all(|n| found.contains(&ids[*n])), "{of:?}");
        let others = (0..ids.len()).filter(|n| !of.contains(n));
        assert!(others.into_iter().all(|n| !found.contains(&ids[n])), "{of:?}");
    };
    assert_eq!(
        everybody(&ctx, &callers[0]).await,
        [ids[0].clone()],
        "oneself, nobody else"
    );
    in_org(&everybody(&ctx, &callers[1]).await, &[0, 1]);
    in_org(&everybody(&ctx, &callers[2]).await, &[0, 1, 2]);
    in_org(&everybody(&ctx, &callers[3]).await, &[0, 1, 2, 3, 4]);
    assert_eq!(everybody(&ctx, &callers[4]).await, [ids[4].clone()]);
    let by_id = |n: usize| Leaf::Id(TextMatch::Equals, ids[n].to_string());
    assert_eq!(
        find(&ctx, &callers[0], by_id(1)).await,
        [],
        "a right filter opens nothing"
    );
    let not = Filter::Not(Box::new(Filter::Leaf(by_id(0))));
    let found = search::search(&ctx, &callers[0], &not, SortBy::Id, PAGE)
        .await
        .unwrap();
    assert_eq!(
        (found.users.len(), found.total),
        (0, 0),
        "nor does its opposite, nor the count"
    );
}

#[tokio::test]
async fn texts_are_compared_in_the_form_that_counts() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let mut new = nobody_yet();
    new.email = Some(to(&ctx, "Ada.Lovelace@Bücher.example", Verification::Vouched));
    new.phone = Some(to(&ctx, NUMBER, Verification::Vouched));
    new.usernames = vec![
        NewUsername::parse("Straße", false).unwrap(),
        NewUsername::parse("work", true).unwrap(),
    ];
    let ada = user::create(&ctx, &owner, &new).await.unwrap().changed.id;
    let yes = [ada];
    let name = |how, text: &str, only_org| search::by_username(how, text, only_org);
    let (email, phone) = (search::by_email, |how, text: &str| {
        search::by_phone(&ctx, how, text)
    });
    for leaf in [
        name(TextMatch::Equals, "STRASSE", false),
        name(TextMatch::EqualsIgnoreCase, "straße", false),
        name(TextMatch::StartsWith, "Stras", false),
        name(TextMatch::ContainsIgnoreCase, "RASS", false),
        name(TextMatch::EndsWith, "ße", false),
        name(TextMatch::Equals, "Work", true),
        email(TextMatch::Equals, "ada.lovelace@BÜCHER.example"),
        email(TextMatch::Equals, "ADA.lovelace@xn--bcher-kva.example"),
        email(TextMatch::StartsWith, "ada.L"),
        email(TextMatch::EndsWithIgnoreCase, ".EXAMPLE"),
        phone(TextMatch::Equals, "+41 79 123 45 67"),
        phone(TextMatch::StartsWith, "+41 79"),
        phone(TextMatch::Contains, "123-45"),
    ] {
        assert_eq!(find(&ctx, &owner, leaf.clone()).await, yes, "{leaf:?}");
    }
    for leaf in [
        name(TextMatch::Equals, "strass", false),
        name(TextMatch::Equals, "strasse", true),
        email(TextMatch::Equals, "ada.lovelace"),
        phone(TextMatch::Equals, "+41791234568"),
        phone(TextMatch::StartsWith, "4179"),
    ] {
        assert_eq!(find(&ctx, &owner, leaf.clone()).await, [], "{leaf:?}");
    }
}

#[tokio::test]
async fn what_is_searched_for_follows_every_change() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let target = Target::of(ctx.plain_user().await.user);
    let by_number = || search::by_phone(&ctx, TextMatch::Equals, NUMBER);
    set_returning(&ctx, &owner, &target, NUMBER).await;
    assert_eq!(
        find(&ctx, &owner, by_number()).await,
        std::slice::from_ref(&target.user)
    );
    set_returning(&ctx, &owner, &target, "+41791234568").await;
    assert_eq!(find(&ctx, &owner, by_number()).await, []);
    set_returning(&ctx, &owner, &target, NUMBER).await;
    user::delete(&ctx, &owner, &target).await.unwrap();
    assert_eq!(find(&ctx, &owner, by_number()).await, []);
}
