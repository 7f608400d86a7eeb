//! Writes messages to a child, one line each.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio::sync::mpsc;

/// Messages that wait to be written. A child that does not read makes those wait who want something of it.
pub(super) const QUEUE: usize = 32;

/// A message on its way to a child.
pub(super) struct Write {
    pub(super) message: Bytes,
    /// Set when the first byte may have been written.
    pub(super) begun: Option<Arc<AtomicBool>>,
}

/// Writes until nobody can send any more, or the child reads no more. The end of it closes the standard input.
pub(super) async fn write(mut stdin: ChildStdin, mut queue: mpsc::Receiver<Write>) {
    while let Some(Write { message, begun }) = queue.recv().await {
        if let Some(begun) = begun {
            begun.store(true, Ordering::Release);
        }
        let line = line(&message);
        // The end of the child is noticed by whoever waits for it.
        if stdin.write_all(&line).await.is_err() || stdin.flush().await.is_err() {
            return;
        }
    }
}

/// A message as one line. Line ends stand between the tokens of JSON only, never inside a text.
fn line(message: &[u8]) -> Vec<u8> {
    let mut line = Vec::with_capacity(message.len() + 1);
    line.extend(message.iter().map(|byte| match byte {
        b'\n' | b'\r' => b' ',
        other => *other,
    }));
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line() {
        assert_eq!(line(b"{\"a\":\r\n\"b\\n\"}"), b"{\"a\":  \"b\\n\"}\n");
    }
}
