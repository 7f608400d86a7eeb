//! What the messages of a pipe mean.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use mcpg_capabilities::principal::Principal;
use mcpg_capabilities::sessions::SessionError;
use mcpg_mcp::envelope::{Message, Notification, Request, Response};
use mcpg_mcp::era::{PipeDecision, decide_on_pipe};
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::id::RequestId;
use mcpg_mcp::meta::{LogLevel, RequestMeta};
use mcpg_mcp::object::Object;
use mcpg_mcp::params::Params;
use mcpg_mcp::version::Era;
use mcpg_mcp::write;
use serde_json::value::RawValue;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, warn};

use super::output::Output;
use super::running::RunningCalls;
use super::serve::Lost;
use crate::observe::{Ending, Meter};
use crate::router::{Call, Client, ClientRequest, NotInitialized, Router, SessionRef};

/// The client at the other end of a pipe.
pub(super) struct Pipe {
    pub(super) router: Arc<Router>,
    pub(super) output: Output,
    pub(super) running: RunningCalls,
    /// The id of the session that `initialize` opened.
    session: Option<String>,
    /// Tells the client what changed, as long as the pipe is there.
    telling: Option<AbortOnDropHandle<()>>,
}

/// What a request leads to.
pub(super) enum Step {
    /// An answer at once.
    Say(Bytes),
    /// A legacy call.
    Run(Call),
    /// A modern call.
    RunModern(Call),
}

impl Pipe {
    pub(super) fn new(router: Arc<Router>, output: Output) -> Self {
        Self {
            router,
            output,
            running: RunningCalls::default(),
            session: None,
            telling: None,
        }
    }

    /// Takes one message.
    ///
    /// # Errors
    /// When the session of the pipe is gone.
    pub(super) async fn take(&mut self, message: Message<'_>) -> Result<(), Lost> {
        match message {
            Message::Request(request) => match self.request(&request).await? {
                Step::Say(answer) => self.output.say(answer).await,
                Step::Run(call) => self.running.run(request.id, call, &self.output),
                Step::RunModern(call) => self.running.run_modern(request.id, call, &self.output),
            },
            Message::Notification(notification) => self.notification(&notification).await?,
            Message::Response(response) => self.response(&response).await?,
        }
        Ok(())
    }

    /// Starts a request, or answers it at once.
    pub(super) async fn request(&mut self, request: &Request<'_>) -> Result<Step, Lost> {
        let meter = self.router.meters.begin(&request.method);
        let refused = |error: &ErrorObject| Ok(Step::Say(write::error(Some(&request.id), error)));
        match decide_on_pipe(request, self.session.is_some()) {
            Err(error) => {
                meter.refused(StatusCode::BAD_REQUEST);
                refused(&error)
            }
            Ok(PipeDecision::Initialize) => {
                let meter = meter.in_era(Era::Legacy);
                Ok(Step::Say(self.initialize(request, meter).await))
            }
            Ok(PipeDecision::Modern { meta, params }) => {
                let meter = meter.in_era(Era::Modern);
                if let Some(error) = self.running.refuse(&request.id, true) {
                    meter.refused(StatusCode::BAD_REQUEST);
                    return refused(&error);
                }
                let client = modern_client(&meta);
                match self
                    .router
                    .start(ClientRequest::modern(request, &params, &meta), client, meter)
                {
                    Ok(call) => Ok(Step::RunModern(call)),
                    Err(error) => refused(&error),
                }
            }
            Ok(PipeDecision::Legacy { params }) => {
                let meter = meter.in_era(Era::Legacy);
                self.legacy(request, &params, meter).await
            }
        }
    }

    async fn legacy(&self, request: &Request<'_>, params: &Params<'_>, meter: Meter) -> Result<Step, Lost> {
        let refused = |error: &ErrorObject| Ok(Step::Say(write::error(Some(&request.id), error)));
        let session = match self.admitted().await? {
            Ok(Some(session)) => session,
            // The only request that is allowed before initialize.
            Ok(None) if request.method == "ping" => {
                meter.end(Ending::Ok, StatusCode::OK);
                let nothing = RawValue::from_string("{}".to_owned()).expect("an empty object is JSON");
                return Ok(Step::Say(write::result(&request.id, &nothing)));
            }
            Ok(None) => {
                meter.refused(StatusCode::BAD_REQUEST);
                return refused(&ErrorObject::invalid_request(
                    "initialize first, or send the metadata of a modern request",
                ));
            }
            Err(unavailable) => {
                meter.refused(StatusCode::SERVICE_UNAVAILABLE);
                return refused(&unavailable);
            }
        };
        if let Some(error) = self.running.refuse(&request.id, false) {
            meter.end(Ending::Error, StatusCode::OK);
            return refused(&error);
        }
        match self.router.start(
            ClientRequest::of(request, params),
            Client::of(session).over_a_pipe(),
            meter,
        ) {
            Ok(call) => Ok(Step::Run(call)),
            Err(error) => refused(&error),
        }
    }

