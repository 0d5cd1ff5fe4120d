//! One commit for many write sets: heads are locked and compared, then everything is written in a few statements.
//!
//! It takes two exchanges with the server, three if there are guards, and is written as a whole or not at all. What was in the way of a set that was
//! written alone is its answer; whoever hears of it for several takes them apart.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::{Row, error::SqlState, types::Type};

use super::{
    freshness,
    link::{Bound, Link, Ready, Sending, failed, in_one_go, is_lost},
    reader::PostgresRow,
    statement::{Together, bound, bound_values, together},
};
use crate::{
    commit::{Outcome, Statement, StreamWrite, WriteSet},
    db::Param,
    error::{Error, Result},
};

/// Lanes that positions come from.
pub(super) const LANES: usize = 64;

/// What became of each write set of a batch; nothing of one that has to be written behind it.
pub(super) type Outcomes = Vec<Option<Outcome>>;

/// Why a batch was not committed.
pub(super) enum Trouble {
    /// The connection broke.
    Lost,
    /// Others were in the way; the same may go well now.
    Again,
    /// A set cannot be written; if it was alone, this is what became of it.
    Misfit(Outcome),
    /// The server said no.
    Failed(Error),
}

/// What a commit leaves behind as its sign, and where its positions come from.
pub(super) struct Mark<'a> {
    pub(super) committer: &'a str,
    pub(super) batch: i64,
    pub(super) lane: i64,
}

fn trouble(doing: &'static str) -> impl FnOnce(tokio_postgres::Error) -> Trouble {
    move |error| {
        if is_lost(&error) {
            return Trouble::Lost;
        }
        match error.code() {
            Some(
                &SqlState::T_R_SERIALIZATION_FAILURE
                | &SqlState::T_R_DEADLOCK_DETECTED
                | &SqlState::LOCK_NOT_AVAILABLE
                | &SqlState::QUERY_CANCELED,
            ) => Trouble::Again,
            Some(&SqlState::UNIQUE_VIOLATION) => Trouble::Misfit(Outcome::Conflict),
            _ => Trouble::Failed(failed(doing)(error)),
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error {
            Error::Unavailable => Self::Lost,
            other => Self::Failed(other),
        }
    }
}

/// Whoever is not heard of any more gives its locks back after a while.
pub(super) const PATIENCE: &str = "SET idle_in_transaction_session_timeout = '10s'; SET lock_timeout = '5s'";
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
/// Behind a pooler, where the connection is not ours.
const BEGIN_POOLED: &str = "BEGIN ISOLATION LEVEL READ COMMITTED;
    SET LOCAL idle_in_transaction_session_timeout = '10s'; SET LOCAL lock_timeout = '5s'";
/// Division by zero for a committer that was ended: its batch is not to be committed any more. The row of one that rested for long
/// may have been forgotten.
const MARK: &str = "INSERT INTO committer (batch, id) VALUES ($1, $2)
    ON CONFLICT (id) DO UPDATE SET batch = excluded.batch + CAST(0 / (committer.batch + 1) AS BIGINT), at = now()";

/// Commits a batch. `sent` gets the outcomes as soon as the server may be told to commit.
pub(super) async fn commit(
    link: &Link,
    mark: &Mark<'_>,
    sets: &[&WriteSet],
    sent: &mut Option<Outcomes>,
) -> Result<Outcomes, Trouble> {
    let done = attempt(link, mark, sets, sent).await;
    if !matches!(done, Ok(_) | Err(Trouble::Lost)) {
        link.command_aside("ROLLBACK");
    }
    done
}

async fn attempt(
    link: &Link,
    mark: &Mark<'_>,
    sets: &[&WriteSet],
    sent: &mut Option<Outcomes>,
) -> Result<Outcomes, Trouble> {
    let mut heads = lock(link, sets).await?;
    let outcomes: Outcomes = sets.iter().map(|set| heads.outcome(set)).collect();
    let fitting: Vec<&WriteSet> = (sets.iter().zip(&outcomes))
        .filter_map(|(set, outcome)| (*outcome == Some(Outcome::Done)).then_some(*set))
        .collect();
    if fitting.is_empty() {
        link.command_aside("ROLLBACK");
    } else {
        write(link, mark, &fitting, &heads, || *sent = Some(outcomes.clone())).await?;
    }
    Ok(outcomes)
}

/// Number of a stream's last event, and where its history begins and ends.
#[derive(Clone, Copy, Default)]
struct End {
    seq: i64,
    last: i64,
}

type Key<'a> = (&'a str, &'a str, &'a str);

