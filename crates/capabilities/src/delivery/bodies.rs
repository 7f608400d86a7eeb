//! Events that are too large to stand in the record of their stream.
//!
//! The record of a stream is written anew with each event, so it must stay small. What does not fit is written first
//! into a **body** under `event/<session>` and a name that nobody else ever writes; then the record is written with the
//! place of the body in it. A body that no record names expires. A record never names a body that was not acknowledged,
//! so a reader that misses one has met a loss, and its stream ends with an error: nothing is ever skipped.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use mcpg_cluster::{Entry, Error, ErrorKind, Expect, Key, KeyValue, Result};
use serde_json::value::RawValue;

use super::log::{Log, Logged, Piece};
use crate::random;
use crate::store::{Fields, Format, FormatError, Writer};
use crate::weakness::{self, Weakness};

const SCOPE: &str = "event/";
/// How many bytes of events stand in a record itself.
const MOST_INLINE: u64 = 16 * 1024;
/// The largest part of a body, whatever the coordinator would take: one value must not hold up those behind it.
const LARGEST_PART: usize = 1024 * 1024;
/// What a coordinator may need around a value.
const ENVELOPE: usize = 1024;
/// How many parts of a body are under way at once.
const AT_ONCE: usize = 4;

/// Where some events of a stream are, and how much it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Body {
    /// The number of the first event.
    pub(super) first: u64,
    pub(super) count: u64,
    /// How many bytes the messages have.
    pub(super) bytes: u64,
    parts: u32,
    /// The token of the replica that wrote it, and a number that it drew.
    token: u64,
    nonce: u64,
}

/// How a body stands in a record: as short as it can be, since there may be hundreds.
type Parts = (u64, u64, u64, u32, u64, u64);

impl Body {
    pub(super) fn to_parts(&self) -> Parts {
        (
            self.first, self.count, self.bytes, self.parts, self.token, self.nonce,
        )
    }

    pub(super) fn of_parts((first, count, bytes, parts, token, nonce): Parts) -> Self {
        Self {
            first: first.max(1),
            count,
            bytes,
            parts,
            token,
            nonce,
        }
    }

    /// The same events with numbers from `first` on.
    pub(super) fn renumbered(self, first: u64) -> Self {
        Self { first, ..self }
    }

    /// Whether these are its messages, as far as their number and size tell.
    fn is(&self, messages: &[Bytes]) -> bool {
        let bytes = messages.iter().map(|message| message.len() as u64).sum::<u64>();
        (messages.len() as u64, bytes) == (self.count, self.bytes)
    }

    fn key(&self, session: &str, part: u32) -> Key {
        Key::new(
            format!("{SCOPE}{session}"),
            format!("{}/{:016x}/{part}", self.token, self.nonce),
        )
    }
}

/// For whom bodies are written and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// The name of the session.
    pub(crate) session: &'a str,
    /// The token of the writing replica.
    pub(crate) token: u64,
    /// How long they live: longer than any record that names them.
    pub(crate) ttl: Duration,
}

/// What became of reading bodies.
#[derive(Debug)]
pub(crate) enum Loaded {
    /// All events, in order.
    Events(Vec<Logged>),
    /// A body is gone.
    Missing,
    /// A body was not seen by a read that may be older than the body.
    Stale,
}

/// Writes and reads bodies.
#[derive(Clone)]
pub(crate) struct Bodies {
    writer: Writer,
    key_value: Arc<dyn KeyValue>,
    max_value_bytes: usize,
    stale_reads: Duration,
}

impl std::fmt::Debug for Bodies {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Bodies")
            .field("max_value_bytes", &self.max_value_bytes)
            .finish_non_exhaustive()
    }
}

impl Bodies {
    /// Bodies in `key_value`, whose Support says how large a value may be and how old a read.
    pub(crate) fn new(
        writer: Writer,
        key_value: Arc<dyn KeyValue>,
        max_value_bytes: usize,
        stale_reads: Duration,
    ) -> Self {
        Self {
            writer,
            key_value,
            max_value_bytes,
            stale_reads,
        }
    }

    /// Moves events into bodies where too much of the log would stand in its record. The record is written after that
    /// and nothing before.
    ///
    /// # Errors
    /// Why a body could not be written; the log is then not to be used.
    pub(crate) async fn settle(&self, log: &mut Log, place: Place<'_>) -> Result<()> {
        if !log.needs_bodies(self.most_inline()) {
            return Ok(());
        }
        while let Some((at, first, run)) = log.first_run() {
            let body = self.write(place, first, &run).await?;
            log.replace_run(at, body);
        }
        Ok(())
    }

