//! Every condition of every operation, as its caller sees it.

use std::collections::{BTreeSet, HashMap};

use domain::access::Permission;
use domain::base::Span;
use domain::user::{ExternalUser, FactorName};
use domain::user_schema::{Authenticator, TypeName};
use store::Error as StoreError;

use super::*;

const NOW: Timestamp = Timestamp(1_767_225_600_000_000);

/// Ids that stand for two conditions of one operation, because they do in the reference.
const SHARED: [&str; 12] = [
    // What a browser answered does not hold; the text tells why.
    "WEBAU-3Vb9s",
    // A wrong password, and a user that is unknown to SetMyPhone, where no password is entered.
    "COMMAND-3M0fs",
    // A unique value is taken: a username, or the type of a schema.
    "V3-DKcYh",
    // A number that cannot be read, and one that only a guess could complete.
    "PHONE-so0wa",
    // Lacking a permission, and vouching for oneself, which is lacking one.
    "AUTH-AWfge",
    // A user that is unknown, and one in the wrong state, of which the gRPC code now tells.
    "COMMAND-Ob6lR5iFTe",
    "COMMAND-rQjbBr4J3j",
    "COMMAND-G4LOrnjY7q",
    "COMMAND-gpBv46Lh9m",
    // The same of a user schema.
    "COMMA-HB3e1",
    "COMMA-E4t4z",
    "COMMA-DGzh5",
];

fn refusals() -> Vec<Refusal> {
    let mut all = vec![
        Refusal::AlreadyExists,
        Refusal::NotFound,
        Refusal::NotActive,
        Refusal::NotInactive,
        Refusal::AlreadyLocked,
        Refusal::NotLocked,
        Refusal::DataTooLong,
        Refusal::NoCode,
        Refusal::TooManyFactors,
        Refusal::TooManyTokens,
        Refusal::ExpiryPast,
        Refusal::TokenNotFound,
        Refusal::TotpNotFound,
        Refusal::TotpVerified,
        Refusal::WebauthnNotFound,
        Refusal::WebauthnVerified,
        Refusal::WebauthnTaken,
        Refusal::LinkUnknown,
        Refusal::UsernameTaken,
        Refusal::UsernameNotFound,
        Refusal::TooManyUsernames,
        Refusal::IdpLinkExists,
        Refusal::IdpLinkNotFound,
        Refusal::PasswordNotSet,
        Refusal::PasswordWrong,
        Refusal::PasswordResting(NOW + Span::hours(3)),
        Refusal::PasswordMoved,
    ];
    for channel in [Channel::Sms, Channel::Email] {
        all.extend([
            Refusal::ContactMissing(channel),
            Refusal::ContactVerified(channel),
            Refusal::FactorNotFound(channel),
            Refusal::FactorExists(channel),
            Refusal::ContactUnverified(channel),
        ]);
    }
    let misses = [
        Miss::Malformed,
        Miss::Expired,
        Miss::Spent,
        Miss::Resting(NOW + Span::hours(3)),
        Miss::Wrong,
    ];
    all.extend(misses.map(Refusal::Code));
    all
}

