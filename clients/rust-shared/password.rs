//! The password calls, told once and run through both generations of the published crate.

use tonic::Code;

use super::{ANY, Server, other_code, phone, refused};
use crate::api::{
    Api, NewPassword, NewUser, PasswordProof, PhoneMode, ResetMedium, ReturnPasswordResetCode,
    SendPasswordResetSms, SetPhone,
};

const FIRST: &str = "giraffes eat acacia leaves";
const SECOND: &str = "elephants would rather not";

/// What `openssl passwd -6` makes of the first one.
const HASH: &str =
    "$6$merlonclients$.4bEzr21MQlG2wBGvO1HUYJWWuTSnn7YiB.aOC87/qJGbqHalwqx107kSzTbcu91CbbB72EU7h205IhjZwEOX/";

/// An administrator's client, a fresh user, and the client of that user.
async fn start() -> (Server, Api, String, Api) {
    let server = Server::from_env();
    let mut api = Api::new(&server, server.admin()).await;
    let user = api.create(NewUser::default()).await.unwrap().id;
    let own = Api::new(&server, server.bearer_of(&user).await).await;
    (server, api, user, own)
}

fn plain(text: &str) -> NewPassword {
    NewPassword::Password(text.to_owned())
}

fn current(text: &str) -> Option<PasswordProof> {
    Some(PasswordProof::CurrentPassword(text.to_owned()))
}

fn code(text: &str) -> Option<PasswordProof> {
    Some(PasswordProof::VerificationCode(text.to_owned()))
}

#[tokio::test]
async fn a_password_is_changed_by_who_knows_it() {
    let (_, mut api, user, mut own) = start().await;
    assert!(api.get(&user).await.unwrap().authenticators.password.is_none());
    refused(
        api.set_password(&user, plain("short"), None).await,
        Code::InvalidArgument,
        "DOMAIN-HuJf6",
    );
    refused(
        api.set_password(&user, plain("password1"), None).await,
        Code::InvalidArgument,
        "MERLON-J3cV6nMx",
    );
    api.set_password(&user, plain(FIRST), None).await.unwrap();
    let shown = api.get(&user).await.unwrap().authenticators.password;
    assert!(shown.expect("a password").last_changed.is_some());

    refused(
        own.set_password(&user, plain(SECOND), None).await,
        Code::PermissionDenied,
        "AUTH-AWfge",
    );
    refused(
        own.set_password(&user, plain(SECOND), current("not this one"))
            .await,
        Code::InvalidArgument,
        "COMMAND-3M0fs",
    );
    own.set_password(&user, plain(SECOND), current(FIRST))
        .await
        .unwrap();
    refused(
        own.set_password(&user, plain(FIRST), current(FIRST)).await,
        Code::InvalidArgument,
        "COMMAND-3M0fs",
    );
}

#[tokio::test]
async fn a_password_from_elsewhere_comes_as_its_hash() {
    let (_, mut api, user, mut own) = start().await;
    let hash = || NewPassword::Hash(HASH.to_owned());
    refused(
        own.set_password(&user, hash(), None).await,
        Code::PermissionDenied,
        ANY,
    );
    let nonsense = NewPassword::Hash("no hash at all".to_owned());
    refused(
        api.set_password(&user, nonsense, None).await,
        Code::InvalidArgument,
        "COMMAND-oz74onzvqr",
    );
    api.set_password(&user, hash(), None).await.unwrap();
    own.set_password(&user, plain(SECOND), current(FIRST))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_forgotten_password_is_reset_by_a_code() {
    let (server, mut api, user, mut own) = start().await;
    let returned = || ResetMedium::ReturnCode(ReturnPasswordResetCode {});
    let sent = || ResetMedium::SendSms(SendPasswordResetSms {});
    refused(
        own.reset_password(&user, returned()).await,
        Code::PermissionDenied,
        "AUTH-AWfge",
    );
    refused(
        api.reset_password(&user, sent()).await,
        Code::FailedPrecondition,
        ANY,
    );
    let answered = api
        .reset_password(&user, returned())
        .await
        .unwrap()
        .expect("a code");
    refused(
        own.set_password(&user, plain(FIRST), code(&other_code(&answered)))
            .await,
        Code::InvalidArgument,
        "CODE-woT0xc",
    );
    own.set_password(&user, plain(FIRST), code(&answered))
        .await
        .unwrap();
    refused(
        own.set_password(&user, plain(SECOND), code(&answered)).await,
        Code::FailedPrecondition,
        "COMMAND-2M9fs",
    );

    let number = phone();
    let contact = SetPhone {
        number: number.clone(),
        verification: Some(PhoneMode::IsVerified(true)),
    };
    api.set_phone(&user, Some(contact)).await.unwrap();
    assert_eq!(own.reset_password(&user, sent()).await.unwrap(), None);
    let texted = server.code(&number).await;
    own.set_password(&user, plain(SECOND), code(&texted))
        .await
        .unwrap();
}
