//! Searching users over the wire: filters, order, pages, limits, and the data that a caller may read.

use domain::base::Span;
use serde_json::{Value, json};

use super::{
    case::{ADMIN, NEW, OLD, OLD_SCHEMAS, oidc_provider},
    contract,
    wire::{Answer, Call, Form},
    world::World,
};

struct People<'a> {
    world: &'a World,
    ids: Vec<String>,
}

impl<'a> People<'a> {
    /// Three users, a second between them: Ada, inactive; Bob, locked; Cem under a schema with his data.
    async fn new(world: &'a World) -> Self {
        let schema = json!({"type": "object", "properties": {
            "nick": {"type": "string", "urn:zitadel:schema:permission": {"owner": "rw", "self": "rw"}},
            "secret": {"type": "string", "urn:zitadel:schema:permission": {"self": "rw"}}}});
        let created = world
            .owner_calls(
                &format!("{OLD_SCHEMAS}/CreateUserSchema"),
                json!({"type": "Customer", "schema": schema}),
            )
            .await;
        let schema = created.ok()["id"].clone();
        let user = |name: &str, number: &str| {
            json!({"contact": {"email": {"address": format!("{name}@find.example"), "isVerified": true},
                               "phone": {"number": number, "isVerified": true}},
                   "authenticators": {"usernames": [{"username": name}, {"username": format!("{name}.work"), "isOrganizationSpecific": true}]}})
        };
        let mut cem = user("cem", "+41790000003");
        cem["schemaId"] = schema;
        cem["data"] = json!({"nick": "C"});
        let mut people = Self {
            world,
            ids: Vec::new(),
        };
        for one in [user("Ada", "+41790000001"), user("bob", "+41790000002"), cem] {
            world.advance(Span::seconds(1));
            let request = json!({"organization": {"orgId": world.org.as_str()}, "user": one});
            let created = world.owner_calls(&format!("{NEW}/CreateUser"), request).await;
            let id = created.ok()["details"]["id"].as_str().expect("an id");
            people.ids.push(id.to_owned());
        }
        for (method, id) in [("DeactivateUser", &people.ids[0]), ("LockUser", &people.ids[1])] {
            let done = world
                .owner_calls(&format!("{NEW}/{method}"), json!({"id": id}))
                .await;
            done.ok();
        }
        people
    }

    async fn search(&self, request: Value) -> Answer {
        self.world
            .owner_calls(&format!("{NEW}/SearchUsers"), request)
            .await
    }

    async fn list(&self, request: Value) -> Answer {
        self.world.owner_calls(&format!("{OLD}/ListUsers"), request).await
    }

    /// Which of the three were found, by their numbers.
    fn found(&self, answer: &Answer) -> Vec<usize> {
        let all = answer.ok()["result"].as_array().cloned().unwrap_or_default();
        let id = |one: &Value| {
            let id = one["details"]["id"].as_str().or(one["userId"].as_str());
            id.expect("an id").to_owned()
        };
        all.iter()
            .filter_map(|one| self.ids.iter().position(|known| *known == id(one)))
            .collect()
    }
}

/// The same filter as generation 2024-06 has it.
fn old(filter: &Value) -> Value {
    match filter {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| {
                (
                    name.replace("Filter", "Query").replace("schemaId", "schemaID"),
                    old(value),
                )
            })
            .collect(),
        Value::Array(values) => values.iter().map(old).collect(),
        Value::String(text) => text.replace("TEXT_FILTER_METHOD", "TEXT_QUERY_METHOD").into(),
        other => other.clone(),
    }
}

