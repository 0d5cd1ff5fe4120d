//! The state row of a user, its factors and its roles.

use std::{cmp::Ordering, collections::HashMap, sync::Arc};

use domain::{
    access::{Role, Scope},
    base::{FactorId, InstanceId, OrgId, SchemaId, Timestamp, UserId},
    code::IssuedCode,
    user::{
        Channel, Contact, Destination, Event, Kind, Membership, OtpBinding, OtpFactor, OtpProof, Person,
        SchemaRef, User,
    },
};

use super::{idp_link, password, token, totp, user_text, username, webauthn};
use crate::{
    change::{Head, Stored},
    commit::{Statement, TextChange, Value},
    db::{Param, Row, Snapshot},
    error::{Error, Result},
    query::Query,
};

/// Tables that hold rows of a user beside its state row; see [`Stored::parts`].
mod part {
    pub(super) const ROLES: i64 = 1;
    pub(super) const OTPS: i64 = 1 << 1;
    pub(super) const TOTPS: i64 = 1 << 2;
    pub(super) const USERNAMES: i64 = 1 << 3;
    pub(super) const IDP_LINKS: i64 = 1 << 4;
    pub(super) const WEBAUTHNS: i64 = 1 << 5;
    pub(super) const WEBAUTHN_LINK: i64 = 1 << 6;
    pub(super) const PASSWORD: i64 = 1 << 7;
}

/// A registration that waits is forgotten this long after its code expired.
const STALE_AFTER: domain::base::Span = domain::user::OTP_STALE_AFTER;

impl Stored for User {
    type Id = UserId;

    async fn load(snapshot: &mut Snapshot, instance: &InstanceId, id: &UserId) -> Result<(Head, Self)> {
        let key = [Param::from(instance.as_str()), id.as_str().into()];
        let mut row = None;
        let otps = snapshot.all(WITH_OTPS, &key, |each| {
            if each.opt_int(0)?.is_none() {
                return otp_factor(each, 17).map(Some);
            }
            row = Some(profile(each)?);
            Ok(None)
        });
        let otps = otps.await?.into_iter().flatten();
        let Some((head, person, parts)) = row else {
            return Ok((Head::default(), Self::Absent));
        };
        let Some(mut person) = person else {
            return Ok((head, Self::Absent));
        };
        person.otps = otps.collect();
        person.otps.sort_by(earlier_otp);
        if parts & part::ROLES != 0 {
            person.memberships = memberships(snapshot, instance, id).await?;
        }
        if parts & part::TOTPS != 0 {
            person.totps = totp::of_user(snapshot, instance, id).await?;
        }
        if parts & part::PASSWORD != 0 {
            (person.password, person.password_reset) = password::of_user(snapshot, instance, id).await?;
        }
        if parts & part::USERNAMES != 0 {
            person.usernames = username::of_user(snapshot, instance, id).await?;
        }
        if parts & part::IDP_LINKS != 0 {
            person.idp_links = idp_link::of_user(snapshot, instance, id).await?;
        }
        if parts & part::WEBAUTHNS != 0 {
            person.webauthns = webauthn::of_user(snapshot, instance, id).await?;
        }
        if parts & part::WEBAUTHN_LINK != 0 {
            person.webauthn_link = webauthn::link_of_user(snapshot, instance, id).await?;
        }
        Ok((head, Self::Present(Box::new(person))))
    }

    fn rows(&self, instance: &InstanceId, id: &UserId, head: &Head, events: &[Event]) -> Vec<Statement> {
        let mut rows = Vec::with_capacity(2);
        if events.iter().any(touches_profile)
            && let Some(person) = self.person()
        {
            rows.push(profile_row(instance, id, head, person));
        }
        for event in events {
            event_rows(self, instance, id, head, event, &mut rows);
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
                factor.map(|factor| webauthn::claim(key(), factor))
            }
            _ => None,
        });
        claimed.collect()
    }

    fn parts(&self) -> i64 {
        let Some(person) = self.person() else {
            return 0;
        };
        let has = [
            (part::ROLES, person.memberships.is_empty()),
            (part::OTPS, person.otps.is_empty()),
            (part::TOTPS, person.totps.is_empty()),
            (part::USERNAMES, person.usernames.is_empty()),
            (part::IDP_LINKS, person.idp_links.is_empty()),
            (part::WEBAUTHNS, person.webauthns.is_empty()),
            (part::WEBAUTHN_LINK, person.webauthn_link.is_none()),
            (
                part::PASSWORD,
                person.password.is_none() && person.password_reset.is_none(),
            ),
        ];
        let bits = has.iter().filter(|(_, empty)| !empty).map(|(bit, _)| bit);
        bits.sum()
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

    fn forgets(events: &[Event]) -> bool {
        events.contains(&Event::UserDeleted)
    }

    fn in_order(mut self) -> Self {
        if let Self::Present(person) = &mut self {
            in_order(person);
        }
        self
    }
}

