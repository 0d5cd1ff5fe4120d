//! The built-in inbox: messages that were captured instead of sent, sealed as in the outbox, in the order of their capture.

use domain::base::{InstanceId, Timestamp, UserId};

use crate::{
    commit::{Statement, Value},
    db::{Param, Row, Snapshot, Store},
    error::Result,
};

/// Messages that are kept for an instance; older ones make room.
pub const KEPT: i64 = 1000;

/// A message to capture.
#[derive(Clone, Debug)]
pub struct Capture {
    /// Its id in the outbox, which says whether it was captured before.
    pub outbox_id: i64,
    /// The lease by which one holds it in the outbox; nothing for one that never was there.
    pub lease: Option<String>,
    /// Keyed hash of the recipient.
    pub recipient: Vec<u8>,
    /// The sealed message.
    pub sealed: Vec<u8>,
    /// When.
    pub at: Timestamp,
}

/// A captured message.
#[derive(Clone, Debug)]
pub struct Captured {
    /// Its id. Whoever saw an id has seen, or can read by now, every message with a smaller one.
    pub id: i64,
    /// Its id in the outbox.
    pub outbox_id: i64,
    /// The sealed message.
    pub sealed: Vec<u8>,
    /// When it was captured; never before a message with a smaller id.
    pub created: Timestamp,
}

/// Which messages are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Range<'a> {
    /// Keyed hash of the recipient; nothing for all.
    pub recipient: Option<&'a [u8]>,
    /// Only those with smaller ids.
    pub before: i64,
    /// Only those with greater ids, oldest first, for whoever follows; otherwise newest first.
    pub after: Option<i64>,
    /// At most so many.
    pub most: i64,
}

impl Default for Range<'_> {
    fn default() -> Self {
        Self {
            recipient: None,
            before: i64::MAX,
            after: None,
            most: KEPT,
        }
    }
}

/// Changes nothing, but misses where the message was given to somebody else, replaced, or taken away with its user. Whoever takes it away
/// waits until the capture is there to see, and takes that away as well.
const HELD: &str = "UPDATE outbox SET lease = lease WHERE id = $1 AND lease = $2";

/// Whoever captures holds this row until the commit is there for everybody to see, so captures of one instance come one behind the
/// other, whichever node or connection they are on.
const HOLD: &str = "INSERT INTO inbox_order (instance, last) SELECT $1, 0 WHERE 0 = 0
     ON CONFLICT (instance) DO UPDATE SET last = inbox_order.last";

/// An id is greater than all that were given. It begins with that of the outbox, which tells the time, so that a cursor stays good when an
/// instance is laid anew. The table is asked as well as the row, because sets that share a commit move the row after the last of them.
const PUT: &str =
    "INSERT INTO inbox_message (instance, id, outbox_id, user_id, recipient, sealed, created_at)
     SELECT $1,
         (SELECT max(n.id) FROM (SELECT CAST($2 AS BIGINT) AS id
             UNION ALL SELECT last + 1 FROM inbox_order WHERE instance = $1
             UNION ALL SELECT max(id) + 1 FROM inbox_message WHERE instance = $1) AS n),
         $2, $3, $4, $5,
         (SELECT max(n.at) FROM (SELECT CAST($6 AS BIGINT) AS at
             UNION ALL SELECT m.created_at FROM inbox_message AS m WHERE m.instance = $1
                 AND m.id = (SELECT max(id) FROM inbox_message WHERE instance = $1)) AS n)
     WHERE 0 = 0 ON CONFLICT DO NOTHING";

/// Ids of messages that are removed are not given again.
const REMEMBER: &str = "UPDATE inbox_order SET last = (SELECT max(id) FROM inbox_message WHERE instance = $1)
     WHERE instance = $1 AND last < (SELECT max(id) FROM inbox_message WHERE instance = $1)";

const MAKE_ROOM: &str = "DELETE FROM inbox_message WHERE instance = $1 AND id <= (
     SELECT id FROM inbox_message WHERE instance = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)";

impl Store {
    /// Captures a message about a user, and goes with them. It gets its id within the commit. Capturing the same one again changes nothing.
    /// False when the lease was lost, for then it may be that nobody is to read it any more.
    pub async fn capture(&self, instance: &InstanceId, user: &UserId, message: &Capture) -> Result<bool> {
        let rows = vec![
            Statement::new(HOLD, [instance.shared().into()]),
            Statement::new(
                PUT,
                [
                    instance.shared().into(),
                    message.outbox_id.into(),
                    user.shared().into(),
                    Value::from(&message.recipient[..]),
                    Value::from(&message.sealed[..]),
                    message.at.into(),
                ],
            ),
            Statement::new(REMEMBER, [instance.shared().into()]),
            Statement::new(MAKE_ROOM, [instance.shared().into(), KEPT.into()]),
        ];
        let held = message.lease.as_ref().map(|lease| {
            let id = message.outbox_id.to_string();
            Statement::new(HELD, [id.into(), lease.as_str().into()])
        });
        self.write("inbox.capture", instance, held.into_iter().collect(), rows)
            .await
    }

    /// Removes a captured message; answers whether it was there.
    pub async fn discard(&self, instance: &InstanceId, id: i64) -> Result<bool> {
        let delete = Statement::new(
            "DELETE FROM inbox_message WHERE instance = $1 AND id = $2",
            [instance.shared().into(), id.into()],
        );
        self.write("inbox.discard", instance, vec![delete], Vec::new())
            .await
    }
}

const ALL_NEWEST: &str = "SELECT id, outbox_id, sealed, created_at FROM inbox_message
     WHERE instance = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
const ALL_AFTER: &str = "SELECT id, outbox_id, sealed, created_at FROM inbox_message
     WHERE instance = $1 AND id < $2 AND id > $3 ORDER BY id LIMIT $4";
const ONE_NEWEST: &str = "SELECT id, outbox_id, sealed, created_at FROM inbox_message
     WHERE instance = $1 AND id < $2 AND recipient = $3 ORDER BY id DESC LIMIT $4";
const ONE_AFTER: &str = "SELECT id, outbox_id, sealed, created_at FROM inbox_message
     WHERE instance = $1 AND id < $2 AND id > $3 AND recipient = $4 ORDER BY id LIMIT $5";

/// Captured messages of a range.
pub async fn list(snapshot: &mut Snapshot, instance: &InstanceId, range: Range<'_>) -> Result<Vec<Captured>> {
    let mut params: Vec<Param<'_>> = vec![instance.as_str().into(), range.before.into()];
    params.extend(range.after.map(Param::from));
    params.extend(range.recipient.map(Param::from));
    params.push(range.most.into());
    let sql = match (range.recipient, range.after) {
        (None, None) => ALL_NEWEST,
        (None, Some(_)) => ALL_AFTER,
        (Some(_), None) => ONE_NEWEST,
        (Some(_), Some(_)) => ONE_AFTER,
    };
    snapshot.all(sql, &params, captured).await
}

fn captured(row: &Row<'_>) -> Result<Captured> {
    Ok(Captured {
        id: row.int(0)?,
        outbox_id: row.int(1)?,
        sealed: row.blob(2)?.to_vec(),
        created: Timestamp(row.int(3)?),
    })
}
