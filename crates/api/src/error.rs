//! What a caller hears when a use case did not do it: gRPC code, id, and a text in the caller's language.
//!
//! One exhaustive match per kind of failure decides all of it, so a new refusal does not compile until somebody has
//! said what its caller sees. Ids are those of the reference where the same condition exists there; see
//! `docs/compatibility.md`.

mod id;
mod text;

#[cfg(test)]
mod tests;

use std::time::Duration;

use app::{
    Error, Language,
    error::{Invalid, PasswordDenied, StoreError},
    password::{CharacterKind, HashFault, PasswordFault},
    webauthn::AnswerFault,
};
use domain::{
    base::Timestamp,
    code::Miss,
    idp::{self, SettingError},
    idp_intent::{self, Failure},
    instance,
    user::{Channel, EmailAddressError, PhoneNumberError, Refusal, UsernameError},
    user_schema::{self, Fault, FaultKind},
};
use proto::{
    merlon::user::v1 as bulk,
    rpc::{Code, Status},
    zitadel::v1::ErrorDetail,
};

use crate::{call::Call, feature::switch::About};
pub use id::{CONTENTION, OVERLOADED, PASSING, PASSWORDS_BUSY, STORE_FULL, USER_EXISTS};
use text::{Args, Text};

macro_rules! ops {
    ($($op:ident),+ $(,)?) => {
        /// What was asked for; the same condition has different ids in different operations.
        ///
        /// `Admit` is what comes before any of them: finding out who asks.
        #[expect(missing_docs, reason = "each variant is explained by the RPCs of its name")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Op { $($op),+ }

        impl Op {
            /// Every operation.
            #[cfg(test)]
            const ALL: &'static [Self] = &[$(Self::$op),+];
        }
    };
}

ops! {
    Admit,
    CreateUser,
    GetUser,
    PatchUser,
    DeleteUser,
    LockUser,
    UnlockUser,
    DeactivateUser,
    ActivateUser,
    SearchUsers,
    CreateUserSchema,
    PatchUserSchema,
    DeactivateUserSchema,
    ReactivateUserSchema,
    DeleteUserSchema,
    GetUserSchema,
    SearchUserSchemas,
    SetContactEmail,
    VerifyContactEmail,
    ResendContactEmail,
    SetContactPhone,
    VerifyContactPhone,
    ResendContactPhone,
    AddOtpSms,
    VerifyOtpSms,
    RemoveOtpSms,
    AddOtpEmail,
    VerifyOtpEmail,
    RemoveOtpEmail,
    AddUsername,
    RemoveUsername,
    StartTotp,
    VerifyTotp,
    RemoveTotp,
    AddIdpLink,
    RemoveIdpLink,
    StartWebauthn,
    VerifyWebauthn,
    RemoveWebauthn,
    CreateWebauthnLink,
    SetPassword,
    RequestPasswordReset,
    GetMyUser,
    GetMyEmail,
    SetMyEmail,
    VerifyMyEmail,
    ResendMyEmail,
    GetMyPhone,
    SetMyPhone,
    VerifyMyPhone,
    ResendMyPhone,
    RemoveMyPhone,
    ListMyFactors,
    AddMyOtpSms,
    RemoveMyOtpSms,
    AddMyOtpEmail,
    RemoveMyOtpEmail,
    AddToken,
    RemoveToken,
    ListTokens,
    AddIdp,
    ChangeIdp,
    RemoveIdp,
    GetIdp,
    ListIdps,
    StartIntent,
    TellIntent,
    SetFeatures,
    ResetFeatures,
    GetFeatures,
    Inbox,
}

/// The answer to a use case that did not do it. Bugs are logged here, once and with their whole chain; the caller sees
/// a reference to that line and nothing else.
#[expect(clippy::needless_pass_by_value, reason = "the error ends here")]
pub fn status(call: &Call, op: Op, error: Error) -> Status {
    heard(call, op, &error).status(call.language)
}

/// The same for one of many things that a call asked for.
#[expect(clippy::needless_pass_by_value, reason = "the error ends here")]
pub(crate) fn refusal(call: &Call, op: Op, error: Error) -> bulk::Refusal {
    heard(call, op, &error).refusal(call.language)
}

fn heard(call: &Call, op: Op, error: &Error) -> Answer {
    let answer = judge(op, error, call.now);
    if answer.text != Text::Internal {
        return answer;
    }
    let reference = call.request_id.as_str();
    report(reference, op, error);
    answer.with("reference", reference)
}

