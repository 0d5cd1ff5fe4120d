//! A small directory that listens on this machine, speaks LDAP, knows one person, and can be of no use.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use rasn::types::OctetString;
use rasn_ldap::{
    AuthenticationChoice, BindRequest, BindResponse, ExtendedResponse, Filter, LdapMessage, LdapResult,
    PartialAttribute, ProtocolOp, ResultCode, SearchRequest, SearchResultDone, SearchResultEntry,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Where its people are.
pub const BASE: &str = "dc=example,dc=com";
/// Who may look for people, and their password.
pub const SERVICE: (&str, &str) = ("cn=service,dc=example,dc=com", "the secret");
/// The name, the other name, the id, and the password of the person.
pub const PERSON: [&str; 4] = ["ada", "ada@example.com", "1815", "correct-horse"];

const PERSON_DN: &str = "uid=ada,dc=example,dc=com";

/// What it does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is named after what is wrong")]
pub enum Fault {
    Hangs,
    HangsAtThePassword,
    EndsAtThePassword,
    IsBusy,
    IsBusyAtThePassword,
    KnowsNobodyWhoAsks,
    RefusesTheSearch,
    FindsTwo,
    FindsOneOfMany,
    FindsAdaByEveryName,
    NoId,
    TwoIds,
    EmptyDn,
    TwoMails,
    ClaimsTls,
    ClaimsTlsAndGoesOn,
    RefusesTls,
}

#[derive(Default)]
struct Inner {
    fault: Mutex<Option<Fault>>,
    asked: AtomicUsize,
    guesses: Mutex<Vec<(String, String)>>,
    names: Mutex<Vec<Vec<u8>>>,
}

/// A directory at work until it is dropped.
pub struct TestDirectory {
    inner: Arc<Inner>,
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl std::fmt::Debug for TestDirectory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TestDirectory(..)")
    }
}

impl Drop for TestDirectory {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl TestDirectory {
    /// Starts one.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::<Inner>::default();
        let serving = Arc::clone(&inner);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let inner = Arc::clone(&serving);
                // A caller who goes away is no fault of the test.
                tokio::spawn(async move { drop(serve(&inner, stream).await) });
            }
        });
        Self { inner, address, task }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("ldap://{}", self.address)
    }

    /// From now on something is wrong with it, or no longer.
    pub fn fault(&self, fault: Option<Fault>) {
        *self.inner.fault.lock() = fault;
    }

    /// How many messages came.
    pub fn asked(&self) -> usize {
        self.inner.asked.load(Ordering::SeqCst)
    }

    /// Names and passwords that were tried, those of who asks left out.
    pub fn guesses(&self) -> Vec<(String, String)> {
        self.inner.guesses.lock().clone()
    }

    /// The name that people were looked for by, as it came, search by search.
    pub fn names(&self) -> Vec<Vec<u8>> {
        self.inner.names.lock().clone()
    }
}

async fn serve(inner: &Inner, mut stream: TcpStream) -> io::Result<()> {
    loop {
        let message = heard(&mut stream).await?;
        inner.asked.fetch_add(1, Ordering::SeqCst);
        let fault = *inner.fault.lock();
        let answers = match message.protocol_op {
            _ if fault == Some(Fault::Hangs) => std::future::pending().await,
            ProtocolOp::BindRequest(request) => match bind(inner, fault, &request) {
                _ if request.name.0 != SERVICE.0 && fault == Some(Fault::HangsAtThePassword) => {
                    std::future::pending().await
                }
                _ if request.name.0 != SERVICE.0 && fault == Some(Fault::EndsAtThePassword) => return Ok(()),
                code => vec![bound(code)],
            },
            ProtocolOp::SearchRequest(request) => found(inner, fault, &request),
            ProtocolOp::ExtendedReq(_) => tls(fault),
            _ => return Ok(()),
        };
        let mut bytes = Vec::new();
        for answer in answers {
            let answer = LdapMessage::new(message.message_id, answer);
            bytes.extend(rasn::ber::encode(&answer).map_err(io::Error::other)?);
        }
        stream.write_all(&bytes).await?;
    }
}

async fn heard(stream: &mut TcpStream) -> io::Result<LdapMessage> {
    let mut bytes = vec![0; 2];
    stream.read_exact(&mut bytes).await?;
    let mut length = usize::from(bytes[1]);
    if length > 127 {
        let mut octets = vec![0; length - 128];
        stream.read_exact(&mut octets).await?;
        length = octets
            .iter()
            .fold(0, |length, octet| length << 8 | usize::from(*octet));
        bytes.extend(octets);
    }
    let header = bytes.len();
    bytes.resize(header + length, 0);
    stream.read_exact(&mut bytes[header..]).await?;
    rasn::ber::decode(&bytes).map_err(io::Error::other)
}

