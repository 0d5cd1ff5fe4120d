//! New ids: 64-bit numbers that grow with time, unique over all nodes that have numbers of their own.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::base::Timestamp;

/// 2019-04-29T00:00:00Z in microseconds.
const EPOCH: i64 = 1_556_496_000_000_000;
const NODE_BITS: u32 = 8;
const COUNT_BITS: u32 = 14;

/// Gives ids of 41 bits of milliseconds, 8 bits of node and 14 bits of count. Never gives one twice and never goes
/// back, whatever the clock does while it lives.
#[derive(Debug)]
pub struct IdSource {
    node: u64,
    last: AtomicU64,
}

impl IdSource {
    /// A source for the node with this number.
    pub fn new(node: u8) -> Self {
        Self {
            node: u64::from(node) << COUNT_BITS,
            last: AtomicU64::new(0),
        }
    }

    /// The next id.
    pub fn next(&self, now: Timestamp) -> u64 {
        let fresh = self.first_of(u64::try_from((now.0 - EPOCH) / 1000).unwrap_or(0));
        let step = |last: u64| Some(if fresh > last { fresh } else { self.after(last) });
        match self.last.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step) {
            Ok(last) | Err(last) => {
                if fresh > last {
                    fresh
                } else {
                    self.after(last)
                }
            }
        }
    }

    fn first_of(&self, millisecond: u64) -> u64 {
        millisecond << (NODE_BITS + COUNT_BITS) | self.node
    }

    fn after(&self, last: u64) -> u64 {
        let full = (1 << COUNT_BITS) - 1;
        if last & full == full {
            self.first_of((last >> (NODE_BITS + COUNT_BITS)) + 1)
        } else {
            last + 1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_even_when_the_clock_stands_or_goes_back() {
        let ids = IdSource::new(3);
        let mut last = 0;
        for n in 0..40_000 {
            let id = ids.next(Timestamp(1_700_000_000_000_000 - n));
            assert!(id > last);
            assert_eq!(id >> COUNT_BITS & 0xff, 3);
            last = id;
        }
    }
}
