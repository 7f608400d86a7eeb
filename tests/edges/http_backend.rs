//! Tools, prompts and resources that a web server answers.

use serde_json::{Value, json};

use super::web_server::WebServer;
use crate::support::gateway::{Gateway, Settings};
use crate::support::legacy::Session;
use crate::support::mcp::text_of;
use crate::support::modern::Client;

/// A tool over http that may reach this machine.
pub(super) fn tool(name: &str, url: &str, more: Value) -> Value {
    let mut backend = json!({"kind": "http", "url": url, "allow_private": true});
    for (key, value) in more.as_object().unwrap() {
        backend[key] = value.clone();
    }
    json!({"name": name, "backend": backend})
}

/// A gateway with these tools.
pub(super) async fn with_tools(tools: Vec<Value>) -> Gateway {
    Settings::new()
        .block("mcp", json!({"capabilities": {"tools": tools}}))
        .start()
        .await
}

/// Calls a tool in both eras; the results are the same apart from what belongs to the era.
pub(super) async fn call(gateway: &Gateway, name: &str, arguments: Value) -> Value {
    let legacy = Session::open(&gateway.endpoint)
        .await
        .tool(name, arguments.clone())
        .await;
    let params = json!({"name": name, "arguments": arguments});
    let mut modern = Client::new(&gateway.endpoint).result("tools/call", params).await;
    assert_eq!(modern["resultType"], "complete", "{modern}");
    modern.as_object_mut().unwrap().remove("resultType");
    assert_eq!(modern, legacy);
    legacy
}

/// Calls a tool that fails, and returns what it says.
pub(super) async fn failure(gateway: &Gateway, name: &str, arguments: Value) -> String {
    let result = call(gateway, name, arguments).await;
    assert_eq!(result["isError"], true, "{result}");
    text_of(&result).to_owned()
}

#[tokio::test]
async fn a_get_brings_the_body_as_text() {
    let server = WebServer::start().await;
    let url = server.url("/things/${arguments.id}?fixed=1");
    let gateway = with_tools(vec![tool(
        "thing",
        &url,
        json!({"query": {"q": "${arguments.q}"}, "headers": {"authorization": "Bearer s3cret"}}),
    )])
    .await;
    let result = call(&gateway, "thing", json!({"id": 7, "q": "a b&c"})).await;
    assert_eq!(result.get("isError"), None);
    let seen: Value = serde_json::from_str(text_of(&result)).unwrap();
    assert_eq!(seen["method"], "GET");
    assert_eq!(seen["target"], "/things/7?fixed=1&q=a+b%26c");
    assert_eq!(seen["headers"]["authorization"], "Bearer s3cret");
    assert_eq!(server.requests().len(), 2, "one for each era");
}
