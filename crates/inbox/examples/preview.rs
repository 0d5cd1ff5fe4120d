//! Serves the page with sample messages, and a new one every five seconds, for looking at it while it is changed:
//! `cargo run -p inbox --example preview -- [open|admin|empty]`. Prints the address and a token that opens it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a tool for whoever works on the page"
)]

use std::time::Duration;

use app::{
    inbox::{InboxMessage, capture},
    instance::Instances,
};
use domain::{
    base::{Span, UserId},
    user::{Channel, Destination},
};
use inbox::InboxAccess;
use testkit::TestCtx;
use tokio::net::TcpListener;

/// Channel, recipient, subject, code, text.
type Sample = (Channel, &'static str, &'static str, &'static str, &'static str);

const SAMPLES: &[Sample] = &[
    (
        Channel::Sms,
        "+390669821234",
        "",
        "305118",
        "305118 ist Ihr Code für login.example.com. Er gilt 10 Minuten. Geben Sie ihn niemandem weiter.\n\n@login.example.com #305118",
    ),
    (
        Channel::Email,
        "a.very.long.address.that.does.not.fit@department.university.example.com",
        "QK7RXB is your code for login.example.com",
        "QK7RXB",
        "Confirm your e-mail address\n\nEnter this code at login.example.com:\n\n    QK7RXB\n\nThe code is valid for 1 hour and works once.\n\n@login.example.com #QK7RXB",
    ),
    (
        Channel::Sms,
        "+41791234567",
        "",
        "482913",
        "482913 is your code for login.example.com. It is valid for 10 minutes. Do not share it with anyone.\n\n@login.example.com #482913",
    ),
];

#[tokio::main]
async fn main() {
    let mode = std::env::args().nth(1).unwrap_or_else(|| "open".to_owned());
    let test = TestCtx::new().await;
    let instance = test.foundation.instance.clone();
    for sample in SAMPLES.iter().filter(|_| mode != "empty") {
        receive(&test, sample).await;
    }
    let access = if mode == "admin" {
        InboxAccess::Admin
    } else {
        InboxAccess::Open
    };
    let router = inbox::routes(test.ctx.clone(), Instances::one(instance), access, false);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}/ui/inbox", listener.local_addr().unwrap());
    println!("{}", test.foundation.automation_token.as_ref().unwrap().reveal());
    tokio::spawn(async move {
        for sample in SAMPLES.iter().cycle() {
            tokio::time::sleep(Duration::from_secs(5)).await;
            receive(&test, sample).await;
        }
    });
    axum::serve(listener, router).await.unwrap();
}

async fn receive(test: &TestCtx, (channel, to, subject, code, body): &Sample) {
    test.advance(Span::seconds(95));
    let sms = *channel == Channel::Sms;
    let message = InboxMessage {
        id: 0,
        recipient: (*to).to_owned(),
        channel: if sms { "sms" } else { "email" }.to_owned(),
        kind: if sms { "verify_phone" } else { "verify_email" }.to_owned(),
        subject: (*subject).to_owned(),
        text: (*body).to_owned(),
        code: (*code).to_owned(),
        created: test.now(),
    };
    let to = Destination::from_trusted(*channel, to);
    let about = UserId::from_trusted("1");
    let instance = &test.foundation.instance;
    capture(
        &test.ctx,
        instance,
        (&about, &to),
        (&test.new_id(), None),
        &message,
    )
    .await
    .unwrap();
}
