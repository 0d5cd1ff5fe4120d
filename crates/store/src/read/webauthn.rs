//! The passkeys and security keys of a user, each credential a unique value of its instance, and the link to register one.

use domain::{
    base::{CodeId, FactorId, InstanceId, Timestamp, UserId},
    user::{
        Challenge, Credential, Event, FactorName, NamedCredential, Person, RegistrationLink, WebauthnFactor,
        WebauthnProof,
    },
};

use crate::{
    commit::{Statement, Value},
    db::{Row, Snapshot},
    error::{Error, Result},
};

/// The keys of a user, oldest first.
pub(super) async fn of_user(
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    user: &UserId,
) -> Result<Vec<WebauthnFactor>> {
    let sql = "SELECT id, domain, challenge, stale_at, name, credential, added_at FROM webauthn_factor
               WHERE instance = $1 AND user_id = $2 ORDER BY added_at, id";
    snapshot
        .all(sql, &[instance.as_str().into(), user.as_str().into()], factor)
        .await
}

/// The link of a user that waits.
pub(super) async fn link_of_user(
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    user: &UserId,
) -> Result<Option<RegistrationLink>> {
    let sql = "SELECT id, code FROM webauthn_link WHERE instance = $1 AND user_id = $2";
    snapshot
        .first(sql, &[instance.as_str().into(), user.as_str().into()], link)
        .await
}

/// The columns of [`factor`], and whose it is.
pub(super) const OF_MANY: &str = "SELECT id, domain, challenge, stale_at, name, credential, added_at, user_id
    FROM webauthn_factor WHERE instance = ";
/// The columns of [`link`], and whose it is.
pub(super) const LINKS_OF_MANY: &str = "SELECT id, code, user_id FROM webauthn_link WHERE instance = ";

pub(super) fn link(row: &Row<'_>) -> Result<RegistrationLink> {
    Ok(RegistrationLink {
        id: CodeId::from_trusted(row.text(0)?),
        code: serde_json::from_str(row.text(1)?).map_err(|e| Error::corrupt("webauthn_link.code", e))?,
    })
}

pub(super) fn factor(row: &Row<'_>) -> Result<WebauthnFactor> {
    let proof = match (row.opt_text(2)?, row.opt_int(3)?) {
        (Some(challenge), Some(expires)) => WebauthnProof::Pending {
            challenge: Challenge::new(challenge),
            expires: Timestamp(expires),
        },
        (None, None) => WebauthnProof::Verified(named(row)?),
        _ => {
            return Err(Error::corrupt("webauthn_factor", "neither pending nor verified"));
        }
    };
    Ok(WebauthnFactor {
        id: FactorId::from_trusted(row.text(0)?),
        domain: row.text(1)?.into(),
        proof,
        added: Timestamp(row.int(6)?),
    })
}

fn named(row: &Row<'_>) -> Result<NamedCredential> {
    let credential: Credential =
        serde_json::from_str(row.text(5)?).map_err(|e| Error::corrupt("webauthn_factor.credential", e))?;
    Ok(NamedCredential {
        name: FactorName::from_trusted(row.text(4)?),
        credential,
    })
}

/// The rows that an event leaves; that of a credential is a claim.
pub(super) fn rows(key: impl Fn() -> [Value; 2], person: &Person, event: &Event) -> Vec<Statement> {
    match event {
        Event::WebauthnStarted { id, .. } => {
            let factor = person.webauthn(id);
            factor.map(|f| row(key(), f)).into_iter().collect()
        }
        Event::WebauthnRemoved { id } => {
            let [instance, user] = key();
            vec![Statement::new(
                "DELETE FROM webauthn_factor WHERE instance = $1 AND user_id = $2 AND id = $3",
                [instance, user, id.shared().into()],
            )]
        }
        Event::WebauthnLinkIssued { .. }
        | Event::WebauthnLinkCheckFailed { .. }
        | Event::WebauthnLinkUsed { .. }
        | Event::WebauthnLinkEnded { .. } => vec![link_row(key(), person.webauthn_link.as_ref())],
        Event::UserLocked | Event::UserDeactivated => {
            let pending = person.webauthns.iter().filter(|f| f.credential().is_none());
            let link = person.webauthn_link.as_ref();
            let rows = pending.map(|f| row(key(), f));
            rows.chain(link.map(|link| link_row(key(), Some(link)))).collect()
        }
        _ => Vec::new(),
    }
}

/// Writes a verified key with its credential: a guard, for it fails when somebody has the credential.
pub(super) fn claim(key: [Value; 2], factor: &WebauthnFactor) -> Statement {
    row(key, factor)
}

fn row([instance, user]: [Value; 2], factor: &WebauthnFactor) -> Statement {
    let (challenge, stale_at) = match &factor.proof {
        WebauthnProof::Pending { challenge, expires } => (Some(challenge.as_str()), Some(*expires)),
        WebauthnProof::Verified(_) => (None, None),
    };
    let named = factor.credential();
    Statement::new(
        "INSERT INTO webauthn_factor (instance, user_id, id, domain, challenge, credential_id, name, credential,
             stale_at, added_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (instance, user_id, id) DO UPDATE SET challenge = excluded.challenge,
             credential_id = excluded.credential_id, name = excluded.name, credential = excluded.credential,
             stale_at = excluded.stale_at",
        [
            instance,
            user,
            factor.id.shared().into(),
            factor.domain.clone().into(),
            challenge.into(),
            named.map(|n| n.credential.id.clone()).into(),
            named.map(|n| n.name.as_str()).into(),
            named.map(|n| json(&n.credential)).into(),
            stale_at.into(),
            factor.added.into(),
        ],
    )
}

fn link_row([instance, user]: [Value; 2], link: Option<&RegistrationLink>) -> Statement {
    let Some(link) = link else {
        let sql = "DELETE FROM webauthn_link WHERE instance = $1 AND user_id = $2";
        return Statement::new(sql, [instance, user]);
    };
    Statement::new(
        "INSERT INTO webauthn_link (instance, user_id, id, code, stale_at) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (instance, user_id) DO UPDATE SET id = excluded.id, code = excluded.code,
             stale_at = excluded.stale_at",
        [
            instance,
            user,
            link.id.shared().into(),
            json(&link.code).into(),
            link.code.expires.into(),
        ],
    )
}

fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
