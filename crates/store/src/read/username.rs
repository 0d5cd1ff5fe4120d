//! The usernames of a user, each a unique value of its instance or organization.

use domain::{
    base::{InstanceId, OrgId, Timestamp, UserId, UsernameId},
    user::{NameScope, OwnName, Username},
};

use crate::{
    commit::{Statement, Value},
    db::{Row, Snapshot},
    error::Result,
};

/// The names of a user, oldest first.
pub(super) async fn of_user(
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    user: &UserId,
) -> Result<Vec<OwnName>> {
    let sql = "SELECT id, scope, canonical, name, added_at FROM username
               WHERE instance = $1 AND user_id = $2 ORDER BY added_at, id";
    snapshot
        .all(sql, &[instance.as_str().into(), user.as_str().into()], own_name)
        .await
}

/// The columns of [`own_name`], and whose it is.
pub(super) const OF_MANY: &str =
    "SELECT id, scope, canonical, name, added_at, user_id FROM username WHERE instance = ";

pub(super) fn own_name(row: &Row<'_>) -> Result<OwnName> {
    let scope = match row.text(1)? {
        "" => NameScope::Instance,
        _ => NameScope::Org,
    };
    Ok(OwnName {
        id: UsernameId::from_trusted(row.text(0)?),
        name: Username::from_stored(row.text(3)?, row.text(2)?),
        scope,
        added: Timestamp(row.int(4)?),
    })
}

/// Takes a name for a user: a guard, for it fails when the name is taken.
pub(super) fn claim([instance, user]: [Value; 2], org: &OrgId, own: &OwnName) -> Statement {
    let scope: Value = match own.scope {
        NameScope::Instance => "".into(),
        NameScope::Org => org.shared().into(),
    };
    Statement::new(
        "INSERT INTO username (instance, user_id, id, scope, canonical, name, added_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        [
            instance,
            user,
            own.id.shared().into(),
            scope,
            own.name.canonical().into(),
            own.name.as_str().into(),
            own.added.into(),
        ],
    )
}

/// Gives a name back.
pub(super) fn release([instance, user]: [Value; 2], id: &UsernameId) -> Statement {
    Statement::new(
        "DELETE FROM username WHERE instance = $1 AND user_id = $2 AND id = $3",
        [instance, user, id.shared().into()],
    )
}
