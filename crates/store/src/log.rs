//! Reading the log: the history of a stream, and the proof that the read models say what the log says.

use domain::{
    base::{Forgettable, InstanceId, Timestamp, UserId},
    idp::Idp,
    idp_intent::IdpIntent,
    instance::Instance,
    org::Org,
    user::User,
    user_schema::UserSchema,
};

use crate::{
    change::{Head, Stored},
    commit::{Statement, Value},
    db::{Param, Row, Snapshot, Store},
    error::{Error, Result},
    meta,
    read::user_beside,
};

/// An event as it stands in the log.
#[derive(Clone, Debug)]
pub struct LoggedEvent<E> {
    /// Its number in its stream, from 1.
    pub seq: i64,
    /// When it happened.
    pub at: Timestamp,
    /// Who caused it.
    pub editor: String,
    /// What happened.
    pub event: E,
}

impl Snapshot {
    /// The whole history of a stream, oldest first; personal values are in place unless they were erased.
    pub async fn history<A: Stored>(
        &mut self,
        instance: &InstanceId,
        id: &str,
    ) -> Result<Vec<LoggedEvent<A::Event>>> {
        let sql = "WITH RECURSIVE chain (pos, seq, prev, at, editor, body) AS (
                       SELECT e.pos, e.seq, e.prev, e.at, e.editor, e.body FROM event e
                       JOIN stream s ON s.last_pos = e.pos WHERE s.instance = $1 AND s.kind = $2 AND s.id = $3
                       UNION ALL
                       SELECT e.pos, e.seq, e.prev, e.at, e.editor, e.body FROM event e JOIN chain c ON e.pos = c.prev
                   )
                   SELECT c.seq, c.at, c.editor, c.body, p.body FROM chain c LEFT JOIN personal p ON p.pos = c.pos
                   ORDER BY c.seq";
        let params = [Param::from(instance.as_str()), A::KIND.into(), id.into()];
        self.all(sql, &params, |row| {
            let mut event: A::Event =
                serde_json::from_str(row.text(3)?).map_err(|e| Error::corrupt("event.body", e))?;
            if let Some(personal) = row.opt_text(4)? {
                event.restore(personal);
            }
            Ok(LoggedEvent {
                seq: row.int(0)?,
                at: Timestamp(row.int(1)?),
                editor: row.text(2)?.to_owned(),
                event,
            })
        })
        .await
    }
}

/// Folds every stream of the log anew and compares the rows with those that are there. Answers the streams that
/// differ, as `kind/id`; none is the promise. Reads everything: for tests and the operator's check.
pub async fn rebuild_matches(store: &Store) -> Result<Vec<String>> {
    let mut snapshot = store.snapshot().await?;
    let streams = snapshot
        .all(
            "SELECT instance, kind, id FROM stream ORDER BY instance, kind, id",
            &[],
            |row| {
                let instance = InstanceId::from_trusted(row.text(0)?);
                Ok((instance, row.text(1)?.to_owned(), row.text(2)?.to_owned()))
            },
        )
        .await?;
    let mut differing = Vec::new();
    for (instance, kind, id) in streams {
        let same = match kind.as_str() {
            <User as domain::base::Aggregate>::KIND => {
                same::<User>(&mut snapshot, &instance, &id).await?
                    && beside(&mut snapshot, &instance, &UserId::from_trusted(&id)).await?
            }
            <UserSchema as domain::base::Aggregate>::KIND => {
                same::<UserSchema>(&mut snapshot, &instance, &id).await?
            }
            <Idp as domain::base::Aggregate>::KIND => same::<Idp>(&mut snapshot, &instance, &id).await?,
            <IdpIntent as domain::base::Aggregate>::KIND => {
                same::<IdpIntent>(&mut snapshot, &instance, &id).await?
            }
            <Org as domain::base::Aggregate>::KIND => same::<Org>(&mut snapshot, &instance, &id).await?,
            <Instance as domain::base::Aggregate>::KIND => {
                same::<Instance>(&mut snapshot, &instance, &id).await?
            }
            _ => false,
        };
        if !same {
            differing.push(format!("{kind}/{id}"));
        }
    }
    Ok(differing)
}

async fn same<A: Stored + PartialEq>(snapshot: &mut Snapshot, instance: &InstanceId, id: &str) -> Result<bool>
where
    A::Id: for<'a> From<&'a str>,
{
    let folded = fold::<A>(snapshot, instance, id).await?;
    Ok(folded == A::load(snapshot, instance, &A::Id::from(id)).await?)
}

