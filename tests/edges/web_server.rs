//! A web server that remembers what it was asked.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::support::deadline::until_true;

/// A server on a free port of this machine; it ends with the value.
pub(super) struct WebServer {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    serving: JoinHandle<()>,
}

#[derive(Default)]
struct Seen {
    requests: Vec<Value>,
    /// Requests that the client gave up before they were answered.
    abandoned: usize,
    /// Pieces of a body without end that were taken.
    pieces: usize,
}

/// Counts a request that is dropped before its answer.
struct Unanswered(Arc<Mutex<Seen>>);

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.0.lock().unwrap().abandoned += 1;
    }
}

impl WebServer {
    /// Starts the server.
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let app = Router::new().fallback(answer).with_state(Arc::clone(&seen));
        let serving = tokio::spawn(async move {
            axum::serve(listener, app).await.unwrap();
        });
        Self {
            address,
            seen,
            serving,
        }
    }

    /// The URL of a path on this server.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The port of this server.
    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// All requests so far: `method`, `target`, `headers` and `body`.
    pub(super) fn requests(&self) -> Vec<Value> {
        self.seen.lock().unwrap().requests.clone()
    }

    /// The latest request.
    pub(super) fn last(&self) -> Value {
        self.requests().pop().expect("the server was asked")
    }

    /// How many pieces of a body without end were taken.
    pub(super) fn pieces(&self) -> usize {
        self.seen.lock().unwrap().pieces
    }

    /// Waits for the number of requests.
    pub(super) async fn was_asked(&self, times: usize) {
        until_true("the server is asked", async || self.requests().len() == times).await;
    }

    /// Waits until clients have given up so many requests.
    pub(super) async fn was_abandoned(&self, times: usize) {
        until_true("a request is given up", async || {
            self.seen.lock().unwrap().abandoned == times
        })
        .await;
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(State(seen): State<Arc<Mutex<Seen>>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let headers: serde_json::Map<String, Value> = head
        .headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.to_string(), json!(value))
        })
        .collect();
    let record = json!({
        "method": head.method.as_str(),
        "target": head.uri.path_and_query().map(ToString::to_string),
        "headers": headers,
        "body": String::from_utf8_lossy(&body),
    });
    seen.lock().unwrap().requests.push(record.clone());
    match head.uri.path().trim_start_matches('/').split_once('/') {
        Some(("status", code)) => {
            let code = StatusCode::from_bytes(code.as_bytes()).unwrap();
            (code, format!("this is {code}")).into_response()
        }
        Some(("loop", _)) => (StatusCode::FOUND, [(LOCATION, "/loop/")]).into_response(),
        // The connection ends without an answer.
        Some(("break", _)) => panic!("as the test wants it"),
        Some(("redirect", code)) => {
            let to = head.uri.query().unwrap_or_default().replace("%23", "#");
            let code = StatusCode::from_bytes(code.as_bytes()).unwrap();
            (code, [(LOCATION, HeaderValue::from_str(&to).unwrap())]).into_response()
        }
        Some(("never", _)) => {
            let _unanswered = Unanswered(seen);
            std::future::pending().await
        }
        Some(("endless", _)) => Response::new(endless(seen)),
        Some(("bytes", count)) => "x".repeat(count.parse().unwrap()).into_response(),
        Some(("raw", _)) => Bytes::from_static(b"caf\xe9").into_response(),
        Some(("encoded", _)) => ([("content-encoding", "gzip")], "?").into_response(),
        _ => ([("x-served-by", "test")], record.to_string()).into_response(),
    }
}

/// A body of one MiB per piece, as long as somebody takes them.
fn endless(seen: Arc<Mutex<Seen>>) -> Body {
    let piece = Bytes::from(vec![b'x'; 1024 * 1024]);
    Body::from_stream(stream::unfold((seen, piece), |(seen, piece)| async {
        seen.lock().unwrap().pieces += 1;
        tokio::time::sleep(Duration::from_millis(1)).await;
        Some((Ok::<_, std::io::Error>(piece.clone()), (seen, piece)))
    }))
}
