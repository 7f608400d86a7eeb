//! What a program writes, as far as it may be long.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// How much is read at once.
const CHUNK: usize = 16 * 1024;

/// One of the two outputs of a program, while it is read.
pub(super) struct Output<R> {
    pipe: Option<R>,
    limit: usize,
    pub(super) collected: Vec<u8>,
}

/// How reading an output ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// Nobody can write any more.
    Complete,
    /// More was written than is allowed.
    TooLong,
}

impl<R: AsyncRead + Unpin> Output<R> {
    pub(super) fn new(pipe: Option<R>, limit: usize) -> Self {
        Self {
            pipe,
            limit,
            collected: Vec::new(),
        }
    }

    /// Reads on. What was read stays when the future is dropped.
    pub(super) async fn read(&mut self) -> Read {
        while let Some(pipe) = &mut self.pipe {
            self.collected.reserve(CHUNK);
            let read: io::Result<usize> = pipe.read_buf(&mut self.collected).await;
            match read {
                Ok(0) | Err(_) => self.pipe = None,
                Ok(_) if self.collected.len() > self.limit => {
                    self.pipe = None;
                    self.collected.truncate(self.limit);
                    return Read::TooLong;
                }
                Ok(_) => {}
            }
        }
        Read::Complete
    }
}

/// The end of an output as text, without blank space around it.
pub(super) fn end(output: &[u8], most: usize) -> String {
    let start = output.len().saturating_sub(most);
    let text = String::from_utf8_lossy(&output[start..]);
    match start {
        0 => text.trim().to_owned(),
        _ => format!("…{}", text.trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_output_is_read_to_its_limit_and_no_further() {
        let mut exact = Output::new(Some([7; 100].as_slice()), 100);
        assert_eq!(exact.read().await, Read::Complete);
        assert_eq!(exact.collected.len(), 100);
        let mut long = Output::new(Some([7; 101].as_slice()), 100);
        assert_eq!(long.read().await, Read::TooLong);
        assert_eq!(long.collected.len(), 100);
    }

    #[test]
    fn only_the_end_of_a_long_output_is_told() {
        assert_eq!(end(b" short\n", 10), "short");
        assert_eq!(end(b"0123456789abc\n", 4), "…abc");
        assert_eq!(end("ää".as_bytes(), 3), "…\u{fffd}ä");
        assert_eq!(end(b"", 4), "");
    }
}
