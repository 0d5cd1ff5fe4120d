//! Deleting a user, whatever was done before: nothing personal is left in the files, and everything unique is free again.

use std::{collections::BTreeSet, ops::Range, time::Duration};

use aho_corasick::AhoCorasick;
use futures_util::{StreamExt, stream};
use serde_json::json;

use super::{
    case::{self, Case, NEW},
    contract,
    scene::Scene,
    success::AT_ONCE,
    wire::Form,
    world::World,
};

/// What a scene knows that is personal or secret. Ids stay in the log, for the audit.
const PERSONAL: [&str; 14] = [
    "phone",
    "phone2",
    "email",
    "email2",
    "name",
    "name2",
    "password",
    "hash",
    "code",
    "totp_code",
    "link_code",
    "token",
    "added_token",
    "first_id",
];

/// What of that can be found in the files while the user lives, so that its absence says something.
const FINDABLE: [&str; 3] = ["phone", "email", "name"];

fn is_of_a_user(case: &Case) -> bool {
    let service = contract::method(&case.method).service;
    let services = [
        "zitadel.resources.user.v3alpha.ZITADELUsers",
        "zitadel.user.v3alpha.UserService",
        "zitadel.user.v2.UserService",
        "zitadel.auth.v1.AuthService",
    ];
    services.contains(&service)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_personal_is_left_of_a_deleted_user_whatever_was_done() {
    let world = World::new().await;
    let cases: Vec<_> = case::all().into_iter().filter(is_of_a_user).collect();
    let lived: Vec<_> = stream::iter(&cases)
        .map(|case| live(&world, case))
        .buffered(AT_ONCE)
        .collect()
        .await;
    let traces = Traces::of(&lived);
    let before = traces.found_in(&world.raw());
    for name in FINDABLE {
        let found = before.iter().filter(|(found, _)| *found == name).count();
        assert!(found > 5, "{name} was found {found} times only");
    }
    for known in &lived {
        delete_all(&world, known).await;
    }
    until_swept(&world, &traces).await;
    let left = traces.found_in(&world.leave().await);
    let left: Vec<_> = left.iter().map(|(name, of)| (name, cases[*of].name())).collect();
    assert!(left.is_empty(), "{left:#?}");
}

/// Waits until the store has swept its file, though not for ever: what is left then is told by name.
async fn until_swept(world: &World, traces: &Traces) {
    for _ in 0..60 {
        if traces.found_in(&world.raw()).is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

type Known = std::collections::BTreeMap<String, String>;

/// Plays a case, and answers what its scene knows then.
async fn live(world: &World, case: &Case) -> Known {
    let mut scene = Scene::new(world, &case.given).await;
    let token = scene.token_for(contract::method(&case.method).service);
    let answer = scene
        .send(Form::Grpc, &case.method, &case.request, Some(&token))
        .await;
    scene.keep(answer.ok());
    scene.known
}

/// What is looked for: the texts of all who lived, each with its name and whose it is.
struct Traces {
    texts: AhoCorasick,
    owners: Vec<(&'static str, usize)>,
}

impl Traces {
    fn of(lived: &[Known]) -> Self {
        let (mut texts, mut owners) = (Vec::new(), Vec::new());
        for (of, known) in lived.iter().enumerate() {
            for name in PERSONAL {
                let text = known.get(name).map_or("", |text| text.trim_start_matches('+'));
                if text.len() > 5 {
                    texts.push(text);
                    owners.push((name, of));
                }
            }
        }
        let texts = AhoCorasick::new(texts).expect("an automaton");
        Self { texts, owners }
    }

    fn found_in(&self, files: &str) -> BTreeSet<(&'static str, usize)> {
        let found = self.texts.find_overlapping_iter(files);
        found
            .filter(|found| found.len() > LONGEST_CODE || stands_alone(files.as_bytes(), found.range()))
            .map(|found| self.owners[found.pattern()])
            .collect()
    }
}

const LONGEST_CODE: usize = 8;

/// Six digits of a code are somewhere in the middle of an id or a time by chance.
fn stands_alone(files: &[u8], found: Range<usize>) -> bool {
    let is_digit = |place: Option<usize>| {
        place
            .and_then(|place| files.get(place))
            .is_some_and(u8::is_ascii_digit)
    };
    let goes_on = |inside: usize, outside: Option<usize>| is_digit(Some(inside)) && is_digit(outside);
    let (first, last) = (found.start, found.end - 1);
    !goes_on(first, first.checked_sub(1)) && !goes_on(last, Some(found.end))
}

async fn delete_all(world: &World, known: &Known) {
    for id in ["user", "new_user"].iter().filter_map(|name| known.get(*name)) {
        let answer = world
            .owner_calls(&format!("{NEW}/DeleteUser"), json!({"id": id}))
            .await;
        assert!([0, 5].contains(&answer.code()), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_unique_is_free_for_the_next_user() {
    let world = World::new().await;
    let scene = Scene::new(&world, &[]).await;
    let request = |id: &str| {
        scene.filled(&json!({
            "organization": {"orgId": "$org"},
            "user": {"userId": id, "contact": {"email": {"address": "$email", "isVerified": true}},
                     "authenticators": {"usernames": [{"username": "$name"}, {"username": "$name2", "isOrganizationSpecific": true}]}},
        }))
    };
    let create = format!("{NEW}/CreateUser");
    assert_eq!(world.owner_calls(&create, request("first")).await.code(), 0);
    assert_eq!(world.owner_calls(&create, request("second")).await.code(), 6);
    let delete = format!("{NEW}/DeleteUser");
    assert_eq!(world.owner_calls(&delete, json!({"id": "first"})).await.code(), 0);
    assert_eq!(world.owner_calls(&create, request("second")).await.code(), 0);
    let second = world
        .owner_calls(&format!("{NEW}/GetUser"), json!({"id": "second"}))
        .await;
    let usernames = &second.ok()["user"]["authenticators"]["usernames"];
    assert_eq!(usernames.as_array().map(Vec::len), Some(2));
    world.end().await;
}
