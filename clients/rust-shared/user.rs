//! The v3alpha user calls, told once and run through both generations of the published crate:
//! `crate::api` is the thin layer that knows how a generation spells a request.
//!
//! Every test brings its own user, number and address, so order and neighbours do not matter.
//! A code is returned rather than sent where the test is not about sending.

use serde_json::json;
use tonic::{Code, Status};
use totp_rs::{Algorithm, Secret, TOTP};

use super::{
    ANY, Bearer, Server, email, invalid, other_code, phone, random, refused, security_key, too_soon,
};
use crate::api::{
    Api, Contact, EmailMode, NewUser, PhoneMode, ResendEmail, ResendPhone, ReturnEmailVerificationCode,
    ReturnPhoneVerificationCode, SendEmailVerificationCode, SendPhoneVerificationCode, SetContact, SetEmail,
    SetPhone, State, View,
};

const RETURN_SMS: PhoneMode = PhoneMode::ReturnCode(ReturnPhoneVerificationCode {});
const SEND_SMS: PhoneMode = PhoneMode::SendCode(SendPhoneVerificationCode {});
const RETURN_MAIL: EmailMode = EmailMode::ReturnCode(ReturnEmailVerificationCode {});
const SEND_MAIL: EmailMode = EmailMode::SendCode(SendEmailVerificationCode { url_template: None });

/// An id that no user and no factor has.
fn nobody() -> String {
    format!("nobody-{:x}", random())
}

fn number(number: &str, mode: PhoneMode) -> Option<SetPhone> {
    Some(SetPhone {
        number: number.to_owned(),
        verification: Some(mode),
    })
}

fn address(address: &str, mode: EmailMode) -> Option<SetEmail> {
    Some(SetEmail {
        address: address.to_owned(),
        verification: Some(mode),
    })
}

/// An administrator's client and a fresh user.
async fn start() -> (Server, Api, String) {
    let server = Server::from_env();
    let mut api = Api::new(&server, server.admin()).await;
    let user = api.create(NewUser::default()).await.unwrap().id;
    (server, api, user)
}

async fn view(api: &mut Api, user: &str) -> View {
    api.get(user).await.unwrap()
}

async fn contact(api: &mut Api, user: &str) -> Contact {
    view(api, user).await.contact
}

/// (id, number, is verified) of each OTP SMS factor.
async fn sms_factors(api: &mut Api, user: &str) -> Vec<(String, String, bool)> {
    let factors = view(api, user).await.authenticators.otp_sms;
    factors
        .into_iter()
        .map(|factor| (factor.otp_sms_id, factor.phone, factor.is_verified))
        .collect()
}

/// (id, address, is verified) of each OTP e-mail factor.
async fn email_factors(api: &mut Api, user: &str) -> Vec<(String, String, bool)> {
    let factors = view(api, user).await.authenticators.otp_email;
    factors
        .into_iter()
        .map(|factor| (factor.otp_email_id, factor.address, factor.is_verified))
        .collect()
}

// --- users ------------------------------------------------------------------------------------

#[tokio::test]
async fn create_without_a_schema_and_read_back() {
    let server = Server::from_env();
    let mut api = Api::new(&server, server.admin()).await;
    let (number_, address_) = (phone(), email());
    let new = NewUser {
        contact: Some(SetContact {
            email: address(&address_, RETURN_MAIL),
            phone: number(&number_, RETURN_SMS),
        }),
        data: Some(json!({"name": "Gigi", "tall": true, "height": 5.5})),
        ..NewUser::default()
    };
    let created = api.create(new).await.unwrap();
    assert_eq!(created.email_code.expect("an e-mail code").len(), 6);
    let phone_code = created.phone_code.expect("a phone code");
    assert!(
        phone_code.len() == 6 && phone_code.bytes().all(|byte| byte.is_ascii_digit()),
        "{phone_code}"
    );
    let read = view(&mut api, &created.id).await;
    assert_eq!(read.state, State::UserStateActive);
    assert_eq!(read.data, json!({"name": "Gigi", "tall": true, "height": 5.5}));
    let (read_email, read_phone) = (
        read.contact.email.expect("an e-mail"),
        read.contact.phone.expect("a phone"),
    );
    assert_eq!((read_email.address, read_email.is_verified), (address_, false));
    assert_eq!((read_phone.number, read_phone.is_verified), (number_, false));
}

#[tokio::test]
async fn create_with_an_id_of_the_callers_choice_once() {
    let server = Server::from_env();
    let mut api = Api::new(&server, server.admin()).await;
    let id = format!("giraffe/ü {:x}", random());
    let new = || NewUser {
        id: Some(id.clone()),
        ..NewUser::default()
    };
    assert_eq!(api.create(new()).await.unwrap().id, id);
    view(&mut api, &id).await;
    refused(api.create(new()).await, Code::AlreadyExists, ANY);
}

#[tokio::test]
async fn create_sends_no_code_for_what_is_verified() {
    let server = Server::from_env();
    let mut api = Api::new(&server, server.admin()).await;
    let new = NewUser {
        contact: Some(SetContact {
            email: address(&email(), EmailMode::IsVerified(true)),
            phone: number(&phone(), PhoneMode::IsVerified(true)),
        }),
        ..NewUser::default()
    };
    let created = api.create(new).await.unwrap();
    assert_eq!((created.email_code, created.phone_code), (None, None));
    let read = contact(&mut api, &created.id).await;
    assert!(read.email.unwrap().is_verified && read.phone.unwrap().is_verified);
}

