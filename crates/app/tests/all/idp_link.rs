//! Links to accounts at identity providers: one user's, nobody vouches for their own, and free again when they go.

use app::{
    Caller, Error, Result, Target, housekeeping,
    idp::{self, NewProvider},
    secret::Secret,
    user::{
        self,
        idp_link::{self, NewLink},
    },
};
use domain::{
    access::{Permission, Role, Scope},
    base::IdpId,
    idp::{Endpoint, Issuer, OauthSettings, OidcSettings, Options, ProviderName, Scopes, Setting, Settings},
    user::{ExternalUser, Refusal},
};
use testkit::TestCtx;

use crate::given::*;

const SUBJECT: &str = "subject-248289761001";

fn oidc() -> Settings {
    Settings::Oidc(OidcSettings {
        issuer: Issuer::parse("https://id.example.com").unwrap(),
        client_id: Setting::parse("me").unwrap(),
        scopes: Scopes::default(),
        id_token_mapping: false,
        pkce: true,
    })
}

fn oauth() -> Settings {
    let endpoint = || Endpoint::parse("https://id.example.com/x").unwrap();
    Settings::Oauth(OauthSettings {
        client_id: Setting::parse("me").unwrap(),
        authorization_endpoint: endpoint(),
        token_endpoint: endpoint(),
        user_endpoint: endpoint(),
        scopes: Scopes::default(),
        id_attribute: Setting::parse("sub").unwrap(),
        pkce: true,
    })
}

async fn provider(ctx: &TestCtx, by: &Caller, settings: Settings) -> IdpId {
    let new = NewProvider {
        name: ProviderName::parse("Elsewhere").unwrap(),
        options: Options::default(),
        settings,
    };
    let secret = Secret::new("secret".into());
    idp::add(ctx, by, &new, &secret).await.unwrap().id
}

fn link(idp: &IdpId, id: &str) -> NewLink {
    NewLink {
        idp: idp.clone(),
        user: ExternalUser::parse(id, "Ada").unwrap(),
    }
}

fn is_taken<T>(answer: &Result<T>) -> bool {
    matches!(answer, Err(Error::Refused(Refusal::IdpLinkExists)))
}

async fn shown(ctx: &TestCtx, by: &Caller, target: &Target) -> Vec<(IdpId, String, String)> {
    let view = user::get(ctx, by, target).await.unwrap();
    let show = |shown: &idp_link::ShownLink| {
        (
            shown.link.idp.clone(),
            shown.idp_name.clone(),
            shown.link.user.id().to_owned(),
        )
    };
    view.idp_links.iter().map(show).collect()
}

#[tokio::test]
async fn an_account_belongs_to_one_user_at_each_provider() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let (one, other) = (
        provider(&ctx, &owner, oidc()).await,
        provider(&ctx, &owner, oauth()).await,
    );
    let (ada, bea) = (somebody(&ctx, &owner).await, somebody(&ctx, &owner).await);
    idp_link::add(&ctx, &owner, &ada, &link(&one, SUBJECT))
        .await
        .unwrap();
    for target in [&ada, &bea] {
        assert!(is_taken(
            &idp_link::add(&ctx, &owner, target, &link(&one, SUBJECT)).await
        ));
    }
    idp_link::add(&ctx, &owner, &bea, &link(&other, SUBJECT))
        .await
        .unwrap();
    idp_link::add(&ctx, &owner, &bea, &link(&one, "SUBJECT-248289761001"))
        .await
        .unwrap();
    assert_eq!(
        shown(&ctx, &owner, &ada).await,
        [(one.clone(), "Elsewhere".to_owned(), SUBJECT.to_owned())]
    );
    idp_link::remove(&ctx, &owner, &ada, &one).await.unwrap();
    assert!(matches!(
        idp_link::remove(&ctx, &owner, &ada, &one).await,
        Err(Error::Refused(Refusal::IdpLinkNotFound))
    ));
    idp_link::add(&ctx, &owner, &bea, &link(&one, SUBJECT))
        .await
        .unwrap();
    assert_eq!(shown(&ctx, &owner, &bea).await.len(), 3);
    idp_link::remove(&ctx, &owner, &bea, &one).await.unwrap();
    assert_eq!(
        shown(&ctx, &owner, &bea).await.len(),
        1,
        "all accounts at one provider go together"
    );
    assert_eq!(
        store::rebuild_matches(&ctx.store).await.unwrap(),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn nobody_vouches_for_an_account_of_their_own_but_anybody_gives_theirs_back() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let idp = provider(&ctx, &owner, oidc()).await;
    let me = ctx.plain_user().await;
    let target = Target::of(me.user.clone());
    let own = idp_link::add(&ctx, &me, &target, &link(&idp, SUBJECT)).await;
    assert!(matches!(own, Err(Error::LinkDeniedToSelf)));
    let manager = ctx.caller_with(&[(Scope::Instance, Role::IamUserManager)]).await;
    let denied = idp_link::add(&ctx, &manager, &target, &link(&idp, SUBJECT)).await;
    assert!(matches!(
        denied,
        Err(Error::Denied(Permission::UserCredentialWrite))
    ));
    idp_link::add(&ctx, &owner, &target, &link(&idp, SUBJECT))
        .await
        .unwrap();
    let stranger = ctx.plain_user().await;
    let unseen = idp_link::remove(&ctx, &stranger, &target, &idp).await;
    assert!(matches!(unseen, Err(Error::NotFound)));
    idp_link::remove(&ctx, &me, &target, &idp).await.unwrap();
    assert!(shown(&ctx, &me, &target).await.is_empty());
}