/// Where the streams of a batch stand behind those of its sets that were looked at.
#[derive(Default)]
struct Heads<'a> {
    ends: BTreeMap<Key<'a>, End>,
    /// Streams that one of these sets rests on without moving them.
    rested_on: BTreeSet<Key<'a>>,
}

fn key<'a>(set: &'a WriteSet, stream: &'a StreamWrite) -> Key<'a> {
    (set.instance.as_str(), stream.kind, &stream.id)
}

impl<'a> Heads<'a> {
    /// What becomes of the next set. It fits if all its streams stand where they were seen, and then they move on: of several sets
    /// that saw one stream where it stands, the first is written.
    ///
    /// A set that moves what another of the batch rests on has to find the rows of that one, by its guards above all, and a batch is
    /// not written set by set: so it comes behind the batch.
    fn outcome(&mut self, set: &'a WriteSet) -> Option<Outcome> {
        let (moved, seen): (Vec<_>, Vec<_>) =
            (set.streams.iter()).partition(|stream| !stream.events.is_empty());
        let stands = |stream: &StreamWrite| {
            let seq = self.ends.get(&key(set, stream)).map_or(0, |end| end.seq);
            seq == stream.seen
        };
        if !set.streams.iter().all(stands) {
            return Some(Outcome::Conflict);
        }
        if moved
            .iter()
            .any(|stream| self.rested_on.contains(&key(set, stream)))
        {
            return None;
        }
        self.rested_on
            .extend(seen.into_iter().map(|stream| key(set, stream)));
        for stream in moved {
            if let Some(end) = self.ends.get_mut(&key(set, stream)) {
                end.seq += i64::try_from(stream.events.len()).unwrap_or_default();
            }
        }
        Some(Outcome::Done)
    }
}

/// Begins a transaction, locks the heads of all streams in one order, and reads them.
async fn lock<'a>(link: &Link, sets: &[&'a WriteSet]) -> Result<Heads<'a>, Trouble> {
    let mut heads = Heads::default();
    let mut appended: BTreeMap<Key<'a>, bool> = BTreeMap::new();
    for set in sets {
        for stream in &set.streams {
            *appended.entry(key(set, stream)).or_default() |= !stream.events.is_empty();
            heads.ends.insert(key(set, stream), End::default());
        }
    }
    let (changed, seen): (Vec<_>, Vec<_>) = appended.into_iter().partition(|(_, appended)| *appended);
    let [changed, seen] =
        [changed, seen].map(|keys| keys.into_iter().map(|(key, _)| key).collect::<Vec<_>>());
    let asked = [Keys::new(&changed), Keys::new(&seen)];
    let texts = [LOCK_CHANGED, LOCK_SEEN];
    let mut statements = Vec::with_capacity(2);
    for (sql, keys) in texts.into_iter().zip(&asked) {
        if !keys.ids.is_empty() {
            statements.push((link.ready(sql).await?, keys.bound()));
        }
    }
    let begin = if link.is_pooled() { BEGIN_POOLED } else { BEGIN };
    let mut all: Vec<Sending<'_, Vec<Row>>> =
        vec![Box::pin(async { link.command(begin).await.map(|()| Vec::new()) })];
    for (statement, keys) in &statements {
        all.push(Box::pin(link.ask(statement, keys)));
    }
    for answer in in_one_go(all).await {
        for row in &answer.map_err(trouble("reading heads"))? {
            heads.note(&PostgresRow::new(row), &changed, &seen)?;
        }
    }
    Ok(heads)
}

/// Heads that are about to move on, and those that only have to stand still. `place`: where in the arrays, the second kind
/// counted down from -1.
const LOCK_CHANGED: &str = "SELECT s.instance, s.kind, s.id, s.seq, s.last_pos FROM stream s
    JOIN unnest($1::text[], $2::text[], $3::text[]) AS k (instance, kind, id)
        ON s.instance = k.instance AND s.kind = k.kind AND s.id = k.id
    ORDER BY s.instance, s.kind, s.id FOR UPDATE OF s";
