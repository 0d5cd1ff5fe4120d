//! Section `passwords`: what new passwords have to be, and how many are worked on at once.

use std::time::Duration;

use app::password::CharacterKind;

use super::key::{Form, Key};
use super::reader::Reader;

/// NIST SP 800-63B-4 §3.1.1.2: eight at least.
const LEAST_CHARACTERS: Key = Key::new(
    "passwords.least_characters",
    Form::Count(8, 128),
    "8",
    "Characters that a new password has at least; 1024 are allowed in any case.",
);
const NEEDS: Key = Key::new(
    "passwords.needs",
    Form::List("`lower`, `upper`, `digit`, `symbol`"),
    "",
    "Kinds of characters that a new password needs. Rules of this kind make passwords no better, so none is set.",
);
const LEAST_GUESSES: Key = Key::new(
    "passwords.least_guesses",
    Form::Count(10_000, 1_000_000_000),
    "1000000",
    "A new password that is found with fewer guesses is refused: the most common and the names of the user and of this server first, also dressed up with digits and marks.",
);
const QUEUE: Key = Key::new(
    "passwords.queue",
    Form::Count(1, 10_000),
    "64",
    "Passwords that may wait for one of the threads that hash and compare them, one for each core. Others are told at \
     once to try again.",
);
const WAIT: Key = Key::new(
    "passwords.wait",
    Form::Time(1, 30),
    "2s",
    "How long one waits there at most.",
);

pub(super) const KEYS: &[&Key] = &[&LEAST_CHARACTERS, &NEEDS, &LEAST_GUESSES, &QUEUE, &WAIT];

/// Rules and measures for passwords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passwords {
    /// Least characters.
    pub least_characters: u16,
    /// Kinds that are needed.
    pub needs: Vec<CharacterKind>,
    /// Least guesses.
    pub least_guesses: u64,
    /// Places to wait in.
    pub queue: usize,
    /// Longest wait.
    pub wait: Duration,
}

impl Passwords {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let least_characters = reader
            .count(&LEAST_CHARACTERS)
            .and_then(|n| u16::try_from(n).ok());
        let needs = reader.list(&NEEDS, parse_kind);
        let least_guesses = reader.count(&LEAST_GUESSES);
        let queue = reader.count(&QUEUE).and_then(|n| usize::try_from(n).ok());
        let wait = reader.time(&WAIT);
        Some(Self {
            least_characters: least_characters?,
            needs: needs?,
            least_guesses: least_guesses?.into(),
            queue: queue?,
            wait: wait?,
        })
    }
}

fn parse_kind(text: &str) -> Result<CharacterKind, String> {
    match text {
        "lower" => Ok(CharacterKind::Lower),
        "upper" => Ok(CharacterKind::Upper),
        "digit" => Ok(CharacterKind::Digit),
        "symbol" => Ok(CharacterKind::Symbol),
        _ => Err("write lower, upper, digit or symbol".to_owned()),
    }
}
