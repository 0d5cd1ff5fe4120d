//! Messages on their way: put beside the event that caused them, leased by a sender, gone once sent or expired.

use domain::base::{InstanceId, Timestamp, UserId};

use crate::{
    commit::{Statement, Value},
    db::{Snapshot, Store},
    error::Result,
};

/// A message to be sent. The content is sealed: readable only to whoever holds the master key.
#[derive(Clone, Debug)]
pub struct Parcel {
    /// Id of the row, unique and ordered by time.
    pub id: String,
    /// The tenant.
    pub instance: InstanceId,
    /// Whom it is about.
    pub user: UserId,
    /// Keyed hash of what it is for; a later message for the same takes its place.
    pub subject: Vec<u8>,
    /// The sealed message.
    pub sealed: Vec<u8>,
    /// When it was put here.
    pub created: Timestamp,
    /// From then on it is not sent any more.
    pub expires: Timestamp,
    /// Tries so far.
    pub attempts: i64,
}

const PUT: &str =
    "INSERT INTO outbox (id, instance, user_id, subject, sealed, created_at, expires_at, next_at, attempts, lease)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, '')
     ON CONFLICT (instance, user_id, subject) DO UPDATE SET id = excluded.id, sealed = excluded.sealed,
         created_at = excluded.created_at, expires_at = excluded.expires_at, next_at = excluded.next_at,
         attempts = 0, lease = ''";

/// Whether this puts a message into the outbox.
pub(crate) fn is_put(row: &Statement) -> bool {
    row.sql == PUT
}

/// Puts a message into the outbox, in the place of an unsent one for the same subject. [`Store::parcels`] is rung once it
/// is there.
pub fn put(parcel: &Parcel) -> Statement {
    Statement::new(
        PUT,
        [
            parcel.id.as_str().into(),
            parcel.instance.shared().into(),
            parcel.user.shared().into(),
            Value::from(&parcel.subject[..]),
            Value::from(&parcel.sealed[..]),
            parcel.created.into(),
            parcel.expires.into(),
            parcel.created.into(),
        ],
    )
}

/// Messages that are due, oldest first, at most `most`.
pub async fn due(snapshot: &mut Snapshot, now: Timestamp, most: i64) -> Result<Vec<Parcel>> {
    let sql = "SELECT id, instance, user_id, subject, sealed, created_at, expires_at, attempts
               FROM outbox WHERE next_at <= $1 ORDER BY next_at LIMIT $2";
    snapshot
        .all(sql, &[now.0.into(), most.into()], |row| {
            Ok(Parcel {
                id: row.text(0)?.to_owned(),
                instance: InstanceId::from_trusted(row.text(1)?),
                user: UserId::from_trusted(row.text(2)?),
                subject: row.blob(3)?.to_vec(),
                sealed: row.blob(4)?.to_vec(),
                created: Timestamp(row.int(5)?),
                expires: Timestamp(row.int(6)?),
                attempts: row.int(7)?,
            })
        })
        .await
}

/// When the next message is due of those that are not at `after`, if any waits.
pub async fn next_due(snapshot: &mut Snapshot, after: Option<Timestamp>) -> Result<Option<Timestamp>> {
    let sql = "SELECT min(next_at) FROM outbox WHERE next_at > $1";
    let after = after.map_or(i64::MIN, |after| after.0);
    Ok(snapshot
        .first(sql, &[after.into()], |row| row.opt_int(0))
        .await?
        .flatten()
        .map(Timestamp))
}

/// How many messages wait.
pub async fn waiting(snapshot: &mut Snapshot) -> Result<i64> {
    Ok(snapshot
        .first("SELECT count(*) FROM outbox", &[], |row| row.int(0))
        .await?
        .unwrap_or(0))
}

impl Store {
    /// Takes a due message for oneself until `until`. False when somebody else has it, it was replaced, or is gone.
    pub async fn lease_parcel(
        &self,
        parcel: &Parcel,
        lease: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool> {
        let take = Statement::new(
            "UPDATE outbox SET lease = $1, next_at = $2, attempts = attempts + 1 WHERE id = $3 AND next_at <= $4",
            [lease.into(), until.into(), parcel.id.as_str().into(), now.into()],
        );
        self.write("outbox.lease", &parcel.instance, vec![take], Vec::new())
            .await
    }

    /// Removes a message that one holds: sent, expired or refused for good. False when the lease was lost.
    pub async fn finish_parcel(&self, parcel: &Parcel, lease: &str) -> Result<bool> {
        let done = Statement::new(
            "DELETE FROM outbox WHERE id = $1 AND lease = $2",
            [parcel.id.as_str().into(), lease.into()],
        );
        self.write("outbox.finish", &parcel.instance, vec![done], Vec::new())
            .await
    }

    /// Gives a message back to be tried again at `next`. False when the lease was lost.
    pub async fn postpone_parcel(&self, parcel: &Parcel, lease: &str, next: Timestamp) -> Result<bool> {
        let later = Statement::new(
            "UPDATE outbox SET lease = '', next_at = $1 WHERE id = $2 AND lease = $3",
            [next.into(), parcel.id.as_str().into(), lease.into()],
        );
        self.write("outbox.postpone", &parcel.instance, vec![later], Vec::new())
            .await
    }

    /// As [`Self::postpone_parcel`], of a message that was not tried: the try does not count.
    pub async fn return_parcel(&self, parcel: &Parcel, lease: &str, next: Timestamp) -> Result<bool> {
        let untried = Statement::new(
            "UPDATE outbox SET lease = '', next_at = $1, attempts = attempts - 1 WHERE id = $2 AND lease = $3",
            [next.into(), parcel.id.as_str().into(), lease.into()],
        );
        self.write("outbox.return", &parcel.instance, vec![untried], Vec::new())
            .await
    }
}
