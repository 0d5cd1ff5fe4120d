//! The links of users to accounts at identity providers, each a unique value of its provider.

use domain::{
    base::{FactorId, IdpId, InstanceId, Timestamp, UserId},
    user::{ExternalUser, IdpLink},
};

use crate::{
    commit::{Statement, Value},
    db::{Row, Snapshot},
    error::Result,
    query::Query,
};

/// The links of a user, oldest first.
pub(super) async fn of_user(
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    user: &UserId,
) -> Result<Vec<IdpLink>> {
    let sql = "SELECT id, idp, external_id, external_name, added_at FROM idp_link
               WHERE instance = $1 AND user_id = $2 ORDER BY added_at, id";
    snapshot
        .all(sql, &[instance.as_str().into(), user.as_str().into()], link)
        .await
}

/// The columns of [`link`], and whose it is.
pub(super) const OF_MANY: &str =
    "SELECT id, idp, external_id, external_name, added_at, user_id FROM idp_link WHERE instance = ";

pub(super) fn link(row: &Row<'_>) -> Result<IdpLink> {
    Ok(IdpLink {
        id: FactorId::from_trusted(row.text(0)?),
        idp: IdpId::from_trusted(row.text(1)?),
        user: ExternalUser::from_trusted(row.text(2)?, row.text(3)?),
        added: Timestamp(row.int(4)?),
    })
}

/// Links an account to a user: a guard, for it fails when the account is linked already.
pub(super) fn claim([instance, user]: [Value; 2], link: &IdpLink) -> Statement {
    Statement::new(
        "INSERT INTO idp_link (instance, user_id, id, idp, external_id, external_name, added_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        [
            instance,
            user,
            link.id.shared().into(),
            link.idp.shared().into(),
            link.user.id().into(),
            link.user.name().into(),
            link.added.into(),
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
