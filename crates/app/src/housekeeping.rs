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

/// One round. Cheap when there is nothing to do; call it every few minutes.
pub async fn tidy(ctx: &Ctx) -> Result<()> {
    otp::sweep_stale(ctx).await?;
    idp_link::sweep_removed(ctx).await?;
    intent::sweep(ctx).await?;
    ctx.store.sweep_budgets(ctx.now() - BUDGETS_KEPT).await?;
    Ok(())
}
