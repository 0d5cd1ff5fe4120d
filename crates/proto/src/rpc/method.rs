//! The method table: one entry per RPC, made from the descriptors at build time.

/// What the edges know of an RPC before its request is decoded.
#[derive(Debug, PartialEq, Eq)]
pub struct MethodInfo {
    /// `/package.Service/Method`, the path of gRPC, gRPC-Web and Connect.
    pub path: &'static str,
    /// `package.Service`.
    pub service: &'static str,
    /// `Method`.
    pub name: &'static str,
    /// The place of the method among those of its service, by name.
    pub index: u16,
    /// The full name of the request message.
    pub input: &'static str,
    /// Whether the request can hold a message that holds its like, as filters do.
    pub nests: bool,
    /// The full name of the response message.
    pub output: &'static str,
    /// The HTTP/JSON form, if the contract has one.
    pub http: Option<HttpRule>,
    /// The HTTP status of success in the HTTP/JSON form.
    pub success: u16,
    /// `None`: no token needed; `authenticated`: any valid token; else the permission that is asked for.
    pub permission: Option<&'static str>,
    /// The request field that names the organization in which the permission must be held.
    pub org_field: Option<&'static str>,
}

/// A `google.api.http` rule.
#[derive(Debug, PartialEq, Eq)]
pub struct HttpRule {
    /// `GET`, `PUT`, `POST`, `DELETE` or `PATCH`.
    pub verb: &'static str,
    /// The path as the contract writes it, with the prefix of the service: `/v3alpha/users/{user_id}/phone`.
    pub template: &'static str,
    /// The path in parts.
    pub segments: &'static [Segment],
    /// Which part of the request the body holds.
    pub body: Body,
}

/// One part of a path.
#[derive(Debug, PartialEq, Eq)]
pub enum Segment {
    /// Matches itself.
    Literal(&'static str),
    /// Matches any one part and sets the field.
    Variable(&'static [&'static str]),
    /// Matches all that is left, slashes included, and sets the field.
    Rest(&'static [&'static str]),
}

/// Which part of the request the body holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Body {
    /// None: a body is ignored.
    None,
    /// All of it but the path's variables.
    All,
    /// This field alone.
    Field(&'static str),
}

include!(concat!(env!("OUT_DIR"), "/methods.rs"));

/// Finds a method by its `/package.Service/Method` path.
pub fn method(path: &str) -> Option<&'static MethodInfo> {
    METHODS
        .binary_search_by(|info| info.path.cmp(path))
        .ok()
        .and_then(|index| METHODS.get(index))
}

#[cfg(test)]
mod tests {
    use super::{METHODS, method};

    #[test]
    fn the_table_is_sorted_and_every_entry_is_found() {
        assert!(METHODS.is_sorted_by(|left, right| left.path < right.path));
        for info in METHODS {
            assert_eq!(method(info.path), Some(info));
        }
        assert_eq!(method("/no.Such/Method"), None);
    }
}
