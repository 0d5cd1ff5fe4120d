//! When what was looked up may still be believed.
//!
//! Every look into the database and every change gets a moment of one counter. A change takes its moment after its commit
//! and before its answer, so what was looked up before that moment is not believed any more once anybody may know of the
//! change. Moments are kept for groups: the neighbours of what changed are looked up again, nothing else.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use crate::db::spread;

#[derive(Debug)]
pub(crate) struct Moments {
    now: AtomicU64,
    changed: Vec<AtomicU64>,
}

impl Moments {
    /// For so many groups.
    pub(crate) fn new(groups: usize) -> Self {
        Self {
            now: AtomicU64::new(0),
            changed: (0..groups).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// The moment of a look-up that begins now.
    pub(crate) fn now(&self) -> u64 {
        self.now.load(SeqCst)
    }

    /// The group of an id.
    pub(crate) fn group(&self, id: &str) -> usize {
        spread(id, self.changed.len())
    }

    /// Called after the commit of a change to somebody of a group, and before it is acknowledged.
    pub(crate) fn change(&self, group: usize) {
        let moment = self.now.fetch_add(1, SeqCst) + 1;
        self.changed[group].fetch_max(moment, SeqCst);
    }

    /// Whether what was looked up at a moment is so for this id now.
    pub(crate) fn hold(&self, id: &str, looked_up: u64) -> bool {
        self.changed[self.group(id)].load(SeqCst) <= looked_up
    }
}
