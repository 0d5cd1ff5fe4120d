//! Personal access tokens, and who stands behind one.

use std::sync::Arc;

use domain::{
    base::{InstanceId, OrgId, Timestamp, TokenId, UserId},
    code::Digest,
    user::{Membership, UserState},
};

use super::user;
use crate::{
    commit::{Statement, Value},
    db::{Row, Snapshot},
    error::{Error, Result},
};

/// The user behind a token. Cheap to clone.
#[derive(Clone, Debug)]
pub struct TokenHolder {
    /// Whose token it is.
    pub user: UserId,
    /// The owner of that user.
    pub org: OrgId,
    /// State of that user.
    pub state: UserState,
    /// SHA-256 of the token.
    pub digest: Digest,
    /// When it ends.
    pub expires: Timestamp,
    /// Roles of that user.
    pub memberships: Arc<[Membership]>,
}

pub(super) fn insert(
    instance: &InstanceId,
    id: &TokenId,
    user: &UserId,
    digest: &Digest,
    created: Timestamp,
    expires: Timestamp,
) -> Statement {
    Statement::new(
        "INSERT INTO token (instance, id, user_id, digest, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)",
        [
            instance.shared().into(),
            id.shared().into(),
            user.shared().into(),
            Value::from(&digest.0[..]),
            created.into(),
            expires.into(),
        ],
    )
}

pub(super) fn delete(instance: &InstanceId, id: &TokenId) -> Statement {
    let sql = "DELETE FROM token WHERE instance = $1 AND id = $2";
    Statement::new(sql, [instance.shared().into(), id.shared().into()])
}

/// Finds who stands behind a token, with what a permission check needs, in one query.
/// [`Store::token_holder`](crate::Store::token_holder) remembers the answer.
pub(crate) async fn holder(
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    id: &TokenId,
) -> Result<Option<TokenHolder>> {
    let sql = "SELECT t.user_id, u.org, u.active, u.locked, t.digest, t.expires_at, m.org, m.roles
               FROM token t JOIN users u ON u.instance = t.instance AND u.id = t.user_id
               LEFT JOIN membership m ON m.instance = t.instance AND m.user_id = t.user_id
               WHERE t.instance = $1 AND t.id = $2";
    let mut found: Option<TokenHolder> = None;
    let mut memberships = Vec::new();
    snapshot
        .all(sql, &[instance.as_str().into(), id.as_str().into()], |row| {
            if found.is_none() {
                found = Some(bearer(row)?);
            }
            if let Some(org) = row.opt_text(6)? {
                let roles = user::roles(row.text(7)?)?;
                memberships.push(Membership {
                    scope: user::scope(org),
                    roles,
                });
            }
            Ok(())
        })
        .await?;
    Ok(found.map(|holder| TokenHolder {
        memberships: memberships.into(),
        ..holder
    }))
}

/// The user of a row, without roles.
fn bearer(row: &Row<'_>) -> Result<TokenHolder> {
    Ok(TokenHolder {
        user: UserId::from_trusted(row.text(0)?),
        org: OrgId::from_trusted(row.text(1)?),
        state: match (row.flag(2)?, row.flag(3)?) {
            (_, true) => UserState::Locked,
            (true, false) => UserState::Active,
            (false, false) => UserState::Inactive,
        },
        digest: digest(row.blob(4)?)?,
        expires: Timestamp(row.int(5)?),
        memberships: Arc::default(),
    })
}

fn digest(bytes: &[u8]) -> Result<Digest> {
    bytes
        .try_into()
        .map(Digest)
        .map_err(|_| Error::corrupt("token.digest", "not 32 bytes"))
}

/// How many tokens a user has.
pub async fn count(snapshot: &mut Snapshot, instance: &InstanceId, user: &UserId) -> Result<usize> {
    let sql = "SELECT count(*) FROM token WHERE instance = $1 AND user_id = $2";
    let count = snapshot
        .first(sql, &[instance.as_str().into(), user.as_str().into()], |row| {
            row.int(0)
        })
        .await?;
    Ok(count.and_then(|n| usize::try_from(n).ok()).unwrap_or(0))
}

/// Whether a user has this token.
pub async fn exists(
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    user: &UserId,
    id: &TokenId,
) -> Result<bool> {
    let sql = "SELECT 1 FROM token WHERE instance = $1 AND id = $2 AND user_id = $3";
    let key = [instance.as_str().into(), id.as_str().into(), user.as_str().into()];
    Ok(snapshot.first(sql, &key, |_| Ok(())).await?.is_some())
}
