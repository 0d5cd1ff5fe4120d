//! The credentials of passkeys and security keys, each a unique value of its instance.

use domain::{base::FactorId, user::WebauthnFactor};

use crate::commit::{Statement, Value};

/// Takes the credential of a verified key: a guard, for it fails when somebody has it. Nothing for one that still waits.
pub(super) fn claim([instance, user]: [Value; 2], factor: &WebauthnFactor) -> Option<Statement> {
    let named = factor.credential()?;
    let sql =
        "INSERT INTO webauthn_credential (instance, user_id, id, credential_id) VALUES ($1, $2, $3, $4)";
    let key = factor.id.shared().into();
    Some(Statement::new(
        sql,
        [instance, user, key, named.credential.id.clone().into()],
    ))
}

/// Gives the credential of a key back, if it has one.
pub(super) fn release([instance, user]: [Value; 2], id: &FactorId) -> Statement {
    Statement::new(
        "DELETE FROM webauthn_credential WHERE instance = $1 AND user_id = $2 AND id = $3",
        [instance, user, id.shared().into()],
    )
}
