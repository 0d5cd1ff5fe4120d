//! Signing in at an identity provider: begun for somebody, come back from once, told of once.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{
    base::{IdpId, InstanceId, IntentId, UserId},
    idp::{self, Idp, Provider, Settings},
    idp_intent::{Command, Failure, IdpIntent, KEPT, Refusal, ReturnUrls, Stage},
    user::SealedSecret,
};
use serde::{Serialize, de::DeserializeOwned};
use store::{Stored, Stream, budget, read};
use url::Url;
use zeroize::Zeroize;

use super::{
    Head,
    elsewhere::{Ask, CameBack, Credentials, Flow, Identity, Unbound},
    secret as provider_secret,
};
use crate::{
    access::Caller,
    ctx::Ctx,
    error::{Error, Invalid, Result},
    housekeeping::Swept,
    sealed,
    secret::{Secret, Subject},
    url_template::leads_home,
};

/// Where people come back to, on every server.
pub const CALLBACK: &str = "/idps/callback";

/// Where what an intent knows is kept.
const COLUMN: &str = "idp_intent";

/// Intents that are forgotten in one round of tidying.
const SWEEP: i64 = 500;

/// Who writes into the history when people come back, for nobody has signed in yet.
const COMING: &str = "idp-callback";

/// What a write answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntentChanged {
    /// The intent.
    pub id: IntentId,
    /// Where its history stands.
    pub head: Head,
}

/// An intent that was begun.
#[derive(Clone, Debug)]
pub struct IntentStarted {
    /// Where its history stands.
    pub changed: IntentChanged,
    /// The page that the person is to be sent to.
    pub page: Secret,
}

/// An intent that succeeded at once.
#[derive(Clone, Debug)]
pub struct IntentSucceeded {
    /// Where its history stands.
    pub changed: IntentChanged,
    /// The token that its outcome is told for.
    pub token: Secret,
    /// The user who has the account.
    pub user: Option<UserId>,
}

/// The outcome of an intent.
#[derive(Clone, Debug)]
pub struct Told {
    /// Where its history stands.
    pub changed: IntentChanged,
    /// Where the person signed in.
    pub idp: IdpId,
    /// What was said of them.
    pub identity: Identity,
    /// The user who has this account.
    pub user: Option<UserId>,
}

/// What a person brings back from the provider, as the address says it.
#[derive(Clone, Default)]
pub struct Brought {
    /// `state`
    pub state: String,
    /// `code`
    pub code: Option<String>,
    /// `error`
    pub error: Option<String>,
    /// `iss`
    pub issuer: Option<String>,
}

impl std::fmt::Debug for Brought {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Brought(..)")
    }
}

/// Reads where a person is to be sent afterwards: absolute http(s) URLs on the public host or a trusted one.
pub fn return_urls(ctx: &Ctx, success: &str, failure: &str) -> Result<ReturnUrls> {
    for (field, url) in [("urls.success_url", success), ("urls.failure_url", failure)] {
        if !leads_home(url, &ctx.policy) {
            return Err(Error::invalid(field, Invalid::ReturnUrl));
        }
    }
    Ok(ReturnUrls {
        success: success.to_owned(),
        failure: failure.to_owned(),
    })
}

/// Begins a sign-in at a provider with a page of its own. Anybody who is signed in may, for a person who is not yet.
pub async fn start(ctx: &Ctx, caller: &Caller, idp: &IdpId, urls: &ReturnUrls) -> Result<IntentStarted> {
    let instance = &caller.instance;
    let provider = provider_of(ctx, instance, idp)
        .await?
        .ok_or(idp::Refusal::NotFound)?;
    if matches!(provider.settings, Settings::Ldap(_)) {
        return Err(Error::invalid("content", Invalid::IntentContent));
    }
    let id = &IntentId::from_trusted(&ctx.new_id());
    let (secret, flow) = (random(ctx), new_flow(ctx));
    let state = Secret::new(format!("{id}.{}", secret.reveal()));
    let redirect_uri = &redirect_uri(ctx);
    let ask = Ask {
        state: &state,
        flow: &flow,
        redirect_uri,
    };
    let page = ctx.elsewhere.sign_in_page(&provider.settings, &ask).await;
    let page = Secret::new(page.map_err(Error::IdpFailed)?);
    let start = &Command::Start {
        idp: idp.clone(),
        urls: urls.clone(),
        state: ctx.keys.intent_digest("state", instance, id, &secret),
        flow: seal(ctx, "flow", instance, id, &flow)?,
    };
    let changed = ctx
        .store
        .change("idp_intent.start", instance, &caller.user, ctx.now(), |work| {
            Box::pin(async move {
                // A provider that is removed meanwhile makes this work run again, and then there is none.
                if work.load::<Idp>(idp).await?.state.provider().is_none() {
                    return Err(Error::from(idp::Refusal::NotFound));
                }
                let mut intent = work.load::<IdpIntent>(id).await?;
                work.decide(&mut intent, start.clone())?;
                Ok(changed(&intent))
            })
        })
        .await?;
    Ok(IntentStarted { changed, page })
}

