//! Tools, prompts and resources that a web server answers.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::backend_calls::{call, failure, with_tools};
use super::web_server::WebServer;
use crate::support::legacy::Session;
use crate::support::mcp::text_of;
use crate::support::modern::Client;

/// A tool over http that may reach this machine.
pub(super) fn tool(name: &str, url: &str, more: Value) -> Value {
    let mut backend = json!({"kind": "http", "url": url, "allow_private": true});
    if let (Value::Object(backend), Value::Object(more)) = (&mut backend, more) {
        backend.extend(more);
    }
    json!({"name": name, "backend": backend})
}

#[tokio::test]
async fn a_get_brings_the_body_as_text() {
    let server = WebServer::start().await;
    let url = server.url("/things/${arguments.id}?fixed=1");
    let more = json!({"query": {"q": "${arguments.q}"}, "headers": {"authorization": "Bearer s3cret"}});
    let gateway = with_tools(vec![tool("thing", &url, more)]).await;
    let result = call(&gateway, "thing", json!({"id": 7, "q": "a b&c"})).await;
    assert_eq!(result.get("isError"), None);
    let seen: Value = serde_json::from_str(text_of(&result)).unwrap();
    assert_eq!(seen["method"], "GET");
    assert_eq!(seen["target"], "/things/7?fixed=1&q=a+b%26c");
    assert_eq!(seen["headers"]["authorization"], "Bearer s3cret");
    assert!(
        seen["headers"]["user-agent"]
            .as_str()
            .unwrap()
            .starts_with("mcpg/")
    );
    assert_eq!(server.requests().len(), 2, "one for each era");
}

#[tokio::test]
async fn every_method_is_sent() {
    let server = WebServer::start().await;
    let methods = ["get", "head", "post", "put", "patch", "delete", "options"];
    let tools = methods.map(|method| tool(method, &server.url("/"), json!({"method": method})));
    let gateway = with_tools(tools.to_vec()).await;
    for method in methods {
        call(&gateway, method, json!({})).await;
        assert_eq!(server.last()["method"], method.to_uppercase());
    }
}

#[tokio::test]
async fn a_large_answer_is_not_read_to_its_end() {
    let server = WebServer::start().await;
    let more = json!({"max_response_mb": 2});
    let tools = vec![
        tool("endless", &server.url("/endless/"), more.clone()),
        tool("announced", &server.url("/bytes/2097153"), more.clone()),
        tool("exact", &server.url("/bytes/2097152"), more),
    ];
    let gateway = with_tools(tools).await;
    let expected = format!(
        "the answer of 127.0.0.1:{} is longer than 2097152 bytes (`max_response_mb`)",
        server.port()
    );
    assert_eq!(failure(&gateway, "endless", json!({})).await, expected);
    // What the sockets between hold is taken too, but not much more.
    assert!(server.pieces() < 40, "{}", server.pieces());
    assert_eq!(failure(&gateway, "announced", json!({})).await, expected);
    assert_eq!(
        text_of(&call(&gateway, "exact", json!({})).await).len(),
        2_097_152
    );
}

#[tokio::test]
async fn the_time_limit_ends_the_request() {
    let server = WebServer::start().await;
    let gateway = with_tools(vec![tool(
        "slow",
        &server.url("/never/"),
        json!({"timeout_ms": 300}),
    )])
    .await;
    let began = Instant::now();
    let why = failure(&gateway, "slow", json!({})).await;
    assert_eq!(
        why,
        format!(
            "no complete answer from 127.0.0.1:{} within 300 ms",
            server.port()
        )
    );
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    server.was_abandoned(2).await;
    assert_eq!(
        server.requests().len(),
        2,
        "asked once in each era, and never again"
    );
}

#[tokio::test]
async fn a_cancelled_call_drops_its_connection_in_both_eras() {
    let server = WebServer::start().await;
    let gateway = with_tools(vec![tool("slow", &server.url("/never/"), json!({}))]).await;
    let session = Session::open(&gateway.endpoint).await;
    let (id, mut exchange) = session.start_tool("slow", json!({})).await;
    server.was_asked(1).await;
    session.cancel(&id).await;
    assert_eq!(exchange.next().await, None, "a response after the cancel");
    server.was_abandoned(1).await;

    let client = Client::new(&gateway.endpoint);
    let params = json!({"name": "slow", "arguments": {}});
    let exchange = client.start(json!(1), "tools/call", params).await;
    server.was_asked(2).await;
    drop(exchange);
    server.was_abandoned(2).await;
}

#[tokio::test]
async fn a_request_is_never_repeated() {
    let server = WebServer::start().await;
    let more = json!({"method": "post", "body": {"pay": 1}});
    let tools = vec![
        tool("warm", &server.url("/"), json!({})),
        tool("breaks", &server.url("/break/"), more.clone()),
        tool("failing", &server.url("/status/503"), more),
    ];
    let gateway = with_tools(tools).await;
    let session = Session::open(&gateway.endpoint).await;
    // The next request goes over this connection, and the server closes it without an answer.
    session.tool("warm", json!({})).await;
    let broken = session.tool("breaks", json!({})).await;
    assert_eq!(broken["isError"], true, "{broken}");
    assert!(text_of(&broken).contains("does not answer: "), "{broken}");
    session.tool("failing", json!({})).await;
    let targets: Vec<Value> = server
        .requests()
        .iter()
        .map(|request| request["target"].clone())
        .collect();
    assert_eq!(targets, ["/", "/break/", "/status/503"]);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_failure() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let url = format!("http://127.0.0.1:{port}/s3cret?key=s3cret");
    let gateway = with_tools(vec![tool("gone", &url, json!({}))]).await;
    let why = failure(&gateway, "gone", json!({})).await;
    assert!(
        why.starts_with(&format!("127.0.0.1:{port} does not answer: ")),
        "{why}"
    );
    assert!(!why.contains("s3cret"), "{why}");
}
