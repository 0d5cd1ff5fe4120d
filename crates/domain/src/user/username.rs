//! Usernames: one type that decides what a name is and when two are the same, and the rules of having several.

use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

use icu_casemap::CaseMapper;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use unicode_security::{GeneralSecurityProfile, RestrictionLevel, RestrictionLevelDetection, skeleton};

use super::{Event, Person, Refusal, UserDecision};
use crate::base::{Decision, Personal, Timestamp, UsernameId};

/// Most usernames that a user can have.
pub const MOST_USERNAMES: usize = 10;

/// Most characters of a name, as written and in its one form.
const LONGEST: usize = 200;

/// A name that a person signs in with: shown as it was written, compared in one form (NFKC and full case folding).
#[derive(Clone)]
pub struct Username {
    text: Arc<str>,
    canonical: Arc<str>,
}

/// Why a text is no username. Never holds the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsernameError {
    /// Nothing was given.
    #[error("the name is empty")]
    Empty,
    /// More than 200 characters.
    #[error("the name is too long")]
    TooLong,
    /// A space, a control character, an accent without its letter, or anything else that has no place in a name.
    #[error("the name has a character that has no place in it")]
    Character,
    /// Letters of scripts that are not written together, or foreign letters that look like Latin ones throughout.
    #[error("the name mixes scripts or looks like another")]
    Lookalike,
    /// A name of the whole instance that ends like those of an organization, which are shown with `@` and its domain behind them.
    #[error("the name ends in the domain of an organization")]
    OfOrganization,
}

impl Username {
    /// Reads a name. Blanks around it do not count. Allowed are printable ASCII characters without blanks, and what
    /// UTS 39 recommends for identifiers; invisible characters are refused, and of signs that are no letters all but those
    /// of ASCII and three that words are written with. Letters must be of one script, or of scripts that are written together
    /// (UTS 39 "highly restrictive", such as Han with Kana), and digits of one system (UTS 39 5.3). A name without a Latin
    /// letter whose every letter looks like one is refused, so that nobody passes for another.
    pub fn parse(text: &str) -> Result<Self, UsernameError> {
        let name = Self::from_trusted(text.trim());
        if name.text.is_empty() || name.canonical.is_empty() {
            return Err(UsernameError::Empty);
        }
        if name.text.chars().count() > LONGEST || name.canonical.chars().count() > LONGEST {
            return Err(UsernameError::TooLong);
        }
        let compatible: String = name.as_str().nfkc().collect();
        let is_sound =
            |form: &str| form.chars().all(has_a_place) && marks_are_carried(form) && signs_fit(form);
        if !is_sound(&compatible) || !is_sound(&name.canonical) {
            return Err(UsernameError::Character);
        }
        // Both forms, for folding can make a letter look like another: a final sigma becomes one that looks like an o.
        let misleads = |form: &str| mixes_scripts(form) || mixes_digits(form) || looks_latin(form);
        if misleads(&compatible) || misleads(&name.canonical) {
            return Err(UsernameError::Lookalike);
        }
        Ok(name)
    }

    /// Takes over a name that was parsed before, such as a value of our own.
    pub fn from_trusted(text: &str) -> Self {
        Self {
            text: text.into(),
            canonical: canonical(text).into(),
        }
    }

    /// Takes over a name with the form that it was stored under.
    pub fn from_stored(text: &str, canonical: &str) -> Self {
        Self {
            text: text.into(),
            canonical: canonical.into(),
        }
    }

    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The one form that look-ups and uniqueness use.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }
}

/// Compatibility composition around full case folding (Unicode 3.13, D146), once more so that folding is final.
fn canonical(text: &str) -> String {
    let fold = |text: &str| -> String {
        let compatible: String = text.nfkc().collect();
        CaseMapper::new().fold_string(&compatible).nfkc().collect()
    };
    fold(&fold(text))
}

/// Joiners change nothing that can be seen, so they are refused although identifiers may have them.
fn has_a_place(c: char) -> bool {
    c.is_ascii_graphic() || (!c.is_ascii() && c.identifier_allowed() && !matches!(c, '\u{200c}' | '\u{200d}'))
}

