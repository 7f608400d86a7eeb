//! The words in which the client side, the router and the upstream side speak of one call.
//!
//! A call is a future that ends with an [`Outcome`]. While it runs it may send [`Event`]s to its caller through an
//! [`EventSink`]. **Dropping the future is the cancel**: whoever executes a call cleans up (and tells the upstream)
//! when it is dropped before it has ended.

use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::version::ProtocolVersion;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};

use crate::observe::CallTrace;

/// How a call ended: the raw JSON of its result, or why there is none.
pub(crate) type Outcome = Result<Box<RawValue>, CallError>;

/// The answer to a [`Question`]: the raw result, or the raw error object that the client sent instead.
pub(crate) type Answer = Result<Box<RawValue>, Box<RawValue>>;

/// Why a call has no result.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The executor answered with this JSON-RPC error object: it is forwarded byte for byte.
    Answered(Box<RawValue>),
    /// The gateway itself ends the call with this error.
    Failed(ErrorObject),
    /// The coordinator could not be reached before anything was sent to an executor: the client may try again.
    NotStarted(String),
    /// The line of the call in the audit log could not be written, so it was not executed.
    Unaudited,
}

impl From<ErrorObject> for CallError {
    fn from(error: ErrorObject) -> Self {
        Self::Failed(error)
    }
}

/// What a running call says to its caller.
#[derive(Debug)]
pub(crate) enum Event {
    /// A notification that belongs to the call, already in the caller's terms (its own progress token).
    Notification {
        /// The JSON-RPC method.
        method: String,
        /// The raw params.
        params: Option<Box<RawValue>>,
    },
    /// A request to the client that belongs to the call.
    Question(Question),
    /// The executor lets go of its own caller for now and goes on; the client may be let go of as well.
    Pause {
        /// After how long the executor wants to be asked again.
        retry_ms: u64,
    },
}

/// A request to the client (elicitation, sampling, roots) that waits for its answer.
#[derive(Debug)]
pub(crate) struct Question {
    /// The JSON-RPC method.
    pub(crate) method: String,
    /// The raw params.
    pub(crate) params: Option<Box<RawValue>>,
    /// Where the answer goes. Dropped without an answer: nobody will ever answer.
    pub(crate) answer: oneshot::Sender<Answer>,
}

/// The caller is gone, or gave the question up: no answer will come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoAnswer;

/// Where a running call sends its events. Bounded: a full sink makes the call wait, never the gateway.
#[derive(Clone, Debug)]
pub(crate) struct EventSink {
    events: mpsc::Sender<Event>,
}

impl EventSink {
    /// Creates a sink and the receiving end, which holds at most `capacity` undelivered events.
    pub(crate) fn new(capacity: usize) -> (Self, mpsc::Receiver<Event>) {
        let (events, receiver) = mpsc::channel(capacity);
        (Self { events }, receiver)
    }

    /// Sends a notification. A caller that is gone is no error: the call goes on without it.
    pub(crate) async fn notify(&self, method: impl Into<String>, params: Option<Box<RawValue>>) {
        let event = Event::Notification {
            method: method.into(),
            params,
        };
        // A closed channel means that the call's driver has ended; its future is about to be dropped.
        let _ = self.events.send(event).await;
    }

    /// Says that the client may be let go of for so long.
    pub(crate) async fn pause(&self, retry_ms: u64) {
        let _ = self.events.send(Event::Pause { retry_ms }).await;
    }

    /// Asks the client and waits for the answer.
    ///
    /// # Errors
    /// [`NoAnswer`] when the caller can no longer answer.
    pub(crate) async fn ask(
        &self,
        method: impl Into<String>,
        params: Option<Box<RawValue>>,
    ) -> Result<Answer, NoAnswer> {
        let (answer, waiting) = oneshot::channel();
        let question = Question {
            method: method.into(),
            params,
            answer,
        };
        self.events
            .send(Event::Question(question))
            .await
            .map_err(|_| NoAnswer)?;
        waiting.await.map_err(|_| NoAnswer)
    }
}

/// Who calls: what an executor may know of the client.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The revision that the client speaks in this request; its era decides which era is preferred upstream.
    pub(crate) version: ProtocolVersion,
    /// The client's capabilities as it declared them (raw JSON object).
    pub(crate) capabilities: std::sync::Arc<RawValue>,
    /// The client's name and version as it declared them (raw JSON object), if it did.
    pub(crate) client_info: Option<std::sync::Arc<RawValue>>,
    /// The log level that the client asked for, if any.
    pub(crate) log_level: Option<String>,
    /// The client's own progress token, raw, if it wants progress.
    pub(crate) progress_token: Option<Box<RawValue>>,
    /// Where events of this call go.
    pub(crate) events: EventSink,
    /// The trace that the call belongs to, which goes with it wherever it is sent.
    pub(crate) trace: CallTrace,
}

/// A request on its way to an executor, in the executor's own names.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// The JSON-RPC method.
    pub(crate) method: &'static str,
    /// The raw params; `_meta` is still as the client sent it.
    pub(crate) params: Option<Box<RawValue>>,
    /// What the request is about (tool or prompt name, resource uri): the `Mcp-Name` header of the modern era.
    pub(crate) name: Option<String>,
    /// `Mcp-Param-*` headers for a modern upstream.
    pub(crate) parameter_headers: Vec<(http::HeaderName, http::HeaderValue)>,
}
