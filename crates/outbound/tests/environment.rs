//! What the environment of the process must not change. It belongs to a process, so each call is made by one of its own. This is
//! a program by itself, because a process that is being started holds what tests beside it have open.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    env,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    process::Command,
    thread,
    time::Duration,
};

/// The URL that a process of this test calls.
const CALLED: &str = "OUTBOUND_TEST_CALLED";

/// A proxy that the environment names would connect wherever it likes, behind the guard.
#[tokio::test]
async fn no_proxy_of_the_environment_is_asked() {
    if let Ok(url) = env::var(CALLED) {
        let client = outbound::client(true, Duration::from_secs(10)).unwrap();
        assert_eq!(client.get(url).send().await.unwrap().status(), 204);
        return;
    }
    let site = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", site.local_addr().unwrap());
    thread::spawn(move || answer_one(&site));
    let mut again = Command::new(env::current_exe().unwrap());
    again.args(["--exact", "no_proxy_of_the_environment_is_asked"]);
    for name in ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"] {
        // Nobody listens there.
        again.env(name, "http://127.0.0.1:1");
    }
    again
        .env(CALLED, url)
        .env_remove("no_proxy")
        .env_remove("NO_PROXY");
    let done = again.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
}

fn answer_one(site: &TcpListener) {
    let (mut caller, _) = site.accept().unwrap();
    BufReader::new(&caller).read_line(&mut String::new()).unwrap();
    caller.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
}
