//! The TOTP factors of a user.

use domain::{
    base::{FactorId, InstanceId, Timestamp, UserId},
    user::{Event, Person, SealedSecret, TotpFactor, TotpProof},
};

use crate::{
    commit::{Statement, Value},
    db::{Row, Snapshot},
    error::{Error, Result},
};

/// The factors of a user, oldest first.
pub(super) async fn of_user(
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    user: &UserId,
) -> Result<Vec<TotpFactor>> {
    let sql = "SELECT id, secret, last_step, stale_at, added_at FROM totp_factor
               WHERE instance = $1 AND user_id = $2 ORDER BY added_at, id";
    snapshot
        .all(sql, &[instance.as_str().into(), user.as_str().into()], factor)
        .await
}

/// The columns of [`factor`], and whose it is.
pub(super) const OF_MANY: &str =
    "SELECT id, secret, last_step, stale_at, added_at, user_id FROM totp_factor WHERE instance = ";

pub(super) fn factor(row: &Row<'_>) -> Result<TotpFactor> {
    let proof = match (row.opt_int(2)?, row.opt_int(3)?) {
        (None, Some(expires)) => TotpProof::Pending {
            expires: Timestamp(expires),
        },
        (Some(step), None) => TotpProof::Verified {
            last_step: step.unsigned_abs(),
        },
        _ => return Err(Error::corrupt("totp_factor", "neither pending nor verified")),
    };
    Ok(TotpFactor {
        id: FactorId::from_trusted(row.text(0)?),
        secret: SealedSecret::new(row.text(1)?),
        proof,
        added: Timestamp(row.int(4)?),
    })
}

/// The rows that an event leaves.
pub(super) fn rows(key: impl Fn() -> [Value; 2], person: &Person, event: &Event) -> Vec<Statement> {
    match event {
        Event::TotpStarted { id, .. } | Event::TotpVerified { id, .. } => {
            let factor = person.totp(id);
            factor.map(|f| row(key(), f)).into_iter().collect()
        }
        Event::TotpRemoved { id } => {
            let [instance, user] = key();
            vec![Statement::new(
                "DELETE FROM totp_factor WHERE instance = $1 AND user_id = $2 AND id = $3",
                [instance, user, id.shared().into()],
            )]
        }
        Event::UserLocked | Event::UserDeactivated => {
            let pending = person
                .totps
                .iter()
                .filter(|f| matches!(f.proof, TotpProof::Pending { .. }));
            pending.map(|f| row(key(), f)).collect()
        }
        _ => Vec::new(),
    }
}

fn row([instance, user]: [Value; 2], factor: &TotpFactor) -> Statement {
    let (last_step, stale_at) = match factor.proof {
        TotpProof::Pending { expires } => (None, Some(expires)),
        TotpProof::Verified { last_step } => (Some(i64::try_from(last_step).unwrap_or(i64::MAX)), None),
    };
    Statement::new(
        "INSERT INTO totp_factor (instance, user_id, id, secret, last_step, stale_at, added_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (instance, user_id, id) DO UPDATE SET last_step = excluded.last_step, stale_at = excluded.stale_at",
        [
            instance,
            user,
            factor.id.shared().into(),
            factor.secret.as_str().into(),
            last_step.into(),
            stale_at.into(),
            factor.added.into(),
        ],
    )
}
