//! What happened to a user. The JSON of each variant is frozen by a golden file; personal values are not part of it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Challenge, Channel, Destination, ExternalUser, Kind, NameScope, NamedCredential, PasswordMeans,
    SchemaRef, SealedSecret, Username,
};
use crate::{
    access::{Role, Scope},
    base::{CodeId, FactorId, Forgettable, IdpId, OrgId, Personal, Timestamp, TokenId, UsernameId},
    code::{Digest, IssuedCode},
};

/// A fact about a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "each field is named after what it holds, and explained at its command"
)]
pub enum Event {
    UserCreated {
        org: OrgId,
        kind: Kind,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        schema: Option<SchemaRef>,
        #[serde(default, skip_serializing)]
        data: Personal<Map<String, Value>>,
    },
    DataChanged {
        #[serde(default, skip_serializing)]
        data: Personal<Map<String, Value>>,
    },
    SchemaFollowed {
        schema: SchemaRef,
    },
    UserDeactivated,
    UserActivated,
    UserLocked,
    UserUnlocked,
    UserDeleted,
    RolesChanged {
        scope: Scope,
        roles: Vec<Role>,
    },
    ContactChanged {
        channel: Channel,
        #[serde(default, skip_serializing)]
        destination: Personal<Destination>,
    },
    ContactCodeIssued {
        channel: Channel,
        code: IssuedCode,
    },
    ContactCheckFailed {
        channel: Channel,
    },
    ContactVerified {
        channel: Channel,
    },
    ContactRemoved {
        channel: Channel,
    },
    OtpAdded {
        id: FactorId,
        channel: Channel,
        #[serde(default, skip_serializing)]
        destination: Personal<Destination>,
    },
    OtpBound {
        id: FactorId,
        channel: Channel,
    },
    OtpCodeIssued {
        id: FactorId,
        channel: Channel,
        code: IssuedCode,
    },
    OtpCheckFailed {
        id: FactorId,
        channel: Channel,
    },
    OtpVerified {
        id: FactorId,
        channel: Channel,
    },
    OtpRemoved {
        id: FactorId,
        channel: Channel,
    },
    TokenAdded {
        id: TokenId,
        digest: Digest,
        expires: Timestamp,
    },
    TokenRemoved {
        id: TokenId,
    },
    TotpStarted {
        id: FactorId,
        #[serde(default, skip_serializing)]
        secret: Personal<SealedSecret>,
        expires: Timestamp,
    },
    TotpCheckFailed {
        id: FactorId,
    },
    TotpVerified {
        id: FactorId,
        step: u64,
    },
    TotpRemoved {
        id: FactorId,
    },
    PasswordSet {
        #[serde(default, skip_serializing)]
        hash: Personal<SealedSecret>,
        #[serde(default)]
        change_required: bool,
        means: PasswordMeans,
    },
    PasswordRehashed {
        #[serde(default, skip_serializing)]
        hash: Personal<SealedSecret>,
    },
    PasswordCheckFailed,
    PasswordResetIssued {
        code: IssuedCode,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        via: Option<Channel>,
    },
    PasswordResetCheckFailed,
    UsernameAdded {
        id: UsernameId,
        scope: NameScope,
        #[serde(default, skip_serializing)]
        name: Personal<Username>,
    },
    UsernameRemoved {
        id: UsernameId,
    },
    IdpLinkAdded {
        id: FactorId,
        idp: IdpId,
        #[serde(default, skip_serializing)]
        user: Personal<ExternalUser>,
    },
    IdpLinkRemoved {
        id: FactorId,
    },
    WebauthnLinkIssued {
        id: CodeId,
        code: IssuedCode,
    },
    WebauthnLinkCheckFailed {
        id: CodeId,
    },
    WebauthnLinkUsed {
        id: CodeId,
    },
    WebauthnLinkEnded {
        id: CodeId,
    },
    WebauthnStarted {
        id: FactorId,
        domain: Arc<str>,
        #[serde(default, skip_serializing)]
        challenge: Personal<Challenge>,
        expires: Timestamp,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        by_sent_link: bool,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        by_link: bool,
    },
    WebauthnVerified {
        id: FactorId,
        #[serde(default, skip_serializing)]
        credential: Personal<NamedCredential>,
    },
    WebauthnRemoved {
        id: FactorId,
    },
}

