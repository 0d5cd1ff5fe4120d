//! The shape of a rule: state and command in, events and an answer out.

use serde::{Serialize, de::DeserializeOwned};

use super::{Forgettable, Timestamp};

/// What a rule decided: the facts to record, and whether the command was accepted.
///
/// A refusal may carry facts as well (a failed try is a fact); they are committed with it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Decision<E, R> {
    /// Facts in the order in which they happened.
    pub events: Vec<E>,
    /// Accepted, or the reason why not.
    pub answer: Result<(), R>,
}

impl<E, R> Decision<E, R> {
    /// Accepted, recording `events`; none means that it was already so.
    pub fn accept(events: impl Into<Vec<E>>) -> Self {
        Self {
            events: events.into(),
            answer: Ok(()),
        }
    }

    /// Refused; nothing is recorded.
    pub fn refuse(reason: R) -> Self {
        Self {
            events: Vec::new(),
            answer: Err(reason),
        }
    }

    /// Refused, and `events` are recorded all the same.
    pub fn refuse_and_record(reason: R, events: impl Into<Vec<E>>) -> Self {
        Self {
            events: events.into(),
            answer: Err(reason),
        }
    }
}

/// A thing with a history: its state is the fold of its events, its rules look at nothing else.
pub trait Aggregate: Default + Send + Sync {
    /// Name of the kind of stream, part of every stream key.
    const KIND: &'static str;
    /// What somebody wants.
    type Command;
    /// What happened. Frozen once released: old JSON must decode for ever.
    type Event: Forgettable + Serialize + DeserializeOwned + Clone + Send + Sync;
    /// Why not.
    type Refusal: std::error::Error;

    /// Judges `command` against this state at the time `now`.
    fn decide(&self, command: Self::Command, now: Timestamp) -> Decision<Self::Event, Self::Refusal>;

    /// Takes over what happened at the time `at`. Holds no rules and cannot fail.
    fn evolve(&mut self, event: &Self::Event, at: Timestamp);
}
