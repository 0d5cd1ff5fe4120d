//! The rules of users, told as: given what happened, when somebody asks, then this is recorded and answered.

use serde_json::Map;

use super::{
    Channel, Command, Destination, EmailAddress, Event, ExternalUser, Kind, NameScope, NewPassword,
    PasswordAttempt, PasswordMeans, PasswordProof, PhoneNumber, Proof, Refusal, SchemaRef, SealedSecret,
    TotpAttempt, User, UserState, Username,
};
use crate::{
    access::{Role, Scope},
    base::{
        Aggregate, CodeId, Decision, FactorId, Forgettable, IdpId, OrgId, Personal, SchemaId, Span,
        Timestamp, TokenId, UsernameId,
    },
    code::{Attempt, Digest, GuessBudget, IssuedCode, Medium, Miss},
};

pub(super) const NOW: Timestamp = Timestamp(1_700_000_000_000_000);
const LATER: Timestamp = Timestamp(NOW.0 + Span::minutes(10).0);
/// What a clock shows that was set back.
pub(super) const EARLIER: Timestamp = Timestamp(NOW.0 - Span::hours(1).0);

pub(super) struct Given(pub(super) User);

pub(super) fn given(events: impl IntoIterator<Item = Event>) -> Given {
    let mut user = User::default();
    for event in std::iter::once(created()).chain(events) {
        user.evolve(&event, NOW);
    }
    Given(user)
}

impl Given {
    pub(super) fn when(&self, command: Command) -> Decision<Event, Refusal> {
        self.when_at(NOW, command)
    }

    pub(super) fn when_at(&self, now: Timestamp, command: Command) -> Decision<Event, Refusal> {
        self.0.decide(command, now)
    }
}

pub(super) trait Then {
    fn records(self, events: &[Event]);
    fn refuses(self, reason: Refusal);
    fn refuses_recording(self, reason: Refusal, events: &[Event]);
}

impl Then for Decision<Event, Refusal> {
    #[track_caller]
    fn records(self, events: &[Event]) {
        assert_eq!(
            self,
            Decision {
                events: events.to_vec(),
                answer: Ok(())
            }
        );
    }
    #[track_caller]
    fn refuses(self, reason: Refusal) {
        self.refuses_recording(reason, &[]);
    }
    #[track_caller]
    fn refuses_recording(self, reason: Refusal, events: &[Event]) {
        assert_eq!(
            self,
            Decision {
                events: events.to_vec(),
                answer: Err(reason)
            }
        );
    }
}

fn created() -> Event {
    Event::UserCreated {
        org: OrgId::from_trusted("1"),
        kind: Kind::Human,
        schema: None,
        data: Personal::Known(Map::new()),
    }
}

fn follows(revision: u32) -> SchemaRef {
    SchemaRef {
        id: SchemaId::from_trusted("5"),
        revision,
    }
}

#[test]
fn a_schema_is_followed_once_in_each_revision() {
    given([])
        .when(Command::Follow(follows(1)))
        .records(&[Event::SchemaFollowed { schema: follows(1) }]);
    let followed = [Event::SchemaFollowed { schema: follows(1) }];
    given(followed.clone())
        .when(Command::Follow(follows(1)))
        .records(&[]);
    given(followed)
        .when(Command::Follow(follows(2)))
        .records(&[Event::SchemaFollowed { schema: follows(2) }]);
}

fn phone(n: u8) -> Destination {
    Destination::Phone(PhoneNumber::from_trusted(&format!("+417912345{n:02}")))
}

fn email() -> Destination {
    Destination::Email(EmailAddress::from_trusted("ada@example.com"))
}

fn code(byte: u8) -> IssuedCode {
    IssuedCode {
        digest: Digest([byte; 32]),
        length: 6,
        expires: LATER,
        tries: 5,
        medium: Medium::Sent,
    }
}

fn enter(byte: u8) -> Attempt {
    Attempt {
        digest: Digest([byte; 32]),
        length: 6,
        budget: GuessBudget::default(),
    }
}

fn factor(n: u8) -> FactorId {
    FactorId::from_trusted(&n.to_string())
}

fn phone_set(n: u8) -> Event {
    Event::ContactChanged {
        channel: Channel::Sms,
        destination: Personal::Known(phone(n)),
    }
}

fn phone_code(byte: u8) -> Event {
    Event::ContactCodeIssued {
        channel: Channel::Sms,
        code: code(byte),
    }
}

fn phone_verified() -> Event {
    Event::ContactVerified {
        channel: Channel::Sms,
    }
}

fn otp_added(id: u8, n: u8) -> Event {
    Event::OtpAdded {
        id: factor(id),
        channel: Channel::Sms,
        destination: Personal::Known(phone(n)),
    }
}

fn otp_code(id: u8, byte: u8) -> Event {
    Event::OtpCodeIssued {
        id: factor(id),
        channel: Channel::Sms,
        code: code(byte),
    }
}

