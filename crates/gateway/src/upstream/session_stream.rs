//! The stream on which an upstream says what belongs to no call, in the session that it has with one client.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use mcpg_mcp::envelope::{Incoming, Message, parse};
use mcpg_mcp::id::RequestId;
use mcpg_mcp::write;
use serde_json::value::RawValue;
use tracing::debug;

use super::core::Upstream;
use super::error::UpstreamError;
use super::http::SessionEvents;
use super::peer::Peer;
use super::session::Session;
use super::signals::Lists;
use super::transport::Transport;

/// What came of opening such a stream.
pub(crate) enum Opened {
    Stream(SessionStream),
    /// Somebody else reads it, as far as the upstream knows.
    Conflict,
    /// Not now.
    Failed(String),
    /// The upstream knows the session no more.
    SessionGone,
    /// The upstream has no such stream.
    Never,
}

/// An open stream.
pub(crate) struct SessionStream {
    events: SessionEvents,
}

/// A stream that somebody else reads, as the upstream says.
pub(crate) struct RefusedStream<'a>(&'a Upstream);

impl Drop for RefusedStream<'_> {
    fn drop(&mut self) {
        self.0.refused_streams.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What one event brought.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// The upstream's id of the event.
    pub(crate) id: Option<String>,
    /// How long the upstream wants to be left alone before the stream is opened again.
    pub(crate) retry: Option<Duration>,
    /// What it says to the client.
    pub(crate) said: Vec<Unrelated>,
}

/// What an upstream says outside of any call.
#[derive(Debug)]
pub(crate) enum Unrelated {
    /// A notification for the client.
    Notification {
        method: String,
        params: Option<Box<RawValue>>,
    },
    /// A request to the client.
    Question {
        id: RequestId,
        method: String,
        params: Option<Box<RawValue>>,
    },
    /// A request is taken back.
    Withdrawn { id: RequestId },
}

impl Upstream {
    /// Opens the stream of a client's own session, behind the event `last`.
    pub(crate) async fn open_session_stream(&self, session: &Session, last: Option<&str>) -> Opened {
        match &self.transport {
            Transport::Http(http) => match http.open_session_events(self, session, last).await {
                Ok(events) => Opened::Stream(SessionStream { events }),
                Err(refused) => refused,
            },
            Transport::Child(_) => Opened::Never,
        }
    }

    /// Shows, for as long as the answer lives, that somebody else reads the stream of a client's own session.
    pub(crate) fn stream_refused(&self) -> RefusedStream<'_> {
        self.refused_streams.fetch_add(1, Ordering::Relaxed);
        debug!(
            message = "An upstream says that the stream of a session is read already.",
            upstream = self.name()
        );
        RefusedStream(self)
    }

    /// Answers a request that came on the stream.
    ///
    /// # Errors
    /// Why the upstream did not take it.
    pub(crate) async fn answer_in(&self, session: &Session, message: Bytes) -> Result<(), UpstreamError> {
        self.post_message(Peer::Legacy(session), message).await
    }
}

impl SessionStream {
    /// Waits for the next event; `None` at the end of the stream.
    pub(crate) async fn next(&mut self, upstream: &Upstream) -> Option<Heard> {
        let event = self.events.next().await?;
        let mut heard = Heard {
            id: event.id.clone().filter(|id| !id.is_empty()),
            retry: event.retry.map(Duration::from_millis),
            said: Vec::new(),
        };
        if !event.is_message() {
            return Some(heard);
        }
        match parse(&event.data) {
            Ok(Incoming::Single(message)) => heard.take(message, upstream),
            Ok(Incoming::Batch(messages)) => {
                for message in messages.into_iter().flatten() {
                    heard.take(message, upstream);
                }
            }
            Err(error) => {
                debug!(message = "An upstream sent no JSON-RPC.", upstream = upstream.name(), %error);
            }
        }
        Some(heard)
    }
}

impl Heard {
    fn take(&mut self, message: Message<'_>, upstream: &Upstream) {
        match message {
            Message::Request(request) => self.said.push(Unrelated::Question {
                id: request.id.clone(),
                method: request.method.clone().into_owned(),
                params: request.params.map(ToOwned::to_owned),
            }),
            Message::Notification(notification) => match notification.method.as_ref() {
                "notifications/message" | "notifications/elicitation/complete" => {
                    self.said.push(Unrelated::Notification {
                        method: notification.method.clone().into_owned(),
                        params: notification.params.map(ToOwned::to_owned),
                    });
                }
                "notifications/cancelled" => {
                    let object = notification
                        .params
                        .and_then(|params| mcpg_mcp::Object::parse(params).ok());
                    let id = object.as_ref().and_then(|object| object.get("requestId"));
                    if let Some(id) = id.and_then(|id| RequestId::from_raw(id).ok()) {
                        self.said.push(Unrelated::Withdrawn { id });
                    }
                }
                // What is a level reaches every client from the one shared session.
                method => upstream.signals.lists_changed(Lists::changed_by(method)),
            },
            Message::Response(_) => debug!(
                message = "An upstream answered a request that was not asked here.",
                upstream = upstream.name()
            ),
        }
    }
}

/// The answer to a request of an upstream that no client gets to see.
pub(crate) fn pong(id: &RequestId) -> Bytes {
    let empty = RawValue::from_string("{}".to_owned()).expect("an empty object is JSON");
    write::result(id, &empty)
}
