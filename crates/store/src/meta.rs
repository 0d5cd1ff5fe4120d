//! Small facts about the database itself, by name.

use domain::base::InstanceId;

use crate::{
    commit::{Statement, Value},
    db::{Snapshot, Store},
    error::Result,
};

/// The table of these facts.
pub(crate) const TABLE: &str = "meta";
/// What stands in a database that is being filled with what another holds, until all of it is there.
pub(crate) const UNFINISHED_MOVE: &str = "unfinished move";
/// What stands in a database file behind a commit that erased something, until what is left of that in unused parts of the file is gone as well.
pub(crate) const TO_SWEEP: &str = "erased and not swept";
/// What is said to whoever wants to use such a database.
pub(crate) const NOT_ALL_THERE: &str = "this database is the target of a move that was not finished: not everything is there. Run the same \
     `merlon migrate` again to finish it, or begin anew with an empty database";

/// Reads a fact.
pub async fn read(snapshot: &mut Snapshot, name: &str) -> Result<Option<Vec<u8>>> {
    let sql = "SELECT value FROM meta WHERE name = $1";
    snapshot
        .first(sql, &[name.into()], |row| row.blob(0).map(<[u8]>::to_vec))
        .await
}

/// A guard that holds for the first unit of work only that has it: it leaves a fact of this name behind.
pub fn only_once(name: &str) -> Statement {
    insert(name, &[])
}

fn insert(name: &str, value: &[u8]) -> Statement {
    Statement::new(
        "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
        [name.into(), Value::from(value)],
    )
}

impl Store {
    /// Writes a fact for the first time; answers whether it was not there before.
    pub async fn keep_meta(&self, name: &str, value: &[u8]) -> Result<bool> {
        let nobody = &InstanceId::from_trusted("-");
        self.write("meta.keep", nobody, vec![insert(name, value)], Vec::new())
            .await
    }
}
