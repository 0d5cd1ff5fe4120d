//! Speaks to identity providers: OpenID Connect, OAuth 2 and LDAP, and the address that people come back to. What is believed of
//! them is decided here; what follows from it is not.

mod callback;
mod discovery;
mod id_token;
mod ldap;
mod oauth;
mod outside;

use std::{fmt, sync::Arc, time::Duration};

use app::{
    Clock,
    idp::elsewhere::{Answer, Ask, CameBack, Credentials, Elsewhere, Identity, Unbound},
    secret::Secret,
};
use domain::{
    idp::{LdapSettings, Settings},
    idp_intent::Failure,
};

pub use callback::routes;

use crate::{discovery::Discoveries, ldap::Directories, outside::Outside};

/// How providers may be reached.
#[derive(Clone, Copy, Debug)]
pub struct FederationSettings {
    /// Providers may be on this machine, in a private network, and without TLS.
    pub allow_private: bool,
    /// Time for one call.
    pub timeout: Duration,
}

/// Somebody who speaks the protocols of identity providers.
pub struct Federation {
    outside: Outside,
    discoveries: Discoveries,
    directories: Directories,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Federation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Federation(..)")
    }
}

impl Federation {
    /// Calls nothing yet.
    pub fn new(settings: FederationSettings, clock: Arc<dyn Clock>) -> Result<Self, reqwest::Error> {
        Ok(Self {
            outside: Outside::new(settings)?,
            discoveries: Discoveries::default(),
            directories: Directories::new(settings),
            clock,
        })
    }

    async fn page(&self, settings: &Settings, ask: &Ask<'_>) -> Result<String, Failure> {
        match settings {
            Settings::Oidc(oidc) => {
                let found = self.discoveries.of(self, &oidc.issuer).await?;
                oauth::oidc_page(&self.outside, oidc, &found, ask)
            }
            Settings::Oauth(oauth) => oauth::oauth_page(&self.outside, oauth, ask),
            Settings::Ldap(_) => Err(Failure::Refused),
        }
    }

    async fn person(
        &self,
        settings: &Settings,
        secret: &Secret,
        came: &CameBack<'_>,
    ) -> Result<Identity, Failure> {
        match settings {
            Settings::Oidc(oidc) => {
                let found = self.discoveries.of(self, &oidc.issuer).await?;
                oauth::oidc_person(self, oidc, &found, secret, came).await
            }
            Settings::Oauth(oauth) => oauth::oauth_person(&self.outside, oauth, secret, came).await,
            Settings::Ldap(_) => Err(Failure::Refused),
        }
    }
}

impl Elsewhere for Federation {
    fn sign_in_page<'a>(&'a self, settings: &'a Settings, ask: &'a Ask<'a>) -> Answer<'a, String> {
        Box::pin(self.page(settings, ask))
    }

    fn bind<'a>(
        &'a self,
        settings: &'a LdapSettings,
        secret: &'a Secret,
        credentials: &'a Credentials<'a>,
    ) -> Answer<'a, Identity, Unbound> {
        Box::pin(self.directories.person(settings, secret, credentials))
    }

    fn identify<'a>(
        &'a self,
        settings: &'a Settings,
        secret: &'a Secret,
        came: &'a CameBack<'a>,
    ) -> Answer<'a, Identity> {
        Box::pin(self.person(settings, secret, came))
    }
}
