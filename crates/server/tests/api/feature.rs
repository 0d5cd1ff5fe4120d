//! The features of the instance: switched, read and reset, and what becomes of every call of v3alpha while it is off.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
};

use domain::{
    access::{Role, Scope},
    base::Span,
};
use futures_util::{
    StreamExt,
    future::{join, join_all},
    stream,
};
use serde_json::{Value, json};

use super::{
    case::{self, BULK, FEATURES, NEW, NEW_SCHEMAS, OLD, OLD_SCHEMAS},
    contract,
    scene::Scene,
    success::AT_ONCE,
    wire::{Answer, Call, Form},
    world::World,
};

/// The services that the feature switches, and the id of their error.
const SWITCHED: [(&str, &str); 5] = [
    (BULK, "TODO"),
    (NEW, "TODO"),
    (OLD, "TODO"),
    (NEW_SCHEMAS, "SCHEMA-SFjk3"),
    (OLD_SCHEMAS, "SCHEMA-SFjk3"),
];
const PRECONDITION: u8 = 9;

async fn over(world: &World, form: Form, name: &str, request: Value) -> Answer {
    let call = Call {
        method: contract::method(&format!("{FEATURES}/{name}")),
        request: &request,
        token: Some(&world.owner),
        headers: &[],
    };
    world.client.call(form, &call).await
}

async fn switch(world: &World, on: bool) {
    let set = json!({"userSchema": on});
    let answer = world
        .owner_calls(&format!("{FEATURES}/SetInstanceFeatures"), set)
        .await;
    assert_eq!(answer.code(), 0, "{answer:?}");
}

/// The id by which the service of a method says that it is off.
fn off_id(method: &str) -> Option<&'static str> {
    let of = |(service, id): &(&str, &'static str)| method.contains(service).then_some(*id);
    SWITCHED.iter().find_map(of)
}

#[track_caller]
fn is_off(answer: &Answer, method: &str) {
    let wanted = (PRECONDITION, off_id(method).expect("a service that is switched"));
    assert_eq!(
        (answer.code(), answer.failure().id()),
        wanted,
        "{method}: {answer:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_reads_as_it_was_set_until_it_is_reset() {
    let world = World::new().await;
    let (on, off) = (
        json!({"enabled": true, "source": "SOURCE_INSTANCE"}),
        json!({"source": "SOURCE_INSTANCE"}),
    );
    for form in Form::ALL {
        let built_in = json!({"enabled": true, "source": "SOURCE_SYSTEM"});
        let mut last = read(&world, form, &Value::Null, &built_in).await;
        // What was asked for, what is set then, and how much that changes.
        for (name, request, set, changes) in [
            ("SetInstanceFeatures", json!({"userSchema": false}), &off, 1),
            ("SetInstanceFeatures", json!({"userSchema": false}), &off, 0),
            ("SetInstanceFeatures", json!({"userSchema": true}), &on, 1),
            ("ResetInstanceFeatures", json!({}), &Value::Null, 1),
            ("ResetInstanceFeatures", json!({}), &Value::Null, 0),
        ] {
            world.advance(Span::seconds(1));
            let answer = over(&world, form, name, request).await;
            let inherited = if set.is_null() { &built_in } else { set };
            let details = read(&world, form, set, inherited).await;
            assert_eq!(answer.ok(), &json!({"details": details}), "{name} over {form:?}");
            assert_eq!(
                sequence(&details) - sequence(&last),
                changes,
                "{name} over {form:?}"
            );
            let moved = details["changeDate"] != last["changeDate"];
            assert_eq!(moved, changes > 0, "{name} over {form:?}: {details}");
            assert_eq!(details["creationDate"], last["creationDate"]);
            last = details;
        }
    }
    world.end().await;
}

fn sequence(details: &Value) -> i64 {
    let text = details["sequence"].as_str().expect("a sequence");
    text.parse().expect("a number")
}

/// Reads with and without what is built in; answers the details.
async fn read(world: &World, form: Form, set: &Value, inherited: &Value) -> Value {
    let plain = over(world, form, "GetInstanceFeatures", json!({}))
        .await
        .ok()
        .clone();
    let whole = over(world, form, "GetInstanceFeatures", json!({"inheritance": true}))
        .await
        .ok()
        .clone();
    assert_eq!(
        (&plain["userSchema"], &whole["userSchema"]),
        (set, inherited),
        "{form:?}"
    );
    assert_eq!(plain["details"], whole["details"], "{form:?}");
    let names: BTreeSet<_> = whole.as_object().expect("a message").keys().cloned().collect();
    assert_eq!(
        names,
        BTreeSet::from(["details".to_owned(), "userSchema".to_owned()])
    );
    let details = plain["details"].clone();
    let instance = world.instance().as_str();
    assert_eq!(details["resourceOwner"], instance, "{details}");
    for field in ["sequence", "creationDate", "changeDate"] {
        assert!(details[field].is_string(), "{field}: {details}");
    }
    details
}

/// Every call of the four services in some form: refused while they are off, without a trace, and as ever afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_api_is_off_none_of_its_calls_does_anything() {
    let world = World::new().await;
    let cases: Vec<_> = case::all()
        .into_iter()
        .filter(|case| off_id(&case.method).is_some())
        .zip(Form::ALL.into_iter().cycle())
        .collect();
    let scenes = cases.iter().map(|(case, _)| Scene::new(&world, &case.given));
    let scenes: Vec<_> = stream::iter(scenes).buffered(AT_ONCE).collect().await;
    let answers = || async {
        let calls = cases.iter().zip(&scenes).map(|((case, form), scene)| {
            let answer = scene.send(*form, &case.method, &case.request, Some(&world.owner));
            async move { (case, answer.await) }
        });
        stream::iter(calls).buffered(AT_ONCE).collect::<Vec<_>>().await
    };
    switch(&world, false).await;
    let before = world.events().await;
    let mut tried = BTreeSet::new();
    for (case, answer) in answers().await {
        is_off(&answer, &case.method);
        tried.insert(contract::method(&case.method).path);
    }
    for (method, request) in intents() {
        is_off(&world.owner_calls(&method, request).await, &method);
        tried.insert(contract::method(&method).path);
    }
    assert_eq!(world.events().await, before, "something changed");
    for method in proto::rpc::METHODS {
        let switched = off_id(method.path).is_some();
        assert_eq!(tried.contains(method.path), switched, "{}", method.path);
    }
    switch(&world, true).await;
    for (case, answer) in answers().await {
        assert_eq!(answer.code(), 0, "{}: {answer:?}", case.name());
    }
    for (method, request) in intents() {
        let answer = world.owner_calls(&method, request).await;
        assert_ne!(answer.failure().id(), "TODO", "{method}");
    }
    world.end().await;
}

