//! Contact phone and e-mail: one rule for both.

use super::{Channel, Destination, Event, Person, Proof, Refusal, UserDecision, webauthn};
use crate::{
    base::{Decision, Personal, Timestamp},
    code::{Attempt, IssuedCode, Miss},
};

/// A contact value, verified or with a code that waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Contact {
    /// Number or address.
    pub destination: Destination,
    /// Whether its owner proved to receive there.
    pub verified: bool,
    /// The code that waits, if any.
    pub code: Option<IssuedCode>,
}

fn proven(channel: Channel, proof: Proof) -> Event {
    match proof {
        Proof::Vouched => Event::ContactVerified { channel },
        Proof::Code(code) => Event::ContactCodeIssued { channel, code },
    }
}

/// A new value replaces the old one and its code, and ends a link that was sent there, with what it began. An equal, verified value changes
/// nothing; an equal, unverified one is vouched for or gets a new code. An equal one that is spelt otherwise is a new one where it has to be
/// proven anyway, or somebody vouches for it: codes go to what is shown.
pub(super) fn set(person: &Person, destination: Destination, proof: Proof) -> UserDecision {
    let channel = destination.channel();
    let equal = person
        .contact(channel)
        .filter(|contact| contact.destination == destination);
    let respelt = equal.is_some_and(|contact| contact.destination.as_str() != destination.as_str());
    match equal {
        Some(contact) if contact.verified && !respelt => Decision::accept([]),
        Some(contact) if contact.verified && proof != Proof::Vouched => Decision::accept([]),
        Some(_) if !respelt => Decision::accept([proven(channel, proof)]),
        _ => {
            let changed = Event::ContactChanged {
                channel,
                destination: Personal::Known(destination),
            };
            let link = webauthn::contact_moved(person, channel);
            let now = [changed, proven(channel, proof)];
            Decision::accept(link.into_iter().chain(now).collect::<Vec<_>>())
        }
    }
}

/// Already verified is fine; a wrong code is recorded, for the try is spent.
pub(super) fn verify(person: &Person, channel: Channel, attempt: &Attempt, now: Timestamp) -> UserDecision {
    let Some(contact) = person.contact(channel) else {
        return Decision::refuse(Refusal::NoCode);
    };
    if contact.verified {
        return Decision::accept([]);
    }
    let Some(code) = &contact.code else {
        return Decision::refuse(Refusal::NoCode);
    };
    match code.judge(attempt, now) {
        Ok(()) => Decision::accept([Event::ContactVerified { channel }]),
        Err(Miss::Wrong) => Decision::refuse_and_record(
            Refusal::Code(Miss::Wrong),
            [Event::ContactCheckFailed { channel }],
        ),
        Err(miss) => Decision::refuse(Refusal::Code(miss)),
    }
}

pub(super) fn resend(
    person: &Person,
    channel: Channel,
    code: IssuedCode,
    only_pending: bool,
) -> UserDecision {
    match person.contact(channel) {
        None if only_pending => Decision::refuse(Refusal::NoCode),
        None => Decision::refuse(Refusal::ContactMissing(channel)),
        Some(contact) if only_pending && contact.code.is_none() => Decision::refuse(Refusal::NoCode),
        Some(contact) if contact.verified => Decision::refuse(Refusal::ContactVerified(channel)),
        Some(_) => Decision::accept([Event::ContactCodeIssued { channel, code }]),
    }
}

/// The factor that is bound to the contact and a link that was sent there go with it, and what that link began.
pub(super) fn remove(person: &Person, channel: Channel) -> UserDecision {
    if person.contact(channel).is_none() {
        return Decision::refuse(Refusal::ContactMissing(channel));
    }
    let bound = person.bound_otp(channel).map(|f| Event::OtpRemoved {
        id: f.id.clone(),
        channel,
    });
    let events: Vec<Event> = bound
        .into_iter()
        .chain(webauthn::contact_moved(person, channel))
        .chain([Event::ContactRemoved { channel }])
        .collect();
    Decision::accept(events)
}
