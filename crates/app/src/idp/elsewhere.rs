//! What is asked of identity providers. Who speaks their protocols is handed in, as time and randomness are.

use std::{fmt, future::Future, pin::Pin};

use domain::{idp::Settings, idp_intent::Failure, user::ExternalUser};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::secret::Secret;

/// The answer of a provider, or why there is none.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Failure>> + Send + 'a>>;

/// Somebody who speaks the protocols of identity providers.
pub trait Elsewhere: Send + Sync + 'static {
    /// The page of the provider to which a person is sent, with everything that has to come back.
    fn sign_in_page<'a>(&'a self, settings: &'a Settings, ask: &'a Ask<'a>) -> Answer<'a, String>;

    /// Who it is that came back: the code is exchanged, and what comes for it is checked.
    fn identify<'a>(
        &'a self,
        settings: &'a Settings,
        secret: &'a Secret,
        came: &'a CameBack<'a>,
    ) -> Answer<'a, Identity>;
}

/// What a person takes to the provider.
pub struct Ask<'a> {
    /// Has to come back.
    pub state: &'a Secret,
    /// What this flow alone knows.
    pub flow: &'a Flow,
    /// Where to come back to.
    pub redirect_uri: &'a str,
}

/// What a person brought back.
pub struct CameBack<'a> {
    /// What the provider gave them.
    pub code: &'a Secret,
    /// Who says to have given it (RFC 9207).
    pub issuer: Option<&'a str>,
    /// What this flow alone knows.
    pub flow: &'a Flow,
    /// Where they came back to.
    pub redirect_uri: &'a str,
}

/// Secrets that bind everything to one flow.
#[derive(Clone, Serialize, Deserialize)]
pub struct Flow {
    /// Has to stand in the ID token.
    pub nonce: String,
    /// Has to be shown with the code (RFC 7636).
    pub verifier: String,
}

/// What a provider said of a person.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// Who it is there.
    pub user: ExternalUser,
    /// Everything that was said.
    pub information: Map<String, Value>,
    /// The access token that was given.
    pub access_token: String,
    /// The ID token that was given.
    pub id_token: Option<String>,
}

macro_rules! hidden {
    ($($name:ident $(<$life:lifetime>)?),+ $(,)?) => {$(
        impl fmt::Debug for $name $(<$life>)? {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    )+};
}

hidden!(Ask<'_>, CameBack<'_>, Flow, Identity);
