//! How a schema looks at data: what checking them costs, and which part somebody may read or change. Nothing runs before it is
//! paid for, and no pattern runs twice on the same name.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    fmt,
};

use serde_json::{Map, Value};

use super::{
    MAX_DEEP,
    document::{Document, Node, Side, Wish, escape},
};

/// Steps of a pattern that take as long as one look.
const LOOK: u64 = 16;

/// What is known of the patterns of a schema.
pub trait Patterns {
    /// How many steps a character of a text can take at most.
    fn weight(&self, pattern: &str) -> u64;
    /// Whether a text fits.
    fn matches(&self, pattern: &str, text: &str) -> bool;
}

/// A schema that looks at the data of one request.
pub struct Walk<'a> {
    document: &'a Document,
    patterns: &'a dyn Patterns,
    /// Names that were tried, each with the patterns that it was tried against.
    known: RefCell<HashMap<String, HashMap<usize, bool>>>,
}

impl fmt::Debug for Walk<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Walk")
            .field("document", self.document)
            .finish_non_exhaustive()
    }
}

/// How one schema looks at one value.
#[derive(Clone, Copy)]
struct Look {
    /// How often.
    times: u64,
    /// How many schemas led to it.
    deep: usize,
    /// Whether its rights bind.
    binding: bool,
    /// Whether a schema that asks what was left over looks through it again.
    again: bool,
}

/// Schemas that look at one value.
type Looks = BTreeMap<usize, Look>;

/// Steps that are left.
struct Purse {
    left: u64,
    /// Rules are checked; otherwise it is only found out which schemas look where.
    checks: bool,
}

impl Purse {
    /// Reading merges what a check does many times over.
    fn pay(&mut self, times: u64, steps: u64) -> Option<()> {
        let times = if self.checks { times } else { 1 };
        self.left = self.left.checked_sub(times.saturating_mul(steps))?;
        Some(())
    }
}

impl<'a> Walk<'a> {
    /// A walk of this schema.
    pub fn new(document: &'a Document, patterns: &'a dyn Patterns) -> Self {
        Self {
            document,
            patterns,
            known: RefCell::default(),
        }
    }

    /// Whether checking these data takes no more than so many looks.
    pub fn is_cheap(&self, data: &Map<String, Value>, looks: u64) -> bool {
        self.affords(data, looks, true)
    }

    /// Whether it takes no more than so many looks to find out who may read these data.
    pub fn is_legible(&self, data: &Map<String, Value>, looks: u64) -> bool {
        !self.document.binds() || self.affords(data, looks, false)
    }

    /// The part of the data that these sides may read.
    #[must_use]
    pub fn readable(&self, data: &Map<String, Value>, sides: &[Side]) -> Map<String, Value> {
        if !self.document.binds() {
            return data.clone();
        }
        let looks = self.looks_at_root();
        if !self.allow(&looks, sides, Wish::Read) {
            return Map::new();
        }
        self.readable_object(&looks, data, sides)
    }

    /// New data with what these sides may not read left where it is: nobody removes or moves what they do not see. Fails
    /// with a JSON pointer where nobody could say what becomes of it.
    pub fn with_hidden(
        &self,
        stored: &Map<String, Value>,
        new: &Map<String, Value>,
        sides: &[Side],
    ) -> Result<Map<String, Value>, String> {
        if !self.document.binds() {
            return Ok(new.clone());
        }
        let looks = self.looks_at_root();
        let seen = self.allow(&looks, sides, Wish::Read);
        if !seen && new.is_empty() {
            return Ok(stored.clone());
        }
        if !seen && !self.allow(&looks, sides, Wish::Write) {
            return Err(String::new());
        }
        self.kept_object(&looks, stored, new, sides)
    }

    /// Whether some part of these data is kept from these sides, or from their changes.
    pub fn withholds(&self, data: &Map<String, Value>, sides: &[Side]) -> bool {
        const EITHER: &[Wish] = &[Wish::Read, Wish::Write];
        if !self.document.binds() || data.is_empty() {
            return false;
        }
        let looks = self.looks_at_root();
        !self.allow_all(&looks, sides, EITHER) || self.bars_within(&looks, data, sides, EITHER)
    }

