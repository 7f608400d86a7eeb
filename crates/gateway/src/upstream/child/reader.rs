//! Reads what a child says and gives it to whom it concerns.

use std::sync::Arc;

use bytes::Bytes;
use mcpg_mcp::envelope::{Incoming, Message, Notification, Request, Response, parse};
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::id::RequestId;
use mcpg_mcp::meta::PROGRESS_TOKEN;
use mcpg_mcp::object::Object;
use mcpg_mcp::write;
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, BufReader};
use tracing::{debug, warn};

use super::calls::Child;
use super::log::{Budget, SHOWN};
use super::routes::End;
use super::writer::Write;
use crate::lines::{Line, Lines};
use crate::upstream::session::For;
use crate::upstream::signals::Lists;

const BUFFER: usize = 64 * 1024;

/// Reads the standard output to its end.
pub(super) async fn read(child: Arc<Child>, stdout: impl AsyncRead + Unpin) {
    let mut lines = Lines::new(BufReader::with_capacity(BUFFER, stdout), child.limit);
    let mut budget = Budget::new();
    // What cannot be read any more is over.
    while let Ok(Some(line)) = lines.next().await {
        match line {
            Line::Whole(line) if line.trim_ascii().is_empty() => {}
            Line::Whole(line) => child.hear_line(&Bytes::from(line), &mut budget),
            Line::TooLong { head, tail } => child.hear_too_much(&head, &tail),
        }
    }
}

impl Child {
    fn hear_line(&self, line: &Bytes, budget: &mut Budget) {
        match parse(line) {
            Ok(Incoming::Single(message)) => self.hear(&message, line.clone()),
            Ok(Incoming::Batch(_)) => {
                // Each is given to another one, so each has to be by itself.
                let Ok(messages) = serde_json::from_slice::<Vec<&RawValue>>(line) else {
                    return;
                };
                for message in messages {
                    let raw = Bytes::copy_from_slice(message.get().as_bytes());
                    if let Ok(Incoming::Single(message)) = parse(message.get().as_bytes()) {
                        self.hear(&message, raw);
                    }
                }
            }
            Err(invalid) => self.ignore(line, &invalid, budget),
        }
    }

    fn ignore(&self, line: &[u8], invalid: &dyn std::fmt::Display, budget: &mut Budget) {
        let (upstream, line) = (self.upstream(), self.program.showable(line, SHOWN));
        if budget.allows(upstream) {
            warn!(message = "Ignored a line of an upstream that is no message.", upstream, %invalid, line);
        } else {
            debug!(message = "Ignored a line of an upstream that is no message.", upstream, %invalid, line);
        }
    }

    fn hear(&self, message: &Message<'_>, raw: Bytes) {
        match message {
            Message::Response(response) => self.response(response, raw),
            Message::Request(request) => self.question(request, raw),
            Message::Notification(notification) => self.notification(notification, raw),
        }
    }

    fn response(&self, response: &Response<'_>, raw: Bytes) {
        // An error without id belongs to something that could not be read; nobody can be told that it was his.
        let known = response
            .id
            .as_ref()
            .is_some_and(|id| self.routes.end(id.as_json(), End::Answer(raw)));
        if !known {
            debug!(
                message = "An upstream answered a request that nobody waits for.",
                upstream = self.upstream()
            );
        }
    }

    fn question(&self, request: &Request<'_>, raw: Bytes) {
        if request.method == "ping" {
            let empty = RawValue::from_string("{}".to_owned()).expect("an empty object is JSON");
            return self.reply(write::result(&request.id, &empty));
        }
        if !self.routes.tell_call(self.whom, raw) {
            let error =
                ErrorObject::internal_with_reason("no_client", "no client can be asked at the moment");
            self.reply(write::error(Some(&request.id), &error));
        }
    }

    /// Answers a child without waiting: one that asks and does not read is not answered.
    fn reply(&self, message: Bytes) {
        let sent = self.writes().is_some_and(|writes| {
            let write = Write { message, begun: None };
            writes.try_send(write).is_ok()
        });
        if !sent {
            debug!(
                message = "An upstream does not read its answers.",
                upstream = self.upstream()
            );
        }
    }

    fn notification(&self, notification: &Notification<'_>, raw: Bytes) {
        let heard = match notification.method.as_ref() {
            "notifications/progress" => {
                named(notification.params, PROGRESS_TOKEN).is_some_and(|id| self.routes.tell(&id, raw))
            }
            "notifications/message" | "notifications/elicitation/complete" => {
                self.routes.tell_call(self.whom, raw)
            }
            // Of a question, which only the call knows that answers it; or of a subscription, which then is over.
            "notifications/cancelled" => {
                let id = named(notification.params, "requestId");
                let cause = "the upstream has ended it".to_owned();
                if !id.is_some_and(|id| self.routes.end(&id, End::Gone(cause))) {
                    self.routes.tell_all(&raw);
                }
                true
            }
            // Whatever has changed before the subscription began is not told.
            "notifications/subscriptions/acknowledged" => {
                self.signals.lists_changed(Lists::ALL);
                true
            }
            // A program that serves one client has nothing to tell the gateway itself.
            "notifications/resources/updated" => {
                if self.whom == For::Everybody
                    && let Some(uri) = uri(notification.params)
                {
                    self.signals.resource_updated(&uri);
                }
                true
            }
            method => {
                self.signals.lists_changed(Lists::changed_by(method));
                true
            }
        };
        if !heard {
            let (upstream, method) = (self.upstream(), notification.method.as_ref());
            debug!(
                message = "Ignored a notification that is of no running call.",
                upstream, method
            );
        }
    }

    /// A message over the limit is not read, but whose it was can be found out: the id stands at one of its ends.
    fn hear_too_much(&self, head: &[u8], tail: &[u8]) {
        let limit = self.limit;
        warn!(
            message = "An upstream wrote a message that is too large.",
            upstream = self.upstream(),
            limit
        );
        let running = self.routes.running();
        let named: Vec<&String> = running
            .iter()
            .filter(|id| [head, tail].iter().any(|end| names_id(end, id)))
            .collect();
        if let [only] = *named {
            self.routes.end(only, End::TooLarge);
        }
    }
}

fn uri(params: Option<&RawValue>) -> Option<String> {
    let params = Object::parse(params?).ok()?;
    params.get_str("uri").map(std::borrow::Cow::into_owned)
}

/// The id in a member of the params, as JSON.
fn named(params: Option<&RawValue>, member: &str) -> Option<String> {
    let params = Object::parse(params?).ok()?;
    let id = RequestId::from_raw(params.get(member)?).ok()?;
    Some(id.as_json().to_owned())
}

/// Whether a piece of JSON names an id as such. Ids are long and never come twice.
fn names_id(piece: &[u8], id: &str) -> bool {
    let id = id.as_bytes();
    piece.windows(id.len()).enumerate().any(|(at, window)| {
        let before = piece[..at].trim_ascii_end();
        window == id
            && before
                .strip_suffix(b":")
                .is_some_and(|before| before.trim_ascii_end().ends_with(b"\"id\""))
    })
}

#[cfg(test)]
mod tests {
    use super::names_id;

    #[test]
    fn an_id_is_found_where_it_is_the_id() {
        assert!(names_id(
            br#"{"jsonrpc":"2.0","id" : "b-12","result":"xx"#,
            "\"b-12\""
        ));
        assert!(!names_id(br#"{"jsonrpc":"2.0","id":"b-12","#, "\"b-1\""));
        assert!(!names_id(br#"{"progressToken":"b-12","#, "\"b-12\""));
    }
}
