//! Requests to modern upstreams, and modern requests to legacy ones.

use super::super::{UpstreamError, Via};
use super::server::Reply;
use super::*;

const META: &str = "_meta";

async fn connected(server: &Server) -> (Arc<Upstream>, DropGuard) {
    let upstream = upstream(server.address);
    let running = supervise(&upstream);
    up(&upstream).await;
    (upstream, running)
}

fn answered(received: &Received) -> Option<Reply> {
    (received.method() == "tools/call").then(|| Reply::ok(received.result(json!({ "ok": 1 }))))
}

#[tokio::test]
async fn a_legacy_client_is_introduced_to_a_modern_upstream() {
    let server = modern_server(answered).await;
    let (upstream, _running) = connected(&server).await;
    let (mut caller, _events) = legacy_caller();
    caller.log_level = Some("warning".to_owned());
    caller.progress_token = Some(raw(&json!(3)));
    let mut request = call(&json!({}));
    request.name = Some("größe".to_owned());
    request.parameter_headers.push((
        http::HeaderName::from_static("mcp-param-region"),
        ::http::HeaderValue::from_static("north"),
    ));
    upstream.request(Via::Modern, &request, &caller).await.unwrap();
    let sent = &server.received("tools/call")[0];
    assert_eq!(sent.header("mcp-protocol-version"), Some("2026-07-28"));
    assert_eq!(sent.header("mcp-method"), Some("tools/call"));
    assert_eq!(sent.header("mcp-name"), Some("=?base64?Z3LDtsOfZQ==?="));
    assert_eq!(sent.header("mcp-param-region"), Some("north"));
    assert_eq!(sent.session(), None);
    let meta = &sent.body["params"][META];
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    assert_eq!(
        meta["io.modelcontextprotocol/clientCapabilities"],
        json!({}),
        "a legacy client cannot answer in the modern way"
    );
    assert_eq!(meta["io.modelcontextprotocol/clientInfo"]["name"], "client");
    assert_eq!(meta["io.modelcontextprotocol/logLevel"], "warning");
    assert!(meta["progressToken"].as_str().unwrap().starts_with("boot-"));
}

#[tokio::test]
async fn a_modern_client_keeps_its_own_metadata() {
    let server = modern_server(answered).await;
    let (upstream, _running) = connected(&server).await;
    let (mut caller, _events) = caller(ProtocolVersion::V2026_07_28);
    caller.progress_token = Some(raw(&json!("t")));
    let mut request = call(&json!({}));
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": { "sampling": {} },
        "progressToken": "t",
        "vendor/x": 1,
    });
    request.params = Some(raw(&json!({ "name": "work", "_meta": meta })));
    upstream.request(Via::Modern, &request, &caller).await.unwrap();
    let sent = &server.received("tools/call")[0].body["params"][META];
    assert_eq!(
        sent["io.modelcontextprotocol/clientCapabilities"],
        json!({ "sampling": {} })
    );
    assert_eq!(sent["vendor/x"], 1);
    assert!(sent["progressToken"].as_str().unwrap().starts_with("boot-"));
}

#[tokio::test]
async fn a_legacy_upstream_sees_nothing_of_the_modern_metadata() {
    let server = legacy_server(answered).await;
    let (upstream, _running) = connected(&server).await;
    let (caller, _events) = caller(ProtocolVersion::V2026_07_28);
    let mut request = call(&json!({}));
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    request.params = Some(raw(&json!({ "name": "work", "_meta": meta })));
    upstream.request(Via::Shared, &request, &caller).await.unwrap();
    let sent = &server.received("tools/call")[0];
    assert_eq!(sent.body["params"], json!({ "name": "work" }));
    assert_eq!(sent.header("mcp-method"), None);
    assert_eq!(sent.header("mcp-protocol-version"), Some("2025-11-25"));
}

#[tokio::test]
async fn errors_behind_an_http_status_are_still_errors() {
    let server = modern_server(|received| {
        (received.method() == "tools/call")
            .then(|| Reply::Json(::http::StatusCode::BAD_REQUEST, received.error(-32021)))
    })
    .await;
    let (upstream, _running) = connected(&server).await;
    let (caller, _events) = caller(ProtocolVersion::V2026_07_28);
    let outcome = upstream.request(Via::Modern, &call(&json!({})), &caller).await;
    assert!(
        matches!(&outcome, Err(UpstreamError::Rpc(error)) if error.get().contains("-32021")),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_modern_stream_is_neither_resumed_nor_answered() {
    let server = modern_server(|received| {
        (received.method() == "tools/call").then(|| {
            let (reply, events) = Reply::stream();
            events.raw("id: 1\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}\n\n");
            reply
        })
    })
    .await;
    let (upstream, _running) = connected(&server).await;
    let (caller, _events) = caller(ProtocolVersion::V2026_07_28);
    let outcome = upstream.request(Via::Modern, &call(&json!({})), &caller).await;
    assert!(matches!(outcome, Err(UpstreamError::Lost { .. })), "{outcome:?}");
    assert_eq!((server.count("GET"), server.answers().len()), (0, 0));
}

#[tokio::test]
async fn an_upstream_that_is_not_modern_is_sent_nothing_modern() {
    let server = legacy_server(|_| None).await;
    let (upstream, _running) = connected(&server).await;
    let (caller, _events) = caller(ProtocolVersion::V2026_07_28);
    let outcome = upstream.request(Via::Modern, &call(&json!({})), &caller).await;
    assert!(
        matches!(outcome, Err(UpstreamError::NotSent { .. })),
        "{outcome:?}"
    );
    assert_eq!(server.count("tools/call"), 0);
}
