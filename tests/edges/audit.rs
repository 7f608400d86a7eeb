//! The audit log: one line for every call, whatever becomes of it.

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::audit::Log;
use crate::support::deadline::until_true;
use crate::support::gateway::Settings;
use crate::support::keys::{P, p_and_q};
use crate::support::legacy::Session;
use crate::support::modern::Client;
use crate::support::upstream::Upstream;

/// How many calls run at once in the test of many.
const MANY: usize = 300;

fn settings(upstream: &Upstream) -> Settings {
    Settings::in_front_of(&upstream.url())
        .mock_tool("hello", "hi ${arguments.name}")
        .mock_tool_with("fails", "no", json!({"is_error": true}))
        .mock_tool_with("slow", "late", json!({"delay_ms": 60_000}))
        .server("request_timeout_ms", 500)
}

/// What a line says, as far as it does not change from run to run.
fn essence(line: &Value) -> Value {
    let mut line = line.clone();
    let members = line.as_object_mut().expect("a line is an object");
    for key in ["time", "node", "boot", "session", "request", "duration_ms"] {
        members.remove(key);
    }
    line
}

#[tokio::test]
async fn every_way_a_call_ends_leaves_its_line() {
    let upstream = Upstream::legacy().await;
    let log = Log::new();
    let gateway = log.on(settings(&upstream)).start().await;
    let session = Session::open(&gateway.endpoint).await;
    let get = async |method: &str, params: Value| session.request(method, params).await;
    session.tool("hello", json!({"name": "s3cret"})).await;
    session.tool("echo", json!({"message": "m"})).await;
    session.tool("fails", json!({})).await;
    get("tools/call", json!({"name": "nobody", "arguments": {}})).await;
    get("tools/call", json!({"name": "error_protocol", "arguments": {}})).await;
    get("tools/call", json!({"name": "slow", "arguments": {}})).await;
    get("prompts/get", json!({"name": "test_simple_prompt"})).await;
    get("resources/read", json!({"uri": "test://static-text"})).await;
    get("resources/read", json!({"uri": "nowhere://"})).await;
    // What is no call leaves none.
    get("tools/list", json!({})).await;
    session.notify("notifications/initialized", json!({})).await;
    let lines = log.lines(9).await;
    let who = json!({"kind": "anonymous"});
    let line = |id: u64, method: &str, rest: Value| {
        let mut line = json!({"principal": who, "id": id, "era": "legacy",
            "protocol_version": "2025-11-25", "method": method});
        for (key, value) in rest.as_object().unwrap() {
            line[key] = value.clone();
        }
        line
    };
    let expected = [
        line(1, "tools/call", json!({"name": "hello", "outcome": "ok"})),
        line(
            2,
            "tools/call",
            json!({"name": "echo", "upstream": "one", "outcome": "ok"}),
        ),
        line(3, "tools/call", json!({"name": "fails", "outcome": "tool_error"})),
        line(
            4,
            "tools/call",
            json!({"name": "nobody", "outcome": "error", "code": -32602}),
        ),
        line(
            5,
            "tools/call",
            json!({"name": "error_protocol", "upstream": "one", "outcome": "error", "code": -32603}),
        ),
        line(
            6,
            "tools/call",
            json!({"name": "slow", "outcome": "timeout", "code": -32603}),
        ),
        line(
            7,
            "prompts/get",
            json!({"name": "test_simple_prompt", "upstream": "one", "outcome": "ok"}),
        ),
        line(
            8,
            "resources/read",
            json!({"uri": "test://static-text", "upstream": "one", "outcome": "ok"}),
        ),
        line(
            9,
            "resources/read",
            json!({"uri": "nowhere://", "upstream": "one", "outcome": "error", "code": -32002}),
        ),
    ];
    for (line, expected) in lines.iter().zip(expected) {
        assert_eq!(essence(line), expected);
        assert_eq!(line["session"].as_str().unwrap().len(), 16);
        assert!(line["duration_ms"].as_f64().unwrap() >= 0.0);
        assert_eq!(
            line["time"].as_str().unwrap().len(),
            "2026-01-01T00:00:00.000Z".len()
        );
    }
    assert!(lines[5]["duration_ms"].as_f64().unwrap() >= 500.0);
    let text = log.text();
    assert!(!text.contains("s3cret"), "arguments are not asked for");
    assert!(
        !text.contains(&session.id),
        "with its id the session could be used"
    );
}