const LOCK_SEEN: &str = "SELECT s.instance, s.kind, s.id, s.seq, s.last_pos FROM stream s
    JOIN unnest($1::text[], $2::text[], $3::text[]) AS k (instance, kind, id)
        ON s.instance = k.instance AND s.kind = k.kind AND s.id = k.id
    ORDER BY s.instance, s.kind, s.id FOR SHARE OF s";

/// Keys as arrays.
struct Keys<'a> {
    instances: Vec<&'a str>,
    kinds: Vec<&'a str>,
    ids: Vec<&'a str>,
}

impl<'a> Keys<'a> {
    fn new(keys: &[Key<'a>]) -> Self {
        Self {
            instances: keys.iter().map(|key| key.0).collect(),
            kinds: keys.iter().map(|key| key.1).collect(),
            ids: keys.iter().map(|key| key.2).collect(),
        }
    }

    fn bound(&self) -> Vec<Bound<'_>> {
        let texts = Type::TEXT_ARRAY;
        vec![
            (&self.instances, texts.clone()),
            (&self.kinds, texts.clone()),
            (&self.ids, texts),
        ]
    }
}

impl<'a> Heads<'a> {
    fn note(&mut self, row: &PostgresRow<'_>, changed: &[Key<'a>], seen: &[Key<'a>]) -> Result<(), Error> {
        let text = |column| row.opt_text(column).map(Option::unwrap_or_default);
        let found = (text(0)?, text(1)?, text(2)?);
        let known = [changed, seen].into_iter().find_map(|keys| {
            let place = keys.binary_search(&found).ok()?;
            keys.get(place)
        });
        let Some(known) = known else {
            return Err(Error::corrupt("stream", "it was not asked for"));
        };
        let number = |column| row.opt_int(column).map(Option::unwrap_or_default);
        let end = End {
            seq: number(3)?,
            last: number(4)?,
        };
        self.ends.insert(*known, end);
        Ok(())
    }
}

/// Writes everything in one exchange, and commits in the same if nothing of it has to be looked at first.
async fn write(
    link: &Link,
    mark: &Mark<'_>,
    sets: &[&WriteSet],
    heads: &Heads<'_>,
    about_to_commit: impl FnOnce(),
) -> Result<(), Trouble> {
    let mut guards: Vec<&Statement> = sets.iter().flat_map(|set| &set.guards).collect();
    // In one order, so that two who want the same rows do not wait for each other.
    guards.sort_by(|a, b| (a.sql, &a.params).cmp(&(b.sql, &b.params)));
    let rows = steps(sets);
    let log = Log::new(sets, heads);
    let lane = [Param::Int(log.events()), Param::Int(mark.lane)];
    let sign = [Param::Int(mark.batch), Param::Text(mark.committer)];
    let moved = freshness::moved(sets);
    let mut orders = Vec::with_capacity(guards.len() + rows.len() + 4);
    for guard in &guards {
        orders.push((link.ready(guard.sql).await?, bound_values(&guard.params)));
    }
    for step in &rows {
        orders.push((link.ready(step.sql()).await?, step.bound()));
    }
    for (sql, params) in log.orders(&lane) {
        orders.push((link.ready(sql).await?, params));
    }
    let gone = forgotten(sets);
    for params in &gone {
        orders.push((link.ready(FORGET).await?, bound(params)));
    }
    if !moved.is_empty() {
        orders.push((
            link.ready(freshness::MOVE).await?,
            vec![(&moved, Type::INT8_ARRAY)],
        ));
    }
    orders.push((link.ready(MARK).await?, bound(&sign)));
    if guards.is_empty() {
        about_to_commit();
        return send(link, &orders, 0, true).await;
    }
    send(link, &orders, guards.len(), false).await?;
    about_to_commit();
    link.command("COMMIT").await.map_err(trouble("committing"))
}

/// Sends statements in their order, the guards first. The first that failed counts: what follows it fails for it.
async fn send(
    link: &Link,
    orders: &[(Ready<'_>, Vec<Bound<'_>>)],
    guards: usize,
    commit: bool,
) -> Result<(), Trouble> {
    let mut all: Vec<Sending<'_, u64>> = Vec::with_capacity(orders.len() + 1);
    for (statement, params) in orders {
        all.push(Box::pin(link.tell(statement, params)));
    }
    if commit {
        all.push(Box::pin(async { link.command("COMMIT").await.map(|()| 0) }));
    }
    for (place, answer) in in_one_go(all).await.into_iter().enumerate() {
        let is_guard = place < guards;
        match answer.map_err(trouble("writing")) {
            Ok(1) => {}
            Ok(_) if !is_guard => {}
            Ok(_) => return Err(Trouble::Misfit(Outcome::Conflict)),
            Err(Trouble::Misfit(_)) if is_guard => {
                return Err(Trouble::Misfit(Outcome::Taken("a unique value")));
            }
            Err(other) => return Err(other),
        }
    }
    Ok(())
}

