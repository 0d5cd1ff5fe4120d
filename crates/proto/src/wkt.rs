//! The well-known types the contract uses, with the JSON text that protobuf prescribes for each.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const NANOS: i32 = 1_000_000_000;
const DAY: i64 = 86_400;
/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z, the bounds of `google.protobuf.Timestamp`.
const FIRST: i64 = -62_135_596_800;
const LAST: i64 = 253_402_300_799;
/// 10,000 years in seconds, the bound of `google.protobuf.Duration`.
const LONGEST: i64 = 315_576_000_000;

/// `google.protobuf.Timestamp`: RFC 3339 text in UTC with 0, 3, 6 or 9 fraction digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Message)]
pub struct Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Nanoseconds within the second, 0 to 999,999,999.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

impl Timestamp {
    /// The instant so many nanoseconds after 1970-01-01T00:00:00Z; beyond the years 1 to 9999 their first or last second, for
    /// others have no text.
    pub fn from_nanos(nanos: i128) -> Self {
        let second = i128::from(NANOS);
        let seconds = nanos
            .div_euclid(second)
            .clamp(i128::from(FIRST), i128::from(LAST));
        Self {
            seconds: i64::try_from(seconds).unwrap_or(LAST),
            nanos: i32::try_from(nanos.rem_euclid(second)).unwrap_or_default(),
        }
    }

    /// The instant so many microseconds after 1970-01-01T00:00:00Z.
    pub fn from_micros(micros: i64) -> Self {
        Self::from_nanos(i128::from(micros) * 1000)
    }

    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub fn as_nanos(&self) -> i128 {
        i128::from(self.seconds) * i128::from(NANOS) + i128::from(self.nanos)
    }

    /// Whether it is a time of the years 1 to 9999: messages can hold others, their JSON cannot.
    pub fn is_sound(&self) -> bool {
        (FIRST..=LAST).contains(&self.seconds) && (0..NANOS).contains(&self.nanos)
    }

    /// RFC 3339 in UTC with as many digits as are needed of none, three, six and nine, and how long it is; for the years 1 to 9999.
    /// Every answer holds several, and `fmt` takes ten times as long.
    fn written(&self) -> ([u8; 30], usize) {
        let (year, month, day) = civil_from_days(self.seconds.div_euclid(DAY));
        let second = self.seconds.rem_euclid(DAY);
        let mut text = *b"0000-00-00T00:00:00.000000000Z";
        write_digits(&mut text[0..4], year);
        write_digits(&mut text[5..7], month);
        write_digits(&mut text[8..10], day);
        write_digits(&mut text[11..13], second / 3600);
        write_digits(&mut text[14..16], second / 60 % 60);
        write_digits(&mut text[17..19], second % 60);
        write_digits(&mut text[20..29], self.nanos.into());
        let end = match self.nanos {
            0 => 19,
            nanos if nanos % 1_000_000 == 0 => 23,
            nanos if nanos % 1_000 == 0 => 26,
            _ => 29,
        };
        text[end] = b'Z';
        (text, end + 1)
    }

    /// Reads RFC 3339 with any offset; fails on anything else or outside of the years 1 to 9999.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "a timestamp reads like 2024-01-31T12:00:00Z";
        let (date, rest) = text.split_at_checked(10).ok_or(WRONG)?;
        let rest = rest.strip_prefix(['T', 't']).ok_or(WRONG)?;
        let (clock, rest) = rest.split_at_checked(8).ok_or(WRONG)?;
        let [year, month, day] = three(date, '-').ok_or(WRONG)?;
        let [hour, minute, second] = three(clock, ':').ok_or(WRONG)?;
        if date.len() != 10 || !(1..=12).contains(&month) || day < 1 || day > month_length(year, month) {
            return Err(WRONG);
        }
        if hour > 23 || minute > 59 || second > 59 {
            return Err(WRONG);
        }
        let zone = rest.find(['Z', 'z', '+', '-']).ok_or(WRONG)?;
        let (fraction, zone) = rest.split_at_checked(zone).ok_or(WRONG)?;
        let nanos = match fraction.strip_prefix('.') {
            Some(digits) => fraction_nanos(digits).ok_or(WRONG)?,
            None if fraction.is_empty() => 0,
            None => return Err(WRONG),
        };
        let local = days_from_civil(year, month, day) * DAY + hour * 3600 + minute * 60 + second;
        let seconds = local - offset(zone).ok_or(WRONG)?;
        if !(FIRST..=LAST).contains(&seconds) {
            return Err("a timestamp lies in the years 1 to 9999");
        }
        Ok(Self { seconds, nanos })
    }
}

