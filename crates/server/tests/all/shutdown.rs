//! A stop finishes what was accepted.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use server::shell::Drain;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::peer::Peer;

/// A route that says when it was entered, then takes its time.
fn slow(time: Duration) -> (Router, mpsc::Receiver<()>) {
    let (entered, receiver) = mpsc::channel(8);
    let route = get(move || {
        let entered = entered.clone();
        async move {
            entered.send(()).await.unwrap();
            sleep(time).await;
            "finished"
        }
    });
    (Router::new().route("/slow", route), receiver)
}

#[tokio::test]
async fn an_accepted_request_is_finished_over_both_protocols() {
    let (routes, mut entered) = slow(Duration::from_millis(700));
    let peer = Peer::new(&[], routes);
    let idle = TcpStream::connect(peer.address).await.unwrap();
    let uri = format!("http://{}/slow", peer.address);
    let stop = async {
        entered.recv().await.unwrap();
        entered.recv().await.unwrap();
        peer.stop.cancel();
    };
    let h2 = Request::get(uri).body(Full::<Bytes>::default()).unwrap();
    let (one, two, ()) = tokio::join!(peer.get("/slow"), peer.send_h2(h2), stop);
    assert_eq!((one.1.as_str(), two.1.as_str()), ("finished", "finished"));
    let address = peer.address;
    assert_eq!(
        peer.serving.finished().await,
        Drain::Complete,
        "the idle connection does not hold it up"
    );
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nobody listens any more"
    );
    assert!(!peer.readiness.reasons().is_empty());
    drop(idle);
}

#[tokio::test]
async fn the_drain_time_is_bounded() {
    let (routes, mut entered) = slow(Duration::from_mins(1));
    let peer = Peer::new(&[("SERVER__DRAIN_TIME", "1s")], routes);
    let address = peer.address;
    let caller = tokio::spawn(async move {
        let stream = hyper_util::rt::TokioIo::new(TcpStream::connect(address).await.unwrap());
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        let request = Request::get("/slow")
            .header("host", "x")
            .body(Full::<Bytes>::default())
            .unwrap();
        sender.send_request(request).await.is_err()
    });
    entered.recv().await.unwrap();
    let start = Instant::now();
    peer.stop.cancel();
    assert_eq!(peer.serving.finished().await, Drain::CutOff);
    assert!(start.elapsed() < Duration::from_secs(5));
    assert!(caller.await.unwrap(), "the caller learns that it was cut off");
}
