//! Lines of limited length.

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _};

/// How much of both ends of a line that is too long is kept: what it was about stands there.
const KEPT: usize = 1024;

/// One line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Whole(Vec<u8>),
    /// A line over the limit: its first and its last bytes.
    TooLong {
        head: Vec<u8>,
        tail: Vec<u8>,
    },
}

/// Reads lines. Nothing is lost when [`next`](Self::next) is dropped before its end.
pub(crate) struct Lines<R> {
    reader: R,
    limit: usize,
    /// What was read of the line that has begun.
    begun: Option<Begun>,
}

#[derive(Default)]
struct Begun {
    line: Vec<u8>,
    /// Where the line is too long, its last bytes; `line` holds the first ones then.
    tail: Option<Vec<u8>>,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub(crate) fn new(reader: R, limit: usize) -> Self {
        Self {
            reader,
            limit,
            begun: None,
        }
    }

    /// The next line; `None` at the end. A last line without its end is a line too.
    pub(crate) async fn next(&mut self) -> std::io::Result<Option<Line>> {
        loop {
            let available = self.reader.fill_buf().await?;
            if available.is_empty() {
                return Ok(self.begun.take().map(finish));
            }
            let end = memchr::memchr(b'\n', available);
            let piece = &available[..end.unwrap_or(available.len())];
            self.begun.get_or_insert_default().add(piece, self.limit);
            let consumed = piece.len() + usize::from(end.is_some());
            self.reader.consume(consumed);
            if end.is_some() {
                return Ok(self.begun.take().map(finish));
            }
        }
    }
}

impl Begun {
    fn add(&mut self, piece: &[u8], limit: usize) {
        match &mut self.tail {
            None if self.line.len() + piece.len() <= limit => self.line.extend_from_slice(piece),
            None => {
                let mut rest = self.line.split_off(self.line.len().min(KEPT));
                rest.extend_from_slice(piece);
                self.line.extend(rest.iter().take(KEPT - self.line.len()));
                self.line.shrink_to_fit();
                self.tail = Some(last(rest));
            }
            Some(tail) => {
                tail.extend_from_slice(piece);
                *tail = last(std::mem::take(tail));
            }
        }
    }
}

fn last(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.len() > KEPT {
        bytes.drain(..bytes.len() - KEPT);
        bytes.shrink_to_fit();
    }
    bytes
}

fn finish(begun: Begun) -> Line {
    let Begun { mut line, tail } = begun;
    match tail {
        Some(tail) => Line::TooLong { head: line, tail },
        None => {
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            Line::Whole(line)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    async fn read(bytes: &[u8], limit: usize) -> Vec<Line> {
        // A small buffer, so that lines arrive in pieces.
        let reader = tokio::io::BufReader::with_capacity(7, bytes);
        let mut lines = Lines::new(reader, limit);
        let mut read = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            read.push(line);
        }
        read
    }

    #[tokio::test]
    async fn lines_end_where_they_end() {
        let whole = |text: &str| Line::Whole(text.as_bytes().to_vec());
        assert_eq!(
            read(b"one\r\n\na second line\nrest", 100).await,
            [whole("one"), whole(""), whole("a second line"), whole("rest")]
        );
        assert_eq!(read(b"", 100).await, []);
    }

    #[tokio::test]
    async fn a_line_over_the_limit_costs_no_more_memory_than_its_ends() {
        let mut text = b"{\"id\":1,".to_vec();
        text.extend(std::iter::repeat_n(b'x', 50_000));
        text.extend(b"\"the end\"}\nnext\n");
        let lines = read(&text, 2_000).await;
        let Line::TooLong { head, tail } = &lines[0] else {
            panic!("{lines:?}")
        };
        assert!(head.starts_with(b"{\"id\":1,xxx") && head.len() <= KEPT);
        assert!(tail.ends_with(b"\"the end\"}") && tail.len() == KEPT);
        assert_eq!(lines[1], Line::Whole(b"next".to_vec()));
    }

    #[tokio::test]
    async fn a_wait_that_is_given_up_loses_nothing() {
        let (mut written, reader) = tokio::io::duplex(64);
        let mut lines = Lines::new(tokio::io::BufReader::new(reader), 100);
        tokio::io::AsyncWriteExt::write_all(&mut written, b"one ")
            .await
            .unwrap();
        let given_up = futures_util::FutureExt::now_or_never(lines.next());
        assert!(given_up.is_none());
        tokio::io::AsyncWriteExt::write_all(&mut written, b"line\n")
            .await
            .unwrap();
        assert_eq!(
            lines.next().await.unwrap(),
            Some(Line::Whole(b"one line".to_vec()))
        );
    }
}
