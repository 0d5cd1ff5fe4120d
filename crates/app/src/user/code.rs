//! Issuing a code and accounting for its send, for contact data and factors alike.

use domain::{
    base::{CodeId, FactorId, InstanceId, UserId},
    code::{Attempt, GuessBudget, IssuedCode, Medium, Miss},
    user::{Channel, Destination, EmailAddress, PhoneNumber, Proof, Refusal, User},
};
use store::{Stream, Work, budget, outbox};

use crate::{
    access::{Caller, Grant},
    ctx::Ctx,
    error::{Error, Invalid, Result},
    language::Language,
    message::{Message, MessageKind},
    policy::CodePolicy,
    sealed,
    secret::{Purpose, Secret, Subject, one_time_code},
    url_template::{LinkValues, UrlTemplate},
};

/// How a caller wants a destination verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verification {
    /// Send a code there, with a link when a template is given.
    Send {
        /// The caller's link, e-mail only.
        link: Option<UrlTemplate>,
    },
    /// Answer the code.
    Return,
    /// Take the caller's word.
    Vouched,
}

/// A destination that a caller brings.
#[derive(Clone, Debug)]
pub struct NewDestination {
    /// Where.
    pub destination: Destination,
    /// How it becomes verified.
    pub verification: Verification,
    /// The language of the message.
    pub language: Language,
}

impl NewDestination {
    /// Reads a phone number as the policy says.
    pub fn phone(ctx: &Ctx, number: &str, verification: Verification, language: Language) -> Result<Self> {
        let number = PhoneNumber::parse(number, ctx.policy.phone_region.as_deref())
            .map_err(|e| Error::invalid("phone.number", e))?;
        Ok(Self {
            destination: Destination::Phone(number),
            verification,
            language,
        })
    }

    /// Reads an e-mail address.
    pub fn email(address: &str, verification: Verification, language: Language) -> Result<Self> {
        let address = EmailAddress::parse(address).map_err(|e| Error::invalid("email.address", e))?;
        Ok(Self {
            destination: Destination::Email(address),
            verification,
            language,
        })
    }
}

impl From<domain::user::PhoneNumberError> for Error {
    fn from(reason: domain::user::PhoneNumberError) -> Self {
        Self::Invalid {
            field: "phone.number",
            reason: Invalid::Phone(reason),
        }
    }
}

/// Nobody vouches for, or reads the code of, a destination of their own unless a role lets them.
pub(crate) fn may_vouch<'a>(grant: Grant, asked: impl IntoIterator<Item = &'a Verification>) -> Result<()> {
    let asks_for_trust = |v: &Verification| !matches!(v, Verification::Send { .. });
    if grant == Grant::Own && asked.into_iter().any(asks_for_trust) {
        return Err(Error::DeniedToSelf);
    }
    Ok(())
}

/// A code before it is decided whether it is needed.
#[derive(Debug)]
pub(crate) struct Draft {
    pub proof: Proof,
    pub code: Option<Secret>,
    subject: Subject,
}

/// Draws a code for a destination, or takes the caller's word.
pub(crate) fn draft(
    ctx: &Ctx,
    caller: &Caller,
    user: &UserId,
    purpose: Purpose,
    new: &NewDestination,
) -> Draft {
    let subject = ctx
        .keys
        .subject(&caller.instance, user, purpose, Some(&new.destination));
    let medium = match new.verification {
        Verification::Vouched => {
            return Draft {
                proof: Proof::Vouched,
                code: None,
                subject,
            };
        }
        Verification::Return => Medium::Returned,
        Verification::Send { .. } => Medium::Sent,
    };
    let (issued, code) = issue(ctx, &subject, policy_of(ctx, new.destination.channel()), medium);
    Draft {
        proof: Proof::Code(issued),
        code: Some(code),
        subject,
    }
}

/// Draws a code for a subject.
fn issue(ctx: &Ctx, subject: &Subject, policy: &CodePolicy, medium: Medium) -> (IssuedCode, Secret) {
    let code = one_time_code(&*ctx.entropy, policy);
    let (digest, _) = ctx.keys.code_digest(subject, code.reveal());
    let issued = IssuedCode {
        digest,
        length: policy.length,
        expires: ctx.now() + policy.lifetime,
        tries: policy.tries,
        medium,
    };
    (issued, code)
}

/// Draws a code that resets a password. It is bound to the user and not to a destination, so that asking for it
/// elsewhere gives no fresh guesses.
pub(super) fn draft_reset(
    ctx: &Ctx,
    caller: &Caller,
    user: &UserId,
    via: Option<Channel>,
) -> (Draft, IssuedCode) {
    let subject = ctx
        .keys
        .subject(&caller.instance, user, Purpose::PasswordReset, None);
    let mut policy = ctx.policy.reset_code.clone();
    if via == Some(Channel::Sms) {
        policy.lifetime = policy.lifetime.min(ctx.policy.phone_code.lifetime);
    }
    let medium = if via.is_some() {
        Medium::Sent
    } else {
        Medium::Returned
    };
    let (issued, code) = issue(ctx, &subject, &policy, medium);
    let draft = Draft {
        proof: Proof::Code(issued.clone()),
        code: Some(code),
        subject,
    };
    (draft, issued)
}

/// Draws the code of a registration link. It is bound to the user and not to a destination, so that a new link gives no
/// fresh guesses.
pub(super) fn draft_link(
    ctx: &Ctx,
    instance: &InstanceId,
    user: &UserId,
    medium: Medium,
) -> (Draft, IssuedCode) {
    let subject = ctx.keys.subject(instance, user, Purpose::RegistrationLink, None);
    let (issued, code) = issue(ctx, &subject, &ctx.policy.link_code, medium);
    let draft = Draft {
        proof: Proof::Code(issued.clone()),
        code: Some(code),
        subject,
    };
    (draft, issued)
}

