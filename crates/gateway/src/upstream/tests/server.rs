//! An HTTP server that answers as a test tells it to and remembers what it was sent.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

type Body = UnsyncBoxBody<Bytes, Infallible>;
type Handler = dyn Fn(&Received) -> Reply + Send + Sync;

/// One HTTP request.
#[derive(Debug, Clone)]
pub(super) struct Received {
    pub(super) verb: Method,
    pub(super) headers: HeaderMap,
    /// The JSON body; `null` where there is none.
    pub(super) body: Value,
}

/// How the server answers.
pub(super) enum Reply {
    Json(StatusCode, Value),
    Text(StatusCode, String),
    /// An event stream that ends when the sender is dropped.
    Events(mpsc::Receiver<Bytes>),
    /// JSON with a session id.
    Session(String, Value),
    /// The head of a JSON answer and half of its body.
    Broken,
    /// No answer at all.
    Silence,
}

/// The server. Dropped, it closes all its connections.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    log: Arc<Mutex<Vec<Received>>>,
    /// Requests whose connection was closed before they were answered to the end.
    abandoned: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
    _stop: tokio_util::sync::DropGuard,
}

impl Received {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The JSON-RPC method, or the HTTP method where there is no body.
    pub(super) fn method(&self) -> &str {
        self.body["method"].as_str().unwrap_or(self.verb.as_str())
    }

    pub(super) fn id(&self) -> Value {
        self.body["id"].clone()
    }

    pub(super) fn session(&self) -> Option<&str> {
        self.header("mcp-session-id")
    }

    /// The JSON-RPC answer to this request.
    pub(super) fn result(&self, result: Value) -> Value {
        json!({ "jsonrpc": "2.0", "id": self.id(), "result": result })
    }

    pub(super) fn error(&self, code: i64) -> Value {
        json!({ "jsonrpc": "2.0", "id": self.id(), "error": { "code": code, "message": "no" } })
    }
}

impl Reply {
    pub(super) fn ok(body: Value) -> Self {
        Self::Json(StatusCode::OK, body)
    }

    pub(super) fn status(status: u16) -> Self {
        Self::Text(StatusCode::from_u16(status).unwrap(), String::new())
    }

    /// An event stream and where to write its events.
    pub(super) fn stream() -> (Self, Events) {
        let (sender, receiver) = mpsc::channel(64);
        (Self::Events(receiver), Events(sender))
    }
}

/// Writes events.
#[derive(Clone)]
pub(super) struct Events(mpsc::Sender<Bytes>);

impl Events {
    pub(super) fn raw(&self, text: impl Into<String>) {
        self.0.try_send(Bytes::from(text.into())).unwrap();
    }

    pub(super) fn message(&self, message: &Value) {
        self.raw(format!("data: {message}\n\n"));
    }
}

impl Server {
    pub(super) async fn start(handler: impl Fn(&Received) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), handler).await
    }

    pub(super) async fn start_at(
        address: SocketAddr,
        handler: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        // Where a test starts a server again, the former one may need a moment to let go of its port.
        let mut listener = None;
        eventually("the port is free", || {
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.set_reuseaddr(true).unwrap();
            listener = socket.bind(address).and_then(|()| socket.listen(64)).ok();
            listener.is_some()
        })
        .await;
        let listener = listener.unwrap();
        let stop = CancellationToken::new();
        let server = Self {
            address: listener.local_addr().unwrap(),
            log: Arc::default(),
            abandoned: Arc::default(),
            connections: Arc::default(),
            _stop: stop.clone().drop_guard(),
        };
        let handler: Arc<Handler> = Arc::new(handler);
        let (log, abandoned) = (Arc::clone(&server.log), Arc::clone(&server.abandoned));
        let connections = Arc::clone(&server.connections);
        tokio::spawn(async move {
            stop.run_until_cancelled(accept(listener, handler, log, abandoned, connections))
                .await;
        });
        server
    }

    /// Everything with this JSON-RPC method (or HTTP method, where there is no body).
    pub(super) fn received(&self, method: &str) -> Vec<Received> {
        self.log
            .lock()
            .iter()
            .filter(|received| received.method() == method)
            .cloned()
            .collect()
    }

    /// All POSTed answers.
    pub(super) fn answers(&self) -> Vec<Received> {
        let is_answer = |received: &&Received| received.body.is_object() && received.body["method"].is_null();
        self.log.lock().iter().filter(is_answer).cloned().collect()
    }

    pub(super) fn count(&self, method: &str) -> usize {
        self.received(method).len()
    }

    pub(super) fn abandoned(&self) -> usize {
        self.abandoned.load(Ordering::SeqCst)
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Waits until so many messages of this method have arrived.
    pub(super) async fn wait_for(&self, method: &str, count: usize) -> Vec<Received> {
        eventually(method, || self.count(method) >= count).await;
        self.received(method)
    }
}

