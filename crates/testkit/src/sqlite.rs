//! A fresh SQLite database in a directory of its own.

use std::path::PathBuf;

use store::{Store, StoreOptions};
use tempfile::TempDir;

/// A database that is gone, with its directory, when this is dropped.
#[derive(Debug)]
pub struct Database {
    /// The store that is open on it.
    pub store: Store,
    directory: TempDir,
}

/// Makes an empty database.
pub fn database() -> Database {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("merlon.db");
    let store = Store::open(&StoreOptions { path }).unwrap();
    Database { store, directory }
}

impl Database {
    /// The database file; its write-ahead log lies beside it.
    pub fn path(&self) -> PathBuf {
        self.directory.path().join("merlon.db")
    }

    /// Closes the database cleanly and opens it again.
    pub fn reopen(&mut self) {
        self.store.close();
        self.store = Store::open(&StoreOptions { path: self.path() }).unwrap();
    }

    /// Every byte that is on the disk: the database, its write-ahead log and whatever else lies beside them.
    pub fn raw_bytes(&self) -> Vec<u8> {
        let files = std::fs::read_dir(self.directory.path()).unwrap();
        files
            .flat_map(|file| std::fs::read(file.unwrap().path()).unwrap())
            .collect()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.store.close();
    }
}
