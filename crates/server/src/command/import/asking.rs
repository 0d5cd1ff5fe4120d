//! Asks the server to create users, many with one request, and again while it has too much to do.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use api::error::{PASSING, USER_EXISTS};
use bytes::Bytes;
use http::{Method, StatusCode};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::parcel::{self, Parcel, Said, said_of_all, too_long};
use super::{Fate, Line};
use crate::client::{Answer, Client};

/// Lines of one request, the most that the server takes.
pub(super) const TOGETHER: usize = 100;
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
    org: String,
    path_alone: String,
    skip_existing: bool,
    /// For lines that are sent again.
    again: Semaphore,
    /// When the server last took or refused a line for good.
    progress: Mutex<Instant>,
}

impl Order {
    /// For users of the organization with this id.
    pub(super) fn new(org: String, skip_existing: bool) -> Self {
        Self {
            path_alone: parcel::path_alone(&org),
            org,
            skip_existing,
            again: Semaphore::new(AGAIN),
            progress: Mutex::new(Instant::now()),
        }
    }

    /// What was said of a line; nothing while it speaks only of the server at the moment.
    fn judge(&self, said: &Said, text: &Bytes) -> Option<Fate> {
        if PASSING.contains(&&*said.id) {
            return None;
        }
        *self.progress.lock() = Instant::now();
        Some(match said.status {
            status if status.is_success() => Fate::Created,
            StatusCode::CONFLICT if said.id == USER_EXISTS && self.skip_existing => Fate::Existed,
            status if is_lost(status) => Fate::Unknown(said.reason()),
            _ => Fate::Refused(Some(text.clone()), said.reason()),
        })
    }

    /// Whether a line is worth asking for again that was first sent at that time.
    fn has_patience(&self, began: Instant) -> bool {
        self.progress.lock().max(began).elapsed() < PATIENCE
    }

    /// Waits as long as the server asks for, and then for a turn: if all came again together, most would be refused again.
    async fn turn(&self, said: &Said) -> Option<SemaphorePermit<'_>> {
        sleep(said.retry_after.unwrap_or(PAUSE).min(LONGEST_PAUSE)).await;
        self.again.acquire().await.ok()
    }
}

