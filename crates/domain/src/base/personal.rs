//! Values about a person that must be erasable while the history stays as it is.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A personal value inside an event. It is never part of the event's JSON: the store keeps it beside the log and
/// erases it with the user, after which it reads as [`Personal::Forgotten`].
#[derive(Clone, PartialEq, Eq, Default)]
pub enum Personal<T> {
    /// The value is still known.
    Known(T),
    /// The value was erased.
    #[default]
    Forgotten,
}

impl<T> Personal<T> {
    /// The value, unless it was erased.
    pub fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Forgotten => None,
        }
    }
}

impl<T> fmt::Debug for Personal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.known().is_some() {
            "Personal(..)"
        } else {
            "Forgotten"
        })
    }
}

impl<T> Serialize for Personal<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de, T> Deserialize<'de> for Personal<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self::Forgotten)
    }
}

/// An event that can hand out its personal values and take them back.
pub trait Forgettable {
    /// Stable name of the fact, such as `otp_added`; the column that the audit searches by.
    fn name(&self) -> &'static str;
    /// The personal values as one JSON text, or nothing when there are none.
    fn personal(&self) -> Option<String>;
    /// Puts values from [`Self::personal`] back into place; what does not fit stays forgotten.
    fn restore(&mut self, personal: &str);
}
