//! The switch before services that a feature turns off: asked once for every call, between the rules of the contract and the
//! use case.

use std::sync::Arc;

use app::{
    Ctx,
    feature::{self, Feature},
};
use proto::rpc::{CallFuture, Dispatch, Input, MethodInfo, Service, Status};

use crate::{
    call::Call,
    error::{self, Op},
};

/// What the services behind the switch are about, which their error tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum About {
    Users,
    UserSchemas,
}

/// Puts the switch of [`Feature::UserSchema`] before a service.
pub(crate) fn by_user_schema(ctx: &Arc<Ctx>, about: About, service: Service<Call>) -> Service<Call> {
    service.behind(|inner| {
        Arc::new(Switched {
            ctx: Arc::clone(ctx),
            about,
            inner,
        })
    })
}

struct Switched {
    ctx: Arc<Ctx>,
    about: About,
    inner: Arc<dyn Dispatch<Call>>,
}

impl Dispatch<Call> for Switched {
    /// What is wrong with the input is told first; the call behind the switch begins only when the feature is on.
    fn call(&self, info: &'static MethodInfo, cx: Call, input: Input<'_>) -> Result<CallFuture, Status> {
        let (ctx, about, asking) = (Arc::clone(&self.ctx), self.about, cx.clone());
        let work = self.inner.call(info, cx, input)?;
        Ok(Box::pin(async move {
            let fresh = match asking.fresh {
                Some(fresh) => fresh,
                None => ctx.fresh().await,
            };
            match feature::is_on(&ctx, fresh, &asking.instance, Feature::UserSchema).await {
                Ok(true) => work.await,
                Ok(false) => Err(error::switched_off(about).status(asking.language)),
                Err(error) => Err(asking.refuse(Op::Admit, error)),
            }
        }))
    }
}
