//! What proves that two databases hold the same rows: a hash over each table, whose bytes no database has a say in.

use aws_lc_rs::digest::{Context, SHA256};

use super::catalogue::{Line, Table};
use crate::commit::Value;

/// SHA-256 over the rows of a table in the order of its key.
pub(super) struct TableDigest {
    context: Context,
    rows: u64,
}

impl TableDigest {
    pub(super) fn new(table: &Table) -> Self {
        let mut digest = Self {
            context: Context::new(&SHA256),
            rows: 0,
        };
        digest.bytes(table.name.as_bytes());
        for column in &table.columns {
            digest.bytes(column.name.as_bytes());
        }
        digest
    }

    /// Each value is its kind, its length where that differs, and its bytes, so that no two rows are the same bytes.
    pub(super) fn add(&mut self, line: &Line) {
        self.rows += 1;
        for value in line {
            match value {
                Value::Null => self.context.update(&[0]),
                Value::Int(n) => {
                    self.context.update(&[1]);
                    self.context.update(&n.to_be_bytes());
                }
                Value::Text(text) => {
                    self.context.update(&[2]);
                    self.bytes(text.as_bytes());
                }
                Value::Blob(bytes) => {
                    self.context.update(&[3]);
                    self.bytes(bytes);
                }
            }
        }
    }

    /// Adds a number that is none of a row.
    pub(super) fn note(&mut self, n: u64) {
        self.context.update(&n.to_be_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.note(bytes.len() as u64);
        self.context.update(bytes);
    }

    /// How many rows there were, and their hash in hexadecimal digits.
    pub(super) fn finish(self) -> (u64, String) {
        let digits = self.context.finish();
        let digits: Vec<String> = digits.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        (self.rows, digits.concat())
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::{Column, Kind};
    use super::*;

    fn digest(lines: &[Line]) -> (u64, String) {
        let column = |name: &str| Column {
            name: name.into(),
            kind: Kind::Text,
        };
        let table = Table {
            name: "t".into(),
            columns: vec![column("a"), column("b")],
            key: vec!["a".into()],
        };
        let mut digest = TableDigest::new(&table);
        for line in lines {
            digest.add(line);
        }
        digest.finish()
    }

    #[test]
    fn rows_that_differ_anywhere_have_another_hash() {
        let rows: [&[Line]; 7] = [
            &[],
            &[vec!["ab".into(), "c".into()]],
            &[vec!["a".into(), "bc".into()]],
            &[vec!["a".into(), Value::Null]],
            &[vec!["a".into(), "".into()]],
            &[vec![Value::Blob(b"a".to_vec()), "".into()]],
            &[vec!["a".into(), "".into()], vec!["a".into(), "".into()]],
        ];
        let all: std::collections::BTreeSet<_> = rows.iter().map(|rows| digest(rows).1).collect();
        assert_eq!(all.len(), rows.len());
        assert_eq!(digest(rows[6]).0, 2);
        assert_eq!(digest(rows[1]), digest(rows[1]));
    }
}
