//! The modern era: discovery, stateless requests, its errors and its results.

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::gateway::{Gateway, Settings};
use crate::support::mcp::{Exchange, names, text_of};
use crate::support::modern::{Client, REVISION};
use crate::support::recorder::Recorder;
use crate::support::upstream::Upstream;

const VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";

async fn gateway() -> Gateway {
    Settings::new().mock_tool("hello", "hi").start().await
}

fn assert_cacheable(result: &Value) {
    assert_eq!(result["resultType"], "complete", "{result}");
    assert!(result["ttlMs"].as_u64().is_some(), "no ttlMs in {result}");
    let scope = result["cacheScope"].as_str();
    assert!(
        matches!(scope, Some("public" | "private")),
        "no cacheScope in {result}"
    );
}

#[tokio::test]
async fn discover_names_versions_and_capabilities() {
    let gateway = gateway().await;
    let client = Client::new(&gateway.endpoint);
    let result = client.result("server/discover", json!({})).await;
    assert_cacheable(&result);
    let versions = result["supportedVersions"].as_array().unwrap();
    assert!(versions.contains(&json!(REVISION)), "{result}");
    assert!(result["capabilities"]["tools"].is_object(), "{result}");
    assert_eq!(result["capabilities"].get("prompts"), None, "{result}");
}

#[tokio::test]
async fn lists_and_reads_say_how_long_they_may_be_kept() {
    let upstream = Upstream::start().await;
    let gateway = Settings::in_front_of(&upstream.url()).start().await;
    let client = Client::new(&gateway.endpoint);
    for method in [
        "tools/list",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
    ] {
        assert_cacheable(&client.result(method, json!({})).await);
    }
    let read = client
        .result("resources/read", json!({"uri": "test://static-text"}))
        .await;
    assert_cacheable(&read);
    assert_eq!(
        read["contents"][0]["text"],
        "This is the content of the static text resource."
    );
}

