//! The rules of passkeys and security keys, told as: given what happened, when somebody asks, then this is recorded and answered.

use super::{
    Challenge, Credential, FactorName, LinkAttempt, MOST_PER_USER, NamedCredential, NewWebauthn, PublicKey,
};
use crate::{
    base::{CodeId, FactorId, Personal, Span, Timestamp},
    code::{Attempt, Digest, GuessBudget, IssuedCode, Medium, Miss},
    user::{
        Channel, Command, Destination, EmailAddress, Event, Proof, Refusal, User,
        tests::{EARLIER, NOW, Then, given},
    },
};

const LATER: Timestamp = Timestamp(NOW.0 + Span::minutes(5).0);

fn factor(id: u8) -> FactorId {
    FactorId::from_trusted(&id.to_string())
}

fn link(id: u8) -> CodeId {
    CodeId::from_trusted(&id.to_string())
}

fn code(secret: u8) -> IssuedCode {
    IssuedCode {
        digest: Digest([secret; 32]),
        length: 12,
        expires: LATER,
        tries: 3,
        medium: Medium::Sent,
    }
}

pub(in crate::user) fn link_issued(id: u8, secret: u8) -> Event {
    Event::WebauthnLinkIssued {
        id: link(id),
        code: code(secret),
    }
}

pub(in crate::user) fn started(id: u8) -> Event {
    Event::WebauthnStarted {
        id: factor(id),
        domain: "id.example.com".into(),
        challenge: Personal::Known(Challenge::new("nonce")),
        expires: LATER,
        by_sent_link: false,
        by_link: false,
    }
}

/// The same by a link whose code was answered.
pub(in crate::user) fn started_by_link(id: u8) -> Event {
    let mut event = started(id);
    if let Event::WebauthnStarted { by_link, .. } = &mut event {
        *by_link = true;
    }
    event
}

/// The same by a link that was sent.
pub(in crate::user) fn started_there(id: u8) -> Event {
    let mut event = started_by_link(id);
    if let Event::WebauthnStarted { by_sent_link, .. } = &mut event {
        *by_sent_link = true;
    }
    event
}

fn named(credential: &str) -> NamedCredential {
    NamedCredential {
        name: FactorName::parse("Key of Ada").unwrap(),
        credential: Credential {
            id: credential.into(),
            key: PublicKey::Ec2 {
                alg: -7,
                crv: 1,
                x: "eA".into(),
                y: "eQ".into(),
            },
            sign_count: 1,
            user_verified: true,
            backup_eligible: false,
            backed_up: false,
            transports: vec!["usb".into()],
        },
    }
}

pub(in crate::user) fn verified(id: u8, credential: &str) -> Event {
    Event::WebauthnVerified {
        id: factor(id),
        credential: Personal::Known(named(credential)),
    }
}

fn removed(id: u8) -> Event {
    Event::WebauthnRemoved { id: factor(id) }
}

fn start(id: u8) -> Command {
    Command::StartWebauthn(new(id, None))
}

fn start_by(id: u8, link: LinkAttempt) -> Command {
    Command::StartWebauthn(new(id, Some(link)))
}

fn new(id: u8, link: Option<LinkAttempt>) -> NewWebauthn {
    NewWebauthn {
        id: factor(id),
        domain: "id.example.com".into(),
        challenge: Challenge::new("nonce"),
        expires: LATER,
        link,
    }
}

fn entered(id: u8, secret: u8) -> LinkAttempt {
    LinkAttempt {
        id: link(id),
        attempt: Attempt {
            digest: Digest([secret; 32]),
            length: 12,
            budget: GuessBudget::default(),
        },
    }
}

fn verify(id: u8, credential: &str) -> Command {
    Command::VerifyWebauthn {
        id: factor(id),
        credential: named(credential),
    }
}

#[test]
fn a_registration_is_completed_once_and_in_time() {
    given([]).when(start(1)).records(&[started(1)]);
    let pending = given([started(1)]);
    pending.when(verify(1, "a")).records(&[verified(1, "a")]);
    pending.when(verify(2, "a")).refuses(Refusal::WebauthnNotFound);
    pending
        .when_at(LATER, verify(1, "a"))
        .refuses(Refusal::Code(Miss::Expired));
    let done = given([started(1), verified(1, "a")]);
    done.when(verify(1, "b")).refuses(Refusal::WebauthnVerified);
    let User::Present(person) = &done.0 else {
        panic!("a user")
    };
    assert_eq!(
        person.webauthn(&factor(1)).unwrap().credential(),
        Some(&named("a"))
    );
}

