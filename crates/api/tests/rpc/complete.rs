//! Every method of the contract is reachable in every wire form.

use proto::rpc::{Code, METHODS};

use super::server::{self, Nobody, connect_json, connect_proto, grpc, grpc_web, http1};

/// What a method without a handler may answer to an empty request: its rules come first.
const EXPECTED: [u8; 2] = [Code::InvalidArgument.number(), Code::Unimplemented.number()];

#[tokio::test]
async fn every_method_answers_in_every_form() {
    let services = api::rpc::Services::new()
        .add(proto::merlon::inbox::v1::inbox_service(Nobody))
        .add(proto::merlon::user::v1::user_service(Nobody))
        .add(proto::zitadel::auth::v1::auth_service(Nobody))
        .add(proto::zitadel::resources::user::v3alpha::zitadel_users(Nobody))
        .add(proto::zitadel::resources::userschema::v3alpha::zitadel_user_schemas(Nobody))
        .add(proto::zitadel::admin::v1::admin_service(Nobody))
        .add(proto::zitadel::feature::v2::feature_service(Nobody))
        .add(proto::zitadel::user::schema::v3alpha::user_schema_service(Nobody))
        .add(proto::zitadel::user::v2::user_service(Nobody))
        .add(proto::zitadel::user::v3alpha::user_service(Nobody));
    let server = server::serve(services).await;
    let empty = proto::wkt::Empty {};
    for info in METHODS {
        let mut answers = vec![
            grpc(server, info.path, &empty).await.grpc_status(),
            grpc_web(server, info.path, &empty, false).await.grpc_status(),
            grpc_web(server, info.path, &empty, true).await.grpc_status(),
        ];
        for reply in [
            connect_proto(server, info.path, &empty).await,
            connect_json(server, info.path, "{}").await,
        ] {
            let name = reply.json()["code"].as_str().unwrap_or_default().to_owned();
            answers.extend(
                Code::ALL
                    .iter()
                    .find(|code| code.name() == name)
                    .map(|code| code.number()),
            );
        }
        let rule = info
            .http
            .as_ref()
            .unwrap_or_else(|| panic!("{} has no HTTP rule", info.path));
        let path = rule.template.replace('{', "id-").replace('}', "");
        let headers = [("authorization", server::TOKEN)];
        let reply = http1(server, rule.verb, &path, &headers, "").await;
        assert_ne!(
            (reply.status.as_u16(), reply.json()["message"].as_str()),
            (501, Some("Method Not Allowed"))
        );
        answers.extend(
            reply.json()["code"]
                .as_u64()
                .and_then(|code| u8::try_from(code).ok()),
        );
        assert_eq!(answers.len(), 6, "{}", info.path);
        assert!(
            answers.iter().all(|code| EXPECTED.contains(code)),
            "{}: {answers:?}",
            info.path
        );
    }
}

#[test]
fn a_service_is_registered_once() {
    let twice = api::rpc::Services::new()
        .add(proto::zitadel::auth::v1::auth_service(Nobody))
        .add(proto::zitadel::auth::v1::auth_service(Nobody));
    let error = api::rpc::service(server::Door, twice).expect_err("twice is a mistake");
    assert_eq!(
        error.to_string(),
        "zitadel.auth.v1.AuthService is registered twice"
    );
}