/// The answer to a call that shows no token. It has no details, as no catalogue is asked yet.
pub(crate) fn no_token() -> Status {
    Status::new(Code::Unauthenticated, "auth header missing")
}

/// An answer before it is put into words.
#[derive(Debug)]
pub(crate) struct Answer {
    code: Code,
    id: &'static str,
    text: Text,
    args: Args,
    retry_after: Option<Duration>,
}

impl Answer {
    pub(crate) fn new(code: Code, id: &'static str, text: Text) -> Self {
        Self {
            code,
            id,
            text,
            args: Args::default(),
            retry_after: None,
        }
    }

    /// Fills a variable of the text.
    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.args.text(name, value);
        self
    }

    /// Says when to try again, rounded up to whole seconds, so that the next try is not too early.
    fn until(mut self, until: Timestamp, now: Timestamp) -> Self {
        let seconds = u64::try_from((until - now).as_seconds_up())
            .unwrap_or_default()
            .max(1);
        self.args.wait(seconds);
        self.retry_after = Some(Duration::from_secs(seconds));
        self
    }

    /// Text and message, which is the text with the id behind it.
    fn words(&self, language: Language) -> (String, String) {
        let text = text::render(language, self.text, &self.args);
        let message = format!("{text} ({})", self.id);
        (text, message)
    }

    fn refusal(self, language: Language) -> bulk::Refusal {
        let (_, message) = self.words(language);
        bulk::Refusal {
            code: i32::from(self.code.number()),
            message,
            id: self.id.to_owned(),
            retry_after: self.retry_after.map(Into::into),
        }
    }

    /// The message is the text with the id behind it; the detail has both apart.
    pub(crate) fn status(self, language: Language) -> Status {
        let (text, message) = self.words(language);
        let status = Status::new(self.code, message);
        let status = status.with_detail(&ErrorDetail {
            id: self.id.to_owned(),
            message: text,
        });
        match self.retry_after {
            Some(delay) => status.retry_after(delay),
            None => status,
        }
    }
}

/// Decides what the caller sees.
fn judge(op: Op, error: &Error, now: Timestamp) -> Answer {
    match error {
        Error::Refused(refusal) => refused(op, *refusal, now),
        Error::Invalid { field, reason } => invalid(op, *reason).with("field", field),
        Error::NotFound => not_found(op),
        Error::NoMembership => no_membership(),
        Error::Denied(permission) => {
            Answer::new(Code::PermissionDenied, "AUTH-AWfge", Text::PermissionDenied)
                .with("permission", permission.name())
        }
        Error::DeniedToSelf => Answer::new(Code::PermissionDenied, "AUTH-AWfge", denied_to_self(op)),
        Error::LinkDeniedToSelf => Answer::new(Code::PermissionDenied, "AUTH-AWfge", Text::LinkDeniedToSelf),
        Error::DeniedOverStronger => Answer::new(
            Code::PermissionDenied,
            "AUTH-AWfge",
            Text::PermissionDeniedOverStronger,
        ),
        Error::PasswordDenied(why) => {
            Answer::new(Code::PermissionDenied, "AUTH-AWfge", password_denied(*why))
        }
        Error::OrgUnknown => org_unknown(),
        Error::SchemaUnknown => Answer::new(
            Code::FailedPrecondition,
            id::schema_unknown(op),
            Text::SchemaNotExists,
        ),
        Error::SchemaInactive => {
            Answer::new(Code::FailedPrecondition, "MERLON-h6Ww2TnA", Text::SchemaInactive)
        }
        Error::SchemaRefused(refusal) => schema_refused(op, *refusal),
        Error::SchemaTypeTaken => Answer::new(Code::AlreadyExists, "V3-DKcYh", Text::SchemaTypeTaken),
        Error::SchemaFault(fault) => schema_fault(fault),
        Error::DataMisfit(misfit) => {
            let answer = Answer::new(
                Code::FailedPrecondition,
                "COMMAND-SlKXqLSeL6",
                Text::SchemaDataInvalid,
            );
            answer
                .with("pointer", place(&misfit.pointer))
                .with("rule", &misfit.rule)
        }
        Error::NotPossible(what) => Answer::new(
            Code::FailedPrecondition,
            "MERLON-o3Kp8VzC",
            Text::AuthenticatorNotPossible,
        )
        .with("what", what.name()),
        Error::IdpRefused(refusal) => idp_refused(op, *refusal),
        Error::IntentRefused(refusal) => intent_refused(*refusal),
        Error::InstanceRefused(refusal) => instance_refused(*refusal),
        Error::IdpFailed(failure) => idp_failed(*failure),
        Error::IdpResting(until) => {
            Answer::new(Code::ResourceExhausted, "MERLON-w8Gb5JtD", Text::IdpResting).until(*until, now)
        }
        Error::NoProvider(channel) => no_provider(*channel),
        Error::SendLimit(until) => {
            Answer::new(Code::ResourceExhausted, "MERLON-b7Qx2LmV", Text::SendLimit).until(*until, now)
        }
        Error::PasswordsBusy(until) => {
            Answer::new(Code::ResourceExhausted, PASSWORDS_BUSY, Text::PasswordsBusy).until(*until, now)
        }
        Error::Hashing => Answer::new(Code::Internal, "MERLON-u6Rb9HpS", Text::Internal),
        Error::Store(failure) => unavailable(failure),
    }
}

