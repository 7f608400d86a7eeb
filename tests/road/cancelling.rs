//! Calls that end early: cancelled by the client, given up by the gateway.

use std::time::{Duration, Instant};

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::gateway::{Gateway, Settings};
use crate::support::legacy::Session;
use crate::support::mcp::text_of;
use crate::support::upstream::Upstream;

async fn pair() -> (Upstream, Gateway) {
    let upstream = Upstream::legacy().await;
    let gateway = Settings::in_front_of(&upstream.url()).start().await;
    (upstream, gateway)
}

#[tokio::test]
async fn a_cancel_reaches_the_upstream_once_and_no_response_follows() {
    let (upstream, gateway) = pair().await;
    let session = Session::open(&gateway.endpoint).await;
    let (id, mut exchange) = session
        .start_tool("sleep", json!({"ms": 20_000, "tag": "cancelled"}))
        .await;
    upstream
        .counts_reach("sleep", "cancelled", |counts| counts.started == 1)
        .await;
    assert_eq!(session.cancel(&id).await, StatusCode::ACCEPTED);
    assert_eq!(exchange.next().await, None, "a response after the cancel");
    upstream
        .counts_reach("sleep", "cancelled", |counts| counts.cancelled == 1)
        .await;
    // A second cancel of what is gone is accepted and goes nowhere.
    assert_eq!(session.cancel(&id).await, StatusCode::ACCEPTED);
    assert!(text_of(&session.tool("echo", json!({"message": "on"})).await).contains("on"));
    upstream.cancellations_reach(1).await;
}

#[tokio::test]
async fn a_cancel_before_the_stream_began_ends_the_request() {
    let upstream = Upstream::legacy().await;
    let gateway = Settings::in_front_of(&upstream.url())
        .server("upgrade_after_ms", 60_000)
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    let call = json!({"jsonrpc": "2.0", "id": "early", "method": "tools/call",
        "params": {"name": "sleep", "arguments": {"ms": 20_000, "tag": "early"}}});
    let waiting = tokio::spawn(session.post(&call).try_send());
    upstream
        .counts_reach("sleep", "early", |counts| counts.started == 1)
        .await;
    assert_eq!(session.cancel(&json!("early")).await, StatusCode::ACCEPTED);
    upstream
        .counts_reach("sleep", "early", |counts| counts.cancelled == 1)
        .await;
    if let Ok(answer) = waiting.await.unwrap() {
        let body = answer.text().await;
        assert!(!body.contains(r#""result""#), "a result after the cancel: {body}");
    }
    upstream.cancellations_reach(1).await;
}

#[tokio::test]
async fn cancels_of_unknown_or_malformed_ids_do_nothing() {
    let (upstream, gateway) = pair().await;
    let session = Session::open(&gateway.endpoint).await;
    let other = Session::open(&gateway.endpoint).await;
    let params = json!({"name": "sleep", "arguments": {"ms": 1200, "tag": "kept"}});
    let exchange = session.start(json!(1), "tools/call", params).await;
    // The same number in another session, and the same digits as a text, are other requests.
    assert_eq!(other.cancel(&json!(1)).await, StatusCode::ACCEPTED);
    assert_eq!(session.cancel(&json!("1")).await, StatusCode::ACCEPTED);
    assert_eq!(session.cancel(&json!(99)).await, StatusCode::ACCEPTED);
    for params in [json!({}), json!({"requestId": null}), json!({"requestId": {}})] {
        let status = session.notify("notifications/cancelled", params).await;
        assert_eq!(status, StatusCode::ACCEPTED);
    }
    assert_eq!(text_of(&exchange.result().await), "slept 1200 ms");
    assert_eq!(upstream.cancellations().await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_silent_call_ends_with_reason_timeout_and_the_upstream_is_told() {
    let upstream = Upstream::legacy().await;
    let gateway = Settings::in_front_of(&upstream.url())
        .server("request_timeout_ms", 1000)
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    let began = Instant::now();
    let params = json!({"name": "sleep", "arguments": {"ms": 25_000, "tag": "silent"}});
    let response = session.request("tools/call", params).await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(response["error"]["data"]["reason"], "timeout", "{response}");
    upstream
        .counts_reach("sleep", "silent", |counts| counts.cancelled == 1)
        .await;
    upstream.cancellations_reach(1).await;
}

#[tokio::test]
async fn progress_keeps_a_long_call_alive() {
    let upstream = Upstream::legacy().await;
    let gateway = Settings::in_front_of(&upstream.url())
        .server("request_timeout_ms", 1500)
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    let params = json!({
        "name": "sleep_with_progress",
        "arguments": {"steps": 10, "interval_ms": 300},
        "_meta": {"progressToken": "alive"},
    });
    let exchange = session.start(json!(1), "tools/call", params).await;
    assert_eq!(text_of(&exchange.result().await), "slept 10 steps of 300 ms");
}

#[tokio::test]
async fn a_deleted_session_cancels_its_running_call() {
    let (upstream, gateway) = pair().await;
    let session = Session::open(&gateway.endpoint).await;
    let (_, mut exchange) = session
        .start_tool("sleep", json!({"ms": 20_000, "tag": "deleted"}))
        .await;
    upstream
        .counts_reach("sleep", "deleted", |counts| counts.started == 1)
        .await;
    assert!(session.delete().await.is_success());
    upstream
        .counts_reach("sleep", "deleted", |counts| counts.cancelled == 1)
        .await;
    // The stream ends, with an error for the call or without a word, but never stays open.
    if let Some(message) = exchange.next().await {
        assert!(message.get("result").is_none(), "{message}");
    }
}
