//! How often something is sent, and that a refused send changes nothing.

use app::{
    Caller, Ctx, Error, Language, Result, Target,
    user::{
        code::Verification,
        contact::{self, ResendFrom},
        otp,
    },
};
use domain::{
    base::{Span, Timestamp},
    user::Channel,
};
use testkit::{START, TestCtx, read_sent};

use crate::given::*;

async fn send(ctx: &Ctx, by: &Caller, target: &Target, text: &str) -> Result<(), Timestamp> {
    match otp::add(ctx, by, target, &to(ctx, text, SEND)).await {
        Ok(_) => Ok(()),
        Err(Error::SendLimit(until)) => Err(until),
        Err(other) => panic!("{other:?}"),
    }
}

fn at(seconds: i64) -> Timestamp {
    START + Span::seconds(seconds)
}

#[tokio::test]
async fn a_destination_gets_one_in_thirty_seconds_five_an_hour_ten_a_day() {
    for text in [NUMBER, ADDRESS] {
        let ctx = TestCtx::new().await;
        let owner = ctx.owner().await;
        let target = somebody(&ctx, &owner).await;
        send(&ctx, &owner, &target, text).await.unwrap();
        ctx.clock.set(at(30) - Span(1));
        assert_eq!(send(&ctx, &owner, &target, text).await, Err(at(30)));
        for n in 1..5 {
            ctx.clock.set(at(30 * n));
            send(&ctx, &owner, &target, text).await.unwrap();
        }
        ctx.clock.set(at(150));
        assert_eq!(send(&ctx, &owner, &target, text).await, Err(at(3600)));
        for n in 0..5 {
            ctx.clock.set(at(3600 + 30 * n));
            send(&ctx, &owner, &target, text).await.unwrap();
        }
        ctx.clock.set(at(10_000));
        assert_eq!(send(&ctx, &owner, &target, text).await, Err(at(86_400)));
        ctx.clock.set(at(86_400));
        send(&ctx, &owner, &target, text).await.unwrap();
    }
}

#[tokio::test]
async fn it_does_not_matter_who_asks_for_what_or_how_it_is_spelled() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let (one, two) = (somebody(&ctx, &owner).await, somebody(&ctx, &owner).await);
    for text in [NUMBER, ADDRESS] {
        send(&ctx, &owner, &one, text).await.unwrap();
        assert_eq!(send(&ctx, &owner, &two, text).await, Err(at(30)));
        let otherwise = if text == NUMBER {
            "+41 79 123-45-67"
        } else {
            "ADA@EXAMPLE.COM"
        };
        assert_eq!(send(&ctx, &owner, &two, otherwise).await, Err(at(30)));
        let answer = contact::set(&ctx, &owner, &two, &to(&ctx, text, SEND)).await;
        assert!(matches!(answer, Err(Error::SendLimit(until)) if until == at(30)));
    }
}

#[tokio::test]
async fn a_user_causes_thirty_a_day_over_all_destinations() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    for n in 0..30 {
        let text = format!("+417912345{n:02}");
        contact::set(&ctx, &owner, &target, &to(&ctx, &text, SEND))
            .await
            .unwrap();
    }
    let answer = contact::set(&ctx, &owner, &target, &to(&ctx, "+41791234599", SEND)).await;
    assert!(matches!(answer, Err(Error::SendLimit(until)) if until == at(86_400)));
    let other = somebody(&ctx, &owner).await;
    contact::set(&ctx, &owner, &other, &to(&ctx, "+41791234599", SEND))
        .await
        .expect("others are not concerned");
    set_returning(&ctx, &owner, &target, NUMBER).await;
}

#[tokio::test]
async fn a_returned_code_is_no_send() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    for _ in 0..40 {
        add_returning(&ctx, &owner, &target, NUMBER).await;
        set_returning(&ctx, &owner, &target, NUMBER).await;
    }
    send(&ctx, &owner, &target, NUMBER).await.unwrap();
    assert_eq!(read_sent(&ctx).await.len(), 1);
}

#[tokio::test]
async fn a_refused_send_changes_nothing() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    contact::set(&ctx, &owner, &target, &to(&ctx, NUMBER, SEND))
        .await
        .unwrap();
    let code = read_sent(&ctx).await.remove(0).code;
    let before = read(&ctx, &owner, &target).await;
    let from = (ResendFrom::PendingCode, Language::En);
    for _ in 0..3 {
        let answer = contact::resend(&ctx, &owner, &target, Channel::Sms, &SEND, from).await;
        assert!(matches!(answer, Err(Error::SendLimit(until)) if until == at(30)));
        assert_eq!(send(&ctx, &owner, &target, NUMBER).await, Err(at(30)));
    }
    assert_eq!(read(&ctx, &owner, &target).await, before);
    assert!(read_sent(&ctx).await.is_empty());
    ctx.clock.set(at(30));
    contact::verify(&ctx, &owner, &target, Channel::Sms, &code)
        .await
        .expect("the first code still counts");
    let resend = contact::resend(&ctx, &owner, &target, Channel::Sms, &Verification::Return, from).await;
    assert!(resend.is_err(), "nothing is left to verify");
    send(&ctx, &owner, &target, NUMBER)
        .await
        .expect("refusals were not counted");
}
