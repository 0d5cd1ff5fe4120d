//! A server on a free port with a small service behind it, and a client for each wire form.

use std::net::SocketAddr;
use std::time::Duration;

use api::rpc::{Gate, MAX_HEADER_BYTES, RequestHead, Services, service};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use prost::Message;
use proto::rpc::{Code, MethodInfo, Status};
use proto::zitadel::object::v3alpha as object;
use proto::zitadel::resources::object::v3alpha::{Details, ListDetails};
use proto::zitadel::resources::user::v3alpha::{
    CreateUserRequest, CreateUserResponse, GetUser, GetUserRequest, GetUserResponse, SearchUsersRequest,
    SearchUsersResponse, SetContactPhoneRequest, SetContactPhoneResponse, VerifyContactPhoneRequest,
    VerifyContactPhoneResponse, VerifyOtpsmsRegistrationRequest, VerifyOtpsmsRegistrationResponse,
    ZitadelUsers, zitadel_users,
};
use proto::zitadel::user::v3alpha as old;
use proto::zitadel::v1::ErrorDetail;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

pub(super) const TOKEN: &str = "Bearer letmein";
pub(super) const USERS: &str = "/zitadel.resources.user.v3alpha.ZITADELUsers";

/// Lets one token in; the context is the name of the wire form.
pub(super) struct Door;

impl Gate for Door {
    type Context = String;

    async fn admit(&self, method: &'static MethodInfo, head: &RequestHead) -> Result<String, Status> {
        assert!(head.peer.is_some(), "the listener names the peer");
        assert!(
            head.headers.contains_key("host"),
            "the host is known in every form"
        );
        if method.permission.is_some()
            && head
                .headers
                .get("authorization")
                .is_none_or(|token| token != TOKEN)
        {
            return Err(Status::new(Code::Unauthenticated, "auth header missing"));
        }
        Ok(head.wire.name().to_owned())
    }
}

struct Users;

fn details(id: impl Into<String>) -> Option<Details> {
    let changed = proto::wkt::Timestamp {
        seconds: 1_700_000_000,
        nanos: 5_000_000,
    };
    let owner = object::Owner {
        r#type: object::OwnerType::Org.into(),
        id: "org".to_owned(),
    };
    Some(Details {
        id: id.into(),
        created: None,
        changed: Some(changed),
        owner: Some(owner),
    })
}

pub(super) fn not_found() -> Status {
    Status::new(Code::NotFound, "Nutzer fehlt ü (X-1)").with_detail(&ErrorDetail {
        id: "X-1".to_owned(),
        message: "Nutzer fehlt ü".to_owned(),
    })
}

impl ZitadelUsers<String> for Users {
    async fn get_user(&self, wire: String, request: GetUserRequest) -> Result<GetUserResponse, Status> {
        match request.id.as_str() {
            "missing" => Err(not_found()),
            "limited" => {
                Err(Status::new(Code::ResourceExhausted, "later").retry_after(Duration::from_millis(29_500)))
            }
            "panic" => panic!("a test asked for this"),
            "slow" => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                Err(Status::new(Code::Unknown, "too patient"))
            }
            code if code.parse::<u8>().is_ok() => {
                let number: u8 = code.parse().unwrap_or_default();
                let code = Code::ALL.into_iter().find(|code| code.number() == number);
                Err(Status::new(code.expect("a code"), "as asked"))
            }
            id => Ok(GetUserResponse {
                user: Some(GetUser {
                    details: details(format!("{id}@{wire}")),
                    ..GetUser::default()
                }),
            }),
        }
    }

    async fn search_users(
        &self,
        _: String,
        request: SearchUsersRequest,
    ) -> Result<SearchUsersResponse, Status> {
        let query = request.query.unwrap_or_default();
        let total = request.filters.len() as u64 + query.offset;
        let details = ListDetails {
            applied_limit: query.limit.into(),
            total_result: total,
            timestamp: None,
        };
        Ok(SearchUsersResponse {
            details: Some(details),
            ..SearchUsersResponse::default()
        })
    }

    async fn create_user(&self, _: String, request: CreateUserRequest) -> Result<CreateUserResponse, Status> {
        let organization = request
            .organization
            .and_then(|organization| organization.property);
        let id = match organization {
            Some(object::organization::Property::OrgId(id)) => id,
            _ => "none".to_owned(),
        };
        Ok(CreateUserResponse {
            details: details(id),
            ..CreateUserResponse::default()
        })
    }

    async fn set_contact_phone(
        &self,
        _: String,
        request: SetContactPhoneRequest,
    ) -> Result<SetContactPhoneResponse, Status> {
        let phone = request
            .phone
            .ok_or_else(|| Status::invalid_argument("phone is missing"))?;
        let verification_code = phone
            .verification
            .map(|choice| format!("{choice:?}").len().to_string());
        Ok(SetContactPhoneResponse {
            details: details(format!("{}:{}", request.id, phone.number)),
            verification_code,
        })
    }

    async fn verify_contact_phone(
        &self,
        _: String,
        request: VerifyContactPhoneRequest,
    ) -> Result<VerifyContactPhoneResponse, Status> {
        Ok(VerifyContactPhoneResponse {
            details: details(format!("{}:{}", request.id, request.verification_code)),
        })
    }

    async fn verify_otpsms_registration(
        &self,
        _: String,
        request: VerifyOtpsmsRegistrationRequest,
    ) -> Result<VerifyOtpsmsRegistrationResponse, Status> {
        let id = format!("{}:{}:{}", request.id, request.otp_sms_id, request.code);
        Ok(VerifyOtpsmsRegistrationResponse { details: details(id) })
    }
}

