//! A user: a person or program with a state, contact data, authentication factors and roles. The only aggregate that
//! factors and contact data live in, so that every rule about them sees all of them.

mod contact;
mod email;
mod event;
mod idp_link;
mod lifecycle;
mod otp;
mod password;
mod phone;
mod state;
mod token;
mod totp;
mod username;
mod webauthn;

#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

pub use contact::Contact;
pub use email::{EmailAddress, EmailAddressError};
pub use event::Event;
pub use idp_link::{ExternalUser, ExternalUserError, IdpLink};
pub use otp::{OtpBinding, OtpFactor, OtpProof};
pub use password::{NewPassword, Password, PasswordAttempt, PasswordMeans, PasswordProof, PasswordReset};
pub use phone::{PhoneNumber, PhoneNumberError};
pub use state::{Kind, Membership, Person, SchemaRef, User, UserState};
pub use totp::{SealedSecret, TotpAttempt, TotpFactor, TotpProof};
pub use username::{MOST_USERNAMES, NameScope, OwnName, Username, UsernameError};
pub use webauthn::{
    Challenge, Credential, FactorName, FactorNameError, LinkAttempt, NamedCredential, NewWebauthn, PublicKey,
    RegistrationLink, WebauthnFactor, WebauthnProof,
};

use crate::{
    access::{Role, Scope},
    base::{Aggregate, CodeId, Decision, FactorId, IdpId, OrgId, Timestamp, TokenId, UsernameId},
    code::{Attempt, Digest, IssuedCode, Miss},
};
use serde::{Deserialize, Serialize};

/// The two channels that a code can be sent over; contact data and OTP factors have one rule for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// A phone number, reached by SMS.
    Sms,
    /// An e-mail address.
    Email,
}

/// Where a code is sent to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// By SMS.
    Phone(PhoneNumber),
    /// By e-mail.
    Email(EmailAddress),
}

impl Destination {
    /// The channel that reaches this destination.
    pub fn channel(&self) -> Channel {
        match self {
            Self::Phone(_) => Channel::Sms,
            Self::Email(_) => Channel::Email,
        }
    }

    /// Number or address as it is sent to.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Phone(number) => number.as_str(),
            Self::Email(address) => address.as_str(),
        }
    }

    /// The one form that look-ups, limits and digests use.
    pub fn canonical(&self) -> String {
        match self {
            Self::Phone(number) => number.as_str().to_owned(),
            Self::Email(address) => address.canonical(),
        }
    }

    /// Takes over a destination that was parsed before.
    pub fn from_trusted(channel: Channel, text: &str) -> Self {
        match channel {
            Channel::Sms => Self::Phone(PhoneNumber::from_trusted(text)),
            Channel::Email => Self::Email(EmailAddress::from_trusted(text)),
        }
    }
}

/// How a new destination becomes verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The caller vouches for it.
    Vouched,
    /// By entering this code.
    Code(IssuedCode),
}

