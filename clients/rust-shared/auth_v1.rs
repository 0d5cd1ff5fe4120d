//! The `zitadel.auth.v1` calls on the caller's own factors, phone and e-mail, and that they are
//! views of the same facts as v3alpha.

use serde_json::json;
use tonic::Code;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use zitadel::api::zitadel::auth::v1::auth_service_client::AuthServiceClient;
use zitadel::api::zitadel::auth::v1::*;
use zitadel::api::zitadel::user::v1::auth_factor::Type as Factor;
use zitadel::api::zitadel::user::v1::{AuthFactorOtpEmail, AuthFactorOtpsms, AuthFactorState};
use zitadel::api::zitadel::v1::ObjectDetails;

use super::{ANY, Bearer, Server, email, other_code, phone, refused, too_soon};

type Client = AuthServiceClient<InterceptedService<Channel, Bearer>>;

/// A fresh user and a client that acts as that user.
async fn me(server: &Server) -> (String, Client) {
    let user = server.user().await;
    let bearer = server.bearer_of(&user).await;
    (
        user,
        AuthServiceClient::with_interceptor(server.channel().await, bearer),
    )
}

/// A fresh user whose phone and e-mail an administrator vouched for.
async fn me_verified(server: &Server) -> (String, Client, String, String) {
    let (user, client) = me(server).await;
    let (number, address) = (phone(), email());
    let body = json!({"phone": {"number": number, "isVerified": true}});
    server
        .rest_ok("PUT", &format!("/v3alpha/users/{user}/phone"), body)
        .await;
    let body = json!({"email": {"address": address, "isVerified": true}});
    server
        .rest_ok("PUT", &format!("/v3alpha/users/{user}/email"), body)
        .await;
    (user, client, number, address)
}

#[track_caller]
fn filled(details: Option<ObjectDetails>) {
    let details = details.expect("details");
    assert!(details.sequence > 0, "{details:?}");
    assert!(
        details.creation_date.is_some() && details.change_date.is_some(),
        "{details:?}"
    );
    assert!(!details.resource_owner.is_empty(), "{details:?}");
}

/// The kinds of the ready factors of the caller.
async fn factors(client: &mut Client) -> Vec<Factor> {
    let answer = client
        .list_my_auth_factors(ListMyAuthFactorsRequest {})
        .await
        .unwrap()
        .into_inner();
    for factor in &answer.result {
        assert_eq!(factor.state, AuthFactorState::Ready as i32);
    }
    answer
        .result
        .into_iter()
        .filter_map(|factor| factor.r#type)
        .collect()
}

#[tokio::test]
async fn health_needs_no_token() {
    let server = Server::from_env();
    let mut client = AuthServiceClient::new(server.channel().await);
    client.healthz(HealthzRequest {}).await.unwrap();
}

#[tokio::test]
async fn a_call_without_a_token_or_with_a_bad_one_is_unauthenticated() {
    let server = Server::from_env();
    let mut client = AuthServiceClient::new(server.channel().await);
    let status = client.get_my_user(GetMyUserRequest {}).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated, "{status:?}");
    let garbage = Bearer(Some("garbage".to_owned()));
    let mut client = AuthServiceClient::with_interceptor(server.channel().await, garbage);
    refused(
        client.get_my_user(GetMyUserRequest {}).await,
        Code::Unauthenticated,
        "AUTH-7fs1e",
    );
}

#[tokio::test]
async fn get_my_user_names_the_caller() {
    let server = Server::from_env();
    let (user, mut client) = me(&server).await;
    let answer = client
        .get_my_user(GetMyUserRequest {})
        .await
        .unwrap()
        .into_inner();
    let mine = answer.user.expect("a user");
    assert_eq!((mine.id, mine.state), (user, 1));
    filled(mine.details);
}

