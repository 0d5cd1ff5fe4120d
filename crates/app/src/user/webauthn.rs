//! Passkeys and security keys as factors: start a registration, complete it, remove the key, and the link that lets a user
//! register one elsewhere.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    access::Permission,
    base::{CodeId, FactorId, InstanceId, Span, UserId},
    code::Medium,
    user::{
        Challenge, Channel, Command, FactorName, LinkAttempt, NamedCredential, NewWebauthn, Refusal, User,
        WebauthnFactor,
    },
    user_schema::Authenticator,
};
use serde_json::{Map, Value};
use store::{Stream, Work};

use super::{
    Changed, changed, code,
    code::{NewDestination, Occasion, Verification},
    command_as, username,
};
use crate::{
    access::{self, Caller, Need, Target},
    ctx::Ctx,
    error::{Error, Invalid, Result, StoreError},
    language::Language,
    message::MessageKind,
    schema,
    secret::{Purpose, Secret, Subject},
    url_template::UrlTemplate,
    webauthn::{self, Attachment, CHALLENGE_LENGTH, KeyHolder, RelyingParty},
};

const NEED: Need = Need::or_self(Permission::UserCredentialWrite);

/// The page of this server that registration links open.
pub const PAGE: &str = "/ui/webauthn";

/// How long a challenge waits for its answer.
const PENDING: Span = Span::minutes(5);

/// A registration that a caller asks for.
#[derive(Clone, Debug)]
pub struct NewRegistration {
    /// The domain that the key is for.
    pub domain: String,
    /// Which authenticators may answer; none is any.
    pub attachment: Option<Attachment>,
    /// The link that it is done by.
    pub link: Option<EnteredLink>,
}

/// What somebody has of a link.
#[derive(Clone, Debug)]
pub struct EnteredLink {
    /// Which link.
    pub id: CodeId,
    /// The code as it was entered.
    pub code: Secret,
}

/// A registration that was started.
#[derive(Clone, Debug)]
pub struct WebauthnStarted {
    /// Where the user's history stands.
    pub changed: Changed,
    /// The factor.
    pub factor: FactorId,
    /// The options for `navigator.credentials.create`.
    pub options: Map<String, Value>,
}

/// How a link reaches its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkMedium {
    /// By e-mail to the verified contact, with the caller's link, or one to a page of ours.
    Send(Option<UrlTemplate>),
    /// In the answer.
    Return,
}

/// A link that was made.
#[derive(Clone, Debug)]
pub struct LinkCreated {
    /// Where the user's history stands.
    pub changed: Changed,
    /// The link's id.
    pub id: CodeId,
    /// The code, when it was to be returned.
    pub code: Option<Secret>,
}

/// A registration with all that is drawn and looked up before the user's rules are asked.
struct Draft {
    id: FactorId,
    party: RelyingParty,
    challenge: Challenge,
    attachment: Option<Attachment>,
}

impl Draft {
    fn new(ctx: &Ctx, domain: &str, attachment: Option<Attachment>) -> Result<Self> {
        let mut bytes = [0; CHALLENGE_LENGTH];
        ctx.entropy.fill(&mut bytes);
        Ok(Self {
            id: FactorId::from_trusted(&ctx.new_id()),
            party: relying_party(ctx, domain)?,
            challenge: Challenge::new(&URL_SAFE_NO_PAD.encode(bytes)),
            attachment,
        })
    }
}

/// Starts the registration of a further key: oneself, or with `user.credential.write`. A link that is given is used up, and
/// nothing is started without it.
pub async fn start(
    ctx: &Ctx,
    caller: &Caller,
    target: &Target,
    new: &NewRegistration,
) -> Result<WebauthnStarted> {
    let draft = &Draft::new(ctx, &new.domain, new.attachment)?;
    ctx.store
        .change(
            "user.webauthn.start",
            &caller.instance,
            &caller.user,
            ctx.now(),
            |work| {
                Box::pin(async move {
                    let (user, _) = access::user_for(work, caller, target, NEED).await?;
                    start_in(ctx, work, user, draft, new.link.as_ref()).await
                })
            },
        )
        .await
}

/// Starts the registration that a link allows, on the public host: whoever holds the link may. Without one that works nothing is
/// said about the user; a refusal does not tell why.
pub async fn start_by_link(
    ctx: &Ctx,
    instance: &InstanceId,
    user: &UserId,
    link: &EnteredLink,
) -> Result<WebauthnStarted> {
    let draft = &Draft::new(ctx, &ctx.policy.public_host, None)?;
    ctx.store
        .change("user.webauthn.start", instance, user, ctx.now(), |work| {
            Box::pin(async move {
                let user = work.load::<User>(user).await?;
                start_in(ctx, work, user, draft, Some(link)).await
            })
        })
        .await
}