#[tokio::test]
async fn a_cancelled_and_an_abandoned_call_have_one_line_each() {
    let upstream = Upstream::start().await;
    let log = Log::new();
    let settings = settings(&upstream).server("request_timeout_ms", 30_000);
    let gateway = log.on(settings).start().await;
    let session = Session::open(&gateway.endpoint).await;
    let sleep = |tag: &str| json!({"name": "sleep", "arguments": {"ms": 25_000, "tag": tag}});
    let mut cancelled = session.start(json!("c"), "tools/call", sleep("c")).await;
    assert_eq!(session.cancel(&json!("c")).await, StatusCode::ACCEPTED);
    assert_eq!(cancelled.next().await, None);
    // A modern client that goes away cancels; a legacy one does not.
    let client = Client::new(&gateway.endpoint);
    let abandoned = tokio::spawn(client.post(&json!("a"), "tools/call", sleep("a")).try_send());
    upstream
        .counts_reach("sleep", "a", |counts| counts.started == 1)
        .await;
    abandoned.abort();
    let short = json!({"name": "sleep", "arguments": {"ms": 600, "tag": "l"}});
    let left = session.start(json!("l"), "tools/call", short).await;
    drop(left);
    log.line_with(r#""id":"l""#).await;
    // Ids in use are refused, and that is told too.
    let running = session.start(json!("d"), "tools/call", sleep("d")).await;
    let twice = session.start(json!("d"), "tools/call", sleep("d")).await;
    assert_eq!(twice.response().await["error"]["code"], -32600);
    assert_eq!(session.delete().await, StatusCode::NO_CONTENT);
    drop(running);
    let mut said: Vec<String> = log
        .lines(5)
        .await
        .iter()
        .map(|line| {
            format!(
                "{} {} {} {}",
                line["id"], line["outcome"], line["reason"], line["code"]
            )
        })
        .collect();
    said.sort();
    assert_eq!(
        said,
        [
            r#""a" "cancelled" "disconnected" null"#,
            r#""c" "cancelled" null null"#,
            r#""d" "cancelled" "session_closed" null"#,
            r#""d" "refused" null -32600"#,
            r#""l" "ok" null null"#,
        ]
    );
}

#[tokio::test]
async fn hundreds_of_calls_at_once_leave_as_many_lines() {
    let upstream = Upstream::start().await;
    let log = Log::new();
    let gateway = log.on(p_and_q(settings(&upstream))).start().await;
    let client = Client::new(&gateway.endpoint.with_key(P));
    let calls = (0..MANY).map(|number| {
        let call = json!({"name": "hello", "arguments": {"name": number}});
        client.post(&json!(number), "tools/call", call).send()
    });
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK));
    let lines = log.lines(MANY).await;
    let mut ids: Vec<u64> = lines.iter().map(|line| line["id"].as_u64().unwrap()).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..MANY as u64).collect::<Vec<_>>());
    for line in lines {
        assert_eq!(line["principal"], json!({"kind": "key", "name": "p"}));
        assert_eq!((&line["era"], &line["outcome"]), (&json!("modern"), &json!("ok")));
        assert_eq!(line.get("session"), None);
    }
}

#[tokio::test]
async fn arguments_are_written_on_request_and_without_what_is_redacted() {
    let upstream = Upstream::start().await;
    let log = Log::with(json!({"include_arguments": true, "redact": ["password", "cards.*.number"]}));
    let gateway = log.on(settings(&upstream)).start().await;
    let trace = json!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let client = Client::new(&gateway.endpoint).meta("traceparent", trace);
    let arguments = json!({"name": "n", "password": "s3cret", "text": "a\n\"b\" ",
        "cards": [{"number": "s3cret", "kind": "visa"}, {"number": {"s3cret": 1}}]});
    client.tool("hello", arguments).await;
    let lines = log.lines(1).await;
    assert_eq!(
        lines[0]["arguments"].to_string(),
        r#"{"name":"n","password":"[redacted]","text":"a\n\"b\" ","cards":[{"number":"[redacted]","kind":"visa"},{"number":"[redacted]"}]}"#
    );
    assert_eq!(lines[0]["trace"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert!(!log.text().contains("s3cret"));
}

#[tokio::test]
async fn standard_error_can_be_the_log() {
    let settings = Settings::new().mock_tool("hello", "hi").block(
        "governance",
        json!({"audit": {"enabled": true, "sinks": [{"kind": "stderr"}]}}),
    );
    let gateway = settings.start().await;
    Client::new(&gateway.endpoint).tool("hello", json!({})).await;
    until_true("the line of the call", async || {
        gateway
            .program
            .stderr()
            .lines()
            .any(|line| line.contains(r#""method":"tools/call","name":"hello","outcome":"ok""#))
    })
    .await;
}

#[tokio::test]
async fn what_has_ended_is_written_before_the_program_ends() {
    let log = Log::new();
    let slow = json!({"delay_ms": 60_000});
    let settings = Settings::new()
        .mock_tool("hello", "hi")
        .mock_tool_with("slow", "late", slow)
        .server("shutdown_timeout_ms", 300);
    let mut gateway = log.on(settings).start().await;
    let client = Client::new(&gateway.endpoint);
    let cut_off = json!({"name": "slow", "arguments": {}});
    let cut_off = tokio::spawn(client.post(&json!("cut off"), "tools/call", cut_off).try_send());
    for _ in 0..50 {
        client.tool("hello", json!({})).await;
    }
    gateway.program.terminate();
    assert!(
        gateway
            .program
            .exit(std::time::Duration::from_secs(15))
            .await
            .success()
    );
    let lines = log.lines(51).await;
    let unknown: Vec<_> = lines.iter().filter(|line| line["outcome"] != "ok").collect();
    assert_eq!(unknown.len(), 1, "{unknown:?}");
    assert_eq!(unknown[0]["id"], "cut off");
    cut_off.abort();
}