/// Three numbers of fixed width between separators.
fn three(text: &str, separator: char) -> Option<[i64; 3]> {
    let mut parts = text.split(separator).map(|part| {
        (part.bytes().all(|byte| byte.is_ascii_digit()) && part.len() >= 2)
            .then(|| part.parse().ok())
            .flatten()
    });
    let found = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(found)
}

fn fraction_nanos(digits: &str) -> Option<i32> {
    if digits.is_empty() || digits.len() > 9 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    format!("{digits:0<9}").parse().ok()
}

fn offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, clock) = if let Some(clock) = zone.strip_prefix('+') {
        (1, clock)
    } else {
        (-1, zone.strip_prefix('-')?)
    };
    let (hours, minutes) = clock.split_once(':')?;
    if hours.len() != 2
        || minutes.len() != 2
        || !clock.bytes().all(|byte| byte.is_ascii_digit() || byte == b':')
    {
        return None;
    }
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn month_length(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar; years are counted from March.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (
        year_of_era + era * 400 + i64::from(month <= 2),
        month,
        day_of_year - (153 * shifted + 2) / 5 + 1,
    )
}

/// Fills a field with the last digits of a number.
fn write_digits(field: &mut [u8], mut number: i64) {
    for place in field.iter_mut().rev() {
        *place = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}

/// Writes `.5` as `.500`: three, six or nine digits, or nothing.
fn write_fraction(f: &mut fmt::Formatter<'_>, nanos: u32) -> fmt::Result {
    match nanos {
        0 => Ok(()),
        nanos if nanos % 1_000_000 == 0 => write!(f, ".{:03}", nanos / 1_000_000),
        nanos if nanos % 1_000 == 0 => write!(f, ".{:06}", nanos / 1_000),
        nanos => write!(f, ".{nanos:09}"),
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.is_sound() {
            return Err(serde::ser::Error::custom("timestamp out of range"));
        }
        let (text, length) = self.written();
        let text = str::from_utf8(&text[..length]).map_err(serde::ser::Error::custom)?;
        serializer.serialize_str(text)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&deserializer.deserialize_str(Text)?).map_err(de::Error::custom)
    }
}

/// `google.protobuf.Duration`: seconds with 0, 3, 6 or 9 fraction digits and an `s`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct Duration {
    /// Whole seconds; the sign is that of `nanos`.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// Nanoseconds, -999,999,999 to 999,999,999.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

impl Duration {
    /// Reads `3.5s`; fails on anything else or beyond 10,000 years.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "a duration reads like 3600s or 1.5s";
        let number = text.strip_suffix('s').ok_or(WRONG)?;
        let (sign, number) = number
            .strip_prefix('-')
            .map_or((1, number), |number| (-1, number));
        let (whole, fraction) = number
            .split_once('.')
            .map_or((number, None), |(whole, rest)| (whole, Some(rest)));
        if whole.is_empty() || !whole.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(WRONG);
        }
        let seconds: i64 = whole.parse().map_err(|_| WRONG)?;
        let nanos = match fraction {
            Some(digits) => fraction_nanos(digits).ok_or(WRONG)?,
            None => 0,
        };
        if seconds > LONGEST {
            return Err("a duration is at most 10,000 years");
        }
        Ok(Self {
            seconds: sign * seconds,
            nanos: i32::try_from(sign).unwrap_or(1) * nanos,
        })
    }
}

