//! One HTTP/1.1 connection that costs the driver next to nothing: one write, one read, no pipelining.

use std::{fmt, io::Write, net::SocketAddr};

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// An open connection.
#[derive(Debug)]
pub(crate) struct Http1 {
    stream: TcpStream,
    /// The header lines that every request has.
    common: String,
    sent: Vec<u8>,
    got: Vec<u8>,
}

const MOST_HEADERS: usize = 48;

impl Http1 {
    /// Connects; with a token, every request carries it.
    pub(crate) async fn connect(address: SocketAddr, token: Option<&str>) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("connecting")?;
        stream.set_nodelay(true)?;
        let bearer = token
            .map(|t| format!("authorization: Bearer {t}\r\n"))
            .unwrap_or_default();
        Ok(Self {
            stream,
            common: format!("host: {address}\r\n{bearer}content-type: application/json\r\n"),
            sent: Vec::with_capacity(1024),
            got: Vec::with_capacity(4096),
        })
    }

    /// Writes the next request down; [`Self::send`] sends it.
    pub(crate) fn prepare(&mut self, verb: &str, path: fmt::Arguments<'_>, body: fmt::Arguments<'_>) {
        self.sent.clear();
        let common = &self.common;
        // Writing into memory cannot fail. Bodies are short: formatted once to be counted and once to be sent.
        let _ = if verb == "GET" {
            write!(self.sent, "{verb} {path} HTTP/1.1\r\n{common}\r\n")
        } else {
            let length = counted(body);
            write!(
                self.sent,
                "{verb} {path} HTTP/1.1\r\n{common}content-length: {length}\r\n\r\n{body}"
            )
        };
    }

    /// Sends the prepared request and answers the body of a success. Fails for everything else, naming request, status
    /// and answer.
    pub(crate) async fn send(&mut self) -> anyhow::Result<&[u8]> {
        self.stream.write_all(&self.sent).await.context("sending")?;
        self.got.clear();
        let head = loop {
            if self.stream.read_buf(&mut self.got).await.context("receiving")? == 0 {
                bail!("{}: the server closed the connection", self.asked());
            }
            match read_head(&self.got)? {
                Some(head) if self.got.len() >= head.body + head.length => break head,
                _ => {}
            }
        };
        let answer = &self.got[head.body..];
        if !(200..300).contains(&head.status) {
            bail!(
                "{}: {} {}",
                self.asked(),
                head.status,
                String::from_utf8_lossy(answer)
            );
        }
        Ok(answer)
    }

    /// The request line.
    fn asked(&self) -> String {
        let line = self.sent.split(|byte| *byte == b'\r').next().unwrap_or_default();
        String::from_utf8_lossy(line).into_owned()
    }
}

fn counted(text: fmt::Arguments<'_>) -> usize {
    struct Count(usize);
    impl fmt::Write for Count {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0 += text.len();
            Ok(())
        }
    }
    let mut count = Count(0);
    let _ = fmt::write(&mut count, text);
    count.0
}

struct Head {
    status: u16,
    body: usize,
    length: usize,
}

fn read_head(bytes: &[u8]) -> anyhow::Result<Option<Head>> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(body) = response.parse(bytes).context("reading an answer")? else {
        return Ok(None);
    };
    let length = response
        .headers
        .iter()
        .find(|h| h.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|h| std::str::from_utf8(h.value).ok()?.parse().ok());
    Ok(Some(Head {
        status: response.code.unwrap_or(0),
        body,
        length: length.context("an answer without its length")?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let text = b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}";
        assert!(read_head(&text[..30]).unwrap().is_none());
        let head = read_head(text).unwrap().unwrap();
        assert_eq!(
            (head.status, head.length, &text[head.body..]),
            (201, 2, &b"{}"[..])
        );
    }

    #[test]
    fn text_is_counted_as_it_is_written() {
        assert_eq!(counted(format_args!("{}-{:03}", "é", 7)), "é-007".len());
    }
}
