//! The password as a factor: how it is replaced, and the code that resets it. What is entered, its hash and the work of
//! hashing never come here; whether an entry matched is a fact of the command.

use serde::{Deserialize, Serialize};

use super::{Channel, Event, Person, Refusal, SealedSecret, UserDecision};
use crate::{
    base::{Decision, Personal, Timestamp},
    code::{Attempt, GuessBudget, IssuedCode, Miss},
};

/// The password of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Password {
    /// Its hash, as the application sealed it. Each sealing differs, so two that are equal are one.
    pub hash: SealedSecret,
    /// Whether the user has to choose another one at the next sign-in.
    pub change_required: bool,
    /// When it was set.
    pub changed: Timestamp,
}

/// A reset that waits for its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordReset {
    /// The code.
    pub code: IssuedCode,
    /// The contact that the code was sent to; none for a code in an answer.
    pub via: Option<Channel>,
}

/// A password that is to be set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPassword {
    /// Its hash, as the application sealed it. Each sealing differs, so two that are equal are one.
    pub hash: SealedSecret,
    /// Whether the user has to choose another one at the next sign-in.
    pub change_required: bool,
}

/// Whether what was entered as the current password is that. The comparison takes long and happened outside of the unit
/// of work, so it names the hash that it was made against.
#[derive(Clone, Debug)]
pub struct PasswordAttempt {
    /// The hash that was compared with; none when there was none.
    pub against: Option<SealedSecret>,
    /// Whether it matched.
    pub matched: bool,
    /// Failures of this user that still count.
    pub budget: GuessBudget,
}

/// Why a password may be set.
#[derive(Clone, Debug)]
pub enum PasswordProof {
    /// The caller has the permission through a role.
    Role,
    /// The current password was entered.
    Current(PasswordAttempt),
    /// The code of a reset was entered.
    Code(Attempt),
}

/// What allowed a password to be set, for the audit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PasswordMeans {
    /// A role.
    Role,
    /// The current password.
    Current,
    /// The code of a reset.
    Code,
}

/// Sets the password once its proof holds. A wrong entry is recorded, for the try is spent.
pub(super) fn set(person: &Person, new: NewPassword, proof: &PasswordProof, now: Timestamp) -> UserDecision {
    let (judged, means) = match proof {
        PasswordProof::Role => (Ok(()), PasswordMeans::Role),
        PasswordProof::Current(attempt) => (judge_current(person, attempt, now), PasswordMeans::Current),
        PasswordProof::Code(attempt) => (judge_code(person, attempt, now), PasswordMeans::Code),
    };
    match judged {
        Ok(()) => Decision::accept([Event::PasswordSet {
            hash: Personal::Known(new.hash),
            change_required: new.change_required,
            means,
        }]),
        Err(refusal) => refuse(refusal),
    }
}

/// Takes note of an entry: a wrong one is recorded; with the right one a hash of an old kind makes way for a new one of
/// the same password.
pub(super) fn check(
    person: &Person,
    attempt: &PasswordAttempt,
    rehashed: Option<SealedSecret>,
    now: Timestamp,
) -> UserDecision {
    match judge_current(person, attempt, now) {
        Ok(()) => {
            let better = rehashed.map(|hash| Event::PasswordRehashed {
                hash: Personal::Known(hash),
            });
            Decision::accept(Vec::from_iter(better))
        }
        Err(refusal) => refuse(refusal),
    }
}

fn refuse(refusal: Refusal) -> UserDecision {
    match refusal {
        Refusal::PasswordWrong => Decision::refuse_and_record(refusal, [Event::PasswordCheckFailed]),
        Refusal::Code(Miss::Wrong) => Decision::refuse_and_record(refusal, [Event::PasswordResetCheckFailed]),
        other => Decision::refuse(other),
    }
}

/// The budget is looked at before the comparison counts for anything, so that guesses in parallel learn no more than
/// guesses in a row. A comparison with a hash that was replaced meanwhile says nothing.
fn judge_current(person: &Person, attempt: &PasswordAttempt, now: Timestamp) -> Result<(), Refusal> {
    let Some(current) = &person.password else {
        return Err(Refusal::PasswordNotSet);
    };
    if let Some(until) = attempt.budget.rests_until(now) {
        return Err(Refusal::PasswordResting(until));
    }
    if attempt.against.as_ref() != Some(&current.hash) {
        return Err(Refusal::PasswordMoved);
    }
    if attempt.matched {
        Ok(())
    } else {
        Err(Refusal::PasswordWrong)
    }
}

fn judge_code(person: &Person, attempt: &Attempt, now: Timestamp) -> Result<(), Refusal> {
    let Some(reset) = &person.password_reset else {
        return Err(Refusal::NoCode);
    };
    reset.code.judge(attempt, now).map_err(Refusal::Code)
}

/// Starts a reset; its code takes the place of one that waits. What is sent goes to a verified contact only.
pub(super) fn request_reset(person: &Person, code: IssuedCode, via: Option<Channel>) -> UserDecision {
    if let Some(channel) = via
        && !person.contact(channel).is_some_and(|contact| contact.verified)
    {
        return Decision::refuse(Refusal::ContactUnverified(channel));
    }
    Decision::accept([Event::PasswordResetIssued { code, via }])
}

pub(super) fn evolve(person: &mut Person, event: &Event, at: Timestamp) {
    match event {
        Event::PasswordSet {
            hash,
            change_required,
            ..
        } => {
            person.password = hash.known().map(|hash| Password {
                hash: hash.clone(),
                change_required: *change_required,
                changed: at,
            });
            person.password_reset = None;
        }
        Event::PasswordRehashed { hash } => {
            if let (Some(password), Some(hash)) = (&mut person.password, hash.known()) {
                password.hash = hash.clone();
            }
        }
        Event::PasswordResetIssued { code, via } => {
            person.password_reset = Some(PasswordReset {
                code: code.clone(),
                via: *via,
            });
        }
        Event::PasswordResetCheckFailed => {
            if let Some(reset) = &mut person.password_reset {
                reset.code.tries = reset.code.tries.saturating_sub(1);
            }
        }
        _ => {}
    }
}

/// Whoever may not sign in resets nothing either.
pub(super) fn end_reset(person: &mut Person, at: Timestamp) {
    if let Some(reset) = &mut person.password_reset {
        reset.code.end(at);
    }
}

/// A code that went to a contact is dead once the user has another one there: the old mailbox or number may be
/// somebody else's.
pub(super) fn contact_moved(person: &mut Person, channel: Channel, at: Timestamp) {
    if person
        .password_reset
        .as_ref()
        .is_some_and(|reset| reset.via == Some(channel))
    {
        end_reset(person, at);
    }
}
