//! Secrets and personal values as events and rows keep them: sealed for one place, and opened nowhere else.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::user::SealedSecret;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::{
    ctx::Ctx,
    error::{Error, Result, StoreError},
    secret::Secret,
};

/// Seals for a place, whose name holds the ids of everything that the value belongs to.
pub(crate) fn seal(ctx: &Ctx, place: &str, plain: &[u8]) -> SealedSecret {
    let sealed = ctx.keys.seal(&*ctx.entropy, place, plain);
    SealedSecret::new(&URL_SAFE_NO_PAD.encode(sealed))
}

/// Opens what was sealed for the same place; `column` is named in the error. What does not open stands in a row that is not
/// its own, or was sealed with another master key.
pub(crate) fn open(
    ctx: &Ctx,
    place: &str,
    sealed: &SealedSecret,
    column: &'static str,
) -> Result<Zeroizing<Vec<u8>>> {
    let bytes = URL_SAFE_NO_PAD.decode(sealed.as_str()).ok();
    let opened = bytes.and_then(|bytes| ctx.keys.open(place, &bytes));
    opened
        .map(Zeroizing::new)
        .ok_or_else(|| corrupt(column, "it does not open in this row"))
}

/// As [`open`], for a text.
pub(crate) fn open_text(
    ctx: &Ctx,
    place: &str,
    sealed: &SealedSecret,
    column: &'static str,
) -> Result<Secret> {
    let plain = open(ctx, place, sealed, column)?;
    let text = std::str::from_utf8(&plain).map_err(|_| corrupt(column, "it is no text"))?;
    Ok(Secret::new(text.to_owned()))
}

/// A value as JSON, to be sealed. It fails rather than to seal nothing; the error does not say what the value was.
pub(crate) fn json<T: Serialize>(value: &T, column: &'static str) -> Result<Zeroizing<Vec<u8>>> {
    let written = serde_json::to_vec(value).map(Zeroizing::new);
    written.map_err(|_| corrupt(column, "it cannot be written as JSON"))
}

pub(crate) fn corrupt(column: &'static str, reason: &'static str) -> Error {
    Error::Store(StoreError::Corrupt {
        place: column,
        reason: reason.into(),
    })
}
