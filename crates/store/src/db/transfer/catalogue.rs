//! What a database has of tables, by its own catalogue: a table that comes later cannot be forgotten here, for none is named but
//! the one that bears the mark.

use std::collections::BTreeMap;

use crate::{
    commit::Value,
    error::{Error, Result},
    meta,
};

/// Values of one row, in the order of the columns.
pub(in crate::db) type Line = Vec<Value>;

/// A table that holds data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::db) struct Table {
    pub(in crate::db) name: String,
    /// By name.
    pub(in crate::db) columns: Vec<Column>,
    /// Names of the columns of its primary key, in the order of the key; none where the database does not say.
    pub(in crate::db) key: Vec<String>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::db) struct Column {
    pub(in crate::db) name: String,
    pub(in crate::db) kind: Kind,
}

/// What a column holds, apart from nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::db) enum Kind {
    Int,
    Text,
    Blob,
}

/// A line of a catalogue: a column, with its place in the primary key from 1, or 0.
#[derive(Debug)]
pub(in crate::db) struct Entry {
    pub(in crate::db) table: String,
    pub(in crate::db) column: String,
    pub(in crate::db) kind: Option<Kind>,
    pub(in crate::db) place_in_key: i64,
}

impl Entry {
    /// Reads an answer of table, column, type and place in the key; `kind` knows the types of the database.
    pub(in crate::db) fn read(line: &Line, kind: impl Fn(&str) -> Option<Kind>) -> Result<Self> {
        match line.as_slice() {
            [
                Value::Text(table),
                Value::Text(column),
                Value::Text(ty),
                Value::Int(place),
            ] => Ok(Self {
                table: table.to_string(),
                column: column.to_string(),
                kind: kind(ty),
                place_in_key: *place,
            }),
            _ => Err(Error::corrupt("the catalogue", "it answers otherwise than asked")),
        }
    }
}

/// The tables of a catalogue, by name.
pub(in crate::db) fn tables(entries: Vec<Entry>) -> Result<Vec<Table>> {
    let mut tables: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    for entry in entries {
        tables.entry(entry.table.clone()).or_default().push(entry);
    }
    tables.into_values().map(table).collect()
}

fn table(mut entries: Vec<Entry>) -> Result<Table> {
    entries.sort_by(|a, b| a.column.cmp(&b.column));
    let name = entries
        .first()
        .map(|entry| entry.table.clone())
        .unwrap_or_default();
    let unknown = |column: &str| Error::corrupt("the catalogue", format!("{name}.{column} has another type"));
    let columns = entries.iter().map(|entry| {
        Ok(Column {
            name: entry.column.clone(),
            kind: entry.kind.ok_or_else(|| unknown(&entry.column))?,
        })
    });
    let columns = columns.collect::<Result<_>>()?;
    entries.retain(|entry| entry.place_in_key > 0);
    entries.sort_by_key(|entry| entry.place_in_key);
    let key = entries.into_iter().map(|entry| entry.column).collect();
    Ok(Table { name, columns, key })
}

fn quoted<'a>(names: impl Iterator<Item = &'a str>, after: &str) -> String {
    let names: Vec<String> = names.map(|name| format!("\"{name}\"{after}")).collect();
    names.join(", ")
}

/// `$1, $2, ..`, so many from a number on.
pub(in crate::db) fn placeholders(from: usize, count: usize) -> String {
    let all: Vec<String> = (from..from + count).map(|n| format!("${n}")).collect();
    all.join(", ")
}

impl Table {
    /// Its columns, for a statement.
    pub(in crate::db) fn names(&self) -> String {
        quoted(self.columns.iter().map(|column| &*column.name), "")
    }

    fn key_names(&self, after: &str) -> String {
        quoted(self.key.iter().map(|name| &**name), after)
    }

    /// Its rows, those whose key comes after some values if wanted. Marks of a move and of one file are no rows.
    fn filter(&self, after: bool) -> String {
        let mut conditions = Vec::new();
        if self.name == meta::TABLE {
            conditions.push(format!(
                "name NOT IN ('{}', '{}')",
                meta::UNFINISHED_MOVE,
                meta::TO_SWEEP
            ));
        }
        if after {
            let values = placeholders(1, self.key.len());
            conditions.push(format!("({}) > ({values})", self.key_names("")));
        }
        let filter = if conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", conditions.join(" AND "))
        };
        format!(" FROM \"{}\"{filter}", self.name)
    }

    /// All rows in the order of the key, which is the same in every database: texts compare byte by byte.
    pub(in crate::db) fn select(&self, after: bool) -> String {
        let (names, filter, key) = (self.names(), self.filter(after), self.key_names(""));
        format!("SELECT {names}{filter} ORDER BY {key}")
    }

    /// The first row.
    pub(super) fn select_first(&self) -> String {
        format!("{} LIMIT 1", self.select(false))
    }

    /// The last row.
    pub(super) fn select_last(&self) -> String {
        let (names, filter, key) = (self.names(), self.filter(false), self.key_names(" DESC"));
        format!("SELECT {names}{filter} ORDER BY {key} LIMIT 1")
    }

    /// How many rows there are.
    pub(super) fn count(&self) -> String {
        format!("SELECT count(*){}", self.filter(false))
    }

    /// The values of the key in a row.
    pub(super) fn key_of(&self, line: &Line) -> Line {
        let place = |name: &String| self.columns.iter().position(|column| column.name == *name);
        let values = self.key.iter().filter_map(|name| line.get(place(name)?));
        values.cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(column: &str, kind: Option<Kind>, place_in_key: i64) -> Entry {
        Entry {
            table: "t".into(),
            column: column.into(),
            kind,
            place_in_key,
        }
    }

    #[test]
    fn a_table_is_read_by_its_key_and_columns_by_name() {
        let found = vec![
            entry("z", Some(Kind::Int), 1),
            entry("b", Some(Kind::Blob), 0),
            entry("a", Some(Kind::Text), 2),
        ];
        let all = tables(found).unwrap();
        assert_eq!(
            all[0].select(true),
            r#"SELECT "a", "b", "z" FROM "t" WHERE ("z", "a") > ($1, $2) ORDER BY "z", "a""#
        );
        assert_eq!(
            all[0].select_last(),
            r#"SELECT "a", "b", "z" FROM "t" ORDER BY "z" DESC, "a" DESC LIMIT 1"#
        );
        let line = vec!["x".into(), Value::Null, 7.into()];
        assert!(all[0].key_of(&line) == [7.into(), "x".into()]);
    }

    #[test]
    fn a_column_of_another_type_is_named() {
        let other = tables(vec![entry("a", None, 1)]).unwrap_err();
        assert!(other.to_string().contains("t.a"), "{other}");
    }
}
