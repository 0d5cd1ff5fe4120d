//! Messages captured by the built-in inbox.

use app::Language;
use notify::Senders;

use crate::world::{HOST, World, until};

#[tokio::test]
async fn a_code_is_captured_once_and_its_outbox_row_goes() {
    let world = World::new().await;
    let worker = world.worker(Senders::inbox());
    world.ask("+41791234567").await;
    world.emptied().await;

    let [message] = world.inbox().await.try_into().unwrap();
    assert_eq!(
        (message.channel.as_str(), message.kind.as_str()),
        ("sms", "verify_phone")
    );
    assert_eq!(message.recipient, "+41791234567");
    assert_eq!(message.subject, "");
    assert_eq!(message.code.len(), 6);
    let last = format!("@{HOST} #{}", message.code);
    assert_eq!(message.text.lines().last(), Some(last.as_str()));
    worker.stop().await;
}

#[tokio::test]
async fn both_channels_and_both_languages_arrive() {
    let world = World::new().await;
    let worker = world.worker(Senders::inbox());
    let who = world.test.plain_user().await;
    world.register(&who, "ada@example.com", Language::De).await;
    world.register(&who, "+41791234567", Language::En).await;
    until(async || world.inbox().await.len() == 2).await;

    let [sms, mail] = world.inbox().await.try_into().unwrap();
    assert_eq!(mail.subject, format!("{} ist Ihr Code für {HOST}", mail.code));
    assert!(sms.text.contains("is your code"));
    worker.stop().await;
}

#[tokio::test]
async fn what_was_put_before_the_worker_began_is_sent_too() {
    let world = World::new().await;
    world.ask_many(50).await;
    let worker = world.worker(Senders::inbox());
    world.emptied().await;
    assert_eq!(world.inbox().await.len(), 50);
    worker.stop().await;
}
