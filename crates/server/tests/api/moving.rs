//! A server with something of every kind in it is moved to PostgreSQL and back: every table holds rows, all of them arrive, every
//! call succeeds on both sides afterwards, and what was begun before a move is finished after it.

use std::{collections::BTreeSet, ops::ControlFlow, path::Path};

use futures_util::{StreamExt, stream};
use serde_json::json;
use store::{PostgresOptions, Statement, StoreOptions, Transfer};
use testkit::{
    postgres_server,
    provider::{CLIENT, TestProvider},
};

use super::{
    case::{self, ADMIN, Case, NEW},
    contract,
    scene::{Scene, holds},
    success::AT_ONCE,
    wire::Form,
    world::World,
};

/// Plays every case of the table of what succeeds, in one form.
async fn play(world: &World, cases: &[Case]) {
    stream::iter(cases)
        .for_each_concurrent(AT_ONCE, |case| async {
            let mut scene = Scene::new(world, &case.given).await;
            let token = scene.token_for(contract::method(&case.method).service);
            let answer = scene
                .send(Form::ConnectJson, &case.method, &case.request, Some(&token))
                .await;
            let json = answer.ok();
            scene.keep(json);
            assert!(
                holds(json, &scene.filled(&case.answer)),
                "{}: {json}",
                case.name()
            );
        })
        .await;
}

const VERIFY: &str = "resources.user.v3alpha.ZITADELUsers/VerifyContactPhone";

/// A user whose number waits for a code, of which one wrong one was tried.
struct Waiting {
    id: String,
    code: String,
    name: String,
}

async fn begin(world: &World, name: &str) -> Waiting {
    let user = json!({"authenticators": {"usernames": [{"username": name}]},
        "contact": {"phone": {"number": "+41790001234", "returnCode": {}}}});
    let request = json!({"organization": {"orgId": world.org.as_str()}, "user": user});
    let created = world.owner_calls(&format!("{NEW}/CreateUser"), request).await;
    let id = created.ok()["details"]["id"].as_str().unwrap().to_owned();
    let wrong = json!({"id": id, "verificationCode": "000000"});
    assert_ne!(world.owner_calls(VERIFY, wrong).await.code(), 0);
    Waiting {
        id,
        code: created.ok()["phoneCode"].as_str().unwrap().to_owned(),
        name: name.to_owned(),
    }
}

/// What was begun is finished, and found by a part of its name.
async fn finish(world: &World, waiting: &Waiting) {
    let right = json!({"id": waiting.id, "verificationCode": waiting.code});
    world.owner_calls(VERIFY, right).await.ok();
    let part = &waiting.name[3..waiting.name.len() - 2];
    let filter = json!({"usernameFilter": {"username": part, "method": "TEXT_FILTER_METHOD_CONTAINS"}});
    let found = world
        .owner_calls(&format!("{NEW}/SearchUsers"), json!({"filters": [filter]}))
        .await;
    let found = found.ok()["result"].as_array().unwrap().clone();
    assert!(
        found.iter().any(|user| user["details"]["id"] == *waiting.id),
        "{found:?}"
    );
}

/// What no case leaves behind: a sign-in that is under way, and a message that is sent much later.
async fn leave_more(world: &World) {
    let provider = TestProvider::start(&world.clock).await;
    let request = json!({"name": "Elsewhere", "issuer": provider.issuer(), "clientId": CLIENT.0, "clientSecret": CLIENT.1});
    let added = world
        .owner_calls(&format!("{ADMIN}/AddGenericOIDCProvider"), request)
        .await;
    let urls =
        json!({"successUrl": "http://localhost:3000/done", "failureUrl": "http://localhost:3000/failed"});
    let begin = json!({"idpId": added.ok()["id"], "urls": urls});
    world
        .owner_calls(&format!("{NEW}/StartIdentityProviderIntent"), begin)
        .await
        .ok();
    let row = "INSERT INTO outbox (id, instance, user_id, subject, sealed, created_at, expires_at, next_at, attempts, lease)
        VALUES ('later', $1, 'nobody', $2, $3, 0, 9000000000000000, 9000000000000000, 0, '')";
    let bytes = || store::Value::from(&[0, 1, 255][..]);
    let parcel = Statement::new(
        row,
        [store::Value::from(world.instance().as_str()), bytes(), bytes()],
    );
    let written = world
        .ctx()
        .store
        .write("test", world.instance(), Vec::new(), vec![parcel])
        .await;
    assert!(written.unwrap());
}

async fn moves(from: StoreOptions, to: StoreOptions) -> BTreeSet<String> {
    let transfer = Transfer::prepare(&from, &to).await.unwrap();
    let moved = transfer
        .run(|_| ControlFlow::Continue(()))
        .await
        .unwrap()
        .unwrap();
    let empty = moved.iter().filter(|table| table.rows == 0);
    empty.map(|table| table.table.clone()).collect()
}

fn embedded(data: &Path) -> StoreOptions {
    StoreOptions::Sqlite {
        path: data.join("merlon.db"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_full_of_everything_moves_to_postgresql_and_back() {
    let database = postgres_server::database();
    let server = || StoreOptions::Postgres(PostgresOptions::new(database.url()));
    let cases = case::all();
    let private = [("IDP__ALLOW_PRIVATE", "yes")];
    let world = World::with(&private).await;
    play(&world, &cases).await;
    leave_more(&world).await;
    let first = begin(&world, "Begun-before-all").await;

    let url = database.url();
    let there = [private[0], ("DATABASE__URL", &*url), ("DATABASE__TIMEOUT", "60s")];
    let to_server = async |data: &Path| {
        let empty = moves(embedded(data), server()).await;
        assert_eq!(empty, BTreeSet::new(), "nothing of these was there to move");
        std::fs::rename(data.join("merlon.db"), data.join("old.db")).unwrap();
    };
    let world = world.again(to_server, &there).await;
    finish(&world, &first).await;
    play(&world, &cases).await;
    let second = begin(&world, "Begun-on-a-server").await;

    let back = async |data: &Path| _ = moves(server(), embedded(data)).await;
    let world = world.again(back, &private).await;
    finish(&world, &second).await;
    play(&world, &cases).await;
    world.end().await;
}
