//! What both Rust client packages need beside the client itself: the server under test, fresh
//! test data, the inbox, and a reader for refusals. It names only crates that both packages
//! have, so one text serves both generations of prost and tonic.

pub mod auth_v1;
pub mod password;
pub mod schema;
pub mod security_key;
pub mod user;

use std::fmt::Debug;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use prost::Message;
use serde_json::{Value, json};
use tonic::service::Interceptor;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use zitadel::api::zitadel::v1::ErrorDetail;

/// A number that no other test of this or an earlier run uses.
pub fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A Swiss mobile number in E.164.
pub fn phone() -> String {
    let (block, rest) = (6 + random() % 4, random() % 10_000_000);
    format!("+417{block}{rest:07}")
}

/// An address of a domain that is reserved for examples.
pub fn email() -> String {
    format!("gigi-{:016x}@example.com", random())
}

/// A code of the same length and alphabet that is not `code`.
pub fn other_code(code: &str) -> String {
    let last = if code.ends_with('2') { '3' } else { '2' };
    let mut other: String = code.chars().take(code.chars().count() - 1).collect();
    other.push(last);
    other
}

/// The server under test, as the environment names it.
#[derive(Clone, Debug)]
pub struct Server {
    pub url: String,
    pub pat: String,
}

impl Server {
    /// Reads `MERLON_URL` and `MERLON_PAT`.
    pub fn from_env() -> Self {
        let var = |name: &str| {
            std::env::var(name).unwrap_or_else(|_| panic!("set {name}, or start clients/run.sh"))
        };
        Self {
            url: var("MERLON_URL").trim_end_matches('/').to_owned(),
            pat: var("MERLON_PAT").trim().to_owned(),
        }
    }

    /// One gRPC connection.
    pub async fn channel(&self) -> Channel {
        Endpoint::from_shared(self.url.clone())
            .expect("MERLON_URL is a URL")
            .connect()
            .await
            .expect("the server accepts HTTP/2")
    }

    /// The bearer of the automation user.
    pub fn admin(&self) -> Bearer {
        Bearer(Some(self.pat.clone()))
    }

