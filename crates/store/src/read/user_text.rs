//! The texts of users that searches look into by their parts, and the index that answers such searches: for every three
//! characters that follow each other, who has them. It only narrows; what it finds is compared as ever.
//!
//! On SQLite it is a table of its own, kept by the writer (`statements`) from what a unit of work changed (`changed`).
//! PostgreSQL indexes parts of the columns themselves (`pg_trgm`) and needs neither.

use std::{collections::BTreeSet, sync::Arc};

use domain::{
    base::InstanceId,
    user::{Event, Person},
};

use crate::{
    commit::{Statement, TextChange, TextField, Value, json},
    db::{Dialect, Snapshot},
    error::Result,
};

/// Users that may match; if there are more, looking at each user of the instance takes no longer.
const MOST_CANDIDATES: i64 = 10_000;
/// Trigrams of a pattern that are asked for; more of them hardly narrow further.
const MOST_TRIGRAMS: usize = 16;
/// Usernames of a user are separate lines: no name has a line feed, nor has any pattern that can match.
const BETWEEN_NAMES: &str = "\n";

/// What is different in the texts of a person; nothing if `events` touch none.
pub(super) fn changed(
    before: Option<&Person>,
    after: Option<&Person>,
    events: &[Event],
) -> Option<Vec<TextChange>> {
    if !events.iter().any(touches_texts) {
        return None;
    }
    let fields = [TextField::Usernames, TextField::Email, TextField::Phone].into_iter();
    let changes = fields.map(|field| TextChange {
        field,
        before: before.and_then(|person| text(person, field)),
        after: after.and_then(|person| text(person, field)),
    });
    Some(changes.filter(|change| change.before != change.after).collect())
}

fn touches_texts(event: &Event) -> bool {
    matches!(
        event,
        Event::ContactChanged { .. }
            | Event::ContactRemoved { .. }
            | Event::UsernameAdded { .. }
            | Event::UsernameRemoved { .. }
            | Event::UserDeleted
    )
}

fn text(person: &Person, field: TextField) -> Option<String> {
    let contact = match field {
        TextField::Usernames => return usernames(person),
        TextField::Email => &person.email,
        TextField::Phone => &person.phone,
    };
    contact.as_ref().map(|contact| contact.destination.canonical())
}

/// In one order, so that the same names are the same text.
fn usernames(person: &Person) -> Option<String> {
    let mut names: Vec<&str> = person.usernames.iter().map(|own| own.name.canonical()).collect();
    names.sort_unstable();
    (!names.is_empty()).then(|| names.join(BETWEEN_NAMES))
}

/// What brings a change into the index, and where in it that is. What is taken out is given as it was put in.
pub(crate) fn statements(first_pos: i64, change: &TextChange) -> impl Iterator<Item = (i64, Statement)> {
    let place = first_pos * FIELDS + number(change.field);
    let sides = [(TAKE_OUT, &change.before), (PUT_IN, &change.after)];
    sides.into_iter().filter_map(move |(sql, text)| {
        let text = text.as_deref()?;
        Some((place, Statement::new(sql, [place.into(), text.into()])))
    })
}

const TAKE_OUT: &str = "INSERT INTO user_trigram (user_trigram, rowid, text) VALUES ('delete', $1, $2)";
const PUT_IN: &str = "INSERT INTO user_trigram (rowid, text) VALUES ($1, $2)";

/// Empties the index and fills it from the rows, for a database whose rows came from elsewhere.
pub(crate) const FILL_ANEW: &str = "INSERT INTO user_trigram (user_trigram) VALUES ('delete-all');
    INSERT INTO user_trigram (rowid, text)
    SELECT s.first_pos * 4 + t.field, t.text FROM (
        SELECT instance, user_id, 0 AS field, group_concat(canonical, char(10)) AS text
            FROM (SELECT instance, user_id, canonical FROM username ORDER BY instance, user_id, canonical)
            GROUP BY instance, user_id
        UNION ALL SELECT instance, id, 1, email_key FROM users WHERE email_key IS NOT NULL
        UNION ALL SELECT instance, id, 2, phone FROM users WHERE phone IS NOT NULL
    ) t JOIN stream s ON s.instance = t.instance AND s.kind = 'user' AND s.id = t.user_id
    ORDER BY s.first_pos, t.field";

/// Places in the index for each user.
const FIELDS: i64 = 4;

fn number(field: TextField) -> i64 {
    match field {
        TextField::Usernames => 0,
        TextField::Email => 1,
        TextField::Phone => 2,
    }
}

/// The users whose text may have a pattern in it, for each of the patterns: their ids as a JSON list, or nothing where
/// the index does not narrow, because the pattern is shorter than three characters or too many users have its parts.
pub(super) async fn candidates(
    snapshot: &mut Snapshot,
    instance: &InstanceId,
    patterns: &[Option<(TextField, &str)>],
) -> Result<Vec<Option<Arc<str>>>> {
    let mut lists = vec![None; patterns.len()];
    if snapshot.dialect() == Dialect::Postgres {
        return Ok(lists);
    }
    let asked: Vec<_> = (patterns.iter().enumerate())
        .filter_map(|(place, pattern)| {
            let (field, text) = (*pattern)?;
            Some((place, number(field), all_trigrams(text)?))
        })
        .collect();
    if asked.is_empty() {
        return Ok(lists);
    }
    let params: [Value; 4] = [
        MOST_CANDIDATES.into(),
        instance.shared().into(),
        (MOST_CANDIDATES + 1).into(),
        json(&asked).into(),
    ];
    let found = snapshot
        .all_built(CANDIDATES, &params, |row| {
            Ok((row.int(0)?, row.opt_text(1)?.map(Arc::from)))
        })
        .await?;
    for (place, list) in found {
        if let Some(slot) = usize::try_from(place).ok().and_then(|place| lists.get_mut(place)) {
            *slot = list;
        }
    }
    Ok(lists)
}

