//! The proof that what is kept beside a user's state, for searches, unique values and permissions, says what the state says.

use std::collections::BTreeSet;

use domain::{
    base::{InstanceId, UserId},
    user::{Person, User},
};

use super::{
    idp_link,
    user::{membership_row, search_row},
    username, webauthn,
};
use crate::{
    change::{Head, Stored},
    commit::{Statement, Value},
    db::{Row, Snapshot},
    error::Result,
};

type Kept = BTreeSet<Vec<Value>>;

/// Whether every row beside the state of a user is there, and no other.
pub(crate) async fn matches(
    snapshot: &mut Snapshot,
    (instance, id): (&InstanceId, &UserId),
    head: &Head,
    user: &User,
) -> Result<bool> {
    for (sql, columns, statements) in expected((instance, id), head, user.person()) {
        let key = [instance.as_str().into(), id.as_str().into()];
        let rows = snapshot.all(sql, &key, |row| values(row, columns)).await?;
        let kept: Kept = rows.into_iter().collect();
        let due: Kept = statements.into_iter().map(|statement| statement.params).collect();
        if kept != due {
            return Ok(false);
        }
    }
    let sql = "SELECT due_at FROM stream WHERE instance = $1 AND kind = 'user' AND id = $2";
    let key = [instance.as_str().into(), id.as_str().into()];
    let due = snapshot.first(sql, &key, |row| row.opt_int(0)).await?;
    Ok(due.flatten() == user.due().map(|due| due.0))
}

/// For each table how its rows are read, which of their columns are texts (`t`) and numbers (`n`), and what puts them there.
fn expected(
    (instance, id): (&InstanceId, &UserId),
    head: &Head,
    person: Option<&Person>,
) -> [(&'static str, &'static str, Vec<Statement>); 5] {
    let key = || [Value::from(instance.shared()), id.shared().into()];
    let people = || person.into_iter();
    let names = people().flat_map(|p| p.usernames.iter().map(|own| username::claim(key(), &p.org, own)));
    let links = people().flat_map(|p| p.idp_links.iter().map(|link| idp_link::claim(key(), link)));
    let keys = people().flat_map(|p| p.webauthns.iter().filter_map(|f| webauthn::claim(key(), f)));
    let roles = people().flat_map(|p| {
        p.memberships
            .iter()
            .map(|m| membership_row(key(), &m.scope, &m.roles))
    });
    [
        (
            "SELECT instance, id, org, active, locked, schema, phone, email_key, created_at FROM users
             WHERE instance = $1 AND id = $2",
            "tttnntttn",
            people().map(|p| search_row(instance, id, head, p)).collect(),
        ),
        (
            "SELECT instance, user_id, id, scope, canonical FROM username WHERE instance = $1 AND user_id = $2",
            "ttttt",
            names.collect(),
        ),
        (
            "SELECT instance, user_id, id, idp, external_id FROM idp_link WHERE instance = $1 AND user_id = $2",
            "ttttt",
            links.collect(),
        ),
        (
            "SELECT instance, user_id, id, credential_id FROM webauthn_credential
             WHERE instance = $1 AND user_id = $2",
            "tttt",
            keys.collect(),
        ),
        (
            "SELECT instance, user_id, org, roles FROM membership WHERE instance = $1 AND user_id = $2",
            "tttt",
            roles.collect(),
        ),
    ]
}

fn values(row: &Row<'_>, columns: &str) -> Result<Vec<Value>> {
    let value = |(place, kind)| match kind {
        'n' => Ok(row.opt_int(place)?.into()),
        _ => Ok(row.opt_text(place)?.into()),
    };
    columns.chars().enumerate().map(value).collect()
}
