//! What is tidied up now and then: registrations that nobody finished, links to providers that are gone, sign-ins that are over,
//! budgets that nobody needs any more.

use domain::base::Span;

use crate::{
    ctx::Ctx,
    error::Result,
    idp::intent,
    user::{idp_link, otp},
};

/// Budgets are looked at for a day; kept a little longer, so that no clock step makes one count again.
const BUDGETS_KEPT: Span = Span::hours(48);

/// Portions of one sweep in a round. What is still there then waits for the next round, so that no sweep keeps the others waiting without end.
const PORTIONS: u32 = 100;

/// What one portion of a sweep came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many were dealt with.
    pub count: usize,
    /// Whether there may be more of them.
    pub may_be_more: bool,
}

impl Swept {
    /// So many, of a portion that has room for `most`.
    pub(crate) fn of(count: usize, most: i64) -> Self {
        let may_be_more = i64::try_from(count).is_ok_and(|count| count >= most);
        Self { count, may_be_more }
    }
}

/// One round. Cheap when there is nothing to do; call it every few minutes. A sweep that fails holds up no other.
pub async fn tidy(ctx: &Ctx) {
    repeat("registrations", || otp::sweep_stale(ctx)).await;
    repeat("links to providers", || idp_link::sweep_removed(ctx)).await;
    repeat("sign-ins", || intent::sweep(ctx)).await;
    repeat("budgets", || sweep_budgets(ctx)).await;
}

async fn sweep_budgets(ctx: &Ctx) -> Result<Swept> {
    let may_be_more = ctx.store.sweep_budgets(ctx.now() - BUDGETS_KEPT).await?;
    Ok(Swept {
        count: 0,
        may_be_more,
    })
}

/// Sweeps portion by portion until nothing is left, and lets others in between.
async fn repeat<F: Future<Output = Result<Swept>> + Send>(what: &'static str, sweep: impl Fn() -> F + Send) {
    for _ in 0..PORTIONS {
        match sweep().await {
            Ok(swept) if swept.may_be_more => tokio::task::yield_now().await,
            Ok(_) => return,
            Err(error) => {
                tracing::warn!(%error, what, "tidying up failed and will be repeated");
                return;
            }
        }
    }
}
