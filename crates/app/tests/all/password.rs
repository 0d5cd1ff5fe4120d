//! Passwords: set with a proof, reset with a code, bounded in guesses, sealed for their user.

use std::sync::Arc;

use app::{
    Caller, Error, Language, Result, Target,
    error::{Invalid, PasswordDenied, StoreError},
    message::MessageKind,
    password::{HashFault, NewSecret, PasswordFault},
    secret::Secret,
    user::{
        self, NewUser, Transition,
        password::{self, InitialPassword, PasswordChange, ResetBy, Shown},
        username::NewUsername,
    },
};
use domain::{
    base::Span,
    code::Miss,
    user::{Channel, Refusal},
};
use futures_util::future::join_all;
use store::Statement;
use testkit::{TestCtx, TestOptions, read_sent};

use crate::given::*;

const OLD: &str = "the old lighthouse";
const NEW: &str = "a newer lighthouse";
/// `Tr0ub4dor & Drei`, made by another implementation of bcrypt.
const BCRYPT: &str = "$2b$05$vmENIFbcfYieojxxnaZQheHpTVRwYYBd/u1wU3Al3QJ3Cfs3wR8Si";

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn plain(text: &str) -> NewSecret {
    NewSecret::Plain(secret(text))
}

fn change(new: NewSecret, proof: Option<Shown>) -> PasswordChange {
    PasswordChange {
        new,
        change_required: false,
        proof,
    }
}

async fn set(
    ctx: &TestCtx,
    by: &Caller,
    target: &Target,
    new: NewSecret,
    proof: Option<Shown>,
) -> Result<()> {
    password::set(ctx, by, target, &change(new, proof))
        .await
        .map(drop)
}

async fn replace(ctx: &TestCtx, me: &Caller, current: &str, new: &str) -> Result<()> {
    let target = Target::of(me.user.clone());
    set(
        ctx,
        me,
        &target,
        plain(new),
        Some(Shown::Current(secret(current))),
    )
    .await
}

async fn enter(ctx: &TestCtx, by: &Caller, target: &Target, code: &str) -> Result<()> {
    set(ctx, by, target, plain(NEW), Some(Shown::Code(secret(code)))).await
}

async fn reset(ctx: &TestCtx, by: &Caller, target: &Target, how: ResetBy) -> Result<Option<Secret>> {
    let requested = password::request_reset(ctx, by, target, &how, Language::En).await;
    requested.map(|requested| requested.code)
}

/// A user with the password [`OLD`].
async fn with_password(ctx: &TestCtx) -> (Caller, Target) {
    let me = ctx.plain_user().await;
    let target = Target::of(me.user.clone());
    set(ctx, &ctx.owner().await, &target, plain(OLD), None)
        .await
        .unwrap();
    (me, target)
}

#[tokio::test]
async fn a_manager_sets_a_password_and_its_owner_replaces_it() {
    let ctx = TestCtx::new().await;
    let (me, target) = with_password(&ctx).await;
    let first = read(&ctx, &me, &target).await.1.password.unwrap();
    assert_eq!((first.changed, first.change_required), (ctx.now(), false));
    ctx.advance(Span::minutes(1));
    replace(&ctx, &me, OLD, NEW).await.unwrap();
    assert_eq!(
        read(&ctx, &me, &target).await.1.password.unwrap().changed,
        ctx.now()
    );
    let wrong = replace(&ctx, &me, OLD, OLD).await;
    assert!(matches!(wrong, Err(Error::Refused(Refusal::PasswordWrong))));
    assert_eq!(
        events(&ctx, &me, &me.user).await[2..],
        ["password_set", "password_set", "password_check_failed"]
    );
}

