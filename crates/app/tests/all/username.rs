//! Usernames: several for a user, nobody else's, and free again when they go.

use app::{
    Caller, Error, OrgRef, Result, Target,
    user::{
        self,
        username::{self, NewUsername},
    },
};
use domain::{
    access::{Role, Scope},
    base::UsernameId,
    user::{NameScope, Refusal},
};
use testkit::TestCtx;

use crate::given::*;

fn wide(name: &str) -> NewUsername {
    NewUsername::parse(name, false).unwrap()
}

fn in_org(name: &str) -> NewUsername {
    NewUsername::parse(name, true).unwrap()
}

async fn add(ctx: &TestCtx, by: &Caller, target: &Target, new: &NewUsername) -> UsernameId {
    username::add(ctx, by, target, new).await.unwrap().id
}

fn is_taken<T>(answer: &Result<T>) -> bool {
    matches!(answer, Err(Error::Refused(Refusal::UsernameTaken)))
}

#[tokio::test]
async fn names_are_read_back_as_they_were_written() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let me = ctx.plain_user().await;
    let target = Target::of(me.user.clone());
    let ada = add(&ctx, &me, &target, &wide("Ada")).await;
    let work = add(&ctx, &owner, &target, &in_org("a.lovelace")).await;
    assert_ne!(ada, work);
    let (_, person) = read(&ctx, &me, &target).await;
    let shown: Vec<_> = person
        .usernames
        .iter()
        .map(|n| (&n.id, n.name.as_str(), n.scope))
        .collect();
    assert_eq!(
        shown,
        [
            (&ada, "Ada", NameScope::Instance),
            (&work, "a.lovelace", NameScope::Org)
        ]
    );
    let names = username::login_names(&ctx, &me, &person).await.unwrap();
    assert_eq!(names[0], "Ada");
    assert!(names[1].starts_with("a.lovelace@"), "{names:?}");
    username::remove(&ctx, &me, &target, &ada).await.unwrap();
    let answer = username::remove(&ctx, &me, &target, &ada).await;
    assert!(matches!(answer, Err(Error::Refused(Refusal::UsernameNotFound))));
    assert_eq!(read(&ctx, &me, &target).await.1.usernames.len(), 1);
}

#[tokio::test]
async fn a_name_is_unique_where_it_says_and_in_one_form() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let there = ctx.organization("elsewhere.example.com").await;
    let (one, two) = (somebody(&ctx, &owner).await, somebody(&ctx, &owner).await);
    let mut new = nobody_yet();
    new.org = Some(OrgRef::Id(there));
    let three = Target::of(user::create(&ctx, &owner, &new).await.unwrap().changed.id);
    add(&ctx, &owner, &one, &wide("Straße")).await;
    for other in [&one, &two, &three] {
        assert!(is_taken(
            &username::add(&ctx, &owner, other, &wide("STRASSE")).await
        ));
    }
    add(&ctx, &owner, &one, &in_org("ada")).await;
    assert!(is_taken(&username::add(&ctx, &owner, &two, &in_org("ADA")).await));
    add(&ctx, &owner, &three, &in_org("ada")).await;
    add(&ctx, &owner, &two, &wide("ada")).await;
}

#[tokio::test]
async fn one_login_name_never_leads_to_two_users() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let there = ctx.organization("elsewhere.example.com").await;
    let mut new = nobody_yet();
    new.org = Some(OrgRef::Id(there));
    let three = Target::of(user::create(&ctx, &owner, &new).await.unwrap().changed.id);
    add(&ctx, &owner, &three, &in_org("cfo")).await;
    let me = ctx.plain_user().await;
    let own = Target::of(me.user.clone());
    let is_refused = |error: Error| format!("{error:?}").contains("OfOrganization");
    for name in [
        "cfo@elsewhere.example.com",
        "nobody@Elsewhere.EXAMPLE.com",
        "a@b@elsewhere.example.com",
    ] {
        let answer = username::add(&ctx, &me, &own, &wide(name)).await;
        assert!(is_refused(answer.err().unwrap()), "{name}");
        let mut new = nobody_yet();
        new.usernames = vec![wide(name)];
        assert!(
            is_refused(user::create(&ctx, &owner, &new).await.err().unwrap()),
            "{name}"
        );
    }
    for name in [
        "cfo@example.com",
        "elsewhere.example.com",
        "cfo@x.elsewhere.example.com",
    ] {
        add(&ctx, &me, &own, &wide(name)).await;
    }
    add(&ctx, &owner, &own, &in_org("cfo@elsewhere.example.com")).await;
}