/// The log tells whose history begins at the position that the index gives.
const CANDIDATES: &str = "SELECT p.value ->> 0, (
        SELECT CASE WHEN count(*) <= $1 THEN json_group_array(e.stream) FILTER (WHERE e.instance = $2) END
        FROM (SELECT t.rowid >> 2 AS pos FROM user_trigram t
              WHERE t.user_trigram MATCH p.value ->> 2 AND t.rowid & 3 = p.value ->> 1 LIMIT $3) AS c
        JOIN event e ON e.pos = c.pos)
    FROM json_each($4) p";

/// An expression of the index that asks for trigrams of a pattern, all together; nothing if it has none.
fn all_trigrams(pattern: &str) -> Option<String> {
    let chars: Vec<char> = pattern.chars().collect();
    let trigrams: BTreeSet<&[char]> = (chars.windows(3))
        // The index reads expressions up to a NUL; no text has one.
        .filter(|trigram| !trigram.contains(&'\0'))
        .collect();
    let every = trigrams.len().div_ceil(MOST_TRIGRAMS).max(1);
    let quoted: Vec<String> = (trigrams.iter().step_by(every))
        .map(|trigram| format!("\"{}\"", trigram.iter().collect::<String>().replace('"', "\"\"")))
        .collect();
    (!quoted.is_empty()).then(|| quoted.join(" AND "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Store, StoreOptions};

    async fn lists(store: &Store, patterns: &[(TextField, &str)]) -> Vec<Option<Arc<str>>> {
        let patterns: Vec<_> = patterns.iter().copied().map(Some).collect();
        let mut snapshot = store.snapshot().await.unwrap();
        let instance = InstanceId::from_trusted("instance");
        candidates(&mut snapshot, &instance, &patterns).await.unwrap()
    }

    #[tokio::test]
    async fn the_index_tells_who_may_match_unless_they_are_many_or_the_pattern_is_short() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("merlon.db");
        let store = Store::open(&StoreOptions::Sqlite { path: path.clone() })
            .await
            .unwrap();
        let fill = format!(
            "BEGIN;
             INSERT INTO event (pos, instance, kind, stream, seq, prev, name, at, editor, body)
             WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n <= {MOST_CANDIDATES})
             SELECT n, CASE n WHEN 2 THEN 'other' ELSE 'instance' END, 'user', 'user-' || n, 1, 0, '', 0, '', '' FROM n;
             INSERT INTO user_trigram (rowid, text) SELECT pos * 4, 'nobody' FROM event WHERE pos <= 3;
             INSERT INTO user_trigram (rowid, text) SELECT pos * 4 + 1, 'all@one' FROM event;
             INSERT INTO user_trigram (rowid, text) SELECT pos * 4 + 2, '+one' FROM event WHERE pos > 1;
             COMMIT;"
        );
        rusqlite::Connection::open(&path)
            .unwrap()
            .execute_batch(&fill)
            .unwrap();
        let [names, email, phone] = [TextField::Usernames, TextField::Email, TextField::Phone];
        let asked = [
            (names, "nobody"),
            (names, "one"),
            (email, "one"),
            (phone, "one"),
            (names, "no"),
        ];
        let found = lists(&store, &asked).await;
        assert_eq!(
            found[0].as_deref(),
            Some(r#"["user-1","user-3"]"#),
            "of this instance"
        );
        assert_eq!(found[1].as_deref(), Some("[]"), "nobody is called so");
        assert_eq!(found[2], None, "one more than it is good for");
        let count = |list: &str| list.matches("user-").count();
        assert_eq!(
            found[3].as_deref().map(count),
            Some(9_999),
            "as many as that, but one elsewhere"
        );
        assert_eq!(found[4], None, "two characters");
        store.close();
    }

    #[test]
    fn a_pattern_is_asked_for_by_its_trigrams_each_quoted() {
        assert_eq!(all_trigrams("ab"), None);
        assert_eq!(all_trigrams("äbc").as_deref(), Some(r#""äbc""#));
        assert_eq!(all_trigrams("aaaaa").as_deref(), Some(r#""aaa""#));
        assert_eq!(
            all_trigrams(r#"a"b OR"#).as_deref(),
            Some(r#"" OR" AND """b " AND "a""b" AND "b O""#)
        );
        assert_eq!(all_trigrams("a\0bc"), None);
    }

    #[test]
    fn of_a_long_pattern_some_trigrams_from_everywhere_are_enough() {
        let long: String = ('!'..'\u{ff}').collect();
        let asked = all_trigrams(&long).unwrap();
        assert!(
            (9..=MOST_TRIGRAMS).contains(&asked.matches(" AND ").count()),
            "{asked}"
        );
        assert!(asked.starts_with("\"!\"\"#\""), "{asked}");
    }
}