#[tokio::test]
async fn create_refuses_what_is_incomplete_or_unknown() {
    let server = Server::from_env();
    let mut api = Api::new(&server, server.admin()).await;
    invalid(api.create_nowhere().await, "organization");
    let bad_id = NewUser {
        id: Some("x".repeat(201)),
        ..NewUser::default()
    };
    invalid(api.create(bad_id).await, "user");
    let schema = NewUser {
        schema_id: nobody(),
        ..NewUser::default()
    };
    refused(
        api.create(schema).await,
        Code::FailedPrecondition,
        "COMMAND-N9QOuN4F7o",
    );
    let id = nobody();
    let bad_phone = NewUser {
        id: Some(id.clone()),
        contact: Some(SetContact {
            email: address(&email(), RETURN_MAIL),
            phone: number("+41", RETURN_SMS),
        }),
        ..NewUser::default()
    };
    assert_eq!(
        api.create(bad_phone).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    refused(api.get(&id).await, Code::NotFound, ANY);
}

#[tokio::test]
async fn update_replaces_what_is_present_and_keeps_the_rest() {
    let (_, mut api, user) = start().await;
    let (number_, address_) = (phone(), email());
    let change = Some(SetContact {
        email: address(&address_, EmailMode::IsVerified(true)),
        phone: None,
    });
    api.update(&user, change, Some(json!({"name": "Gigi"})))
        .await
        .unwrap();
    let change = Some(SetContact {
        email: None,
        phone: number(&number_, RETURN_SMS),
    });
    let codes = api.update(&user, change, None).await.unwrap();
    assert_eq!((codes.0, codes.1.is_some()), (None, true));
    let read = view(&mut api, &user).await;
    assert_eq!(read.data, json!({"name": "Gigi"}));
    assert_eq!(
        read.contact.email.map(|it| (it.address, it.is_verified)),
        Some((address_, true))
    );
    assert_eq!(
        read.contact.phone.map(|it| (it.number, it.is_verified)),
        Some((number_, false))
    );
    api.update(&user, None, Some(json!({"nick": "G"}))).await.unwrap();
    assert_eq!(view(&mut api, &user).await.data, json!({"nick": "G"}));
    refused(
        api.update(&nobody(), None, Some(json!({}))).await,
        Code::NotFound,
        ANY,
    );
}

#[tokio::test]
async fn states_change_and_a_wrong_state_is_a_failed_precondition() {
    let (_, mut api, user) = start().await;
    api.deactivate(&user).await.unwrap();
    assert_eq!(view(&mut api, &user).await.state, State::UserStateInactive);
    refused(api.deactivate(&user).await, Code::FailedPrecondition, ANY);
    api.activate(&user).await.unwrap();
    assert_eq!(view(&mut api, &user).await.state, State::UserStateActive);
    refused(api.activate(&user).await, Code::FailedPrecondition, ANY);
    api.lock(&user).await.unwrap();
    assert_eq!(view(&mut api, &user).await.state, State::UserStateLocked);
    refused(api.lock(&user).await, Code::FailedPrecondition, ANY);
    api.deactivate(&user).await.unwrap();
    assert_eq!(view(&mut api, &user).await.state, State::UserStateLocked);
    api.unlock(&user).await.unwrap();
    assert_eq!(view(&mut api, &user).await.state, State::UserStateInactive);
    refused(api.unlock(&user).await, Code::FailedPrecondition, ANY);
    api.delete(&user).await.unwrap();
    refused(api.get(&user).await, Code::NotFound, ANY);
    refused(api.delete(&user).await, Code::NotFound, "COMMAND-syHyCsGmvM");
}

#[tokio::test]
async fn no_call_finds_a_user_that_does_not_exist() {
    let (_, mut api, _) = start().await;
    let user = &nobody();
    refused(api.get(user).await, Code::NotFound, ANY);
    refused(api.deactivate(user).await, Code::NotFound, "COMMAND-Ob6lR5iFTe");
    refused(api.activate(user).await, Code::NotFound, "COMMAND-rQjbBr4J3j");
    refused(api.lock(user).await, Code::NotFound, "COMMAND-G4LOrnjY7q");
    refused(api.unlock(user).await, Code::NotFound, "COMMAND-gpBv46Lh9m");
    refused(api.delete(user).await, Code::NotFound, "COMMAND-syHyCsGmvM");
    refused(
        api.set_email(user, address(&email(), RETURN_MAIL)).await,
        Code::NotFound,
        "COMMAND-nJ0TQFuRmP",
    );
    refused(
        api.verify_email(user, "ABCDEF").await,
        Code::NotFound,
        "COMMAND-qbGyMPvjvj",
    );
    refused(
        api.resend_email(user, None).await,
        Code::NotFound,
        "COMMAND-EajeF6ypOV",
    );
    refused(
        api.set_phone(user, number(&phone(), RETURN_SMS)).await,
        Code::NotFound,
        "COMMAND-b33QAVgel6",
    );
    refused(
        api.verify_phone(user, "123456").await,
        Code::NotFound,
        "COMMAND-bx2OLtgGNS",
    );
    refused(
        api.resend_phone(user, None).await,
        Code::NotFound,
        "COMMAND-z8Bu9vuL9s",
    );
    refused(
        api.add_sms(user, number(&phone(), RETURN_SMS)).await,
        Code::NotFound,
        ANY,
    );
    refused(api.verify_sms(user, "1", "123456").await, Code::NotFound, ANY);
    refused(api.remove_sms(user, "1").await, Code::NotFound, ANY);
    refused(
        api.add_mail(user, address(&email(), RETURN_MAIL)).await,
        Code::NotFound,
        ANY,
    );
    refused(api.verify_mail(user, "1", "ABCDEF").await, Code::NotFound, ANY);
    refused(api.remove_mail(user, "1").await, Code::NotFound, ANY);
}

// --- contact phone ----------------------------------------------------------------------------

#[tokio::test]
async fn contact_phone_from_set_to_verified() {
    let (_, mut api, user) = start().await;
    let number_ = phone();
    let code = api
        .set_phone(&user, number(&number_, RETURN_SMS))
        .await
        .unwrap()
        .expect("a code");
    let read = contact(&mut api, &user).await.phone.unwrap();
    assert_eq!((read.number, read.is_verified), (number_.clone(), false));
    refused(
        api.verify_phone(&user, &other_code(&code)).await,
        Code::InvalidArgument,
        "CODE-woT0xc",
    );
    let (head, tail) = code.split_at(3);
    api.verify_phone(&user, &format!(" {head}-{tail}")).await.unwrap();
    assert!(contact(&mut api, &user).await.phone.unwrap().is_verified);
    let before = view(&mut api, &user).await.stamp;
    api.verify_phone(&user, &code).await.unwrap();
    assert_eq!(
        api.set_phone(&user, number(&number_, RETURN_SMS)).await.unwrap(),
        None
    );
    assert_eq!(view(&mut api, &user).await.stamp, before);
    refused(
        api.resend_phone(&user, Some(RETURN_AGAIN_SMS)).await,
        Code::FailedPrecondition,
        "COMMAND-fEsHdqECzb",
    );
    api.set_phone(&user, number(&phone(), RETURN_SMS)).await.unwrap();
    assert!(!contact(&mut api, &user).await.phone.unwrap().is_verified);
}

const RETURN_AGAIN_SMS: ResendPhone = ResendPhone::ReturnCode(ReturnPhoneVerificationCode {});
const SEND_AGAIN_SMS: ResendPhone = ResendPhone::SendCode(SendPhoneVerificationCode {});
const RETURN_AGAIN_MAIL: ResendEmail = ResendEmail::ReturnCode(ReturnEmailVerificationCode {});
const SEND_AGAIN_MAIL: ResendEmail = ResendEmail::SendCode(SendEmailVerificationCode { url_template: None });

#[tokio::test]
async fn contact_phone_code_is_sent_and_a_second_send_has_to_wait() {
    let (server, mut api, user) = start().await;
    let number_ = phone();
    assert_eq!(
        api.set_phone(&user, number(&number_, SEND_SMS)).await.unwrap(),
        None
    );
    let message = server.message(&number_).await;
    assert_eq!(message["channel"], "CHANNEL_SMS", "{message}");
    let code = message["code"].as_str().expect("a code");
    assert!(message["text"].as_str().expect("a text").contains(code));
    too_soon(api.resend_phone(&user, Some(SEND_AGAIN_SMS)).await);
    too_soon(api.resend_phone(&user, None).await);
    api.verify_phone(&user, code).await.unwrap();
    assert!(contact(&mut api, &user).await.phone.unwrap().is_verified);
}

#[tokio::test]
async fn contact_phone_resend_replaces_the_code() {
    let (_, mut api, user) = start().await;
    let first = api
        .set_phone(&user, number(&phone(), RETURN_SMS))
        .await
        .unwrap()
        .expect("a code");
    let second = api
        .resend_phone(&user, Some(RETURN_AGAIN_SMS))
        .await
        .unwrap()
        .expect("a code");
    if first != second {
        refused(
            api.verify_phone(&user, &first).await,
            Code::InvalidArgument,
            "CODE-woT0xc",
        );
    }
    api.verify_phone(&user, &second).await.unwrap();
}

#[tokio::test]
async fn contact_phone_is_normalised_or_refused() {
    let (_, mut api, user) = start().await;
    let number_ = phone();
    let spaced = format!("{} {} {}", &number_[..3], &number_[3..5], &number_[5..]);
    api.set_phone(&user, number(&spaced, PhoneMode::IsVerified(true)))
        .await
        .unwrap();
    let read = contact(&mut api, &user).await.phone.unwrap();
    assert_eq!((read.number, read.is_verified), (number_, true));
    let before = view(&mut api, &user).await.stamp;
    for bad in ["0791234567", "+", "+41", "+4179", "phone"] {
        refused(
            api.set_phone(&user, number(bad, RETURN_SMS)).await,
            Code::InvalidArgument,
            "PHONE-so0wa",
        );
    }
    let premium = number("+41900123456", RETURN_SMS);
    refused(api.set_phone(&user, premium).await, Code::InvalidArgument, ANY);
    invalid(api.set_phone(&user, number("", RETURN_SMS)).await, "number");
    invalid(
        api.set_phone(&user, number("+41791234567890123456", RETURN_SMS))
            .await,
        "number",
    );
    invalid(
        api.set_phone(&user, number(&phone(), PhoneMode::IsVerified(false)))
            .await,
        "verified",
    );
    invalid(api.set_phone(&user, None).await, "phone");
    assert_eq!(view(&mut api, &user).await.stamp, before);
}

#[tokio::test]
async fn contact_phone_code_dies_after_five_wrong_tries() {
    let (_, mut api, user) = start().await;
    let code = api
        .set_phone(&user, number(&phone(), RETURN_SMS))
        .await
        .unwrap()
        .expect("a code");
    let wrong = other_code(&code);
    for _ in 0..5 {
        refused(
            api.verify_phone(&user, &wrong).await,
            Code::InvalidArgument,
            "CODE-woT0xc",
        );
    }
    let status = api.verify_phone(&user, &code).await.unwrap_err();
    assert!(super::error_detail(&status).is_some(), "{status:?}");
    assert!(!contact(&mut api, &user).await.phone.unwrap().is_verified);
    let fresh = api
        .resend_phone(&user, Some(RETURN_AGAIN_SMS))
        .await
        .unwrap()
        .expect("a code");
    api.verify_phone(&user, &fresh).await.unwrap();
}

// --- contact e-mail ---------------------------------------------------------------------------

#[tokio::test]
async fn contact_email_from_set_to_verified() {
    let (_, mut api, user) = start().await;
    let address_ = email();
    let code = api
        .set_email(&user, address(&address_, RETURN_MAIL))
        .await
        .unwrap()
        .expect("a code");
    let read = contact(&mut api, &user).await.email.unwrap();
    assert_eq!((read.address, read.is_verified), (address_.clone(), false));
    refused(
        api.verify_email(&user, &other_code(&code)).await,
        Code::InvalidArgument,
        "CODE-woT0xc",
    );
    api.verify_email(&user, &code.to_lowercase()).await.unwrap();
    assert!(contact(&mut api, &user).await.email.unwrap().is_verified);
    let before = view(&mut api, &user).await.stamp;
    api.verify_email(&user, &code).await.unwrap();
    assert_eq!(view(&mut api, &user).await.stamp, before);
    refused(
        api.resend_email(&user, Some(RETURN_AGAIN_MAIL)).await,
        Code::FailedPrecondition,
        "COMMAND-QRkNTBwF8q",
    );
}

#[tokio::test]
async fn contact_email_code_is_sent_with_a_link_to_an_allowed_host() {
    let (server, mut api, user) = start().await;
    let address_ = email();
    let template = format!("{}/verify?user={{{{.UserID}}}}&code={{{{.Code}}}}", server.url);
    let mode = EmailMode::SendCode(SendEmailVerificationCode {
        url_template: Some(template),
    });
    assert_eq!(
        api.set_email(&user, address(&address_, mode)).await.unwrap(),
        None
    );
    let message = server.message(&address_).await;
    assert_eq!(message["channel"], "CHANNEL_EMAIL", "{message}");
    let code = message["code"].as_str().expect("a code");
    let link = format!("{}/verify?user={user}&code={code}", server.url);
    assert!(
        message["text"].as_str().expect("a text").contains(&link),
        "{message}"
    );
    too_soon(api.resend_email(&user, Some(SEND_AGAIN_MAIL)).await);
    api.verify_email(&user, code).await.unwrap();
}

#[tokio::test]
async fn contact_email_resend_replaces_the_code() {
    let (_, mut api, user) = start().await;
    let first = api
        .set_email(&user, address(&email(), RETURN_MAIL))
        .await
        .unwrap()
        .expect("a code");
    let second = api
        .resend_email(&user, Some(RETURN_AGAIN_MAIL))
        .await
        .unwrap()
        .expect("a code");
    if first != second {
        refused(
            api.verify_email(&user, &first).await,
            Code::InvalidArgument,
            "CODE-woT0xc",
        );
    }
    api.verify_email(&user, &second).await.unwrap();
}

#[tokio::test]
async fn contact_email_is_refused_when_it_is_none() {
    let (_, mut api, user) = start().await;
    let before = view(&mut api, &user).await.stamp;
    for bad in [
        "",
        "gigi",
        "gigi@",
        "@example.com",
        "gi gi@example.com",
        "gigi@example.com\r\nBcc: x@example.com",
    ] {
        let status = api.set_email(&user, address(bad, RETURN_MAIL)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{bad:?}: {status:?}");
    }
    for bad in [
        "https://example.net/{{.Code}}",
        "javascript:alert({{.Code}})",
        "{{.Nothing}}",
        "{{if .Code}}",
        "/relative",
    ] {
        let mode = EmailMode::SendCode(SendEmailVerificationCode {
            url_template: Some(bad.to_owned()),
        });
        let status = api.set_email(&user, address(&email(), mode)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{bad:?}: {status:?}");
    }
    invalid(
        api.set_email(&user, address(&email(), EmailMode::IsVerified(false)))
            .await,
        "verified",
    );
    invalid(api.set_email(&user, None).await, "email");
    assert_eq!(view(&mut api, &user).await.stamp, before);
}

// --- OTP SMS ----------------------------------------------------------------------------------

#[tokio::test]
async fn otp_sms_from_add_to_verified_to_removed() {
    let (_, mut api, user) = start().await;
    let number_ = phone();
    let (id, code) = api.add_sms(&user, number(&number_, RETURN_SMS)).await.unwrap();
    let code = code.expect("a code");
    assert_eq!(
        sms_factors(&mut api, &user).await,
        [(id.clone(), number_.clone(), false)]
    );
    refused(
        api.verify_sms(&user, &id, &other_code(&code)).await,
        Code::InvalidArgument,
        "CODE-woT0xc",
    );
    api.verify_sms(&user, &id, &code).await.unwrap();
    refused(
        api.verify_sms(&user, &id, &code).await,
        Code::FailedPrecondition,
        ANY,
    );
    assert_eq!(
        sms_factors(&mut api, &user).await,
        [(id.clone(), number_.clone(), true)]
    );
    assert!(contact(&mut api, &user).await.phone.is_none());
    refused(
        api.add_sms(&user, number(&number_, RETURN_SMS)).await,
        Code::AlreadyExists,
        "COMMAND-Ad3g2",
    );
    api.remove_sms(&user, &id).await.unwrap();
    assert_eq!(sms_factors(&mut api, &user).await, []);
    refused(api.remove_sms(&user, &id).await, Code::NotFound, "COMMAND-Sr3h3");
    refused(api.verify_sms(&user, &id, &code).await, Code::NotFound, ANY);
}

#[tokio::test]
async fn otp_sms_code_is_sent_and_proves_the_number() {
    let (server, mut api, user) = start().await;
    let number_ = phone();
    let (id, code) = api.add_sms(&user, number(&number_, SEND_SMS)).await.unwrap();
    assert_eq!(code, None);
    too_soon(api.add_sms(&user, number(&number_, SEND_SMS)).await);
    let code = server.code(&number_).await;
    api.verify_sms(&user, &id, &code).await.unwrap();
    assert_eq!(sms_factors(&mut api, &user).await, [(id, number_, true)]);
}

#[tokio::test]
async fn otp_sms_added_again_while_pending_is_a_resend() {
    let (_, mut api, user) = start().await;
    let number_ = phone();
    let (id, first) = api.add_sms(&user, number(&number_, RETURN_SMS)).await.unwrap();
    let (again, second) = api.add_sms(&user, number(&number_, RETURN_SMS)).await.unwrap();
    assert_eq!(again, id);
    let (first, second) = (first.expect("a code"), second.expect("a code"));
    if first != second {
        refused(
            api.verify_sms(&user, &id, &first).await,
            Code::InvalidArgument,
            "CODE-woT0xc",
        );
    }
    api.verify_sms(&user, &id, &second).await.unwrap();
}

#[tokio::test]
async fn otp_sms_several_per_user_up_to_ten() {
    let (_, mut api, user) = start().await;
    for _ in 0..10 {
        let (_, code) = api
            .add_sms(&user, number(&phone(), PhoneMode::IsVerified(true)))
            .await
            .unwrap();
        assert_eq!(code, None);
    }
    let status = api
        .add_sms(&user, number(&phone(), PhoneMode::IsVerified(true)))
        .await
        .unwrap_err();
    assert!(
        matches!(status.code(), Code::FailedPrecondition | Code::ResourceExhausted),
        "{status:?}"
    );
    let factors = sms_factors(&mut api, &user).await;
    assert_eq!((factors.len(), factors.iter().all(|factor| factor.2)), (10, true));
}

#[tokio::test]
async fn otp_sms_refuses_bad_input_and_foreign_factors() {
    let (_, mut api, user) = start().await;
    refused(
        api.add_sms(&user, number("0791234567", RETURN_SMS)).await,
        Code::InvalidArgument,
        "PHONE-so0wa",
    );
    invalid(api.add_sms(&user, number("", RETURN_SMS)).await, "number");
    invalid(
        api.add_sms(&user, number(&phone(), PhoneMode::IsVerified(false)))
            .await,
        "verified",
    );
    invalid(api.add_sms(&user, None).await, "phone");
    assert_eq!(sms_factors(&mut api, &user).await, []);
    refused(
        api.verify_sms(&user, &nobody(), "123456").await,
        Code::NotFound,
        ANY,
    );
    refused(
        api.remove_sms(&user, &nobody()).await,
        Code::NotFound,
        "COMMAND-Sr3h3",
    );
    invalid(api.verify_sms(&user, "1", "").await, "code");
    let other = api.create(NewUser::default()).await.unwrap().id;
    let (id, code) = api.add_sms(&other, number(&phone(), RETURN_SMS)).await.unwrap();
    refused(
        api.verify_sms(&user, &id, &code.unwrap()).await,
        Code::NotFound,
        ANY,
    );
    refused(api.remove_sms(&user, &id).await, Code::NotFound, "COMMAND-Sr3h3");
    assert_eq!(sms_factors(&mut api, &other).await.len(), 1);
}

#[tokio::test]
async fn otp_sms_code_dies_after_five_wrong_tries() {
    let (_, mut api, user) = start().await;
    let number_ = phone();
    let (id, code) = api.add_sms(&user, number(&number_, RETURN_SMS)).await.unwrap();
    let code = code.expect("a code");
    for _ in 0..5 {
        refused(
            api.verify_sms(&user, &id, &other_code(&code)).await,
            Code::InvalidArgument,
            "CODE-woT0xc",
        );
    }
    let status = api.verify_sms(&user, &id, &code).await.unwrap_err();
    assert!(super::error_detail(&status).is_some(), "{status:?}");
    assert_eq!(sms_factors(&mut api, &user).await, [(id, number_, false)]);
}

// --- OTP e-mail -------------------------------------------------------------------------------

#[tokio::test]
async fn otp_email_from_add_to_verified_to_removed() {
    let (_, mut api, user) = start().await;
    let address_ = email();
    let (id, code) = api
        .add_mail(&user, address(&address_, RETURN_MAIL))
        .await
        .unwrap();
    let code = code.expect("a code");
    assert_eq!(
        email_factors(&mut api, &user).await,
        [(id.clone(), address_.clone(), false)]
    );
    refused(
        api.verify_mail(&user, &id, &other_code(&code)).await,
        Code::InvalidArgument,
        "CODE-woT0xc",
    );
    api.verify_mail(&user, &id, &code).await.unwrap();
    refused(
        api.verify_mail(&user, &id, &code).await,
        Code::FailedPrecondition,
        ANY,
    );
    assert_eq!(
        email_factors(&mut api, &user).await,
        [(id.clone(), address_.clone(), true)]
    );
    assert!(contact(&mut api, &user).await.email.is_none());
    refused(
        api.add_mail(&user, address(&address_.to_uppercase(), RETURN_MAIL))
            .await,
        Code::AlreadyExists,
        "COMMAND-MKL2s",
    );
    api.remove_mail(&user, &id).await.unwrap();
    assert_eq!(email_factors(&mut api, &user).await, []);
    refused(api.remove_mail(&user, &id).await, Code::NotFound, "COMMAND-b312D");
    refused(api.verify_mail(&user, &id, &code).await, Code::NotFound, ANY);
}

#[tokio::test]
async fn otp_email_code_is_sent_and_proves_the_address() {
    let (server, mut api, user) = start().await;
    let address_ = email();
    let (id, code) = api.add_mail(&user, address(&address_, SEND_MAIL)).await.unwrap();
    assert_eq!(code, None);
    too_soon(api.add_mail(&user, address(&address_, SEND_MAIL)).await);
    let code = server.code(&address_).await;
    api.verify_mail(&user, &id, &code).await.unwrap();
    assert_eq!(email_factors(&mut api, &user).await, [(id, address_, true)]);
}

#[tokio::test]
async fn otp_email_added_again_while_pending_is_a_resend() {
    let (_, mut api, user) = start().await;
    let address_ = email();
    let (id, first) = api
        .add_mail(&user, address(&address_, RETURN_MAIL))
        .await
        .unwrap();
    let (again, second) = api
        .add_mail(&user, address(&address_, RETURN_MAIL))
        .await
        .unwrap();
    assert_eq!(again, id);
    let (first, second) = (first.expect("a code"), second.expect("a code"));
    if first != second {
        refused(
            api.verify_mail(&user, &id, &first).await,
            Code::InvalidArgument,
            "CODE-woT0xc",
        );
    }
    api.verify_mail(&user, &id, &second).await.unwrap();
}

#[tokio::test]
async fn otp_email_refuses_bad_input_and_unknown_factors() {
    let (_, mut api, user) = start().await;
    for bad in ["", "gigi", "gigi@example.com\nBcc: x@example.com"] {
        let status = api.add_mail(&user, address(bad, RETURN_MAIL)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{bad:?}: {status:?}");
    }
    let mode = EmailMode::SendCode(SendEmailVerificationCode {
        url_template: Some("https://example.net/{{.Code}}".to_owned()),
    });
    refused(
        api.add_mail(&user, address(&email(), mode)).await,
        Code::InvalidArgument,
        ANY,
    );
    invalid(api.add_mail(&user, None).await, "email");
    assert_eq!(email_factors(&mut api, &user).await, []);
    refused(
        api.verify_mail(&user, &nobody(), "ABCDEF").await,
        Code::NotFound,
        ANY,
    );
    refused(
        api.remove_mail(&user, &nobody()).await,
        Code::NotFound,
        "COMMAND-b312D",
    );
}

// --- who may ----------------------------------------------------------------------------------

#[tokio::test]
async fn without_a_valid_token_nothing_answers() {
    let (server, _, user) = start().await;
    let mut nobody = Api::new(&server, Bearer(None)).await;
    assert_eq!(nobody.get(&user).await.unwrap_err().code(), Code::Unauthenticated);
    let mut garbage = Api::new(&server, Bearer(Some("garbage".to_owned()))).await;
    refused(garbage.get(&user).await, Code::Unauthenticated, "AUTH-7fs1e");
    refused(
        garbage.set_phone(&user, None).await,
        Code::Unauthenticated,
        "AUTH-7fs1e",
    );
}

#[tokio::test]
async fn a_stranger_cannot_tell_existing_from_missing() {
    let (server, mut admin, user) = start().await;
    let stranger = server.user().await;
    let mut api = Api::new(&server, server.bearer_of(&stranger).await).await;
    let missing = nobody();
    let same = |there: Status, not_there: Status| {
        assert_eq!(there.code(), Code::NotFound, "{there:?}");
        assert_eq!(
            (there.code(), there.message()),
            (not_there.code(), not_there.message())
        );
    };
    same(
        api.get(&user).await.unwrap_err(),
        api.get(&missing).await.unwrap_err(),
    );
    same(
        api.lock(&user).await.unwrap_err(),
        api.lock(&missing).await.unwrap_err(),
    );
    same(
        api.delete(&user).await.unwrap_err(),
        api.delete(&missing).await.unwrap_err(),
    );
    same(
        api.set_phone(&user, number(&phone(), SEND_SMS))
            .await
            .unwrap_err(),
        api.set_phone(&missing, number(&phone(), SEND_SMS))
            .await
            .unwrap_err(),
    );
    same(
        api.add_sms(&user, number(&phone(), SEND_SMS)).await.unwrap_err(),
        api.add_sms(&missing, number(&phone(), SEND_SMS))
            .await
            .unwrap_err(),
    );
    assert_eq!(view(&mut admin, &user).await.state, State::UserStateActive);
}

#[tokio::test]
async fn a_user_proves_its_own_number_but_cannot_skip_the_proof() {
    let (server, _, user) = start().await;
    let mut api = Api::new(&server, server.bearer_of(&user).await).await;
    let number_ = phone();
    view(&mut api, &user).await;
    refused(
        api.set_phone(&user, number(&number_, PhoneMode::IsVerified(true)))
            .await,
        Code::PermissionDenied,
        ANY,
    );
    refused(
        api.set_phone(&user, number(&number_, RETURN_SMS)).await,
        Code::PermissionDenied,
        ANY,
    );
    refused(
        api.add_sms(&user, number(&number_, PhoneMode::IsVerified(true)))
            .await,
        Code::PermissionDenied,
        ANY,
    );
    refused(
        api.add_sms(&user, number(&number_, RETURN_SMS)).await,
        Code::PermissionDenied,
        ANY,
    );
    refused(
        api.add_mail(&user, address(&email(), RETURN_MAIL)).await,
        Code::PermissionDenied,
        ANY,
    );
    let (id, _) = api.add_sms(&user, number(&number_, SEND_SMS)).await.unwrap();
    let code = server.code(&number_).await;
    api.verify_sms(&user, &id, &code).await.unwrap();
    api.remove_sms(&user, &id).await.unwrap();
    refused(api.lock(&user).await, Code::PermissionDenied, ANY);
}

#[tokio::test]
async fn a_deleted_or_locked_user_can_no_longer_call() {
    let (server, mut admin, user) = start().await;
    let mut api = Api::new(&server, server.bearer_of(&user).await).await;
    view(&mut api, &user).await;
    admin.lock(&user).await.unwrap();
    assert_eq!(api.get(&user).await.unwrap_err().code(), Code::Unauthenticated);
    admin.delete(&user).await.unwrap();
    assert_eq!(api.get(&user).await.unwrap_err().code(), Code::Unauthenticated);
}

// --- usernames and apps -----------------------------------------------------------------------

#[tokio::test]
async fn users_are_found_by_their_names() {
    let (_, mut api, one) = start().await;
    let two = api.create(NewUser::default()).await.unwrap().id;
    let (ada, bea) = (format!("Ada{:x}", random()), format!("bea{:x}", random()));
    api.add_name(&one, &ada, false).await.unwrap();
    api.add_name(&two, &bea, true).await.unwrap();
    let names = [ada.to_uppercase(), bea];
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(api.find(&names, 10).await.unwrap(), (vec![one.clone(), two], 2));
    assert_eq!(api.find(&names, 1).await.unwrap(), (vec![one], 2));
    assert_eq!(api.find(&["nobody at all"], 10).await.unwrap(), (Vec::new(), 0));
    invalid(api.find(&names, 1001).await, "limit");
}

#[tokio::test]
async fn names_are_several_and_nobody_elses() {
    let (_, mut api, user) = start().await;
    let other = api.create(NewUser::default()).await.unwrap().id;
    let name = format!("Gigi-{:x}", random());
    let wide = api.add_name(&user, &name, false).await.unwrap();
    let of_org = api.add_name(&user, &name, true).await.unwrap();
    assert_ne!(wide, of_org);
    let names = view(&mut api, &user).await.authenticators.usernames;
    let names: Vec<_> = names
        .into_iter()
        .map(|it| (it.username_id, it.username, it.is_organization_specific))
        .collect();
    assert_eq!(
        names,
        [(wide.clone(), name.clone(), false), (of_org, name.clone(), true)]
    );
    let upper = name.to_uppercase();
    refused(
        api.add_name(&other, &upper, false).await,
        Code::AlreadyExists,
        "V3-DKcYh",
    );
    refused(
        api.remove_name(&other, &wide).await,
        Code::NotFound,
        "COMMAND-uEii8L6Awp",
    );
    api.remove_name(&user, &wide).await.unwrap();
    api.add_name(&other, &upper, false).await.unwrap();
    api.delete(&user).await.unwrap();
    api.add_name(&other, &name, true).await.unwrap();
    refused(
        api.add_name(&other, "gi gi", false).await,
        Code::InvalidArgument,
        ANY,
    );
}

#[tokio::test]
async fn an_app_is_registered_by_the_code_that_it_shows() {
    let (_, mut api, user) = start().await;
    let (id, _, secret) = api.start_totp(&user).await.unwrap();
    let secret = Secret::Encoded(secret).to_bytes().expect("base32");
    let app = TOTP::new(Algorithm::SHA1, 6, 1, 30, secret).expect("long enough");
    let shows = || app.generate_current().expect("a clock");
    refused(
        api.verify_totp(&user, &id, &other_code(&shows())).await,
        Code::InvalidArgument,
        "EVENT-8isk2",
    );
    api.verify_totp(&user, &id, &shows()).await.unwrap();
    let totps = view(&mut api, &user).await.authenticators.totps;
    let totps: Vec<_> = totps.into_iter().map(|it| (it.totp_id, it.is_verified)).collect();
    assert_eq!(totps, [(id.clone(), true)]);
    refused(
        api.verify_totp(&user, &id, &shows()).await,
        Code::FailedPrecondition,
        "COMMAND-qx4ls",
    );
    api.remove_totp(&user, &id).await.unwrap();
}

#[tokio::test]
async fn an_app_is_started_and_removed() {
    let (_, mut api, user) = start().await;
    let (id, uri, secret) = api.start_totp(&user).await.unwrap();
    assert_eq!(secret.len(), 32, "20 bytes in base32");
    assert!(
        uri.starts_with("otpauth://totp/") && uri.contains(&format!("secret={secret}&")),
        "{uri}"
    );
    let totps = view(&mut api, &user).await.authenticators.totps;
    let totps: Vec<_> = totps.into_iter().map(|it| (it.totp_id, it.is_verified)).collect();
    assert_eq!(totps, [(id.clone(), false)]);
    refused(
        api.verify_totp(&user, &id, "00000x").await,
        Code::InvalidArgument,
        "EVENT-8isk2",
    );
    api.remove_totp(&user, &id).await.unwrap();
    refused(api.remove_totp(&user, &id).await, Code::NotFound, "COMMAND-Hd9sd");
    refused(
        api.verify_totp(&user, &id, "000000").await,
        Code::NotFound,
        "COMMAND-3Mif9s",
    );
}

#[tokio::test]
async fn a_key_is_registered_by_a_link_and_removed() {
    let (_, mut api, user) = start().await;
    refused(
        api.start_key(&user, "example.org", None).await,
        Code::InvalidArgument,
        "MERLON-G6pX9cWd",
    );
    let link = api.return_key_link(&user).await.unwrap();
    let (id, options) = api
        .start_key(&user, "localhost", Some(link.clone()))
        .await
        .unwrap();
    refused(
        api.start_key(&user, "localhost", Some(link)).await,
        Code::InvalidArgument,
        "COMMAND-Dhz8i",
    );
    let (other, _) = api.start_key(&user, "localhost", None).await.unwrap();
    let answer = security_key::answer(&options);
    refused(
        api.verify_key(&user, &other, &answer).await,
        Code::InvalidArgument,
        "WEBAU-3Vb9s",
    );
    api.verify_key(&user, &id, &answer).await.unwrap();
    refused(
        api.verify_key(&user, &id, &answer).await,
        Code::FailedPrecondition,
        "MERLON-D8kV3wNq",
    );
    api.remove_key(&user, &other).await.unwrap();
    let keys = view(&mut api, &user).await.authenticators.web_auth_n;
    let keys: Vec<_> = keys
        .into_iter()
        .map(|it| (it.web_auth_n_id, it.name, it.is_verified, it.user_verified))
        .collect();
    assert_eq!(keys, [(id.clone(), "my key".to_owned(), true, false)]);
    api.remove_key(&user, &id).await.unwrap();
    refused(api.remove_key(&user, &id).await, Code::NotFound, "COMMAND-DAfb2");
}

// --- accounts elsewhere -----------------------------------------------------------------------

#[tokio::test]
async fn an_account_elsewhere_is_linked_to_one_user() {
    let (server, mut api, user) = start().await;
    let provider = json!({
        "name": "Elsewhere", "issuer": "https://id.example.com", "clientId": "merlon", "clientSecret": "secret",
    });
    let added = server
        .rest_ok("POST", "/admin/v1/idps/generic_oidc", provider)
        .await;
    let idp = added["id"].as_str().expect("an id");
    let account = nobody();
    api.add_link(&user, idp, &account, "gigi").await.unwrap();
    let links = view(&mut api, &user).await.authenticators.identity_providers;
    let links: Vec<_> = links
        .into_iter()
        .map(|it| (it.idp_id, it.idp_name, it.user_id, it.username))
        .collect();
    let expected = [idp, "Elsewhere", account.as_str(), "gigi"].map(str::to_owned);
    assert_eq!(links, [expected.into()]);
    let other = api.create(NewUser::default()).await.unwrap().id;
    refused(
        api.add_link(&other, idp, &account, "gigi").await,
        Code::AlreadyExists,
        "V3-DKcYh",
    );
    let mut own = Api::new(&server, server.bearer_of(&user).await).await;
    refused(
        own.add_link(&user, idp, &nobody(), "gigi").await,
        Code::PermissionDenied,
        ANY,
    );
    api.remove_link(&user, idp).await.unwrap();
    refused(api.remove_link(&user, idp).await, Code::NotFound, "COMMAND-1M9xR");
    api.add_link(&other, idp, &account, "gigi").await.unwrap();
    server
        .rest_ok(
            "DELETE",
            &format!("/admin/v1/idps/templates/{idp}"),
            serde_json::Value::Null,
        )
        .await;
}

#[tokio::test]
async fn a_sign_in_elsewhere_begins_at_the_provider() {
    let (server, mut api, _) = start().await;
    let provider = json!({
        "name": "Elsewhere", "clientId": "merlon", "clientSecret": "secret", "idAttribute": "id",
        "authorizationEndpoint": "https://id.example.com/authorize",
        "tokenEndpoint": "https://id.example.com/token",
        "userEndpoint": "https://id.example.com/me",
    });
    let added = server.rest_ok("POST", "/admin/v1/idps/oauth", provider).await;
    let idp = added["id"].as_str().expect("an id");
    let here = |page: &str| format!("http://localhost:1/{page}");
    let page = api
        .start_intent(idp, &here("done"), &here("failed"))
        .await
        .unwrap();
    assert!(page.starts_with("https://id.example.com/authorize?"), "{page}");
    for part in ["client_id=merlon", "state=", "code_challenge_method=S256"] {
        assert!(page.contains(part), "{page}");
    }
    let foreign = api
        .start_intent(idp, "https://example.net/done", &here("failed"))
        .await;
    refused(foreign, Code::InvalidArgument, "MERLON-s5Jv9HdK");
    refused(
        api.outcome(&nobody(), "no token").await,
        Code::PermissionDenied,
        "MERLON-n9Gs4KvD",
    );
    server
        .rest_ok(
            "DELETE",
            &format!("/admin/v1/idps/templates/{idp}"),
            serde_json::Value::Null,
        )
        .await;
}
