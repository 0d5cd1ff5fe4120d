//! Users: the row that holds all of one, what searches and unique values need beside it, and what ends with a user.

use std::{collections::HashMap, sync::Arc};

use domain::{
    access::{Role, Scope},
    base::{InstanceId, OrgId, Timestamp, UserId},
    user::{Event, Person, User},
};

use bytes::Bytes;

use super::{idp_link, token, user_state, user_text, username, webauthn};
use crate::{
    change::{Head, Stored},
    commit::{Statement, TextChange, Value},
    db::{Row, Snapshot},
    error::{Error, Result},
    query::Query,
    recent::Found,
};

impl Stored for User {
    type Id = UserId;

    async fn load(snapshot: &mut Snapshot, instance: &InstanceId, id: &UserId) -> Result<(Head, Self)> {
        let Some(Found { head, state }) = snapshot.user(instance, id).await? else {
            return Ok((Head::default(), Self::Absent));
        };
        let state = match state {
            Some(state) => Self::Present(Box::new(user_state::decode(state)?)),
            None => Self::Absent,
        };
        Ok((head, state))
    }

    fn rows(&self, instance: &InstanceId, id: &UserId, head: &Head, events: &[Event]) -> Vec<Statement> {
        let mut rows = Vec::new();
        if events.iter().any(touches_search)
            && let Some(person) = self.person()
        {
            rows.push(search_row(instance, id, head, person));
        }
        for event in events {
            rows.extend(event_rows(instance, id, head, event));
        }
        rows
    }

    fn claims(&self, instance: &InstanceId, id: &UserId, events: &[Event]) -> Vec<Statement> {
        let Some(person) = self.person() else {
            return Vec::new();
        };
        let key = || [instance.shared().into(), id.shared().into()];
        let claimed = events.iter().filter_map(|event| match event {
            Event::UsernameAdded { id, .. } => {
                let own = person.usernames.iter().find(|own| own.id == *id);
                own.map(|own| username::claim(key(), &person.org, own))
            }
            Event::IdpLinkAdded { id, .. } => {
                let link = person.idp_links.iter().find(|link| link.id == *id);
                link.map(|link| idp_link::claim(key(), link))
            }
            Event::WebauthnVerified { id, .. } => {
                let factor = person.webauthn(id);
                factor.and_then(|factor| webauthn::claim(key(), factor))
            }
            _ => None,
        });
        claimed.collect()
    }

    fn state(&self) -> Option<Vec<u8>> {
        self.person().map(user_state::encode)
    }

    fn due(&self) -> Option<Timestamp> {
        self.person().and_then(Person::due)
    }

    fn texts_changed(&self, before: &Self, events: &[Event]) -> Option<Vec<TextChange>> {
        user_text::changed(before.person(), self.person(), events)
    }

    fn changes_standing(events: &[Event]) -> bool {
        events.iter().any(|event| {
            matches!(
                event,
                Event::UserDeactivated
                    | Event::UserActivated
                    | Event::UserLocked
                    | Event::UserUnlocked
                    | Event::UserDeleted
                    | Event::RolesChanged { .. }
                    | Event::TokenRemoved { .. }
            )
        })
    }

    fn begins(event: &Event) -> bool {
        matches!(event, Event::UserCreated { .. })
    }

    fn forgets(events: &[Event]) -> bool {
        events.contains(&Event::UserDeleted)
    }
}

/// Head and state, in the order of the columns that a user is read by.
pub(crate) fn found(row: &Row<'_>) -> Result<Found> {
    let head = Head {
        seq: row.int(0)?,
        created: Timestamp(row.int(1)?),
        changed: Timestamp(row.int(2)?),
    };
    let state = row.opt_blob(3)?.map(Bytes::copy_from_slice);
    Ok(Found { head, state })
}

/// Users with registrations that are to be forgotten, oldest first, at most `most`.
pub async fn with_stale_registrations(
    snapshot: &mut Snapshot,
    now: Timestamp,
    most: i64,
) -> Result<Vec<(InstanceId, UserId)>> {
    let sql = "SELECT instance, id FROM stream WHERE due_at <= $1 ORDER BY due_at LIMIT $2";
    snapshot
        .all(sql, &[now.0.into(), most.into()], |row| {
            Ok((
                InstanceId::from_trusted(row.text(0)?),
                UserId::from_trusted(row.text(1)?),
            ))
        })
        .await
}

/// Whether these events change what is searched for.
fn touches_search(event: &Event) -> bool {
    matches!(
        event,
        Event::UserCreated { .. }
            | Event::SchemaFollowed { .. }
            | Event::UserDeactivated
            | Event::UserActivated
            | Event::UserLocked
            | Event::UserUnlocked
            | Event::ContactChanged { .. }
            | Event::ContactRemoved { .. }
    )
}