/// Whether every combining mark has a letter or digit that it belongs to: others are drawn on anything, or on nothing.
fn marks_are_carried(text: &str) -> bool {
    let mut carried = false;
    text.chars().all(|c| {
        let is_mark = is_combining_mark(c);
        carried = c.is_alphanumeric() || (is_mark && carried);
        !is_mark || carried
    })
}

/// Signs beyond ASCII that are no letters look like each other and like those of ASCII, and so do apostrophes that count as
/// letters. Words of some languages need one: the dot between two l of Catalan (RFC 5892, A.3) and between names written in
/// Han, that of names in Kana, and the one between syllables of Tibetan. The mark that lengthens Kana, which is a letter,
/// looks like a dash behind anything else.
fn signs_fit(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let is_between = |place: usize, of: fn(char) -> bool| {
        let sides = [place.checked_sub(1), place.checked_add(1)];
        sides
            .into_iter()
            .all(|side| side.and_then(|side| chars.get(side)).is_some_and(|c| of(*c)))
    };
    let is_latin = chars.iter().copied().any(is_latin);
    chars.iter().enumerate().all(|(place, &c)| match c {
        '\u{30fc}' => place.checked_sub(1).is_some_and(|before| is_kana(chars[before])),
        '\u{2b9}'..='\u{2ff}' => false,
        _ if c.is_ascii() || c.is_alphanumeric() || is_combining_mark(c) => true,
        '\u{b7}' => is_between(place, |c| matches!(c, 'l' | 'L')) || is_between(place, is_han),
        '\u{30fb}' => chars.iter().copied().any(is_kana),
        '\u{f0b}' => !is_latin,
        _ => false,
    })
}

/// The common ideographs.
const fn is_han(c: char) -> bool {
    matches!(c, '\u{3005}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}')
}

/// Hiragana and Katakana with the marks that they are lengthened and repeated by.
const fn is_kana(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{309f}' | '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30ff}')
}

/// Whether digits of several systems are in a text; those of a system are ten in a row.
fn mixes_digits(text: &str) -> bool {
    let mut digits = text.chars().filter(|c| c.is_numeric()).map(u32::from);
    let Some(first) = digits.next() else {
        return false;
    };
    let (least, greatest) = digits.fold((first, first), |(least, greatest), digit| {
        (least.min(digit), greatest.max(digit))
    });
    greatest - least > 9
}

fn mixes_scripts(text: &str) -> bool {
    let letters: String = text
        .chars()
        .filter(|c| !c.is_ascii() || c.is_ascii_alphanumeric())
        .collect();
    !letters.check_restriction_level(RestrictionLevel::HighlyRestrictive)
}

fn looks_latin(text: &str) -> bool {
    let foreign = |c: &char| !c.is_ascii();
    let is_foreign = text.chars().any(|c| foreign(&c)) && !text.chars().any(is_latin);
    is_foreign && skeleton(text).all(|c| c.is_ascii())
}

/// ASCII letters and the Latin blocks of Unicode.
fn is_latin(c: char) -> bool {
    c.is_ascii_alphabetic()
        || (matches!(c, '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}') && c.is_alphabetic())
}

impl PartialEq for Username {
    fn eq(&self, other: &Self) -> bool {
        self.canonical == other.canonical && self.text == other.text
    }
}

impl Eq for Username {}

impl Hash for Username {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl fmt::Debug for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Username(..)")
    }
}

impl Serialize for Username {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Username {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self::from_trusted(&text))
    }
}

/// Where a name is unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameScope {
    /// In the whole instance.
    Instance,
    /// In the organization of the user.
    Org,
}

/// A username of a user.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnName {
    /// Its id.
    pub id: UsernameId,
    /// The name.
    pub name: Username,
    /// Where it is unique.
    pub scope: NameScope,
    /// When it was added.
    pub added: Timestamp,
}

