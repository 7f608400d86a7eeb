//! What replicas say to each other about the sessions of child processes.

use std::sync::Arc;

use bytes::Bytes;
use mcpg_capabilities::sessions::SessionId;
use mcpg_mcp::object::Object;
use mcpg_mcp::trace_context::MetaTrace;
use mcpg_mcp::version::ProtocolVersion;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::exchange::{Answer, Caller, EventSink, Outgoing};
use crate::observe::CallTrace;
use crate::upstream::{Home, Session, UpstreamError};

pub(super) const CALL: &str = "upstream.call";
pub(super) const CANCEL: &str = "upstream.cancel";
pub(super) const ANSWER: &str = "upstream.answer";
pub(super) const SAID: &str = "upstream.said";
pub(super) const NOTIFY: &str = "upstream.notify";
pub(super) const CLOSE: &str = "upstream.close";

/// The requests that can be sent in a session.
const METHODS: [&str; 7] = [
    "tools/call",
    "prompts/get",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "completion/complete",
    "logging/setLevel",
];

/// What the receiver of a piece of mail answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reply {
    /// Done, or under way.
    Accepted,
    /// The process, or the call, is not there (any more).
    Gone,
    /// Not now: say it again.
    Busy,
}

/// Asks the owner of a process to execute something in it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CallMail {
    /// The name of the call; no other call ever has it.
    pub(super) call: String,
    /// Who asks.
    pub(super) from: Home,
    /// The name of the client's session.
    pub(super) client: String,
    pub(super) upstream: String,
    pub(super) session: Session,
    method: String,
    params: Option<Box<RawValue>>,
    name: Option<String>,
    version: String,
    capabilities: Box<RawValue>,
    client_info: Option<Box<RawValue>>,
    log_level: Option<String>,
    progress_token: Option<Box<RawValue>>,
}

/// What belongs to a call that is executed for another replica.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SaidMail {
    pub(super) call: String,
    /// Counts from one.
    pub(super) number: u64,
    pub(super) items: Vec<Said>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Said {
    Notification {
        method: String,
        params: Option<Box<RawValue>>,
    },
    Question {
        number: u64,
        method: String,
        params: Option<Box<RawValue>>,
    },
    Outcome(Ended),
}

/// How a call ended.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Ended {
    Result(Box<RawValue>),
    Error(Box<RawValue>),
    SessionGone,
    NotSent(String),
    Lost(String),
    TooLarge(usize),
    Invalid(String),
}

/// The answer to a question; without one nobody will ever answer.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct AnswerMail {
    pub(super) call: String,
    pub(super) question: u64,
    pub(super) result: Option<Box<RawValue>>,
    pub(super) error: Option<Box<RawValue>>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CancelMail {
    pub(super) call: String,
}

/// Something that is about a session and no call.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SessionMail {
    pub(super) upstream: String,
    pub(super) session: Session,
    /// The notification to send.
    pub(super) method: Option<String>,
}

impl CallMail {
    pub(super) fn new(
        call: &str,
        from: Home,
        client: &SessionId,
        upstream: &str,
        session: &Session,
        outgoing: &Outgoing,
        caller: &Caller,
    ) -> Self {
        let owned = |raw: &Arc<RawValue>| raw.as_ref().to_owned();
        Self {
            call: call.to_owned(),
            from,
            client: client.name().to_owned(),
            upstream: upstream.to_owned(),
            session: session.clone(),
            method: outgoing.method.to_owned(),
            params: outgoing.params.clone(),
            name: outgoing.name.clone(),
            version: caller.version.as_str().to_owned(),
            capabilities: owned(&caller.capabilities),
            client_info: caller.client_info.as_ref().map(owned),
            log_level: caller.log_level.clone(),
            progress_token: caller.progress_token.clone(),
        }
    }

