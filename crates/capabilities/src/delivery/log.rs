//! The events of one stream.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::bodies::Body;

/// An event with its number in its stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// Its number: 1 for the first event. 0 is the place before it, where a client stands that has seen nothing.
    pub sequence: u64,
    /// The whole JSON-RPC message.
    pub message: Bytes,
}

/// How much of a stream is kept for clients that come back. What is older goes first; the newest event always stays,
/// however large it is, so that what may be sent at all may also be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// How many events are kept.
    pub max_events: u64,
    /// How many bytes of messages are kept.
    pub max_bytes: u64,
    /// How long an event is kept while its stream goes on.
    pub max_age: Duration,
}

impl Default for LogLimits {
    fn default() -> Self {
        Self {
            max_events: 1_000,
            max_bytes: 4 * 1024 * 1024,
            max_age: Duration::from_secs(300),
        }
    }
}

/// The events of one stream as they stand in its record: small ones themselves, others by where their body is.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Log {
    /// How many events are gone from the beginning.
    #[serde(default)]
    base: u64,
    #[serde(default, rename = "events")]
    items: VecDeque<Item>,
}

/// One event in the record, or several of them elsewhere.
#[derive(Clone, Debug)]
enum Item {
    Inline(Box<RawValue>),
    /// The first of its events may be gone from the log already.
    Stored(Body),
}

/// What a reader gets: an event, or where some are.
#[derive(Clone, Debug)]
pub(crate) enum Piece {
    /// An event that stands in the record.
    Event(Logged),
    /// Events elsewhere, of which those up to the number `after` are not wanted.
    Stored {
        /// Where they are.
        body: Body,
        /// The number of the last event that is not wanted.
        after: u64,
    },
}

impl Item {
    fn count(&self) -> u64 {
        match self {
            Self::Inline(_) => 1,
            Self::Stored(body) => body.count,
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            Self::Inline(message) => message.get().len() as u64,
            Self::Stored(body) => body.bytes,
        }
    }
}

/// A message is a JSON object, so a list among the events is the place of a body.
fn is_list(message: &RawValue) -> bool {
    message.get().starts_with('[')
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Inline(message) => message.serialize(serializer),
            Self::Stored(body) => body.to_parts().serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        if !is_list(&raw) {
            return Ok(Self::Inline(raw));
        }
        let parts = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
        Ok(Self::Stored(Body::of_parts(parts)))
    }
}

impl Log {
    /// A log in which nothing stands, whose next event follows the one with this number.
    pub(crate) fn starting_after(sequence: u64) -> Self {
        Self {
            base: sequence,
            items: VecDeque::new(),
        }
    }

    /// Whether there is anything to come back for.
    pub(crate) fn has_events(&self) -> bool {
        !self.items.is_empty()
    }

    /// Whether nothing was ever said.
    pub(crate) fn is_empty(&self) -> bool {
        self.last() == 0
    }

    /// The number of the last event that is gone; 0 where all are there.
    pub(crate) fn base(&self) -> u64 {
        self.base
    }

    /// The number of the last event; 0 where there is none.
    pub(crate) fn last(&self) -> u64 {
        self.before() + self.items.iter().map(Item::count).sum::<u64>()
    }

    /// How many events are kept, wherever they are.
    #[cfg(test)]
    pub(crate) fn count(&self) -> u64 {
        self.last() - self.base
    }

    /// How many bytes the messages have that are kept, wherever they are.
    pub(crate) fn bytes(&self) -> u64 {
        self.items.iter().map(Item::bytes).sum()
    }

    /// Whether so much stands in the record itself, or such a thing, that it has to go into bodies.
    pub(crate) fn needs_bodies(&self, most_inline: u64) -> bool {
        let inline = self.items.iter().filter_map(|item| match item {
            Item::Inline(message) => Some(message),
            Item::Stored(_) => None,
        });
        let mut bytes = 0;
        for message in inline {
            bytes += message.get().len() as u64;
            if bytes > most_inline || is_list(message) {
                return true;
            }
        }
        false
    }

    /// Adds an event and gives it the next number.
    pub(crate) fn push(&mut self, message: &RawValue) -> u64 {
        self.items.push_back(Item::Inline(message.to_owned()));
        self.last()
    }

    /// Adds the events of another log, which is written nowhere yet, and gives them the next numbers.
    pub(crate) fn append(&mut self, other: Self) -> u64 {
        for item in other.items {
            let next = self.last() + 1;
            self.items.push_back(match item {
                Item::Stored(body) => Item::Stored(body.renumbered(next)),
                inline @ Item::Inline(_) => inline,
            });
        }
        self.last()
    }

    /// The first run of events that stand in the record itself: its place, the number of its first event, its messages.
    pub(crate) fn first_run(&self) -> Option<(usize, u64, Vec<&RawValue>)> {
        let at = self
            .items
            .iter()
            .position(|item| matches!(item, Item::Inline(_)))?;
        let before = self.items.range(..at).map(Item::count).sum::<u64>();
        let run = self.items.range(at..).map_while(|item| match item {
            Item::Inline(message) => Some(&**message),
            Item::Stored(_) => None,
        });
        Some((at, self.before() + before + 1, run.collect()))
    }

    /// Puts a body in the place of the run of events that it holds.
    pub(crate) fn replace_run(&mut self, at: usize, body: Body) {
        let mut rest = self.items.split_off(at);
        let events = usize::try_from(body.count).unwrap_or(usize::MAX);
        drop(rest.drain(..events.min(rest.len())));
        self.items.push_back(Item::Stored(body));
        self.items.append(&mut rest);
    }

    /// Lets go of the oldest events where there are too many or too much, and says how many. The newest stays.
    pub(crate) fn trim_to(&mut self, max_events: u64, max_bytes: u64) -> u64 {
        let before = self.base;
        self.forget_to(self.last().saturating_sub(max_events.max(1)));
        while self.bytes() > max_bytes && self.items.len() > 1 {
            self.forget_to(self.before() + self.items[0].count());
        }
        self.base - before
    }

    /// Lets go of the events up to this number.
    pub(crate) fn forget_to(&mut self, sequence: u64) {
        let mut before = self.before();
        while let Some(item) = self.items.front()
            && before + item.count() <= sequence
        {
            before += item.count();
            self.items.pop_front();
            self.base = before;
        }
        if !self.items.is_empty() {
            self.base = self.base.max(sequence);
        }
    }

    /// The events after the one with this number; `None` where some of them are gone.
    pub(crate) fn after(&self, sequence: u64) -> Option<Vec<Piece>> {
        if sequence < self.base {
            return None;
        }
        let mut last = self.before();
        let mut pieces = Vec::new();
        for item in &self.items {
            last += item.count();
            if last > sequence {
                pieces.push(match item {
                    Item::Inline(message) => Piece::Event(Logged {
                        sequence: last,
                        message: Bytes::copy_from_slice(message.get().as_bytes()),
                    }),
                    Item::Stored(body) => Piece::Stored {
                        body: body.clone(),
                        after: sequence,
                    },
                });
            }
        }
        Some(pieces)
    }

    /// The number of the last event before the first item.
    fn before(&self) -> u64 {
        match self.items.front() {
            Some(Item::Stored(body)) => body.first - 1,
            _ => self.base,
        }
    }
}

#[cfg(test)]
mod tests;
