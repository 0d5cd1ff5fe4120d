//! Who may do what to whom. Whoever may not read a user hears the same about one that exists and one that does not.

use app::{
    Caller, Error, OrgRef, Result, Target,
    password::NewSecret,
    secret::Secret,
    user::{
        self, Transition, UserPatch,
        code::Verification,
        contact, otp,
        password::{self, PasswordChange, ResetBy, Shown},
        token, totp, username,
    },
};
use domain::{
    access::{Permission, Role, Scope},
    base::{FactorId, TokenId, UserId, UsernameId},
    user::Channel,
};
use testkit::TestCtx;

use crate::given::*;

#[derive(Clone, Copy, Debug)]
enum UseCase {
    Get,
    Patch,
    Deactivate,
    Activate,
    Lock,
    Unlock,
    Delete,
    SetPhone,
    SetEmail,
    VerifyPhone,
    ResendPhone,
    RemovePhone,
    AddOtp,
    VerifyOtp,
    RemoveOtp,
    BindOtp,
    UnbindOtp,
    AddToken,
    RemoveToken,
    AddUsername,
    RemoveUsername,
    StartTotp,
    VerifyTotp,
    RemoveTotp,
    SetPassword,
    ResetPassword,
}

use UseCase::*;

const ALL: [UseCase; 26] = [
    Get,
    Patch,
    Deactivate,
    Activate,
    Lock,
    Unlock,
    Delete,
    SetPhone,
    SetEmail,
    VerifyPhone,
    ResendPhone,
    RemovePhone,
    AddOtp,
    VerifyOtp,
    RemoveOtp,
    BindOtp,
    UnbindOtp,
    AddToken,
    RemoveToken,
    AddUsername,
    RemoveUsername,
    StartTotp,
    VerifyTotp,
    RemoveTotp,
    SetPassword,
    ResetPassword,
];

impl UseCase {
    /// The permission that it needs through a role, and whether the user itself needs none.
    fn need(self) -> (Permission, bool) {
        match self {
            Get => (Permission::UserRead, true),
            Patch | SetPhone | SetEmail | VerifyPhone | ResendPhone | RemovePhone | AddUsername
            | RemoveUsername => (Permission::UserWrite, true),
            Deactivate | Activate | Lock | Unlock => (Permission::UserWrite, false),
            Delete => (Permission::UserDelete, true),
            AddOtp | VerifyOtp | RemoveOtp | BindOtp | UnbindOtp | AddToken | RemoveToken | StartTotp
            | VerifyTotp | RemoveTotp | SetPassword | ResetPassword => {
                (Permission::UserCredentialWrite, true)
            }
        }
    }

    async fn call(self, ctx: &TestCtx, caller: &Caller, target: &Target) -> Result<()> {
        let factor = FactorId::from_trusted("1");
        let resend = (contact::ResendFrom::PendingCode, app::Language::En);
        match self {
            Get => user::get(ctx, caller, target).await.map(drop),
            Patch => user::patch(ctx, caller, target, &UserPatch::default())
                .await
                .map(drop),
            Deactivate => user::transition(ctx, caller, target, Transition::Deactivate)
                .await
                .map(drop),
            Activate => user::transition(ctx, caller, target, Transition::Activate)
                .await
                .map(drop),
            Lock => user::transition(ctx, caller, target, Transition::Lock)
                .await
                .map(drop),
            Unlock => user::transition(ctx, caller, target, Transition::Unlock)
                .await
                .map(drop),
            Delete => user::delete(ctx, caller, target).await.map(drop),
            SetPhone => contact::set(ctx, caller, target, &to(ctx, "+41791230000", SEND))
                .await
                .map(drop),
            SetEmail => contact::set(ctx, caller, target, &to(ctx, ADDRESS, SEND))
                .await
                .map(drop),
            VerifyPhone => contact::verify(ctx, caller, target, Channel::Sms, "000000")
                .await
                .map(drop),
            ResendPhone => contact::resend(ctx, caller, target, Channel::Sms, &SEND, resend)
                .await
                .map(drop),
            RemovePhone => contact::remove(ctx, caller, target, Channel::Sms).await.map(drop),
            AddOtp => otp::add(ctx, caller, target, &to(ctx, "+41791230001", SEND))
                .await
                .map(drop),
            VerifyOtp => otp::verify(ctx, caller, target, (Channel::Sms, &factor), "000000")
                .await
                .map(drop),
            RemoveOtp => otp::remove(ctx, caller, target, Channel::Sms, &factor)
                .await
                .map(drop),
            BindOtp => otp::bind(ctx, caller, target, Channel::Sms).await.map(drop),
            UnbindOtp => otp::unbind(ctx, caller, target, Channel::Sms).await.map(drop),
            AddToken => token::add(ctx, caller, target, None).await.map(drop),
            RemoveToken => token::remove(ctx, caller, target, &TokenId::from_trusted("1"))
                .await
                .map(drop),
            StartTotp => totp::start(ctx, caller, target).await.map(drop),
            VerifyTotp => totp::verify(ctx, caller, target, &factor, "000000")
                .await
                .map(drop),
            RemoveTotp => totp::remove(ctx, caller, target, &factor).await.map(drop),
            SetPassword => {
                let change = PasswordChange {
                    new: NewSecret::Plain(Secret::new("correct horse battery".into())),
                    change_required: false,
                    proof: Some(Shown::Code(Secret::new("AAAAAAAA".into()))),
                };
                password::set(ctx, caller, target, &change).await.map(drop)
            }
            ResetPassword => password::request_reset(ctx, caller, target, &ResetBy::Sms, app::Language::En)
                .await
                .map(drop),
            AddUsername => {
                let new = username::NewUsername::parse("ada", false).unwrap();
                username::add(ctx, caller, target, &new).await.map(drop)
            }
            RemoveUsername => username::remove(ctx, caller, target, &UsernameId::from_trusted("1"))
                .await
                .map(drop),
        }
    }
}