/// A user's row, and those of its OTP factors, which begin with NULL: what most users consist of, in one statement.
const WITH_OTPS: &str =
    "SELECT s.seq, s.created_at, s.changed_at, u.org, u.kind, u.active, u.locked, u.schema, u.data,
            u.phone, u.phone_verified, u.phone_code, u.email, u.email_verified, u.email_code,
            u.schema_revision, s.parts, NULL, NULL, NULL, NULL, NULL
        FROM stream s LEFT JOIN users u ON u.instance = s.instance AND u.id = s.id
        WHERE s.instance = $1 AND s.kind = 'user' AND s.id = $2
     UNION ALL
     SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL, NULL, NULL, NULL, NULL, NULL,
            NULL, NULL, id, channel, destination, code, added_at
        FROM otp_factor WHERE instance = $1 AND user_id = $2";

/// The roles of a user, by scope.
pub async fn memberships(
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    user: &UserId,
) -> Result<Vec<Membership>> {
    let sql = "SELECT org, roles FROM membership WHERE instance = $1 AND user_id = $2 ORDER BY org";
    snapshot
        .all(sql, &[instance.as_str().into(), user.as_str().into()], membership)
        .await
}

fn membership(row: &Row<'_>) -> Result<Membership> {
    Ok(Membership {
        scope: scope(row.text(0)?),
        roles: roles(row.text(1)?)?,
    })
}

/// Users with registrations that are to be forgotten, oldest first, at most `most`.
pub async fn with_stale_registrations(
    snapshot: &mut Snapshot,
    now: Timestamp,
    most: i64,
) -> Result<Vec<(InstanceId, UserId)>> {
    let sql = "SELECT instance, user_id FROM (
                   SELECT instance, user_id, stale_at FROM otp_factor WHERE stale_at <= $1
                   UNION ALL SELECT instance, user_id, stale_at FROM totp_factor WHERE stale_at <= $1
                   UNION ALL SELECT instance, user_id, stale_at FROM webauthn_factor WHERE stale_at <= $1
                   UNION ALL SELECT instance, user_id, stale_at FROM webauthn_link WHERE stale_at <= $1
               ) AS stale GROUP BY instance, user_id ORDER BY min(stale_at) LIMIT $2";
    snapshot
        .all(sql, &[now.0.into(), most.into()], |row| {
            Ok((
                InstanceId::from_trusted(row.text(0)?),
                UserId::from_trusted(row.text(1)?),
            ))
        })
        .await
}

fn touches_profile(event: &Event) -> bool {
    match event {
        Event::UserCreated { .. }
        | Event::DataChanged { .. }
        | Event::SchemaFollowed { .. }
        | Event::UserDeactivated
        | Event::UserActivated
        | Event::UserLocked
        | Event::UserUnlocked
        | Event::ContactChanged { .. }
        | Event::ContactCodeIssued { .. }
        | Event::ContactCheckFailed { .. }
        | Event::ContactVerified { .. }
        | Event::ContactRemoved { .. } => true,
        Event::UserDeleted
        | Event::RolesChanged { .. }
        | Event::OtpAdded { .. }
        | Event::OtpBound { .. }
        | Event::OtpCodeIssued { .. }
        | Event::OtpCheckFailed { .. }
        | Event::OtpVerified { .. }
        | Event::OtpRemoved { .. }
        | Event::TokenAdded { .. }
        | Event::TokenRemoved { .. }
        | Event::TotpStarted { .. }
        | Event::TotpCheckFailed { .. }
        | Event::TotpVerified { .. }
        | Event::TotpRemoved { .. }
        | Event::PasswordSet { .. }
        | Event::PasswordRehashed { .. }
        | Event::PasswordCheckFailed
        | Event::PasswordResetIssued { .. }
        | Event::PasswordResetCheckFailed
        | Event::UsernameAdded { .. }
        | Event::UsernameRemoved { .. }
        | Event::IdpLinkAdded { .. }
        | Event::IdpLinkRemoved { .. }
        | Event::WebauthnLinkIssued { .. }
        | Event::WebauthnLinkCheckFailed { .. }
        | Event::WebauthnLinkUsed { .. }
        | Event::WebauthnLinkEnded { .. }
        | Event::WebauthnStarted { .. }
        | Event::WebauthnVerified { .. }
        | Event::WebauthnRemoved { .. } => false,
    }
}

