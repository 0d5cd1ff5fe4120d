//! TOTP: registered with the code of an app, bounded in guesses, bound to its row.

use app::{
    Caller, Ctx, Error, Result, Target,
    error::StoreError,
    user::{self, Transition, totp},
};
use data_encoding::BASE32_NOPAD;
use domain::{
    base::Span,
    code::Miss,
    user::{Refusal, TotpProof},
};
use store::Statement;
use testkit::TestCtx;

use crate::given::*;

/// What the app of somebody shows, made by another implementation from what was answered.
fn shown(ctx: &Ctx, started: &totp::TotpStarted, later: Span) -> String {
    let secret = BASE32_NOPAD.decode(started.secret.reveal().as_bytes()).unwrap();
    let seconds = u64::try_from((ctx.now() + later).0 / 1_000_000).unwrap();
    totp_rs::TOTP::new(totp_rs::Algorithm::SHA1, 6, 1, 30, secret)
        .unwrap()
        .generate(seconds)
}

fn other_than(code: &str) -> String {
    let last = if code.ends_with('7') { '8' } else { '7' };
    format!("{}{last}", &code[..5])
}

async fn start(ctx: &TestCtx, by: &Caller, target: &Target) -> totp::TotpStarted {
    totp::start(ctx, by, target).await.unwrap()
}

async fn enter(
    ctx: &TestCtx,
    by: &Caller,
    target: &Target,
    started: &totp::TotpStarted,
    code: &str,
) -> Result<()> {
    totp::verify(ctx, by, target, &started.factor, code)
        .await
        .map(drop)
}

#[tokio::test]
async fn an_app_is_registered_with_its_code_and_removed() {
    let ctx = TestCtx::new().await;
    let me = ctx.plain_user().await;
    let target = Target::of(me.user.clone());
    let (one, two) = (start(&ctx, &me, &target).await, start(&ctx, &me, &target).await);
    assert_ne!(one.factor, two.factor);
    assert_ne!(one.secret.reveal(), two.secret.reveal());
    enter(&ctx, &me, &target, &one, &shown(&ctx, &one, Span(0)))
        .await
        .unwrap();
    let person = read(&ctx, &me, &target).await.1;
    let ready: Vec<bool> = person.totps.iter().map(|f| person.totp_ready(f)).collect();
    assert_eq!(ready, [true, false]);
    let again = enter(&ctx, &me, &target, &one, &shown(&ctx, &one, Span(0))).await;
    assert!(matches!(again, Err(Error::Refused(Refusal::TotpVerified))));
    for started in [one, two] {
        totp::remove(&ctx, &me, &target, &started.factor).await.unwrap();
        let answer = totp::remove(&ctx, &me, &target, &started.factor).await;
        assert!(matches!(answer, Err(Error::Refused(Refusal::TotpNotFound))));
    }
    assert!(read(&ctx, &me, &target).await.1.totps.is_empty());
}

#[tokio::test]
async fn the_key_uri_is_read_by_another_implementation() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    let name = user::username::NewUsername::parse("a&b=c/d?e%f", false).unwrap();
    user::username::add(&ctx, &owner, &target, &name).await.unwrap();
    let started = start(&ctx, &owner, &target).await;
    let uri = url::Url::parse(started.uri.reveal()).unwrap();
    assert_eq!((uri.scheme(), uri.host_str()), ("otpauth", Some("totp")));
    assert_eq!(uri.path(), "/localhost:a%26b%3Dc%2Fd%3Fe%25f");
    let query: std::collections::HashMap<_, _> = uri.query_pairs().into_owned().collect();
    let wanted = [
        ("secret", started.secret.reveal()),
        ("issuer", "localhost"),
        ("algorithm", "SHA1"),
        ("digits", "6"),
        ("period", "30"),
    ];
    assert_eq!(query.len(), wanted.len());
    for (name, value) in wanted {
        assert_eq!(query[name], value);
    }
    assert!(!format!("{started:?}").contains(started.secret.reveal()));
}

#[tokio::test]
async fn a_clock_may_be_off_by_one_step_and_no_more() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    for (off, accepted) in [(-60, false), (-30, true), (0, true), (30, true), (60, false)] {
        let started = start(&ctx, &owner, &target).await;
        let code = shown(&ctx, &started, Span::seconds(off));
        let answer = enter(&ctx, &owner, &target, &started, &code).await;
        assert_eq!(answer.is_ok(), accepted, "{off}");
        let person = read(&ctx, &owner, &target).await.1;
        let step = u64::try_from((ctx.now() + Span::seconds(off)).0 / 30_000_000).unwrap();
        let verified = TotpProof::Verified { last_step: step };
        assert_eq!(person.totp(&started.factor).unwrap().proof == verified, accepted);
        totp::remove(&ctx, &owner, &target, &started.factor)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn fifty_wrong_codes_a_day_and_no_new_start_gives_more() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    for _ in 0..10 {
        let started = start(&ctx, &owner, &target).await;
        let wrong = other_than(&shown(&ctx, &started, Span(0)));
        for _ in 0..5 {
            assert_eq!(
                miss(enter(&ctx, &owner, &target, &started, &wrong).await),
                Miss::Wrong
            );
            assert_eq!(
                miss(enter(&ctx, &owner, &target, &started, "12345").await),
                Miss::Malformed
            );
        }
        totp::remove(&ctx, &owner, &target, &started.factor)
            .await
            .unwrap();
    }
    let started = start(&ctx, &owner, &target).await;
    let right = shown(&ctx, &started, Span(0));
    let answer = miss(enter(&ctx, &owner, &target, &started, &right).await);
    assert!(matches!(answer, Miss::Resting(_)), "{answer:?}");
    assert_eq!(count(&ctx, &owner, &target.user, "totp_check_failed").await, 50);
    ctx.advance(Span::hours(24));
    let started = start(&ctx, &owner, &target).await;
    let right = shown(&ctx, &started, Span(0));
    enter(&ctx, &owner, &target, &started, &right).await.unwrap();
}