fn wrong_inputs() -> Vec<Error> {
    let reasons = [
        Invalid::Phone(PhoneNumberError::Empty),
        Invalid::Phone(PhoneNumberError::NoCountryCode),
        Invalid::Phone(PhoneNumberError::Impossible),
        Invalid::Phone(PhoneNumberError::Refused),
        Invalid::Email(EmailAddressError::Empty),
        Invalid::Email(EmailAddressError::Invalid),
        Invalid::Username(UsernameError::Empty),
        Invalid::Username(UsernameError::TooLong),
        Invalid::Username(UsernameError::Character),
        Invalid::Username(UsernameError::Lookalike),
        Invalid::Username(UsernameError::OfOrganization),
        Invalid::TooManyUsernames,
        Invalid::FactorName(FactorName::parse("").expect_err("no name")),
        Invalid::Domain,
        Invalid::Answer(AnswerFault::Malformed),
        Invalid::Answer(AnswerFault::Kind),
        Invalid::Answer(AnswerFault::Challenge),
        Invalid::Answer(AnswerFault::Origin),
        Invalid::Answer(AnswerFault::Domain),
        Invalid::Answer(AnswerFault::Presence),
        Invalid::Answer(AnswerFault::Algorithm),
        Invalid::Answer(AnswerFault::Attestation),
        Invalid::Password(PasswordFault::Empty),
        Invalid::Password(PasswordFault::TooShort(8)),
        Invalid::Password(PasswordFault::TooLong),
        Invalid::Password(PasswordFault::Lacks(CharacterKind::Lower)),
        Invalid::Password(PasswordFault::Lacks(CharacterKind::Upper)),
        Invalid::Password(PasswordFault::Lacks(CharacterKind::Digit)),
        Invalid::Password(PasswordFault::Lacks(CharacterKind::Symbol)),
        Invalid::Password(PasswordFault::Common),
        Invalid::PasswordHash(HashFault::Unknown),
        Invalid::PasswordHash(HashFault::TooCostly),
        Invalid::NeedlessProof,
        Invalid::UrlTemplateSyntax,
        Invalid::UrlTemplateName,
        Invalid::UrlTemplateHost,
        Invalid::Missing,
        Invalid::Id,
        Invalid::Cursor,
        Invalid::Limit,
        Invalid::SchemaType(TypeName::parse("").expect_err("no type")),
        Invalid::Authenticator,
        Invalid::Filter,
        Invalid::Nesting,
        Invalid::TooManyFilters,
        Invalid::Feature,
        Invalid::ReturnUrl,
        Invalid::IntentContent,
        Invalid::ExternalUser(ExternalUser::parse("", "").expect_err("nobody")),
    ];
    let settings = [
        SettingError::Blank,
        SettingError::Url,
        SettingError::Issuer,
        SettingError::LdapServer,
        SettingError::Scope,
        SettingError::Attribute,
        SettingError::Timeout,
        SettingError::Certificate,
    ];
    let reasons = reasons.into_iter().chain(settings.map(Invalid::IdpSetting));
    reasons
        .map(|reason| Error::invalid("contact.field", reason))
        .collect()
}

fn about_schemas() -> Vec<Error> {
    use user_schema::Refusal as R;
    let refusals = [
        R::AlreadyExists,
        R::NotFound,
        R::NotActive,
        R::NotInactive,
        R::InUse,
    ];
    let kinds = [
        FaultKind::PermissionNotObject,
        FaultKind::PermissionKey,
        FaultKind::PermissionNotText,
        FaultKind::PermissionLetter,
        FaultKind::TooLong,
        FaultKind::TooDeep,
        FaultKind::TooMany,
        FaultKind::Dialect,
        FaultKind::Reference,
        FaultKind::Endless,
        FaultKind::Unsupported,
        FaultKind::Pattern,
        FaultKind::Malformed,
    ];
    let faults = kinds.map(|kind| {
        let pointer = "/properties/a".to_owned();
        Error::SchemaFault(Fault { pointer, kind })
    });
    let misfit = app::schema::Misfit {
        pointer: String::new(),
        rule: "required: \"name\"".into(),
    };
    let others = [
        Error::SchemaUnknown,
        Error::SchemaInactive,
        Error::SchemaTypeTaken,
        Error::DataMisfit(misfit),
        Error::NotPossible(Authenticator::OtpSms),
    ];
    let refusals = refusals.map(Error::SchemaRefused);
    refusals.into_iter().chain(faults).chain(others).collect()
}

