//! Starts calls.

use std::borrow::Cow;
use std::pin::pin;
use std::sync::Arc;

use http::StatusCode;

use mcpg_capabilities::calls::CallKey;
use mcpg_capabilities::principal::Principal;
use mcpg_capabilities::sessions::{SessionId, SessionRecord};
use mcpg_mcp::envelope::Request;
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::id::RequestId;
use mcpg_mcp::meta::{PROGRESS_TOKEN, RequestMeta};
use mcpg_mcp::object::Object;
use mcpg_mcp::params::Params;
use mcpg_mcp::trace_context::MetaTrace;
use mcpg_mcp::version::{Era, ProtocolVersion};
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::call::{Call, Work};
use super::core::Router;
use super::drive::{Disconnect, Driver, EVENT_QUEUE, InSession, LogFilter};
use super::head::CallHead;
use super::live::Control;
use crate::audit::Unavailable;
use crate::exchange::{CallError, Caller, EventSink};
use crate::observe::{CallTrace, Ending, Meter};

/// How many cancels and answers wait for a busy driver.
const CONTROL_QUEUE: usize = 16;

/// The legacy session of a request.
#[derive(Clone, Debug)]
pub(crate) struct SessionRef {
    /// Whose session it is.
    pub(crate) principal: Principal,
    pub(crate) id: SessionId,
    pub(crate) record: Arc<SessionRecord>,
    /// Whether the record was read for this request; one that was remembered may lack the latest change.
    pub(crate) is_current: bool,
}

/// Who sent a request.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) principal: Principal,
    pub(crate) version: ProtocolVersion,
    pub(crate) capabilities: Arc<RawValue>,
    pub(crate) client_info: Option<Arc<RawValue>>,
    pub(crate) log_level: Option<String>,
    /// The `Mcp-Param-*` headers of a modern request.
    pub(crate) parameter_headers: http::HeaderMap,
    /// `None` in the modern era.
    pub(crate) session: Option<SessionRef>,
    /// Whether it can come back for what it misses when its connection is lost.
    pub(crate) comes_back: bool,
}

/// A request of a client, with what was read of its params on the way in.
#[derive(Debug)]
pub(crate) struct ClientRequest {
    pub(super) id: RequestId,
    pub(super) method: String,
    pub(super) subject: Subject,
    pub(super) progress_token: Option<Box<RawValue>>,
    pub(super) trace: MetaTrace,
}

/// The params of a request and what they name.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) params: Option<Box<RawValue>>,
    /// The member `name`: of a tool or prompt.
    pub(super) name: Option<String>,
    /// The member `uri`: of a resource.
    pub(super) uri: Option<String>,
}

impl ClientRequest {
    /// Takes a request out of the body that it was parsed from.
    pub(crate) fn of(request: &Request<'_>, params: &Params<'_>) -> Self {
        let meta = params.meta.and_then(|meta| Object::parse(meta).ok());
        let progress_token = meta
            .as_ref()
            .and_then(|meta| meta.get(PROGRESS_TOKEN))
            .map(ToOwned::to_owned);
        Self::with_token(request, params, progress_token)
    }

    /// The same for a request whose metadata was read already.
    pub(crate) fn modern(request: &Request<'_>, params: &Params<'_>, meta: &RequestMeta<'_>) -> Self {
        Self::with_token(request, params, meta.progress_token.map(ToOwned::to_owned))
    }

    fn with_token(request: &Request<'_>, params: &Params<'_>, progress_token: Option<Box<RawValue>>) -> Self {
        Self {
            id: request.id.clone(),
            method: request.method.clone().into_owned(),
            subject: Subject {
                params: request.params.map(ToOwned::to_owned),
                name: params.name().map(Cow::into_owned),
                uri: params.uri().map(Cow::into_owned),
            },
            progress_token,
            trace: MetaTrace::read(params.meta),
        }
    }
}

impl SessionRef {
    /// The revision that initialize negotiated. It holds whatever a later request says.
    pub(crate) fn version(&self) -> ProtocolVersion {
        ProtocolVersion::negotiate(&self.record.protocol_version)
    }
}

