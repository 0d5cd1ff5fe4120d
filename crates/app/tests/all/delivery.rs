//! The outbox as senders see it.

use app::{Ctx, delivery, user::otp};
use domain::base::Span;
use testkit::TestCtx;

use crate::given::*;

async fn taken(ctx: &Ctx) -> app::Result<usize> {
    let until = ctx.now() + Span::minutes(1);
    let taken = delivery::take(ctx, 10, until, |_| Some(())).await?;
    Ok(taken.messages.len())
}

#[tokio::test]
async fn what_was_taken_before_the_store_failed_is_handed_out() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    for to in [NUMBER, ADDRESS].map(|text| to(&ctx, text, SEND)) {
        otp::add(&ctx, &owner, &target, &to).await.unwrap();
    }
    ctx.database
        .run_either(
            "CREATE TRIGGER one_only BEFORE UPDATE ON outbox WHEN (SELECT count(*) FROM outbox WHERE lease <> '') > 0
                 BEGIN SELECT RAISE(ABORT, 'one only'); END",
            "CREATE FUNCTION one_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF (SELECT count(*) FROM outbox WHERE lease <> '') > 0 THEN RAISE 'one only'; END IF;
                 RETURN NEW; END $$;
             CREATE TRIGGER one_only BEFORE UPDATE ON outbox FOR EACH ROW EXECUTE FUNCTION one_only()",
        )
        .await;
    assert_eq!(taken(&ctx).await.unwrap(), 1);
    assert!(
        taken(&ctx).await.is_err(),
        "there is nothing to hand out beside it"
    );
    ctx.database
        .run_either("DROP TRIGGER one_only", "DROP TRIGGER one_only ON outbox")
        .await;
    assert_eq!(taken(&ctx).await.unwrap(), 1, "the other was left where it is");
}
