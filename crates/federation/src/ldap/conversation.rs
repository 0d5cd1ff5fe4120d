//! Messages to a directory and back (RFC 4511 section 4.1.1): one question after the other, and not more to read than a
//! sign-in needs. What comes is never believed to be well-formed.

use app::secret::Secret;
use rasn::types::OctetString;
use rasn_ldap::{
    AuthenticationChoice, BindRequest, ExtendedRequest, LdapMessage, ProtocolOp, ResultCode, SearchRequest,
    SearchResultEntry,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};

/// The answers to one sign-in are a few KiB; longer ones are none.
const MOST_BYTES: usize = 1024 * 1024;
/// The version of the protocol.
const VERSION: u8 = 3;
/// The operation that begins TLS (RFC 4511 section 4.14.1).
const START_TLS: &str = "1.3.6.1.4.1.1466.20037";
/// Tag of every message: a constructed sequence.
const SEQUENCE: u8 = 0x30;

const ODD: Why = "answers nothing that is understood";
const ENDED: Why = "ends the connection";

/// Why a conversation ended, in words for the log. Nothing of what was said is in it.
pub(super) type Why = &'static str;

/// What messages travel over.
pub(super) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// One question is asked at a time, and the next one after its answer.
pub(super) struct Conversation<W> {
    wire: W,
    /// What has come and was not read yet.
    unread: Vec<u8>,
    /// How much may still come.
    allowance: usize,
    /// The last question.
    id: u32,
}

impl Conversation<TcpStream> {
    /// Agrees on TLS, which begins with the next byte: whatever came before is not taken into it.
    pub(super) async fn start_tls(mut self) -> Result<TcpStream, Why> {
        let request = ExtendedRequest {
            request_name: START_TLS.as_bytes().into(),
            request_value: None,
        };
        self.say(ProtocolOp::ExtendedReq(request)).await?;
        match self.hear().await? {
            ProtocolOp::ExtendedResp(answer) if answer.result_code == ResultCode::Success => {}
            ProtocolOp::ExtendedResp(_) => return Err("refuses TLS"),
            _ => return Err(ODD),
        }
        if self.unread.is_empty() {
            Ok(self.wire)
        } else {
            Err("goes on without TLS")
        }
    }
}

impl<W: Wire> Conversation<W> {
    pub(super) fn over(wire: W) -> Self {
        Self {
            wire,
            unread: Vec::new(),
            allowance: MOST_BYTES,
            id: 0,
        }
    }

    /// Binds with a name and a password. Without one of them it would succeed for everybody (RFC 4513 sections 5.1.1 and
    /// 5.1.2), so nothing is sent then.
    pub(super) async fn bind(&mut self, name: &str, password: &Secret) -> Result<ResultCode, Why> {
        if name.is_empty() || password.reveal().is_empty() {
            return Ok(ResultCode::InvalidCredentials);
        }
        let password = OctetString::from(password.reveal().as_bytes());
        let request = BindRequest::new(VERSION, name.into(), AuthenticationChoice::Simple(password));
        self.say(ProtocolOp::BindRequest(request)).await?;
        match self.hear().await? {
            ProtocolOp::BindResponse(answer) => Ok(answer.result_code),
            _ => Err(ODD),
        }
    }

    /// What is found, and how the search ended. Referrals to other servers are not followed.
    pub(super) async fn search(
        &mut self,
        request: SearchRequest,
    ) -> Result<(ResultCode, Vec<SearchResultEntry>), Why> {
        self.say(ProtocolOp::SearchRequest(request)).await?;
        let mut found = Vec::new();
        loop {
            match self.hear().await? {
                ProtocolOp::SearchResEntry(entry) => found.push(entry),
                ProtocolOp::SearchResRef(_) | ProtocolOp::IntermediateResponse(_) => {}
                ProtocolOp::SearchResDone(done) => return Ok((done.0.result_code, found)),
                _ => return Err(ODD),
            }
        }
    }

