//! Identity providers of the instance: add, change, remove, read, search. Their secrets are sealed on the way in and
//! never come out.

pub mod elsewhere;
pub mod intent;
mod secret;

use domain::{
    access::Permission,
    base::{IdpId, Timestamp},
    idp::{Command, Idp, Options, ProviderName, Refusal, SettingError, Settings},
};
use rustls_pki_types::{CertificateDer, pem::PemObject};
use store::{Stream, read::idp as rows};

pub use store::{
    Filter, Head, Page, TextMatch,
    read::idp::{Entry, Leaf},
};

use crate::{
    access::Caller,
    ctx::Ctx,
    error::{Error, Result},
    secret::Secret,
};

/// What a provider is to be.
#[derive(Clone, Debug)]
pub struct NewProvider {
    /// Its name.
    pub name: ProviderName,
    /// What sign-in may do with users.
    pub options: Options,
    /// What it speaks, and how.
    pub settings: Settings,
}

/// What a write answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdpChanged {
    /// The provider.
    pub id: IdpId,
    /// Where its history stands.
    pub head: Head,
}

/// A page of providers.
#[derive(Clone, Debug)]
pub struct IdpPage {
    /// The providers.
    pub entries: Vec<Entry>,
    /// How many match in all.
    pub total: i64,
    /// When it was looked.
    pub at: Timestamp,
}

/// Reads authorities: certificates in PEM (RFC 7468) and nothing that is secret. Nothing is none.
pub fn certificates(pem: &[u8]) -> Result<Option<String>, SettingError> {
    if pem.is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(pem).map_err(|_| SettingError::Certificate)?;
    let mut found = CertificateDer::pem_slice_iter(pem).peekable();
    let sound = found.peek().is_some() && found.all(|one| one.is_ok()) && !text.contains("PRIVATE KEY");
    if sound {
        Ok(Some(text.to_owned()))
    } else {
        Err(SettingError::Certificate)
    }
}

fn may(caller: &Caller, permission: Permission) -> Result<()> {
    if caller.holds_instance_wide(permission) {
        Ok(())
    } else {
        Err(Error::Denied(permission))
    }
}

/// Adds a provider. Needs `iam.idp.write` in the instance.
pub async fn add(ctx: &Ctx, caller: &Caller, new: &NewProvider, secret: &Secret) -> Result<IdpChanged> {
    may(caller, Permission::IamIdpWrite)?;
    let id = &IdpId::from_trusted(&ctx.new_id());
    let sealed = &secret::seal(ctx, &caller.instance, id, secret);
    ctx.store
        .change("idp.add", &caller.instance, &caller.user, ctx.now(), |work| {
            Box::pin(async move {
                let mut idp = work.load::<Idp>(id).await?;
                let add = Command::Add {
                    name: new.name.clone(),
                    options: new.options,
                    settings: new.settings.clone(),
                    secret: sealed.clone(),
                };
                work.decide(&mut idp, add)?;
                Ok(changed(&idp))
            })
        })
        .await
}

/// Replaces the settings of a provider, which goes on speaking what it speaks; without a secret it keeps the one it has.
/// Needs `iam.idp.write` in the instance.
pub async fn change(
    ctx: &Ctx,
    caller: &Caller,
    id: &IdpId,
    new: &NewProvider,
    secret: Option<&Secret>,
) -> Result<IdpChanged> {
    may(caller, Permission::IamIdpWrite)?;
    ctx.store
        .change("idp.change", &caller.instance, &caller.user, ctx.now(), |work| {
            Box::pin(async move {
                let mut idp = work.load::<Idp>(id).await?;
                let provider = idp.state.provider().ok_or(Refusal::NotFound)?;
                let secret = match secret {
                    Some(secret) => secret::renew(ctx, &caller.instance, id, provider, secret)?,
                    None => None,
                };
                let change = Command::Change {
                    name: new.name.clone(),
                    options: new.options,
                    settings: new.settings.clone(),
                    secret,
                };
                work.decide(&mut idp, change)?;
                Ok(changed(&idp))
            })
        })
        .await
}

/// Removes a provider and erases its secret. Needs `iam.idp.write` in the instance.
pub async fn remove(ctx: &Ctx, caller: &Caller, id: &IdpId) -> Result<IdpChanged> {
    may(caller, Permission::IamIdpWrite)?;
    ctx.store
        .change("idp.remove", &caller.instance, &caller.user, ctx.now(), |work| {
            Box::pin(async move {
                let mut idp = work.load::<Idp>(id).await?;
                work.decide(&mut idp, Command::Remove)?;
                Ok(changed(&idp))
            })
        })
        .await
}

fn changed(idp: &Stream<Idp>) -> IdpChanged {
    IdpChanged {
        id: idp.id.clone(),
        head: idp.head,
    }
}

/// Reads a provider. Needs `iam.idp.read` in the instance.
pub async fn get(ctx: &Ctx, caller: &Caller, id: &IdpId) -> Result<Entry> {
    may(caller, Permission::IamIdpRead)?;
    let mut snapshot = ctx.store.glance()?;
    match <Idp as store::Stored>::load(&mut snapshot, &caller.instance, id).await? {
        (head, Idp::Present(provider)) => Ok(Entry {
            id: id.clone(),
            head,
            provider: *provider,
        }),
        (_, Idp::Absent) => Err(Refusal::NotFound.into()),
    }
}

/// Searches providers. Needs `iam.idp.read` in the instance.
pub async fn search(ctx: &Ctx, caller: &Caller, filter: &Filter<Leaf>, page: Page) -> Result<IdpPage> {
    may(caller, Permission::IamIdpRead)?;
    let mut snapshot = ctx.store.snapshot().await?;
    let (entries, total) = rows::search(&mut snapshot, &caller.instance, filter, page).await?;
    Ok(IdpPage {
        entries,
        total,
        at: ctx.now(),
    })
}
