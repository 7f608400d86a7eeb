//! What can go wrong with an upstream, in terms of what the caller may do about it.

use std::error::Error;
use std::fmt;

use http::StatusCode;
use mcpg_mcp::error::ErrorObject;
use serde_json::value::RawValue;

/// Why an exchange with an upstream has no result.
#[derive(Debug)]
pub(crate) enum UpstreamError {
    /// The upstream does not know the session any more. The request was surely not executed: open a new session and
    /// send it again.
    SessionGone,
    /// The request surely never reached the upstream.
    NotSent {
        /// What happened instead.
        cause: String,
    },
    /// The request was sent and its outcome will never be known. It must not be sent again.
    Lost {
        /// What happened.
        cause: String,
    },
    /// The upstream answered with an HTTP status and without a usable JSON-RPC message.
    Refused {
        /// The status.
        status: StatusCode,
        /// The beginning of the body.
        body: String,
    },
    /// The upstream answered with this JSON-RPC error object.
    Rpc(Box<RawValue>),
    /// The answer is larger than allowed.
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// No more of its processes are started.
    Full {
        /// How many run.
        most: usize,
    },
    /// The answer is no valid MCP.
    Protocol(String),
}

/// Why an upstream cannot even be set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SetupError(String);

impl UpstreamError {
    pub(super) fn not_sent(cause: impl Into<String>) -> Self {
        Self::NotSent { cause: cause.into() }
    }

    pub(super) fn lost(cause: impl Into<String>) -> Self {
        Self::Lost { cause: cause.into() }
    }

    pub(super) fn protocol(cause: impl Into<String>) -> Self {
        Self::Protocol(cause.into())
    }

    /// What to tell an operator who wants to know why an upstream is down.
    pub(super) fn into_cause(self) -> String {
        match self {
            Self::NotSent { cause } | Self::Lost { cause } => cause,
            other => other.to_string(),
        }
    }

    /// The code of the JSON-RPC error, if it is one.
    pub(super) fn code(&self) -> Option<i64> {
        match self {
            Self::Rpc(raw) => ErrorObject::from_raw(raw).map(|error| error.code),
            _ => None,
        }
    }
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SessionGone => formatter.write_str("the session is gone"),
            Self::NotSent { cause } => write!(formatter, "not sent: {cause}"),
            Self::Lost { cause } => write!(formatter, "outcome unknown: {cause}"),
            Self::Refused { status, body } if body.is_empty() => write!(formatter, "HTTP status {status}"),
            Self::Refused { status, body } => write!(formatter, "HTTP status {status}: {body}"),
            Self::Rpc(raw) => match ErrorObject::from_raw(raw) {
                Some(error) => write!(formatter, "error {}: {}", error.code, error.message),
                None => formatter.write_str("an error without code"),
            },
            Self::TooLarge { limit } => write!(formatter, "the answer exceeds {limit} bytes"),
            Self::Full { most } => write!(
                formatter,
                "{most} of its processes run already, one for each client session; `session.mode: shared` needs one"
            ),
            Self::Protocol(cause) => formatter.write_str(cause),
        }
    }
}

impl Error for UpstreamError {}

impl SetupError {
    pub(super) fn new(cause: impl Into<String>) -> Self {
        Self(cause.into())
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Error for SetupError {}

/// An error and everything that caused it, in one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let cause = error.to_string();
        // Many wrappers repeat the text of what they wrap.
        if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        next = error.source();
    }
    text
}
