//! How generation 2024-06 spells the calls of the shared tests of user schemas. Each method makes one call and checks that the
//! details of the answer are filled.

use serde_json::Value;
use tonic::Status;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use zitadel::api::zitadel::object::v2::{Details, ListQuery, TextQueryMethod};
use zitadel::api::zitadel::user::schema::v3alpha::user_schema_service_client::UserSchemaServiceClient;
pub use zitadel::api::zitadel::user::schema::v3alpha::*;

use crate::shared::{Bearer, Server};

/// A client of this generation.
pub struct Schemas {
    client: UserSchemaServiceClient<InterceptedService<Channel, Bearer>>,
}

/// A schema as read; `stamp` changes with every event.
#[derive(Debug)]
pub struct View {
    pub name: String,
    pub schema: Value,
    pub authenticators: Vec<i32>,
    pub state: State,
    pub revision: u32,
    pub stamp: String,
}

#[track_caller]
fn filled(details: Option<Details>) -> String {
    let details = details.expect("details");
    assert!(
        details.sequence > 0 && details.change_date.is_some() && !details.resource_owner.is_empty(),
        "{details:?}"
    );
    format!("{} {:?}", details.sequence, details.change_date)
}

impl Schemas {
    pub async fn new(server: &Server, bearer: Bearer) -> Self {
        let client = UserSchemaServiceClient::with_interceptor(server.channel().await, bearer);
        Self { client }
    }

    pub async fn create(
        &mut self,
        name: &str,
        schema: Value,
        authenticators: &[AuthenticatorType],
    ) -> Result<String, Status> {
        let schema = serde_json::from_value(schema).expect("an object");
        let request = CreateUserSchemaRequest {
            r#type: name.to_owned(),
            possible_authenticators: authenticators.iter().map(|&it| it.into()).collect(),
            data_type: Some(create_user_schema_request::DataType::Schema(schema)),
        };
        let answer = self.client.create_user_schema(request).await?.into_inner();
        filled(answer.details);
        Ok(answer.id)
    }

    pub async fn get(&mut self, id: &str) -> Result<View, Status> {
        let request = GetUserSchemaByIdRequest { id: id.to_owned() };
        let answer = self.client.get_user_schema_by_id(request).await?.into_inner();
        let read = answer.schema.expect("a schema");
        assert_eq!(read.id, id);
        Ok(View {
            state: read.state(),
            name: read.r#type,
            schema: serde_json::to_value(read.schema.expect("its JSON")).expect("JSON"),
            authenticators: read.possible_authenticators,
            revision: read.revision,
            stamp: filled(read.details),
        })
    }

    /// Changes the name or the schema; what is not given stays.
    pub async fn update(
        &mut self,
        id: &str,
        name: Option<&str>,
        schema: Option<Value>,
    ) -> Result<(), Status> {
        let schema = schema.map(|schema| serde_json::from_value(schema).expect("an object"));
        let request = UpdateUserSchemaRequest {
            id: id.to_owned(),
            r#type: name.map(str::to_owned),
            possible_authenticators: Vec::new(),
            data_type: schema.map(update_user_schema_request::DataType::Schema),
        };
        let answer = self.client.update_user_schema(request).await?;
        filled(answer.into_inner().details);
        Ok(())
    }

    pub async fn deactivate(&mut self, id: &str) -> Result<(), Status> {
        let request = DeactivateUserSchemaRequest { id: id.to_owned() };
        let answer = self.client.deactivate_user_schema(request).await?;
        filled(answer.into_inner().details);
        Ok(())
    }

    pub async fn reactivate(&mut self, id: &str) -> Result<(), Status> {
        let request = ReactivateUserSchemaRequest { id: id.to_owned() };
        let answer = self.client.reactivate_user_schema(request).await?;
        filled(answer.into_inner().details);
        Ok(())
    }

    pub async fn delete(&mut self, id: &str) -> Result<(), Status> {
        let request = DeleteUserSchemaRequest { id: id.to_owned() };
        let answer = self.client.delete_user_schema(request).await?;
        filled(answer.into_inner().details);
        Ok(())
    }

    /// Names of the schemas that begin like this, by name, and how many there are; at most `limit`.
    pub async fn find(&mut self, start: &str, limit: u32) -> Result<(Vec<String>, u64), Status> {
        let named = TypeQuery {
            r#type: start.to_owned(),
            method: TextQueryMethod::StartsWith.into(),
        };
        let request = ListUserSchemasRequest {
            query: Some(ListQuery {
                offset: 0,
                limit,
                asc: true,
            }),
            sorting_column: FieldName::Type.into(),
            queries: vec![SearchQuery {
                query: Some(search_query::Query::TypeQuery(named)),
            }],
        };
        let answer = self.client.list_user_schemas(request).await?.into_inner();
        assert_eq!(answer.sorting_column, i32::from(FieldName::Type));
        let names = answer.result.into_iter().map(|schema| schema.r#type);
        Ok((names.collect(), answer.details.expect("details").total_result))
    }
}
