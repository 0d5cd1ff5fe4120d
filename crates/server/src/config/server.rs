//! Section `server`: where to listen, under which address the outside reaches us, and what a connection may cost.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;
use url::{Host, Url};

use super::key::{Form, Key};
use super::reader::Reader;

pub(super) const LISTEN: Key = Key::new(
    "server.listen",
    Form::Text("address:port"),
    "127.0.0.1:8080",
    "Address and port to listen on; port 0 takes a free one. `0.0.0.0:8080` listens on every IPv4 address.",
);
const EXTERNAL_URL: Key = Key::unset(
    "server.external_url",
    Form::Text("http or https URL"),
    "The address under which people reach this server, used in messages and links. Default: made from `server.listen`.",
);
const PUBLIC_HOSTS: Key = Key::new(
    "server.public_hosts",
    Form::List("host names"),
    "",
    "Further hosts that links in messages may point to, and whose pages (https) may register passkeys, beside the host of `server.external_url`.",
);
const TRUSTED_PROXIES: Key = Key::new(
    "server.trusted_proxies",
    Form::List("IP addresses or networks (CIDR)"),
    "",
    "Peers whose `Forwarded` and `X-Forwarded-*` headers are believed. From everyone else those headers are removed.",
);
const MAX_CONNECTIONS: Key = Key::new(
    "server.max_connections",
    Form::Count(16, 1_000_000),
    "10000",
    "Connections served at once; further ones wait in the queue of the operating system. Where it lets fewer files be open (`ulimit -n`), \
     there are fewer, and a warning says how many.",
);
const MAX_STREAMS: Key = Key::new(
    "server.max_streams",
    Form::Count(1, 10_000),
    "256",
    "Concurrent HTTP/2 streams of one connection.",
);
const HEADER_TIMEOUT: Key = Key::new(
    "server.header_timeout",
    Form::Time(1, 300),
    "30s",
    "Time a connection may take for its TLS handshake, and for each request head; with HTTP/1.1 waiting between two requests is included. \
     A connection with HTTP/2 that asked once may rest for as long as its peer answers a ping every 30 seconds.",
);
const DRAIN_TIME: Key = Key::new(
    "server.drain_time",
    Form::Time(1, 600),
    "20s",
    "Time that accepted requests get to finish when the server is told to stop.",
);

pub(super) const KEYS: &[&Key] = &[
    &LISTEN,
    &EXTERNAL_URL,
    &PUBLIC_HOSTS,
    &TRUSTED_PROXIES,
    &MAX_CONNECTIONS,
    &MAX_STREAMS,
    &HEADER_TIMEOUT,
    &DRAIN_TIME,
];

/// Listener and public address.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Address for links, when it differs from the listener's.
    pub external_url: Option<Url>,
    /// Further hosts that links may name, in lower-case ASCII.
    pub public_hosts: Vec<String>,
    /// Peers whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Connections at once.
    pub max_connections: usize,
    /// Streams per HTTP/2 connection.
    pub max_streams: u32,
    /// Time for a handshake and for a request head.
    pub header_timeout: Duration,
    /// Time for accepted requests at shutdown.
    pub drain_time: Duration,
}

impl Server {
    pub(super) fn read(reader: &mut Reader) -> Option<Self> {
        Some(Self {
            listen: reader.value(&LISTEN, parse_listen)?,
            external_url: reader.maybe(&EXTERNAL_URL, parse_external_url)?,
            public_hosts: reader.list(&PUBLIC_HOSTS, parse_host)?,
            trusted_proxies: reader.list(&TRUSTED_PROXIES, parse_network)?,
            max_connections: reader
                .count(&MAX_CONNECTIONS)
                .and_then(|count| usize::try_from(count).ok())?,
            max_streams: reader.count(&MAX_STREAMS)?,
            header_timeout: reader.time(&HEADER_TIMEOUT)?,
            drain_time: reader.time(&DRAIN_TIME)?,
        })
    }
}

fn parse_listen(text: &str) -> Result<SocketAddr, String> {
    let text = text
        .strip_prefix("localhost:")
        .map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    text.parse()
        .map_err(|_| "write an IP address and a port, such as 127.0.0.1:8080 or [::1]:8080".to_owned())
}

fn parse_external_url(text: &str) -> Result<Url, String> {
    let why = "write scheme and host only, such as https://id.example.com";
    let url = Url::parse(text).map_err(|_| why.to_owned())?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if matches!(url.scheme(), "http" | "https") && url.has_host() && url.path() == "/" && plain {
        Ok(url)
    } else {
        Err(why.to_owned())
    }
}

fn parse_host(text: &str) -> Result<String, String> {
    Host::parse(text)
        .map(|host| host.to_string())
        .map_err(|_| "write a host name such as app.example.com".to_owned())
}

fn parse_network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<std::net::IpAddr>().map(IpNet::from).ok();
    address
        .or_else(|| text.parse().ok())
        .ok_or_else(|| "write an address or a network such as 10.0.0.0/8".to_owned())
}
