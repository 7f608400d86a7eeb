//! Everything the sessions and requests of one server share.

use std::sync::{Arc, Mutex, PoisonError};

use rmcp::{
    model::{RequestStateCodec, ServerCapabilities},
    task_manager::TaskManager,
};
use serde_json::{Value, json};

use crate::{
    catalogue::Catalogue, failure::Failure, listeners::Listeners, options::Options,
    sessions::CountedSessions, stats::Stats,
};

/// Key of the sealed request states; it protects nothing but the test of tampering.
const REQUEST_STATE_KEY: &[u8; 32] = b"a key that only protects a test.";

/// Switch that makes the endpoint refuse requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outage {
    /// Status to answer with.
    pub(crate) status: u16,
    /// Requests still to refuse; `None` means until switched off.
    pub(crate) remaining: Option<u64>,
}

/// Shared state of the server.
pub(crate) struct State {
    /// Command line.
    pub(crate) options: Options,
    /// Counters.
    pub(crate) stats: Arc<Stats>,
    /// Lists.
    pub(crate) catalogue: Catalogue,
    /// Clients that wait for notifications.
    pub(crate) listeners: Arc<Listeners>,
    /// Sessions of legacy clients.
    pub(crate) sessions: Arc<CountedSessions>,
    /// Tasks of modern clients.
    pub(crate) tasks: TaskManager,
    /// Seals request states.
    pub(crate) request_states: RequestStateCodec,
    /// What the server declares.
    pub(crate) capabilities: ServerCapabilities,
    /// Schemas of the forms shown to users.
    pub(crate) forms: Value,
    outage: Mutex<Option<Outage>>,
}

impl State {
    /// Builds the state of a server that just started.
    pub(crate) fn new(options: Options) -> Result<Arc<Self>, Failure> {
        let stats = Arc::new(Stats::kept_in(options.report.as_deref())?);
        let listeners = Arc::new(Listeners::default());
        Ok(Arc::new(Self {
            catalogue: Catalogue::load(options.page_size)?,
            sessions: Arc::new(CountedSessions::new(Arc::clone(&stats), Arc::clone(&listeners))),
            tasks: TaskManager::new(),
            request_states: RequestStateCodec::try_new(REQUEST_STATE_KEY.as_slice())?,
            capabilities: serde_json::from_value(json!({
                "tools": { "listChanged": true },
                "prompts": { "listChanged": true },
                "resources": { "listChanged": true, "subscribe": true },
                "logging": {},
                "completions": {},
                "extensions": { "io.modelcontextprotocol/tasks": {} },
            }))?,
            forms: serde_json::from_str(include_str!("fixtures/forms.json"))?,
            outage: Mutex::new(None),
            options,
            stats,
            listeners,
        }))
    }

    /// Starts or ends an outage.
    pub(crate) fn set_outage(&self, outage: Option<Outage>) {
        *self.outage.lock().unwrap_or_else(PoisonError::into_inner) = outage;
    }

    /// Returns the status to refuse the current request with.
    pub(crate) fn refuse_request(&self) -> Option<u16> {
        let mut outage = self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        let current = outage.as_mut()?;
        let status = current.status;
        if let Some(remaining) = &mut current.remaining {
            *remaining = remaining.saturating_sub(1);
            if *remaining == 0 {
                *outage = None;
            }
        }
        Some(status)
    }
}
