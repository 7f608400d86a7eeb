//! Upstreams that come and go, and the sessions that the gateway keeps with them.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use http::Method;
use serde_json::json;

use crate::support::deadline::until_true;
use crate::support::gateway::{Gateway, Settings};
use crate::support::legacy::Session;
use crate::support::mcp::{names, text_of};
use crate::support::ports::free_address;
use crate::support::recorder::Recorder;
use crate::support::upstream::Upstream;

/// The longest pause between two attempts, in the configurations of these tests.
const RETRY_MAX: Duration = Duration::from_millis(1000);

fn impatient() -> serde_json::Value {
    json!({
        "retry": {"initial_ms": 50, "max_ms": 1000},
        "upstream": {"connect_timeout_ms": 1000},
    })
}

async fn offers(gateway: &Gateway, tool: &str) -> bool {
    let session = Session::open(&gateway.endpoint).await;
    let list = session.result("tools/list", json!({})).await;
    names(&list["tools"]).iter().any(|name| name == tool)
}

#[tokio::test]
async fn an_upstream_that_is_down_at_boot_is_served_when_it_comes() {
    let address = free_address();
    let url = format!("http://{address}/mcp");
    let healthy = Recorder::start(r#"{"content":[{"type":"text","text":"fine"}]}"#).await;
    let gateway = Settings::new()
        .federation_with("late", &url, impatient())
        .federation("healthy", &healthy.url)
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    assert_eq!(text_of(&session.tool("fixed", json!({})).await), "fine");
    assert!(!offers(&gateway, "echo").await);
    let warnings = |gateway: &Gateway| {
        let output = gateway.program.output();
        output
            .lines()
            .filter(|line| line.contains("late") && line.to_lowercase().contains("refused"))
            .count()
    };
    until_true("the reason in the log", async || warnings(&gateway) > 0).await;
    // Long enough for several attempts, none of which may be logged again.
    let since = Instant::now();
    until_true("several attempts", async || since.elapsed() > 3 * RETRY_MAX).await;
    assert_eq!(warnings(&gateway), 1, "{}", gateway.program.output());

    let _late = Upstream::start_at(address).await;
    let since = Instant::now();
    until_true("the tools of the late upstream", async || {
        offers(&gateway, "echo").await
    })
    .await;
    let took = since.elapsed();
    assert!(took <= RETRY_MAX + Duration::from_secs(2), "it took {took:?}");
    assert_eq!(
        text_of(&session.tool("echo", json!({"message": "hi"})).await),
        "hi"
    );
}

#[tokio::test]
async fn an_upstream_that_was_killed_is_used_again_after_its_restart() {
    let address = free_address();
    let mut upstream = Upstream::start_at(address).await;
    let gateway = Settings::new()
        .federation_with("one", &upstream.url(), impatient())
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    assert_eq!(text_of(&session.tool("echo", json!({"message": "1"})).await), "1");

    upstream.program.kill();
    let params = json!({"name": "echo", "arguments": {"message": "2"}});
    let response = session.request("tools/call", params.clone()).await;
    assert!(
        response["error"]["code"].is_i64(),
        "a dead upstream answered: {response}"
    );

    let _upstream = Upstream::start_at(address).await;
    until_true("the restarted upstream", async || {
        let response = session.request("tools/call", params.clone()).await;
        response["result"]["content"][0]["text"] == "2"
    })
    .await;
}

#[tokio::test]
async fn a_call_whose_upstream_dies_ends_with_an_error_and_is_not_repeated() {
    let address = free_address();
    let mut upstream =
        Upstream::start_with(&["--era", "legacy", "--port", &address.port().to_string()]).await;
    let gateway = Settings::new()
        .federation_with("one", &upstream.url(), impatient())
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    let (_, call) = session
        .start_tool("sleep", json!({"ms": 20_000, "tag": "dying"}))
        .await;
    upstream
        .counts_reach("sleep", "dying", |counts| counts.started == 1)
        .await;
    upstream.program.kill();
    let upstream = Upstream::start_with(&["--era", "legacy", "--port", &address.port().to_string()]).await;
    let response = call.response().await;
    assert!(response["error"]["code"].is_i64(), "{response}");
    until_true("the restarted upstream", async || {
        let params = json!({"name": "echo", "arguments": {"message": "on"}});
        let response = session.request("tools/call", params).await;
        response.get("result").is_some()
    })
    .await;
    assert_eq!(
        upstream.counts("sleep", "dying").await.started,
        0,
        "executed again"
    );
}

#[tokio::test]
async fn a_forgotten_upstream_session_is_opened_again_and_the_call_runs_once() {
    let upstream = Upstream::legacy().await;
    let gateway = Settings::in_front_of(&upstream.url()).start().await;
    let session = Session::open(&gateway.endpoint).await;
    let result = session.tool("count", json!({"tag": "forgotten"})).await;
    assert_eq!(text_of(&result), "1");
    upstream.control("sessions/forget", json!({})).await;
    let result = session.tool("count", json!({"tag": "forgotten"})).await;
    assert_eq!(text_of(&result), "2", "the call ran more than once");
    assert_eq!(upstream.counts("count", "forgotten").await.started, 2);
}

#[tokio::test]
async fn many_calls_after_a_forgotten_session_open_one_new_session() {
    let recorder = Recorder::start(r#"{"content":[]}"#).await;
    let gateway = Settings::in_front_of(&recorder.url).start().await;
    let session = Session::open(&gateway.endpoint).await;
    session.tool("fixed", json!({})).await;
    recorder.forget_sessions();
    let before = recorder.seen_of("initialize").len();
    let calls = (0..20).map(|_| session.tool("fixed", json!({})));
    futures_util::future::join_all(calls).await;
    let opened: HashSet<String> = recorder
        .seen_of("tools/call")
        .iter()
        .filter_map(|seen| seen.session().map(str::to_owned))
        .collect();
    assert_eq!(opened.len(), 2, "one session before, one after: {opened:?}");
    // The gateway's own session for the catalogue may have been renewed as well.
    let renewed = recorder.seen_of("initialize").len() - before;
    assert!((1..=2).contains(&renewed), "{renewed} sessions were opened");
}

#[tokio::test]
async fn every_client_session_has_an_upstream_session_with_its_own_capabilities() {
    let upstream = Upstream::legacy().await;
    let gateway = Settings::in_front_of(&upstream.url()).start().await;
    let plain = Session::open(&gateway.endpoint).await;
    let capable = Session::open_with(
        &gateway.endpoint,
        json!({"elicitation": {"form": {}}, "roots": {"listChanged": true}}),
    )
    .await;
    let whoami =
        async |session: &Session| session.tool("whoami", json!({})).await["structuredContent"].clone();
    let first = whoami(&plain).await;
    let second = whoami(&capable).await;
    assert_ne!(first["sessionId"], second["sessionId"]);
    assert_ne!(
        first["sessionId"],
        json!(plain.id),
        "the client's own id went upstream"
    );
    assert_eq!(whoami(&plain).await["sessionId"], first["sessionId"], "not kept");
    assert_eq!(first["clientCapabilities"].get("elicitation"), None, "{first}");
    assert!(
        second["clientCapabilities"]["elicitation"].is_object(),
        "{second}"
    );
    assert!(second["clientCapabilities"]["roots"].is_object(), "{second}");
    assert_eq!(second["clientCapabilities"].get("sampling"), None, "{second}");
}

#[tokio::test]
async fn a_shared_upstream_session_is_shared() {
    let upstream = Upstream::legacy().await;
    let gateway = Settings::new()
        .federation_with("one", &upstream.url(), json!({"session": {"mode": "shared"}}))
        .start()
        .await;
    let mut seen = HashSet::new();
    for _ in 0..3 {
        let session = Session::open(&gateway.endpoint).await;
        let result = session.tool("whoami", json!({})).await;
        seen.insert(result["structuredContent"]["sessionId"].to_string());
    }
    assert_eq!(seen.len(), 1, "{seen:?}");
}

#[tokio::test]
async fn configured_headers_go_upstream_and_the_clients_do_not() {
    let upstream = Upstream::legacy().await;
    let headers = json!({"headers": {"x-from-config": "yes"}});
    let gateway = Settings::new()
        .federation_with("one", &upstream.url(), json!({"upstream": headers}))
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "whoami", "arguments": {}}});
    let answer = session
        .post(&call)
        .header("authorization", "Bearer client-secret")
        .header("cookie", "client=secret")
        .send()
        .await;
    let text = answer.text().await;
    assert!(text.contains("x-from-config"), "{text}");
    assert!(
        !text.contains("secret"),
        "the client's credentials went upstream: {text}"
    );
}

