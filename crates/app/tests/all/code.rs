//! How long a code lives, what a wrong one costs, and that no trick sets a count back.

use app::{
    Caller, Ctx, Result, Target,
    policy::{CLEAR_LETTERS, CodePolicy, DIGITS},
    secret::{Secret, one_time_code},
    user::{Changed, contact, otp},
};
use domain::{
    base::{FactorId, Span},
    code::{GuessBudget, Miss},
    user::Channel,
};
use testkit::{SeededEntropy, TestCtx};

use crate::given::*;

/// Contact or factor: whatever has a code.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Contact,
    Factor,
}

struct Pending {
    kind: Kind,
    channel: Channel,
    factor: FactorId,
    code: Secret,
}

impl Pending {
    async fn new(
        ctx: &Ctx,
        by: &Caller,
        target: &Target,
        kind: Kind,
        (channel, text): (Channel, &str),
    ) -> Self {
        let (factor, code) = match kind {
            Kind::Contact => ("none".into(), set_returning(ctx, by, target, text).await),
            Kind::Factor => add_returning(ctx, by, target, text).await,
        };
        Self {
            kind,
            channel,
            factor,
            code,
        }
    }

    async fn enter(&self, ctx: &Ctx, by: &Caller, target: &Target, entered: &str) -> Result<Changed> {
        match self.kind {
            Kind::Contact => contact::verify(ctx, by, target, self.channel, entered).await,
            Kind::Factor => otp::verify(ctx, by, target, (self.channel, &self.factor), entered).await,
        }
    }

    async fn remove(&self, ctx: &Ctx, by: &Caller, target: &Target) {
        match self.kind {
            Kind::Contact => contact::remove(ctx, by, target, self.channel).await.unwrap(),
            Kind::Factor => otp::remove(ctx, by, target, self.channel, &self.factor)
                .await
                .unwrap(),
        };
    }
}

const KINDS: [Kind; 2] = [Kind::Contact, Kind::Factor];

#[tokio::test]
async fn a_code_lives_to_the_microsecond_whatever_happens_meanwhile() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    for kind in KINDS {
        for to in BOTH {
            let lifetime = match to.0 {
                Channel::Sms => Span::minutes(10),
                Channel::Email => Span::hours(1),
            };
            for (early, expected) in [(1, None), (0, Some(Miss::Expired)), (-1, Some(Miss::Expired))] {
                let target = somebody(&ctx, &owner).await;
                let pending = Pending::new(&ctx, &owner, &target, kind, to).await;
                ctx.advance(Span(lifetime.0 - early - 1000));
                let failed = pending.enter(&ctx, &owner, &target, &wrong(&pending.code)).await;
                assert_eq!(miss(failed), Miss::Wrong);
                ctx.advance(Span(1000));
                let answer = pending.enter(&ctx, &owner, &target, pending.code.reveal()).await;
                match expected {
                    None => assert!(answer.is_ok(), "{kind:?} {to:?}"),
                    Some(expected) => assert_eq!(miss(answer), expected, "{kind:?} {to:?}"),
                }
            }
        }
    }
}

#[tokio::test]
async fn an_entry_of_another_length_costs_nothing_and_spaces_and_case_do_not_matter() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    for kind in KINDS {
        for to in BOTH {
            let target = somebody(&ctx, &owner).await;
            let pending = Pending::new(&ctx, &owner, &target, kind, to).await;
            let before = read(&ctx, &owner, &target).await.0;
            for entry in [
                "",
                "1",
                "12345",
                "1234567",
                "\u{0}",
                &"9".repeat(10_000),
                " - ",
                "ééééééé",
            ] {
                let answer = pending.enter(&ctx, &owner, &target, entry).await;
                assert_eq!(miss(answer), Miss::Malformed, "{entry:?}");
            }
            assert_eq!(
                read(&ctx, &owner, &target).await.0,
                before,
                "nothing was recorded"
            );
            let code = pending.code.reveal().to_lowercase();
            let entry = format!(" {}-{} ", &code[..3], &code[3..]);
            pending.enter(&ctx, &owner, &target, &entry).await.unwrap();
        }
    }
}

#[tokio::test]
async fn five_wrong_codes_spend_a_code_and_a_sixth_does_not_tell() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    for kind in KINDS {
        for to in BOTH {
            let target = somebody(&ctx, &owner).await;
            let pending = Pending::new(&ctx, &owner, &target, kind, to).await;
            for _ in 0..5 {
                let answer = pending.enter(&ctx, &owner, &target, &wrong(&pending.code)).await;
                assert_eq!(miss(answer), Miss::Wrong);
            }
            let head = read(&ctx, &owner, &target).await.0;
            for entry in [wrong(&pending.code), pending.code.reveal().to_owned()] {
                assert_eq!(
                    miss(pending.enter(&ctx, &owner, &target, &entry).await),
                    Miss::Spent
                );
            }
            assert_eq!(read(&ctx, &owner, &target).await.0, head);
        }
    }
}