fn errors() -> Vec<Error> {
    use idp_intent::Refusal as R;
    let mut all: Vec<Error> = refusals().into_iter().map(Error::from).collect();
    all.extend(wrong_inputs());
    all.extend(about_schemas());
    all.extend([idp::Refusal::AlreadyExists, idp::Refusal::NotFound].map(Error::from));
    all.extend([R::AlreadyExists, R::Unknown, R::NotSucceeded, R::Expired].map(Error::from));
    all.extend(
        [
            instance::Refusal::AlreadyExists,
            instance::Refusal::NotFound,
            instance::Refusal::NoFeature,
        ]
        .map(Error::from),
    );
    all.extend(
        [
            Failure::Unreachable,
            Failure::Untrusted,
            Failure::Denied,
            Failure::Refused,
            Failure::Nameless,
        ]
        .map(Error::IdpFailed),
    );
    all.extend([
        Error::NotFound,
        Error::NoMembership,
        Error::Denied(Permission::UserWrite),
        Error::DeniedToSelf,
        Error::LinkDeniedToSelf,
        Error::DeniedOverStronger,
        Error::OrgUnknown,
        Error::NoProvider(Channel::Sms),
        Error::NoProvider(Channel::Email),
        Error::SendLimit(NOW + Span::seconds(17)),
        Error::PasswordDenied(PasswordDenied::NoProof),
        Error::PasswordDenied(PasswordDenied::ProofOfAnother),
        Error::PasswordDenied(PasswordDenied::OwnHash),
        Error::PasswordsBusy(NOW + Span::seconds(2)),
        Error::IdpResting(NOW + Span::seconds(17)),
        StoreError::Overloaded.into(),
        StoreError::Contention.into(),
        StoreError::Unavailable.into(),
        StoreError::DiskFull.into(),
        StoreError::DiskFailed.into(),
        StoreError::Closed.into(),
        broken().into(),
    ]);
    all
}

fn broken() -> StoreError {
    StoreError::Corrupt {
        place: "user.state",
        reason: "a secret of the house".into(),
    }
}

/// What the gate says without asking a use case.
fn at_the_gate() -> Vec<Answer> {
    vec![
        no_membership(),
        method_denied("user.write"),
        org_unknown(),
        not_a_bearer(),
        token_unusable(),
        instance_unknown(),
        switched_off(About::Users),
        switched_off(About::UserSchemas),
    ]
}

fn all_answers() -> impl Iterator<Item = (Op, Answer)> {
    Op::ALL.iter().flat_map(|&op| {
        errors()
            .into_iter()
            .map(move |error| (op, judge(op, &error, NOW)))
    })
}

fn seen(op: Op, error: impl Into<Error>) -> (Code, &'static str) {
    let answer = judge(op, &error.into(), NOW);
    (answer.code, answer.id)
}

#[test]
fn users_that_are_unknown_have_the_id_of_their_operation() {
    let expected = [
        (Op::GetUser, "QUERY-Dfbg2"),
        (Op::PatchUser, "COMMAND-Nn8CRVlkeZ"),
        (Op::DeleteUser, "COMMAND-syHyCsGmvM"),
        (Op::LockUser, "COMMAND-G4LOrnjY7q"),
        (Op::UnlockUser, "COMMAND-gpBv46Lh9m"),
        (Op::DeactivateUser, "COMMAND-Ob6lR5iFTe"),
        (Op::ActivateUser, "COMMAND-rQjbBr4J3j"),
        (Op::SetContactEmail, "COMMAND-nJ0TQFuRmP"),
        (Op::VerifyContactEmail, "COMMAND-qbGyMPvjvj"),
        (Op::ResendContactEmail, "COMMAND-EajeF6ypOV"),
        (Op::SetContactPhone, "COMMAND-b33QAVgel6"),
        (Op::VerifyContactPhone, "COMMAND-bx2OLtgGNS"),
        (Op::ResendContactPhone, "COMMAND-z8Bu9vuL9s"),
        (Op::AddOtpSms, "COMMAND-6T2xrOHxTx"),
        (Op::AddUsername, "COMMAND-6T2xrOHxTx"),
        (Op::StartTotp, "COMMAND-6T2xrOHxTx"),
        (Op::StartWebauthn, "COMMAND-6T2xrOHxTx"),
        (Op::CreateWebauthnLink, "COMMAND-6T2xrOHxTx"),
        (Op::VerifyOtpEmail, "COMMAND-6T2xrOHxTx"),
        (Op::GetMyUser, "QUERY-Dfbg2"),
        (Op::GetMyEmail, "QUERY-Hms2s"),
        (Op::GetMyPhone, "QUERY-DAvb3"),
        (Op::SetMyPhone, "COMMAND-3M0fs"),
        (Op::SetMyEmail, "COMMAND-0Pe4r"),
        (Op::AddToken, "COMMAND-Dggw2"),
    ];
    for (op, id) in expected {
        assert_eq!(seen(op, Error::NotFound), (Code::NotFound, id), "{op:?}");
        assert_eq!(seen(op, Refusal::NotFound), (Code::NotFound, id), "{op:?}");
    }
}