fn refused(op: Op, refusal: Refusal, now: Timestamp) -> Answer {
    use Code::{AlreadyExists, FailedPrecondition, InvalidArgument, NotFound};
    match refusal {
        Refusal::AlreadyExists => Answer::new(AlreadyExists, id::user_exists(op), Text::UserAlreadyExists),
        Refusal::NotFound => not_found(op),
        Refusal::NotActive => Answer::new(FailedPrecondition, "COMMAND-Ob6lR5iFTe", Text::UserNotActive),
        Refusal::NotInactive => Answer::new(FailedPrecondition, "COMMAND-rQjbBr4J3j", Text::UserNotInactive),
        Refusal::AlreadyLocked => {
            Answer::new(FailedPrecondition, "COMMAND-G4LOrnjY7q", Text::UserAlreadyLocked)
        }
        Refusal::NotLocked => Answer::new(FailedPrecondition, "COMMAND-gpBv46Lh9m", Text::UserNotLocked),
        Refusal::ContactMissing(channel) => Answer::new(
            NotFound,
            id::contact_missing(op, channel),
            Text::contact_missing(channel),
        ),
        Refusal::ContactVerified(channel) => contact_verified(channel),
        Refusal::DataTooLong => {
            Answer::new(InvalidArgument, "MERLON-N3vD6kXs", Text::DataTooLong).with("field", "data")
        }
        Refusal::NoCode => no_code(op),
        Refusal::Code(miss) => missed(op, miss, now),
        Refusal::FactorNotFound(channel) => factor_not_found(channel),
        Refusal::FactorExists(channel) => factor_exists(channel),
        Refusal::ContactUnverified(channel) => contact_unverified(op, channel),
        Refusal::TooManyFactors => Answer::new(FailedPrecondition, "MERLON-nJ4c8RqW", Text::OtpTooMany),
        Refusal::TotpNotFound => Answer::new(NotFound, id::totp_not_found(op), Text::TotpNotExisting),
        Refusal::TotpVerified => Answer::new(FailedPrecondition, "COMMAND-qx4ls", Text::OtpVerified),
        Refusal::WebauthnNotFound => Answer::new(NotFound, "COMMAND-DAfb2", Text::WebauthnNotFound),
        Refusal::WebauthnVerified => {
            Answer::new(FailedPrecondition, "MERLON-D8kV3wNq", Text::WebauthnVerified)
        }
        Refusal::WebauthnTaken => Answer::new(AlreadyExists, "MERLON-E4nB7xRt", Text::WebauthnTaken),
        Refusal::LinkUnknown => Answer::new(InvalidArgument, "COMMAND-Dhz8i", Text::LinkUnknown),
        Refusal::PasswordNotSet => Answer::new(FailedPrecondition, "COMMAND-Fds3s", Text::PasswordNotSet),
        Refusal::PasswordWrong => Answer::new(InvalidArgument, "COMMAND-3M0fs", Text::PasswordInvalid),
        Refusal::PasswordResting(until) => {
            Answer::new(Code::ResourceExhausted, "MERLON-D4pW7sKj", Text::PasswordResting).until(until, now)
        }
        Refusal::PasswordMoved => Answer::new(Code::Aborted, "MERLON-E8mQ3vRt", Text::PasswordMoved),
        Refusal::UsernameTaken => Answer::new(AlreadyExists, "V3-DKcYh", Text::UsernameTaken),
        Refusal::UsernameNotFound => Answer::new(NotFound, "COMMAND-uEii8L6Awp", Text::UsernameNotFound),
        Refusal::TooManyUsernames => {
            Answer::new(FailedPrecondition, "MERLON-h2Tn7RvC", Text::UsernameTooMany)
        }
        Refusal::IdpLinkExists => Answer::new(AlreadyExists, "V3-DKcYh", Text::IdpLinkExists),
        Refusal::IdpLinkNotFound => Answer::new(NotFound, "COMMAND-1M9xR", Text::IdpLinkNotFound),
        Refusal::TooManyTokens => Answer::new(FailedPrecondition, "MERLON-f3Zk6HsT", Text::TokenTooMany),
        Refusal::ExpiryPast => Answer::new(InvalidArgument, "DOMAIN-dv3t5", Text::TokenExpiryPast),
        Refusal::TokenNotFound => Answer::new(NotFound, "COMMAND-4m77G", Text::TokenNotFound),
    }
}

