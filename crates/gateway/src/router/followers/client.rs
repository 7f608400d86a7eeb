//! The connection of a client that has come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::id::RequestId;
use mcpg_mcp::write;

use crate::frames::{FrameSender, Unsent};
use crate::router::stream::{Events, retry_ms};

/// The connection.
pub(super) struct Client {
    pub(super) sender: Arc<FrameSender>,
    pub(super) events: Events,
    /// Whether the client understands an event without data.
    pub(super) places: bool,
    /// The JSON text of the request's id.
    pub(super) id: Arc<str>,
    /// Whether it was cut off because it reads too slowly.
    pub(super) is_slow: AtomicBool,
}

impl Client {
    pub(super) fn send(&self, frame: Bytes) {
        // A client that is gone is noticed by who follows for it.
        if let Err(Unsent::Overflow) = self.sender.send(frame) {
            self.is_slow.store(true, Ordering::Relaxed);
        }
    }

    /// Tells where the client stands and how long it is to wait before it comes back.
    pub(super) fn place(&self, after: u64) {
        if self.places {
            self.send(self.events.place(after, Some(retry_ms())));
        }
    }

    pub(super) fn ends(&self, error: &ErrorObject) {
        if let Some(message) = self.error(error) {
            self.send(Events::unlogged(message));
        }
    }

    pub(super) fn ends_at(&self, sequence: u64, error: &ErrorObject) {
        if let Some(message) = self.error(error) {
            self.send(self.events.logged(message, sequence));
        }
    }

    /// The response to the request whose stream this is.
    fn error(&self, error: &ErrorObject) -> Option<Bytes> {
        let id = RequestId::from_json(&self.id).ok()?;
        Some(write::error(Some(&id), error))
    }
}

pub(super) fn gone() -> ErrorObject {
    ErrorObject::internal_with_reason(
        "stream_gone",
        "the stream of this request is kept no longer: whether the request was executed is unknown",
    )
}

pub(super) fn trimmed() -> ErrorObject {
    ErrorObject::internal_with_reason(
        "events_lost",
        "the stream of this request has gone on too far since the last event that was received: what was said in between \
         is kept no longer",
    )
}

pub(super) fn broken(why: &str) -> ErrorObject {
    ErrorObject::internal_with_reason(
        "stream_broken",
        format!("the stream of this request cannot be read: {why}"),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_stream_that_cannot_go_on_ends_with_an_error_that_says_why() {
        let said = |error: ErrorObject| {
            let error: serde_json::Value = serde_json::from_str(error.to_raw().get()).unwrap();
            let reason = error["data"]["reason"].as_str().unwrap().to_owned();
            (reason, error["message"].as_str().unwrap().to_owned())
        };
        for (error, reason, message) in [
            (
                gone(),
                "stream_gone",
                "the stream of this request is kept no longer: whether the request was executed is unknown",
            ),
            (
                trimmed(),
                "events_lost",
                "the stream of this request has gone on too far since the last event that was received: what was said in \
                 between is kept no longer",
            ),
            (
                broken("a part of it is lost"),
                "stream_broken",
                "the stream of this request cannot be read: a part of it is lost",
            ),
        ] {
            assert_eq!(said(error), (reason.to_owned(), message.to_owned()));
        }
    }
}