#[tokio::test]
async fn a_registration_ends_after_an_hour_and_is_swept() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    let (done, late) = (
        start(&ctx, &owner, &target).await,
        start(&ctx, &owner, &target).await,
    );
    enter(&ctx, &owner, &target, &done, &shown(&ctx, &done, Span(0)))
        .await
        .unwrap();
    ctx.advance(Span(Span::hours(1).0 - 1));
    assert_eq!(user::otp::sweep_stale(&ctx).await.unwrap().count, 0);
    ctx.advance(Span(1));
    let right = shown(&ctx, &late, Span(0));
    assert_eq!(
        miss(enter(&ctx, &owner, &target, &late, &right).await),
        Miss::Expired
    );
    assert_eq!(user::otp::sweep_stale(&ctx).await.unwrap().count, 1);
    assert_eq!(user::otp::sweep_stale(&ctx).await.unwrap().count, 0);
    let left: Vec<_> = read(&ctx, &owner, &target).await.1.totps;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].id, done.factor);
}

#[tokio::test]
async fn a_lock_ends_a_registration_and_the_rows_say_so() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    let started = start(&ctx, &owner, &target).await;
    user::transition(&ctx, &owner, &target, Transition::Lock)
        .await
        .unwrap();
    let right = shown(&ctx, &started, Span(0));
    assert_eq!(
        miss(enter(&ctx, &owner, &target, &started, &right).await),
        Miss::Expired
    );
    assert_eq!(
        store::rebuild_matches(&ctx.store).await.unwrap(),
        Vec::<String>::new()
    );
}

/// Writes something into the database that no use case would.
async fn tamper(ctx: &TestCtx, sql: &'static str, params: Vec<store::Value>) {
    let (instance, editor) = (&ctx.foundation.instance, &ctx.owner().await.user);
    let statement = &Statement::new(sql, params);
    let done: Result<()> = ctx
        .store
        .change("test.tamper", instance, editor, ctx.now(), |work| {
            Box::pin(async move {
                work.write(statement.clone());
                Ok(())
            })
        })
        .await;
    done.unwrap();
}

#[tokio::test]
async fn a_secret_opens_in_its_own_row_only() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let (one, two) = (somebody(&ctx, &owner).await, somebody(&ctx, &owner).await);
    let mine = start(&ctx, &owner, &one).await;
    start(&ctx, &owner, &two).await;
    let sql = "UPDATE stream SET state = (SELECT s.state FROM stream s WHERE s.kind = 'user' AND s.id = $1)
               WHERE kind = 'user' AND id = $2";
    let params = [one.user.as_str().into(), two.user.as_str().into()];
    tamper(&ctx, sql, params.into()).await;
    let code = shown(&ctx, &mine, Span(0));
    let answer = enter(&ctx, &owner, &two, &mine, &code).await;
    assert!(
        matches!(answer, Err(Error::Store(StoreError::Corrupt { .. }))),
        "{answer:?}"
    );
    enter(&ctx, &owner, &one, &mine, &code).await.unwrap();
}

#[tokio::test]
async fn no_secret_can_be_read_in_the_files_and_none_is_left_of_a_deleted_user() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    let started = start(&ctx, &owner, &target).await;
    let secret = BASE32_NOPAD.decode(started.secret.reveal().as_bytes()).unwrap();
    let holds = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    let files = ctx.database.raw_bytes();
    assert!(!holds(&files, &secret) && !holds(&files, started.secret.reveal().as_bytes()));
    user::delete(&ctx, &owner, &target).await.unwrap();
    let mut snapshot = ctx.store.snapshot().await.unwrap();
    let history = snapshot
        .history::<domain::user::User>(&owner.instance, target.user.as_str())
        .await
        .unwrap();
    let forgotten = |event: &domain::user::Event| match event {
        domain::user::Event::TotpStarted { secret, .. } => secret.known().is_none(),
        _ => true,
    };
    assert!(history.iter().all(|logged| forgotten(&logged.event)));
    assert_eq!(
        store::rebuild_matches(&ctx.store).await.unwrap(),
        Vec::<String>::new()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_sixty_four_right_codes_for_an_app_one_is_accepted() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    for round in 1..=20 {
        let started = start(&ctx, &owner, &target).await;
        let code = shown(&ctx, &started, Span(0));
        let tasks: Vec<_> = (0..64)
            .map(|_| {
                let (ctx, owner, target) = (std::sync::Arc::clone(&ctx.ctx), owner.clone(), target.clone());
                let (factor, code) = (started.factor.clone(), code.clone());
                tokio::spawn(async move { totp::verify(&ctx, &owner, &target, &factor, &code).await })
            })
            .collect();
        let mut accepted = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(_) => accepted += 1,
                Err(Error::Refused(Refusal::TotpVerified)) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!(accepted, 1, "round {round}");
        totp::remove(&ctx, &owner, &target, &started.factor)
            .await
            .unwrap();
    }
    assert_eq!(count(&ctx, &owner, &target.user, "totp_verified").await, 20);
}
