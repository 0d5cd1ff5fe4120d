//! The user schema services of both generations. Every method answers Unimplemented; users follow the built-in schema.

use proto::zitadel::{
    resources::userschema::v3alpha::ZitadelUserSchemas, user::schema::v3alpha::UserSchemaService,
};

use super::Users;
use crate::call::Call;

impl ZitadelUserSchemas<Call> for Users {}

impl UserSchemaService<Call> for Users {}