impl From<std::time::Duration> for Duration {
    fn from(value: std::time::Duration) -> Self {
        let seconds = i64::try_from(value.as_secs()).unwrap_or(LONGEST).min(LONGEST);
        Self {
            seconds,
            nanos: i32::try_from(value.subsec_nanos()).unwrap_or_default(),
        }
    }
}

impl TryFrom<Duration> for std::time::Duration {
    type Error = &'static str;

    /// Fails for negative durations.
    fn try_from(value: Duration) -> Result<Self, Self::Error> {
        const WRONG: &str = "the duration is negative";
        let (seconds, nanos) = (u64::try_from(value.seconds), u32::try_from(value.nanos));
        Ok(Self::new(
            seconds.map_err(|_| WRONG)?,
            nanos.map_err(|_| WRONG)?.min(999_999_999),
        ))
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.seconds < 0 || self.nanos < 0 {
            f.write_str("-")?;
        }
        write!(f, "{}", self.seconds.unsigned_abs())?;
        write_fraction(f, self.nanos.unsigned_abs())?;
        f.write_str("s")
    }
}

impl Serialize for Duration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&deserializer.deserialize_str(Text)?).map_err(de::Error::custom)
    }
}

/// Accepts any JSON string, escaped or not.
struct Text;

impl Visitor<'_> for Text {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
}

/// `google.protobuf.Empty`: `{}`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct Empty {}

impl Serialize for Empty {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_map(Some(0))?.end()
    }
}

impl<'de> Deserialize<'de> for Empty {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::<String, de::IgnoredAny>::deserialize(deserializer).map(|_| Self {})
    }
}

/// `google.protobuf.Struct`: any JSON object.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub struct Struct {
    /// The members by name.
    #[prost(btree_map = "string, message", tag = "1")]
    pub fields: BTreeMap<String, Value>,
}

/// `google.protobuf.Value`: any JSON value.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub struct Value {
    /// The value; absent is not valid.
    #[prost(oneof = "value::Kind", tags = "1, 2, 3, 4, 5, 6")]
    pub kind: Option<value::Kind>,
}

/// The kinds of a JSON value.
pub mod value {
    /// One JSON value.
    #[derive(Clone, PartialEq, prost::Oneof)]
    #[prost(skip_debug)]
    pub enum Kind {
        /// `null`; the number is always 0.
        #[prost(int32, tag = "1")]
        NullValue(i32),
        /// A number; JSON has no NaN and no infinities.
        #[prost(double, tag = "2")]
        NumberValue(f64),
        /// A string.
        #[prost(string, tag = "3")]
        StringValue(String),
        /// `true` or `false`.
        #[prost(bool, tag = "4")]
        BoolValue(bool),
        /// An object.
        #[prost(message, tag = "5")]
        StructValue(super::Struct),
        /// An array.
        #[prost(message, tag = "6")]
        ListValue(super::ListValue),
    }
}

/// `google.protobuf.ListValue`: a JSON array.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub struct ListValue {
    /// The items in order.
    #[prost(message, repeated, tag = "1")]
    pub values: Vec<Value>,
}

use value::Kind;

// User data is personal: only the shape of a value is ever printed.
impl fmt::Debug for Struct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Struct({} members)", self.fields.len())
    }
}

impl fmt::Debug for ListValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ListValue({} items)", self.values.len())
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NullValue(_) => "null",
            Self::NumberValue(_) => "number",
            Self::StringValue(_) => "string",
            Self::BoolValue(_) => "bool",
            Self::StructValue(_) => "object",
            Self::ListValue(_) => "array",
        })
    }
}

/// How deep a JSON object of a request may nest. Each level takes three of a message, and readers of messages stop at 100.
pub const MAX_LEVELS: usize = 32;

impl Struct {
    /// Whether it nests at most so many levels of objects and lists, its own among them.
    pub fn nests_at_most(&self, levels: usize) -> bool {
        levels > 0 && self.fields.values().all(|value| value.nests_at_most(levels - 1))
    }