impl old::UserService<String> for Users {
    async fn set_contact_phone(
        &self,
        _: String,
        request: old::SetContactPhoneRequest,
    ) -> Result<old::SetContactPhoneResponse, Status> {
        let number = request.phone.unwrap_or_default().number;
        let details = proto::zitadel::object::v2beta::Details {
            sequence: 7,
            change_date: None,
            creation_date: None,
            resource_owner: format!("{}:{number}", request.user_id),
        };
        Ok(old::SetContactPhoneResponse {
            details: Some(details),
            email_code: Some("123456".to_owned()),
        })
    }
}

/// Starts the server and answers its address.
pub(super) async fn start() -> SocketAddr {
    let services = Services::new()
        .add(zitadel_users(Users))
        .add(old::user_service(Users))
        .add(proto::zitadel::auth::v1::auth_service(Nobody))
        .add(proto::zitadel::admin::v1::admin_service(Nobody))
        .add(proto::zitadel::feature::v2::feature_service(Nobody));
    serve(services).await
}

/// Serves these services behind the door.
pub(super) async fn serve(services: Services<String>) -> SocketAddr {
    let service = service(Door, services).expect("all methods are reachable");
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            let service = service.clone();
            let service = tower::service_fn(move |mut request: Request<hyper::body::Incoming>| {
                request.extensions_mut().insert(peer);
                let mut service = service.clone();
                async move { tower::Service::call(&mut service, request).await }
            });
            let mut server = auto::Builder::new(TokioExecutor::new());
            server.http1().max_buf_size(MAX_HEADER_BYTES);
            server
                .http2()
                .max_header_list_size(MAX_HEADER_BYTES.try_into().expect("fits"));
            tokio::spawn(async move {
                let _ = server
                    .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
                    .await;
            });
        }
    });
    address
}

/// Implements every service and no method.
pub(super) struct Nobody;

impl proto::merlon::inbox::v1::InboxService<String> for Nobody {}
impl proto::merlon::user::v1::UserService<String> for Nobody {}
impl proto::zitadel::admin::v1::AdminService<String> for Nobody {}
impl proto::zitadel::feature::v2::FeatureService<String> for Nobody {}
impl proto::zitadel::auth::v1::AuthService<String> for Nobody {}
impl ZitadelUsers<String> for Nobody {}
impl proto::zitadel::resources::userschema::v3alpha::ZitadelUserSchemas<String> for Nobody {}
impl proto::zitadel::user::schema::v3alpha::UserSchemaService<String> for Nobody {}
impl proto::zitadel::user::v2::UserService<String> for Nobody {}
impl old::UserService<String> for Nobody {}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) trailers: HeaderMap,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).or_else(|| self.trailers.get(name));
        value.and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The gRPC status number, whether in the trailers or, without a message, in the head.
    pub(super) fn grpc_status(&self) -> u8 {
        self.header("grpc-status")
            .parse()
            .unwrap_or_else(|_| panic!("no grpc-status: {self:?}"))
    }
}

pub(super) type Headers<'a> = &'a [(&'a str, &'a str)];

fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: Headers<'_>,
    body: Bytes,
    h2: bool,
) -> Request<Full<Bytes>> {
    let uri = if h2 {
        format!("http://{address}{path}")
    } else {
        path.to_owned()
    };
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = Method::from_bytes(method.as_bytes()).expect("a verb");
    *request.uri_mut() = uri.parse().expect("a path");
    if !h2 {
        request.headers_mut().insert(
            "host",
            HeaderValue::from_str(&address.to_string()).expect("a host"),
        );
    }
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        request
            .headers_mut()
            .append(name, HeaderValue::from_str(value).expect("a value"));
    }
    request
}

