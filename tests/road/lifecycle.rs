//! The process: what it says when it starts, how it ends.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::deadline::until_true;
use crate::support::gateway::{Gateway, Settings};
use crate::support::legacy::{REVISION, Session, initialize};
use crate::support::mcp::{names, result_of, text_of};
use crate::support::modern::Client;
use crate::support::scripts;
use crate::support::upstream::Upstream;

fn example(name: &str) -> std::path::PathBuf {
    let workspace = scripts::folder().parent().map(Path::to_path_buf);
    workspace.expect("tests/ lies in it").join("examples").join(name)
}

#[tokio::test]
async fn the_quickstart_serves_three_tools_in_both_eras() {
    let folder = tempfile::tempdir().unwrap();
    let layer = folder.path().join("port.yaml");
    std::fs::write(&layer, "gateway: {server: {bind_address: \"127.0.0.1:0\"}}\n").unwrap();
    let gateway = Gateway::from_files(&[&example("quickstart.yaml"), &layer]).await;
    let capabilities = json!({"elicitation": {"form": {}}});
    let session = Session::open_with(&gateway.endpoint, capabilities.clone()).await;
    let client = Client::with(&gateway.endpoint, capabilities);
    let listed = session.result("tools/list", json!({})).await;
    let tools = listed["tools"].as_array().unwrap();
    assert_eq!(tools.len(), 3, "{tools:?}");
    assert_eq!(
        names(&client.result("tools/list", json!({})).await["tools"]),
        names(&listed["tools"])
    );
    for tool in tools {
        let name = tool["name"].as_str().unwrap();
        let params = json!({"name": name, "arguments": sample(&tool["inputSchema"])});
        let legacy = answered_by_hand(&session, params.clone()).await;
        assert!(
            !legacy.is_empty() && !legacy.contains("${"),
            "{name} answers {legacy}"
        );
        assert_eq!(answered_by_retry(&client, params).await, legacy, "{name}");
    }
}

/// Calls a tool in a session; a question on the way is answered by another POST.
async fn answered_by_hand(session: &Session, params: Value) -> String {
    let mut call = session.start(json!("hand"), "tools/call", params).await;
    loop {
        let message = call.next().await.expect("the call has an answer");
        if message["method"] == "elicitation/create" {
            let content = sample(&message["params"]["requestedSchema"]);
            session
                .respond(&message, json!({"action": "accept", "content": content}))
                .await;
        } else if message.get("method").is_none() {
            return text_of(&result_of(message)).to_owned();
        }
    }
}

/// Calls a tool without a session; when it needs an answer, the call is repeated with it.
async fn answered_by_retry(client: &Client, mut params: Value) -> String {
    loop {
        let result = client.result("tools/call", params.clone()).await;
        if result["resultType"] == "complete" {
            return text_of(&result).to_owned();
        }
        assert_eq!(result["resultType"], "input_required", "{result}");
        assert_eq!(params.get("inputResponses"), None, "asked twice: {result}");
        let mut answers = json!({});
        for (key, question) in result["inputRequests"].as_object().unwrap() {
            let content = sample(&question["params"]["requestedSchema"]);
            answers[key] = json!({"action": "accept", "content": content});
        }
        params["inputResponses"] = answers;
        if let Some(state) = result.get("requestState") {
            params["requestState"] = state.clone();
        }
    }
}

/// A value for every property of a schema.
fn sample(schema: &Value) -> Value {
    let mut object = json!({});
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        object[name] = match property["type"].as_str() {
            Some("integer" | "number") => json!(3),
            Some("boolean") => json!(true),
            _ => json!("sample"),
        };
    }
    object
}

#[tokio::test]
async fn the_banner_tells_where_it_listens_and_what_it_offers() {
    let upstream = Upstream::legacy().await;
    let gateway = Settings::in_front_of(&upstream.url())
        .mock_tool("own", "hi")
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    let list = session.result("tools/list", json!({})).await;
    let offered = format!("{} tools", list["tools"].as_array().unwrap().len());
    let version = env!("CARGO_PKG_VERSION");
    for part in [
        gateway.endpoint.url().as_str(),
        version,
        "single_node",
        &offered,
        "5 prompts",
    ] {
        until_true(part, async || gateway.program.output().contains(part)).await;
    }
}

#[tokio::test]
async fn sigterm_lets_a_running_call_finish_and_exits_with_0() {
    let upstream = Upstream::legacy().await;
    let mut gateway = Settings::in_front_of(&upstream.url()).start().await;
    let session = Session::open(&gateway.endpoint).await;
    let (_, call) = session
        .start_tool("sleep", json!({"ms": 2000, "tag": "last"}))
        .await;
    upstream
        .counts_reach("sleep", "last", |counts| counts.started == 1)
        .await;
    gateway.program.terminate();
    assert_eq!(text_of(&call.result().await), "slept 2000 ms");
    let status = gateway.program.exit(Duration::from_secs(20)).await;
    assert_eq!(status.code(), Some(0), "{}", gateway.program.output());
    assert_eq!(upstream.counts("sleep", "last").await.completed, 1);
    let refused = gateway
        .endpoint
        .post(&initialize(REVISION, &json!({})))
        .try_send()
        .await;
    assert!(refused.is_err(), "somebody still listens");
}

#[tokio::test]
async fn sigterm_without_work_exits_at_once_with_0() {
    let mut gateway = Settings::new().mock_tool("hello", "hi").start().await;
    let _session = Session::open(&gateway.endpoint).await;
    let began = Instant::now();
    gateway.program.terminate();
    let status = gateway.program.exit(Duration::from_secs(15)).await;
    assert_eq!(status.code(), Some(0), "{}", gateway.program.output());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_call_that_outlasts_the_shutdown_timeout_does_not_hold_the_process() {
    let upstream = Upstream::legacy().await;
    let mut gateway = Settings::in_front_of(&upstream.url())
        .server("shutdown_timeout_ms", 1000)
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    let (_, call) = session
        .start_tool("sleep", json!({"ms": 60_000, "tag": "endless"}))
        .await;
    upstream
        .counts_reach("sleep", "endless", |counts| counts.started == 1)
        .await;
    gateway.program.terminate();
    gateway.program.exit(Duration::from_secs(20)).await;
    drop(call);
}

#[tokio::test]
async fn a_stopped_gateway_closes_its_own_upstream_sessions() {
    let upstream = Upstream::legacy().await;
    let mut gateway = Settings::in_front_of(&upstream.url()).start().await;
    let before = upstream.stats().await["sessions"]["active"].clone();
    assert_eq!(before, 1, "one session for the catalogue");
    gateway.program.terminate();
    gateway.program.exit(Duration::from_secs(20)).await;
    let stats = upstream.stats().await;
    assert_eq!(stats["sessions"]["active"], 0, "{}", stats["sessions"]);
}

#[tokio::test]
async fn no_secret_of_the_configuration_appears_in_the_output() {
    let upstream = Upstream::legacy().await;
    let headers = json!({"headers": {"authorization": "Bearer top-secret-token"}});
    let gateway = Settings::new()
        .federation_with("one", &upstream.url(), json!({"upstream": headers}))
        .block("observability", json!({"logs": {"level": "trace"}}))
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    let result = session.tool("whoami", json!({})).await;
    assert!(text_of(&result).contains("top-secret-token"), "not sent upstream");
    let output = gateway.program.output();
    assert!(!output.contains("top-secret-token"), "printed: {output}");
}
