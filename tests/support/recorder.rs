//! A scripted upstream of the legacy era that records every request byte for byte.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The tool that says something at every level before it answers.
pub(crate) const CHATTY: &str = "chatty";

/// The levels of log messages, least important first.
pub(crate) const LEVELS: [&str; 8] = [
    "debug",
    "info",
    "notice",
    "warning",
    "error",
    "critical",
    "alert",
    "emergency",
];

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// The HTTP method.
    pub(crate) method: Method,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body, `null` when there was none.
    pub(crate) body: Value,
}

/// The scripted upstream. It stops with its owner.
pub(crate) struct Recorder {
    /// The URL of its MCP endpoint.
    pub(crate) url: String,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

struct Shared {
    /// The tools as the text of a JSON array.
    tools: String,
    /// The text of the result of every tool call.
    result: String,
    state: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    seen: Vec<Seen>,
    sessions: HashSet<String>,
    minted: usize,
}

impl Seen {
    /// The JSON-RPC method, empty for anything without one.
    pub(crate) fn rpc_method(&self) -> &str {
        self.body["method"].as_str().unwrap_or_default()
    }

    /// The session that the request named.
    pub(crate) fn session(&self) -> Option<&str> {
        self.headers.get("mcp-session-id")?.to_str().ok()
    }
}

impl Recorder {
    /// Starts a server with the tools `fixed` and `chatty`, which answer with this text of a result.
    pub(crate) async fn start(result: &str) -> Self {
        let schema = json!({"type": "object"});
        let tools = json!([
            {"name": "fixed", "inputSchema": schema},
            {"name": CHATTY, "inputSchema": schema},
        ]);
        Self::with_tools(&tools.to_string(), result).await
    }

    /// Starts a server with these tools, each of which answers with the same text of a result.
    pub(crate) async fn with_tools(tools: &str, result: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            tools: tools.to_owned(),
            result: result.to_owned(),
            state: Mutex::new(Memory::default()),
        });
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

    /// Everything that arrived so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.lock().seen.clone()
    }

    /// What arrived with this JSON-RPC method.
    pub(crate) fn seen_of(&self, method: &str) -> Vec<Seen> {
        let mut seen = self.seen();
        seen.retain(|request| request.rpc_method() == method);
        seen
    }

    /// Forgets every session, like a server that was restarted.
    pub(crate) fn forget_sessions(&self) {
        self.shared.lock().sessions.clear();
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.state.lock().expect("no test panics inside the lock")
    }

    fn respond(&self, seen: &Seen) -> Response {
        let mut memory = self.lock();
        memory.seen.push(seen.clone());
        if seen.rpc_method() == "initialize" {
            memory.minted += 1;
            let session = format!("recorded-{}", memory.minted);
            memory.sessions.insert(session.clone());
            return initialized(&seen.body, &session);
        }
        let Some(session) = seen.session() else {
            return status(StatusCode::BAD_REQUEST);
        };
        if !memory.sessions.contains(session) {
            return status(StatusCode::NOT_FOUND);
        }
        match seen.method {
            Method::DELETE => {
                memory.sessions.remove(session);
                status(StatusCode::OK)
            }
            Method::POST => self.result(seen),
            _ => status(StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    fn result(&self, seen: &Seen) -> Response {
        let id = &seen.body["id"];
        if id.is_null() {
            return status(StatusCode::ACCEPTED);
        }
        match seen.rpc_method() {
            "tools/list" => raw(id, &format!(r#""result":{{"tools":{}}}"#, self.tools)),
            "tools/call" if seen.body["params"]["name"] == CHATTY => self.chatty(id),
            "tools/call" => raw(id, &format!(r#""result":{}"#, self.result)),
            "ping" | "logging/setLevel" => raw(id, r#""result":{}"#),
            _ => raw(id, r#""error":{"code":-32601,"message":"no such method"}"#),
        }
    }
}

impl Shared {
    /// A stream with one log message of each level, whatever level was asked for, then the result.
    fn chatty(&self, id: &Value) -> Response {
        let mut stream = String::new();
        for level in LEVELS {
            let params = json!({"level": level, "logger": CHATTY, "data": {"said": level}});
            let note = json!({"jsonrpc": "2.0", "method": "notifications/message", "params": params});
            stream.push_str(&format!("event: message\ndata: {note}\n\n"));
        }
        let response = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{}}}"#, self.result);
        stream.push_str(&format!("event: message\ndata: {response}\n\n"));
        Response::builder()
            .header(CONTENT_TYPE, "text/event-stream")
            .body(Body::from(stream))
            .expect("the parts of the response are valid")
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    shared.respond(&Seen {
        method: head.method,
        headers: head.headers,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    })
}

fn initialized(request: &Value, session: &str) -> Response {
    let result = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {"tools": {}, "logging": {}},
        "serverInfo": {"name": "recorder", "version": "1"},
    });
    let mut response = raw(&request["id"], &format!(r#""result":{result}"#));
    let value = session.parse().expect("a session id is ASCII");
    response.headers_mut().insert("mcp-session-id", value);
    response
}

fn raw(id: &Value, rest: &str) -> Response {
    Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(format!(r#"{{"jsonrpc":"2.0","id":{id},{rest}}}"#)))
        .expect("the parts of the response are valid")
}

fn status(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
