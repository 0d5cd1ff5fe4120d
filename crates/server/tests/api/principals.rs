//! Who may do what, over the wire: every RPC for every kind of caller, as the permission table has it.

use std::slice;

use api::permission::{self, AUTHENTICATED};
use domain::{
    access::{Permission, Role, Scope},
    base::{OrgId, Span},
};
use futures_util::{StreamExt, stream};
use proto::rpc::{MethodInfo, Segment};
use serde_json::{Value, json};

use super::{
    case::{self, Case, Own},
    contract,
    scene::Scene,
    success::AT_ONCE,
    wire::{Answer, Call, Failure, Form, Reply},
    world::{Someone, World},
};

/// A request of any method that finds its way.
fn any_request(method: &MethodInfo) -> Value {
    let mut request = json!({});
    for segment in method.http.as_ref().map(|rule| rule.segments).unwrap_or_default() {
        if let Segment::Variable(path) = segment {
            request[path[0]] = "1".into();
        }
    }
    request
}

fn public(method: &MethodInfo) -> bool {
    method.permission.is_none()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_comes_in_without_a_token() {
    let world = World::new().await;
    for method in proto::rpc::METHODS {
        let request = any_request(method);
        for form in Form::ALL {
            let with = |token, headers| Call {
                method,
                request: &request,
                token,
                headers,
            };
            let stranger = world.client.call(form, &with(None, &[])).await;
            let garbage = world.client.call(form, &with(Some("garbage"), &[])).await;
            let basic = world
                .client
                .call(form, &with(None, &[("authorization", "Basic YTpi")]))
                .await;
            if public(method) {
                assert_eq!(
                    (stranger.code(), garbage.code(), basic.code()),
                    (0, 0, 0),
                    "{}",
                    method.path
                );
                continue;
            }
            let failure = stranger.failure();
            assert_eq!(
                (failure.code, &*failure.message, &*failure.details),
                (16, "auth header missing", &[][..])
            );
            assert_eq!(
                (garbage.code(), garbage.failure().id()),
                (16, "AUTH-7fs1e"),
                "{} {form:?}",
                method.path
            );
            assert_eq!(
                (basic.code(), basic.failure().id()),
                (16, "AUTH-toLo1"),
                "{} {form:?}",
                method.path
            );
        }
    }
    world.end().await;
}

/// Expired, removed, of a locked, deactivated or deleted user: all of them look like garbage, byte for byte.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_ended_is_garbage() {
    let world = World::new().await;
    let dead = dead_tokens(&world).await;
    for (place, method) in proto::rpc::METHODS
        .iter()
        .enumerate()
        .filter(|(_, method)| !public(method))
    {
        let request = any_request(method);
        let form = Form::ALL[place % Form::ALL.len()];
        let call = |token| Call {
            method,
            request: &request,
            token: Some(token),
            headers: &[],
        };
        let garbage = world.client.reply(form, &call("garbage")).await;
        for (why, token) in &dead {
            let reply = world.client.reply(form, &call(token)).await;
            assert_same_bytes(&garbage, &reply, &format!("{} over {form:?}, {why}", method.path));
        }
    }
    world.end().await;
}

async fn dead_tokens(world: &World) -> Vec<(&'static str, String)> {
    let owner = (Scope::Instance, Role::IamOwner);
    let soon = world.ctx().now() + Span::seconds(1);
    let mut dead = Vec::new();
    let lasting = world.someone(&world.org, slice::from_ref(&owner)).await;
    dead.push(("expired", world.token(&lasting.id, Some(soon)).await));
    for (why, method) in [
        ("locked", "LockUser"),
        ("deactivated", "DeactivateUser"),
        ("deleted", "DeleteUser"),
    ] {
        let user = world.someone(&world.org, slice::from_ref(&owner)).await;
        assert_eq!(
            world
                .calls(&user.token, "AuthService/GetMyUser", json!({}))
                .await
                .code(),
            0
        );
        let done = world
            .owner_calls(&format!("{}/{method}", case::NEW), json!({"id": user.id}))
            .await;
        assert_eq!(done.code(), 0);
        dead.push((why, user.token));
    }
    let late = json!({"userId": lasting.id, "expirationDate": "2030-01-01T00:00:00Z"});
    let added = world
        .owner_calls("UserService/AddPersonalAccessToken", late)
        .await;
    let (id, token) = (
        added.ok()["tokenId"].clone(),
        added.ok()["token"].as_str().unwrap().to_owned(),
    );
    let remove = json!({"userId": lasting.id, "tokenId": id});
    assert_eq!(
        world
            .owner_calls("UserService/RemovePersonalAccessToken", remove)
            .await
            .code(),
        0
    );
    dead.push(("removed", token));
    world.advance(Span::seconds(2));
    dead
}

