//! A JSON Schema as a table of its schemas: bounded, free of endless references, and with the rights that the permission
//! keyword gives. How it looks at data is not said here. What `anyOf`, `if` and the like make conditional counts as if it always applied, so that a right is
//! never wider than its author meant.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{Fault, FaultKind, MAX_BYTES, MAX_DEPTH, MAX_SUBSCHEMAS};

/// The keyword that says who may read and write what it stands at.
const PERMISSION: &str = "urn:zitadel:schema:permission";
/// Names of the language, as `$schema` gives them.
const DIALECTS: [&str; 3] = [
    "urn:zitadel:schema:v1",
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2020-12/schema#",
];

/// From where somebody looks at a user's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Through a role in the organization that owns the user.
    Owner,
    /// As the user.
    Own,
}

/// The rights that a permission keyword gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rights {
    owner: Right,
    own: Right,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Right {
    read: bool,
    write: bool,
}

#[derive(Clone, Copy)]
pub(super) enum Wish {
    Read,
    Write,
}

impl Rights {
    pub(super) fn allow(self, sides: &[Side], wish: Wish) -> bool {
        sides.iter().any(|side| {
            let right = match side {
                Side::Owner => self.owner,
                Side::Own => self.own,
            };
            match wish {
                Wish::Read => right.read,
                Wish::Write => right.write,
            }
        })
    }
}

/// One schema of the document.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    pointer: String,
    pub(super) rights: Option<Rights>,
    /// Schemas that look at the same value.
    pub(super) same: Vec<usize>,
    /// As `same`, but what they say is no promise: `not`.
    pub(super) against: Vec<usize>,
    pub(super) properties: HashMap<String, usize>,
    /// Patterns of names, each with the schema of what they fit.
    pub(super) patterns: Vec<(usize, usize)>,
    pub(super) other_properties: Vec<usize>,
    pub(super) names: Vec<usize>,
    pub(super) first_items: Vec<usize>,
    pub(super) items: Vec<usize>,
    /// Patterns of texts.
    pub(super) texts: Vec<usize>,
    /// The bytes of the names and values that it lists.
    pub(super) own: u64,
    /// Whether it compares values as a whole.
    pub(super) compares: bool,
    /// Whether it has the others look again, to find what they left over.
    pub(super) asks_what_is_left: bool,
    /// Where `$ref` leads, before it is found.
    reference: Option<String>,
}

/// A schema that was found sound.
#[derive(Clone, Debug)]
pub struct Document {
    /// In an order in which every schema comes before those that look at the same value for it.
    pub(super) nodes: Vec<Node>,
    pub(super) root: usize,
    /// Every pattern once, of names and of texts.
    pub(super) patterns: Vec<String>,
}

impl Document {
    /// Reads a schema; fails with the first fault.
    pub fn parse(schema: &Map<String, Value>) -> Result<Self, Fault> {
        let whole = |kind| Fault {
            pointer: String::new(),
            kind,
        };
        let length = serde_json::to_string(schema).map_or(usize::MAX, |text| text.len());
        if length > MAX_BYTES {
            return Err(whole(FaultKind::TooLong));
        }
        if schema.values().any(|value| deeper_than(value, MAX_DEPTH - 1)) {
            return Err(whole(FaultKind::TooDeep));
        }
        let mut reader = Reader::default();
        reader.object(schema, "")?;
        reader.resolve()?;
        let (nodes, root) = in_order(reader.nodes)?;
        Ok(Self {
            nodes,
            root,
            patterns: reader.patterns,
        })
    }

    /// Its patterns, each once.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(String::as_str)
    }

    /// Those of them that are tried for names.
    pub fn patterns_of_names(&self) -> impl Iterator<Item = &str> {
        let used = self.nodes.iter().flat_map(|node| &node.patterns);
        used.map(|(pattern, _)| self.patterns[*pattern].as_str())
    }

    /// Whether any part of it gives rights, that is, may keep something from somebody.
    pub(super) fn binds(&self) -> bool {
        self.nodes.iter().any(|node| node.rights.is_some())
    }
}

fn deeper_than(value: &Value, levels: usize) -> bool {
    let deeper = |value: &Value| levels == 0 || deeper_than(value, levels - 1);
    match value {
        Value::Object(object) => levels == 0 || object.values().any(deeper),
        Value::Array(items) => levels == 0 || items.iter().any(deeper),
        _ => false,
    }
}

pub(super) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Reads schemas into a table, each with the places of those below it.
#[derive(Default)]
struct Reader {
    nodes: Vec<Node>,
    patterns: Vec<String>,
    pattern_places: HashMap<String, usize>,
}