#[test]
fn a_wrong_state_is_a_failed_precondition() {
    let expected = [
        (Op::DeactivateUser, Refusal::NotActive, "COMMAND-Ob6lR5iFTe"),
        (Op::ActivateUser, Refusal::NotInactive, "COMMAND-rQjbBr4J3j"),
        (Op::LockUser, Refusal::AlreadyLocked, "COMMAND-G4LOrnjY7q"),
        (Op::UnlockUser, Refusal::NotLocked, "COMMAND-gpBv46Lh9m"),
        (Op::VerifyContactPhone, Refusal::NoCode, "MERLON-g9Dw3SkV"),
        (Op::VerifyContactEmail, Refusal::NoCode, "MERLON-g9Dw3SkV"),
        (Op::ResendContactPhone, Refusal::NoCode, "COMMAND-fEsHdqECzb"),
        (Op::ResendContactEmail, Refusal::NoCode, "COMMAND-QRkNTBwF8q"),
        (Op::VerifyOtpSms, Refusal::NoCode, "MERLON-y4Px7QcN"),
        (Op::VerifyMyPhone, Refusal::NoCode, "COMMAND-Rsj8c"),
        (Op::VerifyMyEmail, Refusal::NoCode, "COMMAND-3n8ud"),
        (
            Op::ResendMyPhone,
            Refusal::ContactVerified(Channel::Sms),
            "COMMAND-2M9sf",
        ),
        (
            Op::ResendMyEmail,
            Refusal::ContactVerified(Channel::Email),
            "COMMAND-3M9ds",
        ),
        (
            Op::AddMyOtpSms,
            Refusal::ContactUnverified(Channel::Sms),
            "COMMAND-Q54j2",
        ),
        (
            Op::AddMyOtpEmail,
            Refusal::ContactUnverified(Channel::Email),
            "COMMAND-KLJ2d",
        ),
        (Op::AddOtpSms, Refusal::TooManyFactors, "MERLON-nJ4c8RqW"),
        (Op::AddToken, Refusal::TooManyTokens, "MERLON-f3Zk6HsT"),
    ];
    for (op, refusal, id) in expected {
        assert_eq!(
            seen(op, refusal),
            (Code::FailedPrecondition, id),
            "{op:?} {refusal:?}"
        );
    }
}

