//! Bad input: each gets a clear error, changes nothing, costs next to nothing, and the server answers the next caller.

use std::{io::Write, time::Duration};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

use super::{
    case::{NEW, OLD},
    scene::Scene,
    wire::{Form, Reply, frame},
    world::World,
};

/// No refusal takes longer, even without optimization and beside other tests.
const SOON: Duration = Duration::from_secs(1);
const LARGE: usize = 4 * 1024 * 1024 + 1;

/// A world with one user, and what must not change.
struct Victim {
    world: World,
    user: String,
    bearer: String,
    events: i64,
}

impl Victim {
    async fn new() -> Self {
        let world = World::new().await;
        let user = Scene::new(&world, &[]).await.get("user");
        let (bearer, events) = (format!("Bearer {}", world.owner), world.events().await);
        Self {
            world,
            user,
            bearer,
            events,
        }
    }

    /// Sends over HTTP/1.1 with the owner's token. The best of three tries has to be soon.
    async fn http(
        &self,
        verb: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        let body = body.into();
        let headers = [&[("authorization", &*self.bearer)], headers].concat();
        let mut best = Duration::MAX;
        let mut last = None;
        for _ in 0..3 {
            let start = Instant::now();
            last = Some(
                self.world
                    .client
                    .http1(verb, target, &headers, body.clone())
                    .await,
            );
            best = best.min(start.elapsed());
            if best < SOON {
                break;
            }
        }
        assert!(best < SOON, "{verb} {target} took {best:?}");
        last.expect("an answer")
    }

    /// Sends a framed body over gRPC and answers the status.
    async fn grpc(&self, encoding: Option<&str>, body: impl Into<Bytes>) -> u8 {
        let mut headers = vec![
            ("authorization", &*self.bearer),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ];
        headers.extend(encoding.map(|encoding| ("grpc-encoding", encoding)));
        let path = format!("/zitadel.{NEW}/SetContactPhone");
        let answer = self.world.client.http2("POST", &path, &headers, body);
        let reply = timeout(Duration::from_secs(10), answer)
            .await
            .expect("an answer in time");
        reply
            .header("grpc-status")
            .expect("a status")
            .parse()
            .expect("a number")
    }

    /// Nothing changed, and the next caller is served.
    async fn ends_well(self) {
        assert_eq!(self.world.events().await, self.events, "something changed");
        let answer = self
            .world
            .owner_calls(&format!("{NEW}/GetUser"), json!({"id": self.user}))
            .await;
        assert_eq!(answer.ok()["user"]["contact"], Value::Null);
        self.world.end().await;
    }
}

