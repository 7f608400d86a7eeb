//! The line of one call, from the call's begin to its end.

use std::sync::Arc;
use std::time::Instant;

use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::object::Object;
use mcpg_mcp::results;
use serde_json::value::RawValue;

use super::line::Record;
use super::queue::Place;
use super::writer::Lines;
use crate::exchange::{CallError, Outcome};

/// The line of a call that runs. Dropping it hands the line over: a call has exactly one, however it ends.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Taken by the drop.
    record: Option<Record>,
    begun: Instant,
    bytes: usize,
    way: Way,
}

/// How the line gets to the sinks.
#[derive(Debug)]
pub(super) enum Way {
    /// Its places are kept.
    Kept(Vec<Place<Arc<Record>>>),
    /// It takes what room there is at the end.
    Open(Arc<[Lines]>),
}

/// Ends without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The client cancelled.
    Cancelled,
    /// The session was closed.
    SessionClosed,
    /// The client's connection was lost, which is a cancel in the modern era.
    Disconnected,
}

impl Entry {
    /// The line of a call that begins now.
    pub(super) fn begin(record: Record, bytes: usize, way: Way) -> Self {
        Self {
            record: Some(record),
            begun: Instant::now(),
            bytes,
            way,
        }
    }

    /// The call ends with an outcome that the client is told.
    pub(crate) fn answered(&mut self, outcome: &Outcome) {
        match outcome {
            Ok(result) => self.succeeded(result),
            // What an upstream says of its error is not to be mistaken for what the gateway says.
            Err(CallError::Answered(raw)) => {
                let code = ErrorObject::from_raw(raw).map(|error| error.code);
                self.end("error", code, None);
            }
            Err(CallError::Failed(error)) => {
                let reason = reason(error);
                match reason.as_deref() {
                    Some("timeout") => self.end("timeout", Some(error.code), None),
                    Some("outcome_unknown") => self.end("unknown", Some(error.code), None),
                    _ => self.end("error", Some(error.code), reason),
                }
            }
            Err(CallError::NotStarted(_) | CallError::Unaudited) => {
                self.end("refused", None, Some("unavailable".to_owned()));
            }
        }
    }

    /// The call was not even tried.
    pub(crate) fn refused(&mut self, error: &ErrorObject) {
        self.end("refused", Some(error.code), reason(error));
    }

    /// The call ends without an answer.
    pub(crate) fn ended(&mut self, ending: Ending) {
        let reason = match ending {
            Ending::Cancelled => None,
            Ending::SessionClosed => Some("session_closed".to_owned()),
            Ending::Disconnected => Some("disconnected".to_owned()),
        };
        self.end("cancelled", None, reason);
    }

    fn succeeded(&mut self, result: &RawValue) {
        let Ok(result) = Object::parse(result) else {
            return self.end("ok", None, None);
        };
        let failed = result.get("isError").is_some_and(|flag| flag.get() == "true");
        let outcome = if failed { "tool_error" } else { "ok" };
        // The modern era has results that are not the end of the matter.
        let kind = results::result_type(&result);
        let reason = (kind != "complete").then(|| kind.to_string());
        self.end(outcome, None, reason);
    }

    fn end(&mut self, outcome: &'static str, code: Option<i64>, reason: Option<String>) {
        if let Some(record) = &mut self.record {
            record.outcome = outcome;
            record.code = code;
            record.reason = reason;
        }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let Some(mut record) = self.record.take() else {
            return;
        };
        record.took = self.begun.elapsed();
        let record = Arc::new(record);
        match std::mem::replace(&mut self.way, Way::Kept(Vec::new())) {
            Way::Kept(places) => {
                for place in places {
                    place.fill(Arc::clone(&record));
                }
            }
            Way::Open(sinks) => {
                for sink in sinks.iter() {
                    sink.push(Arc::clone(&record), self.bytes);
                }
            }
        }
    }
}

impl Record {
    /// How much memory a record takes, about.
    pub(super) fn bytes(&self) -> usize {
        let texts = [
            self.name.as_deref(),
            self.uri.as_deref(),
            self.arguments.as_deref().map(RawValue::get),
        ];
        let texts: usize = texts.into_iter().flatten().map(str::len).sum();
        size_of::<Self>() + self.id.get().len() + texts
    }
}

