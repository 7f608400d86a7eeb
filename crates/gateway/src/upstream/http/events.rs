//! The events of one SSE body.

use std::collections::VecDeque;

use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use mcpg_mcp::sse::{Decoder, Event};

use crate::upstream::error::{UpstreamError, chain};

pub(super) struct EventStream {
    body: Incoming,
    decoder: Decoder,
    limit: usize,
    ready: VecDeque<Event>,
    decoded: Vec<Event>,
}

/// What comes next on a stream.
pub(super) enum Next {
    Event(Event),
    /// The upstream has closed the stream.
    Closed,
    /// The stream was cut, and how.
    Cut(String),
}

impl EventStream {
    /// Reads events of at most `limit` bytes each.
    pub(super) fn new(body: Incoming, limit: usize) -> Self {
        Self {
            body,
            decoder: Decoder::new(limit),
            limit,
            ready: VecDeque::new(),
            decoded: Vec::new(),
        }
    }

    /// Waits for the next event.
    ///
    /// # Errors
    /// `TooLarge` for an event over the limit.
    pub(super) async fn next(&mut self) -> Result<Next, UpstreamError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Next::Event(event));
            }
            let piece = match self.body.frame().await {
                Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
                Some(Err(error)) => return Ok(Next::Cut(chain(&error))),
                None => return Ok(Next::Closed),
            };
            let fed = self.decoder.feed(&piece, &mut self.decoded);
            self.ready.extend(self.decoded.drain(..));
            // What was complete before the large event still counts.
            if fed.is_err() && self.ready.is_empty() {
                return Err(UpstreamError::TooLarge { limit: self.limit });
            }
        }
    }
}

/// What the body of an answer holds, by its content type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Json,
    Events,
    Other,
}

impl Content {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let value = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let kind = value.split(';').next().unwrap_or_default().trim();
        if kind.eq_ignore_ascii_case("application/json") {
            Self::Json
        } else if kind.eq_ignore_ascii_case("text/event-stream") {
            Self::Events
        } else {
            Self::Other
        }
    }
}
