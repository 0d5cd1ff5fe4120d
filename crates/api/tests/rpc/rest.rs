//! HTTP/JSON by the rules: bodies, parameters, paths and verbs.

use serde_json::json;

use super::server::{TOKEN, connect_json, http1, rest, start};

#[tokio::test]
async fn a_bare_string_body_may_come_wrapped() {
    let server = start().await;
    let verify = "/resources/v3alpha/users/1/otp_sms/2/_verify";
    for body in [r#""X""#, r#"{"code":"X"}"#, " \"X\" "] {
        let reply = rest(server, "POST", verify, body).await;
        assert_eq!(reply.json()["details"]["id"], "1:2:X", "{body}");
    }
    let verify = "/resources/v3alpha/users/1/phone/_verify";
    for body in [
        r#""X""#,
        r#"{"code":"X"}"#,
        r#"{"verificationCode":"X"}"#,
        r#"{"verification_code":"X"}"#,
    ] {
        let reply = rest(server, "POST", verify, body).await;
        assert_eq!(reply.json()["details"]["id"], "1:X", "{body}");
    }
    for body in ["", "{}", "1", "[]", "\"", r#"{"code":1}"#] {
        let reply = rest(server, "POST", verify, body).await;
        assert_eq!(
            (reply.status.as_u16(), reply.json()["code"].clone()),
            (400, json!(3)),
            "{body}"
        );
    }
}

#[tokio::test]
async fn a_list_body_and_query_parameters_meet_in_one_request() {
    let server = start().await;
    let path = "/resources/v3alpha/users/_search?query.limit=10&query.offset=9007199254740993&unknown=1&query.unknown.x=1";
    let reply = rest(server, "POST", path, "[{}, {}]").await;
    assert_eq!(
        reply.json()["message"],
        "invalid SearchUsersRequest.Filters[0]: embedded message failed validation | caused by: invalid SearchFilter.Filter: value is required"
    );
    let reply = rest(
        server,
        "POST",
        path,
        r#"[{"stateFilter":{"state":"USER_STATE_ACTIVE"}}, {"state_filter":{"state":1}}]"#,
    )
    .await;
    assert_eq!(
        reply.json(),
        json!({"details": {"appliedLimit": "10", "totalResult": "9007199254740995"}})
    );
    for query in [
        "query.limit=x",
        "query.limit=-1",
        "query.desc=maybe",
        "query=5",
        "query.limit.x=1",
        "query.limit=%ff",
    ] {
        let reply = rest(
            server,
            "POST",
            &format!("/resources/v3alpha/users/_search?{query}"),
            "[]",
        )
        .await;
        assert_eq!(
            (reply.status.as_u16(), reply.json()["code"].clone()),
            (400, json!(3)),
            "{query}"
        );
    }
}

#[tokio::test]
async fn parameters_come_in_snake_and_camel_case() {
    let server = start().await;
    for query in ["organization.orgId=org+1%2B", "organization.org_id=org%201%2B"] {
        let reply = rest(
            server,
            "POST",
            &format!("/resources/v3alpha/users?{query}"),
            r#"{"data":{"a":null}}"#,
        )
        .await;
        assert_eq!(
            (reply.status.as_u16(), reply.json()["details"]["id"].clone()),
            (201, json!("org 1+")),
            "{query}"
        );
    }
    let reply = rest(server, "POST", "/resources/v3alpha/users", "{}").await;
    assert_eq!(
        reply.json()["message"],
        "invalid CreateUserRequest.Organization: value is required"
    );
}

#[tokio::test]
async fn the_path_wins_over_the_body() {
    let server = start().await;
    let path = "/v3alpha/users/a%2F%C3%BC/phone?user_id=query";
    for body in [
        r#"{"userId":"body","phone":{"number":"+41"}}"#,
        r#"{"user_id":"body","phone":{"number":"+41"}}"#,
        r#"{"phone":{"number":"+41","unknown":[{}]},"other":1,"userId":null}"#,
    ] {
        let reply = rest(server, "PUT", path, body).await;
        let details = json!({"sequence": "7", "resourceOwner": "a/ü:+41"});
        assert_eq!(
            reply.json(),
            json!({"details": details, "emailCode": "123456"}),
            "{body}"
        );
    }
}

#[tokio::test]
async fn any_content_type_is_json_and_an_empty_body_is_an_empty_message() {
    let server = start().await;
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/proto",
        "x",
    ] {
        let headers = [("authorization", TOKEN), ("content-type", content_type)];
        let reply = http1(
            server,
            "PUT",
            "/v3alpha/users/1/phone",
            &headers,
            r#"{"phone":{"number":"5"}}"#,
        )
        .await;
        assert_eq!(reply.json()["details"]["resourceOwner"], "1:5", "{content_type}");
    }
    let reply = rest(server, "PUT", "/v3alpha/users/1/phone", "").await;
    assert_eq!(
        (
            reply.status.as_u16(),
            reply.json()["details"]["resourceOwner"].clone()
        ),
        (200, json!("1:"))
    );
    let reply = rest(server, "PUT", "/resources/v3alpha/users/1/phone", "null").await;
    assert_eq!(reply.json()["message"], "phone is missing");
}