fn event_rows(
    user: &User,
    instance: &InstanceId,
    id: &UserId,
    head: &Head,
    event: &Event,
    rows: &mut Vec<Statement>,
) {
    let key = || [Value::from(instance.shared()), id.shared().into()];
    if let Some(person) = user.person() {
        rows.extend(totp::rows(key, person, event));
        rows.extend(webauthn::rows(key, person, event));
        rows.extend(password::rows(key, person, event));
    }
    match event {
        Event::UserDeleted => rows.extend(DELETE_USER.iter().map(|sql| Statement::new(sql, key()))),
        Event::UserLocked | Event::UserDeactivated => {
            rows.push(Statement::new(FORGET_PARCELS, key()));
            let otps = user.person().map_or(&[][..], |p| &p.otps);
            let pending = otps.iter().filter(|f| f.proof != OtpProof::Verified);
            rows.extend(pending.map(|f| otp_row(key(), f)));
        }
        Event::RolesChanged { scope, roles } => rows.push(membership_row(key(), scope, roles)),
        Event::OtpAdded { id: factor, .. }
        | Event::OtpBound { id: factor, .. }
        | Event::OtpCodeIssued { id: factor, .. }
        | Event::OtpCheckFailed { id: factor, .. }
        | Event::OtpVerified { id: factor, .. } => {
            let otp = user
                .person()
                .and_then(|p| p.otps.iter().find(|f| f.id == *factor));
            // Several events of one decision touch one row: it is written once, as the last of them leaves it.
            let written = rows
                .last()
                .is_some_and(|r| r.sql == OTP_ROW && r.params[2] == Value::from(factor.shared()));
            if let (Some(otp), false) = (otp, written) {
                rows.push(otp_row(key(), otp));
            }
        }
        Event::OtpRemoved { id: factor, .. } => {
            let [instance, user] = key();
            rows.push(Statement::new(
                "DELETE FROM otp_factor WHERE instance = $1 AND user_id = $2 AND id = $3",
                [instance, user, factor.shared().into()],
            ));
        }
        Event::TokenAdded {
            id: token,
            digest,
            expires,
        } => {
            rows.push(token::insert(instance, token, id, digest, head.changed, *expires));
        }
        Event::TokenRemoved { id: token } => rows.push(token::delete(instance, token)),
        Event::UsernameRemoved { id: name } => rows.push(username::release(key(), name)),
        Event::IdpLinkRemoved { id: link } => rows.push(idp_link::release(key(), link)),
        _ => {}
    }
}

const DELETE_USER: &[&str] = &[
    "DELETE FROM users WHERE instance = $1 AND id = $2",
    "DELETE FROM otp_factor WHERE instance = $1 AND user_id = $2",
    "DELETE FROM totp_factor WHERE instance = $1 AND user_id = $2",
    "DELETE FROM webauthn_factor WHERE instance = $1 AND user_id = $2",
    "DELETE FROM webauthn_link WHERE instance = $1 AND user_id = $2",
    "DELETE FROM user_password WHERE instance = $1 AND user_id = $2",
    "DELETE FROM username WHERE instance = $1 AND user_id = $2",
    "DELETE FROM idp_link WHERE instance = $1 AND user_id = $2",
    "DELETE FROM membership WHERE instance = $1 AND user_id = $2",
    "DELETE FROM token WHERE instance = $1 AND user_id = $2",
    "DELETE FROM guess_budget WHERE instance = $1 AND user_id = $2",
    "DELETE FROM inbox_message WHERE instance = $1 AND user_id = $2",
    FORGET_PARCELS,
];

