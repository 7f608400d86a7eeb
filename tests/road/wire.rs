//! The wire: eras side by side, hosts and origins, revisions, batches, ids, malformed messages.

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::gateway::{Gateway, Settings};
use crate::support::legacy::{REVISION, Session, initialize};
use crate::support::mcp::{names, result_of, text_of};
use crate::support::modern::{self, Client};
use crate::support::recorder::Recorder;

async fn gateway() -> Gateway {
    Settings::new().mock_tool("hello", "hi").start().await
}

#[tokio::test]
async fn the_era_is_chosen_per_request_on_one_endpoint() {
    let gateway = gateway().await;
    let session = Session::open(&gateway.endpoint).await;
    let client = Client::new(&gateway.endpoint);
    for _ in 0..3 {
        let legacy = session.result("tools/list", json!({})).await;
        let modern = client.result("tools/list", json!({})).await;
        assert_eq!(names(&legacy["tools"]), ["hello"]);
        assert_eq!(names(&modern["tools"]), ["hello"]);
        assert_eq!(legacy.get("resultType"), None, "a modern field in {legacy}");
        assert_eq!(modern["resultType"], "complete");
    }
}

#[tokio::test]
async fn a_modern_request_is_answered_without_a_session() {
    let gateway = gateway().await;
    let client = Client::new(&gateway.endpoint);
    let answer = client
        .post(&json!(1), "tools/call", json!({"name": "hello"}))
        .send()
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("mcp-session-id"), None);
    assert_eq!(text_of(&result_of(answer.json().await)), "hi");
}

#[tokio::test]
async fn a_foreign_origin_is_403_in_both_eras() {
    let gateway = gateway().await;
    let client = Client::new(&gateway.endpoint);
    for origin in ["http://evil.example", "https://127.0.0.1.evil.example", "null"] {
        let legacy = gateway
            .endpoint
            .post(&initialize(REVISION, &json!({})))
            .header("origin", origin)
            .send()
            .await;
        assert_eq!(legacy.status, StatusCode::FORBIDDEN, "{origin}");
        assert_eq!(legacy.header("mcp-session-id"), None);
        let modern = client
            .post(&json!(1), "tools/list", json!({}))
            .header("origin", origin)
            .send()
            .await;
        assert_eq!(modern.status, StatusCode::FORBIDDEN, "{origin}");
    }
}

#[tokio::test]
async fn a_foreign_host_is_refused() {
    let gateway = gateway().await;
    for host in ["evil.example", "evil.example:80", "127.0.0.1.evil.example"] {
        let answer = gateway
            .endpoint
            .post(&initialize(REVISION, &json!({})))
            .header("host", host)
            .send()
            .await;
        assert!(answer.status.is_client_error(), "{host}: {}", answer.status);
        assert_eq!(answer.header("mcp-session-id"), None);
    }
}

#[tokio::test]
async fn loopback_hosts_and_origins_are_served() {
    let gateway = gateway().await;
    let port = gateway.endpoint.address.port();
    for name in ["127.0.0.1", "localhost", "[::1]"] {
        let answer = gateway
            .endpoint
            .post(&initialize(REVISION, &json!({})))
            .header("host", format!("{name}:{port}"))
            .header("origin", format!("http://{name}:{port}"))
            .send()
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{name}");
    }
}

