//! What is served: the API in four wire forms, the reference, the pages; and what works beside the requests.

use std::{sync::Arc, time::Duration};

use app::{Ctx, housekeeping, instance::Instances};
use axum::Router;
use inbox::InboxAccess;
use notify::Senders;
use tokio_util::sync::CancellationToken;

use super::{Ground, Workers, known_host};
use crate::{
    config::{Access, Settings},
    shell::Readiness,
};

/// How often is tidied up.
const TIDY_EVERY: Duration = Duration::from_mins(5);

/// The routes of the product; its workers are started.
pub(super) fn product(
    settings: &Settings,
    ground: &Ground,
    senders: Senders,
    readiness: &Readiness,
    (workers, stop): (&Workers, &CancellationToken),
) -> anyhow::Result<Router> {
    let ctx = &ground.ctx;
    let instances = Instances::one(ground.foundation.instance.clone());
    let page = inbox_page(settings, ctx, &instances);
    let people = login::routes(Arc::clone(ctx), instances.clone());
    let callback = federation::routes(Arc::clone(ctx), instances.clone());
    let (api, health) = api::routes(ctx, instances)?;
    let stopping = stop.clone();
    workers.tasks.spawn(async move {
        stopping.cancelled().await;
        health.shut_down();
    });
    let store = ctx.store.clone();
    readiness.probe("store", move || {
        let obstacle = store.obstacle();
        obstacle.map_or(Ok(()), |obstacle| Err(obstacle.to_string()))
    });
    workers
        .tasks
        .spawn(notify::run(Arc::clone(ctx), senders, workers.stop.clone()));
    spawn(workers, tidy(Arc::clone(ctx)));
    Ok(api.merge(page).merge(people).merge(callback))
}

/// The inbox page: for administrators, or open to whoever reaches this server by a name of its own.
fn inbox_page(settings: &Settings, ctx: &Arc<Ctx>, instances: &Instances) -> Router {
    let page = |access| inbox::routes(Arc::clone(ctx), instances.clone(), access, settings.is_https());
    match settings.inbox.access {
        Access::Admin => page(InboxAccess::Admin),
        Access::Open => {
            let policy = &ctx.policy;
            let hosts = policy
                .trusted_hosts
                .iter()
                .chain([&policy.public_host])
                .cloned()
                .collect();
            known_host::only(hosts, page(InboxAccess::Open))
        }
    }
}

/// Runs a worker until the server stops.
fn spawn(workers: &Workers, work: impl Future<Output = ()> + Send + 'static) {
    workers
        .tasks
        .spawn(workers.stop.clone().run_until_cancelled_owned(work));
}

async fn tidy(ctx: Arc<Ctx>) {
    let mut every = tokio::time::interval(TIDY_EVERY);
    loop {
        every.tick().await;
        housekeeping::tidy(&ctx).await;
    }
}
