//! A database server that seems to be some way off: a relay whose bytes arrive later than they were sent, in each direction.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// Bytes that are on their way, and when they arrive.
type Parcel = (Instant, Vec<u8>);

/// Relays connections to a socket, until the program ends; answers where to connect. `delay` is that of one direction.
pub(crate) async fn relay(socket: &Path, delay: Duration) -> anyhow::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let (address, socket) = (listener.local_addr()?, PathBuf::from(socket));
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let socket = socket.clone();
            tokio::spawn(async move { connect(near, &socket, delay).await });
        }
    });
    Ok(address)
}

async fn connect(near: TcpStream, socket: &Path, delay: Duration) -> std::io::Result<()> {
    near.set_nodelay(true)?;
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = UnixStream::connect(socket).await?.into_split();
    tokio::try_join!(carry(near_in, far_out, delay), carry(far_in, near_out, delay)).map(drop)
}

/// Carries bytes in one direction; what is sent while others are on their way does not wait for these.
async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    delay: Duration,
) -> std::io::Result<()> {
    let (under_way, mut arrived) = mpsc::unbounded_channel::<Parcel>();
    let leaving = async move {
        loop {
            let mut bytes = Vec::with_capacity(64 * 1024);
            if from.read_buf(&mut bytes).await? == 0
                || under_way.send((Instant::now() + delay, bytes)).is_err()
            {
                return Ok(());
            }
        }
    };
    let arriving = async move {
        while let Some((arrives, bytes)) = arrived.recv().await {
            sleep_until(arrives).await;
            to.write_all(&bytes).await?;
        }
        to.shutdown().await
    };
    tokio::try_join!(leaving, arriving).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_arrive_later_and_in_order() {
        let directory = tempfile::tempdir().expect("a directory");
        let socket = directory.path().join("echo");
        let listener = tokio::net::UnixListener::bind(&socket).expect("a socket");
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await?;
            let (mut from, mut to) = stream.into_split();
            tokio::io::copy(&mut from, &mut to).await
        });
        let delay = Duration::from_millis(20);
        let address = relay(&socket, delay).await.expect("a relay");
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let begun = Instant::now();
        for part in [b"one ", b"two "] {
            stream.write_all(part).await.expect("written");
        }
        let mut answer = [0; 8];
        stream.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(&answer, b"one two ");
        assert!(begun.elapsed() >= 2 * delay);
    }
}
