//! Input that means harm: each gets a clear refusal, and the server answers the next caller.

use std::io::Write;
use std::net::SocketAddr;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;
use proto::zitadel::resources::user::v3alpha::GetUserRequest;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::server::{TOKEN, USERS, connect_json, frame, grpc, http1, http2, rest, start};

async fn assert_alive(server: SocketAddr) {
    let request = GetUserRequest {
        id: "ada".to_owned(),
        ..GetUserRequest::default()
    };
    assert_eq!(
        grpc(server, &format!("{USERS}/GetUser"), &request)
            .await
            .grpc_status(),
        0
    );
}

async fn framed(server: SocketAddr, encoding: Option<&str>, body: impl Into<Bytes>) -> u8 {
    let mut headers = vec![
        ("authorization", TOKEN),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    headers.extend(encoding.map(|encoding| ("grpc-encoding", encoding)));
    http2(server, "POST", &format!("{USERS}/GetUser"), &headers, body)
        .await
        .grpc_status()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

#[tokio::test]
async fn broken_frames_are_refused() {
    let server = start().await;
    let good = frame(
        &GetUserRequest {
            id: "ada".to_owned(),
            ..GetUserRequest::default()
        }
        .encode_to_vec(),
    );
    let with_flag = |flag: u8| [&[flag], &good[1..]].concat();
    for (body, wanted) in [
        (vec![], "nothing"),
        (vec![0], "part of a head"),
        (good[..good.len() - 1].to_vec(), "a message cut short"),
        (vec![0, 0xff, 0xff, 0xff, 0xff], "a length of 4 GiB"),
        (vec![0, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3], "a length of 2 GiB"),
        (with_flag(1), "compressed without an encoding"),
        ([&good[..], &good[..]].concat(), "two messages"),
        (frame(b"\x1a\x05ab").to_vec(), "a field cut short"),
        (frame(b"\x1a\x02\xff\xfe").to_vec(), "text that is no UTF-8"),
        (frame(&[0x0b; 200]).to_vec(), "groups without end"),
    ] {
        let status = framed(server, None, body).await;
        assert!([3, 8, 12, 13].contains(&status), "{wanted}: {status}");
    }
    // A client has no trailers to send; the bit is reserved and ignored.
    assert_eq!(framed(server, None, with_flag(0x80)).await, 0);
    assert_alive(server).await;
}

#[tokio::test]
async fn text_mode_refuses_what_is_no_base64() {
    let server = start().await;
    let headers = [
        ("authorization", TOKEN),
        ("content-type", "application/grpc-web-text"),
    ];
    for body in ["*", "AAAA", "AAAAAAA", "====", "AAAAAAU="] {
        let reply = http1(server, "POST", &format!("{USERS}/GetUser"), &headers, body).await;
        assert_eq!(reply.status, 200, "{body}");
        assert!(
            reply
                .header("content-type")
                .starts_with("application/grpc-web-text"),
            "{body}"
        );
    }
    assert_alive(server).await;
}

#[tokio::test]
async fn protobuf_nested_without_end_is_refused() {
    let server = start().await;
    // SearchUsersRequest.filters = 4, SearchFilter.or_filter = 1, OrFilter.queries = 1
    let mut message = Vec::new();
    for _ in 0..20_000 {
        let mut outer = vec![0x0a];
        prost::encode_length_delimiter(message.len(), &mut outer).expect("in memory");
        outer.extend(&message);
        message = outer;
        if message.len() > 300_000 {
            break;
        }
    }
    let mut body = vec![0x22];
    prost::encode_length_delimiter(message.len(), &mut body).expect("in memory");
    body.extend(message);
    let headers = [
        ("authorization", TOKEN),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    let reply = http2(
        server,
        "POST",
        &format!("{USERS}/SearchUsers"),
        &headers,
        frame(&body),
    )
    .await;
    assert_eq!(reply.grpc_status(), 3, "{reply:?}");
    assert_alive(server).await;
}

#[tokio::test]
async fn json_nested_without_end_is_refused() {
    let server = start().await;
    let text = "malformed JSON: nested deeper than 64 levels";
    for body in [
        "[".repeat(100_000),
        r#"{"a":"#.repeat(100_000),
        format!("{}{}", "[".repeat(65), "]".repeat(65)),
    ] {
        let reply = rest(server, "POST", "/resources/v3alpha/users", &body).await;
        assert_eq!(
            (reply.status.as_u16(), reply.json()["message"].clone()),
            (400, json!(text))
        );
        let reply = connect_json(server, &format!("{USERS}/CreateUser"), &body).await;
        assert_eq!(reply.json()["message"], text);
    }
    assert_alive(server).await;
}

#[tokio::test]
async fn strange_json_is_refused_or_read_but_never_fatal() {
    let server = start().await;
    for body in [
        &b"\xff\xfe"[..],
        b"{\"phone\":{\"number\":\"\xff\"}}",
        b"\"\\ud800\"",
        b"{\"phone\":{\"number\":\"\\ud800\"}}",
        b"1e400",
        b"\0",
    ] {
        let headers = [("authorization", TOKEN)];
        let reply = http1(server, "PUT", "/v3alpha/users/1/phone", &headers, body.to_vec()).await;
        assert_eq!(
            (reply.status.as_u16(), reply.json()["code"].clone()),
            (400, json!(3)),
            "{body:?}"
        );
    }
    let many: String = (0..15_000).map(|number| format!(r#""k{number}":1,"#)).collect();
    let reply = rest(
        server,
        "PUT",
        "/v3alpha/users/1/phone",
        &format!("{{{many}\"phone\":{{\"number\":\"5\"}}}}"),
    )
    .await;
    assert_eq!(reply.status, 200);
    let reply = rest(
        server,
        "POST",
        "/resources/v3alpha/users?organization.orgId=1",
        r#"{"data":{"a":1e400}}"#,
    )
    .await;
    assert_eq!(reply.status, 400);
    assert_alive(server).await;
}

#[tokio::test]
async fn large_bodies_are_refused() {
    let server = start().await;
    let large = Bytes::from(vec![b' '; 4 * 1024 * 1024 + 1]);
    let headers = [("authorization", TOKEN), ("content-type", "application/json")];
    let reply = http1(server, "PUT", "/v3alpha/users/1/phone", &headers, large.clone()).await;
    assert_eq!(
        (reply.status.as_u16(), reply.json()["code"].clone()),
        (413, json!(8))
    );
    let reply = http1(
        server,
        "POST",
        &format!("{USERS}/GetUser"),
        &headers,
        large.clone(),
    )
    .await;
    assert_eq!(
        (reply.status.as_u16(), reply.json()["code"].clone()),
        (429, json!("resource_exhausted"))
    );
    assert_eq!(framed(server, None, frame(&large)).await, 8);
    assert_alive(server).await;
}

#[tokio::test]
async fn gzip_is_unpacked_but_not_beyond_the_limit() {
    let server = start().await;
    let packed = |bytes: &[u8]| {
        let packed = gzip(bytes);
        let mut framed = vec![1];
        framed.extend(u32::try_from(packed.len()).expect("short").to_be_bytes());
        framed.extend(packed);
        framed
    };
    let good = GetUserRequest {
        id: "ada".to_owned(),
        ..GetUserRequest::default()
    }
    .encode_to_vec();
    assert_eq!(framed(server, Some("gzip"), packed(&good)).await, 0);
    assert_eq!(
        framed(server, Some("gzip"), packed(&vec![0; 16 * 1024 * 1024])).await,
        8
    );
    assert_eq!(framed(server, Some("snappy"), packed(&good)).await, 12);
    let headers = [
        ("authorization", TOKEN),
        ("content-type", "application/json"),
        ("content-encoding", "gzip"),
    ];
    let bomb = gzip(&vec![b' '; 16 * 1024 * 1024]);
    let reply = http1(
        server,
        "POST",
        &format!("{USERS}/GetUser"),
        &headers,
        bomb.clone(),
    )
    .await;
    assert_eq!(reply.json()["code"], "resource_exhausted");
    let reply = http1(server, "PUT", "/v3alpha/users/1/phone", &headers, bomb).await;
    assert_eq!(
        (reply.status.as_u16(), reply.json()["code"].clone()),
        (415, json!(3))
    );
    assert_alive(server).await;
}

#[tokio::test]
async fn large_heads_are_refused_by_the_listener() {
    let server = start().await;
    let mut stream = TcpStream::connect(server).await.expect("connected");
    let head = format!(
        "GET /x HTTP/1.1\r\nhost: x\r\nx-large: {}\r\n\r\n",
        "a".repeat(40_000)
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut answer = [0; 64];
    let length = stream.read(&mut answer).await.unwrap_or(0);
    assert!(
        answer[..length].starts_with(b"HTTP/1.1 431"),
        "{:?}",
        String::from_utf8_lossy(&answer[..length])
    );
    assert_alive(server).await;
}

#[tokio::test]
async fn a_body_that_ends_early_changes_nothing() {
    let server = start().await;
    let mut stream = TcpStream::connect(server).await.expect("connected");
    let head = format!(
        "PUT /v3alpha/users/1/phone HTTP/1.1\r\nhost: x\r\nauthorization: {TOKEN}\r\ncontent-length: 100\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    drop(stream);
    assert_alive(server).await;
}

#[tokio::test]
async fn small_input_cannot_become_large() {
    let server = start().await;
    let text = "the request holds more than 20000 values";
    // Two million empty filters in 4 MiB.
    let filters = Bytes::from(b"\x22\x00".repeat(2 * 1024 * 1024 - 16));
    let headers = [
        ("authorization", TOKEN),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    let reply = http2(
        server,
        "POST",
        &format!("{USERS}/SearchUsers"),
        &headers,
        frame(&filters),
    )
    .await;
    assert_eq!((reply.grpc_status(), reply.header("grpc-message")), (3, text));
    for body in [
        format!("[{}{{}}]", "{},".repeat(1_000_000)),
        format!("[{}1]", "1,".repeat(1_000_000)),
    ] {
        let reply = rest(server, "POST", "/resources/v3alpha/users/_search", &body).await;
        assert_eq!(
            (reply.status.as_u16(), reply.json()["message"].clone()),
            (400, json!(text))
        );
    }
    assert_alive(server).await;
}
