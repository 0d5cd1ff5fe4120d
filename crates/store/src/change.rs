//! The unit of work: it reads, collects decisions, and writes once at the end. Every stream that it loaded must still
//! stand where it was seen; if somebody was faster, the closure runs again.

use std::{future::Future, pin::Pin, sync::Arc};

use domain::base::{Aggregate, Forgettable, InstanceId, Timestamp, UserId};

use crate::{
    budget::CountedSends,
    commit::{NewEvent, Outcome, Statement, StreamWrite, TextChange, WriteSet, json},
    db::{Snapshot, Store},
    error::{Error, Result},
};

/// Where a stream stands: what the public API calls details.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Number of its last event; 0 before the first.
    pub seq: i64,
    /// When its first event happened, or the first since it was last deleted.
    pub created: Timestamp,
    /// When its last event happened.
    pub changed: Timestamp,
}

/// An aggregate that the store keeps the state of, in rows of its own or whole in its stream's row.
pub trait Stored: Aggregate + Clone {
    /// Its id.
    type Id: AsRef<str> + Clone + Send + Sync;

    /// Reads head and state in one view.
    fn load(
        snapshot: &mut Snapshot,
        instance: &InstanceId,
        id: &Self::Id,
    ) -> impl Future<Output = Result<(Head, Self)>> + Send;

    /// Writes the rows that `events` touched, as the state `after` them says.
    fn rows(
        &self,
        instance: &InstanceId,
        id: &Self::Id,
        head: &Head,
        events: &[Self::Event],
    ) -> Vec<Statement>;

    /// Takes the unique values that `events` claim: each statement touches exactly one row, or fails because the value is
    /// taken, and then nothing of the write set is kept.
    fn claims(&self, _instance: &InstanceId, _id: &Self::Id, _events: &[Self::Event]) -> Vec<Statement> {
        Vec::new()
    }

    /// All of it in bytes, for an aggregate that is kept whole in its stream's row; nothing is also what such an aggregate
    /// leaves behind.
    fn state(&self) -> Option<Vec<u8>> {
        None
    }

    /// When something of it ends by itself, so that somebody has to look.
    fn due(&self) -> Option<Timestamp> {
        None
    }

    /// What is different in the texts that searches look into by their parts, between the state `before` the unit of work
    /// and this one; nothing if `events`, the last of them, touch no such text.
    fn texts_changed(&self, _before: &Self, _events: &[Self::Event]) -> Option<Vec<TextChange>> {
        None
    }

    /// Whether these events change what the tokens of a user are worth: its roles, its state, the tokens that are left.
    /// What is remembered of them is forgotten before the change is acknowledged.
    fn changes_standing(_events: &[Self::Event]) -> bool {
        false
    }

    /// Whether this event makes a new aggregate, also under an id that was used before.
    fn begins(_event: &Self::Event) -> bool {
        false
    }

    /// Whether these events ask for all personal values of the stream to be erased.
    fn forgets(_events: &[Self::Event]) -> bool {
        false
    }
}

/// A stream inside a unit of work.
#[derive(Debug)]
pub struct Stream<A: Stored> {
    /// Its id.
    pub id: A::Id,
    /// Where it stands, decisions of this unit of work included.
    pub head: Head,
    /// Its state, decisions of this unit of work included.
    pub state: A,
    /// As it was loaded, once a decision of this unit of work changed it.
    loaded: Option<(Head, A)>,
    slot: usize,
}

/// One attempt at a use case.
#[derive(Debug)]
pub struct Work<'env> {
    instance: &'env InstanceId,
    editor: &'env str,
    now: Timestamp,
    snapshot: Snapshot,
    streams: Vec<StreamWrite>,
    guards: Vec<Statement>,
    rows: Vec<Statement>,
    /// Send histories that this work read and counted in.
    pub(crate) counted: Vec<CountedSends>,
    /// Set once a refusal recorded facts: they are committed although the answer is an error.
    refused: bool,
}

/// The future that a use case's closure gives.
pub type Step<'w, T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'w>>;

