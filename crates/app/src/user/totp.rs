//! TOTP as a factor: start a registration, complete it, remove the factor.

use data_encoding::BASE32_NOPAD;
use domain::{
    access::Permission,
    base::{FactorId, InstanceId, Span, UserId},
    user::{Command, TotpAttempt, User},
    user_schema::Authenticator,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use store::{Stream, Work};
use zeroize::Zeroize;

use super::{Changed, changed, code, command_as, username};
use crate::{
    access::{self, Caller, Need, Target},
    ctx::Ctx,
    error::Result,
    schema, sealed,
    secret::{Purpose, Secret, Subject},
    totp::{self, SECRET_LENGTH},
};

const NEED: Need = Need::or_self(Permission::UserCredentialWrite);

/// How long a registration waits for its first code.
const PENDING: Span = Span::hours(1);

/// What RFC 3986 calls unreserved stays; everything else is escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A registration that was started.
#[derive(Clone, Debug)]
pub struct TotpStarted {
    /// Where the user's history stands.
    pub changed: Changed,
    /// The factor.
    pub factor: FactorId,
    /// The secret in base32, to be typed.
    pub secret: Secret,
    /// `otpauth://totp/…`, to be shown as a QR code.
    pub uri: Secret,
}

/// Starts the registration of a further factor: oneself, or with `user.credential.write`. The answer is the only place
/// where the secret can be read.
pub async fn start(ctx: &Ctx, caller: &Caller, target: &Target) -> Result<TotpStarted> {
    let id = &FactorId::from_trusted(&ctx.new_id());
    let mut bytes = [0; SECRET_LENGTH];
    ctx.entropy.fill(&mut bytes);
    let sealed = &sealed::seal(ctx, &place(&caller.instance, &target.user, id), &bytes);
    let secret = &Secret::new(BASE32_NOPAD.encode(&bytes));
    bytes.zeroize();
    let expires = ctx.now() + PENDING;
    ctx.store
        .change(
            "user.totp.start",
            &caller.instance,
            &caller.user,
            ctx.now(),
            |work| {
                Box::pin(async move {
                    let (mut user, _) = access::user_for(work, caller, target, NEED).await?;
                    schema::may_have(work, user.state.person(), Authenticator::Totp).await?;
                    let start = Command::StartTotp {
                        id: id.clone(),
                        secret: sealed.clone(),
                        expires,
                    };
                    work.decide(&mut user, start)?;
                    let label = username::label(work, &user).await?;
                    Ok(TotpStarted {
                        changed: changed(&user)?,
                        factor: id.clone(),
                        secret: secret.clone(),
                        uri: uri(&ctx.policy.public_host, &label, secret),
                    })
                })
            },
        )
        .await
}

/// The key URI that authenticator apps read, issuer and label escaped.
fn uri(issuer: &str, label: &str, secret: &Secret) -> Secret {
    let escape = |text| utf8_percent_encode(text, ESCAPED);
    let (issuer, label, secret) = (escape(issuer), escape(label), secret.reveal());
    let (digits, period) = (totp::DIGITS, totp::PERIOD);
    Secret::new(format!(
        "otpauth://totp/{issuer}:{label}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits={digits}&period={period}"
    ))
}

/// The place that a secret is bound to; lengths keep ids with separators apart.
fn place(instance: &InstanceId, user: &UserId, factor: &FactorId) -> String {
    let (in_length, user_length) = (instance.as_str().len(), user.as_str().len());
    format!("totp/{in_length}:{instance}/{user_length}:{user}/{factor}")
}

/// Enters the first code of a factor: oneself, or with `user.credential.write`.
pub async fn verify(
    ctx: &Ctx,
    caller: &Caller,
    target: &Target,
    factor: &FactorId,
    entered: &str,
) -> Result<Changed> {
    ctx.store
        .change(
            "user.totp.verify",
            &caller.instance,
            &caller.user,
            ctx.now(),
            |work| {
                Box::pin(async move {
                    let (mut user, _) = access::user_for(work, caller, target, NEED).await?;
                    schema::may_have(work, user.state.person(), Authenticator::Totp).await?;
                    let (attempt, subject) = attempt(ctx, work, &user, factor, entered).await?;
                    let budget = attempt.budget;
                    let verify = Command::VerifyTotp {
                        id: factor.clone(),
                        attempt,
                    };
                    work.decide(&mut user, verify)
                        .map_err(|r| code::count_wrong(ctx, work, &target.user, &subject, budget, r))?;
                    changed(&user)
                })
            },
        )
        .await
}

/// Guesses are counted for the user and not for the factor, so that no new start gives fresh ones.
async fn attempt(
    ctx: &Ctx,
    work: &mut Work<'_>,
    user: &Stream<User>,
    factor: &FactorId,
    entered: &str,
) -> Result<(TotpAttempt, Subject)> {
    let instance = work.instance().clone();
    let subject = ctx
        .keys
        .subject(&instance, &user.id, Purpose::TotpRegistration, None);
    let budget = work.guesses(user, &subject.0).await?;
    let code = totp::read(entered);
    let known = user.state.person().and_then(|p| p.totp(factor));
    let steps = match (&code, known) {
        (Some(code), Some(known)) => {
            let place = place(&instance, &user.id, factor);
            let secret = sealed::open(ctx, &place, &known.secret, "totp_factor.secret")?;
            totp::matching_steps(&secret, code, ctx.now())
        }
        _ => Vec::new(),
    };
    let well_formed = code.is_some();
    Ok((
        TotpAttempt {
            well_formed,
            steps,
            budget,
        },
        subject,
    ))
}

/// Removes a factor, pending or not: oneself, or with `user.credential.write`.
pub async fn remove(ctx: &Ctx, caller: &Caller, target: &Target, factor: &FactorId) -> Result<Changed> {
    let remove = || Command::RemoveTotp(factor.clone());
    command_as(ctx, "user.totp.remove", caller, target, NEED, remove).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_factors_share_a_place() {
        let at = |instance, user, factor| {
            place(
                &InstanceId::from_trusted(instance),
                &UserId::from_trusted(user),
                &FactorId::from_trusted(factor),
            )
        };
        let places = [
            at("i", "u", "1"),
            at("i", "u", "2"),
            at("i", "v", "1"),
            at("j", "u", "1"),
            at("i/u", "v", "1"),
            at("i", "u/v", "1"),
            at("i", "u", "v/1"),
        ];
        let apart: std::collections::BTreeSet<_> = places.iter().collect();
        assert_eq!(apart.len(), places.len(), "{places:?}");
    }
}
