//! User schemas: create, change, end, remove, read, search; and what they mean for the users that follow them.

mod compiled;
mod follow;
mod pattern;

use domain::{
    access::Permission,
    base::{SchemaId, Timestamp},
    user_schema::{Authenticator, Command, Content, Refusal, TypeName, UserSchema},
};
use serde_json::{Map, Value};
use store::{Stream, Work, read::user_schema as rows};

pub use compiled::{Misfit, SchemaCache};
pub use follow::{Followed, may_have};
pub(crate) use follow::{admit, look, look_by, may_bring, newest, withholds};
pub use store::{
    Filter, Head, Page, TextMatch,
    read::user_schema::{Entry, Leaf, SortBy},
};

use crate::{
    access::Caller,
    ctx::Ctx,
    error::{Error, Result},
};

/// What is needed to create a schema.
#[derive(Clone, Debug)]
pub struct NewSchema {
    /// Its name.
    pub type_name: TypeName,
    /// A JSON Schema.
    pub schema: Map<String, Value>,
    /// What its users may have; empty is everything.
    pub authenticators: Vec<Authenticator>,
}

/// What is to be changed about a schema; absent parts stay.
#[derive(Clone, Debug, Default)]
pub struct SchemaPatch {
    /// Another name.
    pub type_name: Option<TypeName>,
    /// Another JSON Schema.
    pub schema: Option<Map<String, Value>>,
    /// Another list; an empty one is none.
    pub authenticators: Vec<Authenticator>,
}

/// What a write answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaChanged {
    /// The schema.
    pub id: SchemaId,
    /// Where its history stands.
    pub head: Head,
}

/// Whether a schema takes new users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaTransition {
    /// No longer.
    Deactivate,
    /// Again.
    Reactivate,
}

/// A page of schemas.
#[derive(Clone, Debug)]
pub struct SchemaPage {
    /// The schemas.
    pub entries: Vec<Entry>,
    /// How many match in all.
    pub total: i64,
    /// When it was looked.
    pub at: Timestamp,
}

fn may(caller: &Caller, permission: Permission) -> Result<()> {
    if caller.holds_instance_wide(permission) {
        Ok(())
    } else {
        Err(Error::Denied(permission))
    }
}

/// Creates a schema in revision 1, active. Needs `userschema.write` in the instance.
pub async fn create(ctx: &Ctx, caller: &Caller, new: &NewSchema) -> Result<SchemaChanged> {
    may(caller, Permission::UserSchemaWrite)?;
    compiled::compile(new.schema.clone()).await?;
    let id = &SchemaId::from_trusted(&ctx.new_id());
    let done: Result<SchemaChanged> = ctx
        .store
        .change(
            "schema.create",
            &caller.instance,
            &caller.user,
            ctx.now(),
            |work| {
                Box::pin(async move {
                    let mut schema = work.load::<UserSchema>(id).await?;
                    take_type(work, id, &new.type_name).await?;
                    let create = Command::Create {
                        type_name: new.type_name.clone(),
                        schema: new.schema.clone(),
                        authenticators: new.authenticators.clone(),
                    };
                    work.decide(&mut schema, create)?;
                    Ok(changed(&schema))
                })
            },
        )
        .await;
    taken(done)
}

/// Changes a schema. Needs `userschema.write` in the instance.
pub async fn patch(ctx: &Ctx, caller: &Caller, id: &SchemaId, patch: &SchemaPatch) -> Result<SchemaChanged> {
    may(caller, Permission::UserSchemaWrite)?;
    if let Some(schema) = &patch.schema {
        compiled::compile(schema.clone()).await?;
    }
    let done: Result<SchemaChanged> = ctx
        .store
        .change(
            "schema.patch",
            &caller.instance,
            &caller.user,
            ctx.now(),
            |work| Box::pin(patch_in(work, id, patch)),
        )
        .await;
    taken(done)
}