    /// Where these data change something that these sides may not write, as a JSON pointer.
    pub fn unwritable(
        &self,
        stored: &Map<String, Value>,
        new: &Map<String, Value>,
        sides: &[Side],
    ) -> Option<String> {
        if !self.document.binds() || stored == new {
            return None;
        }
        let looks = self.looks_at_root();
        if !self.allow(&looks, sides, Wish::Write) {
            return Some(String::new());
        }
        self.unwritable_object(&looks, stored, new, sides)
    }

    fn node(&self, place: usize) -> &'a Node {
        &self.document.nodes[place]
    }

    fn looks_at_root(&self) -> Looks {
        let look = Look {
            times: 1,
            deep: 1,
            binding: true,
            again: false,
        };
        self.close(Looks::from([(self.document.root, look)]))
    }

    /// Adds the schemas that look at the same value; those always stand behind the ones that they look for.
    fn close(&self, seeds: Looks) -> Looks {
        let mut open = seeds;
        let mut closed = Looks::new();
        while let Some((place, look)) = open.pop_first() {
            closed.insert(place, look);
            let node = self.node(place);
            let mut next = look.below(node);
            next.again = look.again || node.asks_what_is_left;
            for same in &node.same {
                add(&mut open, *same, next);
            }
            next.binding = false;
            for against in &node.against {
                add(&mut open, *against, next);
            }
        }
        closed
    }

    fn looks_at_property(&self, looks: &Looks, name: &str) -> Looks {
        let mut seeds = Looks::new();
        for (place, look) in looks {
            let node = self.node(*place);
            let by_name = node.properties.get(name).copied();
            let by_pattern = node
                .patterns
                .iter()
                .filter(|(pattern, _)| self.fits(*pattern, name));
            let named = by_name.into_iter().chain(by_pattern.map(|(_, next)| *next));
            let named: Vec<usize> = named.collect();
            let others = if named.is_empty() {
                &node.other_properties[..]
            } else {
                &[]
            };
            for next in named {
                add(&mut seeds, next, look.once_below());
            }
            for next in others {
                add(&mut seeds, *next, look.below(node));
            }
        }
        self.close(seeds)
    }

    fn looks_at_item(&self, looks: &Looks, index: usize) -> Looks {
        let mut seeds = Looks::new();
        for (place, look) in looks {
            let node = self.node(*place);
            for next in node.first_items.get(index).into_iter().chain(&node.items) {
                add(&mut seeds, *next, look.below(node));
            }
        }
        self.close(seeds)
    }

    fn looks_at_name(&self, looks: &Looks) -> Looks {
        let mut seeds = Looks::new();
        for (place, look) in looks {
            let node = self.node(*place);
            for next in &node.names {
                let binding = false;
                add(
                    &mut seeds,
                    *next,
                    Look {
                        binding,
                        ..look.below(node)
                    },
                );
            }
        }
        self.close(seeds)
    }

    fn fits(&self, pattern: usize, name: &str) -> bool {
        let mut known = self.known.borrow_mut();
        if !known.contains_key(name) {
            known.insert(name.to_owned(), HashMap::new());
        }
        let Some(tried) = known.get_mut(name) else {
            return true;
        };
        *tried
            .entry(pattern)
            .or_insert_with(|| self.patterns.matches(&self.document.patterns[pattern], name))
    }

    fn allow_all(&self, looks: &Looks, sides: &[Side], wishes: &[Wish]) -> bool {
        wishes.iter().all(|wish| self.allow(looks, sides, *wish))
    }

    fn allow(&self, looks: &Looks, sides: &[Side], wish: Wish) -> bool {
        looks
            .iter()
            .filter(|(_, look)| look.binding)
            .filter_map(|(place, _)| self.node(*place).rights)
            .all(|rights| rights.allow(sides, wish))
    }
}