#[tokio::test]
async fn unknown_paths_and_other_verbs_are_told_apart() {
    let server = start().await;
    for path in [
        "/",
        "/nowhere",
        "/v3alpha/users/1/phone/",
        "/v3alpha/users//phone",
        "/zitadel.no.Such/Method",
    ] {
        let reply = rest(server, "POST", path, "{}").await;
        assert_eq!(
            (reply.status.as_u16(), reply.json()),
            (404, json!({"code": 5, "message": "Not Found"})),
            "{path}"
        );
    }
    let reply = rest(server, "PATCH", "/v3alpha/users/1/phone", "{}").await;
    assert_eq!(
        (reply.status.as_u16(), reply.json()),
        (405, json!({"code": 12, "message": "Method Not Allowed"}))
    );
    assert_eq!(reply.header("allow"), "PUT");
}

#[tokio::test]
async fn malformed_json_names_place_and_field() {
    let server = start().await;
    for (body, text) in [
        (
            "{",
            "malformed JSON: EOF while parsing an object at line 1 column 1",
        ),
        (
            "{\n \"phone\": {\"number\": 5}}",
            "malformed JSON in phone.number: invalid type: integer, expected a string at line 2 column 22",
        ),
        ("{} x", "malformed JSON: trailing characters at line 1 column 4"),
        (
            r#"{"userId":"a","user_id":"b"}"#,
            "malformed JSON: duplicate field `userId` at line 1 column 23",
        ),
        (
            r#"{"phone":{"sendCode":{},"returnCode":{}}}"#,
            "malformed JSON in phone: only one field of verification can be set, and returnCode is a second one at line 1 column 40",
        ),
        (
            r#"{"phone":{"sendCode":null,"returnCode":{},"is_verified":true}}"#,
            "malformed JSON in phone: only one field of verification can be set, and isVerified is a second one at line 1 column 61",
        ),
    ] {
        let reply = rest(server, "PUT", "/v3alpha/users/1/phone", body).await;
        assert_eq!(
            (reply.status.as_u16(), reply.json()),
            (400, json!({"code": 3, "message": text})),
            "{body}"
        );
        let reply = connect_json(server, "/zitadel.user.v3alpha.UserService/SetContactPhone", body).await;
        assert_eq!(
            (reply.status.as_u16(), reply.json()["message"].clone()),
            (400, json!(text)),
            "{body}"
        );
    }
}

#[tokio::test]
async fn null_sets_no_field_of_a_oneof_wherever_it_stands() {
    let server = start().await;
    for phone in [
        r#"{"number":"5","isVerified":true,"returnCode":null}"#,
        r#"{"returnCode":null,"number":"5","isVerified":true,"sendCode":null}"#,
        r#"{"isVerified":null,"returnCode":null,"number":"5"}"#,
    ] {
        let reply = rest(
            server,
            "PUT",
            "/v3alpha/users/1/phone",
            &format!("{{\"phone\":{phone}}}"),
        )
        .await;
        assert_eq!(reply.status.as_u16(), 200, "{phone}: {}", reply.json());
    }
}

#[tokio::test]
async fn what_is_wrong_inside_a_body_of_one_field_is_named_from_the_request_down() {
    let server = start().await;
    let phone = "/resources/v3alpha/users/1/phone";
    let verify = "/resources/v3alpha/users/1/phone/_verify";
    for (verb, path, body, text) in [
        (
            "PUT",
            phone,
            "{\n \"number\": 5}",
            "malformed JSON in phone.number: invalid type: integer, expected a string at line 2 column 12",
        ),
        (
            "PUT",
            phone,
            r#"{"sendCode":{},"returnCode":{}}"#,
            "malformed JSON in phone: only one field of verification can be set, and returnCode is a second one at line 1 column 31",
        ),
        (
            "PUT",
            phone,
            "[]",
            "malformed JSON in phone: invalid type: sequence, expected struct zitadel.resources.user.v3alpha.SetPhone at line 1 column 2",
        ),
        (
            "PUT",
            phone,
            "{",
            "malformed JSON in phone: EOF while parsing an object at line 1 column 1",
        ),
        (
            "POST",
            verify,
            r#"{"code":5}"#,
            "malformed JSON in verification_code.code: invalid type: integer, expected a string at line 1 column 9",
        ),
    ] {
        let reply = rest(server, verb, path, body).await;
        assert_eq!(
            (reply.status.as_u16(), reply.json()),
            (400, json!({"code": 3, "message": text})),
            "{body}"
        );
    }
}