/// The calls that are in no case; there is no such provider and no such intent.
fn intents() -> Vec<(String, Value)> {
    let start = json!({"idpId": "1", "urls": {"successUrl": "http://localhost/a", "failureUrl": "http://localhost/b"}});
    let get = json!({"idpIntentId": "1", "idpIntentToken": "x"});
    vec![
        (format!("{NEW}/StartIdentityProviderIntent"), start.clone()),
        (format!("{OLD}/StartIdentityProviderIntent"), start),
        (format!("{NEW}/GetIdentityProviderIntent"), get.clone()),
        (format!("{OLD}/RetrieveIdentityProviderIntent"), get),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_refusal_is_the_same_in_every_form_and_speaks_two_languages() {
    let world = World::new().await;
    switch(&world, false).await;
    for (method, request) in [
        (format!("{NEW}/GetUser"), json!({"id": "1"})),
        (format!("{OLD}/GetUserByID"), json!({"userId": "1"})),
        (format!("{NEW_SCHEMAS}/GetUserSchema"), json!({"id": "1"})),
        (format!("{OLD_SCHEMAS}/GetUserSchemaByID"), json!({"id": "1"})),
    ] {
        for (language, says) in [
            ("en", "is switched off for this instance"),
            ("de", "ist für diese Instanz ausgeschaltet"),
        ] {
            let mut first = None;
            for form in Form::ALL {
                let call = Call {
                    method: contract::method(&method),
                    request: &request,
                    token: Some(&*world.owner),
                    headers: &[("accept-language", language)],
                };
                let answer = world.client.call(form, &call).await;
                is_off(&answer, &method);
                let failure = answer.failure().clone();
                assert!(failure.message.contains(says), "{failure:?}");
                assert!(failure.message.contains("user_schema"), "{failure:?}");
                assert_eq!(first.get_or_insert_with(|| failure.clone()), &failure, "{form:?}");
            }
        }
    }
    world.end().await;
}

/// Who asks, what the method needs and what the contract limits is judged before the switch; other services do not know it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_switch_comes_after_the_gate_and_the_limits_and_stops_nothing_else() {
    let world = World::new().await;
    let scene = Scene::new(&world, &[]).await;
    let viewer = world
        .someone(&world.org, &[(Scope::Instance, Role::IamOwnerViewer)])
        .await;
    switch(&world, false).await;
    let (user, owner) = (scene.get("token"), world.owner.clone());
    let long = json!({"id": "x".repeat(201)});
    let contact = json!({"userId": "1", "phone": {"number": "1".repeat(21)}});
    for (token, method, request, code, id) in [
        (
            "garbage",
            format!("{NEW}/GetUser"),
            json!({"id": "1"}),
            16,
            "AUTH-7fs1e",
        ),
        (
            &*user,
            format!("{OLD_SCHEMAS}/GetUserSchemaByID"),
            json!({"id": "1"}),
            5,
            "AUTHZ-cdgFk",
        ),
        (
            &*viewer.token,
            format!("{NEW_SCHEMAS}/DeleteUserSchema"),
            json!({"id": "1"}),
            7,
            "AUTH-5mWD2",
        ),
        (&*owner, format!("{NEW_SCHEMAS}/GetUserSchema"), long, 3, ""),
        (&*owner, format!("{OLD}/SetContactPhone"), contact, 3, ""),
        // Nobody learns anything about users while it is off, themselves included.
        (
            &*user,
            format!("{NEW}/GetUser"),
            json!({"id": scene.get("user")}),
            PRECONDITION,
            "TODO",
        ),
        (
            &*user,
            format!("{NEW}/GetUser"),
            json!({"id": "missing"}),
            PRECONDITION,
            "TODO",
        ),
    ] {
        let answer = world.calls(token, &method, request).await;
        assert_eq!(
            (answer.code(), answer.failure().id()),
            (code, id),
            "{method}: {answer:?}"
        );
    }
    for case in case::all() {
        let of_users = case.given.iter().any(|(step, _)| off_id(step).is_some());
        if off_id(&case.method).is_some() || of_users || case.method.contains(FEATURES) {
            continue;
        }
        let scene = Scene::new(&world, &case.given).await;
        let token = scene.token_for(contract::method(&case.method).service);
        let answer = scene
            .send(Form::Grpc, &case.method, &case.request, Some(&token))
            .await;
        assert_eq!(answer.code(), 0, "{}: {answer:?}", case.name());
    }
    world.end().await;
}

/// Whatever is beside a field that has no meaning here, nothing is set.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_sets_nothing() {
    let world = World::new().await;
    let before = world.events().await;
    for (request, id) in [
        (
            json!({"userSchema": false, "consoleUseV2UserApi": false}),
            "MERLON-B5wX8rTc",
        ),
        (json!({"userSchema": false, "loginV2": {}}), "MERLON-B5wX8rTc"),
        (
            json!({"userSchema": false, "improvedPerformance": ["IMPROVED_PERFORMANCE_PROJECT"]}),
            "MERLON-B5wX8rTc",
        ),
        (
            json!({"userSchema": false, "improvedPerformance": ["IMPROVED_PERFORMANCE_UNSPECIFIED"]}),
            "",
        ),
        (json!({}), "COMMAND-Vigh1"),
    ] {
        for form in Form::ALL {
            let answer = over(&world, form, "SetInstanceFeatures", request.clone()).await;
            assert_eq!(
                (answer.code(), answer.failure().id()),
                (3, id),
                "{request}: {answer:?}"
            );
        }
    }
    let headers = [("authorization", &*format!("Bearer {}", world.owner))];
    for (body, id) in [
        // An absent value is none, and nothing is switched off by it.
        (r#"{"userSchema": null}"#, "COMMAND-Vigh1"),
        (r#"{"user_schemas": false}"#, "COMMAND-Vigh1"),
        ("", "COMMAND-Vigh1"),
        (r#"{"userSchema": "no"}"#, "userSchema"),
        (r#"{"userSchema": 0}"#, "userSchema"),
        (r#"{"userSchema": false, "user_schema": true}"#, "userSchema"),
    ] {
        let reply = world
            .client
            .http1("PUT", "/v2/features/instance", &headers, body)
            .await;
        let message = reply.json()["message"].as_str().unwrap_or_default().to_owned();
        assert_eq!(reply.status, 400, "{body}: {message}");
        assert!(message.contains(id), "{body}: {message}");
    }
    assert_eq!(world.events().await, before, "something changed");
    world.end().await;
}

/// Once it is acknowledged that the API is off, no call passes, however many others ask at the same time; the same for on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_passes_once_off_is_acknowledged() {
    let world = World::new().await;
    let scene = Scene::new(&world, &[]).await;
    let (over, request) = (AtomicBool::new(false), json!({"id": "$user"}));
    let method = format!("{NEW}/GetUser");
    let ask = |form| scene.send(form, &method, &request, Some(&world.owner));
    let beside = async {
        while !over.load(Ordering::Relaxed) {
            let answers = join_all([Form::Grpc, Form::Rest].map(ask)).await;
            for answer in answers {
                assert!([0, PRECONDITION].contains(&answer.code()), "{answer:?}");
            }
        }
    };
    let switching = async {
        for _ in 0..20 {
            switch(&world, false).await;
            for answer in join_all(Form::ALL.map(ask)).await {
                is_off(&answer, &method);
            }
            switch(&world, true).await;
            for answer in join_all(Form::ALL.map(ask)).await {
                assert_eq!(answer.code(), 0, "{answer:?}");
            }
        }
        over.store(true, Ordering::Relaxed);
    };
    join(beside, switching).await;
    world.end().await;
}
