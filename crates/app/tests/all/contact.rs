//! Contact phone and e-mail through the use cases.

use app::{
    Error, Language, Target,
    message::MessageKind,
    url_template::UrlTemplate,
    user::{
        self, NewUser, UserPatch,
        code::{NewDestination, Verification},
        contact::{self, ResendFrom},
    },
};
use domain::{
    base::Span,
    code::Miss,
    user::{Channel, Refusal},
};
use testkit::{TestCtx, TestOptions, read_sent};

use crate::given::*;

#[tokio::test]
async fn a_contact_is_set_and_verified_by_its_code_once() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    for (channel, text) in BOTH {
        let target = somebody(&ctx, &owner).await;
        let code = set_returning(&ctx, &owner, &target, text).await;
        let person = read(&ctx, &owner, &target).await.1;
        assert!(!person.contact(channel).unwrap().verified);
        let changed = contact::verify(&ctx, &owner, &target, channel, code.reveal())
            .await
            .unwrap();
        let (head, person) = read(&ctx, &owner, &target).await;
        let contact = person.contact(channel).unwrap();
        assert!(contact.verified && contact.code.is_none());
        assert_eq!(contact.destination.as_str(), text);
        assert_eq!(changed.head, head);
        let again = contact::verify(&ctx, &owner, &target, channel, code.reveal())
            .await
            .unwrap();
        assert_eq!(again.head, head, "asking twice changes nothing");
        assert!(
            read_sent(&ctx).await.is_empty(),
            "a code that is returned is not sent"
        );
    }
}

#[tokio::test]
async fn the_user_verifies_by_what_was_sent() {
    let ctx = TestCtx::new().await;
    let caller = ctx.plain_user().await;
    let me = Target::of(caller.user.clone());
    for (channel, text) in BOTH {
        let new = NewDestination {
            language: Language::De,
            ..to(&ctx, text, SEND)
        };
        assert!(
            contact::set(&ctx, &caller, &me, &new)
                .await
                .unwrap()
                .code
                .is_none()
        );
        let sent = read_sent(&ctx).await;
        let [message] = &sent[..] else { panic!("{sent:?}") };
        assert_eq!(message.destination.as_str(), text);
        assert_eq!(message.kind.channel(), channel);
        assert_eq!(
            (message.language, message.host.as_str()),
            (Language::De, "localhost")
        );
        assert_eq!(
            (&message.user, message.cause.as_str()),
            (&me.user, "contact_code_issued")
        );
        contact::verify(&ctx, &caller, &me, channel, &message.code)
            .await
            .unwrap();
        assert!(
            read(&ctx, &caller, &me)
                .await
                .1
                .contact(channel)
                .unwrap()
                .verified
        );
        assert!(read_sent(&ctx).await.is_empty());
    }
}

#[tokio::test]
async fn a_new_user_may_bring_both_contacts_in_one_commit() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let new = NewUser {
        email: Some(to(&ctx, ADDRESS, SEND)),
        phone: Some(to(&ctx, NUMBER, SEND)),
        ..nobody_yet()
    };
    let made = user::create(&ctx, &owner, &new)
        .await
        .expect("two messages in one commit");
    assert_eq!(read_sent(&ctx).await.len(), 2);

    ctx.advance(Span::minutes(5));
    let patch = UserPatch {
        email: new.email,
        phone: new.phone,
        ..UserPatch::default()
    };
    user::patch(&ctx, &owner, &Target::of(made.changed.id), &patch)
        .await
        .unwrap();
    assert_eq!(read_sent(&ctx).await.len(), 2);
}

#[tokio::test]
async fn an_equal_value_is_left_vouched_for_or_given_a_new_code() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    for (channel, text) in BOTH {
        let target = somebody(&ctx, &owner).await;
        let first = set_returning(&ctx, &owner, &target, text).await;
        let second = set_returning(&ctx, &owner, &target, text).await;
        assert_eq!(
            miss(contact::verify(&ctx, &owner, &target, channel, first.reveal()).await),
            Miss::Wrong
        );
        let vouched = to(&ctx, text, Verification::Vouched);
        contact::set(&ctx, &owner, &target, &vouched).await.unwrap();
        let (head, person) = read(&ctx, &owner, &target).await;
        assert!(person.contact(channel).unwrap().verified);
        let same = contact::set(&ctx, &owner, &target, &to(&ctx, text, SEND))
            .await
            .unwrap();
        assert_eq!((same.changed.head, same.code.is_none()), (head, true));
        assert!(
            read_sent(&ctx).await.is_empty(),
            "nothing to prove, nothing to send"
        );
        drop(second);
    }
}