/// A code that was not accepted. A wrong length is answered as a wrong code, which it is.
fn missed(op: Op, miss: Miss, now: Timestamp) -> Answer {
    match miss {
        Miss::Malformed | Miss::Wrong if op == Op::VerifyTotp => {
            Answer::new(Code::InvalidArgument, "EVENT-8isk2", Text::TotpInvalid)
        }
        Miss::Expired if matches!(op, Op::VerifyTotp | Op::VerifyWebauthn) => Answer::new(
            Code::FailedPrecondition,
            "MERLON-C7wR2mKe",
            Text::RegistrationExpired,
        ),
        Miss::Malformed | Miss::Wrong => match id::code_invalid_or_expired(op) {
            Some(id) => Answer::new(Code::InvalidArgument, id, Text::CodeInvalidOrExpired),
            None => Answer::new(Code::InvalidArgument, id::code_wrong(op), Text::CodeInvalid),
        },
        Miss::Expired => match id::code_invalid_or_expired(op) {
            Some(id) => Answer::new(Code::InvalidArgument, id, Text::CodeInvalidOrExpired),
            None => Answer::new(Code::FailedPrecondition, "CODE-QvUQ4P", Text::CodeExpired),
        },
        Miss::Spent => Answer::new(Code::FailedPrecondition, "MERLON-x8Vd1PgN", Text::CodeSpent),
        Miss::Resting(until) => {
            Answer::new(Code::ResourceExhausted, "MERLON-k2Ws9JfB", Text::CodeResting).until(until, now)
        }
    }
}

