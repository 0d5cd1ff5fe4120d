//! The password of a user, and the reset that waits for its code.

use domain::{
    base::{InstanceId, Timestamp, UserId},
    user::{Channel, Event, Password, PasswordReset, Person, SealedSecret},
};

use super::user::{channel_name, channel_of, issued_code, json};
use crate::{
    commit::{Statement, Value},
    db::{Row, Snapshot},
    error::{Error, Result},
};

/// Password and waiting reset of a user.
pub(super) async fn of_user(
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    user: &UserId,
) -> Result<(Option<Password>, Option<PasswordReset>)> {
    let sql = "SELECT hash, change_required, changed_at, reset_code, reset_via FROM user_password
               WHERE instance = $1 AND user_id = $2";
    let found = snapshot
        .first(sql, &[instance.as_str().into(), user.as_str().into()], both)
        .await?;
    Ok(found.unwrap_or_default())
}

/// As [`of_user`] reads it, with the user behind it.
pub(super) const OF_MANY: &str = "SELECT hash, change_required, changed_at, reset_code, reset_via, user_id
    FROM user_password WHERE instance = ";

pub(super) fn both(row: &Row<'_>) -> Result<(Option<Password>, Option<PasswordReset>)> {
    Ok((password(row)?, reset(row)?))
}

fn password(row: &Row<'_>) -> Result<Option<Password>> {
    match (row.opt_text(0)?, row.opt_int(2)?) {
        (None, None) => Ok(None),
        (Some(hash), Some(changed)) => Ok(Some(Password {
            hash: SealedSecret::new(hash),
            change_required: row.flag(1)?,
            changed: Timestamp(changed),
        })),
        _ => Err(Error::corrupt(
            "user_password",
            "a hash without its time, or a time without its hash",
        )),
    }
}

fn reset(row: &Row<'_>) -> Result<Option<PasswordReset>> {
    let Some(code) = row.opt_text(3)? else {
        return Ok(None);
    };
    let via = row
        .opt_text(4)?
        .map(|name| channel_of("user_password.reset_via", name))
        .transpose()?;
    Ok(Some(PasswordReset {
        code: issued_code(code)?,
        via,
    }))
}

/// The rows that an event leaves.
pub(super) fn rows(key: impl Fn() -> [Value; 2], person: &Person, event: &Event) -> Vec<Statement> {
    let waits_for = |channel: Channel| {
        person
            .password_reset
            .as_ref()
            .is_some_and(|r| r.via == Some(channel))
    };
    let touched = match event {
        Event::PasswordSet { .. }
        | Event::PasswordRehashed { .. }
        | Event::PasswordResetIssued { .. }
        | Event::PasswordResetCheckFailed => true,
        Event::UserLocked | Event::UserDeactivated => person.password_reset.is_some(),
        Event::ContactChanged { channel, .. } | Event::ContactRemoved { channel } => waits_for(*channel),
        _ => false,
    };
    touched.then(|| row(key(), person)).into_iter().collect()
}

fn row([instance, user]: [Value; 2], person: &Person) -> Statement {
    let (password, reset) = (person.password.as_ref(), person.password_reset.as_ref());
    Statement::new(
        "INSERT INTO user_password (instance, user_id, hash, change_required, changed_at, reset_code, reset_via)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (instance, user_id) DO UPDATE SET hash = excluded.hash,
             change_required = excluded.change_required, changed_at = excluded.changed_at,
             reset_code = excluded.reset_code, reset_via = excluded.reset_via",
        [
            instance,
            user,
            password.map(|p| p.hash.as_str()).into(),
            password.is_some_and(|p| p.change_required).into(),
            password.map(|p| p.changed).into(),
            reset.map(|r| json(&r.code)).into(),
            reset.and_then(|r| r.via).map(channel_name).into(),
        ],
    )
}
