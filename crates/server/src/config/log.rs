//! Section `log`: how much is logged and in which form.

use tracing_subscriber::EnvFilter;

use super::key::{Form, Key};
use super::reader::Reader;

const LEVEL: Key = Key::new(
    "log.level",
    Form::Text("error, warn, info, debug, trace, or a filter such as info,store=debug"),
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
        let filter = reader.value(&LEVEL, |text| {
            let known = EnvFilter::try_new(text).is_ok();
            known
                .then(|| text.to_owned())
                .ok_or_else(|| "write a level such as info or debug".to_owned())
        })?;
        Some(Self {
            filter,
            style: reader.choice(&STYLE, &[Style::Auto, Style::Text, Style::Json])?,
        })
    }
}
