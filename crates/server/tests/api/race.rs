//! Many callers at once, over the wire: one winner where there can be one, five guesses where there may be five.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{
    case::{ADMIN, NEW, OLD, link, oidc_provider, old_request},
    scene::Scene,
    success::both_views,
    wire::{Answer, Form},
    world::World,
};

/// Sends the same request many times at once, in every form and both generations in turn.
async fn at_once(scene: &Scene<'_>, many: usize, name: &str, request: &Value) -> Vec<Answer> {
    let old = old_request(request);
    let calls = (0..many).map(|place| {
        let form = Form::ALL[place % Form::ALL.len()];
        let (service, request) = if place % 4 < 2 {
            (NEW, request)
        } else {
            (OLD, &old)
        };
        let method = format!("{service}/{name}");
        async move { scene.send(form, &method, request, Some(&scene.world.owner)).await }
    });
    join_all(calls).await
}

/// How often each outcome occurred: nothing for success, else its id.
fn outcomes(answers: &[Answer]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for answer in answers {
        let id = answer
            .outcome
            .as_ref()
            .err()
            .map(|failure| format!("{} {}", failure.code, failure.id()));
        *counts.entry(id.unwrap_or_default()).or_default() += 1;
    }
    counts
}

fn count(outcomes: &BTreeMap<String, usize>, id: &str) -> usize {
    outcomes.get(id).copied().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_code_of_a_factor_has_one_winner() {
    let world = World::new().await;
    for (add, verify, destination, id, known, event) in [
        (
            "AddOTPSMSAuthenticator",
            "VerifyOTPSMSRegistration",
            json!({"phone": {"number": "$phone", "returnCode": {}}}),
            "otpSmsId",
            "$otp_sms_id",
            "otp_verified",
        ),
        (
            "AddOTPEmailAuthenticator",
            "VerifyOTPEmailRegistration",
            json!({"email": {"address": "$email", "returnCode": {}}}),
            "otpEmailId",
            "$otp_email_id",
            "otp_verified",
        ),
    ] {
        let mut request = destination;
        request["id"] = "$user".into();
        let scene = Scene::new(&world, &[(format!("{NEW}/{add}"), request)]).await;
        let answers = at_once(
            &scene,
            64,
            verify,
            &json!({"id": "$user", id: known, "code": "$code"}),
        )
        .await;
        let outcomes = outcomes(&answers);
        assert_eq!(count(&outcomes, ""), 1, "{outcomes:?}");
        assert_eq!(count(&outcomes, "9 MERLON-y4Px7QcN"), 63, "{outcomes:?}");
        assert_eq!(world.happened(&scene.get("user"), event).await, 1);
        both_views(&world, &scene.get("user")).await;
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_answer_of_a_key_and_one_link_have_one_winner() {
    let world = World::new().await;
    let start = |more: Value| {
        let mut request = json!({"id": "$user", "registration": {"domain": "localhost"}});
        if !more.is_null() {
            request["registration"]["code"] = more;
        }
        request
    };
    let given = [
        (format!("{NEW}/StartWebAuthNRegistration"), start(Value::Null)),
        (
            format!("{NEW}/CreateWebAuthNRegistrationLink"),
            json!({"id": "$user", "returnCode": {}}),
        ),
    ];
    let scene = Scene::new(&world, &given).await;
    let verify = json!({"id": "$user", "webAuthNId": "$web_auth_n_id",
        "verify": {"publicKeyCredential": "$$credential", "webAuthNName": "my key"}});
    let by_link = start(json!({"id": "$link_id", "code": "$link_code"}));
    for (name, request, late, event) in [
        (
            "VerifyWebAuthNRegistration",
            verify,
            "9 MERLON-D8kV3wNq",
            "webauthn_verified",
        ),
        (
            "StartWebAuthNRegistration",
            by_link,
            "3 COMMAND-Dhz8i",
            "webauthn_link_used",
        ),
    ] {
        let outcomes = outcomes(&at_once(&scene, 64, name, &request).await);
        assert_eq!(count(&outcomes, ""), 1, "{outcomes:?}");
        assert_eq!(count(&outcomes, late), 63, "{outcomes:?}");
        assert_eq!(world.happened(&scene.get("user"), event).await, 1);
    }
    both_views(&world, &scene.get("user")).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_code_of_a_contact_verifies_once() {
    let world = World::new().await;
    let set = json!({"id": "$user", "phone": {"number": "$phone", "returnCode": {}}});
    let scene = Scene::new(&world, &[(format!("{NEW}/SetContactPhone"), set)]).await;
    let answers = at_once(
        &scene,
        64,
        "VerifyContactPhone",
        &json!({"id": "$user", "verificationCode": "$code"}),
    )
    .await;
    // The wish of those who come late is fulfilled already.
    assert_eq!(count(&outcomes(&answers), ""), 64, "{:?}", outcomes(&answers));
    assert_eq!(world.happened(&scene.get("user"), "contact_verified").await, 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_hundred_wrong_codes_five_are_compared() {
    let world = World::new().await;
    for (set, verify, given, guess, right, event) in [
        (
            "SetContactPhone",
            "VerifyContactPhone",
            json!({"id": "$user", "phone": {"number": "$phone", "returnCode": {}}}),
            json!({"id": "$user", "verificationCode": "000000"}),
            json!({"id": "$user", "verificationCode": "$code"}),
            "contact_check_failed",
        ),
        (
            "AddOTPEmailAuthenticator",
            "VerifyOTPEmailRegistration",
            json!({"id": "$user", "email": {"address": "$email", "returnCode": {}}}),
            json!({"id": "$user", "otpEmailId": "$otp_email_id", "code": "AAAAAA"}),
            json!({"id": "$user", "otpEmailId": "$otp_email_id", "code": "$code"}),
            "otp_check_failed",
        ),
    ] {
        let scene = Scene::new(&world, &[(format!("{NEW}/{set}"), given)]).await;
        let outcomes = outcomes(&at_once(&scene, 200, verify, &guess).await);
        assert_eq!(count(&outcomes, "3 CODE-woT0xc"), 5, "{outcomes:?}");
        assert_eq!(count(&outcomes, "9 MERLON-x8Vd1PgN"), 195, "{outcomes:?}");
        assert_eq!(world.happened(&scene.get("user"), event).await, 5);
        for form in Form::ALL {
            let answer = scene
                .send(form, &format!("{NEW}/{verify}"), &right, Some(&world.owner))
                .await;
            assert_eq!(answer.failure().id(), "MERLON-x8Vd1PgN", "the right code is dead");
        }
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_number_added_fifty_times_is_one_factor() {
    let world = World::new().await;
    let scene = Scene::new(&world, &[]).await;
    let add = json!({"id": "$user", "phone": {"number": "$phone", "returnCode": {}}});
    let answers = at_once(&scene, 50, "AddOTPSMSAuthenticator", &add).await;
    let ids: Vec<_> = answers
        .iter()
        .map(|answer| answer.ok()["otpSmsId"].clone())
        .collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let (user, _) = both_views(&world, &scene.get("user")).await;
    let factor = json!([{"otpSmsId": ids[0], "phone": scene.get("phone")}]);
    assert_eq!(user["authenticators"]["otpSms"], factor);
    // Only the newest code is alive; more than one try is needed to find out which that is.
    assert_eq!(world.happened(&scene.get("user"), "otp_code_issued").await, 50);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_number_sent_to_fifty_times_gets_one_message() {
    let world = World::new().await;
    let scene = Scene::new(&world, &[]).await;
    let set = json!({"id": "$user", "phone": {"number": "$phone"}});
    let outcomes = outcomes(&at_once(&scene, 50, "SetContactPhone", &set).await);
    assert_eq!(count(&outcomes, ""), 1, "{outcomes:?}");
    assert_eq!(count(&outcomes, "8 MERLON-b7Qx2LmV"), 49, "{outcomes:?}");
    let recipient = scene.get("phone");
    let waited = world
        .owner_calls(
            "InboxService/WaitForMessage",
            json!({"recipient": recipient, "timeout": "20s"}),
        )
        .await;
    assert_eq!(waited.code(), 0);
    let listed = world
        .owner_calls("InboxService/ListMessages", json!({"recipient": recipient}))
        .await;
    assert_eq!(listed.ok()["messages"].as_array().map(Vec::len), Some(1));
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_deleted_while_it_verifies_is_deleted() {
    let world = World::new().await;
    let add = json!({"id": "$user", "phone": {"number": "$phone", "returnCode": {}}});
    let scene = Scene::new(&world, &[(format!("{NEW}/AddOTPSMSAuthenticator"), add.clone())]).await;
    let verify = json!({"id": "$user", "otpSmsId": "$otp_sms_id", "code": "$code"});
    let delete = json!({"id": "$user"});
    let (verified, deleted, added) = tokio::join!(
        at_once(&scene, 32, "VerifyOTPSMSRegistration", &verify),
        at_once(&scene, 8, "DeleteUser", &delete),
        at_once(&scene, 32, "AddOTPSMSAuthenticator", &add),
    );
    let deleted = outcomes(&deleted);
    assert_eq!(
        (count(&deleted, ""), count(&deleted, "5 COMMAND-syHyCsGmvM")),
        (1, 7),
        "{deleted:?}"
    );
    for answer in verified.iter().chain(&added) {
        assert!([0, 3, 5, 6, 9].contains(&answer.code()), "{answer:?}");
    }
    let found = world
        .owner_calls(&format!("{NEW}/GetUser"), json!({"id": scene.get("user")}))
        .await;
    assert_eq!(found.code(), 5);
    assert_eq!(world.happened(&scene.get("user"), "user_deleted").await, 1);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_account_elsewhere_is_linked_once() {
    let world = World::new().await;
    let provider = (format!("{ADMIN}/AddGenericOIDCProvider"), oidc_provider());
    let scene = Scene::new(&world, &[provider]).await;
    let outcomes = outcomes(&at_once(&scene, 32, "AddIDPAuthenticator", &link()).await);
    assert_eq!(
        (count(&outcomes, ""), count(&outcomes, "6 V3-DKcYh")),
        (1, 31),
        "{outcomes:?}"
    );
    assert_eq!(world.happened(&scene.get("user"), "idp_link_added").await, 1);
    both_views(&world, &scene.get("user")).await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_id_is_taken_once() {
    let world = World::new().await;
    let scene = Scene::new(&world, &[]).await;
    let create = json!({"organization": {"orgId": "$org"}, "user": {"userId": "$new_user"}});
    let outcomes = outcomes(&at_once(&scene, 32, "CreateUser", &create).await);
    assert_eq!(
        (count(&outcomes, ""), count(&outcomes, "6 COMMAND-Nn8CRVlkeZ")),
        (1, 31),
        "{outcomes:?}"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_code_of_a_reset_sets_one_password() {
    let world = World::new().await;
    let request = json!({"id": "$user", "returnCode": {}});
    let scene = Scene::new(&world, &[(format!("{NEW}/RequestPasswordReset"), request)]).await;
    let enter = json!({"id": "$user", "newPassword": {"password": "$password", "verificationCode": "$code"}});
    let outcomes = outcomes(&at_once(&scene, 16, "SetPassword", &enter).await);
    assert_eq!(
        (count(&outcomes, ""), count(&outcomes, "9 COMMAND-2M9fs")),
        (1, 15),
        "{outcomes:?}"
    );
    assert_eq!(world.happened(&scene.get("user"), "password_set").await, 1);
    both_views(&world, &scene.get("user")).await;
    world.end().await;
}

/// While others write to the same user, whoever got an answer reads what it wrote, or something newer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_read() {
    let world = World::new().await;
    let scene = &Scene::new(&world, &[]).await;
    let writers = (0..8).map(|writer| async move {
        for round in 0..10 {
            let form = Form::ALL[(writer + round) % Form::ALL.len()];
            let patch = json!({"userId": "$user", "data": {"writer": writer, "round": round}});
            let written = scene
                .send(
                    form,
                    &format!("{OLD}/UpdateUser"),
                    &patch,
                    Some(&scene.world.owner),
                )
                .await;
            let read = scene
                .send(
                    form,
                    &format!("{OLD}/GetUserByID"),
                    &json!({"userId": "$user"}),
                    Some(&scene.world.owner),
                )
                .await;
            let (written, read) = (
                sequence(&written.ok()["details"]),
                sequence(&read.ok()["user"]["details"]),
            );
            assert!(read >= written, "wrote {written}, read {read}");
        }
    });
    join_all(writers).await;
    world.end().await;
}

fn sequence(details: &Value) -> i64 {
    details["sequence"]
        .as_str()
        .expect("a sequence")
        .parse()
        .expect("a number")
}
