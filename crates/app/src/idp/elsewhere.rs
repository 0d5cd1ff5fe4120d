//! What is asked of identity providers. Who speaks their protocols is handed in, as time and randomness are.

use std::{fmt, future::Future, pin::Pin};

use domain::{
    idp::{LdapSettings, Settings},
    idp_intent::Failure,
    user::{ExternalUser, Username},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::secret::Secret;

/// The answer of a provider, or why there is none.
pub type Answer<'a, T, E = Failure> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'a>>;

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

    /// Who it is that a directory knows by this name and password. The password goes to one server at most, and never when it
    /// is empty: then everybody could bind (RFC 4513 section 5.1.2). Whom it finds is [called](Credentials::are_of) by the name.
    fn bind<'a>(
        &'a self,
        settings: &'a LdapSettings,
        secret: &'a Secret,
        credentials: &'a Credentials<'a>,
    ) -> Answer<'a, Identity, Unbound>;
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
    /// What was given along with it.
    pub access: Access,
}

/// What a provider gives along with an identity.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// Tokens.
    Oauth {
        /// The access token.
        access_token: String,
        /// The ID token.
        id_token: Option<String>,
    },
    /// The entry of a directory.
    Ldap {
        /// Every attribute that was asked for, with all its values.
        attributes: Map<String, Value>,
    },
}

/// What a person enters who signs in at a directory.
pub struct Credentials<'a> {
    /// Their name there.
    pub username: &'a str,
    /// Their password there.
    pub password: &'a Secret,
}

impl Credentials<'_> {
    /// The form of the name that counts: neither case nor blanks around it nor compatible characters make another one.
    pub fn name(&self) -> Username {
        Username::from_trusted(self.username.trim())
    }

    /// Whether this is the name that was entered.
    pub fn are_of(&self, name: &str) -> bool {
        Username::from_trusted(name.trim()).canonical() == self.name().canonical()
    }
}

/// Why a directory did not say who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unbound {
    /// What went wrong.
    pub failure: Failure,
    /// Whether a password may have been compared and been wrong. Without an answer nobody knows, and that must not be free.
    pub guessed: bool,
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

hidden!(Access, Ask<'_>, CameBack<'_>, Credentials<'_>, Flow, Identity);
