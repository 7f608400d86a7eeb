//! An upstream inside this process: what it says is said by the measurement, so that one clock times both ends.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::failure::{Failure, While as _};
use crate::protocol::{LEGACY_REVISION, SESSION_ID};

/// The one tool, which says what the measurement says and ends when that ends.
pub(super) const TOOL: &str = "speak";
/// The one resource.
pub(super) const RESOURCE: &str = "bench://thing";

/// The upstream as the measurement holds it.
#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) url: Uri,
    calls: UnboundedReceiver<Running>,
    cancels: UnboundedReceiver<Instant>,
    shared: Arc<Shared>,
}

/// A call that runs here.
#[derive(Debug)]
pub(super) struct Running {
    id: Value,
    token: Value,
    events: UnboundedSender<Bytes>,
}

#[derive(Debug)]
struct Shared {
    calls: UnboundedSender<Running>,
    cancels: UnboundedSender<Instant>,
    listeners: Mutex<Vec<UnboundedSender<Bytes>>>,
}

type Body = BoxBody<Bytes, Infallible>;

impl Upstream {
    /// Serves on a free port for as long as the process runs.
    pub(super) async fn start() -> Result<Self, Failure> {
        let attempt = || "starting the upstream".to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.attempting(attempt)?;
        let address = listener.local_addr().attempting(attempt)?;
        let (call, calls) = unbounded_channel();
        let (cancel, cancels) = unbounded_channel();
        let shared = Arc::new(Shared {
            calls: call,
            cancels: cancel,
            listeners: Mutex::default(),
        });
        tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            url: format!("http://{address}/speak").parse().attempting(attempt)?,
            calls,
            cancels,
            shared,
        })
    }

    /// The call that arrives next.
    pub(super) async fn call(&mut self) -> Result<Running, Failure> {
        let call = self.calls.recv().await;
        call.ok_or_else(|| Failure::new("the upstream is gone"))
    }

    /// When the next cancel arrived.
    pub(super) async fn cancelled(&mut self) -> Result<Instant, Failure> {
        let cancelled = self.cancels.recv().await;
        cancelled.ok_or_else(|| Failure::new("the upstream is gone"))
    }

    /// Tells everybody who listens that the resource changed.
    pub(super) fn update(&self) {
        let method = "notifications/resources/updated";
        let message = json!({"jsonrpc": "2.0", "method": method, "params": {"uri": RESOURCE}});
        self.shared.listeners().retain(|listener| {
            // Who is gone is forgotten.
            listener.send(event(&message)).is_ok()
        });
    }
}

impl Running {
    /// Reports progress.
    pub(super) fn progress(&self, progress: u64) {
        let params = json!({"progressToken": self.token, "progress": progress});
        self.say(&json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params}));
    }

    /// Ends the call with a result.
    pub(super) fn finish(self) {
        let result = json!({"content": [{"type": "text", "text": "said"}]});
        self.say(&json!({"jsonrpc": "2.0", "id": self.id, "result": result}));
    }

    fn say(&self, message: &Value) {
        // A call that was cancelled has nobody left who listens.
        let _ = self.events.send(event(message));
    }
}

impl Shared {
    fn listeners(&self) -> std::sync::MutexGuard<'_, Vec<UnboundedSender<Bytes>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        // It only costs time where it fails.
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(|request| respond(request, Arc::clone(&shared)));
            // A connection that breaks is the gateway's business.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn respond(request: Request<Incoming>, shared: Arc<Shared>) -> Result<Response<Body>, hyper::Error> {
    let (parts, body) = request.into_parts();
    if parts.method == Method::GET {
        let (listener, events) = unbounded_channel();
        shared.listeners().push(listener);
        return Ok(stream(events));
    }
    if parts.method != Method::POST {
        return Ok(empty(StatusCode::OK));
    }
    let body = body.collect().await?.to_bytes();
    let message: Value = serde_json::from_slice(&body).unwrap_or_default();
    Ok(answer(&message, &shared))
}

fn answer(message: &Value, shared: &Shared) -> Response<Body> {
    let id = message["id"].clone();
    let method = message["method"].as_str().unwrap_or_default();
    if id.is_null() {
        if method == "notifications/cancelled" {
            // The measurement may be over.
            let _ = shared.cancels.send(Instant::now());
        }
        return empty(StatusCode::ACCEPTED);
    }
    let result = match method {
        "initialize" => greeting(),
        "tools/list" => json!({"tools": [{"name": TOOL, "inputSchema": {"type": "object"}}]}),
        "resources/list" => json!({"resources": [{"uri": RESOURCE, "name": "thing"}]}),
        "resources/templates/list" => json!({"resourceTemplates": []}),
        "prompts/list" => json!({"prompts": []}),
        "tools/call" => {
            let (events, heard) = unbounded_channel();
            let token = message["params"]["_meta"]["progressToken"].clone();
            // The measurement may be over.
            let _ = shared.calls.send(Running { id, token, events });
            return stream(heard);
        }
        _ => json!({}),
    };
    let mut response = with_json(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
    if method == "initialize" {
        let session = HeaderValue::from_static("one-for-everybody");
        response.headers_mut().insert(SESSION_ID, session);
    }
    response
}

fn greeting() -> Value {
    json!({
        "protocolVersion": LEGACY_REVISION,
        "capabilities": {"tools": {}, "resources": {"subscribe": true}},
        "serverInfo": {"name": "speak", "version": "1"},
    })
}

fn event(message: &Value) -> Bytes {
    Bytes::from(format!("data: {message}\n\n"))
}

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Full::default().boxed());
    *response.status_mut() = status;
    response
}

fn with_json(message: &Value) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from(message.to_string())).boxed());
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

fn stream(events: UnboundedReceiver<Bytes>) -> Response<Body> {
    let frames = futures_util::stream::unfold(events, |mut events| async move {
        let event = events.recv().await?;
        Some((Ok(Frame::data(event)), events))
    });
    let mut response = Response::new(BodyExt::boxed(StreamBody::new(frames)));
    let stream = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(CONTENT_TYPE, stream);
    response
}