impl Forgettable for Event {
    fn name(&self) -> &'static str {
        match self {
            Self::UserCreated { .. } => "user_created",
            Self::DataChanged { .. } => "data_changed",
            Self::SchemaFollowed { .. } => "schema_followed",
            Self::UserDeactivated => "user_deactivated",
            Self::UserActivated => "user_activated",
            Self::UserLocked => "user_locked",
            Self::UserUnlocked => "user_unlocked",
            Self::UserDeleted => "user_deleted",
            Self::RolesChanged { .. } => "roles_changed",
            Self::ContactChanged { .. } => "contact_changed",
            Self::ContactCodeIssued { .. } => "contact_code_issued",
            Self::ContactCheckFailed { .. } => "contact_check_failed",
            Self::ContactVerified { .. } => "contact_verified",
            Self::ContactRemoved { .. } => "contact_removed",
            Self::OtpAdded { .. } => "otp_added",
            Self::OtpBound { .. } => "otp_bound",
            Self::OtpCodeIssued { .. } => "otp_code_issued",
            Self::OtpCheckFailed { .. } => "otp_check_failed",
            Self::OtpVerified { .. } => "otp_verified",
            Self::OtpRemoved { .. } => "otp_removed",
            Self::TokenAdded { .. } => "token_added",
            Self::TokenRemoved { .. } => "token_removed",
            Self::TotpStarted { .. } => "totp_started",
            Self::TotpCheckFailed { .. } => "totp_check_failed",
            Self::TotpVerified { .. } => "totp_verified",
            Self::TotpRemoved { .. } => "totp_removed",
            Self::PasswordSet { .. } => "password_set",
            Self::PasswordRehashed { .. } => "password_rehashed",
            Self::PasswordCheckFailed => "password_check_failed",
            Self::PasswordResetIssued { .. } => "password_reset_issued",
            Self::PasswordResetCheckFailed => "password_reset_check_failed",
            Self::UsernameAdded { .. } => "username_added",
            Self::UsernameRemoved { .. } => "username_removed",
            Self::IdpLinkAdded { .. } => "idp_link_added",
            Self::IdpLinkRemoved { .. } => "idp_link_removed",
            Self::WebauthnLinkIssued { .. } => "webauthn_link_issued",
            Self::WebauthnLinkCheckFailed { .. } => "webauthn_link_check_failed",
            Self::WebauthnLinkUsed { .. } => "webauthn_link_used",
            Self::WebauthnLinkEnded { .. } => "webauthn_link_ended",
            Self::WebauthnStarted { .. } => "webauthn_started",
            Self::WebauthnVerified { .. } => "webauthn_verified",
            Self::WebauthnRemoved { .. } => "webauthn_removed",
        }
    }

    fn personal(&self) -> Option<String> {
        match self {
            Self::UserCreated { data, .. } | Self::DataChanged { data } => data
                .known()
                .filter(|d| !d.is_empty())
                .and_then(|d| serde_json::to_string(d).ok()),
            Self::ContactChanged { destination, .. } | Self::OtpAdded { destination, .. } => {
                destination.known().and_then(|d| serde_json::to_string(d).ok())
            }
            Self::TotpStarted { secret, .. } => secret.known().and_then(|s| serde_json::to_string(s).ok()),
            Self::PasswordSet { hash, .. } | Self::PasswordRehashed { hash } => {
                hash.known().and_then(|h| serde_json::to_string(h).ok())
            }
            Self::UsernameAdded { name, .. } => name.known().and_then(|n| serde_json::to_string(n).ok()),
            Self::IdpLinkAdded { user, .. } => user.known().and_then(|u| serde_json::to_string(u).ok()),
            Self::WebauthnStarted { challenge, .. } => {
                challenge.known().and_then(|c| serde_json::to_string(c).ok())
            }
            Self::WebauthnVerified { credential, .. } => {
                credential.known().and_then(|c| serde_json::to_string(c).ok())
            }
            _ => None,
        }
    }

    fn restore(&mut self, personal: &str) {
        match self {
            Self::UserCreated { data, .. } | Self::DataChanged { data } => {
                *data = serde_json::from_str(personal).map_or(Personal::Forgotten, Personal::Known);
            }
            Self::ContactChanged { destination, .. } | Self::OtpAdded { destination, .. } => {
                *destination = serde_json::from_str(personal).map_or(Personal::Forgotten, Personal::Known);
            }
            Self::TotpStarted { secret, .. } => {
                *secret = serde_json::from_str(personal).map_or(Personal::Forgotten, Personal::Known);
            }
            Self::PasswordSet { hash, .. } | Self::PasswordRehashed { hash } => {
                *hash = serde_json::from_str(personal).map_or(Personal::Forgotten, Personal::Known);
            }
            Self::UsernameAdded { name, .. } => {
                *name = serde_json::from_str(personal).map_or(Personal::Forgotten, Personal::Known);
            }
            Self::IdpLinkAdded { user, .. } => {
                *user = serde_json::from_str(personal).map_or(Personal::Forgotten, Personal::Known);
            }
            Self::WebauthnStarted { challenge, .. } => {
                *challenge = serde_json::from_str(personal).map_or(Personal::Forgotten, Personal::Known);
            }
            Self::WebauthnVerified { credential, .. } => {
                *credential = serde_json::from_str(personal).map_or(Personal::Forgotten, Personal::Known);
            }
            _ => {}
        }
    }
}