    /// The request and its caller, whose events go to `events`; `None` when a later release sent it.
    pub(super) fn into_parts(self, events: EventSink) -> Option<(Outgoing, Caller)> {
        let method = METHODS.into_iter().find(|method| *method == self.method)?;
        let version: ProtocolVersion = self.version.parse().ok()?;
        let outgoing = Outgoing {
            method,
            params: self.params,
            name: self.name,
            parameter_headers: Vec::new(),
        };
        // What the client said of its trace is in the params; what its headers said ends at the replica that read them.
        let meta = outgoing.params.as_deref().and_then(|params| {
            let params = Object::parse(params).ok()?;
            params.get("_meta").map(ToOwned::to_owned)
        });
        let (_, trace) = CallTrace::of(MetaTrace::read(meta.as_deref()));
        let caller = Caller {
            trace,
            version,
            capabilities: self.capabilities.into(),
            client_info: self.client_info.map(Into::into),
            log_level: self.log_level,
            progress_token: self.progress_token,
            events,
        };
        Some((outgoing, caller))
    }
}

impl From<Result<Box<RawValue>, UpstreamError>> for Ended {
    fn from(result: Result<Box<RawValue>, UpstreamError>) -> Self {
        match result {
            Ok(result) => Self::Result(result),
            Err(UpstreamError::Rpc(error)) => Self::Error(error),
            Err(UpstreamError::SessionGone) => Self::SessionGone,
            Err(UpstreamError::NotSent { cause }) => Self::NotSent(cause),
            Err(UpstreamError::Lost { cause }) => Self::Lost(cause),
            Err(UpstreamError::TooLarge { limit }) => Self::TooLarge(limit),
            Err(other) => Self::Invalid(other.to_string()),
        }
    }
}

impl From<Ended> for Result<Box<RawValue>, UpstreamError> {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Result(result) => Ok(result),
            Ended::Error(error) => Err(UpstreamError::Rpc(error)),
            Ended::SessionGone => Err(UpstreamError::SessionGone),
            Ended::NotSent(cause) => Err(UpstreamError::NotSent { cause }),
            Ended::Lost(cause) => Err(UpstreamError::Lost { cause }),
            Ended::TooLarge(limit) => Err(UpstreamError::TooLarge { limit }),
            Ended::Invalid(cause) => Err(UpstreamError::Protocol(cause)),
        }
    }
}

impl AnswerMail {
    pub(super) fn new(call: &str, question: u64, answer: Option<Answer>) -> Self {
        let (result, error) = match answer {
            Some(Ok(result)) => (Some(result), None),
            Some(Err(error)) => (None, Some(error)),
            None => (None, None),
        };
        Self {
            call: call.to_owned(),
            question,
            result,
            error,
        }
    }

    pub(super) fn into_answer(self) -> Option<Answer> {
        match (self.result, self.error) {
            (Some(result), _) => Some(Ok(result)),
            (None, Some(error)) => Some(Err(error)),
            (None, None) => None,
        }
    }
}

/// A piece of mail as bytes. What is written here holds nothing that JSON has no form for.
pub(super) fn to_bytes(mail: &impl Serialize) -> Bytes {
    serde_json::to_vec(mail).map_or_else(|_| Bytes::new(), Bytes::from)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn every_piece_comes_out_as_it_went_in() {
        let items = vec![
            Said::Notification {
                method: "m".to_owned(),
                params: Some(raw(r#"{ "a" : 1.0 }"#)),
            },
            Said::Question {
                number: 7,
                method: "q".to_owned(),
                params: None,
            },
            Said::Outcome(Ended::Result(raw(r#"{"b":[ ]}"#))),
            Said::Outcome(Ended::SessionGone),
            Said::Outcome(Ended::TooLarge(3)),
        ];
        let mail = SaidMail {
            call: "c".to_owned(),
            number: 1,
            items,
        };
        let read: SaidMail = serde_json::from_slice(&to_bytes(&mail)).unwrap();
        assert_eq!(format!("{read:?}"), format!("{mail:?}"));
        for answer in [Some(Ok(raw("1"))), Some(Err(raw("{}"))), None] {
            let mail = AnswerMail::new("c", 2, answer.clone());
            let read: AnswerMail = serde_json::from_slice(&to_bytes(&mail)).unwrap();
            assert_eq!(format!("{:?}", read.into_answer()), format!("{answer:?}"));
        }
    }
}
