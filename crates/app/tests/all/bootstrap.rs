//! The first start, and every one after it.

use app::{bootstrap, user};
use domain::access::{Role, Scope};
use testkit::{ManualClock, START, TestCtx, TestOptions, context};

use crate::given::read;

#[tokio::test]
async fn a_second_start_finds_what_the_first_one_made() {
    let mut ctx = TestCtx::new().await;
    let first = ctx.foundation.clone();
    assert!(first.automation_token.is_some());
    ctx.database.reopen().await;
    for _ in 0..2 {
        let again = context(ctx.database.store.clone(), &ctx.clock, TestOptions::default());
        let second = bootstrap::found(&again).await.unwrap();
        assert_eq!((&second.instance, &second.org), (&first.instance, &first.org));
        assert!(second.automation_token.is_none() && second.users.is_none());
    }
    let mut snapshot = ctx.database.store.snapshot().await.unwrap();
    let sql = "SELECT count(*) FROM users";
    let users = snapshot.first(sql, &[], |row| row.int(0)).await.unwrap();
    assert_eq!(users, Some(2));
}

/// As servers do that start together on one empty database.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_first_starts_at_once_one_lays_the_foundation_of_all() {
    let database = testkit::database::any().await;
    let clock = ManualClock::at(START);
    let starts: Vec<_> = (0..8)
        .map(|seed| {
            let options = TestOptions {
                seed,
                ..TestOptions::default()
            };
            let ctx = context(database.store.clone(), &clock, options);
            tokio::spawn(async move {
                assert!(
                    bootstrap::check_master_key(&ctx).await.unwrap(),
                    "all have one key"
                );
                bootstrap::found(&ctx).await.unwrap()
            })
        })
        .collect();
    let mut laid = Vec::new();
    for start in starts {
        laid.push(start.await.unwrap());
    }
    assert!(
        laid.iter()
            .all(|l| (&l.instance, &l.org) == (&laid[0].instance, &laid[0].org))
    );
    assert_eq!(laid.iter().filter(|l| l.automation_token.is_some()).count(), 1);
    let stranger = TestOptions {
        key: 9,
        ..TestOptions::default()
    };
    let stranger = context(database.store.clone(), &clock, stranger);
    assert!(!bootstrap::check_master_key(&stranger).await.unwrap());
}

#[tokio::test]
async fn the_first_users_own_the_instance() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let users = ctx.foundation.users.clone().unwrap();
    assert_eq!(owner.user, users.automation);
    for id in [users.admin, users.automation] {
        let person = read(&ctx, &owner, &app::Target::of(id)).await.1;
        assert_eq!(person.org, ctx.foundation.org);
        assert_eq!(person.memberships[0].scope, Scope::Instance);
        assert_eq!(person.memberships[0].roles, [Role::IamOwner]);
    }
    user::create(&ctx, &owner, &crate::given::nobody_yet())
        .await
        .unwrap();
}

#[tokio::test]
async fn another_master_key_is_noticed() {
    let ctx = TestCtx::new().await;
    let with_key = |key| {
        context(
            ctx.store.clone(),
            &ctx.clock,
            TestOptions {
                key,
                ..TestOptions::default()
            },
        )
    };
    assert!(bootstrap::check_master_key(&ctx).await.unwrap());
    assert!(bootstrap::check_master_key(&with_key(7)).await.unwrap());
    assert!(!bootstrap::check_master_key(&with_key(8)).await.unwrap());
    assert!(bootstrap::check_master_key(&with_key(7)).await.unwrap());
}