/// The same but for what is different in every answer.
#[track_caller]
fn assert_same_bytes(left: &Reply, right: &Reply, name: &str) {
    let headers = |reply: &Reply| {
        let mut headers = reply.headers.clone();
        headers.remove("x-request-id");
        headers.remove("date");
        headers
    };
    assert_eq!(left.status, right.status, "{name}");
    assert_eq!(left.body, right.body, "{name}");
    assert_eq!(headers(left), headers(right), "{name}");
    assert_eq!(left.trailers, right.trailers, "{name}");
}

/// A caller with roles.
struct Principal {
    name: &'static str,
    roles: Vec<(Scope, Role)>,
    who: Someone,
}

async fn principals(world: &World) -> Vec<Principal> {
    let here = || Scope::Org(world.org.clone());
    let there = || Scope::Org(world.other_org.clone());
    let kinds = [
        ("a user without roles", vec![]),
        (
            "the user manager of another organization",
            vec![(there(), Role::OrgUserManager)],
        ),
        (
            "the owner of another organization",
            vec![(there(), Role::OrgOwner)],
        ),
        (
            "a viewer of the organization",
            vec![(here(), Role::OrgOwnerViewer)],
        ),
        (
            "the user manager of the organization",
            vec![(here(), Role::OrgUserManager)],
        ),
        ("the owner of the organization", vec![(here(), Role::OrgOwner)]),
        (
            "a viewer of the instance",
            vec![(Scope::Instance, Role::IamOwnerViewer)],
        ),
        (
            "a user manager of the instance",
            vec![(Scope::Instance, Role::IamUserManager)],
        ),
        (
            "an owner of the instance",
            vec![(Scope::Instance, Role::IamOwner)],
        ),
    ];
    let mut principals = Vec::new();
    for (name, roles) in kinds {
        let who = world.someone(&world.other_org, &roles).await;
        principals.push(Principal { name, roles, who });
    }
    principals
}

/// What a caller hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Done,
    /// The user is not there, as far as the caller may know.
    NotFound,
    /// The caller has no role anywhere.
    NoRole,
    Denied(&'static str),
}

impl Principal {
    fn holds(&self, permission: &str, org: &OrgId) -> bool {
        let here = |scope: &Scope| match scope {
            Scope::Instance => true,
            Scope::Org(named) => named == org,
        };
        self.roles
            .iter()
            .any(|(scope, role)| here(scope) && carries(*role, permission))
    }

    fn holds_anywhere(&self, permission: &str) -> bool {
        self.roles.iter().any(|(_, role)| carries(*role, permission))
    }

    fn holds_instance_wide(&self, permission: &str) -> bool {
        self.roles
            .iter()
            .any(|(scope, role)| *scope == Scope::Instance && carries(*role, permission))
    }

    /// What the permission table says for a user of `org`, who is somebody else.
    fn expected(&self, case: &Case, org: &OrgId) -> Heard {
        let method = contract::method(&case.method);
        let row = permission::row(method.path).unwrap_or_else(|| panic!("{} has no row", method.path));
        if let Some(permission) = row.method.filter(|name| *name != AUTHENTICATED) {
            match () {
                () if self.roles.is_empty() => return Heard::NoRole,
                () if !self.holds_anywhere(permission) => return Heard::Denied("AUTH-5mWD2"),
                () => {}
            }
        }
        let Some(resource) = row.resource else {
            return Heard::Done;
        };
        let allowed = if row.note == "in the whole instance" {
            self.holds_instance_wide(resource)
        } else {
            self.holds(resource, org)
        };
        match method.name {
            _ if allowed => Heard::Done,
            "ListPersonalAccessTokens" | "SearchUsers" | "ListUsers" => Heard::Done,
            "CreateUser" | "CreateUsers" | "ListMessages" | "WaitForMessage" | "DeleteMessage"
                if self.roles.is_empty() =>
            {
                Heard::NoRole
            }
            "CreateUser" | "CreateUsers" | "ListMessages" | "WaitForMessage" | "DeleteMessage" => {
                Heard::Denied("AUTH-AWfge")
            }
            _ if self.holds(Permission::UserRead.name(), org) => Heard::Denied("AUTH-AWfge"),
            _ => Heard::NotFound,
        }
    }
}