#[tokio::test]
async fn a_removed_provider_takes_its_links_with_it() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let (gone, stays) = (
        provider(&ctx, &owner, oidc()).await,
        provider(&ctx, &owner, oidc()).await,
    );
    let (ada, bea) = (somebody(&ctx, &owner).await, somebody(&ctx, &owner).await);
    for (target, idp) in [(&ada, &gone), (&ada, &stays), (&bea, &gone)] {
        let new = link(idp, &format!("{}-{SUBJECT}", target.user));
        idp_link::add(&ctx, &owner, target, &new).await.unwrap();
    }
    idp::remove(&ctx, &owner, &gone).await.unwrap();
    assert_eq!(shown(&ctx, &owner, &ada).await.len(), 1, "at once");
    assert!(shown(&ctx, &owner, &bea).await.is_empty());
    let late = idp_link::add(&ctx, &owner, &bea, &link(&gone, SUBJECT)).await;
    assert!(matches!(
        late,
        Err(Error::IdpRefused(domain::idp::Refusal::NotFound))
    ));
    assert_eq!(idp_link::sweep_removed(&ctx).await.unwrap().count, 2);
    housekeeping::tidy(&ctx).await;
    assert_eq!(idp_link::sweep_removed(&ctx).await.unwrap().count, 0, "once");
    let removed = "SELECT count(*) FROM idp_removed";
    let mut snapshot = ctx.store.snapshot().await.unwrap();
    let left = snapshot.first(removed, &[], |row| row.int(0)).await.unwrap();
    assert_eq!(left, Some(0), "nothing has to be looked for any more");
    drop(snapshot);
    assert!(read(&ctx, &owner, &bea).await.1.idp_links.is_empty());
    assert_eq!(read(&ctx, &owner, &ada).await.1.idp_links.len(), 1);
    assert_eq!(
        store::rebuild_matches(&ctx.store).await.unwrap(),
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn a_deleted_user_leaves_nothing_of_its_accounts_and_frees_them() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let idp = provider(&ctx, &owner, oidc()).await;
    let ada = somebody(&ctx, &owner).await;
    idp_link::add(&ctx, &owner, &ada, &link(&idp, SUBJECT))
        .await
        .unwrap();
    let count = "SELECT count(*) FROM idp_link WHERE external_id = 'subject-248289761001'";
    assert_eq!(number(&ctx, count).await, 1);
    let personal = "SELECT count(*) FROM personal WHERE body LIKE '%subject-248289761001%'";
    assert_eq!(number(&ctx, personal).await, 1);
    user::delete(&ctx, &owner, &ada).await.unwrap();
    assert_eq!((number(&ctx, count).await, number(&ctx, personal).await), (0, 0));
    let bea = somebody(&ctx, &owner).await;
    idp_link::add(&ctx, &owner, &bea, &link(&idp, SUBJECT))
        .await
        .unwrap();
}

async fn number(ctx: &TestCtx, sql: &'static str) -> i64 {
    let mut snapshot = ctx.store.snapshot().await.unwrap();
    snapshot.first(sql, &[], |row| row.int(0)).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixteen_who_take_one_account_one_has_it() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let idp = provider(&ctx, &owner, oidc()).await;
    let mut tasks = Vec::new();
    for _ in 0..16 {
        let target = somebody(&ctx, &owner).await;
        let (shared, by, new) = (ctx.ctx.clone(), owner.clone(), link(&idp, SUBJECT));
        tasks.push(tokio::spawn(async move {
            idp_link::add(&shared, &by, &target, &new).await
        }));
    }
    let mut won = 0;
    for task in tasks {
        let answer = task.await.unwrap();
        won += usize::from(answer.is_ok());
        assert!(answer.is_ok() || is_taken(&answer));
    }
    assert_eq!(won, 1);
    assert_eq!(
        store::rebuild_matches(&ctx.store).await.unwrap(),
        Vec::<String>::new()
    );
}