fn policy_of(ctx: &Ctx, channel: Channel) -> &CodePolicy {
    match channel {
        Channel::Sms => &ctx.policy.phone_code,
        Channel::Email => &ctx.policy.email_code,
    }
}

/// What a message says beside its code.
#[derive(Debug)]
pub(crate) struct Occasion<'a> {
    /// The fact that caused it.
    pub cause: &'static str,
    /// What the message is about, on each channel.
    pub kind: fn(Channel) -> MessageKind,
    /// The factor that is being registered.
    pub factor: Option<&'a FactorId>,
    /// The id of the code, where it has one.
    pub code_id: Option<&'a CodeId>,
}

/// Hands the code over as the caller wanted: in the answer, or as a message that is committed with the change.
pub(crate) async fn hand_over(
    ctx: &Ctx,
    work: &mut Work<'_>,
    user: &Stream<User>,
    new: &NewDestination,
    draft: Draft,
    occasion: Occasion<'_>,
) -> Result<Option<Secret>> {
    let (Some(code), Proof::Code(issued)) = (draft.code, draft.proof) else {
        return Ok(None);
    };
    let Verification::Send { link } = &new.verification else {
        return Ok(Some(code));
    };
    let channel = new.destination.channel();
    if !ctx.can_send(channel) {
        return Err(Error::NoProvider(channel));
    }
    account(ctx, work, user, &new.destination).await?;
    let org = user
        .state
        .person()
        .map(|p| p.org.clone())
        .ok_or(Error::NotFound)?;
    let values = LinkValues {
        user_id: user.id.as_str(),
        org_id: org.as_str(),
        code: code.reveal(),
        factor_id: occasion.factor.map(FactorId::as_str),
        code_id: occasion.code_id.map(CodeId::as_str),
    };
    let message = Message {
        kind: (occasion.kind)(channel),
        cause: occasion.cause.to_owned(),
        destination: new.destination.clone(),
        link: link.as_ref().and_then(|l| l.render(&values)),
        code: code.reveal().to_owned(),
        expires: issued.expires,
        created: ctx.now(),
        language: new.language,
        host: ctx.policy.public_host.clone(),
        user: user.id.clone(),
        org,
    };
    put(ctx, work, &message, &draft.subject)?;
    Ok(None)
}

/// Counts the send against its destination and its user, or refuses it.
async fn account(
    ctx: &Ctx,
    work: &mut Work<'_>,
    user: &Stream<User>,
    destination: &Destination,
) -> Result<()> {
    let (now, limits) = (ctx.now(), &ctx.policy.sends);
    let to = ctx.keys.destination(work.instance(), &destination.canonical());
    let by = ctx.keys.sender(work.instance(), &user.id);
    work.count_send(&to.0, |sent| {
        let sent = sent.recent(now);
        let allowed = limits.destination(&sent, now).map_err(Error::SendLimit);
        allowed.map(|()| sent.with(now))
    })
    .await?;
    work.count_send(&by.0, |sent| {
        let sent = sent.recent(now);
        let allowed = limits.user(&sent, now).map_err(Error::SendLimit);
        allowed.map(|()| sent.with(now))
    })
    .await
}

fn put(ctx: &Ctx, work: &mut Work<'_>, message: &Message, subject: &Subject) -> Result<()> {
    let id = ctx.new_id();
    let plain = sealed::json(message, "outbox.sealed")?;
    let parcel = outbox::Parcel {
        sealed: ctx.keys.seal(&*ctx.entropy, &format!("outbox/{id}"), &plain),
        id,
        instance: work.instance().clone(),
        user: message.user.clone(),
        subject: subject.0.to_vec(),
        created: message.created,
        expires: message.expires,
        attempts: 0,
    };
    work.write(outbox::put(&parcel));
    Ok(())
}

/// What somebody entered, with the failures that still count against it.
pub(crate) async fn attempt(
    ctx: &Ctx,
    work: &mut Work<'_>,
    user: &Stream<User>,
    purpose: Purpose,
    destination: Option<&Destination>,
    entered: &str,
) -> Result<(Attempt, Subject)> {
    let instance = work.instance().clone();
    let subject = ctx.keys.subject(&instance, &user.id, purpose, destination);
    let (digest, length) = ctx.keys.code_digest(&subject, entered);
    let budget = work.guesses(user, &subject.0).await?;
    Ok((
        Attempt {
            digest,
            length,
            budget,
        },
        subject,
    ))
}

/// Counts a wrong guess beside the refusal that recorded it.
pub(crate) fn count_miss(
    ctx: &Ctx,
    work: &mut Work<'_>,
    user: &UserId,
    subject: &Subject,
    attempt: &Attempt,
    refusal: Refusal,
) -> Error {
    count_wrong(ctx, work, user, subject, attempt.budget, refusal)
}

/// As [`count_miss`], where only the budget of the try is at hand.
pub(crate) fn count_wrong(
    ctx: &Ctx,
    work: &mut Work<'_>,
    user: &UserId,
    subject: &Subject,
    budget: GuessBudget,
    refusal: Refusal,
) -> Error {
    if matches!(refusal, Refusal::Code(Miss::Wrong) | Refusal::PasswordWrong) {
        let instance = work.instance().clone();
        let spent = budget.after_failure(ctx.now());
        work.write(budget::keep_guesses(&instance, user, &subject.0, spent));
    }
    refusal.into()
}
