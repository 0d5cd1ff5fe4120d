//! Many at once: a code is accepted once, and a bound on guesses cannot be raced.

use std::{future::Future, sync::Arc};

use app::{
    Ctx, Error, Result, Target,
    user::{contact, otp},
};
use domain::{
    code::Miss,
    user::{Channel, Refusal},
};
use testkit::{TestCtx, read_sent};

use crate::given::*;

/// Runs the same thing `times` times at once.
async fn at_once<T, F>(times: usize, one: impl Fn() -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..times).map(|_| tokio::spawn(one())).collect();
    let mut answers = Vec::with_capacity(times);
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

fn shared(ctx: &TestCtx) -> Arc<Ctx> {
    Arc::clone(&ctx.ctx)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixty_four_right_codes_for_a_factor_one_is_accepted() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    for round in 0..200 {
        let (factor, code) = add_returning(&ctx, &owner, &target, NUMBER).await;
        let answers = at_once(64, || {
            let (ctx, owner, target) = (shared(&ctx), owner.clone(), target.clone());
            let (factor, code) = (factor.clone(), code.clone());
            async move { otp::verify(&ctx, &owner, &target, (Channel::Sms, &factor), code.reveal()).await }
        })
        .await;
        let accepted = answers.iter().filter(|a| a.is_ok()).count();
        assert_eq!(accepted, 1, "round {round}");
        let late = |a: &Result<_>| matches!(a, Ok(_) | Err(Error::Refused(Refusal::NoCode)));
        assert!(answers.iter().all(late), "round {round}");
        otp::remove(&ctx, &owner, &target, Channel::Sms, &factor)
            .await
            .unwrap();
    }
    assert_eq!(count(&ctx, &owner, &target.user, "otp_verified").await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixty_four_right_codes_for_a_contact_one_is_recorded() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    for round in 1..=50 {
        let code = set_returning(&ctx, &owner, &target, NUMBER).await;
        let answers = at_once(64, || {
            let (ctx, owner, target, code) = (shared(&ctx), owner.clone(), target.clone(), code.clone());
            async move { contact::verify(&ctx, &owner, &target, Channel::Sms, code.reveal()).await }
        })
        .await;
        assert!(answers.iter().all(Result::is_ok), "verified is verified");
        assert_eq!(count(&ctx, &owner, &target.user, "contact_verified").await, round);
        contact::remove(&ctx, &owner, &target, Channel::Sms)
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_hundred_wrong_codes_at_most_five_are_compared() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    for round in 0..50 {
        let target = somebody(&ctx, &owner).await;
        let (factor, code) = add_returning(&ctx, &owner, &target, NUMBER).await;
        let answers = at_once(200, || {
            let (ctx, owner, target) = (shared(&ctx), owner.clone(), target.clone());
            let (factor, wrong) = (factor.clone(), wrong(&code));
            async move { otp::verify(&ctx, &owner, &target, (Channel::Sms, &factor), &wrong).await }
        })
        .await;
        let compared = answers
            .into_iter()
            .map(miss)
            .filter(|m| *m == Miss::Wrong)
            .count();
        assert_eq!(compared, 5, "round {round}");
        assert_eq!(count(&ctx, &owner, &target.user, "otp_check_failed").await, 5);
        let answer = otp::verify(&ctx, &owner, &target, (Channel::Sms, &factor), code.reveal()).await;
        assert_eq!(miss(answer), Miss::Spent);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_sends_to_one_number_one_is_put_into_the_outbox() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let mut targets: Vec<Target> = Vec::new();
    for _ in 0..32 {
        targets.push(somebody(&ctx, &owner).await);
    }
    let tasks: Vec<_> = targets
        .into_iter()
        .map(|target| {
            let (ctx, owner) = (shared(&ctx), owner.clone());
            tokio::spawn(async move { otp::add(&ctx, &owner, &target, &to(&ctx, NUMBER, SEND)).await })
        })
        .collect();
    let mut sent = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => sent += 1,
            Err(Error::SendLimit(_)) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(sent, 1);
    assert_eq!(read_sent(&ctx).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_all_this_the_rows_are_what_the_log_says() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    at_once(64, || {
        let (ctx, owner, target) = (shared(&ctx), owner.clone(), target.clone());
        async move {
            for text in [NUMBER, "+41791234568", ADDRESS] {
                drop(contact::set(&ctx, &owner, &target, &to(&ctx, text, SEND)).await);
                drop(otp::add(&ctx, &owner, &target, &to(&ctx, text, SEND)).await);
            }
        }
    })
    .await;
    assert_eq!(
        store::rebuild_matches(&ctx.store).await.unwrap(),
        Vec::<String>::new()
    );
}
