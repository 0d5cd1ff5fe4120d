//! Personal access tokens of a user. Only their digests are known here.

use super::{Event, Refusal, UserDecision};
use crate::{
    base::{Decision, Timestamp, TokenId},
    code::Digest,
};

/// Most tokens that a user can have.
pub(super) const MOST_PER_USER: usize = 100;

pub(super) fn add(
    id: TokenId,
    digest: Digest,
    expires: Timestamp,
    existing: usize,
    now: Timestamp,
) -> UserDecision {
    if expires <= now {
        return Decision::refuse(Refusal::ExpiryPast);
    }
    if existing >= MOST_PER_USER {
        return Decision::refuse(Refusal::TooManyTokens);
    }
    Decision::accept([Event::TokenAdded { id, digest, expires }])
}

pub(super) fn remove(id: TokenId, exists: bool) -> UserDecision {
    if exists {
        Decision::accept([Event::TokenRemoved { id }])
    } else {
        Decision::refuse(Refusal::TokenNotFound)
    }
}
