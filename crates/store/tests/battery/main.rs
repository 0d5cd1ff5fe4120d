//! What every database must do, written once: each test runs for every database that is named below. What only the files
//! of an embedded database can show is in `file` and `crash`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod crash;
mod file;
mod given;
mod trigram;

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
        mod user_search;
    };
}

#[path = "."]
mod on_sqlite {
    use testkit::sqlite as backend;
    battery!();
}
