//! Server-sent events: a bounded incremental decoder, and the encoder.

use bytes::Bytes;
use std::fmt;

/// What a comment line on the wire looks like; it keeps a silent connection open.
pub const KEEP_ALIVE: &[u8] = b":\n\n";
const BOM: &[u8] = b"\xef\xbb\xbf";

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// The id to resume after.
    pub id: Option<String>,
    /// The type; absent means `message`.
    pub event: Option<String>,
    /// The data, lines joined by a line feed. Empty in an event that only primes the client to reconnect.
    pub data: Bytes,
    /// How many milliseconds to wait before reconnecting.
    pub retry: Option<u64>,
}

/// An event outgrew the limit of its decoder, which stays unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventTooLarge {
    /// The limit in bytes.
    pub limit: usize,
}

/// Turns the bytes of a stream into events, however they are cut into pieces.
///
/// Unlike a browser it also reports events without data, because an id or a retry time alone has a meaning here.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    /// The beginning of a line whose end was not received yet.
    line: Vec<u8>,
    /// The last byte was a carriage return, so a line feed that follows belongs to it.
    skip_line_feed: bool,
    /// No line was completed yet, so the next one may start with a byte order mark.
    at_start: bool,
    pending: Pending,
    failed: bool,
}

#[derive(Debug, Default)]
struct Pending {
    id: Option<String>,
    event: Option<String>,
    data: Vec<u8>,
    has_data: bool,
    retry: Option<u64>,
}

impl Decoder {
    /// Makes a decoder that holds at most `limit` bytes of an unfinished event.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            skip_line_feed: false,
            at_start: true,
            pending: Pending::default(),
            failed: false,
        }
    }

    /// Takes the next piece of the stream and returns the events it completes.
    ///
    /// # Errors
    /// [`EventTooLarge`], now and for ever, if an event exceeds the limit. Use [`Decoder::feed`] to keep the events
    /// completed before it.
    pub fn push(&mut self, piece: &[u8]) -> Result<Vec<Event>, EventTooLarge> {
        let mut events = Vec::new();
        self.feed(piece, &mut events)?;
        Ok(events)
    }

    /// Takes the next piece of the stream and appends the events it completes.
    ///
    /// # Errors
    /// [`EventTooLarge`], now and for ever, if an event exceeds the limit.
    pub fn feed(&mut self, piece: &[u8], events: &mut Vec<Event>) -> Result<(), EventTooLarge> {
        let outcome = if self.failed {
            Err(self.too_large())
        } else {
            self.read_lines(piece, events)
        };
        self.failed = outcome.is_err();
        outcome
    }

    fn read_lines(&mut self, mut piece: &[u8], events: &mut Vec<Event>) -> Result<(), EventTooLarge> {
        while !piece.is_empty() {
            if std::mem::take(&mut self.skip_line_feed) && piece[0] == b'\n' {
                piece = &piece[1..];
                continue;
            }
            let Some(end) = memchr::memchr2(b'\r', b'\n', piece) else {
                self.check(piece.len())?;
                self.line.extend_from_slice(piece);
                return Ok(());
            };
            self.check(end)?;
            if self.line.is_empty() {
                self.read_line(&piece[..end], events);
            } else {
                let mut line = std::mem::take(&mut self.line);
                line.extend_from_slice(&piece[..end]);
                self.read_line(&line, events);
                line.clear();
                self.line = line;
            }
            self.skip_line_feed = piece[end] == b'\r';
            piece = &piece[end + 1..];
        }
        Ok(())
    }

    fn read_line(&mut self, line: &[u8], events: &mut Vec<Event>) {
        let at_start = std::mem::take(&mut self.at_start);
        let line = if at_start {
            line.strip_prefix(BOM).unwrap_or(line)
        } else {
            line
        };
        if line.is_empty() {
            events.extend(self.pending.take());
        } else {
            self.pending.read_field(line);
        }
    }

    fn check(&self, more: usize) -> Result<(), EventTooLarge> {
        if self.line.len() + self.pending.len() + more > self.limit {
            Err(self.too_large())
        } else {
            Ok(())
        }
    }

    fn too_large(&self) -> EventTooLarge {
        EventTooLarge { limit: self.limit }
    }
}