impl Look {
    /// How the schemas below this one look. Whoever asks what others left over has them look again, once more at each level;
    /// the rest is looked at with each of these times.
    fn below(self, node: &Node) -> Self {
        let factor = match (node.asks_what_is_left, self.again) {
            (true, _) => 3,
            (false, true) => 2,
            (false, false) => 1,
        };
        Self {
            times: self.times.saturating_mul(factor),
            ..self.once_below()
        }
    }

    /// As [`Self::below`], for what is found by its name: then nobody asks whether it was left over.
    fn once_below(self) -> Self {
        Self {
            deep: self.deep.saturating_add(1),
            again: false,
            ..self
        }
    }
}

fn add(looks: &mut Looks, place: usize, look: Look) {
    let both = match looks.get(&place) {
        None => look,
        Some(other) => Look {
            times: other.times.saturating_add(look.times),
            deep: other.deep.max(look.deep),
            binding: other.binding || look.binding,
            again: other.again || look.again,
        },
    };
    looks.insert(place, both);
}

/// What it costs.
impl Walk<'_> {
    fn affords(&self, data: &Map<String, Value>, looks: u64, checks: bool) -> bool {
        let left = looks.saturating_mul(LOOK);
        let mut purse = Purse { left, checks };
        self.pay_object(&self.looks_at_root(), data, &mut purse).is_some()
    }

    fn pay(&self, looks: &Looks, value: &Value, purse: &mut Purse) -> Option<()> {
        match value {
            Value::Object(object) => {
                self.pay_whole(looks, || size(value), purse)?;
                self.pay_object(looks, object, purse)
            }
            Value::Array(items) => {
                self.pay_whole(looks, || size(value), purse)?;
                self.pay_looks(looks, purse)?;
                items.iter().enumerate().try_for_each(|(index, item)| {
                    pay_below(looks, purse)?;
                    self.pay(&self.looks_at_item(looks, index), item, purse)
                })
            }
            Value::String(text) => self.pay_text(looks, text, purse),
            _ => self.pay_looks(looks, purse),
        }
    }

    fn pay_object(&self, looks: &Looks, object: &Map<String, Value>, purse: &mut Purse) -> Option<()> {
        self.pay_looks(looks, purse)?;
        let names = self.looks_at_name(looks);
        object.iter().try_for_each(|(name, value)| {
            pay_below(looks, purse)?;
            self.pay_text(&names, name, purse)?;
            self.pay_names(looks, name, purse)?;
            self.pay(&self.looks_at_property(looks, name), value, purse)
        })
    }

    /// Each look, with what the schema's own lists of names and values are long.
    fn pay_looks(&self, looks: &Looks, purse: &mut Purse) -> Option<()> {
        looks.iter().try_for_each(|(place, look)| {
            if !purse.checks {
                return purse.pay(1, LOOK);
            }
            let shallow = look.deep <= MAX_DEEP;
            shallow.then_some(())?;
            purse.pay(look.times, LOOK.saturating_add(self.node(*place).own))
        })
    }

    /// Rules that compare a value as a whole with others.
    fn pay_whole(&self, looks: &Looks, size: impl FnOnce() -> u64, purse: &mut Purse) -> Option<()> {
        let compare = looks.iter().filter(|(place, _)| self.node(**place).compares);
        let times = compare.fold(0_u64, |sum, (_, look)| sum.saturating_add(look.times));
        if times == 0 || !purse.checks {
            return Some(());
        }
        purse.pay(times, size())
    }

    /// Characters are counted or compared, a handful with each step, and patterns take their steps for each byte.
    fn pay_text(&self, looks: &Looks, text: &str, purse: &mut Purse) -> Option<()> {
        self.pay_looks(looks, purse)?;
        if !purse.checks {
            return Some(());
        }
        looks.iter().try_for_each(|(place, look)| {
            purse.pay(look.times, length(text) / LOOK)?;
            let mut patterns = self.node(*place).texts.iter();
            patterns.try_for_each(|pattern| self.pay_pattern(*pattern, look.times, text, purse))
        })
    }

    /// Patterns that are tried for a name.
    fn pay_names(&self, looks: &Looks, name: &str, purse: &mut Purse) -> Option<()> {
        looks.iter().try_for_each(|(place, look)| {
            let factor = look.below(self.node(*place)).times;
            let mut patterns = self.node(*place).patterns.iter();
            patterns.try_for_each(|(pattern, _)| self.pay_pattern(*pattern, factor, name, purse))
        })
    }

    fn pay_pattern(&self, pattern: usize, times: u64, text: &str, purse: &mut Purse) -> Option<()> {
        let weight = self.patterns.weight(&self.document.patterns[pattern]);
        purse.pay(
            times,
            length(text)
                .saturating_add(1)
                .saturating_mul(weight)
                .saturating_add(LOOK),
        )
    }
}