fn carries(role: Role, permission: &str) -> bool {
    role.permissions()
        .iter()
        .any(|carried| carried.name() == permission)
}

fn heard(answer: &Answer) -> Heard {
    match (answer.code(), answer.outcome.as_ref().err().map(Failure::id)) {
        (0, _) => Heard::Done,
        (5, Some("AUTHZ-cdgFk")) => Heard::NoRole,
        (5, _) => Heard::NotFound,
        (7, Some("AUTH-AWfge")) => Heard::Denied("AUTH-AWfge"),
        (7, Some("AUTH-5mWD2")) => Heard::Denied("AUTH-5mWD2"),
        _ => panic!("{answer:?}"),
    }
}

/// Cases about somebody else.
fn about_others() -> Vec<Case> {
    let mut cases = case::all();
    cases.retain(|case| !case.method.contains("AuthService"));
    cases
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_allow_what_the_table_says() {
    let world = World::new().await;
    let principals = principals(&world).await;
    let cases = about_others();
    let pairs = cases
        .iter()
        .flat_map(|case| principals.iter().map(move |principal| (case, principal)));
    stream::iter(pairs.enumerate())
        .for_each_concurrent(AT_ONCE, |(place, (case, principal))| {
            tries(&world, case, principal, Form::ALL[place % Form::ALL.len()])
        })
        .await;
    world.end().await;
}

async fn tries(world: &World, case: &Case, principal: &Principal, form: Form) {
    let scene = Scene::new(world, &case.given).await;
    let org = if case.request.to_string().contains("orgDomain") {
        &world.other_org
    } else {
        &world.org
    };
    let name = format!("{} as {} over {form:?}", case.name(), principal.name);
    let before = world.sequence(&scene.get("user")).await;
    let answer = scene
        .send(form, &case.method, &case.request, Some(&principal.who.token))
        .await;
    let wanted = principal.expected(case, org);
    assert_eq!(heard(&answer), wanted, "{name}: {answer:?}");
    if wanted != Heard::Done {
        assert_eq!(
            world.sequence(&scene.get("user")).await,
            before,
            "{name}: something changed"
        );
    }
    if wanted == Heard::NotFound || wanted == Heard::NoRole {
        missing_is_the_same(&scene, case, principal, form, &name).await;
    }
    if ["ListPersonalAccessTokens", "/SearchUsers", "/ListUsers"]
        .iter()
        .any(|list| case.method.ends_with(list))
    {
        let visible = principal.holds(Permission::UserRead.name(), org);
        assert_eq!(answer.ok()["result"].is_array(), visible, "{name}: {answer:?}");
    }
}

/// Whoever may not read a user hears the same, byte for byte, whether it exists or not.
async fn missing_is_the_same(scene: &Scene<'_>, case: &Case, principal: &Principal, form: Form, name: &str) {
    let (there, missing) = (scene.filled(&case.request), without_user(scene, &case.request));
    let method = contract::method(&case.method);
    let call = |request| Call {
        method,
        request,
        token: Some(&*principal.who.token),
        headers: &[],
    };
    let there = scene.world.client.reply(form, &call(&there)).await;
    let missing = scene.world.client.reply(form, &call(&missing)).await;
    assert_same_bytes(&there, &missing, name);
}

fn without_user(scene: &Scene<'_>, request: &Value) -> Value {
    let mut request = request.clone();
    for field in ["id", "userId"] {
        if request[field] == "$user" {
            request[field] = "$missing".into();
        }
    }
    request
        .as_object_mut()
        .expect("a message")
        .retain(|_, value| !value.is_null());
    scene.filled(&request)
}

/// Whoever may do a thing to users hears that a missing one is missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_missing_is_not_found() {
    let world = World::new().await;
    let mut cases = about_others();
    cases.retain(|case| case.request["id"] == "$user" || case.request["userId"] == "$user");
    stream::iter(&cases)
        .for_each_concurrent(AT_ONCE, |case| missing(&world, case))
        .await;
    world.end().await;
}

