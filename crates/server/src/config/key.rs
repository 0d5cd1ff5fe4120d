//! What one setting is: its name, its form, its default and its meaning; the checks and the reference page both read it.

use std::time::Duration;

/// One setting. The tables of [`Key`]s are the only list of what can be configured.
#[derive(Debug)]
pub struct Key {
    /// Dotted name, as nested in the YAML file.
    pub path: &'static str,
    /// What a value looks like and where its bounds are.
    pub form: Form,
    /// Default, written as in the file; none means "not set".
    pub default: Option<&'static str>,
    /// What it does, for the reference page.
    pub meaning: &'static str,
}

/// The form of a value.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// Free text; the words say what kind.
    Text(&'static str),
    /// Text that is never shown again.
    Secret,
    /// A whole number within bounds.
    Count(u32, u32),
    /// A duration within bounds, in seconds.
    Time(u64, u64),
    /// A fraction from 0 to 1.
    Fraction,
    /// One of some words.
    Choice(&'static [&'static str]),
    /// Several texts: a YAML list, separated by commas in the environment.
    List(&'static str),
}

impl Key {
    /// A setting with a default.
    pub const fn new(path: &'static str, form: Form, default: &'static str, meaning: &'static str) -> Self {
        Self {
            path,
            form,
            default: Some(default),
            meaning,
        }
    }

    /// A setting that is not set by default.
    pub const fn unset(path: &'static str, form: Form, meaning: &'static str) -> Self {
        Self {
            path,
            form,
            default: None,
            meaning,
        }
    }

    /// The name of its environment variable: `server.listen` is `MERLON_SERVER__LISTEN`.
    pub fn variable(&self) -> String {
        format!("MERLON_{}", self.path.replace('.', "__").to_uppercase())
    }

    /// Whether several values may be given.
    pub const fn is_list(&self) -> bool {
        matches!(self.form, Form::List(_))
    }

    /// Whether its value must not be shown.
    pub const fn is_secret(&self) -> bool {
        matches!(self.form, Form::Secret)
    }
}

impl Form {
    /// The form in words, bounds included.
    pub fn describe(&self) -> String {
        match *self {
            Self::Text(what) => what.to_owned(),
            Self::Secret => "secret text".to_owned(),
            Self::Count(low, high) => format!("whole number, {low} to {high}"),
            Self::Time(low, high) => format!("duration, {} to {}", show_time(low), show_time(high)),
            Self::Fraction => "fraction, 0 to 1".to_owned(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
            Self::List(what) => format!("list of {what}"),
        }
    }
}

/// Reads `30s`, `10m`, `1h`, `2d` or `250ms`. A bare number is refused, because nobody remembers its unit.
pub(crate) fn parse_time(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| time_form())?;
    let seconds = match unit.trim() {
        "ms" => return Ok(Duration::from_millis(number)),
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(time_form()),
    };
    number
        .checked_mul(seconds)
        .map(Duration::from_secs)
        .ok_or_else(time_form)
}

fn time_form() -> String {
    "a duration is a whole number with a unit, such as 30s, 10m, 1h or 2d".to_owned()
}

/// Writes seconds in the largest unit that loses nothing.
fn show_time(seconds: u64) -> String {
    match seconds {
        s if s > 0 && s.is_multiple_of(86_400) => format!("{}d", s / 86_400),
        s if s > 0 && s.is_multiple_of(3_600) => format!("{}h", s / 3_600),
        s if s > 0 && s.is_multiple_of(60) => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_carry_their_unit() {
        assert_eq!(parse_time("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_time("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_time("2d"), Ok(Duration::from_hours(48)));
        for wrong in [
            "",
            "5",
            "5 weeks",
            "-3s",
            "m",
            "99999999999999999999s",
            "999999999999999999d",
            "1.5h",
        ] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn environment_names_follow_the_path() {
        assert_eq!(
            Key::unset("codes.phone.tries", Form::Secret, "").variable(),
            "MERLON_CODES__PHONE__TRIES"
        );
    }
}