    /// Whether JSON can say it: a message can leave values out, and hold numbers that are none.
    pub fn is_sound(&self) -> bool {
        self.fields.values().all(Value::is_sound)
    }
}

impl Value {
    fn nests_at_most(&self, levels: usize) -> bool {
        match &self.kind {
            Some(Kind::StructValue(object)) => object.nests_at_most(levels),
            Some(Kind::ListValue(list)) => {
                levels > 0 && list.values.iter().all(|value| value.nests_at_most(levels - 1))
            }
            _ => true,
        }
    }

    fn is_sound(&self) -> bool {
        match &self.kind {
            None => false,
            Some(Kind::NumberValue(number)) => number.is_finite(),
            Some(Kind::StructValue(object)) => object.is_sound(),
            Some(Kind::ListValue(list)) => list.values.iter().all(Self::is_sound),
            Some(Kind::NullValue(_) | Kind::StringValue(_) | Kind::BoolValue(_)) => true,
        }
    }
}

impl From<Kind> for Value {
    fn from(kind: Kind) -> Self {
        Self { kind: Some(kind) }
    }
}

impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Kind::NullValue(0),
            serde_json::Value::Bool(value) => Kind::BoolValue(value),
            serde_json::Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
            serde_json::Value::String(text) => Kind::StringValue(text),
            serde_json::Value::Array(items) => Kind::ListValue(ListValue {
                values: items.into_iter().map(Into::into).collect(),
            }),
            serde_json::Value::Object(members) => Kind::StructValue(members.into()),
        }
        .into()
    }
}

impl From<serde_json::Map<String, serde_json::Value>> for Struct {
    fn from(members: serde_json::Map<String, serde_json::Value>) -> Self {
        Self {
            fields: members
                .into_iter()
                .map(|(name, value)| (name, value.into()))
                .collect(),
        }
    }
}

impl From<Value> for serde_json::Value {
    fn from(value: Value) -> Self {
        match value.kind {
            None | Some(Kind::NullValue(_)) => Self::Null,
            Some(Kind::BoolValue(value)) => Self::Bool(value),
            Some(Kind::NumberValue(number)) => json_number(number),
            Some(Kind::StringValue(text)) => Self::String(text),
            Some(Kind::ListValue(list)) => Self::Array(list.values.into_iter().map(Into::into).collect()),
            Some(Kind::StructValue(members)) => Self::Object(members.into()),
        }
    }
}

impl From<Struct> for serde_json::Map<String, serde_json::Value> {
    fn from(members: Struct) -> Self {
        members
            .fields
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect()
    }
}

/// A whole number of at most 53 bits is written without a fraction.
fn json_number(number: f64) -> serde_json::Value {
    match whole(number) {
        Some(whole) => whole.into(),
        None => {
            serde_json::Number::from_f64(number).map_or(serde_json::Value::Null, serde_json::Value::Number)
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
fn whole(number: f64) -> Option<i64> {
    (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0).then_some(number as i64)
}

impl Serialize for Struct {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.fields.len()))?;
        for (name, value) in &self.fields {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Serialize for ListValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.values.len()))?;
        for value in &self.values {
            list.serialize_element(value)?;
        }
        list.end()
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.kind {
            None | Some(Kind::NullValue(_)) => serializer.serialize_unit(),
            Some(Kind::BoolValue(value)) => serializer.serialize_bool(*value),
            Some(Kind::NumberValue(number)) if !number.is_finite() => {
                Err(serde::ser::Error::custom("JSON has no such number"))
            }
            Some(Kind::NumberValue(number)) => match whole(*number) {
                Some(whole) => serializer.serialize_i64(whole),
                None => serializer.serialize_f64(*number),
            },
            Some(Kind::StringValue(text)) => serializer.serialize_str(text),
            Some(Kind::ListValue(list)) => list.serialize(serializer),
            Some(Kind::StructValue(members)) => members.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Struct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(StructVisitor)
    }
}

