//! Many users with one request: each for itself, refused in the same words as alone.

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::{
    case::{BULK, NEW},
    world::World,
};

async fn create_all(world: &World, users: &[Value]) -> Vec<Value> {
    let request = json!({"organization": {"orgId": world.org.as_str()}, "users": users});
    let answer = world.owner_calls(BULK, request).await;
    answer.ok()["results"].as_array().expect("results").clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_one_user_is_said_of_it_as_if_it_were_alone() {
    let world = World::new().await;
    let names = |name: &str| json!({"usernames": [{"username": name}]});
    let there = json!({"userId": "there", "authenticators": names("taken")});
    let faulty = [
        there.clone(),
        json!({"authenticators": names("TAKEN")}),
        json!({"authenticators": names("a\u{0}b")}),
        json!({"contact": {"email": {"address": "no address", "isVerified": true}}}),
        json!({"contact": {"phone": {"number": "+41", "isVerified": true}}}),
        json!({"schemaId": "missing"}),
        json!({"authenticators": {"password": {"password": "short"}}}),
    ];
    assert!(create_all(&world, &[there]).await[0]["created"].is_object());
    let mut users: Vec<Value> = faulty.to_vec();
    users.insert(3, json!({"userId": "between"}));
    let mut results = create_all(&world, &users).await;
    assert_eq!(results.remove(3)["created"]["details"]["id"], "between");
    assert_eq!(results.len(), faulty.len());
    for (user, result) in faulty.iter().zip(&results) {
        let request = json!({"organization": {"orgId": world.org.as_str()}, "user": user});
        let alone = world.owner_calls(&format!("{NEW}/CreateUser"), request).await;
        let failure = alone.failure();
        let wanted = json!({"code": failure.code, "message": failure.message, "id": failure.id()});
        assert_eq!(result["refused"], wanted, "{user}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_that_many_requests_bring_is_created_once() {
    let world = World::new().await;
    let users: Vec<Value> = (0..25)
        .flat_map(|n| {
            let user = json!({"userId": format!("same-{n}"), "authenticators": {"usernames": [{"username": format!("same-{n}")}]}});
            [user.clone(), user]
        })
        .collect();
    let requests = stream::iter(0..4).map(|_| create_all(&world, &users));
    let answers: Vec<Vec<Value>> = requests.buffer_unordered(4).collect().await;
    for pair in 0..25 {
        let results = answers
            .iter()
            .flat_map(|results| &results[2 * pair..2 * pair + 2]);
        let created = results.filter(|result| result["created"].is_object()).count();
        assert_eq!(created, 1, "user {pair}: {answers:?}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_passwords_as_users_are_not_too_many() {
    let world = World::new().await;
    let password =
        |n| json!({"authenticators": {"password": {"password": format!("ninety red balloons {n}")}}});
    let users: Vec<Value> = (0..100).map(password).collect();
    let results = create_all(&world, &users).await;
    let refused: Vec<_> = results.iter().filter(|one| !one["refused"].is_null()).collect();
    assert!(refused.is_empty(), "{refused:?}");
    world.end().await;
}
