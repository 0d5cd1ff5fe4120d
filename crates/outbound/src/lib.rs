//! Calls to addresses that somebody configured: how the edges speak to the outside, mostly HTTP, without being led inside.

mod address;

use std::{sync::Arc, time::Duration};

use reqwest::{Client, ClientBuilder, redirect::Policy};

pub use address::{connect, may_call, was_refused};

/// A client that follows no redirects, uses no proxy, and connects to public addresses only, unless others are allowed.
/// A URL has to pass [`may_call`] as well, for an address that is written in it is never resolved.
pub fn client(allow_private: bool, timeout: Duration) -> reqwest::Result<Client> {
    builder(allow_private, timeout).build()
}

fn builder(allow_private: bool, timeout: Duration) -> ClientBuilder {
    Client::builder()
        .redirect(Policy::none())
        .no_proxy()
        .user_agent(concat!("Merlon/", env!("CARGO_PKG_VERSION")))
        .timeout(timeout)
        .connect_timeout(timeout)
        .pool_idle_timeout(Duration::from_secs(30))
        .dns_resolver(Arc::new(address::Guarded { allow_private }))
}