#[tokio::test]
async fn an_origin_that_the_configuration_names_is_served() {
    let gateway = Settings::new()
        .mock_tool("hello", "hi")
        .server("allowed_origins", json!(["https://app.example"]))
        .start()
        .await;
    let post = || gateway.endpoint.post(&initialize(REVISION, &json!({})));
    let named = post().header("origin", "https://app.example").send().await;
    assert_eq!(named.status, StatusCode::OK);
    let other = post().header("origin", "https://other.example").send().await;
    assert_eq!(other.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_unsupported_protocol_version_header_is_400() {
    let gateway = gateway().await;
    let session = Session::open(&gateway.endpoint).await;
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    for version in ["1999-01-01", "tomorrow", ""] {
        let answer = gateway
            .endpoint
            .post(&list)
            .header("mcp-session-id", &session.id)
            .header("mcp-protocol-version", version)
            .send()
            .await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{version:?}");
    }
}

#[tokio::test]
async fn a_session_without_the_protocol_version_header_is_served() {
    let gateway = gateway().await;
    let session = Session::open(&gateway.endpoint).await;
    let list = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let answer = gateway
        .endpoint
        .post(&list)
        .header("mcp-session-id", &session.id)
        .send()
        .await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_batch_is_served_at_2025_03_26() {
    let gateway = gateway().await;
    let session = Session::open_as(&gateway.endpoint, "2025-03-26", json!({})).await;
    let batch = json!([
        {"jsonrpc": "2.0", "id": "a", "method": "tools/list"},
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "none"}},
        {"jsonrpc": "2.0", "id": 7, "method": "ping"},
    ]);
    let answer = session.send(&batch).await;
    assert_eq!(answer.status, StatusCode::OK);
    let mut responses = Vec::new();
    if answer.is_stream() {
        let mut events = answer.events();
        while let Some(message) = events.message().await {
            match message {
                Value::Array(many) => responses.extend(many),
                one => responses.push(one),
            }
        }
    } else {
        let body = answer.json().await;
        responses.extend(body.as_array().expect("a batch of responses").clone());
    }
    assert_eq!(responses.len(), 2, "{responses:?}");
    let by_id = |id: Value| responses.iter().find(|response| response["id"] == id);
    let list = by_id(json!("a")).expect("the list is answered");
    assert_eq!(list["result"]["tools"][0]["name"], "hello");
    assert_eq!(
        by_id(json!(7)).expect("the ping is answered")["result"],
        json!({})
    );
}

#[tokio::test]
async fn a_batch_is_refused_at_later_revisions() {
    let gateway = gateway().await;
    let batch = json!([{"jsonrpc": "2.0", "id": 1, "method": "ping"}]);
    for revision in ["2025-06-18", "2025-11-25"] {
        let session = Session::open_as(&gateway.endpoint, revision, json!({})).await;
        let answer = session.send(&batch).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{revision}");
    }
    let modern = gateway
        .endpoint
        .post(&batch)
        .header("mcp-protocol-version", modern::REVISION)
        .header("mcp-method", "ping")
        .send()
        .await;
    assert_eq!(modern.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_unknown_method_is_32601_with_200_in_a_session_and_404_without() {
    let gateway = gateway().await;
    let session = Session::open(&gateway.endpoint).await;
    let legacy = session.start(json!(5), "no/such", json!({})).await;
    assert_eq!(legacy.status, StatusCode::OK);
    let response = legacy.response().await;
    assert_eq!(
        (&response["id"], &response["error"]["code"]),
        (&json!(5), &json!(-32601))
    );

    let client = Client::new(&gateway.endpoint);
    let modern = client.start(json!("six"), "no/such", json!({})).await;
    assert_eq!(modern.status, StatusCode::NOT_FOUND);
    let response = modern.response().await;
    assert_eq!(
        (&response["id"], &response["error"]["code"]),
        (&json!("six"), &json!(-32601))
    );
}

#[tokio::test]
async fn ids_come_back_with_their_type_and_do_not_reach_the_upstream() {
    let recorder = Recorder::start(r#"{"content":[]}"#).await;
    let gateway = Settings::in_front_of(&recorder.url).start().await;
    let session = Session::open(&gateway.endpoint).await;
    let ids = [
        json!(1),
        json!("1"),
        json!(0),
        json!(-7),
        json!(9_007_199_254_740_993_i64),
        json!(""),
        json!("quote \" backslash \\ slash / line \n ünïcödé \u{1F980}"),
        json!("x".repeat(4000)),
    ];
    for id in &ids {
        let params = json!({"name": "fixed", "arguments": {}});
        let response = session
            .start(id.clone(), "tools/call", params)
            .await
            .response()
            .await;
        assert_eq!(&response["id"], id);
        assert_eq!(response["result"], json!({"content": []}));
    }
    let upstream_ids: Vec<String> = recorder
        .seen_of("tools/call")
        .iter()
        .map(|seen| seen.body["id"].to_string())
        .collect();
    assert_eq!(upstream_ids.len(), ids.len());
    let distinct: std::collections::HashSet<_> = upstream_ids.iter().collect();
    assert_eq!(
        distinct.len(),
        ids.len(),
        "an id was used twice: {upstream_ids:?}"
    );
}

#[tokio::test]
async fn what_is_not_json_or_not_json_rpc_is_400() {
    let gateway = gateway().await;
    let session = Session::open(&gateway.endpoint).await;
    for (body, code) in [
        ("{", -32700),
        ("", -32700),
        ("\u{feff}", -32700),
        ("{} {}", -32700),
        ("\"text\"", -32600),
        ("{}", -32600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":1,"method":7}"#, -32600),
    ] {
        let call = session.headed(gateway.endpoint.post_text(body));
        let answer = call.send().await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        let error = answer.json().await;
        assert_eq!(error["error"]["code"], code, "{body}: {error}");
    }
}

#[tokio::test]
async fn a_notification_is_202_without_a_body() {
    let gateway = gateway().await;
    let session = Session::open(&gateway.endpoint).await;
    for method in ["notifications/initialized", "notifications/roots/list_changed"] {
        let message = json!({"jsonrpc": "2.0", "method": method});
        let answer = session.send(&message).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{method}");
        assert_eq!(answer.text().await, "");
    }
}

#[tokio::test]
async fn ping_is_answered_in_a_session() {
    let gateway = gateway().await;
    let session = Session::open(&gateway.endpoint).await;
    assert_eq!(session.result("ping", json!({})).await, json!({}));
}

#[tokio::test]
async fn other_paths_and_methods_are_refused() {
    let gateway = gateway().await;
    let mut elsewhere = gateway.endpoint.clone();
    elsewhere.path = "/elsewhere".to_owned();
    let answer = elsewhere.post(&initialize(REVISION, &json!({}))).send().await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let put = crate::support::http::Call::new(
        http::Method::PUT,
        gateway.endpoint.address,
        &gateway.endpoint.path,
    );
    let answer = put.send().await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(answer.header("allow").is_some_and(|allow| allow.contains("POST")));
}

#[tokio::test]
async fn the_health_path_answers() {
    let gateway = gateway().await;
    let health = crate::support::http::Call::new(http::Method::GET, gateway.endpoint.address, "/health");
    assert_eq!(health.send().await.status, StatusCode::OK);
}
