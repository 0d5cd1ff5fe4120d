//! Reading: at once after the write, in one consistent view, and the same as a fold of the log.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use domain::{
    access::{Role, Scope},
    base::{Aggregate, CodeId, FactorId, IdpId, OrgId, Personal, Span, Timestamp, TokenId, UserId, UsernameId},
    code::{Digest, GuessBudget},
    user::{
        Challenge, Channel, Command, Credential, Destination, EmailAddress, Event, ExternalUser, FactorName, LinkAttempt,
        NameScope, NamedCredential, NewPassword, NewWebauthn, PasswordAttempt, PasswordProof, Proof, PublicKey, SealedSecret, TotpAttempt, User, Username,
    },
};
use store::{
    Filter, Head, Page, Param, Statement, Store, Stored,
    read::{token_search, user_search::Visible},
};
use testkit::SeededEntropy;

use super::backend;
use crate::given::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_reads_after_a_write_sees_it() {
    let database = backend().await;
    let tasks: Vec<_> = (0..32)
        .map(|writer| {
            let store = database.store.clone();
            tokio::spawn(async move {
                for n in 0..100 {
                    let id = user(writer * 1000 + n);
                    let head = decide(&store, &id, create()).await.unwrap();
                    let reader = store.clone();
                    let read = tokio::spawn(async move { load(&reader, &id).await });
                    let (seen, state) = read.await.unwrap();
                    assert_eq!(seen, head);
                    assert!(state.person().is_some());
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(number(&database.store, "SELECT count(*) FROM event").await, 3200);
}

async fn glanced(store: &Store, id: &UserId) -> Head {
    let mut glance = store.glance().unwrap();
    User::load(&mut glance, &instance(), id).await.unwrap().0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_glance_after_a_write_sees_it_whoever_else_looks() {
    let database = backend().await;
    let ids = users(&database.store, 8).await;
    let over = Arc::new(AtomicBool::new(false));
    let lookers: Vec<_> = (0..4)
        .map(|_| {
            let (store, ids, over) = (database.store.clone(), ids.clone(), Arc::clone(&over));
            tokio::spawn(async move {
                while !over.load(Relaxed) {
                    for id in &ids {
                        glanced(&store, id).await;
                    }
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    let writers = ids.into_iter().map(|id| {
        let store = database.store.clone();
        tokio::spawn(async move {
            for n in 0..100 {
                let command = Command::SetData(data(&n.to_string()));
                let head = decide(&store, &id, command).await.unwrap();
                assert_eq!(glanced(&store, &id).await, head);
            }
            decide(&store, &id, Command::Delete).await.unwrap();
            let mut glance = store.glance().unwrap();
            let gone = User::load(&mut glance, &instance(), &id).await.unwrap().1;
            assert!(gone.person().is_none());
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    over.store(true, Relaxed);
    for looker in lookers {
        looker.await.unwrap();
    }
}

async fn amount(snapshot: &mut store::Snapshot, name: &str) -> i64 {
    let sql = "SELECT failures FROM guess_budget WHERE user_id = $1";
    snapshot.first(sql, &[Param::from(name)], |row| row.int(0)).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_queries_of_a_snapshot_see_the_same_moment() {
    let database = backend().await;
    let store = &database.store;
    let (instance, subject) = (instance(), [1u8; 32]);
    for (name, failures) in [("a", 1_000_000), ("b", 1_000_000)] {
        let budget = domain::code::GuessBudget { since: NOW, failures };
        let row = store::budget::keep_guesses(&instance, &UserId::from_trusted(name), &subject, budget);
        store.write("test", &instance, Vec::new(), vec![row]).await.unwrap();
    }
    let over = Arc::new(AtomicBool::new(false));
    let writer = {
        let (store, instance, over) = (store.clone(), instance.clone(), Arc::clone(&over));
        tokio::spawn(async move {
            while !over.load(Relaxed) {
                let rows = vec![
                    Statement::new("UPDATE guess_budget SET failures = failures - 1 WHERE user_id = $1", ["a".into()]),
                    Statement::new("UPDATE guess_budget SET failures = failures + 1 WHERE user_id = $1", ["b".into()]),
                ];
                store.write("test", &instance, Vec::new(), rows).await.unwrap();
            }
        })
    };
    let mut moments = BTreeSet::new();
    while moments.len() < 20 {
        assert!(!writer.is_finished(), "the writer failed");
        let mut snapshot = store.snapshot().await.unwrap();
        let a = amount(&mut snapshot, "a").await;
        tokio::task::yield_now().await;
        assert_eq!(a + amount(&mut snapshot, "b").await, 2_000_000);
        moments.insert(a);
    }
    over.store(true, Relaxed);
    writer.await.unwrap();
}

#[tokio::test]
async fn whoever_comes_under_a_used_id_was_created_then() {
    let database = backend().await;
    let (store, id) = (&database.store, user(1));
    let later = |minutes| NOW + Span::minutes(minutes);
    decide(store, &id, create()).await.unwrap();
    decide_at(store, &id, Command::Delete, later(1)).await.unwrap();
    let head = decide_at(store, &id, create(), later(2)).await.unwrap();
    assert_eq!((head.seq, head.created), (3, later(2)));
    assert_eq!(load(store, &id).await.0, head);
    decide_at(store, &id, Command::Lock, later(3)).await.unwrap();
    assert_eq!(load(store, &id).await.0.created, later(2));
    let differing = store::rebuild_matches(store).await.unwrap();
    assert_eq!(differing, Vec::<String>::new());
}

#[tokio::test]
async fn deleting_a_user_erases_what_is_personal_and_keeps_the_history() {
    let database = backend().await;
    let store = &database.store;
    let ids = users(store, 2).await;
    for id in &ids {
        decide(store, id, Command::SetData(data("Ada"))).await.unwrap();
        decide(store, id, set_phone("+41791234567", 1)).await.unwrap();
        let add = Command::AddOtp {
            id: FactorId::from_trusted("factor"),
            destination: phone("+41791234568"),
            proof: Proof::Vouched,
        };
        decide(store, id, add).await.unwrap();
    }
    let known = history(store, &ids[0]).await;
    assert!(matches!(&known[1].event, Event::DataChanged { data: Personal::Known(d) } if *d == data("Ada")));
    assert!(matches!(&known[2].event, Event::ContactChanged { destination: Personal::Known(d), .. } if *d == phone("+41791234567")));
    assert!(matches!(&known[4].event, Event::OtpAdded { destination: Personal::Known(d), .. } if *d == phone("+41791234568")));

    decide(store, &ids[0], Command::Delete).await.unwrap();
    let after = history(store, &ids[0]).await;
    assert_eq!(after.len(), known.len() + 1);
    for logged in &after {
        match &logged.event {
            Event::DataChanged { data } => assert_eq!(*data, Personal::Forgotten),
            Event::ContactChanged { destination, .. } | Event::OtpAdded { destination, .. } => {
                assert_eq!(*destination, Personal::Forgotten);
            }
            _ => {}
        }
    }
    assert_eq!(load(store, &ids[0]).await.1, User::Absent);
    assert_eq!(history(store, &ids[1]).await.len(), 5, "nobody else is touched");
    assert_eq!(number(store, "SELECT count(*) FROM personal").await, 3);

    decide(store, &ids[0], create()).await.unwrap();
    let again = load(store, &ids[0]).await.1;
    assert!(again.person().unwrap().phone.is_none() && again.person().unwrap().otps.is_empty());
    assert_log_is_whole(store).await;
}

#[tokio::test]
async fn roles_in_several_scopes_and_factors_under_a_clock_that_goes_back_rebuild_to_the_same() {
    let database = backend().await;
    let store = &database.store;
    let id = &users(store, 1).await[0];
    for org in ["b", "a"] {
        let scope = Scope::Org(OrgId::from_trusted(org));
        let roles = vec![Role::OrgOwner];
        decide(store, id, Command::SetRoles { scope, roles }).await.unwrap();
    }
    for (n, back) in [("1", 0), ("2", 60)] {
        let add = Command::AddOtp {
            id: FactorId::from_trusted(n),
            destination: phone(&format!("+4179123456{n}")),
            proof: Proof::Vouched,
        };
        decide_at(store, id, add, NOW - Span::seconds(back)).await.unwrap();
    }
    assert_log_is_whole(store).await;
}

fn some_destination(dice: &SeededEntropy) -> Destination {
    let n = dice.below(4);
    if dice.below(2) == 0 {
        phone(&format!("+4179123456{n}"))
    } else {
        Destination::Email(EmailAddress::from_trusted(&format!("ada{n}@example.com")))
    }
}

fn some_channel(dice: &SeededEntropy) -> Channel {
    if dice.below(2) == 0 { Channel::Sms } else { Channel::Email }
}

fn some_proof(dice: &SeededEntropy) -> Proof {
    if dice.below(3) == 0 { Proof::Vouched } else { Proof::Code(code(1)) }
}

fn some_roles(dice: &SeededEntropy) -> Command {
    let scope = match dice.below(3) {
        0 => Scope::Instance,
        n => Scope::Org(OrgId::from_trusted(&format!("org-{n}"))),
    };
    let count = dice.below(3);
    let roles = (0..count).map(|_| Role::ALL[dice.below(Role::ALL.len())]).collect();
    Command::SetRoles { scope, roles }
}

/// A factor that the user has.
fn some_factor(dice: &SeededEntropy, user: &User) -> Option<FactorId> {
    let otps = &user.person()?.otps;
    (!otps.is_empty()).then(|| otps[dice.below(otps.len())].id.clone())
}

fn some_name_scope(dice: &SeededEntropy) -> NameScope {
    if dice.below(2) == 0 { NameScope::Instance } else { NameScope::Org }
}

fn some_idp(dice: &SeededEntropy) -> IdpId {
    IdpId::from_trusted(&format!("idp-{}", dice.below(3)))
}

/// The oldest name that the user has.
fn some_name(user: &User) -> UsernameId {
    let first = user.person().and_then(|p| p.usernames.first());
    first.map_or_else(|| UsernameId::from_trusted("none"), |n| n.id.clone())
}

/// Completes or removes the oldest TOTP factor that the user has.
fn some_totp(dice: &SeededEntropy, user: &User) -> Command {
    let first = user.person().and_then(|p| p.totps.first());
    let id = first.map_or_else(|| FactorId::from_trusted("none"), |f| f.id.clone());
    if dice.below(3) == 0 {
        return Command::RemoveTotp(id);
    }
    let attempt = TotpAttempt { well_formed: true, steps: vec![7], budget: GuessBudget::default() };
    Command::VerifyTotp { id, attempt }
}

/// Starts the registration of a key, with the link that the user has or without.
fn some_registration(dice: &SeededEntropy, id: FactorId, user: &User) -> Command {
    let waiting = user.person().and_then(|p| p.webauthn_link.as_ref());
    let link = waiting.filter(|_| dice.below(2) == 0).map(|link| LinkAttempt {
        id: link.id.clone(),
        attempt: attempt(u8::try_from(dice.below(2) + 1).unwrap()),
    });
    Command::StartWebauthn(NewWebauthn {
        id,
        domain: "id.example.com".into(),
        challenge: Challenge::new("challenge"),
        expires: NOW + Span::seconds(100),
        link,
    })
}

/// Completes or removes a key that the user has.
fn some_key(dice: &SeededEntropy, n: usize, user: &User) -> Command {
    let keys = user.person().map_or(&[][..], |p| &p.webauthns);
    let id = match keys.len() {
        0 => FactorId::from_trusted("none"),
        count => keys[dice.below(count)].id.clone(),
    };
    if dice.below(4) == 0 { Command::RemoveWebauthn(id) } else { verify_key(id, &format!("credential-{n}")) }
}

fn verify_key(id: FactorId, credential: &str) -> Command {
    let (x, y) = ("eA".to_owned(), "eQ".to_owned());
    Command::VerifyWebauthn {
        id,
        credential: NamedCredential {
            name: FactorName::from_trusted("key"),
            credential: Credential {
                id: credential.into(),
                key: PublicKey::Ec2 { alg: -7, crv: 1, x, y },
                sign_count: 1,
                user_verified: true,
                backup_eligible: true,
                backed_up: false,
                transports: vec!["usb".into()],
            },
        },
    }
}

fn some_entry(dice: &SeededEntropy, user: &User) -> PasswordAttempt {
    let current = user.person().and_then(|p| p.password.as_ref());
    PasswordAttempt {
        against: current.map(|p| p.hash.clone()),
        matched: dice.below(2) == 0,
        budget: GuessBudget::default(),
    }
}

/// Sets a password with one proof or another.
fn some_password(dice: &SeededEntropy, n: usize, user: &User) -> Command {
    let new = NewPassword { hash: SealedSecret::new(&format!("hash {n}")), change_required: dice.below(2) == 0 };
    let proof = match dice.below(3) {
        0 => PasswordProof::Role,
        1 => PasswordProof::Current(some_entry(dice, user)),
        _ => PasswordProof::Code(attempt(u8::try_from(dice.below(2) + 1).unwrap())),
    };
    Command::SetPassword { new, proof }
}

/// Anything that can be asked of a user, drawn with the dice.
fn some_command(dice: &SeededEntropy, n: usize, user: &User) -> Command {
    let fresh = FactorId::from_trusted(&format!("factor-{n}"));
    let factor = some_factor(dice, user).unwrap_or_else(|| fresh.clone());
    let token = TokenId::from_trusted(&format!("token-{n}"));
    let some_attempt = attempt(u8::try_from(dice.below(2) + 1).unwrap());
    match dice.below(39) {
        0 | 1 => create(),
        2 => Command::SetData(data(&format!("{n}"))),
        3 => Command::Deactivate,
        4 => Command::Activate,
        5 => Command::Lock,
        6 => Command::Unlock,
        7 if dice.below(4) == 0 => Command::Delete,
        7 | 8 => Command::SetContact { destination: some_destination(dice), proof: some_proof(dice) },
        9 | 10 => Command::VerifyContact { channel: some_channel(dice), attempt: some_attempt },
        11 => Command::ResendContact { channel: some_channel(dice), code: code(2), only_pending: dice.below(2) == 0 },
        12 => Command::RemoveContact(some_channel(dice)),
        13 | 14 => Command::AddOtp { id: fresh, destination: some_destination(dice), proof: some_proof(dice) },
        15 | 16 => Command::VerifyOtp { channel: some_channel(dice), id: factor, attempt: some_attempt },
        17 => Command::RemoveOtp { channel: some_channel(dice), id: factor },
        18 => Command::AddBoundOtp { id: fresh, channel: some_channel(dice) },
        19 => some_roles(dice),
        20 => Command::ForgetStale,
        22 | 23 => Command::AddUsername { id: UsernameId::from_trusted(&format!("name-{n}")), name: Username::from_trusted(&format!("Ada{n}")), scope: some_name_scope(dice) },
        24 => Command::RemoveUsername(some_name(user)),
        25 => Command::StartTotp { id: fresh, secret: SealedSecret::new("sealed"), expires: NOW + Span::seconds(100) },
        26 => some_totp(dice, user),
        27 | 28 => Command::AddIdpLink { id: fresh, idp: some_idp(dice), user: ExternalUser::from_trusted(&format!("ada-{n}"), "Ada") },
        29 => Command::RemoveIdpLinks(some_idp(dice)),
        30 => Command::IssueWebauthnLink { id: CodeId::from_trusted(&format!("link-{n}")), code: code(2) },
        31 | 32 => some_registration(dice, fresh, user),
        33 => some_key(dice, n, user),
        34 | 35 => some_password(dice, n, user),
        36 => Command::ResetPassword { code: code(2), via: [None, Some(Channel::Sms), Some(Channel::Email)][dice.below(3)] },
        37 => Command::CheckPassword { attempt: some_entry(dice, user), rehashed: (dice.below(2) == 0).then(|| SealedSecret::new(&format!("again {n}"))) },
        _ => Command::AddToken { id: token, digest: Digest([3; 32]), expires: Timestamp(i64::MAX), existing: 0 },
    }
}

/// Tokens that a user's history leaves.
async fn tokens_of(store: &Store, id: &UserId) -> Vec<TokenId> {
    let mut tokens = Vec::new();
    for logged in history(store, id).await {
        match logged.event {
            Event::TokenAdded { id, .. } => tokens.push(id),
            Event::TokenRemoved { id } => tokens.retain(|t| *t != id),
            Event::UserDeleted => tokens.clear(),
            _ => {}
        }
    }
    tokens.sort();
    tokens
}

/// Walks at random among twelve users.
async fn walk(store: &Store, seed: u64) {
    let dice = SeededEntropy::new(seed);
    for n in 0..150 {
        let id = user(dice.below(12));
        let number = usize::try_from(seed).unwrap() * 1000 + n;
        let command = some_command(&dice, number, &load(store, &id).await.1);
        let later = NOW + Span::seconds(i64::try_from(n).unwrap());
        let done = decide_at(store, &id, command, later).await;
        let sound = matches!(done, Ok(_) | Err(Failure::Refused(_)));
        assert!(sound, "seed {seed}, step {n}: {done:?}");
    }
}

#[tokio::test]
async fn the_states_of_users_follow_from_the_log_when_an_older_shape_is_migrated() {
    let mut database = backend().await;
    let gone = users(&database.store, 510).await;
    decide(&database.store, &gone[509], Command::Delete).await.unwrap();
    for seed in [100, 101, 102] {
        walk(&database.store, seed).await;
    }
    let before = load(&database.store, &user(3)).await;
    database.store.close();
    forget_states(&database).await;
    database.reopen().await;
    let store = &database.store;
    assert_eq!(number(store, "SELECT count(*) FROM meta WHERE name = 'states to fold'").await, 0);
    assert_eq!(load(store, &user(3)).await, before);
    walk(store, 103).await;
    assert_log_is_whole(store).await;
}

#[tokio::test]
async fn a_row_beside_a_state_that_does_not_say_the_same_is_found() {
    let database = backend().await;
    let store = &database.store;
    let id = &users(store, 1).await[0];
    let (name, scope) = (Username::from_trusted("Ada"), NameScope::Instance);
    decide(store, id, Command::AddUsername { id: UsernameId::from_trusted("name"), name, scope }).await.unwrap();
    let (scope, roles) = (Scope::Instance, vec![Role::OrgOwner]);
    decide(store, id, Command::SetRoles { scope, roles }).await.unwrap();
    assert_log_is_whole(store).await;
    for (broken, whole) in [
        ("UPDATE users SET phone = '+41790000000'", "UPDATE users SET phone = NULL"),
        ("UPDATE username SET canonical = 'eve'", "UPDATE username SET canonical = 'ada'"),
        ("UPDATE membership SET roles = 'IAM_OWNER'", "UPDATE membership SET roles = 'ORG_OWNER'"),
        ("UPDATE stream SET due_at = 1", "UPDATE stream SET due_at = NULL"),
    ] {
        database.run(broken).await;
        assert_eq!(store::rebuild_matches(store).await.unwrap(), [format!("user/{id}")], "{broken}");
        database.run(whole).await;
        assert_log_is_whole(store).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_hundreds_of_random_commands_every_row_is_what_the_log_says() {
    let database = backend().await;
    let walkers: Vec<_> = (0..8u64)
        .map(|seed| {
            let store = database.store.clone();
            tokio::spawn(async move {
                walk(&store, seed).await;
            })
        })
        .collect();
    for walker in walkers {
        walker.await.unwrap();
    }
    let store = &database.store;
    assert!(number(store, "SELECT count(*) FROM event").await > 300);
    assert_log_is_whole(store).await;
    for id in (0..12).map(user) {
        let mut snapshot = store.snapshot().await.unwrap();
        let of_user = Filter::Leaf(token_search::Leaf::User(id.to_string()));
        let all = Page { offset: 0, limit: 1000, descending: false };
        let sorted = (token_search::SortBy::Id, all);
        let found = token_search::search(&mut snapshot, &instance(), &Visible::All, &of_user, sorted).await.unwrap();
        let listed: Vec<TokenId> = found.0.into_iter().map(|token| token.id).collect();
        assert_eq!(listed, tokens_of(store, &id).await, "tokens of {id}");
        assert_due(&load(store, &id).await.1);
    }
}

/// What is due at some time is forgotten then, and nothing before.
fn assert_due(user: &User) {
    let forgotten_at = |at| user.decide(Command::ForgetStale, at).events.len();
    let Some(due) = user.due() else {
        assert_eq!(forgotten_at(Timestamp(i64::MAX)), 0);
        return;
    };
    assert_eq!(forgotten_at(Timestamp(due.0 - 1)), 0);
    assert!(forgotten_at(due) > 0);
}