impl Pending {
    fn len(&self) -> usize {
        let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        self.data.len() + text(&self.id) + text(&self.event)
    }

    fn read_field(&mut self, line: &[u8]) {
        let (name, value) = match memchr::memchr(b':', line) {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &line[line.len()..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.has_data = true;
                self.data.extend_from_slice(value);
            }
            b"id" if !value.contains(&0) => self.id = Some(String::from_utf8_lossy(value).into_owned()),
            b"event" => self.event = Some(String::from_utf8_lossy(value).into_owned()),
            b"retry" if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
                self.retry = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            }
            _ => {}
        }
    }

    fn take(&mut self) -> Option<Event> {
        let pending = std::mem::take(self);
        let nothing =
            !pending.has_data && pending.id.is_none() && pending.event.is_none() && pending.retry.is_none();
        (!nothing).then(|| Event {
            id: pending.id,
            event: pending.event,
            data: pending.data.into(),
            retry: pending.retry,
        })
    }
}

impl Event {
    /// Makes an event that carries a message.
    #[must_use]
    pub fn message(data: Bytes) -> Self {
        Self {
            data,
            ..Self::default()
        }
    }

    /// Adds an id.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Makes an event without data whose id primes the client to reconnect.
    #[must_use]
    pub fn priming(id: impl Into<String>, retry: Option<u64>) -> Self {
        Self {
            id: Some(id.into()),
            retry,
            ..Self::default()
        }
    }

    /// True if the event is of the type that carries JSON-RPC messages and has data.
    #[must_use]
    pub fn is_message(&self) -> bool {
        !self.data.is_empty()
            && self
                .event
                .as_deref()
                .is_none_or(|event| event.is_empty() || event == "message")
    }
}

/// Writes an event.
///
/// Line breaks in the data become further data lines, so a reader sees them all as line feeds. Characters that would
/// end a line or hide the field are left out of id and type. The data line itself is left out only where an event has
/// neither data nor id: old clients try to read empty data as JSON.
#[must_use]
pub fn encode(event: &Event) -> Bytes {
    let texts = event.id.as_ref().map_or(0, String::len) + event.event.as_ref().map_or(0, String::len);
    let mut out = Vec::with_capacity(48 + texts + event.data.len());
    put_text(&mut out, b"event: ", event.event.as_deref());
    put_text(&mut out, b"id: ", event.id.as_deref());
    if let Some(retry) = event.retry {
        put_text(&mut out, b"retry: ", Some(&retry.to_string()));
    }
    if !event.data.is_empty() || event.id.is_some() {
        put_data(&mut out, &event.data);
    }
    out.push(b'\n');
    out.into()
}

/// Writes a comment, which carries nothing and keeps the connection open.
#[must_use]
pub fn comment(text: &str) -> Bytes {
    let mut out = Vec::with_capacity(text.len() + 4);
    put_text(&mut out, b": ", Some(text));
    out.push(b'\n');
    out.into()
}

fn put_text(out: &mut Vec<u8>, field: &[u8], text: Option<&str>) {
    let Some(text) = text else { return };
    out.extend_from_slice(field);
    out.extend(text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)));
    out.push(b'\n');
}

fn put_data(out: &mut Vec<u8>, mut data: &[u8]) {
    loop {
        out.extend_from_slice(b"data: ");
        let Some(end) = memchr::memchr2(b'\r', b'\n', data) else {
            out.extend_from_slice(data);
            out.push(b'\n');
            return;
        };
        out.extend_from_slice(&data[..end]);
        out.push(b'\n');
        let line_break = if data[end..].starts_with(b"\r\n") { 2 } else { 1 };
        data = &data[end + line_break..];
    }
}

impl fmt::Display for EventTooLarge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a server-sent event exceeds {} bytes", self.limit)
    }
}

impl std::error::Error for EventTooLarge {}

#[cfg(test)]
mod tests;
