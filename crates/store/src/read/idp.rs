//! Identity providers: the state row, and searching.

use domain::{
    base::{IdpId, InstanceId, Timestamp},
    idp::{Event, Idp, Provider, ProviderName},
    user::SealedSecret,
};

use crate::{
    change::{Head, Stored},
    commit::{Statement, Value, json},
    db::{Param, Row, Snapshot},
    error::{Error, Result},
    query::{Filter, Page, Query, TextColumn, TextMatch},
};

impl Stored for Idp {
    type Id = IdpId;

    async fn load(snapshot: &mut Snapshot, instance: &InstanceId, id: &IdpId) -> Result<(Head, Self)> {
        let sql = "SELECT s.seq, s.created_at, s.changed_at, p.name, p.options, p.settings, p.secret
                   FROM stream s LEFT JOIN idp p ON p.instance = s.instance AND p.id = s.id
                   WHERE s.instance = $1 AND s.kind = 'idp' AND s.id = $2";
        let key = [Param::from(instance.as_str()), id.as_str().into()];
        let found = snapshot
            .first(sql, &key, |row| {
                let there = row.opt_text(3)?.is_some();
                let provider = there.then(|| provider(row)).transpose()?;
                let state = provider.map_or(Self::Absent, |p| Self::Present(Box::new(p)));
                Ok((head(row)?, state))
            })
            .await?;
        Ok(found.unwrap_or_default())
    }

    fn rows(&self, instance: &InstanceId, id: &IdpId, head: &Head, events: &[Event]) -> Vec<Statement> {
        if events.is_empty() {
            return Vec::new();
        }
        let key = || [Value::from(instance.shared()), id.shared().into()];
        match self.provider() {
            Some(provider) => vec![row(key(), head, provider)],
            None => REMOVE.iter().map(|sql| Statement::new(sql, key())).collect(),
        }
    }

    fn forgets(events: &[Event]) -> bool {
        events.contains(&Event::IdentityProviderRemoved)
    }
}

/// What links to the provider is given back later, bit by bit.
const REMOVE: &[&str] = &[
    "DELETE FROM idp WHERE instance = $1 AND id = $2",
    "INSERT INTO idp_removed (instance, id) VALUES ($1, $2) ON CONFLICT (instance, id) DO NOTHING",
];

fn row([instance, id]: [Value; 2], head: &Head, provider: &Provider) -> Statement {
    Statement::new(
        "INSERT INTO idp (instance, id, name, name_key, options, settings, secret, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (instance, id) DO UPDATE SET name = excluded.name, name_key = excluded.name_key,
             options = excluded.options, settings = excluded.settings, secret = excluded.secret",
        [
            instance,
            id,
            provider.name.as_str().into(),
            provider.name.as_str().to_lowercase().into(),
            json(&provider.options).into(),
            json(&provider.settings).into(),
            provider.secret.as_str().into(),
            head.created.into(),
        ],
    )
}

/// A provider of a list.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its id.
    pub id: IdpId,
    /// Where its history stands.
    pub head: Head,
    /// What it consists of.
    pub provider: Provider,
}

/// What providers can be searched by.
#[derive(Clone, Debug)]
pub enum Leaf {
    /// By id, which is the same or not.
    Id(String),
    /// By name.
    Name(TextMatch, String),
}

/// Providers that match in the order in which they were added, and how many do in all.
pub async fn search(
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    filter: &Filter<Leaf>,
    page: Page,
) -> Result<(Vec<Entry>, i64)> {
    let mut count = Query::new(snapshot.dialect(), "SELECT count(*) FROM idp p WHERE ");
    condition(&mut count, instance, filter);
    let total = count.number(snapshot).await?;
    let mut query = Query::new(
        snapshot.dialect(),
        "SELECT s.seq, s.created_at, s.changed_at, p.name, p.options, p.settings, p.secret, p.id
         FROM idp p JOIN stream s ON s.instance = p.instance AND s.kind = 'idp' AND s.id = p.id
         WHERE ",
    );
    condition(&mut query, instance, filter);
    query.push(" ORDER BY ").in_order("p.created_at", "p.id", page);
    let entries = query
        .all(snapshot, |row| {
            Ok(Entry {
                id: IdpId::from_trusted(row.text(7)?),
                head: head(row)?,
                provider: provider(row)?,
            })
        })
        .await?;
    Ok((entries, total))
}

fn condition(query: &mut Query, instance: &InstanceId, filter: &Filter<Leaf>) {
    query.push("p.instance = ").bind(instance.shared()).push(" AND ");
    query.filter(filter, &|query, leaf| match leaf {
        Leaf::Id(id) => _ = query.push("p.id = ").bind(id.as_str()),
        Leaf::Name(how, text) => query.text(NAME, *how, text),
    });
}

const NAME: TextColumn = TextColumn {
    plain: "p.name",
    folded: "p.name_key",
    fold: str::to_lowercase,
};

fn head(row: &Row<'_>) -> Result<Head> {
    Ok(Head {
        seq: row.int(0)?,
        created: Timestamp(row.int(1)?),
        changed: Timestamp(row.int(2)?),
    })
}

/// Columns 3 to 6: name, options, settings, secret.
fn provider(row: &Row<'_>) -> Result<Provider> {
    let name = ProviderName::parse(row.text(3)?).map_err(|e| Error::corrupt("idp.name", e))?;
    Ok(Provider {
        name,
        options: serde_json::from_str(row.text(4)?).map_err(|e| Error::corrupt("idp.options", e))?,
        settings: serde_json::from_str(row.text(5)?).map_err(|e| Error::corrupt("idp.settings", e))?,
        secret: SealedSecret::new(row.text(6)?),
    })
}
