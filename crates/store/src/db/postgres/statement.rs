//! Values of the waist as the server takes them, one by one and as columns of many rows.

use bytes::BytesMut;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::link::Bound;
use crate::{
    commit::{Statement, Value},
    db::Param,
};

type Failure = Box<dyn std::error::Error + Sync + Send>;

impl ToSql for Param<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Int(n) => number(*n, ty, out),
            Self::Text(text) => text.to_sql(ty, out),
            Self::Blob(bytes) => bytes.to_sql(ty, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
        Param::from(self).to_sql(ty, out)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// The server may want a number in another width.
fn number(n: i64, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Failure> {
    match *ty {
        Type::INT2 => i16::try_from(n)?.to_sql(ty, out),
        Type::INT4 => i32::try_from(n)?.to_sql(ty, out),
        _ => n.to_sql(ty, out),
    }
}

fn kind(value: &Param<'_>) -> Type {
    match value {
        Param::Null => Type::UNKNOWN,
        Param::Int(_) => Type::INT8,
        Param::Text(_) => Type::TEXT,
        Param::Blob(_) => Type::BYTEA,
    }
}

pub(super) fn bound<'a>(params: &'a [Param<'a>]) -> Vec<Bound<'a>> {
    params
        .iter()
        .map(|param| (param as &(dyn ToSql + Sync), kind(param)))
        .collect()
}

pub(super) fn bound_values(values: &[Value]) -> Vec<Bound<'_>> {
    values
        .iter()
        .map(|value| (value as &(dyn ToSql + Sync), kind(&Param::from(value))))
        .collect()
}

/// One column of many rows, sent as an array.
#[derive(Debug)]
pub(super) enum Column<'a> {
    /// In all of them there is nothing.
    Nothing,
    Ints(Vec<Option<i64>>),
    Texts(Vec<Option<&'a str>>),
    Blobs(Vec<Option<&'a [u8]>>),
}

impl<'a> Column<'a> {
    /// Values of one column; nothing if they are of several kinds.
    fn new(values: impl Iterator<Item = &'a Value> + Clone) -> Option<Self> {
        let first = values.clone().find(|value| !matches!(value, Value::Null));
        match first {
            None | Some(Value::Null) => Some(Self::Nothing),
            Some(Value::Int(_)) => values
                .map(|value| match value {
                    Value::Null => Some(None),
                    Value::Int(n) => Some(Some(*n)),
                    _ => None,
                })
                .collect::<Option<_>>()
                .map(Self::Ints),
            Some(Value::Text(_)) => values
                .map(|value| match value {
                    Value::Null => Some(None),
                    Value::Text(text) => Some(Some(&**text)),
                    _ => None,
                })
                .collect::<Option<_>>()
                .map(Self::Texts),
            Some(Value::Blob(_)) => values
                .map(|value| match value {
                    Value::Null => Some(None),
                    Value::Blob(bytes) => Some(Some(&**bytes)),
                    _ => None,
                })
                .collect::<Option<_>>()
                .map(Self::Blobs),
        }
    }

    pub(super) fn bound(&self) -> Option<Bound<'_>> {
        match self {
            Self::Nothing => None,
            Self::Ints(all) => Some((all, Type::INT8_ARRAY)),
            Self::Texts(all) => Some((all, Type::TEXT_ARRAY)),
            Self::Blobs(all) => Some((all, Type::BYTEA_ARRAY)),
        }
    }

    pub(super) fn sql_type(&self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Ints(_) => "bigint[]",
            Self::Texts(_) => "text[]",
            Self::Blobs(_) => "bytea[]",
        }
    }
}

/// Many statements that insert a row each, with the same text, as one that inserts all of these rows.
#[derive(Debug)]
pub(super) struct Together<'a> {
    pub(super) sql: String,
    pub(super) columns: Vec<Column<'a>>,
}

