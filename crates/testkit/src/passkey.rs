//! An authenticator and browser of another project, in software: answers creation options as a passkey would.

use async_trait::async_trait;
use passkey::{
    authenticator::{Authenticator, UiHint, UserCheck, UserValidationMethod},
    client::{Client, DefaultClientData},
    crypto::rust_crypto::RustCryptoBackend,
    types::{
        Passkey,
        ctap2::{Aaguid, Ctap2Error},
        webauthn::CredentialCreationOptions,
    },
};
use serde_json::{Map, Value};
use url::Url;

/// The person at the authenticator: always there, and verified if the authenticator can.
struct Person {
    verified: bool,
}

#[async_trait]
impl UserValidationMethod for Person {
    type PasskeyItem = Passkey;

    async fn check_user<'a>(
        &self,
        _hint: UiHint<'a, Passkey>,
        _presence: bool,
        _verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        Ok(UserCheck {
            presence: true,
            verification: self.verified,
        })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        self.verified.then_some(true)
    }
}

/// What a browser on a page of `origin` answers to `options`, with a new passkey; with a PIN or without.
/// Nothing when it refuses, because the domain does not belong to the page.
pub async fn create_passkey(options: &Map<String, Value>, origin: &str, verified: bool) -> Option<Value> {
    let store: Option<Passkey> = None;
    let authenticator =
        Authenticator::new(Aaguid::new_empty(), store, Person { verified }, RustCryptoBackend);
    let mut client = Client::new(authenticator)
        .allows_insecure_localhost(true)
        .user_verification_when_preferred(verified);
    let options: CredentialCreationOptions =
        serde_json::from_value(Value::Object(options.clone())).expect("options that others understand");
    let origin = Url::parse(origin).expect("an origin");
    let created = client.register(&origin, options, DefaultClientData).await.ok()?;
    Some(serde_json::to_value(created).expect("JSON"))
}
