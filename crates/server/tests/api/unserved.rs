//! RPCs of the contract that are not served yet say so, to those who may hear it and asked well.

use proto::rpc::MethodInfo;
use serde_json::{Value, json};

use super::{
    wire::{Call, Form},
    world::World,
};

/// A sound request of an RPC that is not served, or nothing for one that is.
pub(crate) fn request(method: &MethodInfo) -> Option<Value> {
    let old = method.service == "zitadel.user.v3alpha.UserService";
    let id = if old { "userId" } else { "id" };
    let mut request = match (method.service, method.name) {
        (service, _) if service.contains("schema") => return None,
        (_, "SetPassword") => json!({"newPassword": {"password": "a long one"}}),
        (_, "RequestPasswordReset") => json!({"sendSms": {}}),
        _ => return None,
    };
    request[id] = "1".into();
    Some(request)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_served_says_so_after_authentication_and_validation() {
    let world = World::new().await;
    let mut count = 0;
    for method in proto::rpc::METHODS {
        let Some(request) = request(method) else {
            continue;
        };
        count += 1;
        for form in Form::ALL {
            let call = |request, token| Call {
                method,
                request,
                token,
                headers: &[],
            };
            let stranger = world.client.call(form, &call(&request, None)).await;
            assert_eq!(stranger.code(), 16, "{} over {form:?}", method.path);
            let answer = world
                .client
                .call(form, &call(&request, Some(&*world.owner)))
                .await;
            assert_eq!(answer.code(), 12, "{} over {form:?}: {answer:?}", method.path);
            assert!(answer.failure().message.contains(method.name), "{answer:?}");
            if let Some(request) = with_a_long_id(&request) {
                let answer = world
                    .client
                    .call(form, &call(&request, Some(&*world.owner)))
                    .await;
                assert_eq!(answer.code(), 3, "{} over {form:?}: {answer:?}", method.path);
                assert!(answer.failure().message.starts_with("invalid "), "{answer:?}");
            }
        }
    }
    assert_eq!(count, 2 * 2, "what is served moves to the table of cases");
    world.end().await;
}

/// The same request with an id that no rule lets through.
fn with_a_long_id(request: &Value) -> Option<Value> {
    let mut request = request.clone();
    let name = ["userId", "id"]
        .into_iter()
        .find(|name| request[name].is_string())?;
    request[name] = "x".repeat(201).into();
    Some(request)
}
