//! OTP factors through the use cases: register, resend by adding again, verify, remove, bind.

use app::{
    Error, Language, Target,
    user::{
        self, UserPatch,
        code::Verification,
        contact::{self, ResendFrom},
        otp,
    },
};
use domain::{
    access::{Permission, Role, Scope},
    base::{FactorId, Span},
    code::Miss,
    user::{Channel, OtpProof, Refusal},
};
use testkit::{TestCtx, read_sent};

use crate::given::*;

#[tokio::test]
async fn a_factor_is_registered_and_verified_once() {
    let ctx = TestCtx::new().await;
    let caller = ctx.plain_user().await;
    let me = Target::of(caller.user.clone());
    for (channel, text) in BOTH {
        let added = otp::add(&ctx, &caller, &me, &to(&ctx, text, SEND)).await.unwrap();
        let message = read_sent(&ctx).await.remove(0);
        assert_eq!(message.cause, "otp_code_issued");
        let person = read(&ctx, &caller, &me).await.1;
        assert!(!person.otp_ready(person.otp(channel, &added.factor).unwrap()));
        let other = match channel {
            Channel::Sms => Channel::Email,
            Channel::Email => Channel::Sms,
        };
        let answer = otp::verify(&ctx, &caller, &me, (other, &added.factor), &message.code).await;
        assert!(matches!(answer, Err(Error::Refused(Refusal::FactorNotFound(c))) if c == other));
        otp::verify(&ctx, &caller, &me, (channel, &added.factor), &message.code)
            .await
            .unwrap();
        let person = read(&ctx, &caller, &me).await.1;
        assert!(person.otp_ready(person.otp(channel, &added.factor).unwrap()));
        let answer = otp::verify(&ctx, &caller, &me, (channel, &added.factor), &message.code).await;
        assert!(matches!(answer, Err(Error::Refused(Refusal::NoCode))));
        let answer = otp::add(&ctx, &caller, &me, &to(&ctx, text, SEND)).await;
        assert!(matches!(answer, Err(Error::Refused(Refusal::FactorExists(_)))));

        otp::remove(&ctx, &caller, &me, channel, &added.factor)
            .await
            .unwrap();
        let answer = otp::remove(&ctx, &caller, &me, channel, &added.factor).await;
        assert!(matches!(answer, Err(Error::Refused(Refusal::FactorNotFound(_)))));
    }
}

#[tokio::test]
async fn adding_a_pending_number_again_is_the_resend() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    for (channel, text) in BOTH {
        let target = somebody(&ctx, &owner).await;
        let (factor, first) = add_returning(&ctx, &owner, &target, text).await;
        let (same, second) = add_returning(&ctx, &owner, &target, text).await;
        assert_eq!(factor, same);
        let answer = otp::verify(&ctx, &owner, &target, (channel, &factor), first.reveal()).await;
        assert_eq!(miss(answer), Miss::Wrong);
        otp::verify(&ctx, &owner, &target, (channel, &factor), second.reveal())
            .await
            .unwrap();
        assert_eq!(read(&ctx, &owner, &target).await.1.otps.len(), 1);
    }
}

#[tokio::test]
async fn a_code_fits_its_user_and_purpose_and_factor_alone() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let (one, two) = (somebody(&ctx, &owner).await, somebody(&ctx, &owner).await);
    let (factor, code) = add_returning(&ctx, &owner, &one, NUMBER).await;
    let (other, _) = add_returning(&ctx, &owner, &one, "+41791234568").await;
    let (foreign, _) = add_returning(&ctx, &owner, &two, NUMBER).await;
    set_returning(&ctx, &owner, &one, NUMBER).await;
    let answer = otp::verify(&ctx, &owner, &one, (Channel::Sms, &other), code.reveal()).await;
    assert_eq!(miss(answer), Miss::Wrong);
    let answer = otp::verify(&ctx, &owner, &two, (Channel::Sms, &foreign), code.reveal()).await;
    assert_eq!(miss(answer), Miss::Wrong);
    assert_eq!(
        miss(contact::verify(&ctx, &owner, &one, Channel::Sms, code.reveal()).await),
        Miss::Wrong
    );
    let answer = otp::verify(&ctx, &owner, &two, (Channel::Sms, &factor), code.reveal()).await;
    assert!(
        matches!(answer, Err(Error::Refused(Refusal::FactorNotFound(_)))),
        "an id of somebody else"
    );
    otp::verify(&ctx, &owner, &one, (Channel::Sms, &factor), code.reveal())
        .await
        .unwrap();
}

