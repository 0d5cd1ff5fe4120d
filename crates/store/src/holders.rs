//! Who stands behind a token, remembered between requests until a commit changes what the token is worth.
//!
//! Every look into the database and every change gets a moment of one counter. A change takes its moment after its commit
//! and before its answer, so what was looked up before that moment is not believed any more once anybody may know of the
//! change. Moments are kept for groups of users; the neighbours of a changed user are looked up again, nothing else.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use domain::base::{InstanceId, TokenId};
use quick_cache::sync::Cache;

use crate::{
    db::{Fresh, Store, spread},
    error::Result,
    read::token::{self, TokenHolder},
};

/// Tokens that are remembered.
const MOST: usize = 4096;
/// Groups of users.
pub(crate) const GROUPS: usize = 64;

#[derive(Clone, Debug)]
struct Seen {
    /// When the look-up began.
    moment: u64,
    holder: TokenHolder,
}

#[derive(Debug)]
pub(crate) struct Holders {
    seen: Cache<(InstanceId, TokenId), Seen>,
    now: AtomicU64,
    changed: Vec<AtomicU64>,
}

impl Holders {
    pub(crate) fn new() -> Self {
        Self {
            seen: Cache::new(MOST),
            now: AtomicU64::new(0),
            changed: (0..GROUPS).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    /// Called after the commit of a change to a user's standing, and before it is acknowledged.
    pub(crate) fn forget(&self, user: &str) {
        self.forget_group(spread(user, GROUPS));
    }

    /// As [`Self::forget`], for all users of a group.
    pub(crate) fn forget_group(&self, group: usize) {
        let moment = self.now.fetch_add(1, SeqCst) + 1;
        self.changed[group].fetch_max(moment, SeqCst);
    }

    fn recall(&self, key: &(InstanceId, TokenId)) -> Option<TokenHolder> {
        let seen = self.seen.get(key)?;
        let group = spread(seen.holder.user.as_str(), GROUPS);
        let changed = self.changed[group].load(SeqCst);
        (changed <= seen.moment).then_some(seen.holder)
    }
}

impl Store {
    /// Finds who stands behind a token, with what a permission check needs. What the answer rests on was committed before
    /// `fresh` was asked for, or later. The caller compares the digest and the time.
    pub async fn token_holder(
        &self,
        fresh: Fresh,
        instance: &InstanceId,
        id: &TokenId,
    ) -> Result<Option<TokenHolder>> {
        let holders = &self.inner.hearers.holders;
        let key = (instance.clone(), id.clone());
        if fresh.0
            && let Some(holder) = holders.recall(&key)
        {
            return Ok(Some(holder));
        }
        let moment = holders.now.load(SeqCst);
        let mut snapshot = self.glance()?;
        let found = token::holder(&mut snapshot, instance, id).await?;
        if let Some(holder) = found.clone() {
            holders.seen.insert(key, Seen { moment, holder });
        }
        Ok(found)
    }
}
