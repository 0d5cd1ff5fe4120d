//! An identity provider of the instance: a place where people can sign in with an account that they have there. What it
//! answers to is spoken elsewhere; here are its settings and the rules of changing them.

mod event;
mod setting;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use event::Event;
pub use setting::{
    Attribute, Endpoint, Issuer, LdapServer, LdapTimeout, ProviderName, Scopes, Setting, SettingError,
};

use crate::{
    base::{Aggregate, Decision, Personal, Timestamp},
    user::SealedSecret,
};

/// An identity provider, or the place where one could be.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Idp {
    /// Never added, or removed.
    #[default]
    Absent,
    /// A provider.
    Present(Box<Provider>),
}

/// What a provider that exists consists of.
#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    /// Its name; several may have the same.
    pub name: ProviderName,
    /// What sign-in may do with users.
    pub options: Options,
    /// What it speaks, and how.
    pub settings: Settings,
    /// The client secret or the password to bind with, sealed for this provider.
    pub secret: SealedSecret,
}

/// What sign-in with a provider may do with users; kept for the login page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent switches of the public API"
)]
pub struct Options {
    /// Users may link their account at the provider.
    pub linking: bool,
    /// People without a user may get one.
    pub creation: bool,
    /// They get one without being asked.
    pub auto_creation: bool,
    /// Each sign-in brings the user's data up to date.
    pub auto_update: bool,
    /// By what a user that exists already is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_linking: Option<AutoLinking>,
}

/// By what a user that exists already is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AutoLinking {
    /// The user name.
    Username,
    /// The e-mail address.
    Email,
}

/// What a provider speaks, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settings {
    /// OpenID Connect.
    Oidc(OidcSettings),
    /// OAuth 2 with an endpoint for the data of the person.
    Oauth(OauthSettings),
    /// A directory.
    Ldap(Box<LdapSettings>),
}

/// How an `OpenID` provider is reached; the rest is in its discovery document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OidcSettings {
    /// Its issuer.
    pub issuer: Issuer,
    /// The id under which it knows this server.
    pub client_id: Setting,
    /// What is asked of it.
    pub scopes: Scopes,
    /// Data of the person come from the ID token instead of the userinfo endpoint.
    pub id_token_mapping: bool,
    /// Whether codes were asked to be bound to their flow.
    pub pkce: bool,
}

/// How an OAuth 2 provider is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OauthSettings {
    /// The id under which it knows this server.
    pub client_id: Setting,
    /// Where people agree.
    pub authorization_endpoint: Endpoint,
    /// Where codes become tokens.
    pub token_endpoint: Endpoint,
    /// Where the data of the person are.
    pub user_endpoint: Endpoint,
    /// What is asked of it.
    pub scopes: Scopes,
    /// Which of the data names the person for ever.
    pub id_attribute: Setting,
    /// Whether codes were asked to be bound to their flow.
    pub pkce: bool,
}

/// How a directory is reached and read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LdapSettings {
    /// Its servers, tried in this order.
    pub servers: Vec<LdapServer>,
    /// Unencrypted connections are upgraded before anything is sent.
    pub start_tls: bool,
    /// Where people are searched.
    pub base_dn: Setting,
    /// As whom they are searched.
    pub bind_dn: Setting,
    /// By what a user name becomes the name that is bound with.
    pub user_base: Setting,
    /// Classes that people are of.
    pub user_object_classes: Vec<Attribute>,
    /// Attributes that are compared with the user name.
    pub user_filters: Vec<Attribute>,
    /// How long an answer may take; none is the usual time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<LdapTimeout>,
    /// Which attribute holds what.
    pub attributes: LdapAttributes,
    /// Authorities that its certificate may come from, as PEM; none are those of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_ca: Option<String>,
}

/// Which attribute of a directory holds what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each field is named after what the attribute holds")]
pub struct LdapAttributes {
    pub id: Attribute,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_name: Option<Attribute>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_name: Option<Attribute>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Attribute>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nick_name: Option<Attribute>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_username: Option<Attribute>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Attribute>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email_verified: Option<Attribute>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Attribute>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_verified: Option<Attribute>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred_language: Option<Attribute>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<Attribute>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<Attribute>,
}

/// What can be asked of a provider.
#[derive(Clone, Debug)]
pub enum Command {
    /// Adds it.
    Add {
        /// Its name.
        name: ProviderName,
        /// What sign-in may do with users.
        options: Options,
        /// What it speaks, and how.
        settings: Settings,
        /// Its secret, sealed.
        secret: SealedSecret,
    },
    /// Replaces its settings; what it speaks stays.
    Change {
        /// Its name.
        name: ProviderName,
        /// What sign-in may do with users.
        options: Options,
        /// How it is spoken to.
        settings: Settings,
        /// Another secret, sealed; none keeps the one it has.
        secret: Option<SealedSecret>,
    },
    /// Removes it.
    Remove,
}

/// Why a command was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The id is in use.
    #[error("the identity provider exists already")]
    AlreadyExists,
    /// No such provider, or none that speaks what was given.
    #[error("there is no such identity provider")]
    NotFound,
}

impl Idp {
    /// A provider that exists.
    pub fn provider(&self) -> Option<&Provider> {
        match self {
            Self::Absent => None,
            Self::Present(provider) => Some(provider),
        }
    }
}

impl Settings {
    /// Whether both speak the same.
    pub fn same_kind(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl Aggregate for Idp {
    const KIND: &'static str = "idp";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, command: Command, _now: Timestamp) -> Decision<Event, Refusal> {
        match (self, command) {
            (
                Self::Absent,
                Command::Add {
                    name,
                    options,
                    settings,
                    secret,
                },
            ) => Decision::accept([Event::IdentityProviderAdded {
                name,
                options,
                settings,
                secret: Personal::Known(secret),
            }]),
            (Self::Absent, _) => Decision::refuse(Refusal::NotFound),
            (Self::Present(_), Command::Add { .. }) => Decision::refuse(Refusal::AlreadyExists),
            (
                Self::Present(provider),
                Command::Change {
                    name,
                    options,
                    settings,
                    secret,
                },
            ) => change(provider, (name, options, settings), secret),
            (Self::Present(_), Command::Remove) => Decision::accept([Event::IdentityProviderRemoved]),
        }
    }

    fn evolve(&mut self, event: &Event, _at: Timestamp) {
        event::evolve(self, event);
    }
}

/// What is equal changes nothing.
fn change(
    provider: &Provider,
    (name, options, settings): (ProviderName, Options, Settings),
    secret: Option<SealedSecret>,
) -> Decision<Event, Refusal> {
    if !provider.settings.same_kind(&settings) {
        return Decision::refuse(Refusal::NotFound);
    }
    let same = provider.name == name && provider.options == options && provider.settings == settings;
    let changed = (!same).then_some(Event::IdentityProviderChanged {
        name,
        options,
        settings,
    });
    let renewed = secret.map(|secret| Event::IdentityProviderSecretChanged {
        secret: Personal::Known(secret),
    });
    let events: Vec<Event> = changed.into_iter().chain(renewed).collect();
    Decision::accept(events)
}
