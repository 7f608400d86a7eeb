//! Lines of limited length.

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// How much of both ends of a line that is too long is kept: what it was about stands there.
const KEPT: usize = 1024;

/// One line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Whole(Vec<u8>),
    /// A line over the limit: its first and its last bytes.
    TooLong {
        head: Vec<u8>,
        tail: Vec<u8>,
    },
}

pub(super) struct Lines<R> {
    reader: R,
    limit: usize,
}

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R, limit: usize) -> Self {
        Self { reader, limit }
    }

    /// The next line; `None` at the end. A last line without its end is a line too.
    pub(super) async fn next(&mut self) -> std::io::Result<Option<Line>> {
        let mut line = Vec::new();
        let mut tail: Option<Vec<u8>> = None;
        let mut anything = false;
        loop {
            let available = self.reader.fill_buf().await?;
            if available.is_empty() {
                return Ok(anything.then(|| finish(line, tail)));
            }
            anything = true;
            let end = available.iter().position(|byte| *byte == b'\n');
            let piece = &available[..end.unwrap_or(available.len())];
            match &mut tail {
                None if line.len() + piece.len() <= self.limit => line.extend_from_slice(piece),
                None => {
                    let mut rest = line.split_off(line.len().min(KEPT));
                    rest.extend_from_slice(piece);
                    line.extend(rest.iter().take(KEPT - line.len()));
                    line.shrink_to_fit();
                    tail = Some(last(rest));
                }
                Some(tail) => {
                    tail.extend_from_slice(piece);
                    *tail = last(std::mem::take(tail));
                }
            }
            let consumed = piece.len() + usize::from(end.is_some());
            self.reader.consume(consumed);
            if end.is_some() {
                return Ok(Some(finish(line, tail)));
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

fn finish(mut line: Vec<u8>, tail: Option<Vec<u8>>) -> Line {
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
}
