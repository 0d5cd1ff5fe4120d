//! Section `idp`: how identity providers are reached.

use std::time::Duration;

use super::key::{Form, Key};
use super::reader::Reader;

const PRIVATE: Key = Key::new(
    "idp.allow_private",
    Form::Choice(&["no", "yes"]),
    "no",
    "`yes` when identity providers are on this machine or in a private network, or speak without TLS; otherwise addresses \
     there are never called, whatever a name resolves to, and nothing is spoken without TLS.",
);
const TIMEOUT: Key = Key::new(
    "idp.timeout",
    Form::Time(1, 30),
    "10s",
    "Time for one call to a provider, and for each server of a directory that has no time of its own; no answer until then ends \
     the sign-in.",
);

pub(super) const KEYS: &[&Key] = &[&PRIVATE, &TIMEOUT];

/// How identity providers are reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idp {
    /// They may be on this machine, in a private network, and without TLS.
    pub allow_private: bool,
    /// Time for one call.
    pub timeout: Duration,
}

impl Idp {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        Some(Self {
            allow_private: reader.choice(&PRIVATE, &[false, true])?,
            timeout: reader.time(&TIMEOUT)?,
        })
    }
}
