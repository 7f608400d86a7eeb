//! Writes messages, one per line.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How many messages wait for a slow reader before the calls wait.
const QUEUE: usize = 64;

/// The way to the client. Clones share it; it ends with the last of them.
#[derive(Clone, Debug)]
pub(super) struct Output {
    messages: mpsc::Sender<Bytes>,
}

impl Output {
    /// Writes to `output` in a task of its own, which ends with what it met.
    pub(super) fn to<W>(output: W) -> (Self, JoinHandle<io::Result<()>>)
    where
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let (messages, queue) = mpsc::channel(QUEUE);
        (Self { messages }, tokio::spawn(write(output, queue)))
    }

    /// Says something. When nobody reads any more, it is lost like everything after it.
    pub(super) async fn say(&self, message: Bytes) {
        let _ = self.messages.send(message).await;
    }

    /// The queue of what is said.
    pub(super) fn queue(&self) -> mpsc::Sender<Bytes> {
        self.messages.clone()
    }

    /// Waits until nobody reads any more.
    pub(super) async fn closed(&self) {
        self.messages.closed().await;
    }
}

async fn write<W>(mut output: W, mut queue: mpsc::Receiver<Bytes>) -> io::Result<()>
where
    W: AsyncWrite + Unpin,
{
    let mut lines = BytesMut::new();
    while let Some(message) = queue.recv().await {
        add(&mut lines, &message);
        // What waits already goes along.
        while let Ok(message) = queue.try_recv() {
            add(&mut lines, &message);
        }
        output.write_all(&lines).await?;
        output.flush().await?;
        lines.clear();
    }
    Ok(())
}

/// Adds a message as one line. Upstreams may write JSON over several lines; inside of strings line ends are escaped, so
/// those that stand here are only space.
fn add(lines: &mut BytesMut, message: &[u8]) {
    let start = lines.len();
    lines.extend_from_slice(message);
    for byte in &mut lines[start..] {
        if matches!(byte, b'\n' | b'\r') {
            *byte = b' ';
        }
    }
    lines.extend_from_slice(b"\n");
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[tokio::test]
    async fn a_message_over_several_lines_becomes_one() {
        let (written, mut read) = tokio::io::duplex(1024);
        let (output, task) = Output::to(written);
        output.say(Bytes::from_static(b"{\n  \"a\": \"b\\n\"\r\n}")).await;
        output.say(Bytes::from_static(b"{}")).await;
        drop(output);
        task.await.unwrap().unwrap();
        let mut text = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut read, &mut text)
            .await
            .unwrap();
        assert_eq!(text, "{   \"a\": \"b\\n\"  }\n{}\n");
    }
}
