//! Passkeys and security keys (WebAuthn Level 3) as factors of one kind: registration, and the link that lets a user register
//! one elsewhere. What an authenticator answered is checked by the application; here is what follows from it.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Channel, Event, Person, Refusal, UserDecision};
use crate::{
    base::{CodeId, Decision, FactorId, Personal, Timestamp},
    code::{Attempt, IssuedCode, Medium, Miss},
};

#[cfg(test)]
pub(super) mod tests;

/// Most passkeys and security keys that a user can have, pending ones included.
pub(super) const MOST_PER_USER: usize = 10;

/// Longest name of a factor, in characters.
const LONGEST_NAME: usize = 200;

/// The challenge that an authenticator has to sign: base64url of random bytes, used once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Challenge(Arc<str>);

impl Challenge {
    /// Takes over base64url text.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The challenge in base64url.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Challenge(..)")
    }
}

/// The name by which a user knows a factor.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FactorName(Arc<str>);

/// Why a text is not the name of a factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 200 characters, is not blank, and has no control characters")]
pub struct FactorNameError;

impl FactorName {
    /// Reads a name; blanks around it do not count.
    pub fn parse(text: &str) -> Result<Self, FactorNameError> {
        let text = text.trim();
        let sound =
            !text.is_empty() && text.chars().count() <= LONGEST_NAME && !text.chars().any(char::is_control);
        sound.then(|| Self(text.into())).ok_or(FactorNameError)
    }

    /// Takes over a name that was read before.
    pub fn from_trusted(text: &str) -> Self {
        Self(text.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for FactorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FactorName(..)")
    }
}

/// A public key by the numbers of the COSE registry (RFC 9053); values are base64url.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kty", rename_all = "lowercase")]
pub enum PublicKey {
    /// A point of an elliptic curve.
    Ec2 {
        /// The signature algorithm, such as -7.
        alg: i32,
        /// The curve, such as 1.
        crv: i32,
        /// First coordinate.
        x: String,
        /// Second coordinate.
        y: String,
    },
    /// RSA.
    Rsa {
        /// The signature algorithm, such as -257.
        alg: i32,
        /// Modulus.
        n: String,
        /// Exponent.
        e: String,
    },
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey(..)")
    }
}

/// What an authenticator proved to hold, in a format of our own: all that a later sign-in needs.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// Its id, chosen by the authenticator: base64url. Unique in the instance.
    pub id: Arc<str>,
    /// The key that its signatures fit.
    pub key: PublicKey,
    /// Signatures so far, where the authenticator counts.
    pub sign_count: u32,
    /// Whether the authenticator checked the person, by PIN or biometrics.
    pub user_verified: bool,
    /// Whether it may be copied to other devices.
    pub backup_eligible: bool,
    /// Whether it has been.
    pub backed_up: bool,
    /// How browsers reach it: hints for them, no more.
    pub transports: Vec<String>,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(..)")
    }
}

/// A credential under the name that its user gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedCredential {
    /// The name.
    pub name: FactorName,
    /// The credential.
    pub credential: Credential,
}

/// A passkey or security key.
#[derive(Clone, Debug, PartialEq)]
pub struct WebauthnFactor {
    /// Its id here; not the credential's.
    pub id: FactorId,
    /// The domain that it is used on (relying party id).
    pub domain: Arc<str>,
    /// Whether an authenticator answered.
    pub proof: WebauthnProof,
    /// When it was added.
    pub added: Timestamp,
}

/// Whether an authenticator answered.
#[derive(Clone, Debug, PartialEq)]
pub enum WebauthnProof {
    /// Not yet; such a factor is never usable to sign in.
    Pending {
        /// What is to be signed.
        challenge: Challenge,
        /// From then on the registration is dead.
        expires: Timestamp,
        /// Whether a link that was sent to the contact began it.
        by_sent_link: bool,
        /// Whether any link began it.
        by_link: bool,
    },
    /// Yes.
    Verified(NamedCredential),
}

impl WebauthnFactor {
    /// The credential, once an authenticator answered.
    pub fn credential(&self) -> Option<&NamedCredential> {
        match &self.proof {
            WebauthnProof::Pending { .. } => None,
            WebauthnProof::Verified(named) => Some(named),
        }
    }

    fn expires(&self) -> Option<Timestamp> {
        match self.proof {
            WebauthnProof::Pending { expires, .. } => Some(expires),
            WebauthnProof::Verified(_) => None,
        }
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.expires().is_some_and(|expires| now >= expires)
    }
}

/// The link by which a user can register a key elsewhere. There is one at a time: a new one replaces it.
#[derive(Clone, Debug, PartialEq)]
pub struct RegistrationLink {
    /// Its id.
    pub id: CodeId,
    /// The code that it carries.
    pub code: IssuedCode,
}

