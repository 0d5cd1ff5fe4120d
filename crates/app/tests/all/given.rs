//! Names and helpers that the sentences of these tests are made of.

use app::{
    Caller, Ctx, Error, Language, Result, Target,
    secret::Secret,
    user::{
        self, NewUser,
        code::{NewDestination, Verification},
        contact, otp,
    },
};
use domain::{
    base::{FactorId, UserId},
    code::Miss,
    user::{Channel, Person, Refusal},
};
use serde_json::Map;
use store::Head;

pub(crate) const NUMBER: &str = "+41791234567";
pub(crate) const ADDRESS: &str = "ada@example.com";
pub(crate) const SEND: Verification = Verification::Send { link: None };

/// The same thing for a phone and for an e-mail.
pub(crate) const BOTH: [(Channel, &str); 2] = [(Channel::Sms, NUMBER), (Channel::Email, ADDRESS)];

pub(crate) fn to(ctx: &Ctx, text: &str, verification: Verification) -> NewDestination {
    if text.contains('@') {
        NewDestination::email(text, verification, Language::En).unwrap()
    } else {
        NewDestination::phone(ctx, text, verification, Language::En).unwrap()
    }
}

pub(crate) fn nobody_yet() -> NewUser {
    NewUser {
        org: None,
        id: None,
        schema: None,
        data: Map::new(),
        email: None,
        phone: None,
        usernames: Vec::new(),
        password: None,
    }
}

/// Creates a user and answers how requests name it.
pub(crate) async fn somebody(ctx: &Ctx, by: &Caller) -> Target {
    Target::of(user::create(ctx, by, &nobody_yet()).await.unwrap().changed.id)
}

pub(crate) async fn read(ctx: &Ctx, by: &Caller, target: &Target) -> (Head, Person) {
    let view = user::get(ctx, by, target).await.unwrap();
    (view.head, view.person)
}

/// Sets a contact and answers the code that was asked for.
pub(crate) async fn set_returning(ctx: &Ctx, by: &Caller, target: &Target, text: &str) -> Secret {
    let new = to(ctx, text, Verification::Return);
    contact::set(ctx, by, target, &new).await.unwrap().code.unwrap()
}

/// Registers a factor and answers it with its code.
pub(crate) async fn add_returning(ctx: &Ctx, by: &Caller, target: &Target, text: &str) -> (FactorId, Secret) {
    let added = otp::add(ctx, by, target, &to(ctx, text, Verification::Return))
        .await
        .unwrap();
    (added.factor, added.code.unwrap())
}

/// A code of the same length that is another one.
pub(crate) fn wrong(code: &Secret) -> String {
    let mut text = code.reveal().to_owned();
    let last = if text.pop() == Some('7') { '8' } else { '7' };
    text.push(last);
    text
}

/// Why a code was not accepted.
pub(crate) fn miss<T: std::fmt::Debug>(answer: Result<T>) -> Miss {
    match answer {
        Err(Error::Refused(Refusal::Code(miss))) => miss,
        other => panic!("{other:?}"),
    }
}

/// Names of the events of a user, oldest first.
pub(crate) async fn events(ctx: &Ctx, by: &Caller, id: &UserId) -> Vec<&'static str> {
    use domain::base::Forgettable;
    let mut snapshot = ctx.store.snapshot().await.unwrap();
    let history = snapshot
        .history::<domain::user::User>(&by.instance, id.as_str())
        .await;
    history
        .unwrap()
        .iter()
        .map(|logged| logged.event.name())
        .collect()
}

pub(crate) async fn count(ctx: &Ctx, by: &Caller, id: &UserId, event: &str) -> usize {
    events(ctx, by, id)
        .await
        .iter()
        .filter(|name| **name == event)
        .count()
}