fn invalid(op: Op, reason: Invalid) -> Answer {
    if let Invalid::Password(fault) = reason {
        return bad_password(fault);
    }
    let (id, text) = match reason {
        Invalid::Phone(PhoneNumberError::Empty) => ("PHONE-Zt0NV", Text::PhoneEmpty),
        Invalid::Phone(PhoneNumberError::NoCountryCode) => ("PHONE-so0wa", Text::PhoneNoCountryCode),
        Invalid::Phone(PhoneNumberError::Impossible) => ("PHONE-so0wa", Text::PhoneInvalid),
        Invalid::Phone(PhoneNumberError::Refused) => ("MERLON-q9Rt5XaU", Text::PhoneRefused),
        Invalid::Email(EmailAddressError::Empty) => ("EMAIL-spblu", Text::EmailEmpty),
        Invalid::Email(EmailAddressError::Invalid) => ("EMAIL-599BI", Text::EmailInvalid),
        Invalid::Username(UsernameError::Empty) => ("MERLON-i6Bq3YwE", Text::UsernameEmpty),
        Invalid::Username(UsernameError::TooLong) => ("MERLON-l9Xc4DzM", Text::UsernameTooLong),
        Invalid::Username(UsernameError::Character) => ("MERLON-o5Pk8FsU", Text::UsernameCharacter),
        Invalid::Username(UsernameError::Lookalike) => ("MERLON-B3vJ6nHt", Text::UsernameLookalike),
        Invalid::Username(UsernameError::OfOrganization) => ("MERLON-c6Rk2WxN", Text::UsernameOfOrganization),
        Invalid::TooManyUsernames => ("MERLON-P2wU7nHc", Text::UsernamesTooMany),
        Invalid::FactorName(_) => ("MERLON-H3rZ5vJf", Text::FactorNameInvalid),
        Invalid::Domain => ("MERLON-G6pX9cWd", Text::WebauthnDomainUnknown),
        Invalid::Answer(fault) => webauthn_answer(fault),
        Invalid::Password(_) => ("COMMAND-3klek4sbns", Text::PasswordEmpty),
        Invalid::PasswordHash(HashFault::Unknown | HashFault::Malformed) => {
            ("COMMAND-oz74onzvqr", Text::PasswordHashNotSupported)
        }
        Invalid::PasswordHash(HashFault::TooCostly) => ("MERLON-K7fB4tSq", Text::PasswordHashTooCostly),
        Invalid::NeedlessProof => ("MERLON-G5kT8wHy", Text::PasswordNeedlessProof),
        Invalid::UrlTemplateSyntax => ("DOMAIN-oGh5e", Text::UrlTemplateSyntax),
        Invalid::UrlTemplateName => ("DOMAIN-ieYa7", url_template_name(op)),
        Invalid::UrlTemplateHost => ("MERLON-c4Mb7VnS", Text::UrlTemplateHost),
        Invalid::Missing => ("MERLON-w1Hz8DkQ", Text::FieldMissing),
        Invalid::Id => (id::not_an_id(op), Text::IdInvalid),
        Invalid::Feature => ("MERLON-B5wX8rTc", Text::FeatureUnknown),
        Invalid::Cursor => ("MERLON-w4Gk7TzE", Text::InboxCursorInvalid),
        Invalid::Limit => ("QUERY-4M0fs", Text::LimitExceeded),
        Invalid::SchemaType(_) => (id::schema_type(op), Text::SchemaTypeInvalid),
        Invalid::Authenticator => (id::schema_authenticator(op), Text::SchemaAuthenticatorInvalid),
        Invalid::ReturnUrl => ("MERLON-s5Jv9HdK", Text::ReturnUrl),
        Invalid::IntentContent => ("MERLON-t6Nc3LxQ", Text::IntentContent),
        Invalid::ExternalUser(_) => ("MERLON-m7Bt5XcR", Text::ExternalUserInvalid),
        Invalid::IdpSetting(reason) => idp_setting(reason),
        Invalid::Filter => ("SCHEMA-vR9nC", Text::FilterInvalid),
        Invalid::Nesting => ("SCHEMA-zsQ97", Text::TooManyNestingLevels),
        Invalid::TooManyFilters => ("MERLON-i7Xj3RbM", Text::TooManyFilters),
    };
    Answer::new(Code::InvalidArgument, id, text)
}

/// Which values a template may ask for depends on what its link is for.
const fn url_template_name(op: Op) -> Text {
    match op {
        Op::AddOtpSms | Op::AddOtpEmail => Text::UrlTemplateNameFactor,
        Op::CreateWebauthnLink => Text::UrlTemplateNameLink,
        _ => Text::UrlTemplateName,
    }
}

/// Codes of destinations prove that these are somebody's; those of resets and links give a way to sign in.
const fn denied_to_self(op: Op) -> Text {
    match op {
        Op::RequestPasswordReset | Op::CreateWebauthnLink => Text::PermissionDeniedOwnCode,
        _ => Text::PermissionDeniedToSelf,
    }
}

/// What a browser answered to a registration. The reference knows two conditions, both as faults of its own.
fn webauthn_answer(fault: AnswerFault) -> (&'static str, Text) {
    match fault {
        AnswerFault::Malformed => ("WEBAU-sEr8c", Text::WebauthnMalformed),
        AnswerFault::Kind => ("WEBAU-3Vb9s", Text::WebauthnKind),
        AnswerFault::Challenge => ("WEBAU-3Vb9s", Text::WebauthnChallenge),
        AnswerFault::Origin => ("WEBAU-3Vb9s", Text::WebauthnOrigin),
        AnswerFault::Domain => ("WEBAU-3Vb9s", Text::WebauthnDomain),
        AnswerFault::Presence => ("WEBAU-3Vb9s", Text::WebauthnPresence),
        AnswerFault::Algorithm => ("WEBAU-3Vb9s", Text::WebauthnAlgorithm),
        AnswerFault::Attestation => ("WEBAU-3Vb9s", Text::WebauthnAttestation),
    }
}

