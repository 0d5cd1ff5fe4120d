//! What happened to an identity provider. The JSON of each variant is frozen by a golden file; secrets are not part of it.

use serde::{Deserialize, Serialize};

use super::{Idp, Options, Provider, ProviderName, Settings};
use crate::{
    base::{Forgettable, Personal},
    user::SealedSecret,
};

/// A fact about an identity provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "each field is named after what it holds, and explained at its command"
)]
pub enum Event {
    IdentityProviderAdded {
        name: ProviderName,
        options: Options,
        settings: Settings,
        #[serde(default, skip_serializing)]
        secret: Personal<SealedSecret>,
    },
    IdentityProviderChanged {
        name: ProviderName,
        options: Options,
        settings: Settings,
    },
    IdentityProviderSecretChanged {
        #[serde(default, skip_serializing)]
        secret: Personal<SealedSecret>,
    },
    IdentityProviderRemoved,
}

impl Forgettable for Event {
    fn name(&self) -> &'static str {
        match self {
            Self::IdentityProviderAdded { .. } => "identity_provider_added",
            Self::IdentityProviderChanged { .. } => "identity_provider_changed",
            Self::IdentityProviderSecretChanged { .. } => "identity_provider_secret_changed",
            Self::IdentityProviderRemoved => "identity_provider_removed",
        }
    }

    fn personal(&self) -> Option<String> {
        match self {
            Self::IdentityProviderAdded { secret, .. } | Self::IdentityProviderSecretChanged { secret } => {
                secret.known().and_then(|s| serde_json::to_string(s).ok())
            }
            Self::IdentityProviderChanged { .. } | Self::IdentityProviderRemoved => None,
        }
    }

    fn restore(&mut self, personal: &str) {
        match self {
            Self::IdentityProviderAdded { secret, .. } | Self::IdentityProviderSecretChanged { secret } => {
                *secret = serde_json::from_str(personal).map_or(Personal::Forgotten, Personal::Known);
            }
            Self::IdentityProviderChanged { .. } | Self::IdentityProviderRemoved => {}
        }
    }
}

/// A provider whose secret was erased is one that was removed later: it is none.
pub(super) fn evolve(state: &mut Idp, event: &Event) {
    match (&mut *state, event) {
        (
            _,
            Event::IdentityProviderAdded {
                name,
                options,
                settings,
                secret,
            },
        ) => {
            *state = secret.known().map_or(Idp::Absent, |secret| {
                Idp::Present(Box::new(Provider {
                    name: name.clone(),
                    options: *options,
                    settings: settings.clone(),
                    secret: secret.clone(),
                }))
            });
        }
        (_, Event::IdentityProviderRemoved) => *state = Idp::Absent,
        (Idp::Absent, _) => {}
        (
            Idp::Present(provider),
            Event::IdentityProviderChanged {
                name,
                options,
                settings,
            },
        ) => {
            provider.name.clone_from(name);
            provider.options = *options;
            provider.settings.clone_from(settings);
        }
        (Idp::Present(provider), Event::IdentityProviderSecretChanged { secret }) => {
            if let Some(secret) = secret.known() {
                provider.secret = secret.clone();
            }
        }
    }
}
