//! Sign-ins at identity providers that are under way: the state row, and which are over.

use domain::{
    base::{IdpId, InstanceId, IntentId, Timestamp},
    code::Digest,
    idp_intent::{Event, IdpIntent, Intent, ReturnUrls, Stage},
    user::SealedSecret,
};

use crate::{
    change::{Head, Stored},
    commit::{Statement, Value},
    db::{Param, Row, Snapshot},
    error::{Error, Result},
};

impl Stored for IdpIntent {
    type Id = IntentId;

    async fn load(snapshot: &mut Snapshot, instance: &InstanceId, id: &IntentId) -> Result<(Head, Self)> {
        let sql =
            "SELECT s.seq, s.created_at, s.changed_at, i.idp, i.success_url, i.failure_url, i.state, i.flow,
                       i.started_at, i.stage, i.stage_at, i.token, i.outcome
                   FROM stream s LEFT JOIN idp_intent i ON i.instance = s.instance AND i.id = s.id
                   WHERE s.instance = $1 AND s.kind = 'idp_intent' AND s.id = $2";
        let key = [Param::from(instance.as_str()), id.as_str().into()];
        let found = snapshot
            .first(sql, &key, |row| {
                let there = row.opt_text(3)?.is_some();
                let intent = there.then(|| intent(row)).transpose()?;
                let state = intent.map_or(Self::Absent, |i| Self::Present(Box::new(i)));
                Ok((head(row)?, state))
            })
            .await?;
        Ok(found.unwrap_or_default())
    }

    fn rows(&self, instance: &InstanceId, id: &IntentId, _head: &Head, events: &[Event]) -> Vec<Statement> {
        if events.is_empty() {
            return Vec::new();
        }
        let key = [Value::from(instance.shared()), id.shared().into()];
        let row = match self.intent() {
            Some(intent) => row(key, intent),
            None => Statement::new("DELETE FROM idp_intent WHERE instance = $1 AND id = $2", key),
        };
        vec![row]
    }

    fn forgets(events: &[Event]) -> bool {
        events.contains(&Event::IdpIntentForgotten)
    }
}

fn row([instance, id]: [Value; 2], intent: &Intent) -> Statement {
    let (stage, at, token, outcome) = match &intent.stage {
        Stage::Started => ("started", None, None, None),
        Stage::Returned => ("returned", None, None, None),
        Stage::Succeeded { at, token, outcome } => {
            ("succeeded", Some(*at), Some(token), Some(outcome.as_str()))
        }
        Stage::Failed => ("failed", None, None, None),
        Stage::Told { token } => ("told", None, Some(token), None),
    };
    Statement::new(
        "INSERT INTO idp_intent (instance, id, idp, success_url, failure_url, state, flow, started_at,
             stage, stage_at, token, outcome)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         ON CONFLICT (instance, id) DO UPDATE SET stage = excluded.stage, stage_at = excluded.stage_at,
             token = excluded.token, outcome = excluded.outcome",
        [
            instance,
            id,
            intent.idp.shared().into(),
            intent.urls.success.as_str().into(),
            intent.urls.failure.as_str().into(),
            intent.state.0.as_slice().into(),
            intent.flow.as_str().into(),
            intent.started.into(),
            stage.into(),
            at.into(),
            token.map(|digest| digest.0.as_slice()).into(),
            outcome.into(),
        ],
    )
}

fn head(row: &Row<'_>) -> Result<Head> {
    Ok(Head {
        seq: row.int(0)?,
        created: Timestamp(row.int(1)?),
        changed: Timestamp(row.int(2)?),
    })
}

/// Columns 3 to 12, from the provider on.
fn intent(row: &Row<'_>) -> Result<Intent> {
    Ok(Intent {
        idp: IdpId::from_trusted(row.text(3)?),
        urls: ReturnUrls {
            success: row.text(4)?.to_owned(),
            failure: row.text(5)?.to_owned(),
        },
        state: digest(row, 6)?,
        flow: SealedSecret::new(row.text(7)?),
        started: Timestamp(row.int(8)?),
        stage: stage(row)?,
    })
}

fn stage(row: &Row<'_>) -> Result<Stage> {
    let corrupt = || Error::corrupt("idp_intent.stage", "a stage without what belongs to it");
    Ok(match row.text(9)? {
        "started" => Stage::Started,
        "returned" => Stage::Returned,
        "failed" => Stage::Failed,
        "told" => Stage::Told {
            token: digest(row, 11)?,
        },
        "succeeded" => Stage::Succeeded {
            at: Timestamp(row.opt_int(10)?.ok_or_else(corrupt)?),
            token: digest(row, 11)?,
            outcome: SealedSecret::new(row.opt_text(12)?.ok_or_else(corrupt)?),
        },
        _ => return Err(corrupt()),
    })
}

fn digest(row: &Row<'_>, column: usize) -> Result<Digest> {
    let bytes = row.blob(column)?.try_into();
    bytes
        .map(Digest)
        .map_err(|_| Error::corrupt("idp_intent", "a digest of another length"))
}

/// Intents that were begun before a time, oldest first, at most `most`.
pub async fn begun_before(
    snapshot: &mut Snapshot,
    before: Timestamp,
    most: i64,
) -> Result<Vec<(InstanceId, IntentId)>> {
    let sql = "SELECT instance, id FROM idp_intent WHERE started_at <= $1 ORDER BY started_at LIMIT $2";
    snapshot
        .all(sql, &[before.0.into(), most.into()], |row| {
            Ok((
                InstanceId::from_trusted(row.text(0)?),
                IntentId::from_trusted(row.text(1)?),
            ))
        })
        .await
}
