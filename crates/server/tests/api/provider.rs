//! Identity providers of the instance, over the wire: through their life, searched, and with secrets that nobody sees.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{
    case::{ADMIN, ldap_provider, merged, oauth_provider, oidc_provider},
    wire::{Answer, Form},
    world::World,
};

async fn admin(world: &World, method: &str, request: Value) -> Answer {
    world.owner_calls(&format!("{ADMIN}/{method}"), request).await
}

async fn added(world: &World, method: &str, request: Value) -> String {
    let added = admin(world, method, request).await;
    added.ok()["id"].as_str().expect("an id").to_owned()
}

#[track_caller]
fn fails(answer: &Answer, code: u8, id: &str) {
    assert_eq!((answer.code(), answer.failure().id()), (code, id), "{answer:?}");
}

async fn shown(world: &World, id: &str) -> Value {
    let answer = admin(world, "GetProviderByID", json!({"id": id})).await;
    answer.ok()["idp"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_is_what_it_was_last_set_to_until_it_is_removed() {
    let world = World::new().await;
    for (kind, name, request, field) in [
        ("PROVIDER_TYPE_OIDC", "GenericOIDC", oidc_provider(), "oidc"),
        ("PROVIDER_TYPE_OAUTH", "GenericOAuth", oauth_provider(), "oauth"),
        ("PROVIDER_TYPE_LDAP", "LDAP", ldap_provider(), "ldap"),
    ] {
        let id = added(&world, &format!("Add{name}Provider"), request.clone()).await;
        let first = shown(&world, &id).await;
        assert_eq!(
            (&first["type"], &first["state"], &first["owner"]),
            (
                &json!(kind),
                &json!("IDP_STATE_ACTIVE"),
                &json!("IDP_OWNER_TYPE_SYSTEM")
            )
        );
        assert_eq!(first["details"]["sequence"], "1");
        for (setting, value) in first["config"][field].as_object().expect("settings") {
            assert_eq!(*value, request[setting], "{name} {setting}");
        }
        assert_eq!(first["config"]["options"], request["providerOptions"]);
        let same = merged(without_secret(request.clone()), json!({"id": id}));
        let update = format!("Update{name}Provider");
        let unchanged = admin(&world, &update, same.clone()).await;
        assert_eq!(unchanged.ok()["details"], first["details"], "{name}: no change");
        let again = merged(request.clone(), json!({"id": id}));
        assert_eq!(
            admin(&world, &update, again).await.ok()["details"],
            first["details"]
        );
        let renamed = merged(same.clone(), json!({"name": "Another", "providerOptions": null}));
        assert_eq!(
            admin(&world, &update, renamed).await.ok()["details"]["sequence"],
            "2"
        );
        let second = shown(&world, &id).await;
        assert_eq!(
            (&second["name"], &second["config"]["options"]),
            (&json!("Another"), &json!({}))
        );
        let renewed = merged(
            request.clone(),
            json!({"id": id, "clientSecret": "new", "bindPassword": "new"}),
        );
        let renewed = known_fields(renewed, &request);
        assert_eq!(
            admin(&world, &update, renewed).await.ok()["details"]["sequence"],
            "4"
        );
        assert_eq!(admin(&world, "DeleteProvider", json!({"id": id})).await.code(), 0);
        let gone = json!({"id": id});
        fails(
            &admin(&world, "GetProviderByID", gone.clone()).await,
            5,
            "QUERY-SAFrt",
        );
        fails(&admin(&world, "DeleteProvider", gone).await, 5, "MERLON-k6Lw9GqH");
        fails(&admin(&world, &update, same).await, 5, "MERLON-k6Lw9GqH");
    }
    world.end().await;
}

fn without_secret(mut request: Value) -> Value {
    let fields = request.as_object_mut().expect("a message");
    fields.retain(|name, _| name != "clientSecret" && name != "bindPassword");
    request
}

/// Leaves out what the first request did not have, but for the id.
fn known_fields(mut request: Value, first: &Value) -> Value {
    let fields = request.as_object_mut().expect("a message");
    fields.retain(|name, _| name == "id" || !first[name].is_null());
    request
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_seen_nowhere_and_erased_with_its_provider() {
    let world = World::new().await;
    let secret = "Correct-Horse-Battery";
    let oidc = merged(oidc_provider(), json!({"clientSecret": secret}));
    let ldap = merged(ldap_provider(), json!({"bindPassword": secret}));
    let mut ids = Vec::new();
    for (method, request) in [("AddGenericOIDCProvider", oidc), ("AddLDAPProvider", ldap)] {
        for form in Form::ALL {
            let method = format!("{ADMIN}/{method}");
            let call = super::wire::Call {
                method: super::contract::method(&method),
                request: &request,
                token: Some(&*world.owner),
                headers: &[],
            };
            let answer = world.client.call(form, &call).await;
            ids.push(answer.ok()["id"].as_str().expect("an id").to_owned());
        }
    }
    let listed = admin(&world, "ListProviders", json!({})).await;
    assert_eq!(listed.ok()["result"].as_array().map(Vec::len), Some(12));
    assert!(!listed.ok().to_string().contains(secret));
    assert!(!world.raw().contains(secret), "it can be read in the files");
    let sealed = world.text("SELECT secret FROM idp ORDER BY id LIMIT 1").await;
    assert!(world.raw().contains(&sealed), "what is looked for can be found");
    for id in &ids {
        assert_eq!(admin(&world, "DeleteProvider", json!({"id": id})).await.code(), 0);
    }
    let left = "SELECT '' || count(*) FROM event e JOIN personal p ON p.pos = e.pos WHERE e.kind = 'idp'";
    assert_eq!(world.text(left).await, "0");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn providers_are_searched_and_paged_last_added_first() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for name in ["Beta", "alpha", "Gamma 100%", "alphabet"] {
        world.advance(domain::base::Span::seconds(1));
        let request = merged(oidc_provider(), json!({"name": name}));
        ids.push(added(&world, "AddGenericOIDCProvider", request).await);
    }
    let by = |name: &str, method: &str| json!({"idpNameQuery": {"name": name, "method": format!("TEXT_QUERY_METHOD_{method}")}});
    for (queries, wanted) in [
        (json!([]), vec!["alphabet", "Gamma 100%", "alpha", "Beta"]),
        (
            json!([by("ALPHA", "STARTS_WITH_IGNORE_CASE")]),
            vec!["alphabet", "alpha"],
        ),
        (json!([by("beta", "EQUALS")]), vec![]),
        (json!([by("beta", "EQUALS_IGNORE_CASE")]), vec!["Beta"]),
        (json!([by("100%", "CONTAINS")]), vec!["Gamma 100%"]),
        (json!([by("%", "ENDS_WITH"), by("Beta", "EQUALS")]), vec![]),
        (json!([{"idpIdQuery": {"id": ids[1]}}]), vec!["alpha"]),
        (json!([{"idpIdQuery": {"id": "0"}}]), vec![]),
    ] {
        let found = admin(&world, "ListProviders", json!({"queries": queries})).await;
        assert_eq!(names(&found), wanted, "{queries}");
        assert_eq!(total(&found), wanted.len());
    }
    let page = json!({"query": {"offset": 1, "limit": 2, "asc": true}});
    let found = admin(&world, "ListProviders", page).await;
    assert_eq!(
        (names(&found), total(&found)),
        (vec!["alpha".to_owned(), "Gamma 100%".to_owned()], 4)
    );
    let many = json!({"queries": vec![by("x", "EQUALS"); 501]});
    fails(&admin(&world, "ListProviders", many).await, 3, "MERLON-i7Xj3RbM");
    world.end().await;
}

fn names(answer: &Answer) -> Vec<String> {
    let result = answer.ok()["result"].as_array().cloned().unwrap_or_default();
    let name = |one: &Value| one["name"].as_str().unwrap_or_default().to_owned();
    result.iter().map(name).collect()
}

fn total(answer: &Answer) -> usize {
    let total = answer.ok()["details"]["totalResult"].as_str().unwrap_or("0");
    total.parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_is_removed_once_and_changes_of_many_are_all_there() {
    let world = World::new().await;
    let id = added(&world, "AddGenericOIDCProvider", oidc_provider()).await;
    let changes = (0..16).map(|n| {
        let request = merged(oidc_provider(), json!({"id": id, "name": format!("Name {n}")}));
        admin(&world, "UpdateGenericOIDCProvider", request)
    });
    let places: Vec<String> = join_all(changes)
        .await
        .iter()
        .map(|answer| answer.ok()["details"]["sequence"].to_string())
        .collect();
    let different: std::collections::BTreeSet<_> = places.iter().collect();
    assert_eq!(different.len(), 16, "each has a place of its own: {places:?}");
    let removals = (0..16).map(|_| admin(&world, "DeleteProvider", json!({"id": id})));
    let mut codes: Vec<u8> = join_all(removals).await.iter().map(Answer::code).collect();
    codes.sort_unstable();
    assert_eq!((codes[0], &codes[1..]), (0, &[5; 15][..]));
    world.end().await;
}
