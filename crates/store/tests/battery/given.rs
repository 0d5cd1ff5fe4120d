//! Names and helpers that the battery's sentences are made of.

use domain::{
    base::{InstanceId, OrgId, Span, Timestamp, UserId},
    code::{Attempt, Digest, GuessBudget, IssuedCode, Medium},
    user::{Channel, Command, Destination, Kind, PhoneNumber, Proof, Refusal, User},
};
use serde_json::{Map, Value};
use store::{Head, LoggedEvent, Store, Stored, outbox::Parcel};

/// When it is, unless a test says otherwise.
pub(crate) const NOW: Timestamp = Timestamp(1_767_225_600_000_000);

/// Why a unit of work of a test failed.
#[derive(Debug)]
pub(crate) enum Failure {
    Store(store::Error),
    Refused(Refusal),
    /// The test wanted it to.
    Wanted,
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

pub(crate) fn instance() -> InstanceId {
    InstanceId::from_trusted("instance")
}

pub(crate) fn user(n: usize) -> UserId {
    UserId::from_trusted(&format!("user-{n}"))
}

pub(crate) fn create() -> Command {
    Command::Create {
        org: OrgId::from_trusted("org"),
        kind: Kind::Human,
        schema: None,
        data: Map::new(),
    }
}

pub(crate) fn data(text: &str) -> Map<String, Value> {
    Map::from_iter([("note".to_owned(), Value::from(text))])
}

pub(crate) fn phone(text: &str) -> Destination {
    Destination::Phone(PhoneNumber::from_trusted(text))
}

/// A code whose digest is all this byte.
pub(crate) fn code(byte: u8) -> IssuedCode {
    IssuedCode {
        digest: Digest([byte; 32]),
        length: 6,
        expires: Timestamp(NOW.0 + 600_000_000),
        tries: 5,
        medium: Medium::Sent,
    }
}

/// A contact phone that waits for the code of this byte.
pub(crate) fn set_phone(number: &str, byte: u8) -> Command {
    Command::SetContact {
        destination: phone(number),
        proof: Proof::Code(code(byte)),
    }
}

pub(crate) fn attempt(byte: u8) -> Attempt {
    Attempt {
        digest: Digest([byte; 32]),
        length: 6,
        budget: GuessBudget::default(),
    }
}

pub(crate) fn verify_phone(byte: u8) -> Command {
    Command::VerifyContact {
        channel: Channel::Sms,
        attempt: attempt(byte),
    }
}

/// Commits one command on one user.
pub(crate) async fn decide(store: &Store, id: &UserId, command: Command) -> Result<Head, Failure> {
    decide_at(store, id, command, NOW).await
}

/// Commits one command on one user at a time.
pub(crate) async fn decide_at(
    store: &Store,
    id: &UserId,
    command: Command,
    now: Timestamp,
) -> Result<Head, Failure> {
    let (instance, command) = (&instance(), &command);
    store
        .change("test.decide", instance, id, now, |work| {
            Box::pin(async move {
                let mut user = work.load::<User>(id).await?;
                work.decide(&mut user, command.clone())?;
                Ok(user.head)
            })
        })
        .await
}

/// Creates users 0 to `count` - 1.
pub(crate) async fn users(store: &Store, count: usize) -> Vec<UserId> {
    let ids: Vec<UserId> = (0..count).map(user).collect();
    for id in &ids {
        decide(store, id, create()).await.unwrap();
    }
    ids
}

pub(crate) async fn load(store: &Store, id: &UserId) -> (Head, User) {
    let mut snapshot = store.snapshot().await.unwrap();
    User::load(&mut snapshot, &instance(), id).await.unwrap()
}

pub(crate) async fn history(store: &Store, id: &UserId) -> Vec<LoggedEvent<domain::user::Event>> {
    let mut snapshot = store.snapshot().await.unwrap();
    snapshot.history::<User>(&instance(), id.as_str()).await.unwrap()
}

/// Names of the events of a user, oldest first.
pub(crate) async fn names(store: &Store, id: &UserId) -> Vec<&'static str> {
    use domain::base::Forgettable;
    history(store, id)
        .await
        .iter()
        .map(|logged| logged.event.name())
        .collect()
}

/// Message 7 of the outbox, about user `n`.
pub(crate) fn parcel_of_user(n: usize) -> Parcel {
    Parcel {
        id: "7".into(),
        instance: instance(),
        user: user(n),
        subject: vec![1; 32],
        sealed: Vec::new(),
        created: NOW,
        expires: NOW + Span::minutes(10),
        attempts: 0,
    }
}

/// One number that a query answers.
pub(crate) async fn number(store: &Store, sql: &'static str) -> i64 {
    let mut snapshot = store.snapshot().await.unwrap();
    snapshot.first(sql, &[], |row| row.int(0)).await.unwrap().unwrap()
}

/// Whether a small fact of this name is kept.
pub(crate) async fn has_meta(store: &Store, name: &str) -> bool {
    let mut snapshot = store.snapshot().await.unwrap();
    store::meta::read(&mut snapshot, name).await.unwrap().is_some()
}

