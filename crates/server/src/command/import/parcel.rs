//! Lines as they travel: together where each is a user of its own, and what the server says of each.

use std::time::Duration;

use api::rpc::MAX_BODY_BYTES;
use bytes::{BufMut, Bytes, BytesMut};
use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proto::rpc::Code;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Value, json};

use super::Line;
use crate::client::Answer;

/// Where many users are created.
pub(super) const PATH_TOGETHER: &str = "/merlon/v1/users/_create";
/// Bytes of lines that travel together; a longer one goes alone.
const MOST_BYTES: usize = 1 << 20;

/// Where one user is created, in this organization.
pub(super) fn path_alone(org: &str) -> String {
    let org = utf8_percent_encode(org, NON_ALPHANUMERIC);
    format!("/resources/v3alpha/users?organization.orgId={org}")
}

/// The request for users who were found to be JSON objects.
pub(super) fn body<'a>(org: &str, users: impl Iterator<Item = &'a Bytes>) -> Bytes {
    let head = format!(r#"{{"organization":{},"users":["#, json!({ "orgId": org }));
    let mut body = BytesMut::from(head.as_bytes());
    for (place, user) in users.enumerate() {
        if place > 0 {
            body.put_u8(b',');
        }
        body.extend_from_slice(user);
    }
    body.extend_from_slice(b"]}");
    body.freeze()
}

/// Why a line is not sent at all.
pub(super) fn too_long() -> String {
    format!("longer than {MAX_BODY_BYTES} bytes, the most that the API takes")
}

/// Lines of one request, with their numbers.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parcel {
    /// At least two, each of them a user without a password that is to be hashed.
    Together(Vec<(u64, Bytes)>),
    /// A user, or whatever else was found there: the server says what is wrong with it.
    Alone(u64, Bytes),
    /// A line that no request can hold.
    TooLong(u64),
}

impl Parcel {
    /// Packs lines; their order stays.
    pub(super) fn of_lines(lines: Vec<Line>) -> Vec<Self> {
        let mut parcels = Vec::new();
        let (mut together, mut bytes) = (Vec::new(), 0);
        for Line { number, text } in lines {
            let apart = match text {
                None => Self::TooLong(number),
                Some(text) if bytes + text.len() <= MOST_BYTES && can_share(&text) => {
                    bytes += text.len();
                    together.push((number, text));
                    continue;
                }
                Some(text) => Self::Alone(number, text),
            };
            parcels.extend(Self::of_some(std::mem::take(&mut together)));
            bytes = 0;
            parcels.push(apart);
        }
        parcels.extend(Self::of_some(together));
        parcels
    }

    fn of_some(mut lines: Vec<(u64, Bytes)>) -> Option<Self> {
        if lines.len() > 1 {
            return Some(Self::Together(lines));
        }
        lines.pop().map(|(number, text)| Self::Alone(number, text))
    }

    /// The first half of the lines and the second.
    pub(super) fn halves(self) -> Vec<Self> {
        match self {
            Self::Together(mut lines) => {
                let second = lines.split_off(lines.len() / 2);
                [lines, second].into_iter().filter_map(Self::of_some).collect()
            }
            one => vec![one],
        }
    }

    /// The numbers of its lines.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u64> {
        let (many, one) = match self {
            Self::Together(lines) => (&**lines, None),
            Self::Alone(number, _) | Self::TooLong(number) => (&[][..], Some(*number)),
        };
        many.iter().map(|(number, _)| *number).chain(one)
    }
}

/// What decides how a line travels; the server looks at the rest.
#[derive(Deserialize)]
struct Brought {
    authenticators: Option<Authenticators>,
}

#[derive(Deserialize)]
struct Authenticators {
    password: Option<Password>,
}

#[derive(Deserialize)]
struct Password {
    /// In the clear: the server is to hash it, which takes longer than all else.
    password: Option<IgnoredAny>,
}

/// Whether a line is one JSON object and nothing behind it, so that it cannot be taken for several users, and brings no password that is
/// still to be hashed, for which the others would have to wait.
fn can_share(text: &[u8]) -> bool {
    let is_object = text.trim_ascii_start().starts_with(b"{");
    let Some(brought) = serde_json::from_slice::<Brought>(text).ok().filter(|_| is_object) else {
        return false;
    };
    let password = brought.authenticators.and_then(|all| all.password);
    password.is_none_or(|password| password.password.is_none())
}

/// What the server said of a line.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) status: StatusCode,
    pub(super) id: String,
    message: Option<String>,
    pub(super) retry_after: Option<Duration>,
}

impl Said {
    /// To a request for it alone.
    pub(super) fn of(answer: &Answer) -> Self {
        Self {
            status: answer.status,
            id: text(&answer.body["details"][0]["id"]).unwrap_or_default(),
            message: text(&answer.body["message"]),
            retry_after: answer.retry_after,
        }
    }

    /// In the answer to a request for many.
    fn of_one(result: &Value) -> Self {
        let refused = &result["refused"];
        let number = refused["code"].as_u64();
        let code = Code::ALL.iter().find(|code| number == Some(code.number().into()));
        let status = code.map(|code| code.http_status());
        let wait = refused["retryAfter"]
            .as_str()
            .and_then(|text| text.strip_suffix('s'));
        Self {
            status: match status {
                None if refused.is_null() => StatusCode::CREATED,
                status => status
                    .and_then(|status| StatusCode::from_u16(status).ok())
                    .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            },
            id: text(&refused["id"]).unwrap_or_default(),
            message: text(&refused["message"]),
            retry_after: wait.and_then(|wait| wait.parse().ok()).map(Duration::from_secs),
        }
    }

