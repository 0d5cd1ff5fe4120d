//! TLS for the listener: certificate and key from PEM files, which may be renewed while it runs; HTTP/2 and HTTP/1.1 by ALPN.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use crate::config::Tls;

/// Why certificate and key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Not readable, or not PEM.
    #[error("{} cannot be used ({source}); give a readable PEM file as {key}", path.display())]
    File {
        /// The setting.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: pem::Error,
    },
    /// A PEM file without certificates.
    #[error("{} holds no certificate; give the chain, the server's own certificate first", .0.display())]
    Empty(PathBuf),
    /// The two do not fit, or the key is of no known kind.
    #[error("tls.certificate_file and tls.key_file do not work together: {0}")]
    Mismatch(#[from] rustls::Error),
}

/// How often certificate and key are read again.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// What the server shows of itself: certificate and key as they were read last. Connections that were made before keep what they were
/// shown.
#[derive(Debug)]
pub(super) struct Identity {
    files: Tls,
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Identity {
    pub(super) fn read(files: &Tls) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let current = RwLock::new(Arc::new(certified(files, &provider)?));
        Ok(Self {
            files: files.clone(),
            provider,
            current,
        })
    }

    /// An acceptor that shows it.
    pub(super) fn acceptor(self: &Arc<Self>) -> Result<TlsAcceptor, TlsError> {
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(self) as _);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Reads the files again; whether they hold another certificate. If they cannot be used, all stays as it was.
    fn renew(&self) -> Result<bool, TlsError> {
        let found = certified(&self.files, &self.provider)?;
        let is_new = found.cert != self.current.read().cert;
        if is_new {
            *self.current.write() = Arc::new(found);
        }
        Ok(is_new)
    }

    /// Follows the files until `stop`: whoever renews them needs not know of this server.
    pub(super) async fn stay_current(self: Arc<Self>, stop: CancellationToken) {
        let mut failing = false;
        while timeout(LOOK_EVERY, stop.cancelled()).await.is_err() {
            let identity = Arc::clone(&self);
            let Ok(renewed) = spawn_blocking(move || identity.renew()).await else {
                return;
            };
            match &renewed {
                Ok(true) => tracing::info!("a new certificate is shown from now on"),
                // A certificate may be there before its key.
                Err(error) if !failing => tracing::warn!(%error, "the certificate stays the old one"),
                Ok(false) | Err(_) => {}
            }
            failing = renewed.is_err();
        }
    }
}

impl ResolvesServerCert for Identity {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read()))
    }
}

fn certified(files: &Tls, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let chain = certificates(&files.certificate_file)?;
    let key = PrivateKeyDer::from_pem_file(&files.key_file).map_err(|source| TlsError::File {
        key: "tls.key_file",
        path: files.key_file.clone(),
        source,
    })?;
    Ok(CertifiedKey::from_der(chain, key, provider)?)
}

/// The certificates of a PEM file, at least one.
pub(crate) fn certificates(path: &std::path::Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let file_error = |source| TlsError::File {
        key: "tls.certificate_file",
        path: path.to_owned(),
        source,
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(file_error)?.collect();
    let chain = chain.map_err(file_error)?;
    if chain.is_empty() {
        Err(TlsError::Empty(path.to_owned()))
    } else {
        Ok(chain)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tokio::time::sleep;

    use super::*;

    /// Files with a certificate of its own for a name, written to the places where the server looks.
    fn write(files: &Tls, name: &str) -> CertificateDer<'static> {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        fs::write(&files.certificate_file, made.cert.pem()).unwrap();
        fs::write(&files.key_file, made.signing_key.serialize_pem()).unwrap();
        made.cert.der().clone()
    }

    fn places(directory: &tempfile::TempDir) -> Tls {
        Tls {
            certificate_file: directory.path().join("server.pem"),
            key_file: directory.path().join("server.key"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewed_certificate_is_shown_without_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let files = places(&directory);
        let first = write(&files, "first.example");
        let identity = Arc::new(Identity::read(&files).unwrap());
        let shown = |identity: &Identity| identity.current.read().cert.clone();
        assert_eq!(shown(&identity), std::slice::from_ref(&first));
        let stop = CancellationToken::new();
        let follower = tokio::spawn(Arc::clone(&identity).stay_current(stop.clone()));

        let key = fs::read(&files.key_file).unwrap();
        let second = write(&files, "second.example");
        let its_key = fs::read(&files.key_file).unwrap();
        fs::write(&files.key_file, key).unwrap();
        sleep(2 * LOOK_EVERY).await;
        assert_eq!(
            shown(&identity),
            [first],
            "a certificate without its key is not shown"
        );
        fs::write(&files.key_file, its_key).unwrap();
        sleep(2 * LOOK_EVERY).await;
        assert_eq!(shown(&identity), [second]);
        stop.cancel();
        follower.await.unwrap();
    }
}
