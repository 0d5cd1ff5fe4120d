//! Bounds what a request may cost in memory before it is built: two bytes on the wire can become a message of
//! hundreds, so the values are counted first.

/// The most values (fields, list items, map entries) that one request may hold.
pub const MAX_VALUES: usize = 20_000;

/// Deeper messages are refused by the decoder itself.
const LEVELS: u32 = 100;

/// The fields of a message that hold more than one value, by number.
struct Shape(&'static [(u32, Part)]);

enum Part {
    /// A message, repeated or not.
    Message(&'static Shape),
    /// Repeated numbers, which may come packed.
    Packed,
}

include!(concat!(env!("OUT_DIR"), "/shapes.rs"));

/// Whether the encoded message of this type holds more than [`MAX_VALUES`] values. What is malformed is left to the
/// decoder to refuse.
pub(super) fn is_exceeded(message: &str, bytes: &[u8]) -> bool {
    // A value takes at least one byte.
    if bytes.len() <= MAX_VALUES {
        return false;
    }
    let found = SHAPES
        .binary_search_by(|(name, _)| (*name).cmp(message))
        .ok()
        .and_then(|place| SHAPES.get(place));
    let mut left = MAX_VALUES;
    found.is_some_and(|(_, shape)| !count(shape, bytes, &mut left, LEVELS))
}

/// Counts one message down; false when nothing is left.
fn count(shape: &Shape, mut bytes: &[u8], left: &mut usize, levels: u32) -> bool {
    while let Some(tag) = varint(&mut bytes) {
        let Some(rest) = left.checked_sub(1) else {
            return false;
        };
        *left = rest;
        let Some(value) = value(tag & 7, &mut bytes) else {
            return true;
        };
        let part = shape
            .0
            .iter()
            .find(|(number, _)| u64::from(*number) == tag >> 3)
            .map(|(_, part)| part);
        match part {
            Some(Part::Message(child)) if levels > 0 && !count(child, value, left, levels - 1) => {
                return false;
            }
            Some(Part::Packed) => {
                let Some(rest) = left.checked_sub(value.len()) else {
                    return false;
                };
                *left = rest;
            }
            _ => {}
        }
    }
    true
}

/// Takes one value off; only length-delimited ones have content of interest.
fn value<'a>(wire: u64, bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    match wire {
        0 => varint(bytes).map(|_| &[][..]),
        1 => take(bytes, 8).map(|_| &[][..]),
        2 => {
            let length = usize::try_from(varint(bytes)?).ok()?;
            take(bytes, length)
        }
        3 | 4 => Some(&[]),
        5 => take(bytes, 4).map(|_| &[][..]),
        _ => None,
    }
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (value, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(value)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::{MAX_VALUES, SHAPES, is_exceeded};
    use crate::zitadel::resources::user::v3alpha::{
        CreateUser, CreateUserRequest, SearchFilter, SearchUsersRequest,
    };

    #[test]
    fn shapes_are_sorted() {
        assert!(SHAPES.is_sorted_by_key(|(name, _)| *name));
    }

    #[test]
    fn list_items_and_members_count_at_any_depth() {
        let name = "zitadel.resources.user.v3alpha.SearchUsersRequest";
        let search = |items| SearchUsersRequest {
            filters: vec![SearchFilter::default(); items],
            ..Default::default()
        };
        assert!(!is_exceeded(name, &search(MAX_VALUES).encode_to_vec()));
        assert!(is_exceeded(name, &search(MAX_VALUES + 1).encode_to_vec()));

        let name = "zitadel.resources.user.v3alpha.CreateUserRequest";
        let json = serde_json::json!({"list": vec![1; MAX_VALUES]});
        let data = serde_json::from_value(json).expect("a struct");
        let user = CreateUser {
            data: Some(data),
            ..Default::default()
        };
        let request = CreateUserRequest {
            user: Some(user),
            ..Default::default()
        };
        assert!(is_exceeded(name, &request.encode_to_vec()));
    }

    #[test]
    fn long_text_is_no_list() {
        let name = "zitadel.resources.user.v3alpha.GetUserRequest";
        let request = crate::zitadel::resources::user::v3alpha::GetUserRequest {
            id: "a".repeat(1_000_000),
            ..Default::default()
        };
        assert!(!is_exceeded(name, &request.encode_to_vec()));
    }
}
