//! Lines of a bounded length.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncRead, BufReader};

/// What was read next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A whole line without its end.
    Whole(Bytes),
    /// A line over the limit; it was skipped to its end.
    TooLong,
    /// There is nothing more.
    End,
}

/// Reads lines of at most `limit` bytes. A line over the limit costs no memory.
pub(super) struct Lines<R> {
    input: BufReader<R>,
    limit: usize,
    begun: BytesMut,
    is_too_long: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(input: R, limit: usize) -> Self {
        Self {
            input: BufReader::new(input),
            limit,
            begun: BytesMut::new(),
            is_too_long: false,
        }
    }

    /// Waits for the next line. Nothing is lost when this is dropped before its end.
    ///
    /// # Errors
    /// When the input cannot be read.
    pub(super) async fn next(&mut self) -> io::Result<Line> {
        loop {
            let piece = self.input.fill_buf().await?;
            if piece.is_empty() {
                // A last line without its end is a line.
                return Ok(if self.begun.is_empty() && !self.is_too_long {
                    Line::End
                } else {
                    self.take()
                });
            }
            let end = memchr::memchr(b'\n', piece);
            let text = &piece[..end.unwrap_or(piece.len())];
            if self.is_too_long || self.begun.len() + text.len() > self.limit {
                self.is_too_long = true;
                self.begun.clear();
            } else {
                self.begun.extend_from_slice(text);
            }
            let used = end.map_or(piece.len(), |end| end + 1);
            std::pin::Pin::new(&mut self.input).consume(used);
            if end.is_some() {
                return Ok(self.take());
            }
        }
    }

    fn take(&mut self) -> Line {
        if std::mem::take(&mut self.is_too_long) {
            Line::TooLong
        } else {
            Line::Whole(self.begun.split().freeze())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    async fn all(text: &[u8], limit: usize) -> Vec<Line> {
        let mut lines = Lines::new(text, limit);
        let mut found = Vec::new();
        loop {
            match lines.next().await.unwrap() {
                Line::End => return found,
                line => found.push(line),
            }
        }
    }

    fn whole(text: &'static str) -> Line {
        Line::Whole(Bytes::from_static(text.as_bytes()))
    }

    #[tokio::test]
    async fn each_line_comes_alone_and_the_last_one_needs_no_end() {
        assert_eq!(
            all(b"a\n\nbc\nd", 10).await,
            [whole("a"), whole(""), whole("bc"), whole("d")]
        );
        assert_eq!(all(b"", 10).await, []);
    }

    #[tokio::test]
    async fn a_line_over_the_limit_is_skipped_and_the_next_one_is_read() {
        assert_eq!(
            all(b"1234\n12345\n123\n", 4).await,
            [whole("1234"), Line::TooLong, whole("123")]
        );
        assert_eq!(all(b"12345", 4).await, [Line::TooLong]);
    }

    #[tokio::test]
    async fn a_line_may_be_longer_than_any_buffer() {
        let long = "x".repeat(100_000);
        let text = format!("{long}\nend\n");
        let lines = all(text.as_bytes(), 100_000).await;
        assert_eq!(lines, [Line::Whole(long.into()), whole("end")]);
    }
}
