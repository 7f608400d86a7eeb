//! The driver's end of a stream.

use bytes::Bytes;
use mcpg_capabilities::calls::{Refused, Version};
use mcpg_mcp::write;
use tokio::sync::{mpsc, oneshot, watch};

use super::waiting::{Line, Unasked, What};
use crate::exchange::Event;
use crate::router::head::Verdict;

/// What the driver says to the stream task.
#[derive(Debug)]
pub(super) enum Said {
    Line(Line),
    Question(Unasked),
    /// Let go of the client, which comes back after so many milliseconds.
    Pause(u64),
}

/// The last word of the driver.
#[derive(Debug)]
pub(super) enum Last {
    /// The call has an outcome: the response, and what came just before it.
    Response {
        before: Vec<Said>,
        response: Bytes,
        told: oneshot::Receiver<Option<Bytes>>,
    },
    /// The client cancelled it, or its session was closed: there is no response.
    Nothing,
}

/// What the stream task has to tell.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::router) struct State {
    /// How many questions the client owes an answer to.
    pub(in crate::router) owed: usize,
    /// Grows with each sign of life of the client.
    pub(in crate::router) signs: u64,
    /// Why the call is no longer this replica's.
    pub(in crate::router) refused: Option<Refused>,
    /// Whether the session was found to be gone.
    pub(in crate::router) session_closed: bool,
    /// What may be sent at the end.
    pub(super) verdict: Option<Verdict>,
}

/// Which look at the head is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Looking {
    pub(super) asked: u64,
    pub(super) at_least: Option<Version>,
}

/// The driver's end of a stream. Dropped without a last word, it ends the stream without a response.
#[derive(Debug)]
pub(in crate::router) struct Stream {
    pub(super) said: mpsc::Sender<Said>,
    pub(super) looking: watch::Sender<Looking>,
    pub(super) last: oneshot::Sender<Last>,
    pub(super) state: watch::Receiver<State>,
}

/// A stream whose call has an outcome that was not told yet.
#[derive(Debug)]
pub(in crate::router) struct Concluded {
    /// What may be sent.
    pub(in crate::router) verdict: Verdict,
    tell: oneshot::Sender<Option<Bytes>>,
}

impl Stream {
    /// Whether [`say`](Self::say) has room.
    pub(in crate::router) fn has_room(&self) -> bool {
        self.said.capacity() > 0
    }

    /// Passes on an event of the executor. There must be room for it.
    pub(in crate::router) fn say(&self, event: Event) {
        // No room: the task has ended, and whoever waits for an answer learns of it.
        let _ = self.said.try_send(said(event));
    }

    /// Lets the head be looked at, because somebody said that it was changed.
    pub(in crate::router) fn look(&self, version: Option<Version>) {
        self.looking.send_modify(|looking| {
            looking.asked += 1;
            looking.at_least = looking.at_least.max(version);
        });
    }

    /// Waits until the task has something to tell, or has room again where it had none.
    pub(in crate::router) async fn news(&mut self) -> Option<State> {
        let has_room = self.has_room();
        let changed = tokio::select! {
            biased;
            changed = self.state.changed() => changed,
            // A task that has ended takes nothing, and has told why.
            Ok(_) = self.said.reserve(), if !has_room => return None,
        };
        if changed.is_err() {
            return std::future::pending().await;
        }
        Some(*self.state.borrow_and_update())
    }

    /// Ends the call with this response, unless somebody else has ended it.
    pub(in crate::router) async fn conclude(self, before: Vec<Event>, response: Bytes) -> Concluded {
        let (tell, told) = oneshot::channel();
        let last = Last::Response {
            before: before.into_iter().map(said).collect(),
            response,
            told,
        };
        let mut state = self.state;
        let verdict = match self.last.send(last) {
            Ok(()) => {
                let decided = state.wait_for(|state| state.verdict.is_some()).await;
                decided.ok().and_then(|state| state.verdict)
            }
            Err(_) => None,
        };
        Concluded {
            verdict: verdict.unwrap_or(Verdict::Outcome),
            tell,
        }
    }

    /// Ends the call without a response.
    pub(in crate::router) fn end_without_answer(self) {
        let _ = self.last.send(Last::Nothing);
    }
}

impl Concluded {
    /// Sends the last message to the client, if there is one, and closes its stream.
    pub(in crate::router) fn tell(self, message: Option<Bytes>) {
        let _ = self.tell.send(message);
    }
}

fn said(event: Event) -> Said {
    match event {
        Event::Notification { method, params } => {
            let message = write::notification(&method, params.as_deref());
            let what = if method == "notifications/progress" {
                What::Progress
            } else {
                What::Notification
            };
            Said::Line(Line::new(message, what))
        }
        Event::Question(question) => Said::Question(Unasked {
            method: question.method,
            params: question.params,
            answer: question.answer,
        }),
        Event::Pause { retry_ms } => Said::Pause(retry_ms),
    }
}