impl RegistrationLink {
    fn was_sent(&self) -> bool {
        self.code.medium == Medium::Sent
    }
}

/// Somebody's use of a link.
#[derive(Clone, Debug)]
pub struct LinkAttempt {
    /// Which link.
    pub id: CodeId,
    /// What was entered.
    pub attempt: Attempt,
}

/// A registration before it is decided.
#[derive(Clone, Debug)]
pub struct NewWebauthn {
    /// Id for the factor.
    pub id: FactorId,
    /// The domain that it will be used on (relying party id).
    pub domain: Arc<str>,
    /// What is to be signed.
    pub challenge: Challenge,
    /// Until when the registration can be completed.
    pub expires: Timestamp,
    /// The link that it is done by, which is used up.
    pub link: Option<LinkAttempt>,
}

impl Person {
    /// The passkey or security key with this id.
    pub fn webauthn(&self, id: &FactorId) -> Option<&WebauthnFactor> {
        self.webauthns.iter().find(|f| f.id == *id)
    }

    /// The registration that waits under this id: its domain and challenge, or why there is none.
    pub fn webauthn_waiting(&self, id: &FactorId, now: Timestamp) -> Result<(&str, &Challenge), Refusal> {
        let factor = self.webauthn(id).ok_or(Refusal::WebauthnNotFound)?;
        match &factor.proof {
            WebauthnProof::Verified(_) => Err(Refusal::WebauthnVerified),
            WebauthnProof::Pending { expires, .. } if now >= *expires => Err(Refusal::Code(Miss::Expired)),
            WebauthnProof::Pending { challenge, .. } => Ok((&factor.domain, challenge)),
        }
    }

    /// Refuses a registration that waits and that no link began: whoever holds a link has no part in it.
    pub fn webauthn_by_link(&self, id: &FactorId) -> Result<(), Refusal> {
        match self.webauthn(id).map(|factor| &factor.proof) {
            Some(WebauthnProof::Pending { by_link: false, .. }) => Err(Refusal::WebauthnNotFound),
            _ => Ok(()),
        }
    }
}

/// When the registrations and the link that wait are over.
pub(super) fn ends(person: &Person) -> impl Iterator<Item = Timestamp> {
    let link = person.webauthn_link.iter().map(|link| link.code.expires);
    person
        .webauthns
        .iter()
        .filter_map(WebauthnFactor::expires)
        .chain(link)
}

/// Registrations and links whose time is over.
pub(super) fn stale(person: &Person, now: Timestamp) -> Vec<Event> {
    let over = person.webauthns.iter().filter(|f| f.is_over(now));
    let mut events: Vec<Event> = over
        .map(|f| Event::WebauthnRemoved { id: f.id.clone() })
        .collect();
    let link = person
        .webauthn_link
        .as_ref()
        .filter(|link| now >= link.code.expires);
    events.extend(link.map(|link| Event::WebauthnLinkEnded { id: link.id.clone() }));
    events
}

/// A link replaces the one before it, as a resent code replaces the one that was sent first.
pub(super) fn issue_link(id: CodeId, code: IssuedCode) -> UserDecision {
    Decision::accept([Event::WebauthnLinkIssued { id, code }])
}

/// The end of a link that was sent to a contact that the user gives up, and of what was begun by one: the old mailbox may be
/// somebody else's.
pub(super) fn contact_moved(person: &Person, channel: Channel) -> Vec<Event> {
    if channel != Channel::Email {
        return Vec::new();
    }
    let is_sent = |proof: &WebauthnProof| {
        matches!(
            proof,
            WebauthnProof::Pending {
                by_sent_link: true,
                ..
            }
        )
    };
    let begun = person.webauthns.iter().filter(|f| is_sent(&f.proof));
    let begun = begun.map(|f| Event::WebauthnRemoved { id: f.id.clone() });
    let link = person.webauthn_link.iter().filter(|link| link.was_sent());
    let link = link.map(|link| Event::WebauthnLinkEnded { id: link.id.clone() });
    begun.chain(link).collect()
}

/// Each start is a further factor. A link is judged before anything else: whoever has none that works hears nothing, and one that works
/// stays when there is no room. Registrations whose time is over make room; so does the oldest that still waits, for people
/// close the dialog of their browser and try again.
pub(super) fn start(person: &Person, new: NewWebauthn, now: Timestamp) -> UserDecision {
    let used = new.link.as_ref().map(|link| use_link(person, link, now));
    let used = match used.transpose() {
        Ok(used) => used,
        Err(refused) => return refused,
    };
    let Some(mut events) = make_room(person, now) else {
        return Decision::refuse(Refusal::TooManyFactors);
    };
    let used_link = person.webauthn_link.as_ref().filter(|_| used.is_some());
    let (by_link, by_sent_link) = (used.is_some(), used_link.is_some_and(RegistrationLink::was_sent));
    events.extend(used);
    events.push(Event::WebauthnStarted {
        id: new.id,
        domain: new.domain,
        challenge: Personal::Known(new.challenge),
        expires: new.expires,
        by_sent_link,
        by_link,
    });
    Decision::accept(events)
}