#[tokio::test]
async fn the_switch_binds_a_factor_to_the_verified_contact() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    for (channel, text) in BOTH {
        let target = somebody(&ctx, &owner).await;
        let code = set_returning(&ctx, &owner, &target, text).await;
        let answer = otp::bind(&ctx, &owner, &target, channel).await;
        assert!(matches!(
            answer,
            Err(Error::Refused(Refusal::ContactUnverified(_)))
        ));
        contact::verify(&ctx, &owner, &target, channel, code.reveal())
            .await
            .unwrap();
        otp::bind(&ctx, &owner, &target, channel).await.unwrap();
        let answer = otp::bind(&ctx, &owner, &target, channel).await;
        assert!(matches!(answer, Err(Error::Refused(Refusal::FactorExists(_)))));
        let answer = otp::add(&ctx, &owner, &target, &to(&ctx, text, SEND)).await;
        assert!(matches!(answer, Err(Error::Refused(Refusal::FactorExists(_)))));
        otp::unbind(&ctx, &owner, &target, channel).await.unwrap();
        let answer = otp::unbind(&ctx, &owner, &target, channel).await;
        assert!(matches!(answer, Err(Error::Refused(Refusal::FactorNotFound(_)))));
        otp::bind(&ctx, &owner, &target, channel).await.unwrap();
        contact::remove(&ctx, &owner, &target, channel).await.unwrap();
        assert!(read(&ctx, &owner, &target).await.1.otps.is_empty());
    }
}

#[tokio::test]
async fn a_bound_factor_is_led_elsewhere_by_its_user_or_with_the_right_to_credentials() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let here = Scope::Org(ctx.foundation.org.clone());
    let manager = ctx.caller_with(&[(here, Role::OrgUserManager)]).await;
    let elsewhere = |verification| to(&ctx, "+41791234569", verification);
    let target = somebody(&ctx, &owner).await;
    let code = set_returning(&ctx, &manager, &target, NUMBER).await;
    contact::verify(&ctx, &manager, &target, Channel::Sms, code.reveal())
        .await
        .unwrap();
    otp::bind(&ctx, &owner, &target, Channel::Sms).await.unwrap();
    let denied = |answer| matches!(answer, Err(Error::Denied(Permission::UserCredentialWrite)));
    for verification in [Verification::Vouched, Verification::Return] {
        let answer = contact::set(&ctx, &manager, &target, &elsewhere(verification)).await;
        assert!(denied(answer.map(drop)));
    }
    let patch = UserPatch {
        phone: Some(elsewhere(Verification::Vouched)),
        ..UserPatch::default()
    };
    let answer = user::patch(&ctx, &manager, &target, &patch).await;
    assert!(denied(answer.map(drop)));

    // Sent, it is for its user to prove, and until then the factor rests.
    contact::set(&ctx, &manager, &target, &elsewhere(SEND))
        .await
        .unwrap();
    let person = read(&ctx, &owner, &target).await.1;
    assert!(!person.otp_ready(person.bound_otp(Channel::Sms).unwrap()));
    let from = (ResendFrom::PendingCode, Language::En);
    let answer = contact::resend(&ctx, &manager, &target, Channel::Sms, &Verification::Return, from).await;
    assert!(denied(answer.map(drop)));
    contact::set(&ctx, &owner, &target, &elsewhere(Verification::Vouched))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_code_that_was_sent_leads_a_bound_factor_for_its_user_alone() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let here = Scope::Org(ctx.foundation.org.clone());
    let manager = ctx.caller_with(&[(here, Role::OrgUserManager)]).await;
    for (channel, text, elsewhere) in [
        (Channel::Sms, NUMBER, "+41791234569"),
        (Channel::Email, ADDRESS, "manager@example.com"),
    ] {
        let me = ctx.plain_user().await;
        let target = Target::of(me.user.clone());
        let vouched = to(&ctx, text, Verification::Vouched);
        contact::set(&ctx, &owner, &target, &vouched).await.unwrap();
        otp::bind(&ctx, &me, &target, channel).await.unwrap();
        contact::set(&ctx, &manager, &target, &to(&ctx, elsewhere, SEND))
            .await
            .unwrap();
        let message = read_sent(&ctx).await.remove(0);
        assert_eq!(message.destination.as_str(), elsewhere);
        let answer = contact::verify(&ctx, &manager, &target, channel, &message.code).await;
        assert!(matches!(
            answer,
            Err(Error::Denied(Permission::UserCredentialWrite))
        ));
        let person = read(&ctx, &owner, &target).await.1;
        assert!(!person.otp_ready(person.bound_otp(channel).unwrap()));
        contact::verify(&ctx, &me, &target, channel, &message.code)
            .await
            .unwrap();
        let person = read(&ctx, &owner, &target).await.1;
        assert!(person.otp_ready(person.bound_otp(channel).unwrap()));
    }
}

