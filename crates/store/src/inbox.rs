//! The built-in inbox: messages that were captured instead of sent, sealed as in the outbox.

use domain::base::{InstanceId, Timestamp, UserId};

use crate::{
    commit::{Statement, Value},
    db::{Snapshot, Store},
    error::Result,
};

/// Messages that are kept for an instance; older ones make room.
pub const KEPT: i64 = 1000;

/// A captured message.
#[derive(Clone, Debug)]
pub struct Captured {
    /// Its id, unique and ordered by time.
    pub id: String,
    /// Keyed hash of the recipient.
    pub recipient: Vec<u8>,
    /// The sealed message.
    pub sealed: Vec<u8>,
    /// When it was captured.
    pub created: Timestamp,
}

impl Store {
    /// Captures a message about a user, and goes with them. Capturing the same id again changes nothing.
    pub async fn capture(&self, instance: &InstanceId, user: &UserId, message: &Captured) -> Result<()> {
        let rows = vec![
            Statement::new(
                "INSERT INTO inbox_message (instance, id, user_id, recipient, sealed, created_at)
                 VALUES ($1, $2, $3, $4, $5, $6)
                 ON CONFLICT (instance, id) DO NOTHING",
                [
                    instance.shared().into(),
                    message.id.as_str().into(),
                    user.shared().into(),
                    Value::from(&message.recipient[..]),
                    Value::from(&message.sealed[..]),
                    message.created.into(),
                ],
            ),
            Statement::new(
                "DELETE FROM inbox_message WHERE instance = $1 AND id <= (
                     SELECT id FROM inbox_message WHERE instance = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)",
                [instance.shared().into(), KEPT.into()],
            ),
        ];
        self.write("inbox.capture", instance, Vec::new(), rows)
            .await
            .map(drop)
    }

    /// Removes a captured message; answers whether it was there.
    pub async fn discard(&self, instance: &InstanceId, id: &str) -> Result<bool> {
        let delete = Statement::new(
            "DELETE FROM inbox_message WHERE instance = $1 AND id = $2",
            [instance.shared().into(), id.into()],
        );
        self.write("inbox.discard", instance, vec![delete], Vec::new())
            .await
    }
}

/// Captured messages, newest first: those older than `before` (an id; empty for the newest) and newer than `after` (an
/// id; empty for all), of one recipient or of all, at most `most`.
pub async fn list(
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    recipient: Option<&[u8]>,
    (before, after): (&str, &str),
    most: i64,
) -> Result<Vec<Captured>> {
    let all = "SELECT id, recipient, sealed, created_at FROM inbox_message
               WHERE instance = $1 AND ($2 = '' OR id < $2) AND id > $3 ORDER BY id DESC LIMIT $4";
    let one = "SELECT id, recipient, sealed, created_at FROM inbox_message
               WHERE instance = $1 AND ($2 = '' OR id < $2) AND id > $3 AND recipient = $4 ORDER BY id DESC LIMIT $5";
    let each = |row: &crate::db::Row<'_>| {
        Ok(Captured {
            id: row.text(0)?.to_owned(),
            recipient: row.blob(1)?.to_vec(),
            sealed: row.blob(2)?.to_vec(),
            created: Timestamp(row.int(3)?),
        })
    };
    let instance = instance.as_str();
    match recipient {
        None => {
            snapshot
                .all(
                    all,
                    &[instance.into(), before.into(), after.into(), most.into()],
                    each,
                )
                .await
        }
        Some(recipient) => {
            let params = [
                instance.into(),
                before.into(),
                after.into(),
                recipient.into(),
                most.into(),
            ];
            snapshot.all(one, &params, each).await
        }
    }
}
