//! What was written: keys and texts from file, environment and flags, each with its place. Nothing is understood here
//! beyond "is there such a key"; what the texts mean is said by the sections.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_saphyr::Spanned;

use super::key::Key;
use super::problem::{Origin, Problem};
use super::secret::Secret;
use super::{SECTIONS, keys, nearest};

/// Variables that have our prefix and are no keys: short names and the path of the file itself.
const SHORT_VARIABLES: [(&str, &str); 2] = [("MERLON_LOG", "log.level"), ("MERLON_CONFIG", "")];

/// Values by key, the last writer wins.
#[derive(Debug, Default)]
pub(super) struct Written {
    values: BTreeMap<&'static str, (Vec<Secret>, Origin)>,
    problems: Vec<Problem>,
}

impl Written {
    /// The texts of a key and where they were written; one text unless the key is a list.
    pub(super) fn get(&self, key: &Key) -> Option<(&[Secret], &Origin)> {
        self.values
            .get(key.path)
            .map(|(texts, origin)| (texts.as_slice(), origin))
    }

    /// What could not even be read.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// Adds a value of the command line.
    pub(super) fn add_flag(&mut self, flag: &'static str, path: &str, text: String) {
        if let Some(key) = find(path) {
            self.put(key, vec![text], Origin::Flag(flag));
        }
    }

    /// Takes a key as not written.
    pub(super) fn forget(&mut self, key: &Key) {
        self.values.remove(key.path);
    }

    /// Adds a YAML file.
    pub(super) fn add_file(&mut self, path: &Path) {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                let what = format!("cannot be read ({error}); give a readable file to --config");
                return self.problem(String::new(), Origin::File(path.to_owned(), 0), what);
            }
        };
        self.add_yaml(&text, path);
    }

    /// Adds the text of a YAML file; `path` is for messages only.
    pub(super) fn add_yaml(&mut self, text: &str, path: &Path) {
        if text
            .lines()
            .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
        {
            return;
        }
        let mut reader = Reading { written: self, path };
        let section = Section {
            prefix: String::new(),
            reader: &mut reader,
        };
        let outcome = serde_saphyr::with_deserializer_from_str(text, |yaml| section.deserialize(yaml));
        if let Err(error) = outcome {
            let line = error.location().map_or(0, |place| place.line());
            let what = yaml_message(&error);
            self.problem(String::new(), Origin::File(path.to_owned(), line), what);
        }
    }

    /// Adds the environment: `MERLON_SECTION__KEY`, lists separated by commas. Other programs' variables are skipped.
    pub(super) fn add_environment(&mut self, variables: impl IntoIterator<Item = (String, String)>) {
        for (name, text) in variables
            .into_iter()
            .filter(|(name, _)| name.starts_with("MERLON_"))
        {
            let short = SHORT_VARIABLES.iter().find(|(short, _)| *short == name);
            let path = match short {
                Some((_, "")) => continue,
                Some((_, path)) => (*path).to_owned(),
                None => name["MERLON_".len()..].to_lowercase().replace("__", "."),
            };
            match find(&path) {
                Some(key) if short.is_some() || key.variable() == name => self.put_variable(key, &text, name),
                _ if is_injected(&name) => {}
                _ => self.unknown_variable(name),
            }
        }
    }

    /// Adds variables whose text cannot be read, by their names. What they were meant to say must not be passed over.
    pub(super) fn add_garbled(&mut self, names: Vec<String>) {
        for name in names {
            let passed_on = SHORT_VARIABLES.contains(&(name.as_str(), ""));
            if name.starts_with("MERLON_") && !passed_on && !is_injected(&name) {
                let what = "is not UTF-8; write it in UTF-8 (in a URL, %C3%BC for \u{fc})".to_owned();
                self.problem(String::new(), Origin::Variable(name), what);
            }
        }
    }

    fn put_variable(&mut self, key: &'static Key, text: &str, name: String) {
        let texts = if key.is_list() {
            text.split(',')
                .map(|part| part.trim().to_owned())
                .filter(|part| !part.is_empty())
                .collect()
        } else {
            vec![text.to_owned()]
        };
        self.put(key, texts, Origin::Variable(name));
    }

    fn unknown_variable(&mut self, name: String) {
        let names: Vec<String> = keys().map(Key::variable).collect();
        let near = nearest(&name, names.iter().map(String::as_str));
        let what = format!("there is no such setting; did you mean {near}?");
        self.problem(String::new(), Origin::Variable(name), what);
    }

    fn put(&mut self, key: &'static Key, texts: Vec<String>, origin: Origin) {
        self.values
            .insert(key.path, (texts.into_iter().map(Secret::new).collect(), origin));
    }

    fn problem(&mut self, key: String, origin: Origin, what: String) {
        self.problems.push(Problem { key, origin, what });
    }
}

/// Kubernetes puts variables such as `MERLON_SERVICE_HOST` and `MERLON_PORT_8080_TCP` into every container beside a
/// service called merlon. They are nobody's mistake.
fn is_injected(name: &str) -> bool {
    let rest = &name["MERLON_".len()..];
    !rest.contains("__")
        && (rest == "PORT"
            || rest.starts_with("PORT_")
            || rest.contains("SERVICE_HOST")
            || rest.contains("SERVICE_PORT"))
}

fn find(path: &str) -> Option<&'static Key> {
    keys().find(|key| key.path == path)
}

/// The parser's words without the excerpt of the file, which could hold a password.
fn yaml_message(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let first = text.lines().next().unwrap_or_default();
    format!("is not valid here: {first}")
}

/// A file being read.
struct Reading<'a> {
    written: &'a mut Written,
    path: &'a Path,
}

impl Reading<'_> {
    fn unknown(&mut self, path: String, line: u64) {
        // What stands alone was meant for a section.
        let near = if path.contains('.') {
            nearest(&path, keys().map(|key| key.path))
        } else {
            nearest(&path, SECTIONS.iter().map(|(section, ..)| *section))
        };
        let what = format!("there is no such key; did you mean {near}?");
        self.written
            .problem(path, Origin::File(self.path.to_owned(), line), what);
    }
}

/// A part of the tree: the keys that begin with a prefix. The table of keys drives the reading, so every scalar is
/// taken as it was typed (`0123` stays `0123`) and every key has its line.
struct Section<'r, 'a> {
    prefix: String,
    reader: &'r mut Reading<'a>,
}

impl<'de> DeserializeSeed<'de> for Section<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Section<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.prefix.strip_suffix('.') {
            None => f.write_str("sections with keys, such as `server:` with `listen:` below it"),
            Some(section) => write!(
                f,
                "keys below `{section}:`, since it is a section and no key itself"
            ),
        }
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Spanned<String>>()? {
            let (path, line) = (format!("{}{}", self.prefix, name.value), name.referenced.line());
            let below = format!("{path}.");
            if let Some(key) = find(&path) {
                let texts = if key.is_list() {
                    map.next_value::<Option<Vec<String>>>()?
                } else {
                    map.next_value::<Option<String>>()?.map(|text| vec![text])
                };
                if let Some(texts) = texts {
                    let origin = Origin::File(self.reader.path.to_owned(), line);
                    self.reader.written.put(key, texts, origin);
                }
            } else if keys().any(|key| key.path.starts_with(&below)) {
                map.next_value_seed(Section {
                    prefix: below,
                    reader: &mut *self.reader,
                })?;
            } else {
                map.next_value::<IgnoredAny>()?;
                self.reader.unknown(path, line);
            }
        }
        Ok(())
    }
}
