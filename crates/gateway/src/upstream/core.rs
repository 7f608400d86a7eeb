//! One MCP server behind the gateway.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use mcpg_mcp::id::RequestId;
use mcpg_mcp::write;
use serde_json::value::RawValue;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::client::HttpClient;
use super::conversation::Conversation;
use super::error::{SetupError, UpstreamError};
use super::params;
use super::peer::Peer;
use super::settings::Settings;
use super::shared::SharedSession;
use super::signals::Signals;
use super::state::State;
use crate::mint::Mint;

/// One MCP server behind the gateway: its connections, what it offers, and the session that is shared.
pub(crate) struct Upstream {
    pub(super) settings: Settings,
    pub(super) http: Arc<HttpClient>,
    pub(super) mint: Mint,
    /// The gateway's own name and version.
    pub(super) gateway: Box<RawValue>,
    pub(super) shared: SharedSession,
    pub(super) signals: Signals,
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
        let http = Arc::new(HttpClient::new(&settings));
        let gateway = format!(r#"{{"name":"mcpg","version":"{}"}}"#, env!("CARGO_PKG_VERSION"));
        let gateway = RawValue::from_string(gateway).map_err(|error| SetupError::new(error.to_string()))?;
        Ok(Arc::new(Self {
            settings,
            http,
            mint,
            gateway,
            shared: SharedSession::default(),
            signals: Signals::default(),
            discovery_is_silent: AtomicBool::new(false),
            state: watch::Sender::new(Arc::default()),
            tasks: TaskTracker::new(),
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
    pub(super) async fn ask(
        &self,
        peer: Peer<'_>,
        method: &str,
        params: Option<&RawValue>,
    ) -> Result<Box<RawValue>, UpstreamError> {
        let limit = self.settings.timing.request;
        let asked = timeout(limit, async {
            let id = self.mint.id();
            let response = self.http.post(
                self.own_headers(peer, method),
                self.own_body(peer, &id, method, params),
            );
            Conversation::new(self, peer, Some(&id), None)
                .read(response.await?)
                .await
        });
        asked.await.unwrap_or_else(|_| {
            Err(UpstreamError::lost(format!(
                "no answer within {} ms",
                limit.as_millis()
            )))
        })
    }

    pub(super) fn own_headers(&self, peer: Peer<'_>, method: &str) -> http::HeaderMap {
        let mut headers = self.http.post_headers();
        peer.add_headers(&mut headers);
        peer.add_request_headers(&mut headers, method, None, &[]);
        headers
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