/// A row that is part of no history.
pub(crate) fn meta_row(name: &str) -> store::Statement {
    store::Statement::new(
        "INSERT INTO meta (name, value) VALUES ($1, $2)",
        [name.into(), store::Value::from(&b"x"[..])],
    )
}

/// Appends to two streams and writes a row under a guard that misses as long as `missing` is not there.
pub(crate) async fn guarded(
    store: &Store,
    ids: [&UserId; 2],
    row: &str,
    missing: &str,
) -> Result<(), Failure> {
    store
        .change("test.guarded", &instance(), ids[0], NOW, |work| {
            Box::pin(async move {
                for id in ids {
                    let mut stream = work.load::<User>(id).await?;
                    work.decide(&mut stream, Command::SetData(data(row)))?;
                }
                work.write(meta_row(row));
                let sql = "UPDATE meta SET value = value WHERE name = $1";
                work.guard(store::Statement::new(sql, [missing.into()]));
                Ok(())
            })
        })
        .await
}

/// Positions have no gap, streams no hole, and every chain leads from its head to its first event.
pub(crate) async fn assert_log_is_whole(store: &Store) {
    // Where positions come from several lanes, the lane is in their upper 16 bits.
    let gaps = "SELECT count(*) FROM (SELECT 1 AS one FROM event GROUP BY pos / 281474976710656
                    HAVING max(pos) % 281474976710656 <> count(*)) AS lanes_with_gaps";
    assert_eq!(number(store, gaps).await, 0, "positions have gaps");
    let sums = "SELECT count(*) FROM stream s WHERE s.seq <> (SELECT count(*) FROM event e
                    WHERE e.instance = s.instance AND e.kind = s.kind AND e.stream = s.id)";
    assert_eq!(number(store, sums).await, 0, "a head does not count its events");
    let broken = "SELECT count(*) FROM event e LEFT JOIN event p ON p.pos = e.prev
                  WHERE (e.seq = 1) <> (e.prev = 0)
                     OR (e.prev <> 0 AND (p.pos IS NULL OR p.stream <> e.stream OR p.kind <> e.kind
                         OR p.instance <> e.instance OR p.seq <> e.seq - 1))";
    assert_eq!(number(store, broken).await, 0, "a chain is broken");
    let heads = "SELECT count(*) FROM stream s LEFT JOIN event e ON e.pos = s.last_pos
                 WHERE e.pos IS NULL OR e.stream <> s.id OR e.seq <> s.seq";
    assert_eq!(number(store, heads).await, 0, "a head points elsewhere");
    assert_eq!(store::rebuild_matches(store).await.unwrap(), Vec::<String>::new());
}

/// Gives a database the shape that it had before users were kept whole in the rows of their streams.
pub(crate) async fn forget_states(database: &testkit::database::Database) {
    forget_inbox_order(database).await;
    database.run(
        "DROP INDEX stream_due; ALTER TABLE stream DROP COLUMN due_at; ALTER TABLE stream DROP COLUMN state;
         ALTER TABLE stream ADD COLUMN parts INT NOT NULL DEFAULT -1;
         ALTER TABLE users ADD COLUMN kind TEXT; ALTER TABLE users ADD COLUMN data TEXT;
         ALTER TABLE users ADD COLUMN phone_verified INT; ALTER TABLE users ADD COLUMN phone_code TEXT;
         ALTER TABLE users ADD COLUMN email TEXT; ALTER TABLE users ADD COLUMN email_verified INT;
         ALTER TABLE users ADD COLUMN email_code TEXT; ALTER TABLE users ADD COLUMN schema_revision INT;
         CREATE TABLE webauthn_factor AS SELECT instance, user_id, id, credential_id FROM webauthn_credential;
         DROP TABLE webauthn_credential;
         CREATE TABLE webauthn_link (id TEXT); CREATE TABLE otp_factor (id TEXT);
         CREATE TABLE totp_factor (id TEXT); CREATE TABLE user_password (id TEXT);
         ALTER TABLE username ADD COLUMN name TEXT; ALTER TABLE username ADD COLUMN added_at INT;
         ALTER TABLE idp_link ADD COLUMN external_name TEXT; ALTER TABLE idp_link ADD COLUMN added_at INT;",
    )
    .await;
    database
        .run_either(
            "PRAGMA user_version = 15",
            "UPDATE merlon_schema SET version = 1, bearable_to = 1",
        )
        .await;
}

/// Gives a database the shape that it had before messages were kept in the order of their capture.
pub(crate) async fn forget_inbox_order(database: &testkit::database::Database) {
    database
        .run(
            "CREATE TABLE inbox_by_outbox AS SELECT instance,
                 substr('00000000000000000000' || outbox_id, length('' || outbox_id) + 1) AS id,
                 user_id, recipient, sealed, created_at FROM inbox_message;
             DROP TABLE inbox_message; DROP TABLE inbox_order;
             ALTER TABLE inbox_by_outbox RENAME TO inbox_message;",
        )
        .await;
    database
        .run_either(
            "PRAGMA user_version = 16",
            "UPDATE merlon_schema SET version = 2, bearable_to = 2",
        )
        .await;
}
