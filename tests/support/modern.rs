//! Requests of the modern era, spoken by hand.

use serde_json::{Value, json};

use super::http::Call;
use super::mcp::{Endpoint, Exchange};

/// The revision of the modern era.
pub(crate) const REVISION: &str = "2026-07-28";

/// A client of the modern era. It keeps nothing between two requests.
pub(crate) struct Client {
    /// Where the server is.
    pub(crate) endpoint: Endpoint,
    capabilities: Value,
    meta: Vec<(String, Value)>,
}

impl Client {
    /// A client without capabilities.
    pub(crate) fn new(endpoint: &Endpoint) -> Self {
        Self::with(endpoint, json!({}))
    }

    /// A client with these capabilities.
    pub(crate) fn with(endpoint: &Endpoint, capabilities: Value) -> Self {
        Self {
            endpoint: endpoint.clone(),
            capabilities,
            meta: Vec::new(),
        }
    }

    /// Adds an entry to the `_meta` of every request.
    pub(crate) fn meta(mut self, key: &str, value: Value) -> Self {
        self.meta.push((key.to_owned(), value));
        self
    }

    /// The message of a request, with the `_meta` that the revision demands.
    pub(crate) fn message(&self, id: &Value, method: &str, mut params: Value) -> Value {
        let mut meta = json!({
            "io.modelcontextprotocol/protocolVersion": REVISION,
            "io.modelcontextprotocol/clientCapabilities": self.capabilities,
            "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
        });
        for (key, value) in &self.meta {
            meta[key] = value.clone();
        }
        params["_meta"] = meta;
        json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
    }

    /// A POST of a request, with the headers that the revision demands.
    pub(crate) fn post(&self, id: &Value, method: &str, params: Value) -> Call {
        let name = match method {
            "resources/read" => params["uri"].as_str().map(str::to_owned),
            "tools/call" | "prompts/get" => params["name"].as_str().map(str::to_owned),
            _ => None,
        };
        let call = self
            .endpoint
            .post(&self.message(id, method, params))
            .header("mcp-protocol-version", REVISION)
            .header("mcp-method", method);
        match name {
            Some(name) => call.header("mcp-name", name),
            None => call,
        }
    }

    /// Starts a request.
    pub(crate) async fn start(&self, id: Value, method: &str, params: Value) -> Exchange {
        Exchange::new(self.post(&id, method, params).send().await)
    }

    /// Sends a request and returns the whole response, whose id is checked.
    pub(crate) async fn request(&self, method: &str, params: Value) -> Value {
        let id = json!("modern-1");
        let response = self.start(id.clone(), method, params).await.response().await;
        assert_eq!(response["id"], id, "the response carries another id");
        response
    }

    /// Sends a request that succeeds and returns its result.
    pub(crate) async fn result(&self, method: &str, params: Value) -> Value {
        super::mcp::result_of(self.request(method, params).await)
    }

    /// Calls a tool and returns its result.
    pub(crate) async fn tool(&self, name: &str, arguments: Value) -> Value {
        let params = json!({"name": name, "arguments": arguments});
        self.result("tools/call", params).await
    }
}
