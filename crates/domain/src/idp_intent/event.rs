//! What happened to an intent. The JSON of each variant is frozen by a golden file; what was said of a person is not part of
//! it.

use serde::{Deserialize, Serialize};

use super::{Failure, IdpIntent, Intent, ReturnUrls, Stage};
use crate::{
    base::{Forgettable, IdpId, Personal, Timestamp},
    code::Digest,
    user::SealedSecret,
};

/// A fact about an intent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "each field is named after what it holds, and explained at its command"
)]
pub enum Event {
    IdpIntentStarted {
        idp: IdpId,
        urls: ReturnUrls,
        state: Digest,
        #[serde(default, skip_serializing)]
        flow: Personal<SealedSecret>,
    },
    IdpIntentReturned,
    IdpIntentSucceeded {
        token: Digest,
        #[serde(default, skip_serializing)]
        outcome: Personal<SealedSecret>,
    },
    IdpIntentFailed {
        reason: Failure,
    },
    IdpIntentTold,
    IdpIntentForgotten,
}

impl Forgettable for Event {
    fn name(&self) -> &'static str {
        match self {
            Self::IdpIntentStarted { .. } => "idp_intent_started",
            Self::IdpIntentReturned => "idp_intent_returned",
            Self::IdpIntentSucceeded { .. } => "idp_intent_succeeded",
            Self::IdpIntentFailed { .. } => "idp_intent_failed",
            Self::IdpIntentTold => "idp_intent_told",
            Self::IdpIntentForgotten => "idp_intent_forgotten",
        }
    }

    fn personal(&self) -> Option<String> {
        match self {
            Self::IdpIntentStarted { flow: secret, .. }
            | Self::IdpIntentSucceeded { outcome: secret, .. } => {
                secret.known().and_then(|s| serde_json::to_string(s).ok())
            }
            _ => None,
        }
    }

    fn restore(&mut self, personal: &str) {
        if let Self::IdpIntentStarted { flow: secret, .. }
        | Self::IdpIntentSucceeded { outcome: secret, .. } = self
        {
            *secret = serde_json::from_str(personal).map_or(Personal::Forgotten, Personal::Known);
        }
    }
}

/// What was erased belongs to an intent that was forgotten later: it is none.
pub(super) fn evolve(state: &mut IdpIntent, event: &Event, at: Timestamp) {
    match (&mut *state, event) {
        (
            _,
            Event::IdpIntentStarted {
                idp,
                urls,
                state: digest,
                flow,
            },
        ) => {
            *state = flow.known().map_or(IdpIntent::Absent, |flow| {
                IdpIntent::Present(Box::new(Intent {
                    idp: idp.clone(),
                    urls: urls.clone(),
                    state: *digest,
                    flow: flow.clone(),
                    started: at,
                    stage: Stage::Started,
                }))
            });
        }
        (_, Event::IdpIntentForgotten) => *state = IdpIntent::Absent,
        (IdpIntent::Absent, _) => {}
        (IdpIntent::Present(intent), event) => match event {
            Event::IdpIntentReturned => intent.stage = Stage::Returned,
            Event::IdpIntentSucceeded { token, outcome } => {
                intent.stage = outcome.known().map_or(Stage::Failed, |outcome| Stage::Succeeded {
                    at,
                    token: *token,
                    outcome: outcome.clone(),
                });
            }
            Event::IdpIntentFailed { .. } => intent.stage = Stage::Failed,
            Event::IdpIntentTold => {
                if let Stage::Succeeded { token, .. } = intent.stage {
                    intent.stage = Stage::Told { token };
                }
            }
            Event::IdpIntentStarted { .. } | Event::IdpIntentForgotten => {}
        },
    }
}