/// Each schema is asked whether it says something of a property or an item.
fn pay_below(looks: &Looks, purse: &mut Purse) -> Option<()> {
    looks.values().try_for_each(|look| purse.pay(look.times, 1))
}

fn length(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

/// Steps that it takes to compare a value with its like: all of it, and a few times over.
fn size(value: &Value) -> u64 {
    let below = match value {
        Value::Object(object) => object
            .iter()
            .map(|(name, value)| length(name).saturating_add(size(value)))
            .fold(0, u64::saturating_add),
        Value::Array(items) => items.iter().map(size).fold(0, u64::saturating_add),
        Value::String(text) => length(text),
        _ => 0,
    };
    below.saturating_add(LOOK)
}

/// What may be read.
impl Walk<'_> {
    fn readable_object(
        &self,
        looks: &Looks,
        data: &Map<String, Value>,
        sides: &[Side],
    ) -> Map<String, Value> {
        data.iter()
            .filter_map(|(name, value)| {
                let value = self.readable_value(&self.looks_at_property(looks, name), value, sides)?;
                Some((name.clone(), value))
            })
            .collect()
    }

    fn readable_value(&self, looks: &Looks, value: &Value, sides: &[Side]) -> Option<Value> {
        if !self.allow(looks, sides, Wish::Read) {
            return None;
        }
        Some(match value {
            Value::Object(object) => Value::Object(self.readable_object(looks, object, sides)),
            Value::Array(items) => {
                let items = items.iter().enumerate();
                let readable = items.filter_map(|(index, item)| {
                    self.readable_value(&self.looks_at_item(looks, index), item, sides)
                });
                Value::Array(readable.collect())
            }
            plain => plain.clone(),
        })
    }

    /// Whether some part of it is kept from these sides.
    fn hides(&self, looks: &Looks, value: &Value, sides: &[Side]) -> bool {
        self.bars(looks, value, sides, &[Wish::Read])
    }

    /// Whether one of these wishes is not allowed somewhere in it.
    fn bars(&self, looks: &Looks, value: &Value, sides: &[Side], wishes: &[Wish]) -> bool {
        if !self.allow_all(looks, sides, wishes) {
            return true;
        }
        match value {
            Value::Object(object) => self.bars_within(looks, object, sides, wishes),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .any(|(index, item)| self.bars(&self.looks_at_item(looks, index), item, sides, wishes)),
            _ => false,
        }
    }

    fn bars_within(
        &self,
        looks: &Looks,
        object: &Map<String, Value>,
        sides: &[Side],
        wishes: &[Wish],
    ) -> bool {
        object
            .iter()
            .any(|(name, value)| self.bars(&self.looks_at_property(looks, name), value, sides, wishes))
    }
}

