//! Each RPC that is served succeeds in each form, and every view of the user says so at once.

use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use super::{
    case::{self, Case, NEW, OLD},
    contract, intent,
    scene::{Scene, holds},
    wire::{Answer, Call, Form},
    world::World,
};

/// Scenes that are played at the same time.
pub(crate) const AT_ONCE: usize = 8;

#[test]
fn every_rpc_of_the_contract_is_tried() {
    let cases = case::all();
    let tried: Vec<_> = cases
        .iter()
        .map(|case| contract::method(&case.method).path)
        .collect();
    for method in proto::rpc::METHODS {
        let tried = tried.contains(&method.path) || intent::TRIED.contains(&method.path);
        assert!(tried, "{} is in no case", method.path);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_rpc_succeeds_in_every_form_and_is_read_back_at_once() {
    let world = World::new().await;
    let cases = case::all();
    stream::iter(&cases)
        .for_each_concurrent(AT_ONCE, |case| succeeds(&world, case))
        .await;
    world.end().await;
}

async fn succeeds(world: &World, case: &Case) {
    let mut first: Option<Value> = None;
    for form in Form::ALL {
        let mut scene = Scene::new(world, &case.given).await;
        let token = scene.token_for(contract::method(&case.method).service);
        let answer = scene.send(form, &case.method, &case.request, Some(&token)).await;
        let name = format!("{} over {form:?}", case.name());
        let Ok(json) = &answer.outcome else {
            panic!("{name}: {answer:?}")
        };
        assert!(
            holds(json, &scene.filled(&case.answer)),
            "{name}: {json} has no {}",
            case.answer
        );
        scene.keep(json);
        let masked = comparable(&scene, case, json);
        assert_eq!(
            first.get_or_insert_with(|| masked.clone()),
            &masked,
            "{name}: the forms disagree"
        );
        read_back(&scene, case, json, &name).await;
    }
}

/// An answer without what differs from scene to scene. There is one instance for all scenes: whether and how often others
/// switched its features in between is told by its sequence and by the source of a feature.
fn comparable(scene: &Scene<'_>, case: &Case, answer: &Value) -> Value {
    let mut masked = scene.masked(answer);
    if case.method.contains(case::FEATURES) {
        masked["details"]["sequence"] = Value::Null;
        masked["userSchema"] = Value::Null;
    }
    masked
}

/// Every view of the user after a call agrees with every other and with what the call answered.
async fn read_back(scene: &Scene<'_>, case: &Case, answer: &Value, name: &str) {
    if case.user.is_null() {
        return gone(scene, answer, name).await;
    }
    let id = scene.get(case.subject);
    let (new, old) = both_views(scene.world, &id).await;
    assert!(
        holds(&new, &scene.filled(&case.user)),
        "{name}: {new} has no {}",
        case.user
    );
    details_are(answer, contract::method(&case.method).service, (&new, &old), name);
    if case.subject == "user" && new["state"] == "USER_STATE_ACTIVE" {
        own_view(scene, &new, &old, name).await;
    }
    match case.method.rsplit('/').next() {
        Some("RemovePersonalAccessToken") => assert_eq!(use_token(scene).await.code(), 16, "{name}"),
        Some("AddPersonalAccessToken") => assert_eq!(use_token(scene).await.code(), 0, "{name}"),
        Some("DeleteMessage") => {
            let left = scene
                .world
                .owner_calls(
                    "InboxService/ListMessages",
                    json!({"recipient": scene.get("phone")}),
                )
                .await;
            assert_eq!(left.ok()["messages"], Value::Null, "{name}");
        }
        _ => {}
    }
}

async fn use_token(scene: &Scene<'_>) -> Answer {
    scene
        .world
        .calls(&scene.get("added_token"), "AuthService/GetMyUser", json!({}))
        .await
}

/// The details of an answer, where it has some, are those of the user afterwards, complete.
fn details_are(answer: &Value, service: &str, (new, old): (&Value, &Value), name: &str) {
    let mut wanted = old["details"].clone();
    match service {
        "zitadel.resources.user.v3alpha.ZITADELUsers" => wanted = new["details"].clone(),
        "zitadel.auth.v1.AuthService" => wanted["creationDate"] = new["details"]["created"].clone(),
        _ => {}
    }
    let of_a_user = !["schema", "admin", "feature"]
        .iter()
        .any(|other| service.contains(other));
    if !answer["details"].is_null() && answer["result"].is_null() && of_a_user {
        assert_eq!(answer["details"], wanted, "{name}: details");
    }
}

/// A deleted user is nowhere, and its token opens nothing.
async fn gone(scene: &Scene<'_>, answer: &Value, name: &str) {
    let (world, id) = (scene.world, scene.get("user"));
    let found = world
        .owner_calls(&format!("{NEW}/GetUser"), json!({"id": id}))
        .await;
    assert_eq!(found.code(), 5, "{name}");
    let found = world
        .owner_calls(&format!("{OLD}/GetUserByID"), json!({"userId": id}))
        .await;
    assert_eq!(found.code(), 5, "{name}");
    let me = world
        .calls(&scene.get("token"), "AuthService/GetMyUser", json!({}))
        .await;
    assert_eq!(me.code(), 16, "{name}");
    let details = &answer["details"];
    assert!(
        holds(
            details,
            &json!({"id": id, "created": "$any", "changed": "$any", "owner": {"type": "OWNER_TYPE_ORG"}})
        ) || holds(
            details,
            &json!({"sequence": "$any", "changeDate": "$any", "resourceOwner": "$any"})
        ),
        "{name}: {details}"
    );
}

/// The user as both generations show it, which is the same.
pub(crate) async fn both_views(world: &World, id: &str) -> (Value, Value) {
    let new = world
        .owner_calls(&format!("{NEW}/GetUser"), json!({"id": id}))
        .await;
    let old = world
        .owner_calls(&format!("{OLD}/GetUserByID"), json!({"userId": id}))
        .await;
    let (new, old) = (new.ok()["user"].clone(), old.ok()["user"].clone());
    for field in ["data", "contact", "authenticators", "state", "schema"] {
        assert_eq!(new[field], old[field], "{id}: {field}");
    }
    let (details, older) = (&new["details"], &old["details"]);
    assert_eq!((&details["id"], &old["userId"]), (&json!(id), &json!(id)));
    assert!(details["created"].is_string(), "{id}: {details}");
    assert_eq!(
        older["creationDate"],
        Value::Null,
        "generation 2024-06 did not know it"
    );
    assert_eq!(details["changed"], older["changeDate"]);
    assert_eq!(
        details["owner"],
        json!({"type": "OWNER_TYPE_ORG", "id": older["resourceOwner"]})
    );
    for field in ["sequence", "changeDate", "resourceOwner"] {
        assert!(
            older[field].as_str().is_some_and(|text| !text.is_empty()),
            "{id}: {field}: {older}"
        );
    }
    assert_eq!(older["sequence"], world.sequence(id).await.to_string());
    (new, old)
}

/// The user as auth v1 shows it to itself.
async fn own_view(scene: &Scene<'_>, new: &Value, old: &Value, name: &str) {
    let mine = async |method: &str| {
        let answer = scene
            .world
            .calls(&scene.get("token"), &format!("AuthService/{method}"), json!({}))
            .await;
        answer.ok().clone()
    };
    let (contact, user) = (&new["contact"], mine("GetMyUser").await["user"].clone());
    assert_eq!(user["id"], old["userId"], "{name}");
    let mut details = old["details"].clone();
    details["creationDate"] = new["details"]["created"].clone();
    assert_eq!(user["details"], details, "{name}");
    assert_eq!(user["state"], new["state"], "{name}");
    let phone = mine("GetMyPhone").await;
    assert_eq!(phone["details"], details, "{name}");
    assert_eq!(phone["phone"]["phone"], contact["phone"]["number"], "{name}");
    assert_eq!(
        phone["phone"]["isPhoneVerified"], contact["phone"]["isVerified"],
        "{name}"
    );
    let email = mine("GetMyEmail").await;
    assert_eq!(email["email"]["email"], contact["email"]["address"], "{name}");
    assert_eq!(
        email["email"]["isEmailVerified"], contact["email"]["isVerified"],
        "{name}"
    );
    let factors = mine("ListMyAuthFactors").await["result"].to_string();
    for kind in ["otpSms", "otpEmail"] {
        let list = new["authenticators"][kind]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let ready = list.iter().any(|factor| factor["isVerified"] == true);
        assert_eq!(factors.contains(kind), ready, "{name}: {kind}");
    }
}

/// A write that changes nothing leaves sequence and time as they were.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_so_already_is_no_change() {
    let world = World::new().await;
    let phone = json!({"id": "$user", "phone": {"number": "$phone", "isVerified": true}});
    let email = json!({"id": "$user", "email": {"address": "$email", "isVerified": true}});
    let patch = json!({"id": "$user", "user": {"data": {"a": {"b": [1, 2.5]}}}});
    let given = [
        (format!("{NEW}/SetContactPhone"), phone.clone()),
        (format!("{NEW}/SetContactEmail"), email.clone()),
        (format!("{NEW}/PatchUser"), patch.clone()),
    ];
    let scene = Scene::new(&world, &given).await;
    let before = both_views(&world, &scene.get("user")).await;
    for (method, old, request) in [
        ("SetContactPhone", "SetContactPhone", phone),
        (
            "SetContactPhone",
            "SetContactPhone",
            json!({"id": "$user", "phone": {"number": "$phone", "returnCode": {}}}),
        ),
        ("SetContactEmail", "SetContactEmail", email),
        ("PatchUser", "UpdateUser", patch),
        ("PatchUser", "UpdateUser", json!({"id": "$user", "user": {}})),
        (
            "VerifyContactPhone",
            "VerifyContactPhone",
            json!({"id": "$user", "verificationCode": "123456"}),
        ),
        (
            "VerifyContactEmail",
            "VerifyContactEmail",
            json!({"id": "$user", "verificationCode": "ABCDEF"}),
        ),
    ] {
        for form in Form::ALL {
            let answer = scene
                .send(form, &format!("{NEW}/{method}"), &request, Some(&world.owner))
                .await;
            assert_eq!(
                answer.ok(),
                &json!({"details": before.0["details"]}),
                "{method} over {form:?}"
            );
            let request = case::old_request(&request);
            let answer = scene
                .send(form, &format!("{OLD}/{old}"), &request, Some(&world.owner))
                .await;
            assert_eq!(
                answer.ok(),
                &json!({"details": before.1["details"]}),
                "{old} over {form:?}"
            );
        }
        assert_eq!(both_views(&world, &scene.get("user")).await, before, "{method}");
    }
    world.end().await;
}

/// A code that is sent is the code that is asked for, and it is in the inbox.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_that_is_sent_verifies() {
    let world = World::new().await;
    for (channel, add, verify, id) in [
        (
            "phone",
            "AddOTPSMSAuthenticator",
            "VerifyOTPSMSRegistration",
            "otpSmsId",
        ),
        (
            "email",
            "AddOTPEmailAuthenticator",
            "VerifyOTPEmailRegistration",
            "otpEmailId",
        ),
    ] {
        let mut scene = Scene::new(&world, &[]).await;
        let destination = if channel == "phone" {
            json!({"number": "$phone"})
        } else {
            json!({"address": "$email"})
        };
        scene
            .step(
                &format!("{NEW}/{add}"),
                &json!({"id": "$user", channel: destination}),
            )
            .await;
        let wait = json!({"recipient": scene.get(channel), "timeout": "20s"});
        let message = world.owner_calls("InboxService/WaitForMessage", wait).await.ok()["message"].clone();
        let (code, text) = (
            message["code"].as_str().unwrap(),
            message["text"].as_str().unwrap(),
        );
        assert!(text.contains(code), "{text}");
        // Entered as people do: with spaces, dashes and in lower case.
        let entered = format!(" {}-{} ", &code[..3], code[3..].to_lowercase());
        let factor = if channel == "phone" {
            "$otp_sms_id"
        } else {
            "$otp_email_id"
        };
        let request = scene.filled(&json!({"id": "$user", id: factor, "code": entered}));
        let token = scene.get("token");
        let call = Call {
            method: contract::method(&format!("{NEW}/{verify}")),
            request: &request,
            token: Some(&token),
            headers: &[],
        };
        assert_eq!(world.client.call(Form::Rest, &call).await.code(), 0, "{verify}");
    }
    world.end().await;
}

