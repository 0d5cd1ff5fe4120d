//! A JSON Schema as a table of its schemas: bounded, free of endless references, and with the rights that the permission
//! keyword gives. What `anyOf`, `if` and the like make conditional counts as if it always applied, so that a right is
//! never wider than its author meant.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use super::{Fault, FaultKind, MAX_BYTES, MAX_DEPTH, MAX_LOOKS, MAX_SUBSCHEMAS};

/// The keyword that says who may read and write what it stands at.
const PERMISSION: &str = "urn:zitadel:schema:permission";
/// Names of the language, as `$schema` gives them.
const DIALECTS: [&str; 3] = [
    "urn:zitadel:schema:v1",
    "https://json-schema.org/draft/2020-12/schema",
    "https://json-schema.org/draft/2020-12/schema#",
];

/// Whether a pattern of `patternProperties` matches the name of a property.
pub type Matches<'a> = &'a (dyn Fn(&str, &str) -> bool + Sync);

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
struct Rights {
    owner: Right,
    own: Right,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Right {
    read: bool,
    write: bool,
}

#[derive(Clone, Copy)]
enum Wish {
    Read,
    Write,
}

impl Rights {
    fn allow(self, sides: &[Side], wish: Wish) -> bool {
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
struct Node {
    pointer: String,
    rights: Option<Rights>,
    /// Schemas that look at the same value.
    same: Vec<usize>,
    /// As `same`, but what they say is no promise: `not`.
    against: Vec<usize>,
    properties: HashMap<String, usize>,
    patterns: Vec<(String, usize)>,
    other_properties: Vec<usize>,
    names: Vec<usize>,
    first_items: Vec<usize>,
    items: Vec<usize>,
    /// Where `$ref` leads, before it is found.
    reference: Option<String>,
}

/// A schema that was found sound.
#[derive(Clone, Debug)]
pub struct Document {
    /// In an order in which every schema comes before those that look at the same value for it.
    nodes: Vec<Node>,
    root: usize,
}

/// Schemas that look at one value: how often each does, and whether its rights bind.
type Looks = BTreeMap<usize, (u64, bool)>;

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
        if let Some(dialect) = schema.get("$schema")
            && !dialect.as_str().is_some_and(|name| DIALECTS.contains(&name))
        {
            return Err(Fault {
                pointer: "/$schema".to_owned(),
                kind: FaultKind::Dialect,
            });
        }
        let mut reader = Reader::default();
        reader.object(schema, "")?;
        reader.resolve()?;
        in_order(reader.nodes)
    }

    /// The patterns of all `patternProperties`.
    pub fn patterns(&self) -> impl Iterator<Item = &str> {
        self.nodes
            .iter()
            .flat_map(|node| node.patterns.iter().map(|(pattern, _)| pattern.as_str()))
    }

    /// Whether checking these data takes no more looks than [`MAX_LOOKS`].
    pub fn is_cheap(&self, data: &Map<String, Value>, matches: Matches<'_>) -> bool {
        let mut left = MAX_LOOKS;
        self.spend_object(&self.looks_at_root(), data, matches, &mut left)
    }

    /// The part of the data that these sides may read.
    #[must_use]
    pub fn readable(
        &self,
        data: &Map<String, Value>,
        sides: &[Side],
        matches: Matches<'_>,
    ) -> Map<String, Value> {
        let looks = self.looks_at_root();
        if !self.allow(&looks, sides, Wish::Read) {
            return Map::new();
        }
        self.readable_object(&looks, data, sides, matches)
    }

    /// New data with what these sides may not read put back where it is not part of it: nobody removes what they do not
    /// see. Items of lists are not put back, for nobody can say where.
    #[must_use]
    pub fn with_hidden(
        &self,
        stored: &Map<String, Value>,
        new: &Map<String, Value>,
        sides: &[Side],
        matches: Matches<'_>,
    ) -> Map<String, Value> {
        let looks = self.looks_at_root();
        if !self.allow(&looks, sides, Wish::Read) && new.is_empty() {
            return stored.clone();
        }
        self.with_hidden_object(&looks, stored, new, sides, matches)
    }

    /// Where these data change something that these sides may not write, as a JSON pointer.
    pub fn unwritable(
        &self,
        stored: &Map<String, Value>,
        new: &Map<String, Value>,
        sides: &[Side],
        matches: Matches<'_>,
    ) -> Option<String> {
        let looks = self.looks_at_root();
        if stored == new {
            return None;
        }
        if !self.allow(&looks, sides, Wish::Write) {
            return Some(String::new());
        }
        self.unwritable_object(&looks, stored, new, sides, matches)
    }