struct StructVisitor;

impl<'de> Visitor<'de> for StructVisitor {
    type Value = Struct;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Struct, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if fields.contains_key(&name) {
                return Err(de::Error::custom(format_args!("duplicate field `{name}`")));
            }
            fields.insert(name, value);
        }
        Ok(Struct { fields })
    }
}

impl<'de> Deserialize<'de> for ListValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(|values| Self { values })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Kind::NullValue(0).into())
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Kind::BoolValue(value).into())
    }

    #[expect(clippy::cast_precision_loss, reason = "a protobuf Value holds doubles only")]
    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Kind::NumberValue(number as f64).into())
    }

    #[expect(clippy::cast_precision_loss, reason = "a protobuf Value holds doubles only")]
    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Kind::NumberValue(number as f64).into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Kind::NumberValue(number).into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Kind::StringValue(text.to_owned()).into())
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Kind::StringValue(text).into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element()? {
            values.push(value);
        }
        Ok(Kind::ListValue(ListValue { values }).into())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Value, A::Error> {
        StructVisitor
            .visit_map(map)
            .map(|members| Kind::StructValue(members).into())
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Struct, Timestamp};

    #[test]
    fn timestamps_read_and_write_rfc_3339() {
        for (text, seconds, nanos) in [
            ("1970-01-01T00:00:00Z", 0, 0),
            ("2024-02-29T23:59:59.500Z", 1_709_251_199, 500_000_000),
            ("1969-12-31T23:59:59.000001Z", -1, 1_000),
            ("0001-01-01T00:00:00Z", super::FIRST, 0),
            ("9999-12-31T23:59:59.999999999Z", super::LAST, 999_999_999),
        ] {
            let stamp = Timestamp { seconds, nanos };
            assert_eq!(Timestamp::parse(text), Ok(stamp), "{text}");
            assert_eq!(
                serde_json::to_string(&stamp).expect("text"),
                format!("\"{text}\"")
            );
        }
        assert_eq!(
            Timestamp::parse("1970-01-01T02:00:00+02:00").map(|stamp| stamp.seconds),
            Ok(0)
        );
    }

    #[test]
    fn instants_beyond_the_calendar_are_its_last_and_first() {
        for (micros, text) in [
            (i64::MAX, "9999-12-31T23:59:59"),
            (253_402_300_800_000_000, "9999-12-31T23:59:59"),
            (i64::MIN, "0001-01-01T00:00:00"),
        ] {
            let said = serde_json::to_string(&Timestamp::from_micros(micros)).expect("text");
            assert!(said.starts_with(&format!("\"{text}")), "{said}");
        }
    }

    #[test]
    fn timestamps_refuse_what_is_no_date() {
        for text in [
            "",
            "2024",
            "2023-02-29T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01 00:00:00Z",
            "2024-01-01T00:00:00",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00+2:00",
            "éééééééééééé",
            "10000-01-01T00:00:00Z",
        ] {
            assert!(Timestamp::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_read_and_write_seconds() {
        for text in ["0s", "3600s", "3.500s", "-1.000001s", "-0.500s", "0.000000001s"] {
            assert_eq!(
                Duration::parse(text).map(|value| value.to_string()),
                Ok(text.to_owned())
            );
        }
        for text in [
            "",
            "s",
            "1",
            "1m",
            "1.s",
            "+1s",
            "1.0000000001s",
            "99999999999999s",
        ] {
            assert!(Duration::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_struct_is_plain_json() {
        let text = r#"{"a":[1,2.5,null,true,"x"],"b":{"c":{}}}"#;
        let value: Struct = serde_json::from_str(text).expect("an object");
        assert_eq!(serde_json::to_string(&value).expect("text"), text);
        assert!(serde_json::from_str::<Struct>(r#"{"a":1,"a":2}"#).is_err());
        assert!(serde_json::from_str::<Struct>("[]").is_err());
    }
}