#[derive(Debug, PartialEq)]
enum Verdict {
    /// The rules of the user were asked.
    Allowed,
    Denied(Permission),
    NotFound,
}

fn verdict(answer: Result<()>) -> Verdict {
    match answer {
        Ok(()) | Err(Error::Refused(_) | Error::SendLimit(_)) => Verdict::Allowed,
        Err(Error::Denied(permission)) => Verdict::Denied(permission),
        Err(Error::NotFound) => Verdict::NotFound,
        Err(other) => panic!("{other:?}"),
    }
}

/// A fresh user with a phone number that waits for its code.
async fn target(ctx: &TestCtx, owner: &Caller) -> Target {
    ctx.advance(domain::base::Span::hours(25));
    let target = somebody(ctx, owner).await;
    set_returning(ctx, owner, &target, NUMBER).await;
    target
}

#[tokio::test]
async fn every_use_case_asks_for_its_permission_before_anything_else() {
    let ctx = TestCtx::new().await;
    let org = ctx.foundation.org.clone();
    let elsewhere = ctx.organization("elsewhere.example.com").await;
    let here = |role| (Scope::Org(org.clone()), role);
    let owner = ctx.owner().await;
    let callers = [
        ("instance owner", owner.clone(), Some(Role::IamOwner)),
        (
            "organization owner",
            ctx.caller_with(&[here(Role::OrgOwner)]).await,
            Some(Role::OrgOwner),
        ),
        (
            "user manager",
            ctx.caller_with(&[here(Role::OrgUserManager)]).await,
            Some(Role::OrgUserManager),
        ),
        (
            "viewer",
            ctx.caller_with(&[here(Role::OrgOwnerViewer)]).await,
            Some(Role::OrgOwnerViewer),
        ),
        (
            "owner of another organization",
            ctx.member_of(&elsewhere, &[(Scope::Org(elsewhere.clone()), Role::OrgOwner)])
                .await,
            None,
        ),
        (
            "owner of another organization who lives here",
            ctx.caller_with(&[(Scope::Org(elsewhere.clone()), Role::OrgOwner)])
                .await,
            None,
        ),
        ("plain user", ctx.plain_user().await, None),
    ];
    let missing = Target::of(UserId::from_trusted("missing"));
    for (name, caller, role) in &callers {
        for case in ALL {
            let (permission, _) = case.need();
            let expected = match role {
                Some(role) if role.allows(permission) => Verdict::Allowed,
                Some(_) => Verdict::Denied(permission),
                None => Verdict::NotFound,
            };
            let target = target(&ctx, &owner).await;
            let answer = case.call(&ctx, caller, &target).await;
            let text = format!("{answer:?}");
            assert_eq!(verdict(answer), expected, "{name}, {case:?}");
            let missing = case.call(&ctx, caller, &missing).await;
            if expected == Verdict::NotFound {
                assert_eq!(format!("{missing:?}"), text, "{name}, {case:?}");
            }
            assert_eq!(verdict(missing), Verdict::NotFound, "{name}, {case:?}, missing");
        }
    }
}

#[tokio::test]
async fn oneself_one_may_do_everything_but_change_ones_state() {
    let ctx = TestCtx::new().await;
    for case in ALL {
        ctx.advance(domain::base::Span::hours(25));
        let caller = ctx.plain_user().await;
        let target = Target::of(caller.user.clone());
        let expected = match case.need() {
            (_, true) => Verdict::Allowed,
            (permission, false) => Verdict::Denied(permission),
        };
        assert_eq!(
            verdict(case.call(&ctx, &caller, &target).await),
            expected,
            "{case:?}"
        );
    }
}

