//! One line of the doctor's report.

use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Ok,
    Warn,
    Fail,
}

/// What was looked at, how it is, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) level: Level,
    what: String,
    advice: String,
}

impl Finding {
    pub(super) fn ok(what: impl Into<String>) -> Self {
        Self {
            level: Level::Ok,
            what: what.into(),
            advice: String::new(),
        }
    }

    pub(super) fn warn(what: impl Into<String>, advice: &str) -> Self {
        Self {
            level: Level::Warn,
            what: what.into(),
            advice: advice.to_owned(),
        }
    }

    pub(super) fn fail(what: impl Into<String>, advice: &str) -> Self {
        Self {
            level: Level::Fail,
            what: what.into(),
            advice: advice.to_owned(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Ok => "ok  ",
            Level::Warn => "warn",
            Level::Fail => "fail",
        };
        write!(f, "{level}  {}", self.what)?;
        if self.advice.is_empty() {
            Ok(())
        } else {
            write!(f, " - {}", self.advice)
        }
    }
}
