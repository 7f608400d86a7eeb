//! Requests and notifications on behalf of clients.

use mcpg_mcp::write;
use serde_json::value::RawValue;

use super::core::Upstream;
use super::error::UpstreamError;
use super::params;
use super::peer::Peer;
use super::sending::Sending;
use super::session::Via;
use crate::exchange::{Caller, Outgoing};
use crate::observe::UpstreamOutcome;

impl Upstream {
    /// Sends a request and returns its result as the upstream wrote it.
    ///
    /// While it runs, what the upstream says about it goes to `caller.events`, and what it asks is answered by
    /// whoever reads them. Dropping the future cancels the request at the upstream. A request through the shared
    /// session is sent once more when that session turns out to be gone, because then it was surely not executed;
    /// nothing else is ever repeated.
    ///
    /// # Errors
    /// [`UpstreamError`] says what the caller may do.
    pub(crate) async fn request(
        &self,
        via: Via<'_>,
        request: &Outgoing,
        caller: &Caller,
    ) -> Result<Box<RawValue>, UpstreamError> {
        let result = match via {
            Via::Session(session) => self.send(Peer::Legacy(session), request, caller).await,
            Via::Shared => self.send_shared(request, caller).await,
            Via::Modern => match self.modern_peer() {
                Some(peer) => self.send(peer, request, caller).await,
                None => Err(no_modern()),
            },
        };
        if let Err(UpstreamError::NotSent { .. } | UpstreamError::Lost { .. }) = &result {
            self.signals.suspect();
        }
        result
    }

    /// Sends a notification.
    ///
    /// # Errors
    /// [`UpstreamError`] when the upstream did not accept it.
    pub(crate) async fn notify(
        &self,
        via: Via<'_>,
        method: &str,
        params: Option<&RawValue>,
    ) -> Result<(), UpstreamError> {
        match via {
            Via::Session(session) => {
                self.post_message(Peer::Legacy(session), write::notification(method, params))
                    .await
            }
            Via::Shared => {
                let session = self.shared_session(None).await?;
                self.post_message(Peer::Legacy(&session), write::notification(method, params))
                    .await
            }
            Via::Modern => {
                let peer = self.modern_peer().ok_or_else(no_modern)?;
                self.post_message(peer, write::notification(method, params)).await
            }
        }
    }

    async fn send_shared(&self, request: &Outgoing, caller: &Caller) -> Result<Box<RawValue>, UpstreamError> {
        let session = self.shared_session(None).await?;
        match self.send(Peer::Legacy(&session), request, caller).await {
            Err(UpstreamError::SessionGone) => {
                let fresh = self.shared_session(Some(&session)).await?;
                self.send(Peer::Legacy(&fresh), request, caller).await
            }
            other => other,
        }
    }

    async fn send(
        &self,
        peer: Peer<'_>,
        request: &Outgoing,
        caller: &Caller,
    ) -> Result<Box<RawValue>, UpstreamError> {
        let id = self.mint.id();
        // The id is unique, so it serves as progress token as well.
        let token = caller.progress_token.is_some().then_some(&id);
        let params = request.params.as_deref();
        let body = match peer {
            Peer::Modern(version) => {
                let params = params::modern(params, version, caller, &self.gateway, token);
                write::request(&id, request.method, Some(&params))
            }
            Peer::Opening | Peer::Legacy(_) => write::request(
                &id,
                request.method,
                params::legacy(params, caller, token).as_deref(),
            ),
        };
        let sending = Sending {
            id: &id,
            method: request.method,
            name: request.name.as_deref(),
            parameter_headers: &request.parameter_headers,
            body,
            caller: Some(caller),
        };
        let metered = self.meter.begin();
        let result = self.exchange(peer, sending).await;
        metered.end(outcome(&result));
        result
    }

    pub(super) fn modern_peer(&self) -> Option<Peer<'static>> {
        let state = self.state.borrow();
        state.modern.as_ref().map(|offer| Peer::Modern(offer.version))
    }
}

fn outcome(result: &Result<Box<RawValue>, UpstreamError>) -> UpstreamOutcome {
    match result {
        Ok(_) => UpstreamOutcome::Ok,
        Err(UpstreamError::Rpc(_)) => UpstreamOutcome::Error,
        Err(UpstreamError::NotSent { .. } | UpstreamError::Full { .. }) => UpstreamOutcome::NotSent,
        Err(UpstreamError::Lost { .. }) => UpstreamOutcome::Lost,
        Err(UpstreamError::SessionGone) => UpstreamOutcome::SessionGone,
        Err(UpstreamError::Refused { .. } | UpstreamError::TooLarge { .. } | UpstreamError::Protocol(_)) => {
            UpstreamOutcome::Invalid
        }
    }
}

fn no_modern() -> UpstreamError {
    UpstreamError::not_sent("the upstream does not speak the modern era")
}