#[test]
fn only_what_a_link_began_is_for_who_holds_one() {
    let of = |began: Event| match given([began]).0 {
        User::Present(person) => person.webauthn_by_link(&factor(1)),
        User::Absent => Err(Refusal::NotFound),
    };
    assert_eq!(of(started(1)), Err(Refusal::WebauthnNotFound));
    assert_eq!(of(started_by_link(1)), Ok(()));
    assert_eq!(of(started_there(1)), Ok(()));
}

#[test]
fn a_credential_is_registered_once() {
    given([started(1), verified(1, "a"), started(2)])
        .when(verify(2, "a"))
        .refuses(Refusal::WebauthnTaken);
}

#[test]
fn the_oldest_registration_that_waits_makes_room_and_keys_in_use_do_not() {
    let most = u8::try_from(MOST_PER_USER).unwrap();
    let waiting = given((0..most).map(started));
    waiting.when(start(99)).records(&[removed(0), started(99)]);
    let all: Vec<Event> = (0..most).map(removed).chain([started(99)]).collect();
    waiting.when_at(LATER, start(99)).records(&all);
    let full = given((0..most).flat_map(|id| [started(id), verified(id, &id.to_string())]));
    full.when(start(99)).refuses(Refusal::TooManyFactors);
}

#[test]
fn a_key_goes_pending_or_not() {
    given([started(1)])
        .when(Command::RemoveWebauthn(factor(1)))
        .records(&[removed(1)]);
    let done = given([started(1), verified(1, "a")]);
    done.when(Command::RemoveWebauthn(factor(1)))
        .records(&[removed(1)]);
    done.when(Command::RemoveWebauthn(factor(2)))
        .refuses(Refusal::WebauthnNotFound);
}

#[test]
fn a_link_is_used_once_and_a_new_one_replaces_it() {
    let issue = |id, secret| Command::IssueWebauthnLink {
        id: link(id),
        code: code(secret),
    };
    given([]).when(issue(5, 7)).records(&[link_issued(5, 7)]);
    let used = Event::WebauthnLinkUsed { id: link(5) };
    let open = given([link_issued(5, 7)]);
    open.when(start_by(1, entered(5, 7)))
        .records(&[used.clone(), started_there(1)]);
    open.when_at(LATER, start_by(1, entered(5, 7)))
        .refuses(Refusal::Code(Miss::Expired));
    given([link_issued(5, 7), used, started(1)])
        .when(start_by(2, entered(5, 7)))
        .refuses(Refusal::LinkUnknown);
    let replaced = given([link_issued(5, 7), link_issued(6, 8)]);
    replaced
        .when(start_by(1, entered(5, 7)))
        .refuses(Refusal::LinkUnknown);
    replaced
        .when(start_by(1, entered(6, 8)))
        .records(&[Event::WebauthnLinkUsed { id: link(6) }, started_there(1)]);
}

#[test]
fn three_wrong_codes_end_a_link() {
    let missed = || Event::WebauthnLinkCheckFailed { id: link(5) };
    given([link_issued(5, 7)])
        .when(start_by(1, entered(5, 8)))
        .refuses_recording(Refusal::Code(Miss::Wrong), &[missed()]);
    given([link_issued(5, 7), missed(), missed()])
        .when(start_by(1, entered(5, 7)))
        .records(&[Event::WebauthnLinkUsed { id: link(5) }, started_there(1)]);
    given([link_issued(5, 7), missed(), missed(), missed()])
        .when(start_by(1, entered(5, 7)))
        .refuses(Refusal::Code(Miss::Spent));
}

#[test]
fn a_full_list_leaves_the_link_unused() {
    let keys = (0..10).flat_map(|id| [started(id), verified(id, &id.to_string())]);
    given(keys.chain([link_issued(5, 7)]))
        .when(start_by(99, entered(5, 7)))
        .refuses(Refusal::TooManyFactors);
}

