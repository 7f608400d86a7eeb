//! A session of the legacy era, spoken by hand.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::StatusCode;
use serde_json::{Value, json};

use super::http::{Answer, Call};
use super::mcp::{Endpoint, Exchange, result_of};

/// The revision that tests speak when they do not care.
pub(crate) const REVISION: &str = "2025-11-25";

/// An initialized session.
pub(crate) struct Session {
    /// Where the server is.
    pub(crate) endpoint: Endpoint,
    /// The session id that the server minted.
    pub(crate) id: String,
    /// The revision that was agreed on.
    pub(crate) revision: String,
    /// The result of initialize.
    pub(crate) greeting: Value,
    next_id: Arc<AtomicU64>,
}

/// The initialize request of a client with these capabilities.
pub(crate) fn initialize(revision: &str, capabilities: &Value) -> Value {
    json!({
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {
            "protocolVersion": revision,
            "capabilities": capabilities,
            "clientInfo": {"name": "raw", "version": "1"},
        },
    })
}

impl Session {
    /// Opens a session of a client without capabilities.
    pub(crate) async fn open(endpoint: &Endpoint) -> Self {
        Self::open_as(endpoint, REVISION, json!({})).await
    }

    /// Opens a session of a client with these capabilities.
    pub(crate) async fn open_with(endpoint: &Endpoint, capabilities: Value) -> Self {
        Self::open_as(endpoint, REVISION, capabilities).await
    }

    /// Opens a session at a revision.
    pub(crate) async fn open_as(endpoint: &Endpoint, revision: &str, capabilities: Value) -> Self {
        let session = Self::greet(endpoint, &initialize(revision, &capabilities)).await;
        let status = session.notify("notifications/initialized", json!({})).await;
        assert_eq!(status, StatusCode::ACCEPTED);
        session
    }

    /// Opens a session by an initialize request; the notification that follows is left to the test.
    pub(crate) async fn greet(endpoint: &Endpoint, initialize: &Value) -> Self {
        let answer = endpoint.post(initialize).send().await;
        assert_eq!(answer.status, StatusCode::OK, "initialize is refused");
        let id = answer.header("mcp-session-id");
        let id = id.expect("initialize mints a session id").to_owned();
        Self::known(endpoint, id, Exchange::new(answer).result().await)
    }

    /// A session that was opened by hand, with the result of its initialize request.
    pub(crate) fn known(endpoint: &Endpoint, id: String, greeting: Value) -> Self {
        Self {
            endpoint: endpoint.clone(),
            id,
            revision: greeting["protocolVersion"].as_str().unwrap().to_owned(),
            greeting,
            next_id: Arc::new(AtomicU64::new(1)),
        }
    }

    /// The same session, whose requests go to another replica. Request ids stay unique.
    pub(crate) fn at(&self, endpoint: &Endpoint) -> Self {
        Self {
            endpoint: endpoint.clone(),
            id: self.id.clone(),
            revision: self.revision.clone(),
            greeting: self.greeting.clone(),
            next_id: Arc::clone(&self.next_id),
        }
    }

    /// Adds the headers of this session.
    pub(crate) fn headed(&self, call: Call) -> Call {
        call.header("mcp-session-id", &self.id)
            .header("mcp-protocol-version", &self.revision)
    }

    /// A POST in this session.
    pub(crate) fn post(&self, message: &Value) -> Call {
        self.headed(self.endpoint.post(message))
    }

    /// Sends a message in this session.
    pub(crate) async fn send(&self, message: &Value) -> Answer {
        self.post(message).send().await
    }

    /// Starts a request under an id of the test's choice.
    pub(crate) async fn start(&self, id: Value, method: &str, params: Value) -> Exchange {
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        Exchange::new(self.send(&message).await)
    }

    /// Starts a call of a tool under a fresh id; returns the id too.
    pub(crate) async fn start_tool(&self, name: &str, arguments: Value) -> (Value, Exchange) {
        let id = self.fresh_id();
        let params = json!({"name": name, "arguments": arguments});
        let exchange = self.start(id.clone(), "tools/call", params).await;
        (id, exchange)
    }

    /// Sends a request and returns the whole response, whose id is checked.
    pub(crate) async fn request(&self, method: &str, params: Value) -> Value {
        let id = self.fresh_id();
        let exchange = self.start(id.clone(), method, params).await;
        let response = exchange.response().await;
        assert_eq!(response["id"], id, "the response carries another id");
        response
    }

    /// Sends a request that succeeds and returns its result.
    pub(crate) async fn result(&self, method: &str, params: Value) -> Value {
        result_of(self.request(method, params).await)
    }

    /// Calls a tool and returns its result.
    pub(crate) async fn tool(&self, name: &str, arguments: Value) -> Value {
        let params = json!({"name": name, "arguments": arguments});
        self.result("tools/call", params).await
    }

    /// Sends a notification and returns the status.
    pub(crate) async fn notify(&self, method: &str, params: Value) -> StatusCode {
        let message = json!({"jsonrpc": "2.0", "method": method, "params": params});
        self.send(&message).await.status
    }

    /// Answers a question of the server and returns the status.
    pub(crate) async fn respond(&self, question: &Value, result: Value) -> StatusCode {
        let message = json!({"jsonrpc": "2.0", "id": question["id"], "result": result});
        self.send(&message).await.status
    }

    /// Cancels a request and returns the status.
    pub(crate) async fn cancel(&self, id: &Value) -> StatusCode {
        self.notify("notifications/cancelled", json!({"requestId": id}))
            .await
    }

    /// A GET in this session.
    pub(crate) fn get(&self) -> Call {
        self.headed(self.endpoint.get())
    }

    /// Ends the session and returns the status.
    pub(crate) async fn delete(&self) -> StatusCode {
        self.headed(self.endpoint.delete()).send().await.status
    }

    fn fresh_id(&self) -> Value {
        json!(self.next_id.fetch_add(1, Ordering::Relaxed))
    }
}
