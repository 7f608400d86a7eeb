//! One MCP server behind the gateway.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::Duration;

use mcpg_mcp::id::RequestId;
use mcpg_mcp::write;
use serde_json::value::RawValue;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::conversation::Answered;
use super::error::{SetupError, UpstreamError};
use super::params;
use super::peer::Peer;
use super::sending::Sending;
use super::settings::Settings;
use super::shared::SharedSession;
use super::signals::Signals;
use super::state::State;
use super::transport::Transport;
use super::updates::{Listened, Wanted};
use crate::mint::Mint;
use crate::observe::UpstreamMeter;

/// One MCP server behind the gateway: its connections, what it offers, and the session that is shared.
pub(crate) struct Upstream {
    pub(super) settings: Settings,
    pub(super) transport: Transport,
    pub(super) mint: Mint,
    /// The gateway's own name and version.
    pub(super) gateway: Box<RawValue>,
    pub(super) shared: SharedSession,
    pub(super) signals: Arc<Signals>,
    /// Where the gateway hears of what it is subscribed to.
    pub(super) listened: watch::Sender<Listened>,
    /// What a modern upstream is listened to for.
    pub(super) wanted: Wanted,
    /// How many streams of clients' own sessions are refused at present because somebody reads them already.
    pub(super) refused_streams: AtomicUsize,
    pub(super) meter: UpstreamMeter,
    /// The upstream is known to leave `server/discover` without an answer while it answers other requests.
    pub(super) discovery_is_silent: AtomicBool,
    pub(super) state: watch::Sender<Arc<State>>,
    /// Cancels and closes that outlive whoever caused them. Each ends by itself within a timeout.
    pub(super) tasks: TaskTracker,
}

impl Upstream {
    /// Makes an upstream that nothing is known of yet. `mint` gives the ids of everything that is sent.
    ///
    /// # Errors
    /// None at present; certificates and URL were checked with the settings.
    pub(crate) fn new(settings: Settings, mint: Mint) -> Result<Arc<Self>, SetupError> {
        let gateway = format!(r#"{{"name":"mcpg","version":"{}"}}"#, env!("CARGO_PKG_VERSION"));
        let gateway = RawValue::from_string(gateway).map_err(|error| SetupError::new(error.to_string()))?;
        let (signals, tasks) = (Arc::<Signals>::default(), TaskTracker::new());
        let transport = Transport::new(&settings, &mint, &signals, &tasks);
        Ok(Arc::new(Self {
            meter: UpstreamMeter::new(&settings.name),
            settings,
            transport,
            mint,
            gateway,
            shared: SharedSession::default(),
            signals,
            listened: watch::Sender::default(),
            wanted: Wanted::default(),
            refused_streams: AtomicUsize::new(0),
            discovery_is_silent: AtomicBool::new(false),
            state: watch::Sender::new(Arc::default()),
            tasks,
        }))
    }

    /// The name of the federation.
    pub(crate) fn name(&self) -> &str {
        &self.settings.name
    }

    /// What is known at the moment.
    pub(crate) fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.borrow())
    }

    /// What is known, now and whenever it changes.
    pub(crate) fn states(&self) -> watch::Receiver<Arc<State>> {
        self.state.subscribe()
    }

    /// Sends a request of the gateway itself and waits for the answer, but not for ever.
    pub(super) async fn ask(&self, peer: Peer<'_>, method: &str, params: Option<&RawValue>) -> Answered {
        let limit = self.settings.timing.request;
        self.ask_within(limit, peer, method, params).await
    }

    pub(super) async fn ask_within(
        &self,
        limit: Duration,
        peer: Peer<'_>,
        method: &str,
        params: Option<&RawValue>,
    ) -> Answered {
        let asked = timeout(limit, async {
            let id = self.mint.id();
            let sending = Sending {
                id: &id,
                method,
                name: None,
                parameter_headers: &[],
                body: self.own_body(peer, &id, method, params),
                caller: None,
            };
            self.exchange(peer, sending).await
        });
        asked.await.unwrap_or_else(|_| {
            Err(UpstreamError::lost(format!(
                "no answer within {} ms",
                limit.as_millis()
            )))
        })
    }

    pub(super) fn own_body(
        &self,
        peer: Peer<'_>,
        id: &RequestId,
        method: &str,
        params: Option<&RawValue>,
    ) -> bytes::Bytes {
        match peer {
            Peer::Modern(version) => {
                let params = params::own_modern(params, version, &self.gateway);
                write::request(id, method, Some(&params))
            }
            Peer::Opening | Peer::Legacy(_) => write::request(id, method, params),
        }
    }
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Upstream")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
