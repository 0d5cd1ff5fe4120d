//! Mail as a mail server sees it.

use std::time::Duration;

use app::{Language, secret::Secret};
use domain::base::Span;
use mail_parser::{MessageParser, MimeHeaders as _};
use notify::{Sender, Senders, SettingsError, Smtp, SmtpSecurity, SmtpSettings};

use crate::{
    sink::{Mood, Sink},
    world::{HOST, World, a_moment, until},
};

pub(crate) fn settings(sink: &Sink) -> SmtpSettings {
    SmtpSettings {
        host: "localhost".to_owned(),
        port: sink.port,
        security: SmtpSecurity::Plain,
        allow_cleartext: false,
        authority: sink.authority.clone(),
        login: None,
        sender: "no-reply@example.com".to_owned(),
        sender_name: "Example Ltd.".to_owned(),
        reply_to: Some("help@example.com".to_owned()),
        timeout: Duration::from_secs(10),
    }
}

pub(crate) fn senders(settings: SmtpSettings) -> Senders {
    Senders {
        sms: None,
        email: Some(Sender::Smtp(Smtp::new(settings).unwrap())),
    }
}

pub(crate) fn message_id(raw: &[u8]) -> String {
    MessageParser::default()
        .parse(raw)
        .unwrap()
        .message_id()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_mail_has_everything_that_a_mail_needs() {
    let (world, sink) = (World::new().await, Sink::start().await);
    let worker = world.worker(senders(settings(&sink)));
    let who = world.test.plain_user().await;
    world.register(&who, "Ada.L@example.com", Language::De).await;
    world.emptied().await;

    let [mail] = sink.mails().try_into().unwrap();
    let mail = MessageParser::default().parse(&mail.raw).unwrap();
    let from = mail.from().unwrap().first().unwrap();
    assert_eq!(from.address(), Some("no-reply@example.com"));
    assert_eq!(from.name(), Some("Example Ltd."));
    assert_eq!(
        mail.to().unwrap().first().unwrap().address(),
        Some("Ada.L@example.com")
    );
    assert_eq!(
        mail.reply_to().unwrap().first().unwrap().address(),
        Some("help@example.com")
    );
    assert_eq!(mail.date().unwrap().to_timestamp(), testkit::START.0 / 1_000_000);
    assert!(mail.message_id().unwrap().ends_with("@example.com"));
    assert_eq!(
        mail.header_raw("Auto-Submitted").unwrap().trim(),
        "auto-generated"
    );
    assert_eq!(mail.header_raw("Content-Language").unwrap().trim(), "de");
    let subject = mail.subject().unwrap();
    let code = subject.split(' ').next().unwrap();
    assert_eq!(subject, format!("{code} ist Ihr Code für {HOST}"));
    let text = mail.body_text(0).unwrap();
    assert_eq!(
        text.trim().lines().last(),
        Some(format!("@{HOST} #{code}")).as_deref()
    );
    assert!(text.contains("Bestätigen Sie"));
    assert!(mail.body_html(0).unwrap().contains(&format!(">{code}</span>")));
    assert_eq!(mail.content_type().unwrap().ctype(), "multipart");
    worker.stop().await;
}

#[tokio::test]
async fn a_connection_carries_one_mail_after_another() {
    let (world, sink) = (World::new().await, Sink::start().await);
    let worker = world.worker(senders(settings(&sink)));
    for n in 0..5 {
        world.ask(&format!("user{n}@example.com")).await;
        world.emptied().await;
    }
    assert_eq!(sink.mails().len(), 5);
    assert_eq!(sink.connections(), 1);
    worker.stop().await;
}

#[tokio::test]
async fn a_busy_mail_server_gets_the_same_mail_again_later() {
    let (world, sink) = (World::new().await, Sink::start().await);
    sink.will([Mood::Answer("RCPT", "451 later"), Mood::Drop]);
    let worker = world.worker(senders(settings(&sink)));
    world.ask("ada@example.com").await;
    until(async || sink.verbs("RCPT") == 1).await;
    a_moment().await;
    assert_eq!(sink.verbs("MAIL"), 1, "not before its time");

    world.advance(Span::seconds(3));
    until(async || sink.mails().len() == 1).await;
    a_moment().await;
    assert_eq!(world.waiting().await, 1, "taken without a word is not delivered");
    world.advance(Span::seconds(5));
    world.emptied().await;
    let [first, second] = sink.mails().try_into().unwrap();
    assert_eq!(message_id(&first.raw), message_id(&second.raw));
    worker.stop().await;
}

#[tokio::test]
async fn a_mailbox_that_does_not_exist_is_given_up() {
    let (world, sink) = (World::new().await, Sink::start().await);
    sink.will([Mood::Answer("RCPT", "550 5.1.1 no such user")]);
    let worker = world.worker(senders(settings(&sink)));
    world.ask("nobody@example.com").await;
    world.emptied().await;
    assert!(sink.mails().is_empty());
    worker.stop().await;
}

#[tokio::test]
async fn a_content_that_is_refused_is_given_up() {
    let (world, sink) = (World::new().await, Sink::start().await);
    sink.will([Mood::Answer(".", "554 no")]);
    let worker = world.worker(senders(settings(&sink)));
    world.ask("ada@example.com").await;
    world.emptied().await;
    assert!(sink.mails().is_empty());
    worker.stop().await;
}

#[tokio::test]
async fn what_the_operator_can_mend_is_tried_again() {
    for mood in [
        Mood::Answer("RCPT", "550 5.7.1 relaying denied"),
        Mood::Answer("MAIL", "550 sender unknown"),
        Mood::Answer("AUTH", "535 wrong password"),
        Mood::Answer("EHLO", "421 closing"),
    ] {
        let (world, sink) = (World::new().await, Sink::start().await);
        sink.will([mood]);
        let login = Some(("merlon".to_owned(), Secret::new("hunter2".to_owned())));
        let worker = world.worker(senders(SmtpSettings {
            login,
            ..settings(&sink)
        }));
        world.ask("ada@example.com").await;
        let Mood::Answer(verb, _) = mood else { continue };
        until(async || sink.verbs(verb) == 1).await;
        a_moment().await;
        assert_eq!(world.waiting().await, 1, "{mood:?}");
        world.advance(Span::seconds(3));
        world.emptied().await;
        assert_eq!(sink.mails().len(), 1);
        worker.stop().await;
    }
}

#[tokio::test]
async fn starttls_encrypts_before_anything_is_said() {
    let (world, sink) = (World::new().await, Sink::with_tls().await);
    let login = Some(("merlon".to_owned(), Secret::new("hunter2".to_owned())));
    let security = SmtpSecurity::StartTls;
    let worker = world.worker(senders(SmtpSettings {
        security,
        login,
        ..settings(&sink)
    }));
    world.ask("ada@example.com").await;
    world.emptied().await;
    let [mail] = sink.mails().try_into().unwrap();
    assert!(mail.encrypted);
    assert!(mail.login.unwrap().starts_with("AUTH PLAIN "));
    worker.stop().await;
}

#[tokio::test]
async fn without_valid_encryption_nothing_is_said() {
    let stripped = Sink::start().await;
    let stranger = Sink::with_tls().await;
    for (sink, authority) in [(stripped, None), (stranger, None)] {
        let world = World::new().await;
        let security = SmtpSecurity::StartTls;
        let worker = world.worker(senders(SmtpSettings {
            security,
            authority,
            ..settings(&sink)
        }));
        world.ask("ada@example.com").await;
        until(async || sink.verbs("EHLO") >= 1).await;
        a_moment().await;
        assert_eq!(sink.verbs("MAIL"), 0);
        assert_eq!(world.waiting().await, 1);
        worker.stop().await;
    }
}

#[tokio::test]
async fn settings_that_would_leak_or_fail_are_refused_at_once() {
    let sink = Sink::start().await;
    let host = "mail.example.com".to_owned();
    let far = SmtpSettings {
        host,
        ..settings(&sink)
    };
    assert!(matches!(Smtp::new(far.clone()), Err(SettingsError::Cleartext)));
    assert!(
        Smtp::new(SmtpSettings {
            allow_cleartext: true,
            ..far.clone()
        })
        .is_ok()
    );
    assert!(
        Smtp::new(SmtpSettings {
            security: SmtpSecurity::Tls,
            ..far
        })
        .is_ok()
    );
    let sender = "no\r\nreply@example.com".to_owned();
    assert!(matches!(
        Smtp::new(SmtpSettings {
            sender,
            ..settings(&sink)
        }),
        Err(SettingsError::Address("the sender address"))
    ));
}
