//! Forwards a request to the upstream that offers what it asks for.

use std::borrow::Cow;

use mcpg_config::app::SessionMode;
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::object::{NotAnObject, Object};
use mcpg_mcp::results::{self, CacheHints};
use mcpg_mcp::version::Era;
use serde_json::value::RawValue;
use tracing::{debug, warn};

use super::core::Router;
use super::start::Client;
use crate::exchange::{CallError, Caller, Outcome, Outgoing};
use crate::upstream::{State, UpstreamError, Via};

/// How a request reaches an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Road {
    /// Through a session that belongs to the client's session.
    OwnSession,
    /// Through the session that everybody shares.
    Shared,
    /// Without a session.
    Modern,
}

impl Router {
    /// Forwards `outgoing` to the upstream at `at` and adapts the result to the client's era.
    pub(super) async fn forward(
        &self,
        at: usize,
        outgoing: Outgoing,
        client: &Client,
        caller: &Caller,
    ) -> Outcome {
        let (federation, upstream) = &self.members[at];
        let state = upstream.state();
        let Some(road) = choose(client, &state, federation.session_mode) else {
            return Err(ErrorObject::upstream_unavailable(&federation.name).into());
        };
        let result = match road {
            Road::Modern => upstream.request(Via::Modern, &outgoing, caller).await,
            Road::Shared => upstream.request(Via::Shared, &outgoing, caller).await,
            Road::OwnSession => self.through_own_session(at, &outgoing, client, caller).await?,
        };
        let spoken = if road == Road::Modern {
            Era::Modern
        } else {
            Era::Legacy
        };
        match result {
            Ok(result) => adapt(result, outgoing.method, client.version.era(), spoken)
                .map_err(|error| ErrorObject::upstream_invalid_response(&federation.name, error).into()),
            Err(error) => Err(call_error(&federation.name, error, client.version.era())),
        }
    }

    /// Sends the request through the session that the gateway holds upstream for this client session; a session
    /// that the upstream has forgotten is replaced once, because a refused request was surely not executed.
    async fn through_own_session(
        &self,
        at: usize,
        outgoing: &Outgoing,
        client: &Client,
        caller: &Caller,
    ) -> Result<Result<Box<RawValue>, UpstreamError>, CallError> {
        let session = self.upstream_session(at, client, None).await?;
        match self.request_in(at, client, &session, outgoing, caller).await? {
            Err(UpstreamError::SessionGone) => {
                let fresh = self.upstream_session(at, client, Some(&session)).await?;
                self.request_in(at, client, &fresh, outgoing, caller).await
            }
            other => Ok(other),
        }
    }
}

/// Makes a result of one era fit for a client of the other.
fn adapt(
    result: Box<RawValue>,
    method: &str,
    client: Era,
    upstream: Era,
) -> Result<Box<RawValue>, Cow<'static, str>> {
    let no_object = |error: NotAnObject| Cow::Owned(error.to_string());
    match (client, upstream) {
        (Era::Modern, Era::Legacy) => {
            results::to_modern(&result, method, CacheHints::NONE).map_err(no_object)
        }
        (Era::Legacy, Era::Modern) => {
            let mut object = Object::parse(&result).map_err(no_object)?;
            if results::result_type(&object) != "complete" {
                return Err(
                    "it wants something of the client before it goes on, which this client's \
                     revision cannot give"
                        .into(),
                );
            }
            results::object_to_legacy(&mut object, method);
            Ok(object.to_raw())
        }
        _ => Ok(result),
    }
}

/// Chooses the road: the client's own era where the upstream speaks it, else the other one.
fn choose(client: &Client, state: &State, mode: SessionMode) -> Option<Road> {
    let legacy = state.legacy.as_ref().map(|offer| {
        let own = match mode {
            SessionMode::Auto => offer.mints_sessions,
            SessionMode::Shared => false,
            SessionMode::PerSession => true,
        };
        if own && client.session.is_some() {
            Road::OwnSession
        } else {
            Road::Shared
        }
    });
    let modern = state.modern.as_ref().map(|_| Road::Modern);
    match client.version.era() {
        Era::Legacy => legacy.or(modern),
        Era::Modern => modern.or(legacy),
    }
}

/// What a failed exchange with an upstream means for the caller.
pub(super) fn call_error(upstream: &str, error: UpstreamError, era: Era) -> CallError {
    match error {
        UpstreamError::Rpc(raw) => match (era, ErrorObject::from_raw(&raw)) {
            // Some codes of the legacy era must not be seen in the modern one.
            (Era::Modern, Some(error)) if error.clone().into_modern().code != error.code => {
                error.into_modern().into()
            }
            _ => CallError::Answered(raw),
        },
        UpstreamError::NotSent { cause } => {
            debug!(message = "An upstream could not be reached.", upstream, %cause);
            ErrorObject::upstream_unavailable(upstream).into()
        }
        UpstreamError::Lost { cause } => ErrorObject::internal_with_reason(
            "outcome_unknown",
            format!("upstream {upstream} was lost in mid-call ({cause}): the outcome is unknown"),
        )
        .into(),
        UpstreamError::Full { .. } => {
            warn!(message = "No more processes of an upstream are started.", upstream, cause = %error);
            ErrorObject::internal_with_reason("too_many_processes", format!("upstream {upstream}: {error}"))
                .into()
        }
        other => ErrorObject::upstream_invalid_response(upstream, other).into(),
    }
}