fn set_phone(n: u8, proof: Proof) -> Command {
    Command::SetContact {
        destination: phone(n),
        proof,
    }
}

fn add_otp(id: u8, n: u8, proof: Proof) -> Command {
    Command::AddOtp {
        id: factor(id),
        destination: phone(n),
        proof,
    }
}

fn verify_phone(byte: u8) -> Command {
    Command::VerifyContact {
        channel: Channel::Sms,
        attempt: enter(byte),
    }
}

fn verify_otp(id: u8, byte: u8) -> Command {
    Command::VerifyOtp {
        channel: Channel::Sms,
        id: factor(id),
        attempt: enter(byte),
    }
}

#[test]
fn nobody_is_created_twice_and_nothing_happens_to_nobody() {
    let create = || Command::Create {
        org: OrgId::from_trusted("1"),
        kind: Kind::Human,
        schema: None,
        data: Map::new(),
    };
    given([]).when(create()).refuses(Refusal::AlreadyExists);
    let nobody = Given(User::default());
    nobody.when(create()).records(&[created()]);
    nobody.when(Command::Lock).refuses(Refusal::NotFound);
    given([Event::UserDeleted])
        .when(Command::Delete)
        .refuses(Refusal::NotFound);
}

#[test]
fn lock_and_activity_are_two_facts_and_one_reported_state() {
    given([]).when(Command::Activate).refuses(Refusal::NotInactive);
    given([])
        .when(Command::Deactivate)
        .records(&[Event::UserDeactivated]);
    let both = given([Event::UserDeactivated, Event::UserLocked]);
    assert_eq!(both.0.person().unwrap().state(), UserState::Locked);
    both.when(Command::Deactivate).refuses(Refusal::NotActive);
    both.when(Command::Lock).refuses(Refusal::AlreadyLocked);
    both.when(Command::Activate).records(&[Event::UserActivated]);
    both.when(Command::Unlock).records(&[Event::UserUnlocked]);
    given([]).when(Command::Unlock).refuses(Refusal::NotLocked);
}

#[test]
fn a_lock_or_deactivation_ends_the_codes_that_wait() {
    for end in [Event::UserLocked, Event::UserDeactivated] {
        let ended = given([phone_set(1), phone_code(7), otp_added(1, 1), otp_code(1, 7), end]);
        ended.when(verify_phone(7)).refuses(Refusal::Code(Miss::Expired));
        ended.when(verify_otp(1, 7)).refuses(Refusal::Code(Miss::Expired));
        let again = Command::ResendContact {
            channel: Channel::Sms,
            code: code(8),
            only_pending: true,
        };
        ended.when(again).records(&[phone_code(8)]);
        ended
            .when_at(EARLIER, verify_phone(7))
            .refuses(Refusal::Code(Miss::Spent));
        ended
            .when_at(EARLIER, verify_otp(1, 7))
            .refuses(Refusal::Code(Miss::Spent));
    }
}

#[test]
fn a_code_of_any_kind_is_awaited_until_it_is_dead() {
    let waiting = [
        phone_set(1),
        phone_code(1),
        otp_added(1, 2),
        otp_code(1, 2),
        Event::PasswordResetIssued {
            code: code(3),
            via: Some(Channel::Sms),
        },
        Event::WebauthnLinkIssued {
            id: CodeId::from_trusted("link"),
            code: code(4),
        },
    ];
    let awaits = |more: Vec<Event>, byte, now| {
        let user = given(waiting.iter().cloned().chain(more)).0;
        user.person().unwrap().awaits(&Digest([byte; 32]), now)
    };
    let ends = [
        (1, phone_verified()),
        (1, phone_set(3)),
        (1, phone_code(9)),
        (
            2,
            Event::OtpRemoved {
                id: factor(1),
                channel: Channel::Sms,
            },
        ),
        (3, phone_set(3)),
        (
            4,
            Event::WebauthnLinkEnded {
                id: CodeId::from_trusted("link"),
            },
        ),
        (4, Event::UserLocked),
    ];
    for (byte, end) in ends {
        assert!(awaits(Vec::new(), byte, NOW), "{byte}");
        assert!(!awaits(Vec::new(), byte, LATER), "{byte}");
        assert!(!awaits(vec![end.clone()], byte, NOW), "{end:?}");
        assert!(!awaits(vec![end.clone()], byte, EARLIER), "{end:?}");
    }
    let missed = vec![
        Event::ContactCheckFailed {
            channel: Channel::Sms
        };
        5
    ];
    assert!(!awaits(missed, 1, NOW));
    assert!(!awaits(Vec::new(), 5, NOW), "nobody has it");
}

#[test]
fn equal_data_changes_nothing() {
    let data = || serde_json::json!({"a": 1}).as_object().unwrap().clone();
    given([])
        .when(Command::SetData(data()))
        .records(&[Event::DataChanged {
            data: Personal::Known(data()),
        }]);
    given([Event::DataChanged {
        data: Personal::Known(data()),
    }])
    .when(Command::SetData(data()))
    .records(&[]);
}

