//! An instance: one tenant of the server, the outermost boundary of everything.

mod feature;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::base::{Aggregate, Decision, Forgettable, OrgId, Timestamp};

pub use feature::{Feature, Features};

/// An instance, or the place where one could be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// Its name, once created.
    pub name: Option<String>,
    /// The organization that owns what names no other.
    pub default_org: Option<OrgId>,
    /// What is set of its features.
    pub features: Features,
}

/// What can be asked of an instance.
#[derive(Clone, Debug)]
pub enum Command {
    /// Creates it.
    Create {
        /// 1 to 200 characters.
        name: String,
        /// The organization that owns what names no other.
        default_org: OrgId,
    },
    /// Sets what these features hold and leaves the rest; refused when they hold nothing.
    SetFeatures(Features),
    /// Brings every feature back to what is built in.
    ResetFeatures,
}

/// What happened to an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// It came to be.
    InstanceCreated {
        /// Its name.
        name: String,
        /// The organization that owns what names no other.
        default_org: OrgId,
    },
    /// A feature was switched.
    FeatureSet {
        /// Which.
        feature: Feature,
        /// Whether it is on now.
        on: bool,
    },
    /// Every feature is as it is built in.
    FeaturesReset,
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The id is in use.
    #[error("the instance exists already")]
    AlreadyExists,
    /// There is no such instance.
    #[error("the instance does not exist")]
    NotFound,
    /// No feature was named that could be set.
    #[error("no feature is to be set")]
    NoFeature,
}

impl Forgettable for Event {
    fn name(&self) -> &'static str {
        match self {
            Self::InstanceCreated { .. } => "instance_created",
            Self::FeatureSet { .. } => "feature_set",
            Self::FeaturesReset => "features_reset",
        }
    }

    fn personal(&self) -> Option<String> {
        None
    }

    fn restore(&mut self, _personal: &str) {}
}

impl Aggregate for Instance {
    const KIND: &'static str = "instance";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, command: Command, _now: Timestamp) -> Decision<Event, Refusal> {
        match command {
            Command::Create { .. } if self.name.is_some() => Decision::refuse(Refusal::AlreadyExists),
            Command::Create { name, default_org } => {
                Decision::accept([Event::InstanceCreated { name, default_org }])
            }
            Command::SetFeatures(wanted) => self.set_features(wanted),
            Command::ResetFeatures => self.reset_features(),
        }
    }

    fn evolve(&mut self, event: &Event, _at: Timestamp) {
        match event {
            Event::InstanceCreated { name, default_org } => {
                self.name = Some(name.clone());
                self.default_org = Some(default_org.clone());
            }
            Event::FeatureSet { feature, on } => self.features.put(*feature, *on),
            Event::FeaturesReset => self.features = Features::default(),
        }
    }
}