fn bad_password(fault: PasswordFault) -> Answer {
    let (id, text) = match fault {
        PasswordFault::Empty => ("COMMAND-3klek4sbns", Text::PasswordEmpty),
        PasswordFault::TooShort(_) => ("DOMAIN-HuJf6", Text::PasswordTooShort),
        PasswordFault::TooLong => ("MERLON-H9rD2zPf", Text::PasswordTooLong),
        PasswordFault::Lacks(CharacterKind::Lower) => ("DOMAIN-co3Xw", Text::PasswordNoLower),
        PasswordFault::Lacks(CharacterKind::Upper) => ("DOMAIN-VoaRj", Text::PasswordNoUpper),
        PasswordFault::Lacks(CharacterKind::Digit) => ("DOMAIN-ZBv4H", Text::PasswordNoDigit),
        PasswordFault::Lacks(CharacterKind::Symbol) => ("DOMAIN-ZDLwA", Text::PasswordNoSymbol),
        PasswordFault::Common => ("MERLON-J3cV6nMx", Text::PasswordCommon),
    };
    let answer = Answer::new(Code::InvalidArgument, id, text);
    match fault {
        PasswordFault::TooShort(least) => answer.with("least", &least.to_string()),
        _ => answer,
    }
}

const fn password_denied(why: PasswordDenied) -> Text {
    match why {
        PasswordDenied::NoProof => Text::PasswordProofMissing,
        PasswordDenied::ProofOfAnother => Text::PasswordProofOfAnother,
        PasswordDenied::OwnHash => Text::PasswordOwnHash,
    }
}

fn schema_refused(op: Op, refusal: user_schema::Refusal) -> Answer {
    use user_schema::Refusal as R;
    let (code, id, text) = match refusal {
        R::AlreadyExists => (Code::AlreadyExists, "MERLON-l2Yd6QsF", Text::SchemaAlreadyExists),
        R::NotFound => (Code::NotFound, id::schema_not_found(op), Text::SchemaNotFound),
        R::NotActive => (
            Code::FailedPrecondition,
            id::schema_not_active(op),
            Text::SchemaNotActive,
        ),
        R::NotInactive => (Code::FailedPrecondition, "COMMA-DGzh5", Text::SchemaNotInactive),
        R::InUse => (Code::FailedPrecondition, "MERLON-n8Ge5UxJ", Text::SchemaInUse),
    };
    Answer::new(code, id, text)
}

fn idp_refused(op: Op, refusal: idp::Refusal) -> Answer {
    match refusal {
        idp::Refusal::AlreadyExists => {
            Answer::new(Code::AlreadyExists, "MERLON-b8Wn3KtX", Text::IdpAlreadyExists)
        }
        idp::Refusal::NotFound => Answer::new(Code::NotFound, id::idp_not_found(op), Text::IdpNotFound),
    }
}

fn intent_refused(refusal: idp_intent::Refusal) -> Answer {
    use idp_intent::Refusal as R;
    let (code, id, text) = match refusal {
        R::AlreadyExists => (Code::AlreadyExists, "MERLON-v7Wd2GzP", Text::IntentAlreadyExists),
        R::Unknown => (
            Code::PermissionDenied,
            "MERLON-n9Gs4KvD",
            Text::IntentInvalidToken,
        ),
        R::NotSucceeded => (
            Code::FailedPrecondition,
            "IDP-nme4gszsvx",
            Text::IntentNotSucceeded,
        ),
        R::Expired => (Code::FailedPrecondition, "IDP-SAf42", Text::IntentExpired),
    };
    Answer::new(code, id, text)
}

fn instance_refused(refusal: instance::Refusal) -> Answer {
    use instance::Refusal as R;
    match refusal {
        R::AlreadyExists => Answer::new(
            Code::AlreadyExists,
            "MERLON-A6tK2vQn",
            Text::InstanceAlreadyExists,
        ),
        R::NotFound => instance_unknown(),
        R::NoFeature => Answer::new(Code::InvalidArgument, "COMMAND-Vigh1", Text::FeatureMissing),
    }
}

/// A provider that cannot be reached may be so later; one that says what does not hold is set up wrongly.
fn idp_failed(failure: Failure) -> Answer {
    match failure {
        Failure::Unreachable => Answer::new(Code::Unavailable, "MERLON-p3Xr8WnC", Text::IdpUnreachable),
        Failure::Denied => Answer::new(Code::InvalidArgument, "MERLON-x9Fk2TqJ", Text::IdpCredentials),
        Failure::Refused => Answer::new(Code::FailedPrecondition, "MERLON-y3Hc7PvS", Text::IdpRefused),
        Failure::Nameless => Answer::new(Code::FailedPrecondition, "MERLON-z8Mr4CwB", Text::IdpNameless),
        Failure::Untrusted | Failure::Gone => {
            Answer::new(Code::FailedPrecondition, "MERLON-r4Yt6MbF", Text::IdpUntrusted)
        }
    }
}

