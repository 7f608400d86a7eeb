//! Things that the gateway answers from its own configuration.

use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::gateway::Settings;
use crate::support::legacy::Session;
use crate::support::mcp::text_of;
use crate::support::modern::Client;

#[tokio::test]
async fn arguments_are_filled_into_the_answer() {
    let gateway = Settings::new()
        .mock_tool("greet", "hello ${arguments.name}!")
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    for name in ["Ada", "${arguments.name}", "quote\" and ünïcödé"] {
        let result = session.tool("greet", json!({"name": name})).await;
        assert_eq!(text_of(&result), format!("hello {name}!"));
    }
}

#[tokio::test]
async fn a_mock_may_fail_and_may_take_its_time_with_progress() {
    let gateway = Settings::new()
        .mock_tool_with("slow", "done", json!({"delay_ms": 600, "progress_steps": 3}))
        .mock_tool_with("broken", "sorry", json!({"is_error": true}))
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    let broken = session.tool("broken", json!({})).await;
    assert_eq!((text_of(&broken), &broken["isError"]), ("sorry", &json!(true)));

    let began = Instant::now();
    let params = json!({"name": "slow", "arguments": {}, "_meta": {"progressToken": 5}});
    let finished = session.start(json!(1), "tools/call", params).await.finish().await;
    assert!(began.elapsed() >= Duration::from_millis(600));
    assert_eq!(finished.response["result"]["content"][0]["text"], "done");
    let steps: Vec<f64> = finished
        .before
        .iter()
        .map(|note| {
            assert_eq!(note["params"]["progressToken"], 5, "{note}");
            note["params"]["progress"].as_f64().unwrap()
        })
        .collect();
    assert_eq!(steps.len(), 3, "{steps:?}");
    assert!(steps.windows(2).all(|pair| pair[0] < pair[1]), "{steps:?}");
}

#[tokio::test]
async fn a_mock_can_be_cancelled() {
    let gateway = Settings::new()
        .mock_tool_with("slow", "done", json!({"delay_ms": 25_000}))
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    let began = Instant::now();
    let (id, mut call) = session.start_tool("slow", json!({})).await;
    assert_eq!(session.cancel(&id).await, StatusCode::ACCEPTED);
    assert_eq!(call.next().await, None, "a response after the cancel");
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[tokio::test]
async fn prompts_and_resources_are_served_from_the_configuration() {
    let mock = |content: &str| json!({"kind": "mock", "content": content});
    let capabilities = json!({
        "prompts": [{
            "name": "review",
            "arguments": [{"name": "topic", "required": true}],
            "backend": mock("Review ${arguments.topic}."),
        }],
        "resources": [{"uri": "note://one", "name": "one", "mime_type": "text/plain", "backend": mock("first")}],
        "resource_templates": [{"uri_template": "note://{id}/text", "name": "note", "backend": mock("note ${arguments.id}")}],
    });
    let gateway = Settings::new()
        .block("mcp", json!({"capabilities": capabilities}))
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    let client = Client::new(&gateway.endpoint);
    let ask = async |method: &str, params: Value| {
        let legacy = session.result(method, params.clone()).await;
        let modern = client.result(method, params).await;
        assert_eq!(modern["contents"], legacy["contents"], "{method}");
        assert_eq!(modern["messages"], legacy["messages"], "{method}");
        legacy
    };
    let prompt = ask(
        "prompts/get",
        json!({"name": "review", "arguments": {"topic": "birds"}}),
    )
    .await;
    assert_eq!(prompt["messages"][0]["content"]["text"], "Review birds.");
    let fixed = ask("resources/read", json!({"uri": "note://one"})).await;
    assert_eq!(
        fixed["contents"][0],
        json!({"uri": "note://one", "mimeType": "text/plain", "text": "first"})
    );
    let templated = ask("resources/read", json!({"uri": "note://7/text"})).await;
    assert_eq!(templated["contents"][0]["text"], "note 7");
}
