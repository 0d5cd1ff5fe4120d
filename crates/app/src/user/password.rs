//! The password: set it, prove it, reset it. Hashing and comparing happen before the unit of work, on threads of their own;
//! what they found is a fact that the rules judge.

use domain::{
    access::Permission,
    base::{InstanceId, UserId},
    code::GuessBudget,
    user::{
        Channel, Command, NewPassword, PasswordAttempt, PasswordProof, Person, Refusal, SealedSecret, User,
    },
    user_schema::Authenticator,
};
use store::{Stream, Work, budget};

use super::{
    Changed, NewUser, changed, code,
    code::{NewDestination, Occasion, Verification},
};
use crate::{
    access::{self, Caller, Grant, Need, Target},
    ctx::Ctx,
    error::{Error, PasswordDenied, Result},
    language::Language,
    message::MessageKind,
    password::{self, Encoded, Fields, NewSecret},
    schema, sealed,
    secret::{Purpose, Secret, Subject},
    url_template::UrlTemplate,
};

/// Where hashes are kept.
const COLUMN: &str = "user_password.hash";

const NEED: Need = Need::or_self(Permission::UserCredentialWrite);

const NEW: Fields = Fields {
    plain: "new_password.password",
    encoded: "new_password.hash",
};
const FIRST: Fields = Fields {
    plain: "authenticators.password.password",
    encoded: "authenticators.password.hash",
};

/// How often a comparison is made anew when the password was replaced meanwhile.
const ROUNDS: usize = 3;

/// A password as a new user brings it.
#[derive(Clone, Debug)]
pub struct InitialPassword {
    /// The password.
    pub new: NewSecret,
    /// Whether another one has to be chosen at the next sign-in.
    pub change_required: bool,
}

/// A password that is to be set, and why it may be.
#[derive(Clone, Debug)]
pub struct PasswordChange {
    /// The password.
    pub new: NewSecret,
    /// Whether another one has to be chosen at the next sign-in.
    pub change_required: bool,
    /// What the caller shows; nothing is for those who have the permission through a role.
    pub proof: Option<Shown>,
}

impl PasswordChange {
    /// Whoever shows the code of a reset was given it by the user, or could have set the password without.
    const fn need(&self) -> Need {
        match self.proof {
            Some(Shown::Code(_)) => NEED.over_anybody(),
            Some(Shown::Current(_)) | None => NEED,
        }
    }
}

/// What a caller shows to set a password.
#[derive(Clone, Debug)]
pub enum Shown {
    /// The current password.
    Current(Secret),
    /// The code of a reset.
    Code(Secret),
}

/// How the code of a reset reaches the user.
#[derive(Clone, Debug)]
pub enum ResetBy {
    /// By e-mail to the verified address, with a link when a template is given.
    Email(Option<UrlTemplate>),
    /// By SMS to the verified number.
    Sms,
    /// In the answer.
    Return,
}

impl ResetBy {
    const fn channel(&self) -> Option<Channel> {
        match self {
            Self::Email(_) => Some(Channel::Email),
            Self::Sms => Some(Channel::Sms),
            Self::Return => None,
        }
    }
}

/// A reset that was started.
#[derive(Clone, Debug)]
pub struct ResetRequested {
    /// Where the user's history stands.
    pub changed: Changed,
    /// The code, when it was to be returned.
    pub code: Option<Secret>,
}

/// Sets or replaces the password: with `user.credential.write` through a role, or one's own with the current password or
/// a code. Fails when the new one breaks the rules for passwords, the proof is wrong, or too many are at it.
pub async fn set(ctx: &Ctx, caller: &Caller, target: &Target, change: &PasswordChange) -> Result<Changed> {
    let person = allowed(ctx, caller, target, change).await?;
    let encoded = password::encode(ctx, NEW, &change.new, words_of(&person)).await?;
    let new = NewPassword {
        hash: seal(ctx, &caller.instance, &target.user, &encoded),
        change_required: change.change_required,
    };
    let mut person = person;
    for _ in 1..ROUNDS {
        match set_if_unmoved(ctx, caller, target, change, &new, &person).await {
            Err(Error::Refused(Refusal::PasswordMoved)) => {
                person = allowed(ctx, caller, target, change).await?;
            }
            done => return done,
        }
    }
    set_if_unmoved(ctx, caller, target, change, &new, &person).await
}

