//! What a schema means for its users: which data they may have, who sees which part, and which authenticators they may add.

use std::{mem, sync::Arc};

use domain::{
    base::{InstanceId, SchemaId},
    user::{Person, SchemaRef},
    user_schema::{Authenticator, Content, Side, UserSchema},
};
use serde_json::{Map, Value};
use store::{Snapshot, Stored, Stream, Work};

use super::compiled::Compiled;
use crate::{
    ctx::Ctx,
    error::{Error, Result},
};

/// The schema that a user follows, as reads show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// The schema.
    pub id: SchemaId,
    /// Its name.
    pub type_name: String,
    /// The revision that the user's data were last checked against.
    pub revision: u32,
}

/// The newest revision of a schema, which stays what it is until the work is committed.
pub(crate) async fn newest(work: &mut Work<'_>, id: &SchemaId) -> Result<Stream<UserSchema>> {
    let schema = work.load::<UserSchema>(id).await?;
    if schema.state.content().is_none() {
        return Err(Error::SchemaUnknown);
    }
    Ok(schema)
}

/// Data that may stand in the place of `stored` under this schema, and the schema in the revision that says so.
pub(crate) async fn admit(
    ctx: &Ctx,
    instance: &InstanceId,
    schema: &Stream<UserSchema>,
    (stored, new): (&Map<String, Value>, &Map<String, Value>),
    sides: &[Side],
) -> Result<(SchemaRef, Map<String, Value>)> {
    let content = schema.state.content().ok_or(Error::SchemaUnknown)?;
    let compiled = compiled(ctx, instance, &schema.id, content).await?;
    let data = if compiled.is_checked_at_once(stored, new) {
        compiled.admit(stored, new, sides)
    } else {
        let (stored, new, sides) = (stored.clone(), new.clone(), sides.to_vec());
        let checked = ctx.schemas.aside(move || compiled.admit(&stored, &new, &sides));
        checked.await?
    };
    let data = data.map_err(Error::DataMisfit)?;
    let follows = SchemaRef {
        id: schema.id.clone(),
        revision: content.revision,
    };
    Ok((follows, data))
}

async fn compiled(
    ctx: &Ctx,
    instance: &InstanceId,
    id: &SchemaId,
    content: &Content,
) -> Result<Arc<Compiled>> {
    let key = (instance.clone(), id.clone(), content.revision);
    ctx.schemas.get(key, &content.schema).await
}

/// The schema that a user follows, and the part of the data that these sides may read by its newest revision.
pub(crate) async fn look(
    ctx: &Ctx,
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    person: &mut Person,
    sides: &[Side],
) -> Result<Option<Followed>> {
    let Some(follows) = &person.schema else {
        return Ok(None);
    };
    let (_, schema) = UserSchema::load(snapshot, instance, &follows.id).await?;
    look_by(ctx, instance, schema.content(), person, sides).await
}

/// As [`look`], with the content of the schema at hand.
pub(crate) async fn look_by(
    ctx: &Ctx,
    instance: &InstanceId,
    content: Option<&Content>,
    person: &mut Person,
    sides: &[Side],
) -> Result<Option<Followed>> {
    let Some(follows) = &person.schema else {
        return Ok(None);
    };
    let Some(content) = content else {
        // A schema with users is never removed; should it be gone, nothing says who may read these data.
        person.data.clear();
        return Ok(None);
    };
    let compiled = compiled(ctx, instance, &follows.id, content).await?;
    person.data = if compiled.is_read_at_once(&person.data) {
        compiled.readable(&person.data, sides)
    } else {
        let (data, sides) = (mem::take(&mut person.data), sides.to_vec());
        ctx.schemas
            .aside(move || compiled.readable(&data, &sides))
            .await?
    };
    Ok(Some(Followed {
        id: follows.id.clone(),
        type_name: content.type_name.as_str().to_owned(),
        revision: follows.revision,
    }))
}

/// Whether the schema that somebody follows keeps some part of their data from these sides, or from their changes.
pub(crate) async fn withholds(
    ctx: &Ctx,
    work: &mut Work<'_>,
    person: &Person,
    sides: &[Side],
) -> Result<bool> {
    let Some(follows) = &person.schema else {
        return Ok(false);
    };
    let schema = work.load::<UserSchema>(&follows.id).await?;
    // As where it is read: should the schema be gone, nothing says who may.
    let Some(content) = schema.state.content() else {
        return Ok(true);
    };
    let compiled = compiled(ctx, work.instance(), &follows.id, content).await?;
    if compiled.is_read_at_once(&person.data) {
        return Ok(compiled.withholds(&person.data, sides));
    }
    let (data, sides) = (person.data.clone(), sides.to_vec());
    ctx.schemas.aside(move || compiled.withholds(&data, &sides)).await
}

/// Whether somebody may come to this schema with the authenticators that they have. Fails with [`Error::NotPossible`].
pub(crate) fn may_bring(schema: &Stream<UserSchema>, person: &Person) -> Result<()> {
    let content = schema.state.content().ok_or(Error::SchemaUnknown)?;
    let mut all = person.authenticators().into_iter();
    all.find(|what| !content.allows(*what))
        .map_or(Ok(()), |what| Err(Error::NotPossible(what)))
}

/// Whether a user may be given this authenticator: a user of the built-in schema may have any, others what their schema
/// lists. Fails with [`Error::NotPossible`].
pub async fn may_have(work: &mut Work<'_>, person: Option<&Person>, what: Authenticator) -> Result<()> {
    let Some(follows) = person.and_then(|person| person.schema.as_ref()) else {
        return Ok(());
    };
    let schema = newest(work, &follows.id).await?;
    match schema.state.content() {
        Some(content) if content.allows(what) => Ok(()),
        _ => Err(Error::NotPossible(what)),
    }
}