/// What a schema allows is asked after the link: whoever has none hears nothing of it.
async fn start_in(
    ctx: &Ctx,
    work: &mut Work<'_>,
    mut user: Stream<User>,
    draft: &Draft,
    link: Option<&EnteredLink>,
) -> Result<WebauthnStarted> {
    let (link, subject) = entered(ctx, work, &user, link).await?;
    let budget = link.as_ref().map(|l| l.attempt.budget).unwrap_or_default();
    let start = Command::StartWebauthn(NewWebauthn {
        id: draft.id.clone(),
        domain: draft.party.id().into(),
        challenge: draft.challenge.clone(),
        expires: ctx.now() + PENDING,
        link,
    });
    let whom = user.id.clone();
    work.decide(&mut user, start)
        .map_err(|r| code::count_wrong(ctx, work, &whom, &subject, budget, r))?;
    schema::may_have(work, user.state.person(), Authenticator::Webauthn).await?;
    Ok(WebauthnStarted {
        changed: changed(&user)?,
        factor: draft.id.clone(),
        options: options(ctx, work, &user, draft).await?,
    })
}

fn relying_party(ctx: &Ctx, domain: &str) -> Result<RelyingParty> {
    let party = RelyingParty::of(&ctx.policy.web_origins, domain);
    party.ok_or(Error::invalid("domain", Invalid::Domain))
}

/// What was entered of a link, with the failures that still count against it, whichever link they were about.
async fn entered(
    ctx: &Ctx,
    work: &mut Work<'_>,
    user: &Stream<User>,
    link: Option<&EnteredLink>,
) -> Result<(Option<LinkAttempt>, Subject)> {
    let text = link.map_or("", |link| link.code.reveal());
    let (attempt, subject) = code::attempt(ctx, work, user, Purpose::RegistrationLink, None, text).await?;
    let link = link.map(|link| LinkAttempt {
        id: link.id.clone(),
        attempt,
    });
    Ok((link, subject))
}

async fn options(
    ctx: &Ctx,
    work: &mut Work<'_>,
    user: &Stream<User>,
    draft: &Draft,
) -> Result<Map<String, Value>> {
    let name = username::label(work, user).await?;
    let party = &draft.party;
    let holder = KeyHolder {
        handle: &handle(ctx, work.instance(), &user.id),
        name: &name,
        site: &ctx.policy.public_host,
    };
    let keys = user.state.person().map_or(&[][..], |p| &p.webauthns);
    let here = keys.iter().filter(|f| *f.domain == *party.id());
    let known = here.filter_map(WebauthnFactor::credential).map(|n| &n.credential);
    let timeout = Duration::from_micros(PENDING.0.unsigned_abs());
    Ok(webauthn::creation_options(
        party,
        &holder,
        &draft.challenge,
        draft.attachment,
        known,
        timeout,
    ))
}

/// The bytes by which authenticators know a user (user handle, WebAuthn §5.4.3).
fn handle(ctx: &Ctx, instance: &InstanceId, user: &UserId) -> [u8; 32] {
    ctx.keys.handle(instance, user).0
}

/// Completes a registration with what the browser answered: oneself, or with `user.credential.write`.
pub async fn verify(
    ctx: &Ctx,
    caller: &Caller,
    target: &Target,
    factor: &FactorId,
    (answer, name): (&Map<String, Value>, &FactorName),
) -> Result<Changed> {
    let done = ctx
        .store
        .change(
            "user.webauthn.verify",
            &caller.instance,
            &caller.user,
            ctx.now(),
            |work| {
                Box::pin(async move {
                    let (mut user, _) = access::user_for(work, caller, target, NEED).await?;
                    verify_in(ctx, work, &mut user, factor, (answer, name)).await
                })
            },
        )
        .await;
    done.map_err(taken)
}

/// Completes a registration that a link started: whoever answers its challenge is who was given it. What a caller started without
/// one takes a caller who may.
pub async fn finish_by_link(
    ctx: &Ctx,
    instance: &InstanceId,
    user: &UserId,
    factor: &FactorId,
    (answer, name): (&Map<String, Value>, &FactorName),
) -> Result<Changed> {
    let done = ctx
        .store
        .change("user.webauthn.verify", instance, user, ctx.now(), |work| {
            Box::pin(async move {
                let mut user = work.load::<User>(user).await?;
                let person = user.state.person().ok_or(Error::NotFound)?;
                person.webauthn_by_link(factor)?;
                verify_in(ctx, work, &mut user, factor, (answer, name)).await
            })
        })
        .await;
    done.map_err(taken)
}