async fn missing(world: &World, case: &Case) {
    let scene = Scene::new(world, &case.given).await;
    let request = without_user(&scene, &case.request);
    let mut first = None;
    for form in Form::ALL {
        let call = Call {
            method: contract::method(&case.method),
            request: &request,
            token: Some(&*world.owner),
            headers: &[],
        };
        let answer = world.client.call(form, &call).await;
        assert_eq!(answer.code(), 5, "{} over {form:?}: {answer:?}", case.name());
        assert_eq!(
            answer.failure().id(),
            not_found_id(&case.method),
            "{}",
            case.name()
        );
        assert_eq!(
            first.get_or_insert_with(|| answer.clone()),
            &answer,
            "{}",
            case.name()
        );
    }
    // A user of another organization than the named one is none.
    if case.method.starts_with(case::NEW) && !case.method.ends_with("/GetUser") {
        let mut request = scene.filled(&case.request);
        for organization in [
            json!({"orgId": world.other_org.as_str()}),
            json!({"orgDomain": "other.example.com"}),
            json!({"orgId": "0"}),
        ] {
            request["organization"] = organization;
            let call = Call {
                method: contract::method(&case.method),
                request: &request,
                token: Some(&*world.owner),
                headers: &[],
            };
            for form in [Form::Rest, Form::Grpc] {
                let answer = world.client.call(form, &call).await;
                assert_eq!(Some(&answer), first.as_ref(), "{} over {form:?}", case.name());
            }
        }
        request["organization"] = json!({"orgId": world.org.as_str()});
        let call = Call {
            method: contract::method(&case.method),
            request: &request,
            token: Some(&*world.owner),
            headers: &[],
        };
        assert_eq!(
            world.client.call(Form::Rest, &call).await.code(),
            0,
            "{}",
            case.name()
        );
    }
}

/// The id by which clients of each operation know a missing user.
fn not_found_id(method: &str) -> &'static str {
    match method.rsplit('/').next().unwrap_or_default() {
        "GetUser" | "GetUserByID" => "QUERY-Dfbg2",
        "PatchUser" | "UpdateUser" => "COMMAND-Nn8CRVlkeZ",
        "DeleteUser" => "COMMAND-syHyCsGmvM",
        "LockUser" => "COMMAND-G4LOrnjY7q",
        "UnlockUser" => "COMMAND-gpBv46Lh9m",
        "DeactivateUser" => "COMMAND-Ob6lR5iFTe",
        "ActivateUser" | "ReactivateUser" => "COMMAND-rQjbBr4J3j",
        "SetContactEmail" => "COMMAND-nJ0TQFuRmP",
        "VerifyContactEmail" => "COMMAND-qbGyMPvjvj",
        "ResendContactEmailCode" => "COMMAND-EajeF6ypOV",
        "SetContactPhone" => "COMMAND-b33QAVgel6",
        "VerifyContactPhone" => "COMMAND-bx2OLtgGNS",
        "ResendContactPhoneCode" => "COMMAND-z8Bu9vuL9s",
        "AddPersonalAccessToken" | "RemovePersonalAccessToken" => "COMMAND-Dggw2",
        "AddUsername" | "RemoveUsername" | "SetPassword" | "RequestPasswordReset" => "COMMAND-6T2xrOHxTx",
        name if ["OTP", "IDP", "WebAuthN"].iter().any(|kind| name.contains(kind)) => "COMMAND-6T2xrOHxTx",
        name => panic!("{name} has no id for a missing user"),
    }
}

