//! JSON that keeps the order in which it was written, so that the document reads like the contract.

use serde::ser::{Serialize, Serializer};

/// A JSON value with ordered objects.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Text(String),
    Number(u64),
    Flag(bool),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    /// An object with these entries.
    pub(super) fn map<const N: usize>(entries: [(&str, Node); N]) -> Self {
        Self::Map(
            entries
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        )
    }

    /// The same object with one more entry; anything else stays as it is.
    pub(super) fn with(mut self, key: &str, value: impl Into<Node>) -> Self {
        if let Self::Map(entries) = &mut self {
            entries.push((key.to_owned(), value.into()));
        }
        self
    }

    /// The same object with one more entry, if there is a text to put there.
    pub(super) fn with_text(self, key: &str, text: &str) -> Self {
        if text.is_empty() {
            self
        } else {
            self.with(key, text)
        }
    }

    /// The entry of an object.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.entries()
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// The text at an entry, empty where there is none.
    pub(super) fn text(&self, key: &str) -> &str {
        match self.get(key) {
            Some(Self::Text(text)) => text,
            _ => "",
        }
    }

    /// Whether an entry is there and true.
    pub(super) fn flag(&self, key: &str) -> bool {
        self.get(key) == Some(&Self::Flag(true))
    }

    /// The elements of the list at an entry.
    pub(super) fn list(&self, key: &str) -> &[Node] {
        match self.get(key) {
            Some(Self::List(items)) => items,
            _ => &[],
        }
    }

    /// The entries of an object.
    pub(super) fn entries(&self) -> &[(String, Node)] {
        match self {
            Self::Map(entries) => entries,
            _ => &[],
        }
    }
}

impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Node {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Node {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Node {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<Vec<Node>> for Node {
    fn from(items: Vec<Node>) -> Self {
        Self::List(items)
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(entries) => serializer.collect_map(entries.iter().map(|(key, value)| (key, value))),
        }
    }
}
