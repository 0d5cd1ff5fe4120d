//! User schemas: the state row, who holds a type, and searching.

use std::collections::HashMap;

use domain::{
    base::{InstanceId, SchemaId, Timestamp},
    user_schema::{Authenticator, Content, Event, TypeName, UserSchema},
};

use crate::{
    change::{Head, Stored},
    commit::{Statement, Value, json},
    db::{Param, Row, Snapshot},
    error::{Error, Result},
    query::{Filter, Page, Query, TextColumn, TextMatch},
};

impl Stored for UserSchema {
    type Id = SchemaId;

    async fn load(snapshot: &mut Snapshot, instance: &InstanceId, id: &SchemaId) -> Result<(Head, Self)> {
        let sql = "SELECT s.seq, s.created_at, s.changed_at, u.type, u.schema, u.authenticators, u.active, u.revision
                   FROM stream s LEFT JOIN user_schema u ON u.instance = s.instance AND u.id = s.id
                   WHERE s.instance = $1 AND s.kind = 'user_schema' AND s.id = $2";
        let key = [Param::from(instance.as_str()), id.as_str().into()];
        let found = snapshot
            .first(sql, &key, |row| {
                let content = row.opt_text(3)?.is_some().then(|| content(row)).transpose()?;
                let state = content.map_or(Self::Absent, |c| Self::Present(Box::new(c)));
                Ok((head(row)?, state))
            })
            .await?;
        Ok(found.unwrap_or_default())
    }

    fn rows(&self, instance: &InstanceId, id: &SchemaId, head: &Head, events: &[Event]) -> Vec<Statement> {
        if events.is_empty() {
            return Vec::new();
        }
        let key = || [Value::from(instance.shared()), id.shared().into()];
        match self.content() {
            Some(content) => vec![row(key(), head, content), free_other_types(key(), content)],
            None => vec![
                Statement::new("DELETE FROM user_schema WHERE instance = $1 AND id = $2", key()),
                Statement::new(
                    "DELETE FROM user_schema_type WHERE instance = $1 AND schema_id = $2",
                    key(),
                ),
            ],
        }
    }

    fn begins(event: &Event) -> bool {
        matches!(event, Event::UserSchemaCreated { .. })
    }
}

fn row([instance, id]: [Value; 2], head: &Head, content: &Content) -> Statement {
    let names: Vec<&str> = content.authenticators.iter().map(|a| a.name()).collect();
    Statement::new(
        "INSERT INTO user_schema (instance, id, type, type_key, schema, authenticators, active, revision,
             created_at, changed_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (instance, id) DO UPDATE SET type = excluded.type, type_key = excluded.type_key,
             schema = excluded.schema, authenticators = excluded.authenticators, active = excluded.active,
             revision = excluded.revision, changed_at = excluded.changed_at",
        [
            instance,
            id,
            content.type_name.as_str().into(),
            content.type_name.key().into(),
            json(&content.schema).into(),
            names.join(" ").into(),
            content.active.into(),
            i64::from(content.revision).into(),
            head.created.into(),
            head.changed.into(),
        ],
    )
}

fn free_other_types([instance, id]: [Value; 2], content: &Content) -> Statement {
    Statement::new(
        "DELETE FROM user_schema_type WHERE instance = $1 AND schema_id = $2 AND type_key <> $3",
        [instance, id, content.type_name.key().into()],
    )
}

/// Takes a type for a schema. A guard: it fails as taken when another schema holds it.
pub fn take_type(instance: &InstanceId, id: &SchemaId, name: &TypeName) -> Statement {
    Statement::new(
        "INSERT INTO user_schema_type (instance, type_key, schema_id) VALUES ($1, $2, $3)",
        [instance.shared().into(), name.key().into(), id.shared().into()],
    )
}

/// Gives the type of a schema back if no user follows the schema. A guard: a user that came since it was looked is a
/// conflict.
pub fn free_unused(instance: &InstanceId, id: &SchemaId) -> Statement {
    Statement::new(
        "DELETE FROM user_schema_type WHERE instance = $1 AND schema_id = $2
             AND NOT EXISTS (SELECT 1 FROM users WHERE users.instance = user_schema_type.instance
                             AND users.schema = user_schema_type.schema_id)",
        [Value::from(instance.shared()), id.shared().into()],
    )
}

/// Whether a schema holds the type.
pub async fn type_is_taken(snapshot: &mut Snapshot, instance: &InstanceId, name: &TypeName) -> Result<bool> {
    let sql = "SELECT 1 FROM user_schema_type WHERE instance = $1 AND type_key = $2";
    let key = name.key();
    let key = [Param::from(instance.as_str()), key.as_str().into()];
    Ok(snapshot.first(sql, &key, |_| Ok(())).await?.is_some())
}

