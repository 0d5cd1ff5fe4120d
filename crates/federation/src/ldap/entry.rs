//! What is read from an entry of a directory: whether it is the person who was meant, and who that is.

use app::idp::elsewhere::{Access, Credentials, Identity};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{
    idp::{Attribute, LdapSettings},
    idp_intent::Failure,
    user::ExternalUser,
};
use rasn_ldap::SearchResultEntry;
use serde_json::{Map, Value};

/// An entry as it was found, its values as text.
pub(super) struct Entry {
    dn: String,
    attributes: Vec<(String, Vec<String>)>,
}

/// The one entry that was found; nothing for none and for several.
pub(super) fn the_one(found: Vec<SearchResultEntry>) -> Option<Entry> {
    let [found] = <[SearchResultEntry; 1]>::try_from(found).ok()?;
    let attributes = found.attributes.into_iter().map(|attribute| {
        let values = attribute.vals.iter().map(|value| text(value)).collect();
        (attribute.r#type.0, values)
    });
    Some(Entry {
        dn: found.object_name.0,
        attributes: attributes.collect(),
    })
}

/// What is no text is base64.
fn text(value: &[u8]) -> String {
    let readable = |text: &&str| !text.contains(|c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r'));
    let text = std::str::from_utf8(value).ok().filter(readable);
    text.map_or_else(|| STANDARD.encode(value), str::to_owned)
}

/// What is asked for.
pub(super) fn wanted(ldap: &LdapSettings) -> impl Iterator<Item = &str> {
    let shown = attributes(ldap).map(|(_, attribute)| attribute);
    shown
        .chain(&ldap.user_filters)
        .map(Attribute::as_str)
        .chain(bind_attribute(ldap))
}

/// The attribute that is bound with, unless it is the name of the entry itself.
fn bind_attribute(ldap: &LdapSettings) -> Option<&str> {
    Some(ldap.user_base.as_str()).filter(|base| !base.eq_ignore_ascii_case("dn"))
}

/// What it is called here, and what it is called there.
fn attributes(ldap: &LdapSettings) -> impl Iterator<Item = (&'static str, &Attribute)> {
    let a = &ldap.attributes;
    let optional = [
        ("first_name", &a.first_name),
        ("last_name", &a.last_name),
        ("display_name", &a.display_name),
        ("nick_name", &a.nick_name),
        ("preferred_username", &a.preferred_username),
        ("email", &a.email),
        ("email_verified", &a.email_verified),
        ("phone", &a.phone),
        ("phone_verified", &a.phone_verified),
        ("preferred_language", &a.preferred_language),
        ("avatar_url", &a.avatar_url),
        ("profile", &a.profile),
    ];
    let optional = optional
        .into_iter()
        .filter_map(|(name, attribute)| Some((name, attribute.as_ref()?)));
    std::iter::once(("id", &a.id)).chain(optional)
}

impl Entry {
    /// All values of an attribute, whose name is the same in any case (RFC 4512 section 2.5).
    fn values(&self, attribute: &str) -> &[String] {
        let found = self
            .attributes
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(attribute));
        found.map_or(&[], |(_, values)| values)
    }

    /// The value of an attribute that has one and no other.
    fn only(&self, attribute: &str) -> Option<&str> {
        match self.values(attribute) {
            [value] if !value.trim().is_empty() => Some(value),
            _ => None,
        }
    }

    /// Whether one of the values is the name that was entered. Directories find people by more spellings than anybody can
    /// count; guesses are counted by name, so each person must have few.
    pub(super) fn is_called(&self, credentials: &Credentials<'_>) -> bool {
        let mut values = self.attributes.iter().flat_map(|(_, values)| values);
        values.any(|value| credentials.are_of(value))
    }

    /// What the person binds with.
    pub(super) fn bind_name(&self, ldap: &LdapSettings) -> Option<&str> {
        match bind_attribute(ldap) {
            Some(attribute) => self.only(attribute),
            None => Some(&*self.dn).filter(|dn| !dn.is_empty()),
        }
    }

    /// Who it is. One of several ids could be another one tomorrow, so they are none.
    pub(super) fn identity(&self, ldap: &LdapSettings, username: &str) -> Result<Identity, Failure> {
        let first = |attribute: &Attribute| self.values(attribute.as_str()).first();
        let a = &ldap.attributes;
        let id = self.only(a.id.as_str()).ok_or(Failure::Nameless)?;
        let names = [&a.preferred_username, &a.email, &a.display_name];
        let names = names.into_iter().flatten().filter_map(first).map(String::as_str);
        let user = names
            .chain([username, id])
            .find_map(|name| ExternalUser::parse(id, name).ok())
            .ok_or(Failure::Nameless)?;
        let information: Map<String, Value> = attributes(ldap)
            .filter_map(|(name, attribute)| Some((name.to_owned(), first(attribute)?.clone().into())))
            .collect();
        let attributes = attributes(ldap)
            .map(|(_, attribute)| attribute.as_str())
            .map(|name| (name.to_owned(), self.values(name).to_vec().into()))
            .collect();
        Ok(Identity {
            user,
            information,
            access: Access::Ldap { attributes },
        })
    }
}