#[tokio::test]
async fn another_has_to_be_chosen_until_one_is() {
    let ctx = TestCtx::new().await;
    let (me, target) = with_password(&ctx).await;
    let first = PasswordChange {
        change_required: true,
        ..change(plain(OLD), None)
    };
    password::set(&ctx, &ctx.owner().await, &target, &first)
        .await
        .unwrap();
    assert!(read(&ctx, &me, &target).await.1.password.unwrap().change_required);
    replace(&ctx, &me, OLD, NEW).await.unwrap();
    assert!(!read(&ctx, &me, &target).await.1.password.unwrap().change_required);
}

#[tokio::test]
async fn nobody_sets_their_own_by_a_token_alone_or_tries_that_of_another() {
    let ctx = TestCtx::new().await;
    let (me, target) = with_password(&ctx).await;
    let owner = ctx.owner().await;
    let hash = || NewSecret::Encoded(secret(BCRYPT));
    let current = || Some(Shown::Current(secret(OLD)));
    for (by, new, proof, why) in [
        (&me, plain(NEW), None, PasswordDenied::NoProof),
        (&me, hash(), current(), PasswordDenied::OwnHash),
        (&owner, plain(NEW), current(), PasswordDenied::ProofOfAnother),
    ] {
        let answer = set(&ctx, by, &target, new, proof).await;
        assert!(
            matches!(answer, Err(Error::PasswordDenied(denied)) if denied == why),
            "{answer:?}"
        );
    }
    let none = ctx.plain_user().await;
    let answer = replace(&ctx, &none, OLD, NEW).await;
    assert!(matches!(answer, Err(Error::Refused(Refusal::PasswordNotSet))));
    assert_eq!(count(&ctx, &me, &me.user, "password_set").await, 1);
}

#[tokio::test]
async fn a_password_that_is_guessed_first_is_refused_naming_the_field() {
    let ctx = TestCtx::new().await;
    let (owner, (me, target)) = (ctx.owner().await, with_password(&ctx).await);
    let name = NewUsername::parse("quintessential.ada", false).unwrap();
    user::username::add(&ctx, &owner, &target, &name).await.unwrap();
    for (new, fault) in [
        ("short", PasswordFault::TooShort(8)),
        ("password", PasswordFault::Common),
        ("Quintessential.Ada", PasswordFault::Common),
        ("", PasswordFault::Empty),
    ] {
        for answer in [
            set(&ctx, &owner, &target, plain(new), None).await,
            replace(&ctx, &me, OLD, new).await,
        ] {
            let Err(Error::Invalid { field, reason }) = answer else {
                panic!("{new}: {answer:?}")
            };
            assert_eq!(
                (field, reason),
                ("new_password.password", Invalid::Password(fault))
            );
        }
    }
    let bad = set(&ctx, &owner, &target, NewSecret::Encoded(secret("plain")), None).await;
    let wanted = Invalid::PasswordHash(HashFault::Unknown);
    assert!(matches!(bad, Err(Error::Invalid { field: "new_password.hash", reason }) if reason == wanted));
}