/// A statement for one row, or for the same of many sets.
enum Step<'a> {
    One(&'a Statement),
    Many(Together<'a>),
}

impl Step<'_> {
    fn sql(&self) -> &str {
        match self {
            Self::One(statement) => statement.sql,
            Self::Many(together) => &together.sql,
        }
    }

    fn bound(&self) -> Vec<Bound<'_>> {
        match self {
            Self::One(statement) => bound_values(&statement.params),
            Self::Many(together) => together
                .columns
                .iter()
                .filter_map(|column| column.bound())
                .collect(),
        }
    }
}

/// The rows of all sets, those of one set in their order: the first of all sets together, then the second, and so on.
fn steps<'a>(sets: &[&'a WriteSet]) -> Vec<Step<'a>> {
    let most = sets.iter().map(|set| set.rows.len()).max().unwrap_or_default();
    let mut steps = Vec::new();
    for place in 0..most {
        let mut alike: Vec<(&str, Vec<&'a Statement>)> = Vec::new();
        for row in sets.iter().filter_map(|set| set.rows.get(place)) {
            match alike.iter_mut().find(|(sql, _)| *sql == row.sql) {
                Some((_, rows)) => rows.push(row),
                None => alike.push((row.sql, vec![row])),
            }
        }
        for (_, rows) in alike {
            match if rows.len() > 1 { together(&rows) } else { None } {
                Some(many) => steps.push(Step::Many(many)),
                None => steps.extend(rows.into_iter().map(Step::One)),
            }
        }
    }
    steps
}

/// Takes positions from the lane and appends events with their personal values. A `prev` of -1 is the event before in the batch.
///
/// No statement writes one table twice: some engines that speak this protocol refuse those.
const LOG: &str = "WITH taken AS (UPDATE lane SET pos = pos + $1 WHERE id = $2 RETURNING pos - $1 AS base),
    e AS (SELECT * FROM unnest($3::bigint[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[], $9::text[],
            $10::bigint[], $11::text[], $12::text[], $13::text[])
        AS e (place, instance, kind, stream, seq, prev, name, at, editor, body, personal)),
    logged AS (INSERT INTO event (pos, instance, kind, stream, seq, prev, name, at, editor, body)
        SELECT t.base + e.place, e.instance, e.kind, e.stream, e.seq,
            CASE WHEN e.prev < 0 THEN t.base + e.place - 1 ELSE e.prev END, e.name, e.at, e.editor, e.body
        FROM e CROSS JOIN taken t)
    INSERT INTO personal (pos, body)
        SELECT t.base + e.place, e.personal FROM e CROSS JOIN taken t WHERE e.personal IS NOT NULL";

/// Makes the heads of new streams, behind [`LOG`], whose lane nobody else moves before the commit. One that is there already is a
/// violation.
const HEADS_BEGIN: &str = "INSERT INTO stream
        (instance, kind, id, seq, last_pos, created_at, changed_at, first_pos, due_at, state)
    SELECT s.instance, s.kind, s.id, s.seq, l.pos - $1 + s.last, s.at, s.at, l.pos - $1 + s.first, s.due, s.state
    FROM unnest($3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
            $10::bigint[], $11::bytea[])
        AS s (instance, kind, id, seq, first, last, at, due, state) CROSS JOIN lane l
    WHERE l.id = $2";

/// Moves the heads of known streams, as [`HEADS_BEGIN`].
const HEADS_MOVE: &str = "UPDATE stream
    SET seq = s.seq, last_pos = l.pos - $1 + s.last, changed_at = s.at, due_at = s.due, state = s.state
    FROM unnest($3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[],
            $10::bigint[], $11::bytea[])
        AS s (instance, kind, id, seq, first, last, at, due, state) CROSS JOIN lane l
    WHERE l.id = $2 AND stream.instance = s.instance AND stream.kind = s.kind AND stream.id = s.id";

/// Erases the personal values of a stream along its chain of events.
const FORGET: &str = "WITH RECURSIVE chain (pos, prev) AS (
        SELECT e.pos, e.prev FROM stream s JOIN event e ON e.pos = s.last_pos
        WHERE s.instance = $1 AND s.kind = $2 AND s.id = $3
        UNION ALL SELECT e.pos, e.prev FROM chain c JOIN event e ON e.pos = c.prev)
    DELETE FROM personal WHERE pos IN (SELECT pos FROM chain)";

