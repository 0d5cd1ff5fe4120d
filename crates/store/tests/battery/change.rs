//! The unit of work: all or nothing, and on what is so at its commit.

use std::sync::{
    Mutex,
    atomic::{AtomicU32, Ordering},
};

use domain::{
    base::Timestamp,
    code::Miss,
    user::{Channel, Command, Person, Refusal, User},
};
use store::{Statement, Store};

use super::backend;
use crate::given::*;

/// True for the first caller alone.
fn first(runs: &AtomicU32) -> bool {
    runs.fetch_add(1, Ordering::SeqCst) == 0
}

#[tokio::test]
async fn what_is_appended_is_read_back() {
    let database = backend().await;
    let store = &database.store;
    let id = user(1);
    let head = decide(store, &id, create()).await.unwrap();
    assert_eq!((head.seq, head.created, head.changed), (1, NOW, NOW));
    let later = Timestamp(NOW.0 + 5);
    let head = decide_at(store, &id, set_phone("+41791234567", 1), later).await.unwrap();
    assert_eq!((head.seq, head.created, head.changed), (3, NOW, later));

    let log = history(store, &id).await;
    assert_eq!(log.iter().map(|l| l.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(log.iter().map(|l| l.at).collect::<Vec<_>>(), [NOW, later, later]);
    assert!(log.iter().all(|l| l.editor == "user-1"));
    assert_eq!(names(store, &id).await, ["user_created", "contact_changed", "contact_code_issued"]);
    let (stored, state) = load(store, &id).await;
    assert_eq!(stored, head);
    assert_eq!(state.person().unwrap().phone.as_ref().unwrap().destination, phone("+41791234567"));
}

#[tokio::test]
async fn who_loses_a_race_decides_again_on_what_is_so_now() {
    let database = backend().await;
    let store = &database.store;
    let id = &users(store, 1).await[0];
    let runs = &AtomicU32::new(0);
    let answer: Result<(), Failure> = store
        .change("test", &instance(), id, NOW, |work| {
            Box::pin(async move {
                let mut stream = work.load::<User>(id).await?;
                if first(runs) {
                    decide(store, id, Command::Lock).await?;
                }
                work.decide(&mut stream, Command::Lock)?;
                Ok(())
            })
        })
        .await;
    assert!(matches!(answer, Err(Failure::Refused(Refusal::AlreadyLocked))), "{answer:?}");
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    assert_eq!(names(store, id).await, ["user_created", "user_locked"]);
}

/// Locks one user on the strength of another, who changes once meanwhile. Answers how often it ran.
async fn lock_beside(store: &Store, write_both: bool) -> u32 {
    let ids = &users(store, 2).await;
    let runs = &AtomicU32::new(0);
    let answer: Result<(), Failure> = store
        .change("test", &instance(), &ids[0], NOW, |work| {
            Box::pin(async move {
                let mut one = work.load::<User>(&ids[0]).await?;
                let mut other = work.load::<User>(&ids[1]).await?;
                if first(runs) {
                    decide(store, &ids[1], Command::SetData(data("meanwhile"))).await?;
                }
                work.decide(&mut one, Command::Lock)?;
                if write_both {
                    work.decide(&mut other, Command::Lock)?;
                }
                Ok(())
            })
        })
        .await;
    answer.unwrap();
    assert_eq!(names(store, &ids[0]).await, ["user_created", "user_locked"]);
    let expected: &[&str] = if write_both {
        &["user_created", "data_changed", "user_locked"]
    } else {
        &["user_created", "data_changed"]
    };
    assert_eq!(names(store, &ids[1]).await, expected);
    assert_log_is_whole(store).await;
    runs.load(Ordering::SeqCst)
}

#[tokio::test]
async fn two_streams_in_one_unit_stand_or_fall_together() {
    assert_eq!(lock_beside(&backend().await.store, true).await, 2);
}

#[tokio::test]
async fn a_stream_that_was_merely_read_still_guards() {
    assert_eq!(lock_beside(&backend().await.store, false).await, 2);
}

#[tokio::test]
async fn a_refusal_keeps_only_what_it_recorded() {
    let database = backend().await;
    let store = &database.store;
    let ids = &users(store, 2).await;
    decide(store, &ids[1], set_phone("+41791234567", 1)).await.unwrap();
    let answer: Result<(), Failure> = store
        .change("test", &instance(), &ids[0], NOW, |work| {
            Box::pin(async move {
                let mut one = work.load::<User>(&ids[0]).await?;
                let mut other = work.load::<User>(&ids[1]).await?;
                work.decide(&mut one, Command::Lock)?;
                work.write(meta_row("before"));
                work.guard(Statement::new("DELETE FROM meta WHERE name = $1", ["nothing".into()]));
                let refused = work.decide(&mut other, verify_phone(9)).unwrap_err();
                work.write(meta_row("after"));
                Err(refused.into())
            })
        })
        .await;
    assert!(matches!(answer, Err(Failure::Refused(Refusal::Code(Miss::Wrong)))), "{answer:?}");
    assert_eq!(names(store, &ids[0]).await, ["user_created"]);
    assert_eq!(names(store, &ids[1]).await.last(), Some(&"contact_check_failed"));
    let tries = load(store, &ids[1]).await.1.person().unwrap().phone.clone().unwrap().code.unwrap().tries;
    assert_eq!(tries, 4);
    assert!(!has_meta(store, "before").await);
    assert!(has_meta(store, "after").await);
    assert_log_is_whole(store).await;
}

#[tokio::test]
async fn a_refusal_drops_what_the_same_stream_wanted_before() {
    let database = backend().await;
    let store = &database.store;
    let id = &users(store, 1).await[0];
    decide(store, id, set_phone("+41791234567", 1)).await.unwrap();
    let answer: Result<(), Failure> = store
        .change("test", &instance(), id, NOW, |work| {
            Box::pin(async move {
                let mut stream = work.load::<User>(id).await?;
                work.decide(&mut stream, Command::SetData(data("dropped")))?;
                work.decide(&mut stream, verify_phone(9))?;
                Ok(())
            })
        })
        .await;
    assert!(matches!(answer, Err(Failure::Refused(Refusal::Code(Miss::Wrong)))), "{answer:?}");
    let (head, state) = load(store, id).await;
    assert!(state.person().unwrap().data.is_empty(), "the log does not say so");
    assert_eq!(head.seq, 4);
    assert_log_is_whole(store).await;
}

#[tokio::test]
async fn a_unit_of_work_loads_each_stream_once() {
    let database = backend().await;
    let store = &database.store;
    let id = &users(store, 1).await[0];
    let answer: Result<(), Failure> = store
        .change("test", &instance(), id, NOW, |work| {
            Box::pin(async move {
                let mut one = work.load::<User>(id).await?;
                work.decide(&mut one, Command::Lock)?;
                let mut same = work.load::<User>(id).await?;
                work.decide(&mut same, Command::Deactivate)?;
                Ok(())
            })
        })
        .await;
    assert!(matches!(answer, Err(Failure::Store(store::Error::Corrupt { .. }))), "{answer:?}");
    assert_eq!(names(store, id).await, ["user_created"]);
    assert_log_is_whole(store).await;
}

#[tokio::test]
async fn an_error_keeps_nothing() {
    let database = backend().await;
    let store = &database.store;
    let id = &users(store, 1).await[0];
    let answer: Result<(), Failure> = store
        .change("test", &instance(), id, NOW, |work| {
            Box::pin(async move {
                let mut stream = work.load::<User>(id).await?;
                work.decide(&mut stream, Command::Lock)?;
                work.write(meta_row("row"));
                Err(Failure::Wanted)
            })
        })
        .await;
    assert!(matches!(answer, Err(Failure::Wanted)));
    assert_eq!(names(store, id).await, ["user_created"]);
    assert!(!has_meta(store, "row").await);
    assert_eq!(number(store, "SELECT locked FROM users").await, 0);
}

#[tokio::test]
async fn a_refusal_without_facts_keeps_nothing() {
    let database = backend().await;
    let store = &database.store;
    let id = &users(store, 1).await[0];
    let answer: Result<(), Failure> = store
        .change("test", &instance(), id, NOW, |work| {
            Box::pin(async move {
                let mut stream = work.load::<User>(id).await?;
                work.decide(&mut stream, Command::Lock)?;
                work.decide(&mut stream, Command::RemoveContact(Channel::Sms))?;
                Ok(())
            })
        })
        .await;
    assert!(matches!(answer, Err(Failure::Refused(Refusal::ContactMissing(Channel::Sms)))));
    assert_eq!(names(store, id).await, ["user_created"]);
}

/// Locks two users at once.
async fn lock_both(store: &Store, ids: &[domain::base::UserId]) {
    let locked: Result<(), Failure> = store
        .change("test.lock_both", &instance(), &ids[0], NOW, |work| {
            Box::pin(async move {
                for id in ids {
                    let mut stream = work.load::<User>(id).await?;
                    work.decide(&mut stream, Command::Lock)?;
                }
                Ok(())
            })
        })
        .await;
    locked.unwrap();
}

#[tokio::test]
async fn what_no_commit_proves_is_judged_by_one_view() {
    for fails in [true, false] {
        let database = backend().await;
        let store = &database.store;
        let ids = &users(store, 2).await;
        let (runs, seen) = (&AtomicU32::new(0), &Mutex::new(Vec::new()));
        let answer: Result<(), Failure> = store
            .change("test", &instance(), &ids[0], NOW, |work| {
                Box::pin(async move {
                    let one = work.load::<User>(&ids[0]).await?;
                    if first(runs) {
                        lock_both(store, ids).await;
                    }
                    let other = work.load::<User>(&ids[1]).await?;
                    let state = |user: &User| user.person().map(Person::state);
                    *seen.lock().unwrap() = vec![state(&one.state), state(&other.state)];
                    if fails { Err(Failure::Wanted) } else { Ok(()) }
                })
            })
            .await;
        assert_eq!(answer.is_err(), fails);
        let seen = seen.lock().unwrap();
        assert_eq!(seen[0], seen[1], "they were never different");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_guard_that_misses_undoes_everything_even_among_others() {
    let database = backend().await;
    let store = &database.store;
    let ids = users(store, 66).await;
    let losing = {
        let (store, ids) = (store.clone(), ids.clone());
        tokio::spawn(async move { guarded(&store, [&ids[0], &ids[1]], "lost", "not there").await })
    };
    let others = ids[2..].iter().cloned().map(|id| {
        let store = store.clone();
        tokio::spawn(async move { decide(&store, &id, Command::Lock).await.map(drop) })
    });
    for other in others.collect::<Vec<_>>() {
        other.await.unwrap().unwrap();
    }
    let lost = losing.await.unwrap();
    assert!(matches!(lost, Err(Failure::Store(store::Error::Contention))), "{lost:?}");
    assert!(!has_meta(store, "lost").await);
    assert_eq!(names(store, &ids[0]).await, ["user_created"]);

    store.keep_meta("there", b"x").await.unwrap();
    guarded(store, [&ids[0], &ids[1]], "won", "there").await.unwrap();
    assert!(has_meta(store, "won").await);
    assert_eq!(names(store, &ids[1]).await, ["user_created", "data_changed"]);
    assert_log_is_whole(store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_write_set_that_fails_does_not_touch_the_others_of_its_batch() {
    let database = backend().await;
    let store = &database.store;
    let ids = users(store, 200).await;
    let tasks = ids.iter().cloned().enumerate().map(|(n, id)| {
        let store = store.clone();
        tokio::spawn(async move {
            let (instance, id) = (&instance(), &id);
            let answer: Result<(), Failure> = store
                .change("test", instance, id, NOW, |work| {
                    Box::pin(async move {
                        let mut stream = work.load::<User>(id).await?;
                        work.decide(&mut stream, Command::Lock)?;
                        if n % 50 == 7 {
                            work.write(Statement::new("INSERT INTO meta (name) VALUES ($1)", ["broken".into()]));
                        }
                        Ok(())
                    })
                })
                .await;
            (n, answer)
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        let (n, answer) = task.await.unwrap();
        let locked = load(store, &ids[n]).await.1.person().unwrap().locked;
        if n % 50 == 7 {
            assert!(matches!(answer, Err(Failure::Store(store::Error::Database { .. }))), "{answer:?}");
            assert!(!locked);
        } else {
            answer.unwrap();
            assert!(locked);
        }
    }
    assert_log_is_whole(store).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_at_once_one_wins_and_the_others_see_it() {
    let database = backend().await;
    let store = &database.store;
    let ids = users(store, 20).await;
    for id in &ids {
        let tasks: Vec<_> = (0..64)
            .map(|_| {
                let (store, id) = (store.clone(), id.clone());
                tokio::spawn(async move { decide(&store, &id, Command::Lock).await })
            })
            .collect();
        let mut winners = 0;
        for task in tasks {
            match task.await.unwrap() {
                Ok(_) => winners += 1,
                Err(Failure::Refused(Refusal::AlreadyLocked)) => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(winners, 1);
    }
    assert_log_is_whole(store).await;
}
