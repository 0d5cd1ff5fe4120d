//! Organizations: by id and by domain.

use domain::{
    base::{InstanceId, OrgId, Timestamp},
    org::{Event, Org},
};

use crate::{
    change::{Head, Stored},
    commit::Statement,
    db::Snapshot,
    error::Result,
};

impl Stored for Org {
    type Id = OrgId;

    async fn load(snapshot: &mut Snapshot, instance: &InstanceId, id: &OrgId) -> Result<(Head, Self)> {
        let sql = "SELECT s.seq, s.created_at, s.changed_at, o.name, o.domain
                   FROM stream s LEFT JOIN org o ON o.instance = s.instance AND o.id = s.id
                   WHERE s.instance = $1 AND s.kind = 'org' AND s.id = $2";
        let found = snapshot
            .first(sql, &[instance.as_str().into(), id.as_str().into()], |row| {
                let head = Head {
                    seq: row.int(0)?,
                    created: Timestamp(row.int(1)?),
                    changed: Timestamp(row.int(2)?),
                };
                let name = row.opt_text(3)?.map(str::to_owned);
                Ok((
                    head,
                    Self {
                        name,
                        domain: row.opt_text(4)?.map(str::to_owned),
                    },
                ))
            })
            .await?;
        Ok(found.unwrap_or_default())
    }

    fn rows(&self, instance: &InstanceId, id: &OrgId, _head: &Head, events: &[Event]) -> Vec<Statement> {
        let row = |Event::OrgCreated { name, domain }: &Event| {
            Statement::new(
                "INSERT INTO org (instance, id, name, domain) VALUES ($1, $2, $3, $4)",
                [
                    instance.shared().into(),
                    id.shared().into(),
                    name.as_str().into(),
                    domain.as_str().into(),
                ],
            )
        };
        events.iter().map(row).collect()
    }
}

/// Whether an organization exists.
pub async fn exists(snapshot: &mut Snapshot, instance: &InstanceId, id: &OrgId) -> Result<bool> {
    let sql = "SELECT 1 FROM org WHERE instance = $1 AND id = $2";
    Ok(snapshot
        .first(sql, &[instance.as_str().into(), id.as_str().into()], |_| Ok(()))
        .await?
        .is_some())
}

/// Finds an organization by its domain.
pub async fn by_domain(
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    domain: &str,
) -> Result<Option<OrgId>> {
    let sql = "SELECT id FROM org WHERE instance = $1 AND domain = $2";
    let key = [instance.as_str().into(), domain.into()];
    snapshot
        .first(sql, &key, |row| row.text(0).map(OrgId::from_trusted))
        .await
}

/// The domain of an organization.
pub async fn domain_of(snapshot: &mut Snapshot, instance: &InstanceId, id: &OrgId) -> Result<Option<String>> {
    let sql = "SELECT domain FROM org WHERE instance = $1 AND id = $2";
    let key = [instance.as_str().into(), id.as_str().into()];
    snapshot
        .first(sql, &key, |row| row.text(0).map(str::to_owned))
        .await
}
