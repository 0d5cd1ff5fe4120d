//! Logs tell what happened to which message, and nothing about anybody.

use std::{
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use domain::base::Span;
use notify::{SmtpSettings, WebhookSettings};
use tracing_subscriber::fmt::MakeWriter;

use crate::{
    hook::{self, Hook},
    sink::{Mood, Sink},
    smtp, webhook,
    world::{World, a_moment, until},
};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn nothing_personal_is_logged_whatever_goes_wrong() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(lines.clone())
        .finish();
    // For the whole process: whatever the other tests log meanwhile must not name anybody either.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let (sink, hook) = (Sink::start().await, Hook::start().await);
    let mut secrets = vec![
        "ada.l@".to_owned(),
        "41791234567".to_owned(),
        "hunter2".to_owned(),
    ];

    for mood in [
        Mood::Take,
        Mood::Answer("RCPT", "550 <ada.l@example.com> unknown"),
        Mood::Drop,
        Mood::Hang,
    ] {
        let world = World::new().await;
        sink.will([mood]);
        let timeout = Duration::from_millis(300);
        let worker = world.worker(smtp::senders(SmtpSettings {
            timeout,
            ..smtp::settings(&sink)
        }));
        world.ask("ada.l@example.com").await;
        until(async || sink.verbs("RCPT") >= 1).await;
        tokio::time::sleep(Duration::from_millis(400)).await;
        world.advance(Span::hours(2));
        world.emptied().await;
        worker.stop().await;
    }
    for mood in [200, 307, 400, 500] {
        let world = World::new().await;
        hook.will([hook::Mood::Status(mood), hook::Mood::Hang]);
        let timeout = Duration::from_millis(200);
        let worker = world.worker(webhook::senders(&WebhookSettings {
            timeout,
            ..webhook::settings(&hook)
        }));
        world.ask("+41791234567").await;
        a_moment().await;
        world.advance(Span::seconds(5));
        a_moment().await;
        world.advance(Span::hours(2));
        world.emptied().await;
        worker.stop().await;
    }

    let codes = hook
        .calls()
        .iter()
        .map(|c| c.json()["args"]["code"].as_str().unwrap().to_owned())
        .collect::<Vec<_>>();
    assert!(!codes.is_empty());
    secrets.extend(codes);
    let subject = |raw: &[u8]| {
        let mail = mail_parser::MessageParser::default().parse(raw).unwrap();
        mail.subject().unwrap().split(' ').next().unwrap().to_owned()
    };
    secrets.extend(sink.mails().iter().map(|mail| subject(&mail.raw)));
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(text.contains("a message was sent") && text.contains("a message was given up"));
    assert!(text.contains("a message expired unsent"));
    for secret in secrets {
        assert!(
            !text.to_lowercase().contains(&secret.to_lowercase()),
            "a secret is in the log"
        );
    }
}

#[tokio::test]
async fn a_line_of_the_log_has_no_field_twice() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(lines.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let (world, hook) = (World::new().await, Hook::start().await);
    hook.will([hook::Mood::Status(503), hook::Mood::Status(400)]);
    let worker = world.worker(webhook::senders(&webhook::settings(&hook)));
    world.ask("+41791234567").await;
    until(async || !hook.calls().is_empty()).await;
    a_moment().await;
    world.advance(Span::minutes(1));
    world.emptied().await;
    worker.stop().await;
    let written = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for what in ["a message is tried again later", "a message was given up"] {
        let line = written.lines().find(|line| line.contains(what)).expect(what);
        assert_eq!(line.matches("\"message\":").count(), 1, "{line}");
        assert!(line.contains("\"delivery\":"), "{line}");
    }
}