impl Reader {
    fn schema(&mut self, value: &Value, pointer: String) -> Result<usize, Fault> {
        match value {
            Value::Object(object) => self.object(object, &pointer),
            Value::Bool(_) => self.place(pointer),
            _ => Err(Fault {
                pointer,
                kind: FaultKind::Malformed,
            }),
        }
    }

    fn place(&mut self, pointer: String) -> Result<usize, Fault> {
        if self.nodes.len() == MAX_SUBSCHEMAS {
            return Err(Fault {
                pointer: String::new(),
                kind: FaultKind::TooMany,
            });
        }
        self.nodes.push(Node {
            pointer,
            ..Node::default()
        });
        Ok(self.nodes.len() - 1)
    }

    fn object(&mut self, object: &Map<String, Value>, pointer: &str) -> Result<usize, Fault> {
        let place = self.place(pointer.to_owned())?;
        let mut node = Node {
            pointer: pointer.to_owned(),
            ..Node::default()
        };
        for (keyword, value) in object {
            let at = format!("{pointer}/{}", escape(keyword));
            self.keyword(&mut node, keyword, value, at)?;
        }
        self.nodes[place] = node;
        Ok(place)
    }

    fn keyword(&mut self, node: &mut Node, keyword: &str, value: &Value, at: String) -> Result<(), Fault> {
        match keyword {
            PERMISSION => node.rights = Some(rights(value, &at)?),
            "allOf" | "anyOf" | "oneOf" => node.same.extend(self.list(value, &at)?),
            "if" | "then" | "else" => node.same.push(self.schema(value, at)?),
            "not" => node.against.push(self.schema(value, at)?),
            "dependentSchemas" => node
                .same
                .extend(self.named(value, &at)?.into_iter().map(|(_, place)| place)),
            "properties" => node.properties.extend(self.named(value, &at)?),
            "patternProperties" => {
                for (pattern, place) in self.named(value, &at)? {
                    node.patterns.push((self.pattern(&pattern), place));
                }
            }
            "additionalProperties" => node.other_properties.push(self.schema(value, at)?),
            "unevaluatedProperties" => {
                node.other_properties.push(self.schema(value, at)?);
                node.asks_what_is_left = true;
            }
            "propertyNames" => node.names.push(self.schema(value, at)?),
            "prefixItems" => node.first_items.extend(self.list(value, &at)?),
            "items" | "contains" => node.items.push(self.schema(value, at)?),
            "unevaluatedItems" => {
                node.items.push(self.schema(value, at)?);
                node.asks_what_is_left = true;
            }
            "$defs" | "definitions" => _ = self.named(value, &at)?,
            "contentSchema" => _ = self.schema(value, at)?,
            "$ref" => {
                let kind = FaultKind::Reference;
                let target = value.as_str().and_then(|text| text.strip_prefix('#'));
                let target = target.filter(|pointer| pointer.is_empty() || pointer.starts_with('/'));
                let target = target.ok_or(Fault { pointer: at, kind })?;
                node.reference = Some(target.to_owned());
            }
            "$schema" => {
                let name = value.as_str().filter(|name| DIALECTS.contains(name));
                let kind = FaultKind::Dialect;
                _ = name.ok_or(Fault { pointer: at, kind })?;
            }
            "$id" | "$anchor" | "$dynamicRef" | "$dynamicAnchor" | "$recursiveRef" | "$recursiveAnchor"
            | "$vocabulary" => {
                return Err(Fault {
                    pointer: at,
                    kind: FaultKind::Unsupported,
                });
            }
            _ => self.rule(node, keyword, value),
        }
        Ok(())
    }

    /// What a keyword without schemas below it adds to the work of a look.
    fn rule(&mut self, node: &mut Node, keyword: &str, value: &Value) {
        match keyword {
            "pattern" => {
                let pattern = value.as_str().map(|pattern| self.pattern(pattern));
                node.texts.extend(pattern);
            }
            "uniqueItems" => node.compares |= value == &Value::Bool(true),
            "enum" | "const" => {
                node.compares = true;
                node.own += bytes(value);
            }
            "required" | "dependentRequired" => node.own += bytes(value),
            _ => {}
        }
    }

    fn pattern(&mut self, pattern: &str) -> usize {
        if let Some(place) = self.pattern_places.get(pattern) {
            return *place;
        }
        let place = self.patterns.len();
        self.patterns.push(pattern.to_owned());
        self.pattern_places.insert(pattern.to_owned(), place);
        place
    }

    fn list(&mut self, value: &Value, at: &str) -> Result<Vec<usize>, Fault> {
        let items = value.as_array().ok_or_else(|| malformed(at))?;
        let items = items.iter().enumerate();
        items
            .map(|(index, item)| self.schema(item, format!("{at}/{index}")))
            .collect()
    }

