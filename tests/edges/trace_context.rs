//! W3C trace context: what comes in reaches the upstream, what is invalid does not, and nothing is made up.

use serde_json::{Value, json};

use super::backend_calls::with_tools;
use super::http_backend::tool;
use super::web_server::WebServer;
use crate::support::gateway::{Gateway, Settings};
use crate::support::legacy::Session;
use crate::support::mcp::Exchange;
use crate::support::modern::Client;
use crate::support::upstream::Upstream;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
const OTHER: &str = "00-11111111111111111111111111111111-00f067aa0ba902b7-00";

async fn pair(upstream: &Upstream) -> Gateway {
    let logs = json!({"logs": {"level": "info", "format": "json"}});
    Settings::in_front_of(&upstream.url())
        .server("access_log", true)
        .block("observability", logs)
        .start()
        .await
}

fn call(meta: &Value) -> Value {
    json!({"name": "whoami", "arguments": {}, "_meta": meta})
}

/// What the upstream saw: the headers and the metadata.
fn seen(response: &Value) -> (Value, Value) {
    let seen = &response["result"]["structuredContent"];
    let header = |name: &str| (name.to_owned(), seen["headers"][name].clone());
    let headers = ["traceparent", "tracestate", "baggage"].map(header);
    (headers.into_iter().collect(), seen["meta"].clone())
}

async fn legacy(gateway: &Gateway, headers: &[(&str, &str)], meta: Value) -> (Value, Value) {
    let session = Session::open(&gateway.endpoint).await;
    let message = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": call(&meta)});
    let post = session.post(&message);
    let post = headers
        .iter()
        .fold(post, |post, (name, value)| post.header(name, *value));
    seen(&Exchange::new(post.send().await).response().await)
}

async fn modern(gateway: &Gateway, headers: &[(&str, &str)], meta: &[(&str, &str)]) -> (Value, Value) {
    let client = Client::new(&gateway.endpoint);
    let client = meta
        .iter()
        .fold(client, |client, (key, value)| client.meta(key, json!(value)));
    let post = client.post(
        &json!(7),
        "tools/call",
        json!({"name": "whoami", "arguments": {}}),
    );
    let post = headers
        .iter()
        .fold(post, |post, (name, value)| post.header(name, *value));
    seen(&Exchange::new(post.send().await).response().await)
}

#[tokio::test]
async fn headers_of_the_client_reach_the_upstream_in_both_eras() {
    let upstream = Upstream::start().await;
    let gateway = pair(&upstream).await;
    let headers = [
        ("traceparent", PARENT),
        ("tracestate", "vendor=1"),
        ("baggage", "user=7"),
    ];
    // Baggage in a header belongs to the systems before the gateway.
    let expected = json!({"traceparent": PARENT, "tracestate": "vendor=1", "baggage": null});
    let (sent, meta) = legacy(&gateway, &headers, json!({})).await;
    assert_eq!(sent, expected);
    assert_eq!(meta.get("traceparent"), None);
    let (sent, meta) = modern(&gateway, &headers, &[]).await;
    assert_eq!(sent, expected);
    assert_eq!(meta.get("traceparent"), None);
}

#[tokio::test]
async fn metadata_is_kept_and_repeated_in_headers_and_comes_before_the_clients_headers() {
    let upstream = Upstream::start().await;
    let gateway = pair(&upstream).await;
    let expected = json!({"traceparent": OTHER, "tracestate": null, "baggage": "user=7"});
    let outer = [("traceparent", PARENT), ("tracestate", "vendor=1")];
    let told = json!({"traceparent": OTHER, "baggage": "user=7"});
    let (sent, meta) = legacy(&gateway, &outer, told).await;
    assert_eq!(sent, expected);
    assert_eq!(
        (&meta["traceparent"], &meta["baggage"]),
        (&json!(OTHER), &json!("user=7"))
    );
    let (sent, meta) = modern(&gateway, &outer, &[("traceparent", OTHER), ("baggage", "user=7")]).await;
    assert_eq!(sent, expected);
    assert_eq!(
        (&meta["traceparent"], &meta["baggage"]),
        (&json!(OTHER), &json!("user=7"))
    );
    // The lines of the request name its trace.
    let output = gateway.program.stderr();
    let trace = &OTHER[3..35];
    let named = output.lines().filter(|line| line.contains(trace)).count();
    assert_eq!(named, 2, "{output}");
}

#[tokio::test]
async fn what_is_invalid_is_dropped_and_nothing_is_made_up() {
    let upstream = Upstream::start().await;
    let gateway = pair(&upstream).await;
    let nothing = json!({"traceparent": null, "tracestate": null, "baggage": null});
    let (sent, _) = legacy(&gateway, &[], json!({})).await;
    assert_eq!(sent, nothing);
    let wrong = [("traceparent", "00-zero-zero-01"), ("tracestate", "vendor=1")];
    let told = json!({"traceparent": "nonsense", "tracestate": "vendor=1", "baggage": 7, "own": true});
    let (sent, meta) = legacy(&gateway, &wrong, told).await;
    assert_eq!(sent, nothing);
    assert_eq!(meta["own"], true);
    for key in ["traceparent", "tracestate", "baggage"] {
        assert_eq!(meta.get(key), None, "{meta}");
    }
    let (sent, meta) = modern(&gateway, &wrong, &[("traceparent", "nonsense"), ("own", "kept")]).await;
    assert_eq!(sent, nothing);
    assert_eq!((meta.get("traceparent"), &meta["own"]), (None, &json!("kept")));
}

#[tokio::test]
async fn a_web_server_that_is_asked_for_a_tool_gets_the_headers_of_the_trace() {
    let server = WebServer::start().await;
    let gateway = with_tools(vec![tool("thing", &server.url("/"), json!({}))]).await;
    for (sent, expected) in [(PARENT, json!(PARENT)), ("00-none-of-it", json!(null))] {
        let post = Client::new(&gateway.endpoint)
            .post(&json!(7), "tools/call", json!({"name": "thing", "arguments": {}}))
            .header("traceparent", sent);
        let response = Exchange::new(post.send().await).response().await;
        assert!(response["result"].is_object(), "{response}");
        assert_eq!(server.last()["headers"]["traceparent"], expected);
    }
}
