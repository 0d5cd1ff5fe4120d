//! Section `data`: the directory that holds everything.

use std::path::PathBuf;

use super::key::{Form, Key};
use super::reader::Reader;

pub(super) const DIR: Key = Key::new(
    "data.dir",
    Form::Text("path of a directory"),
    "./merlon-data",
    "The data directory. It is created with private permissions; one server at a time may use it.",
);

pub(super) const KEYS: &[&Key] = &[&DIR];

/// Where data lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    /// The directory.
    pub dir: PathBuf,
}

impl Data {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        Some(Self {
            dir: reader.value(&DIR, |text| Ok(PathBuf::from(text)))?,
        })
    }
}
