//! A type for each id, so that one cannot stand where another belongs.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// Why a text is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id has 1 to 200 characters and no control characters")]
pub struct IdError;

fn check(text: &str) -> Result<(), IdError> {
    let sound = !text.is_empty() && text.chars().count() <= 200 && !text.chars().any(char::is_control);
    if sound { Ok(()) } else { Err(IdError) }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes over a text of 1 to 200 characters without control characters.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                check(text).map(|()| Self(text.into()))
            }

            /// Takes over a text that was checked before, such as a column of our own.
            pub fn from_trusted(text: &str) -> Self {
                Self(text.into())
            }

            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The id as a text that is cheap to share.
            pub fn shared(&self) -> Arc<str> {
                Arc::clone(&self.0)
            }
        }

        impl From<&str> for $name {
            /// As [`Self::from_trusted`].
            fn from(text: &str) -> Self {
                Self::from_trusted(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

ids! {
    /// A tenant: the outermost boundary, part of every key.
    InstanceId,
    /// An organization inside an instance; owns users.
    OrgId,
    /// A person or program; unique within its instance.
    UserId,
    /// An authentication factor of a user; unique within that user.
    FactorId,
    /// A personal access token.
    TokenId,
    /// A username of a user; unique within that user.
    UsernameId,
    /// A user schema.
    SchemaId,
    /// An identity provider.
    IdpId,
    /// A code that is named beside its text, such as that of a registration link; unique within its user.
    CodeId,
    /// A sign-in at an identity provider.
    IntentId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_and_printable() {
        assert!(UserId::parse("7").is_ok());
        assert!(UserId::parse(&"é".repeat(200)).is_ok());
        assert_eq!(UserId::parse(""), Err(IdError));
        assert_eq!(UserId::parse(&"x".repeat(201)), Err(IdError));
        assert_eq!(UserId::parse("a\nb"), Err(IdError));
    }
}
