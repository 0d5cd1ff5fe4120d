//! Reads the lines of the file and hands them out.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use api::rpc::MAX_BODY_BYTES;
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::Line;

pub(super) fn open(file: &Path) -> anyhow::Result<(Box<dyn Read + Send>, Option<u64>)> {
    if file == Path::new("-") {
        return Ok((Box::new(io::stdin()), None));
    }
    let open = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
    let size = open.metadata().ok().map(|known| known.len());
    Ok((Box::new(open), size))
}

/// How a reading ended that nothing broke off.
pub(super) enum Reached {
    End,
    Stop,
}

/// A line as it was found.
enum Found {
    Text(Vec<u8>),
    TooLong,
    End,
}

/// Reads the lines and hands them out in turn.
pub(super) struct Reader {
    turns: Vec<mpsc::Sender<Line>>,
    first: u64,
    /// The number of the first line that was not handed out.
    pub(super) next: Arc<AtomicU64>,
    stop: CancellationToken,
}

impl Reader {
    pub(super) fn new(turns: Vec<mpsc::Sender<Line>>, first: u64, stop: CancellationToken) -> Self {
        Self {
            turns,
            first,
            next: Arc::new(AtomicU64::new(first)),
            stop,
        }
    }

    /// Goes on until there are no more lines or nobody wants them.
    fn run(self, input: impl Read) -> anyhow::Result<Reached> {
        let mut input = BufReader::with_capacity(1 << 18, input);
        skip_byte_order_mark(&mut input).context("cannot read line 1")?;
        let mut turns = self.turns.iter().cycle();
        for number in 1.. {
            if self.stop.is_cancelled() {
                return Ok(Reached::Stop);
            }
            let found = if number < self.first {
                skip_line(&mut input)
            } else {
                read_line(&mut input)
            };
            let text = match found.with_context(|| format!("cannot read line {number}"))? {
                Found::End => break,
                Found::TooLong => None,
                Found::Text(text) => Some(Bytes::from(text)),
            };
            if text.as_ref().is_some_and(Bytes::is_empty) {
                continue;
            }
            // A connection that broke takes no lines any more, and then all stop.
            let line = Line { number, text };
            if turns.next().is_none_or(|turn| turn.blocking_send(line).is_err()) {
                return Ok(Reached::Stop);
            }
            self.next.store(number + 1, Ordering::Relaxed);
        }
        Ok(Reached::End)
    }
}

/// Reads on a thread that nothing waits for, as it may wait for input for ever.
pub(super) fn begin_reading(
    reader: Reader,
    input: impl Read + Send + 'static,
) -> io::Result<oneshot::Receiver<anyhow::Result<Reached>>> {
    let (ended, reading) = oneshot::channel();
    let thread = std::thread::Builder::new().name("import".to_owned());
    thread.spawn(move || ended.send(reader.run(input)))?;
    Ok(reading)
}

/// Programs of Windows put it in front of a text in UTF-8.
fn skip_byte_order_mark(input: &mut impl BufRead) -> io::Result<()> {
    const MARK: &[u8] = "\u{feff}".as_bytes();
    if input.fill_buf()?.starts_with(MARK) {
        input.consume(MARK.len());
    }
    Ok(())
}

/// Passes over a line, however long it is.
fn skip_line(input: &mut impl BufRead) -> io::Result<Found> {
    let length = input.skip_until(b'\n')?;
    Ok(if length == 0 {
        Found::End
    } else {
        Found::Text(Vec::new())
    })
}

/// The next line without the blanks at its end. What is longer than a request is passed over and not kept.
fn read_line(input: &mut impl BufRead) -> io::Result<Found> {
    let mut text = Vec::new();
    let limit = u64::try_from(MAX_BODY_BYTES + 1).map_err(io::Error::other)?;
    let length = input.take(limit).read_until(b'\n', &mut text)?;
    if length == 0 {
        return Ok(Found::End);
    }
    if length > MAX_BODY_BYTES && text.last() != Some(&b'\n') {
        input.skip_until(b'\n')?;
        return Ok(Found::TooLong);
    }
    text.truncate(text.trim_ascii_end().len());
    Ok(Found::Text(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_line() {
        for text in ["\u{feff}{}\n{}", "{}\n{}"] {
            let (turn, mut lines) = mpsc::channel(2);
            let reader = Reader::new(vec![turn], 1, CancellationToken::new());
            assert!(matches!(reader.run(text.as_bytes()), Ok(Reached::End)));
            let texts = [lines.try_recv(), lines.try_recv()].map(|line| line.unwrap().text.unwrap());
            assert_eq!(texts, ["{}", "{}"]);
        }
    }

    #[test]
    fn a_line_too_long_is_passed_over_to_its_end() {
        let mut text = vec![b'x'; MAX_BODY_BYTES];
        text.push(b'\n');
        text.extend(vec![b'y'; MAX_BODY_BYTES + 1]);
        text.extend(b"\n{}  \r\n\nend");
        let mut input = BufReader::new(text.as_slice());
        let mut next = || match read_line(&mut input).unwrap() {
            Found::Text(text) => format!(
                "{} {}",
                text.len(),
                String::from_utf8_lossy(&text[..text.len().min(3)])
            ),
            Found::TooLong => "too long".to_owned(),
            Found::End => "end".to_owned(),
        };
        let found: [String; 6] = std::array::from_fn(|_| next());
        assert_eq!(found, ["4194304 xxx", "too long", "2 {}", "0 ", "3 end", "end"]);
    }
}