/// Whether it may have been done all the same.
fn is_lost(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    )
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
        while let Some(waiting) = self.next(&mut lines).await {
            let mut parcels = VecDeque::from(Parcel::of_lines(waiting));
            while let Some(parcel) = parcels.pop_front() {
                let Some(fates) = self.take(&mut connection, &parcel).await else {
                    // Some line in it breaks a rule, and is found by halving.
                    for half in parcel.halves().into_iter().rev() {
                        parcels.push_front(half);
                    }
                    continue;
                };
                for fate in parcel.numbers().zip(fates) {
                    if done.send(fate).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// The lines that wait, as soon as there is one; after a stop, what was handed out before.
    async fn next(&self, lines: &mut mpsc::Receiver<Line>) -> Option<Vec<Line>> {
        let mut waiting = Vec::new();
        tokio::select! {
            _ = lines.recv_many(&mut waiting, TOGETHER) => {}
            () = self.stop.cancelled() => {
                lines.close();
                lines.recv_many(&mut waiting, TOGETHER).await;
            }
        }
        (!waiting.is_empty()).then_some(waiting)
    }

    /// What became of the lines of a parcel, in their order; nothing if it was refused as a whole. What makes an end stops everything.
    async fn take(&self, connection: &mut Option<crate::client::Line>, parcel: &Parcel) -> Option<Vec<Fate>> {
        if self.stop.is_cancelled() && connection.is_none() {
            return Some(parcel.numbers().map(|_| Fate::Untried(None)).collect());
        }
        let fates = match parcel {
            Parcel::TooLong(_) => vec![Fate::Refused(None, too_long())],
            Parcel::Alone(_, text) => vec![self.create(connection, text.clone()).await],
            Parcel::Together(lines) => self.create_all(connection, lines).await?,
        };
        if fates
            .iter()
            .any(|fate| matches!(fate, Fate::Unknown(_) | Fate::Untried(Some(_))))
        {
            self.stop.cancel();
            *connection = None;
        }
        Some(fates)
    }

    /// Asks for all with one request, and anew for those of whom nothing was said but that the server has too much to do. Nothing if the request
    /// broke a rule, so that nobody was created.
    async fn create_all(
        &self,
        connection: &mut Option<crate::client::Line>,
        lines: &[(u64, Bytes)],
    ) -> Option<Vec<Fate>> {
        let (began, mut before) = (Instant::now(), None);
        let mut fates: Vec<Option<Fate>> = lines.iter().map(|_| None).collect();
        let rest = loop {
            let left: Vec<usize> = (0..lines.len()).filter(|place| fates[*place].is_none()).collect();
            if left.is_empty() {
                break Fate::Untried(None);
            }
            let turn = match self.turn(before.take(), began).await {
                Ok(turn) => turn,
                Err(fate) => break fate,
            };
            let body = parcel::body(&self.order.org, left.iter().map(|place| &lines[*place].1));
            let answer = match self.send(connection, parcel::PATH_TOGETHER, body).await {
                Ok(answer) => answer,
                Err(error) => break Fate::Unknown(format!("{error:#}")),
            };
            drop(turn);
            let whole = Said::of(&answer);
            if let Some(each) = said_of_all(&answer, left.len()) {
                for (place, said) in left.into_iter().zip(each) {
                    fates[place] = self.order.judge(&said, &lines[place].1);
                    before = fates[place].is_none().then_some(said).or(before);
                }
            } else if PASSING.contains(&&*whole.id) {
                before = Some(whole);
            } else if whole.is_of_the_request() && left.len() == lines.len() {
                return None;
            } else if whole.is_of_the_request() {
                for place in left {
                    fates[place] = Some(Fate::Refused(Some(lines[place].1.clone()), whole.reason()));
                }
            } else {
                // Some of them may be there all the same.
                break Fate::Unknown(whole.reason());
            }
        };
        Some(
            fates
                .into_iter()
                .map(|fate| fate.unwrap_or_else(|| rest.clone()))
                .collect(),
        )
    }

    /// Asks until the answer is about the line. Nothing was changed by those before.
    async fn create(&self, connection: &mut Option<crate::client::Line>, text: Bytes) -> Fate {
        let (began, mut before) = (Instant::now(), None);
        loop {
            let turn = match self.turn(before.take(), began).await {
                Ok(turn) => turn,
                Err(fate) => return fate,
            };
            let path = &self.order.path_alone;
            let said = match self.send(connection, path, text.clone()).await {
                Ok(answer) => Said::of(&answer),
                Err(error) => return Fate::Unknown(format!("{error:#}")),
            };
            drop(turn);
            if let Some(fate) = self.order.judge(&said, &text) {
                return fate;
            }
            before = Some(said);
        }
    }

    /// When lines that were first sent at `began` may be sent: at once if nothing was said of them `before`. If never, what becomes of them.
    async fn turn(&self, before: Option<Said>, began: Instant) -> Result<Option<SemaphorePermit<'_>>, Fate> {
        let Some(said) = before else {
            return Ok(None);
        };
        if !self.order.has_patience(began) {
            return Err(Fate::Untried(Some(said.reason())));
        }
        tokio::select! {
            () = self.stop.cancelled() => Err(Fate::Untried(None)),
            turn = self.order.turn(&said) => Ok(turn),
        }
    }

    async fn send(
        &self,
        connection: &mut Option<crate::client::Line>,
        path: &str,
        body: Bytes,
    ) -> anyhow::Result<Answer> {
        let request = self.client.request(Method::POST, path, body)?;
        let line = match connection {
            Some(line) => line,
            None => connection.insert(self.client.line().await?),
        };
        line.send(request).await
    }
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
    type Heard = (u16, &'static str, u64);

    /// A worker that asks this server.
    async fn worker(routes: Router) -> Worker {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(socket, routes).await });
        let run = RunInfo {
            pid: 1,
            address,
            url: String::new(),
            certificate_file: None,
        };
        Worker {
            client: Arc::new(Client::anonymous(&run)),
            order: Arc::new(Order::new("1".to_owned(), true)),
            stop: CancellationToken::new(),
        }
    }

    /// What becomes of a line whose requests are answered so, the last answer again and again, and how often it was sent.
    async fn fate(answers: Vec<Heard>) -> (Fate, usize) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let route = post(async move || {
            let (status, id, wait) = answers[count.fetch_add(1, Ordering::Relaxed).min(answers.len() - 1)];
            let body = json!({"message": "words", "details": [{"id": id}]});
            let status = StatusCode::from_u16(status).unwrap();
            (status, [("retry-after", wait.to_string())], axum::Json(body)).into_response()
        });
        let worker = worker(Router::new().fallback_service(route)).await;
        let fate = worker.create(&mut None, Bytes::from_static(b"{}")).await;
        (fate, asked.load(Ordering::Relaxed))
    }

    /// What becomes of each of these lines at a server that refuses `bad` ones and all that come with them, has too much to do for `busy` ones at
    /// first and for `stuck` ones always, has a fault at `lost` ones, has too much to do for any at the first `hasty` one, and knows nobody any
    /// more who comes again with a `revoked` one; and how many requests there were.
    async fn fates(lines: &[&str]) -> (Vec<(u64, Fate)>, usize) {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let route = post(async move |body: String| {
            let is_first = count.fetch_add(1, Ordering::Relaxed) == 0;
            let users: serde_json::Value = serde_json::from_str(&body).unwrap();
            let refusal = json!({"message": "words", "details": [{"id": "ID"}]});
            if body.contains("bad") {
                return (StatusCode::BAD_REQUEST, axum::Json(refusal));
            }
            if body.contains("lost") {
                return (StatusCode::INTERNAL_SERVER_ERROR, axum::Json(refusal));
            }
            if body.contains("hasty") && is_first {
                let busy = json!({"message": "words", "details": [{"id": STORE_FULL}]});
                return (StatusCode::SERVICE_UNAVAILABLE, axum::Json(busy));
            }
            if body.contains("revoked") && !is_first {
                return (StatusCode::UNAUTHORIZED, axum::Json(refusal));
            }
            let all_at_once = users["users"].as_array().map_or(0, Vec::len) > 1;
            let busy = || json!({"refused": {"code": 8, "message": "words", "id": OVERLOADED}});
            let one = |user: &serde_json::Value| match user["userId"].as_str() {
                Some("stuck" | "revoked") => busy(),
                Some("busy") if all_at_once => busy(),
                _ => json!({"created": {}}),
            };
            let results: Option<Vec<_>> = users["users"].as_array().map(|all| all.iter().map(one).collect());
            (StatusCode::OK, axum::Json(json!({ "results": results })))
        });
        let (turn, waiting) = mpsc::channel(TOGETHER);
        let (done, mut ended) = mpsc::channel(TOGETHER);
        for (number, line) in (1..).zip(lines) {
            let text = Some(Bytes::from(format!(r#"{{"userId":"{line}"}}"#)));
            turn.send(Line { number, text }).await.unwrap();
        }
        drop(turn);
        let worker = worker(Router::new().fallback_service(route)).await;
        worker.run(waiting, done).await;
        let mut fates = Vec::new();
        ended.recv_many(&mut fates, TOGETHER).await;
        (fates, asked.load(Ordering::Relaxed))
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_that_spoils_a_request_is_refused_alone() {
        let mut lines = ["good"; TOGETHER];
        (lines[30], lines[31]) = ("bad", "busy");
        let (fates, asked) = fates(&lines).await;
        assert_eq!(fates.len(), TOGETHER);
        for (number, fate) in fates {
            match fate {
                Fate::Refused(Some(_), reason) => assert_eq!((number, &*reason), (31, "words (HTTP 400)")),
                Fate::Created => assert_ne!(number, 31),
                _ => panic!("line {number}"),
            }
        }
        assert!(asked < 20, "{asked} requests");
    }

    #[tokio::test(start_paused = true)]
    async fn lines_that_wait_for_the_server_share_its_patience() {
        let began = Instant::now();
        let (fates, _) = fates(&["stuck", "good", "stuck", "stuck"]).await;
        let untried = |fate: &&(u64, Fate)| matches!(fate.1, Fate::Untried(Some(_)));
        assert_eq!(fates.iter().filter(untried).count(), 3);
        assert!(matches!(fates[1].1, Fate::Created));
        let waited = began.elapsed();
        assert!(
            waited >= PATIENCE && waited < PATIENCE + LONGEST_PAUSE,
            "{waited:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_comes_too_early_is_sent_again_as_it_was() {
        let (fates, asked) = fates(&["hasty", "good", "good"]).await;
        assert!(fates.iter().all(|(_, fate)| matches!(fate, Fate::Created)));
        assert_eq!((fates.len(), asked), (3, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_said_of_a_line_stands_whatever_is_said_of_a_later_request() {
        let (fates, asked) = fates(&["good", "revoked", "good"]).await;
        assert!(matches!(
            fates.as_slice(),
            [
                (1, Fate::Created),
                (2, Fate::Refused(Some(_), _)),
                (3, Fate::Created)
            ]
        ));
        assert_eq!(asked, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn of_lines_without_an_answer_nobody_knows_whether_they_are_done() {
        let (fates, asked) = fates(&["good", "lost", "good"]).await;
        assert!(fates.iter().all(|(_, fate)| matches!(fate, Fate::Unknown(_))));
        assert_eq!((fates.len(), asked), (3, 1));
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
