//! From verb and path to a method: a small tree of path parts, built once.
//!
//! Literal parts win over variables at every level, so `POST .../registration_link` is never taken for an id.

use std::borrow::Cow;
use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use proto::rpc::{HttpRule, Segment};

/// The field path of a variable, as the method table holds it.
type Field = &'static [&'static str];

/// The routes of all HTTP rules.
#[derive(Debug, Default)]
pub(super) struct Routes {
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    literals: BTreeMap<&'static str, Node>,
    variable: Option<Box<Node>>,
    /// What matches when the path ends here.
    ends: Vec<End>,
    /// What matches any further parts.
    rests: Vec<End>,
}

#[derive(Debug)]
struct End {
    verb: &'static str,
    method: usize,
    fields: Vec<Field>,
}

/// What a verb and path lead to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    /// A method, by its place in the table, and the variables of its path, still percent-encoded.
    Method(usize, Vec<(Field, &'a str)>),
    /// The path exists, with these verbs.
    OtherVerbs(Vec<&'static str>),
    /// Nothing.
    Nothing,
}

impl Routes {
    /// Adds a rule. Fails when a rule with the same verb and shape is there already.
    pub(super) fn add(&mut self, rule: &'static HttpRule, method: usize) -> Result<(), String> {
        let mut node = &mut self.root;
        let mut fields = Vec::new();
        let mut open = false;
        for segment in rule.segments {
            match segment {
                Segment::Literal(text) => node = node.literals.entry(text).or_default(),
                Segment::Variable(field) => {
                    fields.push(*field);
                    node = node.variable.get_or_insert_default();
                }
                Segment::Rest(field) => {
                    fields.push(*field);
                    open = true;
                }
            }
        }
        let ends = if open { &mut node.rests } else { &mut node.ends };
        if ends.iter().any(|end| end.verb == rule.verb) {
            return Err(format!(
                "two methods have the route {} {}",
                rule.verb, rule.template
            ));
        }
        ends.push(End {
            verb: rule.verb,
            method,
            fields,
        });
        Ok(())
    }

    /// Finds the method for a verb and an encoded path.
    pub(super) fn find<'a>(&self, verb: &str, path: &'a str) -> Found<'a> {
        let Some(path) = path.strip_prefix('/') else {
            return Found::Nothing;
        };
        let mut search = Search {
            verb,
            values: Vec::new(),
            other: Vec::new(),
        };
        match search.walk(&self.root, path) {
            Some(end) => Found::Method(
                end.method,
                end.fields.iter().copied().zip(search.values).collect(),
            ),
            None if search.other.is_empty() => Found::Nothing,
            None => {
                search.other.sort_unstable();
                search.other.dedup();
                Found::OtherVerbs(search.other)
            }
        }
    }
}

struct Search<'v, 'a> {
    verb: &'v str,
    values: Vec<&'a str>,
    other: Vec<&'static str>,
}

impl<'a> Search<'_, 'a> {
    /// Follows the literal first and comes back for the variable when that leads nowhere. The tree is as deep as the
    /// longest rule, so the recursion is too.
    fn walk<'n>(&mut self, node: &'n Node, path: &'a str) -> Option<&'n End> {
        let (part, rest) = path
            .split_once('/')
            .map_or((path, None), |(part, rest)| (part, Some(rest)));
        if let Some(next) = node.literals.get(part)
            && let Some(end) = self.step(next, rest)
        {
            return Some(end);
        }
        if part.is_empty() {
            return None;
        }
        if let Some(next) = &node.variable {
            self.values.push(part);
            if let Some(end) = self.step(next, rest) {
                return Some(end);
            }
            self.values.pop();
        }
        let end = self.pick(&node.rests)?;
        self.values.push(path);
        Some(end)
    }

    fn step<'n>(&mut self, node: &'n Node, rest: Option<&'a str>) -> Option<&'n End> {
        match rest {
            Some(rest) => self.walk(node, rest),
            None => self.pick(&node.ends),
        }
    }

    fn pick<'n>(&mut self, ends: &'n [End]) -> Option<&'n End> {
        let found = ends.iter().find(|end| end.verb == self.verb);
        if found.is_none() {
            self.other.extend(ends.iter().map(|end| end.verb));
        }
        found
    }
}

