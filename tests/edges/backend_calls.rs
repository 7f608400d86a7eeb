//! Calls of tools with a backend, in both eras.

use serde_json::{Value, json};

use crate::support::gateway::{Gateway, Settings};
use crate::support::legacy::Session;
use crate::support::mcp::text_of;
use crate::support::modern::Client;

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