fn bind(inner: &Inner, fault: Option<Fault>, request: &BindRequest) -> ResultCode {
    let AuthenticationChoice::Simple(password) = &request.authentication else {
        return ResultCode::AuthMethodNotSupported;
    };
    let password = String::from_utf8_lossy(password).into_owned();
    let name = request.name.0.as_str();
    if name != SERVICE.0 {
        inner.guesses.lock().push((name.to_owned(), password.clone()));
    }
    match (name, &*password, fault) {
        (name, _, Some(Fault::KnowsNobodyWhoAsks)) if name == SERVICE.0 => ResultCode::InvalidCredentials,
        (_, _, Some(Fault::IsBusy)) => ResultCode::Busy,
        (name, _, Some(Fault::IsBusyAtThePassword)) if name != SERVICE.0 => ResultCode::Busy,
        // Whoever brings nothing is nobody, and welcome (RFC 4513 section 5.1.2).
        ("", ..) | (_, "", _) | (PERSON_DN, "correct-horse", _) => ResultCode::Success,
        (name, password, _) if (name, password) == SERVICE || (name, password) == (PERSON[1], PERSON[3]) => {
            ResultCode::Success
        }
        _ => ResultCode::InvalidCredentials,
    }
}

fn bound(code: ResultCode) -> ProtocolOp {
    ProtocolOp::BindResponse(BindResponse::new(code, "".into(), "a reason".into(), None, None))
}

fn tls(fault: Option<Fault>) -> Vec<ProtocolOp> {
    let claim = ExtendedResponse {
        result_code: if fault == Some(Fault::RefusesTls) {
            ResultCode::ProtocolError
        } else {
            ResultCode::Success
        },
        matched_dn: "".into(),
        diagnostic_message: "".into(),
        referral: None,
        response_name: None,
        response_value: None,
    };
    let mut answers = vec![ProtocolOp::ExtendedResp(claim)];
    if fault == Some(Fault::ClaimsTlsAndGoesOn) {
        answers.push(bound(ResultCode::Success));
    }
    answers
}

fn found(inner: &Inner, fault: Option<Fault>, request: &SearchRequest) -> Vec<ProtocolOp> {
    let mut name = Vec::new();
    let matches = matches(&request.filter, &mut name);
    inner.names.lock().push(name);
    let entries = match fault {
        Some(Fault::FindsTwo) => 2,
        Some(Fault::FindsAdaByEveryName | Fault::FindsOneOfMany) => 1,
        _ => usize::from(matches),
    };
    let code = match fault {
        Some(Fault::RefusesTheSearch) => ResultCode::InsufficientAccessRights,
        Some(Fault::FindsOneOfMany) => ResultCode::SizeLimitExceeded,
        _ => ResultCode::Success,
    };
    let done = SearchResultDone(LdapResult::new(code, "".into(), "a reason".into()));
    let entries = (0..entries).map(|_| ProtocolOp::SearchResEntry(entry(fault)));
    entries.chain([ProtocolOp::SearchResDone(done)]).collect()
}

/// Attributes of the person that can be searched by.
const SEARCHED: [(&str, &str); 3] = [("objectclass", "person"), ("uid", PERSON[0]), ("mail", PERSON[1])];

/// Whether the person is meant, and by which name they are looked for.
fn matches(filter: &Filter, name: &mut Vec<u8>) -> bool {
    match filter {
        Filter::And(all) => all.iter().all(|one| matches(one, name)),
        Filter::Or(any) => any.iter().any(|one| matches(one, name)),
        Filter::EqualityMatch(is) => {
            let attribute = is.attribute_desc.to_lowercase();
            if attribute != "objectclass" {
                *name = is.assertion_value.to_vec();
            }
            let value = String::from_utf8_lossy(&is.assertion_value).to_lowercase();
            SEARCHED.contains(&(&*attribute, value.trim()))
        }
        _ => false,
    }
}

fn entry(fault: Option<Fault>) -> SearchResultEntry {
    let attribute = |name: &str, values: &[&[u8]]| {
        let values: Vec<OctetString> = values.iter().map(|value| (*value).into()).collect();
        PartialAttribute::new(name.into(), values.into())
    };
    let ids: &[&[u8]] = match fault {
        Some(Fault::NoId) => &[b" "],
        Some(Fault::TwoIds) => &[b"1815", b"1816"],
        _ => &[b"1815"],
    };
    let mails: &[&[u8]] = match fault {
        Some(Fault::TwoMails) => &[b"ada@example.com", b"root@example.com"],
        _ => &[b"ada@example.com"],
    };
    let dn = if fault == Some(Fault::EmptyDn) {
        ""
    } else {
        PERSON_DN
    };
    SearchResultEntry::new(
        dn.into(),
        vec![
            attribute("UID", &[b"ada"]),
            attribute("mail", mails),
            attribute("givenName", &[b"Ada"]),
            attribute("jpegPhoto", &[b"\xff\xd8\x00"]),
            attribute("employeeNumber", ids),
        ],
    )
}
