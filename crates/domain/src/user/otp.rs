//! One-time codes as a factor, by SMS or e-mail: registration with a destination of its own, or bound to the contact.

use super::{Channel, Destination, Event, Person, Proof, Refusal, UserDecision};
use crate::{
    base::{Decision, FactorId, Personal, Span, Timestamp},
    code::{Attempt, IssuedCode, Miss},
};

/// Most OTP factors of one channel that a user can have.
pub(super) const MOST_PER_CHANNEL: usize = 10;

/// A pending registration is kept this long after its code expired.
const STALE_AFTER: Span = Span::hours(24);

/// An OTP factor.
#[derive(Clone, Debug, PartialEq)]
pub struct OtpFactor {
    /// Its id.
    pub id: FactorId,
    /// How its codes travel.
    pub channel: Channel,
    /// Where they go.
    pub binding: OtpBinding,
    /// Whether its destination is proven.
    pub proof: OtpProof,
    /// When it was added.
    pub added: Timestamp,
}

/// Where a factor's codes go.
#[derive(Clone, Debug, PartialEq)]
pub enum OtpBinding {
    /// To a destination of its own; changing the contact does not touch it.
    Own(Destination),
    /// To the contact of the same channel, while that is verified.
    Contact,
}

/// Whether a factor's destination is proven.
#[derive(Clone, Debug, PartialEq)]
pub enum OtpProof {
    /// Not yet: this code waits. Such a factor is never usable to sign in.
    Pending(IssuedCode),
    /// Yes.
    Verified,
}

/// A destination that is verified for this user already is refused; a pending one keeps its id and gets a new code.
pub(super) fn add(person: &Person, id: FactorId, destination: Destination, proof: Proof) -> UserDecision {
    let channel = destination.channel();
    if taken(person, &destination) {
        return Decision::refuse(Refusal::FactorExists(channel));
    }
    if let Some(pending) = person.own_otp(&destination) {
        return Decision::accept([proven(pending.id.clone(), channel, proof)]);
    }
    if is_full(person, channel) {
        return Decision::refuse(Refusal::TooManyFactors);
    }
    let added = Event::OtpAdded {
        id: id.clone(),
        channel,
        destination: Personal::Known(destination),
    };
    match proof {
        Proof::Vouched => Decision::accept([added]),
        Proof::Code(code) => Decision::accept([added, Event::OtpCodeIssued { id, channel, code }]),
    }
}

fn is_full(person: &Person, channel: Channel) -> bool {
    person.otps.iter().filter(|f| f.channel == channel).count() >= MOST_PER_CHANNEL
}

fn taken(person: &Person, destination: &Destination) -> bool {
    person
        .otps
        .iter()
        .any(|f| person.otp_ready(f) && person.otp_destination(f) == Some(destination))
}

fn proven(id: FactorId, channel: Channel, proof: Proof) -> Event {
    match proof {
        Proof::Vouched => Event::OtpVerified { id, channel },
        Proof::Code(code) => Event::OtpCodeIssued { id, channel, code },
    }
}

/// The code proves once: a factor that is verified already has no code to enter.
pub(super) fn verify(
    person: &Person,
    channel: Channel,
    id: FactorId,
    attempt: &Attempt,
    now: Timestamp,
) -> UserDecision {
    let Some(factor) = person.otp(channel, &id) else {
        return Decision::refuse(Refusal::FactorNotFound(channel));
    };
    let OtpProof::Pending(code) = &factor.proof else {
        return Decision::refuse(Refusal::NoCode);
    };
    match code.judge(attempt, now) {
        Ok(()) => Decision::accept([Event::OtpVerified { id, channel }]),
        Err(Miss::Wrong) => Decision::refuse_and_record(
            Refusal::Code(Miss::Wrong),
            [Event::OtpCheckFailed { id, channel }],
        ),
        Err(miss) => Decision::refuse(Refusal::Code(miss)),
    }
}

pub(super) fn remove(person: &Person, channel: Channel, id: FactorId) -> UserDecision {
    match person.otp(channel, &id) {
        Some(_) => Decision::accept([Event::OtpRemoved { id, channel }]),
        None => Decision::refuse(Refusal::FactorNotFound(channel)),
    }
}

pub(super) fn add_bound(person: &Person, id: FactorId, channel: Channel) -> UserDecision {
    if person.bound_otp(channel).is_some() {
        return Decision::refuse(Refusal::FactorExists(channel));
    }
    if !person.contact(channel).is_some_and(|c| c.verified) {
        return Decision::refuse(Refusal::ContactUnverified(channel));
    }
    if is_full(person, channel) {
        return Decision::refuse(Refusal::TooManyFactors);
    }
    Decision::accept([Event::OtpBound { id, channel }])
}

pub(super) fn remove_bound(person: &Person, channel: Channel) -> UserDecision {
    match person.bound_otp(channel) {
        Some(factor) => Decision::accept([Event::OtpRemoved {
            id: factor.id.clone(),
            channel,
        }]),
        None => Decision::refuse(Refusal::FactorNotFound(channel)),
    }
}

/// When a registration that waits is forgotten.
fn end(factor: &OtpFactor) -> Option<Timestamp> {
    match &factor.proof {
        OtpProof::Pending(code) => Some(code.expires + STALE_AFTER),
        OtpProof::Verified => None,
    }
}

/// When the registrations that wait are forgotten.
pub(super) fn ends(person: &Person) -> impl Iterator<Item = Timestamp> {
    person.otps.iter().filter_map(end)
}

/// Registrations whose code expired long ago.
pub(super) fn stale(person: &Person, now: Timestamp) -> Vec<Event> {
    let gone = person
        .otps
        .iter()
        .filter(|f| end(f).is_some_and(|end| now >= end));
    gone.map(|f| Event::OtpRemoved {
        id: f.id.clone(),
        channel: f.channel,
    })
    .collect()
}