/// Puts statements of the form `INSERT INTO t (..) VALUES (..)`, with or without `ON CONFLICT`, together. Nothing if they
/// are of another form.
pub(super) fn together<'a>(statements: &[&'a Statement]) -> Option<Together<'a>> {
    let sql = statements.first()?.sql;
    let (head, rest) = sql.split_once("VALUES (")?;
    let (row, tail) = rest.split_once(')')?;
    if !head.trim_start().starts_with("INSERT INTO") || tail.contains('$') {
        return None;
    }
    let width = statements.first()?.params.len();
    let columns: Vec<Column<'a>> = (0..width)
        .map(|n| Column::new(statements.iter().map(move |statement| &statement.params[n])))
        .collect::<Option<_>>()?;
    let cells: Vec<String> = row
        .split(',')
        .map(|cell| cell_of(cell.trim(), &columns))
        .collect();
    let present = || {
        columns
            .iter()
            .enumerate()
            .filter(|(_, column)| !matches!(column, Column::Nothing))
    };
    let arrays: Vec<String> = (present().zip(1..))
        .map(|((_, column), n)| format!("${n}::{}", column.sql_type()))
        .collect();
    let names: Vec<String> = present().map(|(n, _)| format!("c{}", n + 1)).collect();
    let (cells, arrays, names) = (cells.join(", "), arrays.join(", "), names.join(", "));
    let sql = format!("{head}SELECT {cells} FROM unnest({arrays}) AS v ({names}){tail}");
    Some(Together { sql, columns })
}

/// A value of the row that is inserted: a placeholder becomes a column of the arrays, anything else stays.
fn cell_of(cell: &str, columns: &[Column<'_>]) -> String {
    let place = cell.strip_prefix('$').and_then(|n| n.parse::<usize>().ok());
    match place.and_then(|n| Some((n, columns.get(n.checked_sub(1)?)?))) {
        Some((_, Column::Nothing)) => "NULL".into(),
        Some((n, _)) => format!("v.c{n}"),
        None => cell.into(),
    }
}

/// Whether a statement writes no table twice. Some engines that speak this protocol refuse those that do, so ours must not.
pub(super) fn writes_no_table_twice(sql: &str) -> bool {
    let words: Vec<&str> = sql
        .split(|c: char| c.is_whitespace() || "(),;".contains(c))
        .filter(|word| !word.is_empty())
        .collect();
    let mut written: Vec<&str> = words
        .windows(3)
        .filter_map(|window| match window {
            ["INSERT", "INTO", table] | ["DELETE", "FROM", table] | ["UPDATE", table, "SET"] => Some(*table),
            _ => None,
        })
        .collect();
    let all = written.len();
    written.sort_unstable();
    written.dedup();
    written.len() == all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_that_writes_a_table_twice_is_found() {
        let moved = "UPDATE a SET n = 1";
        for fine in [
            "SELECT n FROM a FOR UPDATE",
            "INSERT INTO a (n) VALUES ($1) ON CONFLICT (n) DO UPDATE SET n = excluded.n",
            &format!("WITH b AS ({moved} RETURNING n) INSERT INTO c (n) SELECT n FROM b"),
        ] {
            assert!(writes_no_table_twice(fine), "{fine}");
        }
        for twice in [
            format!("WITH b AS ({moved} RETURNING n) INSERT INTO a (n) SELECT n FROM b"),
            format!("WITH b AS (DELETE FROM a) {moved}"),
        ] {
            assert!(!writes_no_table_twice(&twice), "{twice}");
        }
    }

    const SQL: &str = "INSERT INTO t (a, b, c, d) VALUES ($1, $2, 0, $3)
         ON CONFLICT (a) DO UPDATE SET b = excluded.b";

    fn row(a: &str, b: Option<i64>) -> Statement {
        Statement::new(SQL, [a.into(), b.into(), Value::Null])
    }

    #[test]
    fn rows_of_one_text_become_one_statement() {
        let (one, two) = (row("x", None), row("y", Some(2)));
        let both = together(&[&one, &two]).unwrap();
        assert_eq!(
            both.sql,
            "INSERT INTO t (a, b, c, d) SELECT v.c1, v.c2, 0, NULL FROM unnest($1::text[], $2::bigint[]) AS v (c1, c2)
         ON CONFLICT (a) DO UPDATE SET b = excluded.b"
        );
        assert_eq!(both.columns.iter().filter_map(Column::bound).count(), 2);
    }

    #[test]
    fn other_forms_stay_apart() {
        let update = Statement::new("UPDATE t SET a = $1", [1.into()]);
        assert!(together(&[&update]).is_none());
        let guarded = Statement::new(
            "INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET a = excluded.a WHERE t.a = $2",
            [1.into(), 2.into()],
        );
        assert!(together(&[&guarded]).is_none());
        let (one, two) = (
            row("x", Some(1)),
            Statement::new(SQL, [1.into(), 2.into(), 3.into()]),
        );
        assert!(together(&[&one, &two]).is_none(), "kinds differ");
    }
}
