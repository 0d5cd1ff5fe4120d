//! The links of users to accounts at identity providers, each a unique value of its provider.

use domain::{
    base::{FactorId, IdpId, InstanceId, UserId},
    user::IdpLink,
};

use crate::{
    commit::{Statement, Value},
    db::Snapshot,
    error::Result,
    query::Query,
};

/// Links an account to a user: a guard, for it fails when the account is linked already.
pub(super) fn claim([instance, user]: [Value; 2], link: &IdpLink) -> Statement {
    Statement::new(
        "INSERT INTO idp_link (instance, user_id, id, idp, external_id) VALUES ($1, $2, $3, $4, $5)",
        [
            instance,
            user,
            link.id.shared().into(),
            link.idp.shared().into(),
            link.user.id().into(),
        ],
    )
}

/// Gives an account back.
pub(super) fn release([instance, user]: [Value; 2], id: &FactorId) -> Statement {
    Statement::new(
        "DELETE FROM idp_link WHERE instance = $1 AND user_id = $2 AND id = $3",
        [instance, user, id.shared().into()],
    )
}

/// The names of the providers that a user has links to, but for those that were removed.
pub async fn providers_of(
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    user: &UserId,
) -> Result<Vec<(IdpId, String)>> {
    let sql =
        "SELECT DISTINCT p.id, p.name FROM idp_link l JOIN idp p ON p.instance = l.instance AND p.id = l.idp
               WHERE l.instance = $1 AND l.user_id = $2";
    snapshot
        .all(sql, &[instance.as_str().into(), user.as_str().into()], |row| {
            Ok((IdpId::from_trusted(row.text(0)?), row.text(1)?.to_owned()))
        })
        .await
}

/// The names of providers, but for those that were removed.
pub async fn provider_names(
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    ids: &[IdpId],
) -> Result<Vec<(IdpId, String)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = Query::new(
        snapshot.dialect(),
        "SELECT p.id, p.name FROM idp p WHERE p.instance = ",
    );
    query.bind(instance.shared()).push(" AND p.id IN (");
    query.list(ids.iter().map(IdpId::shared)).push(")");
    query
        .all(snapshot, |row| {
            Ok((IdpId::from_trusted(row.text(0)?), row.text(1)?.to_owned()))
        })
        .await
}

/// The user who has an account.
pub async fn holder(
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    idp: &IdpId,
    external_id: &str,
) -> Result<Option<UserId>> {
    let sql = "SELECT user_id FROM idp_link WHERE instance = $1 AND idp = $2 AND external_id = $3";
    let key = [instance.as_str().into(), idp.as_str().into(), external_id.into()];
    snapshot
        .first(sql, &key, |row| Ok(UserId::from_trusted(row.text(0)?)))
        .await
}

/// A provider that was removed, and that users may still have links to.
pub async fn removed_provider(snapshot: &mut Snapshot) -> Result<Option<(InstanceId, IdpId)>> {
    let sql = "SELECT instance, id FROM idp_removed ORDER BY instance, id LIMIT 1";
    snapshot
        .first(sql, &[], |row| {
            Ok((
                InstanceId::from_trusted(row.text(0)?),
                IdpId::from_trusted(row.text(1)?),
            ))
        })
        .await
}

/// Users with links to a provider, at most `most`.
pub async fn users_of(
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    idp: &IdpId,
    most: i64,
) -> Result<Vec<UserId>> {
    let sql = "SELECT DISTINCT user_id FROM idp_link WHERE instance = $1 AND idp = $2 LIMIT $3";
    let params = [instance.as_str().into(), idp.as_str().into(), most.into()];
    snapshot
        .all(sql, &params, |row| Ok(UserId::from_trusted(row.text(0)?)))
        .await
}

/// Forgets that a provider was removed, for nobody has a link to it any more.
pub fn forget_removed(instance: &InstanceId, idp: &IdpId) -> Statement {
    Statement::new(
        "DELETE FROM idp_removed WHERE instance = $1 AND id = $2
             AND NOT EXISTS (SELECT 1 FROM idp_link l WHERE l.instance = idp_removed.instance AND l.idp = idp_removed.id)",
        [Value::from(instance.shared()), idp.shared().into()],
    )
}
