//! The user schema calls, told once and run through both generations of the published crate: `crate::schema_api` is the
//! thin layer that knows how a generation spells a request.

use serde_json::{Value, json};
use tonic::Code;

use super::{ANY, Bearer, Server, phone, random, refused};
use crate::api::{Api, NewUser, PhoneMode, SetPhone};
use crate::schema_api::{AuthenticatorType, Schemas, State};

/// A name that no other schema has.
fn name() -> String {
    format!("client-{:016x}", random())
}

fn person() -> Value {
    json!({
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string"},
            "height": {"type": "number", "urn:zitadel:schema:permission": {"owner": "rw", "self": "r"}},
        },
    })
}

/// An administrator's clients.
async fn start() -> (Server, Schemas, Api) {
    let server = Server::from_env();
    let schemas = Schemas::new(&server, server.admin()).await;
    let api = Api::new(&server, server.admin()).await;
    (server, schemas, api)
}

fn follower(schema: &str, data: Value) -> NewUser {
    NewUser {
        schema_id: schema.to_owned(),
        data: Some(data),
        ..NewUser::default()
    }
}

#[tokio::test]
async fn a_schema_is_created_changed_and_deleted() {
    let (_, mut schemas, _) = start().await;
    let name = name();
    let kinds = [AuthenticatorType::Username, AuthenticatorType::Totp];
    let id = schemas.create(&name, person(), &kinds).await.unwrap();
    let first = schemas.get(&id).await.unwrap();
    assert_eq!((&first.name, &first.schema), (&name, &person()));
    assert_eq!(first.authenticators, kinds.map(i32::from));
    assert_eq!((first.state, first.revision), (State::Active, 1));
    refused(
        schemas.create(&name, json!({}), &[]).await,
        Code::AlreadyExists,
        "V3-DKcYh",
    );

    let other = format!("{name}-b");
    schemas.update(&id, Some(&other), None).await.unwrap();
    schemas
        .update(&id, None, Some(json!({"type": "object"})))
        .await
        .unwrap();
    let changed = schemas.get(&id).await.unwrap();
    assert_eq!(
        (changed.name, changed.schema, changed.revision),
        (other, json!({"type": "object"}), 2)
    );
    assert_ne!(changed.stamp, first.stamp);
    let remote = json!({"$ref": "https://example.com/schema.json"});
    refused(
        schemas.update(&id, None, Some(remote)).await,
        Code::InvalidArgument,
        "MERLON-r5Bn7LyE",
    );

    schemas.delete(&id).await.unwrap();
    refused(schemas.get(&id).await, Code::NotFound, ANY);
    refused(
        schemas.update(&id, Some("x"), None).await,
        Code::NotFound,
        "COMMA-HB3e1",
    );
    refused(schemas.deactivate(&id).await, Code::NotFound, "COMMA-E4t4z");
    refused(schemas.reactivate(&id).await, Code::NotFound, "COMMA-DGzh5");
    refused(schemas.delete(&id).await, Code::NotFound, "COMMA-Grg41");
}

#[tokio::test]
async fn an_inactive_schema_takes_no_users_and_one_with_users_stays() {
    let (_, mut schemas, mut api) = start().await;
    let id = schemas.create(&name(), person(), &[]).await.unwrap();
    let gigi = || follower(&id, json!({"name": "Gigi"}));
    schemas.deactivate(&id).await.unwrap();
    assert_eq!(schemas.get(&id).await.unwrap().state, State::Inactive);
    refused(
        api.create(gigi()).await,
        Code::FailedPrecondition,
        "MERLON-h6Ww2TnA",
    );
    refused(schemas.deactivate(&id).await, Code::FailedPrecondition, ANY);
    schemas.reactivate(&id).await.unwrap();
    assert_eq!(schemas.get(&id).await.unwrap().state, State::Active);
    let user = api.create(gigi()).await.unwrap().id;
    refused(
        schemas.delete(&id).await,
        Code::FailedPrecondition,
        "MERLON-n8Ge5UxJ",
    );
    api.delete(&user).await.unwrap();
    schemas.delete(&id).await.unwrap();
}

#[tokio::test]
async fn users_keep_to_their_schema() {
    let (server, mut schemas, mut api) = start().await;
    let id = schemas
        .create(&name(), person(), &[AuthenticatorType::Username])
        .await
        .unwrap();
    let nameless = api.create(follower(&id, json!({"height": 5.5}))).await;
    let status = refused(nameless, Code::FailedPrecondition, "COMMAND-SlKXqLSeL6");
    assert!(status.message().contains("name"), "{status:?}");
    let data = json!({"name": "Gigi", "height": 5.5});
    let user = api.create(follower(&id, data.clone())).await.unwrap().id;
    let read = api.get(&user).await.unwrap();
    assert_eq!(read.data, data);

    let number = SetPhone {
        number: phone(),
        verification: Some(PhoneMode::IsVerified(true)),
    };
    refused(
        api.add_sms(&user, Some(number)).await,
        Code::FailedPrecondition,
        "MERLON-o3Kp8VzC",
    );
    api.add_name(&user, &format!("gigi-{:x}", random()), false)
        .await
        .unwrap();

    let mut own = Api::new(&server, server.bearer_of(&user).await).await;
    let taller = json!({"name": "Gigi", "height": 6});
    refused(
        own.update(&user, None, Some(taller)).await,
        Code::FailedPrecondition,
        ANY,
    );
    let renamed = json!({"name": "Gigi Giraffe", "height": 5.5});
    own.update(&user, None, Some(renamed.clone())).await.unwrap();
    assert_eq!(api.get(&user).await.unwrap().data, renamed);
    api.delete(&user).await.unwrap();
    schemas.delete(&id).await.unwrap();
}

#[tokio::test]
async fn schemas_are_found_by_their_names() {
    let (server, mut schemas, _) = start().await;
    let name = name();
    let (a, b) = (format!("{name}-a"), format!("{name}-b"));
    let mut ids = Vec::new();
    for name in [&b, &a] {
        ids.push(schemas.create(name, json!({}), &[]).await.unwrap());
    }
    assert_eq!(schemas.find(&name, 10).await.unwrap(), (vec![a.clone(), b], 2));
    assert_eq!(schemas.find(&name, 1).await.unwrap(), (vec![a], 2));
    assert_eq!(
        schemas.find("nothing begins so", 10).await.unwrap(),
        (Vec::new(), 0)
    );

    let stranger = server.bearer_of(&server.user().await).await;
    let mut strange = Schemas::new(&server, stranger).await;
    refused(strange.find(&name, 10).await, Code::NotFound, "AUTHZ-cdgFk");
    let mut nobody = Schemas::new(&server, Bearer(None)).await;
    let status = nobody.find(&name, 10).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    for id in ids {
        schemas.delete(&id).await.unwrap();
    }
}