/// Ways to a fresh code with five fresh tries. None of them sets the daily count back.
#[derive(Clone, Copy, Debug)]
enum Trick {
    AskAgain,
    RemoveAndAddAgain,
    SpellItOtherwise,
    SucceedWithAnother,
}

fn spelled_otherwise(text: &str) -> String {
    if text.contains('@') {
        text.to_uppercase()
    } else {
        format!(" {} {} ", &text[..6], &text[6..])
    }
}

async fn fifty_failures(
    ctx: &TestCtx,
    by: &Caller,
    target: &Target,
    kind: Kind,
    to: (Channel, &str),
    trick: Trick,
) {
    for round in 0..10 {
        let otherwise = spelled_otherwise(to.1);
        let text = if matches!(trick, Trick::SpellItOtherwise) && round % 2 == 1 {
            &otherwise
        } else {
            to.1
        };
        let pending = Pending::new(ctx, by, target, kind, (to.0, text)).await;
        for _ in 0..5 {
            let answer = pending.enter(ctx, by, target, &wrong(&pending.code)).await;
            assert_eq!(miss(answer), Miss::Wrong, "{kind:?} {to:?} {trick:?} {round}");
        }
        match trick {
            Trick::RemoveAndAddAgain => pending.remove(ctx, by, target).await,
            Trick::SucceedWithAnother => {
                let other = if to.0 == Channel::Sms {
                    "+41791230009"
                } else {
                    "other@example.com"
                };
                let (factor, code) = add_returning(ctx, by, target, other).await;
                otp::verify(ctx, by, target, (to.0, &factor), code.reveal())
                    .await
                    .unwrap();
                otp::remove(ctx, by, target, to.0, &factor).await.unwrap();
            }
            Trick::AskAgain | Trick::SpellItOtherwise => {}
        }
    }
}

#[tokio::test]
async fn after_fifty_failures_a_day_the_destination_rests_whatever_was_tried() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let tricks = [
        Trick::AskAgain,
        Trick::RemoveAndAddAgain,
        Trick::SpellItOtherwise,
        Trick::SucceedWithAnother,
    ];
    for kind in KINDS {
        for to in BOTH {
            for trick in tricks {
                let target = somebody(&ctx, &owner).await;
                let start = ctx.now();
                fifty_failures(&ctx, &owner, &target, kind, to, trick).await;
                let pending = Pending::new(&ctx, &owner, &target, kind, to).await;
                let answer = pending.enter(&ctx, &owner, &target, pending.code.reveal()).await;
                let until = start + GuessBudget::WINDOW;
                assert_eq!(miss(answer), Miss::Resting(until), "{kind:?} {to:?} {trick:?}");

                let elsewhere = if to.0 == Channel::Sms {
                    "+41791230008"
                } else {
                    "b@example.com"
                };
                let other = Pending::new(&ctx, &owner, &target, Kind::Factor, (to.0, elsewhere)).await;
                other
                    .enter(&ctx, &owner, &target, other.code.reveal())
                    .await
                    .expect("others work");

                ctx.clock.set(until - Span(1));
                let late = Pending::new(&ctx, &owner, &target, kind, to).await;
                let answer = late.enter(&ctx, &owner, &target, late.code.reveal()).await;
                assert_eq!(miss(answer), Miss::Resting(until));
                ctx.clock.set(until);
                late.enter(&ctx, &owner, &target, late.code.reveal())
                    .await
                    .expect("the day is over");
            }
        }
    }
}

/// Pearson's statistic of a million characters drawn from an alphabet.
fn statistic(alphabet: &'static str, seed: u64) -> f64 {
    let policy = CodePolicy {
        alphabet,
        length: 100,
        lifetime: Span::minutes(1),
        tries: 5,
    };
    let entropy = SeededEntropy::new(seed);
    let mut counts = vec![0u32; alphabet.len()];
    for _ in 0..10_000 {
        for c in one_time_code(&entropy, &policy).reveal().chars() {
            counts[alphabet.find(c).expect("only characters of the alphabet")] += 1;
        }
    }
    assert!(counts.iter().all(|n| *n > 0), "every character occurs");
    let expected = 1e6 / f64::from(u32::try_from(alphabet.len()).unwrap());
    counts
        .iter()
        .map(|n| (f64::from(*n) - expected).powi(2) / expected)
        .sum()
}

#[test]
fn characters_are_drawn_uniformly() {
    // The 99.9 % quantiles of chi-squared with 9 and 30 degrees of freedom.
    let (digits, letters) = (statistic(DIGITS, 11), statistic(CLEAR_LETTERS, 12));
    assert!(digits < 27.88, "{digits}");
    assert!(letters < 59.70, "{letters}");
    assert_eq!((DIGITS.len(), CLEAR_LETTERS.len()), (10, 31));
}
