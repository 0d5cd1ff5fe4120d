//! Asks the server to create users, and again while it has too much to do.

use std::sync::Arc;
use std::time::Duration;

use api::error::{PASSING, USER_EXISTS};
use api::rpc::MAX_BODY_BYTES;
use bytes::Bytes;
use http::{Method, StatusCode};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{Fate, Line};
use crate::client::{Answer, Client};

/// Lines that are sent again at the same time: enough to keep a server busy that had too much to do.
const AGAIN: usize = 32;
/// The pause before that, where the server names none.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest pause that is taken from the server.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A server that takes no line for so long is not asked again.
pub(super) const PATIENCE: Duration = Duration::from_mins(2);

/// What is asked of the server for every line, and what its connections share.
pub(super) struct Order {
    path: String,
    skip_existing: bool,
    /// For lines that are sent again.
    again: Semaphore,
    /// When the server last took or refused a line for good.
    progress: Mutex<Instant>,
}

impl Order {
    pub(super) fn new(path: String, skip_existing: bool) -> Self {
        Self {
            path,
            skip_existing,
            again: Semaphore::new(AGAIN),
            progress: Mutex::new(Instant::now()),
        }
    }

    /// What an answer says of its line; nothing while it speaks only of the server at the moment.
    fn judge(&self, answer: &Answer, text: &Bytes) -> Option<Fate> {
        let id = answer.body["details"][0]["id"].as_str().unwrap_or_default();
        if PASSING.contains(&id) {
            return None;
        }
        *self.progress.lock() = Instant::now();
        Some(match answer.status {
            status if status.is_success() => Fate::Created,
            StatusCode::CONFLICT if id == USER_EXISTS && self.skip_existing => Fate::Existed,
            StatusCode::SERVICE_UNAVAILABLE => Fate::Unknown(reason(answer)),
            _ => Fate::Refused(Some(text.clone()), reason(answer)),
        })
    }

    /// Whether a line is worth asking for again that was first sent at that time.
    fn has_patience(&self, began: Instant) -> bool {
        self.progress.lock().max(began).elapsed() < PATIENCE
    }

    /// Waits as long as the server asks for, and then for a turn: if all came again together, most would be refused again.
    async fn turn(&self, answer: &Answer) -> Option<SemaphorePermit<'_>> {
        sleep(answer.retry_after.unwrap_or(PAUSE).min(LONGEST_PAUSE)).await;
        self.again.acquire().await.ok()
    }
}

/// One connection.
pub(super) struct Worker {
    pub(super) client: Arc<Client>,
    pub(super) order: Arc<Order>,
    pub(super) stop: CancellationToken,
}

impl Worker {
    /// Takes lines until there are no more, or a fault stops everything.
    pub(super) async fn run(self, mut lines: mpsc::Receiver<Line>, done: mpsc::Sender<(u64, Fate)>) {
        let mut connection = None;
        while let Some(line) = self.next(&mut lines).await {
            let fate = if self.stop.is_cancelled() && connection.is_none() {
                Fate::Untried(None)
            } else {
                self.take(&mut connection, line.text).await
            };
            if matches!(fate, Fate::Unknown(_) | Fate::Untried(Some(_))) {
                self.stop.cancel();
                connection = None;
            }
            if done.send((line.number, fate)).await.is_err() {
                return;
            }
        }
    }

    /// The next line; after a stop, what was handed out before.
    async fn next(&self, lines: &mut mpsc::Receiver<Line>) -> Option<Line> {
        tokio::select! {
            line = lines.recv() => return line,
            () = self.stop.cancelled() => lines.close(),
        }
        lines.recv().await
    }

    async fn take(&self, connection: &mut Option<crate::client::Line>, text: Option<Bytes>) -> Fate {
        match text {
            Some(text) => self.create(connection, text).await,
            None => Fate::Refused(
                None,
                format!("longer than {MAX_BODY_BYTES} bytes, the most that the API takes"),
            ),
        }
    }