const fn idp_setting(reason: SettingError) -> (&'static str, Text) {
    match reason {
        SettingError::Blank => ("MERLON-c6Hq9RzV", Text::IdpBlank),
        SettingError::Url => ("MERLON-d4Fs7YkM", Text::IdpUrl),
        SettingError::Issuer => ("MERLON-e9Tb2PwJ", Text::IdpIssuer),
        SettingError::LdapServer => ("MERLON-f7Xn5CgL", Text::IdpLdapServer),
        SettingError::Scope => ("MERLON-g3Kd8VhQ", Text::IdpScope),
        SettingError::Attribute => ("MERLON-h5Rm4BxT", Text::IdpAttribute),
        SettingError::Timeout => ("MERLON-i2Zc6NsW", Text::IdpTimeout),
        SettingError::Certificate => ("MERLON-j8Pv3DfY", Text::IdpCertificate),
    }
}

fn schema_fault(fault: &Fault) -> Answer {
    let (id, text) = match fault.kind {
        FaultKind::PermissionNotObject => ("SCHEMA-WR5gs", Text::SchemaPermission),
        FaultKind::PermissionKey => ("SCHEMA-GFjio", Text::SchemaPermission),
        FaultKind::PermissionLetter => ("SCHEMA-EZ5zjh", Text::SchemaPermission),
        FaultKind::PermissionNotText => ("SCHEMA-E5h31", Text::SchemaPermission),
        FaultKind::Malformed => ("COMMA-W21tg", Text::SchemaInvalid),
        FaultKind::Dialect => ("MERLON-q4Sc9HvT", Text::SchemaDialect),
        FaultKind::Reference => ("MERLON-r5Bn7LyE", Text::SchemaReference),
        FaultKind::Endless => ("MERLON-t9Mf2KaP", Text::SchemaEndless),
        FaultKind::Unsupported => ("MERLON-u3Zr6DwN", Text::SchemaKeyword),
        FaultKind::Pattern => ("MERLON-v8Hk4CxG", Text::SchemaPattern),
        FaultKind::TooLong | FaultKind::TooDeep | FaultKind::TooMany => {
            ("MERLON-w2Tq5JmY", Text::SchemaTooLarge)
        }
    };
    Answer::new(Code::InvalidArgument, id, text).with("pointer", place(&fault.pointer))
}

/// A JSON pointer as people read it: the whole is no empty text.
fn place(pointer: &str) -> &str {
    if pointer.is_empty() { "/" } else { pointer }
}

fn not_found(op: Op) -> Answer {
    let text = if op == Op::Inbox {
        Text::InboxMessageNotFound
    } else {
        Text::UserNotFound
    };
    Answer::new(Code::NotFound, id::not_found(op), text)
}

fn contact_verified(channel: Channel) -> Answer {
    let (id, text) = match channel {
        Channel::Sms => ("COMMAND-2M9sf", Text::PhoneAlreadyVerified),
        Channel::Email => ("COMMAND-3M9ds", Text::EmailAlreadyVerified),
    };
    Answer::new(Code::FailedPrecondition, id, text)
}

/// Nothing to enter or to renew. A factor without a waiting code is one that is verified already.
fn no_code(op: Op) -> Answer {
    let text = match op {
        Op::VerifyOtpSms | Op::VerifyOtpEmail => Text::OtpVerified,
        Op::SetPassword => Text::PasswordCodeNotFound,
        _ => Text::CodeEmpty,
    };
    Answer::new(Code::FailedPrecondition, id::no_code(op), text)
}

fn factor_not_found(channel: Channel) -> Answer {
    let id = match channel {
        Channel::Sms => "COMMAND-Sr3h3",
        Channel::Email => "COMMAND-b312D",
    };
    Answer::new(Code::NotFound, id, Text::OtpNotExisting)
}

fn factor_exists(channel: Channel) -> Answer {
    let id = match channel {
        Channel::Sms => "COMMAND-Ad3g2",
        Channel::Email => "COMMAND-MKL2s",
    };
    Answer::new(Code::AlreadyExists, id, Text::OtpAlreadyReady)
}

