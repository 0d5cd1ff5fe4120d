//! Error ids that differ by operation, and what clients of each know them by.

use domain::user::Channel;

use super::Op;

/// The server has too much to do at the moment; the same request is worth sending again.
pub const OVERLOADED: &str = "MERLON-p7Fc2LyB";

/// More passwords are being checked than the server takes at once.
pub const PASSWORDS_BUSY: &str = "MERLON-F2xN6bLc";

/// Others changed the same thing at the same time, again and again.
pub const CONTENTION: &str = "MERLON-v5Qn8GtM";

/// The disk is full.
pub const STORE_FULL: &str = "MERLON-q9Tf2LbK";

/// What is said of the server at the moment and not of the request: nothing was changed, and the same request is worth
/// sending again.
pub const PASSING: [&str; 4] = [OVERLOADED, PASSWORDS_BUSY, CONTENTION, STORE_FULL];

/// A user is to be created under an id that another one has.
pub const USER_EXISTS: &str = "COMMAND-Nn8CRVlkeZ";

/// The user is unknown, deleted, of another organization, or not to be seen; for the inbox, the message.
pub(super) const fn not_found(op: Op) -> &'static str {
    match op {
        Op::GetUser | Op::GetMyUser => "QUERY-Dfbg2",
        Op::PatchUser => "COMMAND-Nn8CRVlkeZ",
        Op::DeleteUser => "COMMAND-syHyCsGmvM",
        Op::LockUser => "COMMAND-G4LOrnjY7q",
        Op::UnlockUser => "COMMAND-gpBv46Lh9m",
        Op::DeactivateUser => "COMMAND-Ob6lR5iFTe",
        Op::ActivateUser => "COMMAND-rQjbBr4J3j",
        Op::SetContactEmail => "COMMAND-nJ0TQFuRmP",
        Op::VerifyContactEmail => "COMMAND-qbGyMPvjvj",
        Op::ResendContactEmail => "COMMAND-EajeF6ypOV",
        Op::SetContactPhone => "COMMAND-b33QAVgel6",
        Op::VerifyContactPhone => "COMMAND-bx2OLtgGNS",
        Op::ResendContactPhone => "COMMAND-z8Bu9vuL9s",
        Op::AddOtpSms
        | Op::VerifyOtpSms
        | Op::RemoveOtpSms
        | Op::AddOtpEmail
        | Op::VerifyOtpEmail
        | Op::RemoveOtpEmail
        | Op::AddUsername
        | Op::RemoveUsername
        | Op::StartTotp
        | Op::VerifyTotp
        | Op::RemoveTotp
        | Op::AddIdpLink
        | Op::RemoveIdpLink
        | Op::StartWebauthn
        | Op::VerifyWebauthn
        | Op::RemoveWebauthn
        | Op::CreateWebauthnLink
        | Op::SetPassword
        | Op::RequestPasswordReset => "COMMAND-6T2xrOHxTx",
        Op::GetMyEmail => "QUERY-Hms2s",
        Op::SetMyEmail | Op::ResendMyEmail => "COMMAND-0Pe4r",
        Op::GetMyPhone => "QUERY-DAvb3",
        Op::SetMyPhone => "COMMAND-3M0fs",
        Op::AddToken | Op::RemoveToken => "COMMAND-Dggw2",
        Op::Inbox => "MERLON-a5Nv2TgK",
        Op::Admit
        | Op::CreateUser
        | Op::CreateUserSchema
        | Op::PatchUserSchema
        | Op::DeactivateUserSchema
        | Op::ReactivateUserSchema
        | Op::DeleteUserSchema
        | Op::GetUserSchema
        | Op::SearchUserSchemas
        | Op::SearchUsers
        | Op::VerifyMyEmail
        | Op::VerifyMyPhone
        | Op::ResendMyPhone
        | Op::RemoveMyPhone
        | Op::ListMyFactors
        | Op::AddMyOtpSms
        | Op::RemoveMyOtpSms
        | Op::AddMyOtpEmail
        | Op::RemoveMyOtpEmail
        | Op::ListTokens
        | Op::AddIdp
        | Op::ChangeIdp
        | Op::RemoveIdp
        | Op::GetIdp
        | Op::ListIdps
        | Op::StartIntent
        | Op::TellIntent
        | Op::SetFeatures
        | Op::ResetFeatures
        | Op::GetFeatures => "MERLON-z7Cx4WpJ",
    }
}

/// The id of a new user is taken.
pub(super) const fn user_exists(op: Op) -> &'static str {
    match op {
        Op::CreateUser => USER_EXISTS,
        _ => "MERLON-d2Gy6MwF",
    }
}

/// The schema that the request names is unknown.
pub(super) const fn schema_unknown(op: Op) -> &'static str {
    match op {
        Op::CreateUser => "COMMAND-N9QOuN4F7o",
        Op::PatchUser => "COMMAND-VLDTtxT3If",
        _ => "MERLON-s8Kf1BxR",
    }
}

/// There is no such schema.
pub(super) const fn schema_not_found(op: Op) -> &'static str {
    match op {
        Op::PatchUserSchema => "COMMA-HB3e1",
        Op::DeactivateUserSchema => "COMMA-E4t4z",
        Op::ReactivateUserSchema => "COMMA-DGzh5",
        Op::DeleteUserSchema => "COMMA-Grg41",
        Op::GetUserSchema => "QUERY-SAF3t",
        _ => "MERLON-x6Vd3PkB",
    }
}