/// Events and heads of a batch, as columns.
#[derive(Default)]
struct Log<'a> {
    places: Vec<i64>,
    keys: [Vec<&'a str>; 3],
    seqs: Vec<i64>,
    prevs: Vec<i64>,
    names: Vec<&'a str>,
    times: Vec<i64>,
    editors: Vec<&'a str>,
    bodies: Vec<&'a str>,
    personals: Vec<Option<&'a str>>,
    begun: Ends<'a>,
    moved: Ends<'a>,
}

/// Where streams end behind a batch.
#[derive(Default)]
struct Ends<'a> {
    keys: [Vec<&'a str>; 3],
    seqs: Vec<i64>,
    firsts: Vec<i64>,
    lasts: Vec<i64>,
    times: Vec<i64>,
    dues: Vec<Option<i64>>,
    states: Vec<Option<&'a [u8]>>,
}

fn push_key<'a>([instances, kinds, ids]: &mut [Vec<&'a str>; 3], (instance, kind, id): Key<'a>) {
    instances.push(instance);
    kinds.push(kind);
    ids.push(id);
}

impl<'a> Log<'a> {
    fn new(sets: &[&'a WriteSet], heads: &Heads<'_>) -> Self {
        let mut log = Self::default();
        for set in sets {
            for stream in set.streams.iter().filter(|stream| !stream.events.is_empty()) {
                let last = heads.ends.get(&key(set, stream)).map_or(0, |end| end.last);
                log.append(key(set, stream), stream, last);
            }
        }
        log
    }

    fn events(&self) -> i64 {
        i64::try_from(self.places.len()).unwrap_or_default()
    }

    fn append(&mut self, key: Key<'a>, stream: &'a StreamWrite, last: i64) {
        let (first, mut seq) = (self.events() + 1, stream.seen);
        for event in &stream.events {
            self.prevs.push(if seq == stream.seen { last } else { -1 });
            seq += 1;
            self.places.push(self.events() + 1);
            push_key(&mut self.keys, key);
            self.seqs.push(seq);
            self.names.push(event.name);
            self.times.push(stream.at.0);
            self.editors.push(&stream.editor);
            self.bodies.push(&event.body);
            self.personals.push(event.personal.as_deref());
        }
        let ends = if stream.seen == 0 {
            &mut self.begun
        } else {
            &mut self.moved
        };
        push_key(&mut ends.keys, key);
        ends.seqs.push(seq);
        ends.firsts.push(first);
        ends.lasts
            .push(i64::try_from(self.places.len()).unwrap_or_default());
        ends.times.push(stream.at.0);
        ends.dues.push(stream.due.map(|due| due.0));
        ends.states.push(stream.state.as_deref());
    }

    /// The statements that write it, in their order, with their parameters.
    fn orders<'b>(&'b self, lane: &'b [Param<'b>; 2]) -> Vec<(&'static str, Vec<Bound<'b>>)> {
        if self.places.is_empty() {
            return Vec::new();
        }
        let mut orders = vec![(LOG, self.bound(lane))];
        for (sql, ends) in [(HEADS_BEGIN, &self.begun), (HEADS_MOVE, &self.moved)] {
            if !ends.seqs.is_empty() {
                orders.push((sql, ends.bound(lane)));
            }
        }
        orders
    }

    fn bound<'b>(&'b self, lane: &'b [Param<'b>; 2]) -> Vec<Bound<'b>> {
        let (numbers, texts) = (Type::INT8_ARRAY, Type::TEXT_ARRAY);
        let mut all = bound(lane);
        all.push((&self.places, numbers.clone()));
        all.extend(bound_keys(&self.keys));
        all.push((&self.seqs, numbers.clone()));
        all.push((&self.prevs, numbers.clone()));
        all.push((&self.names, texts.clone()));
        all.push((&self.times, numbers));
        all.push((&self.editors, texts.clone()));
        all.push((&self.bodies, texts.clone()));
        all.push((&self.personals, texts));
        all
    }
}

