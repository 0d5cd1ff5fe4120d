//! What is so about a user after its events: everything that the next command needs, and nothing else.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    Channel, Contact, Destination, Event, IdpLink, OtpBinding, OtpFactor, OtpProof, OwnName, Password,
    PasswordReset, RegistrationLink, TotpFactor, TotpProof, WebauthnFactor, idp_link, password, totp,
    webauthn,
};
use crate::{
    access::{Role, Scope},
    base::{FactorId, OrgId, SchemaId, Timestamp},
    code::Digest,
    user_schema::Authenticator,
};

/// A user, or the place where one could be.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum User {
    /// Never created, or deleted.
    #[default]
    Absent,
    /// Somebody.
    Present(Box<Person>),
}

/// Person or program; decides only how auth v1 shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A person.
    Human,
    /// A program.
    Machine,
}

/// A schema in the revision that a user's data were last checked against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaRef {
    /// The schema.
    pub id: SchemaId,
    /// Its revision then.
    pub revision: u32,
}

/// Roles of a user in one scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// Where they hold.
    pub scope: Scope,
    /// Which.
    pub roles: Vec<Role>,
}

/// The state of a user that exists.
#[derive(Clone, Debug, PartialEq)]
pub struct Person {
    /// The owner.
    pub org: OrgId,
    /// Person or program.
    pub kind: Kind,
    /// False between deactivation and activation.
    pub active: bool,
    /// True between lock and unlock.
    pub locked: bool,
    /// The schema that `data` follows; none is the built-in one.
    pub schema: Option<SchemaRef>,
    /// Data under the schema.
    pub data: Map<String, Value>,
    /// Contact phone.
    pub phone: Option<Contact>,
    /// Contact e-mail.
    pub email: Option<Contact>,
    /// OTP factors of both channels, oldest first.
    pub otps: Vec<OtpFactor>,
    /// TOTP factors, oldest first.
    pub totps: Vec<TotpFactor>,
    /// Passkeys and security keys, oldest first.
    pub webauthns: Vec<WebauthnFactor>,
    /// The link by which the user can register one of them elsewhere.
    pub webauthn_link: Option<RegistrationLink>,
    /// The password.
    pub password: Option<Password>,
    /// A reset of the password that waits for its code.
    pub password_reset: Option<PasswordReset>,
    /// Usernames, oldest first.
    pub usernames: Vec<OwnName>,
    /// Links to accounts elsewhere, oldest first.
    pub idp_links: Vec<IdpLink>,
    /// Roles by scope.
    pub memberships: Vec<Membership>,
}

/// The one state that is reported: locked covers inactive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserState {
    /// May sign in.
    Active,
    /// Deactivated.
    Inactive,
    /// Locked, whether active or not.
    Locked,
}

impl User {
    /// The state of a user that exists.
    pub fn person(&self) -> Option<&Person> {
        match self {
            Self::Absent => None,
            Self::Present(person) => Some(person),
        }
    }
}

impl Person {
    /// A user as it is right after creation.
    pub fn new(org: OrgId, kind: Kind, schema: Option<SchemaRef>, data: Map<String, Value>) -> Self {
        Self {
            org,
            kind,
            active: true,
            locked: false,
            schema,
            data,
            phone: None,
            email: None,
            otps: Vec::new(),
            totps: Vec::new(),
            webauthns: Vec::new(),
            webauthn_link: None,
            password: None,
            password_reset: None,
            usernames: Vec::new(),
            idp_links: Vec::new(),
            memberships: Vec::new(),
        }
    }

    /// Whether any code of the user is this one and could still be entered now.
    pub fn awaits(&self, digest: &Digest, now: Timestamp) -> bool {
        let contacts = [&self.phone, &self.email].into_iter().flatten();
        let factors = self.otps.iter().filter_map(|factor| match &factor.proof {
            OtpProof::Pending(code) => Some(code),
            OtpProof::Verified => None,
        });
        let link = self.webauthn_link.as_ref().map(|link| &link.code);
        let reset = self.password_reset.as_ref().map(|reset| &reset.code);
        contacts
            .filter_map(|contact| contact.code.as_ref())
            .chain(factors)
            .chain(link)
            .chain(reset)
            .any(|code| code.awaits(digest, now))
    }

    /// What the user can prove who they are with, or has begun to register for it.
    pub fn authenticators(&self) -> BTreeSet<Authenticator> {
        let otps = self.otps.iter().map(|otp| match otp.channel {
            Channel::Sms => Authenticator::OtpSms,
            Channel::Email => Authenticator::OtpEmail,
        });
        let others = [
            (Authenticator::Username, !self.usernames.is_empty()),
            (Authenticator::Password, self.password.is_some()),
            (Authenticator::Webauthn, !self.webauthns.is_empty()),
            (Authenticator::Totp, !self.totps.is_empty()),
            (Authenticator::IdentityProvider, !self.idp_links.is_empty()),
        ];
        let others = others.into_iter().filter(|(_, there)| *there);
        otps.chain(others.map(|(what, _)| what)).collect()
    }