#[tokio::test]
async fn an_organization_beside_the_user_must_be_the_users() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let elsewhere = ctx.organization("elsewhere.example.com").await;
    let names = [
        (OrgRef::Id(ctx.foundation.org.clone()), true),
        (OrgRef::Domain("merlon.localhost".into()), true),
        (OrgRef::Domain("MERLON.localhost".into()), true),
        (OrgRef::Id(elsewhere), false),
        (OrgRef::Domain("elsewhere.example.com".into()), false),
        (OrgRef::Id("nowhere".into()), false),
        (OrgRef::Domain("nowhere.example.com".into()), false),
    ];
    for (org, found) in names {
        for case in ALL {
            let target = Target {
                org: Some(org.clone()),
                ..target(&ctx, &owner).await
            };
            let expected = if found {
                Verdict::Allowed
            } else {
                Verdict::NotFound
            };
            assert_eq!(
                verdict(case.call(&ctx, &owner, &target).await),
                expected,
                "{org:?} {case:?}"
            );
        }
    }
}

#[tokio::test]
async fn creating_needs_the_right_in_the_owners_organization() {
    let ctx = TestCtx::new().await;
    let org = ctx.foundation.org.clone();
    let elsewhere = ctx.organization("elsewhere.example.com").await;
    let manager = ctx
        .caller_with(&[(Scope::Org(org.clone()), Role::OrgUserManager)])
        .await;
    let viewer = ctx
        .caller_with(&[(Scope::Org(org.clone()), Role::OrgOwnerViewer)])
        .await;
    let plain = ctx.plain_user().await;
    let in_org = |org: Option<OrgRef>| user::NewUser { org, ..nobody_yet() };
    let named = |org: &domain::base::OrgId| in_org(Some(OrgRef::Id(org.clone())));

    let made = user::create(&ctx, &manager, &in_org(None)).await.unwrap();
    assert_eq!(made.changed.org, org);
    let foreign = user::create(&ctx, &manager, &named(&elsewhere)).await;
    let nowhere = user::create(&ctx, &manager, &named(&"nowhere".into())).await;
    assert!(matches!(foreign, Err(Error::Denied(Permission::UserWrite))));
    assert_eq!(
        format!("{foreign:?}"),
        format!("{nowhere:?}"),
        "no oracle for organizations"
    );
    let answer = user::create(&ctx, &viewer, &in_org(None)).await;
    assert!(matches!(answer, Err(Error::Denied(Permission::UserWrite))));
    for new in [in_org(None), named(&elsewhere), named(&"nowhere".into())] {
        assert!(matches!(
            user::create(&ctx, &plain, &new).await,
            Err(Error::NoMembership)
        ));
    }
    let answer = user::create(&ctx, &ctx.owner().await, &named(&"nowhere".into())).await;
    assert!(matches!(answer, Err(Error::OrgUnknown)));
}

#[tokio::test]
async fn nobody_vouches_for_or_reads_the_code_of_their_own_destination() {
    let ctx = TestCtx::new().await;
    let caller = ctx.plain_user().await;
    let me = Target::of(caller.user.clone());
    let resend = (contact::ResendFrom::PendingCode, app::Language::En);
    let before = read(&ctx, &caller, &me).await.0;
    for verification in [Verification::Vouched, Verification::Return] {
        for (channel, text) in BOTH {
            let new = to(&ctx, text, verification.clone());
            let patch = match channel {
                Channel::Sms => UserPatch {
                    phone: Some(new.clone()),
                    ..UserPatch::default()
                },
                Channel::Email => UserPatch {
                    email: Some(new.clone()),
                    ..UserPatch::default()
                },
            };
            let answers = [
                contact::set(&ctx, &caller, &me, &new).await.map(drop),
                otp::add(&ctx, &caller, &me, &new).await.map(drop),
                user::patch(&ctx, &caller, &me, &patch).await.map(drop),
                contact::resend(&ctx, &caller, &me, channel, &verification, resend)
                    .await
                    .map(drop),
            ];
            for answer in answers {
                assert!(
                    matches!(answer, Err(Error::DeniedToSelf)),
                    "{verification:?} {answer:?}"
                );
            }
        }
    }
    assert_eq!(read(&ctx, &caller, &me).await.0, before);

    let manager = ctx
        .caller_with(&[(Scope::Org(ctx.foundation.org.clone()), Role::OrgOwner)])
        .await;
    let himself = Target::of(manager.user.clone());
    let vouched = to(&ctx, NUMBER, Verification::Vouched);
    contact::set(&ctx, &manager, &himself, &vouched)
        .await
        .expect("a role lets them");
}
