//! `zitadel.resources.userschema.v3alpha.ZITADELUserSchemas`, generation resources.

use app::{
    Error,
    error::Invalid,
    schema::{self, Entry, Filter, Leaf, SchemaChanged, SchemaTransition, SortBy},
};
use domain::base::InstanceId;
use proto::{
    rpc::Status,
    zitadel::{
        object::v3alpha::{Owner, OwnerType},
        resources::{
            object::v3alpha::{Details, ListDetails},
            userschema::v3alpha::{self as wire, ZitadelUserSchemas},
        },
    },
};

use super::{id, new_schema, numbers_of, schema_patch, state_filter};
use crate::{
    call::Call,
    error::Op,
    page::page,
    user::{Users, answer, in_instance, search::Budget, text_match, timestamp},
};

#[expect(
    clippy::unnecessary_wraps,
    reason = "every message field of the wire is optional"
)]
fn details(instance: &InstanceId, id: &str, head: app::schema::Head) -> Option<Details> {
    Some(Details {
        id: id.to_owned(),
        created: timestamp(head.created),
        changed: timestamp(head.changed),
        owner: Some(Owner {
            r#type: OwnerType::Instance.into(),
            id: instance.to_string(),
        }),
    })
}

fn changed(call: &Call, changed: &SchemaChanged) -> Option<Details> {
    details(&call.instance, changed.id.as_str(), changed.head)
}

fn shown(call: &Call, entry: Entry) -> wire::GetUserSchema {
    let state = if entry.content.active {
        wire::State::Active
    } else {
        wire::State::Inactive
    };
    wire::GetUserSchema {
        details: details(&call.instance, entry.id.as_str(), entry.head),
        config: Some(wire::UserSchema {
            r#type: entry.content.type_name.as_str().to_owned(),
            possible_authenticators: numbers_of(&entry.content.authenticators),
            data_type: Some(wire::user_schema::DataType::Schema(entry.content.schema.into())),
        }),
        state: state.into(),
        revision: entry.content.revision,
    }
}

fn filters(
    asked: Vec<wire::SearchFilter>,
    nesting: usize,
    budget: &mut Budget,
) -> app::Result<Vec<Filter<Leaf>>> {
    asked
        .into_iter()
        .map(|one| filter(one, nesting, budget))
        .collect()
}

fn filter(asked: wire::SearchFilter, nesting: usize, budget: &mut Budget) -> app::Result<Filter<Leaf>> {
    use wire::search_filter::Filter as F;
    budget.spend(nesting)?;
    Ok(match asked.filter {
        Some(F::OrFilter(or)) => Filter::Any(filters(or.queries, nesting + 1, budget)?),
        Some(F::AndFilter(and)) => Filter::All(filters(and.queries, nesting + 1, budget)?),
        Some(F::NotFilter(not)) => {
            let inner = not.filter.ok_or(Error::invalid("not_filter", Invalid::Filter))?;
            Filter::Not(Box::new(filter(*inner, nesting + 1, budget)?))
        }
        Some(F::TypeFilter(one)) => Filter::Leaf(Leaf::Type(text_match(one.method)?, one.r#type)),
        Some(F::StateFilter(one)) => state_filter(one.state),
        Some(F::IdFilter(one)) => Filter::Leaf(Leaf::Id(text_match(one.method)?, one.id)),
        None => return Err(Error::invalid("filters", Invalid::Filter)),
    })
}

fn sort(column: wire::FieldName) -> SortBy {
    match column {
        wire::FieldName::Unspecified | wire::FieldName::CreationDate => SortBy::Created,
        wire::FieldName::ChangeDate => SortBy::Changed,
        wire::FieldName::Type => SortBy::Type,
        wire::FieldName::State => SortBy::State,
        wire::FieldName::Revision => SortBy::Revision,
    }
}

impl ZitadelUserSchemas<Call> for Users {
    async fn create_user_schema(
        &self,
        call: Call,
        req: wire::CreateUserSchemaRequest,
    ) -> Result<wire::CreateUserSchemaResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::CreateUserSchema, async {
            in_instance(self, &call, req.instance.as_ref())?;
            let asked = req
                .user_schema
                .ok_or(Error::invalid("user_schema", Invalid::Missing))?;
            let schema = asked
                .data_type
                .map(|wire::user_schema::DataType::Schema(schema)| schema);
            let new = new_schema(&asked.r#type, schema, &asked.possible_authenticators)?;
            let created = schema::create(&self.ctx, caller, &new).await?;
            Ok(wire::CreateUserSchemaResponse {
                details: changed(&call, &created),
            })
        })
        .await
    }

    async fn patch_user_schema(
        &self,
        call: Call,
        req: wire::PatchUserSchemaRequest,
    ) -> Result<wire::PatchUserSchemaResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::PatchUserSchema, async {
            in_instance(self, &call, req.instance.as_ref())?;
            let asked = req
                .user_schema
                .ok_or(Error::invalid("user_schema", Invalid::Missing))?;
            let schema = asked
                .data_type
                .map(|wire::patch_user_schema::DataType::Schema(schema)| schema);
            let patch = schema_patch(asked.r#type.as_deref(), schema, &asked.possible_authenticators)?;
            let patched = schema::patch(&self.ctx, caller, &id(&req.id)?, &patch).await?;
            Ok(wire::PatchUserSchemaResponse {
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
            in_instance(self, &call, req.instance.as_ref())?;
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
            in_instance(self, &call, req.instance.as_ref())?;
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
            in_instance(self, &call, req.instance.as_ref())?;
            let deleted = schema::delete(&self.ctx, caller, &id(&req.id)?).await?;
            Ok(wire::DeleteUserSchemaResponse {
                details: changed(&call, &deleted),
            })
        })
        .await
    }

    async fn get_user_schema(
        &self,
        call: Call,
        req: wire::GetUserSchemaRequest,
    ) -> Result<wire::GetUserSchemaResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::GetUserSchema, async {
            let entry = schema::get(&self.ctx, caller, &id(&req.id)?).await?;
            Ok(wire::GetUserSchemaResponse {
                user_schema: Some(shown(&call, entry)),
            })
        })
        .await
    }

    async fn search_user_schemas(
        &self,
        call: Call,
        req: wire::SearchUserSchemasRequest,
    ) -> Result<wire::SearchUserSchemasResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::SearchUserSchemas, async {
            in_instance(self, &call, req.instance.as_ref())?;
            let query = req.query.unwrap_or_default();
            let page = page("query.limit", query.offset, query.limit, query.desc)?;
            let filter = Filter::All(filters(req.filters, 0, &mut Budget::new())?);
            let column = req
                .sorting_column
                .and_then(|c| wire::FieldName::try_from(c).ok())
                .unwrap_or_default();
            let found = schema::search(&self.ctx, caller, &filter, sort(column), page).await?;
            Ok(wire::SearchUserSchemasResponse {
                details: Some(ListDetails {
                    applied_limit: page.limit.unsigned_abs(),
                    total_result: found.total.unsigned_abs(),
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
