//! Opening and resuming GET streams.

use std::sync::Arc;
use std::time::Duration;

use mcpg_capabilities::delivery::get::{GetStreams, MOST_ATTACHED};
use mcpg_capabilities::delivery::{EventId, StreamName};
use tokio::time::timeout;

use super::super::core::Router;
use super::super::start::SessionRef;
use super::held::{Beginning, HeldStream};
use crate::frames::{Frames, frames};

/// How long the opening of a new stream waits to hear whether there may be one more. A coordinator that is slower than
/// that, or out of reach, decides afterwards.
const ASK: Duration = Duration::from_millis(250);

/// Why no stream is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoStream {
    /// The session has as many as it may have.
    TooMany,
}

impl std::fmt::Display for NoStream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooMany => write!(
                formatter,
                "this session has {MOST_ATTACHED} GET streams open already, which is the most: close one of them first"
            ),
        }
    }
}

/// What the id of the last event, as the client sent it, says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Resumed {
    /// It names a GET stream.
    Get(EventId),
    /// It names the stream of a call.
    Call(EventId),
    /// The deployment minted no such id for this session.
    Unknown,
}

impl Router {
    /// Reads the id of the last event that a client has.
    pub(crate) fn last_event(&self, session: &SessionRef, id: &str) -> Resumed {
        match self.event_of(session, id) {
            Some(id) if matches!(id.stream, StreamName::Get { .. }) => Resumed::Get(id),
            Some(id) => Resumed::Call(id),
            None => Resumed::Unknown,
        }
    }

    /// Opens a new GET stream. It is answered at once, and attached as soon as the coordinator says so.
    ///
    /// # Errors
    /// [`NoStream`] where the session has too many.
    pub(crate) async fn open_get_stream(self: &Arc<Self>, session: SessionRef) -> Result<Frames, NoStream> {
        let asked = timeout(ASK, self.gets.streams.has_room_for_another(session.id.name()));
        if let Ok(Ok(false)) = asked.await {
            return Err(NoStream::TooMany);
        }
        let begins = Beginning {
            stream: GetStreams::fresh_stream(),
            sequence: 0,
            feed: None,
        };
        Ok(self.begin(session, begins))
    }

    /// Goes on with a GET stream behind the event that the client has.
    pub(crate) fn resume_get_stream(self: &Arc<Self>, session: SessionRef, last: &EventId) -> Frames {
        let (stream, feed) = match last.stream {
            StreamName::Get { stream, feed } => (stream, Some(feed).filter(|feed| *feed > 0)),
            StreamName::Call { .. } => (GetStreams::fresh_stream(), None),
        };
        let begins = Beginning {
            stream,
            sequence: last.sequence,
            feed,
        };
        self.begin(session, begins)
    }

    fn begin(self: &Arc<Self>, session: SessionRef, begins: Beginning) -> Frames {
        let (sender, frames) = frames();
        let stream = HeldStream::new(session, self.heads.mac.clone(), begins, sender);
        // First the id: whatever is put into the log of the stream from now on, the client can come back for it.
        let _ = stream.prime(super::retry_ms());
        self.gets.held.add(&stream);
        self.tasks.spawn(Arc::clone(self).hold(stream));
        frames
    }

    /// Ends every GET stream here: this replica is stopping, and another one takes over.
    pub(crate) fn let_streams_go(&self) {
        self.gets.draining.cancel();
    }
}