#[track_caller]
fn refused(reply: &Reply, status: u16, code: u8, says: &str) {
    let json = reply.json();
    assert_eq!(
        (reply.status, json["code"].clone()),
        (status, json!(code)),
        "{json}"
    );
    let message = json["message"].as_str().unwrap_or_default();
    assert!(message.contains(says), "{message:?} does not say {says:?}");
    assert!(message.len() < 1000, "a long message: {message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_that_is_none_is_refused_with_its_place() {
    let victim = Victim::new().await;
    let (new, old) = (
        format!("/resources/v3alpha/users/{}/phone", victim.user),
        format!("/v3alpha/users/{}/phone", victim.user),
    );
    for (target, body, says) in [
        (&old, &b"{"[..], "line 1 column 1"),
        (&old, b"{\"phone\":{\"number\":\"+41791234567\"}", "line 1 column"),
        (
            &old,
            b"{\n  \"phone\": {\n    \"number\": 5\n  }\n}",
            "phone.number",
        ),
        (
            &old,
            b"{\n  \"phone\": {\n    \"number\": 5\n  }\n}",
            "line 3 column",
        ),
        (&old, b"{\"phone\":[]}", "phone"),
        (&old, b"{\"phone\":\"+41791234567\"}", "phone"),
        (
            &old,
            b"{\"phone\":{\"number\":\"+41791234567\",\"number\":\"+41791234568\"}}",
            "number",
        ),
        (
            &old,
            b"{\"phone\":{\"number\":\"+41791234567\",\"isVerified\":\"yes\"}}",
            "line 1",
        ),
        (
            &old,
            b"{\"phone\":{\"number\":\"+41791234567\",\"isVerified\":true,\"returnCode\":{}}}",
            "line 1",
        ),
        (&old, b"{\"phone\":{\"number\":\"+4179\xff\"}}", ""),
        (&old, b"{\"phone\":{\"number\":\"\\ud800\"}}", "line 1"),
        (&old, b"{\"phone\":{}} x", "line 1 column"),
        (&old, b"\0", "line 1 column 1"),
        (&old, b"\xef\xbb\xbf{}", "line 1 column 1"),
        (&new, b"[]", "line 1"),
        (&new, b"5", "line 1"),
        (&new, b"'+41791234567'", "line 1 column 1"),
        (&new, b"NaN", "line 1 column 1"),
    ] {
        let reply = victim
            .http(
                "PUT",
                target,
                &[("content-type", "application/json")],
                body.to_vec(),
            )
            .await;
        refused(&reply, 400, 3, says);
    }
    let path = format!("/{OLD}/SetContactPhone");
    let reply = victim
        .http(
            "POST",
            &path,
            &[("content-type", "application/json")],
            "{\"phone\":",
        )
        .await;
    assert_eq!(
        (reply.status, reply.json()["code"].clone()),
        (400, json!("invalid_argument"))
    );
    assert!(
        reply.json()["message"]
            .as_str()
            .unwrap_or_default()
            .contains("line 1 column"),
        "{reply:?}"
    );
    victim.ends_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enums_and_numbers_out_of_range_are_refused() {
    let victim = Victim::new().await;
    for (body, says) in [
        (r#"{"sortingColumn":"NOPE"}"#, "sortingColumn"),
        (r#"{"sortingColumn":99}"#, "sortingColumn"),
        (r#"{"sortingColumn":1e400}"#, "line 1"),
        (r#"{"pagination":{"limit":-1}}"#, "limit"),
        (r#"{"pagination":{"limit":4294967296}}"#, "limit"),
        (r#"{"pagination":{"limit":1.5}}"#, "limit"),
        (r#"{"pagination":{"offset":"18446744073709551616"}}"#, "offset"),
        (r#"{"filters":{}}"#, "filters"),
        (
            r#"{"filters":[{"createdDateFilter":{"timestamp":"yesterday"}}]}"#,
            "timestamp",
        ),
        (
            r#"{"filters":[{"createdDateFilter":{"timestamp":"2026-13-01T00:00:00Z"}}]}"#,
            "timestamp",
        ),
    ] {
        refused(
            &victim.http("POST", "/v2/users/pats/search", &[], body).await,
            400,
            3,
            says,
        );
    }
    for (query, says) in [
        ("pageSize=x", "pageSize"),
        ("pageSize=-1", "pageSize"),
        ("recipient=%ff", "UTF-8"),
    ] {
        let reply = victim
            .http("GET", &format!("/merlon/v1/inbox/messages?{query}"), &[], "")
            .await;
        refused(&reply, 400, 3, says);
    }
    victim.ends_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_or_too_deep_is_refused() {
    let victim = Victim::new().await;
    let target = format!("/resources/v3alpha/users/{}", victim.user);
    let deep = format!(
        "{{\"data\":{}{}}}",
        "{\"a\":".repeat(100_000),
        "}".repeat(100_000)
    );
    for body in [deep, "[".repeat(100_000)] {
        refused(
            &victim.http("PATCH", &target, &[], body.clone()).await,
            400,
            3,
            "nested deeper than 64 levels",
        );
        let path = format!("/zitadel.{NEW}/PatchUser");
        let reply = victim
            .http("POST", &path, &[("content-type", "application/json")], body)
            .await;
        assert_eq!(
            (reply.status, reply.json()["code"].clone()),
            (400, json!("invalid_argument"))
        );
    }
    let large = Bytes::from(vec![b' '; LARGE]);
    refused(
        &victim.http("PATCH", &target, &[], large.clone()).await,
        413,
        8,
        "4194304 bytes",
    );
    let json = [("content-type", "application/json")];
    let reply = victim
        .http("POST", &format!("/zitadel.{NEW}/PatchUser"), &json, large.clone())
        .await;
    assert_eq!(
        (reply.status, reply.json()["code"].clone()),
        (429, json!("resource_exhausted"))
    );
    assert_eq!(victim.grpc(None, frame(&large)).await, 8);
    // Many small values in a body that is not too large.
    let many = format!("{{\"data\":{{\"a\":[{}0]}}}}", "0,".repeat(2_000_000));
    let reply = victim.http("PATCH", &target, &[], many).await;
    assert!(matches!(reply.status, 400 | 413 | 429), "{}", reply.status);
    victim.ends_well().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_that_are_broken_are_refused() {
    let victim = Victim::new().await;
    let good = frame(b"\x1a\x011");
    for (body, what) in [
        (vec![], "nothing"),
        (vec![0], "part of a head"),
        (vec![0, 0, 0, 0], "almost a head"),
        (vec![0, 0, 0, 0, 9, 1], "a message cut short"),
        (vec![0, 0xff, 0xff, 0xff, 0xff], "a length of 4 GiB"),
        (vec![0, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3], "a length of 2 GiB"),
        ([&[1], &good[1..]].concat(), "compressed without an encoding"),
        ([&good[..], &good[..]].concat(), "two messages"),
        (frame(b"\x1a\x05ab").to_vec(), "a field cut short"),
        (frame(b"\x1a\x02\xff\xfe").to_vec(), "text that is no UTF-8"),
        (frame(&[0xff; 11]).to_vec(), "a tag without end"),
        (frame(&[0x0b; 200]).to_vec(), "groups without end"),
    ] {
        let status = victim.grpc(None, body).await;
        assert!([3, 8, 12, 13].contains(&status), "{what}: {status}");
    }
    let bomb = gzip(&vec![0; 64 * 1024 * 1024]);
    let mut framed = vec![1];
    framed.extend(u32::try_from(bomb.len()).expect("short").to_be_bytes());
    framed.extend(&bomb);
    assert_eq!(victim.grpc(Some("gzip"), framed).await, 8, "a bomb");
    assert_eq!(
        victim.grpc(Some("snappy"), frame(b"")).await,
        12,
        "an unknown encoding"
    );
    let packed = [("content-type", "application/json"), ("content-encoding", "gzip")];
    let reply = victim
        .http(
            "POST",
            &format!("/zitadel.{NEW}/SetContactPhone"),
            &packed,
            bomb.clone(),
        )
        .await;
    assert_eq!(reply.json()["code"], "resource_exhausted");
    let reply = victim
        .http(
            "PUT",
            &format!("/v3alpha/users/{}/phone", victim.user),
            &packed,
            bomb,
        )
        .await;
    refused(&reply, 415, 3, "compressed");
    victim.ends_well().await;
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paths_and_verbs_that_are_none_are_refused() {
    let victim = Victim::new().await;
    for target in [
        "/nowhere",
        "/v3alpha",
        "/v3alpha/users/1/2/3/4/5",
        "/resources/v3alpha/user",
        "/auth/v1/users/you",
        "//",
    ] {
        refused(&victim.http("GET", target, &[], "").await, 404, 5, "Not Found");
    }
    let user = format!("/resources/v3alpha/users/{}", victim.user);
    for (verb, target, allowed) in [
        ("POST", user.clone(), "GET"),
        ("PUT", user.clone(), "PATCH"),
        ("GET", format!("{user}/phone"), "PUT"),
        ("DELETE", format!("{user}/_lock"), "POST"),
        ("GET", "/v3alpha/users".to_owned(), "POST"),
    ] {
        let reply = victim.http(verb, &target, &[], "").await;
        refused(&reply, 405, 12, "Method Not Allowed");
        assert!(
            reply.header("allow").unwrap_or_default().contains(allowed),
            "{reply:?}"
        );
    }
    for path in ["/no.Such/Method", "/zitadel.auth.v1.AuthService/Nothing"] {
        let headers = [
            ("authorization", &*victim.bearer),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ];
        let reply = victim
            .world
            .client
            .http2("POST", path, &headers, frame(b""))
            .await;
        assert_eq!(reply.header("grpc-status"), Some("12"), "{reply:?}");
    }
    refused(
        &victim.http("GET", "/resources/v3alpha/users/%ff", &[], "").await,
        400,
        3,
        "UTF-8",
    );
    for traversal in [
        "/resources/v3alpha/users/..%2f..%2fetc",
        "/resources/v3alpha/users/%00",
        "/resources/v3alpha/users/%0d%0aset-cookie:x",
    ] {
        let reply = victim.http("GET", traversal, &[], "").await;
        assert!(matches!(reply.status, 400 | 404), "{reply:?}");
        assert!(reply.header("set-cookie").is_none());
    }
    victim.ends_well().await;
}

/// A body that ends early, a head that never ends, and a caller that says nothing take nothing with them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_stop_halfway_change_nothing() {
    let victim = Victim::new().await;
    let target = format!("/resources/v3alpha/users/{}/phone", victim.user);
    let head = format!(
        "PUT {target} HTTP/1.1\r\nhost: x\r\nauthorization: {}\r\ncontent-length: 100\r\n\r\n",
        victim.bearer
    );
    for text in [
        head.clone(),
        format!("{head}{{\"number\":\"+41791234567\"}}"),
        head[..40].to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM".to_owned(),
    ] {
        let mut stream = TcpStream::connect(victim.world.client.address)
            .await
            .expect("connected");
        stream.write_all(text.as_bytes()).await.expect("sent");
        drop(stream);
    }
    let mut stream = TcpStream::connect(victim.world.client.address)
        .await
        .expect("connected");
    let large = format!(
        "GET /x HTTP/1.1\r\nhost: x\r\nx-large: {}\r\n\r\n",
        "a".repeat(70_000)
    );
    stream.write_all(large.as_bytes()).await.ok();
    let mut answer = [0; 32];
    let length = stream.read(&mut answer).await.unwrap_or(0);
    assert!(
        answer[..length].starts_with(b"HTTP/1.1 431"),
        "{:?}",
        String::from_utf8_lossy(&answer[..length])
    );
    victim.ends_well().await;
}

/// Whoever sends too much reads why, and finds no broken connection instead, even when it reads nothing before it has sent
/// everything.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_that_send_too_much_hear_so() {
    let victim = Victim::new().await;
    let connect = format!("POST /zitadel.{NEW}/SetContactPhone HTTP/1.1\r\ncontent-type: application/json");
    let rest = format!("PUT /v3alpha/users/{}/phone HTTP/1.1", victim.user);
    for (head, status) in [(rest, 413), (connect, 429)] {
        let mut stream = TcpStream::connect(victim.world.client.address)
            .await
            .expect("connected");
        let head = format!(
            "{head}\r\nhost: x\r\nauthorization: {}\r\ncontent-length: {LARGE}\r\n\r\n",
            victim.bearer
        );
        stream.write_all(head.as_bytes()).await.expect("a head is taken");
        stream
            .write_all(&vec![b' '; LARGE])
            .await
            .expect("a body is taken");
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.expect("an answer");
        assert_eq!(String::from_utf8_lossy(&answer), format!("HTTP/1.1 {status}"));
    }
    victim.ends_well().await;
}

/// A code of the wrong length is a slip: it costs no try, however often.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_of_the_wrong_length_cost_nothing() {
    let world = World::new().await;
    let add = json!({"id": "$user", "phone": {"number": "$phone", "returnCode": {}}});
    let mut scene = Scene::new(&world, &[(format!("{NEW}/AddOTPSMSAuthenticator"), add)]).await;
    let events = world.events().await;
    let verify = format!("{NEW}/VerifyOTPSMSRegistration");
    for entered in [
        "1",
        "12345",
        "1234567",
        "12 34 5",
        "１２３４５６７",
        "------",
        "\u{0}",
    ] {
        for form in Form::ALL {
            let request = json!({"id": "$user", "otpSmsId": "$otp_sms_id", "code": entered});
            let answer = scene.send(form, &verify, &request, Some(&world.owner)).await;
            assert_eq!(
                (answer.code(), answer.failure().id()),
                (3, "CODE-woT0xc"),
                "{entered} over {form:?}"
            );
        }
    }
    assert_eq!(world.events().await, events);
    scene
        .step(
            &verify,
            &json!({"id": "$user", "otpSmsId": "$otp_sms_id", "code": "$code"}),
        )
        .await;
    world.end().await;
}

/// Whatever came before, memory is bounded: bodies that are refused are not kept.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn harm_in_numbers_takes_little_memory() {
    let victim = Victim::new().await;
    let before = resident();
    let path = format!("/zitadel.{NEW}/SetContactPhone");
    let headers = [
        ("authorization", &*victim.bearer),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    let claims = vec![0, 0xff, 0xff, 0xff, 0xff];
    let calls = (0..500).map(|_| victim.world.client.http2("POST", &path, &headers, claims.clone()));
    for reply in futures_util::future::join_all(calls).await {
        assert_ne!(reply.header("grpc-status"), Some("0"));
    }
    let grown = resident().saturating_sub(before);
    assert!(
        grown < 512 * 1024,
        "grew by {grown} KiB, other tests of this process included"
    );
    victim.ends_well().await;
}

/// Resident memory of this process in KiB.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .expect("VmRSS");
    line.split_whitespace()
        .nth(1)
        .expect("a number")
        .parse()
        .expect("a number")
}
