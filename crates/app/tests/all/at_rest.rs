//! What lies on the disk: no code, no number that was sent to, and nothing that opens anywhere else.

use std::sync::Arc;

use app::{
    delivery,
    inbox::{self, InboxMessage, InboxQuery},
    secret::{Keys, MasterKey},
    user::{contact, otp},
};
use domain::base::Span;
use store::Statement;
use testkit::{SeededEntropy, TestCtx, read_sent};

use crate::given::*;

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[tokio::test]
async fn no_code_can_be_read_in_the_files() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    let mut codes = Vec::new();
    codes.push(
        set_returning(&ctx, &owner, &target, ADDRESS)
            .await
            .reveal()
            .to_owned(),
    );
    codes.push(
        add_returning(&ctx, &owner, &target, "b@example.com")
            .await
            .1
            .reveal()
            .to_owned(),
    );
    otp::add(&ctx, &owner, &target, &to(&ctx, "c@example.com", SEND))
        .await
        .unwrap();
    contact::set(&ctx, &owner, &target, &to(&ctx, "d@example.com", SEND))
        .await
        .unwrap();
    let waiting = ctx.database.raw_bytes();
    let sent = read_sent(&ctx).await;
    assert_eq!(sent.len(), 2);
    for message in &sent {
        codes.push(message.code.clone());
        let captured = InboxMessage {
            id: 0,
            recipient: message.destination.as_str().to_owned(),
            channel: "email".into(),
            kind: message.kind.name().into(),
            subject: "Your code".into(),
            text: format!("Your code is {}", message.code),
            code: message.code.clone(),
            created: ctx.now(),
        };
        inbox::capture(
            &ctx,
            &owner.instance,
            (&message.user, &message.destination),
            (&ctx.new_id(), None),
            &captured,
        )
        .await
        .unwrap();
    }
    let listed = inbox::list(
        &ctx,
        &owner,
        &InboxQuery {
            most: 10,
            ..InboxQuery::default()
        },
    )
    .await
    .unwrap();
    assert_eq!(listed.len(), 2, "whoever may read them can");
    let captured = ctx.database.raw_bytes();
    for code in &codes {
        assert_eq!(code.len(), 6);
        assert!(
            !holds(&waiting, code) && !holds(&captured, code),
            "a code can be read"
        );
    }
    assert!(
        holds(&captured, "contact_code_issued"),
        "the log itself can be read"
    );
    assert!(!holds(&captured, "Your code"));
}

#[tokio::test]
async fn no_token_can_be_read_in_the_files() {
    let ctx = TestCtx::new().await;
    let token = ctx.foundation.automation_token.clone().unwrap();
    assert!(!holds(&ctx.database.raw_bytes(), token.reveal()));
}

#[tokio::test]
async fn a_sealed_row_opens_under_its_own_id_alone() {
    let ctx = TestCtx::new().await;
    let owner = ctx.owner().await;
    let target = somebody(&ctx, &owner).await;
    otp::add(&ctx, &owner, &target, &to(&ctx, NUMBER, SEND))
        .await
        .unwrap();
    otp::add(&ctx, &owner, &target, &to(&ctx, ADDRESS, SEND))
        .await
        .unwrap();
    let moved = "UPDATE outbox SET sealed = (SELECT sealed FROM outbox ORDER BY id LIMIT 1)
                 WHERE id = (SELECT max(id) FROM outbox)";
    let swap = Statement::new(moved, []);
    assert!(
        ctx.store
            .write("test", &owner.instance, Vec::new(), vec![swap])
            .await
            .unwrap()
    );
    let due = delivery::take(&ctx, 10, ctx.now() + Span::minutes(1), |due| {
        Some(delivery::open(&ctx, due))
    });
    let due = due.await.unwrap().messages;
    assert_eq!(due.len(), 2);
    let mut opened: Vec<bool> = due.iter().map(|(_, opened)| opened.is_some()).collect();
    opened.sort_unstable();
    assert_eq!(opened, [false, true], "only the row that was left alone opens");
}

#[test]
fn a_seal_opens_for_its_place_and_key_and_not_after_a_change() {
    let keys = Keys::derive(&MasterKey([1; 32])).unwrap();
    let others = Keys::derive(&MasterKey([2; 32])).unwrap();
    let entropy: Arc<dyn app::Entropy> = Arc::new(SeededEntropy::new(1));
    let sealed = keys.seal(&*entropy, "outbox/1", b"a code");
    assert_eq!(keys.open("outbox/1", &sealed), Some(b"a code".to_vec()));
    assert_eq!(keys.open("outbox/2", &sealed), None);
    assert_eq!(keys.open("inbox/1", &sealed), None);
    assert_eq!(others.open("outbox/1", &sealed), None);
    assert_ne!(
        keys.seal(&*entropy, "outbox/1", b"a code"),
        sealed,
        "no two seals look alike"
    );
    for end in 0..sealed.len() {
        assert_eq!(keys.open("outbox/1", &sealed[..end]), None);
    }
    for bit in 0..sealed.len() * 8 {
        let mut changed = sealed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(keys.open("outbox/1", &changed), None);
    }
}
