//! What the page shows.

use std::time::Duration;

use axum::http::{StatusCode, header};
use tokio::time::Instant;

use crate::world::World;

#[tokio::test]
async fn messages_are_shown_newest_first_with_their_codes() {
    let world = World::open().await;
    world.capture("+41791234567", "111111").await;
    world.capture("ada@example.com", "ABCDEF").await;
    let page = world.get("/ui/inbox").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.texts(".code output"), ["ABCDEF", "111111"]);
    assert_eq!(page.texts(".recipient"), ["ada@example.com", "+41791234567"]);
    assert_eq!(page.texts(".channel"), ["E-mail", "SMS"]);
    assert_eq!(
        page.texts(".kind"),
        ["Verify an e-mail address", "Verify a phone number"]
    );
    assert_eq!(page.texts("summary"), ["Your code", "Message"]);
    assert_eq!(
        page.texts("time"),
        ["2026-01-01 00:00:02 UTC", "2026-01-01 00:00:01 UTC"]
    );
    assert_eq!(
        page.texts(".message pre")[1],
        "111111 is your code\n\n@localhost #111111"
    );
}

#[tokio::test]
async fn one_recipient_can_be_asked_for() {
    let world = World::open().await;
    world.capture("+41791234567", "111111").await;
    world.capture("+41797654321", "222222").await;
    let page = world.get("/ui/inbox?recipient=%2B41%2079%20123%2045%2067").await;
    assert_eq!(page.texts(".code output"), ["111111"]);
    let link = &page.attributes(".recipient", "href")[0];
    assert_eq!(link, "/ui/inbox?recipient=%2B41791234567");
    assert_eq!(world.get(link).await.texts(".code output"), ["111111"]);

    let none = world.get("/ui/inbox?recipient=eve@example.com").await;
    assert_eq!(none.texts(".empty h1"), ["Nothing for eve@example.com"]);
}

#[tokio::test]
async fn older_messages_are_on_the_next_page() {
    let world = World::open().await;
    for n in 0..60 {
        world.capture("+41791234567", &format!("{n:06}")).await;
    }
    let first = world.get("/ui/inbox").await;
    assert_eq!(first.texts(".code output").len(), 50);
    let second = world.get(&first.attributes(".pages a", "href")[0]).await;
    let codes = second.texts(".code output");
    assert_eq!((codes.len(), codes[0].as_str()), (10, "000009"));
    assert!(second.attributes(".pages a", "href").is_empty());
    assert!(
        second.attributes("#messages", "data-news").is_empty(),
        "an old page does not grow"
    );
}

#[tokio::test]
async fn an_empty_inbox_shows_how_to_send_a_first_code() {
    let page = World::open().await.get("/ui/inbox").await;
    let commands = page.texts("#commands");
    assert!(commands[0].starts_with("api=http://127.0.0.1:8080\n"));
    assert!(commands[0].contains("\"sendCode\": {}"));
}

#[tokio::test]
async fn what_is_captured_or_asked_for_is_never_markup() {
    let world = World::open().await;
    let evil = "<script>alert(1)</script>\"'&";
    world.capture(&format!("{evil}@example.com"), evil).await;
    let shown = world.get("/ui/inbox").await;
    let asked = world
        .get("/ui/inbox?recipient=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&before=%22%3E%3Cb%3E")
        .await;
    for page in [shown, asked] {
        assert_eq!(page.status, StatusCode::OK);
        assert!(!page.body.contains("<script>alert"));
        assert_eq!(page.attributes("script", "src"), ["/ui/inbox/inbox.js"]);
    }
}

#[tokio::test]
async fn pages_are_not_kept_and_run_nothing_from_elsewhere() {
    let world = World::open().await;
    world.capture("+41791234567", "111111").await;
    let page = world.get("/ui/inbox").await;
    assert_eq!(page.header(header::CACHE_CONTROL), "no-store");
    let policy = page.header(header::CONTENT_SECURITY_POLICY);
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"));
    assert_eq!(page.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    for bad in [" style=", " onclick=", "<style", "http://", "https://", "//cdn"] {
        let elsewhere = page.body.matches(bad).count();
        assert_eq!(elsewhere, 0, "{bad}");
    }
    assert!(page.texts("script").iter().all(String::is_empty));
}

#[tokio::test]
async fn every_asset_that_a_page_names_is_there() {
    let world = World::open().await;
    let page = world.get("/ui/inbox").await;
    let mut assets = page.attributes("link", "href");
    assets.extend(page.attributes("script", "src"));
    assert_eq!(assets.len(), 3);
    for asset in assets {
        let answer = world.get(&asset).await;
        assert_eq!(answer.status, StatusCode::OK, "{asset}");
        assert!(!answer.header(header::CONTENT_TYPE).starts_with("text/html"));
        assert!(!answer.body.is_empty());
    }
}

#[tokio::test]
async fn without_javascript_the_page_can_reload_itself() {
    let world = World::open().await;
    assert!(!world.get("/ui/inbox").await.body.contains("http-equiv"));
    let page = world.get("/ui/inbox?refresh=5").await;
    assert!(
        page.body
            .contains("<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>")
    );
    assert!(page.body.contains("Stop</a>"));
}

#[tokio::test]
async fn news_are_what_came_after_the_newest_shown() {
    let world = World::open().await;
    let first = world.capture("+41791234567", "111111").await;
    world.capture("+41797654321", "222222").await;
    let news = world.get(&format!("/ui/inbox/new?after={first}")).await;
    assert_eq!(news.texts(".code output"), ["222222"]);
    let other = world
        .get(&format!("/ui/inbox/new?recipient=%2B41797654321&after={first}"))
        .await;
    assert_eq!(other.texts(".code output"), ["222222"]);
}

#[tokio::test]
async fn more_news_than_fit_come_page_by_page() {
    let world = World::open().await;
    let mut after = world.capture("+41791234567", "shown").await.to_string();
    for n in 0..120 {
        world.capture("+41791234567", &format!("{n:06}")).await;
    }
    let mut seen = Vec::new();
    for length in [50, 50, 20] {
        let news = world.get(&format!("/ui/inbox/new?after={after}")).await;
        let codes = news.texts(".code output");
        assert_eq!(codes.len(), length);
        seen.extend(codes.into_iter().rev());
        after.clone_from(&news.attributes(".message", "data-id")[0]);
    }
    let captured: Vec<_> = (0..120).map(|n| format!("{n:06}")).collect();
    assert_eq!(seen, captured);
}

#[tokio::test]
async fn news_come_the_moment_they_are_captured() {
    let world = World::open().await;
    let first = world.capture("+41791234567", "111111").await;
    let path = format!("/ui/inbox/new?after={first}");
    let (news, ()) = tokio::join!(world.get(&path), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        world.capture("+41791234567", "222222").await;
    });
    assert_eq!(news.texts(".code output"), ["222222"]);
}

#[tokio::test(start_paused = true)]
async fn without_news_the_answer_is_empty_after_a_while() {
    let world = World::timeless_on_sqlite().await;
    let answer = world.get("/ui/inbox/new?after=").await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (StatusCode::NO_CONTENT, "")
    );
}

#[tokio::test(start_paused = true)]
async fn a_stop_answers_whoever_waits_for_news() {
    let world = World::timeless_on_sqlite().await;
    let start = Instant::now();
    let stop = async { world.test.stopping.cancel() };
    let (answer, ()) = tokio::join!(world.get("/ui/inbox/new?after=0"), stop);
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}
