//! The built-in inbox: who may read it, and the next message to wait for.

use std::time::Duration;

use app::{
    Caller, Ctx, Error,
    inbox::{self, InboxMessage, InboxQuery},
};
use domain::{
    access::{Permission, Role, Scope},
    user::Destination,
};
use testkit::TestCtx;
use tokio::time::Instant;

use crate::given::*;

/// Captures as a message that was put into the outbox now; answers its id.
async fn capture(ctx: &Ctx, by: &Caller, text: &str, code: &str) -> i64 {
    capture_of(ctx, by, &ctx.new_id(), (text, code)).await
}

async fn capture_of(ctx: &Ctx, by: &Caller, outbox_id: &str, (text, code): (&str, &str)) -> i64 {
    let destination: Destination = to(ctx, text, SEND).destination;
    let message = InboxMessage {
        id: 0,
        recipient: destination.as_str().to_owned(),
        channel: "sms".into(),
        kind: "verify_phone".into(),
        subject: String::new(),
        text: format!("{code} is your code"),
        code: code.into(),
        created: ctx.now(),
    };
    inbox::capture(
        ctx,
        &by.instance,
        (&by.user, &destination),
        (outbox_id, None),
        &message,
    )
    .await
    .unwrap();
    let newest = inbox::list(ctx, by, &InboxQuery::default()).await.unwrap();
    newest[0].id
}

fn asking(recipient: &str, after: Option<i64>) -> InboxQuery {
    InboxQuery {
        recipient: Some(recipient.into()),
        after,
        ..InboxQuery::default()
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(50)
}

#[tokio::test]
async fn messages_are_found_by_any_spelling_of_their_recipient() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    capture(&ctx, &owner, NUMBER, "111111").await;
    capture(&ctx, &owner, ADDRESS, "222222").await;
    for (spelling, code) in [
        ("+41 79 123 45 67", "111111"),
        // "?recipient=+41791234567", where the plus sign means a blank.
        (" 41791234567", "111111"),
        (" ADA@Example.com", "222222"),
    ] {
        let found = inbox::list(&ctx, &owner, &asking(spelling, None)).await.unwrap();
        assert_eq!(found.len(), 1, "{spelling}");
        assert_eq!(found[0].code, code);
    }
    assert!(
        inbox::list(&ctx, &owner, &asking("nonsense", None))
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn waiting_gives_the_next_message_and_not_a_later_one() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let first = capture(&ctx, &owner, NUMBER, "111111").await;
    let second = capture(&ctx, &owner, NUMBER, "222222").await;
    capture(&ctx, &owner, NUMBER, "333333").await;
    let mut codes = Vec::new();
    let mut after = 1;
    while let Some(next) = inbox::wait(&ctx, &owner, &asking(NUMBER, Some(after)), soon())
        .await
        .unwrap()
    {
        codes.push(next.code);
        after = next.id;
    }
    assert_eq!(codes, ["111111", "222222", "333333"]);
    assert!(first < second);
    let newest = inbox::wait(&ctx, &owner, &asking(NUMBER, None), soon())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        newest.code, "333333",
        "who names no message before gets the newest"
    );
}

#[tokio::test]
async fn a_message_that_was_put_back_and_captured_later_is_the_next_one() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let put_back = ctx.new_id();
    let seen = capture(&ctx, &owner, NUMBER, "222222").await;
    for _ in 0..2 {
        capture_of(&ctx, &owner, &put_back, (NUMBER, "111111")).await;
    }
    let next = inbox::wait(&ctx, &owner, &asking(NUMBER, Some(seen)), soon()).await;
    assert_eq!(next.unwrap().unwrap().code, "111111");
    let both = InboxQuery {
        after: Some(0),
        most: 10,
        ..InboxQuery::default()
    };
    let both = inbox::list(&ctx, &owner, &both).await.unwrap();
    assert_eq!(both.len(), 2, "captured twice, shown once");
    assert!(both[0].id == seen && both[0].id < both[1].id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_is_woken() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let waiting = {
        let (ctx, owner) = (ctx.ctx.clone(), owner.clone());
        let deadline = Instant::now() + Duration::from_secs(20);
        tokio::spawn(async move { inbox::wait(&ctx, &owner, &asking(NUMBER, None), deadline).await })
    };
    capture(&ctx, &owner, ADDRESS, "000000").await;
    capture(&ctx, &owner, NUMBER, "111111").await;
    assert_eq!(waiting.await.unwrap().unwrap().unwrap().code, "111111");
}

#[tokio::test]
async fn the_inbox_is_for_whoever_runs_the_instance() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let id = capture(&ctx, &owner, NUMBER, "111111").await;
    let org_owner = ctx
        .caller_with(&[(Scope::Org(ctx.foundation.org.clone()), Role::OrgOwner)])
        .await;
    let plain = ctx.plain_user().await;
    let query = InboxQuery {
        most: 10,
        ..InboxQuery::default()
    };
    assert_eq!(inbox::list(&ctx, &owner, &query).await.unwrap().len(), 1);
    // Whoever reads the codes of all can become any of them.
    let viewer = ctx.caller_with(&[(Scope::Instance, Role::IamOwnerViewer)]).await;
    let login = ctx.caller_with(&[(Scope::Instance, Role::IamLoginClient)]).await;
    for caller in [&org_owner, &viewer, &login] {
        let answers = [
            inbox::list(&ctx, caller, &query).await.map(drop),
            inbox::wait(&ctx, caller, &query, soon()).await.map(drop),
            inbox::delete(&ctx, caller, id).await,
        ];
        for answer in answers {
            assert!(matches!(answer, Err(Error::Denied(Permission::IamWrite))));
        }
    }
    assert!(matches!(
        inbox::list(&ctx, &plain, &query).await,
        Err(Error::NoMembership)
    ));
    inbox::delete(&ctx, &owner, id).await.unwrap();
    assert!(matches!(
        inbox::delete(&ctx, &owner, id).await,
        Err(Error::NotFound)
    ));
    assert!(inbox::list(&ctx, &owner, &query).await.unwrap().is_empty());
}
