//! What happened to a user schema. The JSON of each variant is frozen by a golden file. Nothing in it is personal.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Authenticator, Content, TypeName, UserSchema};
use crate::base::Forgettable;

/// A fact about a user schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "each field is named after what it holds, and explained at its command"
)]
pub enum Event {
    UserSchemaCreated {
        type_name: TypeName,
        schema: Map<String, Value>,
        authenticators: Vec<Authenticator>,
    },
    UserSchemaRenamed {
        type_name: TypeName,
    },
    UserSchemaRevised {
        schema: Map<String, Value>,
        revision: u32,
    },
    PossibleAuthenticatorsChanged {
        authenticators: Vec<Authenticator>,
    },
    UserSchemaDeactivated,
    UserSchemaReactivated,
    UserSchemaDeleted,
}

impl Forgettable for Event {
    fn name(&self) -> &'static str {
        match self {
            Self::UserSchemaCreated { .. } => "user_schema_created",
            Self::UserSchemaRenamed { .. } => "user_schema_renamed",
            Self::UserSchemaRevised { .. } => "user_schema_revised",
            Self::PossibleAuthenticatorsChanged { .. } => "possible_authenticators_changed",
            Self::UserSchemaDeactivated => "user_schema_deactivated",
            Self::UserSchemaReactivated => "user_schema_reactivated",
            Self::UserSchemaDeleted => "user_schema_deleted",
        }
    }

    fn personal(&self) -> Option<String> {
        None
    }

    fn restore(&mut self, _personal: &str) {}
}

pub(super) fn evolve(state: &mut UserSchema, event: &Event) {
    match (&mut *state, event) {
        (
            _,
            Event::UserSchemaCreated {
                type_name,
                schema,
                authenticators,
            },
        ) => {
            *state = UserSchema::Present(Box::new(Content {
                type_name: type_name.clone(),
                schema: schema.clone(),
                authenticators: authenticators.clone(),
                active: true,
                revision: 1,
            }));
        }
        (_, Event::UserSchemaDeleted) => *state = UserSchema::Absent,
        (UserSchema::Absent, _) => {}
        (UserSchema::Present(content), event) => match event {
            Event::UserSchemaRenamed { type_name } => content.type_name = type_name.clone(),
            Event::UserSchemaRevised { schema, revision } => {
                content.schema.clone_from(schema);
                content.revision = *revision;
            }
            Event::PossibleAuthenticatorsChanged { authenticators } => {
                content.authenticators.clone_from(authenticators);
            }
            Event::UserSchemaDeactivated => content.active = false,
            Event::UserSchemaReactivated => content.active = true,
            Event::UserSchemaCreated { .. } | Event::UserSchemaDeleted => {}
        },
    }
}
