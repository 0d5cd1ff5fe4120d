//! User schemas and what they mean for their users, over the wire.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{
    case::{ADMIN, NEW, NEW_SCHEMAS, OLD, OLD_SCHEMAS, oidc_provider},
    wire::Answer,
    world::{Someone, World},
};

async fn new(world: &World, method: &str, request: Value) -> Answer {
    world
        .owner_calls(&format!("{NEW_SCHEMAS}/{method}"), request)
        .await
}

async fn old(world: &World, method: &str, request: Value) -> Answer {
    world
        .owner_calls(&format!("{OLD_SCHEMAS}/{method}"), request)
        .await
}

async fn user(world: &World, method: &str, request: Value) -> Answer {
    world.owner_calls(&format!("{NEW}/{method}"), request).await
}

/// A schema of this content; answers its id.
async fn given(world: &World, name: &str, schema: Value, authenticators: Value) -> String {
    let request = json!({"type": name, "schema": schema, "possibleAuthenticators": authenticators});
    let created = old(world, "CreateUserSchema", request).await;
    created.ok()["id"].as_str().expect("an id").to_owned()
}

async fn follower(world: &World, schema: &str, data: Value) -> Answer {
    let request =
        json!({"organization": {"orgId": world.org.as_str()}, "user": {"schemaId": schema, "data": data}});
    user(world, "CreateUser", request).await
}

async fn someone(world: &World, schema: &str, data: Value) -> Someone {
    let created = follower(world, schema, data).await;
    let id = created.ok()["details"]["id"].as_str().expect("an id").to_owned();
    let token = world.token(&id, None).await;
    Someone { id, token }
}