    fn named(&mut self, value: &Value, at: &str) -> Result<Vec<(String, usize)>, Fault> {
        let schemas = value.as_object().ok_or_else(|| malformed(at))?;
        let schemas = schemas.iter();
        schemas
            .map(|(name, schema)| {
                Ok((
                    name.clone(),
                    self.schema(schema, format!("{at}/{}", escape(name)))?,
                ))
            })
            .collect()
    }

    /// Finds where references lead: to a schema of the document, or nowhere.
    fn resolve(&mut self) -> Result<(), Fault> {
        let places = self.nodes.iter().enumerate();
        let places: HashMap<String, usize> = places
            .map(|(place, node)| (node.pointer.clone(), place))
            .collect();
        for node in &mut self.nodes {
            if let Some(target) = node.reference.take() {
                let place = places.get(&unescape_uri(&target)).copied();
                node.same.push(place.ok_or_else(|| Fault {
                    pointer: format!("{}/$ref", node.pointer),
                    kind: FaultKind::Reference,
                })?);
            }
        }
        Ok(())
    }
}

fn bytes(value: &Value) -> u64 {
    u64::try_from(value.to_string().len()).unwrap_or(u64::MAX)
}

fn malformed(at: &str) -> Fault {
    Fault {
        pointer: at.to_owned(),
        kind: FaultKind::Malformed,
    }
}

/// Percent-encoded characters of a fragment (RFC 6901 section 6); what is no encoding stays.
fn unescape_uri(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let encoded = after.get(..2).filter(|_| *first == b'%');
        let encoded = encoded.and_then(|hex| std::str::from_utf8(hex).ok());
        if let Some(byte) = encoded.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            bytes.push(byte);
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap_or_default()
}

fn rights(value: &Value, at: &str) -> Result<Rights, Fault> {
    let fault = |kind| Fault {
        pointer: at.to_owned(),
        kind,
    };
    let given = value
        .as_object()
        .ok_or_else(|| fault(FaultKind::PermissionNotObject))?;
    let mut rights = Rights::default();
    for (who, letters) in given {
        let right = match who.as_str() {
            "owner" => &mut rights.owner,
            "self" => &mut rights.own,
            _ => return Err(fault(FaultKind::PermissionKey)),
        };
        let letters = letters
            .as_str()
            .ok_or_else(|| fault(FaultKind::PermissionNotText))?;
        for letter in letters.chars() {
            match letter {
                'r' => right.read = true,
                'w' => right.write = true,
                _ => return Err(fault(FaultKind::PermissionLetter)),
            }
        }
    }
    Ok(rights)
}

/// Orders the table so that every schema stands before those that look at the same value for it. There is no such order
/// when one of them looks for itself: checking it would never end.
fn in_order(nodes: Vec<Node>) -> Result<(Vec<Node>, usize), Fault> {
    let mut waiting = vec![0_usize; nodes.len()];
    let next = |node: &Node| node.same.iter().chain(&node.against).copied().collect::<Vec<_>>();
    for node in &nodes {
        for place in next(node) {
            waiting[place] += 1;
        }
    }
    let mut ready: Vec<usize> = (0..nodes.len()).filter(|place| waiting[*place] == 0).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(place) = ready.pop() {
        order.push(place);
        for place in next(&nodes[place]) {
            waiting[place] -= 1;
            if waiting[place] == 0 {
                ready.push(place);
            }
        }
    }
    if let Some(place) = waiting.iter().position(|count| *count > 0) {
        return Err(Fault {
            pointer: nodes[place].pointer.clone(),
            kind: FaultKind::Endless,
        });
    }
    Ok(renumbered(nodes, &order))
}

fn renumbered(nodes: Vec<Node>, order: &[usize]) -> (Vec<Node>, usize) {
    let mut places = vec![0; nodes.len()];
    for (new, old) in order.iter().enumerate() {
        places[*old] = new;
    }
    let mut sorted: Vec<(usize, Node)> = nodes
        .into_iter()
        .enumerate()
        .map(|(old, mut node)| {
            let lists = [
                &mut node.same,
                &mut node.against,
                &mut node.other_properties,
                &mut node.names,
                &mut node.first_items,
                &mut node.items,
            ];
            let lists = lists.into_iter().flatten();
            let named = node.properties.values_mut();
            let patterns = node.patterns.iter_mut().map(|(_, place)| place);
            for place in lists.chain(named).chain(patterns) {
                *place = places[*place];
            }
            (places[old], node)
        })
        .collect();
    sorted.sort_by_key(|(place, _)| *place);
    (
        sorted.into_iter().map(|(_, node)| node).collect(),
        places.first().copied().unwrap_or_default(),
    )
}