/// Signs a person in at a directory, at once. Anybody who is signed in may, for a person who is not yet. A guess is spent for
/// the name before the directory is asked, whoever asks, and given back unless it may have been wrong.
pub async fn sign_in(
    ctx: &Ctx,
    caller: &Caller,
    idp: &IdpId,
    credentials: &Credentials<'_>,
) -> Result<IntentSucceeded> {
    let instance = &caller.instance;
    let provider = provider_of(ctx, instance, idp)
        .await?
        .ok_or(idp::Refusal::NotFound)?;
    let Settings::Ldap(settings) = &provider.settings else {
        return Err(Error::invalid("content", Invalid::IntentContent));
    };
    if credentials.password.reveal().is_empty() {
        return Err(Error::IdpFailed(Failure::Denied));
    }
    let secret = provider_secret::open(ctx, instance, idp, &provider)?;
    let subject = ctx
        .keys
        .directory_subject(instance, idp, credentials.name().canonical());
    spend(ctx, caller, &subject).await?;
    match ctx.elsewhere.bind(settings, &secret, credentials).await {
        Ok(identity) => at_once(ctx, caller, idp, &identity, &subject).await,
        Err(Unbound { failure, guessed }) => {
            if !guessed {
                let back = budget::give_back(instance, &nobody(), &subject.0);
                ctx.store
                    .write("idp_intent.give_back", instance, Vec::new(), vec![back])
                    .await?;
            }
            Err(Error::IdpFailed(failure))
        }
    }
}

/// Guesses at a directory belong to no user.
fn nobody() -> UserId {
    UserId::from_trusted("")
}

/// Spends one of the guesses at a name, before anything is compared.
async fn spend(ctx: &Ctx, caller: &Caller, subject: &Subject) -> Result<()> {
    let (instance, now) = (&caller.instance, ctx.now());
    ctx.store
        .change("idp_intent.spend", instance, &caller.user, now, |work| {
            Box::pin(async move {
                let seen = budget::guesses(work.snapshot(), instance, &nobody(), &subject.0).await?;
                if let Some(until) = seen.rests_until(now) {
                    return Err(Error::IdpResting(until));
                }
                work.guard(budget::spend_guess(instance, &nobody(), &subject.0, seen, now));
                Ok(())
            })
        })
        .await
}

/// The intent of somebody who never left: begun, returned from and succeeded in one commit. Its state is known to nobody.
async fn at_once(
    ctx: &Ctx,
    caller: &Caller,
    idp: &IdpId,
    identity: &Identity,
    subject: &Subject,
) -> Result<IntentSucceeded> {
    let instance = &caller.instance;
    let id = &IntentId::from_trusted(&ctx.new_id());
    let token = &random(ctx);
    let state = ctx.keys.intent_digest("state", instance, id, &random(ctx));
    let steps = &[
        Command::Start {
            idp: idp.clone(),
            urls: ReturnUrls::default(),
            state,
            flow: seal(ctx, "flow", instance, id, &new_flow(ctx))?,
        },
        Command::Return { state },
        Command::Succeed {
            token: ctx.keys.intent_digest("token", instance, id, token),
            outcome: seal(ctx, "outcome", instance, id, identity)?,
        },
    ];
    ctx.store
        .change("idp_intent.at_once", instance, &caller.user, ctx.now(), |work| {
            Box::pin(async move {
                if work.load::<Idp>(idp).await?.state.provider().is_none() {
                    return Err(Error::from(idp::Refusal::NotFound));
                }
                let mut intent = work.load::<IdpIntent>(id).await?;
                for step in steps {
                    work.decide(&mut intent, step.clone())?;
                }
                work.write(budget::give_back(instance, &nobody(), &subject.0));
                let user = read::idp_link::holder(work.snapshot(), instance, idp, identity.user.id()).await?;
                Ok(IntentSucceeded {
                    changed: changed(&intent),
                    token: token.clone(),
                    user,
                })
            })
        })
        .await
}