#[test]
fn things_that_are_there_or_not() {
    let expected = [
        (
            Op::CreateUser,
            Refusal::AlreadyExists,
            Code::AlreadyExists,
            "COMMAND-Nn8CRVlkeZ",
        ),
        (
            Op::AddOtpSms,
            Refusal::FactorExists(Channel::Sms),
            Code::AlreadyExists,
            "COMMAND-Ad3g2",
        ),
        (
            Op::AddOtpEmail,
            Refusal::FactorExists(Channel::Email),
            Code::AlreadyExists,
            "COMMAND-MKL2s",
        ),
        (
            Op::AddMyOtpSms,
            Refusal::FactorExists(Channel::Sms),
            Code::AlreadyExists,
            "COMMAND-Ad3g2",
        ),
        (
            Op::RemoveOtpSms,
            Refusal::FactorNotFound(Channel::Sms),
            Code::NotFound,
            "COMMAND-Sr3h3",
        ),
        (
            Op::RemoveMyOtpEmail,
            Refusal::FactorNotFound(Channel::Email),
            Code::NotFound,
            "COMMAND-b312D",
        ),
        (
            Op::ResendMyPhone,
            Refusal::ContactMissing(Channel::Sms),
            Code::NotFound,
            "COMMAND-2b7Hf",
        ),
        (
            Op::RemoveMyPhone,
            Refusal::ContactMissing(Channel::Sms),
            Code::NotFound,
            "COMMAND-p6rsc",
        ),
        (
            Op::RemoveToken,
            Refusal::TokenNotFound,
            Code::NotFound,
            "COMMAND-4m77G",
        ),
        (
            Op::VerifyTotp,
            Refusal::TotpNotFound,
            Code::NotFound,
            "COMMAND-3Mif9s",
        ),
        (
            Op::RemoveTotp,
            Refusal::TotpNotFound,
            Code::NotFound,
            "COMMAND-Hd9sd",
        ),
        (
            Op::VerifyTotp,
            Refusal::TotpVerified,
            Code::FailedPrecondition,
            "COMMAND-qx4ls",
        ),
        (
            Op::VerifyTotp,
            Refusal::Code(Miss::Wrong),
            Code::InvalidArgument,
            "EVENT-8isk2",
        ),
        (
            Op::VerifyTotp,
            Refusal::Code(Miss::Expired),
            Code::FailedPrecondition,
            "MERLON-C7wR2mKe",
        ),
        (
            Op::AddUsername,
            Refusal::UsernameTaken,
            Code::AlreadyExists,
            "V3-DKcYh",
        ),
        (
            Op::RemoveUsername,
            Refusal::UsernameNotFound,
            Code::NotFound,
            "COMMAND-uEii8L6Awp",
        ),
        (
            Op::AddToken,
            Refusal::ExpiryPast,
            Code::InvalidArgument,
            "DOMAIN-dv3t5",
        ),
    ];
    for (op, refusal, code, id) in expected {
        assert_eq!(seen(op, refusal), (code, id), "{op:?} {refusal:?}");
    }
}

#[test]
fn codes_that_are_not_accepted() {
    let v3 = [
        Op::VerifyContactPhone,
        Op::VerifyContactEmail,
        Op::VerifyOtpSms,
        Op::VerifyOtpEmail,
    ];
    for op in v3 {
        assert_eq!(
            seen(op, Refusal::Code(Miss::Wrong)),
            (Code::InvalidArgument, "CODE-woT0xc")
        );
        assert_eq!(
            seen(op, Refusal::Code(Miss::Malformed)),
            (Code::InvalidArgument, "CODE-woT0xc")
        );
        assert_eq!(
            seen(op, Refusal::Code(Miss::Expired)),
            (Code::FailedPrecondition, "CODE-QvUQ4P")
        );
    }
    for (op, id) in [
        (Op::VerifyMyPhone, "COMMAND-sM0cs"),
        (Op::VerifyMyEmail, "COMMAND-Gdsgs"),
    ] {
        for miss in [Miss::Wrong, Miss::Malformed, Miss::Expired] {
            assert_eq!(
                seen(op, Refusal::Code(miss)),
                (Code::InvalidArgument, id),
                "{op:?} {miss:?}"
            );
        }
    }
    for op in v3.into_iter().chain([Op::VerifyMyPhone, Op::VerifyMyEmail]) {
        assert_eq!(seen(op, Refusal::Code(Miss::Spent)).0, Code::FailedPrecondition);
        assert_eq!(
            seen(op, Refusal::Code(Miss::Resting(NOW))).0,
            Code::ResourceExhausted
        );
    }
}

