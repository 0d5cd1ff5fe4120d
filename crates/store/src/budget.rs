//! Budgets that no history tells: failed guesses by user and subject, sends by destination and by user.

use domain::{
    base::{InstanceId, Timestamp, UserId},
    code::GuessBudget,
    send::SendHistory,
    user::User,
};

use crate::{
    change::{Stream, Work},
    commit::{Statement, Value, json},
    db::{Snapshot, Store},
    error::{Error, Result},
};

/// Failures of a user for one subject (keyed hash of purpose and destination).
pub async fn guesses(
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    user: &UserId,
    subject: &[u8],
) -> Result<GuessBudget> {
    let sql =
        "SELECT since, failures FROM guess_budget WHERE instance = $1 AND user_id = $2 AND subject = $3";
    let found = snapshot
        .first(
            sql,
            &[instance.as_str().into(), user.as_str().into(), subject.into()],
            |row| {
                let failures = u32::try_from(row.int(1)?).unwrap_or(u32::MAX);
                Ok(GuessBudget {
                    since: Timestamp(row.int(0)?),
                    failures,
                })
            },
        )
        .await?;
    Ok(found.unwrap_or_default())
}

/// Keeps a budget. Safe beside an event of the same user only: the user's stream is what guards it.
pub fn keep_guesses(instance: &InstanceId, user: &UserId, subject: &[u8], budget: GuessBudget) -> Statement {
    Statement::new(
        "INSERT INTO guess_budget (instance, user_id, subject, since, failures) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (instance, user_id, subject) DO UPDATE SET since = excluded.since, failures = excluded.failures",
        [
            instance.shared().into(),
            user.shared().into(),
            subject.into(),
            budget.since.into(),
            i64::from(budget.failures).into(),
        ],
    )
}

/// Spends a guess of a budget that no stream guards. A guard: a budget that changed since it was seen is a conflict.
pub fn spend_guess(
    instance: &InstanceId,
    user: &UserId,
    subject: &[u8],
    seen: GuessBudget,
    now: Timestamp,
) -> Statement {
    let spent = seen.after_failure(now);
    Statement::new(
        "INSERT INTO guess_budget (instance, user_id, subject, since, failures) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (instance, user_id, subject) DO UPDATE SET since = excluded.since, failures = excluded.failures
         WHERE guess_budget.since = $6 AND guess_budget.failures = $7",
        [
            instance.shared().into(),
            user.shared().into(),
            subject.into(),
            spent.since.into(),
            i64::from(spent.failures).into(),
            seen.since.into(),
            i64::from(seen.failures).into(),
        ],
    )
}

/// Gives a guess back that was none.
pub fn give_back(instance: &InstanceId, user: &UserId, subject: &[u8]) -> Statement {
    Statement::new(
        "UPDATE guess_budget SET failures = failures - 1
         WHERE instance = $1 AND user_id = $2 AND subject = $3 AND failures > 0",
        [instance.shared().into(), user.shared().into(), subject.into()],
    )
}

/// A send history with the version that it was read at; 0 when there was none.
#[derive(Clone, Debug, Default)]
pub struct Sends {
    /// The sends that still count.
    pub history: SendHistory,
    version: i64,
}

/// Sends to one subject (keyed hash of a destination or a user).
pub async fn sends(snapshot: &mut Snapshot, instance: &InstanceId, subject: &[u8]) -> Result<Sends> {
    let sql = "SELECT version, times FROM send_budget WHERE instance = $1 AND subject = $2";
    let found = snapshot
        .first(sql, &[instance.as_str().into(), subject.into()], |row| {
            let times: Vec<i64> =
                serde_json::from_str(row.text(1)?).map_err(|e| Error::corrupt("send_budget.times", e))?;
            let history = SendHistory(times.into_iter().map(Timestamp).collect());
            Ok(Sends {
                history,
                version: row.int(0)?,
            })
        })
        .await?;
    Ok(found.unwrap_or_default())
}

