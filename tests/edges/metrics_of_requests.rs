//! Requests are counted exactly: after a scripted workload the numbers are those of the script.

use std::net::SocketAddr;

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::deadline::until_true;
use crate::support::gateway::{Gateway, Settings};
use crate::support::legacy::{Session, initialize};
use crate::support::metrics::Scrape;
use crate::support::modern::Client;
use crate::support::pipe::Pipe;
use crate::support::ports::free_address;

/// A gateway whose tools answer at once, late, and never within the time limit.
async fn gateway() -> Gateway {
    Settings::new()
        .mock_tool("quick", "done")
        .mock_tool_with("late", "at last", json!({"delay_ms": 600}))
        .mock_tool_with("never", "too late", json!({"delay_ms": 60_000}))
        .server("request_timeout_ms", 2_000)
        .metrics()
        .start()
        .await
}

fn call(id: u64, tool: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": {}}})
}

/// The requests of a kind, as the table of a test writes them.
fn series(method: &str, era: &str, outcome: &str) -> String {
    format!("{{method=\"{method}\",era=\"{era}\",outcome=\"{outcome}\"}}")
}

/// Compares all requests that were counted with what was sent.
async fn assert_requests(gateway: &Gateway, expected: &[(&str, &str, &str, u32)]) {
    assert_requests_at(gateway.operators(), expected).await;
}

async fn assert_requests_at(operators: SocketAddr, expected: &[(&str, &str, &str, u32)]) {
    let mut expected: Vec<(String, f64)> = expected
        .iter()
        .map(|(method, era, outcome, count)| (series(method, era, outcome), f64::from(*count)))
        .collect();
    expected.sort_by(|one, other| one.0.cmp(&other.0));
    let scrape = Scrape::of(operators).await;
    assert_eq!(scrape.nonzero("mcpg_requests_total"), expected);
    let observed = scrape.sum("mcpg_request_duration_seconds_count", "");
    let counted: f64 = expected.iter().map(|(_, count)| count).sum();
    assert_eq!(observed.to_bits(), counted.to_bits(), "each is measured once");
    assert_eq!(
        scrape.value("mcpg_requests_in_flight").to_bits(),
        0.0_f64.to_bits()
    );
}

#[tokio::test]
async fn legacy_requests_are_counted_by_method_and_outcome() {
    let gateway = gateway().await;
    let session = Session::open(&gateway.endpoint).await;
    for _ in 0..3 {
        session.tool("quick", json!({})).await;
    }
    session.tool("late", json!({})).await;
    for _ in 0..2 {
        session.request("tools/list", json!({})).await;
    }
    session.request("tools/call", json!({"name": "unknown"})).await;
    session.request("ping", json!({})).await;
    session.request("made/up", json!({})).await;
    session
        .request("tools/call", json!({"name": "never", "arguments": {}}))
        .await;
    // What never becomes a call: no session, one that does not exist, initialize inside a session.
    let refused = gateway.endpoint.post(&call(90, "quick")).send().await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let stranger = gateway.endpoint.post(&call(91, "quick"));
    let refused = stranger.header("mcp-session-id", "nobody").send().await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    let again = session.send(&initialize("2025-11-25", &json!({}))).await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST);
    assert_requests(
        &gateway,
        &[
            ("initialize", "legacy", "ok", 1),
            ("initialize", "legacy", "refused", 1),
            ("tools/call", "legacy", "ok", 4),
            ("tools/call", "legacy", "error", 1),
            ("tools/call", "legacy", "timeout", 1),
            ("tools/call", "legacy", "refused", 2),
            ("tools/list", "legacy", "ok", 2),
            ("ping", "legacy", "ok", 1),
            ("other", "legacy", "error", 1),
        ],
    )
    .await;
    let scrape = Scrape::of(gateway.operators()).await;
    let streams = scrape.nonzero("mcpg_calls_upgraded_total");
    assert_eq!(streams, [("{era=\"legacy\"}".to_owned(), 2.0)], "late and never");
    let cut_off = scrape.nonzero("mcpg_cancels_total");
    assert_eq!(cut_off, [("{cause=\"timeout\"}".to_owned(), 1.0)]);
}

#[tokio::test]
async fn modern_requests_are_counted_by_method_and_outcome() {
    let gateway = gateway().await;
    let client = Client::new(&gateway.endpoint);
    for _ in 0..4 {
        client.tool("quick", json!({})).await;
    }
    client.tool("late", json!({})).await;
    client.request("server/discover", json!({})).await;
    client.request("tools/call", json!({"name": "unknown"})).await;
    client
        .request("tools/call", json!({"name": "never", "arguments": {}}))
        .await;
    // The header says another tool than the body.
    let lie = client.post(&json!(7), "tools/call", json!({"name": "quick"}));
    let refused = lie.without("mcp-name").header("mcp-name", "late").send().await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_requests(
        &gateway,
        &[
            ("tools/call", "modern", "ok", 5),
            ("tools/call", "modern", "error", 1),
            ("tools/call", "modern", "timeout", 1),
            ("tools/call", "modern", "refused", 1),
            ("server/discover", "modern", "ok", 1),
        ],
    )
    .await;
}

