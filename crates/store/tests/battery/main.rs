//! What every database must do, written once: each test runs for every database that is named below. What only the files
//! of an embedded database can show is in `file`, `crash` and `full` (a full disk), what only a server and its nodes can show in `nodes`,
//! `terms` (what a server is like), `standby` (failover), `silent` (no answers), `conflict` (deadlocks) and `way` (TLS, a pooler), and how one becomes the other in `moving`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::duplicate_mod, reason = "every test is there once for each database")]

mod between;
mod conflict;
mod crash;
mod file;
mod full;
mod given;
mod ledger;
mod moving;
mod nodes;
mod silent;
mod standby;
mod terms;
mod trigram;
mod way;

macro_rules! battery {
    () => {
        mod budget;
        mod change;
        mod features;
        mod holder;
        mod inbox;
        mod log;
        mod outbox;
        mod queue;
        mod token_search;
        mod user_search;
    };
}

#[path = "."]
mod on_sqlite {
    use testkit::database::sqlite as backend;
    battery!();
}

#[path = "."]
mod on_postgres {
    use testkit::database::postgres as backend;
    battery!();
}