#[tokio::test]
async fn a_legacy_upstream_gets_the_fields_that_modern_clients_insist_on() {
    let recorder = Recorder::start(r#"{"content":[{"type":"text","text":"old"}]}"#).await;
    let gateway = Settings::in_front_of(&recorder.url).start().await;
    let client = Client::new(&gateway.endpoint);
    let result = client.tool("fixed", json!({})).await;
    assert_eq!(result["resultType"], "complete");
    assert_eq!(text_of(&result), "old");
    for seen in recorder.seen_of("tools/call") {
        assert!(
            seen.session().is_some(),
            "a legacy upstream was called without its session"
        );
        assert_eq!(
            seen.body["params"]["_meta"].get(VERSION_KEY),
            None,
            "{}",
            seen.body
        );
        assert!(
            seen.headers.get("mcp-method").is_none(),
            "a modern header went upstream"
        );
    }
}

#[tokio::test]
async fn a_modern_only_upstream_serves_both_eras() {
    let upstream = Upstream::start_with(&["--era", "modern"]).await;
    let gateway = Settings::in_front_of(&upstream.url()).start().await;
    let client = Client::new(&gateway.endpoint);
    let modern = client.tool("echo", json!({"message": "new"})).await;
    assert_eq!(text_of(&modern), "new");
    assert_eq!(modern["resultType"], "complete");
    let session = crate::support::legacy::Session::open(&gateway.endpoint).await;
    let legacy = session.tool("echo", json!({"message": "old"})).await;
    assert_eq!(text_of(&legacy), "old");
    assert_eq!(legacy.get("resultType"), None, "a modern field in {legacy}");
}

#[tokio::test]
async fn missing_meta_is_32602_with_400() {
    let gateway = gateway().await;
    let client = Client::new(&gateway.endpoint);
    let whole = client.message(&json!(1), "tools/list", json!({}));
    for missing in [VERSION_KEY, "io.modelcontextprotocol/clientCapabilities"] {
        let mut message = whole.clone();
        message["params"]["_meta"]
            .as_object_mut()
            .unwrap()
            .remove(missing);
        let answer = gateway
            .endpoint
            .post(&message)
            .header("mcp-protocol-version", REVISION)
            .header("mcp-method", "tools/list")
            .send()
            .await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{missing}");
        let response = answer.json().await;
        assert_eq!(response["error"]["code"], -32602, "{missing}: {response}");
        assert_eq!(response["id"], 1);
    }
}

#[tokio::test]
async fn client_info_may_be_absent() {
    let gateway = gateway().await;
    let client = Client::new(&gateway.endpoint);
    let mut message = client.message(&json!(1), "tools/list", json!({}));
    let meta = message["params"]["_meta"].as_object_mut().unwrap();
    meta.remove("io.modelcontextprotocol/clientInfo");
    let answer = gateway
        .endpoint
        .post(&message)
        .header("mcp-protocol-version", REVISION)
        .header("mcp-method", "tools/list")
        .send()
        .await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn an_unknown_revision_is_32022_and_names_the_known_ones() {
    let gateway = gateway().await;
    let client = Client::new(&gateway.endpoint);
    let mut message = client.message(&json!(1), "tools/list", json!({}));
    message["params"]["_meta"][VERSION_KEY] = json!("2099-01-01");
    let answer = gateway
        .endpoint
        .post(&message)
        .header("mcp-protocol-version", "2099-01-01")
        .header("mcp-method", "tools/list")
        .send()
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let response = answer.json().await;
    assert_eq!(response["error"]["code"], -32022, "{response}");
    assert_eq!(response["error"]["data"]["requested"], "2099-01-01");
    let supported = response["error"]["data"]["supported"].as_array().unwrap();
    assert!(supported.contains(&json!(REVISION)));
}

#[tokio::test]
async fn headers_that_contradict_the_body_are_32020() {
    let gateway = gateway().await;
    let client = Client::new(&gateway.endpoint);
    let call = || client.post(&json!(1), "tools/call", json!({"name": "hello"}));
    let wrong = [
        call().without("mcp-method").header("mcp-method", "tools/list"),
        call().without("mcp-method").header("mcp-method", "TOOLS/CALL"),
        call().without("mcp-method"),
        call().without("mcp-name").header("mcp-name", "other"),
        call().without("mcp-name"),
    ];
    for call in wrong {
        let answer = call.send().await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.json().await["error"]["code"], -32020);
    }
    let encoded = call()
        .without("mcp-name")
        .header("Mcp-Name", "=?base64?aGVsbG8=?=");
    assert_eq!(encoded.send().await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_the_revision_removed_is_404_and_32601() {
    let gateway = gateway().await;
    let client = Client::new(&gateway.endpoint);
    for method in [
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
    ] {
        let exchange = client.start(json!("gone"), method, json!({})).await;
        assert_eq!(exchange.status, StatusCode::NOT_FOUND, "{method}");
        let response = exchange.response().await;
        assert_eq!(response["error"]["code"], -32601, "{method}");
        assert_eq!(response["id"], "gone");
    }
}

#[tokio::test]
async fn an_unknown_resource_is_32602_and_names_its_address() {
    let upstream = Upstream::legacy().await;
    let gateway = Settings::in_front_of(&upstream.url()).start().await;
    let client = Client::new(&gateway.endpoint);
    let response = client
        .request("resources/read", json!({"uri": "test://nowhere"}))
        .await;
    assert_eq!(response["error"]["code"], -32602, "{response}");
    assert_eq!(response["error"]["data"]["uri"], "test://nowhere", "{response}");
}

#[tokio::test]
async fn progress_comes_on_the_requests_own_stream() {
    let upstream = Upstream::start().await;
    let gateway = Settings::in_front_of(&upstream.url()).start().await;
    let client = Client::new(&gateway.endpoint).meta("progressToken", json!("mine"));
    let params = json!({
        "name": "sleep_with_progress",
        "arguments": {"steps": 3, "interval_ms": 20},
    });
    let finished = client.start(json!(1), "tools/call", params).await.finish().await;
    let steps: Vec<_> = finished
        .before
        .iter()
        .map(|note| {
            assert_eq!(note["method"], "notifications/progress", "{note}");
            assert_eq!(note["params"]["progressToken"], "mine");
            note["params"]["progress"].as_f64().unwrap()
        })
        .collect();
    assert_eq!(steps, [1.0, 2.0, 3.0]);
    assert_eq!(finished.response["result"]["resultType"], "complete");
}

#[tokio::test]
async fn log_messages_come_only_when_the_request_asks_for_them() {
    let upstream = Upstream::start().await;
    let gateway = Settings::in_front_of(&upstream.url()).start().await;
    let params = json!({"name": "log", "arguments": {"level": "error", "text": "line", "times": 1}});
    let silent = Client::new(&gateway.endpoint);
    let exchange = silent.start(json!(1), "tools/call", params.clone()).await;
    assert_eq!(exchange.finish().await.before, Vec::<Value>::new());
    let asking = Client::new(&gateway.endpoint).meta("io.modelcontextprotocol/logLevel", json!("info"));
    let exchange = asking.start(json!(1), "tools/call", params).await;
    let before = exchange.finish().await.before;
    assert_eq!(before.len(), 1, "{before:?}");
    assert_eq!(before[0]["params"]["data"], "line");
}

#[tokio::test]
async fn equal_ids_of_many_clients_are_not_mixed_up() {
    let upstream = Upstream::start().await;
    let gateway = Settings::in_front_of(&upstream.url()).start().await;
    let calls = (0..40_u64).map(|number| {
        let client = Client::new(&gateway.endpoint);
        async move {
            let arguments = json!({"message": format!("mine {number}")});
            let result = client.tool("echo", arguments).await;
            assert_eq!(text_of(&result), format!("mine {number}"));
        }
    });
    futures_util::future::join_all(calls).await;
}

#[tokio::test]
async fn pages_and_their_cursors_need_no_session() {
    let settings = (0..1200).fold(Settings::new(), |settings, number| {
        settings.mock_tool(&format!("tool_{number:04}"), "hi")
    });
    let gateway = settings.start().await;
    let client = Client::new(&gateway.endpoint);
    let mut found = Vec::new();
    let mut params = json!({});
    loop {
        let page = client.result("tools/list", params).await;
        found.extend(names(&page["tools"]));
        match page.get("nextCursor") {
            Some(cursor) => params = json!({"cursor": cursor}),
            None => break,
        }
    }
    let expected: Vec<String> = (0..1200).map(|number| format!("tool_{number:04}")).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_stream_of_the_modern_era_is_not_buffered_and_carries_no_event_ids() {
    let upstream = Upstream::start().await;
    let gateway = Settings::in_front_of(&upstream.url()).start().await;
    let client = Client::new(&gateway.endpoint);
    let params = json!({"name": "sleep", "arguments": {"ms": 800}});
    let answer = client.post(&json!(1), "tools/call", params).send().await;
    assert!(answer.is_stream());
    assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    let mut events = answer.events();
    while let Some(event) = events.next().await {
        assert_eq!(event.id, None);
    }
}

#[tokio::test]
async fn a_dual_era_probe_of_an_old_client_falls_back() {
    let gateway = gateway().await;
    let probe = json!({"jsonrpc": "2.0", "id": 0, "method": "server/discover"});
    let answer = gateway.endpoint.post(&probe).send().await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let greeting = gateway
        .endpoint
        .post(&crate::support::legacy::initialize("2025-11-25", &json!({})))
        .send()
        .await;
    assert_eq!(greeting.status, StatusCode::OK);
    assert!(Exchange::new(greeting).result().await["serverInfo"].is_object());
}