#[test]
fn wrong_input_names_its_field() {
    let expected = [
        (
            Op::SetContactPhone,
            Invalid::Phone(PhoneNumberError::Empty),
            "PHONE-Zt0NV",
        ),
        (
            Op::SetContactPhone,
            Invalid::Phone(PhoneNumberError::Impossible),
            "PHONE-so0wa",
        ),
        (
            Op::SetContactEmail,
            Invalid::Email(EmailAddressError::Empty),
            "EMAIL-spblu",
        ),
        (
            Op::SetContactEmail,
            Invalid::Email(EmailAddressError::Invalid),
            "EMAIL-599BI",
        ),
        (Op::SetContactEmail, Invalid::UrlTemplateSyntax, "DOMAIN-oGh5e"),
        (Op::SetContactEmail, Invalid::UrlTemplateName, "DOMAIN-ieYa7"),
        (Op::PatchUser, Invalid::Id, "COMMAND-gEJR1QOGHb"),
        (Op::SetContactPhone, Invalid::Id, "COMMAND-DkQ9aurv5u"),
        (Op::AddOtpSms, Invalid::Id, "COMMAND-QSF2s"),
        (Op::ListTokens, Invalid::Limit, "QUERY-4M0fs"),
        (Op::Inbox, Invalid::Cursor, "MERLON-w4Gk7TzE"),
    ];
    for (op, reason, id) in expected {
        assert_eq!(
            seen(op, Error::invalid("x", reason)),
            (Code::InvalidArgument, id),
            "{op:?} {reason:?}"
        );
    }
    for error in wrong_inputs() {
        for language in Language::ALL {
            let status = judge(Op::SetContactPhone, &error, NOW).status(*language);
            assert_eq!(status.code, Code::InvalidArgument);
            assert!(status.message.starts_with("contact.field"), "{}", status.message);
        }
    }
}

#[test]
fn a_text_about_placeholders_names_what_the_call_offers() {
    for language in Language::ALL {
        let text = |op| {
            let wrong = Error::invalid("url_template", Invalid::UrlTemplateName);
            judge(op, &wrong, NOW).status(*language).message
        };
        let code = text(Op::SetContactEmail);
        assert!(code.contains("UserID") && !code.contains("FactorID"), "{code}");
        assert!(!code.contains("CodeID"), "{code}");
        let factor = text(Op::AddOtpSms);
        assert!(
            factor.contains("FactorID") && !factor.contains("CodeID"),
            "{factor}"
        );
        let link = text(Op::CreateWebauthnLink);
        assert!(link.contains("CodeID") && !link.contains("FactorID"), "{link}");
    }
}

#[test]
fn who_may_not_read_a_code_hears_whose_code_it_is() {
    for language in Language::ALL {
        let text = |op| judge(op, &Error::DeniedToSelf, NOW).status(*language).message;
        let verified = |text: &str| text.contains("verified") || text.contains("bestätigt");
        assert!(verified(&text(Op::SetContactEmail)));
        for op in [Op::RequestPasswordReset, Op::CreateWebauthnLink] {
            let own = text(op);
            assert!(!verified(&own), "{op:?} {own}");
        }
    }
}

