//! Queries whose shape depends on what is asked: put together from texts of this program and bound values, nothing else.

use crate::{
    commit::Value,
    db::{Dialect, Row, Snapshot},
    error::Result,
};

/// A query under construction. Only texts that are part of the program become SQL; everything else is bound.
#[derive(Debug)]
pub(crate) struct Query {
    dialect: Dialect,
    sql: String,
    params: Vec<Value>,
}

/// How a text is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextMatch {
    /// The same.
    Equals,
    /// The same but for case.
    EqualsIgnoreCase,
    /// Begins with it.
    StartsWith,
    /// Begins with it but for case.
    StartsWithIgnoreCase,
    /// Has it somewhere.
    Contains,
    /// Has it somewhere but for case.
    ContainsIgnoreCase,
    /// Ends with it.
    EndsWith,
    /// Ends with it but for case.
    EndsWithIgnoreCase,
}

impl TextMatch {
    /// The same comparison with regard to case, for texts that are kept and asked for in one form.
    #[must_use]
    pub const fn minding_case(self) -> Self {
        match self {
            Self::Equals | Self::EqualsIgnoreCase => Self::Equals,
            Self::StartsWith | Self::StartsWithIgnoreCase => Self::StartsWith,
            Self::Contains | Self::ContainsIgnoreCase => Self::Contains,
            Self::EndsWith | Self::EndsWithIgnoreCase => Self::EndsWith,
        }
    }
}

/// Several filters, or the opposite of one, or one of the kind `F`.
#[derive(Clone, Debug)]
pub enum Filter<F> {
    /// One of them matches; none of none.
    Any(Vec<Self>),
    /// All of them match.
    All(Vec<Self>),
    /// It does not match.
    Not(Box<Self>),
    /// A filter of its own.
    Leaf(F),
}

impl<F> Filter<F> {
    /// The same tree with something else in place of each leaf, from left to right.
    pub(crate) fn map<'a, G>(&'a self, each: &mut impl FnMut(&'a F) -> G) -> Filter<G> {
        let mut all = |filters: &'a [Self]| filters.iter().map(|filter| filter.map(each)).collect();
        match self {
            Self::Any(filters) => Filter::Any(all(filters)),
            Self::All(filters) => Filter::All(all(filters)),
            Self::Not(filter) => Filter::Not(Box::new(filter.map(each))),
            Self::Leaf(leaf) => Filter::Leaf(each(leaf)),
        }
    }
}

/// Which part of a list.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Rows before it.
    pub offset: i64,
    /// Rows in it at most.
    pub limit: i64,
    /// Last first.
    pub descending: bool,
}

/// A column in its two forms: as it was given, and the form that ignores case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TextColumn {
    pub(crate) plain: &'static str,
    pub(crate) folded: &'static str,
    /// Brings a text into that form.
    pub(crate) fold: fn(&str) -> String,
}

impl Query {
    pub(crate) fn new(dialect: Dialect, sql: &'static str) -> Self {
        Self {
            dialect,
            sql: sql.to_owned(),
            params: Vec::new(),
        }
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub(crate) fn push(&mut self, sql: &'static str) -> &mut Self {
        self.sql.push_str(sql);
        self
    }

    pub(crate) fn bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.params.push(value.into());
        self.sql.push('$');
        self.sql.push_str(&self.params.len().to_string());
        self
    }

    /// Binds values as a list, with commas between them.
    pub(crate) fn list(&mut self, values: impl IntoIterator<Item = impl Into<Value>>) -> &mut Self {
        for (place, value) in values.into_iter().enumerate() {
            if place > 0 {
                self.push(", ");
            }
            self.bind(value);
        }
        self
    }

    /// Adds a tree of filters as one condition, its leaves written by `leaf`. A condition is true or false, never NULL,
    /// if its leaves are.
    pub(crate) fn filter<F>(&mut self, filter: &Filter<F>, leaf: &impl Fn(&mut Self, &F)) {
        match filter {
            Filter::Any(filters) => self.joined(filters, " OR ", "FALSE", leaf),
            Filter::All(filters) => self.joined(filters, " AND ", "TRUE", leaf),
            Filter::Not(inner) => {
                self.push("(NOT ");
                self.filter(inner, leaf);
                self.push(")");
            }
            Filter::Leaf(one) => leaf(self, one),
        }
    }

    fn joined<F>(
        &mut self,
        filters: &[Filter<F>],
        with: &'static str,
        none: &'static str,
        leaf: &impl Fn(&mut Self, &F),
    ) {
        if filters.is_empty() {
            self.push(none);
            return;
        }
        self.push("(");
        for (place, filter) in filters.iter().enumerate() {
            if place > 0 {
                self.push(with);
            }
            self.filter(filter, leaf);
        }
        self.push(")");
    }