/// The rows that an event leaves beside the state.
fn event_rows(instance: &InstanceId, id: &UserId, head: &Head, event: &Event) -> Vec<Statement> {
    let key = || [Value::from(instance.shared()), id.shared().into()];
    match event {
        Event::UserDeleted => {
            let ends = DELETE_USER.iter().map(|sql| Statement::new(sql, key()));
            ends.collect()
        }
        Event::UserLocked | Event::UserDeactivated => vec![Statement::new(FORGET_PARCELS, key())],
        Event::RolesChanged { scope, roles } => vec![membership_row(key(), scope, roles)],
        Event::TokenAdded {
            id: token,
            digest,
            expires,
        } => vec![token::insert(instance, token, id, digest, head.changed, *expires)],
        Event::TokenRemoved { id: token } => vec![token::delete(instance, token)],
        Event::UsernameRemoved { id: name } => vec![username::release(key(), name)],
        Event::IdpLinkRemoved { id: link } => vec![idp_link::release(key(), link)],
        Event::WebauthnRemoved { id: factor } => vec![webauthn::release(key(), factor)],
        _ => Vec::new(),
    }
}

const DELETE_USER: &[&str] = &[
    "DELETE FROM users WHERE instance = $1 AND id = $2",
    "DELETE FROM webauthn_credential WHERE instance = $1 AND user_id = $2",
    "DELETE FROM username WHERE instance = $1 AND user_id = $2",
    "DELETE FROM idp_link WHERE instance = $1 AND user_id = $2",
    "DELETE FROM membership WHERE instance = $1 AND user_id = $2",
    "DELETE FROM token WHERE instance = $1 AND user_id = $2",
    "DELETE FROM guess_budget WHERE instance = $1 AND user_id = $2",
    // In this order: it waits for a capture that is under way, and then finds what was captured.
    FORGET_PARCELS,
    "DELETE FROM inbox_message WHERE instance = $1 AND user_id = $2",
];

/// What waits to be sent is not sent any more.
const FORGET_PARCELS: &str = "DELETE FROM outbox WHERE instance = $1 AND user_id = $2";

pub(super) fn membership_row([instance, user]: [Value; 2], scope: &Scope, roles: &[Role]) -> Statement {
    let org: Value = scope_name(scope).into();
    if roles.is_empty() {
        let sql = "DELETE FROM membership WHERE instance = $1 AND user_id = $2 AND org = $3";
        return Statement::new(sql, [instance, user, org]);
    }
    let names: Vec<&str> = roles.iter().map(|r| r.name()).collect();
    Statement::new(
        "INSERT INTO membership (instance, user_id, org, roles) VALUES ($1, $2, $3, $4)
         ON CONFLICT (instance, user_id, org) DO UPDATE SET roles = excluded.roles",
        [instance, user, org, names.join(" ").into()],
    )
}

fn scope_name(scope: &Scope) -> Arc<str> {
    match scope {
        Scope::Instance => "".into(),
        Scope::Org(org) => org.shared(),
    }
}

pub(crate) fn scope(org: &str) -> Scope {
    if org.is_empty() {
        Scope::Instance
    } else {
        Scope::Org(OrgId::from_trusted(org))
    }
}

pub(crate) fn roles(names: &str) -> Result<Vec<Role>> {
    let role = |name| Role::by_name(name).ok_or_else(|| Error::corrupt("membership.roles", "unknown role"));
    names.split(' ').map(role).collect()
}

pub(super) fn search_row(instance: &InstanceId, id: &UserId, head: &Head, person: &Person) -> Statement {
    Statement::new(
        "INSERT INTO users (instance, id, org, active, locked, schema, phone, email_key, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (instance, id) DO UPDATE SET org = excluded.org, active = excluded.active,
             locked = excluded.locked, schema = excluded.schema, phone = excluded.phone, email_key = excluded.email_key",
        [
            instance.shared().into(),
            id.shared().into(),
            person.org.shared().into(),
            person.active.into(),
            person.locked.into(),
            person.schema.as_ref().map(|s| s.id.shared()).into(),
            person.phone.as_ref().map(|c| c.destination.as_str()).into(),
            person.email.as_ref().map(|c| c.destination.canonical()).into(),
            head.created.into(),
        ],
    )
}

/// Users by their ids, with one statement.
pub(super) async fn by_ids(
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    ids: &[UserId],
) -> Result<HashMap<UserId, (Head, Person)>> {
    let select = "SELECT seq, created_at, changed_at, state, id FROM stream WHERE instance = ";
    let mut query = Query::new(snapshot.dialect(), select);
    query
        .bind(instance.shared())
        .push(" AND kind = 'user' AND id IN (");
    query.list(ids.iter().map(UserId::shared)).push(")");
    let each = |row: &Row<'_>| Ok((UserId::from_trusted(row.text(4)?), found(row)?));
    let found = query.all(snapshot, each).await?;
    let people = found.into_iter().filter_map(|(id, Found { head, state })| {
        let person = user_state::decode(state?);
        Some(person.map(|person| (id, (head, person))))
    });
    people.collect()
}
