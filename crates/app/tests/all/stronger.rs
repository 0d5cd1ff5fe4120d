//! Nobody makes a credential for someone who may do more: what one could do as them is more than what one may.

use app::{
    Caller, Error, Language, Result, Target,
    password::NewSecret,
    secret::Secret,
    user::{
        self, Transition, UserPatch,
        code::Verification,
        contact,
        idp_link::{self, NewLink},
        otp,
        password::{self, PasswordChange, ResetBy, Shown},
        token, totp,
        webauthn::{self, LinkMedium, NewRegistration},
    },
};
use domain::{
    access::{Role, Scope},
    base::{FactorId, TokenId},
    user::{Channel, ExternalUser, FactorName},
};
use testkit::TestCtx;

use crate::given::*;

/// What would let the caller act as the user, or take away what keeps others from it.
#[derive(Clone, Copy, Debug)]
enum Way {
    AddToken,
    RemoveToken,
    SetPassword,
    ReturnReset,
    AddOtp,
    VerifyOtp,
    RemoveOtp,
    BindOtp,
    UnbindOtp,
    StartTotp,
    VerifyTotp,
    RemoveTotp,
    StartWebauthn,
    VerifyWebauthn,
    RemoveWebauthn,
    ReturnLink,
    AddIdpLink,
    RemoveIdpLink,
    SetEmail,
    PatchPhone,
    PatchEmail,
    ReturnResend,
    RemovePhone,
}

use Way::*;

const WAYS: [Way; 23] = [
    AddToken,
    RemoveToken,
    SetPassword,
    ReturnReset,
    AddOtp,
    VerifyOtp,
    RemoveOtp,
    BindOtp,
    UnbindOtp,
    StartTotp,
    VerifyTotp,
    RemoveTotp,
    StartWebauthn,
    VerifyWebauthn,
    RemoveWebauthn,
    ReturnLink,
    AddIdpLink,
    RemoveIdpLink,
    SetEmail,
    PatchPhone,
    PatchEmail,
    ReturnResend,
    RemovePhone,
];

impl Way {
    async fn go(self, ctx: &TestCtx, caller: &Caller, target: &Target) -> Result<()> {
        let factor = &FactorId::from_trusted("1");
        let one = (Channel::Sms, factor);
        match self {
            AddToken => token::add(ctx, caller, target, None).await.map(drop),
            RemoveToken => {
                let id = TokenId::from_trusted("1");
                token::remove(ctx, caller, target, &id).await.map(drop)
            }
            SetPassword => set_password(ctx, caller, target, None).await,
            ReturnReset => reset(ctx, caller, target, ResetBy::Return).await,
            AddOtp => {
                let new = to(ctx, "+41791230001", SEND);
                otp::add(ctx, caller, target, &new).await.map(drop)
            }
            VerifyOtp => otp::verify(ctx, caller, target, one, "000000").await.map(drop),
            RemoveOtp => otp::remove(ctx, caller, target, one.0, factor).await.map(drop),
            BindOtp => otp::bind(ctx, caller, target, Channel::Sms).await.map(drop),
            UnbindOtp => otp::unbind(ctx, caller, target, Channel::Sms).await.map(drop),
            StartTotp => totp::start(ctx, caller, target).await.map(drop),
            VerifyTotp => totp::verify(ctx, caller, target, factor, "000000")
                .await
                .map(drop),
            RemoveTotp => totp::remove(ctx, caller, target, factor).await.map(drop),
            StartWebauthn | VerifyWebauthn | RemoveWebauthn | ReturnLink => {
                self.by_passkey(ctx, caller, target).await
            }
            AddIdpLink => {
                let idp = "1".into();
                let user = ExternalUser::parse("248289761001", "Ada").unwrap();
                idp_link::add(ctx, caller, target, &NewLink { idp, user })
                    .await
                    .map(drop)
            }
            RemoveIdpLink => idp_link::remove(ctx, caller, target, &"1".into()).await.map(drop),
            SetEmail | PatchPhone | PatchEmail | ReturnResend | RemovePhone => {
                self.by_contact(ctx, caller, target).await
            }
        }
    }

