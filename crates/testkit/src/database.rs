//! Fresh databases, each gone when its test ends: on the embedded SQLite, on a PostgreSQL server that the tests start
//! themselves, or on whichever the whole run is for.

use std::{path::PathBuf, time::Duration};

use store::{PostgresOptions, Store, StoreOptions};
use tempfile::TempDir;

/// Names the database that contexts are made on: `sqlite`, the default, or `postgres`.
const CHOICE: &str = "MERLON_TEST_DATABASE";

/// A database that is gone when this is dropped.
#[derive(Debug)]
pub struct Database {
    /// The store that is open on it.
    pub store: Store,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Sqlite(TempDir),
    Postgres(postgres_server::Database),
}

impl Place {
    fn options(&self) -> StoreOptions {
        match self {
            Self::Sqlite(directory) => StoreOptions::Sqlite {
                path: file_in(directory),
            },
            Self::Postgres(database) => StoreOptions::Postgres(PostgresOptions {
                readers: 4,
                lanes: 2,
                // As patient as a slow machine that runs many tests at once needs it.
                patience: Duration::from_mins(1),
                ..PostgresOptions::new(database.url())
            }),
        }
    }
}

fn file_in(directory: &TempDir) -> PathBuf {
    directory.path().join("merlon.db")
}

/// Whether this run of the tests is for PostgreSQL.
pub fn is_postgres_chosen() -> bool {
    match std::env::var(CHOICE).as_deref() {
        Ok("postgres") => true,
        Ok("sqlite") | Err(std::env::VarError::NotPresent) => false,
        other => panic!("{CHOICE} is 'sqlite' or 'postgres', not {other:?}"),
    }
}

/// An empty database of the kind that this run of the tests is for.
pub async fn any() -> Database {
    if is_postgres_chosen() {
        postgres().await
    } else {
        sqlite().await
    }
}

/// An empty SQLite database.
pub async fn sqlite() -> Database {
    open(Place::Sqlite(tempfile::tempdir().unwrap())).await
}

/// An empty database of a PostgreSQL server.
pub async fn postgres() -> Database {
    open(Place::Postgres(postgres_server::database())).await
}

async fn open(place: Place) -> Database {
    let store = Store::open(&place.options()).await.unwrap();
    Database { store, place }
}

impl Database {
    /// The file of an SQLite database; its write-ahead log lies beside it.
    pub fn path(&self) -> PathBuf {
        match &self.place {
            Place::Sqlite(directory) => file_in(directory),
            Place::Postgres(_) => panic!("a server's database is no file"),
        }
    }

    /// Where and how it is opened: for another node on the same database, where there can be one.
    pub fn options(&self) -> StoreOptions {
        self.place.options()
    }

    /// Closes the database cleanly and opens it again.
    pub async fn reopen(&mut self) {
        self.store.close();
        self.store = Store::open(&self.place.options()).await.unwrap();
    }

    /// Runs SQL past the store, beside the tasks of the test: what the store left under way can end meanwhile.
    pub async fn run(&self, sql: &'static str) {
        let place = match &self.place {
            Place::Sqlite(directory) => Ok(file_in(directory)),
            Place::Postgres(database) => Err((database.server(), database.name().to_owned())),
        };
        let run = move || match place {
            Ok(file) => rusqlite::Connection::open(file)
                .unwrap()
                .execute_batch(sql)
                .unwrap(),
            Err((server, name)) => drop(server.sql(&name, sql)),
        };
        tokio::task::spawn_blocking(run).await.unwrap();
    }

    /// The same as [`Self::run`] with a text for each kind of database.
    pub async fn run_either(&self, sqlite: &'static str, postgres: &'static str) {
        let sql = match &self.place {
            Place::Sqlite(_) => sqlite,
            Place::Postgres(_) => postgres,
        };
        self.run(sql).await;
    }

    /// Every byte that is kept: of SQLite the files as they lie on the disk, of a server what its tables hold.
    pub fn raw_bytes(&self) -> Vec<u8> {
        match &self.place {
            Place::Sqlite(directory) => std::fs::read_dir(directory.path())
                .unwrap()
                .flat_map(|file| std::fs::read(file.unwrap().path()).unwrap())
                .collect(),
            Place::Postgres(database) => database.raw_bytes(),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.store.close();
    }
}
