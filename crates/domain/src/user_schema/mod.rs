//! A user schema: what data the users of an instance have, who may read and write which part of it, and which
//! authenticators its users may have. Whether a JSON Schema itself is sound is found out before a command is made.

mod document;
mod event;
mod fault;
mod walk;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use document::{Document, Side};
pub use event::Event;
pub use fault::{Fault, FaultKind};
pub use walk::{Patterns, Walk};

use crate::base::{Aggregate, Decision, Timestamp};

/// The longest JSON text of a schema, in bytes.
pub const MAX_BYTES: usize = 64 * 1024;
/// How deep a schema may nest.
pub const MAX_DEPTH: usize = 32;
/// How many schemas a schema may consist of.
pub const MAX_SUBSCHEMAS: usize = 1000;
/// How many looks at a part of the data checking it may take; the steps of patterns count as well.
pub const MAX_LOOKS: u64 = 100_000;
/// Through how many schemas one may lead to another while data are checked, for that takes the stack.
pub const MAX_DEEP: usize = 1000;

/// A user schema, or the place where one could be.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum UserSchema {
    /// Never created, or deleted.
    #[default]
    Absent,
    /// A schema.
    Present(Box<Content>),
}

/// What a schema that exists consists of.
#[derive(Clone, Debug, PartialEq)]
pub struct Content {
    /// Its name, unique in the instance without regard to case.
    pub type_name: TypeName,
    /// The JSON Schema.
    pub schema: Map<String, Value>,
    /// What its users may have; empty is everything.
    pub authenticators: Vec<Authenticator>,
    /// Whether it takes new users.
    pub active: bool,
    /// Starts at 1, grows with each new JSON Schema.
    pub revision: u32,
}

/// The name of a schema.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TypeName(String);

/// Why a text is not the name of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the type of a schema has 1 to 200 characters and no control characters")]
pub struct TypeNameError;

impl TypeName {
    /// Takes over a text of 1 to 200 characters without control characters that is not all blank.
    pub fn parse(text: &str) -> Result<Self, TypeNameError> {
        let sound =
            !text.trim().is_empty() && text.chars().count() <= 200 && !text.chars().any(char::is_control);
        if sound {
            Ok(Self(text.to_owned()))
        } else {
            Err(TypeNameError)
        }
    }

    /// Takes over a text that was checked before.
    pub fn from_trusted(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form in which no two schemas of an instance are equal.
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }
}

