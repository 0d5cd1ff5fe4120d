//! Field rules of the contract: the generated validators, and the checks and texts they are made of.
//!
//! Texts are those of protoc-gen-validate's Go code, which clients of this API know. Only the first broken rule is
//! reported.

use std::fmt;

/// A message whose fields have rules.
pub trait Validate {
    /// Checks the fields in the order of the contract and reports the first broken rule.
    fn validate(&self) -> Result<(), Invalid>;
}

/// A broken rule, as the text a client reads: `invalid Message.Field: reason`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid(String);

impl Invalid {
    fn new(message: &str, field: impl fmt::Display, reason: impl fmt::Display) -> Self {
        Self(format!("invalid {message}.{field}: {reason}"))
    }

    fn required(message: &str, field: &str) -> Self {
        Self::new(message, field, "value is required")
    }

    fn nested(message: &str, field: impl fmt::Display, cause: &Invalid) -> Self {
        Self(format!(
            "invalid {message}.{field}: embedded message failed validation | caused by: {cause}"
        ))
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Invalid {}

mod check {
    //! The single checks. Each answers the reason text of the broken rule.

    use std::borrow::Cow;
    use std::collections::HashSet;
    use std::hash::Hash;

    use crate::wkt::{Duration, MAX_LEVELS, Struct, Timestamp};

    type Checked = Result<(), Cow<'static, str>>;

    fn refuse(broken: bool, reason: impl FnOnce() -> String) -> Checked {
        if broken { Err(Cow::Owned(reason())) } else { Ok(()) }
    }

    /// Rules of a string; lengths count code points.
    pub(super) struct Text {
        pub(super) constant: Option<&'static str>,
        pub(super) len: Option<u64>,
        pub(super) min: Option<u64>,
        pub(super) max: Option<u64>,
        pub(super) max_bytes: Option<u64>,
        pub(super) prefix: Option<&'static str>,
        pub(super) email: bool,
        pub(super) uri_ref: bool,
        pub(super) ignore_empty: bool,
    }

    impl Text {
        #[inline]
        pub(super) fn check(&self, value: &str) -> Checked {
            if self.ignore_empty && value.is_empty() {
                return Ok(());
            }
            if let Some(constant) = self.constant {
                refuse(value != constant, || format!("value must equal {constant}"))?;
            }
            if self.len.is_some() || self.min.is_some() || self.max.is_some() {
                self.length(value)?;
            }
            if let Some(max) = self.max_bytes {
                refuse(value.len() as u64 > max, || {
                    format!("value length must be at most {max} bytes")
                })?;
            }
            if let Some(prefix) = self.prefix {
                refuse(!value.starts_with(prefix), || {
                    format!("value does not have prefix {prefix:?}")
                })?;
            }
            if self.email && !email(value) {
                return Err("value must be a valid email address".into());
            }
            if self.uri_ref && !uri_reference(value) {
                return Err("value must be a valid URI".into());
            }
            Ok(())
        }

        fn length(&self, value: &str) -> Checked {
            let length = value.chars().count() as u64;
            match (self.len, self.min, self.max) {
                (Some(len), ..) => refuse(length != len, || format!("value length must be {len} runes")),
                (_, Some(min), Some(max)) if min == max => {
                    refuse(length != min, || format!("value length must be {min} runes"))
                }
                (_, Some(min), Some(max)) => refuse(!(min..=max).contains(&length), || {
                    format!("value length must be between {min} and {max} runes, inclusive")
                }),
                (_, Some(min), None) => refuse(length < min, || {
                    format!("value length must be at least {min} runes")
                }),
                (_, None, Some(max)) => refuse(length > max, || {
                    format!("value length must be at most {max} runes")
                }),
                (None, None, None) => Ok(()),
            }
        }
    }

    #[allow(dead_code, reason = "generated code uses it once a bytes field has rules")]
    pub(super) fn bytes(length: usize, min: Option<u64>, max: Option<u64>) -> Checked {
        let length = length as u64;
        match (min, max) {
            (Some(min), Some(max)) => refuse(!(min..=max).contains(&length), || {
                format!("value length must be between {min} and {max} bytes, inclusive")
            }),
            (Some(min), None) => refuse(length < min, || {
                format!("value length must be at least {min} bytes")
            }),
            (None, Some(max)) => refuse(length > max, || {
                format!("value length must be at most {max} bytes")
            }),
            (None, None) => Ok(()),
        }
    }

    pub(super) fn number(value: u64, gt: Option<u64>, gte: Option<u64>, lte: Option<u64>) -> Checked {
        match (gt, gte, lte) {
            (Some(gt), _, Some(lte)) => refuse(value <= gt || value > lte, || {
                format!("value must be inside range ({gt}, {lte}]")
            }),
            (None, Some(gte), Some(lte)) => refuse(value < gte || value > lte, || {
                format!("value must be inside range [{gte}, {lte}]")
            }),
            (Some(gt), _, None) => refuse(value <= gt, || format!("value must be greater than {gt}")),
            (None, Some(gte), None) => refuse(value < gte, || {
                format!("value must be greater than or equal to {gte}")
            }),
            (None, None, Some(lte)) => refuse(value > lte, || {
                format!("value must be less than or equal to {lte}")
            }),
            (None, None, None) => Ok(()),
        }
    }

    pub(super) fn constant(value: bool, wanted: bool) -> Checked {
        refuse(value != wanted, || format!("value must equal {wanted}"))
    }

    pub(super) fn choice(value: i32, defined: bool, not_in: &[i32]) -> Checked {
        refuse(not_in.contains(&value), || {
            let list: Vec<String> = not_in.iter().map(ToString::to_string).collect();
            format!("value must not be in list [{}]", list.join(" "))
        })?;
        if defined {
            Ok(())
        } else {
            Err("value must be one of the defined enum values".into())
        }
    }

    pub(super) fn items(length: usize, min: Option<u64>, max: Option<u64>) -> Checked {
        let length = length as u64;
        match (min, max) {
            (Some(min), Some(max)) if min == max => refuse(length != min, || {
                format!("value must contain exactly {min} item(s)")
            }),
            (Some(min), Some(max)) => refuse(!(min..=max).contains(&length), || {
                format!("value must contain between {min} and {max} items, inclusive")
            }),
            (Some(min), None) => refuse(length < min, || {
                format!("value must contain at least {min} item(s)")
            }),
            (None, Some(max)) => refuse(length > max, || {
                format!("value must contain no more than {max} item(s)")
            }),
            (None, None) => Ok(()),
        }
    }

    pub(super) fn unique<T: Hash + Eq>(values: &[T]) -> Checked {
        let mut seen = HashSet::with_capacity(values.len());
        if values.iter().all(|value| seen.insert(value)) {
            Ok(())
        } else {
            Err("repeated value must contain unique items".into())
        }
    }

    pub(super) fn time(value: &Timestamp) -> Checked {
        refuse(!value.is_sound(), || {
            "value must be a time in the years 1 to 9999".to_owned()
        })
    }

    pub(super) fn object(value: &Struct) -> Checked {
        refuse(!value.nests_at_most(MAX_LEVELS), || {
            format!("value must nest at most {MAX_LEVELS} levels")
        })?;
        refuse(!value.is_sound(), || {
            "value must be JSON: each value of some kind, and numbers finite".to_owned()
        })
    }

    pub(super) fn span(value: &Duration, gte: Option<i64>, lte: Option<i64>) -> Checked {
        let below = |limit: i64| (value.seconds, value.nanos) < (limit, 0);
        let above = |limit: i64| (value.seconds, value.nanos) > (limit, 0);
        match (gte, lte) {
            (Some(gte), Some(lte)) => refuse(below(gte) || above(lte), || {
                format!(
                    "value must be inside range [{}, {}]",
                    go_duration(gte),
                    go_duration(lte)
                )
            }),
            (Some(gte), None) => refuse(below(gte), || {
                format!("value must be greater than or equal to {}", go_duration(gte))
            }),
            (None, Some(lte)) => refuse(above(lte), || {
                format!("value must be less than or equal to {}", go_duration(lte))
            }),
            (None, None) => Ok(()),
        }
    }

    /// `4m30s`, as Go writes 270 seconds.
    fn go_duration(seconds: i64) -> String {
        let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        match (hours, minutes) {
            (0, 0) => format!("{rest}s"),
            (0, minutes) => format!("{minutes}m{rest}s"),
            (hours, minutes) => format!("{hours}h{minutes}m{rest}s"),
        }
    }

    /// A plain address of RFC 5321 size: the rule is a sanity check, the domain parses addresses for real.
    fn email(value: &str) -> bool {
        let Some((local, host)) = value.rsplit_once('@') else {
            return false;
        };
        if value.len() > 254 || local.is_empty() || local.len() > 64 || !hostname(host) {
            return false;
        }
        let quoted = local.len() > 2 && local.starts_with('"') && local.ends_with('"');
        let atom = |letter: char| {
            !letter.is_control() && !letter.is_whitespace() && !"()<>[]:;@\\,\"".contains(letter)
        };
        if quoted {
            !local.chars().any(char::is_control)
        } else {
            local.chars().all(atom)
                && !local.starts_with('.')
                && !local.ends_with('.')
                && !local.contains("..")
        }
    }

    fn hostname(host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        let letter = |letter: char| {
            letter.is_ascii_alphanumeric()
                || letter == '-'
                || (!letter.is_ascii() && letter.is_alphanumeric())
        };
        host.len() <= 253
            && host.split('.').all(|label| {
                !label.is_empty()
                    && label.len() <= 63
                    && !label.starts_with('-')
                    && !label.ends_with('-')
                    && label.chars().all(letter)
            })
    }

    /// RFC 3986 as far as Go's `url.Parse` enforces it: no control characters, whole percent escapes, a scheme that
    /// starts with a letter, no colon in a relative first segment.
    fn uri_reference(value: &str) -> bool {
        if value.chars().any(|letter| letter.is_control() || letter == ' ') || !escapes_are_whole(value) {
            return false;
        }
        let head = value.split(['/', '?', '#']).next().unwrap_or_default();
        match head.split_once(':') {
            None => true,
            Some((scheme, _)) => {
                scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
                    && scheme
                        .chars()
                        .all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter))
            }
        }
    }

