//! The contract for people and tools: an `OpenAPI` 3.1 document made from the descriptors, and a page to read it.

mod contract;
mod document;
mod example;
mod node;
mod page;
mod schema;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

/// Where the document is served.
pub const DOCUMENT_PATH: &str = "/openapi/v3.json";
/// Where the page is served.
pub const PAGE_PATH: &str = "/openapi";
/// Where the style sheet of the page is served.
const STYLE_PATH: &str = "/openapi/style.css";

/// The page is text and one style sheet; nothing else may load or run.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Both forms of the contract. They never change while a process runs, so they are made once, when first wanted.
static RENDERED: LazyLock<Option<Rendered>> = LazyLock::new(render);

struct Rendered {
    document: Vec<u8>,
    page: String,
}

fn render() -> Option<Rendered> {
    let contract = contract::Contract::read(&proto::descriptor_set().ok()?)?;
    let document = document::build(&contract);
    Some(Rendered {
        page: page::render(&document),
        document: serde_json::to_vec(&document).ok()?,
    })
}

/// The `OpenAPI` 3.1 document as JSON, made at the first call. Empty only if the descriptors built into the program
/// cannot be read, which a test rules out.
pub fn document() -> &'static [u8] {
    RENDERED.as_ref().map_or(&[], |rendered| &rendered.document)
}

/// The document as an HTML page without scripts; its style sheet is [`style`]. Made at the first call.
pub fn page() -> &'static [u8] {
    RENDERED.as_ref().map_or(&[], |rendered| rendered.page.as_bytes())
}

/// The style sheet of the page.
pub fn style() -> &'static [u8] {
    include_bytes!("openapi/style.css")
}

/// Routes for the document, the page and its style sheet. They need no token and no state.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route(
            DOCUMENT_PATH,
            get(|request: HeaderMap| answer(request, "application/json", document)),
        )
        .route(
            PAGE_PATH,
            get(|request: HeaderMap| answer(request, "text/html; charset=utf-8", page)),
        )
        .route(
            STYLE_PATH,
            get(|request: HeaderMap| answer(request, "text/css; charset=utf-8", style)),
        )
}

/// Answers with what `content` makes, or with 304 when the client has it. The first call computes for a while, so it
/// happens off the async pool.
async fn answer(request: HeaderMap, media: &'static str, content: fn() -> &'static [u8]) -> Response {
    let bytes = match tokio::task::spawn_blocking(content).await {
        Ok(bytes) if !bytes.is_empty() => bytes,
        _ => return StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    };
    let tag = tag(bytes);
    let mut headers = headers(media);
    if let Ok(value) = HeaderValue::try_from(tag.as_str()) {
        headers.insert(header::ETAG, value);
    }
    let known = request
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| {
        known
            .split(',')
            .any(|known| known.trim().trim_start_matches("W/") == tag)
    }) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, bytes).into_response()
}

fn headers(media: &'static str) -> HeaderMap {
    let fixed: [(HeaderName, &'static str); 5] = [
        (header::CONTENT_TYPE, media),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    fixed
        .into_iter()
        .map(|(name, value)| (name, HeaderValue::from_static(value)))
        .collect()
}

/// A validator of the content: FNV-1a, which need not withstand anybody here.
fn tag(bytes: &[u8]) -> String {
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("\"{hash:016x}\"")
}