#[tokio::test]
async fn fifty_wrong_passwords_a_day_and_a_reset_is_still_a_way_in() {
    let ctx = TestCtx::new().await;
    let (me, target) = with_password(&ctx).await;
    for _ in 0..50 {
        let answer = password::check(&ctx, &me, &secret("wrong")).await;
        assert!(matches!(answer, Err(Error::Refused(Refusal::PasswordWrong))));
    }
    let until = ctx.now() + Span::hours(24);
    for answer in [
        password::check(&ctx, &me, &secret(OLD)).await,
        replace(&ctx, &me, OLD, NEW).await,
    ] {
        assert!(matches!(answer, Err(Error::Refused(Refusal::PasswordResting(rests))) if rests == until));
    }
    let owner = ctx.owner().await;
    let code = reset(&ctx, &owner, &target, ResetBy::Return)
        .await
        .unwrap()
        .unwrap();
    enter(&ctx, &me, &target, code.reveal()).await.unwrap();
    assert!(
        replace(&ctx, &me, NEW, OLD).await.is_err(),
        "a new password gives no fresh guesses"
    );
    ctx.advance(Span::hours(24));
    password::check(&ctx, &me, &secret(NEW)).await.unwrap();
    assert_eq!(count(&ctx, &me, &me.user, "password_check_failed").await, 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixteen_who_replace_the_same_password_one_does() {
    let ctx = Arc::new(TestCtx::new().await);
    let (me, _) = with_password(&ctx).await;
    let answers = join_all((0..16).map(|_| {
        let (ctx, me) = (Arc::clone(&ctx), me.clone());
        tokio::spawn(async move { replace(&ctx, &me, OLD, NEW).await })
    }))
    .await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|a| a.is_ok()).count(), 1);
    let late = |a: &&Result<()>| {
        matches!(
            a,
            Err(Error::Refused(Refusal::PasswordWrong | Refusal::PasswordMoved))
        )
    };
    assert_eq!(answers.iter().filter(late).count(), 15, "{answers:?}");
    password::check(&ctx, &me, &secret(NEW)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixteen_who_enter_the_code_of_a_reset_one_sets_a_password() {
    let ctx = Arc::new(TestCtx::new().await);
    let (me, target) = with_password(&ctx).await;
    let owner = ctx.owner().await;
    let code = reset(&ctx, &owner, &target, ResetBy::Return)
        .await
        .unwrap()
        .unwrap();
    let answers = join_all((0..16).map(|_| {
        let (ctx, me, target, code) = (Arc::clone(&ctx), me.clone(), target.clone(), code.clone());
        tokio::spawn(async move { enter(&ctx, &me, &target, code.reveal()).await })
    }))
    .await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|a| a.is_ok()).count(), 1);
    let late = |a: &&Result<()>| matches!(a, Err(Error::Refused(Refusal::NoCode)));
    assert_eq!(answers.iter().filter(late).count(), 15, "{answers:?}");
    assert_eq!(count(&ctx, &me, &me.user, "password_set").await, 2);
}

#[tokio::test]
async fn a_reset_goes_to_the_verified_contact_in_its_own_words() {
    let ctx = TestCtx::new().await;
    let (me, target) = with_password(&ctx).await;
    let owner = ctx.owner().await;
    for (how, channel) in [
        (ResetBy::Email(None), Channel::Email),
        (ResetBy::Sms, Channel::Sms),
    ] {
        let answer = reset(&ctx, &me, &target, how).await;
        assert!(matches!(answer, Err(Error::Refused(Refusal::ContactUnverified(c))) if c == channel));
    }
    let verified = app::user::code::Verification::Vouched;
    for text in [NUMBER, ADDRESS] {
        let new = to(&ctx, text, verified.clone());
        user::contact::set(&ctx, &owner, &target, &new).await.unwrap();
    }
    for (how, kind, alive) in [
        (
            ResetBy::Email(None),
            MessageKind::ResetPasswordEmail,
            Span::hours(1),
        ),
        (ResetBy::Sms, MessageKind::ResetPasswordPhone, Span::minutes(10)),
    ] {
        assert!(reset(&ctx, &me, &target, how.clone()).await.unwrap().is_none());
        let again = reset(&ctx, &me, &target, how).await;
        assert!(matches!(again, Err(Error::SendLimit(_))), "{again:?}");
        let message = read_sent(&ctx).await.remove(0);
        assert_eq!((message.kind, message.code.len()), (kind, 8));
        assert_eq!(message.expires, ctx.now() + alive);
        let typed = message.code.to_lowercase();
        let typed = format!("{} {}", &typed[..4], &typed[4..]);
        enter(&ctx, &me, &target, &typed).await.unwrap();
        let again = enter(&ctx, &me, &target, &typed).await;
        assert!(matches!(again, Err(Error::Refused(Refusal::NoCode))));
    }
    let answer = reset(&ctx, &me, &target, ResetBy::Return).await;
    assert!(matches!(answer, Err(Error::DeniedToSelf)));
}

