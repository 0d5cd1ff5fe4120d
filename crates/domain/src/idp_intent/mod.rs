//! A sign-in at an identity provider while it is under way: begun for somebody, returned from once, and told of once to
//! whoever shows its token.

mod event;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

pub use event::Event;

use crate::{
    base::{Aggregate, Decision, IdpId, Personal, Span, Timestamp},
    code::Digest,
    user::SealedSecret,
};

/// How long people have to come back from the provider.
pub const WAITS: Span = Span::hours(1);
/// How long the outcome waits to be asked for.
pub const TELLS: Span = Span::minutes(10);
/// From then on nothing of an intent is kept but its history.
pub const KEPT: Span = Span::hours(24);

/// An intent, or the place where one could be.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum IdpIntent {
    /// Never begun, or forgotten.
    #[default]
    Absent,
    /// One that was begun.
    Present(Box<Intent>),
}

/// What is known of an intent.
#[derive(Clone, Debug, PartialEq)]
pub struct Intent {
    /// Where the person signs in.
    pub idp: IdpId,
    /// Where the person is sent afterwards.
    pub urls: ReturnUrls,
    /// Keyed hash of the secret that has to come back with the person.
    pub state: Digest,
    /// What this flow alone knows (nonce and verifier), sealed for this intent.
    pub flow: SealedSecret,
    /// When it was begun.
    pub started: Timestamp,
    /// How far it came.
    pub stage: Stage,
}

/// Where the person is sent after signing in, or after not signing in; nowhere, when they never left.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnUrls {
    /// After signing in.
    pub success: String,
    /// After anything else.
    pub failure: String,
}

/// How far an intent came.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// The person is with the provider.
    Started,
    /// The person came back; the provider is asked who it is.
    Returned,
    /// The provider said who it is.
    Succeeded {
        /// When.
        at: Timestamp,
        /// Keyed hash of the token that has to be shown.
        token: Digest,
        /// What the provider said, sealed for this intent.
        outcome: SealedSecret,
    },
    /// It came to nothing.
    Failed,
    /// The outcome was told.
    Told {
        /// Keyed hash of the token that was shown.
        token: Digest,
    },
}

/// Why a sign-in elsewhere came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The person, or the provider for them, said no.
    Denied,
    /// The provider could not be reached, or answered nothing that is understood.
    Unreachable,
    /// The provider did not take the code, or did not know this server.
    Refused,
    /// What the provider said does not hold: signature, issuer, audience, time, nonce.
    Untrusted,
    /// The provider said nobody's name.
    Nameless,
    /// The provider was removed meanwhile.
    Gone,
}

/// What can be asked of an intent.
#[derive(Clone, Debug)]
pub enum Command {
    /// Begins it.
    Start {
        /// Where the person will sign in.
        idp: IdpId,
        /// Where the person is sent afterwards.
        urls: ReturnUrls,
        /// Keyed hash of the secret that has to come back.
        state: Digest,
        /// What this flow alone knows, sealed.
        flow: SealedSecret,
    },
    /// The person comes back with this secret.
    Return {
        /// Its keyed hash.
        state: Digest,
    },
    /// The provider said who it is.
    Succeed {
        /// Keyed hash of the token for whoever may hear it.
        token: Digest,
        /// What the provider said, sealed.
        outcome: SealedSecret,
    },
    /// It came to nothing.
    Fail(Failure),
    /// Somebody asks for the outcome with this token.
    Tell {
        /// Its keyed hash.
        token: Digest,
    },
    /// Its time is over.
    Forget,
}

/// Why a command was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The id is in use.
    #[error("the intent exists already")]
    AlreadyExists,
    /// No such intent, or another secret.
    #[error("there is no such intent, or it has another token")]
    Unknown,
    /// The intent is at another point: not returned from, failed, or told of already.
    #[error("the intent has no outcome to tell")]
    NotSucceeded,
    /// Its time is over.
    #[error("the intent's time is over")]
    Expired,
}

type IntentDecision = Decision<Event, Refusal>;

impl IdpIntent {
    /// An intent that was begun.
    pub fn intent(&self) -> Option<&Intent> {
        match self {
            Self::Absent => None,
            Self::Present(intent) => Some(intent),
        }
    }
}

impl Aggregate for IdpIntent {
    const KIND: &'static str = "idp_intent";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, command: Command, now: Timestamp) -> IntentDecision {
        let (intent, command) = match (self, command) {
            (
                Self::Absent,
                Command::Start {
                    idp,
                    urls,
                    state,
                    flow,
                },
            ) => {
                return Decision::accept([Event::IdpIntentStarted {
                    idp,
                    urls,
                    state,
                    flow: Personal::Known(flow),
                }]);
            }
            (Self::Absent, _) => return Decision::refuse(Refusal::Unknown),
            (Self::Present(_), Command::Start { .. }) => return Decision::refuse(Refusal::AlreadyExists),
            (Self::Present(intent), command) => (intent, command),
        };
        match command {
            Command::Start { .. } => Decision::refuse(Refusal::AlreadyExists),
            Command::Return { state } => come_back(intent, state, now),
            Command::Succeed { token, outcome } => while_returned(
                intent,
                Event::IdpIntentSucceeded {
                    token,
                    outcome: Personal::Known(outcome),
                },
            ),
            Command::Fail(reason) => while_returned(intent, Event::IdpIntentFailed { reason }),
            Command::Tell { token } => tell(intent, token, now),
            Command::Forget if now >= intent.started + KEPT => Decision::accept([Event::IdpIntentForgotten]),
            Command::Forget => Decision::accept([]),
        }
    }

    fn evolve(&mut self, event: &Event, at: Timestamp) {
        event::evolve(self, event, at);
    }
}

/// A secret comes back once, and in time; whoever has another one hears nothing.
fn come_back(intent: &Intent, state: Digest, now: Timestamp) -> IntentDecision {
    if intent.state != state {
        return Decision::refuse(Refusal::Unknown);
    }
    if intent.stage != Stage::Started {
        return Decision::refuse(Refusal::NotSucceeded);
    }
    if now >= intent.started + WAITS {
        return Decision::refuse(Refusal::Expired);
    }
    Decision::accept([Event::IdpIntentReturned])
}

fn while_returned(intent: &Intent, event: Event) -> IntentDecision {
    if intent.stage == Stage::Returned {
        Decision::accept([event])
    } else {
        Decision::refuse(Refusal::NotSucceeded)
    }
}

/// An outcome is told once, and in time. A wrong token hears nothing of the rest.
fn tell(intent: &Intent, shown: Digest, now: Timestamp) -> IntentDecision {
    match &intent.stage {
        Stage::Succeeded { token, .. } | Stage::Told { token } if *token != shown => {
            Decision::refuse(Refusal::Unknown)
        }
        Stage::Succeeded { at, .. } if now >= *at + TELLS => Decision::refuse(Refusal::Expired),
        Stage::Succeeded { .. } => Decision::accept([Event::IdpIntentTold]),
        Stage::Told { .. } => Decision::refuse(Refusal::NotSucceeded),
        Stage::Started | Stage::Returned | Stage::Failed => Decision::refuse(Refusal::Unknown),
    }
}