#[test]
fn only_who_has_the_link_hears_that_the_list_is_full() {
    let keys = (0..10).flat_map(|id| [started(id), verified(id, &id.to_string())]);
    let full = given(keys.chain([link_issued(5, 7)]));
    let missed = Event::WebauthnLinkCheckFailed { id: link(5) };
    full.when(start_by(99, entered(5, 8)))
        .refuses_recording(Refusal::Code(Miss::Wrong), &[missed]);
    full.when(start_by(99, entered(6, 7)))
        .refuses(Refusal::LinkUnknown);
    full.when_at(LATER, start_by(99, entered(5, 7)))
        .refuses(Refusal::Code(Miss::Expired));
}

#[test]
fn a_lock_or_deactivation_ends_registrations_and_links() {
    for end in [Event::UserLocked, Event::UserDeactivated] {
        let ended = given([started(1), link_issued(5, 7), end]);
        ended.when(verify(1, "a")).refuses(Refusal::Code(Miss::Expired));
        ended
            .when_at(EARLIER, verify(1, "a"))
            .refuses(Refusal::Code(Miss::Expired));
        ended
            .when(start_by(2, entered(5, 7)))
            .refuses(Refusal::Code(Miss::Expired));
        ended
            .when_at(EARLIER, start_by(2, entered(5, 7)))
            .refuses(Refusal::Code(Miss::Spent));
    }
}

#[test]
fn a_link_that_was_sent_ends_with_the_address_that_it_went_to() {
    let address = |text: &str| Destination::Email(EmailAddress::parse(text).unwrap());
    let channel = Channel::Email;
    let changed = |text: &str| Event::ContactChanged {
        channel,
        destination: Personal::Known(address(text)),
    };
    let set = |text: &str| Command::SetContact {
        destination: address(text),
        proof: Proof::Vouched,
    };
    let verified = || Event::ContactVerified { channel };
    let ended = || Event::WebauthnLinkEnded { id: link(1) };
    let waiting = given([changed("old@example.com"), verified(), link_issued(1, 7)]);
    waiting
        .when(set("new@example.com"))
        .records(&[ended(), changed("new@example.com"), verified()]);
    waiting
        .when(Command::RemoveContact(channel))
        .records(&[ended(), Event::ContactRemoved { channel }]);
    waiting.when(set("old@example.com")).records(&[]);
    let used = Event::WebauthnLinkUsed { id: link(1) };
    let begun = [link_issued(1, 7), used, started_there(2), started(3)];
    given([changed("old@example.com"), verified()].into_iter().chain(begun))
        .when(set("new@example.com"))
        .records(&[removed(2), changed("new@example.com"), verified()]);
    let answered = Event::WebauthnLinkIssued {
        id: link(1),
        code: IssuedCode {
            medium: Medium::Returned,
            ..code(7)
        },
    };
    let answered = given([changed("old@example.com"), verified(), answered]);
    answered
        .when(set("new@example.com"))
        .records(&[changed("new@example.com"), verified()]);
    answered
        .when(start_by(1, entered(1, 7)))
        .records(&[Event::WebauthnLinkUsed { id: link(1) }, started_by_link(1)]);
    let number = Destination::from_trusted(Channel::Sms, "+41791234567");
    given([link_issued(1, 7)])
        .when(Command::SetContact {
            destination: number.clone(),
            proof: Proof::Vouched,
        })
        .records(&[
            Event::ContactChanged {
                channel: Channel::Sms,
                destination: Personal::Known(number),
            },
            Event::ContactVerified {
                channel: Channel::Sms,
            },
        ]);
}

#[test]
fn what_is_over_is_forgotten_and_what_is_in_use_stays() {
    let kept = given([started(1), verified(1, "a"), started(2), link_issued(5, 7)]);
    kept.when(Command::ForgetStale).records(&[]);
    kept.when_at(LATER, Command::ForgetStale)
        .records(&[removed(2), Event::WebauthnLinkEnded { id: link(5) }]);
}

#[test]
fn names_are_trimmed_and_bounded() {
    assert_eq!(FactorName::parse("  my key ").unwrap().as_str(), "my key");
    assert!(FactorName::parse(&"k".repeat(200)).is_ok());
    for bad in ["", "  ", "a\nb", "a\u{7}", &"k".repeat(201)] {
        assert!(FactorName::parse(bad).is_err(), "{bad:?}");
    }
}