#[test]
fn callers_without_the_right() {
    let denied = Error::Denied(Permission::UserCredentialWrite);
    let text = judge(Op::AddOtpSms, &denied, NOW).status(Language::En).message;
    assert!(text.contains("user.credential.write"), "{text}");
    assert_eq!(
        seen(Op::AddOtpSms, denied),
        (Code::PermissionDenied, "AUTH-AWfge")
    );
    assert_eq!(
        seen(Op::SetContactPhone, Error::DeniedToSelf),
        (Code::PermissionDenied, "AUTH-AWfge")
    );
    assert_eq!(
        seen(Op::CreateUser, Error::NoMembership),
        (Code::NotFound, "AUTHZ-cdgFk")
    );
    assert_eq!(
        seen(Op::CreateUser, Error::OrgUnknown),
        (Code::PermissionDenied, "AUTH-Bs7Ds")
    );
    assert_eq!(
        seen(Op::CreateUser, Error::SchemaUnknown),
        (Code::FailedPrecondition, "COMMAND-N9QOuN4F7o")
    );
    assert_eq!(
        seen(Op::PatchUser, Error::SchemaUnknown),
        (Code::FailedPrecondition, "COMMAND-VLDTtxT3If")
    );
}

#[test]
fn limits_say_when_to_try_again() {
    let cases: [(Error, u64); 5] = [
        (Error::SendLimit(NOW + Span::seconds(17)), 17),
        (Error::SendLimit(NOW + Span(1)), 1),
        (Error::SendLimit(NOW), 1),
        (Refusal::Code(Miss::Resting(NOW + Span::hours(3))).into(), 10_800),
        (StoreError::Overloaded.into(), 1),
    ];
    for (error, seconds) in cases {
        let status = judge(Op::AddOtpSms, &error, NOW).status(Language::En);
        let delay = Duration::from_secs(seconds);
        assert_eq!(status.code, Code::ResourceExhausted);
        assert_eq!(status.retry_after, Some(delay));
        let names: Vec<_> = status.details.iter().map(proto::rpc::Any::type_name).collect();
        assert_eq!(names, ["zitadel.v1.ErrorDetail", "google.rpc.RetryInfo"]);
        assert_eq!(status.details[1].to_json()["retryDelay"], format!("{seconds}s"));
    }
}

#[test]
fn the_store_is_busy_or_broken() {
    assert_eq!(seen(Op::GetUser, StoreError::Contention).0, Code::Aborted);
    assert_eq!(seen(Op::GetUser, StoreError::Closed).0, Code::Unavailable);
    let full = judge(Op::GetUser, &StoreError::DiskFull.into(), NOW).status(Language::En);
    assert_eq!(
        (full.code, full.retry_after),
        (Code::Unavailable, Some(Duration::from_secs(5)))
    );
    assert_eq!(seen(Op::GetUser, StoreError::DiskFailed).0, Code::Unavailable);
    let away = judge(Op::GetUser, &StoreError::Unavailable.into(), NOW).status(Language::En);
    assert_eq!(
        (away.code, away.retry_after),
        (Code::Unavailable, Some(Duration::from_secs(2)))
    );
    for bug in [
        broken(),
        StoreError::Taken("token"),
        StoreError::Unusable("no".into()),
    ] {
        assert_eq!(seen(Op::GetUser, bug).0, Code::Internal);
    }
}

#[test]
fn a_bug_is_shown_as_a_reference_and_nothing_else() {
    for language in Language::ALL {
        let answer = judge(Op::GetUser, &broken().into(), NOW).with("reference", "abc-1");
        let message = answer.status(*language).message;
        assert!(message.contains("abc-1"), "{message}");
        assert!(
            !message.contains("user.state") && !message.contains("secret"),
            "{message}"
        );
    }
}

#[test]
fn the_message_is_the_text_with_its_id_and_the_detail_has_both_apart() {
    let error = Error::from(Refusal::ContactUnverified(Channel::Sms));
    let status = judge(Op::AddMyOtpSms, &error, NOW).status(Language::De);
    let detail = status.details[0].to_json();
    assert_eq!(detail["id"], "COMMAND-Q54j2");
    let text = detail["message"].as_str().unwrap();
    assert!(text.starts_with("Einmalcodes per SMS brauchen"), "{text}");
    assert_eq!(status.message, format!("{text} (COMMAND-Q54j2)"));
    assert_eq!(status.details.len(), 1);
}

