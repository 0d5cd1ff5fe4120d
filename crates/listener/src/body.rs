//! A request body that must arrive in time, so that a caller cannot hold a request open by sending it byte by byte; what
//! nobody reads of it is read away for a while.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::runtime::Handle;
use tokio::time::{Sleep, timeout};

/// How much of a body that nobody reads is read away.
const UNREAD_BYTES: usize = 8 * 1024 * 1024;

/// How long that may take.
const UNREAD_TIME: Duration = Duration::from_secs(2);

/// A body with a deadline. A body that has already arrived never starts the clock.
#[derive(Debug)]
pub(super) struct Timely {
    body: Option<Incoming>,
    limit: Option<Duration>,
    clock: Option<Pin<Box<Sleep>>>,
    read_away: bool,
}

/// The body came too slowly.
#[derive(Debug, thiserror::Error)]
#[error("the request body did not arrive in time")]
pub(super) struct TooSlow;

impl Timely {
    /// Gives the rest of the body this long, counted from the first wait; no limit for streams that may rest.
    pub(super) fn new(body: Incoming, limit: Option<Duration>) -> Self {
        Self {
            body: Some(body),
            limit,
            clock: None,
            read_away: false,
        }
    }

    /// Reads away what nobody reads. A caller over HTTP/1 often sends all of its body before it reads the answer; if the
    /// connection were closed on it meanwhile, it would find a broken connection and never hear why.
    pub(super) fn read_away(mut self, read_away: bool) -> Self {
        self.read_away = read_away;
        self
    }
}

impl Drop for Timely {
    fn drop(&mut self) {
        let unread = self
            .body
            .take()
            .filter(|body| self.read_away && !body.is_end_stream());
        if let (Some(body), Ok(runtime)) = (unread, Handle::try_current()) {
            runtime.spawn(timeout(UNREAD_TIME, discard(body)));
        }
    }
}

async fn discard(mut body: Incoming) {
    let mut left = UNREAD_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(length) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}

impl Body for Timely {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        if let Poll::Ready(frame) = Pin::new(body).poll_frame(cx) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let Some(limit) = self.limit else {
            return Poll::Pending;
        };
        let clock = self
            .clock
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(clock.as_mut().poll(cx));
        Poll::Ready(Some(Err(TooSlow.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(SizeHint::default, Incoming::size_hint)
    }
}