    /// Whether it was refused before anything was done, for what was sent or because the server does not know such requests.
    pub(super) fn is_of_the_request(&self) -> bool {
        self.status.is_client_error()
    }

    /// The server's words hold nothing personal.
    pub(super) fn reason(&self) -> String {
        let message = self.message.as_deref().unwrap_or("no reason given");
        format!("{message} (HTTP {})", self.status.as_u16())
    }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(ToOwned::to_owned)
}

/// What an answer says of each of so many lines; nothing if it does not.
pub(super) fn said_of_all(answer: &Answer, lines: usize) -> Option<Vec<Said>> {
    let results = answer.body["results"].as_array()?;
    (answer.status.is_success() && results.len() == lines).then(|| results.iter().map(Said::of_one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u64, text: &str) -> Line {
        let text = Some(Bytes::copy_from_slice(text.as_bytes()));
        Line { number, text }
    }

    fn alone(number: u64, text: &str) -> Parcel {
        Parcel::Alone(number, Bytes::copy_from_slice(text.as_bytes()))
    }

    fn together(lines: &[(u64, &str)]) -> Parcel {
        let text = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        Parcel::Together(lines.iter().map(|(number, line)| (*number, text(line))).collect())
    }

    #[test]
    fn only_whole_objects_travel_together() {
        let lines = vec![
            line(1, r#"{"a":1}"#),
            line(2, r#"{"a":[{}]}"#),
            line(3, r#"{"a":1},{"a":2}"#),
            line(4, "{}"),
            line(5, "[]"),
            line(6, "{"),
            Line {
                number: 7,
                text: None,
            },
            line(8, "{}"),
            line(9, " {}"),
        ];
        let wanted = [
            together(&[(1, r#"{"a":1}"#), (2, r#"{"a":[{}]}"#)]),
            alone(3, r#"{"a":1},{"a":2}"#),
            alone(4, "{}"),
            alone(5, "[]"),
            alone(6, "{"),
            Parcel::TooLong(7),
            together(&[(8, "{}"), (9, " {}")]),
        ];
        assert_eq!(Parcel::of_lines(lines), wanted);
    }

    #[test]
    fn a_password_that_is_to_be_hashed_goes_alone() {
        let user = |password: &str| format!(r#"{{"authenticators":{{"password":{password}}}}}"#);
        let (plain, hash) = (user(r#"{"password":"secret"}"#), user(r#"{"hash":"$2b$.."}"#));
        let lines = vec![line(1, &hash), line(2, &hash), line(3, &plain), line(4, "{}")];
        let wanted = [
            together(&[(1, &hash), (2, &hash)]),
            alone(3, &plain),
            alone(4, "{}"),
        ];
        assert_eq!(Parcel::of_lines(lines), wanted);
    }

    #[test]
    fn what_travels_together_has_a_bound() {
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(MOST_BYTES / 3));
        let lines = (1..=5).map(|number| line(number, &long)).collect();
        let numbers: Vec<Vec<u64>> = Parcel::of_lines(lines)
            .iter()
            .map(|parcel| parcel.numbers().collect())
            .collect();
        assert_eq!(numbers, [vec![1, 2], vec![3], vec![4, 5]]);
    }

    #[test]
    fn halves_hold_every_line_once() {
        let halves = together(&[(1, "{}"), (2, "{}"), (3, "{}")]).halves();
        assert_eq!(halves, [alone(1, "{}"), together(&[(2, "{}"), (3, "{}")])]);
        assert_eq!(alone(1, "{}").halves(), [alone(1, "{}")]);
    }

    #[test]
    fn a_request_for_many_is_json() {
        let users = ["{}", r#"{"userId":"a"}"#].map(|user| Bytes::from_static(user.as_bytes()));
        let body: Value = serde_json::from_slice(&body("o\"1", users.iter())).unwrap();
        let wanted = json!({"organization": {"orgId": "o\"1"}, "users": [{}, {"userId": "a"}]});
        assert_eq!(body, wanted);
    }

    #[test]
    fn each_line_has_its_own_answer() {
        let refused =
            json!({"refused": {"code": 8, "message": "words (ID)", "id": "ID", "retryAfter": "3s"}});
        let answer = |status, results: Value| Answer {
            status,
            date: None,
            retry_after: None,
            body: json!({ "results": results }),
        };
        let both = answer(StatusCode::OK, json!([{"created": {}}, refused]));
        let said = said_of_all(&both, 2).unwrap();
        assert_eq!(said[0].status, StatusCode::CREATED);
        assert_eq!(
            (
                said[1].status.as_u16(),
                &*said[1].id,
                said[1].retry_after,
                said[1].reason()
            ),
            (
                429,
                "ID",
                Some(Duration::from_secs(3)),
                "words (ID) (HTTP 429)".to_owned()
            )
        );
        assert!(said_of_all(&both, 3).is_none());
        assert!(said_of_all(&answer(StatusCode::BAD_REQUEST, json!([])), 0).is_none());
    }
}