impl Work<'_> {
    /// The tenant that this work is for.
    pub fn instance(&self) -> &InstanceId {
        self.instance
    }

    /// The view that this work reads from. Each query may see a state of its own: what a stream guards is read after the stream
    /// was loaded, so that whoever changes both meanwhile is noticed.
    pub fn snapshot(&mut self) -> &mut Snapshot {
        &mut self.snapshot
    }

    /// Loads a stream; it must still stand where it is seen now when this work is committed. Each stream is loaded once:
    /// two who append to one from the same place would tear its history.
    pub async fn load<A: Stored>(&mut self, id: &A::Id) -> Result<Stream<A>> {
        if self
            .streams
            .iter()
            .any(|s| s.kind == A::KIND && *s.id == *id.as_ref())
        {
            return Err(Error::corrupt("a unit of work", "it loads one stream twice"));
        }
        let (head, state) = A::load(&mut self.snapshot, self.instance, id).await?;
        self.streams.push(StreamWrite {
            kind: A::KIND,
            id: id.as_ref().into(),
            seen: head.seq,
            events: Vec::new(),
            at: self.now,
            editor: self.editor.into(),
            forget: false,
            standing: false,
            state: None,
            due: None,
            texts: Vec::new(),
        });
        Ok(Stream {
            id: id.clone(),
            head,
            state,
            loaded: None,
            slot: self.streams.len() - 1,
        })
    }

    /// Lets the stream's rules judge a command, and keeps what they record. A refusal that records facts drops
    /// everything else that this work wanted: only those facts, and what is written after it, are kept.
    pub fn decide<A: Stored>(
        &mut self,
        stream: &mut Stream<A>,
        command: A::Command,
    ) -> Result<(), A::Refusal> {
        let decision = stream.state.decide(command, self.now);
        if decision.answer.is_err() && !decision.events.is_empty() {
            self.forget_wishes();
            if let Some((head, state)) = stream.loaded.take() {
                (stream.head, stream.state) = (head, state);
            }
            self.refused = true;
        }
        self.record(stream, &decision.events);
        decision.answer
    }

    fn forget_wishes(&mut self) {
        for stream in &mut self.streams {
            stream.events.clear();
            (stream.forget, stream.standing) = (false, false);
            stream.texts.clear();
        }
        self.guards.clear();
        self.rows.clear();
        self.counted.clear();
    }

    fn record<A: Stored>(&mut self, stream: &mut Stream<A>, events: &[A::Event]) {
        if events.is_empty() {
            return;
        }
        let (_, loaded) = stream
            .loaded
            .get_or_insert_with(|| (stream.head, stream.state.clone()));
        let target = &mut self.streams[stream.slot];
        for event in events {
            stream.state.evolve(event, self.now);
            target.events.push(NewEvent {
                name: event.name(),
                body: json(event),
                personal: event.personal(),
            });
        }
        target.forget |= A::forgets(events);
        target.standing |= A::changes_standing(events);
        (target.state, target.due) = (stream.state.state(), stream.state.due());
        if let Some(texts) = stream.state.texts_changed(loaded, events) {
            target.texts = texts;
        }
        if stream.head.seq == 0 {
            stream.head.created = self.now;
        } else if events.iter().any(A::begins) {
            stream.head.created = self.now;
            self.rows
                .push(created_anew(self.instance, A::KIND, stream.id.as_ref(), self.now));
        }
        stream.head.seq += i64::try_from(events.len()).unwrap_or(0);
        stream.head.changed = self.now;
        self.rows
            .extend(stream.state.rows(self.instance, &stream.id, &stream.head, events));
        self.guards
            .extend(stream.state.claims(self.instance, &stream.id, events));
    }

    /// Writes a row beside the events.
    pub fn write(&mut self, row: Statement) {
        self.rows.push(row);
    }

    /// Writes a row that exactly nobody else may have touched since it was read: anything but one row is a conflict.
    pub fn guard(&mut self, row: Statement) {
        self.guards.push(row);
    }

    fn is_empty(&self) -> bool {
        let beside = self.guards.is_empty() && self.rows.is_empty() && self.counted.is_empty();
        beside && self.streams.iter().all(|s| s.events.is_empty())
    }

    fn into_set(mut self, name: &'static str) -> WriteSet {
        let sends = self.counted.iter().map(|c| c.guard(self.instance));
        self.guards.extend(sends);
        WriteSet {
            name,
            instance: self.instance.clone(),
            streams: self.streams,
            guards: self.guards,
            rows: self.rows,
        }
    }
}

/// A stream's row says when the stream began; whoever comes under a used id begins later.
fn created_anew(instance: &InstanceId, kind: &str, id: &str, now: Timestamp) -> Statement {
    let sql = "UPDATE stream SET created_at = $1 WHERE instance = $2 AND kind = $3 AND id = $4";
    let params = [now.into(), instance.shared().into(), kind.into(), id.into()];
    Statement::new(sql, params)
}

/// How often one use case may lose against others before its caller is told to try later.
const MOST_RACES: u32 = 64;

impl Store {
    /// Runs a use case: loads, decides, commits. On a refusal only what that refusal itself records is kept, on any
    /// other error nothing is, and when somebody was faster the closure runs again on what is so now.
    pub async fn change<'env, T, E, F>(
        &'env self,
        name: &'static str,
        instance: &'env InstanceId,
        editor: &'env UserId,
        now: Timestamp,
        closure: F,
    ) -> Result<T, E>
    where
        F: for<'w> Fn(&'w mut Work<'env>) -> Step<'w, T, E> + Send + Sync,
        T: Send,
        E: From<Error> + Send,
    {
        let (mut turn, mut wary) = (None, false);
        for _ in 0..MOST_RACES {
            let mut work = Work {
                instance,
                editor: editor.as_str(),
                now,
                snapshot: if wary {
                    self.snapshot().await?
                } else {
                    self.glance()?.before_a_change()
                },
                streams: Vec::new(),
                guards: Vec::new(),
                rows: Vec::new(),
                counted: Vec::new(),
                refused: false,
            };
            let answer = closure(&mut work).await;
            if work.is_empty() || (answer.is_err() && !work.refused) {
                if !work.snapshot.may_be_torn() {
                    return answer;
                }
                // No commit proves what it rests on: it is judged again by one view.
                wary = true;
                continue;
            }
            let first: Option<Arc<str>> = work.streams.first().map(|s| Arc::clone(&s.id));
            match self.commit(work.into_set(name)).await? {
                Outcome::Done => return answer,
                Outcome::Taken(what) => return Err(Error::Taken(what).into()),
                Outcome::Conflict => metrics::counter!("merlon_store_conflicts_total").increment(1),
            }
            if turn.is_none() {
                let turnstile = self.turnstile(first.as_deref().unwrap_or(name));
                turn = Some(turnstile.acquire().await.map_err(|_| Error::Closed)?);
            }
        }
        drop(turn);
        Err(Error::Contention.into())
    }
}
