//! What is too much is refused in a bounded way, and one slow thing is one slow thing.

use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::json;

use crate::support::gateway::Settings;
use crate::support::legacy::{REVISION, Session, initialize};
use crate::support::mcp::text_of;
use crate::support::modern::Client;
use crate::support::upstream::Upstream;

#[tokio::test]
async fn a_body_over_the_limit_is_413_in_both_eras() {
    let gateway = Settings::new()
        .mock_tool("hello", "hi")
        .server("max_request_body_mb", 1)
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    let client = Client::new(&gateway.endpoint);
    let arguments = |bytes: usize| json!({"name": "hello", "arguments": {"x": "x".repeat(bytes)}});
    let message =
        |bytes: usize| json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": arguments(bytes)});
    assert_eq!(session.send(&message(900_000)).await.status, StatusCode::OK);
    // A server that stops reading may break the connection before its answer is read.
    let answer = session.post(&message(3_000_000)).try_send().await;
    if let Ok(answer) = answer {
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    }
    let legacy = session.post(&message(1_100_000)).send().await;
    assert_eq!(legacy.status, StatusCode::PAYLOAD_TOO_LARGE);
    let modern = client.post(&json!(1), "tools/call", arguments(1_100_000));
    assert_eq!(modern.send().await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(text_of(&session.tool("hello", json!({})).await), "hi");
}

#[tokio::test]
async fn nesting_that_is_too_deep_is_400() {
    let gateway = Settings::new().mock_tool("hello", "hi").start().await;
    let session = Session::open(&gateway.endpoint).await;
    for depth in [2_000, 200_000] {
        let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"hello","arguments":{{"x":{nested}}}}}}}"#
        );
        let answer = session.headed(gateway.endpoint.post_text(body)).send().await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "depth {depth}");
        let code = answer.json().await["error"]["code"].clone();
        assert!(code == -32600 || code == -32700, "depth {depth}: {code}");
    }
    assert_eq!(text_of(&session.tool("hello", json!({})).await), "hi");
}

#[tokio::test]
async fn more_sessions_than_allowed_are_503_with_retry_after() {
    let gateway = Settings::new()
        .mock_tool("hello", "hi")
        .server("max_sessions", 2)
        .start()
        .await;
    let first = Session::open(&gateway.endpoint).await;
    let _second = Session::open(&gateway.endpoint).await;
    let post = || gateway.endpoint.post(&initialize(REVISION, &json!({})));
    let answer = post().send().await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.header("retry-after").is_some());
    assert_eq!(answer.header("mcp-session-id"), None);
    assert_eq!(text_of(&first.tool("hello", json!({})).await), "hi");

    assert!(first.delete().await.is_success());
    assert_eq!(
        post().send().await.status,
        StatusCode::OK,
        "the place is free again"
    );
}

#[tokio::test]
async fn a_slow_upstream_does_not_delay_another_one() {
    let slow = Upstream::legacy().await;
    let quick = Upstream::legacy().await;
    let gateway = Settings::new()
        .prefixed("slow", &slow.url(), "slow_")
        .prefixed("quick", &quick.url(), "quick_")
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    let sleeps = (0..20).map(|_| session.start_tool("slow_sleep", json!({"ms": 20_000})));
    let sleeps = futures_util::future::join_all(sleeps).await;
    let began = Instant::now();
    let result = session.tool("quick_echo", json!({"message": "at once"})).await;
    assert!(text_of(&result).contains("at once"));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(sleeps.len(), 20);
}

#[tokio::test]
async fn a_slow_call_does_not_delay_another_call_of_the_same_session_and_upstream() {
    let upstream = Upstream::legacy().await;
    let gateway = Settings::in_front_of(&upstream.url()).start().await;
    let session = Session::open(&gateway.endpoint).await;
    let (_, slow) = session
        .start_tool("sleep", json!({"ms": 20_000, "tag": "slow"}))
        .await;
    let began = Instant::now();
    let result = session.tool("echo", json!({"message": "at once"})).await;
    assert!(text_of(&result).contains("at once"));
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    drop(slow);
}

#[tokio::test]
async fn an_answer_of_a_megabyte_arrives_whole() {
    let upstream = Upstream::legacy().await;
    let gateway = Settings::in_front_of(&upstream.url()).start().await;
    let session = Session::open(&gateway.endpoint).await;
    let result = session.tool("large", json!({"bytes": 1_000_000})).await;
    assert!(text_of(&result).len() >= 1_000_000);
}

#[tokio::test]
async fn an_answer_over_the_limit_is_an_error_and_not_a_hang() {
    let upstream = Upstream::legacy().await;
    let gateway = Settings::in_front_of(&upstream.url())
        .server("max_response_mb", 1)
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    let params = json!({"name": "large", "arguments": {"bytes": 3_000_000}});
    let response = session.request("tools/call", params).await;
    assert!(response["error"]["code"].is_i64(), "no error for a large answer");
    let result = session.tool("echo", json!({"message": "still here"})).await;
    assert!(text_of(&result).contains("still here"));
}