/// Headers by which a request may name a host; none of them is believed.
const NAMED_HOSTS: [(&str, &str); 10] = [
    ("host", "evil.example"),
    ("forwarded", "for=1.2.3.4;host=evil.example;proto=https"),
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-port", "1"),
    ("x_forwarded_host", "evil.example"),
    ("x-zitadel-forwarded", "host=evil.example"),
    ("x-zitadel-instance-host", "evil.example"),
    ("x-zitadel-public-host", "evil.example"),
    ("origin", "https://evil.example"),
];

/// What is sent, and where its link leads, is the same whatever host a header names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_header_changes_what_is_sent() {
    let world = World::new().await;
    let link = json!({"id": "$user", "sendLink": {}});
    let number = json!({"id": "$user", "phone": {"number": "$phone"}});
    for (method, request, recipient) in [
        ("CreateWebAuthNRegistrationLink", link, "email"),
        ("AddOTPSMSAuthenticator", number, "phone"),
    ] {
        let sent =
            async |headers: &[(&str, &str)]| sent_beside(&world, method, &request, recipient, headers).await;
        let plain = sent(&[]).await;
        assert!(plain.contains("localhost"), "{plain}");
        for header in NAMED_HOSTS {
            assert_eq!(sent(&[header]).await, plain, "{header:?}");
        }
    }
    world.end().await;
}

/// What a user is sent by a call with these headers, without what differs from user to user.
async fn sent_beside(
    world: &World,
    method: &str,
    request: &Value,
    recipient: &str,
    headers: &[(&str, &str)],
) -> String {
    let address = json!({"id": "$user", "email": {"address": "$email", "isVerified": true}});
    let scene = Scene::new(world, &[(format!("{NEW}/SetContactEmail"), address)]).await;
    let request = &scene.filled(request);
    let call = Call {
        method: contract::method(&format!("{NEW}/{method}")),
        request,
        token: Some(&world.owner),
        headers,
    };
    world.client.call(Form::Rest, &call).await.ok();
    let wait = json!({"recipient": scene.get(recipient), "timeout": "20s"});
    let message = world.owner_calls("InboxService/WaitForMessage", wait).await.ok()["message"].clone();
    let said = |field: &str| message[field].as_str().expect("a text").to_owned();
    let mut text = said("text");
    for own in [said("code"), scene.get("user")] {
        text = text.replace(&own, "...");
    }
    text.retain(|c| !c.is_ascii_digit());
    text
}