/// The guard that keeps a history: it touches no row if somebody else sent to the subject meanwhile.
pub fn keep_sends(instance: &InstanceId, subject: &[u8], read: &Sends, history: &SendHistory) -> Statement {
    let times: Vec<i64> = history.0.iter().map(|t| t.0).collect();
    let times = json(&times);
    let last = history.0.last().copied().unwrap_or_default();
    let key: [Value; 2] = [instance.shared().into(), subject.into()];
    let [instance, subject] = key;
    if read.version == 0 {
        return Statement::new(
            "INSERT INTO send_budget (instance, subject, version, times, last_at) VALUES ($1, $2, 1, $3, $4)
             ON CONFLICT (instance, subject) DO NOTHING",
            [instance, subject, times.into(), last.into()],
        );
    }
    Statement::new(
        "UPDATE send_budget SET version = version + 1, times = $1, last_at = $2
         WHERE instance = $3 AND subject = $4 AND version = $5",
        [times.into(), last.into(), instance, subject, read.version.into()],
    )
}

/// Rows that one sweep removes from a table.
const SWEEP: i64 = 1000;

impl Store {
    /// Removes budgets that nothing has touched since `before`; at most some at a time. Whether there may be more. Run now and then.
    pub async fn sweep_budgets(&self, before: Timestamp) -> Result<bool> {
        // Said of each row that is deleted, too: whoever uses a budget that was just found stale is waited for and keeps it.
        let stale = |sql| Statement::new(sql, [before.into(), SWEEP.into(), before.into()]);
        let rows = vec![
            stale(
                "DELETE FROM guess_budget WHERE (instance, user_id, subject) IN (
                     SELECT instance, user_id, subject FROM guess_budget WHERE since < $1 LIMIT $2) AND since < $3",
            ),
            stale(
                "DELETE FROM send_budget WHERE (instance, subject) IN (
                     SELECT instance, subject FROM send_budget WHERE last_at < $1 LIMIT $2) AND last_at < $3",
            ),
        ];
        self.write("budget.sweep", &InstanceId::from_trusted("-"), Vec::new(), rows)
            .await?;
        let sql = "SELECT 1 FROM guess_budget WHERE since < $1 UNION ALL SELECT 1 FROM send_budget WHERE last_at < $2 LIMIT 1";
        let left = self
            .glance()?
            .first(sql, &[before.0.into(), before.0.into()], |_| Ok(()))
            .await?;
        Ok(left.is_some())
    }
}

/// A send history inside a unit of work: as it was read, and as this work leaves it.
#[derive(Debug)]
pub(crate) struct CountedSends {
    subject: Vec<u8>,
    read: Sends,
    history: SendHistory,
}

impl CountedSends {
    pub(crate) fn guard(&self, instance: &InstanceId) -> Statement {
        keep_sends(instance, &self.subject, &self.read, &self.history)
    }
}

impl Work<'_> {
    /// As [`guesses`], of the user of a stream, which is what [`keep_guesses`] relies on: who counts beside an event of the user
    /// after the stream was loaded makes this work run again.
    pub async fn guesses(&mut self, user: &Stream<User>, subject: &[u8]) -> Result<GuessBudget> {
        let instance = self.instance().clone();
        guesses(self.snapshot(), &instance, &user.id, subject).await
    }

    /// Counts a send to a subject (keyed hash of a destination or a user): `count` judges the sends that are known, those
    /// of this work included, and answers them with the new one. Nobody else counts between this reading and the commit.
    pub async fn count_send<E: From<Error>>(
        &mut self,
        subject: &[u8],
        count: impl FnOnce(SendHistory) -> Result<SendHistory, E> + Send,
    ) -> Result<(), E> {
        let known = self.counted.iter().position(|c| c.subject == subject);
        let known = if let Some(known) = known {
            known
        } else {
            let instance = self.instance().clone();
            let read = sends(self.snapshot(), &instance, subject).await?;
            self.counted.push(CountedSends {
                subject: subject.to_vec(),
                history: read.history.clone(),
                read,
            });
            self.counted.len() - 1
        };
        let counted = &mut self.counted[known];
        counted.history = count(counted.history.clone())?;
        Ok(())
    }
}
