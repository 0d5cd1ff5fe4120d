//! The document holds every method, refers only to what it holds, and is right about the documented calls.

use std::collections::{HashMap, HashSet};

use proto::rpc::{Body, METHODS};
use serde_json::Value;

fn document() -> Value {
    serde_json::from_slice(super::document()).unwrap()
}

fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get("$ref").and_then(Value::as_str));
            map.values().for_each(|inner| references(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| references(inner, found)),
        _ => {}
    }
}

/// The table that the server routes by is made from the same descriptors in another way; both must agree.
#[test]
fn every_route_of_the_server_is_an_operation() {
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    let operations: HashMap<&str, (&str, &Value)> = paths
        .values()
        .flat_map(|verbs| verbs.as_object().unwrap())
        .map(|(verb, operation)| {
            (
                operation["operationId"].as_str().unwrap(),
                (verb.as_str(), operation),
            )
        })
        .collect();
    for info in METHODS {
        let id = format!("{}.{}", info.service, info.name);
        let Some(rule) = &info.http else {
            assert!(!operations.contains_key(id.as_str()), "{id} has no path");
            continue;
        };
        let (verb, operation) = operations[id.as_str()];
        assert_eq!(verb.to_uppercase(), rule.verb, "{id}");
        assert!(
            operation["responses"][info.success.to_string()].is_object(),
            "{id} succeeds with {}",
            info.success
        );
        assert_eq!(
            operation.get("security").is_some(),
            info.permission.is_none(),
            "{id}"
        );
        assert_eq!(
            operation.get("requestBody").is_some(),
            rule.body != Body::None,
            "{id}"
        );
    }
    assert_eq!(
        operations.len(),
        METHODS.iter().filter(|info| info.http.is_some()).count()
    );
}

#[test]
fn all_references_lead_somewhere() {
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 300);
    for reference in found {
        assert!(
            document.pointer(reference.trim_start_matches('#')).is_some(),
            "{reference} leads nowhere"
        );
    }
}

#[test]
fn the_documented_calls_look_as_documented() {
    let document = document();
    let operation = |path: &str, verb: &str| &document["paths"][path][verb];
    let body = |operation: &Value| operation["requestBody"]["content"]["application/json"]["schema"].clone();

    let phone = operation("/v3alpha/users/{userId}/phone", "put");
    let name = "zitadel.user.v3alpha.SetContactPhoneRequest";
    assert_eq!(body(phone)["$ref"], format!("#/components/schemas/{name}"));
    let properties = document["components"]["schemas"][name]["properties"]
        .as_object()
        .unwrap();
    assert_eq!(
        properties.keys().collect::<Vec<_>>(),
        ["phone"],
        "path fields are no part of the body"
    );
    let answer =
        &document["components"]["schemas"]["zitadel.user.v3alpha.SetContactPhoneResponse"]["properties"];
    assert!(answer["emailCode"].is_object());

    let verify = operation("/resources/v3alpha/users/{id}/otp_sms/{otpSmsId}/_verify", "post");
    assert_eq!(body(verify)["type"], "string");
    assert_eq!(body(verify)["maxLength"], 200);
    let names: Vec<&str> = verify["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|parameter| parameter["name"].as_str())
        .collect();
    assert_eq!(
        names,
        [
            "id",
            "otpSmsId",
            "instance.id",
            "instance.domain",
            "organization.orgId",
            "organization.orgDomain"
        ]
    );

    let sms = operation("/auth/v1/users/me/auth_factors/otp_sms", "post");
    assert_eq!(sms["requestBody"]["required"], false);
    assert!(operation("/resources/v3alpha/users", "post")["responses"]["201"].is_object());
    assert_eq!(
        operation("/auth/v1/healthz", "get")["security"],
        serde_json::json!([])
    );
}

#[test]
fn the_page_needs_nothing_from_elsewhere_and_no_script() {
    let page = std::str::from_utf8(super::page()).unwrap();
    for forbidden in [
        "<script",
        "javascript:",
        "style=\"",
        " src=",
        "href=\"http",
        "@import",
    ] {
        assert!(!page.contains(forbidden), "the page has {forbidden}");
    }
    assert!(page.contains("zitadel.user.v3alpha.UserService.AddOTPSMSAuthenticator"));
}

#[test]
fn the_links_of_the_page_lead_somewhere() {
    let page = std::str::from_utf8(super::page()).unwrap();
    let mut anchors = HashSet::new();
    for part in page.split(" id=\"").skip(1) {
        assert!(
            anchors.insert(part.split('"').next().unwrap()),
            "an anchor is there twice: {part:.80}"
        );
    }
    for part in page.split("href=\"#").skip(1) {
        let anchor = part.split('"').next().unwrap();
        assert!(anchors.contains(anchor), "#{anchor} leads nowhere");
    }
}

#[tokio::test]
async fn the_document_is_served_and_not_sent_twice() {
    use axum::body::Body;
    use http::{Request, StatusCode, header};
    use tower::ServiceExt;

    let routes = super::routes::<()>();
    let request = Request::get(super::DOCUMENT_PATH).body(Body::empty()).unwrap();
    let answer = routes.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/json");
    let tag = answer.headers()[header::ETAG].clone();
    let again = Request::get(super::DOCUMENT_PATH)
        .header(header::IF_NONE_MATCH, tag)
        .body(Body::empty())
        .unwrap();
    assert_eq!(
        routes.oneshot(again).await.unwrap().status(),
        StatusCode::NOT_MODIFIED
    );
}