/// The user as it stands, if the caller may set its password like this.
async fn allowed(ctx: &Ctx, caller: &Caller, target: &Target, change: &PasswordChange) -> Result<Person> {
    let mut snapshot = ctx.store.glance()?;
    let (_, person, grant) = access::read_user(&mut snapshot, caller, target, change.need()).await?;
    may(caller, target, grant, change)?;
    Ok(person)
}

/// Nobody replaces their own password by a token alone, tries the passwords of others, or escapes the rules by a hash.
fn may(
    caller: &Caller,
    target: &Target,
    grant: Grant,
    change: &PasswordChange,
) -> Result<(), PasswordDenied> {
    match (&change.proof, grant) {
        (None, Grant::Own) => Err(PasswordDenied::NoProof),
        (Some(Shown::Current(_)), _) if caller.user != target.user => Err(PasswordDenied::ProofOfAnother),
        (_, Grant::Own) if matches!(change.new, NewSecret::Encoded(_)) => Err(PasswordDenied::OwnHash),
        _ => Ok(()),
    }
}

/// Words that this user is guessed with before any other.
fn words_of(person: &Person) -> Vec<String> {
    let names = person.usernames.iter().map(|own| own.name.as_str());
    let contacts = [&person.email, &person.phone];
    let contacts = contacts.into_iter().flatten().map(|c| c.destination.as_str());
    names.chain(contacts).flat_map(words).collect()
}

/// A name or address, and what stands before its `@`.
fn words(text: &str) -> Vec<String> {
    let local = text.split_once('@').map(|(local, _)| local.to_owned());
    local.into_iter().chain([text.to_owned()]).collect()
}

/// Compares what is shown with the password that was seen, and sets the new one if that still stands.
async fn set_if_unmoved(
    ctx: &Ctx,
    caller: &Caller,
    target: &Target,
    change: &PasswordChange,
    new: &NewPassword,
    seen: &Person,
) -> Result<Changed> {
    let compared = match &change.proof {
        Some(Shown::Current(entered)) => {
            Some(compare(ctx, &caller.instance, &target.user, seen, entered).await?)
        }
        _ => None,
    };
    let compared = compared.as_ref();
    let name = "user.password.set";
    ctx.store
        .change(name, &caller.instance, &caller.user, ctx.now(), |work| {
            Box::pin(async move {
                let (mut user, grant) = access::user_for(work, caller, target, change.need()).await?;
                may(caller, target, grant, change)?;
                schema::may_have(work, user.state.person(), Authenticator::Password).await?;
                let (proof, counted) = proof(ctx, work, &user, change, compared).await?;
                let set = Command::SetPassword {
                    new: new.clone(),
                    proof,
                };
                work.decide(&mut user, set).map_err(|refusal| match &counted {
                    Some((subject, budget)) => {
                        code::count_wrong(ctx, work, &target.user, subject, *budget, refusal)
                    }
                    None => refusal.into(),
                })?;
                changed(&user)
            })
        })
        .await
}

type Counted = Option<(Subject, GuessBudget)>;

/// The proof as the rules judge it, and what a wrong one is counted against.
async fn proof(
    ctx: &Ctx,
    work: &mut Work<'_>,
    user: &Stream<User>,
    change: &PasswordChange,
    compared: Option<&Compared>,
) -> Result<(PasswordProof, Counted)> {
    match (&change.proof, compared) {
        (Some(Shown::Code(entered)), _) => {
            let (attempt, subject) =
                code::attempt(ctx, work, user, Purpose::PasswordReset, None, entered.reveal()).await?;
            let counted = Some((subject, attempt.budget));
            Ok((PasswordProof::Code(attempt), counted))
        }
        (Some(Shown::Current(_)), Some(compared)) => {
            let (attempt, counted) = attempt(ctx, work, user, compared).await?;
            Ok((PasswordProof::Current(attempt), Some(counted)))
        }
        _ => Ok((PasswordProof::Role, None)),
    }
}