/// Whoever owns an organization is not the instance's owner by a token of one who lives there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_becomes_more_by_a_credential_of_somebody_else() {
    let world = World::new().await;
    let here = (Scope::Org(world.org.clone()), Role::OrgOwner);
    let org_owner = world.someone(&world.org, slice::from_ref(&here)).await;
    let owner = (Scope::Instance, Role::IamOwner);
    let owner = world.someone(&world.org, slice::from_ref(&owner)).await;
    let token = json!({"userId": owner.id, "expirationDate": "2030-01-01T00:00:00Z"});
    let password = json!({"id": owner.id, "newPassword": {"password": "tide lantern orbit pebble"}});
    let email = json!({"id": owner.id, "email": {"address": "mallory@example.com", "isVerified": true}});
    for (method, request) in [
        ("UserService/AddPersonalAccessToken", token),
        (&format!("{}/SetPassword", case::NEW), password),
        (&format!("{}/SetContactEmail", case::NEW), email),
    ] {
        let before = world.sequence(&owner.id).await;
        for form in Form::ALL {
            let call = Call {
                method: contract::method(method),
                request: &request,
                token: Some(&*org_owner.token),
                headers: &[],
            };
            let answer = world.client.call(form, &call).await;
            assert_eq!(
                heard(&answer),
                Heard::Denied("AUTH-AWfge"),
                "{method} over {form:?}"
            );
        }
        assert_eq!(world.sequence(&owner.id).await, before, "{method}");
        assert_eq!(world.owner_calls(method, request).await.code(), 0, "{method}");
    }
    world.end().await;
}

/// Users without a role and themselves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_may_do_to_themselves_what_the_table_says() {
    let world = World::new().await;
    let cases: Vec<_> = about_others()
        .into_iter()
        .filter(|case| {
            !["Inbox", "UserSchema", "admin", "feature"]
                .iter()
                .any(|other| case.method.contains(other))
        })
        .collect();
    stream::iter(cases.iter().enumerate())
        .for_each_concurrent(AT_ONCE, |(place, case)| {
            to_oneself(&world, case, Form::ALL[place % Form::ALL.len()])
        })
        .await;
    world.end().await;
}

async fn to_oneself(world: &World, case: &Case, form: Form) {
    let scene = Scene::new(world, &case.given).await;
    let row = permission::row(contract::method(&case.method).path).expect("a row");
    assert_eq!(
        row.own == permission::Own::No,
        case.own == Own::Role,
        "{}",
        case.name()
    );
    let before = world.sequence(&scene.get("user")).await;
    let answer = scene
        .send(form, &case.method, &case.request, Some(&scene.get("token")))
        .await;
    let name = format!("{} over {form:?}: {answer:?}", case.name());
    if case
        .given
        .iter()
        .any(|(step, _)| step.ends_with("/LockUser") || step.ends_with("/DeactivateUser"))
    {
        return assert_eq!(answer.code(), 16, "{name}");
    }
    match case.own {
        Own::Allowed => assert_eq!(heard(&answer), Heard::Done, "{name}"),
        Own::Trust => {
            assert_eq!(heard(&answer), Heard::Denied("AUTH-AWfge"), "{name}");
            assert!(row.note.contains("refused"), "{name}: {row:?}");
        }
        // Nobody without a role hears anything about organizations.
        Own::Role if case.subject == "new_user" => assert_eq!(heard(&answer), Heard::NoRole, "{name}"),
        Own::Role => assert_eq!(heard(&answer), Heard::Denied("AUTH-AWfge"), "{name}"),
    }
    if case.own != Own::Allowed {
        assert_eq!(world.sequence(&scene.get("user")).await, before, "{name}");
    }
}

/// A permission of the method itself is asked for before anything else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn methods_with_a_permission_ask_for_it_first() {
    let world = World::new().await;
    let principals = principals(&world).await;
    for method in proto::rpc::METHODS {
        let Some(permission) = method.permission.filter(|name| *name != AUTHENTICATED) else {
            continue;
        };
        let request = any_request(method);
        for principal in &principals {
            let call = Call {
                method,
                request: &request,
                token: Some(&principal.who.token),
                headers: &[],
            };
            let answer = world.client.call(Form::ConnectJson, &call).await;
            let name = format!("{} as {}: {answer:?}", method.path, principal.name);
            if principal.roles.is_empty() {
                assert_eq!(heard(&answer), Heard::NoRole, "{name}");
            } else if !principal.holds_anywhere(permission) {
                assert_eq!(heard(&answer), Heard::Denied("AUTH-5mWD2"), "{name}");
            } else {
                assert!(
                    !matches!(answer.code(), 16 | 5)
                        || method.name.starts_with("Create")
                        || method.service.contains("schema")
                        || method.service.contains("admin"),
                    "{name}"
                );
            }
        }
    }
    world.end().await;
}
