//! Where an item of CBOR (RFC 8949) ends, and what is below a key. Lengths are always given, as authenticators must (CTAP 2,
//! canonical form); nothing else is read of an item.

const BYTES: u8 = 2;
const TEXT: u8 = 3;
const LIST: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;

/// What follows the first item; nothing when there is no whole one.
pub(crate) fn after(bytes: &[u8]) -> Option<&[u8]> {
    let (mut open, mut rest) = (1_u64, bytes);
    while open > 0 {
        let (kind, number, below) = head(rest)?;
        let inside = match kind {
            LIST => number,
            MAP => number.checked_mul(2)?,
            TAG => 1,
            _ => 0,
        };
        rest = match kind {
            BYTES | TEXT => below.get(usize::try_from(number).ok()?..)?,
            _ => below,
        };
        open = (open - 1).checked_add(inside)?;
    }
    Some(rest)
}

/// The byte string that a map has below this text.
pub(crate) fn bytes_at<'a>(map: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let (MAP, entries, mut rest) = head(map)? else {
        return None;
    };
    for _ in 0..entries {
        let value = after(rest)?;
        if content(rest, TEXT) == Some(name.as_bytes()) {
            return content(value, BYTES);
        }
        rest = after(value)?;
    }
    None
}

fn content(item: &[u8], kind: u8) -> Option<&[u8]> {
    let (found, length, below) = head(item)?;
    if found != kind {
        return None;
    }
    below.get(..usize::try_from(length).ok()?)
}

/// Kind and number of an item, and what follows them (§3).
fn head(bytes: &[u8]) -> Option<(u8, u64, &[u8])> {
    let (first, rest) = bytes.split_first()?;
    let (kind, short) = (first >> 5, first & 0x1f);
    let width = match short {
        0..24 => return Some((kind, u64::from(short), rest)),
        24..28 => 1_usize << (short - 24),
        _ => return None,
    };
    let number = rest.get(..width)?;
    let number = number.iter().fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
    Some((kind, number, &rest[width..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_ends_where_its_parts_end() {
        // {1: [2, h'0304', "x", 5(false)], -1: 300}, and one byte more.
        let map = [
            0xa2, 1, 0x84, 2, 0x42, 3, 4, 0x61, b'x', 0xc5, 0xf4, 0x20, 0x19, 1, 44, 9,
        ];
        assert_eq!(after(&map), Some(&[9][..]));
        for length in 0..map.len() - 1 {
            assert_eq!(after(&map[..length]), None, "{length}");
        }
        assert_eq!(after(&[0x9f, 1, 0xff]), None, "no length");
        assert_eq!(after(&[0xbb, 255, 255, 255, 255, 255, 255, 255, 255, 1]), None);
        assert_eq!(after(&[0x5b, 255, 255, 255, 255, 255, 255, 255, 255, 1]), None);
    }

    #[test]
    fn bytes_are_found_below_their_name() {
        let map = [0xa2, 0x61, b'a', 1, 0x61, b'b', 0x42, 7, 8];
        assert_eq!(bytes_at(&map, "b"), Some(&[7, 8][..]));
        assert_eq!(bytes_at(&map, "a"), None, "a number");
        assert_eq!(bytes_at(&map, "c"), None);
        assert_eq!(bytes_at(&[1], "a"), None);
    }
}
