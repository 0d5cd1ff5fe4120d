//! Which instance a request is for. One is served today; everything asks here, so that several need no other change.

use domain::base::InstanceId;

/// The instances that this server answers for.
#[derive(Clone, Debug)]
pub struct Instances {
    only: InstanceId,
}

impl Instances {
    /// A server of one instance, whatever host it is reached by.
    pub fn one(instance: InstanceId) -> Self {
        Self { only: instance }
    }

    /// The instance that a request for this host (without port) is for.
    pub fn by_host(&self, _host: &str) -> Option<&InstanceId> {
        Some(&self.only)
    }
}
