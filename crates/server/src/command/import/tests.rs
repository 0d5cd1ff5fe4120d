//! What is asked again, and where to go on.

use std::sync::atomic::AtomicUsize;

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

fn tally(fates: impl IntoIterator<Item = (u64, Fate)>) -> Tally {
    let mut tally = Tally::new(ProgressBar::hidden(), None);
    for (number, fate) in fates {
        tally.count(number, fate).unwrap();
    }
    tally
}

#[test]
fn one_goes_on_with_the_first_line_that_may_be_missing() {
    let unknown = |number| (number, Fate::Unknown("gone".to_owned()));
    let untried = |number| (number, Fate::Untried(None));
    assert_eq!(tally([]).advice(None), None);
    let plain = tally([]).advice(Some(9)).unwrap();
    assert!(plain.ends_with("--from 9"), "{plain}");
    for (fates, next) in [
        (vec![unknown(7), unknown(5), untried(8)], Some(9)),
        (vec![unknown(9), untried(5)], Some(9)),
        (vec![unknown(5)], None),
    ] {
        let advice = tally(fates).advice(next).unwrap();
        assert!(
            advice.contains("--from 5;") && advice.contains("--skip-existing"),
            "{advice}"
        );
    }
}

#[test]
fn many_lines_without_an_answer_are_counted() {
    let lost = tally((1..=500).map(|number| (number, Fate::Unknown("gone".to_owned()))));
    let text = lost.unanswered().unwrap();
    assert!(text.contains("500 of the lines (1, 2, 3, 4, 5, ...)"), "{text}");
}

#[test]
fn a_line_too_long_is_passed_over_to_its_end() {
    let mut text = vec![b'x'; MAX_BODY_BYTES];
    text.push(b'\n');
    text.extend(vec![b'y'; MAX_BODY_BYTES + 1]);
    text.extend(b"\n{}  \r\n\nend");
    let mut input = BufReader::new(text.as_slice());
    let mut next = || match read_line(&mut input).unwrap() {
        Found::Text(text) => format!(
            "{} {}",
            text.len(),
            String::from_utf8_lossy(&text[..text.len().min(3)])
        ),
        Found::TooLong => "too long".to_owned(),
        Found::End => "end".to_owned(),
    };
    let found: [String; 6] = std::array::from_fn(|_| next());
    assert_eq!(found, ["4194304 xxx", "too long", "2 {}", "0 ", "3 end", "end"]);
}