/// What waits to be sent is not sent any more.
const FORGET_PARCELS: &str = "DELETE FROM outbox WHERE instance = $1 AND user_id = $2";

fn membership_row([instance, user]: [Value; 2], scope: &Scope, roles: &[Role]) -> Statement {
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

fn profile_row(instance: &InstanceId, id: &UserId, head: &Head, person: &Person) -> Statement {
    let (phone, email) = (person.phone.as_ref(), person.email.as_ref());
    Statement::new(
        "INSERT INTO users (instance, id, org, kind, active, locked, schema, data,
             phone, phone_verified, phone_code, email, email_verified, email_code, schema_revision,
             email_key, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
         ON CONFLICT (instance, id) DO UPDATE SET org = excluded.org, kind = excluded.kind,
             active = excluded.active, locked = excluded.locked, schema = excluded.schema, data = excluded.data,
             phone = excluded.phone, phone_verified = excluded.phone_verified, phone_code = excluded.phone_code,
             email = excluded.email, email_verified = excluded.email_verified, email_code = excluded.email_code,
             schema_revision = excluded.schema_revision, email_key = excluded.email_key",
        [
            instance.shared().into(),
            id.shared().into(),
            person.org.shared().into(),
            kind_name(person.kind).into(),
            person.active.into(),
            person.locked.into(),
            person.schema.as_ref().map(|s| s.id.shared()).into(),
            json(&person.data).into(),
            phone.map(|c| c.destination.as_str()).into(),
            phone.is_some_and(|c| c.verified).into(),
            phone.and_then(|c| c.code.as_ref()).map(json).into(),
            email.map(|c| c.destination.as_str()).into(),
            email.is_some_and(|c| c.verified).into(),
            email.and_then(|c| c.code.as_ref()).map(json).into(),
            person.schema.as_ref().map(|s| i64::from(s.revision)).into(),
            email.map(|c| c.destination.canonical()).into(),
            head.created.into(),
        ],
    )
}

const OTP_ROW: &str =
    "INSERT INTO otp_factor (instance, user_id, id, channel, destination, code, stale_at, added_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (instance, user_id, id) DO UPDATE SET code = excluded.code, stale_at = excluded.stale_at";

fn otp_row([instance, user]: [Value; 2], factor: &OtpFactor) -> Statement {
    let destination = match &factor.binding {
        OtpBinding::Own(destination) => Some(destination.as_str()),
        OtpBinding::Contact => None,
    };
    let code = match &factor.proof {
        OtpProof::Pending(code) => Some(code),
        OtpProof::Verified => None,
    };
    Statement::new(
        OTP_ROW,
        [
            instance,
            user,
            factor.id.shared().into(),
            channel_name(factor.channel).into(),
            destination.into(),
            code.map(json).into(),
            code.map(|c| c.expires + STALE_AFTER).into(),
            factor.added.into(),
        ],
    )
}

pub(super) fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Human => "human",
        Kind::Machine => "machine",
    }
}

pub(super) fn channel_name(channel: Channel) -> &'static str {
    match channel {
        Channel::Sms => "sms",
        Channel::Email => "email",
    }
}