    /// Asks until the answer is about the line. Nothing was changed by the answers before.
    async fn create(&self, connection: &mut Option<crate::client::Line>, text: Bytes) -> Fate {
        let (began, mut turn) = (Instant::now(), None);
        loop {
            let answer = match self.send(connection, text.clone()).await {
                Ok(answer) => answer,
                Err(error) => return Fate::Unknown(format!("{error:#}")),
            };
            drop(turn);
            if let Some(fate) = self.order.judge(&answer, &text) {
                return fate;
            }
            if !self.order.has_patience(began) {
                return Fate::Untried(Some(reason(&answer)));
            }
            turn = tokio::select! {
                () = self.stop.cancelled() => return Fate::Untried(None),
                turn = self.order.turn(&answer) => turn,
            };
        }
    }

    async fn send(
        &self,
        connection: &mut Option<crate::client::Line>,
        text: Bytes,
    ) -> anyhow::Result<Answer> {
        let request = self.client.request(Method::POST, &self.order.path, text)?;
        let line = match connection {
            Some(line) => line,
            None => connection.insert(self.client.line().await?),
        };
        line.send(request).await
    }
}

/// The server's words hold nothing personal.
fn reason(answer: &Answer) -> String {
    let message = answer.body["message"].as_str().unwrap_or("no reason given");
    format!("{message} (HTTP {})", answer.status.as_u16())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use api::error::{CONTENTION, OVERLOADED, PASSWORDS_BUSY, STORE_FULL};
    use axum::Router;
    use axum::response::IntoResponse;
    use axum::routing::post;
    use serde_json::json;
    use tokio::net::TcpListener;

    use super::*;
    use crate::data_dir::RunInfo;

    /// What a server says to one request: status, id, seconds to wait.
    type Said = (u16, &'static str, u64);

    /// What becomes of a line whose requests are answered so, the last answer again and again, and how often it was sent.
    async fn fate(answers: Vec<Said>) -> (Fate, usize) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let route = post(async move || {
            let (status, id, wait) = answers[count.fetch_add(1, Ordering::Relaxed).min(answers.len() - 1)];
            let body = json!({"message": "words", "details": [{"id": id}]});
            let status = StatusCode::from_u16(status).unwrap();
            (status, [("retry-after", wait.to_string())], axum::Json(body)).into_response()
        });
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(socket, Router::new().route("/users", route)).await });
        let run = RunInfo {
            pid: 1,
            address,
            url: String::new(),
            certificate_file: None,
        };
        let worker = Worker {
            client: Arc::new(Client::anonymous(&run)),
            order: Arc::new(Order::new("/users".to_owned(), true)),
            stop: CancellationToken::new(),
        };
        let fate = worker.create(&mut None, Bytes::from_static(b"{}")).await;
        (fate, asked.load(Ordering::Relaxed))
    }

    #[tokio::test(start_paused = true)]
    async fn a_state_of_the_server_is_asked_again() {
        for passing in [
            (429, OVERLOADED),
            (429, PASSWORDS_BUSY),
            (409, CONTENTION),
            (503, STORE_FULL),
        ] {
            let (status, id) = passing;
            let (fate, asked) = fate(vec![(status, id, 1), (status, id, 3600), (201, "", 0)]).await;
            assert!(matches!(fate, Fate::Created), "{passing:?}");
            assert_eq!(asked, 3, "{passing:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_of_the_line_is_not_asked_again() {
        for (status, id) in [
            (429, "MERLON-b7Qx2LmV"),
            (429, "MERLON-k2Ws9JfB"),
            (409, "V3-DKcYh"),
            (400, "EMAIL-599BI"),
        ] {
            let (fate, asked) = fate(vec![(status, id, 1)]).await;
            assert!(matches!(fate, Fate::Refused(Some(_), _)) && asked == 1, "{id}");
        }
        let (existed, _) = fate(vec![(409, USER_EXISTS, 0)]).await;
        assert!(matches!(existed, Fate::Existed));
        let (unknown, _) = fate(vec![(503, "MERLON-h8Wd3RzN", 2)]).await;
        assert!(matches!(unknown, Fate::Unknown(_)), "it may have been done");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_takes_nothing_is_left_in_the_end() {
        let began = Instant::now();
        let (fate, asked) = fate(vec![(429, PASSWORDS_BUSY, 3)]).await;
        let Fate::Untried(Some(reason)) = fate else {
            panic!("it was not refused for good");
        };
        assert!(reason.contains("429") && asked > 30, "{reason} {asked}");
        assert!(began.elapsed() >= PATIENCE);
    }
}
