//! Which part of a list is asked for, the same for every list.

use app::{Error, error::Invalid, user::search::Page};

/// Rows that are given when nothing is said.
const DEFAULT_LIMIT: u32 = 100;
/// Rows that are given at most.
const MAX_LIMIT: u32 = 1000;
/// Filters of one search.
pub(crate) const MAX_FILTERS: usize = 500;

/// A page of at most 1,000 rows, 100 if nothing is said. `field` is where the limit was asked for.
pub(crate) fn page(field: &'static str, offset: u64, limit: u32, descending: bool) -> app::Result<Page> {
    let limit = match limit {
        0 => DEFAULT_LIMIT,
        1..=MAX_LIMIT => limit,
        _ => return Err(Error::invalid(field, Invalid::Limit)),
    };
    Ok(Page {
        offset: i64::try_from(offset).unwrap_or(i64::MAX),
        limit: limit.into(),
        descending,
    })
}