/// Users by their ids, with a number of statements that does not depend on how many they are.
pub(super) async fn by_ids(
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    ids: &[UserId],
) -> Result<HashMap<UserId, (Head, Person)>> {
    let rows = of_many(snapshot, PROFILES, "u.id", (instance, ids), |row| {
        Ok((UserId::from_trusted(row.text(17)?), profile(row)?))
    })
    .await?;
    let mut people = HashMap::with_capacity(rows.len());
    let mut parts = 0;
    for (id, (head, person, has)) in rows {
        parts |= has;
        people.extend(person.map(|person| (id, (head, person))));
    }
    let ids: Vec<UserId> = people.keys().cloned().collect();
    let whose = (instance, ids.as_slice());
    if parts & part::OTPS != 0 {
        let each = |row: &Row<'_>| Ok((UserId::from_trusted(row.text(5)?), otp_factor(row, 0)?));
        let all = of_many(snapshot, OTPS, "user_id", whose, each).await?;
        hand_out(&mut people, all, |person, otp| person.otps.push(otp));
    }
    if parts & part::ROLES != 0 {
        let each = |row: &Row<'_>| Ok((UserId::from_trusted(row.text(2)?), membership(row)?));
        let all = of_many(snapshot, MEMBERSHIPS, "user_id", whose, each).await?;
        hand_out(&mut people, all, |person, held| person.memberships.push(held));
    }
    if parts & part::TOTPS != 0 {
        let each = |row: &Row<'_>| Ok((UserId::from_trusted(row.text(5)?), totp::factor(row)?));
        let all = of_many(snapshot, totp::OF_MANY, "user_id", whose, each).await?;
        hand_out(&mut people, all, |person, totp| person.totps.push(totp));
    }
    if parts & part::USERNAMES != 0 {
        let each = |row: &Row<'_>| Ok((UserId::from_trusted(row.text(5)?), username::own_name(row)?));
        let all = of_many(snapshot, username::OF_MANY, "user_id", whose, each).await?;
        hand_out(&mut people, all, |person, name| person.usernames.push(name));
    }
    if parts & part::IDP_LINKS != 0 {
        let each = |row: &Row<'_>| Ok((UserId::from_trusted(row.text(5)?), idp_link::link(row)?));
        let all = of_many(snapshot, idp_link::OF_MANY, "user_id", whose, each).await?;
        hand_out(&mut people, all, |person, link| person.idp_links.push(link));
    }
    if parts & part::WEBAUTHNS != 0 {
        let each = |row: &Row<'_>| Ok((UserId::from_trusted(row.text(7)?), webauthn::factor(row)?));
        let all = of_many(snapshot, webauthn::OF_MANY, "user_id", whose, each).await?;
        hand_out(&mut people, all, |person, key| person.webauthns.push(key));
    }
    if parts & part::WEBAUTHN_LINK != 0 {
        let each = |row: &Row<'_>| Ok((UserId::from_trusted(row.text(2)?), webauthn::link(row)?));
        let all = of_many(snapshot, webauthn::LINKS_OF_MANY, "user_id", whose, each).await?;
        hand_out(&mut people, all, |person, link| person.webauthn_link = Some(link));
    }
    if parts & part::PASSWORD != 0 {
        let each = |row: &Row<'_>| Ok((UserId::from_trusted(row.text(5)?), password::both(row)?));
        let all = of_many(snapshot, password::OF_MANY, "user_id", whose, each).await?;
        hand_out(&mut people, all, |person, (password, reset)| {
            (person.password, person.password_reset) = (password, reset);
        });
    }
    for (_, person) in people.values_mut() {
        in_order(person);
    }
    Ok(people)
}

const PROFILES: &str = "SELECT s.seq, s.created_at, s.changed_at, u.org, u.kind, u.active, u.locked, u.schema, u.data,
        u.phone, u.phone_verified, u.phone_code, u.email, u.email_verified, u.email_code, u.schema_revision, s.parts, u.id
    FROM users u JOIN stream s ON s.instance = u.instance AND s.kind = 'user' AND s.id = u.id WHERE u.instance = ";
const OTPS: &str =
    "SELECT id, channel, destination, code, added_at, user_id FROM otp_factor WHERE instance = ";
const MEMBERSHIPS: &str = "SELECT org, roles, user_id FROM membership WHERE instance = ";

