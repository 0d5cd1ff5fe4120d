//! One method, four wire forms: success, and every way to fail.

use api::rpc::{Services, service};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use prost::Message;
use proto::rpc::Code;
use proto::zitadel::resources::user::v3alpha::{
    GetUserRequest, GetUserResponse, SetContactPhoneRequest, SetPhone,
};
use proto::zitadel::v1::ErrorDetail;
use serde_json::json;

use super::server::{
    Door, Nobody, TOKEN, USERS, connect_json, connect_proto, frame, grpc, grpc_web, http1, http2, rest,
    start, unframe,
};

fn get(id: &str) -> GetUserRequest {
    GetUserRequest {
        id: id.to_owned(),
        ..GetUserRequest::default()
    }
}

fn id(body: &[u8]) -> String {
    let response: GetUserResponse = unframe(body);
    response
        .user
        .and_then(|user| user.details)
        .map(|details| details.id)
        .unwrap_or_default()
}

#[tokio::test]
async fn a_call_succeeds_in_every_form() {
    let server = start().await;
    let path = format!("{USERS}/GetUser");

    let reply = grpc(server, &path, &get("7")).await;
    assert_eq!(
        (reply.status.as_u16(), reply.grpc_status()),
        (200, 7),
        "numbers answer the code itself"
    );
    let reply = grpc(server, &path, &get("ada")).await;
    assert_eq!((reply.grpc_status(), id(&reply.body)), (0, "ada@grpc".to_owned()));

    for text in [false, true] {
        let reply = grpc_web(server, &path, &get("ada"), text).await;
        assert_eq!(
            (reply.grpc_status(), id(&reply.body)),
            (0, "ada@grpc_web".to_owned())
        );
        let content_type = reply.header("content-type");
        assert_eq!(
            content_type.starts_with("application/grpc-web-text"),
            text,
            "{content_type}"
        );
    }

    let reply = connect_json(server, &path, r#"{"id":"ada"}"#).await;
    let user = json!({"details": {"id": "ada@connect", "changed": "2023-11-14T22:13:20.005Z", "owner": {"type": "OWNER_TYPE_ORG", "id": "org"}}});
    assert_eq!(
        (reply.status.as_u16(), reply.json()),
        (200, json!({ "user": user }))
    );
    let reply = connect_proto(server, &path, &get("ada")).await;
    let response = GetUserResponse::decode(reply.body.clone()).expect("a message");
    assert_eq!(
        response
            .user
            .and_then(|user| user.details)
            .map(|details| details.id)
            .as_deref(),
        Some("ada@connect")
    );

    let reply = rest(server, "GET", "/resources/v3alpha/users/ada", "").await;
    assert_eq!(reply.json()["user"]["details"]["id"], "ada@rest");
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(reply.header("cache-control"), "no-store");
}

#[tokio::test]
async fn an_error_keeps_its_message_and_details_in_every_form() {
    let server = start().await;
    let path = format!("{USERS}/GetUser");
    let detail = ErrorDetail {
        id: "X-1".to_owned(),
        message: "Nutzer fehlt ü".to_owned(),
    };

    for reply in [
        grpc(server, &path, &get("missing")).await,
        grpc_web(server, &path, &get("missing"), true).await,
    ] {
        assert_eq!(reply.grpc_status(), 5);
        assert_eq!(reply.header("grpc-message"), "Nutzer fehlt %C3%BC (X-1)");
        let bytes = STANDARD_NO_PAD
            .decode(reply.header("grpc-status-details-bin").trim_end_matches('='))
            .expect("base64");
        let needle = detail.encode_to_vec();
        assert!(
            bytes.windows(needle.len()).any(|window| window == needle),
            "the status holds the detail"
        );
    }

    let reply = connect_json(server, &path, r#"{"id":"missing"}"#).await;
    let details =
        json!([{"type": "zitadel.v1.ErrorDetail", "value": STANDARD_NO_PAD.encode(detail.encode_to_vec())}]);
    assert_eq!(reply.status, 404);
    assert_eq!(
        reply.json(),
        json!({"code": "not_found", "message": "Nutzer fehlt ü (X-1)", "details": details})
    );

    let reply = rest(server, "GET", "/resources/v3alpha/users/missing", "").await;
    let details = json!([{"@type": "type.googleapis.com/zitadel.v1.ErrorDetail", "id": "X-1", "message": "Nutzer fehlt ü"}]);
    assert_eq!(reply.status, 404);
    assert_eq!(
        reply.json(),
        json!({"code": 5, "message": "Nutzer fehlt ü (X-1)", "details": details})
    );
}

#[tokio::test]
async fn every_code_has_its_http_status() {
    let server = start().await;
    let path = format!("{USERS}/GetUser");
    for code in Code::ALL {
        let number = code.number().to_string();
        let reply = rest(server, "GET", &format!("/resources/v3alpha/users/{number}"), "").await;
        assert_eq!(reply.status.as_u16(), code.http_status(), "{code:?}");
        assert_eq!(
            reply.json(),
            json!({"code": code.number(), "message": "as asked"})
        );
        assert_eq!(
            grpc(server, &path, &get(&number)).await.grpc_status(),
            code.number()
        );
        let reply = connect_json(server, &path, &format!(r#"{{"id":"{number}"}}"#)).await;
        assert_eq!(reply.json()["code"], code.name());
    }
}

#[tokio::test]
async fn a_bad_token_wins_over_a_bad_body_in_every_form() {
    let server = start().await;
    let path = format!("{USERS}/SetContactPhone");
    for body in ["{", r#"{"number":5}"#, ""] {
        let reply = http1(server, "PUT", "/resources/v3alpha/users/%ff/phone", &[], body).await;
        assert_eq!(
            (reply.status.as_u16(), reply.header("www-authenticate")),
            (401, "Bearer")
        );
        assert_eq!(
            reply.json(),
            json!({"code": 16, "message": "auth header missing"})
        );
        let reply = http1(
            server,
            "POST",
            &path,
            &[("content-type", "application/json")],
            body,
        )
        .await;
        assert_eq!(
            (reply.status.as_u16(), reply.json()["code"].clone()),
            (401, json!("unauthenticated"))
        );
    }
    let wrong = frame(b"\xff\xff\xff");
    let reply = http2(
        server,
        "POST",
        &path,
        &[("content-type", "application/grpc")],
        wrong.clone(),
    )
    .await;
    assert_eq!(reply.grpc_status(), 16);
    let headers = [("content-type", "application/grpc"), ("authorization", TOKEN)];
    assert_eq!(
        http2(server, "POST", &path, &headers, wrong).await.grpc_status(),
        3
    );
}

#[tokio::test]
async fn rules_are_checked_before_the_handler_with_the_known_texts() {
    let server = start().await;
    let path = format!("{USERS}/SetContactPhone");
    let text = "invalid SetContactPhoneRequest.Id: value length must be between 1 and 200 runes, inclusive";
    let empty = SetContactPhoneRequest::default();
    assert_eq!(
        grpc(server, &path, &empty).await.header("grpc-message"),
        text.replace('%', "%25")
    );
    assert_eq!(connect_json(server, &path, "{}").await.json()["message"], text);

    let phone = SetPhone {
        number: "1".repeat(21),
        verification: None,
    };
    let long = SetContactPhoneRequest {
        id: "1".to_owned(),
        phone: Some(phone),
        ..SetContactPhoneRequest::default()
    };
    let text = "invalid SetContactPhoneRequest.Phone: embedded message failed validation | caused by: \
                invalid SetPhone.Number: value length must be between 1 and 20 runes, inclusive";
    assert_eq!(grpc(server, &path, &long).await.header("grpc-message"), text);
    let reply = rest(
        server,
        "PUT",
        "/resources/v3alpha/users/1/phone",
        &format!(r#"{{"number":"{}"}}"#, "1".repeat(21)),
    )
    .await;
    assert_eq!(
        (reply.status.as_u16(), reply.json()),
        (400, json!({"code": 3, "message": text}))
    );

    let reply = rest(
        server,
        "PUT",
        "/resources/v3alpha/users/1/phone",
        r#"{"number":"+41","isVerified":false}"#,
    )
    .await;
    let text = "invalid SetContactPhoneRequest.Phone: embedded message failed validation | caused by: \
                invalid SetPhone.IsVerified: value must equal true";
    assert_eq!(reply.json()["message"], text);
}

#[tokio::test]
async fn a_method_without_a_handler_is_unimplemented() {
    let server = start().await;
    let reply = rest(server, "POST", "/resources/v3alpha/users/1/_lock", "").await;
    assert_eq!(
        (reply.status.as_u16(), reply.json()),
        (
            501,
            json!({"code": 12, "message": "method LockUser not implemented"})
        )
    );
    let unknown = grpc(server, &format!("{USERS}/Nothing"), &get("1")).await;
    assert_eq!(unknown.grpc_status(), 12);
    assert_eq!(grpc(server, "/no.Such/Method", &get("1")).await.grpc_status(), 12);
    let reply = http1(server, "GET", "/auth/v1/healthz", &[], "").await;
    assert_eq!(reply.status, 501, "no token needed: {reply:?}");
}

#[tokio::test]
async fn a_deadline_ends_the_call_in_every_form() {
    let server = start().await;
    let path = format!("{USERS}/GetUser");
    let timeout = [
        ("authorization", TOKEN),
        ("grpc-timeout", "50m"),
        ("content-type", "application/grpc"),
    ];
    let reply = http2(
        server,
        "POST",
        &path,
        &timeout,
        frame(&get("slow").encode_to_vec()),
    )
    .await;
    assert_eq!(reply.grpc_status(), 4);
    let timeout = [
        ("authorization", TOKEN),
        ("connect-timeout-ms", "50"),
        ("content-type", "application/json"),
    ];
    let reply = http1(server, "POST", &path, &timeout, r#"{"id":"slow"}"#).await;
    assert_eq!(reply.json()["code"], "deadline_exceeded");
    let timeout = [("authorization", TOKEN), ("grpc-timeout", "50m")];
    let reply = http1(server, "GET", "/resources/v3alpha/users/slow", &timeout, "").await;
    assert_eq!(
        (reply.status.as_u16(), reply.json()["code"].clone()),
        (504, json!(4))
    );
}

#[tokio::test]
async fn a_panic_is_internal_and_the_server_lives() {
    let server = start().await;
    let headers = [("authorization", TOKEN), ("x-request-id", "my-id.1")];
    let reply = http1(server, "GET", "/resources/v3alpha/users/panic", &headers, "").await;
    let text = "an internal error occurred (reference my-id.1)";
    assert_eq!(
        (reply.status.as_u16(), reply.json()),
        (500, json!({"code": 13, "message": text}))
    );
    assert_eq!(reply.header("x-request-id"), "my-id.1");
    let path = format!("{USERS}/GetUser");
    assert_eq!(grpc(server, &path, &get("panic")).await.grpc_status(), 13);
    assert_eq!(grpc(server, &path, &get("ada")).await.grpc_status(), 0);
}

#[tokio::test]
async fn a_limit_says_when_to_come_back() {
    let server = start().await;
    let reply = rest(server, "GET", "/resources/v3alpha/users/limited", "").await;
    assert_eq!((reply.status.as_u16(), reply.header("retry-after")), (429, "30"));
    let details = json!([{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "29.500s"}]);
    assert_eq!(
        reply.json(),
        json!({"code": 8, "message": "later", "details": details})
    );
    let reply = connect_json(server, &format!("{USERS}/GetUser"), r#"{"id":"limited"}"#).await;
    assert_eq!((reply.status.as_u16(), reply.header("retry-after")), (429, "30"));
}

#[tokio::test]
async fn browsers_may_ask_and_read() {
    let server = start().await;
    let ask = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "x-grpc-web,content-type"),
    ];
    for path in [
        format!("{USERS}/GetUser"),
        "/resources/v3alpha/users/1".to_owned(),
        "/nowhere".to_owned(),
    ] {
        let reply = http1(server, "OPTIONS", &path, &ask, "").await;
        assert_eq!(reply.status, 204);
        assert_eq!(reply.header("access-control-allow-origin"), "https://app.example");
        assert!(
            reply
                .header("access-control-allow-headers")
                .contains("x-grpc-web")
        );
        assert!(reply.header("access-control-allow-methods").contains("PATCH"));
    }
    let call = [("origin", "https://app.example"), ("authorization", TOKEN)];
    let reply = http1(server, "GET", "/resources/v3alpha/users/ada", &call, "").await;
    assert_eq!(reply.header("access-control-allow-origin"), "https://app.example");
    assert!(
        reply
            .header("access-control-expose-headers")
            .contains("grpc-status-details-bin")
    );
    assert!(reply.header("vary").contains("Origin"));
}

#[tokio::test]
async fn whoever_watches_hears_of_the_end_and_the_stream_ends() {
    let services = Services::new().add(proto::zitadel::auth::v1::auth_service(Nobody));
    let mut service = service(Door, services).expect("all methods are reachable");
    for name in ["", "zitadel.auth.v1.AuthService"] {
        let mut asked = vec![0x0a, name.len().try_into().expect("a short name")];
        asked.extend(name.bytes());
        let request = Request::post("/grpc.health.v1.Health/Watch")
            .header("content-type", "application/grpc")
            .body(Full::new(frame(&asked)))
            .expect("a request");
        let Ok(response) = tower::Service::call(&mut service, request).await;
        let mut body = response.into_body();
        let first = body.frame().await.expect("an answer").expect("a whole one");
        // Of several names that are watched the first is told of the end, and the others begin behind it.
        let told: &[u8] = if name.is_empty() { b"\x08\x01" } else { b"\x08\x02" };
        assert_eq!(first.into_data().expect("a message"), frame(told));
        service.shut_down();
        let rest = body.collect().await.expect("an end");
        assert_eq!(rest.trailers().expect("trailers")["grpc-status"], "0");
        let rest = rest.to_bytes();
        assert_eq!(
            rest,
            if name.is_empty() {
                frame(b"\x08\x02")
            } else {
                Bytes::new()
            }
        );
    }
}

#[tokio::test]
async fn health_and_reflection_answer_without_a_token() {
    let server = start().await;
    let headers = [("content-type", "application/grpc"), ("te", "trailers")];
    let reply = http2(
        server,
        "POST",
        "/grpc.health.v1.Health/Check",
        &headers,
        frame(b""),
    )
    .await;
    assert_eq!(
        (reply.grpc_status(), &reply.body[..]),
        (0, &frame(b"\x08\x01")[..])
    );
    for version in ["v1", "v1alpha"] {
        let path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        // list_services = 7: ""
        let reply = http2(server, "POST", &path, &headers, frame(b"\x3a\x00")).await;
        assert_eq!(reply.grpc_status(), 0);
        let text = String::from_utf8_lossy(&reply.body);
        assert!(
            text.contains("zitadel.resources.user.v3alpha.ZITADELUsers"),
            "{text}"
        );
        // file_containing_symbol = 4
        for (symbol, file) in [
            ("zitadel.v1.ErrorDetail", "zitadel/message.proto"),
            ("grpc.health.v1.Health", "health.proto"),
        ] {
            let ask = [
                &[0x22, u8::try_from(symbol.len()).expect("short")],
                symbol.as_bytes(),
            ]
            .concat();
            let reply = http2(server, "POST", &path, &headers, frame(&ask)).await;
            assert!(
                String::from_utf8_lossy(&reply.body).contains(file),
                "{version} {symbol}"
            );
        }
    }
}