#[track_caller]
fn fails(answer: &Answer, code: u8, id: &str) -> String {
    assert_eq!((answer.code(), answer.failure().id()), (code, id), "{answer:?}");
    answer.failure().message.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_generations_see_one_schema_through_its_life() {
    let world = World::new().await;
    let created = new(
        &world,
        "CreateUserSchema",
        json!({"userSchema": {"type": "Person", "schema": {"type": "object"}}}),
    )
    .await;
    let id = created.ok()["details"]["id"].as_str().expect("an id").to_owned();
    let id = || json!({"id": id});
    let taken = json!({"type": "pERSON", "schema": {}});
    fails(
        &old(&world, "CreateUserSchema", taken.clone()).await,
        6,
        "V3-DKcYh",
    );
    // Another name, and the old one is free; another schema, and the revision grows; no difference, and nothing happens.
    let patch = |more: Value| json!({"id": id()["id"], "userSchema": more});
    let sequence = |answer: &Answer| answer.ok()["schema"]["details"]["sequence"].clone();
    new(&world, "PatchUserSchema", patch(json!({"type": "Human"})))
        .await
        .ok();
    let other = given(&world, "Person", json!({}), json!([])).await;
    let patched = new(
        &world,
        "PatchUserSchema",
        patch(json!({"schema": {"type": "object", "title": "x"}})),
    )
    .await;
    let read = old(&world, "GetUserSchemaByID", id()).await;
    assert_eq!(
        (&read.ok()["schema"]["revision"], &read.ok()["schema"]["type"]),
        (&json!(2), &json!("Human"))
    );
    let same = json!({"schema": {"title": "x", "type": "object"}, "type": "Human"});
    let again = new(&world, "PatchUserSchema", patch(same)).await;
    assert_eq!(again.ok(), patched.ok());
    assert_eq!(
        sequence(&old(&world, "GetUserSchemaByID", id()).await),
        sequence(&read)
    );
    fails(
        &new(&world, "PatchUserSchema", patch(json!({"type": "person"}))).await,
        6,
        "V3-DKcYh",
    );
    new(&world, "PatchUserSchema", patch(json!({"type": "HUMAN"})))
        .await
        .ok();
    // States.
    fails(&new(&world, "ReactivateUserSchema", id()).await, 9, "COMMA-DGzh5");
    old(&world, "DeactivateUserSchema", id()).await.ok();
    fails(&new(&world, "DeactivateUserSchema", id()).await, 9, "COMMA-E4t4z");
    fails(
        &old(&world, "UpdateUserSchema", json!({"id": id()["id"], "type": "x"})).await,
        9,
        "COMMA-HB3e1",
    );
    fails(
        &follower(&world, id()["id"].as_str().expect("an id"), json!({})).await,
        9,
        "MERLON-h6Ww2TnA",
    );
    new(&world, "ReactivateUserSchema", id()).await.ok();
    // In use, and then not.
    let created = follower(&world, id()["id"].as_str().expect("an id"), json!({})).await;
    fails(&new(&world, "DeleteUserSchema", id()).await, 9, "MERLON-n8Ge5UxJ");
    user(&world, "DeleteUser", json!({"id": created.ok()["details"]["id"]}))
        .await
        .ok();
    new(&world, "DeleteUserSchema", id()).await.ok();
    fails(&new(&world, "DeleteUserSchema", id()).await, 5, "COMMA-Grg41");
    fails(&new(&world, "GetUserSchema", id()).await, 5, "QUERY-SAF3t");
    fails(
        &follower(&world, id()["id"].as_str().expect("an id"), json!({})).await,
        9,
        "COMMAND-N9QOuN4F7o",
    );
    given(&world, "human", json!({}), json!([])).await;
    new(&world, "DeleteUserSchema", json!({"id": other})).await.ok();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixteen_that_want_one_type_one_gets_it() {
    let world = World::new().await;
    let types = (0..16).map(|n| if n % 2 == 0 { "Racer" } else { "rAcEr" });
    let tries = types.map(|name| old(&world, "CreateUserSchema", json!({"type": name, "schema": {}})));
    let answers = join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.code() == 0).count(), 1);
    for answer in answers.iter().filter(|answer| answer.code() != 0) {
        fails(answer, 6, "V3-DKcYh");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_that_is_removed_while_users_come_has_users_or_is_gone() {
    let world = World::new().await;
    for round in 0..8 {
        let id = given(&world, &format!("Round {round}"), json!({}), json!([])).await;
        let users = join_all((0..4).map(|_| follower(&world, &id, json!({}))));
        let (users, deleted) = tokio::join!(users, new(&world, "DeleteUserSchema", json!({"id": id})));
        let came = users.iter().any(|answer| answer.code() == 0);
        assert!(came != (deleted.code() == 0), "{deleted:?} {users:?}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unsound_schemas_are_refused_by_their_own_ids() {
    let world = World::new().await;
    let keyword = |value: Value| json!({"properties": {"a": {"urn:zitadel:schema:permission": value}}});
    let unsound = [
        (
            keyword(json!("rw")),
            "SCHEMA-WR5gs",
            "/properties/a/urn:zitadel:schema:permission",
        ),
        (keyword(json!({"all": "r"})), "SCHEMA-GFjio", ""),
        (keyword(json!({"self": "x"})), "SCHEMA-EZ5zjh", ""),
        (keyword(json!({"self": 1})), "SCHEMA-E5h31", ""),
        (
            json!({"properties": {"a": {"type": "strin"}}}),
            "COMMA-W21tg",
            "/properties/a/type",
        ),
        (
            json!({"$ref": "http://169.254.169.254/"}),
            "MERLON-r5Bn7LyE",
            "/$ref",
        ),
        (
            json!({"properties": {"a": {"pattern": "(a)\\1"}}}),
            "MERLON-v8Hk4CxG",
            "",
        ),
        (json!({"$ref": "#"}), "MERLON-t9Mf2KaP", ""),
    ];
    for (schema, id, place) in unsound {
        let request = json!({"userSchema": {"type": "x", "schema": schema}});
        let text = fails(&new(&world, "CreateUserSchema", request).await, 3, id);
        assert!(text.contains(place), "{text}");
    }
    let meta = json!({"userSchema": {"type": "x", "schema": {"$schema": "urn:zitadel:schema:v1"}}});
    new(&world, "CreateUserSchema", meta).await.ok();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn data_follow_the_schema_and_an_error_names_the_property() {
    let world = World::new().await;
    let schema = json!({"type": "object", "required": ["name"], "properties": {"name": {"type": "string", "maxLength": 5}}});
    let id = given(&world, "Named", schema, json!([])).await;
    let text = fails(
        &follower(&world, &id, json!({"name": "Secret"})).await,
        9,
        "COMMAND-SlKXqLSeL6",
    );
    assert!(
        text.contains("/name") && text.contains("maxLength: 5") && !text.contains("Secret"),
        "{text}"
    );
    let text = fails(&follower(&world, &id, json!({})).await, 9, "COMMAND-SlKXqLSeL6");
    assert!(text.contains("required: \"name\""), "{text}");
    let ada = someone(&world, &id, json!({"name": "Ada"})).await;
    let read = user(&world, "GetUser", json!({"id": ada.id})).await;
    assert_eq!(
        read.ok()["user"]["schema"],
        json!({"id": id, "type": "Named", "revision": 1})
    );
    // A newer revision judges the next change of the data, and nothing else.
    new(
        &world,
        "PatchUserSchema",
        json!({"id": id, "userSchema": {"schema": {"maxProperties": 1}}}),
    )
    .await
    .ok();
    let phone =
        json!({"id": ada.id, "user": {"contact": {"phone": {"number": "+41791234567", "isVerified": true}}}});
    user(&world, "PatchUser", phone).await.ok();
    let revision = |answer: &Answer| answer.ok()["user"]["schema"]["revision"].clone();
    assert_eq!(revision(&user(&world, "GetUser", json!({"id": ada.id})).await), 1);
    let patch = |data: Value| json!({"id": ada.id, "user": {"data": data}});
    fails(
        &user(&world, "PatchUser", patch(json!({"a": 1, "b": 2}))).await,
        9,
        "COMMAND-SlKXqLSeL6",
    );
    user(&world, "PatchUser", patch(json!({"a": 1}))).await.ok();
    let read = world
        .owner_calls(&format!("{OLD}/GetUserByID"), json!({"userId": ada.id}))
        .await;
    assert_eq!(
        (
            &read.ok()["user"]["schema"]["revision"],
            &read.ok()["user"]["data"]
        ),
        (&json!(2), &json!({"a": 1}))
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn owner_and_self_read_and_write_what_is_theirs() {
    let world = World::new().await;
    let keyword = |rights: Value| json!({"urn:zitadel:schema:permission": rights});
    let schema = json!({"properties": {
        "salary": keyword(json!({"owner": "rw"})),
        "level": keyword(json!({"owner": "rw", "self": "r"})),
        "diary": keyword(json!({"self": "rw"})),
    }});
    let id = given(&world, "Worker", schema, json!([])).await;
    fails(
        &follower(&world, &id, json!({"diary": "x"})).await,
        9,
        "COMMAND-SlKXqLSeL6",
    );
    let ada = someone(&world, &id, json!({"salary": 7, "level": 2, "hobby": "x"})).await;
    let mine = |method: &str, request| {
        let (method, token, world) = (format!("{NEW}/{method}"), ada.token.clone(), &world);
        async move { world.calls(&token, &method, request).await }
    };
    let get = || json!({"id": ada.id});
    let patch = |data: Value| json!({"id": ada.id, "user": {"data": data}});
    assert_eq!(
        mine("GetUser", get()).await.ok()["user"]["data"],
        json!({"level": 2, "hobby": "x"})
    );
    // What is unchanged needs no right, what is unseen stays, what is not theirs is refused.
    mine(
        "PatchUser",
        patch(json!({"level": 2, "hobby": "y", "diary": "z"})),
    )
    .await
    .ok();
    let text = fails(
        &mine("PatchUser", patch(json!({"level": 3}))).await,
        9,
        "COMMAND-SlKXqLSeL6",
    );
    assert!(text.contains("/level"), "{text}");
    fails(
        &mine("PatchUser", patch(json!({"level": 2, "salary": 9}))).await,
        9,
        "COMMAND-SlKXqLSeL6",
    );
    let seen = user(&world, "GetUser", get()).await;
    assert_eq!(
        seen.ok()["user"]["data"],
        json!({"salary": 7, "level": 2, "hobby": "y"})
    );
    assert_eq!(mine("GetUser", get()).await.ok()["user"]["data"]["diary"], "z");
    // Nobody chooses their own rights.
    let free = given(&world, "Free", json!({}), json!([])).await;
    let switch = json!({"id": ada.id, "user": {"schemaId": free}});
    fails(&mine("PatchUser", switch.clone()).await, 7, "AUTH-AWfge");
    user(&world, "PatchUser", switch).await.ok();
    assert_eq!(mine("GetUser", get()).await.ok()["user"]["data"]["salary"], 7);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_says_which_factors_its_users_may_have() {
    let world = World::new().await;
    let only_email = given(
        &world,
        "Mailer",
        json!({}),
        json!(["AUTHENTICATOR_TYPE_OTP_EMAIL"]),
    )
    .await;
    let ada = someone(&world, &only_email, json!({})).await;
    let sms = json!({"id": ada.id, "phone": {"number": "+41791234567", "isVerified": true}});
    let text = fails(
        &user(&world, "AddOTPSMSAuthenticator", sms).await,
        9,
        "MERLON-o3Kp8VzC",
    );
    assert!(text.contains("otp_sms"), "{text}");
    let name = json!({"id": ada.id, "username": {"username": "ada"}});
    fails(&user(&world, "AddUsername", name).await, 9, "MERLON-o3Kp8VzC");
    let provider = world
        .owner_calls(&format!("{ADMIN}/AddGenericOIDCProvider"), oidc_provider())
        .await;
    let account = json!({"idpId": provider.ok()["id"], "userId": "1", "userName": "ada"});
    let account = json!({"id": ada.id, "authenticator": account});
    fails(
        &user(&world, "AddIDPAuthenticator", account).await,
        9,
        "MERLON-o3Kp8VzC",
    );
    let app = user(&world, "StartTOTPRegistration", json!({"id": ada.id})).await;
    fails(&app, 9, "MERLON-o3Kp8VzC");
    let key = json!({"id": ada.id, "registration": {"domain": "localhost"}});
    fails(
        &user(&world, "StartWebAuthNRegistration", key).await,
        9,
        "MERLON-o3Kp8VzC",
    );
    let link = json!({"id": ada.id, "returnCode": {}});
    fails(
        &user(&world, "CreateWebAuthNRegistrationLink", link).await,
        9,
        "MERLON-o3Kp8VzC",
    );
    let password = json!({"password": "correct horse battery"});
    let set = json!({"id": ada.id, "newPassword": password});
    fails(&user(&world, "SetPassword", set).await, 9, "MERLON-o3Kp8VzC");
    let reset = json!({"id": ada.id, "returnCode": {}});
    fails(
        &user(&world, "RequestPasswordReset", reset).await,
        9,
        "MERLON-o3Kp8VzC",
    );
    let protected = json!({"organization": {"orgId": world.org.to_string()}, "user": {"schemaId": only_email,
        "authenticators": {"password": password}}});
    fails(&user(&world, "CreateUser", protected).await, 9, "MERLON-o3Kp8VzC");
    let named = json!({"organization": {"orgId": world.org.to_string()}, "user": {"schemaId": only_email,
        "authenticators": {"usernames": [{"username": "named"}]}}});
    fails(&user(&world, "CreateUser", named).await, 9, "MERLON-o3Kp8VzC");
    let email = json!({"id": ada.id, "email": {"address": "ada@example.com", "isVerified": true}});
    user(&world, "AddOTPEmailAuthenticator", email).await.ok();
    let phone = json!({"id": ada.id, "phone": {"number": "+41791234567", "isVerified": true}});
    user(&world, "SetContactPhone", phone).await.ok();
    let bound = world
        .calls(&ada.token, "AuthService/AddMyAuthFactorOTPSMS", json!({}))
        .await;
    fails(&bound, 9, "MERLON-o3Kp8VzC");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_schema_no_longer_allows_is_not_completed() {
    let world = World::new().await;
    let kinds = json!(["AUTHENTICATOR_TYPE_TOTP", "AUTHENTICATOR_TYPE_OTP_SMS"]);
    let schema = given(&world, "Wide", json!({}), kinds.clone()).await;
    let ada = someone(&world, &schema, json!({})).await;
    let app = user(&world, "StartTOTPRegistration", json!({"id": ada.id})).await;
    let phone = json!({"id": ada.id, "phone": {"number": "+41791234567", "returnCode": {}}});
    let sms = user(&world, "AddOTPSMSAuthenticator", phone).await;
    let secret = app.ok()["secret"].as_str().expect("a secret");
    let secret = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let code = app::totp::code_at(&secret, app::totp::step_at(world.ctx().now()));
    let enter_app = json!({"id": ada.id, "totpId": app.ok()["totpId"], "code": code});
    let enter_sms =
        json!({"id": ada.id, "otpSmsId": sms.ok()["otpSmsId"], "code": sms.ok()["verificationCode"]});
    let enter = [
        ("VerifyTOTPRegistration", enter_app),
        ("VerifyOTPSMSRegistration", enter_sms),
    ];
    let narrow = json!({"id": schema, "possibleAuthenticators": ["AUTHENTICATOR_TYPE_USERNAME"]});
    old(&world, "UpdateUserSchema", narrow).await.ok();
    for (method, request) in &enter {
        fails(&user(&world, method, request.clone()).await, 9, "MERLON-o3Kp8VzC");
    }
    old(
        &world,
        "UpdateUserSchema",
        json!({"id": schema, "possibleAuthenticators": kinds}),
    )
    .await
    .ok();
    for (method, request) in enter {
        user(&world, method, request).await.ok();
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_to_a_schema_brings_only_what_it_allows() {
    let world = World::new().await;
    let free = given(&world, "Free", json!({}), json!([])).await;
    let ada = someone(&world, &free, json!({})).await;
    let only_app = given(&world, "App", json!({}), json!(["AUTHENTICATOR_TYPE_TOTP"])).await;
    let switch = || json!({"id": ada.id, "user": {"schemaId": only_app}});
    let password = json!({"id": ada.id, "newPassword": {"password": "correct horse battery"}});
    user(&world, "SetPassword", password).await.ok();
    let name = json!({"id": ada.id, "username": {"username": "ada"}});
    let name = user(&world, "AddUsername", name).await;
    let named = fails(&user(&world, "PatchUser", switch()).await, 9, "MERLON-o3Kp8VzC");
    assert!(named.contains("username"), "{named}");
    let name = json!({"id": ada.id, "usernameId": name.ok()["usernameId"]});
    user(&world, "RemoveUsername", name).await.ok();
    let named = fails(&user(&world, "PatchUser", switch()).await, 9, "MERLON-o3Kp8VzC");
    assert!(named.contains("password"), "{named}");
    // Other data under the schema that the user has, and a schema that allows it.
    let other = given(&world, "Other", json!({}), json!(["AUTHENTICATOR_TYPE_PASSWORD"])).await;
    let patch = json!({"id": ada.id, "user": {"schemaId": other, "data": {"a": 1}}});
    user(&world, "PatchUser", patch).await.ok();
    // A list that becomes shorter takes nothing from those who are there.
    let shorter = json!({"id": other, "userSchema": {"possibleAuthenticators": ["AUTHENTICATOR_TYPE_TOTP"]}});
    new(&world, "PatchUserSchema", shorter).await.ok();
    let patch = json!({"id": ada.id, "user": {"schemaId": other, "data": {"a": 2}}});
    user(&world, "PatchUser", patch).await.ok();
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemas_are_searched_sorted_and_paged() {
    let world = World::new().await;
    let mut ids = Vec::new();
    for name in ["Beta", "alpha", "Gamma 100%", "alphabet"] {
        world.advance(domain::base::Span::seconds(1));
        ids.push(given(&world, name, json!({}), json!([])).await);
    }
    old(&world, "DeactivateUserSchema", json!({"id": ids[2]}))
        .await
        .ok();
    let types = |answer: &Answer| -> Vec<String> {
        let result = answer.ok()["result"].as_array().cloned().unwrap_or_default();
        let name = |one: &Value| {
            one["config"]["type"]
                .as_str()
                .or(one["type"].as_str())
                .unwrap_or_default()
                .to_owned()
        };
        result.iter().map(name).collect()
    };
    let by = |text: &str, method: &str| json!({"typeFilter": {"type": text, "method": format!("TEXT_FILTER_METHOD_{method}")}});
    let cases = [
        (
            json!([by("ALPHA", "STARTS_WITH_IGNORE_CASE")]),
            vec!["alpha", "alphabet"],
        ),
        (json!([by("beta", "EQUALS")]), vec![]),
        (json!([by("beta", "EQUALS_IGNORE_CASE")]), vec!["Beta"]),
        (json!([by("100%", "CONTAINS")]), vec!["Gamma 100%"]),
        (json!([by("%", "STARTS_WITH")]), vec![]),
        (
            json!([{"stateFilter": {"state": "STATE_INACTIVE"}}]),
            vec!["Gamma 100%"],
        ),
        (json!([{"idFilter": {"id": ids[0]}}]), vec!["Beta"]),
        (
            json!([{"notFilter": {"filter": by("alpha", "CONTAINS")}}]),
            vec!["Beta", "Gamma 100%"],
        ),
        (
            json!([{"orFilter": {"queries": [by("Beta", "EQUALS"), by("alpha", "EQUALS")]}}, {"andFilter": {"queries": []}}]),
            vec!["Beta", "alpha"],
        ),
        (json!([{"orFilter": {"queries": []}}]), vec![]),
        (json!([{"stateFilter": {}}]), vec![]),
    ];
    for (filters, wanted) in cases {
        let found = new(&world, "SearchUserSchemas", json!({"filters": filters})).await;
        assert_eq!(types(&found), wanted, "{filters}");
    }
    let paged = json!({"query": {"offset": 1, "limit": 2, "desc": true}, "sortingColumn": "FIELD_NAME_TYPE"});
    let found = new(&world, "SearchUserSchemas", paged).await;
    assert_eq!(types(&found), ["Beta", "alphabet"]);
    assert_eq!(
        (
            &found.ok()["details"]["totalResult"],
            &found.ok()["details"]["appliedLimit"]
        ),
        (&json!("4"), &json!("2"))
    );
    let ends = json!({"queries": [{"typeQuery": {"type": "BET", "method": "TEXT_QUERY_METHOD_ENDS_WITH_IGNORE_CASE"}}]});
    assert_eq!(types(&old(&world, "ListUserSchemas", ends).await), ["alphabet"]);
    assert_eq!(
        types(&old(&world, "ListUserSchemas", json!({})).await)[0],
        "alphabet",
        "last first"
    );
    fails(
        &new(&world, "SearchUserSchemas", json!({"query": {"limit": 1001}})).await,
        3,
        "QUERY-4M0fs",
    );
    let nested = |levels: usize| {
        (0..levels).fold(
            by("x", "EQUALS"),
            |inner, _| json!({"notFilter": {"filter": inner}}),
        )
    };
    new(&world, "SearchUserSchemas", json!({"filters": [nested(20)]}))
        .await
        .ok();
    fails(
        &new(&world, "SearchUserSchemas", json!({"filters": [nested(21)]})).await,
        3,
        "SCHEMA-zsQ97",
    );
    let many: Vec<Value> = (0..501).map(|_| by("x", "EQUALS")).collect();
    fails(
        &new(&world, "SearchUserSchemas", json!({"filters": many})).await,
        3,
        "MERLON-i7Xj3RbM",
    );
    let most: Vec<Value> = (0..499).map(|_| by("x", "EQUALS")).collect();
    new(
        &world,
        "SearchUserSchemas",
        json!({"filters": [{"orFilter": {"queries": most}}]}),
    )
    .await
    .ok();
    world.end().await;
}