    async fn by_passkey(self, ctx: &TestCtx, caller: &Caller, target: &Target) -> Result<()> {
        let factor = &FactorId::from_trusted("1");
        match self {
            VerifyWebauthn => {
                let name = &FactorName::parse("key").unwrap();
                let answer = &serde_json::Map::new();
                webauthn::verify(ctx, caller, target, factor, (answer, name))
                    .await
                    .map(drop)
            }
            RemoveWebauthn => webauthn::remove(ctx, caller, target, factor).await.map(drop),
            ReturnLink => link(ctx, caller, target, LinkMedium::Return).await,
            _ => {
                let new = NewRegistration {
                    domain: "localhost".into(),
                    attachment: None,
                    link: None,
                };
                webauthn::start(ctx, caller, target, &new).await.map(drop)
            }
        }
    }

    async fn by_contact(self, ctx: &TestCtx, caller: &Caller, target: &Target) -> Result<()> {
        let email = to(ctx, "mallory@example.com", SEND);
        let phone = to(ctx, "+41791230002", Verification::Vouched);
        let patch = match self {
            SetEmail => return contact::set(ctx, caller, target, &email).await.map(drop),
            RemovePhone => return contact::remove(ctx, caller, target, Channel::Sms).await.map(drop),
            ReturnResend => return resend(ctx, caller, target, Verification::Return).await,
            PatchPhone => UserPatch {
                phone: Some(phone),
                ..UserPatch::default()
            },
            _ => UserPatch {
                email: Some(email),
                ..UserPatch::default()
            },
        };
        user::patch(ctx, caller, target, &patch).await.map(drop)
    }
}

async fn set_password(ctx: &TestCtx, caller: &Caller, target: &Target, proof: Option<Shown>) -> Result<()> {
    let change = PasswordChange {
        new: NewSecret::Plain(Secret::new("tide lantern orbit pebble".into())),
        change_required: false,
        proof,
    };
    password::set(ctx, caller, target, &change).await.map(drop)
}

async fn reset(ctx: &TestCtx, caller: &Caller, target: &Target, by: ResetBy) -> Result<()> {
    let done = password::request_reset(ctx, caller, target, &by, Language::En).await;
    done.map(drop)
}

async fn link(ctx: &TestCtx, caller: &Caller, target: &Target, medium: LinkMedium) -> Result<()> {
    let done = webauthn::create_link(ctx, caller, target, &medium, Language::En).await;
    done.map(drop)
}

async fn resend(ctx: &TestCtx, caller: &Caller, target: &Target, by: Verification) -> Result<()> {
    let from = (contact::ResendFrom::Unverified, Language::En);
    let done = contact::resend(ctx, caller, target, Channel::Sms, &by, from).await;
    done.map(drop)
}

/// Somebody with a role and a number that waits for its code.
async fn holder(ctx: &TestCtx, owner: &Caller, role: (Scope, Role)) -> Target {
    ctx.advance(domain::base::Span::hours(25));
    let target = Target::of(ctx.caller_with(&[role]).await.user);
    set_returning(ctx, owner, &target, NUMBER).await;
    target
}

fn is_refused(answer: &Result<()>) -> bool {
    matches!(answer, Err(Error::DeniedOverStronger))
}

#[tokio::test]
async fn nobody_makes_a_credential_for_someone_who_may_do_more() {
    let ctx = TestCtx::new().await;
    let here = Scope::Org(ctx.foundation.org.clone());
    let there = Scope::Org(ctx.organization("elsewhere.example.com").await);
    let owner = ctx.owner().await;
    let org_owner = (here.clone(), Role::OrgOwner);
    let weaker = [
        (org_owner.clone(), (Scope::Instance, Role::IamOwner)),
        (org_owner.clone(), (Scope::Instance, Role::IamOwnerViewer)),
        (org_owner, (there, Role::OrgUserPermissionEditor)),
        (
            (Scope::Instance, Role::IamOrgManager),
            (Scope::Instance, Role::IamOwner),
        ),
        ((Scope::Instance, Role::IamLoginClient), (here, Role::OrgOwner)),
    ];
    for (caller_role, target_role) in weaker {
        let name = format!("{caller_role:?} to {target_role:?}");
        let caller = ctx.caller_with(&[caller_role]).await;
        let target = holder(&ctx, &owner, target_role).await;
        let before = events(&ctx, &owner, &target.user).await;
        for way in WAYS {
            let answer = way.go(&ctx, &caller, &target).await;
            assert!(is_refused(&answer), "{name}: {way:?} {answer:?}");
        }
        assert_eq!(events(&ctx, &owner, &target.user).await, before, "{name}");
    }
}

