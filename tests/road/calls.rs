//! Calls: the upstream's answer arrives unchanged, once, and what happens on the way to it too.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::deadline::until_true;
use crate::support::gateway::{Gateway, Settings};
use crate::support::legacy::Session;
use crate::support::mcp::text_of;
use crate::support::modern::Client;
use crate::support::recorder::{CHATTY, LEVELS, Recorder};
use crate::support::upstream::Upstream;

/// A result in a spelling that no JSON library would choose again.
const ODD_RESULT: &str = r#"{ "content":[ {"text":"caf\u00e9 \/ \ud83e\udd80","type":"text"} ],"_meta":{"n":1.0e2,"big":12345678901234567890123,"z":-0.0},"structuredContent":{"b":1,"a":[ ]}, "unknown":[null,true] }"#;

async fn pair() -> (Upstream, Gateway) {
    let upstream = Upstream::legacy().await;
    let gateway = Settings::in_front_of(&upstream.url()).start().await;
    (upstream, gateway)
}

#[tokio::test]
async fn a_result_arrives_byte_for_byte() {
    let recorder = Recorder::start(ODD_RESULT).await;
    let gateway = Settings::in_front_of(&recorder.url).start().await;
    let session = Session::open(&gateway.endpoint).await;
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "fixed", "arguments": {}}});
    let text = session.send(&call).await.text().await;
    assert!(text.contains(ODD_RESULT), "changed on the way: {text}");
}

#[tokio::test]
async fn arguments_reach_the_upstream_byte_for_byte() {
    let recorder = Recorder::start(r#"{"content":[]}"#).await;
    let gateway = Settings::in_front_of(&recorder.url).start().await;
    let session = Session::open(&gateway.endpoint).await;
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{"z":1,"a":{"ключ":[1,2,{"x":null}]}},"name":"fixed","later":true}}"#;
    let answer = session.headed(gateway.endpoint.post_text(body)).send().await;
    assert!(answer.status.is_success());
    let seen = recorder.seen_of("tools/call");
    let params = &seen[0].body["params"];
    assert_eq!(
        params["arguments"].to_string(),
        r#"{"z":1,"a":{"ключ":[1,2,{"x":null}]}}"#
    );
    assert_eq!(params["name"], "fixed");
    assert_eq!(params["later"], true, "a field of a later revision is lost");
}

#[tokio::test]
async fn a_quick_call_is_answered_as_json_and_a_slow_one_as_a_stream() {
    let (_upstream, gateway) = pair().await;
    let session = Session::open(&gateway.endpoint).await;
    let (_, quick) = session.start_tool("echo", json!({"message": "hi"})).await;
    assert!(!quick.streamed);
    assert_eq!(text_of(&quick.result().await), "hi");
    let (_, slow) = session.start_tool("sleep", json!({"ms": 1500})).await;
    assert!(slow.streamed, "headers were held for the whole call");
    assert_eq!(text_of(&slow.result().await), "slept 1500 ms");
}

#[tokio::test]
async fn an_error_of_the_upstream_arrives_with_its_code_message_and_data() {
    let (_upstream, gateway) = pair().await;
    let session = Session::open(&gateway.endpoint).await;
    let arguments = json!({"code": -31999, "message": "no luck"});
    let params = json!({"name": "error_protocol", "arguments": arguments});
    let response = session.request("tools/call", params).await;
    let error = json!({"code": -31999, "message": "no luck", "data": {"tool": "error_protocol"}});
    assert_eq!(response["error"], error);
}

#[tokio::test]
async fn a_failed_tool_is_a_result_and_not_an_error() {
    let (_upstream, gateway) = pair().await;
    let session = Session::open(&gateway.endpoint).await;
    let result = session.tool("test_error_handling", json!({})).await;
    assert_eq!(result["isError"], true);
    assert_eq!(
        text_of(&result),
        "This tool intentionally returns an error for testing"
    );
}

#[tokio::test]
async fn every_kind_of_content_arrives_as_the_upstream_sent_it() {
    let (upstream, gateway) = pair().await;
    let direct = Session::open(&upstream.endpoint).await;
    let through = Session::open(&gateway.endpoint).await;
    for tool in [
        "test_simple_text",
        "test_image_content",
        "test_audio_content",
        "test_embedded_resource",
        "test_multiple_content_types",
    ] {
        let expected = direct.tool(tool, json!({})).await;
        assert_eq!(through.tool(tool, json!({})).await, expected, "{tool}");
    }
    let sum = json!({"a": 2, "b": 3});
    assert_eq!(
        through.tool("add", sum.clone()).await,
        direct.tool("add", sum).await
    );
}

