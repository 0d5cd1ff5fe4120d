//! Passwords over the wire beyond the table of cases: replaced by their owner, and guessed at.

use serde_json::{Value, json};

use super::{
    case::{NEW, OLD, old_request},
    scene::Scene,
    success::both_views,
    wire::{Answer, Form},
    world::World,
};

/// Sends a request as the user of the scene, in one generation or the other.
async fn by_itself(scene: &Scene<'_>, place: usize, name: &str, request: &Value) -> Answer {
    let (form, token) = (Form::ALL[place % Form::ALL.len()], scene.get("token"));
    let (service, request) = if place < Form::ALL.len() {
        (NEW, request.clone())
    } else {
        (OLD, old_request(request))
    };
    scene
        .send(form, &format!("{service}/{name}"), &request, Some(&token))
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn its_owner_replaces_it_with_the_current_one_in_every_form() {
    let world = World::new().await;
    let first = json!({"id": "$user", "newPassword": {"password": "lighthouse keeper 0"}});
    let scene = Scene::new(&world, &[(format!("{NEW}/SetPassword"), first)]).await;
    let mut last = Value::Null;
    for place in 0..2 * Form::ALL.len() {
        world.advance(domain::base::Span::seconds(1));
        let (current, new) = (
            format!("lighthouse keeper {place}"),
            format!("lighthouse keeper {}", place + 1),
        );
        let replace = |text: &str| json!({"id": "$user", "newPassword": {"password": text, "currentPassword": current}});
        by_itself(&scene, place, "SetPassword", &replace(&new)).await.ok();
        let again = by_itself(&scene, place, "SetPassword", &replace(&new)).await;
        assert_eq!(again.failure().id(), "COMMAND-3M0fs", "the old one is over");
        let (user, _) = both_views(&world, &scene.get("user")).await;
        let changed = &user["authenticators"]["password"]["lastChanged"];
        assert!(changed.is_string() && *changed != last, "{user}");
        last = changed.clone();
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hundred_wrong_passwords_fifty_are_compared() {
    let world = World::new().await;
    let hash = json!({"id": "$user", "newPassword": {"hash": "$hash"}});
    let scene = &Scene::new(&world, &[(format!("{NEW}/SetPassword"), hash)]).await;
    let guess =
        &json!({"id": "$user", "newPassword": {"password": "$password", "currentPassword": "a guess"}});
    let mut answers = Vec::new();
    for _ in 0..10 {
        let wave = (0..20).map(|place| by_itself(scene, place % 12, "SetPassword", guess));
        answers.extend(futures_util::future::join_all(wave).await);
    }
    let heard = |id: &str| {
        answers
            .iter()
            .filter(|answer| answer.failure().id() == id)
            .count()
    };
    assert_eq!((heard("COMMAND-3M0fs"), heard("MERLON-D4pW7sKj")), (50, 150));
    assert_eq!(
        world.happened(&scene.get("user"), "password_check_failed").await,
        50
    );
    let right = json!({"id": "$user", "newPassword": {"password": "$password", "currentPassword": "Tr0ub4dor & Drei"}});
    for place in 0..2 * Form::ALL.len() {
        let answer = by_itself(scene, place, "SetPassword", &right).await;
        assert_eq!((answer.code(), answer.failure().id()), (8, "MERLON-D4pW7sKj"));
        assert_eq!(answer.retry_after.as_deref(), Some("86400"), "{answer:?}");
    }
    world.end().await;
}
