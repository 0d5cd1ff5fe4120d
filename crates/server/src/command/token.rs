//! `merlon token`: a personal access token from the running server.

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::{Context, ensure};
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::settings;
use crate::cli::Token;
use crate::client::Client;
use crate::config::parse_time;
use crate::{output, wire};

/// Makes a token for a user; the token alone goes to standard output.
pub(super) async fn run(args: Token) -> anyhow::Result<ExitCode> {
    let expiration = expiration(&args.expires, wire::wall_clock())?;
    let settings = settings(&args.place)?;
    let client = Client::of_running(&settings.data.dir)?;
    let user = utf8_percent_encode(&args.user, NON_ALPHANUMERIC);
    let answer = client
        .post(
            &format!("/v2/users/{user}/pats"),
            &json!({ "expirationDate": expiration }),
        )
        .await?;
    let token = answer["token"]
        .as_str()
        .context("the server answered without a token")?;
    output::line(token);
    output::complain(&format!("valid until {expiration}"));
    Ok(ExitCode::SUCCESS)
}

/// When a token ends that is valid for this long from now on.
fn expiration(expires: &str, now: SystemTime) -> anyhow::Result<String> {
    let time = parse_time(expires)
        .map_err(anyhow::Error::msg)
        .context("--expires cannot be used")?;
    ensure!(time >= Duration::from_mins(1), "--expires must be at least 1m");
    let end = now.checked_add(time).context("--expires is too far away")?;
    Ok(Timestamp::try_from(end)
        .context("--expires is too far away")?
        .to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_counted_from_now() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_hours(24);
        assert_eq!(expiration("2d", now).unwrap(), "1970-01-04T00:00:00Z");
        for wrong in ["0s", "59s", "never", "", "99999999999999d"] {
            assert!(expiration(wrong, now).is_err(), "{wrong}");
        }
    }
}