    /// Takes a notification. What cannot be taken is only told to the operator: a pipe has no answer to it.
    pub(super) async fn notification(&mut self, notification: &Notification<'_>) -> Result<(), Lost> {
        if notification.method == "notifications/cancelled"
            && let Some(id) = cancelled_id(notification.params)
            && self.running.cancel(&id)
        {
            return Ok(());
        }
        match self.admitted().await? {
            Ok(Some(session)) => {
                if notification.method == "notifications/initialized" && self.telling.is_none() {
                    let telling =
                        Arc::clone(&self.router).tell_over_a_pipe(session.id.clone(), self.output.queue());
                    self.telling = Some(AbortOnDropHandle::new(tokio::spawn(telling)));
                }
                let taken = self
                    .router
                    .notification(&session, &notification.method, notification.params)
                    .await;
                self.taken(taken, &notification.method)
            }
            Ok(None) => Ok(()),
            Err(error) => {
                warn!(message = "A notification of the client was lost.", method = %notification.method, error = %error.message);
                Ok(())
            }
        }
    }

    /// Takes an answer to a question.
    pub(super) async fn response(&mut self, response: &Response<'_>) -> Result<(), Lost> {
        let Some(question) = &response.id else {
            return Ok(());
        };
        match self.admitted().await? {
            Ok(Some(session)) => {
                let answer = response.outcome.map(ToOwned::to_owned).map_err(ToOwned::to_owned);
                let taken = self.router.answer(&session, question, answer).await;
                self.taken(taken, "an answer")
            }
            Ok(None) => Ok(()),
            Err(error) => {
                warn!(message = "An answer of the client was lost.", error = %error.message);
                Ok(())
            }
        }
    }

    /// Whether the session of the pipe allows batches.
    pub(super) async fn allows_batches(&self) -> Result<bool, Lost> {
        let session = self.admitted().await?.ok().flatten();
        Ok(session.is_some_and(|session| session.version().allows_batches()))
    }

    /// Keeps the session alive while the client says nothing.
    pub(super) async fn keep(&self) -> Result<(), Lost> {
        self.admitted().await.map(drop)
    }

    /// Closes the session, and with it what it opened upstream.
    pub(super) async fn close(&mut self) {
        if let Some(session) = self.session.take()
            && let Err(error) = self.router.close_session(&Principal::anonymous(), &session).await
        {
            debug!(message = "The session of the pipe was not closed and expires.", %error);
        }
    }

    async fn initialize(&mut self, request: &Request<'_>, meter: Meter) -> Bytes {
        let id = Some(&request.id);
        if self.session.is_some() {
            let why = ErrorObject::invalid_request("this session is initialized already");
            meter.refused(StatusCode::BAD_REQUEST);
            return write::error(id, &why);
        }
        match self
            .router
            .initialize(&Principal::anonymous(), request.params)
            .await
        {
            Ok(opened) => {
                debug!(message = "Opened the session of the pipe.", version = %opened.version);
                let meter = meter.of(&Principal::anonymous(), Some(&opened.id));
                meter.end(Ending::Ok, StatusCode::OK);
                self.session = Some(opened.id.as_str().to_owned());
                write::result(&request.id, &opened.result)
            }
            Err(NotInitialized::Invalid(error)) => {
                meter.end(Ending::Error, StatusCode::OK);
                write::error(id, &error)
            }
            Err(NotInitialized::Session(problem)) => {
                meter.refused(StatusCode::SERVICE_UNAVAILABLE);
                write::error(id, &unavailable(&problem))
            }
        }
    }

    /// The session of the pipe as it stands; the inner error is what to answer while that cannot be told.
    async fn admitted(&self) -> Result<Result<Option<SessionRef>, ErrorObject>, Lost> {
        let Some(id) = &self.session else {
            return Ok(Ok(None));
        };
        match self.router.admit(&Principal::anonymous(), id).await {
            Ok(session) => Ok(Ok(Some(session))),
            Err(SessionError::Unknown) => Err(Lost),
            Err(problem) => Ok(Err(unavailable(&problem))),
        }
    }

    fn taken(&self, taken: Result<(), SessionError>, what: &str) -> Result<(), Lost> {
        match taken {
            Ok(()) => Ok(()),
            Err(SessionError::Unknown) => Err(Lost),
            Err(error) => {
                warn!(message = "Something that the client said was lost.", what, %error);
                Ok(())
            }
        }
    }
}

fn unavailable(problem: &SessionError) -> ErrorObject {
    ErrorObject::internal_with_reason("unavailable", problem.to_string())
}

fn cancelled_id(params: Option<&RawValue>) -> Option<RequestId> {
    let params = Object::parse(params?).ok()?;
    RequestId::from_raw(params.get("requestId")?).ok()
}

fn modern_client(meta: &RequestMeta<'_>) -> Client {
    Client {
        principal: Principal::anonymous(),
        version: meta.version,
        capabilities: meta.client_capabilities.to_owned().into(),
        client_info: meta.client_info.map(|info| info.to_owned().into()),
        log_level: meta.log_level.map(LogLevel::as_str).map(str::to_owned),
        parameter_headers: http::HeaderMap::new(),
        session: None,
        comes_back: false,
    }
}
