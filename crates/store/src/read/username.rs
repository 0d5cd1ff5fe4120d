//! The usernames of users, each a unique value of its instance or organization.

use domain::{
    base::{OrgId, UsernameId},
    user::{NameScope, OwnName},
};

use crate::commit::{Statement, Value};

/// Takes a name for a user: a guard, for it fails when the name is taken.
pub(super) fn claim([instance, user]: [Value; 2], org: &OrgId, own: &OwnName) -> Statement {
    let scope: Value = match own.scope {
        NameScope::Instance => "".into(),
        NameScope::Org => org.shared().into(),
    };
    let (id, canonical) = (own.id.shared().into(), own.name.canonical().into());
    Statement::new(
        "INSERT INTO username (instance, user_id, id, scope, canonical) VALUES ($1, $2, $3, $4, $5)",
        [instance, user, id, scope, canonical],
    )
}

/// Gives a name back.
pub(super) fn release([instance, user]: [Value; 2], id: &UsernameId) -> Statement {
    Statement::new(
        "DELETE FROM username WHERE instance = $1 AND user_id = $2 AND id = $3",
        [instance, user, id.shared().into()],
    )
}
