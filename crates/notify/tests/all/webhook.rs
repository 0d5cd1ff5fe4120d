//! Messages as a webhook sees them.

use std::time::Duration;

use app::{Language, secret::Secret};
use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use domain::base::Span;
use notify::{Sender, Senders, SettingsError, Webhook, WebhookSettings};
use reqwest::Url;

use crate::{
    hook::{Call, Hook, Mood},
    world::{HOST, World, a_moment, until},
};

const KEY: &str = "a key of the operator";
const SECOND: &str = "the key that comes next";

pub(crate) fn settings(hook: &Hook) -> WebhookSettings {
    WebhookSettings {
        id: "sms_webhook".to_owned(),
        description: "SMS of Example".to_owned(),
        url: hook.url.clone(),
        signing_key: Secret::new(KEY.to_owned()),
        second_signing_key: None,
        allow_private: true,
        timeout: Duration::from_secs(5),
    }
}

pub(crate) fn senders(settings: &WebhookSettings) -> Senders {
    let webhook = || Some(Sender::Webhook(Webhook::new(settings.clone()).unwrap()));
    Senders {
        sms: webhook(),
        email: webhook(),
    }
}

fn signature(key: &str, call: &Call) -> String {
    let header = call.header("zitadel-signature");
    let time = header.split(',').next().unwrap().strip_prefix("t=").unwrap();
    let signed = [time.as_bytes(), b".", &call.body].concat();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), &signed);
    format!("v1={}", HEXLOWER.encode(tag.as_ref()))
}

#[tokio::test]
async fn the_call_has_the_fields_and_the_signature_that_receivers_know() {
    let (world, hook) = (World::new().await, Hook::start().await);
    let worker = world.worker(senders(&settings(&hook)));
    let who = world.test.plain_user().await;
    world.register(&who, "+41791234567", Language::De).await;
    world.emptied().await;

    let [call] = hook.calls().try_into().unwrap();
    let body = call.json();
    let context = &body["contextInfo"];
    assert_eq!(context["eventType"], "otp_code_issued");
    assert_eq!(context["provider"]["id"], "sms_webhook");
    assert_eq!(context["provider"]["description"], "SMS of Example");
    assert_eq!(context["recipientPhoneNumber"], "+41791234567");
    assert!(context.get("recipientEmailAddress").is_none());
    let args = &body["args"];
    let code = args["code"].as_str().unwrap();
    assert_eq!(args["domain"], HOST);
    assert_eq!(args["expiry"], 600_000_000_000_i64);
    assert_eq!(args["userID"], who.user.as_str());
    assert_eq!(args["orgID"], who.org.as_str());
    assert_eq!(args["lastPhone"], "+41791234567");
    assert_eq!(args["preferredLanguage"], "de");
    let text = body["templateData"]["text"].as_str().unwrap();
    assert!(text.ends_with(&format!("@{HOST} #{code}")));
    assert!(body["templateData"].get("subject").is_none());

    assert_eq!(call.header("content-type"), "application/json");
    let seconds = testkit::START.0 / 1_000_000;
    assert_eq!(
        call.header("zitadel-signature"),
        format!("t={seconds},{}", signature(KEY, &call))
    );
    worker.stop().await;
}

#[tokio::test]
async fn a_mail_goes_to_its_address_with_its_subject() {
    let (world, hook) = (World::new().await, Hook::start().await);
    let worker = world.worker(senders(&settings(&hook)));
    world.ask("ada@example.com").await;
    world.emptied().await;
    let [call] = hook.calls().try_into().unwrap();
    let body = call.json();
    assert_eq!(body["contextInfo"]["recipientEmailAddress"], "ada@example.com");
    assert_eq!(body["args"]["lastEmail"], "ada@example.com");
    let subject = body["templateData"]["subject"].as_str().unwrap();
    assert!(subject.ends_with(&format!("is your code for {HOST}")));
    worker.stop().await;
}

#[tokio::test]
async fn while_keys_rotate_both_sign() {
    let (world, hook) = (World::new().await, Hook::start().await);
    let second_signing_key = Some(Secret::new(SECOND.to_owned()));
    let worker = world.worker(senders(&WebhookSettings {
        second_signing_key,
        ..settings(&hook)
    }));
    world.ask("+41791234567").await;
    world.emptied().await;
    let [call] = hook.calls().try_into().unwrap();
    let parts: Vec<&str> = call.header("zitadel-signature").split(',').collect();
    assert_eq!(parts[1..], [signature(KEY, &call), signature(SECOND, &call)]);
    worker.stop().await;
}

#[tokio::test]
async fn a_failing_webhook_is_called_again_with_the_same_key() {
    let (world, hook) = (World::new().await, Hook::start().await);
    hook.will([Mood::Status(500), Mood::Status(404)]);
    let worker = world.worker(senders(&settings(&hook)));
    world.ask("+41791234567").await;
    for calls in 1..=2 {
        until(async || hook.calls().len() == calls).await;
        a_moment().await;
        assert_eq!(hook.calls().len(), calls, "not before its time");
        world.advance(Span::seconds(5));
    }
    world.emptied().await;
    let keys: Vec<_> = hook
        .calls()
        .iter()
        .map(|c| c.header("idempotency-key").to_owned())
        .collect();
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| *key == keys[0]));
    worker.stop().await;
}

#[tokio::test]
async fn retry_after_is_kept() {
    let (world, hook) = (World::new().await, Hook::start().await);
    hook.will([Mood::Busy(120)]);
    let worker = world.worker(senders(&settings(&hook)));
    world.ask("+41791234567").await;
    until(async || hook.calls().len() == 1).await;
    a_moment().await;
    world.advance(Span::seconds(119));
    a_moment().await;
    assert_eq!(hook.calls().len(), 1);
    world.advance(Span::seconds(2));
    world.emptied().await;
    assert_eq!(hook.calls().len(), 2);
    worker.stop().await;
}

#[tokio::test]
async fn a_refused_message_is_given_up() {
    for status in [400, 422] {
        let (world, hook) = (World::new().await, Hook::start().await);
        hook.will([Mood::Status(status)]);
        let worker = world.worker(senders(&settings(&hook)));
        world.ask("+41791234567").await;
        world.emptied().await;
        assert_eq!(hook.calls().len(), 1);
        worker.stop().await;
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (world, hook) = (World::new().await, Hook::start().await);
    hook.will([Mood::Redirect]);
    let worker = world.worker(senders(&settings(&hook)));
    world.ask("+41791234567").await;
    until(async || hook.calls().len() == 1).await;
    a_moment().await;
    assert_eq!(world.waiting().await, 1);
    assert!(hook.calls().iter().all(|call| call.path == "/send"));
    worker.stop().await;
}

#[tokio::test]
async fn a_private_network_is_not_called_unless_allowed() {
    let (world, hook) = (World::new().await, Hook::start().await);
    let strict = WebhookSettings {
        allow_private: false,
        ..settings(&hook)
    };
    assert!(matches!(Webhook::new(strict.clone()), Err(SettingsError::Url)));

    let by_name = format!("http://localhost:{}/send", hook.url.port().unwrap());
    let url = Url::parse(&by_name).unwrap();
    let worker = world.worker(senders(&WebhookSettings { url, ..strict }));
    world.ask("+41791234567").await;
    a_moment().await;
    assert!(hook.calls().is_empty());
    assert_eq!(world.waiting().await, 1);
    worker.stop().await;
}
