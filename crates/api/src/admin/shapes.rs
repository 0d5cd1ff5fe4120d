//! Settings of identity providers between the wire and the rules. Adding and updating have the same fields in messages of
//! their own, so that they are read once for both.

use app::{
    Error,
    idp::{Entry, NewProvider, certificates},
};
use domain::{
    base::{InstanceId, Span},
    idp::{
        Attribute, AutoLinking, Endpoint, Issuer, LdapAttributes, LdapServer, LdapSettings, LdapTimeout,
        OauthSettings, OidcSettings, Options, ProviderName, Scopes, Setting, SettingError, Settings,
    },
};
use proto::{
    wkt,
    zitadel::{admin::v1 as admin, idp::v1 as wire},
};

use super::details;

/// Puts the name of the field to what is wrong with it.
fn at<T>(field: &'static str, read: Result<T, SettingError>) -> app::Result<T> {
    read.map_err(|reason| Error::invalid(field, reason))
}

macro_rules! read_twice {
    ($($name:ident $changed:ident ($add:ty, $update:ty) |$req:ident| $settings:expr;)+) => {$(
        read_twice!(@one $name, $add, $req, $settings);
        read_twice!(@one $changed, $update, $req, $settings);
    )+};
    (@one $name:ident, $message:ty, $req:ident, $settings:expr) => {
        pub(super) fn $name($req: &$message) -> app::Result<NewProvider> {
            Ok(NewProvider {
                name: at("name", ProviderName::parse(&$req.name))?,
                options: options($req.provider_options.as_ref()),
                settings: $settings,
            })
        }
    };
}

read_twice! {
    new_oauth changed_oauth (admin::AddGenericOAuthProviderRequest, admin::UpdateGenericOAuthProviderRequest)
    |req| Settings::Oauth(OauthSettings {
        client_id: at("client_id", Setting::parse(&req.client_id))?,
        authorization_endpoint: at("authorization_endpoint", Endpoint::parse(&req.authorization_endpoint))?,
        token_endpoint: at("token_endpoint", Endpoint::parse(&req.token_endpoint))?,
        user_endpoint: at("user_endpoint", Endpoint::parse(&req.user_endpoint))?,
        scopes: at("scopes", Scopes::parse(&req.scopes))?,
        id_attribute: at("id_attribute", Setting::parse(&req.id_attribute))?,
        pkce: req.use_pkce,
    });

    new_oidc changed_oidc (admin::AddGenericOidcProviderRequest, admin::UpdateGenericOidcProviderRequest)
    |req| Settings::Oidc(OidcSettings {
        issuer: at("issuer", Issuer::parse(&req.issuer))?,
        client_id: at("client_id", Setting::parse(&req.client_id))?,
        scopes: at("scopes", Scopes::parse(&req.scopes))?,
        id_token_mapping: req.is_id_token_mapping,
        pkce: req.use_pkce,
    });

    new_ldap changed_ldap (admin::AddLdapProviderRequest, admin::UpdateLdapProviderRequest)
    |req| Settings::Ldap(Box::new(LdapSettings {
        servers: each("servers", &req.servers, LdapServer::parse)?,
        start_tls: req.start_tls,
        base_dn: at("base_dn", Setting::parse(&req.base_dn))?,
        bind_dn: at("bind_dn", Setting::parse(&req.bind_dn))?,
        user_base: at("user_base", Setting::parse(&req.user_base))?,
        user_object_classes: each("user_object_classes", &req.user_object_classes, Attribute::parse)?,
        user_filters: each("user_filters", &req.user_filters, Attribute::parse)?,
        timeout: timeout(req.timeout.as_ref())?,
        attributes: attributes(req.attributes.clone().unwrap_or_default())?,
        root_ca: at("root_ca", certificates(&req.root_ca))?,
    }));
}

fn each<T>(
    field: &'static str,
    texts: &[String],
    read: impl Fn(&str) -> Result<T, SettingError>,
) -> app::Result<Vec<T>> {
    at(field, texts.iter().map(|text| read(text)).collect())
}

fn options(given: Option<&wire::Options>) -> Options {
    let given = given.copied().unwrap_or_default();
    Options {
        linking: given.is_linking_allowed,
        creation: given.is_creation_allowed,
        auto_creation: given.is_auto_creation,
        auto_update: given.is_auto_update,
        auto_linking: match given.auto_linking() {
            wire::AutoLinkingOption::Unspecified => None,
            wire::AutoLinkingOption::Username => Some(AutoLinking::Username),
            wire::AutoLinkingOption::Email => Some(AutoLinking::Email),
        },
    }
}

fn options_of(options: Options) -> wire::Options {
    let auto_linking = match options.auto_linking {
        None => wire::AutoLinkingOption::Unspecified,
        Some(AutoLinking::Username) => wire::AutoLinkingOption::Username,
        Some(AutoLinking::Email) => wire::AutoLinkingOption::Email,
    };
    wire::Options {
        is_linking_allowed: options.linking,
        is_creation_allowed: options.creation,
        is_auto_creation: options.auto_creation,
        is_auto_update: options.auto_update,
        auto_linking: auto_linking.into(),
    }
}

