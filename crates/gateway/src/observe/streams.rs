//! Counts the connections on which streams of legacy calls are sent.

use mcpg_metrics::table::{STREAMS_CLOSED, STREAMS_OPEN, STREAMS_RESUMED};

/// A connection on which a stream is sent. Dropped, it has ended with its call.
#[derive(Debug)]
pub(crate) struct OpenStream {
    stream: &'static str,
    why: Closed,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// With the call.
    Ended,
    /// The client left.
    ClientGone,
    /// The client reads too slowly.
    Overflow,
    /// The client has come back elsewhere.
    Displaced,
    /// The upstream lets go of the gateway for now.
    Paused,
    /// The session is closed.
    NoSession,
    /// This replica stops.
    Stopping,
}

/// What a client found that resumed a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A call that runs.
    Running,
    /// A call that has a response.
    Finished,
    /// A call that was cancelled.
    Cancelled,
    /// A call whose replica was lost.
    OwnerLost,
    /// A log that begins too late.
    Trimmed,
    /// A log of which something is lost.
    Broken,
    /// No log.
    Gone,
}

impl OpenStream {
    /// The connection of a call that runs here.
    pub(crate) fn of_call() -> Self {
        Self::begin("call")
    }

    /// A connection that goes on with the stream of a call that may run anywhere.
    pub(crate) fn resumed() -> Self {
        Self::begin("resumed")
    }

    /// Ends it.
    pub(crate) fn close(mut self, why: Closed) {
        self.why = why;
    }

    fn begin(stream: &'static str) -> Self {
        STREAMS_OPEN.gauge(&[stream]).increment(1.0);
        Self {
            stream,
            why: Closed::Ended,
        }
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        STREAMS_OPEN.gauge(&[self.stream]).decrement(1.0);
        STREAMS_CLOSED.count(&[match self.why {
            Closed::Ended => "ended",
            Closed::ClientGone => "client_gone",
            Closed::Overflow => "overflow",
            Closed::Displaced => "displaced",
            Closed::Paused => "paused",
            Closed::NoSession => "session_closed",
            Closed::Stopping => "stopping",
        }]);
    }
}

impl Found {
    /// Counts it.
    pub(crate) fn count(self) {
        STREAMS_RESUMED.count(&[match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Cancelled => "cancelled",
            Self::OwnerLost => "owner_lost",
            Self::Trimmed => "trimmed",
            Self::Broken => "broken",
            Self::Gone => "gone",
        }]);
    }
}