/// What can be asked of a user.
#[derive(Clone, Debug)]
pub enum Command {
    /// Creates the user.
    Create {
        /// The owner.
        org: OrgId,
        /// Person or program.
        kind: Kind,
        /// The schema that `data` follows; none is the built-in one (any JSON object).
        schema: Option<SchemaRef>,
        /// Data under the schema.
        data: Map<String, Value>,
    },
    /// Replaces the user's data as a whole.
    SetData(Map<String, Value>),
    /// Follows a schema in the revision that the user's data were checked against.
    Follow(SchemaRef),
    /// Ends sign-in until activated.
    Deactivate,
    /// Ends a deactivation.
    Activate,
    /// Ends sign-in until unlocked.
    Lock,
    /// Ends a lock.
    Unlock,
    /// Removes the user with everything that is personal.
    Delete,
    /// Sets the contact phone or e-mail.
    SetContact {
        /// The new value.
        destination: Destination,
        /// How it becomes verified.
        proof: Proof,
    },
    /// Enters the code for the contact phone or e-mail.
    VerifyContact {
        /// Which contact.
        channel: Channel,
        /// What was entered.
        attempt: Attempt,
    },
    /// Replaces the waiting code of the contact phone or e-mail.
    ResendContact {
        /// Which contact.
        channel: Channel,
        /// The new code.
        code: IssuedCode,
        /// Whether a code must be waiting already (v3), or an unverified value suffices (v1).
        only_pending: bool,
    },
    /// Removes the contact phone or e-mail, and the factor bound to it.
    RemoveContact(Channel),
    /// Registers an OTP factor with a number or address of its own; repeating a pending one renews its code.
    AddOtp {
        /// Id for a new factor.
        id: FactorId,
        /// Where its codes will go.
        destination: Destination,
        /// How the destination becomes verified.
        proof: Proof,
    },
    /// Enters the registration code of an OTP factor.
    VerifyOtp {
        /// Which channel's factor.
        channel: Channel,
        /// Which factor.
        id: FactorId,
        /// What was entered.
        attempt: Attempt,
    },
    /// Removes an OTP factor, pending or not.
    RemoveOtp {
        /// Which channel's factor.
        channel: Channel,
        /// Which factor.
        id: FactorId,
    },
    /// Switches on the factor that is bound to the verified contact (auth v1, user v2).
    AddBoundOtp {
        /// Id for the factor.
        id: FactorId,
        /// Which contact.
        channel: Channel,
    },
    /// Switches the bound factor off.
    RemoveBoundOtp(Channel),
    /// Removes registrations whose time is over: OTP a day after their code expired, TOTP and WebAuthn at once.
    ForgetStale,
    /// Starts the registration of a TOTP factor.
    StartTotp {
        /// Id for the factor.
        id: FactorId,
        /// Its secret.
        secret: SealedSecret,
        /// Until when the registration can be completed.
        expires: Timestamp,
    },
    /// Enters the first code of a TOTP factor.
    VerifyTotp {
        /// Which factor.
        id: FactorId,
        /// What was entered.
        attempt: TotpAttempt,
    },
    /// Removes a TOTP factor, pending or not.
    RemoveTotp(FactorId),
    /// Makes a link by which the user can register a passkey elsewhere; it replaces the one before it.
    IssueWebauthnLink {
        /// Id for the link.
        id: CodeId,
        /// The code that it carries.
        code: IssuedCode,
    },
    /// Starts the registration of a passkey or security key.
    StartWebauthn(NewWebauthn),
    /// Completes a registration with what the authenticator proved to hold.
    VerifyWebauthn {
        /// Which factor.
        id: FactorId,
        /// The credential and the name that the user gives it.
        credential: NamedCredential,
    },
    /// Removes a passkey or security key, pending or not.
    RemoveWebauthn(FactorId),
    /// Sets or replaces the password.
    SetPassword {
        /// The new one.
        new: NewPassword,
        /// Why it may be set.
        proof: PasswordProof,
    },
    /// Takes note of an entry of the current password.
    CheckPassword {
        /// The entry.
        attempt: PasswordAttempt,
        /// A better hash of what was entered, when the kept one is of an old kind.
        rehashed: Option<SealedSecret>,
    },
    /// Starts a reset of the password.
    ResetPassword {
        /// Its code.
        code: IssuedCode,
        /// The verified contact that the code is sent to; none for a code in the answer.
        via: Option<Channel>,
    },
    /// Gives the user a further name.
    AddUsername {
        /// Id for the name.
        id: UsernameId,
        /// The name.
        name: Username,
        /// Where it is to be unique.
        scope: NameScope,
    },
    /// Takes a name away; from then on somebody else may have it.
    RemoveUsername(UsernameId),
    /// Links the user to an account elsewhere.
    AddIdpLink {
        /// Id for the link.
        id: FactorId,
        /// Where the account is.
        idp: IdpId,
        /// The account.
        user: ExternalUser,
    },
    /// Takes away all accounts that the user has at a provider; from then on somebody else may have them.
    RemoveIdpLinks(IdpId),
    /// Gives the user roles in a scope; an empty list takes them away.
    SetRoles {
        /// Where they hold.
        scope: Scope,
        /// The complete set.
        roles: Vec<Role>,
    },
    /// Adds a personal access token.
    AddToken {
        /// Its id.
        id: TokenId,
        /// SHA-256 of the token.
        digest: Digest,
        /// When it ends.
        expires: Timestamp,
        /// Tokens that the user has already (looked up; tokens are not part of the state).
        existing: usize,
    },
    /// Removes a personal access token.
    RemoveToken {
        /// Its id.
        id: TokenId,
        /// Whether the user has it (looked up).
        exists: bool,
    },
}

