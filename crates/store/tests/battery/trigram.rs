//! What the files of SQLite show of the index over parts of texts: it says what the rows say, whatever happened, it is
//! filled for data of an older version, and nothing stays in it of a user who is gone.

use std::{collections::BTreeSet, path::Path};

use domain::{
    base::{UserId, UsernameId},
    user::{Channel, Command, Destination, EmailAddress, NameScope, Proof, Username},
};
use rusqlite::Connection;
use store::{Store, StoreOptions};
use testkit::{SeededEntropy, database::sqlite};

use crate::given::*;

fn vouched(destination: Destination) -> Command {
    Command::SetContact {
        destination,
        proof: Proof::Vouched,
    }
}

fn email(text: &str) -> Command {
    vouched(Destination::Email(EmailAddress::from_trusted(text)))
}

fn username(id: &str, name: &str) -> Command {
    Command::AddUsername {
        id: UsernameId::from_trusted(id),
        name: Username::from_trusted(name),
        scope: NameScope::Instance,
    }
}

/// A trigram, and the place that has it.
type Posting = (String, i64);

/// What is in the index.
fn indexed(connection: &Connection) -> BTreeSet<Posting> {
    connection
        .execute_batch(
            "CREATE VIRTUAL TABLE IF NOT EXISTS temp.posting USING fts5vocab (main, user_trigram, instance)",
        )
        .unwrap();
    let mut statement = connection.prepare("SELECT term, doc FROM temp.posting").unwrap();
    let postings = statement
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    let postings: Vec<Posting> = postings.map(Result::unwrap).collect();
    let once: BTreeSet<Posting> = postings.iter().cloned().collect();
    assert_eq!(postings.len(), once.len(), "a trigram is twice in one place");
    once
}

/// What has to be in it.
fn wanted(connection: &Connection) -> BTreeSet<Posting> {
    let sql = "SELECT s.first_pos * 4 + t.field, t.text FROM (
            SELECT instance, user_id AS id, 0 AS field, canonical AS text FROM username
            UNION ALL SELECT instance, id, 1, email_key FROM users WHERE email_key IS NOT NULL
            UNION ALL SELECT instance, id, 2, phone FROM users WHERE phone IS NOT NULL
        ) t JOIN stream s ON s.instance = t.instance AND s.kind = 'user' AND s.id = t.id";
    let mut statement = connection.prepare(sql).unwrap();
    let texts = statement
        .query_map([], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))
        .unwrap();
    let postings = texts
        .map(Result::unwrap)
        .flat_map(|(place, text): (i64, String)| {
            let chars: Vec<char> = text.chars().collect();
            let trigrams: Vec<String> = chars.windows(3).map(|three| three.iter().collect()).collect();
            trigrams.into_iter().map(move |trigram| (trigram, place))
        });
    postings.collect()
}

fn check(database: &testkit::database::Database) -> usize {
    check_index(&database.path())
}

/// The index of a file says what its rows say; how many trigrams it has.
pub(crate) fn check_index(path: &Path) -> usize {
    let connection = Connection::open(path).unwrap();
    connection
        .execute_batch("INSERT INTO user_trigram (user_trigram) VALUES ('integrity-check')")
        .unwrap();
    let (indexed, wanted) = (indexed(&connection), wanted(&connection));
    // Where one name ends and another begins there are trigrams that no name has.
    let indexed: BTreeSet<Posting> = indexed
        .into_iter()
        .filter(|(trigram, _)| !trigram.contains('\n'))
        .collect();
    assert_eq!(indexed.difference(&wanted).next(), None, "something is left over");
    assert_eq!(wanted.difference(&indexed).next(), None, "something is missing");
    indexed.len()
}

fn something(n: usize, dice: &SeededEntropy) -> Command {
    let word = ["anna", "Änne", "中村太郎", "🦀🦀🦀", "x", "bananas\"'%"][dice.below(6)];
    match dice.below(60) {
        0 => Command::Delete,
        1..=15 => email(&format!("{word}{n}@one.example")),
        16..=25 => vouched(phone(&format!("+4179{n:07}"))),
        26..=40 => username(&format!("{}", dice.below(3)), &format!("{word}-{n}")),
        41..=47 => Command::RemoveUsername(UsernameId::from_trusted(&format!("{}", dice.below(3)))),
        48..=53 => Command::RemoveContact([Channel::Sms, Channel::Email][dice.below(2)]),
        _ => Command::SetData(data(word)),
    }
}

#[tokio::test]
async fn after_whatever_happened_the_index_says_what_the_rows_say() {
    let database = sqlite().await;
    let dice = SeededEntropy::new(5);
    let ids = users(&database.store, 60).await;
    for n in 0..900 {
        let _ = decide(&database.store, &ids[dice.below(ids.len())], something(n, &dice)).await;
    }
    assert!(check(&database) > 500);
    for id in &ids {
        let _ = decide(&database.store, id, Command::Delete).await;
    }
    assert_eq!(check(&database), 0);
    assert_log_is_whole(&database.store).await;
}