#[tokio::test]
async fn sb_5_delete_calls_nothing_upstream_but_closing() {
    let recorder = Recorder::start(r#"{"content":[]}"#).await;
    let gateway = Settings::in_front_of(&recorder.url).start().await;
    let session = Session::open(&gateway.endpoint).await;
    session.tool("fixed", json!({})).await;
    let calls = recorder.seen_of("tools/call");
    let upstream_session = calls[0].session().unwrap().to_owned();
    let deletes = || {
        let mut seen = recorder.seen();
        seen.retain(|request| request.method == Method::DELETE);
        seen
    };
    assert_eq!(deletes().len(), 0);
    // The stream of the session is asked for in the background, whatever the client does next.
    until_true("the stream of the session is asked for", async || {
        recorder
            .seen()
            .iter()
            .any(|seen| seen.method == Method::GET && seen.session() == Some(upstream_session.as_str()))
    })
    .await;
    let before = recorder.seen().len();
    assert!(session.delete().await.is_success());
    until_true("the upstream session to be closed", async || {
        !deletes().is_empty()
    })
    .await;
    assert!(!session.delete().await.is_success());
    // Work of another session shows that nothing else was on its way.
    Session::open(&gateway.endpoint)
        .await
        .tool("fixed", json!({}))
        .await;
    let after: Vec<_> = recorder.seen().split_off(before);
    let of_the_session: Vec<_> = after
        .iter()
        .filter(|seen| seen.session() == Some(upstream_session.as_str()))
        .collect();
    assert_eq!(of_the_session.len(), 1, "{of_the_session:?}");
    assert_eq!(of_the_session[0].method, Method::DELETE);
    assert_eq!(deletes().len(), 1);
}

#[tokio::test]
async fn a_session_that_never_called_opens_and_closes_nothing_upstream() {
    let recorder = Recorder::start(r#"{"content":[]}"#).await;
    let gateway = Settings::in_front_of(&recorder.url).start().await;
    let before = recorder.seen().len();
    let session = Session::open(&gateway.endpoint).await;
    session.result("tools/list", json!({})).await;
    assert!(session.delete().await.is_success());
    let after: Vec<_> = recorder.seen().split_off(before);
    assert!(
        after.iter().all(|seen| seen.method == Method::GET),
        "a session that used no tool reached the upstream: {after:?}"
    );
}
