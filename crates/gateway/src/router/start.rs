//! Starts calls.

use std::pin::pin;
use std::sync::Arc;

use mcpg_capabilities::sessions::{SessionId, SessionRecord};
use mcpg_mcp::envelope::Request;
use mcpg_mcp::error::ErrorObject;
use mcpg_mcp::id::RequestId;
use mcpg_mcp::initialize::ClientCapabilities;
use mcpg_mcp::meta::{LogLevel, PROGRESS_TOKEN};
use mcpg_mcp::object::Object;
use mcpg_mcp::version::{Era, ProtocolVersion};
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::call::Call;
use super::core::Router;
use super::drive::{Asks, Disconnect, Driver, EVENT_QUEUE, LogFilter};
use crate::exchange::{Caller, EventSink};

/// How many cancels and answers wait for a busy driver.
const CONTROL_QUEUE: usize = 16;

/// The legacy session of a request.
#[derive(Clone, Debug)]
pub(crate) struct SessionRef {
    pub(crate) id: SessionId,
    pub(crate) record: Arc<SessionRecord>,
}

/// Who sent a request.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) version: ProtocolVersion,
    pub(crate) capabilities: Arc<RawValue>,
    pub(crate) client_info: Option<Arc<RawValue>>,
    pub(crate) log_level: Option<String>,
    /// The `Mcp-Param-*` headers of a modern request.
    pub(crate) parameter_headers: http::HeaderMap,
    /// `None` in the modern era.
    pub(crate) session: Option<SessionRef>,
}

/// A request of a client.
#[derive(Debug)]
pub(crate) struct ClientRequest {
    pub(crate) id: RequestId,
    pub(crate) method: String,
    pub(crate) params: Option<Box<RawValue>>,
}

impl ClientRequest {
    /// Takes a request out of the body that it was parsed from.
    pub(crate) fn of(request: &Request<'_>) -> Self {
        Self {
            id: request.id.clone(),
            method: request.method.clone().into_owned(),
            params: request.params.map(ToOwned::to_owned),
        }
    }
}

impl Client {
    fn era(&self) -> Era {
        self.version.era()
    }

    fn asks(&self) -> Asks {
        let declared = ClientCapabilities::new(&self.capabilities);
        Asks {
            elicitation: declared.has("elicitation"),
            sampling: declared.sampling(),
            roots: declared.roots(),
        }
    }

    fn log_filter(&self) -> LogFilter {
        match (self.log_level.as_deref().and_then(|level| level.parse::<LogLevel>().ok()), self.era()) {
            (Some(level), _) => LogFilter::From(level),
            (None, Era::Legacy) => LogFilter::All,
            (None, Era::Modern) => LogFilter::Nothing,
        }
    }
}

impl Router {
    /// Starts a call. It runs while the returned [`Call`] is polled, and by itself once that is dropped.
    ///
    /// # Errors
    /// The JSON-RPC error for an id that is still in use in the session.
    pub(crate) fn start(
        self: &Arc<Self>,
        request: ClientRequest,
        client: Client,
    ) -> Result<Call, ErrorObject> {
        let (output, outputs) = mpsc::channel(EVENT_QUEUE);
        let (control, controls) = mpsc::channel(CONTROL_QUEUE);
        if let Some(session) = &client.session
            && !self.live.begin(&session.id, &request.id, control.clone())
        {
            return Err(ErrorObject::invalid_request(format!(
                "id {} is still in use by a running request of this session",
                request.id
            )));
        }
        let driver = Driver {
            id: request.id,
            session: client.session.as_ref().map(|session| session.id.clone()),
            live: Arc::clone(&self.live),
            mint: self.mint.clone(),
            patience: self.patience,
            disconnect: match client.era() {
                Era::Legacy => Disconnect::RunOn,
                Era::Modern => Disconnect::Cancel,
            },
            asks: client.asks(),
            log_level: client.log_filter(),
            output,
            control,
        };
        let (sink, events) = EventSink::new(EVENT_QUEUE);
        let router = Arc::clone(self);
        let work = Box::pin(async move {
            let caller = Caller {
                version: client.version,
                capabilities: Arc::clone(&client.capabilities),
                client_info: client.client_info.clone(),
                log_level: client.log_level.clone(),
                progress_token: progress_token(request.params.as_deref()),
                events: sink,
            };
            let decided = {
                let call = pin!(router.execute(&request.method, request.params, &client, &caller));
                driver.run(call, events, controls).await
            };
            decided.tell().await;
        });
        Ok(Call::new(work, outputs, self.calls.clone()))
    }
}

fn progress_token(params: Option<&RawValue>) -> Option<Box<RawValue>> {
    let params = Object::parse(params?).ok()?;
    params.get_meta(PROGRESS_TOKEN).map(ToOwned::to_owned)
}
