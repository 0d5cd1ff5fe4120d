//! An organization: the owner of users inside an instance.

use serde::{Deserialize, Serialize};

use crate::base::{Aggregate, Decision, Forgettable, Timestamp};

/// An organization, or the place where one could be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Org {
    /// Its name, once created.
    pub name: Option<String>,
    /// Its verified domain, by which `org_domain` finds it.
    pub domain: Option<String>,
}

/// What can be asked of an organization.
#[derive(Clone, Debug)]
pub enum Command {
    /// Creates it.
    Create {
        /// 1 to 200 characters.
        name: String,
        /// A domain that finds it, unique within the instance.
        domain: String,
    },
}

/// What happened to an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// It came to be.
    OrgCreated {
        /// Its name.
        name: String,
        /// Its verified domain.
        domain: String,
    },
}

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The id is in use.
    #[error("the organization exists already")]
    AlreadyExists,
}

impl Forgettable for Event {
    fn name(&self) -> &'static str {
        "org_created"
    }

    fn personal(&self) -> Option<String> {
        None
    }

    fn restore(&mut self, _personal: &str) {}
}

impl Aggregate for Org {
    const KIND: &'static str = "org";
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn decide(&self, command: Command, _now: Timestamp) -> Decision<Event, Refusal> {
        let Command::Create { name, domain } = command;
        match self.name {
            Some(_) => Decision::refuse(Refusal::AlreadyExists),
            None => Decision::accept([Event::OrgCreated { name, domain }]),
        }
    }

    fn evolve(&mut self, event: &Event, _at: Timestamp) {
        let Event::OrgCreated { name, domain } = event;
        self.name = Some(name.clone());
        self.domain = Some(domain.clone());
    }
}