/// Somebody who manages users without their credentials cannot lead a reset to a mailbox of their own.
#[tokio::test]
async fn nobody_moves_the_contact_of_someone_who_may_do_more() {
    let ctx = TestCtx::new().await;
    let here = Scope::Org(ctx.foundation.org.clone());
    let owner = ctx.owner().await;
    let manager = ctx.caller_with(&[(here.clone(), Role::OrgUserManager)]).await;
    for role in [(Scope::Instance, Role::IamOwner), (here, Role::OrgOwner)] {
        let target = holder(&ctx, &owner, role).await;
        for way in [SetEmail, PatchPhone, PatchEmail, ReturnResend, RemovePhone] {
            let answer = way.go(&ctx, &manager, &target).await;
            assert!(is_refused(&answer), "{way:?} {answer:?}");
        }
    }
}

#[tokio::test]
async fn equals_themselves_and_whoever_may_do_everything_are_not_stopped() {
    let ctx = TestCtx::new().await;
    let here = Scope::Org(ctx.foundation.org.clone());
    let owner = ctx.owner().await;
    let org_owner = ctx.caller_with(&[(here.clone(), Role::OrgOwner)]).await;
    let allowed = [
        (&owner, (Scope::Instance, Role::IamOwner)),
        (&owner, (Scope::Instance, Role::IamLoginClient)),
        (&owner, (here.clone(), Role::OrgUserSelfManager)),
        (&org_owner, (here.clone(), Role::OrgOwner)),
        (&org_owner, (here.clone(), Role::OrgUserManager)),
        (&org_owner, (Scope::Instance, Role::SelfManagementGlobal)),
    ];
    for (caller, role) in allowed {
        let target = holder(&ctx, &owner, role.clone()).await;
        for way in WAYS {
            let answer = way.go(&ctx, caller, &target).await;
            assert!(!is_refused(&answer), "{role:?}: {way:?}");
        }
        token::add(&ctx, caller, &target, None).await.unwrap();
    }
    let viewer = ctx.caller_with(&[(Scope::Instance, Role::IamOwnerViewer)]).await;
    let me = Target::of(viewer.user.clone());
    token::add(&ctx, &viewer, &me, None).await.unwrap();
    totp::start(&ctx, &viewer, &me).await.unwrap();
}

/// What reaches the user alone, or needs what only the user has, helps nobody else in; and whoever runs an organization can
/// still shut out whoever lives there.
#[tokio::test]
async fn what_ends_in_the_users_own_hands_is_open_for_all_users() {
    let ctx = TestCtx::new().await;
    let here = Scope::Org(ctx.foundation.org.clone());
    let owner = ctx.owner().await;
    let org_owner = ctx.caller_with(&[(here, Role::OrgOwner)]).await;
    let target = holder(&ctx, &owner, (Scope::Instance, Role::IamOwner)).await;
    let code = Shown::Code(Secret::new("AAAAAAAA".into()));
    let answers = [
        (
            "verify",
            contact::verify(&ctx, &org_owner, &target, Channel::Sms, "000000")
                .await
                .map(drop),
        ),
        ("resend", resend(&ctx, &org_owner, &target, SEND).await),
        ("reset", reset(&ctx, &org_owner, &target, ResetBy::Sms).await),
        ("code", set_password(&ctx, &org_owner, &target, Some(code)).await),
        (
            "link",
            link(&ctx, &org_owner, &target, LinkMedium::Send(None)).await,
        ),
        (
            "patch",
            user::patch(&ctx, &org_owner, &target, &UserPatch::default())
                .await
                .map(drop),
        ),
    ];
    for (name, answer) in answers {
        assert!(
            matches!(answer, Ok(()) | Err(Error::Refused(_) | Error::SendLimit(_))),
            "{name}: {answer:?}"
        );
    }
    user::transition(&ctx, &org_owner, &target, Transition::Lock)
        .await
        .unwrap();
}