/// Polls until it holds.
pub(super) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(10), async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    assert!(waited.await.is_ok(), "never came true: {what}");
}

async fn accept(
    listener: TcpListener,
    handler: Arc<Handler>,
    log: Arc<Mutex<Vec<Received>>>,
    abandoned: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
) {
    // Dropped with this future, which closes every connection.
    let mut serving = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        connections.fetch_add(1, Ordering::SeqCst);
        let (handler, log, abandoned) = (Arc::clone(&handler), Arc::clone(&log), Arc::clone(&abandoned));
        serving.spawn(async move {
            let service = service_fn(move |request| {
                answer(
                    request,
                    Arc::clone(&handler),
                    Arc::clone(&log),
                    Arc::clone(&abandoned),
                )
            });
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(socket), service)
                .await;
        });
    }
}

/// Counts itself as abandoned unless it was told otherwise.
struct Unanswered(Option<Arc<AtomicUsize>>);

impl Unanswered {
    fn answered(&mut self) {
        self.0.take();
    }
}

impl Drop for Unanswered {
    fn drop(&mut self) {
        if let Some(count) = &self.0 {
            count.fetch_add(1, Ordering::SeqCst);
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    handler: Arc<Handler>,
    log: Arc<Mutex<Vec<Received>>>,
    abandoned: Arc<AtomicUsize>,
) -> Result<Response<Body>, std::io::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let received = Received {
        verb: head.method,
        headers: head.headers,
        body,
    };
    log.lock().push(received.clone());
    let reply = handler(&received);
    let mut unanswered = Unanswered(Some(Arc::clone(&abandoned)));
    let mut response = match reply {
        Reply::Json(status, body) => whole(status, "application/json", body.to_string()),
        Reply::Text(status, text) => whole(status, "text/plain", text),
        Reply::Session(id, body) => {
            let mut response = whole(
                StatusCode::OK,
                "application/json; charset=utf-8",
                body.to_string(),
            );
            response
                .headers_mut()
                .insert("mcp-session-id", HeaderValue::from_str(&id).unwrap());
            response
        }
        Reply::Events(receiver) => {
            unanswered.answered();
            let unanswered = Unanswered(Some(abandoned));
            let frames = stream::unfold(
                (receiver, unanswered),
                |(mut receiver, mut unanswered)| async move {
                    match receiver.recv().await {
                        Some(bytes) => Some((Ok(Frame::data(bytes)), (receiver, unanswered))),
                        None => {
                            unanswered.answered();
                            None
                        }
                    }
                },
            );
            let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
            response
                .headers_mut()
                .insert("content-type", HeaderValue::from_static("text/event-stream"));
            response
        }
        Reply::Broken => {
            let pieces = stream::unfold(0, |piece| async move {
                match piece {
                    0 => Some((Ok(Frame::data(Bytes::from_static(b"{\"jsonrpc\":"))), 1)),
                    _ => std::future::pending().await,
                }
            });
            let mut response = Response::new(StreamBody::new(pieces).boxed_unsync());
            response
                .headers_mut()
                .insert("content-type", HeaderValue::from_static("application/json"));
            response
        }
        Reply::Silence => std::future::pending().await,
    };
    unanswered.0 = None;
    response
        .headers_mut()
        .insert("date", HeaderValue::from_static("today"));
    Ok(response)
}

fn whole(status: StatusCode, kind: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from(body)).boxed_unsync());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert("content-type", HeaderValue::from_static(kind));
    response
}
