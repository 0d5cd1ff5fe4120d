//! The shell around the routes: sockets, TLS, what every request gets (id, limits, headers), health and metrics.
//! It knows no route of the product.

mod body;
mod forwarded;
mod landing;
mod listener;
mod ops;
mod readiness;
mod request;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use self::listener::{BindError, Drain};
pub use self::readiness::Readiness;
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
    tls::acceptor(tls).map(drop)
}

/// An address that is taken; whoever connects waits until it is served.
pub struct Bound(listener::Listener);

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bound({})", self.address())
    }
}

impl Bound {
    /// The address, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.0.address()
    }
}

/// Takes the address that is configured. Must be called within a Tokio runtime.
pub fn bind(settings: &Settings) -> Result<Bound, ServeError> {
    let tls = settings.tls.as_ref().map(tls::acceptor).transpose()?;
    Ok(Bound(listener::Listener::bind(&settings.server, tls)?))
}

/// Serves `product` (the product's routes, its fallback included) beside health, metrics and the landing page, until
/// `parts.stop` is cancelled. Must be called within a Tokio runtime.
pub fn serve(settings: &Settings, Bound(listener): Bound, product: Router, parts: Parts) -> Serving {
    let address = listener.address();
    let routes = Router::new()
        .merge(ops::routes(parts.readiness.clone(), parts.metrics))
        .merge(landing::routes(settings))
        .merge(product);
    let shell = Arc::new(request::Shell::new(settings, routes, parts.request_seed));
    let task = tokio::spawn(listener.run(shell, parts.readiness, parts.stop));
    Serving { address, task }
}
