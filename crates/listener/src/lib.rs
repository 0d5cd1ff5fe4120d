//! The listener: HTTP/1.1 and HTTP/2 over a bound socket, every connection within limits, and what every request gets (id,
//! caller's address, headers). It knows no route and no setting.

mod body;
mod connection;
mod forwarded;
mod readiness;
mod request;

use std::{sync::Arc, time::Duration};

use axum::Router;
use ipnet::IpNet;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

pub use connection::Drain;
pub use readiness::Readiness;

/// What callers may do and see.
#[derive(Clone, Debug)]
pub struct Options {
    /// Connections at once.
    pub max_connections: usize,
    /// Streams of one HTTP/2 connection.
    pub max_streams: u32,
    /// Time for a handshake and for a request head.
    pub header_timeout: Duration,
    /// Time for accepted requests after the stop.
    pub drain_time: Duration,
    /// Peers whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Pages that may read answers.
    pub origins: Origins,
    /// Whether callers come by TLS, here or at a proxy in front.
    pub https: bool,
    /// Where request ids begin, so that two servers do not give the same ones.
    pub request_seed: u64,
}

/// Web pages whose scripts may read answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origins {
    /// All.
    Any,
    /// These, as browsers write them.
    Only(Vec<String>),
}

impl Origins {
    /// Whether a page of this origin, as its browser names it, may call.
    pub fn allows(&self, origin: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Only(origins) => origins.iter().any(|known| known.as_bytes() == origin),
        }
    }
}

/// Serves `routes` on a bound socket until `stop` is cancelled, then finishes what was accepted. From then on `readiness` objects.
/// Must be called within a Tokio runtime.
pub fn serve(
    (socket, tls): (TcpListener, Option<TlsAcceptor>),
    options: Options,
    routes: Router,
    readiness: Readiness,
    stop: CancellationToken,
) -> JoinHandle<Drain> {
    let shell = Arc::new(request::Shell::new(&options, routes));
    let listener = connection::Listener::new(socket, tls, options);
    tokio::spawn(listener.run(shell, readiness, stop))
}