/// Why a command was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The id is in use.
    #[error("the user exists already")]
    AlreadyExists,
    /// No such user, or it was deleted.
    #[error("there is no such user")]
    NotFound,
    /// Deactivating needs an active user.
    #[error("the user is not active")]
    NotActive,
    /// Activating needs an inactive user.
    #[error("the user is not inactive")]
    NotInactive,
    /// It is locked already.
    #[error("the user is locked already")]
    AlreadyLocked,
    /// It is not locked.
    #[error("the user is not locked")]
    NotLocked,
    /// The contact is not set.
    #[error("the user has no such contact")]
    ContactMissing(Channel),
    /// The contact is verified already.
    #[error("the contact is verified already")]
    ContactVerified(Channel),
    /// The data are longer than is allowed.
    #[error("the data are too long")]
    DataTooLong,
    /// No code is waiting.
    #[error("no code is waiting")]
    NoCode,
    /// The code was not accepted.
    #[error("the code was not accepted")]
    Code(Miss),
    /// No such factor.
    #[error("there is no such factor")]
    FactorNotFound(Channel),
    /// The factor is there and verified.
    #[error("the factor is set up already")]
    FactorExists(Channel),
    /// Binding needs a verified contact.
    #[error("the contact is not verified")]
    ContactUnverified(Channel),
    /// No such TOTP factor.
    #[error("there is no such TOTP factor")]
    TotpNotFound,
    /// The TOTP factor is verified already.
    #[error("the TOTP factor is verified already")]
    TotpVerified,
    /// No further factor of this kind.
    #[error("the user has the most factors of this kind that are allowed")]
    TooManyFactors,
    /// No such passkey or security key.
    #[error("there is no such passkey or security key")]
    WebauthnNotFound,
    /// The passkey or security key is verified already.
    #[error("the passkey or security key is verified already")]
    WebauthnVerified,
    /// The credential belongs to somebody already; nobody hears to whom.
    #[error("the credential is registered already")]
    WebauthnTaken,
    /// No such registration link: it was used, replaced, or never made.
    #[error("there is no such registration link")]
    LinkUnknown,
    /// No password is set.
    #[error("the user has no password")]
    PasswordNotSet,
    /// What was entered is not the current password; the try is spent.
    #[error("the current password is another one")]
    PasswordWrong,
    /// Too many wrong passwords within a day; rest until then.
    #[error("too many wrong passwords")]
    PasswordResting(Timestamp),
    /// The password was replaced while what was entered was compared with it.
    #[error("the password was changed meanwhile")]
    PasswordMoved,
    /// The name belongs to somebody already; nobody hears to whom.
    #[error("the username is taken")]
    UsernameTaken,
    /// No such name.
    #[error("there is no such username")]
    UsernameNotFound,
    /// No further name.
    #[error("the user has the most usernames that are allowed")]
    TooManyUsernames,
    /// The account elsewhere is linked already; nobody hears to whom.
    #[error("the account is linked already")]
    IdpLinkExists,
    /// No account at this provider.
    #[error("the user has no account at this provider")]
    IdpLinkNotFound,
    /// No further token.
    #[error("the user has the most tokens that are allowed")]
    TooManyTokens,
    /// The expiry is not in the future.
    #[error("the expiry is in the past")]
    ExpiryPast,
    /// No such token.
    #[error("there is no such token")]
    TokenNotFound,
}

/// A user's decisions.
pub type UserDecision = Decision<Event, Refusal>;

