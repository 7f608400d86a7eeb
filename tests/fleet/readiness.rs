//! `/ready` and `/health` for whoever decides where requests go.

use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::deadline::until_true;
use crate::support::gateway::{Gateway, Settings};
use crate::support::http::Call;
use crate::support::legacy::Session;
use crate::support::ports::taken_port;
use crate::support::redis::Redis;

async fn ask(gateway: &Gateway, path: &str) -> Option<(StatusCode, String)> {
    let answer = Call::new(Method::GET, gateway.operators(), path)
        .try_send()
        .await
        .ok()?;
    Some((answer.status, answer.text().await))
}

async fn ready(gateway: &Gateway) -> (StatusCode, Value) {
    let (status, body) = ask(gateway, "/ready").await.expect("the listener answers");
    (status, serde_json::from_str(&body).unwrap())
}

#[tokio::test]
async fn a_serving_replica_is_ready_and_stays_so_while_the_coordinator_is_away() {
    let redis = Redis::durable().await;
    let settings = Settings::new().mock_tool("greet", "hello").operators();
    let gateway = redis.settings(settings, "p:", "a").start().await;
    let expected = json!({
        "ready": true, "readiness": "standard", "node": "a", "coordinator": "redis", "reasons": [],
    });
    assert_eq!(ready(&gateway).await, (StatusCode::OK, expected));
    assert_eq!(ask(&gateway, "/health").await.unwrap().0, StatusCode::OK);
    redis.kill();
    until_true("the outage is told", async || {
        let (status, body) = ready(&gateway).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body["reasons"][0]["code"] == "coordinator_away"
    })
    .await;
    redis.restart().await;
    until_true("the end of the outage is told", async || {
        ready(&gateway).await.1["reasons"] == json!([])
    })
    .await;
}

#[tokio::test]
async fn a_stopping_replica_is_not_ready_while_it_still_finishes_its_calls() {
    let tool = json!({"delay_ms": 3_600_000});
    let settings = Settings::new()
        .mock_tool_with("slow", "done", tool)
        .server("request_timeout_ms", 3_600_000)
        .operators();
    let mut gateway = settings.start().await;
    let session = Session::open(&gateway.endpoint).await;
    let (_id, _running) = session.start_tool("slow", json!({})).await;
    gateway.program.terminate();
    until_true("the readiness turns red", async || {
        let answer = ask(&gateway, "/ready").await;
        matches!(answer, Some((StatusCode::SERVICE_UNAVAILABLE, body)) if body.contains("stopping"))
    })
    .await;
    assert!(gateway.program.ended().is_none());
    assert_eq!(ask(&gateway, "/health").await.unwrap().0, StatusCode::OK);
}

#[tokio::test]
async fn an_admin_address_that_is_taken_is_named() {
    let taken = taken_port();
    let address = taken.local_addr().unwrap().to_string();
    let gateway = json!({"server": {"bind_address": "127.0.0.1:0"}, "admin": {"bind_address": address}});
    let output = Settings::new().block("gateway", gateway).refused().await;
    assert!(
        output.contains("gateway.admin.bind_address") && output.contains(&address),
        "{output}"
    );
}
