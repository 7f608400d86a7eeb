//! Opening and closing client sessions.

use std::sync::Arc;

use mcpg_capabilities::principal::Principal;
use mcpg_capabilities::sessions::{Admitted, SessionError, SessionId, SessionRecord};
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::initialize::InitializeParams;
use mcpg_mcp::version::ProtocolVersion;
use serde_json::value::RawValue;

use super::core::Router;
use super::start::SessionRef;
use crate::observe::carried;

/// A session that was just opened.
#[derive(Debug)]
pub(crate) struct Initialized {
    pub(crate) id: SessionId,
    pub(crate) version: ProtocolVersion,
    /// The result of `initialize`.
    pub(crate) result: Box<RawValue>,
}

/// Why no session was opened.
#[derive(Debug)]
pub(crate) enum NotInitialized {
    /// The params are not those of initialize.
    Invalid(ErrorObject),
    /// The session could not be recorded.
    Session(SessionError),
}

impl Router {
    /// Opens a session. Its record stands in the coordinator before this returns.
    pub(crate) async fn initialize(
        &self,
        principal: &Principal,
        params: Option<&RawValue>,
    ) -> Result<Initialized, NotInitialized> {
        let params = InitializeParams::parse(params).map_err(NotInitialized::Invalid)?;
        let version = ProtocolVersion::negotiate(&params.protocol_version);
        let mut record = SessionRecord::new(
            version.as_str(),
            params.capabilities.into(),
            params.client_info.map(Into::into),
        );
        record.levels_from = self.levels.position();
        let (id, _) = self
            .sessions
            .create(principal, record)
            .await
            .map_err(NotInitialized::Session)?;
        Ok(Initialized {
            id,
            version,
            result: self.initialize_result(version),
        })
    }

    /// Finds the session of a request. That of another principal does not exist.
    pub(crate) async fn admit(&self, principal: &Principal, id: &str) -> Result<SessionRef, SessionError> {
        let Admitted {
            id,
            record,
            is_current,
        } = self.sessions.admit(principal, id).await?;
        Ok(SessionRef {
            principal: principal.clone(),
            id,
            record,
            is_current,
        })
    }

    /// Closes a session on every replica: its calls are aborted, what it held upstream is closed in the background.
    ///
    /// Once begun it is done to the end, whether or not the client waits for it.
    pub(crate) async fn close_session(&self, principal: &Principal, id: &str) -> Result<(), SessionError> {
        let sessions = Arc::clone(&self.sessions);
        let (principal, id) = (principal.clone(), id.to_owned());
        let closing = async move { sessions.close(&principal, &id).await };
        let closing = self.tasks.spawn(carried(closing));
        match closing.await {
            Ok(closed) => closed.map(drop),
            Err(error) => Err(SessionError::Broken(error.to_string())),
        }
    }
}
