//! The alphabet of SMS (3GPP TS 23.038): what fits one segment. A single other character halves the room.

/// Septets of one segment.
const SEGMENT: usize = 160;

const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§\
                     ¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// These are written with an escape before them.
const EXTENDED: &str = "^{}\\[~]|€\u{c}";

/// Whether a text is one segment in the 7-bit alphabet.
pub(super) fn fits_one_segment(text: &str) -> bool {
    septets(text).is_some_and(|count| count <= SEGMENT)
}

/// How many septets a text needs; nothing when a character is not in the alphabet.
fn septets(text: &str) -> Option<usize> {
    text.chars()
        .map(|c| match c {
            _ if BASIC.contains(c) => Some(1),
            _ if EXTENDED.contains(c) => Some(2),
            _ => None,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn umlauts_are_one_septet_and_brackets_are_two() {
        assert_eq!(septets("für ÄÖÜß"), Some(8));
        assert_eq!(septets("[€]"), Some(6));
        assert_eq!(septets("“"), None);
        assert_eq!(septets("ç"), None);
    }

    #[test]
    fn a_segment_ends_at_160() {
        assert!(fits_one_segment(&"a".repeat(160)));
        assert!(!fits_one_segment(&"a".repeat(161)));
        assert!(!fits_one_segment(&"{".repeat(81)));
    }
}