/// Several in each commit, which is what fills the index in one go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_of_many_users_in_one_commit_are_all_indexed() {
    let database = sqlite().await;
    for round in 0..6 {
        let tasks: Vec<_> = (0..100)
            .map(|n| {
                let store = database.store.clone();
                tokio::spawn(async move {
                    let id = user(n);
                    if round == 0 {
                        decide(&store, &id, create()).await.unwrap();
                    }
                    let dice = SeededEntropy::new(u64::try_from(round * 100 + n).unwrap());
                    let _ = decide(&store, &id, something(round * 100 + n, &dice)).await;
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(check(&database) > 0);
    }
}

#[tokio::test]
async fn a_unit_of_work_that_failed_or_changed_nothing_leaves_the_index_alone() {
    let database = sqlite().await;
    let ids = users(&database.store, 2).await;
    decide(&database.store, &ids[0], username("a", "somebody"))
        .await
        .unwrap();
    let before = check(&database);
    let taken = decide(&database.store, &ids[1], username("b", "somebody")).await;
    assert!(
        matches!(taken, Err(Failure::Store(store::Error::Taken(_)))),
        "{taken:?}"
    );
    decide(
        &database.store,
        &ids[1],
        Command::SetData(data("nothing to find")),
    )
    .await
    .unwrap();
    assert_eq!(check(&database), before);
    decide(&database.store, &ids[1], username("b", "somebody-else"))
        .await
        .unwrap();
    assert!(check(&database) > before);
}

/// The database as the last version without the index left it.
async fn forget_index(database: &testkit::database::Database) {
    forget_states(database).await;
    database
        .run(
            "ALTER TABLE instance DROP COLUMN user_schema;
         DROP TABLE user_trigram; ALTER TABLE stream DROP COLUMN first_pos;
         PRAGMA user_version = 13;",
        )
        .await;
}

#[tokio::test]
async fn data_of_an_older_version_are_indexed_when_it_is_migrated() {
    let mut database = sqlite().await;
    let dice = SeededEntropy::new(8);
    let ids = users(&database.store, 40).await;
    for n in 0..300 {
        let _ = decide(&database.store, &ids[dice.below(ids.len())], something(n, &dice)).await;
    }
    let before = check(&database);
    database.store.close();
    forget_index(&database).await;
    database.reopen().await;
    assert_eq!(check(&database), before);
    for n in 300..500 {
        let _ = decide(&database.store, &ids[dice.below(ids.len())], something(n, &dice)).await;
    }
    check(&database);
}

const UNUSUAL: [&str; 3] = ["ѫѭѯѱѳѵ-ҁҋҍ", "ӄӆӈӊ@ӌӎӑӓ.example", "ԁԃԅԇԉ@ԋԍԏԑ.example"];

async fn live(store: &Store, id: &UserId) {
    decide(store, id, username("unusual", UNUSUAL[0])).await.unwrap();
    decide(store, id, email(UNUSUAL[1])).await.unwrap();
    decide(store, id, email(UNUSUAL[2])).await.unwrap();
}

fn trigrams_left(bytes: &[u8]) -> Vec<String> {
    let texts = UNUSUAL.iter().map(|text| text.chars().collect::<Vec<_>>());
    let trigrams = texts.flat_map(|chars| {
        chars
            .windows(3)
            .map(|t| t.iter().collect())
            .collect::<Vec<String>>()
    });
    trigrams
        .filter(|trigram| {
            !trigram.is_ascii() && bytes.windows(trigram.len()).any(|w| w == trigram.as_bytes())
        })
        .collect()
}

#[tokio::test]
async fn no_trigram_of_a_deleted_user_is_left_in_the_files() {
    let mut database = sqlite().await;
    let ids = users(&database.store, 300).await;
    for (n, id) in ids.iter().enumerate() {
        if n == 150 {
            live(&database.store, id).await;
        }
        decide(
            &database.store,
            id,
            username(&format!("{n}"), &format!("{:x}", n * 7_919_317)),
        )
        .await
        .unwrap();
    }
    database.reopen().await;
    let there = trigrams_left(&database.raw_bytes());
    assert!(there.len() >= 15, "they are not even there: {there:?}");
    decide(&database.store, &ids[150], Command::Delete).await.unwrap();
    database.store.close();
    assert_eq!(trigrams_left(&database.raw_bytes()), Vec::<String>::new());
    database.store = Store::open(&StoreOptions::Sqlite {
        path: database.path(),
    })
    .await
    .unwrap();
    check(&database);
}
