//! Everything that a redis server is told.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::deadline::until_true;
use super::redis::Redis;

/// Listens to a server until it is dropped.
pub(crate) struct Monitor {
    lines: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Redis {
    /// Listens to all commands from now on.
    pub(crate) async fn monitor(&self) -> Monitor {
        let mut stream = TcpStream::connect(self.address).await.expect("redis listens");
        stream.write_all(b"MONITOR\r\n").await.expect("redis reads");
        let mut reader = BufReader::new(stream);
        let mut answer = String::new();
        reader.read_line(&mut answer).await.expect("redis answers");
        assert_eq!(answer.trim_end(), "+OK");
        let lines = Arc::new(Mutex::new(String::new()));
        let into = Arc::clone(&lines);
        let reader = tokio::spawn(async move {
            let mut line = Vec::new();
            while reader
                .read_until(b'\n', &mut line)
                .await
                .is_ok_and(|read| read > 0)
            {
                let text = String::from_utf8_lossy(&line);
                into.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push_str(&text);
                line.clear();
            }
        });
        Monitor { lines, reader }
    }
}

impl Monitor {
    /// What the server was told so far, one command in a line, once that holds `wanted`.
    pub(crate) async fn text_with(&self, wanted: &str) -> String {
        until_true(&format!("redis is told of {wanted}"), async || {
            self.text().contains(wanted)
        })
        .await;
        self.text()
    }

    /// What the server was told so far.
    pub(crate) fn text(&self) -> String {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.reader.abort();
    }
}