/// What a comparison found.
struct Compared {
    against: Option<SealedSecret>,
    matched: bool,
}

/// Compares an entry with the password that was seen. Once the guesses of the day are spent nothing is compared, for
/// nothing would come of it.
async fn compare(
    ctx: &Ctx,
    instance: &InstanceId,
    user: &UserId,
    seen: &Person,
    entered: &Secret,
) -> Result<Compared> {
    let mut snapshot = ctx.store.glance()?;
    let subject = ctx.keys.subject(instance, user, Purpose::PasswordCheck, None);
    let budget = budget::guesses(&mut snapshot, instance, user, &subject.0).await?;
    drop(snapshot);
    let against = seen.password.as_ref().map(|password| password.hash.clone());
    let matched = match &against {
        Some(hash) if budget.rests_until(ctx.now()).is_none() => {
            let encoded = open(ctx, instance, user, hash)?;
            let parsed = Encoded::parse(encoded.reveal())
                .map_err(|_| sealed::corrupt(COLUMN, "its encoding is not known"))?;
            password::matches(ctx, parsed, entered).await?
        }
        _ => false,
    };
    Ok(Compared { against, matched })
}

/// Failures are counted for the user, whatever the password was when they happened.
async fn attempt(
    ctx: &Ctx,
    work: &mut Work<'_>,
    user: &Stream<User>,
    compared: &Compared,
) -> Result<(PasswordAttempt, (Subject, GuessBudget))> {
    let instance = work.instance().clone();
    let subject = ctx
        .keys
        .subject(&instance, &user.id, Purpose::PasswordCheck, None);
    let budget = work.guesses(user, &subject.0).await?;
    let attempt = PasswordAttempt {
        against: compared.against.clone(),
        matched: compared.matched,
        budget,
    };
    Ok((attempt, (subject, budget)))
}

/// Checks what somebody entered as their password. A hash that was made elsewhere, or with older measures, makes way for a
/// new one of the same password. Fails when it is wrong, which is counted, or when too many are at it.
pub async fn check(ctx: &Ctx, caller: &Caller, entered: &Secret) -> Result<()> {
    let target = &Target::of(caller.user.clone());
    for _ in 1..ROUNDS {
        match check_if_unmoved(ctx, caller, target, entered).await {
            Err(Error::Refused(Refusal::PasswordMoved)) => {}
            done => return done,
        }
    }
    check_if_unmoved(ctx, caller, target, entered).await
}

async fn check_if_unmoved(ctx: &Ctx, caller: &Caller, target: &Target, entered: &Secret) -> Result<()> {
    let mut snapshot = ctx.store.glance()?;
    let (_, person, _) = access::read_user(&mut snapshot, caller, target, NEED).await?;
    drop(snapshot);
    let compared = &compare(ctx, &caller.instance, &target.user, &person, entered).await?;
    let rehashed = &rehashed(ctx, &caller.instance, &target.user, compared, entered).await?;
    let name = "user.password.check";
    ctx.store
        .change(name, &caller.instance, &caller.user, ctx.now(), |work| {
            Box::pin(async move {
                let (mut user, _) = access::user_for(work, caller, target, NEED).await?;
                let (attempt, (subject, budget)) = attempt(ctx, work, &user, compared).await?;
                let check = Command::CheckPassword {
                    attempt,
                    rehashed: rehashed.clone(),
                };
                work.decide(&mut user, check)
                    .map_err(|r| code::count_wrong(ctx, work, &target.user, &subject, budget, r))
            })
        })
        .await
}