/// Left out and 0 are the usual time.
fn timeout(given: Option<&wkt::Duration>) -> app::Result<Option<LdapTimeout>> {
    let Some(given) = given.filter(|given| (given.seconds, given.nanos) != (0, 0)) else {
        return Ok(None);
    };
    let micros = given.seconds.saturating_mul(1_000_000);
    let span = Span(micros.saturating_add(i64::from(given.nanos) / 1000));
    at("timeout", LdapTimeout::parse(span)).map(Some)
}

fn duration(timeout: LdapTimeout) -> wkt::Duration {
    let Span(micros) = timeout.span();
    wkt::Duration {
        seconds: micros.div_euclid(1_000_000),
        nanos: i32::try_from(micros.rem_euclid(1_000_000) * 1000).unwrap_or_default(),
    }
}

macro_rules! attributes {
    ($($field:ident $wire:ident),+ $(,)?) => {
        fn attributes(given: wire::LdapAttributes) -> app::Result<LdapAttributes> {
            let optional = |name: String| {
                let name = Some(name).filter(|name| !name.is_empty());
                at("attributes", name.as_deref().map(Attribute::parse).transpose())
            };
            Ok(LdapAttributes {
                id: at("attributes.id_attribute", Attribute::parse(&given.id_attribute))?,
                $($field: optional(given.$wire)?,)+
            })
        }

        fn attributes_of(attributes: &LdapAttributes) -> wire::LdapAttributes {
            let text = |name: &Option<Attribute>| {
                name.as_ref().map(|name| name.as_str().to_owned()).unwrap_or_default()
            };
            wire::LdapAttributes {
                id_attribute: attributes.id.as_str().to_owned(),
                $($wire: text(&attributes.$field),)+
            }
        }
    };
}

attributes! {
    first_name first_name_attribute,
    last_name last_name_attribute,
    display_name display_name_attribute,
    nick_name nick_name_attribute,
    preferred_username preferred_username_attribute,
    email email_attribute,
    email_verified email_verified_attribute,
    phone phone_attribute,
    phone_verified phone_verified_attribute,
    preferred_language preferred_language_attribute,
    avatar_url avatar_url_attribute,
    profile profile_attribute,
}

/// A provider as it is shown: everything but its secret.
pub(super) fn provider(instance: &InstanceId, entry: Entry) -> wire::Provider {
    let provider = entry.provider;
    let (kind, config) = config(&provider.settings);
    wire::Provider {
        id: entry.id.to_string(),
        details: details(instance, entry.head),
        state: wire::IdpState::Active.into(),
        name: provider.name.as_str().to_owned(),
        owner: wire::IdpOwnerType::System.into(),
        r#type: kind.into(),
        config: Some(wire::ProviderConfig {
            options: Some(options_of(provider.options)),
            config: Some(config),
        }),
    }
}

fn config(settings: &Settings) -> (wire::ProviderType, wire::provider_config::Config) {
    use wire::{ProviderType as Kind, provider_config::Config};
    match settings {
        Settings::Oidc(oidc) => (Kind::Oidc, Config::Oidc(oidc_of(oidc))),
        Settings::Oauth(oauth) => (Kind::Oauth, Config::Oauth(oauth_of(oauth))),
        Settings::Ldap(ldap) => (Kind::Ldap, Config::Ldap(ldap_of(ldap))),
    }
}

fn oidc_of(oidc: &OidcSettings) -> wire::GenericOidcConfig {
    wire::GenericOidcConfig {
        issuer: oidc.issuer.as_str().to_owned(),
        client_id: oidc.client_id.as_str().to_owned(),
        scopes: oidc.scopes.as_slice().to_vec(),
        is_id_token_mapping: oidc.id_token_mapping,
        use_pkce: oidc.pkce,
    }
}

fn oauth_of(oauth: &OauthSettings) -> wire::OAuthConfig {
    wire::OAuthConfig {
        client_id: oauth.client_id.as_str().to_owned(),
        authorization_endpoint: oauth.authorization_endpoint.as_str().to_owned(),
        token_endpoint: oauth.token_endpoint.as_str().to_owned(),
        user_endpoint: oauth.user_endpoint.as_str().to_owned(),
        scopes: oauth.scopes.as_slice().to_vec(),
        id_attribute: oauth.id_attribute.as_str().to_owned(),
        use_pkce: oauth.pkce,
    }
}

fn ldap_of(ldap: &LdapSettings) -> wire::LdapConfig {
    let names = |names: &[Attribute]| names.iter().map(|name| name.as_str().to_owned()).collect();
    wire::LdapConfig {
        servers: ldap
            .servers
            .iter()
            .map(|server| server.as_str().to_owned())
            .collect(),
        start_tls: ldap.start_tls,
        base_dn: ldap.base_dn.as_str().to_owned(),
        bind_dn: ldap.bind_dn.as_str().to_owned(),
        user_base: ldap.user_base.as_str().to_owned(),
        user_object_classes: names(&ldap.user_object_classes),
        user_filters: names(&ldap.user_filters),
        timeout: ldap.timeout.map(duration),
        attributes: Some(attributes_of(&ldap.attributes)),
        root_ca: ldap.root_ca.clone().unwrap_or_default().into(),
    }
}