    /// The reported state.
    pub fn state(&self) -> UserState {
        match (self.locked, self.active) {
            (true, _) => UserState::Locked,
            (false, true) => UserState::Active,
            (false, false) => UserState::Inactive,
        }
    }

    /// Contact phone or e-mail.
    pub fn contact(&self, channel: Channel) -> Option<&Contact> {
        match channel {
            Channel::Sms => self.phone.as_ref(),
            Channel::Email => self.email.as_ref(),
        }
    }

    fn contact_mut(&mut self, channel: Channel) -> &mut Option<Contact> {
        match channel {
            Channel::Sms => &mut self.phone,
            Channel::Email => &mut self.email,
        }
    }

    /// The OTP factor with this id on this channel.
    pub fn otp(&self, channel: Channel, id: &FactorId) -> Option<&OtpFactor> {
        self.otps.iter().find(|f| f.channel == channel && f.id == *id)
    }

    fn otp_mut(&mut self, id: &FactorId) -> Option<&mut OtpFactor> {
        self.otps.iter_mut().find(|f| f.id == *id)
    }

    /// The OTP factor that is bound to the contact of this channel.
    pub fn bound_otp(&self, channel: Channel) -> Option<&OtpFactor> {
        self.otps
            .iter()
            .find(|f| f.channel == channel && f.binding == OtpBinding::Contact)
    }

    /// The OTP factor with a destination of its own that equals this one.
    pub fn own_otp(&self, destination: &Destination) -> Option<&OtpFactor> {
        self.otps
            .iter()
            .find(|f| matches!(&f.binding, OtpBinding::Own(own) if own == destination))
    }

    /// The TOTP factor with this id.
    pub fn totp(&self, id: &FactorId) -> Option<&TotpFactor> {
        self.totps.iter().find(|f| f.id == *id)
    }

    /// Whether a TOTP factor can be used to sign in.
    pub fn totp_ready(&self, factor: &TotpFactor) -> bool {
        matches!(factor.proof, TotpProof::Verified { .. })
    }

    /// Where the codes of a factor go: its own destination, or the contact's.
    pub fn otp_destination<'a>(&'a self, factor: &'a OtpFactor) -> Option<&'a Destination> {
        match &factor.binding {
            OtpBinding::Own(destination) => Some(destination),
            OtpBinding::Contact => self.contact(factor.channel).map(|c| &c.destination),
        }
    }

    /// Whether a factor can be used to sign in: verified, and if bound, its contact is verified now.
    pub fn otp_ready(&self, factor: &OtpFactor) -> bool {
        match factor.binding {
            OtpBinding::Own(_) => factor.proof == OtpProof::Verified,
            OtpBinding::Contact => self.contact(factor.channel).is_some_and(|c| c.verified),
        }
    }
}

pub(super) fn evolve(user: &mut User, event: &Event, at: Timestamp) {
    match (&mut *user, event) {
        (
            _,
            Event::UserCreated {
                org,
                kind,
                schema,
                data,
            },
        ) => {
            let data = data.known().cloned().unwrap_or_default();
            *user = User::Present(Box::new(Person::new(org.clone(), *kind, schema.clone(), data)));
        }
        (_, Event::UserDeleted) => *user = User::Absent,
        (User::Present(person), event) => evolve_person(person, event, at),
        (User::Absent, _) => {}
    }
}

