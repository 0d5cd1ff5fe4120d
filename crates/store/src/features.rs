//! The features of instances, remembered between requests until a commit changes them.
//!
//! Features are asked for with nearly every request and hardly ever change, so a look-up is believed until the next change of
//! any instance. [`KnownFeatures::forget`] is the one way to end that: the writer calls it between a commit and its answer,
//! and so does whatever hears of commits of other nodes.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use domain::{base::InstanceId, instance::Features};
use quick_cache::sync::Cache;

use crate::{
    db::{Fresh, Store},
    error::Result,
    read::instance,
};

/// Instances that are remembered.
const MOST: usize = 1024;

#[derive(Clone, Copy, Debug)]
struct Seen {
    /// How many changes there had been when the look-up began.
    changes: u64,
    features: Features,
}

#[derive(Debug)]
pub(crate) struct KnownFeatures {
    seen: Cache<InstanceId, Seen>,
    changes: AtomicU64,
}

impl KnownFeatures {
    pub(crate) fn new() -> Self {
        Self {
            seen: Cache::new(MOST),
            changes: AtomicU64::new(0),
        }
    }

    /// Called after the commit of a change to an instance, and before it is acknowledged. A look-up that began before is not
    /// believed any more, whenever it ends.
    pub(crate) fn forget(&self) {
        self.changes.fetch_add(1, SeqCst);
    }

    fn recall(&self, instance: &InstanceId) -> Option<Features> {
        let seen = self.seen.get(instance)?;
        (seen.changes == self.changes.load(SeqCst)).then_some(seen.features)
    }
}

impl Store {
    /// What is set of the features of an instance; nothing for one that does not exist. What the answer rests on was
    /// committed before `fresh` was asked for, or later.
    pub async fn features(&self, fresh: Fresh, instance: &InstanceId) -> Result<Features> {
        let known = &self.inner.hearers.features;
        if fresh.0
            && let Some(features) = known.recall(instance)
        {
            return Ok(features);
        }
        let changes = known.changes.load(SeqCst);
        let mut snapshot = self.glance()?;
        let features = instance::features(&mut snapshot, instance).await?;
        known.seen.insert(instance.clone(), Seen { changes, features });
        Ok(features)
    }
}
