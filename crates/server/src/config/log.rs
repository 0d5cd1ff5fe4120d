//! Section `log`: how much is logged and in which form.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use super::key::{Form, Key};
use super::reader::Reader;

const LEVEL: Key = Key::new(
    "log.level",
    Form::Text("off, error, warn, info, debug, trace, or a filter such as info,store=debug"),
    "info",
    "What is logged. `MERLON_LOG` is a short name for its variable. Single requests show at `debug`.",
);
const STYLE: Key = Key::new(
    "log.style",
    Form::Choice(&["auto", "text", "json"]),
    "auto",
    "`auto` writes text to a terminal and JSON, one object a line, elsewhere.",
);

pub(super) const KEYS: &[&Key] = &[&LEVEL, &STYLE];

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// A filter that has been parsed once.
    pub filter: String,
    /// Form.
    pub style: Style,
}

impl Log {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        let filter = reader.value(&LEVEL, filter)?;
        Some(Self {
            filter,
            style: reader.choice(&STYLE, &[Style::Auto, Style::Text, Style::Json])?,
        })
    }
}

const LEVELS: &str = "off, error, warn, info, debug or trace";

/// A filter as the library understands it, but for words alone: it takes them for targets, and nothing else is logged then.
fn filter(text: &str) -> Result<String, String> {
    let mut parts = parts(text);
    let word = parts.find(|part| !part.contains('=') && part.parse::<LevelFilter>().is_err());
    if let Some(word) = word {
        return Err(format!(
            "{word:?} is no level; write {LEVELS}, or {word}=debug for a target"
        ));
    }
    EnvFilter::try_new(text)
        .map(|_| text.to_owned())
        .map_err(|_| format!("write a level ({LEVELS}) or target=level"))
}

/// The parts between commas, but for those inside of brackets.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    let parts = text.split(move |c: char| {
        depth += i32::from(matches!(c, '[' | '{')) - i32::from(matches!(c, ']' | '}'));
        c == ',' && depth <= 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}
