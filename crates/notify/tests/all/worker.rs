//! What the worker promises, whatever the providers do.

use std::{collections::HashSet, time::Duration};

use app::{delivery, user::otp};
use domain::{base::Span, user::Channel};
use notify::{Sender, Senders, Smtp, SmtpSettings, Webhook, WebhookSettings};
use testkit::TestOptions;

use crate::{
    hook::{self, Hook},
    sink::{Mood, Sink},
    smtp, webhook,
    world::{Worker, World, a_moment, until},
};

#[tokio::test]
async fn an_expired_message_is_never_sent() {
    let (world, sink) = (World::new().await, Sink::start().await);
    sink.will([Mood::Answer("RCPT", "451 later")]);
    let worker = world.worker(smtp::senders(smtp::settings(&sink)));
    world.ask("ada@example.com").await;
    until(async || sink.verbs("RCPT") == 1).await;
    a_moment().await;
    world.advance(Span::hours(1));
    world.emptied().await;
    assert!(sink.mails().is_empty());
    assert_eq!(sink.verbs("MAIL"), 1);
    worker.stop().await;
}

#[tokio::test]
async fn a_message_that_fails_to_the_end_is_there_until_it_expires() {
    let (world, hook) = (World::new().await, Hook::start().await);
    hook.always(hook::Mood::Status(503));
    let worker = world.worker(webhook::senders(&webhook::settings(&hook)));
    world.ask("+41791234567").await;
    for _ in 0..60 {
        let calls = hook.calls().len();
        tokio::time::sleep(Duration::from_millis(10)).await;
        let waiting = world.waiting().await;
        assert!(waiting == 1 || calls >= 8);
        world.advance(Span::seconds(10));
    }
    world.emptied().await;
    assert!((8..=16).contains(&hook.calls().len()), "{}", hook.calls().len());
    worker.stop().await;
}

#[tokio::test]
async fn two_workers_send_each_message_once() {
    let (world, sink) = (World::new().await, Hook::start().await);
    let start = || world.worker(webhook::senders(&webhook::settings(&sink)));
    let (one, two) = (start(), start());
    world.ask_many(60).await;
    world.emptied().await;
    one.stop().await;
    two.stop().await;
    let calls = sink.calls();
    let distinct: HashSet<_> = calls
        .iter()
        .map(|c| c.header("idempotency-key").to_owned())
        .collect();
    assert_eq!((calls.len(), distinct.len()), (60, 60));
}

#[tokio::test]
async fn after_a_crash_while_sending_the_same_mail_goes_out_again() {
    let (world, sink) = (World::new().await, Sink::start().await);
    sink.will([Mood::Hang]);
    let crashing = world.worker(smtp::senders(smtp::settings(&sink)));
    world.ask("ada@example.com").await;
    until(async || sink.mails().len() == 1).await;
    drop(crashing);

    let worker = world.worker(smtp::senders(smtp::settings(&sink)));
    a_moment().await;
    assert_eq!(sink.mails().len(), 1, "the lease of the dead still holds");
    world.advance(Span::seconds(61));
    world.emptied().await;
    let [before, after] = sink.mails().try_into().unwrap();
    assert_eq!(smtp::message_id(&before.raw), smtp::message_id(&after.raw));
    worker.stop().await;
}