#[tokio::test]
async fn progress_carries_the_clients_own_token_and_comes_before_the_result() {
    let (_upstream, gateway) = pair().await;
    let session = Session::open(&gateway.endpoint).await;
    for token in [json!(7), json!("7"), json!("tök\"en"), json!(0)] {
        let params = json!({
            "name": "sleep_with_progress",
            "arguments": {"steps": 4, "interval_ms": 20},
            "_meta": {"progressToken": token},
        });
        let exchange = session.start(json!(1), "tools/call", params).await;
        let finished = exchange.finish().await;
        assert_eq!(
            finished.response["result"]["content"][0]["text"],
            "slept 4 steps of 20 ms"
        );
        let steps: Vec<f64> = finished
            .before
            .iter()
            .map(|note| progress(note, &token))
            .collect();
        assert_eq!(steps, [1.0, 2.0, 3.0, 4.0]);
    }
}

/// The progress in a notification, whose form and token are checked.
fn progress(note: &Value, token: &Value) -> f64 {
    assert_eq!(note["method"], "notifications/progress", "{note}");
    assert_eq!(&note["params"]["progressToken"], token);
    assert_eq!(note["params"]["total"], 4.0);
    note["params"]["progress"].as_f64().expect("progress is a number")
}

#[tokio::test]
async fn no_progress_is_sent_to_a_client_that_did_not_ask() {
    let (_upstream, gateway) = pair().await;
    let session = Session::open(&gateway.endpoint).await;
    let arguments = json!({"steps": 3, "interval_ms": 10});
    let (_, exchange) = session.start_tool("sleep_with_progress", arguments).await;
    assert_eq!(exchange.finish().await.before, Vec::<Value>::new());
}

#[tokio::test]
async fn equal_progress_tokens_of_two_sessions_are_not_mixed_up() {
    let (_upstream, gateway) = pair().await;
    let calls = (0..4_u64).map(|number| {
        let endpoint = gateway.endpoint.clone();
        async move {
            let session = Session::open(&endpoint).await;
            let params = json!({
                "name": "sleep_with_progress",
                "arguments": {"steps": 4, "interval_ms": 5 + number},
                "_meta": {"progressToken": "same"},
            });
            let exchange = session.start(json!(1), "tools/call", params).await;
            let finished = exchange.finish().await;
            let steps: Vec<f64> = finished
                .before
                .iter()
                .map(|note| progress(note, &json!("same")))
                .collect();
            assert_eq!(steps, [1.0, 2.0, 3.0, 4.0], "session {number}");
        }
    });
    join_all(calls).await;
}

/// The levels of the log messages that come with a call in this session.
async fn levels_heard(session: &Session) -> Vec<String> {
    let (_, exchange) = session.start_tool(CHATTY, json!({})).await;
    let before = exchange.finish().await.before;
    let level = |note: &Value| {
        assert_eq!(note["method"], "notifications/message", "{note}");
        let level = note["params"]["level"].as_str().unwrap();
        assert_eq!(note["params"]["data"], json!({"said": level}));
        level.to_owned()
    };
    before.iter().map(level).collect()
}