async fn verify_in(
    ctx: &Ctx,
    work: &mut Work<'_>,
    user: &mut Stream<User>,
    factor: &FactorId,
    (answer, name): (&Map<String, Value>, &FactorName),
) -> Result<Changed> {
    let person = user.state.person().ok_or(Error::NotFound)?;
    schema::may_have(work, Some(person), Authenticator::Webauthn).await?;
    let (domain, challenge) = person.webauthn_waiting(factor, ctx.now())?;
    let credential = webauthn::registered(&relying_party(ctx, domain)?, challenge, answer)?;
    let verify = Command::VerifyWebauthn {
        id: factor.clone(),
        credential: NamedCredential {
            name: name.clone(),
            credential,
        },
    };
    work.decide(user, verify)?;
    changed(user)
}

/// A credential that somebody has; nobody hears who.
fn taken(error: Error) -> Error {
    match error {
        Error::Store(StoreError::Taken(_)) => Refusal::WebauthnTaken.into(),
        other => other,
    }
}

/// Makes a link by which the user can register a key elsewhere, once; it replaces the one before it. With
/// `user.credential.write`, or oneself; the code is answered only to a role.
pub async fn create_link(
    ctx: &Ctx,
    caller: &Caller,
    target: &Target,
    medium: &LinkMedium,
    language: Language,
) -> Result<LinkCreated> {
    let id = &CodeId::from_trusted(&ctx.new_id());
    ctx.store
        .change(
            "user.webauthn.link",
            &caller.instance,
            &caller.user,
            ctx.now(),
            |work| {
                Box::pin(async move {
                    let need = match medium {
                        LinkMedium::Send(_) => NEED.over_anybody(),
                        LinkMedium::Return => NEED,
                    };
                    let (mut user, grant) = access::user_for(work, caller, target, need).await?;
                    let verification = match medium {
                        LinkMedium::Send(link) => Verification::Send {
                            link: link.clone().or_else(|| own_page(ctx)),
                        },
                        LinkMedium::Return => Verification::Return,
                    };
                    code::may_vouch(grant, [&verification])?;
                    schema::may_have(work, user.state.person(), Authenticator::Webauthn).await?;
                    let code = issue_in(ctx, work, &mut user, id, verification, language).await?;
                    Ok(LinkCreated {
                        changed: changed(&user)?,
                        id: id.clone(),
                        code,
                    })
                })
            },
        )
        .await
}

/// The link to our own page, unless no passkey can be registered there. What it carries stands behind `#`, where no log sees it.
fn own_page(ctx: &Ctx) -> Option<UrlTemplate> {
    let origin = &ctx.policy.public_origin;
    relying_party(ctx, &ctx.policy.public_host).ok()?;
    let values = "user={{.UserID}}&id={{.CodeID}}&code={{.Code}}";
    UrlTemplate::parse_registration(&format!("{origin}{PAGE}#{values}"), &ctx.policy).ok()
}

async fn issue_in(
    ctx: &Ctx,
    work: &mut Work<'_>,
    user: &mut Stream<User>,
    id: &CodeId,
    verification: Verification,
    language: Language,
) -> Result<Option<Secret>> {
    let medium = match verification {
        Verification::Send { .. } => Medium::Sent,
        Verification::Return | Verification::Vouched => Medium::Returned,
    };
    let (draft, issued) = code::draft_link(ctx, work.instance(), &user.id, medium);
    let issue = Command::IssueWebauthnLink {
        id: id.clone(),
        code: issued,
    };
    work.decide(user, issue)?;
    if medium == Medium::Returned {
        return Ok(draft.code);
    }
    let person = user.state.person().ok_or(Error::NotFound)?;
    let email = person.contact(Channel::Email).filter(|c| c.verified);
    let to = NewDestination {
        destination: email
            .map(|c| c.destination.clone())
            .ok_or(Refusal::ContactUnverified(Channel::Email))?,
        verification,
        language,
    };
    let occasion = Occasion {
        cause: "webauthn_link_issued",
        kind: |_| MessageKind::PasskeyLink,
        factor: None,
        code_id: Some(id),
    };
    code::hand_over(ctx, work, user, &to, draft, occasion).await
}

/// Removes a key, pending or not: oneself, or with `user.credential.write`.
pub async fn remove(ctx: &Ctx, caller: &Caller, target: &Target, factor: &FactorId) -> Result<Changed> {
    let remove = || Command::RemoveWebauthn(factor.clone());
    command_as(ctx, "user.webauthn.remove", caller, target, NEED, remove).await
}
