//! gRPC-Web in text mode: the binary form in base64, for browsers that cannot stream bytes.
//!
//! A body may be several padded base64 texts in a row (PROTOCOL-WEB, "Text-encoded streams"), so it is decoded in
//! groups of four letters; each frame of an answer becomes a text of its own.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body::{Body, Frame};

/// Decodes a whole request body; `None` when it is no base64.
pub(super) fn decode(text: &[u8]) -> Option<Bytes> {
    let text: Vec<u8> = text
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let mut decoded = Vec::with_capacity(text.len() / 4 * 3);
    let mut rest = text.as_slice();
    while !rest.is_empty() {
        let (part, tail) = rest.split_at_checked(padded_end(rest))?;
        STANDARD.decode_vec(part, &mut decoded).ok()?;
        rest = tail;
    }
    Some(decoded.into())
}

/// Where the first padded text ends: behind the group that holds its padding.
fn padded_end(text: &[u8]) -> usize {
    let padding = text.iter().position(|byte| *byte == b'=');
    padding.map_or(text.len(), |padding| padding / 4 * 4 + 4)
}

/// Encodes each frame of a body.
#[derive(Debug)]
pub(super) struct Base64<B>(pub(super) B);

impl<B: Body<Data = Bytes, Error = Infallible> + Unpin> Body for Base64<B> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = ready!(Pin::new(&mut self.get_mut().0).poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(|data| STANDARD.encode(data).into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn texts_may_follow_one_another() {
        assert_eq!(decode(b"").as_deref(), Some(&b""[..]));
        assert_eq!(decode(b"YQ==YmM=ZGVm").as_deref(), Some(&b"abcdef"[..]));
        assert_eq!(decode(b"YW\r\nJj").as_deref(), Some(&b"abc"[..]));
        for wrong in [
            &b"YQ"[..],
            b"Y",
            b"====",
            b"=",
            b"Y=Q=",
            b"YQ=",
            b"\xff\xff\xff\xff",
        ] {
            assert_eq!(decode(wrong), None);
        }
    }
}