impl Aggregate for User {
    const KIND: &'static str = "user";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, command: Command, now: Timestamp) -> UserDecision {
        let (person, command) = match (self, command) {
            (
                Self::Absent,
                Command::Create {
                    org,
                    kind,
                    schema,
                    data,
                },
            ) => {
                return lifecycle::create(org, kind, schema, data);
            }
            (Self::Absent, _) => return Decision::refuse(Refusal::NotFound),
            (Self::Present(_), Command::Create { .. }) => return Decision::refuse(Refusal::AlreadyExists),
            (Self::Present(person), command) => (person, command),
        };
        match command {
            Command::Create { .. } => Decision::refuse(Refusal::AlreadyExists),
            Command::SetData(data) => lifecycle::set_data(person, data),
            Command::Follow(schema) => lifecycle::follow(person, schema),
            Command::Deactivate => lifecycle::deactivate(person),
            Command::Activate => lifecycle::activate(person),
            Command::Lock => lifecycle::lock(person),
            Command::Unlock => lifecycle::unlock(person),
            Command::Delete => Decision::accept([Event::UserDeleted]),
            Command::SetContact { destination, proof } => contact::set(person, destination, proof),
            Command::VerifyContact { channel, attempt } => contact::verify(person, channel, &attempt, now),
            Command::ResendContact {
                channel,
                code,
                only_pending,
            } => contact::resend(person, channel, code, only_pending),
            Command::RemoveContact(channel) => contact::remove(person, channel),
            Command::AddOtp {
                id,
                destination,
                proof,
            } => otp::add(person, id, destination, proof),
            Command::VerifyOtp { channel, id, attempt } => otp::verify(person, channel, id, &attempt, now),
            Command::RemoveOtp { channel, id } => otp::remove(person, channel, id),
            Command::AddBoundOtp { id, channel } => otp::add_bound(person, id, channel),
            Command::RemoveBoundOtp(channel) => otp::remove_bound(person, channel),
            Command::ForgetStale => forget_stale(person, now),
            Command::StartTotp { id, secret, expires } => totp::start(person, id, secret, expires, now),
            Command::VerifyTotp { id, attempt } => totp::verify(person, id, &attempt, now),
            Command::RemoveTotp(id) => totp::remove(person, id),
            Command::IssueWebauthnLink { id, code } => webauthn::issue_link(id, code),
            Command::StartWebauthn(new) => webauthn::start(person, new, now),
            Command::VerifyWebauthn { id, credential } => webauthn::verify(person, id, credential, now),
            Command::RemoveWebauthn(id) => webauthn::remove(person, id),
            Command::SetPassword { new, proof } => password::set(person, new, &proof, now),
            Command::CheckPassword { attempt, rehashed } => password::check(person, &attempt, rehashed, now),
            Command::ResetPassword { code, via } => password::request_reset(person, code, via),
            Command::AddUsername { id, name, scope } => username::add(person, id, name, scope),
            Command::RemoveUsername(id) => username::remove(person, id),
            Command::AddIdpLink { id, idp, user } => idp_link::add(person, id, idp, user),
            Command::RemoveIdpLinks(idp) => idp_link::remove(person, &idp),
            Command::SetRoles { scope, roles } => lifecycle::set_roles(person, scope, roles),
            Command::AddToken {
                id,
                digest,
                expires,
                existing,
            } => token::add(id, digest, expires, existing, now),
            Command::RemoveToken { id, exists } => token::remove(id, exists),
        }
    }

    fn evolve(&mut self, event: &Event, at: Timestamp) {
        state::evolve(self, event, at);
    }
}

impl Person {
    /// From when on [`Command::ForgetStale`] removes something; nothing while no registration waits.
    pub fn due(&self) -> Option<Timestamp> {
        let ends = otp::ends(self)
            .chain(totp::ends(self))
            .chain(webauthn::ends(self));
        ends.min()
    }
}

fn forget_stale(person: &Person, now: Timestamp) -> UserDecision {
    let mut events = otp::stale(person, now);
    events.extend(totp::stale(person, now));
    events.extend(webauthn::stale(person, now));
    Decision::accept(events)
}
