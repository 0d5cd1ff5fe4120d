//! One-time codes by SMS or e-mail as a factor: register, verify, remove; and the switch that binds one to the contact.

use domain::{
    access::Permission,
    base::FactorId,
    user::{Channel, Command, Destination, User},
    user_schema::Authenticator,
};
use store::{Stream, Work, read};

use super::{
    Changed, changed, code,
    code::{NewDestination, Occasion},
    command_as,
};
use crate::{
    access::{self, Caller, Need, Target},
    ctx::Ctx,
    error::{Error, Result},
    housekeeping::Swept,
    message::MessageKind,
    schema,
    secret::{Purpose, Secret},
};

/// Registrations that one sweep forgets.
const SWEEP: i64 = 200;

const NEED: Need = Need::or_self(Permission::UserCredentialWrite);

/// A factor that was added, with the code that was asked for.
#[derive(Clone, Debug)]
pub struct OtpAdded {
    /// Where the user's history stands.
    pub changed: Changed,
    /// The factor; the same as before when a pending registration was repeated.
    pub factor: FactorId,
    /// The code, when it was to be returned.
    pub code: Option<Secret>,
}

/// Registers a factor with a destination of its own: oneself, or with `user.credential.write`.
pub async fn add(ctx: &Ctx, caller: &Caller, target: &Target, new: &NewDestination) -> Result<OtpAdded> {
    ctx.store
        .change(
            "user.otp.add",
            &caller.instance,
            &caller.user,
            ctx.now(),
            |work| {
                Box::pin(async move {
                    let (mut user, grant) = access::user_for(work, caller, target, NEED).await?;
                    code::may_vouch(grant, [&new.verification])?;
                    let kind = kind_of(new.destination.channel());
                    schema::may_have(work, user.state.person(), kind).await?;
                    add_in(ctx, caller, work, &mut user, new).await
                })
            },
        )
        .await
}

async fn add_in(
    ctx: &Ctx,
    caller: &Caller,
    work: &mut Work<'_>,
    user: &mut Stream<User>,
    new: &NewDestination,
) -> Result<OtpAdded> {
    let draft = code::draft(ctx, caller, &user.id, Purpose::OtpRegistration, new);
    let id = FactorId::from_trusted(&ctx.new_id());
    let add = Command::AddOtp {
        id,
        destination: new.destination.clone(),
        proof: draft.proof.clone(),
    };
    work.decide(user, add)?;
    let person = user.state.person().ok_or(Error::NotFound)?;
    let own = person.own_otp(&new.destination).ok_or(Error::NotFound)?;
    let factor = own.id.clone();
    // A pending factor keeps the spelling that it was added with, and what is shown is where the code goes.
    let shown = NewDestination {
        destination: person.otp_destination(own).unwrap_or(&new.destination).clone(),
        ..new.clone()
    };
    let occasion = Occasion {
        cause: "otp_code_issued",
        kind: MessageKind::verify,
        factor: Some(&factor),
        code_id: None,
    };
    let code = code::hand_over(ctx, work, user, &shown, draft, occasion).await?;
    Ok(OtpAdded {
        changed: changed(user)?,
        factor,
        code,
    })
}

/// Enters the registration code of a factor: oneself, or with `user.credential.write`.
pub async fn verify(
    ctx: &Ctx,
    caller: &Caller,
    target: &Target,
    (channel, factor): (Channel, &FactorId),
    entered: &str,
) -> Result<Changed> {
    ctx.store
        .change(
            "user.otp.verify",
            &caller.instance,
            &caller.user,
            ctx.now(),
            |work| {
                Box::pin(async move {
                    let (mut user, _) = access::user_for(work, caller, target, NEED).await?;
                    schema::may_have(work, user.state.person(), kind_of(channel)).await?;
                    let destination = destination_of(&user, channel, factor);
                    let (attempt, subject) = code::attempt(
                        ctx,
                        work,
                        &user,
                        Purpose::OtpRegistration,
                        destination.as_ref(),
                        entered,
                    )
                    .await?;
                    let verify = Command::VerifyOtp {
                        channel,
                        id: factor.clone(),
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

fn destination_of(user: &Stream<User>, channel: Channel, id: &FactorId) -> Option<Destination> {
    let person = user.state.person()?;
    person.otp_destination(person.otp(channel, id)?).cloned()
}

/// Removes a factor, pending or not: oneself, or with `user.credential.write`.
pub async fn remove(
    ctx: &Ctx,
    caller: &Caller,
    target: &Target,
    channel: Channel,
    factor: &FactorId,
) -> Result<Changed> {
    let remove = || Command::RemoveOtp {
        channel,
        id: factor.clone(),
    };
    command_as(ctx, "user.otp.remove", caller, target, NEED, remove).await
}

/// Switches on the factor that is bound to the verified contact.
pub async fn bind(ctx: &Ctx, caller: &Caller, target: &Target, channel: Channel) -> Result<Changed> {
    let id = FactorId::from_trusted(&ctx.new_id());
    let id = &id;
    ctx.store
        .change(
            "user.otp.bind",
            &caller.instance,
            &caller.user,
            ctx.now(),
            |work| {
                Box::pin(async move {
                    let (mut user, _) = access::user_for(work, caller, target, NEED).await?;
                    schema::may_have(work, user.state.person(), kind_of(channel)).await?;
                    let bind = Command::AddBoundOtp {
                        id: id.clone(),
                        channel,
                    };
                    work.decide(&mut user, bind)?;
                    changed(&user)
                })
            },
        )
        .await
}

/// What schemas call the factor of a channel.
fn kind_of(channel: Channel) -> Authenticator {
    match channel {
        Channel::Sms => Authenticator::OtpSms,
        Channel::Email => Authenticator::OtpEmail,
    }
}

/// Switches that factor off.
pub async fn unbind(ctx: &Ctx, caller: &Caller, target: &Target, channel: Channel) -> Result<Changed> {
    command_as(ctx, "user.otp.unbind", caller, target, NEED, || {
        Command::RemoveBoundOtp(channel)
    })
    .await
}

/// Removes registrations of factors, and links for them, whose time is over; answers how many users were touched. Run now and then.
pub async fn sweep_stale(ctx: &Ctx) -> Result<Swept> {
    let stale = {
        let mut snapshot = ctx.store.snapshot().await?;
        read::user::with_stale_registrations(&mut snapshot, ctx.now(), SWEEP).await?
    };
    for (instance, user) in &stale {
        ctx.store
            .change("user.otp.sweep", instance, user, ctx.now(), |work| {
                Box::pin(async move {
                    let mut stream = work.load::<User>(user).await?;
                    // A user who was deleted meanwhile has nothing left to forget.
                    let _: Result<(), _> = work.decide(&mut stream, Command::ForgetStale);
                    Ok::<(), Error>(())
                })
            })
            .await?;
    }
    Ok(Swept::of(stale.len(), SWEEP))
}