    /// One REST call with the automation user's token.
    pub async fn rest(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let authority = self.url.trim_start_matches("http://");
        let stream = tokio::net::TcpStream::connect(authority)
            .await
            .expect("the server accepts connections");
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .expect("HTTP/1.1");
        tokio::spawn(connection);
        let body = if body.is_null() {
            Bytes::new()
        } else {
            Bytes::from(body.to_string())
        };
        let request = hyper::Request::builder()
            .method(method)
            .uri(path)
            .header("host", authority)
            .header("authorization", format!("Bearer {}", self.pat))
            .header("content-type", "application/json")
            .body(Full::new(body))
            .expect("a well-formed request");
        let answer = sender.send_request(request).await.expect("an answer");
        let status = answer.status().as_u16();
        let bytes = answer
            .into_body()
            .collect()
            .await
            .expect("a whole answer")
            .to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    /// Same as [`Server::rest`], for calls that must succeed.
    pub async fn rest_ok(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, answer) = self.rest(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    /// The organisation of the automation user.
    pub async fn organization(&self) -> String {
        let me = self.rest_ok("GET", "/auth/v1/users/me", Value::Null).await;
        me.pointer("/user/details/resourceOwner")
            .and_then(Value::as_str)
            .expect("a resource owner")
            .to_owned()
    }

    /// Creates a user without contact data and gives its id.
    pub async fn user(&self) -> String {
        let body = json!({"organization": {"orgId": self.organization().await}});
        let answer = self.rest_ok("POST", "/v3alpha/users", body).await;
        answer["userId"].as_str().expect("an id").to_owned()
    }

    /// Reads a user over REST, generation 2024-06.
    pub async fn read(&self, user: &str) -> Value {
        self.rest_ok("GET", &format!("/v3alpha/users/{user}"), Value::Null)
            .await["user"]
            .clone()
    }

    /// Mints a personal access token for any user, as no published Rust client carries that call.
    pub async fn bearer_of(&self, user: &str) -> Bearer {
        let body = json!({"expirationDate": "2099-01-01T00:00:00Z"});
        let answer = self
            .rest_ok("POST", &format!("/v2/users/{user}/pats"), body)
            .await;
        Bearer(Some(answer["token"].as_str().expect("a token").to_owned()))
    }

    /// The newest message the inbox holds for a recipient, waiting for it for some seconds.
    pub async fn message(&self, recipient: &str) -> Value {
        let path = format!(
            "/merlon/v1/inbox/messages?recipient={}",
            recipient.replace('+', "%2B")
        );
        for _ in 0..200 {
            let inbox = self.rest_ok("GET", &path, Value::Null).await;
            if let Some(message) = inbox["messages"].get(0) {
                assert_eq!(message["recipient"], recipient);
                return message.clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no message arrived within ten seconds");
    }

    /// The code of that message.
    pub async fn code(&self, recipient: &str) -> String {
        self.message(recipient).await["code"]
            .as_str()
            .expect("a code")
            .to_owned()
    }
}

/// Puts the token, if there is one, on every call of a client.
#[derive(Clone, Debug)]
pub struct Bearer(pub Option<String>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            let value = format!("Bearer {token}")
                .parse()
                .expect("a token of visible characters");
            request.metadata_mut().insert("authorization", value);
        }
        Ok(request)
    }
}

/// Any id will do: the condition has none that a published client could know.
pub const ANY: &str = "";

/// Checks a refusal: its gRPC code, and an error detail with this id whose text the message repeats.
#[track_caller]
pub fn refused<T: Debug>(answer: Result<T, Status>, code: Code, id: &str) -> Status {
    let status = answer.expect_err("a refusal");
    assert_eq!(status.code(), code, "{status:?}");
    let detail = error_detail(&status).unwrap_or_else(|| panic!("no zitadel.v1.ErrorDetail in {status:?}"));
    assert!(!detail.id.is_empty(), "{status:?}");
    assert!(
        id == ANY || detail.id == id,
        "expected {id}, got {} {status:?}",
        detail.id
    );
    assert_eq!(status.message(), format!("{} ({})", detail.message, detail.id));
    status
}

/// Checks a broken field rule: InvalidArgument, and a message that names the field.
#[track_caller]
pub fn invalid<T: Debug>(answer: Result<T, Status>, field: &str) {
    let status = answer.expect_err("a refusal");
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert!(
        status.message().to_lowercase().contains(&field.to_lowercase()),
        "no {field} in {status:?}"
    );
}

/// The domain error inside `grpc-status-details-bin`.
pub fn error_detail(status: &Status) -> Option<ErrorDetail> {
    detail(status, "type.googleapis.com/zitadel.v1.ErrorDetail")
}

/// One typed detail of `grpc-status-details-bin`, whose outer code and message must repeat the trailers.
pub fn detail<M: Message + Default>(status: &Status, type_url: &str) -> Option<M> {
    let whole = tonic_types::Status::decode(status.details()).expect("google.rpc.Status in the details");
    if !status.details().is_empty() {
        assert_eq!(
            (whole.code, whole.message.as_str()),
            (status.code() as i32, status.message())
        );
    }
    let any = whole.details.iter().find(|any| any.type_url == type_url)?;
    Some(M::decode(any.value.as_slice()).expect("a detail of its declared type"))
}

/// Checks a refusal for sending too often: the class, and how long to wait.
#[track_caller]
pub fn too_soon<T: Debug>(answer: Result<T, Status>) {
    let status = refused(answer, Code::ResourceExhausted, ANY);
    let retry: RetryInfo =
        detail(&status, "type.googleapis.com/google.rpc.RetryInfo").expect("google.rpc.RetryInfo");
    let seconds = retry.retry_delay.expect("a delay").seconds;
    assert!((1..=30).contains(&seconds), "{seconds} s");
}

/// `google.rpc.RetryInfo`, which the published clients leave to `tonic-types`.
type RetryInfo = tonic_types::pb::RetryInfo;