#[tokio::test]
async fn a_resend_replaces_the_code() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    for (channel, text) in BOTH {
        let target = somebody(&ctx, &owner).await;
        let again = async |from, verification: Verification| {
            contact::resend(
                &ctx,
                &owner,
                &target,
                channel,
                &verification,
                (from, Language::En),
            )
            .await
        };
        let answer = again(ResendFrom::PendingCode, SEND).await;
        assert!(matches!(answer, Err(Error::Refused(Refusal::NoCode))));
        let answer = again(ResendFrom::Unverified, SEND).await;
        assert!(matches!(answer, Err(Error::Refused(Refusal::ContactMissing(_)))));

        let first = set_returning(&ctx, &owner, &target, text).await;
        assert!(again(ResendFrom::PendingCode, SEND).await.unwrap().code.is_none());
        let sent = read_sent(&ctx).await.remove(0).code;
        assert_ne!(sent, first.reveal());
        assert_eq!(
            miss(contact::verify(&ctx, &owner, &target, channel, first.reveal()).await),
            Miss::Wrong
        );
        let third = again(ResendFrom::PendingCode, Verification::Return)
            .await
            .unwrap()
            .code
            .unwrap();
        assert_eq!(
            miss(contact::verify(&ctx, &owner, &target, channel, &sent).await),
            Miss::Wrong
        );
        contact::verify(&ctx, &owner, &target, channel, third.reveal())
            .await
            .unwrap();
        for from in [ResendFrom::PendingCode, ResendFrom::Unverified] {
            let answer = again(from, SEND).await;
            assert!(matches!(
                answer,
                Err(Error::Refused(Refusal::NoCode | Refusal::ContactVerified(_)))
            ));
        }
    }
}

#[tokio::test]
async fn a_removed_contact_takes_its_code_with_it() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    for (channel, text) in BOTH {
        let target = somebody(&ctx, &owner).await;
        let code = set_returning(&ctx, &owner, &target, text).await;
        contact::remove(&ctx, &owner, &target, channel).await.unwrap();
        assert!(read(&ctx, &owner, &target).await.1.contact(channel).is_none());
        let answer = contact::verify(&ctx, &owner, &target, channel, code.reveal()).await;
        assert!(matches!(answer, Err(Error::Refused(Refusal::NoCode))));
        let answer = contact::remove(&ctx, &owner, &target, channel).await;
        assert!(matches!(answer, Err(Error::Refused(Refusal::ContactMissing(_)))));
    }
}

#[tokio::test]
async fn without_a_provider_a_send_is_refused_and_nothing_is_stored() {
    let channels = app::ctx::Channels {
        sms: false,
        email: false,
    };
    let ctx = TestCtx::with(TestOptions {
        channels,
        ..TestOptions::default()
    })
    .await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    let before = read(&ctx, &owner, &target).await;
    for (channel, text) in BOTH {
        let new = to(&ctx, text, SEND);
        let answer = contact::set(&ctx, &owner, &target, &new).await;
        assert!(matches!(answer, Err(Error::NoProvider(c)) if c == channel));
        let answer = user::otp::add(&ctx, &owner, &target, &new).await;
        assert!(matches!(answer, Err(Error::NoProvider(c)) if c == channel));
    }
    assert_eq!(read(&ctx, &owner, &target).await, before);
    let new = NewUser {
        id: Some("chosen".into()),
        phone: Some(to(&ctx, NUMBER, SEND)),
        ..nobody_yet()
    };
    assert!(matches!(
        user::create(&ctx, &owner, &new).await,
        Err(Error::NoProvider(Channel::Sms))
    ));
    let answer = user::get(&ctx, &owner, &Target::of("chosen".into())).await;
    assert!(matches!(answer, Err(Error::NotFound)));
    set_returning(&ctx, &owner, &target, NUMBER).await;
}

#[tokio::test]
async fn a_link_in_a_message_carries_the_values() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    let text = "https://localhost/verify?user={{.UserID}}&org={{.OrgID}}&code={{.Code}}";
    let link = Some(UrlTemplate::parse(text, false, &ctx.policy).unwrap());
    contact::set(
        &ctx,
        &owner,
        &target,
        &to(&ctx, ADDRESS, Verification::Send { link }),
    )
    .await
    .unwrap();
    let message = read_sent(&ctx).await.remove(0);
    assert_eq!(message.kind, MessageKind::VerifyEmail);
    let expected = format!(
        "https://localhost/verify?user={}&org={}&code={}",
        target.user, ctx.foundation.org, message.code
    );
    assert_eq!(message.link, Some(expected));
}
