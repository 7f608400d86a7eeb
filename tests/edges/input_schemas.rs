//! Arguments that do not fit the input schema of a tool.

use serde_json::{Value, json};

use super::backend_calls::{call, failure, with_tools};
use super::http_backend::tool;
use super::web_server::WebServer;
use crate::support::mcp::text_of;

fn with_schema(mut tool: Value, schema: Value) -> Value {
    tool["input_schema"] = schema;
    tool
}

#[tokio::test]
async fn the_model_learns_what_is_wrong_and_nothing_is_executed() {
    let server = WebServer::start().await;
    let schema = json!({
        "type": "object",
        "required": ["id"],
        "properties": {"id": {"type": "integer", "minimum": 1}, "tags": {"type": "array", "items": {"type": "string"}}},
        "additionalProperties": false,
    });
    let mock = json!({"name": "mock", "backend": {"kind": "mock", "content": "id ${arguments.id}"}});
    let tools = vec![
        with_schema(
            tool("http", &server.url("/${arguments.id}"), json!({})),
            schema.clone(),
        ),
        with_schema(mock, schema),
    ];
    let gateway = with_tools(tools).await;
    let start = "the arguments do not fit the input schema of the tool:\n- ";
    for name in ["http", "mock"] {
        assert_eq!(
            failure(&gateway, name, json!({})).await,
            format!("{start}\"id\" is a required property")
        );
        assert_eq!(
            failure(&gateway, name, json!({"id": "7"})).await,
            format!("{start}/id: \"7\" is not of type \"integer\"")
        );
        let why = failure(&gateway, name, json!({"id": 0, "tags": [1], "x": 1})).await;
        assert_eq!(why.lines().count(), 4, "{why}");
        for part in [
            "/id: 0 is less than",
            "/tags/0: 1 is not of type \"string\"",
            "'x' was unexpected",
        ] {
            assert!(why.contains(part), "{why}");
        }
    }
    assert_eq!(server.requests().len(), 0);
    assert_eq!(text_of(&call(&gateway, "mock", json!({"id": 1})).await), "id 1");
}