/// The rows of many users out of one table.
async fn of_many<T>(
    snapshot: &mut Snapshot,
    select: &'static str,
    column: &'static str,
    (instance, ids): (&InstanceId, &[UserId]),
    each: impl FnMut(&Row<'_>) -> Result<T> + Send,
) -> Result<Vec<T>> {
    let mut query = Query::new(snapshot.dialect(), select);
    query
        .bind(instance.shared())
        .push(" AND ")
        .push(column)
        .push(" IN (");
    query.list(ids.iter().map(UserId::shared)).push(")");
    query.all(snapshot, each).await
}

fn hand_out<T>(
    people: &mut HashMap<UserId, (Head, Person)>,
    parts: Vec<(UserId, T)>,
    give: impl Fn(&mut Person, T),
) {
    for (id, part) in parts {
        if let Some((_, person)) = people.get_mut(&id) {
            give(person, part);
        }
    }
}

fn earlier_otp(one: &OtpFactor, other: &OtpFactor) -> Ordering {
    (one.added, &one.id).cmp(&(other.added, &other.id))
}

/// Lists in the order in which they are read one by one.
fn in_order(person: &mut Person) {
    person.otps.sort_by(earlier_otp);
    person
        .totps
        .sort_by(|a, b| (a.added, &a.id).cmp(&(b.added, &b.id)));
    person
        .usernames
        .sort_by(|a, b| (a.added, &a.id).cmp(&(b.added, &b.id)));
    person
        .idp_links
        .sort_by(|a, b| (a.added, &a.id).cmp(&(b.added, &b.id)));
    person
        .webauthns
        .sort_by(|a, b| (a.added, &a.id).cmp(&(b.added, &b.id)));
    person.memberships.sort_by_key(|m| scope_name(&m.scope));
}

pub(super) fn channel_of(column: &'static str, name: &str) -> Result<Channel> {
    match name {
        "sms" => Ok(Channel::Sms),
        "email" => Ok(Channel::Email),
        _ => Err(Error::corrupt(column, "unknown channel")),
    }
}

/// A user's row; the last number says which further tables hold something of the user.
fn profile(row: &Row<'_>) -> Result<(Head, Option<Person>, i64)> {
    let head = Head {
        seq: row.int(0)?,
        created: Timestamp(row.int(1)?),
        changed: Timestamp(row.int(2)?),
    };
    let Some(org) = row.opt_text(3)? else {
        return Ok((head, None, 0));
    };
    let kind = match row.text(4)? {
        "human" => Kind::Human,
        "machine" => Kind::Machine,
        _ => return Err(Error::corrupt("users.kind", "unknown kind")),
    };
    let schema = row.opt_text(7)?.map(|id| followed(id, row)).transpose()?;
    let data = serde_json::from_str(row.text(8)?).map_err(|e| Error::corrupt("users.data", e))?;
    let mut person = Person::new(OrgId::from_trusted(org), kind, schema, data);
    person.active = row.flag(5)?;
    person.locked = row.flag(6)?;
    person.phone = contact(row, Channel::Sms, 9)?;
    person.email = contact(row, Channel::Email, 12)?;
    Ok((head, Some(person), row.int(16)?))
}

fn followed(id: &str, row: &Row<'_>) -> Result<SchemaRef> {
    let revision = row.opt_int(15)?.unwrap_or_default();
    Ok(SchemaRef {
        id: SchemaId::from_trusted(id),
        revision: u32::try_from(revision).map_err(|e| Error::corrupt("users.schema_revision", e))?,
    })
}

fn contact(row: &Row<'_>, channel: Channel, column: usize) -> Result<Option<Contact>> {
    let Some(text) = row.opt_text(column)? else {
        return Ok(None);
    };
    Ok(Some(Contact {
        destination: Destination::from_trusted(channel, text),
        verified: row.flag(column + 1)?,
        code: row.opt_text(column + 2)?.map(issued_code).transpose()?,
    }))
}

pub(super) fn issued_code(text: &str) -> Result<IssuedCode> {
    serde_json::from_str(text).map_err(|e| Error::corrupt("a code column", e))
}

/// An OTP factor, whose columns begin with this one.
fn otp_factor(row: &Row<'_>, first: usize) -> Result<OtpFactor> {
    let channel = channel_of("otp_factor.channel", row.text(first + 1)?)?;
    let own = row
        .opt_text(first + 2)?
        .map(|text| Destination::from_trusted(channel, text));
    Ok(OtpFactor {
        id: FactorId::from_trusted(row.text(first)?),
        channel,
        binding: own.map_or(OtpBinding::Contact, OtpBinding::Own),
        proof: row
            .opt_text(first + 3)?
            .map(issued_code)
            .transpose()?
            .map_or(OtpProof::Verified, OtpProof::Pending),
        added: Timestamp(row.int(first + 4)?),
    })
}
