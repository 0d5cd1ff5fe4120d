//! What the listener is given: socket, TLS and limits as they are configured, and beside the product's routes those for whoever
//! runs the server: health, metrics, the landing page.

mod bind;
mod landing;
mod ops;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use listener::Options;
pub use listener::{Drain, Readiness};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

pub use self::bind::BindError;
use self::tls::Identity;
pub use self::tls::TlsError;
pub(crate) use self::tls::certificates;
use crate::config::{Settings, Tls};

/// What the shell needs beside the settings.
#[derive(Debug)]
pub struct Parts {
    /// Says whether the server should get traffic.
    pub readiness: Readiness,
    /// Renders the metrics.
    pub metrics: PrometheusHandle,
    /// Cancelled when the server shall stop accepting and finish what it accepted.
    pub stop: CancellationToken,
    /// Seed of request ids, so that two servers do not give the same ones.
    pub request_seed: u64,
}

/// A listener at work.
#[derive(Debug)]
pub struct Serving {
    /// The bound address, with the real port.
    pub address: SocketAddr,
    task: JoinHandle<Drain>,
}

impl Serving {
    /// Waits until the server was told to stop and everything accepted is finished, or the drain time is over.
    pub async fn finished(self) -> Drain {
        self.task.await.unwrap_or(Drain::CutOff)
    }
}

/// Why serving could not begin.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
}

/// Whether certificate and key can be read and belong together.
pub fn check_certificate(tls: &Tls) -> Result<(), TlsError> {
    Identity::read(tls).map(drop)
}

/// An address that is taken; whoever connects waits until it is served.
pub struct Bound {
    socket: TcpListener,
    tls: Option<(TlsAcceptor, Arc<Identity>)>,
    address: SocketAddr,
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bound({})", self.address)
    }
}

impl Bound {
    /// The address, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Takes the address that is configured. Must be called within a Tokio runtime.
pub fn bind(settings: &Settings) -> Result<Bound, ServeError> {
    let tls = settings.tls.as_ref().map(identified).transpose()?;
    let (socket, address) = bind::bind(settings.server.listen)?;
    Ok(Bound { socket, tls, address })
}

fn identified(tls: &Tls) -> Result<(TlsAcceptor, Arc<Identity>), TlsError> {
    let identity = Arc::new(Identity::read(tls)?);
    Ok((identity.acceptor()?, identity))
}

/// Serves `product` (the product's routes, its fallback included) beside health, metrics and the landing page, until
/// `parts.stop` is cancelled. Must be called within a Tokio runtime.
pub fn serve(settings: &Settings, bound: Bound, product: Router, parts: Parts) -> Serving {
    let address = bound.address();
    let options = options(settings, parts.request_seed);
    let routes = Router::new()
        .merge(ops::routes(parts.readiness.clone(), parts.metrics))
        .merge(landing::routes(settings))
        .merge(product);
    let acceptor = bound.tls.map(|(acceptor, identity)| {
        tokio::spawn(identity.stay_current(parts.stop.clone()));
        acceptor
    });
    let door = (bound.socket, acceptor);
    let task = listener::serve(door, options, routes, parts.readiness, parts.stop);
    Serving { address, task }
}

fn options(settings: &Settings, request_seed: u64) -> Options {
    let server = &settings.server;
    Options {
        max_connections: server.max_connections,
        max_streams: server.max_streams,
        header_timeout: server.header_timeout,
        drain_time: server.drain_time,
        trusted_proxies: server.trusted_proxies.clone(),
        origins: settings.cors.clone(),
        https: settings.is_https(),
        request_seed,
    }
}