async fn beside(snapshot: &mut Snapshot, instance: &InstanceId, id: &UserId) -> Result<bool> {
    let (head, user) = User::load(snapshot, instance, id).await?;
    user_beside::matches(snapshot, (instance, id), &head, &user).await
}

/// What a stream's history leads to.
async fn fold<A: Stored>(snapshot: &mut Snapshot, instance: &InstanceId, id: &str) -> Result<(Head, A)> {
    let mut state = A::default();
    let mut head = Head::default();
    for logged in snapshot.history::<A>(instance, id).await? {
        state.evolve(&logged.event, logged.at);
        if head.seq == 0 || A::begins(&logged.event) {
            head.created = logged.at;
        }
        head.seq = logged.seq;
        head.changed = logged.at;
    }
    Ok((head, state))
}

/// Streams whose states are written in one commit.
const FOLDED_TOGETHER: i64 = 500;

/// Writes the states of all users as the log says, if a migration asked for it; whoever is interrupted begins anew.
pub(crate) async fn fold_missing_states(store: &Store) -> Result<()> {
    let nobody = &InstanceId::from_trusted("-");
    let mut behind = (String::new(), String::new());
    if meta::read(&mut store.glance()?, STATES_TO_FOLD).await?.is_none() {
        return Ok(());
    }
    tracing::info!("folding the states of users from the log, once after this update");
    loop {
        let mut snapshot = store.snapshot().await?;
        let next = users_behind(&mut snapshot, &behind).await?;
        let Some(last) = next.last().cloned() else { break };
        let mut rows = Vec::with_capacity(next.len());
        for (instance, id) in &next {
            let (head, user) = fold::<User>(&mut snapshot, &InstanceId::from_trusted(instance), id).await?;
            rows.push(state_row(instance, id, &head, &user));
        }
        drop(snapshot);
        store.write("log.fold", nobody, Vec::new(), rows).await?;
        behind = last;
    }
    let done = Statement::new("DELETE FROM meta WHERE name = $1", [STATES_TO_FOLD.into()]);
    store
        .write("log.fold", nobody, Vec::new(), vec![done])
        .await
        .map(drop)
}

/// Left behind by a migration after which the states are to be folded.
const STATES_TO_FOLD: &str = "states to fold";

/// Goes on in the primary key where it stopped. SQLite would sort the rest of an instance if the kind were equal to something.
const USERS_BEHIND: &str = "SELECT instance, id FROM stream
    WHERE (instance, kind, id) > ($1, 'user', $2) AND kind BETWEEN 'user' AND 'user'
    ORDER BY instance, kind, id LIMIT $3";

async fn users_behind(
    snapshot: &mut Snapshot,
    (instance, id): &(String, String),
) -> Result<Vec<(String, String)>> {
    let params = [
        Param::from(instance.as_str()),
        id.as_str().into(),
        FOLDED_TOGETHER.into(),
    ];
    let each = |row: &Row<'_>| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned()));
    snapshot.all(USERS_BEHIND, &params, each).await
}

/// Nothing for a stream that moved on meanwhile: whoever moved it wrote its state.
fn state_row(instance: &str, id: &str, head: &Head, user: &User) -> Statement {
    Statement::new(
        "UPDATE stream SET due_at = $1, state = $2 WHERE instance = $3 AND kind = 'user' AND id = $4 AND seq = $5",
        [
            user.due().into(),
            user.state().map_or(Value::Null, Value::Blob),
            instance.into(),
            id.into(),
            head.seq.into(),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StoreOptions;

    #[tokio::test]
    async fn users_are_folded_along_the_key_of_their_streams() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("merlon.db");
        let store = Store::open(&StoreOptions::Sqlite { path }).await.unwrap();
        let mut snapshot = store.snapshot().await.unwrap();
        let sql = Box::leak(format!("EXPLAIN QUERY PLAN {USERS_BEHIND}").into_boxed_str());
        let params = ["".into(), "".into(), 1.into()];
        let plan: Vec<String> = snapshot
            .all(sql, &params, |row| Ok(row.text(3)?.to_owned()))
            .await
            .unwrap();
        assert_eq!(plan.len(), 1, "nothing is sorted: {plan:?}");
        assert!(plan[0].ends_with(" ((instance,kind,id)>(?,?,?))"), "{plan:?}");
    }
}
