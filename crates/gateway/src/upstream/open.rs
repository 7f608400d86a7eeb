//! Opens and closes legacy sessions.

use mcpg_mcp::initialize::{InitializeParams, InitializeResult};
use mcpg_mcp::version::ProtocolVersion;
use mcpg_mcp::write;
use serde_json::value::RawValue;
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::core::Upstream;
use super::error::UpstreamError;
use super::peer::Peer;
use super::sending::Sending;
use super::session::{ClientProfile, For, Session};
use super::state::Status;
use crate::observe::carried;

/// A new session and what the upstream said of itself.
pub(super) struct Opened {
    pub(super) session: Session,
    pub(super) about: InitializeResult,
}

/// Closes a session whose handshake was not finished: nobody would ever use or close it.
struct Unfinished<'a> {
    upstream: &'a Upstream,
    session: Option<Session>,
}

impl Upstream {
    /// Opens a session for one client: with its revision where the upstream speaks it, its capabilities and its own
    /// name, so that the upstream treats it as it would without a gateway. Where the client gave no name the gateway
    /// gives its own.
    ///
    /// # Errors
    /// [`UpstreamError`]; the session is then not open.
    pub(crate) async fn open(&self, client: &ClientProfile) -> Result<Session, UpstreamError> {
        if self.is_child()
            && let Status::Down { cause, .. } = &self.state().status
        {
            // A program that does not even start is not started once more for each call.
            return Err(UpstreamError::not_sent(cause.clone()));
        }
        let client_info = client.client_info.as_deref().unwrap_or(&self.gateway);
        let opened = self
            .initialize(
                self.version_for(client.version),
                &client.capabilities,
                client_info,
                For::OneClient,
            )
            .await;
        if let Err(UpstreamError::NotSent { .. } | UpstreamError::Lost { .. }) = &opened {
            self.signals.suspect();
        }
        let session = opened?.session;
        self.meter.opened_session();
        Ok(session)
    }

    /// Closes a session; `false` when the upstream could not be asked to. What is never closed expires there.
    pub(crate) async fn close(&self, session: &Session) -> bool {
        match session.id {
            Some(_) => self.closing(session.clone()).await,
            None => true,
        }
    }

    /// The same in the background.
    pub(super) fn close_later(&self, session: Session) {
        // Without a runtime the whole process is on its way out.
        if let (Some(_), Ok(runtime)) = (&session.id, Handle::try_current()) {
            self.tasks.spawn_on(carried(self.closing(session)), &runtime);
        }
    }

    /// Does the handshake.
    pub(super) async fn initialize(
        &self,
        version: ProtocolVersion,
        capabilities: &RawValue,
        client_info: &RawValue,
        whom: For,
    ) -> Result<Opened, UpstreamError> {
        let limit = self.settings.timing.open;
        timeout(limit, self.shake_hands(version, capabilities, client_info, whom))
            .await
            .unwrap_or_else(|_| {
                Err(UpstreamError::lost(format!(
                    "initialize was not answered within {} ms",
                    limit.as_millis()
                )))
            })
    }

    async fn shake_hands(
        &self,
        version: ProtocolVersion,
        capabilities: &RawValue,
        client_info: &RawValue,
        whom: For,
    ) -> Result<Opened, UpstreamError> {
        let params = InitializeParams {
            protocol_version: version.as_str().to_owned(),
            capabilities: capabilities.to_owned(),
            client_info: Some(client_info.to_owned()),
        };
        let id = self.mint.id();
        let sending = Sending {
            id: &id,
            method: "initialize",
            name: None,
            parameter_headers: &[],
            body: self.own_body(Peer::Opening, &id, "initialize", Some(&params.to_raw())),
            caller: None,
        };
        let mut unfinished = Unfinished {
            upstream: self,
            session: None,
        };
        let result = self
            .greet(version, whom, sending, &mut unfinished.session)
            .await?;
        let about =
            InitializeResult::parse(&result).map_err(|error| UpstreamError::protocol(error.message))?;
        let version = self.agreed(&about)?;
        let id = unfinished.session.as_ref().and_then(|session| session.id.clone());
        let session = Session::new(id, version);
        let initialized = write::notification("notifications/initialized", None);
        self.post_message(Peer::Legacy(&session), initialized).await?;
        unfinished.session = None;
        Ok(Opened { session, about })
    }

    fn agreed(&self, about: &InitializeResult) -> Result<ProtocolVersion, UpstreamError> {
        let spoken = &about.protocol_version;
        let version = about.version().ok_or_else(|| {
            UpstreamError::protocol(format!("it speaks revision {spoken}, which the gateway does not"))
        })?;
        match self.settings.pinned {
            Some(pinned) if pinned.is_legacy() && pinned != version => Err(UpstreamError::protocol(format!(
                "it speaks revision {spoken}, but {pinned} is configured"
            ))),
            _ => Ok(version),
        }
    }

    /// The revision to ask for: the client's, but not more than the upstream is known to speak.
    fn version_for(&self, client: ProtocolVersion) -> ProtocolVersion {
        if let Some(pinned) = self.settings.pinned.filter(|pinned| pinned.is_legacy()) {
            return pinned;
        }
        let wanted = if client.is_legacy() {
            client
        } else {
            ProtocolVersion::LATEST_LEGACY
        };
        match &self.state.borrow().legacy {
            Some(offer) => wanted.min(offer.version),
            None => wanted,
        }
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.upstream.close_later(session);
        }
    }
}