#[tokio::test]
async fn set_level_decides_which_log_messages_arrive() {
    let recorder = Recorder::start(r#"{"content":[]}"#).await;
    let gateway = Settings::in_front_of(&recorder.url).start().await;
    let session = Session::open(&gateway.endpoint).await;
    for (index, level) in LEVELS.iter().enumerate().rev() {
        let answer = session.result("logging/setLevel", json!({"level": level})).await;
        assert_eq!(answer, json!({}));
        assert_eq!(levels_heard(&session).await, LEVELS[index..], "at {level}");
    }
    let response = session
        .request("logging/setLevel", json!({"level": "loud"}))
        .await;
    assert_eq!(response["error"]["code"], -32602, "{response}");
}

#[tokio::test]
async fn the_log_level_of_one_session_is_not_that_of_another() {
    let recorder = Recorder::start(r#"{"content":[]}"#).await;
    let gateway = Settings::in_front_of(&recorder.url).start().await;
    let quiet = Session::open(&gateway.endpoint).await;
    let loud = Session::open(&gateway.endpoint).await;
    quiet
        .result("logging/setLevel", json!({"level": "emergency"}))
        .await;
    loud.result("logging/setLevel", json!({"level": "debug"})).await;
    assert_eq!(levels_heard(&quiet).await, ["emergency"]);
    assert_eq!(levels_heard(&loud).await, LEVELS);
}

#[tokio::test]
async fn sb_5_exactly_one_response_per_request() {
    let (upstream, gateway) = pair().await;
    let first = Session::open(&gateway.endpoint).await;
    let second = Session::open(&gateway.endpoint).await;
    let calls = (0..100_u64).map(|number| {
        // Both sessions use the same ids, with answers that differ.
        let session = if number % 2 == 0 { &first } else { &second };
        let id = json!(number / 2);
        let params = match number % 4 {
            0 | 1 => json!({"name": "echo", "arguments": {"message": number.to_string(), "tag": "sb5"}}),
            _ => json!({"name": "sleep", "arguments": {"ms": 300 + number, "tag": "sb5"}}),
        };
        async move {
            let exchange = session.start(id.clone(), "tools/call", params).await;
            // `finish` fails when anything follows the response.
            let response = exchange.finish().await.response;
            assert_eq!(response["id"], id);
            let text = response["result"]["content"][0]["text"]
                .as_str()
                .unwrap()
                .to_owned();
            match number % 4 {
                0 | 1 => assert_eq!(text, number.to_string()),
                _ => assert_eq!(text, format!("slept {} ms", 300 + number)),
            }
        }
    });
    join_all(calls).await;
    let echoes = upstream.counts("echo", "sb5").await;
    let sleeps = upstream.counts("sleep", "sb5").await;
    assert_eq!((echoes.started, echoes.completed), (50, 50));
    assert_eq!((sleeps.started, sleeps.completed), (50, 50));
}

#[tokio::test]
async fn a_call_runs_once_however_it_is_answered() {
    let (upstream, gateway) = pair().await;
    let session = Session::open(&gateway.endpoint).await;
    let client = Client::new(&gateway.endpoint);
    for expected in 1..=5 {
        let result = session.tool("count", json!({"tag": "once"})).await;
        assert_eq!(text_of(&result), (2 * expected - 1).to_string());
        let result = client.tool("count", json!({"tag": "once"})).await;
        assert_eq!(text_of(&result), (2 * expected).to_string());
    }
    assert_eq!(upstream.counts("count", "once").await.started, 10);
}

#[tokio::test]
async fn the_call_of_a_client_that_went_away_runs_on_in_a_session() {
    let (upstream, gateway) = pair().await;
    let session = Session::open(&gateway.endpoint).await;
    let (_, exchange) = session
        .start_tool("sleep", json!({"ms": 1500, "tag": "left"}))
        .await;
    assert_eq!(upstream.counts("sleep", "left").await.started, 1);
    drop(exchange);
    upstream
        .counts_reach("sleep", "left", |counts| counts.completed == 1)
        .await;
    assert_eq!(upstream.cancellations().await, Vec::<Value>::new());
}

#[tokio::test]
async fn the_call_of_a_client_that_left_before_any_answer_runs_on_in_a_session() {
    let upstream = Upstream::legacy().await;
    let gateway = Settings::in_front_of(&upstream.url())
        .server("upgrade_after_ms", 60_000)
        .start()
        .await;
    let session = Session::open(&gateway.endpoint).await;
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "sleep", "arguments": {"ms": 2000, "tag": "early"}}});
    let waiting = tokio::spawn(session.post(&call).send());
    upstream
        .counts_reach("sleep", "early", |counts| counts.started == 1)
        .await;
    waiting.abort();
    upstream
        .counts_reach("sleep", "early", |counts| counts.completed == 1)
        .await;
    assert_eq!(upstream.counts("sleep", "early").await.cancelled, 0);
}

#[tokio::test]
async fn a_modern_client_that_went_away_cancels_its_call() {
    let (upstream, gateway) = pair().await;
    let client = Client::new(&gateway.endpoint);
    let arguments = json!({"name": "sleep", "arguments": {"ms": 20_000, "tag": "modern"}});
    let exchange = client.start(json!(1), "tools/call", arguments).await;
    upstream
        .counts_reach("sleep", "modern", |counts| counts.started == 1)
        .await;
    drop(exchange);
    upstream
        .counts_reach("sleep", "modern", |counts| counts.cancelled == 1)
        .await;
    until_true("the upstream to be idle", async || {
        upstream.counts("sleep", "modern").await.completed == 0
    })
    .await;
}