fn by(filter: &str, field: &str, text: &str, method: &str) -> Value {
    json!({filter: {field: text, "method": format!("TEXT_FILTER_METHOD_{method}")}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_filter_finds_the_same_in_both_generations() {
    let world = World::new().await;
    let people = People::new(&world).await;
    let name = |text, method| by("usernameFilter", "username", text, method);
    let email = |text, method| by("emailFilter", "address", text, method);
    let phone = |text, method| by("phoneFilter", "number", text, method);
    let kind = |text, method| by("schemaTypeFilter", "type", text, method);
    let state = |state: &str| json!({"stateFilter": {"state": format!("USER_STATE_{state}")}});
    let any = json!({"orFilter": {"queries": [name("ADA", "EQUALS"), phone("+41790000003", "EQUALS")]}});
    let schema = {
        let id = &people.search(json!({"filters": [name("cem", "EQUALS")]})).await;
        id.ok()["result"][0]["schema"]["id"]
            .as_str()
            .expect("a schema")
            .to_owned()
    };
    let cases: Vec<(Value, Vec<usize>)> = vec![
        (by("userIdFilter", "id", &people.ids[1], "EQUALS"), vec![1]),
        (name("ada", "EQUALS"), vec![0]),
        (name("o", "CONTAINS"), vec![0, 1, 2]),
        (
            json!({"usernameFilter": {"username": "bob", "isOrganizationSpecific": true}}),
            vec![],
        ),
        (
            json!({"usernameFilter": {"username": "bob.work", "isOrganizationSpecific": true}}),
            vec![1],
        ),
        (email("CEM@find.example", "EQUALS"), vec![2]),
        (email("b", "STARTS_WITH"), vec![1]),
        (phone("+41 79 000 00 01", "EQUALS"), vec![0]),
        (phone("+4179000000", "STARTS_WITH"), vec![0, 1, 2]),
        (state("INACTIVE"), vec![0]),
        (state("LOCKED"), vec![1]),
        (state("DELETED"), vec![]),
        (json!({"stateFilter": {}}), vec![]),
        (json!({"schemaIdFilter": {"id": schema}}), vec![2]),
        (kind("CUST", "STARTS_WITH_IGNORE_CASE"), vec![2]),
        (kind("cust", "STARTS_WITH"), vec![]),
        (any.clone(), vec![0, 2]),
        (
            json!({"andFilter": {"queries": [any, {"notFilter": {"query": state("INACTIVE")}}]}}),
            vec![2],
        ),
        (json!({"orFilter": {"queries": []}}), vec![]),
    ];
    for (filter, wanted) in cases {
        let found = people.search(json!({"filters": [filter]})).await;
        assert_eq!(people.found(&found), wanted, "{filter}");
        let ascending = json!({"queries": [old(&filter)], "query": {"asc": true}});
        assert_eq!(people.found(&people.list(ascending).await), wanted, "{filter}");
    }
    let elsewhere = by("organizationIdFilter", "id", world.other_org.as_str(), "EQUALS");
    assert_eq!(
        people.found(&people.search(json!({"filters": [elsewhere]})).await),
        [0; 0]
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_are_sorted_and_paged() {
    let world = World::new().await;
    let people = People::new(&world).await;
    let three = json!([by("emailFilter", "address", "find.example", "ENDS_WITH")]);
    let three = || -> Value {
        serde_json::from_str(
            &three
                .to_string()
                .replace("TEXT_FILTER_METHOD_ENDS_WITH", "TEXT_FILTER_METHOD_CONTAINS"),
        )
        .expect("JSON")
    };
    for (column, wanted) in [
        ("UNSPECIFIED", [0, 1, 2]),
        ("CREATION_DATE", [0, 1, 2]),
        ("CHANGE_DATE", [2, 0, 1]),
        ("EMAIL", [0, 1, 2]),
        ("PHONE", [0, 1, 2]),
        ("STATE", [2, 0, 1]),
    ] {
        for desc in [false, true] {
            let mut wanted = wanted;
            if desc {
                wanted.reverse();
            }
            let column = format!("FIELD_NAME_{column}");
            let found = people
                .search(json!({"filters": three(), "sortingColumn": column, "query": {"desc": desc}}))
                .await;
            let mut seen = people.found(&found);
            // Both changed in the same moment: their ids decide.
            if column.ends_with("CHANGE_DATE") {
                seen.sort_by_key(|n| wanted.iter().position(|w| w == n));
            }
            assert_eq!(seen, wanted, "{column} {desc}");
        }
    }
    let second = json!({"filters": three(), "query": {"offset": 1, "limit": 1}});
    let found = people.search(second).await;
    assert_eq!(people.found(&found), [1]);
    let details = &found.ok()["details"];
    assert_eq!(
        (&details["totalResult"], &details["appliedLimit"]),
        (&json!("3"), &json!("1"))
    );
    let beyond = people
        .search(json!({"filters": three(), "query": {"offset": 9}}))
        .await;
    assert_eq!(
        (people.found(&beyond), &beyond.ok()["details"]["totalResult"]),
        (vec![], &json!("3"))
    );
    let last_first = people
        .list(json!({"queries": old(&three()), "query": {"limit": 2}}))
        .await;
    assert_eq!(
        people.found(&last_first),
        [2, 1],
        "generation 2024-06 lists the last first"
    );
    assert_eq!(last_first.ok()["details"]["totalResult"], "3");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn searches_have_limits() {
    let world = World::new().await;
    let people = People::new(&world).await;
    let leaf = || by("usernameFilter", "username", "x", "EQUALS");
    let nested = |levels: usize| (0..levels).fold(leaf(), |inner, _| json!({"notFilter": {"query": inner}}));
    people.search(json!({"filters": [nested(20)]})).await.ok();
    let many = |count: usize| (0..count).map(|_| leaf()).collect::<Vec<_>>();
    people
        .search(json!({"filters": [{"orFilter": {"queries": many(499)}}]}))
        .await
        .ok();
    for (request, id) in [
        (json!({"query": {"limit": 1001}}), "QUERY-4M0fs"),
        (json!({"filters": [nested(21)]}), "SCHEMA-zsQ97"),
        (json!({"filters": many(501)}), "MERLON-i7Xj3RbM"),
        (json!({"filters": [{"notFilter": {}}]}), "SCHEMA-vR9nC"),
    ] {
        let answer = people.search(request.clone()).await;
        assert_eq!(
            (answer.code(), answer.failure().id()),
            (3, id),
            "{request}: {answer:?}"
        );
        let request = json!({"queries": old(&request["filters"]), "query": request["query"]});
        let answer = people.list(request.clone()).await;
        assert_eq!(
            (answer.code(), answer.failure().id()),
            (3, id),
            "{request}: {answer:?}"
        );
    }
    world.end().await;
}

/// A filter in a list in a filter is three levels of JSON, and the rule is the same for all forms.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filters_that_nest_too_deep_hear_the_rule_in_every_form() {
    let world = World::new().await;
    let leaf = || by("usernameFilter", "username", "x", "EQUALS");
    let nested =
        |levels: usize| (0..levels).fold(leaf(), |inner, _| json!({"andFilter": {"queries": [inner]}}));
    for levels in [20, 21, 30, 38] {
        let filters = json!([nested(levels)]);
        for (method, request) in [
            (format!("{NEW}/SearchUsers"), json!({"filters": filters})),
            (format!("{OLD}/ListUsers"), json!({"queries": old(&filters)})),
        ] {
            for form in Form::ALL {
                let call = Call {
                    method: contract::method(&method),
                    request: &request,
                    token: Some(&*world.owner),
                    headers: &[],
                };
                let answer = world.client.call(form, &call).await;
                let heard = answer
                    .outcome
                    .as_ref()
                    .err()
                    .map(|failure| (failure.code, failure.id()));
                let expected = (levels > 20).then_some((3, "SCHEMA-zsQ97"));
                assert_eq!(heard, expected, "{levels} levels for {method} over {form:?}");
            }
        }
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_schema_keeps_from_the_caller_is_left_out() {
    let world = World::new().await;
    let people = People::new(&world).await;
    let id = &people.ids[2];
    let token = world.token(id, None).await;
    let secret = json!({"id": id, "user": {"data": {"nick": "C", "secret": "s"}}});
    world
        .calls(&token, &format!("{NEW}/PatchUser"), secret)
        .await
        .ok();
    let mine = world
        .calls(&token, &format!("{NEW}/SearchUsers"), json!({}))
        .await;
    assert_eq!(mine.ok()["result"].as_array().map(Vec::len), Some(1), "{mine:?}");
    assert_eq!(
        mine.ok()["result"][0]["data"],
        json!({"nick": "C", "secret": "s"})
    );
    let filters = json!([by("userIdFilter", "id", id, "EQUALS")]);
    let seen = people.search(json!({"filters": filters})).await;
    assert_eq!(seen.ok()["result"][0]["data"], json!({"nick": "C"}));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_shows_what_a_look_shows() {
    let world = World::new().await;
    let people = People::new(&world).await;
    let added = world
        .owner_calls(&format!("{ADMIN}/AddGenericOIDCProvider"), oidc_provider())
        .await;
    let idp = added.ok()["id"].clone();
    for id in &people.ids[..2] {
        let link = json!({"idpId": idp, "userId": format!("there-{id}"), "userName": "me"});
        let steps = [
            ("UnlockUser", json!({"id": people.ids[1]})),
            ("StartTOTPRegistration", json!({"id": id})),
            (
                "StartWebAuthNRegistration",
                json!({"id": id, "registration": {"domain": "localhost"}}),
            ),
            (
                "AddOTPSMSAuthenticator",
                json!({"id": id, "phone": {"number": "+41790000009", "isVerified": true}}),
            ),
            (
                "AddOTPEmailAuthenticator",
                json!({"id": id, "email": {"address": "x@find.example", "isVerified": true}}),
            ),
            ("AddIDPAuthenticator", json!({"id": id, "authenticator": link})),
        ];
        for (method, request) in steps {
            let done = world.owner_calls(&format!("{NEW}/{method}"), request).await;
            assert!(method == "UnlockUser" || done.code() == 0, "{method}: {done:?}");
        }
    }
    let by_name = by("usernameFilter", "username", ".work", "CONTAINS");
    let listed = people.search(json!({"filters": [by_name]})).await;
    assert_eq!(people.found(&listed), [0, 1, 2]);
    for (place, id) in people.ids.iter().enumerate() {
        let single = world
            .owner_calls(&format!("{NEW}/GetUser"), json!({"id": id}))
            .await;
        assert_eq!(single.ok()["user"], listed.ok()["result"][place]);
        let single = world
            .owner_calls(&format!("{OLD}/GetUserByID"), json!({"userId": id}))
            .await;
        let filter = json!({"userIdQuery": {"id": id}});
        assert_eq!(
            single.ok()["user"],
            people.list(json!({"queries": [filter]})).await.ok()["result"][0]
        );
    }
    let factors = &listed.ok()["result"][0]["authenticators"];
    for kind in [
        "usernames",
        "totps",
        "webAuthN",
        "otpSms",
        "otpEmail",
        "identityProviders",
    ] {
        assert!(!factors[kind].is_null(), "{kind}: {factors}");
    }
    world.end().await;
}