fn evolve_person(person: &mut Person, event: &Event, at: Timestamp) {
    match event {
        Event::DataChanged { data } => person.data = data.known().cloned().unwrap_or_default(),
        Event::SchemaFollowed { schema } => person.schema = Some(schema.clone()),
        Event::UserDeactivated => {
            person.active = false;
            end_codes(person, at);
        }
        Event::UserActivated => person.active = true,
        Event::UserLocked => {
            person.locked = true;
            end_codes(person, at);
        }
        Event::UserUnlocked => person.locked = false,
        Event::RolesChanged { scope, roles } => {
            person.memberships.retain(|m| m.scope != *scope);
            if !roles.is_empty() {
                person.memberships.push(Membership {
                    scope: scope.clone(),
                    roles: roles.clone(),
                });
            }
        }
        Event::ContactChanged { .. }
        | Event::ContactCodeIssued { .. }
        | Event::ContactCheckFailed { .. }
        | Event::ContactVerified { .. }
        | Event::ContactRemoved { .. } => {
            if let Event::ContactChanged { channel, .. } | Event::ContactRemoved { channel } = event {
                password::contact_moved(person, *channel, at);
            }
            evolve_contact(person, event);
        }
        Event::OtpAdded { .. }
        | Event::OtpBound { .. }
        | Event::OtpCodeIssued { .. }
        | Event::OtpCheckFailed { .. }
        | Event::OtpVerified { .. }
        | Event::OtpRemoved { .. } => evolve_otp(person, event, at),
        Event::TotpStarted { .. }
        | Event::TotpCheckFailed { .. }
        | Event::TotpVerified { .. }
        | Event::TotpRemoved { .. } => totp::evolve(person, event, at),
        Event::WebauthnLinkIssued { .. }
        | Event::WebauthnLinkCheckFailed { .. }
        | Event::WebauthnLinkUsed { .. }
        | Event::WebauthnLinkEnded { .. }
        | Event::WebauthnStarted { .. }
        | Event::WebauthnVerified { .. }
        | Event::WebauthnRemoved { .. } => webauthn::evolve(person, event, at),
        Event::PasswordSet { .. }
        | Event::PasswordRehashed { .. }
        | Event::PasswordCheckFailed
        | Event::PasswordResetIssued { .. }
        | Event::PasswordResetCheckFailed => password::evolve(person, event, at),
        Event::UsernameAdded { id, scope, name } => {
            let name = name.known().map(|name| OwnName {
                id: id.clone(),
                name: name.clone(),
                scope: *scope,
                added: at,
            });
            person.usernames.extend(name);
        }
        Event::UsernameRemoved { id } => person.usernames.retain(|n| n.id != *id),
        Event::IdpLinkAdded { .. } | Event::IdpLinkRemoved { .. } => idp_link::evolve(person, event, at),
        Event::UserCreated { .. }
        | Event::UserDeleted
        | Event::TokenAdded { .. }
        | Event::TokenRemoved { .. } => {}
    }
}

/// Whoever may not sign in proves nothing either: codes that wait are dead at once, new ones can be asked for.
fn end_codes(person: &mut Person, at: Timestamp) {
    let contacts = [&mut person.phone, &mut person.email].into_iter().flatten();
    let contact_codes = contacts.filter_map(|c| c.code.as_mut());
    let factor_codes = person.otps.iter_mut().filter_map(|f| match &mut f.proof {
        OtpProof::Pending(code) => Some(code),
        OtpProof::Verified => None,
    });
    for code in contact_codes.chain(factor_codes) {
        code.end(at);
    }
    totp::end_registrations(person);
    webauthn::end_registrations(person, at);
    password::end_reset(person, at);
}

fn evolve_contact(person: &mut Person, event: &Event) {
    match event {
        Event::ContactChanged { channel, destination } => {
            *person.contact_mut(*channel) = destination.known().map(|d| Contact {
                destination: d.clone(),
                verified: false,
                code: None,
            });
        }
        Event::ContactCodeIssued { channel, code } => {
            if let Some(contact) = person.contact_mut(*channel) {
                contact.code = Some(code.clone());
            }
        }
        Event::ContactCheckFailed { channel } => {
            if let Some(code) = person
                .contact_mut(*channel)
                .as_mut()
                .and_then(|c| c.code.as_mut())
            {
                code.tries = code.tries.saturating_sub(1);
            }
        }
        Event::ContactVerified { channel } => {
            if let Some(contact) = person.contact_mut(*channel) {
                contact.verified = true;
                contact.code = None;
            }
        }
        Event::ContactRemoved { channel } => *person.contact_mut(*channel) = None,
        _ => {}
    }
}

fn evolve_otp(person: &mut Person, event: &Event, at: Timestamp) {
    match event {
        Event::OtpAdded {
            id,
            channel,
            destination,
        } => {
            if let Some(destination) = destination.known() {
                person.otps.push(OtpFactor {
                    id: id.clone(),
                    channel: *channel,
                    binding: OtpBinding::Own(destination.clone()),
                    proof: OtpProof::Verified,
                    added: at,
                });
            }
        }
        Event::OtpBound { id, channel } => person.otps.push(OtpFactor {
            id: id.clone(),
            channel: *channel,
            binding: OtpBinding::Contact,
            proof: OtpProof::Verified,
            added: at,
        }),
        Event::OtpCodeIssued { id, code, .. } => {
            if let Some(factor) = person.otp_mut(id) {
                factor.proof = OtpProof::Pending(code.clone());
            }
        }
        Event::OtpCheckFailed { id, .. } => {
            if let Some(OtpFactor {
                proof: OtpProof::Pending(code),
                ..
            }) = person.otp_mut(id)
            {
                code.tries = code.tries.saturating_sub(1);
            }
        }
        Event::OtpVerified { id, .. } => {
            if let Some(factor) = person.otp_mut(id) {
                factor.proof = OtpProof::Verified;
            }
        }
        Event::OtpRemoved { id, .. } => person.otps.retain(|f| f.id != *id),
        _ => {}
    }
}
