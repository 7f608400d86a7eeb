//! Drives one call from its start to its only answer.
//!
//! The driver owns the call's future: when it lets go of it, the executor cancels. It passes events on to whoever
//! holds the client's connection, waits for answers to questions, and ends the call that shows no sign of life.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mcpg_capabilities::sessions::SessionId;
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::id::RequestId;
use mcpg_mcp::initialize::ClientCapabilities;
use mcpg_mcp::meta::LogLevel;
use mcpg_mcp::object::Object;
use mcpg_mcp::write;
use serde_json::value::RawValue;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Sleep};

use super::live::{Control, ControlSender, LiveCalls};
use crate::exchange::{Answer, CallError, Event, Outcome, Question};
use crate::mint::Mint;

/// How many events wait for a slow client before the call itself waits.
pub(super) const EVENT_QUEUE: usize = 32;

/// What a call sends to the connection of its client.
#[derive(Debug)]
pub(crate) enum Output {
    /// A notification or a request to the client, as a whole JSON-RPC message.
    Event(Bytes),
    /// The call's only answer; nothing follows.
    Answer(Box<Final>),
    /// The client cancelled the call: there is no answer.
    Cancelled,
    /// The session was closed while the call ran.
    SessionClosed,
}

/// The answer of a call.
#[derive(Debug)]
pub(crate) struct Final {
    /// The JSON-RPC response.
    pub(crate) message: Bytes,
    /// The error, where it is one: the modern era expresses some in the HTTP status.
    pub(crate) error: Option<ErrorObject>,
}

/// What the loss of the client's connection means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disconnect {
    /// Nothing: the call runs on (legacy era).
    RunOn,
    /// A cancel (modern era).
    Cancel,
}

/// How long a call may be silent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Without any sign of life of the executor.
    pub(super) silence: Duration,
    /// While the client owes an answer: people need longer than programs.
    pub(super) question: Duration,
}

/// Everything about a call but its future.
pub(super) struct Driver {
    pub(super) id: RequestId,
    /// The session and the way to this call inside it; the modern era has neither.
    pub(super) session: Option<(SessionId, ControlSender)>,
    pub(super) live: Arc<LiveCalls>,
    pub(super) mint: Mint,
    pub(super) patience: Patience,
    pub(super) disconnect: Disconnect,
    /// What the client declared, and with it which questions it answers.
    pub(super) capabilities: Arc<RawValue>,
    pub(super) log_level: LogFilter,
    pub(super) output: mpsc::Sender<Output>,
}

/// Which log messages reach the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogFilter {
    /// The client never said: the executor decides.
    All,
    /// None: a modern request without a level.
    Nothing,
    /// This level and more important ones.
    From(LogLevel),
}

enum Ended {
    Outcome(Outcome),
    Cancelled,
    SessionClosed,
    /// Nobody is there to hear an answer, and that is a cancel.
    Abandoned,
}

/// A call whose end is decided, but not told yet.
pub(super) struct Decided {
    running: Running,
    ended: Ended,
}

struct Running {
    driver: Driver,
    pending: HashMap<RequestId, oneshot::Sender<Answer>>,
    deadline: Pin<Box<Sleep>>,
    connected: bool,
}

impl Driver {
    /// Runs the call until it is decided how it ends.
    ///
    /// The caller then lets go of the call - where it had not ended, its executor cancels - and tells the client with
    /// [`Decided::tell`]. The call comes by reference because a future that is handed on by value is copied.
    pub(super) async fn run(
        self,
        call: Pin<&mut (impl Future<Output = Outcome> + Send)>,
        mut events: mpsc::Receiver<Event>,
        mut control: Option<mpsc::Receiver<Control>>,
    ) -> Decided {
        let deadline = Box::pin(tokio::time::sleep(self.patience.silence));
        let mut running = Running {
            driver: self,
            pending: HashMap::new(),
            deadline,
            connected: true,
        };
        let mut call = call;
        let ended = loop {
            tokio::select! {
                // Events first: they were sent before the outcome and must not be overtaken by it.
                biased;
                Some(event) = events.recv() => running.pass_on(event).await,
                outcome = &mut call => {
                    while let Ok(event) = events.try_recv() {
                        running.pass_on(event).await;
                    }
                    break Ended::Outcome(outcome);
                }
                Some(control) = next_control(&mut control) => match control {
                    Control::Cancel => break Ended::Cancelled,
                    Control::CloseSession => break Ended::SessionClosed,
                    Control::Answer(question, answer) => running.answered(&question, answer),
                },
                () = &mut running.deadline => break Ended::Outcome(Err(running.timed_out().into())),
                () = running.driver.output.closed(), if running.connected => {
                    if running.driver.disconnect == Disconnect::Cancel {
                        break Ended::Abandoned;
                    }
                    running.lose_client();
                }
            }
        };
        Decided { running, ended }
    }
}

