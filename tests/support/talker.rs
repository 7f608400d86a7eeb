//! A scripted upstream of the legacy era that speaks outside of calls, with events that can be resumed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::stream::unfold;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The scripted upstream. It stops with its owner.
pub(crate) struct Talker {
    /// The URL of its MCP endpoint.
    pub(crate) url: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<Memory>,
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct Memory {
    /// What was said in each session, and whether a client without capabilities opened it.
    sessions: BTreeMap<String, Said>,
    minted: usize,
    /// Refuses GET streams as if somebody else read them.
    is_busy: bool,
    /// The GETs in clients' sessions that were answered with a stream: the event behind which each of them began.
    gets: Vec<Option<String>>,
    /// The GETs that were refused.
    refused: usize,
    /// The answers to its questions.
    answers: Vec<Value>,
    /// The sessions that were deleted.
    deleted: Vec<String>,
}

#[derive(Default)]
struct Said {
    events: Vec<Value>,
    capabilities: Value,
}

impl Talker {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::<Shared>::default();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        Self {
            url: format!("http://{address}/mcp"),
            shared,
            server,
        }
    }

    /// Says something in every session, outside of any call.
    pub(crate) fn say(&self, message: &Value) {
        for said in self.shared.lock().sessions.values_mut() {
            said.events.push(message.clone());
        }
        self.shared.changes.send_modify(|changes| *changes += 1);
    }

    /// Logs a text in every session.
    pub(crate) fn log(&self, text: &str) {
        let params = json!({"level": "warning", "logger": "talker", "data": text});
        self.say(&json!({"jsonrpc": "2.0", "method": "notifications/message", "params": params}));
    }

    /// Asks every client that has a session of its own.
    pub(crate) fn ask(&self, id: &Value, text: &str) {
        let schema = json!({"type": "object", "properties": {}});
        let params = json!({"message": text, "requestedSchema": schema});
        self.say(&json!({"jsonrpc": "2.0", "id": id, "method": "elicitation/create", "params": params}));
    }

    /// Refuses GET streams from now on, or no longer.
    pub(crate) fn be_busy(&self, is_busy: bool) {
        self.shared.lock().is_busy = is_busy;
    }

    /// The GET streams of one client's session so far: behind which event each of them began.
    pub(crate) fn gets_of_clients(&self) -> Vec<Option<String>> {
        self.shared.lock().gets.clone()
    }

    /// How many GET streams were refused.
    pub(crate) fn refused(&self) -> usize {
        self.shared.lock().refused
    }

    /// The answers to its questions so far.
    pub(crate) fn answers(&self) -> Vec<Value> {
        self.shared.lock().answers.clone()
    }

    /// How many sessions were deleted.
    pub(crate) fn deleted(&self) -> usize {
        self.shared.lock().deleted.len()
    }
}

impl Drop for Talker {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Said {
    /// The gateway's own sessions declare nothing.
    fn is_of_a_client(&self) -> bool {
        self.capabilities.as_object().is_some_and(|all| !all.is_empty())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.state.lock().expect("no test panics inside the lock")
    }

    fn initialize(&self, body: &Value) -> Response {
        let mut memory = self.lock();
        memory.minted += 1;
        let session = format!("talker-{}", memory.minted);
        let said = Said {
            events: Vec::new(),
            capabilities: body["params"]["capabilities"].clone(),
        };
        memory.sessions.insert(session.clone(), said);
        let result = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {"tools": {}, "logging": {}},
            "serverInfo": {"name": "talker", "version": "1"},
        });
        let mut response = result_of(body, &result);
        response
            .headers_mut()
            .insert("mcp-session-id", session.parse().expect("ASCII"));
        response
    }

    fn post(&self, body: &Value) -> Response {
        if body.get("method").is_none() {
            self.lock().answers.push(body.clone());
            return status(StatusCode::ACCEPTED);
        }
        match body["method"].as_str().unwrap_or_default() {
            _ if body.get("id").is_none() => status(StatusCode::ACCEPTED),
            "tools/list" => {
                let tools = json!([{"name": "fixed", "inputSchema": {"type": "object"}}]);
                result_of(body, &json!({"tools": tools}))
            }
            "tools/call" => {
                let content = json!([{"type": "text", "text": "said"}]);
                result_of(body, &json!({"content": content}))
            }
            _ => result_of(body, &json!({})),
        }
    }

    fn get(self: &Arc<Self>, session: &str, headers: &HeaderMap) -> Response {
        let last = headers
            .get("last-event-id")
            .and_then(|last| last.to_str().ok())
            .map(ToOwned::to_owned);
        let mut memory = self.lock();
        if memory.is_busy {
            memory.refused += 1;
            return status(StatusCode::CONFLICT);
        }
        if memory.sessions.get(session).is_some_and(Said::is_of_a_client) {
            memory.gets.push(last.clone());
        }
        let after: usize = last.and_then(|last| last.parse().ok()).unwrap_or_default();
        let reader = Reader {
            shared: Arc::clone(self),
            changes: self.changes.subscribe(),
            session: session.to_owned(),
            after,
        };
        let events = unfold(reader, |mut reader| async {
            let event = reader.next().await?;
            Some((Ok::<_, std::convert::Infallible>(event), reader))
        });
        Response::builder()
            .header(CONTENT_TYPE, "text/event-stream")
            .body(Body::from_stream(events))
            .expect("the parts of the response are valid")
    }
}

/// Somebody who reads a session's stream.
struct Reader {
    shared: Arc<Shared>,
    changes: watch::Receiver<u64>,
    session: String,
    after: usize,
}

impl Reader {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            self.changes.borrow_and_update();
            let said = {
                let memory = self.shared.lock();
                let said = memory.sessions.get(&self.session)?;
                said.events.get(self.after).cloned()
            };
            if let Some(message) = said {
                self.after += 1;
                return Some(format!("id: {}\ndata: {message}\n\n", self.after).into());
            }
            self.changes.changed().await.ok()?;
        }
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    if body["method"] == "initialize" {
        return shared.initialize(&body);
    }
    let session = head.headers.get("mcp-session-id");
    let session = session
        .and_then(|session| session.to_str().ok())
        .unwrap_or_default();
    if !shared.lock().sessions.contains_key(session) {
        return status(StatusCode::NOT_FOUND);
    }
    match head.method {
        Method::POST => shared.post(&body),
        Method::GET => shared.get(session, &head.headers),
        Method::DELETE => {
            let mut memory = shared.lock();
            memory.sessions.remove(session);
            memory.deleted.push(session.to_owned());
            drop(memory);
            shared.changes.send_modify(|changes| *changes += 1);
            status(StatusCode::OK)
        }
        _ => status(StatusCode::METHOD_NOT_ALLOWED),
    }
}

fn result_of(request: &Value, result: &Value) -> Response {
    let message = json!({"jsonrpc": "2.0", "id": request["id"], "result": result});
    Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(message.to_string()))
        .expect("the parts of the response are valid")
}

fn status(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