    fn escapes_are_whole(value: &str) -> bool {
        let path = value.split('?').next().unwrap_or_default();
        path.split('%')
            .skip(1)
            .all(|rest| rest.len() >= 2 && rest.bytes().take(2).all(|byte| byte.is_ascii_hexdigit()))
    }

    #[cfg(test)]
    mod tests {
        use super::{email, go_duration, uri_reference};

        #[test]
        fn e_mail_addresses_are_told_from_other_text() {
            for good in [
                "a@b.c",
                "first.last+tag@example.com",
                "\"quoted name\"@example.com",
                "x@bücher.example",
                "a@localhost",
            ] {
                assert!(email(good), "{good}");
            }
            for bad in [
                "", "a", "@b", "a@", "a b@c", "a@b..c", ".a@b", "a@-b", "a\n@b", "<a@b>", "a@b@c",
            ] {
                assert!(!email(bad), "{bad}");
            }
        }

        #[test]
        fn url_references_may_hold_templates_but_no_broken_escapes() {
            for good in [
                "",
                "/path",
                "https://example.com/x?userID={{.UserID}}&code={{.Code}}",
                "mailto:x",
                "//host",
            ] {
                assert!(uri_reference(good), "{good}");
            }
            for bad in ["a b", "%zz", "https://x/%2", ":no", "1x:y", "x\ny"] {
                assert!(!uri_reference(bad), "{bad}");
            }
        }

        #[test]
        fn durations_read_as_in_go() {
            assert_eq!(go_duration(270), "4m30s");
            assert_eq!(go_duration(0), "0s");
            assert_eq!(go_duration(3600), "1h0m0s");
        }
    }
}

#[allow(clippy::all, clippy::pedantic, reason = "generated code")]
mod rules {
    use super::{Invalid, Validate, check};

    include!(concat!(env!("OUT_DIR"), "/rules.rs"));
}