/// The contact that a factor, a link or a reset needs is not there, or nobody proved it.
fn contact_unverified(op: Op, channel: Channel) -> Answer {
    let (id, text) = match (op, channel) {
        (Op::RequestPasswordReset, Channel::Sms) => ("MERLON-M2vS5jKn", Text::PasswordResetNoPhone),
        (Op::RequestPasswordReset, Channel::Email) => ("MERLON-L6hX9gWd", Text::PasswordResetNoEmail),
        (Op::CreateWebauthnLink, _) => ("MERLON-F5mT2yQk", Text::LinkWithoutEmail),
        (_, Channel::Sms) => ("COMMAND-Q54j2", Text::OtpSmsNotReady),
        (_, Channel::Email) => ("COMMAND-KLJ2d", Text::OtpEmailNotReady),
    };
    Answer::new(Code::FailedPrecondition, id, text)
}

fn no_provider(channel: Channel) -> Answer {
    let (id, text) = match channel {
        Channel::Sms => ("PHONE-w8nfow", Text::NoSmsProvider),
        Channel::Email => ("MAIL-w8nfow", Text::NoEmailProvider),
    };
    Answer::new(Code::FailedPrecondition, id, text)
}

/// The caller has no role anywhere.
pub(crate) fn no_membership() -> Answer {
    Answer::new(Code::NotFound, "AUTHZ-cdgFk", Text::MembershipNotFound)
}

/// The caller has roles, but none of them allows the method anywhere.
pub(crate) fn method_denied(permission: &str) -> Answer {
    Answer::new(Code::PermissionDenied, "AUTH-5mWD2", Text::PermissionDenied).with("permission", permission)
}

/// The organization that a request or its header names is none that the caller can name.
pub(crate) fn org_unknown() -> Answer {
    Answer::new(Code::PermissionDenied, "AUTH-Bs7Ds", Text::OrgNotFound)
}

/// The header `authorization` is not of the form `Bearer <token>`.
pub(crate) fn not_a_bearer() -> Answer {
    Answer::new(Code::Unauthenticated, "AUTH-toLo1", Text::AuthHeaderInvalid)
}

/// The token cannot be used; why is nobody's business.
pub(crate) fn token_unusable() -> Answer {
    Answer::new(Code::Unauthenticated, "AUTH-7fs1e", Text::TokenInvalid)
}

/// The feature that the service needs is off. Users and schemas have ids of their own, and one of them really is the word.
pub(crate) fn switched_off(about: About) -> Answer {
    let id = match about {
        About::Users => "TODO",
        About::UserSchemas => "SCHEMA-SFjk3",
    };
    Answer::new(Code::FailedPrecondition, id, Text::UserSchemaNotEnabled)
}

/// No instance answers for the host of the request.
pub(crate) fn instance_unknown() -> Answer {
    Answer::new(Code::NotFound, "QUERY-1kIjX", Text::InstanceNotFound)
}

/// The store could not do it: busy, which passes, or broken, which is a bug.
pub(crate) fn unavailable(failure: &StoreError) -> Answer {
    match failure {
        StoreError::Overloaded => {
            let mut answer = Answer::new(Code::ResourceExhausted, OVERLOADED, Text::Overloaded);
            answer.retry_after = Some(Duration::from_secs(1));
            answer
        }
        StoreError::Contention => Answer::new(Code::Aborted, CONTENTION, Text::Contention),
        StoreError::Unavailable => {
            let mut answer = Answer::new(Code::Unavailable, "MERLON-h8Wd3RzN", Text::DatabaseUnavailable);
            answer.retry_after = Some(Duration::from_secs(2));
            answer
        }
        StoreError::DiskFull => {
            let mut answer = Answer::new(Code::Unavailable, STORE_FULL, Text::StoreFull);
            answer.retry_after = Some(Duration::from_secs(5));
            answer
        }
        StoreError::DiskFailed => {
            Answer::new(Code::Unavailable, "MERLON-w4Nc7JvD", Text::DatabaseUnavailable)
        }
        StoreError::Closed => Answer::new(Code::Unavailable, "MERLON-j1Zd4KwX", Text::Unavailable),
        StoreError::Corrupt { .. }
        | StoreError::Taken(_)
        | StoreError::Unusable(_)
        | StoreError::Database { .. } => Answer::new(Code::Internal, "MERLON-u6Rb9HpS", Text::Internal),
    }
}

/// Logs a bug once, with everything that caused it.
fn report(reference: &str, op: Op, bug: &dyn std::error::Error) {
    let causes = std::iter::successors(bug.source(), |cause| cause.source());
    let chain = causes.fold(bug.to_string(), |chain, cause| format!("{chain}: {cause}"));
    tracing::error!(reference, ?op, error = chain, "a request failed by our fault");
}
