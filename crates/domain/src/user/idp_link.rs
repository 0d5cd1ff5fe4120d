//! Links to accounts at identity providers: by which account elsewhere a user can sign in.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Event, Person, Refusal, UserDecision};
use crate::base::{Decision, FactorId, IdpId, Personal, Timestamp};

/// Most links that a user can have.
pub(super) const MOST_PER_USER: usize = 10;

/// Most characters of an id or a name at a provider.
const LONGEST: usize = 200;

/// An account at an identity provider. The id says who it is, for ever and to the letter; the name only shows it.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ExternalUser {
    id: Arc<str>,
    name: Arc<str>,
}

/// Why a text names no account elsewhere. Never holds the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an account elsewhere has an id and a name of 1 to 200 characters without control characters")]
pub struct ExternalUserError;

impl ExternalUser {
    /// Reads the id and the name of an account elsewhere.
    pub fn parse(id: &str, name: &str) -> Result<Self, ExternalUserError> {
        let sound = |text: &str| {
            !text.is_empty() && text.chars().count() <= LONGEST && !text.chars().any(char::is_control)
        };
        if sound(id) && sound(name) {
            Ok(Self::from_trusted(id, name))
        } else {
            Err(ExternalUserError)
        }
    }

    /// Takes over what was parsed before, such as values of our own.
    pub fn from_trusted(id: &str, name: &str) -> Self {
        Self {
            id: id.into(),
            name: name.into(),
        }
    }

    /// The id that the provider knows the account by.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name that people know it by.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Debug for ExternalUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExternalUser(..)")
    }
}

/// A link of a user to an account elsewhere.
#[derive(Clone, Debug, PartialEq)]
pub struct IdpLink {
    /// Its id; unique within the user.
    pub id: FactorId,
    /// Where the account is.
    pub idp: IdpId,
    /// The account.
    pub user: ExternalUser,
    /// When it was added.
    pub added: Timestamp,
}

/// The user's own links are looked at here; that nobody else has the account is guarded where it is written.
pub(super) fn add(person: &Person, id: FactorId, idp: IdpId, user: ExternalUser) -> UserDecision {
    let same = |link: &IdpLink| link.idp == idp && link.user.id == user.id;
    if person.idp_links.iter().any(same) {
        return Decision::refuse(Refusal::IdpLinkExists);
    }
    if person.idp_links.len() >= MOST_PER_USER {
        return Decision::refuse(Refusal::TooManyFactors);
    }
    Decision::accept([Event::IdpLinkAdded {
        id,
        idp,
        user: Personal::Known(user),
    }])
}

/// All accounts of the user at this provider.
pub(super) fn remove(person: &Person, idp: &IdpId) -> UserDecision {
    let there = person.idp_links.iter().filter(|link| link.idp == *idp);
    let events: Vec<Event> = there
        .map(|link| Event::IdpLinkRemoved { id: link.id.clone() })
        .collect();
    if events.is_empty() {
        Decision::refuse(Refusal::IdpLinkNotFound)
    } else {
        Decision::accept(events)
    }
}

pub(super) fn evolve(person: &mut Person, event: &Event, at: Timestamp) {
    match event {
        Event::IdpLinkAdded { id, idp, user } => {
            let link = user.known().map(|user| IdpLink {
                id: id.clone(),
                idp: idp.clone(),
                user: user.clone(),
                added: at,
            });
            person.idp_links.extend(link);
        }
        Event::IdpLinkRemoved { id } => person.idp_links.retain(|link| link.id != *id),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_elsewhere_can_be_seen_and_is_not_printed() {
        let user = ExternalUser::parse("248289761001", "Ada L.").unwrap();
        assert_eq!((user.id(), user.name()), ("248289761001", "Ada L."));
        assert_eq!(format!("{user:?}"), "ExternalUser(..)");
        let long = "x".repeat(201);
        for (id, name) in [
            ("", "a"),
            ("a", ""),
            ("a\n", "a"),
            ("a", "\u{0}"),
            (&*long, "a"),
            ("a", &*long),
        ] {
            assert_eq!(
                ExternalUser::parse(id, name),
                Err(ExternalUserError),
                "{id:?} {name:?}"
            );
        }
    }
}
