//! What every use case is handed: store, time, randomness, keys, policy, and which channels can be sent over.

use std::{fmt, sync::Arc};

use domain::{base::Timestamp, user::Channel};
use store::{Fresh, Store};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    id::IdSource, idp::elsewhere::Elsewhere, password::PasswordPool, policy::Policy, schema::SchemaCache,
    secret::Keys,
};

/// The time of day.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Timestamp;

    /// Goes on from a time that several servers share. One that a test hands in stays what it is.
    fn follow(&self, _time: Timestamp) {}
}

/// A source of randomness fit for secrets.
pub trait Entropy: Send + Sync + 'static {
    /// Fills the bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// Which channels have a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Channels {
    /// SMS can be sent.
    pub sms: bool,
    /// E-mail can be sent.
    pub email: bool,
}

/// Everything that use cases are handed. Shared behind an [`Arc`].
pub struct Ctx {
    /// Where everything is kept.
    pub store: Store,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Keys derived from the master key.
    pub keys: Keys,
    /// Source of new ids.
    pub ids: IdSource,
    /// Limits, lifetimes, hosts.
    pub policy: Policy,
    /// Which channels have a provider.
    pub channels: Channels,
    /// Who speaks to identity providers.
    pub elsewhere: Arc<dyn Elsewhere>,
    /// Where passwords are hashed and compared.
    pub passwords: PasswordPool,
    /// Schemas that were compiled.
    pub schemas: SchemaCache,
    /// Rung when the inbox captured a message.
    pub inbox_bell: Notify,
    /// Cancelled when the server is about to stop: whoever waits for something answers what there is.
    pub stopping: CancellationToken,
}

impl fmt::Debug for Ctx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ctx(..)")
    }
}

impl Ctx {
    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Asks whether what this node remembers may be believed, once for all that one request asks for.
    pub async fn fresh(&self) -> Fresh {
        self.store.fresh().await
    }

    /// A new id: decimal digits, growing with time.
    pub fn new_id(&self) -> String {
        self.ids.next(self.now()).to_string()
    }

    /// Whether this channel can be sent over.
    pub fn can_send(&self, channel: Channel) -> bool {
        match channel {
            Channel::Sms => self.channels.sms,
            Channel::Email => self.channels.email,
        }
    }
}