/// The user's own names are looked at here; that nobody else has the name is guarded where it is written.
pub(super) fn add(person: &Person, id: UsernameId, name: Username, scope: NameScope) -> UserDecision {
    let same = |n: &OwnName| n.scope == scope && n.name.canonical == name.canonical;
    if person.usernames.iter().any(same) {
        return Decision::refuse(Refusal::UsernameTaken);
    }
    if person.usernames.len() >= MOST_USERNAMES {
        return Decision::refuse(Refusal::TooManyUsernames);
    }
    Decision::accept([Event::UsernameAdded {
        id,
        scope,
        name: Personal::Known(name),
    }])
}

pub(super) fn remove(person: &Person, id: UsernameId) -> UserDecision {
    if person.usernames.iter().any(|n| n.id == id) {
        Decision::accept([Event::UsernameRemoved { id }])
    } else {
        Decision::refuse(Refusal::UsernameNotFound)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Result<String, UsernameError> {
        Username::parse(text).map(|n| n.canonical().to_owned())
    }

    #[test]
    fn a_name_is_shown_as_written_and_compared_in_one_form() {
        let name = Username::parse("  Ada.L+1@Example.com ").unwrap();
        assert_eq!(name.as_str(), "Ada.L+1@Example.com");
        assert_eq!(name.canonical(), "ada.l+1@example.com");
        for (one, other) in [
            ("STRASSE", "straße"),
            ("ﬁnn", "FINN"),
            ("ＡＤＡ", "ada"),
            ("e\u{301}va", "ÉVA"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("Å", "\u{212b}"),
        ] {
            assert_eq!(parse(one).unwrap(), parse(other).unwrap(), "{one} {other}");
        }
    }

    #[test]
    fn names_of_one_script_or_of_scripts_written_together_pass() {
        for good in [
            "ada",
            "x",
            "Zoë",
            "мария",
            "山田たろう",
            "김철수",
            "أحمد",
            "a-b_c.d",
            "ılık",
            "o'neil",
            "山田Taro",
            "हिन्दी",
            "q\u{308}\u{301}7\u{301}",
            "col·lega",
            "阿不都·热合曼",
            "ジョン・スミス",
            "བཀྲ་ཤིས",
            "أحمد٢٣",
            "ada-2026",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn what_cannot_be_seen_or_passes_for_another_is_refused() {
        use UsernameError::{Character, Empty, Lookalike, TooLong};
        let long = "x".repeat(201);
        let grows = "\u{fdfa}".repeat(20);
        for (bad, why) in [
            ("", Empty),
            (" \t\n", Empty),
            (long.as_str(), TooLong),
            (grows.as_str(), TooLong),
            ("a b", Character),
            ("a\u{3000}b", Character),
            ("a\nb", Character),
            ("a\0b", Character),
            ("a\u{200b}b", Character),
            ("a\u{200d}b", Character),
            ("a\u{ad}b", Character),
            ("\u{202e}ada", Character),
            ("ada\u{fe0f}", Character),
            ("a\u{e000}", Character),
            ("\u{301}", Character),
            ("\u{301}ada", Character),
            ("a.\u{308}\u{301}", Character),
            ("😀", Character),
            ("a\u{2010}b", Character),
            ("o\u{2019}neil", Character),
            ("a·b", Character),
            ("o\u{2bc}neil", Character),
            ("鈴木・田中", Character),
            ("アー·", Character),
            ("l·", Character),
            ("a\u{2027}b", Character),
            ("a・b", Character),
            ("a\u{30a0}b", Character),
            ("aーb", Character),
            ("1٢", Lookalike),
            ("أ٢۳", Lookalike),
            ("аda", Lookalike),
            ("pаypal", Lookalike),
            ("αda", Lookalike),
            ("аса", Lookalike),
            ("ς", Lookalike),
        ] {
            assert_eq!(parse(bad), Err(why), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn the_one_form_is_final_and_case_does_not_matter(text in "\\PC{0,40}") {
            let name = Username::from_trusted(&text);
            prop_assert_eq!(canonical(name.canonical()), name.canonical());
            if let Ok(name) = Username::parse(&text) {
                let again = Username::parse(name.canonical()).map(|n| n.canonical().to_owned());
                prop_assert_eq!(again.as_deref(), Ok(name.canonical()));
            }
        }
    }
}
