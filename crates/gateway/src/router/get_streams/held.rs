//! The GET streams whose connections this replica holds.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use mcpg_capabilities::calls::Version;
use mcpg_capabilities::delivery::get::{Seen, messages_lost};
use mcpg_capabilities::delivery::{EventId, StreamName};
use mcpg_capabilities::mac::MacKey;
use mcpg_capabilities::owner::OwnerPair;
use mcpg_mcp::sse::{Event, encode};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::super::start::SessionRef;
use crate::frames::{FrameSender, Unsent};

/// A GET stream whose connection this replica holds.
#[derive(Debug)]
pub(in crate::router) struct HeldStream {
    session: SessionRef,
    id: u64,
    mac: MacKey,
    pub(super) frames: FrameSender,
    told: Mutex<Told>,
    /// Wakes whoever reads the record for it.
    pub(super) look: Notify,
    /// Given when the session was closed.
    pub(super) closed: CancellationToken,
}

/// How far the client was told what.
#[derive(Debug)]
struct Told {
    /// The number of the last event.
    sequence: u64,
    /// Up to where it was told of levels on this stream; `None` on a stream that was not told of any yet.
    feed: Option<u64>,
    is_attached: bool,
    is_first: bool,
    before: Vec<OwnerPair>,
    /// The version that the next look must see.
    at_least: Option<Version>,
}

/// Where a stream begins.
#[derive(Clone, Copy, Debug)]
pub(in crate::router) struct Beginning {
    pub(in crate::router) stream: u64,
    /// The number of the last event that the client has.
    pub(in crate::router) sequence: u64,
    pub(in crate::router) feed: Option<u64>,
}

/// Who tells clients of levels.
pub(in crate::router) trait LevelSource: Send + Sync {
    /// The stream has just been attached or become the first one of its session, or somebody asked its holder to look.
    /// It must not block.
    fn greet(&self, stream: &Arc<HeldStream>);
}

impl HeldStream {
    pub(super) fn new(session: SessionRef, mac: MacKey, begins: Beginning, frames: FrameSender) -> Arc<Self> {
        Arc::new(Self {
            session,
            id: begins.stream,
            mac,
            frames,
            told: Mutex::new(Told {
                sequence: begins.sequence,
                feed: begins.feed,
                is_attached: false,
                is_first: false,
                before: Vec::new(),
                at_least: None,
            }),
            look: Notify::new(),
            closed: CancellationToken::new(),
        })
    }

    /// The session, as it was when the stream was opened.
    pub(in crate::router) fn session(&self) -> &SessionRef {
        &self.session
    }

    /// The stream.
    pub(in crate::router) fn id(&self) -> u64 {
        self.id
    }

    /// Whether it is the first stream of its session that a living replica holds, as was last read.
    pub(in crate::router) fn is_first(&self) -> bool {
        let told = self.told.lock();
        told.is_attached && told.is_first
    }

    /// Up to where the client was told of levels on this stream; `None` where it was not told of any yet.
    pub(in crate::router) fn feed(&self) -> Option<u64> {
        self.told.lock().feed
    }

    /// Sends the news of a level, after which the client was told of levels up to `feed`. `false`: the connection is
    /// closed, and the client hears of it when it comes back.
    pub(in crate::router) fn tell_level(&self, feed: u64, message: &Bytes) -> bool {
        let mut told = self.told.lock();
        let id = self.event_id(told.sequence, Some(feed));
        if self.send(id, message.clone()).is_err() {
            return false;
        }
        told.feed = Some(feed);
        true
    }

    /// Sends the event that only lets the client come back. Clients of older revisions stumble over empty data.
    pub(super) fn prime(&self, retry_ms: u64) -> Result<(), Unsent> {
        if !self.session.version().has_priming_event() {
            return Ok(());
        }
        let told = self.told.lock();
        let id = self.event_id(told.sequence, told.feed);
        self.frames.send(encode(&Event::priming(id, Some(retry_ms))))
    }

