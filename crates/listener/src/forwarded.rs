//! Who really calls: forwarding headers are believed from trusted proxies and removed from everyone else, so that no
//! inner room can be misled by them (RFC 9700 §4.13).

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

/// Headers that a proxy may set and a stranger may not.
const PROXY_HEADERS: [&str; 10] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
    "x-zitadel-forwarded",
    "x-zitadel-instance-host",
    "x-zitadel-public-host",
    "x-zitadel-public-proto",
];

/// Cleans the headers and answers the address of the caller.
pub(super) fn settle(headers: &mut HeaderMap, peer: SocketAddr, trusted: &[IpNet]) -> SocketAddr {
    let is_trusted = |address: &IpAddr| {
        trusted
            .iter()
            .any(|network| network.contains(&address.to_canonical()))
    };
    if !is_trusted(&peer.ip()) {
        forget(headers);
        return peer;
    }
    // Each proxy appends whom it saw, so the list is read from its end, up to the first that is not ours.
    let chain = hops(headers);
    let caller = chain
        .iter()
        .rev()
        .find(|address| !is_trusted(address))
        .or(chain.first());
    caller.map_or(peer, |address| SocketAddr::new(*address, 0))
}

/// Nearly nobody sends any of them: one look at the names that are there costs less than asking for each.
fn forget(headers: &mut HeaderMap) {
    let forged = headers
        .keys()
        .filter(|name| PROXY_HEADERS.contains(&name.as_str()));
    for name in forged.cloned().collect::<Vec<_>>() {
        headers.remove(name);
    }
}

/// The addresses in `X-Forwarded-For`, or in `Forwarded` (RFC 7239); the list ends, seen from its end, at the first part that is
/// no address.
fn hops(headers: &HeaderMap) -> Vec<IpAddr> {
    let name = if headers.contains_key("x-forwarded-for") {
        "x-forwarded-for"
    } else {
        "forwarded"
    };
    let lines: Vec<&str> = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let mut chain: Vec<IpAddr> = lines
        .iter()
        .rev()
        .flat_map(|line| line.rsplit(','))
        .map_while(|part| {
            if name == "forwarded" {
                forwarded_for(part)
            } else {
                address(part)
            }
        })
        .collect();
    chain.reverse();
    chain
}

fn forwarded_for(part: &str) -> Option<IpAddr> {
    let pairs = part.split(';').filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("for"))?;
    address(value.trim_matches('"'))
}

/// An address with or without port and brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|socket| socket.ip());
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    bare.or_else(with_port)
        .or_else(bracketed)
        .map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn caller(peer: &str, headers: &[(&'static str, &'static str)]) -> (String, usize) {
        let trusted: Vec<IpNet> = ["10.0.0.0/8", "::1/128"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        let address = settle(&mut map, peer.parse().unwrap(), &trusted);
        (address.ip().to_string(), map.len())
    }

    #[test]
    fn a_stranger_cannot_forward() {
        let headers = [
            ("x-forwarded-for", "1.1.1.1"),
            ("x-forwarded-host", "evil"),
            ("forwarded", "for=1.1.1.1"),
        ];
        assert_eq!(caller("9.9.9.9:1", &headers), ("9.9.9.9".to_owned(), 0));
    }

    #[test]
    fn behind_trusted_proxies_the_last_stranger_is_the_caller() {
        let spoofed = [("x-forwarded-for", "6.6.6.6, 1.1.1.1, 10.2.3.4")];
        assert_eq!(caller("10.0.0.1:1", &spoofed), ("1.1.1.1".to_owned(), 1));
        let lines = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "2.2.2.2:443")];
        assert_eq!(caller("[::1]:1", &lines).0, "2.2.2.2");
        assert_eq!(
            caller("10.0.0.1:1", &[("x-forwarded-for", "10.9.9.9")]).0,
            "10.9.9.9"
        );
        assert_eq!(caller("10.0.0.1:1", &[]).0, "10.0.0.1");
        assert_eq!(
            caller("[::ffff:10.0.0.1]:1", &[("x-forwarded-for", "3.3.3.3")]).0,
            "3.3.3.3"
        );
    }

    #[test]
    fn nonsense_ends_the_chain() {
        assert_eq!(
            caller("10.0.0.1:1", &[("x-forwarded-for", "1.1.1.1, unknown, 10.1.1.1")]).0,
            "10.1.1.1"
        );
        assert_eq!(
            caller(
                "10.0.0.1:1",
                &[("forwarded", "for=1.1.1.1, for=\"[2001:db8::1]:99\";proto=https")]
            )
            .0,
            "2001:db8::1"
        );
    }
}
