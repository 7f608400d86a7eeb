//! What a call says to its client, and the client to it.

use bytes::Bytes;
use mcpg_capabilities::calls::QuestionAnswer;
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::id::RequestId;
use mcpg_mcp::initialize::ClientCapabilities;
use mcpg_mcp::version::Era;
use mcpg_mcp::write;
use serde_json::value::RawValue;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::Output;
use super::log_filter::LogFilter;
use super::running::{Ended, Running};
use crate::exchange::{Event, Question};

impl Running {
    /// The event, unless this client does not want it or cannot answer it.
    pub(super) async fn wanted(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::Notification { method, params } => {
                if method == "notifications/message" {
                    self.learn_level().await;
                }
                let hidden = self.driver.log_level.hides(&method, params.as_deref());
                (!hidden).then_some(Event::Notification { method, params })
            }
            Event::Question(question) => self.answerable(question).map(Event::Question),
            Event::Pause { .. } => {
                let session = self.driver.session.as_ref();
                let can_wait = session.is_some_and(|session| session.streams.is_some() && session.places);
                can_wait.then_some(event)
            }
        }
    }

    /// Reads the client's log level, once, where it may have been set at another replica meanwhile.
    async fn learn_level(&mut self) {
        let Some(session) = &mut self.driver.session else {
            return;
        };
        if !std::mem::replace(&mut session.level_may_be_old, false) {
            return;
        }
        if let Ok(record) = session.sessions.current(&session.id).await {
            self.driver.log_level = LogFilter::of(record.log_level.as_deref(), Era::Legacy);
        }
    }

    fn answerable(&self, question: Question) -> Option<Question> {
        // The modern era has no requests to the client: dropping the question tells the executor.
        self.driver.session.as_ref()?;
        if !answers(&self.driver.capabilities, &question.method) {
            let refusal = ErrorObject::method_not_found(&question.method);
            let _ = question.answer.send(Err(refusal.to_raw()));
            return None;
        }
        // A client that can come back finds the question on its stream.
        (self.connected || self.can_be_resumed()).then_some(question)
    }

    pub(super) async fn pass_on(&mut self, event: Event) -> Option<Ended> {
        if let Some(message) = notification(&event) {
            self.say(Output::Event(message)).await;
        }
        match event {
            Event::Question(question) => self.ask(question).await,
            Event::Notification { .. } | Event::Pause { .. } => None,
        }
    }

    async fn ask(&mut self, question: Question) -> Option<Ended> {
        let session = self.driver.session.as_mut().filter(|_| self.connected)?;
        match session.head.ask().await {
            Ok(Some((number, id))) => {
                self.pending.insert(number, question.answer);
                self.alive();
                let id = RequestId::from_string(&id);
                let message = write::request(&id, &question.method, question.params.as_deref());
                self.say(Output::Event(message)).await;
                None
            }
            // Dropping the question tells the executor.
            Ok(None) => None,
            Err(refused) => Some(refused.into()),
        }
    }

    pub(super) fn answered(&mut self, answers: Vec<(u64, QuestionAnswer)>) {
        if answers.is_empty() {
            return;
        }
        for (number, answer) in answers {
            if let Some(waiting) = self.pending.remove(&number) {
                // The executor may have given the question up; then nobody needs the answer.
                let _ = waiting.send(answer.into());
            }
        }
        self.alive();
    }

    /// Counts the silence from now on.
    pub(super) fn alive(&mut self) {
        let patience = self.driver.patience;
        let silence = if self.owed() == 0 {
            patience.silence
        } else {
            patience.question
        };
        self.deadline.as_mut().reset(Instant::now() + silence);
    }

    pub(super) fn keep_from_now_on(&mut self) {
        if let Some(session) = &self.driver.session {
            let every = session.head.keep_every();
            let mut keeping = interval_at(Instant::now() + every, every);
            keeping.set_missed_tick_behavior(MissedTickBehavior::Delay);
            self.keeping = Some(keeping);
        }
    }

    pub(super) async fn say(&mut self, output: Output) {
        if !std::mem::replace(&mut self.is_stream, true) {
            self.driver.meter.upgraded();
        }
        if !self.connected {
            return;
        }
        let patience = self.driver.patience.silence;
        let sent = tokio::time::timeout(patience, self.driver.output.send(output)).await;
        if !matches!(sent, Ok(Ok(()))) {
            // Gone, or so slow that its stream is given up: the call itself goes on.
            self.lose_client();
        }
    }

    pub(super) fn lose_client(&mut self) {
        self.connected = false;
        // Nobody can answer any more.
        self.pending.clear();
    }
}

pub(super) fn notification(event: &Event) -> Option<Bytes> {
    match event {
        Event::Notification { method, params } => Some(write::notification(method, params.as_deref())),
        Event::Question(_) | Event::Pause { .. } => None,
    }
}

/// Whether a client with these capabilities answers such a question.
pub(in crate::router) fn answers(capabilities: &RawValue, method: &str) -> bool {
    let declared = ClientCapabilities::new(capabilities);
    match method {
        "elicitation/create" => declared.has("elicitation"),
        "sampling/createMessage" => declared.sampling(),
        "roots/list" => declared.roots(),
        "ping" => true,
        _ => false,
    }
}