#[tokio::test]
async fn calls_that_are_cut_off_are_counted_by_cause() {
    let gateway = gateway().await;
    let operators = gateway.operators();
    let session = Session::open(&gateway.endpoint).await;
    let (id, mut exchange) = session.start_tool("never", json!({})).await;
    assert_eq!(session.cancel(&id).await, StatusCode::ACCEPTED);
    assert_eq!(exchange.next().await, None);
    let closing = Session::open(&gateway.endpoint).await;
    let (_, running) = closing.start_tool("never", json!({})).await;
    assert!(closing.delete().await.is_success());
    let client = Client::new(&gateway.endpoint);
    let params = json!({"name": "never", "arguments": {}});
    // A modern client that goes away cancels.
    drop(client.start(json!(1), "tools/call", params).await);
    until_true("everything has ended", async || {
        Scrape::of(operators).await.value("mcpg_requests_in_flight") == 0.0
    })
    .await;
    drop(running);
    assert_requests(
        &gateway,
        &[
            ("initialize", "legacy", "ok", 2),
            ("tools/call", "legacy", "cancelled", 2),
            ("tools/call", "modern", "cancelled", 1),
        ],
    )
    .await;
    let scrape = Scrape::of(operators).await;
    let expected =
        ["client", "disconnect", "session_closed"].map(|cause| (format!("{{cause=\"{cause}\"}}"), 1.0));
    assert_eq!(scrape.nonzero("mcpg_cancels_total"), expected);
    assert_eq!(
        scrape.nonzero("mcpg_sessions_closed_total"),
        [("{reason=\"deleted\"}".to_owned(), 1.0)]
    );
    assert_eq!(
        scrape.nonzero("mcpg_sessions_created_total"),
        [(String::new(), 2.0)]
    );
}

#[tokio::test]
async fn the_requests_of_a_batch_are_counted_singly_and_nothing_else_is() {
    let gateway = gateway().await;
    let session = Session::open_as(&gateway.endpoint, "2025-03-26", json!({})).await;
    let batch = json!([
        call(1, "quick"),
        call(2, "unknown"),
        {"jsonrpc": "2.0", "id": 3, "method": "ping"},
        {"jsonrpc": "2.0", "method": "notifications/roots/list_changed"},
        {"jsonrpc": "2.0", "id": 4},
    ]);
    assert_eq!(session.send(&batch).await.status, StatusCode::OK);
    let lost = gateway.endpoint.post(&batch).header("mcp-session-id", "nobody");
    assert_eq!(lost.send().await.status, StatusCode::NOT_FOUND);
    let garbage = gateway.endpoint.post_text("no json").send().await;
    assert_eq!(garbage.status, StatusCode::BAD_REQUEST);
    assert_requests(
        &gateway,
        &[
            ("initialize", "legacy", "ok", 1),
            ("tools/call", "legacy", "ok", 1),
            ("tools/call", "legacy", "error", 1),
            ("tools/call", "legacy", "refused", 2),
            ("ping", "legacy", "ok", 1),
            ("ping", "legacy", "refused", 1),
        ],
    )
    .await;
    let scrape = Scrape::of(gateway.operators()).await;
    assert_eq!(
        scrape.nonzero("mcpg_http_responses_total"),
        [
            // Initialize and the batch; the notification; garbage; the batch without a session.
            ("{verb=\"POST\",status=\"200\"}".to_owned(), 2.0),
            ("{verb=\"POST\",status=\"202\"}".to_owned(), 1.0),
            ("{verb=\"POST\",status=\"400\"}".to_owned(), 1.0),
            ("{verb=\"POST\",status=\"404\"}".to_owned(), 1.0),
        ]
    );
}

#[tokio::test]
async fn the_requests_of_a_pipe_are_counted_like_those_over_http() {
    let operators = free_address();
    let settings = Settings::new()
        .mock_tool("quick", "done")
        .metrics()
        .gateway("admin", json!({"bind_address": operators.to_string()}));
    let mut pipe = Pipe::start(&settings);
    let early = pipe.request(json!(1), "tools/list", json!({})).await;
    assert!(early.get("error").is_some(), "{early}");
    pipe.initialize("2025-11-25", json!({})).await;
    let quick = json!({"name": "quick", "arguments": {}});
    for id in 2..5 {
        pipe.request(json!(id), "tools/call", quick.clone()).await;
    }
    pipe.request(json!(5), "tools/call", json!({"name": "unknown"}))
        .await;
    pipe.request(json!(6), "made/up", json!({})).await;
    assert_requests_at(
        operators,
        &[
            ("initialize", "legacy", "ok", 1),
            ("tools/list", "legacy", "refused", 1),
            ("tools/call", "legacy", "ok", 3),
            ("tools/call", "legacy", "error", 1),
            ("other", "legacy", "error", 1),
        ],
    )
    .await;
    pipe.close().await;
}