    async fn say(&mut self, question: ProtocolOp) -> Result<(), Why> {
        self.id += 1;
        let message =
            rasn::ber::encode(&LdapMessage::new(self.id, question)).map_err(|_| "cannot be asked")?;
        self.wire.write_all(&message).await.map_err(|_| ENDED)?;
        self.wire.flush().await.map_err(|_| ENDED)
    }

    /// The next answer to the last question. A message to no question says that the server ends the connection (RFC 4511
    /// section 4.4.1).
    async fn hear(&mut self) -> Result<ProtocolOp, Why> {
        let message = self.message().await?;
        match message.message_id {
            id if id == self.id => Ok(message.protocol_op),
            0 => Err(ENDED),
            _ => Err(ODD),
        }
    }

    async fn message(&mut self) -> Result<LdapMessage, Why> {
        loop {
            if let Some(length) = length(&self.unread)? {
                if length > self.unread.len() + self.allowance {
                    return Err("answers too much");
                }
                if length <= self.unread.len() {
                    let message = rasn::ber::decode(&self.unread[..length]).map_err(|_| ODD);
                    self.unread.drain(..length);
                    return message;
                }
            }
            self.read_on().await?;
        }
    }

    async fn read_on(&mut self) -> Result<(), Why> {
        let mut piece = [0; 4096];
        let read = self.wire.read(&mut piece).await.map_err(|_| ENDED)?;
        if read == 0 {
            return Err(ENDED);
        }
        self.allowance = self.allowance.checked_sub(read).ok_or("answers too much")?;
        self.unread.extend_from_slice(&piece[..read]);
        Ok(())
    }
}

