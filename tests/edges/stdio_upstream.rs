//! Upstream servers that are programs: what works over HTTP works here too.

use std::collections::HashSet;

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::children::{Children, everything as official};
use crate::support::deadline::until_true;
use crate::support::gateway::{Gateway, Settings};
use crate::support::legacy::Session;
use crate::support::mcp::{names, text_of};
use crate::support::modern::Client;
use crate::support::scripts;

fn everything() -> Value {
    json!({"elicitation": {"form": {}}, "sampling": {}, "roots": {}})
}

async fn gateway(children: &Children) -> Gateway {
    children.settings().start().await
}

#[tokio::test]
async fn tools_of_a_program_are_listed_and_called() {
    let children = Children::legacy();
    let gateway = gateway(&children).await;
    let session = Session::open(&gateway.endpoint).await;
    let tools = session.result("tools/list", json!({})).await;
    assert!(names(&tools["tools"]).contains(&"echo".to_owned()));
    let result = session.tool("echo", json!({"message": "hello\nthere"})).await;
    assert_eq!(text_of(&result), "hello\nthere");
    let prompts = session.result("prompts/list", json!({})).await;
    assert!(!names(&prompts["prompts"]).is_empty());
    let read = session
        .result("resources/read", json!({"uri": "test://static-text"}))
        .await;
    assert_eq!(read["contents"][0]["uri"], "test://static-text");
    // One child knows what is offered, one serves the session.
    assert_eq!(children.running().len(), 2);
}

#[tokio::test]
async fn a_program_of_both_eras_serves_clients_of_both() {
    let children = Children::new();
    let gateway = gateway(&children).await;
    let modern = Client::new(&gateway.endpoint);
    let result = modern.tool("whoami", json!({})).await;
    let seen = &result["structuredContent"];
    assert_eq!(seen["protocolVersion"], "2026-07-28");
    let again = modern.tool("whoami", json!({})).await;
    assert_eq!(again["structuredContent"]["pid"], seen["pid"]);
    let session = Session::open(&gateway.endpoint).await;
    let result = session.tool("whoami", json!({})).await;
    assert_eq!(result["structuredContent"]["protocolVersion"], "2025-11-25");
    assert_ne!(result["structuredContent"]["pid"], seen["pid"]);
}

#[tokio::test]
async fn modern_clients_reach_a_legacy_program_and_legacy_clients_a_modern_one() {
    let children = Children::legacy();
    let gateway = gateway(&children).await;
    let result = Client::new(&gateway.endpoint)
        .tool("echo", json!({"message": "m"}))
        .await;
    assert_eq!(text_of(&result), "m");
    let modern = Children::with(&["--era", "modern"]);
    let gateway = modern.settings().start().await;
    let session = Session::open(&gateway.endpoint).await;
    let result = session.tool("echo", json!({"message": "l"})).await;
    assert_eq!(text_of(&result), "l");
    assert_eq!(modern.running().len(), 1);
}

#[tokio::test]
async fn each_session_has_a_child_and_keeps_it() {
    let children = Children::legacy();
    let gateway = gateway(&children).await;
    let mut pids = HashSet::new();
    for _ in 0..2 {
        let session = Session::open_with(&gateway.endpoint, everything()).await;
        for count in 1..=3 {
            let counted = session.tool("count", json!({"tag": "t"})).await;
            assert_eq!(text_of(&counted), count.to_string());
            let seen = session.tool("whoami", json!({})).await["structuredContent"].take();
            assert_eq!(seen["clientCapabilities"], everything());
            pids.insert(seen["pid"].to_string());
        }
    }
    assert_eq!(pids.len(), 2, "{pids:?}");
}

#[tokio::test]
async fn in_shared_mode_one_child_serves_all() {
    let children = Children::legacy();
    let settings = children.settings_with(json!({"session": {"mode": "shared"}}));
    let gateway = settings.start().await;
    for count in 1..=3 {
        let session = Session::open(&gateway.endpoint).await;
        let counted = session.tool("count", json!({"tag": "t"})).await;
        assert_eq!(text_of(&counted), count.to_string());
    }
    assert_eq!(children.all().len(), 1);
}

#[tokio::test]
async fn progress_of_calls_that_run_at_once_reaches_each_of_them() {
    let children = Children::legacy();
    let gateway = gateway(&children).await;
    let session = Session::open(&gateway.endpoint).await;
    let calls = ["a", "b", "c"].map(|token| {
        let arguments = json!({"steps": 3, "interval_ms": 20});
        let params =
            json!({"name": "sleep_with_progress", "arguments": arguments, "_meta": {"progressToken": token}});
        let session = &session;
        async move {
            let call = session.start(json!(token), "tools/call", params).await;
            let finished = call.finish().await;
            let progress: Vec<f64> = finished
                .before
                .iter()
                .map(|message| {
                    assert_eq!(message["params"]["progressToken"], token);
                    message["params"]["progress"].as_f64().unwrap()
                })
                .collect();
            assert_eq!(progress, [1.0, 2.0, 3.0]);
        }
    });
    futures_util::future::join_all(calls).await;
}