/// Undoes percent encoding; `None` when the result is no UTF-8.
pub(super) fn decode(text: &str) -> Option<Cow<'_, str>> {
    percent_decode_str(text).decode_utf8().ok()
}

/// Undoes the encoding of a query: percent escapes, and plus signs for spaces.
pub(super) fn decode_query(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('+') {
        return decode(text);
    }
    let spaced = text.replace('+', " ");
    decode(&spaced).map(|decoded| Cow::Owned(decoded.into_owned()))
}

#[cfg(test)]
mod tests {
    use proto::rpc::{Body, HttpRule, Segment};

    use super::{Found, Routes, decode, decode_query};

    const fn rule(verb: &'static str, segments: &'static [Segment]) -> HttpRule {
        HttpRule {
            verb,
            template: "",
            segments,
            body: Body::None,
        }
    }

    static LIST: HttpRule = rule("GET", &[Segment::Literal("users")]);
    static GET: HttpRule = rule("GET", &[Segment::Literal("users"), Segment::Variable(&["id"])]);
    static SEARCH: HttpRule = rule("POST", &[Segment::Literal("users"), Segment::Literal("_search")]);
    static PHONE: HttpRule = rule(
        "PUT",
        &[
            Segment::Literal("users"),
            Segment::Variable(&["id"]),
            Segment::Literal("phone"),
        ],
    );
    static ROLE: HttpRule = rule("GET", &[Segment::Literal("roles"), Segment::Rest(&["role_key"])]);

    fn routes() -> Routes {
        let mut routes = Routes::default();
        for (index, rule) in [&LIST, &GET, &SEARCH, &PHONE, &ROLE].into_iter().enumerate() {
            routes.add(rule, index).expect("no clash");
        }
        routes
    }

    #[test]
    fn literals_win_but_the_variable_is_tried_when_the_verb_differs() {
        let routes = routes();
        assert_eq!(routes.find("POST", "/users/_search"), Found::Method(2, vec![]));
        assert_eq!(
            routes.find("GET", "/users/_search"),
            Found::Method(1, vec![(&["id"][..], "_search")])
        );
        assert_eq!(
            routes.find("PUT", "/users/a%2Fb/phone"),
            Found::Method(3, vec![(&["id"][..], "a%2Fb")])
        );
        assert_eq!(
            routes.find("GET", "/roles/a/b//c"),
            Found::Method(4, vec![(&["role_key"][..], "a/b//c")])
        );
    }

    #[test]
    fn other_verbs_and_unknown_paths_are_told_apart() {
        let routes = routes();
        assert_eq!(
            routes.find("DELETE", "/users/_search"),
            Found::OtherVerbs(vec!["GET", "POST"])
        );
        for path in [
            "",
            "/",
            "/users/",
            "/users//phone",
            "/users/1/phone/",
            "/other",
            "/roles/",
            "users",
        ] {
            assert_eq!(routes.find("GET", path), Found::Nothing, "{path}");
        }
    }

    #[test]
    fn a_second_rule_of_one_shape_is_refused() {
        static SAME: HttpRule = rule(
            "GET",
            &[Segment::Literal("users"), Segment::Variable(&["user_id"])],
        );
        assert!(routes().add(&SAME, 9).is_err());
    }

    #[test]
    fn decoding_refuses_what_is_no_text() {
        assert_eq!(decode("a%2Fb+c").as_deref(), Some("a/b+c"));
        assert_eq!(decode_query("a+b%2B").as_deref(), Some("a b+"));
        assert_eq!(decode("%ff"), None);
    }
}
