//! The whole template language: `{{.Name}}` is replaced by a value, and a line that names an absent value is left out.

/// What texts can name.
#[derive(Clone)]
pub(super) struct Values {
    /// `{{.Code}}`.
    pub code: String,
    /// `{{.Host}}`.
    pub host: String,
    /// `{{.Expiry}}`.
    pub expiry: String,
    /// `{{.Link}}`; absent when the caller gave no url template.
    pub link: Option<String>,
}

/// What a value goes into.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    /// One line, such as a header: line breaks become spaces.
    Line,
    /// Plain text, line by line: a value never begins a new one.
    Text,
    /// HTML, in text and in quoted attributes.
    Html,
}

enum Value<'a> {
    Present(&'a str),
    Absent,
}

impl Values {
    fn named(&self, name: &str) -> Value<'_> {
        match name {
            "Code" => Value::Present(&self.code),
            "Host" => Value::Present(&self.host),
            "Expiry" => Value::Present(&self.expiry),
            "Link" => self.link.as_deref().map_or(Value::Absent, Value::Present),
            // The shipped texts are checked against the names above by a test.
            _ => Value::Absent,
        }
    }
}

/// Fills a text. Values are not looked into: what looks like a name in them stays as it is.
pub(super) fn fill(text: &str, values: &Values, escape: Escape) -> String {
    let lines = text.split_inclusive('\n');
    lines.filter_map(|line| fill_line(line, values, escape)).collect()
}

fn fill_line(line: &str, values: &Values, escape: Escape) -> Option<String> {
    let mut filled = String::with_capacity(line.len() + 64);
    let mut rest = line;
    while let Some((before, name, after)) = next_name(rest) {
        let Value::Present(value) = values.named(name) else {
            return None;
        };
        filled.push_str(before);
        filled.extend(value.chars().map(|c| Escaped(c, escape)).map(String::from));
        rest = after;
    }
    filled.push_str(rest);
    Some(filled)
}

/// The text before the next name, the name, and the text after it.
pub(super) fn next_name(text: &str) -> Option<(&str, &str, &str)> {
    let (before, opened) = text.split_once("{{.")?;
    let (name, after) = opened.split_once("}}")?;
    Some((before, name, after))
}

struct Escaped(char, Escape);

impl From<Escaped> for String {
    fn from(Escaped(c, escape): Escaped) -> Self {
        match c {
            // Line separators and directions that would turn what stands around the value are no part of any value.
            '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => " ".into(),
            c if c.is_control() => " ".into(),
            '&' if escape == Escape::Html => "&amp;".into(),
            '<' if escape == Escape::Html => "&lt;".into(),
            '>' if escape == Escape::Html => "&gt;".into(),
            '"' if escape == Escape::Html => "&quot;".into(),
            '\'' if escape == Escape::Html => "&#39;".into(),
            c => c.into(),
        }
    }
}
