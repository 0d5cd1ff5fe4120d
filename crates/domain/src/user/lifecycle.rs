//! Being there, active, locked, and in roles.

use serde_json::{Map, Value};

use super::{Event, Kind, Person, Refusal, SchemaRef, UserDecision};
use crate::{
    access::{Role, Scope},
    base::{Decision, OrgId, Personal},
};

/// The longest JSON text of a user's data, in bytes.
pub(super) const MAX_DATA_BYTES: usize = 64 * 1024;

fn length(data: &Map<String, Value>) -> usize {
    serde_json::to_string(data).map_or(usize::MAX, |text| text.len())
}

pub(super) fn create(
    org: OrgId,
    kind: Kind,
    schema: Option<SchemaRef>,
    data: Map<String, Value>,
) -> UserDecision {
    if length(&data) > MAX_DATA_BYTES {
        return Decision::refuse(Refusal::DataTooLong);
    }
    Decision::accept([Event::UserCreated {
        org,
        kind,
        schema,
        data: Personal::Known(data),
    }])
}

/// Data is replaced as a whole, not merged; equal data (compared as values) changes nothing. What was stored before there was a
/// limit may stay and shrink.
pub(super) fn set_data(person: &Person, data: Map<String, Value>) -> UserDecision {
    if person.data == data {
        return Decision::accept([]);
    }
    let length_now = length(&data);
    if length_now > MAX_DATA_BYTES && length_now > length(&person.data) {
        return Decision::refuse(Refusal::DataTooLong);
    }
    Decision::accept([Event::DataChanged {
        data: Personal::Known(data),
    }])
}

/// The same schema in the same revision is no news.
pub(super) fn follow(person: &Person, schema: SchemaRef) -> UserDecision {
    if person.schema.as_ref() == Some(&schema) {
        return Decision::accept([]);
    }
    Decision::accept([Event::SchemaFollowed { schema }])
}

fn when(so: bool, event: Event, otherwise: Refusal) -> UserDecision {
    if so {
        Decision::accept([event])
    } else {
        Decision::refuse(otherwise)
    }
}

pub(super) fn deactivate(person: &Person) -> UserDecision {
    when(person.active, Event::UserDeactivated, Refusal::NotActive)
}

pub(super) fn activate(person: &Person) -> UserDecision {
    when(!person.active, Event::UserActivated, Refusal::NotInactive)
}

pub(super) fn lock(person: &Person) -> UserDecision {
    when(!person.locked, Event::UserLocked, Refusal::AlreadyLocked)
}

pub(super) fn unlock(person: &Person) -> UserDecision {
    when(person.locked, Event::UserUnlocked, Refusal::NotLocked)
}

pub(super) fn set_roles(person: &Person, scope: Scope, mut roles: Vec<Role>) -> UserDecision {
    roles.sort_unstable();
    roles.dedup();
    let current = person
        .memberships
        .iter()
        .find(|m| m.scope == scope)
        .map_or(&[][..], |m| &m.roles);
    if current == roles {
        return Decision::accept([]);
    }
    Decision::accept([Event::RolesChanged { scope, roles }])
}
