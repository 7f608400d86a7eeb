//! The calls that run on this replica, so that cancels and answers find them.

use std::collections::HashMap;

use mcpg_capabilities::sessions::SessionId;
use mcpg_mcp::id::RequestId;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::exchange::Answer;

/// What reaches a running call from other requests of its session.
#[derive(Debug)]
pub(super) enum Control {
    /// The client cancels it.
    Cancel,
    /// Its session was closed.
    CloseSession,
    /// The client answers its question with this id.
    Answer(RequestId, Answer),
}

/// The way to a running call. Bounded: a call that does not listen has as many answers as it can ever need.
pub(super) type ControlSender = mpsc::Sender<Control>;

/// The calls of legacy sessions that run here.
#[derive(Debug, Default)]
pub(super) struct LiveCalls {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    calls: HashMap<SessionId, HashMap<RequestId, ControlSender>>,
    questions: HashMap<RequestId, (SessionId, ControlSender)>,
}

impl LiveCalls {
    /// Registers a call; `false` when one with the same id still runs in that session.
    pub(super) fn begin(&self, session: &SessionId, id: &RequestId, control: ControlSender) -> bool {
        let mut inner = self.inner.lock();
        let calls = inner.calls.entry(session.clone()).or_default();
        if calls.contains_key(id) {
            return false;
        }
        calls.insert(id.clone(), control);
        true
    }

    /// Removes a call that has ended.
    pub(super) fn end(&self, session: &SessionId, id: &RequestId) {
        let mut inner = self.inner.lock();
        if let Some(calls) = inner.calls.get_mut(session) {
            calls.remove(id);
            if calls.is_empty() {
                inner.calls.remove(session);
            }
        }
    }

    /// Registers a question of a running call.
    pub(super) fn ask(&self, question: RequestId, session: SessionId, control: ControlSender) {
        self.inner.lock().questions.insert(question, (session, control));
    }

    /// Removes a question that was answered or given up.
    pub(super) fn forget_question(&self, question: &RequestId) {
        self.inner.lock().questions.remove(question);
    }

    /// Finds the call that waits for the answer to `question`, once; another session's question is not found.
    pub(super) fn take_question(&self, session: &SessionId, question: &RequestId) -> Option<ControlSender> {
        let mut inner = self.inner.lock();
        if inner
            .questions
            .get(question)
            .is_none_or(|(owner, _)| owner != session)
        {
            return None;
        }
        inner.questions.remove(question).map(|(_, control)| control)
    }

    /// Finds the running call `id` of a session.
    pub(super) fn find(&self, session: &SessionId, id: &RequestId) -> Option<ControlSender> {
        self.inner.lock().calls.get(session)?.get(id).cloned()
    }

    /// All running calls of a session.
    pub(super) fn of_session(&self, session: &SessionId) -> Vec<ControlSender> {
        let inner = self.inner.lock();
        inner
            .calls
            .get(session)
            .map(|calls| calls.values().cloned().collect())
            .unwrap_or_default()
    }
}