/// There is no such identity provider.
pub(super) const fn idp_not_found(op: Op) -> &'static str {
    match op {
        Op::GetIdp => "QUERY-SAFrt",
        _ => "MERLON-k6Lw9GqH",
    }
}

/// The schema is inactive.
pub(super) const fn schema_not_active(op: Op) -> &'static str {
    match op {
        Op::PatchUserSchema => "COMMA-HB3e1",
        Op::DeactivateUserSchema => "COMMA-E4t4z",
        _ => "MERLON-y7Lc8WsR",
    }
}

/// The type of a schema is empty, too long, or has control characters.
pub(super) const fn schema_type(op: Op) -> &'static str {
    match op {
        Op::CreateUserSchema => "COMMA-DGFj3",
        Op::PatchUserSchema => "COMMA-G43gn",
        _ => "MERLON-z5Qm9FtU",
    }
}

/// An authenticator that there is not.
pub(super) const fn schema_authenticator(op: Op) -> &'static str {
    match op {
        Op::CreateUserSchema => "COMMA-Gh652",
        Op::PatchUserSchema => "COMMA-WF4hg",
        _ => "MERLON-a9Rj4XgD",
    }
}

/// The user has no such contact.
pub(super) const fn contact_missing(op: Op, channel: Channel) -> &'static str {
    match (op, channel) {
        (Op::ResendMyPhone, Channel::Sms) => "COMMAND-2b7Hf",
        (Op::RemoveMyPhone, Channel::Sms) => "COMMAND-p6rsc",
        (_, Channel::Sms) => "MERLON-m3Tq9ZvL",
        (_, Channel::Email) => "MERLON-r6Jb5HdY",
    }
}

/// No code waits that could be entered or renewed.
pub(super) const fn no_code(op: Op) -> &'static str {
    match op {
        Op::ResendContactEmail => "COMMAND-QRkNTBwF8q",
        Op::ResendContactPhone => "COMMAND-fEsHdqECzb",
        Op::VerifyMyPhone => "COMMAND-Rsj8c",
        Op::VerifyMyEmail => "COMMAND-3n8ud",
        Op::VerifyOtpSms | Op::VerifyOtpEmail => "MERLON-y4Px7QcN",
        Op::SetPassword => "COMMAND-2M9fs",
        _ => "MERLON-g9Dw3SkV",
    }
}

/// The user has no such TOTP factor.
pub(super) const fn totp_not_found(op: Op) -> &'static str {
    match op {
        Op::VerifyTotp => "COMMAND-3Mif9s",
        _ => "COMMAND-Hd9sd",
    }
}

/// The code is wrong.
pub(super) const fn code_wrong(op: Op) -> &'static str {
    match op {
        Op::StartWebauthn => "COMMAND-Eeb2a",
        _ => "CODE-woT0xc",
    }
}

/// Operations of auth v1 know a wrong and an expired code by one id.
pub(super) const fn code_invalid_or_expired(op: Op) -> Option<&'static str> {
    match op {
        Op::VerifyMyPhone => Some("COMMAND-sM0cs"),
        Op::VerifyMyEmail => Some("COMMAND-Gdsgs"),
        _ => None,
    }
}

/// An id in the request is empty, too long, or has control characters.
pub(super) const fn not_an_id(op: Op) -> &'static str {
    match op {
        Op::PatchUser => "COMMAND-gEJR1QOGHb",
        Op::DeleteUser => "COMMAND-Vs4wJCME7T",
        Op::LockUser => "COMMAND-Eu8I2VAfjF",
        Op::UnlockUser => "COMMAND-krXtYscQZh",
        Op::DeactivateUser => "COMMAND-pjJhge86ZV",
        Op::ActivateUser => "COMMAND-17XupGvxBJ",
        Op::SetContactEmail => "COMMAND-0oj2PquNGA",
        Op::VerifyContactEmail => "COMMAND-y3n4Sdu8j5",
        Op::ResendContactEmail => "COMMAND-KvPc5o9GeJ",
        Op::SetContactPhone => "COMMAND-DkQ9aurv5u",
        Op::VerifyContactPhone => "COMMAND-R4LKY44Ke3",
        Op::ResendContactPhone => "COMMAND-zmxIFR2nMo",
        Op::PatchUserSchema => "COMMA-H5421",
        Op::DeactivateUserSchema => "COMMA-Vvf3w",
        Op::ReactivateUserSchema => "COMMA-wq3Gw",
        Op::DeleteUserSchema => "COMMA-E22gg",
        Op::AddOtpSms => "COMMAND-QSF2s",
        Op::RemoveOtpSms => "COMMAND-S3br2",
        Op::AddOtpEmail => "COMMAND-Sg1hz",
        Op::RemoveOtpEmail => "COMMAND-S2h11",
        Op::VerifyTotp => "COMMAND-8N9ds",
        Op::RemoveTotp => "COMMAND-5M0sd",
        Op::StartWebauthn => "COMMAND-3M0od",
        Op::RemoveWebauthn => "COMMAND-6M9de",
        Op::SetPassword => "COMMAND-3M9fs",
        Op::RequestPasswordReset => "COMMAND-SAFdda",
        Op::AddUsername => "COMMAND-aS3Vz5t6BS",
        Op::RemoveUsername => "COMMAND-J6ybG5WZiy",
        _ => "MERLON-e1Vm8XtG",
    }
}