#[tokio::test]
async fn five_wrong_codes_end_a_reset_and_fifty_rest_it_whatever_is_requested() {
    let ctx = TestCtx::new().await;
    let (me, target) = with_password(&ctx).await;
    let owner = ctx.owner().await;
    for _ in 0..10 {
        let code = reset(&ctx, &owner, &target, ResetBy::Return)
            .await
            .unwrap()
            .unwrap();
        for _ in 0..5 {
            assert_eq!(miss(enter(&ctx, &me, &target, &wrong(&code)).await), Miss::Wrong);
            assert_eq!(miss(enter(&ctx, &me, &target, "SHORT").await), Miss::Malformed);
        }
        assert_eq!(miss(enter(&ctx, &me, &target, code.reveal()).await), Miss::Spent);
    }
    let code = reset(&ctx, &owner, &target, ResetBy::Return)
        .await
        .unwrap()
        .unwrap();
    let rests = miss(enter(&ctx, &me, &target, code.reveal()).await);
    assert!(matches!(rests, Miss::Resting(_)));
    password::check(&ctx, &me, &secret(OLD)).await.unwrap();
    assert_eq!(
        count(&ctx, &me, &me.user, "password_reset_check_failed").await,
        50
    );
}

#[tokio::test]
async fn a_reset_ends_with_its_time_its_successor_a_new_password_and_a_lock() {
    let ctx = TestCtx::new().await;
    let (me, target) = with_password(&ctx).await;
    let owner = ctx.owner().await;
    let code = async || {
        let code = reset(&ctx, &owner, &target, ResetBy::Return).await;
        code.unwrap().unwrap()
    };
    let late = code().await;
    ctx.advance(Span::hours(1));
    assert_eq!(
        miss(enter(&ctx, &me, &target, late.reveal()).await),
        Miss::Expired
    );
    let (old, new) = (code().await, code().await);
    assert_eq!(miss(enter(&ctx, &me, &target, old.reveal()).await), Miss::Wrong);
    enter(&ctx, &me, &target, new.reveal()).await.unwrap();
    let waiting = code().await;
    replace(&ctx, &me, NEW, OLD).await.unwrap();
    let answer = enter(&ctx, &me, &target, waiting.reveal()).await;
    assert!(matches!(answer, Err(Error::Refused(Refusal::NoCode))));
    let waiting = code().await;
    for to in [Transition::Lock, Transition::Unlock] {
        user::transition(&ctx, &owner, &target, to).await.unwrap();
    }
    assert_eq!(
        miss(enter(&ctx, &me, &target, waiting.reveal()).await),
        Miss::Expired
    );
}

