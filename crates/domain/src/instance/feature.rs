//! Features: what can be switched on and off for an instance while the server runs.

use serde::{Deserialize, Serialize};

use super::{Event, Instance, Refusal};
use crate::base::Decision;

/// What can be switched. The names are those of the public API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feature {
    /// The v3alpha services of users and of user schemas.
    UserSchema,
}

impl Feature {
    /// Every feature.
    pub const ALL: [Self; 1] = [Self::UserSchema];

    /// Whether it is on where nobody set it.
    pub const fn is_built_in(self) -> bool {
        match self {
            Self::UserSchema => true,
        }
    }
}

/// What is set of the features of an instance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// [`Feature::UserSchema`]; nothing where nobody set it.
    pub user_schema: Option<bool>,
}

impl Features {
    /// What this feature is set to; nothing where nobody set it.
    pub const fn set(self, feature: Feature) -> Option<bool> {
        match feature {
            Feature::UserSchema => self.user_schema,
        }
    }

    /// Whether this feature is on, set or built in.
    pub fn is_on(self, feature: Feature) -> bool {
        self.set(feature).unwrap_or(feature.is_built_in())
    }

    pub(super) fn put(&mut self, feature: Feature, on: bool) {
        match feature {
            Feature::UserSchema => self.user_schema = Some(on),
        }
    }
}

impl Instance {
    /// Sets what `wanted` holds and leaves the rest.
    pub(super) fn set_features(&self, wanted: Features) -> Decision<Event, Refusal> {
        if self.name.is_none() {
            return Decision::refuse(Refusal::NotFound);
        }
        if wanted == Features::default() {
            return Decision::refuse(Refusal::NoFeature);
        }
        let changed = Feature::ALL.into_iter().filter_map(|feature| {
            let on = wanted.set(feature)?;
            (self.features.set(feature) != Some(on)).then_some(Event::FeatureSet { feature, on })
        });
        Decision::accept(changed.collect::<Vec<_>>())
    }

    /// Brings every feature back to what is built in.
    pub(super) fn reset_features(&self) -> Decision<Event, Refusal> {
        if self.name.is_none() {
            return Decision::refuse(Refusal::NotFound);
        }
        if self.features == Features::default() {
            return Decision::accept([]);
        }
        Decision::accept([Event::FeaturesReset])
    }
}