    /// Reads the bodies among what a reader is to get.
    ///
    /// # Errors
    /// Why one could not be read.
    pub(crate) async fn load(&self, session: &str, pieces: Vec<Piece>) -> Result<Loaded> {
        let mut events = Vec::new();
        for piece in pieces {
            let (body, after) = match piece {
                Piece::Event(event) => {
                    events.push(event);
                    continue;
                }
                Piece::Stored { body, after } => (body, after),
            };
            match self.read(session, &body).await? {
                Read::Messages(messages) => {
                    let logged = messages
                        .into_iter()
                        .zip(body.first..)
                        .filter(|(_, sequence)| *sequence > after);
                    events.extend(logged.map(|(message, sequence)| Logged { sequence, message }));
                }
                Read::Missing if weakness::has(Weakness::SkipsMissingBodies) => {}
                Read::Missing => return Ok(Loaded::Missing),
                Read::Stale => return Ok(Loaded::Stale),
            }
        }
        Ok(Loaded::Events(events))
    }

    fn most_inline(&self) -> u64 {
        MOST_INLINE.min(self.max_value_bytes as u64 / 4)
    }

    fn largest_part(&self) -> usize {
        let most = self.max_value_bytes.min(LARGEST_PART);
        most.saturating_sub(ENVELOPE).max(most / 2).max(1)
    }

    async fn write(&self, place: Place<'_>, first: u64, run: &[&RawValue]) -> Result<Body> {
        let whole = encode(run).map_err(|error| unusable(&error))?;
        let largest = self.largest_part();
        let body = Body {
            first,
            count: run.len() as u64,
            bytes: run.iter().map(|message| message.get().len() as u64).sum(),
            parts: u32::try_from(whole.len().div_ceil(largest)).unwrap_or(u32::MAX),
            token: place.token,
            nonce: u64::from_be_bytes(random::bytes()),
        };
        if weakness::has(Weakness::BodiesAfterHeads) {
            self.write_later(place, body.clone(), whole);
            return Ok(body);
        }
        self.put(place, &body, &whole).await?;
        Ok(body)
    }

    async fn put(&self, place: Place<'_>, body: &Body, whole: &Bytes) -> Result<()> {
        let largest = self.largest_part();
        let parts = (0..body.parts).map(|part| {
            let from = part as usize * largest;
            let value = whole.slice(from..whole.len().min(from + largest));
            let key = body.key(place.session, part);
            async move { self.writer.create_unique(&key, value, place.ttl).await }
        });
        stream::iter(parts)
            .buffered(AT_ONCE)
            .try_for_each(|_| std::future::ready(Ok(())))
            .await
    }

    /// What a wrong order would be: the record first.
    fn write_later(&self, place: Place<'_>, body: Body, whole: Bytes) {
        let (bodies, session, token, ttl) = (self.clone(), place.session.to_owned(), place.token, place.ttl);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let session = &session;
            let _ = bodies.put(Place { session, token, ttl }, &body, &whole).await;
        });
    }

    async fn read(&self, session: &str, body: &Body) -> Result<Read> {
        let parts = (0..body.parts).map(|part| {
            let key = body.key(session, part);
            async move { Ok::<_, Error>((self.key_value.get(&key).await?, key)) }
        });
        let mut parts = stream::iter(parts).buffered(AT_ONCE);
        let mut whole = BytesMut::new();
        while let Some((entry, key)) = parts.try_next().await? {
            match entry {
                Some(Entry { value, .. }) => whole.extend_from_slice(&value),
                None if self.is_surely_absent(&key).await? => return Ok(Read::Missing),
                None => return Ok(Read::Stale),
            }
        }
        match decode(&whole) {
            Ok(messages) if body.is(&messages) => Ok(Read::Messages(messages)),
            // A marker stands where a part was.
            Ok(_) | Err(FormatError::Malformed(_)) => Ok(Read::Missing),
            Err(error) => Err(unusable(&error)),
        }
    }

    /// Where reads may be old, "not found" is confirmed by a write that fails where the body is. What stands there
    /// afterwards is no body.
    async fn is_surely_absent(&self, key: &Key) -> Result<bool> {
        if self.stale_reads.is_zero() {
            return Ok(true);
        }
        let marker = Bytes::from_static(b"gone");
        let put = self
            .key_value
            .put(key, marker, Expect::Absent, Some(self.stale_reads * 2))
            .await;
        match put {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(false),
            Err(error) => Err(error),
        }
    }
}

enum Read {
    Messages(Vec<Bytes>),
    Missing,
    Stale,
}

fn encode(run: &[&RawValue]) -> std::result::Result<Bytes, FormatError> {
    let mut fields = Fields::write(Format::NATIVE);
    fields.put("events", &run)?;
    fields.into_bytes().map(Bytes::from)
}

fn decode(whole: &[u8]) -> std::result::Result<Vec<Bytes>, FormatError> {
    let messages: Vec<Box<RawValue>> = Fields::read(whole)?.require("events")?;
    let messages = messages.into_iter();
    Ok(messages
        .map(|message| Bytes::from(Box::<str>::from(message).into_boxed_bytes()))
        .collect())
}

fn unusable(error: &FormatError) -> Error {
    Error::new(ErrorKind::Internal, error.to_string())
}
