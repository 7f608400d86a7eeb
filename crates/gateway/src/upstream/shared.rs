//! The one legacy session for everybody who has none of his own, the gateway itself included.

use std::sync::Arc;

use mcpg_mcp::version::ProtocolVersion;
use parking_lot::Mutex;
use serde_json::value::RawValue;

use super::core::Upstream;
use super::error::UpstreamError;
use super::open::Opened;
use super::session::{For, Session};
use super::state::Status;

#[derive(Default)]
pub(super) struct SharedSession {
    current: Mutex<Option<Arc<Session>>>,
    /// One opening at a time: whoever comes meanwhile uses its result.
    opening: tokio::sync::Mutex<()>,
}

impl SharedSession {
    /// The session, unless it is the one that is `gone`.
    fn usable(&self, gone: Option<&Session>) -> Option<Arc<Session>> {
        let current = self.current.lock();
        current
            .as_ref()
            .filter(|current| Some(current.as_ref()) != gone)
            .map(Arc::clone)
    }

    /// Puts a session in place and returns the former one, if nobody uses it any more.
    fn replace(&self, session: Option<Arc<Session>>) -> Option<Session> {
        let former = std::mem::replace(&mut *self.current.lock(), session);
        former.and_then(Arc::into_inner)
    }
}

impl Upstream {
    /// The shared session, opened where there is none yet or where it is the one that turned out to be `gone`.
    pub(super) async fn shared_session(&self, gone: Option<&Session>) -> Result<Arc<Session>, UpstreamError> {
        if let Some(session) = self.shared.usable(gone) {
            return Ok(session);
        }
        let _one_at_a_time = self.shared.opening.lock().await;
        if let Some(session) = self.shared.usable(gone) {
            return Ok(session);
        }
        let state = self.state();
        if let Status::Down { cause, .. } = &state.status {
            // Everybody would wait for the same silence, one after the other.
            return Err(UpstreamError::not_sent(cause.clone()));
        }
        if self.is_child() {
            // Its end is found out at this moment; who starts it again, and when, is up to the supervisor.
            return Err(UpstreamError::not_sent("its process has ended"));
        }
        let version = state.legacy.as_ref().map(|offer| offer.version);
        let opened = self
            .open_without_client(version.unwrap_or(ProtocolVersion::LATEST_LEGACY))
            .await?;
        Ok(self.share(opened.session))
    }

    /// Opens a session without capabilities: nobody is there to answer questions.
    pub(super) async fn open_without_client(
        &self,
        version: ProtocolVersion,
    ) -> Result<Opened, UpstreamError> {
        let none = RawValue::from_string("{}".to_owned()).expect("an empty object is JSON");
        self.initialize(version, &none, &self.gateway, For::Everybody)
            .await
    }

    /// Makes a session the shared one. The former one is closed, unless a call still runs in it.
    pub(super) fn share(&self, session: Session) -> Arc<Session> {
        let session = Arc::new(session);
        if let Some(former) = self.shared.replace(Some(Arc::clone(&session))) {
            self.close_later(former);
        }
        session
    }

    /// Closes the shared session for good.
    pub(super) async fn end_shared_session(&self) {
        if let Some(session) = self.shared.replace(None) {
            self.close(&session).await;
        }
    }
}
