//! What both eras share: where the endpoint is, and an answer that is one JSON text or a stream.

use std::net::SocketAddr;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{Method, StatusCode};
use serde_json::Value;

use super::http::{Answer, Call};
use super::sse::Events;

/// The URL of an MCP server, taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// Where the server listens.
    pub(crate) address: SocketAddr,
    /// The path of its MCP endpoint.
    pub(crate) path: String,
    /// The API key that every request shows, if any.
    pub(crate) key: Option<String>,
}

impl Endpoint {
    /// Takes apart `http://ADDRESS/PATH`.
    pub(crate) fn parse(url: &str) -> Option<Self> {
        let (authority, path) = url.strip_prefix("http://")?.split_once('/')?;
        Some(Self {
            address: authority.parse().ok()?,
            path: format!("/{path}"),
            key: None,
        })
    }

    /// The same endpoint as the holder of an API key uses it.
    pub(crate) fn with_key(&self, key: &str) -> Self {
        Self {
            key: Some(key.to_owned()),
            ..self.clone()
        }
    }

    fn call(&self, method: Method) -> Call {
        let call = Call::new(method, self.address, &self.path);
        match &self.key {
            Some(key) => call.header(AUTHORIZATION.as_str(), format!("Bearer {key}")),
            None => call,
        }
    }

    /// The whole URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}{}", self.address, self.path)
    }

    /// A POST with the headers that every MCP client sends.
    pub(crate) fn post(&self, message: &Value) -> Call {
        self.post_text(message.to_string())
    }

    /// A POST of a text that need not be JSON.
    pub(crate) fn post_text(&self, text: impl Into<bytes::Bytes>) -> Call {
        self.call(Method::POST)
            .header(ACCEPT.as_str(), "application/json, text/event-stream")
            .header(CONTENT_TYPE.as_str(), "application/json")
            .body(text)
    }

    /// A GET that asks for a stream.
    pub(crate) fn get(&self) -> Call {
        self.call(Method::GET)
            .header(ACCEPT.as_str(), "text/event-stream")
    }

    /// A DELETE.
    pub(crate) fn delete(&self) -> Call {
        self.call(Method::DELETE)
    }
}

/// The answer to a request, message by message.
pub(crate) struct Exchange {
    /// The status code.
    pub(crate) status: StatusCode,
    /// Whether the answer is a stream of events.
    pub(crate) streamed: bool,
    body: Body,
}

enum Body {
    Stream(Box<Events>),
    Text(Box<Answer>),
    Read,
}

impl Exchange {
    /// Takes an answer whose body has not been read.
    pub(crate) fn new(answer: Answer) -> Self {
        let streamed = answer.is_stream();
        Self {
            status: answer.status,
            streamed,
            body: match streamed {
                true => Body::Stream(Box::new(answer.events())),
                false => Body::Text(Box::new(answer)),
            },
        }
    }

    /// The next message, or `None` when the answer is complete.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        match std::mem::replace(&mut self.body, Body::Read) {
            Body::Stream(mut events) => {
                let message = events.message().await;
                self.body = Body::Stream(events);
                message
            }
            Body::Text(answer) => Some(answer.json().await),
            Body::Read => None,
        }
    }

    /// The next message whose `method` is this one; others before it are a failure.
    pub(crate) async fn expect(&mut self, method: &str) -> Value {
        let message = self.next().await;
        let message = message.unwrap_or_else(|| panic!("the answer ended before {method}"));
        assert_eq!(message["method"], method, "unexpected message: {message}");
        message
    }

    /// Reads to the end: what came before the response, and the response, which must be the last.
    pub(crate) async fn finish(mut self) -> Finished {
        let mut before = Vec::new();
        while let Some(message) = self.next().await {
            if message.get("method").is_some() {
                before.push(message);
                continue;
            }
            let after = self.next().await;
            assert_eq!(after, None, "a message follows the response");
            return Finished {
                before,
                response: message,
            };
        }
        panic!("the answer ended without a response, after {before:?}")
    }

    /// Reads to the end and returns the response.
    pub(crate) async fn response(self) -> Value {
        self.finish().await.response
    }

    /// Reads to the end and returns the result; an error is a failure.
    pub(crate) async fn result(self) -> Value {
        result_of(self.response().await)
    }
}

/// A complete answer.
pub(crate) struct Finished {
    /// Notifications and requests that came before the response.
    pub(crate) before: Vec<Value>,
    /// The response.
    pub(crate) response: Value,
}

/// The result in a response; an error is a failure.
pub(crate) fn result_of(mut response: Value) -> Value {
    match response.get_mut("result") {
        Some(result) => result.take(),
        None => panic!("not a result: {response}"),
    }
}

/// The text of the first content block of a tool's result.
pub(crate) fn text_of(result: &Value) -> &str {
    match result["content"][0]["text"].as_str() {
        Some(text) => text,
        None => panic!("no text in {result}"),
    }
}

/// The names in a list of tools, prompts or resources.
pub(crate) fn names(list: &Value) -> Vec<String> {
    let items = list.as_array().unwrap_or_else(|| panic!("not a list: {list}"));
    items
        .iter()
        .map(|item| item["name"].as_str().expect("an item has a name").to_owned())
        .collect()
}
