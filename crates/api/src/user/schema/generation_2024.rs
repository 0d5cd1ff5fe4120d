//! `zitadel.user.schema.v3alpha.UserSchemaService`, the first generation (2024-06).

use app::{
    Error,
    error::Invalid,
    schema::{self, Entry, Filter, Leaf, SchemaChanged, SchemaTransition, SortBy},
};
use domain::base::InstanceId;
use proto::{
    rpc::Status,
    zitadel::{
        object::v2beta::{Details, ListDetails},
        user::schema::v3alpha::{self as wire, UserSchemaService},
    },
};

use super::{id, new_schema, numbers_of, schema_patch, state_filter};
use crate::{
    call::Call,
    error::Op,
    page::page,
    user::{Users, answer, search::Budget, text_match, timestamp},
};

#[expect(
    clippy::unnecessary_wraps,
    reason = "every message field of the wire is optional"
)]
fn details(instance: &InstanceId, head: app::schema::Head) -> Option<Details> {
    Some(Details {
        sequence: head.seq.unsigned_abs(),
        change_date: timestamp(head.changed),
        resource_owner: instance.to_string(),
        creation_date: timestamp(head.created),
    })
}

fn changed(call: &Call, changed: &SchemaChanged) -> Option<Details> {
    details(&call.instance, changed.head)
}

fn shown(call: &Call, entry: Entry) -> wire::UserSchema {
    let state = if entry.content.active {
        wire::State::Active
    } else {
        wire::State::Inactive
    };
    wire::UserSchema {
        id: entry.id.to_string(),
        details: details(&call.instance, entry.head),
        r#type: entry.content.type_name.as_str().to_owned(),
        state: state.into(),
        revision: entry.content.revision,
        schema: Some(entry.content.schema.into()),
        possible_authenticators: numbers_of(&entry.content.authenticators),
    }
}

fn filters(
    asked: Vec<wire::SearchQuery>,
    nesting: usize,
    budget: &mut Budget,
) -> app::Result<Vec<Filter<Leaf>>> {
    asked
        .into_iter()
        .map(|one| filter(one, nesting, budget))
        .collect()
}

fn filter(asked: wire::SearchQuery, nesting: usize, budget: &mut Budget) -> app::Result<Filter<Leaf>> {
    use wire::search_query::Query as F;
    budget.spend(nesting)?;
    Ok(match asked.query {
        Some(F::OrQuery(or)) => Filter::Any(filters(or.queries, nesting + 1, budget)?),
        Some(F::AndQuery(and)) => Filter::All(filters(and.queries, nesting + 1, budget)?),
        Some(F::NotQuery(not)) => {
            let inner = not.query.ok_or(Error::invalid("not_query", Invalid::Filter))?;
            Filter::Not(Box::new(filter(*inner, nesting + 1, budget)?))
        }
        Some(F::TypeQuery(one)) => Filter::Leaf(Leaf::Type(text_match(one.method)?, one.r#type)),
        Some(F::StateQuery(one)) => state_filter(one.state),
        Some(F::IdQuery(one)) => Filter::Leaf(Leaf::Id(text_match(one.method)?, one.id)),
        None => return Err(Error::invalid("queries", Invalid::Filter)),
    })
}

fn sort(column: wire::FieldName) -> SortBy {
    match column {
        wire::FieldName::Unspecified => SortBy::Created,
        wire::FieldName::ChangeDate => SortBy::Changed,
        wire::FieldName::Type => SortBy::Type,
        wire::FieldName::State => SortBy::State,
        wire::FieldName::Revision => SortBy::Revision,
    }
}

impl UserSchemaService<Call> for Users {
    async fn create_user_schema(
        &self,
        call: Call,
        req: wire::CreateUserSchemaRequest,
    ) -> Result<wire::CreateUserSchemaResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::CreateUserSchema, async {
            let schema = req
                .data_type
                .map(|wire::create_user_schema_request::DataType::Schema(schema)| schema);
            let new = new_schema(&req.r#type, schema, &req.possible_authenticators)?;
            let created = schema::create(&self.ctx, caller, &new).await?;
            Ok(wire::CreateUserSchemaResponse {
                id: created.id.to_string(),
                details: changed(&call, &created),
            })
        })
        .await
    }

    async fn update_user_schema(
        &self,
        call: Call,
        req: wire::UpdateUserSchemaRequest,
    ) -> Result<wire::UpdateUserSchemaResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::PatchUserSchema, async {
            let schema = req
                .data_type
                .map(|wire::update_user_schema_request::DataType::Schema(schema)| schema);
            let patch = schema_patch(req.r#type.as_deref(), schema, &req.possible_authenticators)?;
            let patched = schema::patch(&self.ctx, caller, &id(&req.id)?, &patch).await?;
            Ok(wire::UpdateUserSchemaResponse {
                details: changed(&call, &patched),
            })
        })
        .await
    }

    async fn deactivate_user_schema(
        &self,
        call: Call,
        req: wire::DeactivateUserSchemaRequest,
    ) -> Result<wire::DeactivateUserSchemaResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::DeactivateUserSchema, async {
            let done =
                schema::transition(&self.ctx, caller, &id(&req.id)?, SchemaTransition::Deactivate).await?;
            Ok(wire::DeactivateUserSchemaResponse {
                details: changed(&call, &done),
            })
        })
        .await
    }

    async fn reactivate_user_schema(
        &self,
        call: Call,
        req: wire::ReactivateUserSchemaRequest,
    ) -> Result<wire::ReactivateUserSchemaResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::ReactivateUserSchema, async {
            let done =
                schema::transition(&self.ctx, caller, &id(&req.id)?, SchemaTransition::Reactivate).await?;
            Ok(wire::ReactivateUserSchemaResponse {
                details: changed(&call, &done),
            })
        })
        .await
    }

    async fn delete_user_schema(
        &self,
        call: Call,
        req: wire::DeleteUserSchemaRequest,
    ) -> Result<wire::DeleteUserSchemaResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::DeleteUserSchema, async {
            let deleted = schema::delete(&self.ctx, caller, &id(&req.id)?).await?;
            Ok(wire::DeleteUserSchemaResponse {
                details: changed(&call, &deleted),
            })
        })
        .await
    }

    async fn get_user_schema_by_id(
        &self,
        call: Call,
        req: wire::GetUserSchemaByIdRequest,
    ) -> Result<wire::GetUserSchemaByIdResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::GetUserSchema, async {
            let entry = schema::get(&self.ctx, caller, &id(&req.id)?).await?;
            Ok(wire::GetUserSchemaByIdResponse {
                schema: Some(shown(&call, entry)),
            })
        })
        .await
    }

    async fn list_user_schemas(
        &self,
        call: Call,
        req: wire::ListUserSchemasRequest,
    ) -> Result<wire::ListUserSchemasResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::SearchUserSchemas, async {
            let query = req.query.unwrap_or_default();
            let page = page("query.limit", query.offset, query.limit, !query.asc)?;
            let filter = Filter::All(filters(req.queries, 0, &mut Budget::new())?);
            let column = wire::FieldName::try_from(req.sorting_column).unwrap_or_default();
            let found = schema::search(&self.ctx, caller, &filter, sort(column), page).await?;
            Ok(wire::ListUserSchemasResponse {
                details: Some(ListDetails {
                    total_result: found.total.unsigned_abs(),
                    processed_sequence: 0,
                    timestamp: timestamp(found.at),
                }),
                sorting_column: column.into(),
                result: found
                    .entries
                    .into_iter()
                    .map(|entry| shown(&call, entry))
                    .collect(),
            })
        })
        .await
    }
}