    /// Sends what was seen in the record, and says whether it has become the first stream.
    pub(super) fn show(&self, seen: &Seen) -> Result<bool, Unsent> {
        let mut told = self.told.lock();
        if seen.missed > 0 {
            // It has no place in the log: it is said once, here.
            let notice = messages_lost(seen.missed);
            let id = self.event_id(told.sequence, told.feed);
            self.send(id, Bytes::copy_from_slice(notice.get().as_bytes()))?;
        }
        let sent = told.sequence;
        for event in seen.events.iter().filter(|event| event.sequence > sent) {
            let id = self.event_id(event.sequence, told.feed);
            self.send(id, event.message.clone())?;
            told.sequence = event.sequence;
        }
        told.sequence = told.sequence.max(seen.last);
        let becomes_first = seen.is_first && !(told.is_attached && told.is_first);
        (told.is_attached, told.is_first) = (true, seen.is_first);
        told.before.clone_from(&seen.before);
        told.at_least = told.at_least.max(Some(seen.version));
        Ok(becomes_first)
    }

    /// The number of the last event that was sent.
    pub(super) fn sequence(&self) -> u64 {
        self.told.lock().sequence
    }

    /// The version that the next look must see.
    pub(super) fn at_least(&self) -> Option<Version> {
        self.told.lock().at_least
    }

    /// Nothing names this connection in the record.
    pub(super) fn is_not_attached(&self) {
        let mut told = self.told.lock();
        (told.is_attached, told.is_first, told.at_least) = (false, false, None);
    }

    /// Who held streams before this one.
    pub(super) fn before(&self) -> Vec<OwnerPair> {
        self.told.lock().before.clone()
    }

    /// Lets whoever reads the record look again.
    pub(super) fn wake(&self, version: Option<Version>) {
        let mut told = self.told.lock();
        told.at_least = told.at_least.max(version);
        drop(told);
        self.look.notify_one();
    }

    fn send(&self, id: String, message: Bytes) -> Result<(), Unsent> {
        self.frames.send(encode(&Event::message(message).with_id(id)))
    }

    fn event_id(&self, sequence: u64, feed: Option<u64>) -> String {
        let id = EventId {
            stream: StreamName::Get {
                stream: self.id,
                feed: feed.unwrap_or_default(),
            },
            sequence,
        };
        id.mint(&self.mac, &self.session.id)
    }
}

/// The GET streams whose connections this replica holds, by the names of their sessions.
#[derive(Default)]
pub(in crate::router) struct HeldStreams {
    streams: Mutex<HashMap<String, Vec<Arc<HeldStream>>>>,
    levels: OnceLock<Arc<dyn LevelSource>>,
}

impl HeldStreams {
    /// Says who tells clients of levels. To be called once, before anything is held.
    pub(in crate::router) fn set_levels(&self, levels: Arc<dyn LevelSource>) {
        let _ = self.levels.set(levels);
    }

    /// All streams.
    pub(in crate::router) fn all(&self) -> Vec<Arc<HeldStream>> {
        self.streams.lock().values().flatten().cloned().collect()
    }

    /// The streams of the session with this name.
    pub(super) fn of(&self, session: &str) -> Vec<Arc<HeldStream>> {
        self.streams.lock().get(session).cloned().unwrap_or_default()
    }

    pub(super) fn add(&self, stream: &Arc<HeldStream>) {
        let mut streams = self.streams.lock();
        let name = stream.session.id.name().to_owned();
        streams.entry(name).or_default().push(Arc::clone(stream));
    }

    pub(super) fn remove(&self, stream: &Arc<HeldStream>) {
        let mut streams = self.streams.lock();
        let name = stream.session.id.name();
        if let Some(of_session) = streams.get_mut(name) {
            of_session.retain(|other| !Arc::ptr_eq(other, stream));
            if of_session.is_empty() {
                streams.remove(name);
            }
        }
    }

    pub(super) fn greet(&self, stream: &Arc<HeldStream>) {
        if let Some(levels) = self.levels.get() {
            levels.greet(stream);
        }
    }
}