impl Client {
    /// The client as its session's record describes it.
    pub(crate) fn of(session: SessionRef) -> Self {
        let record = Arc::clone(&session.record);
        Self {
            principal: session.principal.clone(),
            version: session.version(),
            capabilities: Arc::clone(&record.capabilities),
            client_info: record.client_info.clone(),
            log_level: record.log_level.clone(),
            parameter_headers: http::HeaderMap::new(),
            session: Some(session),
            comes_back: true,
        }
    }

    /// The same client at the other end of a pipe, which is lost once.
    pub(crate) fn over_a_pipe(mut self) -> Self {
        self.comes_back = false;
        self
    }

    fn era(&self) -> Era {
        self.version.era()
    }

    fn log_filter(&self) -> LogFilter {
        LogFilter::of(self.log_level.as_deref(), self.era())
    }
}

impl Router {
    /// Starts a call. It runs while the returned [`Call`] is polled, and by itself once that is dropped.
    ///
    /// # Errors
    /// The JSON-RPC error for an id that is still in use in the session, or too long.
    pub(crate) fn start(
        self: &Arc<Self>,
        request: ClientRequest,
        client: Client,
        meter: Meter,
    ) -> Result<Call, ErrorObject> {
        let (output, outputs) = mpsc::channel(EVENT_QUEUE);
        let (mut audit, is_refused) = match self.audited(&request, &client) {
            Ok(line) => (line, false),
            Err(Unavailable) => (None, true),
        };
        let (session, controls) = match &client.session {
            Some(session) => match self.register(&client, session, &request.id) {
                Ok((session, controls)) => (Some(session), Some(controls)),
                Err(error) => {
                    if let Some(line) = &mut audit {
                        line.refused(&error);
                    }
                    meter.end(Ending::Error, StatusCode::OK);
                    return Err(error);
                }
            },
            None => (None, None),
        };
        let driver = Driver {
            id: request.id,
            session,
            live: Arc::clone(&self.live),
            patience: self.patience,
            disconnect: match client.era() {
                Era::Legacy => Disconnect::RunOn,
                Era::Modern => Disconnect::Cancel,
            },
            capabilities: Arc::clone(&client.capabilities),
            log_level: client.log_filter(),
            audit,
            output,
            meter: meter.of(
                &client.principal,
                client.session.as_ref().map(|session| &session.id),
            ),
        };
        let (sink, events) = EventSink::new(EVENT_QUEUE);
        let router = Arc::clone(self);
        let (scope, trace) = CallTrace::of(request.trace);
        let work = async move {
            let caller = Caller {
                version: client.version,
                capabilities: Arc::clone(&client.capabilities),
                client_info: client.client_info.clone(),
                log_level: client.log_level.clone(),
                progress_token: request.progress_token,
                events: sink,
                trace,
            };
            let decided = {
                let call = pin!(async {
                    if is_refused {
                        return Err(CallError::Unaudited);
                    }
                    router
                        .execute(&request.method, request.subject, &client, &caller)
                        .await
                });
                driver.run(call, events, controls).await
            };
            decided.tell().await;
        };
        let work = match scope {
            Some(scope) => Box::pin(scope.cover(work)) as Work,
            None => Box::pin(work),
        };
        Ok(Call::new(work, outputs, self.calls.clone()))
    }

    /// Lets the call of a session be found by what is said to it from elsewhere.
    fn register(
        &self,
        client: &Client,
        session: &SessionRef,
        id: &RequestId,
    ) -> Result<(InSession, mpsc::Receiver<Control>), ErrorObject> {
        let key = CallKey::new(&session.id, id.as_json())
            .map_err(|invalid| ErrorObject::invalid_request(invalid.to_string()))?;
        let (control, controls) = mpsc::channel(CONTROL_QUEUE);
        if !self.live.begin(&session.id, id, control) {
            return Err(ErrorObject::invalid_request(format!(
                "id {id} is still in use by a running request of this session"
            )));
        }
        let session = InSession {
            id: session.id.clone(),
            sessions: Arc::clone(&self.sessions),
            head: CallHead::new(&self.heads, key),
            streams: client.comes_back.then(|| Arc::clone(&self.streams)),
            places: client.version == ProtocolVersion::V2025_11_25,
            level_may_be_old: !session.is_current,
        };
        Ok((session, controls))
    }
}