macro_rules! authenticators {
    ($($(#[$doc:meta])* $variant:ident $name:literal),+ $(,)?) => {
        /// What a user can prove who they are with, as schemas speak of it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Authenticator { $($(#[$doc])* $variant),+ }

        impl Authenticator {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name in stored rows and in texts.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// Finds one by its name.
            pub fn by_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

authenticators! {
    /// A username.
    Username "username",
    /// A password.
    Password "password",
    /// A passkey or security key.
    Webauthn "webauthn",
    /// An authenticator app.
    Totp "totp",
    /// One-time codes by e-mail.
    OtpEmail "otp_email",
    /// One-time codes by SMS.
    OtpSms "otp_sms",
    /// A public key of a program.
    AuthenticationKey "authentication_key",
    /// An identity provider.
    IdentityProvider "identity_provider",
}

/// What can be asked of a schema.
#[derive(Clone, Debug)]
pub enum Command {
    /// Creates it, active and in revision 1.
    Create {
        /// Its name.
        type_name: TypeName,
        /// A JSON Schema that was found sound.
        schema: Map<String, Value>,
        /// What its users may have; empty is everything.
        authenticators: Vec<Authenticator>,
    },
    /// Changes the parts that are given.
    Patch {
        /// Another name.
        type_name: Option<TypeName>,
        /// Another JSON Schema that was found sound.
        schema: Option<Map<String, Value>>,
        /// Another list; an empty one is none.
        authenticators: Vec<Authenticator>,
    },
    /// Ends taking new users.
    Deactivate,
    /// Takes new users again.
    Reactivate,
    /// Removes it.
    Delete {
        /// Whether users follow it (looked up).
        in_use: bool,
    },
}

/// Why a command was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The id is in use.
    #[error("the user schema exists already")]
    AlreadyExists,
    /// No such schema, or it was deleted.
    #[error("there is no such user schema")]
    NotFound,
    /// An inactive schema is not changed.
    #[error("the user schema is not active")]
    NotActive,
    /// Only an inactive schema is reactivated.
    #[error("the user schema is not inactive")]
    NotInactive,
    /// Users follow it.
    #[error("users follow the user schema")]
    InUse,
}

type SchemaDecision = Decision<Event, Refusal>;

impl UserSchema {
    /// The content of a schema that exists.
    pub fn content(&self) -> Option<&Content> {
        match self {
            Self::Absent => None,
            Self::Present(content) => Some(content),
        }
    }
}

impl Content {
    /// Whether users of the schema may have this.
    pub fn allows(&self, authenticator: Authenticator) -> bool {
        self.authenticators.is_empty() || self.authenticators.contains(&authenticator)
    }
}

impl Aggregate for UserSchema {
    const KIND: &'static str = "user_schema";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, command: Command, _now: Timestamp) -> SchemaDecision {
        match (self, command) {
            (
                Self::Absent,
                Command::Create {
                    type_name,
                    schema,
                    authenticators,
                },
            ) => Decision::accept([Event::UserSchemaCreated {
                type_name,
                schema,
                authenticators: in_order(authenticators),
            }]),
            (Self::Absent, _) => Decision::refuse(Refusal::NotFound),
            (Self::Present(_), Command::Create { .. }) => Decision::refuse(Refusal::AlreadyExists),
            (
                Self::Present(content),
                Command::Patch {
                    type_name,
                    schema,
                    authenticators,
                },
            ) => patch(content, type_name, schema, authenticators),
            (Self::Present(content), Command::Deactivate) => {
                when(content.active, Event::UserSchemaDeactivated, Refusal::NotActive)
            }
            (Self::Present(content), Command::Reactivate) => when(
                !content.active,
                Event::UserSchemaReactivated,
                Refusal::NotInactive,
            ),
            (Self::Present(_), Command::Delete { in_use }) => {
                when(!in_use, Event::UserSchemaDeleted, Refusal::InUse)
            }
        }
    }

    fn evolve(&mut self, event: &Event, _at: Timestamp) {
        event::evolve(self, event);
    }
}

fn when(so: bool, event: Event, otherwise: Refusal) -> SchemaDecision {
    if so {
        Decision::accept([event])
    } else {
        Decision::refuse(otherwise)
    }
}

fn in_order(mut authenticators: Vec<Authenticator>) -> Vec<Authenticator> {
    authenticators.sort_unstable();
    authenticators.dedup();
    authenticators
}

/// What is equal changes nothing; JSON is compared as values.
fn patch(
    content: &Content,
    type_name: Option<TypeName>,
    schema: Option<Map<String, Value>>,
    authenticators: Vec<Authenticator>,
) -> SchemaDecision {
    if !content.active {
        return Decision::refuse(Refusal::NotActive);
    }
    let renamed = type_name
        .filter(|name| *name != content.type_name)
        .map(|type_name| Event::UserSchemaRenamed { type_name });
    let revised = schema
        .filter(|schema| *schema != content.schema)
        .map(|schema| Event::UserSchemaRevised {
            schema,
            revision: content.revision + 1,
        });
    let authenticators = in_order(authenticators);
    let changed = !authenticators.is_empty() && authenticators != content.authenticators;
    let changed = changed.then_some(Event::PossibleAuthenticatorsChanged { authenticators });
    let events: Vec<Event> = renamed.into_iter().chain(revised).chain(changed).collect();
    Decision::accept(events)
}
