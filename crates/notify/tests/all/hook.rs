//! A webhook that remembers its calls and answers as told.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use reqwest::Url;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    Status(u16),
    /// 503 with this `Retry-After`.
    Busy(u32),
    /// To `/elsewhere` of the same server.
    Redirect,
    Hang,
    /// 200 once calls are let go.
    Held,
}

#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Default)]
struct Inner {
    calls: Vec<Call>,
    moods: Vec<Mood>,
    always: Option<Mood>,
}

#[derive(Clone)]
pub(crate) struct Hook {
    pub(crate) url: Url,
    inner: Arc<Mutex<Inner>>,
    let_go: CancellationToken,
}

impl Hook {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/send", listener.local_addr().unwrap());
        let hook = Self {
            url: Url::parse(&url).unwrap(),
            inner: Arc::default(),
            let_go: CancellationToken::new(),
        };
        let router = Router::new().fallback(take).with_state(hook.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        hook
    }

    /// Moods for the next calls; afterwards it answers 200.
    pub(crate) fn will(&self, moods: impl IntoIterator<Item = Mood>) {
        let mut moods: Vec<Mood> = moods.into_iter().collect();
        moods.reverse();
        self.inner.lock().unwrap().moods = moods;
    }

    pub(crate) fn always(&self, mood: Mood) {
        self.inner.lock().unwrap().always = Some(mood);
    }

    /// Answers all calls that are held, and those that will be.
    pub(crate) fn let_go(&self) {
        self.let_go.cancel();
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.inner.lock().unwrap().calls.clone()
    }
}

async fn take(State(hook): State<Hook>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let mood = {
        let mut inner = hook.inner.lock().unwrap();
        let path = uri.path().to_owned();
        inner.calls.push(Call { path, headers, body });
        inner.moods.pop().or(inner.always).unwrap_or(Mood::Status(200))
    };
    match mood {
        Mood::Status(code) => StatusCode::from_u16(code).unwrap().into_response(),
        Mood::Busy(seconds) => (
            StatusCode::SERVICE_UNAVAILABLE,
            [(header::RETRY_AFTER, seconds.to_string())],
        )
            .into_response(),
        Mood::Redirect => {
            (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, "/elsewhere")]).into_response()
        }
        Mood::Hang => {
            tokio::time::sleep(Duration::from_mins(10)).await;
            StatusCode::OK.into_response()
        }
        Mood::Held => {
            hook.let_go.cancelled().await;
            StatusCode::OK.into_response()
        }
    }
}
