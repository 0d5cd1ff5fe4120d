//! Instances: the tenants of this server.

use domain::{
    base::{InstanceId, OrgId, Timestamp},
    instance::{Event, Features, Instance},
};

use crate::{
    change::{Head, Stored},
    commit::Statement,
    db::Snapshot,
    error::Result,
};

impl Stored for Instance {
    type Id = InstanceId;

    async fn load(snapshot: &mut Snapshot, instance: &InstanceId, id: &InstanceId) -> Result<(Head, Self)> {
        let sql = "SELECT s.seq, s.created_at, s.changed_at, i.name, i.default_org, i.user_schema
                   FROM stream s LEFT JOIN instance i ON i.id = s.id
                   WHERE s.instance = $1 AND s.kind = 'instance' AND s.id = $2";
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
                        default_org: row.opt_text(4)?.map(OrgId::from_trusted),
                        features: Features {
                            user_schema: row.opt_int(5)?.map(|on| on != 0),
                        },
                    },
                ))
            })
            .await?;
        Ok(found.unwrap_or_default())
    }

    fn rows(
        &self,
        _instance: &InstanceId,
        id: &InstanceId,
        _head: &Head,
        events: &[Event],
    ) -> Vec<Statement> {
        let row = |event: &Event| match event {
            Event::InstanceCreated { name, default_org } => Statement::new(
                "INSERT INTO instance (id, name, default_org) VALUES ($1, $2, $3)",
                [
                    id.shared().into(),
                    name.as_str().into(),
                    default_org.shared().into(),
                ],
            ),
            Event::FeatureSet { .. } | Event::FeaturesReset => Statement::new(
                "UPDATE instance SET user_schema = $1 WHERE id = $2",
                [self.features.user_schema.into(), id.shared().into()],
            ),
        };
        events.iter().map(row).collect()
    }
}

/// An instance as requests need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceEntry {
    /// Its id.
    pub id: InstanceId,
    /// The organization that owns what names no other.
    pub default_org: OrgId,
}

/// Every instance, oldest first.
pub async fn all(snapshot: &mut Snapshot) -> Result<Vec<InstanceEntry>> {
    snapshot
        .all("SELECT id, default_org FROM instance ORDER BY id", &[], |row| {
            Ok(InstanceEntry {
                id: InstanceId::from_trusted(row.text(0)?),
                default_org: OrgId::from_trusted(row.text(1)?),
            })
        })
        .await
}

/// What is set of the features of an instance; nothing for one that does not exist.
pub(crate) async fn features(snapshot: &mut Snapshot, instance: &InstanceId) -> Result<Features> {
    let sql = "SELECT user_schema FROM instance WHERE id = $1";
    let found = snapshot
        .first(sql, &[instance.as_str().into()], |row| {
            Ok(Features {
                user_schema: row.opt_int(0)?.map(|on| on != 0),
            })
        })
        .await?;
    Ok(found.unwrap_or_default())
}