#[test]
fn no_id_stands_for_two_conditions_of_one_operation() {
    let mut texts: HashMap<(Op, &str), Text> = HashMap::new();
    for (op, answer) in all_answers() {
        let first = *texts.entry((op, answer.id)).or_insert(answer.text);
        assert!(
            first == answer.text || SHARED.contains(&answer.id),
            "{op:?} {}: {first:?}, {:?}",
            answer.id,
            answer.text
        );
    }
}

#[test]
fn what_shares_an_id_is_told_apart_by_code_or_text() {
    let mut seen: HashMap<(Op, &str, Code), Text> = HashMap::new();
    for (op, answer) in all_answers()
        .filter(|(_, answer)| !["AUTH-AWfge", "PHONE-so0wa", "V3-DKcYh", "WEBAU-3Vb9s"].contains(&answer.id))
    {
        let first = *seen.entry((op, answer.id, answer.code)).or_insert(answer.text);
        assert_eq!(first, answer.text, "{op:?} {}", answer.id);
    }
}

#[test]
fn an_id_of_our_own_stands_for_one_condition_everywhere() {
    let mut texts: HashMap<&str, Text> = HashMap::new();
    for (op, answer) in all_answers().filter(|(_, answer)| answer.id.starts_with("MERLON-")) {
        let first = *texts.entry(answer.id).or_insert(answer.text);
        assert_eq!(first, answer.text, "{op:?} {}", answer.id);
    }
}

#[test]
fn ids_have_the_form_that_clients_know() {
    for (_, answer) in all_answers() {
        let (place, mark) = answer.id.split_once('-').expect("two parts");
        let is_place = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit();
        assert!(place.bytes().all(is_place), "{}", answer.id);
        assert!(
            (5..=10).contains(&mark.len()) && mark.bytes().all(|b| b.is_ascii_alphanumeric()),
            "{}",
            answer.id
        );
    }
}

#[test]
fn every_text_is_somebodys_answer_and_every_answer_has_its_variables() {
    let mut produced = BTreeSet::new();
    let gate = at_the_gate().into_iter().map(|answer| (Op::Admit, answer));
    for (op, answer) in all_answers().chain(gate) {
        produced.insert(answer.text.key());
        for language in Language::ALL {
            let text = text::render(*language, answer.text, &answer.args);
            let lacks_reference = answer.text == Text::Internal;
            assert!(
                lacks_reference || !text.contains("{$"),
                "{op:?} {language:?}: {text}"
            );
            assert!(text.ends_with('.'), "{text}");
        }
    }
    let all: BTreeSet<_> = Text::ALL.iter().map(|text| text.key()).collect();
    assert_eq!(produced, all);
}

#[test]
fn the_compatibility_page_lists_every_id_of_our_own_with_its_code() {
    let page = include_str!("../../../../docs/compatibility.md");
    let listed: BTreeSet<_> = page
        .lines()
        .filter(|line| line.starts_with("| `MERLON-"))
        .collect();
    let rows: BTreeSet<_> = all_answers()
        .filter(|(_, answer)| answer.id.starts_with("MERLON-"))
        .map(|(_, answer)| format!("| `{}` | {} | ", answer.id, short(answer.code)))
        .collect();
    for row in &rows {
        assert!(
            listed.iter().any(|line| line.starts_with(row)),
            "{row} is missing"
        );
    }
    assert_eq!(rows.len(), listed.len());
}

fn short(code: Code) -> String {
    match code {
        Code::InvalidArgument => "IA".into(),
        Code::FailedPrecondition => "FP".into(),
        Code::NotFound => "NF".into(),
        Code::AlreadyExists => "AE".into(),
        Code::ResourceExhausted => "RE".into(),
        other => format!("{other:?}"),
    }
}