/// A new hash of what was entered, where it matched one of an old kind.
async fn rehashed(
    ctx: &Ctx,
    instance: &InstanceId,
    user: &UserId,
    compared: &Compared,
    entered: &Secret,
) -> Result<Option<SealedSecret>> {
    let Some(hash) = compared.against.as_ref().filter(|_| compared.matched) else {
        return Ok(None);
    };
    if !password::is_of_old_kind(&open(ctx, instance, user, hash)?) {
        return Ok(None);
    }
    let encoded = password::rehash(ctx, entered).await?;
    Ok(Some(seal(ctx, instance, user, &encoded)))
}

/// The password that a new user brings, ready to be set.
pub(super) async fn prepare_first(
    ctx: &Ctx,
    caller: &Caller,
    id: &UserId,
    user: &NewUser,
    first: &InitialPassword,
) -> Result<NewPassword> {
    let names = user.usernames.iter().map(|new| new.name.as_str());
    let contacts = [&user.email, &user.phone];
    let contacts = contacts.into_iter().flatten().map(|c| c.destination.as_str());
    let own = names.chain(contacts).flat_map(words).collect();
    let encoded = password::encode(ctx, FIRST, &first.new, own).await?;
    Ok(NewPassword {
        hash: seal(ctx, &caller.instance, id, &encoded),
        change_required: first.change_required,
    })
}

/// Starts a reset: a code that sets a new password without the old one. Oneself, or with `user.credential.write`; nobody
/// reads their own code in the answer. Fails when there is no verified contact to send to, or too much was sent.
pub async fn request_reset(
    ctx: &Ctx,
    caller: &Caller,
    target: &Target,
    by: &ResetBy,
    language: Language,
) -> Result<ResetRequested> {
    let name = "user.password.reset";
    ctx.store
        .change(name, &caller.instance, &caller.user, ctx.now(), |work| {
            Box::pin(async move {
                let need = match by {
                    ResetBy::Return => NEED,
                    ResetBy::Email(_) | ResetBy::Sms => NEED.over_anybody(),
                };
                let (mut user, grant) = access::user_for(work, caller, target, need).await?;
                if grant == Grant::Own && by.channel().is_none() {
                    return Err(Error::DeniedToSelf);
                }
                schema::may_have(work, user.state.person(), Authenticator::Password).await?;
                let (draft, issued) = code::draft_reset(ctx, caller, &user.id, by.channel());
                let reset = Command::ResetPassword {
                    code: issued,
                    via: by.channel(),
                };
                work.decide(&mut user, reset)?;
                let code = hand_over(ctx, work, &user, (by, language), draft).await?;
                Ok(ResetRequested {
                    changed: changed(&user)?,
                    code,
                })
            })
        })
        .await
}

const RESET: Occasion<'static> = Occasion {
    cause: "password_reset_issued",
    kind: MessageKind::reset_password,
    factor: None,
    code_id: None,
};

async fn hand_over(
    ctx: &Ctx,
    work: &mut Work<'_>,
    user: &Stream<User>,
    (by, language): (&ResetBy, Language),
    draft: code::Draft,
) -> Result<Option<Secret>> {
    let link = match by {
        ResetBy::Return => return Ok(draft.code),
        ResetBy::Sms => None,
        ResetBy::Email(link) => link.clone(),
    };
    let contact = by
        .channel()
        .and_then(|channel| user.state.person()?.contact(channel));
    let to = NewDestination {
        destination: contact.ok_or(Error::NotFound)?.destination.clone(),
        verification: Verification::Send { link },
        language,
    };
    code::hand_over(ctx, work, user, &to, draft, RESET).await
}

/// A hash opens only in the row of its user.
fn place(instance: &InstanceId, user: &UserId) -> String {
    format!("password/{}:{instance}/{user}", instance.as_str().len())
}

fn seal(ctx: &Ctx, instance: &InstanceId, user: &UserId, encoded: &Secret) -> SealedSecret {
    sealed::seal(ctx, &place(instance, user), encoded.reveal().as_bytes())
}

fn open(ctx: &Ctx, instance: &InstanceId, user: &UserId, sealed: &SealedSecret) -> Result<Secret> {
    sealed::open_text(ctx, &place(instance, user), sealed, COLUMN)
}