/// Data whose JSON text has so many bytes.
fn data_of(bytes: usize) -> Map<String, serde_json::Value> {
    let text = "x".repeat(bytes - r#"{"a":""}"#.len());
    Map::from_iter([("a".to_owned(), text.into())])
}

#[test]
fn data_have_an_end() {
    const MOST: usize = 64 * 1024;
    let create = |bytes| Command::Create {
        org: OrgId::from_trusted("org"),
        kind: Kind::Human,
        schema: None,
        data: data_of(bytes),
    };
    let set = |bytes| Command::SetData(data_of(bytes));
    let nobody = Given(User::Absent);
    assert!(nobody.when(create(MOST)).answer.is_ok());
    nobody.when(create(MOST + 1)).refuses(Refusal::DataTooLong);
    let small = given([]);
    assert!(small.when(set(MOST)).answer.is_ok());
    small.when(set(MOST + 1)).refuses(Refusal::DataTooLong);
    let large = given([Event::DataChanged {
        data: Personal::Known(data_of(3 * MOST)),
    }]);
    large.when(set(3 * MOST)).records(&[]);
    assert!(
        large.when(set(2 * MOST)).answer.is_ok(),
        "what is too long may shrink"
    );
    large.when(set(3 * MOST + 1)).refuses(Refusal::DataTooLong);
    assert!(large.when(Command::Deactivate).answer.is_ok());
}

#[test]
fn a_new_phone_gets_a_code_and_a_vouched_one_is_verified() {
    given([])
        .when(set_phone(1, Proof::Code(code(7))))
        .records(&[phone_set(1), phone_code(7)]);
    given([])
        .when(set_phone(1, Proof::Vouched))
        .records(&[phone_set(1), phone_verified()]);
}

#[test]
fn setting_the_same_phone_does_nothing_once_verified_and_renews_before() {
    let verified = given([phone_set(1), phone_verified()]);
    verified.when(set_phone(1, Proof::Code(code(7)))).records(&[]);
    let pending = given([phone_set(1), phone_code(7)]);
    pending
        .when(set_phone(1, Proof::Code(code(8))))
        .records(&[phone_code(8)]);
    pending
        .when(set_phone(1, Proof::Vouched))
        .records(&[phone_verified()]);
}

#[test]
fn an_address_that_is_spelt_otherwise_is_shown_as_it_was_proven() {
    let address = |text: &str| Destination::Email(EmailAddress::from_trusted(text));
    let channel = Channel::Email;
    let changed = |text: &str| Event::ContactChanged {
        channel,
        destination: Personal::Known(address(text)),
    };
    let set = |text: &str, proof: Proof| Command::SetContact {
        destination: address(text),
        proof,
    };
    let issued = |byte| Event::ContactCodeIssued {
        channel,
        code: code(byte),
    };
    let verified = || Event::ContactVerified { channel };
    let pending = given([changed("Ada@example.com"), issued(1)]);
    pending
        .when(set("ada@example.com", Proof::Code(code(2))))
        .records(&[changed("ada@example.com"), issued(2)]);
    let proven = given([changed("Ada@example.com"), verified()]);
    proven
        .when(set("ada@example.com", Proof::Code(code(2))))
        .records(&[]);
    proven
        .when(set("ada@example.com", Proof::Vouched))
        .records(&[changed("ada@example.com"), verified()]);
}

#[test]
fn a_changed_phone_is_unverified_and_its_old_code_is_dead() {
    let changed = given([
        phone_set(1),
        phone_code(7),
        phone_verified(),
        phone_set(2),
        phone_code(8),
    ]);
    changed.when(verify_phone(8)).records(&[phone_verified()]);
    changed.when(verify_phone(7)).refuses_recording(
        Refusal::Code(Miss::Wrong),
        &[Event::ContactCheckFailed {
            channel: Channel::Sms,
        }],
    );
}

#[test]
fn the_phone_is_verified_by_its_code_in_time_only() {
    let pending = given([phone_set(1), phone_code(7)]);
    pending.when(verify_phone(7)).records(&[phone_verified()]);
    pending
        .when_at(LATER, verify_phone(7))
        .refuses(Refusal::Code(Miss::Expired));
    given([]).when(verify_phone(7)).refuses(Refusal::NoCode);
    given([phone_set(1), phone_verified()])
        .when(verify_phone(9))
        .records(&[]);
}

#[test]
fn after_five_wrong_tries_the_right_code_is_refused() {
    let failed = || Event::ContactCheckFailed {
        channel: Channel::Sms,
    };
    let tried = given([
        phone_set(1),
        phone_code(7),
        failed(),
        failed(),
        failed(),
        failed(),
        failed(),
    ]);
    tried.when(verify_phone(7)).refuses(Refusal::Code(Miss::Spent));
}

#[test]
fn resend_needs_something_to_verify() {
    let resend = |only_pending| Command::ResendContact {
        channel: Channel::Sms,
        code: code(9),
        only_pending,
    };
    given([phone_set(1), phone_code(7)])
        .when(resend(true))
        .records(&[phone_code(9)]);
    given([]).when(resend(true)).refuses(Refusal::NoCode);
    given([])
        .when(resend(false))
        .refuses(Refusal::ContactMissing(Channel::Sms));
    given([phone_set(1), phone_verified()])
        .when(resend(true))
        .refuses(Refusal::NoCode);
    given([phone_set(1), phone_verified()])
        .when(resend(false))
        .refuses(Refusal::ContactVerified(Channel::Sms));
}

#[test]
fn a_factor_has_a_destination_of_its_own() {
    given([])
        .when(add_otp(1, 1, Proof::Code(code(7))))
        .records(&[otp_added(1, 1), otp_code(1, 7)]);
    given([])
        .when(add_otp(1, 1, Proof::Vouched))
        .records(&[otp_added(1, 1)]);
    let with_contact = given([phone_set(1), phone_verified()]);
    with_contact
        .when(add_otp(1, 1, Proof::Vouched))
        .records(&[otp_added(1, 1)]);
}

#[test]
fn adding_a_pending_number_again_is_the_resend() {
    let pending = given([otp_added(1, 1), otp_code(1, 7)]);
    pending
        .when(add_otp(2, 1, Proof::Code(code(8))))
        .records(&[otp_code(1, 8)]);
    pending
        .when(add_otp(2, 1, Proof::Vouched))
        .records(&[Event::OtpVerified {
            id: factor(1),
            channel: Channel::Sms,
        }]);
}

#[test]
fn a_verified_number_is_not_added_again() {
    given([otp_added(1, 1)])
        .when(add_otp(2, 1, Proof::Vouched))
        .refuses(Refusal::FactorExists(Channel::Sms));
    let bound = given([
        phone_set(1),
        phone_verified(),
        Event::OtpBound {
            id: factor(1),
            channel: Channel::Sms,
        },
    ]);
    bound
        .when(add_otp(2, 1, Proof::Vouched))
        .refuses(Refusal::FactorExists(Channel::Sms));
}

#[test]
fn ten_factors_of_a_kind_are_enough() {
    let full = given((0..10).map(|n| otp_added(n, n)));
    full.when(add_otp(11, 11, Proof::Vouched))
        .refuses(Refusal::TooManyFactors);
    let mail = Command::AddOtp {
        id: factor(12),
        destination: email(),
        proof: Proof::Vouched,
    };
    assert!(full.when(mail).answer.is_ok());
    let own = (0..10).map(|n| otp_added(n, n));
    let bind = Command::AddBoundOtp {
        id: factor(13),
        channel: Channel::Sms,
    };
    given([phone_set(11), phone_verified()].into_iter().chain(own))
        .when(bind)
        .refuses(Refusal::TooManyFactors);
}

#[test]
fn a_registration_code_proves_once() {
    let pending = given([otp_added(1, 1), otp_code(1, 7)]);
    let verified = Event::OtpVerified {
        id: factor(1),
        channel: Channel::Sms,
    };
    pending
        .when(verify_otp(1, 7))
        .records(std::slice::from_ref(&verified));
    pending
        .when(verify_otp(2, 7))
        .refuses(Refusal::FactorNotFound(Channel::Sms));
    pending.when(verify_otp(1, 8)).refuses_recording(
        Refusal::Code(Miss::Wrong),
        &[Event::OtpCheckFailed {
            id: factor(1),
            channel: Channel::Sms,
        }],
    );
    given([otp_added(1, 1), otp_code(1, 7), verified])
        .when(verify_otp(1, 7))
        .refuses(Refusal::NoCode);
}

#[test]
fn the_factor_of_the_other_channel_is_not_found() {
    let command = Command::RemoveOtp {
        channel: Channel::Email,
        id: factor(1),
    };
    given([otp_added(1, 1)])
        .when(command)
        .refuses(Refusal::FactorNotFound(Channel::Email));
}

#[test]
fn a_bound_factor_needs_a_verified_contact_and_goes_with_it() {
    let bind = |id| Command::AddBoundOtp {
        id: factor(id),
        channel: Channel::Sms,
    };
    given([])
        .when(bind(1))
        .refuses(Refusal::ContactUnverified(Channel::Sms));
    given([phone_set(1), phone_code(7)])
        .when(bind(1))
        .refuses(Refusal::ContactUnverified(Channel::Sms));
    let ready = [phone_set(1), phone_verified()];
    let bound = Event::OtpBound {
        id: factor(1),
        channel: Channel::Sms,
    };
    given(ready.clone())
        .when(bind(1))
        .records(std::slice::from_ref(&bound));
    let given = given(ready.into_iter().chain([bound]));
    given.when(bind(2)).refuses(Refusal::FactorExists(Channel::Sms));
    let removed = Event::OtpRemoved {
        id: factor(1),
        channel: Channel::Sms,
    };
    given
        .when(Command::RemoveBoundOtp(Channel::Sms))
        .records(std::slice::from_ref(&removed));
    given.when(Command::RemoveContact(Channel::Sms)).records(&[
        removed,
        Event::ContactRemoved {
            channel: Channel::Sms,
        },
    ]);
}

#[test]
fn stale_registrations_are_forgotten_a_day_after_their_code() {
    let pending = given([otp_added(1, 1), otp_code(1, 7), otp_added(2, 2)]);
    let day_later = LATER + Span::hours(24);
    pending
        .when_at(Timestamp(day_later.0 - 1), Command::ForgetStale)
        .records(&[]);
    pending
        .when_at(day_later, Command::ForgetStale)
        .records(&[Event::OtpRemoved {
            id: factor(1),
            channel: Channel::Sms,
        }]);
}

#[test]
fn roles_are_a_set_per_scope() {
    let set = |roles: &[Role]| Command::SetRoles {
        scope: Scope::Instance,
        roles: roles.to_vec(),
    };
    let changed = Event::RolesChanged {
        scope: Scope::Instance,
        roles: vec![Role::IamOwner],
    };
    given([])
        .when(set(&[Role::IamOwner, Role::IamOwner]))
        .records(std::slice::from_ref(&changed));
    given([changed]).when(set(&[Role::IamOwner])).records(&[]);
}

#[test]
fn a_token_ends_and_there_are_not_too_many() {
    let add = |expires, existing| Command::AddToken {
        id: TokenId::from_trusted("1"),
        digest: Digest([1; 32]),
        expires,
        existing,
    };
    given([]).when(add(NOW, 0)).refuses(Refusal::ExpiryPast);
    given([]).when(add(LATER, 100)).refuses(Refusal::TooManyTokens);
    assert!(given([]).when(add(LATER, 99)).answer.is_ok());
}

fn totp_started(id: u8) -> Event {
    Event::TotpStarted {
        id: factor(id),
        secret: Personal::Known(SealedSecret::new("sealed")),
        expires: LATER,
    }
}

fn start_totp(id: u8) -> Command {
    Command::StartTotp {
        id: factor(id),
        secret: SealedSecret::new("sealed"),
        expires: LATER,
    }
}

fn verify_totp(id: u8, steps: &[u64]) -> Command {
    Command::VerifyTotp {
        id: factor(id),
        attempt: TotpAttempt {
            well_formed: true,
            steps: steps.to_vec(),
            budget: GuessBudget::default(),
        },
    }
}

fn totp_verified(id: u8, step: u64) -> Event {
    Event::TotpVerified { id: factor(id), step }
}

#[test]
fn a_totp_registration_is_completed_once_and_remembers_its_step() {
    given([]).when(start_totp(1)).records(&[totp_started(1)]);
    let pending = given([totp_started(1)]);
    pending
        .when(verify_totp(1, &[41, 42]))
        .records(&[totp_verified(1, 41)]);
    pending.when(verify_totp(2, &[41])).refuses(Refusal::TotpNotFound);
    pending
        .when_at(LATER, verify_totp(1, &[41]))
        .refuses(Refusal::Code(Miss::Expired));
    let verified = given([totp_started(1), totp_verified(1, 41)]);
    verified
        .when(verify_totp(1, &[42]))
        .refuses(Refusal::TotpVerified);
    let person = verified.0.person().unwrap();
    assert_eq!(
        person.totps[0].proof,
        super::TotpProof::Verified { last_step: 41 }
    );
}

#[test]
fn a_wrong_totp_code_is_recorded_and_a_full_budget_rests() {
    let pending = given([totp_started(1)]);
    pending.when(verify_totp(1, &[])).refuses_recording(
        Refusal::Code(Miss::Wrong),
        &[Event::TotpCheckFailed { id: factor(1) }],
    );
    let attempt = |well_formed, failures| Command::VerifyTotp {
        id: factor(1),
        attempt: TotpAttempt {
            well_formed,
            steps: vec![41],
            budget: GuessBudget { since: NOW, failures },
        },
    };
    pending
        .when(attempt(false, 0))
        .refuses(Refusal::Code(Miss::Malformed));
    pending
        .when(attempt(true, 50))
        .refuses(Refusal::Code(Miss::Resting(NOW + Span::hours(24))));
    pending.when(attempt(true, 49)).records(&[totp_verified(1, 41)]);
}

#[test]
fn ten_totp_factors_are_enough_and_dead_registrations_make_room() {
    let full = given((0..10).map(totp_started));
    full.when(start_totp(11)).refuses(Refusal::TooManyFactors);
    let removed: Vec<Event> = (0..10).map(|id| Event::TotpRemoved { id: factor(id) }).collect();
    full.when_at(LATER, Command::ForgetStale).records(&removed);
    let started = [removed, vec![totp_started(11)]].concat();
    full.when_at(LATER, start_totp(11)).records(&started);
    let verified = given([totp_started(1), totp_verified(1, 41)]);
    verified.when_at(LATER, Command::ForgetStale).records(&[]);
    verified
        .when(Command::RemoveTotp(factor(1)))
        .records(&[Event::TotpRemoved { id: factor(1) }]);
    verified
        .when(Command::RemoveTotp(factor(2)))
        .refuses(Refusal::TotpNotFound);
}

#[test]
fn a_lock_or_deactivation_ends_a_totp_registration() {
    for end in [Event::UserLocked, Event::UserDeactivated] {
        let ended = given([totp_started(1), end]);
        for now in [NOW, EARLIER] {
            ended
                .when_at(now, verify_totp(1, &[41]))
                .refuses(Refusal::Code(Miss::Expired));
        }
    }
}

fn named(id: u8, name: &str, scope: NameScope) -> Event {
    Event::UsernameAdded {
        id: UsernameId::from_trusted(&id.to_string()),
        scope,
        name: Personal::Known(Username::parse(name).unwrap()),
    }
}

fn add_name(id: u8, name: &str, scope: NameScope) -> Command {
    Command::AddUsername {
        id: UsernameId::from_trusted(&id.to_string()),
        name: Username::parse(name).unwrap(),
        scope,
    }
}

#[test]
fn a_user_has_several_names_and_none_twice() {
    use NameScope::{Instance, Org};
    given([])
        .when(add_name(1, "Ada", Instance))
        .records(&[named(1, "Ada", Instance)]);
    let ada = given([named(1, "Ada", Instance)]);
    ada.when(add_name(2, "ADA", Instance))
        .refuses(Refusal::UsernameTaken);
    ada.when(add_name(2, "ada", Org)).records(&[named(2, "ada", Org)]);
    let full = given((0..10).map(|n| named(n, &format!("ada{n}"), Org)));
    full.when(add_name(11, "ada11", Org))
        .refuses(Refusal::TooManyUsernames);
}

#[test]
fn a_removed_name_can_be_had_again() {
    let id = || UsernameId::from_trusted("1");
    let ada = named(1, "Ada", NameScope::Instance);
    let gone = Event::UsernameRemoved { id: id() };
    given([ada.clone()])
        .when(Command::RemoveUsername(id()))
        .records(std::slice::from_ref(&gone));
    let removed = given([ada, gone]);
    removed
        .when(Command::RemoveUsername(id()))
        .refuses(Refusal::UsernameNotFound);
    removed
        .when(add_name(2, "ada", NameScope::Instance))
        .records(&[named(2, "ada", NameScope::Instance)]);
}

fn provider(id: u8) -> IdpId {
    IdpId::from_trusted(&id.to_string())
}

fn linked(id: u8, idp: u8, user: &str) -> Event {
    Event::IdpLinkAdded {
        id: factor(id),
        idp: provider(idp),
        user: Personal::Known(ExternalUser::parse(user, "Ada").unwrap()),
    }
}

fn add_link(id: u8, idp: u8, user: &str) -> Command {
    Command::AddIdpLink {
        id: factor(id),
        idp: provider(idp),
        user: ExternalUser::parse(user, "Ada").unwrap(),
    }
}

#[test]
fn a_user_has_accounts_at_several_providers_and_none_twice() {
    given([])
        .when(add_link(1, 1, "ada"))
        .records(&[linked(1, 1, "ada")]);
    let ada = given([linked(1, 1, "ada")]);
    ada.when(add_link(2, 1, "ada")).refuses(Refusal::IdpLinkExists);
    ada.when(add_link(2, 1, "ADA")).records(&[linked(2, 1, "ADA")]);
    ada.when(add_link(2, 2, "ada")).records(&[linked(2, 2, "ada")]);
    let full = given((0..10).map(|n| linked(n, n, "ada")));
    full.when(add_link(11, 11, "ada"))
        .refuses(Refusal::TooManyFactors);
}

#[test]
fn all_accounts_at_a_provider_go_together() {
    let three = [linked(1, 1, "ada"), linked(2, 2, "ada"), linked(3, 1, "bea")];
    let gone = [1, 3].map(|id| Event::IdpLinkRemoved { id: factor(id) });
    let before = given(three.clone());
    before.when(Command::RemoveIdpLinks(provider(1))).records(&gone);
    let after = given(three.into_iter().chain(gone));
    after
        .when(Command::RemoveIdpLinks(provider(1)))
        .refuses(Refusal::IdpLinkNotFound);
    after.when(add_link(4, 1, "ada")).records(&[linked(4, 1, "ada")]);
}

fn sealed(n: u8) -> SealedSecret {
    SealedSecret::new(&format!("sealed {n}"))
}

fn password_set(n: u8, means: PasswordMeans) -> Event {
    Event::PasswordSet {
        hash: Personal::Known(sealed(n)),
        change_required: false,
        means,
    }
}

fn rehashed(n: u8) -> Event {
    Event::PasswordRehashed {
        hash: Personal::Known(sealed(n)),
    }
}

fn reset_issued(byte: u8, via: Option<Channel>) -> Event {
    Event::PasswordResetIssued {
        code: code(byte),
        via,
    }
}

fn set_password(n: u8, proof: PasswordProof) -> Command {
    Command::SetPassword {
        new: NewPassword {
            hash: sealed(n),
            change_required: false,
        },
        proof,
    }
}

/// Somebody's entry, compared with the hash `against`.
fn entered(against: u8, matched: bool) -> PasswordAttempt {
    PasswordAttempt {
        against: Some(sealed(against)),
        matched,
        budget: GuessBudget::default(),
    }
}

fn spent() -> GuessBudget {
    GuessBudget {
        since: NOW,
        failures: GuessBudget::LIMIT,
    }
}

#[test]
fn a_role_sets_a_password_and_its_owner_replaces_it() {
    given([])
        .when(set_password(1, PasswordProof::Role))
        .records(&[password_set(1, PasswordMeans::Role)]);
    let has_one = given([password_set(1, PasswordMeans::Role)]);
    has_one
        .when(set_password(2, PasswordProof::Current(entered(1, true))))
        .records(&[password_set(2, PasswordMeans::Current)]);
    given([])
        .when(set_password(2, PasswordProof::Current(entered(1, true))))
        .refuses(Refusal::PasswordNotSet);
    let password = has_one.0.person().unwrap().password.clone().unwrap();
    assert_eq!((password.hash, password.changed), (sealed(1), NOW));
}

#[test]
fn a_wrong_password_is_recorded_and_a_full_budget_rests_even_the_right_one() {
    let has_one = given([password_set(1, PasswordMeans::Role)]);
    let wrong = PasswordProof::Current(entered(1, false));
    has_one
        .when(set_password(2, wrong))
        .refuses_recording(Refusal::PasswordWrong, &[Event::PasswordCheckFailed]);
    for matched in [true, false] {
        let attempt = PasswordAttempt {
            budget: spent(),
            ..entered(1, matched)
        };
        let until = Refusal::PasswordResting(NOW + GuessBudget::WINDOW);
        has_one
            .when(set_password(2, PasswordProof::Current(attempt.clone())))
            .refuses(until);
        let check = Command::CheckPassword {
            attempt,
            rehashed: None,
        };
        has_one.when(check).refuses(until);
    }
}

#[test]
fn a_comparison_with_a_replaced_password_says_nothing() {
    let replaced = given([
        password_set(1, PasswordMeans::Role),
        password_set(2, PasswordMeans::Role),
    ]);
    for matched in [true, false] {
        replaced
            .when(set_password(3, PasswordProof::Current(entered(1, matched))))
            .refuses(Refusal::PasswordMoved);
    }
}

#[test]
fn a_check_changes_nothing_but_an_old_hash() {
    let has_one = given([password_set(1, PasswordMeans::Role)]);
    let check = |matched, rehashed| Command::CheckPassword {
        attempt: entered(1, matched),
        rehashed,
    };
    has_one.when(check(true, None)).records(&[]);
    has_one.when(check(true, Some(sealed(2)))).records(&[rehashed(2)]);
    has_one
        .when(check(false, Some(sealed(2))))
        .refuses_recording(Refusal::PasswordWrong, &[Event::PasswordCheckFailed]);
    let mut user = has_one.0;
    user.evolve(&rehashed(2), LATER);
    let password = user.person().unwrap().password.clone().unwrap();
    assert_eq!((password.hash, password.changed), (sealed(2), NOW));
}

#[test]
fn the_code_of_a_reset_sets_a_password_once() {
    let waiting = given([reset_issued(7, None)]);
    let by = |byte| set_password(1, PasswordProof::Code(enter(byte)));
    waiting
        .when(by(7))
        .records(&[password_set(1, PasswordMeans::Code)]);
    waiting
        .when_at(LATER, by(7))
        .refuses(Refusal::Code(Miss::Expired));
    waiting
        .when(by(8))
        .refuses_recording(Refusal::Code(Miss::Wrong), &[Event::PasswordResetCheckFailed]);
    given([]).when(by(7)).refuses(Refusal::NoCode);
    given([reset_issued(7, None), password_set(2, PasswordMeans::Role)])
        .when(by(7))
        .refuses(Refusal::NoCode);
    let tried = (0..5).map(|_| Event::PasswordResetCheckFailed);
    given([reset_issued(7, None)].into_iter().chain(tried))
        .when(by(7))
        .refuses(Refusal::Code(Miss::Spent));
}

#[test]
fn a_reset_is_sent_to_a_verified_contact_only_and_dies_with_it() {
    let reset = || Command::ResetPassword {
        code: code(7),
        via: Some(Channel::Sms),
    };
    let unverified = Refusal::ContactUnverified(Channel::Sms);
    given([]).when(reset()).refuses(unverified);
    given([phone_set(1), phone_code(7)])
        .when(reset())
        .refuses(unverified);
    let issued = || reset_issued(7, Some(Channel::Sms));
    given([phone_set(1), phone_verified()])
        .when(reset())
        .records(&[issued()]);
    let by_code = || set_password(1, PasswordProof::Code(enter(7)));
    for end in [
        phone_set(2),
        Event::ContactRemoved {
            channel: Channel::Sms,
        },
        Event::UserLocked,
        Event::UserDeactivated,
    ] {
        given([phone_set(1), phone_verified(), issued(), end])
            .when(by_code())
            .refuses(Refusal::Code(Miss::Expired));
    }
    let elsewhere = Event::ContactChanged {
        channel: Channel::Email,
        destination: Personal::Known(email()),
    };
    given([phone_set(1), phone_verified(), issued(), elsewhere])
        .when(by_code())
        .records(&[password_set(1, PasswordMeans::Code)]);
}

#[test]
fn events_are_frozen_and_hold_nothing_personal() {
    let id = || factor(9);
    let link = || CodeId::from_trusted("9");
    let channel = Channel::Sms;
    let all = [
        created(),
        Event::DataChanged {
            data: Personal::Known(Map::new()),
        },
        Event::UserCreated {
            org: OrgId::from_trusted("1"),
            kind: Kind::Human,
            schema: Some(follows(1)),
            data: Personal::Known(Map::new()),
        },
        Event::SchemaFollowed { schema: follows(2) },
        Event::UserDeactivated,
        Event::UserActivated,
        Event::UserLocked,
        Event::UserUnlocked,
        Event::UserDeleted,
        Event::RolesChanged {
            scope: Scope::Org(OrgId::from_trusted("1")),
            roles: vec![Role::OrgOwner],
        },
        phone_set(1),
        phone_code(7),
        Event::ContactCheckFailed { channel },
        phone_verified(),
        Event::ContactRemoved { channel },
        otp_added(9, 1),
        Event::OtpBound {
            id: id(),
            channel: Channel::Email,
        },
        otp_code(9, 7),
        Event::OtpCheckFailed { id: id(), channel },
        Event::OtpVerified { id: id(), channel },
        Event::OtpRemoved { id: id(), channel },
        Event::TokenAdded {
            id: TokenId::from_trusted("1"),
            digest: Digest([1; 32]),
            expires: NOW,
        },
        Event::TokenRemoved {
            id: TokenId::from_trusted("1"),
        },
        totp_started(9),
        Event::TotpCheckFailed { id: id() },
        totp_verified(9, 56_666_666),
        Event::TotpRemoved { id: id() },
        named(9, "Ada", NameScope::Org),
        Event::UsernameRemoved {
            id: UsernameId::from_trusted("9"),
        },
        linked(9, 3, "Ada"),
        Event::IdpLinkRemoved { id: id() },
        super::webauthn::tests::link_issued(9, 7),
        Event::WebauthnLinkCheckFailed { id: link() },
        Event::WebauthnLinkUsed { id: link() },
        Event::WebauthnLinkEnded { id: link() },
        super::webauthn::tests::started(9),
        super::webauthn::tests::started_by_link(9),
        super::webauthn::tests::started_there(9),
        super::webauthn::tests::verified(9, "credential"),
        Event::WebauthnRemoved { id: id() },
        password_set(1, PasswordMeans::Role),
        Event::PasswordSet {
            hash: Personal::Known(SealedSecret::new("sealed")),
            change_required: true,
            means: PasswordMeans::Current,
        },
        password_set(1, PasswordMeans::Code),
        rehashed(2),
        Event::PasswordCheckFailed,
        reset_issued(7, Some(Channel::Sms)),
        reset_issued(7, Some(Channel::Email)),
        reset_issued(7, None),
        Event::PasswordResetCheckFailed,
    ];
    let golden = include_str!("golden.jsonl");
    let lines: Vec<&str> = golden.lines().collect();
    let written: Vec<String> = all.iter().map(|e| serde_json::to_string(e).unwrap()).collect();
    assert_eq!(
        written, lines,
        "a released event never changes; add a variant instead"
    );
    for (event, line) in all.iter().zip(lines) {
        let mut read: Event = serde_json::from_str(line).unwrap();
        assert!(line.contains(&format!("\"type\":\"{}\"", event.name())));
        assert!(!line.contains("+41") && !line.contains("Ada") && !line.contains("sealed"));
        assert!(!line.contains("Key of") && !line.contains("nonce"));
        if let Some(personal) = event.personal() {
            read.restore(&personal);
            assert_eq!(&read, event);
        }
    }
}