/// A person comes back from the provider. Answers where they are sent; nothing for a state that is unknown, used or too
/// old, for then nobody can say where they came from.
pub async fn come_back(ctx: &Ctx, instance: &InstanceId, brought: &Brought) -> Result<Option<Secret>> {
    let Some((id, secret)) = brought.state.split_once('.') else {
        return Ok(None);
    };
    let Ok(id) = IntentId::parse(id) else {
        return Ok(None);
    };
    let state = ctx
        .keys
        .intent_digest("state", instance, &id, &Secret::new(secret.to_owned()));
    // The state is used up before the provider is asked, so that of many who bring it one goes on.
    let intent = match apply(ctx, instance, &id, &Command::Return { state }).await {
        Ok(intent) => intent,
        Err(Error::IntentRefused(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let Some(intent) = intent.state.intent().cloned() else {
        return Ok(None);
    };
    let outcome = identify(ctx, instance, &id, &intent, brought).await?;
    let to = match outcome {
        Ok(identity) => succeed(ctx, instance, &id, &intent, identity).await?,
        Err(failure) => {
            apply(ctx, instance, &id, &Command::Fail(failure)).await?;
            failure_url(&intent.urls.failure, &id, failure)
        }
    };
    Ok(to.map(Secret::new))
}

type Known = domain::idp_intent::Intent;

/// Who it is, or why nobody knows; only faults of ours are errors.
async fn identify(
    ctx: &Ctx,
    instance: &InstanceId,
    id: &IntentId,
    intent: &Known,
    brought: &Brought,
) -> Result<Result<Identity, Failure>> {
    if let Some(error) = &brought.error {
        let said_no = matches!(
            error.as_str(),
            "access_denied" | "login_required" | "interaction_required" | "consent_required"
        );
        return Ok(Err(if said_no {
            Failure::Denied
        } else {
            Failure::Refused
        }));
    }
    let Some(code) = &brought.code else {
        return Ok(Err(Failure::Refused));
    };
    let Some(provider) = provider_of(ctx, instance, &intent.idp).await? else {
        return Ok(Err(Failure::Gone));
    };
    let secret = provider_secret::open(ctx, instance, &intent.idp, &provider)?;
    let flow: Flow = open(ctx, "flow", instance, id, &intent.flow)?;
    let came = CameBack {
        code: &Secret::new(code.clone()),
        issuer: brought.issuer.as_deref(),
        flow: &flow,
        redirect_uri: &redirect_uri(ctx),
    };
    Ok(ctx.elsewhere.identify(&provider.settings, &secret, &came).await)
}

/// The success URL with the intent, its token, and the user who has the account, when there is one.
async fn succeed(
    ctx: &Ctx,
    instance: &InstanceId,
    id: &IntentId,
    intent: &Known,
    identity: Identity,
) -> Result<Option<String>> {
    let token = random(ctx);
    let succeed = Command::Succeed {
        token: ctx.keys.intent_digest("token", instance, id, &token),
        outcome: seal(ctx, "outcome", instance, id, &identity)?,
    };
    apply(ctx, instance, id, &succeed).await?;
    let mut snapshot = ctx.store.glance()?;
    let user = read::idp_link::holder(&mut snapshot, instance, &intent.idp, identity.user.id()).await?;
    let mut answer = vec![("id", id.as_str()), ("token", token.reveal())];
    answer.extend(user.as_ref().map(|user| ("user", user.as_str())));
    Ok(with_query(&intent.urls.success, &answer))
}

/// The failure URL with the intent and the reason in words of OAuth 2; nothing that the provider wrote is passed on.
fn failure_url(url: &str, id: &IntentId, failure: Failure) -> Option<String> {
    let (error, description) = match failure {
        Failure::Denied => ("access_denied", "The sign-in was refused or given up."),
        Failure::Unreachable => (
            "temporarily_unavailable",
            "The identity provider could not be reached.",
        ),
        Failure::Refused => ("server_error", "The identity provider refused this server."),
        Failure::Untrusted => ("server_error", "What the identity provider said does not hold."),
        Failure::Nameless => ("server_error", "The identity provider did not say who it is."),
        Failure::Gone => ("server_error", "The identity provider was removed."),
    };
    with_query(
        url,
        &[
            ("id", id.as_str()),
            ("error", error),
            ("error_description", description),
        ],
    )
}

fn with_query(url: &str, pairs: &[(&str, &str)]) -> Option<String> {
    let mut url = Url::parse(url).ok()?;
    url.query_pairs_mut().extend_pairs(pairs);
    Some(url.into())
}

/// Tells the outcome of an intent, once, to whoever is signed in and shows its token.
pub async fn tell(ctx: &Ctx, caller: &Caller, id: &IntentId, token: &Secret) -> Result<Told> {
    let instance = &caller.instance;
    let shown = ctx.keys.intent_digest("token", instance, id, token);
    ctx.store
        .change("idp_intent.tell", instance, &caller.user, ctx.now(), |work| {
            Box::pin(async move {
                let mut stream = work.load::<IdpIntent>(id).await?;
                let before = stream.state.intent().cloned();
                work.decide(&mut stream, Command::Tell { token: shown })?;
                let (idp, identity) = outcome(ctx, instance, id, before)?;
                if work.load::<Idp>(&idp).await?.state.provider().is_none() {
                    return Err(idp::Refusal::NotFound.into());
                }
                let user =
                    read::idp_link::holder(work.snapshot(), instance, &idp, identity.user.id()).await?;
                Ok(Told {
                    changed: changed(&stream),
                    idp,
                    identity,
                    user,
                })
            })
        })
        .await
}

fn outcome(
    ctx: &Ctx,
    instance: &InstanceId,
    id: &IntentId,
    intent: Option<Known>,
) -> Result<(IdpId, Identity)> {
    match intent {
        Some(Known {
            idp,
            stage: Stage::Succeeded { outcome, .. },
            ..
        }) => Ok((idp, open(ctx, "outcome", instance, id, &outcome)?)),
        _ => Err(Refusal::NotSucceeded.into()),
    }
}

/// Has the rules of an intent judge one command of a person who comes back.
async fn apply(
    ctx: &Ctx,
    instance: &InstanceId,
    id: &IntentId,
    command: &Command,
) -> Result<Stream<IdpIntent>> {
    let editor = &UserId::from_trusted(COMING);
    ctx.store
        .change("idp_intent.come_back", instance, editor, ctx.now(), |work| {
            Box::pin(async move {
                let mut intent = work.load::<IdpIntent>(id).await?;
                work.decide(&mut intent, command.clone())?;
                Ok(intent)
            })
        })
        .await
}

/// Forgets intents that are over, and with them what was said of people; answers how many. Run now and then.
pub async fn sweep(ctx: &Ctx) -> Result<Swept> {
    let over = {
        let mut snapshot = ctx.store.glance()?;
        read::idp_intent::begun_before(&mut snapshot, ctx.now() - KEPT, SWEEP).await?
    };
    for (instance, id) in &over {
        match apply(ctx, instance, id, &Command::Forget).await {
            Ok(_) | Err(Error::IntentRefused(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Swept::of(over.len(), SWEEP))
}

async fn provider_of(ctx: &Ctx, instance: &InstanceId, idp: &IdpId) -> Result<Option<Provider>> {
    let mut snapshot = ctx.store.glance()?;
    let (_, state) = Idp::load(&mut snapshot, instance, idp).await?;
    Ok(match state {
        Idp::Present(provider) => Some(*provider),
        Idp::Absent => None,
    })
}

fn changed(intent: &Stream<IdpIntent>) -> IntentChanged {
    IntentChanged {
        id: intent.id.clone(),
        head: intent.head,
    }
}

fn redirect_uri(ctx: &Ctx) -> String {
    format!("{}{CALLBACK}", ctx.policy.public_origin)
}

/// 32 random bytes as base64url.
fn random(ctx: &Ctx) -> Secret {
    let mut bytes = [0; 32];
    ctx.entropy.fill(&mut bytes);
    let text = Secret::new(URL_SAFE_NO_PAD.encode(bytes));
    bytes.zeroize();
    text
}

fn new_flow(ctx: &Ctx) -> Flow {
    Flow {
        nonce: random(ctx).reveal().to_owned(),
        verifier: random(ctx).reveal().to_owned(),
    }
}

/// The place that a sealed value is bound to; the length keeps ids with separators apart.
fn place(kind: &str, instance: &InstanceId, id: &IntentId) -> String {
    format!("idp-intent/{kind}/{}:{instance}/{id}", instance.as_str().len())
}

fn seal<T: Serialize>(
    ctx: &Ctx,
    kind: &str,
    instance: &InstanceId,
    id: &IntentId,
    value: &T,
) -> Result<SealedSecret> {
    let plain = sealed::json(value, COLUMN)?;
    Ok(sealed::seal(ctx, &place(kind, instance, id), &plain))
}

fn open<T: DeserializeOwned>(
    ctx: &Ctx,
    kind: &'static str,
    instance: &InstanceId,
    id: &IntentId,
    sealed: &SealedSecret,
) -> Result<T> {
    let plain = sealed::open(ctx, &place(kind, instance, id), sealed, COLUMN)?;
    serde_json::from_slice(&plain).map_err(|_| sealed::corrupt(COLUMN, "it is of another form"))
}
