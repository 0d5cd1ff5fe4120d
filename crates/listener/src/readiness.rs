//! Whether this server should get traffic, and if not, why.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

type Probe = Box<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Reasons against traffic. Clones share them.
#[derive(Clone, Default)]
pub struct Readiness(Arc<Inner>);

#[derive(Default)]
struct Inner {
    reasons: Mutex<BTreeMap<&'static str, String>>,
    probes: Mutex<Vec<(&'static str, Probe)>>,
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Readiness").field(&self.0.reasons).finish()
    }
}

impl Readiness {
    /// Notes a reason against traffic until it is [taken back](Self::clear).
    pub fn object(&self, name: &'static str, reason: impl Into<String>) {
        self.0.reasons.lock().insert(name, reason.into());
    }

    /// Takes a reason back.
    pub fn clear(&self, name: &'static str) {
        self.0.reasons.lock().remove(name);
    }

    /// Adds a quick check that is asked on every look, such as "does the store take writes". It must not block.
    pub fn probe(&self, name: &'static str, probe: impl Fn() -> Result<(), String> + Send + Sync + 'static) {
        self.0.probes.lock().push((name, Box::new(probe)));
    }

    /// All reasons now; none means ready.
    pub fn reasons(&self) -> BTreeMap<&'static str, String> {
        let mut reasons = self.0.reasons.lock().clone();
        for (name, probe) in self.0.probes.lock().iter() {
            if let Err(reason) = probe() {
                reasons.insert(name, reason);
            }
        }
        reasons
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_ready_when_nothing_speaks_against_it() {
        let readiness = Readiness::default();
        readiness.object("start", "still starting");
        readiness.probe("store", || Err("disk full".to_owned()));
        assert_eq!(
            readiness.reasons().into_keys().collect::<Vec<_>>(),
            ["start", "store"]
        );
        readiness.clear("start");
        assert_eq!(
            readiness.reasons().into_values().collect::<Vec<_>>(),
            ["disk full"]
        );
    }
}