    fn looks_at_root(&self) -> Looks {
        self.close(Looks::from([(self.root, (1, true))]))
    }

    /// Adds the schemas that look at the same value; those always stand behind the ones that they look for.
    fn close(&self, seeds: Looks) -> Looks {
        let mut open = seeds;
        let mut closed = Looks::new();
        while let Some((place, (times, binding))) = open.pop_first() {
            closed.insert(place, (times, binding));
            let node = &self.nodes[place];
            for next in &node.same {
                add(&mut open, *next, times, binding);
            }
            for next in &node.against {
                add(&mut open, *next, times, false);
            }
        }
        closed
    }

    fn looks_at_property(&self, looks: &Looks, name: &str, matches: Matches<'_>) -> Looks {
        let mut seeds = Looks::new();
        for (place, (times, binding)) in looks {
            let node = &self.nodes[*place];
            let by_name = node.properties.get(name).copied();
            let by_pattern = node
                .patterns
                .iter()
                .filter(|(pattern, _)| matches(pattern, name))
                .map(|(_, next)| *next);
            let named: Vec<usize> = by_name.into_iter().chain(by_pattern).collect();
            let others = if named.is_empty() {
                &node.other_properties[..]
            } else {
                &[]
            };
            for next in named.iter().chain(others) {
                add(&mut seeds, *next, *times, *binding);
            }
        }
        self.close(seeds)
    }

    fn looks_at_item(&self, looks: &Looks, index: usize) -> Looks {
        let mut seeds = Looks::new();
        for (place, (times, binding)) in looks {
            let node = &self.nodes[*place];
            for next in node.first_items.get(index).into_iter().chain(&node.items) {
                add(&mut seeds, *next, *times, *binding);
            }
        }
        self.close(seeds)
    }

    fn allow(&self, looks: &Looks, sides: &[Side], wish: Wish) -> bool {
        looks
            .iter()
            .filter(|(_, (_, binding))| *binding)
            .filter_map(|(place, _)| self.nodes[*place].rights)
            .all(|rights| rights.allow(sides, wish))
    }

    fn spend(&self, looks: &Looks, value: &Value, matches: Matches<'_>, left: &mut u64) -> bool {
        match value {
            Value::Object(object) => self.spend_object(looks, object, matches, left),
            Value::Array(items) => {
                pay(looks, left)
                    && items.iter().enumerate().all(|(index, item)| {
                        self.spend(&self.looks_at_item(looks, index), item, matches, left)
                    })
            }
            _ => pay(looks, left),
        }
    }

    fn spend_object(
        &self,
        looks: &Looks,
        object: &Map<String, Value>,
        matches: Matches<'_>,
        left: &mut u64,
    ) -> bool {
        pay(looks, left)
            && object.iter().all(|(name, value)| {
                let mut names = Looks::new();
                for (place, (times, _)) in looks {
                    for next in &self.nodes[*place].names {
                        add(&mut names, *next, *times, false);
                    }
                }
                pay(&self.close(names), left)
                    && self.spend(
                        &self.looks_at_property(looks, name, matches),
                        value,
                        matches,
                        left,
                    )
            })
    }

    fn readable_object(
        &self,
        looks: &Looks,
        data: &Map<String, Value>,
        sides: &[Side],
        matches: Matches<'_>,
    ) -> Map<String, Value> {
        data.iter()
            .filter_map(|(name, value)| {
                let looks = self.looks_at_property(looks, name, matches);
                let value = self.readable_value(&looks, value, sides, matches)?;
                Some((name.clone(), value))
            })
            .collect()
    }

    fn readable_value(
        &self,
        looks: &Looks,
        value: &Value,
        sides: &[Side],
        matches: Matches<'_>,
    ) -> Option<Value> {
        if !self.allow(looks, sides, Wish::Read) {
            return None;
        }
        Some(match value {
            Value::Object(object) => Value::Object(self.readable_object(looks, object, sides, matches)),
            Value::Array(items) => {
                let items = items.iter().enumerate();
                let readable = items.filter_map(|(index, item)| {
                    self.readable_value(&self.looks_at_item(looks, index), item, sides, matches)
                });
                Value::Array(readable.collect())
            }
            plain => plain.clone(),
        })
    }