/// What stays because it is not seen.
impl Walk<'_> {
    fn kept_object(
        &self,
        looks: &Looks,
        stored: &Map<String, Value>,
        new: &Map<String, Value>,
        sides: &[Side],
    ) -> Result<Map<String, Value>, String> {
        let mut all = new.clone();
        for (name, old) in stored {
            let looks = self.looks_at_property(looks, name);
            let kept = self.kept(&looks, old, new.get(name), sides);
            if let Some(kept) = kept.map_err(|below| format!("/{}{below}", escape(name)))? {
                all.insert(name.clone(), kept);
            }
        }
        Ok(all)
    }

    /// What stands where `old` stood, once `new` was sent, or nothing was.
    fn kept(
        &self,
        looks: &Looks,
        old: &Value,
        new: Option<&Value>,
        sides: &[Side],
    ) -> Result<Option<Value>, String> {
        let seen = self.allow(looks, sides, Wish::Read);
        match (old, new) {
            (old, None) if !seen => Ok(Some(old.clone())),
            // Also when it is equal: whoever could send it again and again would learn what it is.
            (_, Some(_)) if !seen && !self.allow(looks, sides, Wish::Write) => Err(String::new()),
            (Value::Object(old), Some(Value::Object(new))) => {
                Ok(Some(Value::Object(self.kept_object(looks, old, new, sides)?)))
            }
            (_, Some(new)) if !seen => Ok(Some(new.clone())),
            (Value::Object(old), None) => {
                let kept = self.kept_object(looks, old, &Map::new(), sides)?;
                Ok(Some(kept).filter(|kept| !kept.is_empty()).map(Value::Object))
            }
            (Value::Array(old), Some(Value::Array(new))) => self.kept_items(looks, old, new, sides).map(Some),
            (old, Some(_)) if self.hides(looks, old, sides) => Err(String::new()),
            (_, Some(new)) => Ok(Some(new.clone())),
            (old, None) => Ok(self.hides(looks, old, sides).then(|| old.clone())),
        }
    }

    /// As many items as were shown are the items that were shown; of others nobody can say where the hidden ones belong.
    fn kept_items(
        &self,
        looks: &Looks,
        old: &[Value],
        new: &[Value],
        sides: &[Side],
    ) -> Result<Value, String> {
        let items = || old.iter().enumerate();
        let seen = |index: usize| self.allow(&self.looks_at_item(looks, index), sides, Wish::Read);
        if items().filter(|(index, _)| seen(*index)).count() != new.len() {
            let hidden =
                items().any(|(index, item)| self.hides(&self.looks_at_item(looks, index), item, sides));
            return if hidden {
                Err(String::new())
            } else {
                Ok(Value::Array(new.to_vec()))
            };
        }
        let mut sent = new.iter();
        let all: Result<Vec<Option<Value>>, String> = items()
            .map(|(index, item)| {
                let looks = self.looks_at_item(looks, index);
                let seen = self.allow(&looks, sides, Wish::Read);
                let new = if seen { sent.next() } else { None };
                self.kept(&looks, item, new, sides)
                    .map_err(|below| format!("/{index}{below}"))
            })
            .collect();
        Ok(Value::Array(all?.into_iter().flatten().collect()))
    }
}

/// What may be written.
impl Walk<'_> {
    fn unwritable_object(
        &self,
        looks: &Looks,
        stored: &Map<String, Value>,
        new: &Map<String, Value>,
        sides: &[Side],
    ) -> Option<String> {
        let gone = stored.keys().filter(|name| !new.contains_key(*name));
        new.keys().chain(gone).find_map(|name| {
            let looks = self.looks_at_property(looks, name);
            let below = self.unwritable_value(&looks, stored.get(name), new.get(name), sides)?;
            Some(format!("/{}{below}", escape(name)))
        })
    }

    fn unwritable_value<'v>(
        &self,
        looks: &Looks,
        stored: Option<&'v Value>,
        new: Option<&'v Value>,
        sides: &[Side],
    ) -> Option<String> {
        if stored == new {
            return None;
        }
        if !self.allow(looks, sides, Wish::Write) {
            return Some(String::new());
        }
        let none = Map::new();
        let object = |value: Option<&'v Value>| value.and_then(Value::as_object);
        let objects = (object(stored).unwrap_or(&none), object(new).unwrap_or(&none));
        if let Some(pointer) = self.unwritable_object(looks, objects.0, objects.1, sides) {
            return Some(pointer);
        }
        let items = |value: Option<&'v Value>| value.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let (old, new) = (items(stored), items(new));
        (0..old.len().max(new.len())).find_map(|index| {
            let looks = self.looks_at_item(looks, index);
            let below = self.unwritable_value(&looks, old.get(index), new.get(index), sides)?;
            Some(format!("/{index}{below}"))
        })
    }
}
