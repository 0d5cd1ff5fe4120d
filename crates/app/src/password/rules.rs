//! What a new password has to be. The rules are data, so that an operator can make them stricter; none asks for less than
//! NIST SP 800-63B-4 §3.1.1.2 does.

use zxcvbn::zxcvbn;

use super::affix;
use crate::secret::Secret;

/// Most characters of a password.
pub const MOST_CHARACTERS: usize = 1024;

/// A kind of characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CharacterKind {
    /// Lower-case letters.
    Lower,
    /// Upper-case letters.
    Upper,
    /// Digits.
    Digit,
    /// What is neither letter nor digit.
    Symbol,
}

impl CharacterKind {
    fn is_in(self, password: &str) -> bool {
        match self {
            Self::Lower => password.chars().any(char::is_lowercase),
            Self::Upper => password.chars().any(char::is_uppercase),
            Self::Digit => password.chars().any(char::is_numeric),
            Self::Symbol => password.chars().any(|c| !c.is_alphanumeric()),
        }
    }
}

/// The rules for new passwords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordRules {
    /// Least characters.
    pub least_characters: u16,
    /// Kinds of characters of which there has to be one each.
    pub needs: Vec<CharacterKind>,
    /// Whatever is found by fewer guesses, most common passwords first, is refused.
    pub least_guesses: u64,
}

impl Default for PasswordRules {
    /// Eight characters of any kind, and none of the million guesses that come first: a common password with a capital and `1!` behind it is
    /// among them.
    fn default() -> Self {
        Self {
            least_characters: 8,
            needs: Vec::new(),
            least_guesses: 1_000_000,
        }
    }
}

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFault {
    /// There is none.
    #[error("the password is empty")]
    Empty,
    /// Fewer characters than these.
    #[error("the password has fewer than {0} characters")]
    TooShort(u16),
    /// More than [`MOST_CHARACTERS`].
    #[error("the password is too long")]
    TooLong,
    /// Nothing of this kind.
    #[error("the password lacks a kind of characters")]
    Lacks(CharacterKind),
    /// Among the first guesses of whoever tries.
    #[error("the password is too easy to guess")]
    Common,
}

impl PasswordRules {
    /// Judges what can be seen at once: length and composition of a password in its composed form.
    pub(crate) fn shape(&self, password: &Secret) -> Result<(), PasswordFault> {
        let password = password.reveal();
        let length = password.chars().count();
        if length == 0 {
            return Err(PasswordFault::Empty);
        }
        if length < usize::from(self.least_characters) {
            return Err(PasswordFault::TooShort(self.least_characters));
        }
        if length > MOST_CHARACTERS {
            return Err(PasswordFault::TooLong);
        }
        let lacking = self.needs.iter().find(|kind| !kind.is_in(password));
        lacking.map_or(Ok(()), |kind| Err(PasswordFault::Lacks(*kind)))
    }

