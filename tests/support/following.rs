//! Following the stream of a call over several connections.

use http::StatusCode;
use serde_json::{Value, json};

use super::http::Answer;
use super::legacy::Session;
use super::sse::{Event, Events};

/// A stream, and what was read of it so far.
pub(crate) struct Following {
    events: Events,
    /// Everything that came, in order.
    pub(crate) seen: Vec<Event>,
}

impl Following {
    /// Calls a tool that wants to tell its progress, under this id.
    pub(crate) async fn call(session: &Session, id: &Value, name: &str, arguments: Value) -> Self {
        let params = json!({"name": name, "arguments": arguments, "_meta": {"progressToken": id}});
        let message = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params});
        Self::of(session.send(&message).await)
    }

    /// Goes on behind an event.
    pub(crate) async fn resume(session: &Session, last_event_id: &str) -> Self {
        let answer = session.get().header("last-event-id", last_event_id).send().await;
        Self::of(answer)
    }

    /// Reads an answer that is a stream.
    pub(crate) fn of(answer: Answer) -> Self {
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.is_stream(), "the answer is no stream");
        Self {
            events: answer.events(),
            seen: Vec::new(),
        }
    }

    /// The next event; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        let event = self.events.next().await?;
        self.seen.push(event.clone());
        Some(event)
    }

    /// Reads on until so many messages were seen in all.
    pub(crate) async fn read_messages(&mut self, count: usize) {
        while messages(&self.seen).len() < count {
            assert!(self.next().await.is_some(), "it ended after {:?}", self.seen);
        }
    }

    /// Reads to the end.
    pub(crate) async fn finish(mut self) -> Vec<Event> {
        while self.next().await.is_some() {}
        self.seen
    }

    /// Closes the connection; what it has brought.
    pub(crate) fn cut(self) -> Vec<Event> {
        self.seen
    }
}

/// The id of the last event that has one.
pub(crate) fn last_id(events: &[Event]) -> String {
    let id = events.iter().rev().find_map(|event| event.id.clone());
    id.expect("an event has an id")
}

/// The messages among the events, with their ids.
pub(crate) fn messages(events: &[Event]) -> Vec<(Option<String>, Value)> {
    let message = |event: &Event| {
        let data = event.data.as_deref().filter(|data| !data.is_empty())?;
        Some((event.id.clone(), serde_json::from_str(data).expect("JSON")))
    };
    events.iter().filter_map(message).collect()
}

/// Asserts that these are progress notifications whose values grow, followed by the response to this request.
pub(crate) fn assert_progress_and_response(events: &[Event], id: &Value) {
    let messages = messages(events);
    let ((_, response), before) = messages.split_last().expect("there are messages");
    assert_eq!(
        (&response["id"], response.get("method")),
        (id, None),
        "{response}"
    );
    let mut last = 0.0;
    for (_, message) in before {
        let progress = message["params"]["progress"].as_f64();
        let progress = progress.unwrap_or_else(|| panic!("no progress: {message}"));
        assert!(progress > last, "{progress} after {last}");
        last = progress;
    }
}