async fn collect<B>(response: http::Response<B>) -> Reply
where
    B: http_body::Body<Data = Bytes>,
    B::Error: std::fmt::Debug,
{
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("a whole body");
    let trailers = body.trailers().cloned().unwrap_or_default();
    Reply {
        status: parts.status,
        headers: parts.headers,
        body: body.to_bytes(),
        trailers,
    }
}

/// Sends one HTTP/1.1 request.
pub(super) async fn http1(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: Headers<'_>,
    body: impl Into<Bytes>,
) -> Reply {
    let stream = TcpStream::connect(address).await.expect("connected");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .expect("a handshake");
    tokio::spawn(connection);
    let request = request(address, method, path, headers, body.into(), false);
    collect(sender.send_request(request).await.expect("an answer")).await
}

/// Sends one HTTP/2 request with prior knowledge.
pub(super) async fn http2(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: Headers<'_>,
    body: impl Into<Bytes>,
) -> Reply {
    let stream = TcpStream::connect(address).await.expect("connected");
    let handshake = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.expect("a handshake");
    tokio::spawn(connection);
    let request = request(address, method, path, headers, body.into(), true);
    collect(sender.send_request(request).await.expect("an answer")).await
}

/// HTTP/JSON with the good token.
pub(super) async fn rest(address: SocketAddr, method: &str, path: &str, body: &str) -> Reply {
    http1(
        address,
        method,
        path,
        &[("authorization", TOKEN)],
        body.to_owned(),
    )
    .await
}

/// One message in the five-byte frame of gRPC.
pub(super) fn frame(message: &[u8]) -> Bytes {
    let mut framed = BytesMut::with_capacity(message.len() + 5);
    framed.put_u8(0);
    framed.put_u32(message.len().try_into().expect("a short message"));
    framed.put_slice(message);
    framed.freeze()
}

/// The first message of a framed body.
pub(super) fn unframe<M: Message + Default>(body: &[u8]) -> M {
    let length = u32::from_be_bytes(body[1..5].try_into().expect("four bytes")) as usize;
    M::decode(&body[5..5 + length]).expect("a message")
}

/// gRPC with the good token.
pub(super) async fn grpc(address: SocketAddr, path: &str, message: &impl Message) -> Reply {
    let headers = [
        ("authorization", TOKEN),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    http2(address, "POST", path, &headers, frame(&message.encode_to_vec())).await
}

/// gRPC-Web over HTTP/1.1; the trailers of the body become trailers of the reply.
pub(super) async fn grpc_web(address: SocketAddr, path: &str, message: &impl Message, text: bool) -> Reply {
    let body = frame(&message.encode_to_vec());
    let (content_type, body) = if text {
        ("application/grpc-web-text", Bytes::from(STANDARD.encode(body)))
    } else {
        ("application/grpc-web+proto", body)
    };
    let headers = [
        ("authorization", TOKEN),
        ("content-type", content_type),
        ("x-grpc-web", "1"),
    ];
    let mut reply = http1(address, "POST", path, &headers, body).await;
    if text {
        reply.body = texts(&reply.body);
    }
    let mut rest: &[u8] = &reply.body;
    while rest.len() >= 5 {
        let length = u32::from_be_bytes(rest[1..5].try_into().expect("four bytes")) as usize;
        if rest[0] & 0x80 != 0 {
            for line in String::from_utf8_lossy(&rest[5..5 + length]).lines() {
                let (name, value) = line.split_once(':').expect("a header line");
                let name = HeaderName::from_bytes(name.trim().as_bytes()).expect("a name");
                reply
                    .trailers
                    .insert(name, HeaderValue::from_str(value.trim()).expect("a value"));
            }
        }
        rest = &rest[5 + length..];
    }
    reply
}

/// Decodes base64 texts in a row.
fn texts(body: &[u8]) -> Bytes {
    let mut decoded = Vec::new();
    for group in body.chunks(4) {
        decoded.extend(STANDARD.decode(group).expect("base64"));
    }
    decoded.into()
}

/// Connect with JSON and the good token.
pub(super) async fn connect_json(address: SocketAddr, path: &str, body: &str) -> Reply {
    let headers = [
        ("authorization", TOKEN),
        ("content-type", "application/json"),
        ("connect-protocol-version", "1"),
    ];
    http1(address, "POST", path, &headers, body.to_owned()).await
}

/// Connect with protobuf and the good token.
pub(super) async fn connect_proto(address: SocketAddr, path: &str, message: &impl Message) -> Reply {
    let headers = [("authorization", TOKEN), ("content-type", "application/proto")];
    http2(address, "POST", path, &headers, message.encode_to_vec()).await
}