#[tokio::test]
async fn phone_from_set_to_verified_to_factor() {
    let server = Server::from_env();
    let (user, mut client) = me(&server).await;
    let number = phone();
    let none = client
        .get_my_phone(GetMyPhoneRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(none.phone.unwrap_or_default().phone, "");
    refused(
        client
            .resend_my_phone_verification(ResendMyPhoneVerificationRequest {})
            .await,
        Code::NotFound,
        "COMMAND-2b7Hf",
    );
    refused(
        client.remove_my_phone(RemoveMyPhoneRequest {}).await,
        Code::NotFound,
        "COMMAND-p6rsc",
    );
    refused(
        client
            .add_my_auth_factor_otpsms(AddMyAuthFactorOtpsmsRequest {})
            .await,
        Code::FailedPrecondition,
        "COMMAND-Q54j2",
    );

    let answer = client
        .set_my_phone(SetMyPhoneRequest {
            phone: number.clone(),
        })
        .await
        .unwrap()
        .into_inner();
    filled(answer.details);
    too_soon(
        client
            .resend_my_phone_verification(ResendMyPhoneVerificationRequest {})
            .await,
    );
    refused(
        client
            .add_my_auth_factor_otpsms(AddMyAuthFactorOtpsmsRequest {})
            .await,
        Code::FailedPrecondition,
        "COMMAND-Q54j2",
    );
    let code = server.code(&number).await;
    let wrong = VerifyMyPhoneRequest {
        code: other_code(&code),
    };
    refused(client.verify_my_phone(wrong).await, Code::InvalidArgument, ANY);
    let answer = client
        .verify_my_phone(VerifyMyPhoneRequest { code })
        .await
        .unwrap()
        .into_inner();
    filled(answer.details);
    let read = client
        .get_my_phone(GetMyPhoneRequest {})
        .await
        .unwrap()
        .into_inner();
    filled(read.details);
    let read = read.phone.expect("a phone");
    assert_eq!(
        (read.phone.as_str(), read.is_phone_verified),
        (number.as_str(), true)
    );
    refused(
        client
            .resend_my_phone_verification(ResendMyPhoneVerificationRequest {})
            .await,
        Code::FailedPrecondition,
        "COMMAND-2M9sf",
    );
    assert_eq!(
        server.read(&user).await["contact"]["phone"],
        json!({"number": number, "isVerified": true})
    );
}

#[tokio::test]
async fn set_my_phone_refuses_what_is_no_number() {
    let server = Server::from_env();
    let (_, mut client) = me(&server).await;
    for bad in ["", "0791234567", "+", "+41", "+4179123456789012345"] {
        let status = client
            .set_my_phone(SetMyPhoneRequest {
                phone: bad.to_owned(),
            })
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{bad:?}: {status:?}");
    }
}

#[tokio::test]
async fn otp_sms_switch_follows_the_verified_phone() {
    let server = Server::from_env();
    let (user, mut client, number, _) = me_verified(&server).await;
    refused(
        client
            .remove_my_auth_factor_otpsms(RemoveMyAuthFactorOtpsmsRequest {})
            .await,
        Code::NotFound,
        "COMMAND-Sr3h3",
    );
    let answer = client
        .add_my_auth_factor_otpsms(AddMyAuthFactorOtpsmsRequest {})
        .await
        .unwrap()
        .into_inner();
    filled(answer.details);
    assert_eq!(factors(&mut client).await, [Factor::OtpSms(AuthFactorOtpsms {})]);
    let shown = server.read(&user).await["authenticators"]["otpSms"].clone();
    assert_eq!(
        (&shown[0]["phone"], &shown[0]["isVerified"]),
        (&json!(number), &json!(true))
    );
    refused(
        client
            .add_my_auth_factor_otpsms(AddMyAuthFactorOtpsmsRequest {})
            .await,
        Code::AlreadyExists,
        "COMMAND-Ad3g2",
    );
    let answer = client
        .remove_my_auth_factor_otpsms(RemoveMyAuthFactorOtpsmsRequest {})
        .await
        .unwrap()
        .into_inner();
    filled(answer.details);
    assert_eq!(factors(&mut client).await, []);
}

#[tokio::test]
async fn removing_the_phone_removes_the_switch() {
    let server = Server::from_env();
    let (user, mut client, _, _) = me_verified(&server).await;
    client
        .add_my_auth_factor_otpsms(AddMyAuthFactorOtpsmsRequest {})
        .await
        .unwrap();
    let answer = client
        .remove_my_phone(RemoveMyPhoneRequest {})
        .await
        .unwrap()
        .into_inner();
    filled(answer.details);
    assert_eq!(factors(&mut client).await, []);
    let read = server.read(&user).await;
    assert!(read.pointer("/contact/phone").is_none(), "{read}");
    assert!(read.pointer("/authenticators/otpSms").is_none(), "{read}");
}

#[tokio::test]
async fn email_from_set_to_verified() {
    let server = Server::from_env();
    let (user, mut client) = me(&server).await;
    let address = email();
    refused(
        client
            .add_my_auth_factor_otp_email(AddMyAuthFactorOtpEmailRequest {})
            .await,
        Code::FailedPrecondition,
        "COMMAND-KLJ2d",
    );
    let answer = client
        .set_my_email(SetMyEmailRequest {
            email: address.clone(),
        })
        .await
        .unwrap()
        .into_inner();
    filled(answer.details);
    too_soon(
        client
            .resend_my_email_verification(ResendMyEmailVerificationRequest {})
            .await,
    );
    let code = server.code(&address).await;
    let wrong = VerifyMyEmailRequest {
        code: other_code(&code),
    };
    refused(client.verify_my_email(wrong).await, Code::InvalidArgument, ANY);
    let answer = client
        .verify_my_email(VerifyMyEmailRequest { code })
        .await
        .unwrap()
        .into_inner();
    filled(answer.details);
    let read = client
        .get_my_email(GetMyEmailRequest {})
        .await
        .unwrap()
        .into_inner();
    filled(read.details);
    let read = read.email.expect("an e-mail");
    assert_eq!(
        (read.email.as_str(), read.is_email_verified),
        (address.as_str(), true)
    );
    refused(
        client
            .resend_my_email_verification(ResendMyEmailVerificationRequest {})
            .await,
        Code::FailedPrecondition,
        "COMMAND-3M9ds",
    );
    assert_eq!(
        server.read(&user).await["contact"]["email"],
        json!({"address": address, "isVerified": true})
    );
}

#[tokio::test]
async fn codes_that_wait_are_sent_again() {
    let server = Server::from_env();
    let (user, mut client) = me(&server).await;
    let (number, address) = (phone(), email());
    let body = json!({"phone": {"number": number, "returnCode": {}}});
    server
        .rest_ok("PUT", &format!("/v3alpha/users/{user}/phone"), body)
        .await;
    let answer = client
        .resend_my_phone_verification(ResendMyPhoneVerificationRequest {})
        .await
        .unwrap()
        .into_inner();
    filled(answer.details);
    let code = server.code(&number).await;
    client
        .verify_my_phone(VerifyMyPhoneRequest { code })
        .await
        .unwrap();

    let body = json!({"email": {"address": address, "returnCode": {}}});
    server
        .rest_ok("PUT", &format!("/v3alpha/users/{user}/email"), body)
        .await;
    let answer = client
        .resend_my_email_verification(ResendMyEmailVerificationRequest {})
        .await
        .unwrap()
        .into_inner();
    filled(answer.details);
    let code = server.code(&address).await;
    client
        .verify_my_email(VerifyMyEmailRequest { code })
        .await
        .unwrap();
}

#[tokio::test]
async fn otp_email_switch_follows_the_verified_email() {
    let server = Server::from_env();
    let (user, mut client, _, address) = me_verified(&server).await;
    refused(
        client
            .remove_my_auth_factor_otp_email(RemoveMyAuthFactorOtpEmailRequest {})
            .await,
        Code::NotFound,
        "COMMAND-b312D",
    );
    let answer = client
        .add_my_auth_factor_otp_email(AddMyAuthFactorOtpEmailRequest {})
        .await
        .unwrap()
        .into_inner();
    filled(answer.details);
    assert_eq!(
        factors(&mut client).await,
        [Factor::OtpEmail(AuthFactorOtpEmail {})]
    );
    let shown = server.read(&user).await["authenticators"]["otpEmail"].clone();
    assert_eq!(
        (&shown[0]["address"], &shown[0]["isVerified"]),
        (&json!(address), &json!(true))
    );
    refused(
        client
            .add_my_auth_factor_otp_email(AddMyAuthFactorOtpEmailRequest {})
            .await,
        Code::AlreadyExists,
        "COMMAND-MKL2s",
    );
    let answer = client
        .remove_my_auth_factor_otp_email(RemoveMyAuthFactorOtpEmailRequest {})
        .await
        .unwrap()
        .into_inner();
    filled(answer.details);
    assert_eq!(factors(&mut client).await, []);
}
