//! Connections: HTTP/1.1 and HTTP/2 on one port, with or without TLS, each within limits, and a stop that finishes what
//! was accepted.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::rt::{Read, Write};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Options;
use crate::readiness::Readiness;
use crate::request::Shell;

/// Bytes of a request head.
const HEADER_BYTES: u32 = 32 * 1024;
/// Bytes of one request body that may wait unread.
const STREAM_WINDOW: u32 = 256 * 1024;
/// Bytes of all request bodies of one connection that may wait unread.
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Pings find dead peers.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Pause after an accept that failed for want of descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How the end came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drain {
    /// Everything accepted was finished.
    Complete,
    /// The drain time was over, or the listener was lost; some requests were cut off.
    CutOff,
}

/// A bound socket with its limits.
pub(super) struct Listener {
    socket: TcpListener,
    tls: Option<TlsAcceptor>,
    options: Options,
}

impl Listener {
    pub(super) fn new(socket: TcpListener, tls: Option<TlsAcceptor>, options: Options) -> Self {
        Self { socket, tls, options }
    }

    /// Accepts until `stop`, then finishes what was accepted within the drain time.
    pub(super) async fn run(self, shell: Arc<Shell>, readiness: Readiness, stop: CancellationToken) -> Drain {
        let drain_time = self.options.drain_time;
        let (tracker, cut) = (TaskTracker::new(), CancellationToken::new());
        self.accept_until(&stop, &shell, &tracker, &cut).await;
        readiness.object("shutdown", "the server is stopping");
        tracker.close();
        if timeout(drain_time, tracker.wait()).await.is_ok() {
            return Drain::Complete;
        }
        cut.cancel();
        tracker.wait().await;
        Drain::CutOff
    }

    /// The socket closes when this returns, so that nobody waits in a queue that is not served any more.
    async fn accept_until(
        self,
        stop: &CancellationToken,
        shell: &Arc<Shell>,
        tracker: &TaskTracker,
        cut: &CancellationToken,
    ) {
        let slots = Arc::new(Semaphore::new(self.options.max_connections));
        let door = Arc::new(Door {
            http: builder(&self.options),
            tls: self.tls,
            patience: self.options.header_timeout,
            shell: shell.clone(),
            stop: stop.clone(),
        });
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = accept(&self.socket, &slots) => accepted,
            };
            let Some((stream, peer, slot)) = accepted else {
                continue;
            };
            let (door, cut) = (door.clone(), cut.clone());
            tracker.spawn(async move {
                let _slot = slot;
                tokio::select! {
                    () = cut.cancelled() => {}
                    () = door.welcome(stream, peer) => {}
                }
            });
        }
    }
}

/// Waits for a free slot first: beyond the limit, connections wait in the system's queue.
async fn accept(
    socket: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let slot = slots.clone().acquire_owned().await.ok()?;
    match socket.accept().await {
        Ok((stream, peer)) => Some((stream, peer, slot)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

fn builder(options: &Options) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(options.header_timeout)
        .max_buf_size(HEADER_BYTES as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(options.max_streams)
        .max_header_list_size(HEADER_BYTES)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}

/// Counts an open connection.
struct Counted;

impl Counted {
    fn new() -> Self {
        metrics::gauge!("merlon_http_connections").increment(1.0);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!("merlon_http_connections").decrement(1.0);
    }
}

/// What connections share.
struct Door {
    http: Builder<TokioExecutor>,
    tls: Option<TlsAcceptor>,
    patience: Duration,
    shell: Arc<Shell>,
    stop: CancellationToken,
}

impl Door {
    async fn welcome(&self, stream: TcpStream, peer: SocketAddr) {
        let _counted = Counted::new();
        let _ = stream.set_nodelay(true);
        // Boxed, so that a connection holds the memory of its own way only.
        match &self.tls {
            None => Box::pin(self.talk(TokioIo::new(stream), peer)).await,
            Some(tls) => match Box::pin(timeout(self.patience, tls.accept(stream))).await {
                Ok(Ok(stream)) => Box::pin(self.talk(TokioIo::new(stream), peer)).await,
                Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
                Err(_) => tracing::debug!("a TLS handshake took too long"),
            },
        }
    }

    /// Serves one connection. One that has asked nothing after the first wait is closed: before the protocol is known,
    /// no other limit holds.
    async fn talk(&self, io: impl Read + Write + Unpin + Send + 'static, peer: SocketAddr) {
        let asked = &AtomicBool::new(false);
        let service = service_fn(move |request: Request<Incoming>| {
            asked.store(true, Ordering::Relaxed);
            let shell = self.shell.clone();
            // Boxed, because HTTP/2 makes a task of it, which is moved about.
            Box::pin(async move { Ok::<_, Infallible>(shell.answer(request, peer).await) })
        });
        let mut connection = pin!(self.http.serve_connection(io, service));
        let mut patience = pin!(sleep(self.patience));
        let (mut waiting, mut stopping) = (true, false);
        loop {
            tokio::select! {
                outcome = connection.as_mut() => {
                    if let Err(error) = outcome {
                        tracing::debug!(%error, "a connection ended badly");
                    }
                    return;
                }
                () = self.stop.cancelled(), if !stopping => {
                    stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = patience.as_mut(), if waiting => {
                    waiting = false;
                    if !asked.load(Ordering::Relaxed) {
                        connection.as_mut().graceful_shutdown();
                    }
                }
            }
        }
    }
}