    /// Adds a comparison of a column that is never NULL.
    pub(crate) fn text(&mut self, column: TextColumn, how: TextMatch, text: &str) {
        use TextMatch as M;
        let (column, text) = match how {
            M::Equals | M::StartsWith | M::Contains | M::EndsWith => (column.plain, text.to_owned()),
            M::EqualsIgnoreCase | M::StartsWithIgnoreCase | M::ContainsIgnoreCase | M::EndsWithIgnoreCase => {
                (column.folded, (column.fold)(text))
            }
        };
        match how {
            M::Equals | M::EqualsIgnoreCase => {
                self.push(column).push(" = ").bind(text);
            }
            M::StartsWith | M::StartsWithIgnoreCase => self.prefix(column, text),
            M::Contains | M::ContainsIgnoreCase => self.contains(column, text),
            M::EndsWith | M::EndsWithIgnoreCase if text.is_empty() => _ = self.push("TRUE"),
            M::EndsWith | M::EndsWithIgnoreCase => self.ends_with(column, text),
        }
    }

    /// On PostgreSQL a pattern, which an index of trigrams answers.
    fn contains(&mut self, column: &'static str, text: String) {
        match self.dialect {
            Dialect::Sqlite => {
                self.push("instr(").push(column).push(", ").bind(text);
                self.push(") > 0");
            }
            Dialect::Postgres => {
                self.push(column).push(" LIKE ");
                self.bind(format!("%{}%", literal_pattern(&text)));
            }
        }
    }

    fn ends_with(&mut self, column: &'static str, text: String) {
        match self.dialect {
            Dialect::Sqlite => {
                let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
                self.push("(length(").push(column).push(") >= ").bind(length);
                self.push(" AND substr(").push(column).push(", -").bind(length);
                self.push(") = ").bind(text).push(")");
            }
            Dialect::Postgres => {
                self.push(column).push(" LIKE ");
                self.bind(format!("%{}", literal_pattern(&text)));
            }
        }
    }

    /// A range that an index answers: from the prefix up to the first text that has another one.
    fn prefix(&mut self, column: &'static str, prefix: String) {
        let end = successor(&prefix);
        self.push("(").push(column).push(" >= ").bind(prefix);
        if let Some(end) = end {
            self.push(" AND ").push(column).push(" < ").bind(end);
        }
        self.push(")");
    }

    /// Adds columns to order by, the second where the first is the same, and which part of that order is wanted.
    pub(crate) fn in_order(&mut self, column: &'static str, then: &'static str, page: Page) {
        let direction = if page.descending { " DESC" } else { " ASC" };
        self.push(column).push(direction).push(", ");
        self.push(then).push(direction);
        self.push(" LIMIT ").bind(page.limit);
        self.push(" OFFSET ").bind(page.offset);
    }

    /// The number that is asked for.
    pub(crate) async fn number(&self, snapshot: &mut Snapshot) -> Result<i64> {
        let rows = self.all(snapshot, |row| row.int(0)).await?;
        Ok(rows.first().copied().unwrap_or_default())
    }

    pub(crate) async fn all<T>(
        &self,
        snapshot: &mut Snapshot,
        each: impl FnMut(&Row<'_>) -> Result<T> + Send,
    ) -> Result<Vec<T>> {
        snapshot.all_built(&self.sql, &self.params, each).await
    }
}

/// A text as a pattern of `LIKE` that matches itself only.
fn literal_pattern(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '%' | '_') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// The first text, in the order of code points, that is greater than all with this prefix.
fn successor(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_successor_of_a_prefix_is_behind_all_that_have_it() {
        assert_eq!(successor("ab").as_deref(), Some("ac"));
        assert_eq!(successor("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(successor("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(successor(""), None);
    }

    #[test]
    fn a_text_as_a_pattern_has_no_wildcards() {
        assert_eq!(literal_pattern(r"50%_\ä"), r"50\%\_\\ä");
    }

    #[test]
    fn filters_become_conditions_with_bound_values() {
        let filter = Filter::All(vec![
            Filter::Not(Box::new(Filter::Leaf("a"))),
            Filter::Any(vec![Filter::Leaf("b"), Filter::Any(Vec::new())]),
        ]);
        let mut query = Query::new(Dialect::Sqlite, "WHERE ");
        query.filter(&filter, &|q, text| {
            q.push("x = ").bind(*text);
        });
        assert_eq!(query.sql, "WHERE ((NOT x = $1) AND (x = $2 OR FALSE))");
        assert_eq!(query.params.len(), 2);
    }
}
