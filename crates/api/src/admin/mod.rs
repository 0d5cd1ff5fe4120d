//! `zitadel.admin.v1.AdminService`: the identity providers of the instance.

mod shapes;

use std::sync::Arc;

use app::{
    Ctx, Error,
    error::Invalid,
    idp::{self, Filter, IdpChanged, Leaf, NewProvider, Page},
    secret::Secret,
};
use domain::base::{IdpId, InstanceId};
use proto::{
    rpc::Status,
    zitadel::{
        admin::v1::{self as wire, AdminService},
        v1::{ListDetails, ListQuery, ObjectDetails},
    },
};

use crate::{
    call::Call,
    error::Op,
    page::{MAX_FILTERS, page},
    user::{answer, text_match, timestamp},
};

/// Serves admin v1.
#[derive(Clone, Debug)]
pub struct Admin {
    ctx: Arc<Ctx>,
}

impl Admin {
    /// A service over these use cases.
    pub fn new(ctx: Arc<Ctx>) -> Self {
        Self { ctx }
    }

    async fn add(
        &self,
        call: &Call,
        new: app::Result<NewProvider>,
        secret: String,
    ) -> Result<(Option<ObjectDetails>, String), Status> {
        let caller = call.caller()?;
        let secret = Secret::new(secret);
        let added = answer(call, Op::AddIdp, async {
            idp::add(&self.ctx, caller, &new?, &secret).await
        })
        .await?;
        Ok((changed(&call.instance, &added), added.id.to_string()))
    }

    /// An empty secret is none: it stays what it is.
    async fn change(
        &self,
        call: &Call,
        id: &str,
        new: app::Result<NewProvider>,
        secret: String,
    ) -> Result<Option<ObjectDetails>, Status> {
        let caller = call.caller()?;
        let secret = Some(secret).filter(|secret| !secret.is_empty()).map(Secret::new);
        let changed_to = answer(call, Op::ChangeIdp, async {
            idp::change(&self.ctx, caller, &idp_id(id)?, &new?, secret.as_ref()).await
        })
        .await?;
        Ok(changed(&call.instance, &changed_to))
    }
}

fn idp_id(text: &str) -> app::Result<IdpId> {
    IdpId::parse(text).map_err(|_| Error::invalid("id", Invalid::Id))
}

fn changed(instance: &InstanceId, changed: &IdpChanged) -> Option<ObjectDetails> {
    details(instance, changed.head)
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "every message field of the wire is optional"
)]
fn details(instance: &InstanceId, head: idp::Head) -> Option<ObjectDetails> {
    Some(ObjectDetails {
        sequence: head.seq.unsigned_abs(),
        creation_date: timestamp(head.created),
        change_date: timestamp(head.changed),
        resource_owner: instance.to_string(),
    })
}

fn page_of(query: Option<ListQuery>) -> app::Result<Page> {
    let query = query.unwrap_or_default();
    page("query.limit", query.offset, query.limit, !query.asc)
}

fn filter(queries: Vec<wire::ProviderQuery>) -> app::Result<Filter<Leaf>> {
    use wire::provider_query::Query;
    if queries.len() > MAX_FILTERS {
        return Err(Error::invalid("queries", Invalid::TooManyFilters));
    }
    let one = |query: wire::ProviderQuery| {
        Ok(Filter::Leaf(match query.query {
            Some(Query::IdpIdQuery(by)) => Leaf::Id(by.id),
            Some(Query::IdpNameQuery(by)) => Leaf::Name(text_match(by.method)?, by.name),
            None => return Err(Error::invalid("queries", Invalid::Filter)),
        }))
    };
    Ok(Filter::All(
        queries.into_iter().map(one).collect::<app::Result<_>>()?,
    ))
}