fn reason(error: &ErrorObject) -> Option<String> {
    let data = Object::parse(error.data.as_deref()?).ok()?;
    data.get_str("reason").map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use mcpg_capabilities::principal::Principal;
    use mcpg_mcp::id::RequestId;
    use mcpg_mcp::version::ProtocolVersion;

    use super::super::called::Called;
    use super::super::queue::Queue;
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).unwrap()
    }

    /// What the line of a call says that ends like this.
    fn said(end: impl FnOnce(&mut Entry)) -> (&'static str, Option<i64>, Option<String>) {
        let queue = Queue::new(1000);
        let called = Called {
            id: &RequestId::from_number(1),
            trace: None,
            principal: &Principal::anonymous(),
            session: None,
            version: ProtocolVersion::V2025_11_25,
            method: "tools/call",
            name: Some("t"),
            uri: None,
            upstream: None,
            params: None,
        };
        let sinks: Arc<[Lines]> = vec![Arc::clone(&queue)].into();
        let mut entry = Entry::begin(called.record(false), 1, Way::Open(sinks));
        end(&mut entry);
        drop(entry);
        let mut batch = queue.work(1000).batch;
        assert_eq!(batch.len(), 1, "a call has one line");
        let record = Arc::into_inner(batch.remove(0)).unwrap();
        (record.outcome, record.code, record.reason)
    }

    #[test]
    fn each_end_of_a_call_has_its_word() {
        let result = |json: &str| said(|entry| entry.answered(&Ok(raw(json))));
        assert_eq!(result(r#"{"content":[]}"#), ("ok", None, None));
        assert_eq!(result(r#"{"content":[],"isError":false}"#), ("ok", None, None));
        assert_eq!(result(r#"{"isError": true}"#), ("tool_error", None, None));
        let more = result(r#"{"resultType":"input_required"}"#);
        assert_eq!(more, ("ok", None, Some("input_required".to_owned())));
        let failed = |error: ErrorObject| said(|entry| entry.answered(&Err(error.into())));
        assert_eq!(failed(ErrorObject::timeout("t")), ("timeout", Some(-32603), None));
        let lost = ErrorObject::internal_with_reason("outcome_unknown", "lost");
        assert_eq!(failed(lost), ("unknown", Some(-32603), None));
        let unavailable = Some("upstream_unavailable".to_owned());
        assert_eq!(
            failed(ErrorObject::upstream_unavailable("u")),
            ("error", Some(-32603), unavailable)
        );
        assert_eq!(
            failed(ErrorObject::unknown_tool("t")),
            ("error", Some(-32602), None)
        );
        let answered = raw(r#"{"code":-1,"message":"m","data":{"reason":"timeout"}}"#);
        let answered = said(|entry| entry.answered(&Err(CallError::Answered(answered))));
        assert_eq!(
            answered,
            ("error", Some(-1), None),
            "the upstream's own words count for nothing"
        );
        let not_started = said(|entry| entry.answered(&Err(CallError::NotStarted("k".to_owned()))));
        assert_eq!(not_started, ("refused", None, Some("unavailable".to_owned())));
        let refused = said(|entry| entry.refused(&ErrorObject::invalid_request("in use")));
        assert_eq!(refused, ("refused", Some(-32600), None));
        assert_eq!(
            said(|entry| entry.ended(Ending::Cancelled)),
            ("cancelled", None, None)
        );
        let closed = said(|entry| entry.ended(Ending::SessionClosed));
        assert_eq!(closed, ("cancelled", None, Some("session_closed".to_owned())));
        let gone = said(|entry| entry.ended(Ending::Disconnected));
        assert_eq!(gone, ("cancelled", None, Some("disconnected".to_owned())));
        assert_eq!(said(|_| {}), ("unknown", None, None));
    }

    #[test]
    fn what_is_said_last_counts() {
        let changed = said(|entry| {
            entry.answered(&Ok(raw("{}")));
            entry.ended(Ending::Cancelled);
        });
        assert_eq!(changed, ("cancelled", None, None));
    }
}
