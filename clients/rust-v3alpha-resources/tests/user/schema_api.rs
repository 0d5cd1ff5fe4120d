//! How generation resources spells the calls of the shared tests of user schemas. Each method makes one call and checks that the
//! details of the answer are filled.

use serde_json::Value;
use tonic::Status;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use zitadel::api::zitadel::object::v3alpha::OwnerType;
use zitadel::api::zitadel::resources::object::v3alpha::{Details, SearchQuery, TextFilterMethod};
use zitadel::api::zitadel::resources::userschema::v3alpha::zitadel_user_schemas_client::ZitadelUserSchemasClient;
pub use zitadel::api::zitadel::resources::userschema::v3alpha::*;

use crate::shared::{Bearer, Server};

/// A client of this generation.
pub struct Schemas {
    client: ZitadelUserSchemasClient<InterceptedService<Channel, Bearer>>,
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
fn filled(details: Option<Details>) -> (String, String) {
    let details = details.expect("details");
    assert!(
        !details.id.is_empty() && details.created.is_some() && details.changed.is_some(),
        "{details:?}"
    );
    let owner = details.owner.expect("an owner");
    assert_eq!(owner.r#type, i32::from(OwnerType::Instance));
    (details.id, format!("{:?}", details.changed))
}

impl Schemas {
    pub async fn new(server: &Server, bearer: Bearer) -> Self {
        let client = ZitadelUserSchemasClient::with_interceptor(server.channel().await, bearer);
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
            instance: None,
            user_schema: Some(UserSchema {
                r#type: name.to_owned(),
                possible_authenticators: authenticators.iter().map(|&it| it.into()).collect(),
                data_type: Some(user_schema::DataType::Schema(schema)),
            }),
        };
        let answer = self.client.create_user_schema(request).await?.into_inner();
        Ok(filled(answer.details).0)
    }

    pub async fn get(&mut self, id: &str) -> Result<View, Status> {
        let request = GetUserSchemaRequest { id: id.to_owned() };
        let answer = self.client.get_user_schema(request).await?.into_inner();
        let read = answer.user_schema.expect("a schema");
        let state = read.state();
        let config = read.config.expect("what it says");
        let user_schema::DataType::Schema(schema) = config.data_type.expect("its JSON");
        let (read_id, stamp) = filled(read.details);
        assert_eq!(read_id, id);
        Ok(View {
            name: config.r#type,
            schema: serde_json::to_value(schema).expect("JSON"),
            authenticators: config.possible_authenticators,
            state,
            revision: read.revision,
            stamp,
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
        let request = PatchUserSchemaRequest {
            instance: None,
            id: id.to_owned(),
            user_schema: Some(PatchUserSchema {
                r#type: name.map(str::to_owned),
                possible_authenticators: Vec::new(),
                data_type: schema.map(patch_user_schema::DataType::Schema),
            }),
        };
        let answer = self.client.patch_user_schema(request).await?;
        assert_eq!(filled(answer.into_inner().details).0, id);
        Ok(())
    }

    pub async fn deactivate(&mut self, id: &str) -> Result<(), Status> {
        let request = DeactivateUserSchemaRequest {
            instance: None,
            id: id.to_owned(),
        };
        let answer = self.client.deactivate_user_schema(request).await?;
        assert_eq!(filled(answer.into_inner().details).0, id);
        Ok(())
    }

    pub async fn reactivate(&mut self, id: &str) -> Result<(), Status> {
        let request = ReactivateUserSchemaRequest {
            instance: None,
            id: id.to_owned(),
        };
        let answer = self.client.reactivate_user_schema(request).await?;
        assert_eq!(filled(answer.into_inner().details).0, id);
        Ok(())
    }

    pub async fn delete(&mut self, id: &str) -> Result<(), Status> {
        let request = DeleteUserSchemaRequest {
            instance: None,
            id: id.to_owned(),
        };
        let answer = self.client.delete_user_schema(request).await?;
        assert_eq!(filled(answer.into_inner().details).0, id);
        Ok(())
    }

    /// Names of the schemas that begin like this, by name, and how many there are; at most `limit`.
    pub async fn find(&mut self, start: &str, limit: u32) -> Result<(Vec<String>, u64), Status> {
        let named = TypeFilter {
            r#type: start.to_owned(),
            method: TextFilterMethod::StartsWith.into(),
        };
        let request = SearchUserSchemasRequest {
            instance: None,
            query: Some(SearchQuery {
                offset: 0,
                limit,
                desc: false,
            }),
            sorting_column: Some(FieldName::Type.into()),
            filters: vec![SearchFilter {
                filter: Some(search_filter::Filter::TypeFilter(named)),
            }],
        };
        let answer = self.client.search_user_schemas(request).await?.into_inner();
        assert_eq!(answer.sorting_column, i32::from(FieldName::Type));
        let details = answer.details.expect("details");
        assert_eq!(details.applied_limit, u64::from(limit));
        let names = answer
            .result
            .into_iter()
            .map(|schema| schema.config.expect("what it says").r#type);
        Ok((names.collect(), details.total_result))
    }
}
