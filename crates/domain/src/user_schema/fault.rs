//! What is wrong with a JSON Schema, and where.

/// Something wrong at one place of a schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pointer}: {kind}")]
pub struct Fault {
    /// JSON pointer (RFC 6901) to the place; empty is the whole schema.
    pub pointer: String,
    /// What it is.
    pub kind: FaultKind,
}

/// What can be wrong with a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    /// The permission keyword takes an object.
    #[error("the permission keyword takes an object")]
    PermissionNotObject,
    /// The permission keyword speaks of `owner` and `self` only.
    #[error("the permission keyword takes owner and self")]
    PermissionKey,
    /// Rights are a text.
    #[error("rights are a text")]
    PermissionNotText,
    /// Rights are `r`, `w` or `rw`.
    #[error("rights are r, w or rw")]
    PermissionLetter,
    /// Longer than [`super::MAX_BYTES`].
    #[error("the schema is too long")]
    TooLong,
    /// Deeper than [`super::MAX_DEPTH`].
    #[error("the schema nests too deep")]
    TooDeep,
    /// More schemas than [`super::MAX_SUBSCHEMAS`].
    #[error("the schema consists of too many schemas")]
    TooMany,
    /// `$schema` names another language.
    #[error("only draft 2020-12 is understood")]
    Dialect,
    /// A reference that does not lead to a schema of this document.
    #[error("a reference must lead to a schema inside the document")]
    Reference,
    /// A schema that is checked by checking itself.
    #[error("the schema refers to itself without end")]
    Endless,
    /// `$dynamicRef`, `$anchor` and names inside the document are not taken.
    #[error("this keyword is not taken")]
    Unsupported,
    /// A pattern that cannot be matched in linear time, or is none.
    #[error("the pattern is not understood")]
    Pattern,
    /// Not a JSON Schema.
    #[error("this is no JSON Schema")]
    Malformed,
}