impl AdminService<Call> for Admin {
    async fn list_providers(
        &self,
        call: Call,
        req: wire::ListProvidersRequest,
    ) -> Result<wire::ListProvidersResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::ListIdps, async {
            let (page, filter) = (page_of(req.query)?, filter(req.queries)?);
            let found = idp::search(&self.ctx, caller, &filter, page).await?;
            Ok(wire::ListProvidersResponse {
                details: Some(ListDetails {
                    total_result: found.total.unsigned_abs(),
                    processed_sequence: 0,
                    view_timestamp: timestamp(found.at),
                }),
                result: found
                    .entries
                    .into_iter()
                    .map(|entry| shapes::provider(&call.instance, entry))
                    .collect(),
            })
        })
        .await
    }

    async fn get_provider_by_id(
        &self,
        call: Call,
        req: wire::GetProviderByIdRequest,
    ) -> Result<wire::GetProviderByIdResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::GetIdp, async {
            let entry = idp::get(&self.ctx, caller, &idp_id(&req.id)?).await?;
            Ok(wire::GetProviderByIdResponse {
                idp: Some(shapes::provider(&call.instance, entry)),
            })
        })
        .await
    }

    async fn add_generic_o_auth_provider(
        &self,
        call: Call,
        req: wire::AddGenericOAuthProviderRequest,
    ) -> Result<wire::AddGenericOAuthProviderResponse, Status> {
        let secret = req.client_secret.clone();
        let (details, id) = self.add(&call, shapes::new_oauth(&req), secret).await?;
        Ok(wire::AddGenericOAuthProviderResponse { details, id })
    }

    async fn update_generic_o_auth_provider(
        &self,
        call: Call,
        req: wire::UpdateGenericOAuthProviderRequest,
    ) -> Result<wire::UpdateGenericOAuthProviderResponse, Status> {
        let secret = req.client_secret.clone();
        let details = self
            .change(&call, &req.id, shapes::changed_oauth(&req), secret)
            .await?;
        Ok(wire::UpdateGenericOAuthProviderResponse { details })
    }

    async fn add_generic_oidc_provider(
        &self,
        call: Call,
        req: wire::AddGenericOidcProviderRequest,
    ) -> Result<wire::AddGenericOidcProviderResponse, Status> {
        let secret = req.client_secret.clone();
        let (details, id) = self.add(&call, shapes::new_oidc(&req), secret).await?;
        Ok(wire::AddGenericOidcProviderResponse { details, id })
    }

    async fn update_generic_oidc_provider(
        &self,
        call: Call,
        req: wire::UpdateGenericOidcProviderRequest,
    ) -> Result<wire::UpdateGenericOidcProviderResponse, Status> {
        let secret = req.client_secret.clone();
        let details = self
            .change(&call, &req.id, shapes::changed_oidc(&req), secret)
            .await?;
        Ok(wire::UpdateGenericOidcProviderResponse { details })
    }

    async fn add_ldap_provider(
        &self,
        call: Call,
        req: wire::AddLdapProviderRequest,
    ) -> Result<wire::AddLdapProviderResponse, Status> {
        let secret = req.bind_password.clone();
        let (details, id) = self.add(&call, shapes::new_ldap(&req), secret).await?;
        Ok(wire::AddLdapProviderResponse { details, id })
    }

    async fn update_ldap_provider(
        &self,
        call: Call,
        req: wire::UpdateLdapProviderRequest,
    ) -> Result<wire::UpdateLdapProviderResponse, Status> {
        let secret = req.bind_password.clone();
        let details = self
            .change(&call, &req.id, shapes::changed_ldap(&req), secret)
            .await?;
        Ok(wire::UpdateLdapProviderResponse { details })
    }

    async fn delete_provider(
        &self,
        call: Call,
        req: wire::DeleteProviderRequest,
    ) -> Result<wire::DeleteProviderResponse, Status> {
        let caller = call.caller()?;
        answer(&call, Op::RemoveIdp, async {
            let removed = idp::remove(&self.ctx, caller, &idp_id(&req.id)?).await?;
            Ok(wire::DeleteProviderResponse {
                details: changed(&call.instance, &removed),
            })
        })
        .await
    }
}
