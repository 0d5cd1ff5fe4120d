//! The doctor's look at clock, port, certificate and the running server.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, SystemTime};

use http::{Method, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822;

use super::finding::Finding;
use crate::client::{Answer, Client};
use crate::config::Settings;
use crate::data_dir::RunInfo;
use crate::descriptors::Shortage;
use crate::shell::check_certificate;

/// Time the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// Clocks further apart than this make codes of authenticator apps fail.
const CLOCK_DIFFERENCE: i64 = 5;
/// 2026 and 2100: outside, the clock was never set.
const SANE: std::ops::Range<i64> = 1_767_225_600..4_102_444_800;

/// Whether the clock has been set at all.
pub(super) fn clock(now: SystemTime) -> Finding {
    let seconds = Timestamp::try_from(now).map_or(0, Timestamp::as_second);
    if SANE.contains(&seconds) {
        Finding::ok("clock")
    } else {
        let what = format!(
            "clock shows {}",
            Timestamp::from_second(seconds).unwrap_or_default()
        );
        Finding::fail(
            what,
            "codes and tokens live by it; set the time, and keep it with NTP",
        )
    }
}

/// Whether the address can be listened on.
pub(super) fn port(listen: SocketAddr) -> Finding {
    match TcpListener::bind(listen) {
        Ok(_) => Finding::ok(format!("address {listen} is free")),
        Err(error) => {
            let advice = "stop the program that uses it, or choose another with --listen or server.listen";
            Finding::fail(
                format!("address {listen} cannot be listened on ({error})"),
                advice,
            )
        }
    }
}

/// Whether the running server answers, is ready, and has the time we have.
pub(super) async fn serving(run: &RunInfo, now: SystemTime) -> Vec<Finding> {
    let what = format!("server (process {}, {})", run.pid, run.url);
    let client = Client::anonymous(run);
    match client.send(Method::GET, "/debug/ready", None, PATIENCE).await {
        Err(error) => vec![Finding::fail(
            format!("{what} holds the data directory and does not answer ({error:#})"),
            "look at its log; restart it if it hangs",
        )],
        Ok(answer) if answer.status == StatusCode::OK => vec![Finding::ok(what), same_time(&answer, now)],
        Ok(answer) => {
            let advice = format!("it says {}; look at its log", answer.body["reasons"]);
            vec![Finding::warn(format!("{what} is not ready"), &advice)]
        }
    }
}

fn same_time(answer: &Answer, now: SystemTime) -> Finding {
    let theirs = answer.date.as_deref().and_then(|date| rfc2822::parse(date).ok());
    let ours = Timestamp::try_from(now).map_or(0, Timestamp::as_second);
    match theirs.map(|theirs| (theirs.timestamp().as_second() - ours).abs()) {
        Some(apart) if apart <= CLOCK_DIFFERENCE => Finding::ok("clock of the server agrees with this one"),
        Some(apart) => Finding::warn(
            format!("clock of the server is {apart} s apart from this one"),
            "keep both with NTP",
        ),
        None => Finding::warn(
            "server sends no date",
            "something in between answers; check server.listen",
        ),
    }
}

/// Whether a server that is started from here may open enough files for its connections.
pub(super) fn files(settings: &Settings) -> Finding {
    match Shortage::at_most(settings) {
        None => Finding::ok("limit of open files"),
        Some(shortage) => Finding::warn(shortage.to_string(), Shortage::ADVICE),
    }
}

/// Whether certificate and key can be used, where they are configured.
pub(super) fn certificate(settings: &Settings) -> Option<Finding> {
    let tls = settings.tls.as_ref()?;
    Some(match check_certificate(tls) {
        Ok(()) => Finding::ok("TLS certificate and key"),
        Err(error) => Finding::fail("TLS certificate and key", &error.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn a_clock_that_was_never_set_fails() {
        assert_eq!(clock(SystemTime::UNIX_EPOCH).level, Level::Fail);
        assert_eq!(
            clock(SystemTime::UNIX_EPOCH + Duration::from_hours(500_000)).level,
            Level::Ok
        );
    }

    #[test]
    fn a_server_with_another_time_is_noticed() {
        let answer = |date: &str| Answer {
            status: StatusCode::OK,
            date: Some(date.to_owned()),
            retry_after: None,
            body: serde_json::Value::Null,
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(
            same_time(&answer("Sun, 06 Nov 1994 08:49:37 GMT"), now).level,
            Level::Ok
        );
        assert_eq!(
            same_time(&answer("Sun, 06 Nov 1994 08:59:37 GMT"), now).level,
            Level::Warn
        );
    }
}