/// What goes so that one more fits; nothing when all that are there are in use.
fn make_room(person: &Person, now: Timestamp) -> Option<Vec<Event>> {
    let (over, left): (Vec<_>, Vec<_>) = person.webauthns.iter().partition(|f| f.is_over(now));
    let mut gone = over;
    if left.len() >= MOST_PER_USER {
        gone.push(left.into_iter().find(|f| f.expires().is_some())?);
    }
    let removed = gone
        .into_iter()
        .map(|f| Event::WebauthnRemoved { id: f.id.clone() });
    Some(removed.collect())
}

fn use_link(person: &Person, used: &LinkAttempt, now: Timestamp) -> Result<Event, UserDecision> {
    let waiting = person.webauthn_link.as_ref().filter(|link| link.id == used.id);
    let Some(link) = waiting else {
        return Err(Decision::refuse(Refusal::LinkUnknown));
    };
    let id = link.id.clone();
    match link.code.judge(&used.attempt, now) {
        Ok(()) => Ok(Event::WebauthnLinkUsed { id }),
        Err(Miss::Wrong) => Err(Decision::refuse_and_record(
            Refusal::Code(Miss::Wrong),
            [Event::WebauthnLinkCheckFailed { id }],
        )),
        Err(miss) => Err(Decision::refuse(Refusal::Code(miss))),
    }
}

/// A registration is completed once, by a credential that nobody has yet; who else has it is looked up at the commit.
pub(super) fn verify(person: &Person, id: FactorId, named: NamedCredential, now: Timestamp) -> UserDecision {
    if let Err(refusal) = person.webauthn_waiting(&id, now) {
        return Decision::refuse(refusal);
    }
    let mut own = person.webauthns.iter().filter_map(WebauthnFactor::credential);
    if own.any(|known| known.credential.id == named.credential.id) {
        return Decision::refuse(Refusal::WebauthnTaken);
    }
    Decision::accept([Event::WebauthnVerified {
        id,
        credential: Personal::Known(named),
    }])
}

pub(super) fn remove(person: &Person, id: FactorId) -> UserDecision {
    match person.webauthn(&id) {
        Some(_) => Decision::accept([Event::WebauthnRemoved { id }]),
        None => Decision::refuse(Refusal::WebauthnNotFound),
    }
}

pub(super) fn evolve(person: &mut Person, event: &Event, at: Timestamp) {
    match event {
        Event::WebauthnLinkIssued { id, code } => {
            person.webauthn_link = Some(RegistrationLink {
                id: id.clone(),
                code: code.clone(),
            });
        }
        Event::WebauthnLinkCheckFailed { .. } => {
            if let Some(link) = &mut person.webauthn_link {
                link.code.tries = link.code.tries.saturating_sub(1);
            }
        }
        Event::WebauthnLinkUsed { .. } | Event::WebauthnLinkEnded { .. } => person.webauthn_link = None,
        Event::WebauthnStarted {
            id,
            domain,
            challenge,
            expires,
            by_sent_link,
            by_link,
        } => {
            let factor = challenge.known().map(|challenge| WebauthnFactor {
                id: id.clone(),
                domain: domain.clone(),
                proof: WebauthnProof::Pending {
                    challenge: challenge.clone(),
                    expires: *expires,
                    by_sent_link: *by_sent_link,
                    by_link: *by_link,
                },
                added: at,
            });
            person.webauthns.extend(factor);
        }
        Event::WebauthnVerified { id, credential } => {
            let factor = person.webauthns.iter_mut().find(|f| f.id == *id);
            if let (Some(factor), Some(named)) = (factor, credential.known()) {
                factor.proof = WebauthnProof::Verified(named.clone());
            }
        }
        Event::WebauthnRemoved { id } => person.webauthns.retain(|f| f.id != *id),
        _ => {}
    }
}

/// Whoever may not sign in registers nothing either.
pub(super) fn end_registrations(person: &mut Person, at: Timestamp) {
    for factor in &mut person.webauthns {
        if let WebauthnProof::Pending { expires, .. } = &mut factor.proof {
            *expires = Timestamp::LONG_AGO;
        }
    }
    if let Some(link) = &mut person.webauthn_link {
        link.code.end(at);
    }
}