#[tokio::test]
async fn a_message_that_cannot_be_removed_for_a_while_is_sent_once() {
    let (world, hook) = (World::new().await, Hook::start().await);
    let database = &world.test.database;
    database
        .run_either(
            "CREATE TRIGGER kept BEFORE DELETE ON outbox BEGIN SELECT RAISE(ABORT, 'kept'); END",
            "CREATE FUNCTION kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'kept'; END $$;
             CREATE TRIGGER kept BEFORE DELETE ON outbox FOR EACH STATEMENT EXECUTE FUNCTION kept()",
        )
        .await;
    let worker = world.worker(webhook::senders(&webhook::settings(&hook)));
    world.ask("+41791234567").await;
    until(async || hook.calls().len() == 1).await;
    for _ in 0..4 {
        a_moment().await;
    }
    database
        .run_either("DROP TRIGGER kept", "DROP TRIGGER kept ON outbox")
        .await;
    world.emptied().await;
    assert_eq!(
        hook.calls().len(),
        1,
        "it was sent, and need not wait for its lease"
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_channel_that_hangs_holds_up_no_other() {
    let (world, sink, hook) = (World::new().await, Sink::start().await, Hook::start().await);
    hook.always(hook::Mood::Hang);
    let timeout = Duration::from_secs(30);
    let hanging = Webhook::new(WebhookSettings {
        timeout,
        ..webhook::settings(&hook)
    })
    .unwrap();
    let senders = Senders {
        sms: Some(Sender::Webhook(hanging)),
        email: Some(Sender::Smtp(Smtp::new(smtp::settings(&sink)).unwrap())),
    };
    world.ask_many(200).await;
    let worker = world.worker(senders);
    until(async || hook.calls().len() == 8).await;

    // It is waited for less long than for the provider.
    world.ask("ada@example.com").await;
    until(async || sink.mails().len() == 1).await;
    assert_eq!(hook.calls().len(), 8, "no more at once than a lane takes");
    drop(worker);
}

/// Every lease counts as a try until the message is given back.
#[tokio::test]
async fn what_waits_behind_a_full_lane_is_left_alone() {
    let (world, hook) = (World::new().await, Hook::start().await);
    hook.always(hook::Mood::Hang);
    let settings = WebhookSettings {
        timeout: Duration::from_secs(30),
        ..webhook::settings(&hook)
    };
    world.ask_many(200).await;
    let worker = world.worker(webhook::senders(&settings));
    until(async || hook.calls().len() == 8).await;
    let leases = async || {
        let mut snapshot = world.test.ctx.store.snapshot().await.unwrap();
        let sql = "SELECT CAST(sum(attempts) AS BIGINT) FROM outbox";
        snapshot.first(sql, &[], |row| row.int(0)).await.unwrap().unwrap()
    };
    for _ in 0..10 {
        world.advance(Span::seconds(3));
        a_moment().await;
    }
    assert_eq!(leases().await, 64, "those that have a place, once each");
    assert_eq!(world.waiting().await, 200);
    drop(worker);
}

#[tokio::test]
async fn what_waits_behind_a_full_lane_is_sent_once_there_are_places() {
    let (world, hook) = (World::new().await, Hook::start().await);
    hook.always(hook::Mood::Held);
    world.ask_many(200).await;
    let worker = world.worker(webhook::senders(&webhook::settings(&hook)));
    until(async || hook.calls().len() == 8).await;
    a_moment().await;
    hook.let_go();
    world.emptied().await;
    assert_eq!(hook.calls().len(), 200);
    worker.stop().await;
}

#[tokio::test]
async fn a_provider_that_hangs_is_given_up_in_time_and_tried_again() {
    let (world, sink) = (World::new().await, Sink::start().await);
    sink.will([Mood::Hang]);
    let timeout = Duration::from_millis(200);
    let worker = world.worker(smtp::senders(SmtpSettings {
        timeout,
        ..smtp::settings(&sink)
    }));
    world.ask("ada@example.com").await;
    until(async || sink.mails().len() == 1).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    world.advance(Span::seconds(3));
    world.emptied().await;
    assert_eq!(sink.mails().len(), 2);
    worker.stop().await;
}

#[tokio::test]
async fn on_stop_sends_are_finished_and_the_rest_is_given_back() {
    let (world, hook) = (World::new().await, Hook::start().await);
    hook.always(hook::Mood::Held);
    let timeout = Duration::from_mins(1);
    let settings = WebhookSettings {
        timeout,
        ..webhook::settings(&hook)
    };
    world.ask_many(30).await;
    let worker = world.worker(webhook::senders(&settings));
    until(async || hook.calls().len() == 8).await;
    tokio::join!(worker.stop(), async { hook.let_go() });
    assert_eq!(hook.calls().len(), 8);
    assert_eq!(world.waiting().await, 22);
    let until = world.test.now() + Span::minutes(1);
    let free = delivery::take(&world.test.ctx, 100, until, |_| Some(())).await;
    assert_eq!(
        free.unwrap().messages.len(),
        22,
        "what only waited is free at once"
    );
}

#[tokio::test]
async fn without_a_provider_messages_wait_until_they_expire() {
    let world = World::new().await;
    world.ask("+41791234567").await;
    let worker = world.worker(Senders::default());
    a_moment().await;
    assert_eq!(world.waiting().await, 1);
    world.advance(Span::minutes(11));
    world.emptied().await;
    worker.stop().await;
}

#[tokio::test]
async fn a_message_that_cannot_be_opened_is_removed() {
    let world = World::new().await;
    world.ask("+41791234567").await;
    let options = TestOptions {
        key: 9,
        ..TestOptions::default()
    };
    let other = testkit::context(world.test.database.store.clone(), &world.test.clock, options);
    let worker = Worker::start(other.into(), Senders::inbox());
    world.emptied().await;
    assert!(world.inbox().await.is_empty());
    worker.stop().await;
}

#[tokio::test]
async fn what_was_withdrawn_while_it_waited_is_not_sent() {
    let (world, sink) = (World::new().await, Sink::start().await);
    sink.will([Mood::Answer("RCPT", "451 later")]);
    let who = world.test.plain_user().await;
    let worker = world.worker(smtp::senders(smtp::settings(&sink)));
    let factor = world.register(&who, "ada@example.com", app::Language::En).await;
    until(async || sink.verbs("RCPT") == 1).await;
    a_moment().await;
    let target = app::Target::of(who.user.clone());
    otp::remove(&world.test.ctx, &who, &target, Channel::Email, &factor)
        .await
        .unwrap();
    world.advance(Span::minutes(1));
    world.emptied().await;
    assert!(sink.mails().is_empty());
    assert_eq!(sink.verbs("MAIL"), 1);
    worker.stop().await;
}

#[tokio::test]
async fn a_resend_takes_the_place_of_the_message_that_waits() {
    let (world, hook) = (World::new().await, Hook::start().await);
    hook.will([hook::Mood::Status(503)]);
    let who = world.test.plain_user().await;
    let worker = world.worker(webhook::senders(&webhook::settings(&hook)));
    world.register(&who, "+41791234567", app::Language::En).await;
    until(async || hook.calls().len() == 1).await;
    a_moment().await;
    world.test.advance(Span::seconds(31));
    world.register(&who, "+41791234567", app::Language::En).await;
    world.emptied().await;
    let [old, new] = hook.calls().try_into().unwrap();
    assert_ne!(old.json()["args"]["code"], new.json()["args"]["code"]);
    worker.stop().await;
}
