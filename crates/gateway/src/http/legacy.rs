//! Messages of the legacy era: initialize, and everything inside a session.

use http::{HeaderValue, Response, StatusCode};
use mcpg_capabilities::principal::Principal;
use mcpg_capabilities::sessions::SessionError;
use mcpg_mcp::envelope::{self, Message, Request};
use mcpg_mcp::era::{EraHeaders, LegacySession};
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::headers::SESSION_ID;
use mcpg_mcp::id::RequestId;
use mcpg_mcp::params::Params;
use mcpg_mcp::version::Era;
use mcpg_mcp::write;
use tracing::debug;

use super::body::ResponseBody;
use super::respond;
use super::service::Frontend;
use crate::observe::{Ending, Meter};
use crate::router::{Client, ClientRequest, Initialized, NotInitialized, SessionRef};

impl Frontend {
    /// Opens a session. An id that the client brings along never becomes the id of a session.
    pub(super) async fn initialize(
        &self,
        principal: &Principal,
        headers: &EraHeaders<'_>,
        request: &Request<'_>,
        meter: Meter,
    ) -> Response<ResponseBody> {
        if let Some(id) = headers.session_id {
            let response = match self.router.admit(principal, id).await {
                Ok(_) => {
                    let why = ErrorObject::invalid_request("this session is initialized already");
                    respond::error(StatusCode::BAD_REQUEST, Some(&request.id), &why)
                }
                Err(problem) => respond::session_error(&problem, Some(&request.id)),
            };
            meter.refused(response.status());
            return response;
        }
        let opened = self.router.initialize(principal, request.params).await;
        let id = opened.as_ref().ok().map(|opened| opened.id.clone());
        let response = self.greeting(principal, request, opened);
        if let Some(id) = id {
            meter.of(principal, Some(&id)).end(Ending::Ok, StatusCode::OK);
        } else {
            meter.refused(response.status());
        }
        response
    }

    fn greeting(
        &self,
        principal: &Principal,
        request: &Request<'_>,
        opened: Result<Initialized, NotInitialized>,
    ) -> Response<ResponseBody> {
        match opened {
            Ok(opened) => {
                debug!(message = "Opened a session.", %principal, session = %opened.id, version = %opened.version);
                let mut response = respond::json(StatusCode::OK, write::result(&request.id, &opened.result));
                let id = HeaderValue::from_str(opened.id.as_str());
                response
                    .headers_mut()
                    .insert(SESSION_ID, id.expect("a session id is visible ASCII"));
                response
            }
            Err(NotInitialized::Invalid(error)) => respond::error(StatusCode::OK, Some(&request.id), &error),
            Err(NotInitialized::Session(problem)) => respond::session_error(&problem, Some(&request.id)),
        }
    }

    /// Answers one message inside a session.
    pub(super) async fn legacy(
        &self,
        principal: &Principal,
        claimed: LegacySession<'_>,
        message: Message<'_>,
        params: &Params<'_>,
        meter: Option<Meter>,
    ) -> Response<ResponseBody> {
        let session = match self.session_of(principal, claimed).await {
            Ok(session) => session,
            Err(refused) => {
                let response = refused.response(message.id());
                if let Some(meter) = meter {
                    meter.refused(response.status());
                }
                return response;
            }
        };
        match message {
            Message::Request(request) => {
                let meter = meter.unwrap_or_else(|| self.meters.begin(&request.method));
                match self
                    .router
                    .start(ClientRequest::of(&request, params), Client::of(session), meter)
                {
                    Ok(call) => self.answer(Era::Legacy, &request.id, call).await,
                    Err(error) => respond::error(StatusCode::OK, Some(&request.id), &error),
                }
            }
            Message::Notification(notification) => {
                match self
                    .router
                    .notification(&session, &notification.method, notification.params)
                    .await
                {
                    Ok(()) => respond::empty(StatusCode::ACCEPTED),
                    Err(problem) => respond::session_error(&problem, None),
                }
            }
            Message::Response(response) => match self.take_response(&session, &response).await {
                Ok(()) => respond::empty(StatusCode::ACCEPTED),
                Err(problem) => respond::session_error(&problem, None),
            },
        }
    }

    /// Takes a client's answer to a question.
    pub(super) async fn take_response(
        &self,
        session: &SessionRef,
        response: &envelope::Response<'_>,
    ) -> Result<(), SessionError> {
        let Some(question) = &response.id else {
            return Ok(());
        };
        let answer = response.outcome.map(ToOwned::to_owned).map_err(ToOwned::to_owned);
        self.router.answer(session, question, answer).await
    }

    /// Finds the session that a request claims.
    pub(super) async fn session_of(
        &self,
        principal: &Principal,
        claimed: LegacySession<'_>,
    ) -> Result<SessionRef, Refused> {
        let id = claimed.session_id.ok_or(Refused::Missing)?;
        self.router.admit(principal, id).await.map_err(Refused::Session)
    }
}

/// Why a message has no session.
pub(super) enum Refused {
    /// It names none.
    Missing,
    /// It names one that cannot be used.
    Session(SessionError),
}

impl Refused {
    /// What the client is told.
    pub(super) fn response(&self, id: Option<&RequestId>) -> Response<ResponseBody> {
        match self {
            Self::Missing => {
                let why = ErrorObject::invalid_request("the Mcp-Session-Id header is missing");
                respond::error(StatusCode::BAD_REQUEST, id, &why)
            }
            Self::Session(problem) => respond::session_error(problem, id),
        }
    }
}
