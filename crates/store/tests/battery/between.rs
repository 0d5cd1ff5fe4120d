//! Stands between a node and its server: cuts one connection after so many bytes, or keeps everything to itself for a while.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering::SeqCst},
    },
};

use tempfile::TempDir;
use testkit::postgres_server::Database;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

const SOCKET: &str = ".s.PGSQL.5432";

/// Ends with the runtime that it was started on.
pub(crate) struct Between {
    directory: TempDir,
    /// Bytes that still pass from the server; negative for all.
    pub(crate) from_server: Arc<AtomicI64>,
    /// Bytes that still pass to the server; negative for all.
    pub(crate) to_server: Arc<AtomicI64>,
    passes: watch::Sender<bool>,
}

impl Between {
    /// Listens in a directory of its own, for a server whose socket is in `server`.
    pub(crate) fn start(server: &Path) -> Self {
        let (directory, server) = (tempfile::tempdir().unwrap(), server.join(SOCKET));
        let listener = UnixListener::bind(directory.path().join(SOCKET)).unwrap();
        let [from_server, to_server] = [(); 2].map(|()| Arc::new(AtomicI64::new(-1)));
        let (passes, may_pass) = watch::channel(true);
        let back = Way(Arc::clone(&from_server), may_pass.clone());
        let forth = Way(Arc::clone(&to_server), may_pass);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, mut back, mut forth) = (server.clone(), back.clone(), forth.clone());
                tokio::spawn(async move {
                    let Ok(server) = UnixStream::connect(server).await else {
                        return;
                    };
                    let (client, server) = (client.into_split(), server.into_split());
                    tokio::select! {
                        () = forth.carry(client.0, server.1) => {}
                        () = back.carry(server.0, client.1) => {}
                    }
                });
            }
        });
        Self {
            directory,
            from_server,
            to_server,
            passes,
        }
    }

    /// How a store reaches a database through it.
    pub(crate) fn url(&self, database: &Database) -> String {
        let directory = self.directory.path().display();
        format!("postgres://merlon@/{}?host={directory}", database.name())
    }

    /// Keeps what either side says, until told otherwise, as a network does that is broken.
    pub(crate) fn silence(&self, silent: bool) {
        self.passes.send_replace(!silent);
    }
}

/// One of the two directions, of all connections.
#[derive(Clone)]
struct Way(Arc<AtomicI64>, watch::Receiver<bool>);

impl Way {
    /// Passes bytes on until either side ends, or the last one that may pass did; the connection is cut then, and no other is.
    async fn carry(&mut self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let Self(left, passes) = self;
        let mut bytes = [0; 4096];
        while let Ok(read @ 1..) = from.read(&mut bytes).await {
            if passes.wait_for(|passes| *passes).await.is_err() {
                return;
            }
            let may = left.load(SeqCst);
            let allowed = usize::try_from(may).map_or(read, |may| may.min(read));
            if to.write_all(&bytes[..allowed]).await.is_err() {
                return;
            }
            if may >= 0 {
                let rest = may - i64::try_from(allowed).unwrap();
                left.store(if allowed < read { -1 } else { rest }, SeqCst);
                if allowed < read {
                    return;
                }
            }
        }
    }
}