fn bound_keys<'b>(keys: &'b [Vec<&str>; 3]) -> impl Iterator<Item = Bound<'b>> {
    keys.iter().map(|column| (column as _, Type::TEXT_ARRAY))
}

impl Ends<'_> {
    fn bound<'b>(&'b self, lane: &'b [Param<'b>; 2]) -> Vec<Bound<'b>> {
        let mut all = bound(lane);
        all.extend(bound_keys(&self.keys));
        for column in [&self.seqs, &self.firsts, &self.lasts, &self.times] {
            all.push((column, Type::INT8_ARRAY));
        }
        all.push((&self.dues, Type::INT8_ARRAY));
        all.push((&self.states, Type::BYTEA_ARRAY));
        all
    }
}

/// Keys of the streams whose personal values are erased.
fn forgotten<'a>(sets: &[&'a WriteSet]) -> Vec<[Param<'a>; 3]> {
    let streams = (sets.iter()).flat_map(|set| set.streams.iter().map(move |stream| (*set, stream)));
    streams
        .filter(|(_, stream)| stream.forget && !stream.events.is_empty())
        .map(|(set, stream)| {
            let (instance, kind, id) = key(set, stream);
            [instance.into(), kind.into(), id.into()]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use domain::base::{InstanceId, Timestamp};

    use super::*;
    use crate::commit::NewEvent;

    /// Saw streams at their first event, and appends to those named so.
    fn set(streams: &[(&str, bool)]) -> WriteSet {
        let event = || NewEvent {
            name: "event",
            body: String::new(),
            personal: None,
        };
        let stream = |&(id, moves): &(&str, bool)| StreamWrite {
            kind: "kind",
            id: id.into(),
            seen: 1,
            events: moves.then(event).into_iter().collect(),
            at: Timestamp(0),
            editor: Arc::from(""),
            forget: false,
            standing: false,
            state: None,
            due: None,
            texts: Vec::new(),
        };
        WriteSet {
            name: "set",
            instance: InstanceId::from_trusted("instance"),
            streams: streams.iter().map(stream).collect(),
            guards: Vec::new(),
            rows: Vec::new(),
        }
    }

    fn outcomes(sets: &[WriteSet]) -> Outcomes {
        let mut heads = Heads::default();
        let streams = sets
            .iter()
            .flat_map(|set| set.streams.iter().map(move |stream| key(set, stream)));
        heads
            .ends
            .extend(streams.map(|key| (key, End { seq: 1, last: 1 })));
        sets.iter().map(|set| heads.outcome(set)).collect()
    }

    const MOVES: (&str, bool) = ("stream", true);
    const SEES: (&str, bool) = ("stream", false);
    const DONE: Option<Outcome> = Some(Outcome::Done);
    const CONFLICT: Option<Outcome> = Some(Outcome::Conflict);

    #[test]
    fn many_may_rest_on_one_stream() {
        assert_eq!(
            outcomes(&[set(&[SEES]), set(&[SEES, ("other", true)])]),
            [DONE, DONE]
        );
    }

    #[test]
    fn the_first_who_moves_a_stream_is_written() {
        assert_eq!(
            outcomes(&[set(&[MOVES]), set(&[MOVES]), set(&[SEES])]),
            [DONE, CONFLICT, CONFLICT]
        );
    }

    #[test]
    fn who_moves_what_another_rests_on_comes_behind_the_batch() {
        let sets = [set(&[("own", true), SEES]), set(&[MOVES]), set(&[SEES])];
        assert_eq!(outcomes(&sets), [DONE, None, DONE]);
        assert_eq!(outcomes(&sets[1..2]), [DONE], "alone it fits");
    }

    #[test]
    fn who_comes_behind_the_batch_leaves_its_streams_where_they_are() {
        let sets = [set(&[SEES]), set(&[MOVES, ("own", true)]), set(&[("own", true)])];
        assert_eq!(outcomes(&sets), [DONE, None, DONE]);
    }

    #[test]
    fn nobody_rests_on_what_a_set_saw_that_is_not_written() {
        let stale = set(&[("moved", false), SEES]);
        assert_eq!(
            outcomes(&[set(&[("moved", true)]), stale, set(&[MOVES])]),
            [DONE, CONFLICT, DONE]
        );
    }
}
