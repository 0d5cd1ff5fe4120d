//! Time-based one-time codes (TOTP, RFC 6238) as a factor: registration and what is remembered of accepted codes.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Event, Person, Refusal, UserDecision};
use crate::{
    base::{Decision, FactorId, Personal, Timestamp},
    code::{GuessBudget, Miss},
};

/// Most TOTP factors that a user can have.
pub(super) const MOST_PER_USER: usize = 10;

/// The secret of a factor as the application sealed it: text that opens for this factor only. Opaque here.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SealedSecret(Arc<str>);

impl SealedSecret {
    /// Takes over what was sealed.
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// What was sealed.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SealedSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealedSecret(..)")
    }
}

/// A TOTP factor.
#[derive(Clone, Debug, PartialEq)]
pub struct TotpFactor {
    /// Its id.
    pub id: FactorId,
    /// Its secret.
    pub secret: SealedSecret,
    /// Whether somebody showed to have the secret.
    pub proof: TotpProof,
    /// When it was added.
    pub added: Timestamp,
}

/// Whether somebody showed to have a factor's secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TotpProof {
    /// Not yet; such a factor is never usable to sign in.
    Pending {
        /// From then on the registration is dead.
        expires: Timestamp,
    },
    /// Yes.
    Verified {
        /// The time step of the last code that was accepted; neither it nor an earlier one is accepted again.
        last_step: u64,
    },
}

/// Somebody's try at a code.
#[derive(Clone, Debug)]
pub struct TotpAttempt {
    /// Whether what was entered could be a code at all; if not, it is a typing error and costs nothing.
    pub well_formed: bool,
    /// Time steps within the allowed drift whose code was entered, oldest first.
    pub steps: Vec<u64>,
    /// Failures of this user that still count, whatever was started since.
    pub budget: GuessBudget,
}

impl TotpAttempt {
    /// The step to accept: one after `last`. Budget and form are looked at before the comparison counts for anything.
    fn judge(&self, last: Option<u64>, now: Timestamp) -> Result<u64, Miss> {
        if !self.well_formed {
            return Err(Miss::Malformed);
        }
        if let Some(until) = self.budget.rests_until(now) {
            return Err(Miss::Resting(until));
        }
        let fresh = |step: &u64| last.is_none_or(|last| *step > last);
        self.steps.iter().copied().find(fresh).ok_or(Miss::Wrong)
    }
}

fn end(factor: &TotpFactor) -> Option<Timestamp> {
    match factor.proof {
        TotpProof::Pending { expires } => Some(expires),
        TotpProof::Verified { .. } => None,
    }
}

fn is_over(factor: &TotpFactor, now: Timestamp) -> bool {
    end(factor).is_some_and(|end| now >= end)
}

/// When the registrations that wait are over.
pub(super) fn ends(person: &Person) -> impl Iterator<Item = Timestamp> {
    person.totps.iter().filter_map(end)
}

/// Registrations whose time is over.
pub(super) fn stale(person: &Person, now: Timestamp) -> Vec<Event> {
    let over = person.totps.iter().filter(|f| is_over(f, now));
    over.map(|f| Event::TotpRemoved { id: f.id.clone() }).collect()
}

/// Each start is a further factor; those whose time is over make room.
pub(super) fn start(
    person: &Person,
    id: FactorId,
    secret: SealedSecret,
    expires: Timestamp,
    now: Timestamp,
) -> UserDecision {
    let mut events = stale(person, now);
    if person.totps.len() - events.len() >= MOST_PER_USER {
        return Decision::refuse(Refusal::TooManyFactors);
    }
    events.push(Event::TotpStarted {
        id,
        secret: Personal::Known(secret),
        expires,
    });
    Decision::accept(events)
}

/// A registration is completed once; a wrong code is recorded, for the try is spent.
pub(super) fn verify(person: &Person, id: FactorId, attempt: &TotpAttempt, now: Timestamp) -> UserDecision {
    let Some(factor) = person.totp(&id) else {
        return Decision::refuse(Refusal::TotpNotFound);
    };
    if matches!(factor.proof, TotpProof::Verified { .. }) {
        return Decision::refuse(Refusal::TotpVerified);
    }
    if is_over(factor, now) {
        return Decision::refuse(Refusal::Code(Miss::Expired));
    }
    match attempt.judge(None, now) {
        Ok(step) => Decision::accept([Event::TotpVerified { id, step }]),
        Err(Miss::Wrong) => {
            Decision::refuse_and_record(Refusal::Code(Miss::Wrong), [Event::TotpCheckFailed { id }])
        }
        Err(miss) => Decision::refuse(Refusal::Code(miss)),
    }
}

pub(super) fn remove(person: &Person, id: FactorId) -> UserDecision {
    match person.totp(&id) {
        Some(_) => Decision::accept([Event::TotpRemoved { id }]),
        None => Decision::refuse(Refusal::TotpNotFound),
    }
}

pub(super) fn evolve(person: &mut Person, event: &Event, at: Timestamp) {
    match event {
        Event::TotpStarted { id, secret, expires } => {
            let factor = secret.known().map(|secret| TotpFactor {
                id: id.clone(),
                secret: secret.clone(),
                proof: TotpProof::Pending { expires: *expires },
                added: at,
            });
            person.totps.extend(factor);
        }
        Event::TotpVerified { id, step } => {
            if let Some(factor) = person.totps.iter_mut().find(|f| f.id == *id) {
                factor.proof = TotpProof::Verified { last_step: *step };
            }
        }
        Event::TotpRemoved { id } => person.totps.retain(|f| f.id != *id),
        _ => {}
    }
}

/// Whoever may not sign in registers nothing either.
pub(super) fn end_registrations(person: &mut Person) {
    for factor in &mut person.totps {
        if let TotpProof::Pending { expires } = &mut factor.proof {
            *expires = Timestamp::LONG_AGO;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_700_000_000_000_000);

    #[test]
    fn a_step_is_accepted_once_and_none_before_it() {
        let entered = |steps: &[u64]| TotpAttempt {
            well_formed: true,
            steps: steps.to_vec(),
            budget: GuessBudget::default(),
        };
        assert_eq!(entered(&[41]).judge(None, NOW), Ok(41));
        assert_eq!(entered(&[41]).judge(Some(40), NOW), Ok(41));
        assert_eq!(entered(&[41]).judge(Some(41), NOW), Err(Miss::Wrong));
        assert_eq!(entered(&[41]).judge(Some(42), NOW), Err(Miss::Wrong));
        assert_eq!(entered(&[41, 42]).judge(Some(41), NOW), Ok(42));
    }
}
