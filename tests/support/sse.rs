//! A reader of server-sent events that is independent of the gateway's own codec.

use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;
use tokio::time::timeout;

use super::deadline::PATIENCE;
use super::http::Connection;

/// One event as it stood on the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// The `id:` field.
    pub(crate) id: Option<String>,
    /// The `event:` field.
    pub(crate) name: Option<String>,
    /// The `data:` lines, joined; `None` when the event had none.
    pub(crate) data: Option<String>,
    /// The `retry:` field.
    pub(crate) retry: Option<String>,
}

/// The events of one answer. Dropping it closes the connection.
pub(crate) struct Events {
    body: Incoming,
    _connection: Connection,
    buffer: Vec<u8>,
}

impl Events {
    pub(super) fn new(body: Incoming, connection: Connection) -> Self {
        Self {
            body,
            _connection: connection,
            buffer: Vec::new(),
        }
    }

    /// The next event, or `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        match timeout(PATIENCE, self.read()).await {
            Ok(event) => event,
            Err(_) => panic!("no event and no end within {PATIENCE:?}"),
        }
    }

    /// The next event that carries data, as JSON; `None` at the end of the stream.
    pub(crate) async fn message(&mut self) -> Option<Value> {
        loop {
            let data = self.next().await?.data.unwrap_or_default();
            if !data.is_empty() {
                return Some(serde_json::from_str(&data).expect("an event holds a JSON message"));
            }
        }
    }

    async fn read(&mut self) -> Option<Event> {
        loop {
            while let Some(block) = self.take_block() {
                if let Some(event) = parse(&block) {
                    return Some(event);
                }
            }
            // A connection that breaks ends the stream like one that is closed.
            let frame = self.body.frame().await?.ok()?;
            if let Ok(data) = frame.into_data() {
                self.buffer.extend_from_slice(&data);
            }
        }
    }

    /// Takes the lines up to the next empty line out of the buffer.
    fn take_block(&mut self) -> Option<String> {
        let end = self.buffer.windows(2).position(|pair| pair == b"\n\n");
        let crlf = self.buffer.windows(4).position(|four| four == b"\r\n\r\n");
        let (at, length) = match (end, crlf) {
            (Some(end), Some(crlf)) if crlf < end => (crlf, 4),
            (Some(end), _) => (end, 2),
            (None, Some(crlf)) => (crlf, 4),
            (None, None) => return None,
        };
        let block: Vec<u8> = self.buffer.drain(..at + length).collect();
        Some(String::from_utf8(block).expect("an event stream is UTF-8"))
    }
}

/// Reads one block of lines; comments alone are no event.
fn parse(block: &str) -> Option<Event> {
    let mut event = Event::default();
    for line in block.lines().filter(|line| !line.starts_with(':')) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value).to_owned();
        match field {
            "id" => event.id = Some(value),
            "event" => event.name = Some(value),
            "retry" => event.retry = Some(value),
            "data" => match &mut event.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(&value);
                }
                None => event.data = Some(value),
            },
            _ => {}
        }
    }
    (event != Event::default()).then_some(event)
}