async fn next_control(control: &mut Option<mpsc::Receiver<Control>>) -> Option<Control> {
    match control {
        Some(control) => control.recv().await,
        None => std::future::pending().await,
    }
}

impl Decided {
    /// Tells the client how its call ended, if it is still there.
    pub(super) async fn tell(self) {
        self.running.finish(self.ended).await;
    }
}

impl Running {
    async fn pass_on(&mut self, event: Event) {
        self.alive();
        match event {
            Event::Notification { method, params } => {
                if !self.driver.log_level.hides(&method, params.as_deref()) {
                    self.send(write::notification(&method, params.as_deref())).await;
                }
            }
            Event::Question(question) => self.ask(question).await,
        }
    }

    async fn ask(&mut self, question: Question) {
        let Some((session, control)) = self.driver.session.clone() else {
            // The modern era has no requests to the client: dropping the question tells the executor.
            return;
        };
        if !answers(&self.driver.capabilities, &question.method) {
            let refusal = ErrorObject::method_not_found(&question.method);
            let _ = question.answer.send(Err(refusal.to_raw()));
            return;
        }
        if !self.connected {
            return;
        }
        let id = self.driver.mint.id();
        self.driver.live.ask(id.clone(), session, control);
        self.pending.insert(id.clone(), question.answer);
        self.alive();
        self.send(write::request(&id, &question.method, question.params.as_deref()))
            .await;
    }

    fn answered(&mut self, question: &RequestId, answer: Answer) {
        if let Some(waiting) = self.pending.remove(question) {
            // The executor may have given the question up; then nobody needs the answer.
            let _ = waiting.send(answer);
        }
        self.alive();
    }

    /// Counts the silence from now on.
    fn alive(&mut self) {
        let patience = self.driver.patience;
        let silence = if self.pending.is_empty() {
            patience.silence
        } else {
            patience.question
        };
        self.deadline.as_mut().reset(Instant::now() + silence);
    }

    fn timed_out(&self) -> ErrorObject {
        let patience = self.driver.patience;
        ErrorObject::timeout(if self.pending.is_empty() {
            format!("no sign of life for {} ms", patience.silence.as_millis())
        } else {
            format!(
                "the client did not answer for {} ms",
                patience.question.as_millis()
            )
        })
    }

    async fn send(&mut self, message: Bytes) {
        if !self.connected {
            return;
        }
        let patience = self.driver.patience.silence;
        let sent = tokio::time::timeout(patience, self.driver.output.send(Output::Event(message))).await;
        if !matches!(sent, Ok(Ok(()))) {
            // Gone, or so slow that its stream is given up: the call itself goes on.
            self.lose_client();
        }
    }

    fn lose_client(&mut self) {
        self.connected = false;
        // Nobody can answer any more.
        for (question, _) in self.pending.drain() {
            self.driver.live.forget_question(&question);
        }
    }

    async fn finish(mut self, ended: Ended) {
        for (question, _) in self.pending.drain() {
            self.driver.live.forget_question(&question);
        }
        if let Some((session, _)) = &self.driver.session {
            self.driver.live.end(session, &self.driver.id);
        }
        let last = match ended {
            Ended::Outcome(outcome) => Output::Answer(Box::new(answer(&self.driver.id, outcome))),
            Ended::Cancelled => Output::Cancelled,
            Ended::SessionClosed => Output::SessionClosed,
            Ended::Abandoned => return,
        };
        if self.connected {
            let patience = self.driver.patience.silence;
            let _ = tokio::time::timeout(patience, self.driver.output.send(last)).await;
        }
    }
}

impl LogFilter {
    fn hides(self, method: &str, params: Option<&RawValue>) -> bool {
        if method != "notifications/message" {
            return false;
        }
        match self {
            Self::All => false,
            Self::Nothing => true,
            Self::From(least) => params.and_then(level_of).is_some_and(|level| level < least),
        }
    }
}

/// Whether a client with these capabilities answers such a question.
fn answers(capabilities: &RawValue, method: &str) -> bool {
    let declared = ClientCapabilities::new(capabilities);
    match method {
        "elicitation/create" => declared.has("elicitation"),
        "sampling/createMessage" => declared.sampling(),
        "roots/list" => declared.roots(),
        "ping" => true,
        _ => false,
    }
}

/// The level of a notifications/message with these params.
fn level_of(params: &RawValue) -> Option<LogLevel> {
    Object::parse(params).ok()?.get_str("level")?.parse().ok()
}

/// The response message for an outcome.
pub(super) fn answer(id: &RequestId, outcome: Outcome) -> Final {
    match outcome {
        Ok(result) => Final {
            message: write::result(id, &result),
            error: None,
        },
        Err(CallError::Answered(raw)) => Final {
            message: write::raw_error(id, &raw),
            error: ErrorObject::from_raw(&raw),
        },
        Err(CallError::Failed(error)) => Final {
            message: write::error(Some(id), &error),
            error: Some(error),
        },
    }
}

#[cfg(test)]
mod tests;
