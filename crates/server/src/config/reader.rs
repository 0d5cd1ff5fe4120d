//! From what was written to what it means: reads one key at a time, checks form and bounds, gathers the problems.

use std::path::PathBuf;
use std::time::Duration;

use super::key::{Form, Key, parse_time};
use super::problem::{Origin, Problem};
use super::secret::Secret;
use super::written::Written;

const EMPTY: &str = "is empty; give a value or remove the key";

/// Reads typed values and remembers what was wrong. Every reading answers `None` when it noted a problem.
#[derive(Debug)]
pub(super) struct Reader {
    written: Written,
    problems: Vec<Problem>,
}

impl Reader {
    /// Reads from what was written.
    pub(super) fn new(written: Written) -> Self {
        Self {
            written,
            problems: Vec::new(),
        }
    }

    /// All problems, those of the first step first.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.written.into_problems();
        problems.extend(self.problems);
        problems
    }

    /// Whether somebody wrote this key, even if it equals the default.
    pub(super) fn is_written(&self, key: &Key) -> bool {
        self.written.get(key).is_some()
    }

    /// A value that has a default, understood by `parse`, whose error says what a good value looks like.
    pub(super) fn value<T>(&mut self, key: &Key, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        match self.maybe(key, parse)? {
            Some(value) => Some(value),
            None => self.refuse(key, "is needed; set it".to_owned()),
        }
    }

    /// A value that may be absent: the outer `None` is a problem, the inner one "not set".
    #[expect(
        clippy::option_option,
        reason = "a problem and an absent value are different answers"
    )]
    pub(super) fn maybe<T>(
        &mut self,
        key: &Key,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Option<T>> {
        let text = match self.written.get(key) {
            Some(([text], _)) if !text.reveal().trim().is_empty() => text.reveal().trim().to_owned(),
            Some(([], _)) | None => match key.default {
                Some(text) => text.to_owned(),
                None => return Some(None),
            },
            Some(_) => return self.refuse(key, EMPTY.to_owned()),
        };
        match parse(&text) {
            Ok(value) => Some(Some(value)),
            Err(why) if key.is_secret() => self.refuse(key, why),
            Err(why) => self.refuse(key, format!("{text:?} cannot be used: {why}")),
        }
    }

    /// A text that may be absent.
    #[expect(
        clippy::option_option,
        reason = "a problem and an absent value are different answers"
    )]
    pub(super) fn text(&mut self, key: &Key) -> Option<Option<String>> {
        self.maybe(key, |text| Ok(text.to_owned()))
    }

    /// A secret that may be absent; it is taken as typed, blanks included.
    #[expect(
        clippy::option_option,
        reason = "a problem and an absent value are different answers"
    )]
    pub(super) fn secret(&mut self, key: &Key) -> Option<Option<Secret>> {
        match self
            .written
            .get(key)
            .and_then(|(texts, _)| texts.first())
            .cloned()
        {
            Some(text) if text.reveal().is_empty() => self.refuse(key, EMPTY.to_owned()),
            written => Some(written),
        }
    }

    /// A secret given as a value or as the path of a file that holds it (one of the two; a last line break is not part of it).
    #[expect(
        clippy::option_option,
        reason = "a problem and an absent value are different answers"
    )]
    pub(super) fn secret_or_file(&mut self, key: &Key, file: &Key) -> Option<Option<Secret>> {
        let (value, path) = (self.secret(key)?, self.path(file)?);
        match (value, path) {
            (Some(_), Some(_)) => self.refuse(file, format!("{} is set too; keep one of the two", key.path)),
            (value, None) => Some(value),
            (None, Some(path)) => match std::fs::read_to_string(&path) {
                Ok(text) => match text.trim_end_matches(['\r', '\n']) {
                    "" => self.refuse(file, format!("{} is empty", path.display())),
                    text => Some(Some(Secret::new(text.to_owned()))),
                },
                Err(error) => self.refuse(file, format!("{} cannot be read: {error}", path.display())),
            },
        }
    }

    /// A path that may be absent.
    #[expect(
        clippy::option_option,
        reason = "a problem and an absent value are different answers"
    )]
    pub(super) fn path(&mut self, key: &Key) -> Option<Option<PathBuf>> {
        self.maybe(key, |text| Ok(PathBuf::from(text)))
    }

    /// A whole number within the bounds of its key.
    pub(super) fn count(&mut self, key: &Key) -> Option<u32> {
        let Form::Count(low, high) = key.form else {
            return self.refuse(key, "is no number".to_owned());
        };
        self.value(key, |text| {
            let number = text.parse().ok().filter(|number| (low..=high).contains(number));
            number.ok_or_else(|| format!("it must be a whole number from {low} to {high}"))
        })
    }

    /// A duration within the bounds of its key.
    pub(super) fn time(&mut self, key: &Key) -> Option<Duration> {
        let Form::Time(low, high) = key.form else {
            return self.refuse(key, "is no duration".to_owned());
        };
        let bounds = Duration::from_secs(low)..=Duration::from_secs(high);
        self.value(key, |text| {
            let time = parse_time(text)?;
            if bounds.contains(&time) {
                Ok(time)
            } else {
                Err(format!("it must be a {}", key.form.describe()))
            }
        })
    }

    /// One of the words of its key, as its position.
    pub(super) fn choice<T: Copy>(&mut self, key: &Key, meanings: &[T]) -> Option<T> {
        let Form::Choice(words) = key.form else {
            return self.refuse(key, "is no choice".to_owned());
        };
        self.value(key, |text| {
            let at = words.iter().position(|word| *word == text);
            let meaning = at.and_then(|at| meanings.get(at)).copied();
            meaning.ok_or_else(|| format!("it must be {}", key.form.describe()))
        })
    }

    /// A list, each part understood by `parse`; the default is separated by commas.
    pub(super) fn list<T>(&mut self, key: &Key, parse: impl Fn(&str) -> Result<T, String>) -> Option<Vec<T>> {
        let texts: Vec<String> = match self.written.get(key) {
            Some((texts, _)) => texts.iter().map(|text| text.reveal().trim().to_owned()).collect(),
            None => key
                .default
                .unwrap_or_default()
                .split(',')
                .map(|part| part.trim().to_owned())
                .collect(),
        };
        let mut values = Vec::new();
        for text in texts.iter().filter(|text| !text.is_empty()) {
            match parse(text) {
                Ok(value) => values.push(value),
                Err(why) => return self.refuse(key, format!("{text:?} cannot be used: {why}")),
            }
        }
        Some(values)
    }

    /// Notes a problem with a key.
    pub(super) fn refuse<T>(&mut self, key: &Key, what: String) -> Option<T> {
        let origin = self
            .written
            .get(key)
            .map_or(Origin::Default, |(_, origin)| origin.clone());
        self.problems.push(Problem {
            key: key.path.to_owned(),
            origin,
            what,
        });
        None
    }
}