#[tokio::test]
async fn the_code_of_a_pending_factor_goes_to_the_address_that_is_shown() {
    let ctx = TestCtx::new().await;
    let caller = ctx.plain_user().await;
    let me = Target::of(caller.user.clone());
    otp::add(&ctx, &caller, &me, &to(&ctx, "Ada@example.com", SEND))
        .await
        .unwrap();
    ctx.advance(Span::minutes(1));
    otp::add(&ctx, &caller, &me, &to(&ctx, "ada@example.com", SEND))
        .await
        .unwrap();
    let person = read(&ctx, &caller, &me).await.1;
    let [factor] = &person.otps[..] else {
        panic!("one factor")
    };
    let shown = person.otp_destination(factor).unwrap().as_str();
    let sent = read_sent(&ctx).await;
    assert_eq!(shown, "Ada@example.com");
    assert!(!sent.is_empty() && sent.iter().all(|message| message.destination.as_str() == shown));
}

#[tokio::test]
async fn eleven_factors_of_a_kind_are_one_too_many() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    for n in 0..10 {
        let new = to(&ctx, &format!("+4179123450{n}"), Verification::Vouched);
        otp::add(&ctx, &owner, &target, &new).await.unwrap();
    }
    let answer = otp::add(&ctx, &owner, &target, &to(&ctx, NUMBER, Verification::Vouched)).await;
    assert!(matches!(answer, Err(Error::Refused(Refusal::TooManyFactors))));
    add_returning(&ctx, &owner, &target, ADDRESS).await;
    let contact = to(&ctx, NUMBER, Verification::Vouched);
    contact::set(&ctx, &owner, &target, &contact).await.unwrap();
    let answer = otp::bind(&ctx, &owner, &target, Channel::Sms).await;
    assert!(matches!(answer, Err(Error::Refused(Refusal::TooManyFactors))));
}

#[tokio::test]
async fn a_registration_is_forgotten_a_day_after_its_code_expired() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    let (pending, _) = add_returning(&ctx, &owner, &target, NUMBER).await;
    let (verified, code) = add_returning(&ctx, &owner, &target, "+41791234568").await;
    otp::verify(&ctx, &owner, &target, (Channel::Sms, &verified), code.reveal())
        .await
        .unwrap();
    ctx.advance(Span(Span::minutes(10).0 + Span::hours(24).0 - 1));
    assert_eq!(otp::sweep_stale(&ctx).await.unwrap().count, 0);
    ctx.advance(Span(1));
    assert_eq!(otp::sweep_stale(&ctx).await.unwrap().count, 1);
    assert_eq!(otp::sweep_stale(&ctx).await.unwrap().count, 0);
    let person = read(&ctx, &owner, &target).await.1;
    let left: Vec<&FactorId> = person.otps.iter().map(|f| &f.id).collect();
    assert_eq!(left, [&verified]);
    assert_ne!(pending, verified);
    assert!(person.otps.iter().all(|f| f.proof == OtpProof::Verified));
}
