//! An instance: one tenant of the server, the outermost boundary of everything.

use serde::{Deserialize, Serialize};

use crate::base::{Aggregate, Decision, Forgettable, OrgId, Timestamp};

/// An instance, or the place where one could be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// Its name, once created.
    pub name: Option<String>,
    /// The organization that owns what names no other.
    pub default_org: Option<OrgId>,
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
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The id is in use.
    #[error("the instance exists already")]
    AlreadyExists,
}

impl Forgettable for Event {
    fn name(&self) -> &'static str {
        "instance_created"
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
        let Command::Create { name, default_org } = command;
        match self.name {
            Some(_) => Decision::refuse(Refusal::AlreadyExists),
            None => Decision::accept([Event::InstanceCreated { name, default_org }]),
        }
    }

    fn evolve(&mut self, event: &Event, _at: Timestamp) {
        let Event::InstanceCreated { name, default_org } = event;
        self.name = Some(name.clone());
        self.default_org = Some(default_org.clone());
    }
}
