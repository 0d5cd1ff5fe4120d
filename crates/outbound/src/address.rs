//! Which addresses may be called. A name is resolved once, by us, and the connection goes to the address that was
//! checked, so that a name which changes its mind between check and call wins nothing.

use std::{
    error::Error,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};
use tokio::net::TcpStream;

/// A resolver that answers public addresses only, unless others are allowed.
#[derive(Debug)]
pub(crate) struct Guarded {
    pub(crate) allow_private: bool,
}

/// A name that leads nowhere allowed.
#[derive(Debug)]
struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name leads to no allowed address")
    }
}

impl Error for Refused {}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let found = addresses(name.as_str(), 0, allow_private).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// The allowed ones among the addresses of a host, which is a name or an address itself.
async fn addresses(
    host: &str,
    port: u16,
    allow_private: bool,
) -> Result<Vec<SocketAddr>, Box<dyn Error + Send + Sync>> {
    let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port))
        .await?
        .filter(|address| allow_private || is_public(address.ip()))
        .collect();
    if found.is_empty() {
        return Err(Box::new(Refused));
    }
    Ok(found)
}

/// A connection for what is not HTTP: to the first allowed address of a host that takes it. Fails like the resolution or the
/// last connection, see [`was_refused`]; bounding the time is up to the caller.
pub async fn connect(
    host: &str,
    port: u16,
    allow_private: bool,
) -> Result<TcpStream, Box<dyn Error + Send + Sync>> {
    let found = addresses(host, port, allow_private).await?;
    Ok(TcpStream::connect(found.as_slice()).await?)
}

/// Whether the guard above was the reason.
pub fn was_refused(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<Refused>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Checks a URL as it is written; an address in it never meets the resolver.
pub fn may_call(url: &Url, allow_private: bool) -> bool {
    let written = url.host_str().map(|host| host.trim_matches(['[', ']']));
    let literal = written.and_then(|host| host.parse::<IpAddr>().ok());
    matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && (allow_private || literal.is_none_or(is_public))
}

/// Whether an address is one of the public Internet (RFC 6890 and its successors list what is not).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = match (a, b, c) {
        (0 | 10 | 127 | 240..=255, ..)
        | (169, 254, _)
        | (192, 168, _)
        | (192, 0, 0 | 2)
        | (192, 88, 99)
        | (198, 18 | 19, _)
        | (198, 51, 100)
        | (203, 0, 113) => true,
        (100, b, _) => b & 0xc0 == 64,
        (172, b, _) => b & 0xf0 == 16,
        _ => false,
    };
    !special && !address.is_multicast()
}

/// Global unicast is `2000::/3`; what carries an IPv4 address inside is judged by that.
fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(v4) = address.to_ipv4_mapped() {
        return is_public_v4(v4);
    }
    let s = address.segments();
    let inside = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match s {
        // NAT64 (RFC 6052) and 6to4 (RFC 3056).
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => is_public_v4(inside(high, low)),
        // Teredo, benchmarking, ORCHID and documentation.
        [0x2001, 0..=0x01ff | 0x0db8, ..] | [0x3fff, ..] => false,
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_internet_is_public() {
        for private in [
            "0.0.0.0",
            "10.1.2.3",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "192.0.0.8",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "ff02::1",
            "2001::1",
            "::7f00:1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in [
            "1.1.1.1",
            "100.128.0.1",
            "172.32.0.1",
            "8.8.8.8",
            "2606:4700::1111",
            "2001:4860:4860::8888",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[test]
    fn an_address_in_the_url_is_checked_however_it_is_written() {
        for private in [
            "http://127.0.0.1/",
            "http://[::1]/",
            "http://0x7f000001/",
            "http://2130706433/",
            "http://0177.1/",
            "http://[::ffff:127.0.0.1]/",
            "ftp://example.com/",
            "file:///etc/passwd",
        ] {
            assert!(!may_call(&Url::parse(private).unwrap(), false), "{private}");
        }
        assert!(may_call(&Url::parse("http://127.0.0.1/").unwrap(), true));
        assert!(may_call(&Url::parse("https://example.com/x").unwrap(), false));
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_refused() {
        let resolve = |allow_private| {
            let name: Name = "localhost".parse().unwrap();
            Guarded { allow_private }.resolve(name)
        };
        assert!(resolve(false).await.is_err());
        assert!(resolve(true).await.is_ok());
    }

    #[tokio::test]
    async fn what_is_not_http_goes_to_allowed_addresses_only() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        for host in ["localhost", "127.0.0.1", "::ffff:127.0.0.1", "0.0.0.0"] {
            let refused = connect(host, port, false).await.unwrap_err();
            assert!(was_refused(&*refused), "{host}");
        }
        assert!(connect("127.0.0.1", port, true).await.is_ok());
        drop(listener);
        let gone = connect("127.0.0.1", port, true).await.unwrap_err();
        assert!(!was_refused(&*gone));
    }
}
