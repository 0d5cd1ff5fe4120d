//! The languages that Merlon speaks, and how a caller asks for one.

use serde::{Deserialize, Serialize};

/// A language with complete catalogues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// German.
    De,
}

impl Language {
    /// Every language.
    pub const ALL: &'static [Self] = &[Self::En, Self::De];

    /// Its tag (BCP 47).
    pub const fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
        }
    }

    /// The best of ours for an `Accept-Language` header (RFC 9110 §12.5.4); English when none fits.
    pub fn negotiate(header: Option<&str>) -> Self {
        let mut best = (0u32, Self::En);
        for range in header.unwrap_or_default().split(',').take(32) {
            let mut parts = range.split(';');
            let tag = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
            let primary = tag.split('-').next().unwrap_or_default();
            let Some(language) = Self::ALL.iter().find(|l| l.tag() == primary) else {
                continue;
            };
            let quality = parts
                .find_map(|p| p.trim().strip_prefix("q=")?.parse::<f32>().ok())
                .unwrap_or(1.0);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is between 0 and 1000"
            )]
            let thousandths = (quality.clamp(0.0, 1.0) * 1000.0) as u32;
            if thousandths > best.0 {
                best = (thousandths, *language);
            }
        }
        best.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_language_we_have_is_taken() {
        assert_eq!(Language::negotiate(None), Language::En);
        assert_eq!(Language::negotiate(Some("de-CH, en;q=0.9")), Language::De);
        assert_eq!(Language::negotiate(Some("fr, en;q=0.3, de;q=0.7")), Language::De);
        assert_eq!(Language::negotiate(Some("fr;q=1, *;q=0.5")), Language::En);
        assert_eq!(Language::negotiate(Some("de;q=0, en;q=nonsense")), Language::En);
    }
}
