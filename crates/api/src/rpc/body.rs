//! The body of an answer, one type for all wire forms.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::Full;

use super::connect::Framed;
use super::text::Base64;

/// The body of an answer.
#[derive(Debug)]
pub struct Body(Kind);

#[derive(Debug)]
enum Kind {
    Full(Full<Bytes>),
    Framed(Framed),
    Text(Base64<Framed>),
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self(Kind::Full(Full::new(bytes)))
    }
}

impl From<Framed> for Body {
    fn from(framed: Framed) -> Self {
        Self(Kind::Framed(framed))
    }
}

impl From<Base64<Framed>> for Body {
    fn from(text: Base64<Framed>) -> Self {
        Self(Kind::Text(text))
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.get_mut().0 {
            Kind::Full(body) => Pin::new(body).poll_frame(cx),
            Kind::Framed(body) => Pin::new(body).poll_frame(cx),
            Kind::Text(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Full(body) => body.is_end_stream(),
            Kind::Framed(body) => body.is_end_stream(),
            Kind::Text(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Full(body) => body.size_hint(),
            Kind::Framed(body) => body.size_hint(),
            Kind::Text(body) => body.size_hint(),
        }
    }
}
