//! What is tidied up now and then.

use app::{housekeeping, user::otp};
use domain::base::Span;
use testkit::TestCtx;

use crate::given::*;

async fn number(ctx: &TestCtx, sql: &'static str) -> i64 {
    let mut snapshot = ctx.store.snapshot().await.unwrap();
    snapshot.first(sql, &[], |row| row.int(0)).await.unwrap().unwrap()
}

/// More budgets than one portion of a sweep has.
async fn fill(ctx: &TestCtx) {
    let many = "INSERT INTO send_budget (instance, subject, version, times, last_at)
        WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2500)
        SELECT 'instance', CAST(CAST(n AS TEXT) AS BLOB), 1, '[]', 0 FROM n";
    let same = "INSERT INTO send_budget (instance, subject, version, times, last_at)
        SELECT 'instance', int4send(n), 1, '[]', 0 FROM generate_series(1, 2500) n";
    ctx.database.run_either(many, same).await;
}

const BUDGETS: &str = "SELECT count(*) FROM send_budget WHERE last_at = 0";

#[tokio::test]
async fn a_round_goes_on_until_nothing_is_left() {
    let ctx = TestCtx::new().await;
    fill(&ctx).await;
    housekeeping::tidy(&ctx).await;
    assert_eq!(number(&ctx, BUDGETS).await, 0);
}

#[tokio::test]
async fn a_sweep_that_fails_holds_up_no_other() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    otp::add(&ctx, &owner, &target, &to(&ctx, NUMBER, SEND))
        .await
        .unwrap();
    fill(&ctx).await;
    ctx.advance(Span::hours(1000));
    ctx.database
        .run_either(
            "CREATE TRIGGER kept BEFORE UPDATE ON stream BEGIN SELECT RAISE(ABORT, 'kept'); END",
            "CREATE FUNCTION kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'kept'; END $$;
             CREATE TRIGGER kept BEFORE UPDATE ON stream FOR EACH STATEMENT EXECUTE FUNCTION kept()",
        )
        .await;
    assert!(otp::sweep_stale(&ctx).await.is_err());
    housekeeping::tidy(&ctx).await;
    assert_eq!(number(&ctx, BUDGETS).await, 0);
}
