//! Why a use case did not do it: refusals, which callers expect; unavailability, where later helps; and bugs, ours.

use domain::{
    access::Permission,
    base::Timestamp,
    idp::{self, SettingError},
    idp_intent, instance,
    user::{
        Channel, EmailAddressError, ExternalUserError, FactorNameError, PhoneNumberError, Refusal,
        UsernameError,
    },
    user_schema::{self, Authenticator, Fault, TypeNameError},
};

use crate::{
    password::{HashFault, PasswordFault},
    schema::Misfit,
    webauthn::AnswerFault,
};

pub use store::Error as StoreError;

/// A result of a use case.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What is wrong with an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// A phone number.
    #[error(transparent)]
    Phone(#[from] PhoneNumberError),
    /// An e-mail address.
    #[error(transparent)]
    Email(#[from] EmailAddressError),
    /// A username.
    #[error(transparent)]
    Username(#[from] UsernameError),
    /// More usernames than a user can have.
    #[error("there are more usernames than a user can have")]
    TooManyUsernames,
    /// The name of a factor.
    #[error(transparent)]
    FactorName(#[from] FactorNameError),
    /// A domain that no configured page belongs to.
    #[error("it is no domain of this instance")]
    Domain,
    /// What a browser answered to a registration.
    #[error(transparent)]
    Answer(#[from] AnswerFault),
    /// A new password.
    #[error(transparent)]
    Password(#[from] PasswordFault),
    /// A password that was hashed elsewhere.
    #[error(transparent)]
    PasswordHash(#[from] HashFault),
    /// A proof where there is nothing to prove.
    #[error("a new user proves nothing")]
    NeedlessProof,
    /// A url template that is no template.
    #[error("only {{{{.Name}}}} is allowed in a url template")]
    UrlTemplateSyntax,
    /// A url template with a name that is not offered.
    #[error("the url template asks for a value that is not offered")]
    UrlTemplateName,
    /// A url template whose result is not an absolute http(s) URL on an allowed host.
    #[error("the url template leads to a place that is not allowed")]
    UrlTemplateHost,
    /// A message that must be there is not.
    #[error("it is missing")]
    Missing,
    /// An id with control characters or of a wrong length.
    #[error("it is no id")]
    Id,
    /// The type of a user schema.
    #[error(transparent)]
    SchemaType(#[from] TypeNameError),
    /// An authenticator that does not exist.
    #[error("there is no such authenticator")]
    Authenticator,
    /// A URL to be sent to after a sign-in elsewhere that leads to a place that is not allowed.
    #[error("the url leads to a place that is not allowed")]
    ReturnUrl,
    /// URLs for a directory, or credentials for a provider with a page of its own.
    #[error("it does not go with the identity provider")]
    IntentContent,
    /// An account elsewhere.
    #[error(transparent)]
    ExternalUser(#[from] ExternalUserError),
    /// A setting of an identity provider.
    #[error(transparent)]
    IdpSetting(#[from] SettingError),
    /// A filter that is none.
    #[error("it is no filter")]
    Filter,
    /// Filters inside filters inside filters.
    #[error("filters nest too deep")]
    Nesting,
    /// More filters than a search may have.
    #[error("there are too many filters")]
    TooManyFilters,
    /// A feature that nothing is switched by.
    #[error("there is nothing to switch")]
    Feature,
    /// A place in the inbox that is no id of a message.
    #[error("it is no place in the inbox")]
    Cursor,
    /// A search that asks for more rows than are given at once.
    #[error("more rows than are given at once")]
    Limit,
}

/// Why somebody may not set a password in the way that they want to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordDenied {
    /// Whoever sets their own shows the current one, or a code.
    #[error("setting one's own password needs a proof")]
    NoProof,
    /// The current password is asked of its owner only, so that nobody tries those of others.
    #[error("the current password is asked of its owner only")]
    ProofOfAnother,
    /// A hash escapes the rules for passwords.
    #[error("nobody brings a hash of their own password")]
    OwnHash,
}

/// Why not.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The user's rules said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// An input is wrong; the name of the field, and why.
    #[error("{field}: {reason}")]
    Invalid {
        /// Name of the field on the wire.
        field: &'static str,
        /// What is wrong.
        reason: Invalid,
    },
    /// There is no such thing as far as the caller may know.
    #[error("not found")]
    NotFound,
    /// The caller has no role anywhere that matters.
    #[error("the caller has no membership")]
    NoMembership,
    /// The caller may see the thing but not do this.
    #[error("{} is needed", .0.name())]
    Denied(Permission),
    /// Only callers with the permission through a role may vouch for a destination or see its code.
    #[error("nobody vouches for or reads the code of their own destination")]
    DeniedToSelf,
    /// Only callers with the permission through a role may vouch for an account elsewhere.
    #[error("nobody vouches for an account of their own elsewhere")]
    LinkDeniedToSelf,
    /// Nobody makes a credential for somebody who may do more than they.
    #[error("the user may do more than the caller")]
    DeniedOverStronger,
    /// Setting a password like this is not for this caller.
    #[error(transparent)]
    PasswordDenied(#[from] PasswordDenied),
    /// The named organization does not exist or is not the caller's to name.
    #[error("the organization does not exist")]
    OrgUnknown,
    /// The named schema does not exist.
    #[error("the user schema does not exist")]
    SchemaUnknown,
    /// The named schema takes no new users.
    #[error("the user schema is not active")]
    SchemaInactive,
    /// The schema's rules said no.
    #[error(transparent)]
    SchemaRefused(#[from] user_schema::Refusal),
    /// Another schema has this type.
    #[error("the type of the user schema is taken")]
    SchemaTypeTaken,
    /// What should be a schema is none, or none that is taken.
    #[error(transparent)]
    SchemaFault(Fault),
    /// Data that do not fit their schema.
    #[error("the data break the rule {} at {:?}", .0.rule, .0.pointer)]
    DataMisfit(Misfit),
    /// The user's schema does not list this authenticator.
    #[error("users of this schema have no {}", .0.name())]
    NotPossible(Authenticator),
    /// The identity provider's rules said no.
    #[error(transparent)]
    IdpRefused(#[from] idp::Refusal),
    /// The intent's rules said no.
    #[error(transparent)]
    IntentRefused(#[from] idp_intent::Refusal),
    /// The instance's rules said no.
    #[error(transparent)]
    InstanceRefused(#[from] instance::Refusal),
    /// The identity provider was of no use.
    #[error("the identity provider was of no use: {0:?}")]
    IdpFailed(idp_intent::Failure),
    /// Too many wrong passwords for a name at a directory; from then on it is asked again.
    #[error("too many wrong passwords")]
    IdpResting(Timestamp),
    /// Nothing can be sent over this channel: no provider is configured.
    #[error("no provider for this channel")]
    NoProvider(Channel),
    /// Too many sends; from then on it is allowed again.
    #[error("too many messages")]
    SendLimit(Timestamp),
    /// Too many passwords are being hashed; worth another try from then on.
    #[error("too many passwords at work")]
    PasswordsBusy(Timestamp),
    /// A password could not be hashed.
    #[error("hashing a password failed")]
    Hashing,
    /// The store failed, or is too busy.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl Error {
    /// An input that is wrong.
    pub fn invalid(field: &'static str, reason: impl Into<Invalid>) -> Self {
        Self::Invalid {
            field,
            reason: reason.into(),
        }
    }
}
