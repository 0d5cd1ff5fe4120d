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

/// Users with links to providers that were removed, at most `most`.
pub async fn to_removed_providers(
    snapshot: &mut Snapshot,
    most: i64,
) -> Result<Vec<(InstanceId, UserId, IdpId)>> {
    let sql = "SELECT DISTINCT l.instance, l.user_id, l.idp FROM idp_removed r
               JOIN idp_link l ON l.instance = r.instance AND l.idp = r.id LIMIT $1";
    snapshot
        .all(sql, &[most.into()], |row| {
            Ok((
                InstanceId::from_trusted(row.text(0)?),
                UserId::from_trusted(row.text(1)?),
                IdpId::from_trusted(row.text(2)?),
            ))
        })
        .await
}
