//! Contact phone and e-mail: set, verify, resend, remove.

use domain::{
    access::Permission,
    user::{Channel, Command, Destination, Proof, Refusal, User},
};
use store::{Stream, Work};

use super::{
    Changed, changed, code,
    code::{NewDestination, Occasion, Verification},
};
use crate::{
    access::{self, Caller, Need, Target},
    ctx::Ctx,
    error::{Error, Result},
    language::Language,
    message::MessageKind,
    secret::{Purpose, Secret},
};

/// A contact that was set, with the code that was asked for.
#[derive(Clone, Debug)]
pub struct ContactSet {
    /// Where the history stands.
    pub changed: Changed,
    /// The code, when it was to be returned.
    pub code: Option<Secret>,
}

/// What a resend starts from: v3 needs a code that waits, v1 only an unverified value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResendFrom {
    /// A waiting code.
    PendingCode,
    /// An unverified value.
    Unverified,
}

/// Whoever moves a contact leads the codes of a reset elsewhere.
pub(super) const MOVE: Need = Need::or_self(Permission::UserWrite).over_nobody_stronger();

/// Sets the contact phone or e-mail: oneself, or with `user.write` of somebody who may not do more than the caller. Where a factor
/// is bound to it, vouching and reading the code take `user.credential.write` as well.
pub async fn set(ctx: &Ctx, caller: &Caller, target: &Target, new: &NewDestination) -> Result<ContactSet> {
    ctx.store
        .change(
            "user.contact.set",
            &caller.instance,
            &caller.user,
            ctx.now(),
            |work| {
                Box::pin(async move {
                    let (mut user, grant) = access::user_for(work, caller, target, MOVE).await?;
                    code::may_vouch(grant, [&new.verification])?;
                    let code = set_in(ctx, caller, work, &mut user, Some(new)).await?;
                    Ok(ContactSet {
                        changed: changed(&user)?,
                        code,
                    })
                })
            },
        )
        .await
}

/// The part of [`set`] that creating and patching a user share.
pub(super) async fn set_in(
    ctx: &Ctx,
    caller: &Caller,
    work: &mut Work<'_>,
    user: &mut Stream<User>,
    new: Option<&NewDestination>,
) -> Result<Option<Secret>> {
    let Some(new) = new else { return Ok(None) };
    may_hear(caller, user, new)?;
    let draft = code::draft(ctx, caller, &user.id, Purpose::Contact, new);
    let before = user.head.seq;
    let set = Command::SetContact {
        destination: new.destination.clone(),
        proof: draft.proof.clone(),
    };
    work.decide(user, set)?;
    if user.head.seq == before {
        return Ok(None);
    }
    code::hand_over(ctx, work, user, new, draft, CONTACT).await
}

/// Whoever vouches for a contact or reads its code needs no one else to prove it; a code that is sent leads nowhere until it is entered.
fn may_hear(caller: &Caller, user: &Stream<User>, new: &NewDestination) -> Result<()> {
    match new.verification {
        Verification::Send { .. } => Ok(()),
        Verification::Return | Verification::Vouched => may_lead(caller, user, new.destination.channel()),
    }
}

/// A factor that is bound to the contact goes where that goes. Who takes it there without its user, by their word, by reading the
/// code, or by entering one that went wherever they said, changes a credential.
fn may_lead(caller: &Caller, user: &Stream<User>, channel: Channel) -> Result<()> {
    let Some(person) = user.state.person() else {
        return Ok(());
    };
    let may = caller.user == user.id || caller.holds(Permission::UserCredentialWrite, &person.org);
    if person.bound_otp(channel).is_some() && !may {
        return Err(Error::Denied(Permission::UserCredentialWrite));
    }
    Ok(())
}

const CONTACT: Occasion<'static> = Occasion {
    cause: "contact_code_issued",
    kind: MessageKind::verify,
    factor: None,
    code_id: None,
};

/// Enters the code for the contact phone or e-mail: oneself, or with `user.write`, and `user.credential.write` where a factor is
/// bound to it.
pub async fn verify(
    ctx: &Ctx,
    caller: &Caller,
    target: &Target,
    channel: Channel,
    entered: &str,
) -> Result<Changed> {
    ctx.store
        .change(
            "user.contact.verify",
            &caller.instance,
            &caller.user,
            ctx.now(),
            |work| {
                Box::pin(async move {
                    let need = Need::or_self(Permission::UserWrite);
                    let (mut user, _) = access::user_for(work, caller, target, need).await?;
                    may_lead(caller, &user, channel)?;
                    let destination = destination_of(&user, channel);
                    let (attempt, subject) =
                        code::attempt(ctx, work, &user, Purpose::Contact, destination.as_ref(), entered)
                            .await?;
                    let verify = Command::VerifyContact {
                        channel,
                        attempt: attempt.clone(),
                    };
                    work.decide(&mut user, verify)
                        .map_err(|r| code::count_miss(ctx, work, &target.user, &subject, &attempt, r))?;
                    changed(&user)
                })
            },
        )
        .await
}

fn destination_of(user: &Stream<User>, channel: Channel) -> Option<Destination> {
    user.state
        .person()
        .and_then(|p| p.contact(channel))
        .map(|c| c.destination.clone())
}

/// Replaces the waiting code of the contact phone or e-mail: oneself, or with `user.write`; the code is not answered for
/// somebody who may do more than the caller.
pub async fn resend(
    ctx: &Ctx,
    caller: &Caller,
    target: &Target,
    channel: Channel,
    verification: &Verification,
    (from, language): (ResendFrom, Language),
) -> Result<ContactSet> {
    ctx.store
        .change(
            "user.contact.resend",
            &caller.instance,
            &caller.user,
            ctx.now(),
            |work| {
                Box::pin(async move {
                    let need = match verification {
                        Verification::Send { .. } => Need::or_self(Permission::UserWrite),
                        Verification::Return | Verification::Vouched => MOVE,
                    };
                    let (mut user, grant) = access::user_for(work, caller, target, need).await?;
                    code::may_vouch(grant, [verification])?;
                    let Some(destination) = destination_of(&user, channel) else {
                        return Err(nothing_to_resend(from, channel).into());
                    };
                    let new = NewDestination {
                        destination,
                        verification: verification.clone(),
                        language,
                    };
                    may_hear(caller, &user, &new)?;
                    let draft = code::draft(ctx, caller, &user.id, Purpose::Contact, &new);
                    let Proof::Code(code) = draft.proof.clone() else {
                        return Err(Error::DeniedToSelf);
                    };
                    let only_pending = from == ResendFrom::PendingCode;
                    work.decide(
                        &mut user,
                        Command::ResendContact {
                            channel,
                            code,
                            only_pending,
                        },
                    )?;
                    let code = code::hand_over(ctx, work, &user, &new, draft, CONTACT).await?;
                    Ok(ContactSet {
                        changed: changed(&user)?,
                        code,
                    })
                })
            },
        )
        .await
}

fn nothing_to_resend(from: ResendFrom, channel: Channel) -> Refusal {
    match from {
        ResendFrom::PendingCode => Refusal::NoCode,
        ResendFrom::Unverified => Refusal::ContactMissing(channel),
    }
}

/// Removes the contact phone or e-mail and the factor bound to it: oneself, or with `user.write` of somebody who may not do
/// more than the caller.
pub async fn remove(ctx: &Ctx, caller: &Caller, target: &Target, channel: Channel) -> Result<Changed> {
    super::command_as(ctx, "user.contact.remove", caller, target, MOVE, || {
        Command::RemoveContact(channel)
    })
    .await
}