#[tokio::test]
async fn a_program_asks_the_client_and_logs_for_it() {
    let children = Children::legacy();
    let gateway = gateway(&children).await;
    let session = Session::open_with(&gateway.endpoint, everything()).await;
    let (_, mut call) = session.start_tool("ask", json!({"question": "which?"})).await;
    let question = call.expect("elicitation/create").await;
    assert_eq!(question["params"]["message"], "which?");
    let accepted = json!({"action": "accept", "content": {"answer": "this one"}});
    assert_eq!(session.respond(&question, accepted).await, StatusCode::ACCEPTED);
    assert!(text_of(&call.result().await).contains("this one"));
    session
        .result("logging/setLevel", json!({"level": "debug"}))
        .await;
    let arguments = json!({"level": "info", "text": "so it is", "times": 2});
    let (_, call) = session.start_tool("log", arguments).await;
    let finished = call.finish().await;
    assert_eq!(finished.before.len(), 2, "{:?}", finished.before);
    assert_eq!(finished.before[0]["method"], "notifications/message");
}

#[tokio::test]
async fn a_cancelled_call_is_cancelled_in_the_program_in_both_eras() {
    let children = Children::new();
    let gateway = gateway(&children).await;
    let session = Session::open(&gateway.endpoint).await;
    let arguments = json!({"ms": 600_000, "tag": "legacy"});
    let (id, call) = session.start_tool("sleep", arguments).await;
    children.has_begun("sleep", "legacy").await;
    assert_eq!(session.cancel(&id).await, StatusCode::ACCEPTED);
    drop(call);
    until_true("the legacy call is cancelled", async || {
        children.cancelled("sleep", "legacy").await == 1
    })
    .await;
    // In the modern era the end of the connection is the cancel, and the program is told in its own way.
    let client = Client::new(&gateway.endpoint);
    let params = json!({"name": "sleep", "arguments": {"ms": 600_000, "tag": "modern"}});
    let started = tokio::spawn(async move { client.start(json!("gone"), "tools/call", params).await });
    children.has_begun("sleep", "modern").await;
    // Whether it waits for the head of the answer or holds it: this closes the connection.
    started.abort();
    drop(started.await);
    until_true("the modern call is cancelled", async || {
        children.cancelled("sleep", "modern").await == 1
    })
    .await;
}

#[tokio::test]
async fn a_changed_list_is_read_again_in_both_eras() {
    for era in ["legacy", "modern"] {
        let children = Children::with(&["--era", era]);
        let gateway = gateway(&children).await;
        let session = Session::open(&gateway.endpoint).await;
        let pid = children.running()[0];
        let added = json!({"name": "late", "description": "came later"});
        children.control(pid, "tools/add", added).await;
        until_true("the new tool is listed", async || {
            let tools = session.result("tools/list", json!({})).await;
            names(&tools["tools"]).contains(&"late".to_owned())
        })
        .await;
    }
}

#[tokio::test]
async fn the_official_everything_server_runs_as_a_child_in_both_session_modes() {
    for mode in ["per_session", "shared"] {
        let session_mode = json!({"session": {"mode": mode}});
        let gateway = Settings::new()
            .child("everything", official(), session_mode)
            .start()
            .await;
        for (era, revision) in [("legacy", "2025-11-25"), ("2026-07-28", "2026-07-28")] {
            let arguments = [&gateway.endpoint.url(), era, "echo", r#"{"message": "hello"}"#];
            let summary = scripts::summary(scripts::python("call_tool.py", &arguments)).await;
            assert_eq!(summary["revision"], revision, "{mode}");
            assert_eq!(summary["text"], "Echo: hello");
            let tools = summary["tools"].as_array().unwrap();
            assert!(tools.len() > 10, "{tools:?}");
        }
        let session = Session::open_with(&gateway.endpoint, everything()).await;
        let arguments = json!({"duration": 0.3, "steps": 3});
        let params = json!({"name": "trigger-long-running-operation", "arguments": arguments, "_meta": {"progressToken": 7}});
        let call = session.start(json!("long"), "tools/call", params).await;
        let mut finished = call.finish().await;
        finished
            .before
            .retain(|message| message["method"] == "notifications/progress");
        assert_eq!(finished.before.len(), 3, "{mode}: {:?}", finished.before);
        assert!(finished.response["error"].is_null(), "{}", finished.response);
    }
}
