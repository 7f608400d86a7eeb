//! The client's connection to the stream of a call.

use std::sync::Arc;

use bytes::Bytes;
use mcpg_capabilities::calls::{Birth, CallKey};
use mcpg_capabilities::delivery::{EventId, StreamName};
use mcpg_capabilities::mac::MacKey;
use mcpg_capabilities::sessions::SessionId;
use mcpg_mcp::sse::{self, Event};

use crate::frames::{FrameSender, Unsent};
use crate::observe::{Closed, OpenStream};

/// How long clients wait before they come back, in milliseconds. It is drawn for each stream, so that those which a
/// replica leaves behind do not all come at once.
const SHORTEST_RETRY: u64 = 500;
const LONGEST_RETRY: u64 = 5000;

/// What a client is told to wait before it comes back.
pub(in crate::router) fn retry_ms() -> u64 {
    fastrand::u64(SHORTEST_RETRY..=LONGEST_RETRY)
}

/// Makes the events of one call's stream.
#[derive(Clone, Debug)]
pub(in crate::router) struct Events {
    mac: MacKey,
    session: SessionId,
    id: Arc<str>,
    birth: Birth,
}

impl Events {
    pub(in crate::router) fn new(mac: &MacKey, session: &SessionId, call: &CallKey, birth: Birth) -> Self {
        Self {
            mac: mac.clone(),
            session: session.clone(),
            id: call.id().into(),
            birth,
        }
    }

    /// The event with this number.
    pub(in crate::router) fn logged(&self, message: Bytes, sequence: u64) -> Bytes {
        sse::encode(&Event::message(message).with_id(self.id(sequence)))
    }

    /// An event that nobody can come back for.
    pub(in crate::router) fn unlogged(message: Bytes) -> Bytes {
        sse::encode(&Event::message(message))
    }

    /// Nothing but the place behind an event, for clients that understand it.
    pub(in crate::router) fn place(&self, sequence: u64, retry: Option<u64>) -> Bytes {
        sse::encode(&Event::priming(self.id(sequence), retry))
    }

    fn id(&self, sequence: u64) -> String {
        let stream = StreamName::Call {
            id: Arc::clone(&self.id),
            birth: self.birth,
        };
        EventId { stream, sequence }.mint(&self.mac, &self.session)
    }
}

/// The client's connection, while there is one.
#[derive(Debug)]
pub(super) struct Socket {
    sender: Option<(FrameSender, OpenStream)>,
    events: Events,
    /// Whether the client understands an event without data.
    places: bool,
}

impl Socket {
    /// Begins the stream.
    pub(super) fn new(sender: FrameSender, events: Events, places: bool) -> Self {
        let mut socket = Self {
            sender: Some((sender, OpenStream::of_call())),
            events,
            places,
        };
        if places {
            socket.send(|events| events.place(0, Some(retry_ms())));
        }
        socket
    }

    /// Sends an event that stands in the log.
    pub(super) fn logged(&mut self, message: Bytes, sequence: u64) {
        self.send(|events| events.logged(message, sequence));
    }

    /// Sends an event that does not.
    pub(super) fn unlogged(&mut self, message: Bytes) {
        self.send(|_| Events::unlogged(message));
    }

    /// Tells the client that everything up to an event stands in the log.
    pub(super) fn place(&mut self, sequence: u64) {
        if self.places {
            self.send(|events| events.place(sequence, None));
        }
    }

    /// Lets go of the client, which comes back after `retry_ms`. Clients that could not know that stay.
    pub(super) fn pause(&mut self, sequence: u64, retry_ms: u64) {
        if self.places {
            // Never sooner than the upstream wants to be asked again.
            let retry_ms = retry_ms.max(super::retry_ms());
            self.send(|events| events.place(sequence, Some(retry_ms)));
            self.close(Closed::Paused);
        }
    }

    /// Lets go of the client, if it is still there, after what was sent.
    pub(super) fn close(&mut self, why: Closed) {
        if let Some((_, open)) = self.sender.take() {
            open.close(why);
        }
    }

    /// Waits until the client is gone.
    pub(super) async fn closed(&self) {
        match &self.sender {
            Some((sender, _)) => sender.closed().await,
            None => std::future::pending().await,
        }
    }

    fn send(&mut self, frame: impl FnOnce(&Events) -> Bytes) {
        let Some((sender, _)) = &self.sender else {
            return;
        };
        match sender.send(frame(&self.events)) {
            Ok(()) => {}
            Err(Unsent::Overflow) => self.close(Closed::Overflow),
            Err(Unsent::Gone) => self.close(Closed::ClientGone),
        }
    }
}