/// Whether a user follows the schema.
pub async fn is_in_use(snapshot: &mut Snapshot, instance: &InstanceId, id: &SchemaId) -> Result<bool> {
    let sql = "SELECT 1 FROM users WHERE instance = $1 AND schema = $2 LIMIT 1";
    let key = [Param::from(instance.as_str()), id.as_str().into()];
    Ok(snapshot.first(sql, &key, |_| Ok(())).await?.is_some())
}

/// A schema of a list.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its id.
    pub id: SchemaId,
    /// Where its history stands.
    pub head: Head,
    /// What it consists of.
    pub content: Content,
}

/// What schemas can be searched by.
#[derive(Clone, Debug)]
pub enum Leaf {
    /// By id.
    Id(TextMatch, String),
    /// By type.
    Type(TextMatch, String),
    /// Whether they take new users.
    Active(bool),
    /// A state that no schema has.
    Never,
}

/// What schemas are sorted by; equal ones by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortBy {
    /// The time of creation.
    Created,
    /// The time of the last change.
    Changed,
    /// The type.
    Type,
    /// Active ones first.
    State,
    /// The revision.
    Revision,
}

/// Schemas by their ids; those that are not there are left out.
pub async fn by_ids(
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    ids: &[SchemaId],
) -> Result<HashMap<SchemaId, Content>> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let mut query = Query::new(
        snapshot.dialect(),
        "SELECT 0, 0, 0, u.type, u.schema, u.authenticators, u.active, u.revision, u.id
         FROM user_schema u WHERE u.instance = ",
    );
    query.bind(instance.shared()).push(" AND u.id IN (");
    query.list(ids.iter().map(SchemaId::shared)).push(")");
    let found = query
        .all(snapshot, |row| {
            Ok((SchemaId::from_trusted(row.text(8)?), content(row)?))
        })
        .await?;
    Ok(found.into_iter().collect())
}

/// Schemas that match, and how many do in all.
pub async fn search(
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    filter: &Filter<Leaf>,
    sort: SortBy,
    page: Page,
) -> Result<(Vec<Entry>, i64)> {
    let mut count = Query::new(snapshot.dialect(), "SELECT count(*) FROM user_schema u WHERE ");
    condition(&mut count, instance, filter);
    let total = count.number(snapshot).await?;
    let mut query = Query::new(
        snapshot.dialect(),
        "SELECT s.seq, s.created_at, s.changed_at, u.type, u.schema, u.authenticators, u.active, u.revision, u.id
         FROM user_schema u JOIN stream s ON s.instance = u.instance AND s.kind = 'user_schema' AND s.id = u.id
         WHERE ",
    );
    condition(&mut query, instance, filter);
    query.push(" ORDER BY ").in_order(column(sort), "u.id", page);
    let entries = query
        .all(snapshot, |row| {
            Ok(Entry {
                id: SchemaId::from_trusted(row.text(8)?),
                head: head(row)?,
                content: content(row)?,
            })
        })
        .await?;
    Ok((entries, total))
}

fn condition(query: &mut Query, instance: &InstanceId, filter: &Filter<Leaf>) {
    query.push("u.instance = ").bind(instance.shared()).push(" AND ");
    query.filter(filter, &|query, leaf| match leaf {
        Leaf::Id(how, text) => query.text(ID, *how, text),
        Leaf::Type(how, text) => query.text(TYPE, *how, text),
        Leaf::Active(active) => _ = query.push("u.active = ").bind(*active),
        Leaf::Never => _ = query.push("FALSE"),
    });
}

// As ids of users.
const ID: TextColumn = TextColumn {
    plain: "u.id",
    folded: "lower(u.id)",
    fold: str::to_ascii_lowercase,
};
const TYPE: TextColumn = TextColumn {
    plain: "u.type",
    folded: "u.type_key",
    fold: str::to_lowercase,
};

const fn column(sort: SortBy) -> &'static str {
    match sort {
        SortBy::Created => "u.created_at",
        SortBy::Changed => "u.changed_at",
        SortBy::Type => "u.type_key",
        SortBy::State => "1 - u.active",
        SortBy::Revision => "u.revision",
    }
}

fn head(row: &Row<'_>) -> Result<Head> {
    Ok(Head {
        seq: row.int(0)?,
        created: Timestamp(row.int(1)?),
        changed: Timestamp(row.int(2)?),
    })
}

/// Columns 3 to 7: type, schema, authenticators, active, revision.
fn content(row: &Row<'_>) -> Result<Content> {
    let authenticator = |name| {
        Authenticator::by_name(name)
            .ok_or_else(|| Error::corrupt("user_schema.authenticators", "unknown name"))
    };
    let names = row.text(5)?.split(' ').filter(|name| !name.is_empty());
    Ok(Content {
        type_name: TypeName::from_trusted(row.text(3)?),
        schema: serde_json::from_str(row.text(4)?).map_err(|e| Error::corrupt("user_schema.schema", e))?,
        authenticators: names.map(authenticator).collect::<Result<_>>()?,
        active: row.flag(6)?,
        revision: u32::try_from(row.int(7)?).map_err(|e| Error::corrupt("user_schema.revision", e))?,
    })
}