    fn with_hidden_object(
        &self,
        looks: &Looks,
        stored: &Map<String, Value>,
        new: &Map<String, Value>,
        sides: &[Side],
        matches: Matches<'_>,
    ) -> Map<String, Value> {
        let mut all = new.clone();
        for (name, old) in stored {
            let looks = self.looks_at_property(looks, name, matches);
            match (old, new.get(name)) {
                (_, None) if !self.allow(&looks, sides, Wish::Read) => {
                    all.insert(name.clone(), old.clone());
                }
                (Value::Object(old), Some(Value::Object(new))) => {
                    let merged = self.with_hidden_object(&looks, old, new, sides, matches);
                    all.insert(name.clone(), Value::Object(merged));
                }
                _ => {}
            }
        }
        all
    }

    fn unwritable_object(
        &self,
        looks: &Looks,
        stored: &Map<String, Value>,
        new: &Map<String, Value>,
        sides: &[Side],
        matches: Matches<'_>,
    ) -> Option<String> {
        let gone = stored.keys().filter(|name| !new.contains_key(*name));
        new.keys().chain(gone).find_map(|name| {
            let looks = self.looks_at_property(looks, name, matches);
            let below = self.unwritable_value(&looks, stored.get(name), new.get(name), sides, matches)?;
            Some(format!("/{}{below}", escape(name)))
        })
    }

    fn unwritable_value<'a>(
        &self,
        looks: &Looks,
        stored: Option<&'a Value>,
        new: Option<&'a Value>,
        sides: &[Side],
        matches: Matches<'_>,
    ) -> Option<String> {
        if stored == new {
            return None;
        }
        if !self.allow(looks, sides, Wish::Write) {
            return Some(String::new());
        }
        let none = Map::new();
        let object = |value: Option<&'a Value>| value.and_then(Value::as_object);
        if let Some(pointer) = self.unwritable_object(
            looks,
            object(stored).unwrap_or(&none),
            object(new).unwrap_or(&none),
            sides,
            matches,
        ) {
            return Some(pointer);
        }
        let items = |value: Option<&'a Value>| value.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let (old, new) = (items(stored), items(new));
        (0..old.len().max(new.len())).find_map(|index| {
            let looks = self.looks_at_item(looks, index);
            let below = self.unwritable_value(&looks, old.get(index), new.get(index), sides, matches)?;
            Some(format!("/{index}{below}"))
        })
    }
}

fn add(looks: &mut Looks, place: usize, times: u64, binding: bool) {
    let entry = looks.entry(place).or_insert((0, false));
    entry.0 = entry.0.saturating_add(times);
    entry.1 |= binding;
}

fn pay(looks: &Looks, left: &mut u64) -> bool {
    for (times, _) in looks.values() {
        match left.checked_sub(*times) {
            Some(rest) => *left = rest,
            None => return false,
        }
    }
    true
}

fn deeper_than(value: &Value, levels: usize) -> bool {
    let deeper = |value: &Value| levels == 0 || deeper_than(value, levels - 1);
    match value {
        Value::Object(object) => levels == 0 || object.values().any(deeper),
        Value::Array(items) => levels == 0 || items.iter().any(deeper),
        _ => false,
    }
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Reads schemas into a table, each with the places of those below it.
#[derive(Default)]
struct Reader {
    nodes: Vec<Node>,
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
            "patternProperties" => node.patterns.extend(self.named(value, &at)?),
            "additionalProperties" | "unevaluatedProperties" => {
                node.other_properties.push(self.schema(value, at)?);
            }
            "propertyNames" => node.names.push(self.schema(value, at)?),
            "prefixItems" => node.first_items.extend(self.list(value, &at)?),
            "items" | "contains" | "unevaluatedItems" => node.items.push(self.schema(value, at)?),
            "$defs" | "definitions" => _ = self.named(value, &at)?,
            "contentSchema" => _ = self.schema(value, at)?,
            "$ref" => {
                let kind = FaultKind::Reference;
                let target = value.as_str().and_then(|text| text.strip_prefix('#'));
                let target = target.filter(|pointer| pointer.is_empty() || pointer.starts_with('/'));
                let target = target.ok_or(Fault { pointer: at, kind })?;
                node.reference = Some(target.to_owned());
            }
            "$id" | "$anchor" | "$dynamicRef" | "$dynamicAnchor" | "$recursiveRef" | "$recursiveAnchor"
            | "$vocabulary" => {
                return Err(Fault {
                    pointer: at,
                    kind: FaultKind::Unsupported,
                });
            }
            _ => {}
        }
        Ok(())
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
fn in_order(nodes: Vec<Node>) -> Result<Document, Fault> {
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

fn renumbered(nodes: Vec<Node>, order: &[usize]) -> Document {
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
    Document {
        nodes: sorted.into_iter().map(|(_, node)| node).collect(),
        root: places.first().copied().unwrap_or_default(),
    }
}