async fn patch_in(work: &mut Work<'_>, id: &SchemaId, patch: &SchemaPatch) -> Result<SchemaChanged> {
    let mut schema = work.load::<UserSchema>(id).await?;
    let before = schema.state.content().map(|content| content.type_name.key());
    let command = Command::Patch {
        type_name: patch.type_name.clone(),
        schema: patch.schema.clone(),
        authenticators: patch.authenticators.clone(),
    };
    work.decide(&mut schema, command)?;
    let renamed = schema.state.content().map(|content| &content.type_name);
    if let Some(name) = renamed
        .filter(|name| before.as_ref() != Some(&name.key()))
        .cloned()
    {
        take_type(work, id, &name).await?;
    }
    Ok(changed(&schema))
}

/// Looks whether a type is free, and takes it; somebody who takes it meanwhile fails the commit.
async fn take_type(work: &mut Work<'_>, id: &SchemaId, name: &TypeName) -> Result<()> {
    let instance = work.instance().clone();
    if rows::type_is_taken(work.snapshot(), &instance, name).await? {
        return Err(Error::SchemaTypeTaken);
    }
    work.guard(rows::take_type(&instance, id, name));
    Ok(())
}

/// The only unique value that these use cases write is the type.
fn taken(done: Result<SchemaChanged>) -> Result<SchemaChanged> {
    match done {
        Err(Error::Store(store::Error::Taken(_))) => Err(Error::SchemaTypeTaken),
        done => done,
    }
}

fn changed(schema: &Stream<UserSchema>) -> SchemaChanged {
    SchemaChanged {
        id: schema.id.clone(),
        head: schema.head,
    }
}

/// Ends or begins taking new users. Needs `userschema.write` in the instance.
pub async fn transition(
    ctx: &Ctx,
    caller: &Caller,
    id: &SchemaId,
    to: SchemaTransition,
) -> Result<SchemaChanged> {
    may(caller, Permission::UserSchemaWrite)?;
    ctx.store
        .change(
            "schema.transition",
            &caller.instance,
            &caller.user,
            ctx.now(),
            |work| {
                Box::pin(async move {
                    let mut schema = work.load::<UserSchema>(id).await?;
                    let command = match to {
                        SchemaTransition::Deactivate => Command::Deactivate,
                        SchemaTransition::Reactivate => Command::Reactivate,
                    };
                    work.decide(&mut schema, command)?;
                    Ok(changed(&schema))
                })
            },
        )
        .await
}

/// Removes a schema that no user follows. Needs `userschema.delete` in the instance.
pub async fn delete(ctx: &Ctx, caller: &Caller, id: &SchemaId) -> Result<SchemaChanged> {
    may(caller, Permission::UserSchemaDelete)?;
    ctx.store
        .change(
            "schema.delete",
            &caller.instance,
            &caller.user,
            ctx.now(),
            |work| {
                Box::pin(async move {
                    let mut schema = work.load::<UserSchema>(id).await?;
                    let in_use = rows::is_in_use(work.snapshot(), &caller.instance, id).await?;
                    work.decide(&mut schema, Command::Delete { in_use })?;
                    work.guard(rows::free_unused(&caller.instance, id));
                    Ok(changed(&schema))
                })
            },
        )
        .await
}

/// Reads a schema. Needs `userschema.read` in the instance.
pub async fn get(ctx: &Ctx, caller: &Caller, id: &SchemaId) -> Result<Entry> {
    may(caller, Permission::UserSchemaRead)?;
    let mut snapshot = ctx.store.glance()?;
    let (head, state) = <UserSchema as store::Stored>::load(&mut snapshot, &caller.instance, id).await?;
    let content: Content = match state {
        UserSchema::Present(content) => *content,
        UserSchema::Absent => return Err(Refusal::NotFound.into()),
    };
    Ok(Entry {
        id: id.clone(),
        head,
        content,
    })
}

/// Searches schemas. Needs `userschema.read` in the instance.
pub async fn search(
    ctx: &Ctx,
    caller: &Caller,
    filter: &Filter<Leaf>,
    sort: SortBy,
    page: Page,
) -> Result<SchemaPage> {
    may(caller, Permission::UserSchemaRead)?;
    let mut snapshot = ctx.store.snapshot().await?;
    let (entries, total) = rows::search(&mut snapshot, &caller.instance, filter, sort, page).await?;
    Ok(SchemaPage {
        entries,
        total,
        at: ctx.now(),
    })
}
