//! Who may look, and for how long.

use app::{Target, user};
use axum::http::{Request, StatusCode, header};
use domain::{
    access::{Role, Scope},
    base::Span,
};
use inbox::InboxAccess;

use crate::world::{HOST, World};

#[tokio::test]
async fn a_stranger_sees_the_sign_in_form_and_no_message() {
    let world = World::closed().await;
    world.capture("+41791234567", "111111").await;
    let page = world.get("/ui/inbox").await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    assert_eq!(page.attributes("form", "action"), ["/ui/inbox/sign-in"]);
    assert!(!page.body.contains("111111"));
    let news = world.get("/ui/inbox/new?after=").await;
    assert_eq!((news.status, news.body.as_str()), (StatusCode::UNAUTHORIZED, ""));
}

#[tokio::test]
async fn an_administrators_token_opens_the_inbox() {
    let world = World::closed().await;
    world.capture("+41791234567", "111111").await;
    let entered = world.sign_in(&world.owner_token()).await;
    assert_eq!(entered.status, StatusCode::SEE_OTHER);
    assert_eq!(entered.header(header::LOCATION), "/ui/inbox");
    let page = world.get_with("/ui/inbox", &entered.cookie()).await;
    assert_eq!(page.texts(".code output"), ["111111"]);
    assert_eq!(page.attributes(".out", "action"), ["/ui/inbox/sign-out"]);
    let news = world.get_with("/ui/inbox/new?after=", &entered.cookie()).await;
    assert_eq!(news.texts(".code output"), ["111111"]);
}

#[tokio::test]
async fn the_cookie_hides_the_token_and_stays_here() {
    let world = World::closed().await;
    let entered = world.sign_in(&world.owner_token()).await;
    let cookie = entered.header(header::SET_COOKIE);
    assert!(!cookie.contains(&world.owner_token()));
    for attribute in [
        "; Path=/ui/inbox",
        "; Max-Age=43200",
        "; HttpOnly",
        "; SameSite=Strict",
    ] {
        assert!(cookie.contains(attribute), "{attribute}");
    }
    assert!(!cookie.contains("Secure"));

    let tls = World::new(InboxAccess::Admin, true).await;
    let entered = tls.sign_in(&tls.owner_token()).await;
    let cookie = entered.header(header::SET_COOKIE);
    assert!(cookie.starts_with("__Secure-merlon_inbox=") && cookie.ends_with("; Secure"));
    assert_eq!(
        tls.get_with("/ui/inbox", &entered.cookie()).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn any_other_token_is_refused_and_all_of_them_alike() {
    let world = World::closed().await;
    let owner = world.test.owner().await;
    let plain = world.test.plain_user().await;
    let org = Scope::Org(world.test.foundation.org.clone());
    let manager = world.test.caller_with(&[(org, Role::OrgOwner)]).await;
    let mut bodies = Vec::new();
    let mut tokens = vec![String::new(), "nonsense".to_owned(), "A".repeat(3000)];
    for user in [plain.user, manager.user] {
        let added = user::token::add(&world.test.ctx, &owner, &Target::of(user), None)
            .await
            .unwrap();
        tokens.push(added.token.reveal().to_owned());
    }
    for token in tokens {
        let answer = world.sign_in(&token).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(!answer.headers.contains_key(header::SET_COOKIE));
        assert_eq!(answer.texts("[role=alert]").len(), 1);
        bodies.push(answer.body);
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]));
}

#[tokio::test]
async fn a_revoked_token_is_out_at_once() {
    let world = World::closed().await;
    let owner = world.test.owner().await;
    let target = Target::of(owner.user.clone());
    let added = user::token::add(&world.test.ctx, &owner, &target, None)
        .await
        .unwrap();
    let cookie = world.sign_in(added.token.reveal()).await.cookie();
    assert_eq!(world.get_with("/ui/inbox", &cookie).await.status, StatusCode::OK);
    user::token::remove(&world.test.ctx, &owner, &target, &added.id)
        .await
        .unwrap();
    assert_eq!(
        world.get_with("/ui/inbox", &cookie).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn a_sign_in_ends_after_twelve_hours() {
    let world = World::closed().await;
    let cookie = world.sign_in(&world.owner_token()).await.cookie();
    world.test.advance(Span::seconds(12 * 3600 - 1));
    assert_eq!(world.get_with("/ui/inbox", &cookie).await.status, StatusCode::OK);
    world.test.advance(Span::seconds(1));
    assert_eq!(
        world.get_with("/ui/inbox", &cookie).await.status,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn a_cookie_of_another_make_opens_nothing() {
    let world = World::closed().await;
    let cookie = world.sign_in(&world.owner_token()).await.cookie();
    let (name, value) = cookie.split_once('=').unwrap();
    let changed = format!("{name}={}A", &value[..value.len() - 1]);
    let token = world.owner_token();
    for forged in [
        changed,
        format!("{name}="),
        format!("{name}={token}"),
        format!("x{cookie}"),
    ] {
        assert_eq!(
            world.get_with("/ui/inbox", &forged).await.status,
            StatusCode::UNAUTHORIZED
        );
    }
    let together = format!("theme=dark; {cookie}");
    assert_eq!(
        world.get_with("/ui/inbox", &together).await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn signing_out_forgets_the_token() {
    let world = World::closed().await;
    let left = world.post("/ui/inbox/sign-out", "").await;
    assert_eq!(left.status, StatusCode::SEE_OTHER);
    let cookie = left.header(header::SET_COOKIE);
    assert!(cookie.starts_with("merlon_inbox=;") && cookie.contains("Max-Age=0"));
    assert_eq!(
        world.get("/ui/inbox/sign-out").await.status,
        StatusCode::METHOD_NOT_ALLOWED
    );
}

#[tokio::test]
async fn forms_of_other_sites_are_refused() {
    let world = World::closed().await;
    let form = format!("token={}", world.owner_token());
    let own = format!("http://{HOST}");
    for (name, value, status) in [
        ("sec-fetch-site", "same-origin", StatusCode::SEE_OTHER),
        ("sec-fetch-site", "same-site", StatusCode::FORBIDDEN),
        ("sec-fetch-site", "cross-site", StatusCode::FORBIDDEN),
        ("sec-fetch-site", "none", StatusCode::FORBIDDEN),
        ("origin", own.as_str(), StatusCode::SEE_OTHER),
        ("origin", "http://127.0.0.1:9999", StatusCode::FORBIDDEN),
        ("origin", "http://evil.example", StatusCode::FORBIDDEN),
        ("origin", "null", StatusCode::FORBIDDEN),
        ("x-nothing", "said", StatusCode::FORBIDDEN),
    ] {
        for path in ["/ui/inbox/sign-in", "/ui/inbox/sign-out"] {
            let request = Request::post(path).header(name, value);
            assert_eq!(
                world.send(request, &form).await.status,
                status,
                "{path} {name}: {value}"
            );
        }
    }
}

#[tokio::test]
async fn an_oversized_form_is_refused() {
    let world = World::closed().await;
    let answer = world.sign_in(&"A".repeat(5000)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}
