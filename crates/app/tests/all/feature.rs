//! Features of the instance: who may switch them, and that a switch holds from then on, also after a restart.

use app::{
    Caller, Error,
    feature::{self, Feature, Features, FeaturesView},
};
use domain::{
    access::{Permission, Role, Scope},
    base::Span,
    instance::Refusal,
};
use testkit::{TestCtx, TestOptions, context};

const fn user_schema(on: bool) -> Features {
    Features {
        user_schema: Some(on),
    }
}

async fn is_on(ctx: &app::Ctx, caller: &Caller) -> bool {
    feature::is_on(ctx, ctx.fresh().await, &caller.instance, Feature::UserSchema)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_feature_is_built_in_until_it_is_set_and_again_once_it_is_reset() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let fresh = feature::get(&ctx, &owner).await.unwrap();
    assert_eq!(fresh.features, Features::default());
    assert!(is_on(&ctx, &owner).await);
    for on in [false, true] {
        ctx.advance(Span::seconds(1));
        let head = feature::set(&ctx, &owner, user_schema(on)).await.unwrap();
        assert_eq!(is_on(&ctx, &owner).await, on);
        let features = user_schema(on);
        assert_eq!(
            feature::get(&ctx, &owner).await.unwrap(),
            FeaturesView { head, features }
        );
        ctx.advance(Span::seconds(1));
        assert_eq!(feature::set(&ctx, &owner, user_schema(on)).await.unwrap(), head);
    }
    feature::set(&ctx, &owner, user_schema(false)).await.unwrap();
    let head = feature::reset(&ctx, &owner).await.unwrap();
    assert!(is_on(&ctx, &owner).await);
    assert_eq!(head.seq, fresh.head.seq + 4);
    assert_eq!(head.created, fresh.head.created);
    ctx.advance(Span::seconds(1));
    assert_eq!(feature::reset(&ctx, &owner).await.unwrap(), head);
    assert_eq!(
        store::rebuild_matches(&ctx.store).await.unwrap(),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn what_is_set_outlives_a_restart() {
    let mut ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    feature::set(&ctx, &owner, user_schema(false)).await.unwrap();
    ctx.database.reopen().await;
    let again = context(ctx.database.store.clone(), &ctx.clock, TestOptions::default());
    assert!(!is_on(&again, &owner).await);
}

#[tokio::test]
async fn setting_nothing_is_refused() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let answer = feature::set(&ctx, &owner, Features::default()).await;
    assert!(
        matches!(answer, Err(Error::InstanceRefused(Refusal::NoFeature))),
        "{answer:?}"
    );
}

/// Only owners of the instance switch; everybody may look.
#[tokio::test]
async fn who_may_switch() {
    let ctx = TestCtx::new().await;
    let here = Scope::Org(ctx.foundation.org.clone());
    for (scope, role) in Role::ALL
        .iter()
        .flat_map(|role| [(Scope::Instance, *role), (here.clone(), *role)])
    {
        let caller = ctx.caller_with(&[(scope.clone(), role)]).await;
        let may = scope == Scope::Instance && role == Role::IamOwner;
        let set = feature::set(&ctx, &caller, user_schema(true)).await;
        let reset = feature::reset(&ctx, &caller).await;
        assert!(feature::get(&ctx, &caller).await.is_ok());
        if may {
            assert!(set.is_ok() && reset.is_ok(), "{set:?} {reset:?}");
            continue;
        }
        assert!(
            matches!(set, Err(Error::Denied(Permission::IamFeatureWrite))),
            "{scope:?} {role:?}: {set:?}"
        );
        assert!(
            matches!(reset, Err(Error::Denied(Permission::IamFeatureDelete))),
            "{scope:?} {role:?}: {reset:?}"
        );
    }
    let nobody = ctx.plain_user().await;
    assert!(feature::set(&ctx, &nobody, user_schema(false)).await.is_err());
    assert!(is_on(&ctx, &nobody).await);
}