/// Of each name that a user was ever given, whether its text is still known.
async fn kept_names(ctx: &TestCtx, by: &Caller, target: &Target) -> Vec<bool> {
    let mut snapshot = ctx.store.snapshot().await.unwrap();
    let history = snapshot
        .history::<domain::user::User>(&by.instance, target.user.as_str())
        .await
        .unwrap();
    let known = history.iter().filter_map(|logged| match &logged.event {
        domain::user::Event::UsernameAdded { name, .. } => Some(name.known().is_some()),
        _ => None,
    });
    known.collect()
}

#[tokio::test]
async fn a_name_that_went_is_free() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let (one, two) = (somebody(&ctx, &owner).await, somebody(&ctx, &owner).await);
    let id = add(&ctx, &owner, &one, &wide("ada")).await;
    username::remove(&ctx, &owner, &one, &id).await.unwrap();
    add(&ctx, &owner, &two, &wide("ada")).await;
    user::delete(&ctx, &owner, &two).await.unwrap();
    assert!(kept_names(&ctx, &owner, &two).await.iter().all(|known| !known));
    add(&ctx, &owner, &one, &wide("Ada")).await;
    assert_eq!(kept_names(&ctx, &owner, &one).await, [true, true]);
    assert_eq!(
        store::rebuild_matches(&ctx.store).await.unwrap(),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn a_user_is_created_with_its_names_or_not_at_all() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let with = |id: &str, names: &[&str]| {
        let mut new = nobody_yet();
        new.id = Some(domain::base::UserId::from_trusted(id));
        new.usernames = names.iter().map(|name| wide(name)).collect();
        new
    };
    user::create(&ctx, &owner, &with("one", &["ada", "bea"]))
        .await
        .unwrap();
    let one = Target::of("one".into());
    assert_eq!(read(&ctx, &owner, &one).await.1.usernames.len(), 2);
    for names in [&["cleo", "ADA"][..], &["dora", "DORA"]] {
        assert!(is_taken(&user::create(&ctx, &owner, &with("two", names)).await));
        let two = Target::of("two".into());
        assert!(matches!(
            user::get(&ctx, &owner, &two).await,
            Err(Error::NotFound)
        ));
    }
    user::create(&ctx, &owner, &with("two", &["cleo", "dora"]))
        .await
        .unwrap();
    let names: Vec<String> = (0..11).map(|n| format!("name{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let answer = user::create(&ctx, &owner, &with("three", &names)).await;
    assert!(matches!(answer, Err(Error::Refused(Refusal::TooManyUsernames))));
    assert_eq!(
        store::rebuild_matches(&ctx.store).await.unwrap(),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn eleven_names_are_one_too_many() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    for n in 0..10 {
        add(&ctx, &owner, &target, &wide(&format!("ada{n}"))).await;
    }
    let answer = username::add(&ctx, &owner, &target, &wide("ada")).await;
    assert!(matches!(answer, Err(Error::Refused(Refusal::TooManyUsernames))));
}

#[tokio::test]
async fn whoever_may_not_change_a_user_learns_nothing_about_names() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let stranger = ctx.plain_user().await;
    let reader = ctx.caller_with(&[(Scope::Instance, Role::IamOwnerViewer)]).await;
    let target = somebody(&ctx, &owner).await;
    add(&ctx, &owner, &target, &wide("ada")).await;
    for name in ["ada", "free"] {
        let answer = username::add(&ctx, &stranger, &target, &wide(name)).await;
        assert!(matches!(answer, Err(Error::NotFound)), "{name}");
        let answer = username::add(&ctx, &reader, &target, &wide(name)).await;
        assert!(matches!(answer, Err(Error::Denied(_))), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_thirty_two_users_who_want_one_name_one_gets_it() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    for (round, new) in [wide("ada"), in_org("ada"), wide("ADÁ")].into_iter().enumerate() {
        let mut tasks = Vec::new();
        for _ in 0..32 {
            let target = somebody(&ctx, &owner).await;
            let (ctx, owner, new) = (std::sync::Arc::clone(&ctx.ctx), owner.clone(), new.clone());
            tasks.push(tokio::spawn(async move {
                username::add(&ctx, &owner, &target, &new).await
            }));
        }
        let mut given = 0;
        for task in tasks {
            let answer = task.await.unwrap();
            assert!(answer.is_ok() || is_taken(&answer), "{answer:?}");
            given += usize::from(answer.is_ok());
        }
        assert_eq!(given, 1, "round {round}");
    }
    assert_eq!(
        store::rebuild_matches(&ctx.store).await.unwrap(),
        Vec::<String>::new()
    );
}
