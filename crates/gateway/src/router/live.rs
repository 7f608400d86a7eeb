//! The calls of legacy sessions that run on this replica: what is said to them from elsewhere finds them here.

use std::collections::HashMap;

use mcpg_capabilities::calls::Version;
use mcpg_capabilities::sessions::SessionId;
use mcpg_mcp::id::RequestId;
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::drive::CancelTaken;

/// What reaches a running call from other requests of its session.
#[derive(Debug)]
pub(super) enum Control {
    /// The client cancels it. Whoever asks is told whether that was enough.
    Cancel(CancelTaken),
    /// Its session was closed.
    CloseSession,
    /// Its head was changed, by a write with this version as far as that is known.
    Look(Option<Version>),
}

/// The way to a running call. Bounded: a call that does not listen has been told as much as it can ever need.
pub(super) type ControlSender = mpsc::Sender<Control>;

/// The calls of legacy sessions that run here.
#[derive(Debug, Default)]
pub(super) struct LiveCalls {
    calls: Mutex<HashMap<SessionId, HashMap<RequestId, ControlSender>>>,
}

impl LiveCalls {
    /// Registers a call; `false` when one with the same id still runs in that session.
    pub(super) fn begin(&self, session: &SessionId, id: &RequestId, control: ControlSender) -> bool {
        let mut all = self.calls.lock();
        let calls = all.entry(session.clone()).or_default();
        if calls.contains_key(id) {
            return false;
        }
        calls.insert(id.clone(), control);
        true
    }

    /// Removes a call that has ended.
    pub(super) fn end(&self, session: &SessionId, id: &RequestId) {
        let mut all = self.calls.lock();
        if let Some(calls) = all.get_mut(session) {
            calls.remove(id);
            if calls.is_empty() {
                all.remove(session);
            }
        }
    }

    /// Finds the running call `id` of the session with this name.
    pub(super) fn find(&self, session: &str, id: &RequestId) -> Option<ControlSender> {
        self.calls.lock().get(session)?.get(id).cloned()
    }

    /// All running calls of the session with this name.
    pub(super) fn of_session(&self, session: &str) -> Vec<ControlSender> {
        let all = self.calls.lock();
        all.get(session)
            .map(|calls| calls.values().cloned().collect())
            .unwrap_or_default()
    }

    /// All running calls.
    pub(super) fn all(&self) -> Vec<ControlSender> {
        let all = self.calls.lock();
        all.values().flat_map(HashMap::values).cloned().collect()
    }

    /// The sessions that have running calls.
    pub(super) fn sessions(&self) -> Vec<SessionId> {
        self.calls.lock().keys().cloned().collect()
    }
}
