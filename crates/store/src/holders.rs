//! Who stands behind a token, remembered between requests until a commit changes what the token is worth.

use domain::base::{InstanceId, TokenId};
use quick_cache::sync::Cache;

use crate::{
    db::{Fresh, Store},
    error::Result,
    moments::Moments,
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
    moments: Moments,
}

impl Holders {
    pub(crate) fn new() -> Self {
        Self {
            seen: Cache::new(MOST),
            moments: Moments::new(GROUPS),
        }
    }

    /// Called after the commit of a change to a user's standing, and before it is acknowledged.
    pub(crate) fn forget(&self, user: &str) {
        self.forget_group(self.moments.group(user));
    }

    /// As [`Self::forget`], for all users of a group.
    pub(crate) fn forget_group(&self, group: usize) {
        self.moments.change(group);
    }

    fn recall(&self, key: &(InstanceId, TokenId)) -> Option<TokenHolder> {
        let seen = self.seen.get(key)?;
        let is_so = self.moments.hold(seen.holder.user.as_str(), seen.moment);
        is_so.then_some(seen.holder)
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
        let moment = holders.moments.now();
        let mut snapshot = self.glance()?;
        let found = token::holder(&mut snapshot, instance, id).await?;
        if let Some(holder) = found.clone() {
            holders.seen.insert(key, Seen { moment, holder });
        }
        Ok(found)
    }
}