    /// Whether a password is among the first guesses; `words` are those that only this user and this service are guessed
    /// with, such as their names. Takes some milliseconds.
    ///
    /// It is always the whole password that is judged (NIST SP 800-63B-4 §3.1.1.2): once as it is, and once as a word
    /// that was dressed up in the usual way, whose guesses are those of the word times those of what stands around it.
    pub(crate) fn is_common(&self, password: &Secret, words: &[String]) -> bool {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let guesses = |text: &str| zxcvbn(text, &words).guesses();
        guesses(password.reveal()) < self.least_guesses
            || affix::undressed(password.reveal())
                .filter(|dressed| dressed.around < self.least_guesses)
                .any(|dressed| guesses(dressed.word).saturating_mul(dressed.around) < self.least_guesses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [&str; 64] = [
        "anchor", "autumn", "barley", "basket", "beacon", "blanket", "bottle", "bridge", "button", "candle",
        "canyon", "carpet", "cellar", "cherry", "chimney", "cinder", "clover", "copper", "corner", "cotton",
        "cradle", "cricket", "curtain", "dagger", "desert", "drawer", "engine", "feather", "fiddle",
        "forest", "garden", "gravel", "hammer", "harbor", "hazel", "helmet", "island", "jacket", "kettle",
        "ladder", "lantern", "lemon", "marble", "meadow", "mirror", "needle", "orbit", "paddle", "pebble",
        "pepper", "pillow", "planet", "puddle", "ribbon", "saddle", "shadow", "silver", "spiral", "thimble",
        "timber", "tunnel", "velvet", "walnut", "window",
    ];

    /// Numbers below a bound, the same ones in every run (Lehmer's generator with the constants of MINSTD).
    fn dice(mut state: u64) -> impl FnMut(usize) -> usize {
        move |bound| {
            state = state * 48_271 % 2_147_483_647;
            usize::try_from(state).unwrap() % bound
        }
    }

    fn secret(text: &str) -> Secret {
        Secret::new(text.to_owned())
    }

    #[test]
    fn eight_to_a_thousand_characters_of_any_kind() {
        let judge = |text: &str| PasswordRules::default().shape(&secret(text));
        assert_eq!(judge(""), Err(PasswordFault::Empty));
        assert_eq!(judge("sieben7"), Err(PasswordFault::TooShort(8)));
        assert_eq!(judge("🦊🦊🦊🦊🦊🦊🦊"), Err(PasswordFault::TooShort(8)));
        assert_eq!(judge("🦊🦊🦊🦊🦊🦊🦊🦊"), Ok(()));
        assert_eq!(judge("all in lower case"), Ok(()));
        assert_eq!(judge(&"ö".repeat(1024)), Ok(()));
        assert_eq!(judge(&"ö".repeat(1025)), Err(PasswordFault::TooLong));
    }

    #[test]
    fn an_operator_asks_for_more() {
        let all = PasswordRules {
            least_characters: 10,
            needs: [
                CharacterKind::Lower,
                CharacterKind::Upper,
                CharacterKind::Digit,
                CharacterKind::Symbol,
            ]
            .into(),
            ..PasswordRules::default()
        };
        for (text, judged) in [
            ("Kurz und 1", Ok(())),
            ("Kurz und1", Err(PasswordFault::TooShort(10))),
            ("GROSS UND 1", Err(PasswordFault::Lacks(CharacterKind::Lower))),
            ("klein und 1", Err(PasswordFault::Lacks(CharacterKind::Upper))),
            ("Gross Und Ohne", Err(PasswordFault::Lacks(CharacterKind::Digit))),
            ("GrossUndEins1", Err(PasswordFault::Lacks(CharacterKind::Symbol))),
        ] {
            assert_eq!(all.shape(&secret(text)), judged, "{text}");
        }
    }

    #[test]
    fn what_is_guessed_first_is_refused_and_so_is_the_own_name() {
        let common = |text: &str| PasswordRules::default().is_common(&secret(text), &["ada.lovelace".into()]);
        for text in [
            "password",
            "P@ssw0rd",
            "12345678",
            "qwerty123",
            "aaaaaaaaaaaa",
            "changeme",
            "Password1!",
            "Welcome123",
            "1qaz@WSX",
            "Ada.Lovelace",
            "Ada.Lovelace1",
            "Admin@123",
            "Summer2024",
            "Summer2024!",
            "summer_1999",
            "Welcome1!",
            "P@ssw0rd2024",
            "$ummer2024",
            "!Passw0rd!",
            "123admin!!!",
            "Dragon#2025",
            "Ada.Lovelace2024!",
        ] {
            assert!(common(text), "{text}");
        }
        for text in ["Tr0ub4dor & Drei", "correct horse", "grün und leise"] {
            assert!(!common(text), "{text}");
        }
        let lax = PasswordRules {
            least_guesses: 0,
            ..PasswordRules::default()
        };
        assert!(!lax.is_common(&secret("password"), &[]));
    }

    /// None of a thousand is refused: two or three of 64 words with digits and marks around and between them, and eight
    /// to twelve characters by chance.
    #[test]
    fn what_was_drawn_by_chance_is_not_refused() {
        let rules = PasswordRules::default();
        let mut below = dice(20_240_917);
        let mut refused = Vec::new();
        for round in 0..1000 {
            let text = match round % 4 {
                0 => passphrase(&mut below, 3, "-"),
                1 => passphrase(&mut below, 3, " ") + "1!",
                2 => format!("{}{}", passphrase(&mut below, 2, "."), 10 + below(90)),
                _ => by_chance(&mut below),
            };
            if rules.is_common(&secret(&text), &["ada.lovelace".into()]) {
                refused.push(text);
            }
        }
        assert_eq!(refused, Vec::<String>::new());
    }

    fn passphrase(below: &mut impl FnMut(usize) -> usize, words: usize, between: &str) -> String {
        let words: Vec<&str> = (0..words).map(|_| WORDS[below(WORDS.len())]).collect();
        words.join(between)
    }

    fn by_chance(below: &mut impl FnMut(usize) -> usize) -> String {
        let length = 8 + below(5);
        (0..length)
            .map(|_| char::from(b'!' + u8::try_from(below(94)).unwrap()))
            .collect()
    }

    #[test]
    fn an_operator_asks_for_less() {
        let lax = PasswordRules {
            least_guesses: 0,
            ..PasswordRules::default()
        };
        assert!(!lax.is_common(&secret("password"), &[]));
    }
}
