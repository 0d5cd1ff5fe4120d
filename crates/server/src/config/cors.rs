//! Section `cors`: web pages of which origins may call the API from a browser.

use listener::Origins;
use url::Url;

use super::key::{Form, Key};
use super::reader::Reader;

const ORIGINS: Key = Key::new(
    "cors.origins",
    Form::List("origins, or `*`"),
    "*",
    "Origins allowed to call, such as `https://app.example.com`; `*` allows all, an empty list none. Callers show a \
     token, no cookie, so `*` gives no page a right that it does not bring along. Pages under `/ui/` are never shared.",
);

pub(super) const KEYS: &[&Key] = &[&ORIGINS];

/// Who may call from a browser.
pub(super) fn read(reader: &mut Reader) -> Option<Origins> {
    if !reader.is_written(&ORIGINS) {
        return Some(Origins::Any);
    }
    let origins = reader.list(&ORIGINS, parse_origin)?;
    Some(if origins.iter().any(|origin| origin == "*") {
        Origins::Any
    } else {
        Origins::Only(origins)
    })
}

fn parse_origin(text: &str) -> Result<String, String> {
    if text == "*" {
        return Ok(text.to_owned());
    }
    let url = Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.path() == "/");
    url.map(|url| url.origin().ascii_serialization())
        .ok_or_else(|| "write scheme, host and port only, such as https://app.example.com".to_owned())
}