#[tokio::test]
async fn a_hash_made_elsewhere_is_upgraded_when_its_password_is_entered() {
    let ctx = TestCtx::new().await;
    let (me, target) = with_password(&ctx).await;
    let owner = ctx.owner().await;
    set(&ctx, &owner, &target, NewSecret::Encoded(secret(BCRYPT)), None)
        .await
        .unwrap();
    let imported = read(&ctx, &me, &target).await.1.password.unwrap();
    assert!(password::check(&ctx, &me, &secret(OLD)).await.is_err());
    ctx.advance(Span::minutes(1));
    for _ in 0..2 {
        password::check(&ctx, &me, &secret("Tr0ub4dor & Drei"))
            .await
            .unwrap();
    }
    let upgraded = read(&ctx, &me, &target).await.1.password.unwrap();
    assert_ne!(upgraded.hash, imported.hash);
    assert_eq!(upgraded.changed, imported.changed, "it is the same password");
    assert_eq!(count(&ctx, &me, &me.user, "password_rehashed").await, 1);
    assert_eq!(
        store::rebuild_matches(&ctx.store).await.unwrap(),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn a_user_is_created_with_its_password_or_not_at_all() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let new = |name: &str, text: &str| NewUser {
        usernames: vec![NewUsername::parse(name, false).unwrap()],
        password: Some(InitialPassword {
            new: plain(text),
            change_required: true,
        }),
        ..nobody_yet()
    };
    let made = user::create(&ctx, &owner, &new("ada", OLD)).await.unwrap();
    let person = read(&ctx, &owner, &Target::of(made.changed.id)).await.1;
    assert!(person.password.is_some_and(|password| password.change_required));
    let taken = user::create(&ctx, &owner, &new("ada", OLD)).await;
    assert!(matches!(taken, Err(Error::Refused(Refusal::UsernameTaken))));
    let common = user::create(&ctx, &owner, &new("bea", "password")).await;
    let field = "authenticators.password.password";
    assert!(matches!(common, Err(Error::Invalid { field: named, .. }) if named == field));
    user::create(&ctx, &owner, &new("bea", OLD)).await.unwrap();
    let nobody = user::create(&ctx, &ctx.plain_user().await, &new("cyd", "password")).await;
    assert!(
        matches!(nobody, Err(Error::NoMembership)),
        "rights come before rules"
    );
}

#[tokio::test]
async fn the_name_of_the_service_is_guessed_first() {
    let mut options = TestOptions::default();
    options.policy.public_host = "login.dovecote.example".into();
    let ctx = TestCtx::with(options).await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    for text in ["Dovecote2024!", "login.dovecote.example", "dovecote-01"] {
        let answer = set(&ctx, &owner, &target, plain(text), None).await;
        let common = Invalid::Password(PasswordFault::Common);
        assert!(
            matches!(answer, Err(Error::Invalid { reason, .. }) if reason == common),
            "{text}: {answer:?}"
        );
    }
    let other = plain("Belfry2024! and dovecote");
    set(&ctx, &owner, &target, other, None).await.unwrap();
}

#[tokio::test]
async fn neither_password_nor_hash_can_be_read_in_the_files_and_both_go_with_the_user() {
    let ctx = TestCtx::new().await;
    let (me, target) = with_password(&ctx).await;
    let owner = ctx.owner().await;
    let sealed = read(&ctx, &me, &target).await.1.password.unwrap().hash;
    let holds = |text: &str| {
        let bytes = ctx.database.raw_bytes();
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    };
    assert!(!holds(OLD) && !holds("$argon2id"));
    assert!(holds(sealed.as_str()) && holds("password_set"));
    assert!(!format!("{sealed:?}").contains(sealed.as_str()));
    user::delete(&ctx, &owner, &target).await.unwrap();
    let left = "SELECT count(*) FROM stream WHERE kind = 'user' AND id = $1 AND state IS NOT NULL";
    let mut snapshot = ctx.store.snapshot().await.unwrap();
    let left = snapshot
        .first(left, &[me.user.as_str().into()], |row| row.int(0))
        .await;
    assert_eq!(left.unwrap(), Some(0));
    let history = snapshot
        .history::<domain::user::User>(&me.instance, me.user.as_str())
        .await
        .unwrap();
    assert!(history.len() > 3);
    assert!(
        !format!("{history:?}").contains("SealedSecret(..)"),
        "the audit trail holds no hash"
    );
}

#[tokio::test]
async fn a_hash_opens_for_its_own_user_alone() {
    let ctx = TestCtx::new().await;
    let (me, _) = with_password(&ctx).await;
    let (other, _) = with_password(&ctx).await;
    let moved = "UPDATE stream SET state = (SELECT s.state FROM stream s WHERE s.kind = 'user' AND s.id = $1)
                 WHERE kind = 'user' AND id = $2";
    let swap = Statement::new(moved, [me.user.as_str().into(), other.user.as_str().into()]);
    let written = ctx
        .store
        .write("test", &me.instance, Vec::new(), vec![swap])
        .await;
    assert!(written.unwrap());
    password::check(&ctx, &me, &secret(OLD)).await.unwrap();
    let answer = password::check(&ctx, &other, &secret(OLD)).await;
    assert!(
        matches!(answer, Err(Error::Store(StoreError::Corrupt { .. }))),
        "{answer:?}"
    );
}