/// The length of the first message with its header, once that is there. Lengths are definite (RFC 4511 section 5.1).
fn length(bytes: &[u8]) -> Result<Option<usize>, Why> {
    let Some((&tag, rest)) = bytes.split_first() else {
        return Ok(None);
    };
    if tag != SEQUENCE {
        return Err(ODD);
    }
    let Some((&first, rest)) = rest.split_first() else {
        return Ok(None);
    };
    if first < 0x80 {
        return Ok(Some(2 + usize::from(first)));
    }
    let octets = usize::from(first & 0x7f);
    if !(1..=4).contains(&octets) {
        return Err(ODD);
    }
    let Some(octets_of_length) = rest.get(..octets) else {
        return Ok(None);
    };
    let content = octets_of_length
        .iter()
        .fold(0_usize, |length, &octet| length << 8 | usize::from(octet));
    Ok(Some(content.saturating_add(2 + octets)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_message_is_known_from_its_header() {
        for (bytes, wanted) in [
            (&[][..], Ok(None)),
            (&[0x30], Ok(None)),
            (&[0x30, 0x00], Ok(Some(2))),
            (&[0x30, 0x7f, 1], Ok(Some(129))),
            (&[0x30, 0x81], Ok(None)),
            (&[0x30, 0x81, 0x80], Ok(Some(131))),
            (&[0x30, 0x82, 1], Ok(None)),
            (&[0x30, 0x84, 0, 0, 1, 0], Ok(Some(262))),
            (&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], Ok(Some(0xffff_ffff + 6))),
            (&[0x30, 0x80], Err(ODD)),
            (&[0x30, 0x85], Err(ODD)),
            (&[0x30, 0xff], Err(ODD)),
            (&[0x48], Err(ODD)),
        ] {
            assert_eq!(length(bytes), wanted, "{bytes:?}");
        }
    }

    #[tokio::test]
    async fn nothing_binds_without_a_name_or_a_password() {
        let (near, mut far) = tokio::io::duplex(1024);
        let mut conversation = Conversation::over(near);
        for (name, password) in [("", "secret"), ("cn=ada", ""), ("", "")] {
            let bound = conversation.bind(name, &Secret::new(password.into())).await;
            assert_eq!(bound, Ok(ResultCode::InvalidCredentials));
        }
        drop(conversation);
        let mut heard = Vec::new();
        far.read_to_end(&mut heard).await.unwrap();
        assert!(heard.is_empty(), "something was sent");
    }

    /// What a conversation makes of these bytes as an answer to its search.
    async fn answered(bytes: &[u8]) -> Result<(ResultCode, Vec<SearchResultEntry>), Why> {
        let (near, mut far) = tokio::io::duplex(2 * MOST_BYTES);
        far.write_all(bytes).await.unwrap();
        let mut conversation = Conversation::over(near);
        let everything = rasn_ldap::Filter::Present("objectClass".into());
        let request = SearchRequest::new(
            "".into(),
            rasn_ldap::SearchRequestScope::BaseObject,
            rasn_ldap::SearchRequestDerefAliases::NeverDerefAliases,
            0,
            0,
            false,
            everything,
            Vec::new(),
        );
        let asked = async {
            let answer = conversation.search(request).await;
            drop(conversation);
            answer
        };
        // The far side ends only after the near one, so that an answer which is cut off would wait for ever.
        let done = tokio::time::timeout(std::time::Duration::from_secs(5), asked).await;
        drop(far);
        done.unwrap_or(Err("waits"))
    }

    /// A constructed value around others.
    fn around(tag: u8, inside: &[u8]) -> Vec<u8> {
        let length = u32::try_from(inside.len()).unwrap().to_be_bytes();
        [&[tag, 0x84][..], &length, inside].concat()
    }

    #[tokio::test]
    async fn hostile_answers_end_the_conversation_and_nothing_else() {
        let done = [0x30, 0x0c, 2, 1, 1, 0x65, 7, 0x0a, 1, 0, 4, 0, 4, 0];
        assert_eq!(answered(&done).await, Ok((ResultCode::Success, Vec::new())));
        let other_id = [0x30, 0x0c, 2, 1, 2, 0x65, 7, 0x0a, 1, 0, 4, 0, 4, 0];
        let ending = [0x30, 0x0c, 2, 1, 0, 0x78, 7, 0x0a, 1, 52, 4, 0, 4, 0];
        let unknown_code = [0x30, 0x0c, 2, 1, 1, 0x65, 7, 0x0a, 1, 99, 4, 0, 4, 0];
        let bind_instead = [0x30, 0x0c, 2, 1, 1, 0x61, 7, 0x0a, 1, 0, 4, 0, 4, 0];
        let name_of_no_text = [0x30, 0x0a, 2, 1, 1, 0x64, 5, 4, 1, 0xff, 0x30, 0];
        let mut deep = Vec::new();
        for _ in 0..10_000 {
            deep = around(0x30, &deep);
        }
        let deep_in_a_string = around(0x30, &[&[2, 1, 1, 0x64][..], &around(0x24, &deep)].concat());
        let cases: [(&str, Vec<u8>, Why); 9] = [
            ("another id", other_id.to_vec(), ODD),
            ("an ending", ending.to_vec(), ENDED),
            ("an unknown code", unknown_code.to_vec(), ODD),
            ("another answer", bind_instead.to_vec(), ODD),
            ("a name that is no text", name_of_no_text.to_vec(), ODD),
            ("nesting", deep, ODD),
            ("nesting in a string", deep_in_a_string, ODD),
            (
                "a lie about the length",
                vec![0x30, 0x84, 0x7f, 0, 0, 0],
                "answers too much",
            ),
            ("no message", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(), ODD),
        ];
        for (what, bytes, why) in cases {
            assert_eq!(answered(&bytes).await, Err(why), "{what}");
        }
        let entry = [0x30, 0x0b, 2, 1, 1, 0x64, 6, 4, 2, b'c', b'n', 0x30, 0];
        let endless = entry.repeat(MOST_BYTES / entry.len() + 1);
        assert_eq!(answered(&endless).await, Err("answers too much"));
    }
}
