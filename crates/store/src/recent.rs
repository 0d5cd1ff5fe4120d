//! Users that were read lately, as their rows hold them, remembered until a commit changes them: whoever signs in is asked for several
//! times within seconds, and finding a row takes a quarter of the time that a request does. Only where one process writes.

use std::{fmt, hash::Hash};

use bytes::Bytes;
use domain::base::{InstanceId, UserId};
use quick_cache::{Equivalent, Weighter, sync::Cache};

use crate::{change::Head, moments::Moments};

/// Bytes that are remembered at most.
const MOST: u64 = 32 << 20;
/// Bytes that one takes beside its state: its key, its head, its place in the table.
const BESIDE: u64 = 200;
/// Groups of users.
const GROUPS: usize = 1 << 14;

/// A row.
#[derive(Clone)]
pub(crate) struct Found {
    pub head: Head,
    /// Nothing for one who was deleted.
    pub state: Option<Bytes>,
}

impl fmt::Debug for Found {
    /// The state is personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Found({:?})", self.head)
    }
}

#[derive(Clone, Debug)]
struct Seen {
    /// When the look-up began.
    moment: u64,
    found: Found,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key(InstanceId, UserId);

#[derive(Hash)]
struct Asked<'a>(&'a str, &'a str);

impl Equivalent<Key> for Asked<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.0 == key.0.as_str() && self.1 == key.1.as_str()
    }
}

#[derive(Clone, Debug)]
struct Size;

impl Weighter<Key, Seen> for Size {
    fn weight(&self, _: &Key, seen: &Seen) -> u64 {
        let state = seen.found.state.as_ref().map_or(0, Bytes::len);
        BESIDE + state as u64
    }
}

#[derive(Debug)]
pub(crate) struct Recent {
    seen: Cache<Key, Seen, Size>,
    moments: Moments,
}

impl Recent {
    pub(crate) fn new() -> Self {
        let ordinary = 2 * BESIDE;
        let likely = usize::try_from(MOST / ordinary).unwrap_or(usize::MAX);
        Self {
            seen: Cache::with_weighter(likely, MOST, Size),
            moments: Moments::new(GROUPS),
        }
    }

    /// The moment of a look-up that begins now.
    pub(crate) fn now(&self) -> u64 {
        self.moments.now()
    }

    /// What the last look-up found, if nothing was committed since.
    pub(crate) fn recall(&self, instance: &InstanceId, id: &UserId) -> Option<Found> {
        let seen = self.seen.get(&Asked(instance.as_str(), id.as_str()))?;
        self.moments.hold(id.as_str(), seen.moment).then_some(seen.found)
    }

    /// Keeps what a look-up that began at `moment` found. Whoever is not there takes no room.
    pub(crate) fn keep(&self, instance: &InstanceId, id: &UserId, moment: u64, found: &Found) {
        if found.state.is_some() {
            let (key, found) = (Key(instance.clone(), id.clone()), found.clone());
            self.seen.insert(key, Seen { moment, found });
            // Whoever was deleted since the look-up began was perhaps taken out just before.
            if !self.moments.hold(id.as_str(), moment) {
                self.seen.remove(&Asked(instance.as_str(), id.as_str()));
            }
        }
    }

    /// Called after the commit of a change to a user, and before it is acknowledged. What was remembered is not believed any more, and
    /// makes room when somebody else needs it.
    pub(crate) fn disbelieve(&self, id: &str) {
        self.moments.change(self.moments.group(id));
    }

    /// The same for a user who was deleted, of whom nothing stays in memory.
    pub(crate) fn forget(&self, instance: &InstanceId, id: &str) {
        self.disbelieve(id);
        self.seen.remove(&Asked(instance.as_str(), id));
    }
}

#[cfg(test)]
mod tests {
    use domain::base::Timestamp;

    use super::*;

    fn row(seq: i64, length: usize) -> Found {
        let head = Head {
            seq,
            created: Timestamp(1),
            changed: Timestamp(2),
        };
        let state = Some(vec![7; length].into());
        Found { head, state }
    }

    #[test]
    fn what_was_found_before_a_change_is_not_remembered_behind_it() {
        let (recent, instance) = (Recent::new(), InstanceId::from_trusted("i"));
        let (one, other) = (UserId::from_trusted("one"), UserId::from_trusted("other"));
        let keep = |id, seq| recent.keep(&instance, id, recent.now(), &row(seq, 10));
        let recall = |id| recent.recall(&instance, id).map(|found| found.head.seq);
        assert_eq!(recall(&one), None);
        keep(&one, 1);
        keep(&other, 5);
        let began = recent.now();
        recent.disbelieve("one");
        assert_eq!((recall(&one), recall(&other)), (None, Some(5)));
        recent.keep(&instance, &one, began, &row(1, 10));
        assert_eq!(recall(&one), None, "the look-up began before the change");
        keep(&one, 2);
        assert_eq!(recall(&one), Some(2));
        let elsewhere = InstanceId::from_trusted("j");
        assert!(recent.recall(&elsewhere, &one).is_none());
    }

    #[test]
    fn nothing_of_a_user_who_went_stays_in_memory() {
        let (recent, instance) = (Recent::new(), InstanceId::from_trusted("i"));
        let id = UserId::from_trusted("one");
        recent.keep(&instance, &id, recent.now(), &row(1, 10));
        recent.forget(&instance, "one");
        assert_eq!(recent.seen.len(), 0);
        let gone = Found {
            state: None,
            ..row(2, 0)
        };
        recent.keep(&instance, &id, recent.now(), &gone);
        assert_eq!(recent.seen.len(), 0);
        let began = recent.now();
        recent.forget(&instance, "one");
        recent.keep(&instance, &id, began, &row(1, 10));
        assert_eq!(recent.seen.len(), 0, "the look-up began before the deletion");
    }

    #[test]
    fn a_row_that_is_printed_shows_nothing_personal() {
        let found = Found {
            state: Some(Bytes::from_static(b"ada@example.com")),
            ..row(1, 0)
        };
        assert!(!format!("{found:?}").contains("ada"));
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let (recent, instance) = (Recent::new(), InstanceId::from_trusted("i"));
        for n in 0..4000 {
            let id = UserId::from_trusted(&n.to_string());
            recent.keep(&instance, &id, recent.now(), &row(1, 16 << 10));
        }
        assert!(recent.seen.weight() <= MOST && recent.seen.len() > 1000);
    }
}
